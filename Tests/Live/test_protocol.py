"""The specification in `protocol/` against the implementation: schemas, examples, grammar, ids, links."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
import jsonschema
import pytest
from events import Event, baseline, features, metrics, nanoseconds, of_type
from harness import strict_json
from protocol_pages import (
    ENTRY,
    EXAMPLES,
    KINDS_IN,
    LIVE_TYPES,
    NORMATIVE,
    OUTPUT,
    PAGES,
    PROTOCOL,
    SCHEMAS,
    SPECIFICATION,
    anchors,
    blocks,
    fenced,
    golden,
    lines,
    links,
    reasons,
    section,
    table,
    valid,
    validator,
    vectors,
)


def replayed(configuration: str, recorded: str) -> harness.Ran:
    return harness.run("replay", "--config", EXAMPLES / configuration, EXAMPLES / recorded)


# Schemas.


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


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
    texts = {path.name: path.read_text() for path in sorted((EXAMPLES / "out").iterdir())}
    texts |= {
        each["name"]: json.dumps(each["expect"]["event"])
        for each in golden("messages.ndjson")
        if each["direction"] == "out" and "event" in each["expect"]
    }
    assert len(texts) > 15
    for name, text in texts.items():
        for place, what in mutations(json.loads(text)):
            if what == "less" and place[-1] in ("modelversion", "traceparent", "evidence", "monitors", "valid_until", "held"):
                continue
            # An alert that is sent again has none.
            if what == "less" and place == ("causationid",) and ".alert." in json.loads(text)["type"]:
                continue
            item = holder = json.loads(text)
            for step in place[:-1] if what == "less" else place:
                holder = holder[step]
            if what == "less":
                del holder[place[-1]]
            else:
                holder["unheard_of"] = 1
            assert not OUTPUT.is_valid(item), f"{name}: {what} at {place} is not caught"


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
    assert {item["type"] for item in items} == KINDS_IN - LIVE_TYPES
    assert {item["type"] for item in outputs} == set(
        SCHEMAS["output.schema.json"]["properties"]["type"]["enum"]
    ) - LIVE_TYPES


@pytest.mark.parametrize(("folder_name", "recording"), [("in", "inputs.ndjson"), ("out", "outputs.ndjson")])
def test_each_kind_has_an_example_from_the_recording(folder_name: str, recording: str) -> None:
    recorded = [json.loads(line) for line in lines(recording)]
    files = {path.stem: json.loads(path.read_text()) for path in (EXAMPLES / folder_name).iterdir()}
    live = {kind for kind in LIVE_TYPES if (kind in KINDS_IN) == (folder_name == "in")}
    assert {f"tidemark.{stem}.v1" for stem in files} == {item["type"] for item in recorded} | live
    recorded += [each["expect"]["event"] for each in golden("messages.ndjson") if "event" in each.get("expect", {})]
    for stem, item in files.items():
        assert item["type"] == f"tidemark.{stem}.v1"
        assert item in recorded, f"{stem}.json is not in {recording}"
        valid(item)


def shown_events(page: str) -> list[Event]:
    """The fenced JSON of a page that is no vector's meaning."""
    found = blocks(PAGES[page])
    return [
        json.loads(content)
        for (before, _), (language, content) in zip([("", ""), *found], found)
        if language == "json" and before != "vector"
    ]


def test_the_fenced_events_are_valid_and_recorded() -> None:
    recorded = [json.loads(line) for name in ("inputs.ndjson", "outputs.ndjson") for line in lines(name)]
    types = {item["type"] for item in recorded}
    recorded += [each["expect"]["event"] for each in golden("messages.ndjson") if "event" in each.get("expect", {})]
    events = [event for page in NORMATIVE for event in shown_events(page)]
    for event in events:
        valid(event)
        assert event in recorded, f"no output of the examples: {event['type']} {event['id']}"
    vectors_of_pages = [each.outcome["event"] for each in vectors() if "event" in each.outcome]
    assert {event["type"].split(".")[1] for event in events} == {kind.split(".")[1] for kind in types | LIVE_TYPES}
    assert {event["type"] for event in events + vectors_of_pages} == types | LIVE_TYPES


@pytest.mark.parametrize("kind", ["metrics", "features", "baseline", "feedback", "head", "bye"])
def test_the_fenced_descriptors_are_those_of_the_steady_vectors(kind: str) -> None:
    (shown,) = fenced(PAGES[f"kinds/{kind}.md"], "descriptor")
    steady = next(each for each in golden("messages.ndjson") if each["name"] == f"{kind}.steady")
    assert bytes.fromhex(steady["frames"][2]) == shown.rstrip("\n").encode()
    validator(f"descriptor.{kind}.schema.json").validate(json.loads(shown))


def test_the_fenced_descriptors_of_requests_and_answers_are_those_of_vectors() -> None:
    there = {bytes.fromhex(each["frames"][2]).decode() for each in golden("control.ndjson") if "expect" in each}
    for page in ("control", "acknowledgement"):
        shown = fenced(PAGES[f"kinds/{page}.md"], "descriptor")
        assert shown and {each.rstrip("\n") for each in shown} <= there


def test_the_programs_stand_in_the_readme_as_they_are() -> None:
    for name in ("publish.py", "subscribe.py"):
        assert (EXAMPLES / name).read_text() in fenced(ENTRY, "python"), name


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


#: They need a topic, a clock, tensors or a journal.
LIVE_ONLY = {"topic_mismatch", "time_refused", "text_ignored", "clock_skew"}
LIVE_ONLY |= {"feedback_refused", "silence_refused", "out_of_order", "journal_failed", "history_thinned"}
LIVE_ONLY |= {"key_refused", "role_missing", "source_refused", "handshake_limited"}


def test_bad_lines_show_every_reason_that_replay_can_give() -> None:
    assert {word for words in expected() for word in words} == {"taken", *reasons()} - LIVE_ONLY


def test_what_becomes_of_bad_input_is_what_the_vectors_say() -> None:
    messages = {each["name"]: each for name in ("messages", "control") for each in golden(f"{name}.ndjson")}
    seen = []
    for title, key in (("Framed", "counted"), ("Requests", "answered")):
        for _, reason, number, where in table(section(title, section("What becomes of bad input"))):
            named = re.findall(r"`(\w+\.\w+)`", where)
            assert named or where.startswith("none: "), where
            for name in named:
                message = messages[name]
                assert (f"`{message['refused']}`", "yes" if message[key] else "no") == (reason, number), name
            seen += named
    assert len(seen) == len(set(seen)) > 65


# Grammar and links.


def test_the_grammar_says_what_is_escaped(folder: Path) -> None:
    """One model for each ASCII character; its alert key shows it as the topic would."""
    plain: set[int] = set()
    ranges = re.search(r"^plain +=(.*)$", fenced(SPECIFICATION, "abnf")[0], re.MULTILINE)
    assert ranges
    for low, high in re.findall(r"%x(\w\w)-(\w\w)", ranges[1]):
        plain |= set(range(int(low, 16), int(high, 16) + 1))
    events = [metrics(f"x{chr(code)}", code, {"accuracy": 0.0}) for code in range(0x80)]
    outputs = of_type(harness.replay(folder, {}, events).outputs, "alert.opened")
    segments = [output["data"]["alert_key"].split("/")[0] for output in outputs]
    assert segments == [f"x{chr(code)}" if code in plain else f"x%{code:02X}" for code in range(0x80)]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (PROTOCOL / page).parent
    for link in links(PAGES[page]):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else PROTOCOL / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text()), f"{page}: {link}"


def test_every_page_is_reached_from_the_entry() -> None:
    reached, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page not in PAGES:
            continue
        reached.add(page)
        folder = (PROTOCOL / page).parent
        inside = [
            (folder / link.partition("#")[0]).resolve()
            for link in links(PAGES[page])
            if not re.match(r"#|https?:", link)
        ]
        waiting += [str(path.relative_to(PROTOCOL)) for path in inside if path.is_relative_to(PROTOCOL)]
    assert reached >= set(NORMATIVE)


def test_headings_are_distinct() -> None:
    for page, text in NORMATIVE.items():
        outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        headings = re.findall(r"^#+ (.*)$", outside, re.MULTILINE)
        assert not [heading for heading, count in Counter(headings).items() if count > 1], page


# Ids.


def test_ids_follow_from_the_documented_digest() -> None:
    """Recomputed from inputs and outputs alone, with the function that the specification prints."""
    namespace: dict[str, Any] = {}
    rule = next(block for block in fenced(SPECIFICATION, "python") if "def digest" in block)
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
        elif item["type"] == "tidemark.decision.retrain.issued.v1":
            ordinals[model] += 1
            assert item["id"] == data["decision_id"] == digest("rt-", *model, "retrain", str(ordinals[model]), cause)
            assert item["correlationid"] == item["id"] and data["attempt_id"] == f"{item['id']}-a{data['attempt']}"
        elif kind == "decision":
            assert item["correlationid"] == data["decision_id"] and item["id"] == f"{data['decision_id']}.{data['rev']}"
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
