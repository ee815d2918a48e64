"""The specification in `protocol/` against the implementation: schemas, examples, tables, ids, both ends."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import jsonschema
import pytest
import zmq
from referencing import Registry, Resource

import harness
from events import Event, baseline, features, metrics, nanoseconds, of_type
from harness import REPOSITORY, strict_json
from live import GIVE_UP_S, Daemon, Publisher, Subscriber

PROTOCOL = REPOSITORY / "protocol"
EXAMPLES = PROTOCOL / "examples"
README = (PROTOCOL / "README.md").read_text()
PAGES = {path.name: json.loads(path.read_text()) for path in sorted((PROTOCOL / "schemas").iterdir())}

Start = Callable[..., Daemon]
Context = zmq.Context[Any]


def source(path: str) -> str:
    return (REPOSITORY / "Sources" / path).read_text()


def lines(name: str) -> list[str]:
    return (EXAMPLES / name).read_text().splitlines()


def replayed(configuration: str, recorded: str) -> harness.Ran:
    return harness.run("replay", "--config", EXAMPLES / configuration, EXAMPLES / recorded)


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text under a heading of the README, up to the next of its level or above."""
    match = re.search(rf"^(#+) (?:\d+\. )?{re.escape(title)}$", README, re.MULTILINE)
    assert match, f"no heading {title!r}"
    rest = README[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str) -> list[list[str]]:
    """The cells of the rows of the first table in `text`, without its head."""
    rows = re.search(r"((?:^\|.*\|\n)+)", text, re.MULTILINE)
    assert rows, f"no table in {text[:200]!r}"
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]
    return cells[2:]


# Schemas.


def validator(name: str) -> jsonschema.Draft202012Validator:
    resources = [(each, Resource.from_contents(page)) for each, page in PAGES.items()]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    assert "date-time" in checker.checkers, "times are not checked: install rfc3339-validator"
    return jsonschema.Draft202012Validator(
        PAGES[name], registry=Registry().with_resources(resources), format_checker=checker
    )


INPUT, OUTPUT = validator("input.schema.json"), validator("output.schema.json")
KINDS_IN = {f"tidemark.{kind}.v1" for kind in ("metrics", "features", "baseline")}


def valid(item: Event) -> None:
    """Against the schema of its direction, which its type tells."""
    (INPUT if item["type"] in KINDS_IN else OUTPUT).validate(item)


@pytest.mark.parametrize("name", PAGES)
def test_each_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(PAGES[name])


def mutations(item: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every key of every object, to be taken away, and every object, to be given a key more."""
    if isinstance(item, dict):
        yield path, "more"
        for key, value in item.items():
            yield (*path, key), "less"
            yield from mutations(value, (*path, key))
    elif isinstance(item, list):
        for index, value in enumerate(item):
            yield from mutations(value, (*path, index))


def test_the_output_schemas_catch_a_key_too_many_or_too_few() -> None:
    for path in sorted((EXAMPLES / "out").iterdir()):
        text = path.read_text()
        for place, what in mutations(json.loads(text)):
            if what == "less" and place[-1] in ("modelversion", "traceparent"):
                continue
            item = holder = json.loads(text)
            for step in place[:-1] if what == "less" else place:
                holder = holder[step]
            if what == "less":
                del holder[place[-1]]
            else:
                holder["unheard_of"] = 1
            assert not OUTPUT.is_valid(item), f"{path.name}: {what} at {place} is not caught"


# Examples.


def test_the_inputs_give_the_outputs_byte_for_byte() -> None:
    ran = replayed("tidemark.yaml", "inputs.ndjson")
    assert ran.code == 0 and harness.rejections(ran.err) == {}, ran.err
    assert ran.out == (EXAMPLES / "outputs.ndjson").read_bytes()


def test_all_examples_are_valid() -> None:
    items = [json.loads(line) for line in lines("inputs.ndjson")]
    outputs = [strict_json(line) for line in lines("outputs.ndjson")]
    for item in items + outputs:
        valid(item)
    assert {item["type"] for item in items} == KINDS_IN
    assert {item["type"] for item in outputs} == set(PAGES["output.schema.json"]["properties"]["type"]["enum"])


@pytest.mark.parametrize(("folder_name", "recording"), [("in", "inputs.ndjson"), ("out", "outputs.ndjson")])
def test_each_kind_has_an_example_from_the_recording(folder_name: str, recording: str) -> None:
    recorded = [json.loads(line) for line in lines(recording)]
    files = {path.stem: json.loads(path.read_text()) for path in (EXAMPLES / folder_name).iterdir()}
    assert {f"tidemark.{stem}.v1" for stem in files} == {item["type"] for item in recorded}
    for stem, item in files.items():
        assert item["type"] == f"tidemark.{stem}.v1"
        assert item in recorded, f"{stem}.json is not in {recording}"


def test_the_fenced_events_are_valid_and_recorded() -> None:
    recorded = [json.loads(line) for name in ("inputs.ndjson", "outputs.ndjson") for line in lines(name)]
    blocks = [json.loads(block) for block in fenced("json")]
    for block in blocks:
        valid(block)
        assert block in recorded, f"no output of the examples: {block['type']} {block['id']}"
    assert {block["type"] for block in blocks} == {item["type"] for item in recorded}


def test_the_programs_stand_in_the_readme_as_they_are() -> None:
    for name in ("publish.py", "subscribe.py"):
        assert (EXAMPLES / name).read_text() in fenced("python"), name


def test_outputs_on_odd_inputs_are_valid(folder: Path) -> None:
    """Scores beyond a double, columns without a value, deadlines: null where the schema allows it."""
    odd: list[Event | str] = [
        baseline("m", 0, accuracy=0.9, rows=[[1.0, 1.0], [1.0, 3.0]]),
        features("m", 1, [[1e305, None], [1e305, None]]),
        features("m", 2, [[None, None]]),
        json.dumps(features("m", 3, [[float("nan"), float("inf")], [1.0, 2.0]])),
        metrics("m", 4, {"accuracy": -1e308, "latency_ms": 1e308}),
        *[metrics("m", 5 + i, {"accuracy": 1e308, "latency_ms": -1e308}) for i in range(10)],
        json.dumps(metrics("m", 20, {"accuracy": float("nan"), "latency_ms": None})),
        metrics("other \u00e9\u2028/%\x7f", 40 * 86_400, {"accuracy": 0.1}),
    ]
    outputs = harness.replay(folder, {}, odd).outputs
    for output in outputs:
        valid(output)
    first = outputs[0]["data"]
    assert first["drift_detected"] and first["max_drift_score"] == sys.float_info.max
    assert any(output["causationid"].startswith("timer:") for output in outputs)


# Bad input.


def expected() -> list[list[str]]:
    return [line.split("#")[0].split() for line in lines("bad.expected")]


def test_each_bad_line_has_its_reason() -> None:
    assert len(lines("bad.ndjson")) == len(expected())
    ran = replayed("bad.yaml", "bad.ndjson")
    said = {number: text.split(":")[0] for number, text in harness.rejections(ran.err).items()}
    assert said == {n: words[0] for n, words in enumerate(expected(), 1) if words[0] != "taken"}
    account = re.search(r"lines rejected \((.*)\)$", ran.err, re.MULTILINE)
    assert account, ran.err
    counted = {word: int(count) for word, count in (each.split() for each in account[1].split(", "))}
    assert counted == Counter(word for words in expected() for word in words if word != "taken")


LIVE_ONLY = {"topic_mismatch", "time_refused"}


def test_bad_lines_show_every_reason_that_replay_can_give() -> None:
    assert {word for words in expected() for word in words} == {"taken", *reasons()} - LIVE_ONLY


def test_the_reasons_that_need_a_topic_or_a_clock(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    daemon = daemons("--config", harness.configure(folder, {"name": "watch", "sockets": ipc})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "").settle(publisher)
    before = publisher.sent

    def send(topic: str, **more: Any) -> None:
        made = metrics("team/fraud", None, {"accuracy": 0.1}, version="7", source="/pods/7")
        made.update(more)
        body = {key: value for key, value in made.items() if value is not None}
        assert publisher.send_frames([topic.encode(), json.dumps(body).encode()])

    good = "metrics/team%2Ffraud/7/%2fpods%2F7"
    send(good)
    for silent in ("", "metrics", "-/-/-/-", "///", "metrics//7/"):
        send(silent)
    send(good, subject=None, source=None, modelversion=None)
    send("-/team%2Ffraud/7", subject="team/fraud", modelversion="-")
    for wrong in ("features/-/-/-", "metrics/fraud", "-/-/8/-", "-/-/-/pods"):
        send(wrong)
    send(good, time="2200-01-01T00:00:00Z")
    for frames in ([b"metrics"], [b"metrics", b"{}", b"{}"], [b"a/b/c/d/e", b"{}"], [b"%2", b"{}"]):
        assert publisher.send_frames(frames)
    publisher.metrics("last", 0.1)

    outputs = subscriber.until_kind("alert.opened", "last")
    for output in outputs:
        valid(output.event)
        assert output.topic == topic_of(output.event)
    assert {output.event["subject"] for output in outputs} == {"team/fraud", "last"}
    assert {output.event["modelversion"] for output in outputs if output.event["subject"] != "last"} == {"7"}
    daemon.stop()
    figures = daemon.final_figures()
    assert figures["topic_mismatch"] == 4 and figures["time_refused"] == 1 and figures["malformed"] == 4
    assert figures["received"] == publisher.sent and publisher.sent - before == 18


def topic_of(output: Event) -> str:
    """The documented topic of an output: only `/`, `%` and control characters are escaped."""
    kept = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "/%")
    parts = (output["subject"], output.get("modelversion", "-"), output["source"])
    escaped = (quote_from_bytes(part.encode(), safe=kept) for part in parts)
    return "/".join([output["type"].split(".")[1], *escaped])


def test_the_grammar_says_what_is_escaped(folder: Path) -> None:
    """One model for each ASCII character; its alert key shows it as the topic would."""
    plain: set[int] = set()
    ranges = re.search(r"^plain +=(.*)$", fenced("abnf")[0], re.MULTILINE)
    assert ranges
    for low, high in re.findall(r"%x(\w\w)-(\w\w)", ranges[1]):
        plain |= set(range(int(low, 16), int(high, 16) + 1))
    events = [metrics(f"x{chr(code)}", code, {"accuracy": 0.0}) for code in range(0x80)]
    outputs = of_type(harness.replay(folder, {}, events).outputs, "alert.opened")
    segments = [output["data"]["alert_key"].split("/")[0] for output in outputs]
    assert segments == [f"x{chr(code)}" if code in plain else f"x%{code:02X}" for code in range(0x80)]


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\((.*?)\)", README)
    assert len(links) > 30
    for link in links:
        assert link in anchors if link.startswith("#") else (PROTOCOL / link).exists(), link


# Tables.


def reasons() -> dict[str, str]:
    """Code and class of each case in the source."""
    text = source("Events/Reason.swift")
    cases = dict(re.findall(r'^  case (\w+)(?: = "(\w+)")?$', text, re.MULTILINE))
    remarks = re.search(r"case ((?:\.\w+,?\s*)+): false", text)
    assert remarks
    taken = re.findall(r"\w+", remarks[1])
    return {word or name: "taken" if name in taken else "refused" for name, word in cases.items()}


def test_the_table_of_reasons_is_the_source() -> None:
    assert len(reasons()) > 15
    rows = table(section("Reasons"))
    assert {row[0].strip("`"): row[1] for row in rows} == reasons()
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)


def constant(path: str, pattern: str) -> float:
    """The number a pattern captures in a source file; `48 << 20` and `24 * 3600` are worked out."""
    match = re.search(pattern, source(path))
    assert match, f"no {pattern!r} in {path}"
    number = match[1].replace("_", "")
    base, *shift = number.split(" << ")
    return math.prod(float(factor) for factor in base.split(" * ")) * 2.0 ** sum(map(int, shift))


def declared(name: str) -> str:
    return rf"\b{name}(?:: \w+)? = (?:Duration\.seconds\()?([\d_.]+(?: (?:<<|\*) [\d_]+)*)"


SERVE, WIRE, NAMES = "Daemon/Serve/ServeLoop.swift", "Wire/WireLimits.swift", "Events/Identifiers.swift"
CONFIGURATION = "Daemon/Configuration/Configuration.swift"
ENGINE, LEDGER, SETTINGS = (f"Engine/{file}.swift" for file in ("MonitoringEngine", "SourceLedger", "EngineSettings"))


def longest(name: str) -> tuple[str, str]:
    return NAMES, rf"struct {name}\b[\s\S]*?" + declared("maximumEncodedBytes")


LIMITS: dict[str, tuple[str, str] | float] = {
    "frames of a message in": (SERVE, r"frameCount == (\d+)"),
    "topic": (WIRE, declared("topicBytes")),
    "last frame": (WIRE, declared("frameBytes")),
    "both frames, or a line in replay": (WIRE, declared("messageBytes")),
    "frame that libzmq takes in": (SERVE, r"maximumFrameSize\((\d+) \* limits\.frameBytes\)"),
    "model, percent-encoded": longest("ModelName"),
    "version, percent-encoded": longest("ModelVersion"),
    "source of an event, percent-encoded": longest("SourceName"),
    "name of the daemon, percent-encoded": (CONFIGURATION, declared("maximumNameBytes")),
    "id": (WIRE, declared("idBytes")),
    "columns": (WIRE, declared("columns")),
    "traceparent": (WIRE, declared("traceParentBytes")),
    "nesting of a JSON value": (WIRE, declared("jsonDepth")),
    "sequence, epoch": 2.0**64,
    "ids remembered, each source without numbers": (LEDGER, declared("rememberedIDs")),
    "silence after which a lower epoch is taken": (LEDGER, declared("staleEpochSilence")),
    "event time ahead of arrival": (ENGINE, declared("furthestAhead")),
    "deadlines of a model in one jump of time": ("Engine/ModelState.swift", declared("maximumDeadlines")),
    "models": (SETTINGS, declared("models")),
    "sources": (SETTINGS, declared("sources")),
    "silence after which a source may be forgotten": (ENGINE, declared("sourceMemory")),
    "messages waiting on the ingest socket, each publisher": (
        SERVE, r"receiveHighWaterMark\(([\d_]+)\), \.maximumFrameSize\(2"),
    "outputs waiting, each reader": (SERVE, r"sendHighWaterMark\(([\d_]+)\)"),
    "message of a reader (a subscription)": (SERVE, r"maximumFrameSize\(([\d_]+)\), \.verbose"),
    "features that an alert names": ("Monitoring/DriftMonitor.swift", declared("namedFeatures")),
}

SECONDS = {"s": 1, "h": 3600, "d": 86_400}


def figures(text: str) -> list[float]:
    """The numbers of a cell; those with a unit of time in seconds."""
    found = re.findall(r"(\d[\d,]*(?:\.\d+)?) ?(s|h|d)?(?![\w])", text)
    return [float(number.replace(",", "")) * SECONDS.get(unit, 1) for number, unit in found]


def test_the_table_of_limits_is_the_source() -> None:
    rows = {re.sub(r" \(`.*`\)|`", "", row[0]): row[1] for row in table(section("Limits"))}
    assert set(rows) == set(LIMITS)
    for name, place in LIMITS.items():
        wanted = place if isinstance(place, float) else constant(*place)
        assert figures(rows[name])[0] == wanted, f"{name}: {rows[name]} is not {wanted}"
    for name in ("last frame", "both frames, or a line in replay"):
        mebibytes = re.search(r"\((\d+) MiB\)", rows[name])
        assert mebibytes and int(mebibytes[1]) << 20 == figures(rows[name])[0]


RETRAIN, PERFORMANCE, DRIFT = (
    f"{file}.swift"
    for file in ("Decisions/RetrainPolicy", "Monitoring/PerformanceMonitor", "Monitoring/DriftMonitor"))

DEFAULTS = {
    "baseline.accuracy": [(SETTINGS, "defaultAccuracy")],
    "performance.accuracy_ratio": [(PERFORMANCE, "accuracyRatio")],
    "performance.latency_ms": [(PERFORMANCE, "latencyLimitMilliseconds")],
    "performance.window": [(PERFORMANCE, "window")],
    "performance.history": [(PERFORMANCE, "history")],
    "drift.threshold": [(DRIFT, "threshold")],
    "drift.history": [(DRIFT, "history")],
    "retrain.accuracy_threshold": [(RETRAIN, "accuracyThreshold")],
    "retrain.drift_threshold": [(RETRAIN, "driftThreshold")],
    "retrain.min_time_between_retrains": [(RETRAIN, "minimumTimeBetweenRetrains")],
    "retrain.max_time_without_retrain": [(RETRAIN, "maximumTimeWithoutRetrain")],
    "retrain.drift_severity_weights": [(RETRAIN, weight) for weight in ("low", "medium", "high")],
    "retrain.idle_evaluation": [(RETRAIN, "idleEvaluation")],
}


def test_the_table_of_defaults_is_the_source() -> None:
    rows = {row[0].strip("`"): row[1] for row in table(section("What is evaluated"))}
    assert rows.pop("retrain.mode") == "issue" and "mode = Mode.issue" in source(RETRAIN)
    assert set(rows) == set(DEFAULTS)
    for key, places in DEFAULTS.items():
        assert figures(rows[key]) == [constant(path, declared(name)) for path, name in places], key


PROSE: list[tuple[str, tuple[str, str]]] = [
    (r"last ([\d,]+) ids", (LEDGER, declared("rememberedIDs"))),
    (r"older than these ([\d,]+)", (LEDGER, declared("rememberedIDs"))),
    (r"in force has come for (\d+ s)", (LEDGER, declared("staleEpochSilence"))),
    (r"silent for (\d+ h) may be forgotten", (ENGINE, declared("sourceMemory"))),
    (r"more than (\d+ h) ahead", (ENGINE, declared("furthestAhead"))),
    (r"model time by up to (\d+ h)", (ENGINE, declared("furthestAhead"))),
    (r"(?:at most|more than) ([\d,]+) deadlines", ("Engine/ModelState.swift", declared("maximumDeadlines"))),
    (r"topic has (\d+) bytes", (WIRE, declared("topicBytes"))),
    (r"up to (\d+) drifted features", ("Monitoring/DriftMonitor.swift", declared("namedFeatures"))),
    (r"a reason each (\d+ s)", ("Daemon/Serve/Account.swift", declared("interval"))),
    (r"sent for up to ([\d,]+) ms", (SERVE, r"linger: \.milliseconds\(([\d_]+)\)")),
    (r"queue of\s+([\d,]+) messages for each", (SERVE, r"receiveHighWaterMark\(([\d_]+)\), \.maximumFrameSize\(2")),
    (r"up to (\d+) × `limits.frame_bytes`", (SERVE, r"maximumFrameSize\((\d+) \* limits\.frameBytes\)")),
    (r"std\(baseline\) \+ 1e-(\d+)", ("Detection/Detectors/MeanShiftDetector.swift", r"epsilon = 1e-(\d+)")),
    (r"above (\d) `high`", (DRIFT, r"score > (\d) \{ return \.high")),
    (r"above (\d) `medium`", (DRIFT, r"score > (\d) \{ return \.medium")),
    (r"time ([\d.]+) to the severity", ("Decisions/Rules/ElapsedTimeRule.swift", r"sinceLastRetrain\), ([\d.]+)\)")),
    (r"\| events in \| `tcp://127\.0\.0\.1:(\d+)`", (CONFIGURATION, r"ingest: .*port: (\d+)")),
    (r"\| outputs \| `tcp://127\.0\.0\.1:(\d+)`", (CONFIGURATION, r"output: .*port: (\d+)")),
]


@pytest.mark.parametrize(("pattern", "place"), PROSE, ids=[pattern for pattern, _ in PROSE])
def test_figures_in_the_text_are_the_source(pattern: str, place: tuple[str, str]) -> None:
    found = [figures(match)[0] for match in re.findall(pattern, README)]
    assert found and set(found) == {constant(*place)}


# Ids.


def test_ids_follow_from_the_documented_digest() -> None:
    """Recomputed from inputs and outputs alone, with the function that the README prints."""
    namespace: dict[str, Any] = {}
    rule = next(block for block in fenced("python") if "def digest" in block)
    exec(rule, namespace)
    digest = namespace["digest"]
    sources = {item["id"]: item["source"] for item in map(json.loads, lines("inputs.ndjson"))}
    ordinals: Counter[tuple[str, ...]] = Counter()
    checked: Counter[str] = Counter()
    for item in map(json.loads, lines("outputs.ndjson")):
        model, data, cause = (item["subject"], item.get("modelversion", "-")), item["data"], item["causationid"]
        kind = item["type"].split(".")[1]
        if kind == "assessment":
            assert item["id"] == digest("as-", *model, item["type"], sources.get(cause, ""), cause)
        elif kind == "decision":
            ordinals[model] += 1
            assert item["id"] == data["decision_id"] == digest("rt-", *model, "retrain", str(ordinals[model]), cause)
        else:
            place = (*model, data["monitor"])
            ordinals[place] += item["type"] == "tidemark.alert.opened.v1"
            opened = str(nanoseconds(data["opened_at"]))
            episode = digest("ep-", *place, str(ordinals[place]), opened)
            assert data["episode_id"] == item["correlationid"] == episode
            assert item["id"] == f"{episode}.{data['rev']}"
        if cause not in sources:
            assert cause == f"timer:{nanoseconds(item['time'])}"
            checked["timer"] += 1
        checked[kind] += 1
    assert all(checked[kind] for kind in ("assessment", "alert", "decision", "timer")), checked


# Both ends.


def program(name: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, EXAMPLES / name], env={**os.environ, **variables}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_programs_meet_over_a_daemon(context: Context, daemons: Start, folder: Path) -> None:
    sockets = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control")}
    daemon = daemons("--config", harness.configure(folder, {"sockets": sockets})).wait_ready()
    reader = program("subscribe.py", TIDEMARK_OUTPUT=daemon.output)
    assert reader.stdout
    giving_up = threading.Timer(GIVE_UP_S, reader.kill)
    giving_up.start()
    try:
        said = printed(reader.stdout)
        publisher = Publisher(context, daemon.ingest).wait_subscribed()
        ended, first = threading.Event(), threading.Thread(target=lambda: next(said, None))
        first.start()
        while not ended.is_set():  # alerts open and resolve until the reader prints one: it is subscribed
            publisher.metrics("probe", 0.0)
            publisher.metrics("probe", 1.0)
            first.join(0.05)
            if not first.is_alive():
                ended.set()
        writer = program("publish.py", TIDEMARK_INGEST=daemon.ingest)
        _, err = writer.communicate(timeout=GIVE_UP_S)
        assert writer.returncode == 0, err
        line = next((line for line in said if " fraud " in line), None)
    finally:
        giving_up.cancel()
        reader.kill()
        _, err = reader.communicate()
    assert line, f"subscribe.py printed no alert of fraud: {err}"
    at, kind, model, data = line.split(" ", 3)
    assert (kind, model) == ("tidemark.alert.opened.v1", "fraud")
    assert json.loads(data)["value"] == 0.71 and nanoseconds(at)


def printed(stream: Any) -> Iterator[str]:
    for line in stream:
        yield line.rstrip("\n")


def test_the_programs_go_to_the_default_ports() -> None:
    ports = {"publish.py": "tcp://127.0.0.1:7410", "subscribe.py": "tcp://127.0.0.1:7411"}
    for name, endpoint in ports.items():
        assert f'"{endpoint}"' in (EXAMPLES / name).read_text() and f"`{endpoint}`" in section("Roles and sockets")


def test_a_verbose_publisher_hears_of_a_restart_and_what_was_queued_arrives(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    config = harness.configure(folder, {"name": "watch", "sockets": ipc})
    plain, verbose = context.socket(zmq.XPUB), context.socket(zmq.XPUB)
    verbose.setsockopt(zmq.XPUB_VERBOSE, 1)
    sent = 0

    def send(accuracy: float) -> None:
        nonlocal sent
        sent += 1
        made = metrics("m", None, {"accuracy": accuracy}, sequence=str(sent))
        plain.send_multipart([b"metrics/m/-/live-tests", json.dumps(made).encode()])

    first = daemons("--config", config).wait_ready()
    for publisher in (plain, verbose):
        publisher.connect(first.ingest)
        assert publisher.poll(GIVE_UP_S * 1000) and publisher.recv() == b"\x01"
    first.stop()
    send(0.1)
    second = daemons("--config", config).wait_ready()
    assert verbose.poll(GIVE_UP_S * 1000) and verbose.recv() == b"\x01"
    reader = context.socket(zmq.SUB)
    reader.connect(second.output)
    reader.subscribe("alert/m/")
    deadline = time.monotonic() + GIVE_UP_S
    while not reader.poll(50):
        assert time.monotonic() < deadline, "nothing came from the publisher that was there before"
        send(1.0)
        send(0.1)
    assert not plain.poll(0), "the README says that the second subscription is not reported"
    second.stop()
    account = second.final_figures()
    assert account["received"] <= sent and "gap" not in account
    assert account["alerts_opened"] == (account["received"] + 1) // 2, "the queued one was not the first"


def test_an_ipc_socket_is_for_its_owner(daemons: Start, folder: Path, ipc: dict[str, list[str]]) -> None:
    daemons("--config", harness.configure(folder, {"sockets": ipc})).wait_ready()
    for endpoint in (*ipc["ingest"], *ipc["output"]):
        assert Path(endpoint.removeprefix("ipc://")).stat().st_mode & 0o777 == 0o600
