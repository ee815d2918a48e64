"""The tables and figures of the specification against the constants in the sources."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from framed_reference import FIELDS, WORDS
from protocol_pages import NORMATIVE, SCHEMAS, reasons, section, source, table

TEXT = "\n".join(NORMATIVE.values())
#: As one line, since figures may stand where a line is broken.
FLOWING = re.sub(r"\s+", " ", TEXT)


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


def seconds(name: str) -> str:
    """A time, as a duration or as whole nanoseconds."""
    return rf"\b{name}(?:: \w+)? = (?:Duration\.seconds\()?(\d+)(?:_000){{0,3}}\b"


INGEST, OUTPUT = "Daemon/Serve/IngestPorts.swift", "Daemon/Serve/OutputPort.swift"
CONTROL, REQUESTS, LANES = (
    "Daemon/Serve/ControlPort.swift", "Wire/ControlMessages.swift", "Daemon/Serve/ReliableLanes.swift"
)
DELIVERY, JOURNAL, FEEDBACK = (
    "Daemon/Serve/Delivery.swift", "Journal/JournalSettings.swift", "Events/Kinds/Feedback.swift"
)
WIRE, NAMES, FRAMED = "Wire/WireLimits.swift", "Events/Identifiers.swift", "Wire/FramedDecoder.swift"
SILENCE, REPEATS = "Events/Kinds/Silence.swift", "Daemon/Serve/AlertRepeats.swift"
CONFIGURATION = "Daemon/Configuration/Configuration.swift"
ENGINE, LEDGER, CLOCK, SETTINGS = (
    f"Engine/{file}.swift" for file in ("MonitoringEngine", "SourceLedger", "ClockOffset", "EngineSettings")
)

Place = tuple[str, str] | float


def longest(name: str) -> tuple[str, str]:
    return NAMES, rf"struct {name}\b[\s\S]*?" + declared("maximumEncodedBytes")


METRICS = "Events/Kinds/Metrics.swift"

LIMITS: dict[str, Place | list[Place]] = {
    "single latencies of a message": (METRICS, declared("maximumLatencies")),
    "business metrics of a message": (METRICS, declared("maximumNamed")),
    "name of a business metric": (METRICS, declared("maximumNameBytes")),
    "frames of a plain message in": ("Wire/MessageDecoder.swift", r"frames\.count == (\d+)"),
    "frames of a framed message": [
        (FRAMED, r"frames\.count >= (\d+)"),
        ("ZeroMQ/Multipart.swift", r"maximumFrames: Int \{ (\d+) \}"),
    ],
    "topic": (WIRE, declared("topicBytes")),
    "header": ("Wire/FramedHeader.swift", declared("size")),
    "a frame": (WIRE, declared("frameBytes")),
    "descriptor": (WIRE, declared("descriptorBytes")),
    "descriptor of a head or bye": (WIRE, declared("headBytes")),
    "all frames, or a line in replay": (WIRE, declared("messageBytes")),
    "frame that libzmq takes in": (INGEST, r"maximumFrameSize\((\d+) \* limits\.frameBytes\)"),
    "model, percent-encoded": longest("ModelName"),
    "version, percent-encoded": longest("ModelVersion"),
    "source of an event, percent-encoded": longest("SourceName"),
    "name of the daemon, percent-encoded": (CONFIGURATION, declared("maximumNameBytes")),
    "id": (WIRE, declared("idBytes")),
    "tensors of a message": (WIRE, declared("tensors")),
    "dimensions of a tensor": [1.0, (WIRE, declared("rank"))],
    "metrics of a message": (WIRE, declared("metrics")),
    "columns": (WIRE, declared("columns")),
    "traceparent": (WIRE, declared("traceParentBytes")),
    "nesting of a JSON value": (WIRE, declared("jsonDepth")),
    "sequence, epoch": 2.0**64,
    "ids remembered, each source without numbers": (LEDGER, declared("capacity")),
    "silence after which a lower epoch is taken": (LEDGER, declared("staleEpochSilence")),
    "heads missing in a row": (LEDGER, declared("missedHeads")),
    "time between two heads of the daemon": (OUTPUT, declared("headInterval")),
    "event time ahead of arrival": (ENGINE, declared("furthestAhead")),
    "clocks that differ": (CLOCK, seconds("tolerance")),
    "clock of a source ahead": (CLOCK, seconds("believed")),
    "deadlines of a model in one jump of time": ("Engine/ModelState.swift", declared("maximumDeadlines")),
    "models": (SETTINGS, declared("models")),
    "sources": (SETTINGS, declared("sources")),
    "feature columns of all models' baselines": (SETTINGS, declared("columns")),
    "silence after which a source may be forgotten": (ENGINE, declared("sourceMemory")),
    "messages waiting on the ingest socket, each publisher": (INGEST, declared("eventsHighWaterMark")),
    "messages waiting on the features socket, each publisher": (INGEST, declared("featuresHighWaterMark")),
    "outputs waiting, each reader": (OUTPUT, r"sendHighWaterMark\(([\d_]+)\)"),
    "message of a reader (a subscription)": (OUTPUT, r"maximumFrameSize\(([\d_]+)\), \.verbose"),
    "features that an alert names": ("Monitoring/DriftMonitor.swift", declared("namedFeatures")),
    "sources in a status message": ("Wire/PublicationEncoder.swift", declared("sourcesPerMessage")),
    "time between two status messages": (OUTPUT, declared("sourcesInterval")),
}
#: Of the control and the reliable socket. What a client or publisher is to do is no figure of the daemon's.
LIMITS |= {
    "frame to the control socket": (CONTROL, declared("frameBytes")),
    "messages of an answer": (REQUESTS, declared("maximumMessages")),
    "bytes of an answer": (REQUESTS, declared("maximumBytes")),
    "prefixes of a request": (REQUESTS, declared("maximumPrefixes")),
    "prefix": (WIRE, declared("topicBytes")),
    "clients of the control socket in 30 s": (CONTROL, declared("maximumClients")),
    "requests outstanding, each client": 1.0,
    "time until a client asks again": 5.0,
    "messages beyond the acknowledged number": 20_000.0,
    "bytes beyond the acknowledged number": (LANES, declared("windowBytes")),
    "time from a commit to its acknowledgements": 0.020,
    "time until a reliable publisher greets again": 3.0,
    "stored messages": (JOURNAL, declared("outboxMessages")),
    "age of a stored message": (JOURNAL, r"outboxAge = Duration\.seconds\((\d+ \* [\d_]+)\)"),
    "outputs that wait for the journal": (DELIVERY, declared("maximumWaiting")),
    "owner, token of feedback": (FEEDBACK, declared("maximumOwnerBytes")),
    "reason of feedback": (FEEDBACK, declared("maximumReasonBytes")),
    "clients in the list of keys": ("Daemon/Security/AllowList.swift", declared("maximumClients")),
    "name of a client": ("Daemon/Security/ClientsFile.swift", declared("maximumNameBytes")),
    "prefix of sources of a client": ("Daemon/Security/AllowList.swift", r"bytes\.count <= (\d+)"),
    "handshakes at once, each key": ("Daemon/Security/HandshakeLimit.swift", declared("burst")),
    "handshakes a second after that, each key": ("Daemon/Security/HandshakeLimit.swift", declared("perSecond")),
    "time of a handshake": 5.0,
    "detail of an answer": ("Events/Reason.swift", declared("maximumDetailBytes")),
    "silences in force": ("Engine/Silences.swift", declared("limit")),
    "matchers of a silence": (SILENCE, declared("maximumMatchers")),
    "pattern of a matcher": (SILENCE, declared("maximumPatternBytes")),
    "id of a silence": (SILENCE, declared("maximumIDBytes")),
    "created_by of a silence": (SILENCE, declared("maximumAuthorBytes")),
    "comment of a silence": (SILENCE, declared("maximumCommentBytes")),
    "time that a silence lasts": (SILENCE, declared("longest")),
    "resolve of a silence": (WIRE, declared("alertKeyBytes")),
    "alerts that are sent again in one turn": (REPEATS, declared("slice")),
    "time that a resolved alert is sent again": (REPEATS, declared("resolvedMemory")),
    "resolved alerts that are sent again": (REPEATS, declared("maximumResolved")),
    "silence after which a version with a newer one is replaced": (
        "Engine/ModelState+Endings.swift",
        declared("replacementSilence"),
    ),
    "penalty of an alert that flaps": ("Decisions/AlertSettings.swift", declared("ceiling")),
    "retry_after_s": ("Wire/FeedbackReader.swift", r"\$0 < (1e9)"),
}

#: Of notifications.
LIMITS |= {
    "receivers of notifications": ("Sinks/WebhookSettings.swift", declared("maximumSinks")),
    "messages that wait for receivers": ("Sinks/SinkExchange.swift", declared("capacity")),
    "alerts open at an Alertmanager": ("Sinks/AlertmanagerTable.swift", declared("capacity")),
    "alerts in one request": ("Sinks/AlertmanagerTable.swift", declared("perRequest")),
    "pause between two attempts": ("Sinks/WebhookSink.swift", declared("longestPause")),
    "pause that a receiver asks for": ("Sinks/Backoff.swift", declared("longestAsked")),
    "time for a connection": ("Sinks/HTTPPost.swift", declared("connecting")),
    "bytes of a receiver's answer": ("CCurl/include/CCurl.h", r"TAKEN_BYTES \((64 << 10)\)"),
    "time for notifications at the end": ("Sinks/SinkService.swift", declared("stopPatience")),
    "name of a webhook": ("Sinks/WebhookSettings.swift", declared("nameBytes")),
    "secret of a webhook": [
        ("Sinks/StandardWebhook.swift", r"secretBytes = (\d+)"),
        ("Sinks/StandardWebhook.swift", r"secretBytes = \d+\.\.\.(\d+)"),
    ],
    "file of a secret": ("Sinks/Secret.swift", declared("maximumBytes")),
}

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def figures(text: str) -> list[float]:
    """The numbers of a cell; those with a unit of time in seconds."""
    found = re.findall(r"(\d[\d,]*(?:\.\d+)?) ?(ms|s|m|h|d)?(?![\w])", text)
    return [float(number.replace(",", "")) * SECONDS.get(unit, 1) for number, unit in found]


def test_the_table_of_limits_is_the_source() -> None:
    rows = {re.sub(r" \(`.*`\)|`", "", row[0]): row[1] for row in table(section("Limits"))}
    assert set(rows) == set(LIMITS)
    for name, place in LIMITS.items():
        places = place if isinstance(place, list) else [place]
        wanted = [each if isinstance(each, float) else constant(*each) for each in places]
        assert figures(rows[name])[: len(wanted)] == wanted, f"{name}: {rows[name]} is not {wanted}"
    for name in ("a frame", "descriptor", "all frames, or a line in replay"):
        mebibytes = re.search(r"\((\d+) MiB\)", rows[name])
        assert mebibytes and int(mebibytes[1]) << 20 == figures(rows[name])[0]


RETRAIN, PERFORMANCE, DRIFT = (
    f"{file}.swift" for file in ("Decisions/RetrainPolicy", "Monitoring/PerformanceMonitor", "Monitoring/DriftMonitor")
)

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
    (r"last ([\d,]+) ids", (LEDGER, declared("capacity"))),
    (r"older than these ([\d,]+)", (LEDGER, declared("capacity"))),
    (r"in force has come for (\d+ s)", (LEDGER, declared("staleEpochSilence"))),
    (r"silent for (\d+ h) may be forgotten", (ENGINE, declared("sourceMemory"))),
    (r"more than (\d+ s) ahead", (CLOCK, seconds("believed"))),
    (r"clock more than (\d+ s)", (CLOCK, seconds("believed"))),
    (r"below −(\d+ s)", (CLOCK, seconds("believed"))),
    (r"offset of more than (\d+ s)", (CLOCK, seconds("tolerance"))),
    (r"daemon differ by more than (\d+ s)", (CLOCK, seconds("tolerance"))),
    (r"heard in turn for (\d+ s)", (LEDGER, declared("staleEpochSilence"))),
    (r"every (\d+ s) while there is one", (OUTPUT, declared("sourcesInterval"))),
    (r"at most (\d+) sources", ("Wire/PublicationEncoder.swift", declared("sourcesPerMessage"))),
    (r"longer than ([\d,]+) bytes in its descriptor", (WIRE, declared("headBytes"))),
    (r"descriptor of more than ([\d,]+) bytes", (WIRE, declared("headBytes"))),
    (r"1 to ([\d,]+) names", (WIRE, declared("metrics"))),
    (r"more than ([\d,]+) columns", (WIRE, declared("columns"))),
    (r"1 to (\d+) dimensions", (WIRE, declared("rank"))),
    (r"tensors \| as many as the descriptor says, at most (\d+)", (WIRE, declared("tensors"))),
    (r"more than (\d+ h) ahead of (?:its )?arrival", (ENGINE, declared("furthestAhead"))),
    (r"more than (\d+ h) ahead of the clock", ("Daemon/Serve/ServeClock.swift", declared("furthestAhead"))),
    (r"model time by up to (\d+ h)", (ENGINE, declared("furthestAhead"))),
    (r"(?:at most|more than) ([\d,]+) deadlines", ("Engine/ModelState.swift", declared("maximumDeadlines"))),
    (r"topic has (\d+) bytes", (WIRE, declared("topicBytes"))),
    (r"up to (\d+) drifted features", ("Monitoring/DriftMonitor.swift", declared("namedFeatures"))),
    (r"a reason each (\d+ s)", ("Daemon/Serve/Account.swift", declared("interval"))),
    (r"sent for up to ([\d,]+) ms", (OUTPUT, r"linger: \.milliseconds\(([\d_]+)\)")),
    (r"queue of ([\d,]+) messages for each", (INGEST, declared("eventsHighWaterMark"))),
    (r"up to (\d+) × `limits.frame_bytes`", (INGEST, r"maximumFrameSize\((\d+) \* limits\.frameBytes\)")),
    (r"std\(baseline\) \+ 1e-(\d+)", ("Detection/Detectors/MeanShiftDetector.swift", r"epsilon = 1e-(\d+)")),
    (r"above (\d) `high`", (DRIFT, r"score > (\d) \{ return \.high")),
    (r"above (\d) `medium`", (DRIFT, r"score > (\d) \{ return \.medium")),
    (r"time ([\d.]+) to the severity", ("Decisions/Rules/ElapsedTimeRule.swift", r"sinceLastRetrain\), ([\d.]+)\)")),
    (r"\| events in \| `tcp://127\.0\.0\.1:(\d+)`", (CONFIGURATION, r"ingest: .*port: (\d+)")),
    (r"\| outputs \| `tcp://127\.0\.0\.1:(\d+)`", (CONFIGURATION, r"output: .*port: (\d+)")),
]


@pytest.mark.parametrize(("pattern", "place"), PROSE, ids=[pattern for pattern, _ in PROSE])
def test_figures_in_the_text_are_the_source(pattern: str, place: tuple[str, str]) -> None:
    found = [figures(match)[0] for match in re.findall(pattern, FLOWING)]
    assert found and set(found) == {constant(*place)}


HEADER = "Wire/FramedHeader.swift"


def test_the_table_of_the_header_is_the_source() -> None:
    rows = table(section("Header"))
    sizes = {"u8": 1, "u32": 4, "u64": 8, "i64": 8, "bytes": 4}
    offset = 0
    for at, size, field, type_, _ in rows:
        assert (int(at), int(size)) == (offset, sizes[type_]), field
        offset += int(size)
    assert offset == constant(HEADER, declared("size")) == 64
    assert [row[2].replace(" ", "_") for row in rows[1:]] == list(FIELDS)
    text = source(HEADER)
    read = re.findall(r"= (?:bytes\[|(?:Flags\(rawValue: )?load\()(\d+)", text)
    stored = re.findall(r"bytes\[(\d)\] = |store\(.*, (\d+)\)", text)
    documented = [row[0] for row in rows[1:]]
    assert read == documented[:-1] and [one or other for one, other in stored] == documented


def test_the_tables_of_kinds_and_flags_are_the_source() -> None:
    text = source(HEADER)
    numbers = dict(re.findall(r"^    case (\w+) = (\d+)$", text, re.MULTILINE))
    rows = table(section("Kinds"))
    spoken = {word.strip("`"): number for number, word, _, page in rows if page != "reserved"}
    assert spoken == numbers
    assert {word.strip("`"): int(number) for number, word, _, _ in rows} == {word: n for n, word in WORDS.items()}
    flags = re.findall(r"static let \w+ = Flags\(rawValue: (\d+)\)", text)
    rows = table(section("Flags"))
    assert [value for _, value, _, _ in rows] == flags and all(1 << int(row[0]) == int(row[1]) for row in rows)
    assert {row[0].strip("`") for row in table(section("Datatypes"))} == set(
        re.findall(r'text\.equals\("(\w+)"\)', source("Wire/Descriptor.swift"))
    )


SCHEMA_LIMITS: list[tuple[str, str, tuple[str, str]]] = [
    ("tensor", "properties/shape/maxItems", (WIRE, declared("rank"))),
    ("descriptor.metrics", "properties/metrics/maxItems", (WIRE, declared("metrics"))),
    ("descriptor.baseline", "properties/metrics/maxItems", (WIRE, declared("metrics"))),
    ("descriptor.features", "properties/tensors/maxItems", (WIRE, declared("tensors"))),
    ("descriptor.baseline", "properties/tensors/maxItems", (WIRE, declared("tensors"))),
    ("descriptor.features", "properties/feature_names/maxItems", (WIRE, declared("columns"))),
    ("descriptor.baseline", "properties/feature_names/maxItems", (WIRE, declared("columns"))),
    ("status.sources", "properties/sources/maxItems", ("Wire/PublicationEncoder.swift", declared("sourcesPerMessage"))),
    ("alert", "properties/top_k/maxItems", ("Monitoring/DriftMonitor.swift", declared("namedFeatures"))),
    ("input", "properties/source/maxLength", longest("SourceName")),
    ("input", "properties/subject/maxLength", longest("ModelName")),
    ("input", "properties/modelversion/maxLength", longest("ModelVersion")),
    ("input", "properties/id/maxLength", (WIRE, declared("idBytes"))),
]


@pytest.mark.parametrize(("schema", "path", "place"), SCHEMA_LIMITS)
def test_limits_in_the_schemas_are_the_source(schema: str, path: str, place: tuple[str, str]) -> None:
    value: Any = SCHEMAS[f"{schema}.schema.json"]
    for step in path.split("/"):
        value = value[step]
    assert value == constant(*place)


def test_an_output_topic_fits() -> None:
    """The longest kind, model, version and NAME.live; the schema of outputs knows the length of the last."""
    name = constant(CONFIGURATION, declared("maximumNameBytes")) + len(".live")
    longest_topic = len("assessment") + constant(*longest("ModelName")) + constant(*longest("ModelVersion")) + name + 3
    assert longest_topic <= constant(WIRE, declared("topicBytes"))
    assert SCHEMAS["output.schema.json"]["properties"]["source"]["maxLength"] == name
