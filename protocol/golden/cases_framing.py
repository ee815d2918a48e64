"""Frames, headers, kinds and topics that are wrong, and the plain encoding beside them."""

from __future__ import annotations

from typing import Any

from message import Case, compact, header, refused

TOPIC = b"metrics/fraud/7/scorer-1"
DESCRIPTOR = compact({"metrics": ["accuracy"], "tensors": [{"name": "values", "datatype": "FP64", "shape": [1]}]})
VALUE = bytes.fromhex("000000000000e83f")
MALFORMED = "malformed"


def bad(
    name: str,
    about: str,
    reason: str = MALFORMED,
    *,
    counted: bool = False,
    topic: bytes = TOPIC,
    kind: int = 1,
    frames: int = 4,
    **more: Any,
) -> Case:
    packed, _ = header(kind, frames, **{"seq": 4, "prev": 2, **more})
    return refused("framing", name, about, reason, counted, [topic, packed, DESCRIPTOR, VALUE])


def cases() -> list[Case]:
    return [*counts(), *headers(), *kinds(), *topics(), *plain()]


def counts() -> list[Case]:
    def raw(name: str, about: str, *frames: bytes) -> Case:
        return refused("framing", name, about, MALFORMED, False, list(frames))

    def packed(frames: int) -> bytes:
        return header(1, frames, seq=4, prev=2)[0]

    return [
        raw("one_frame", "A topic alone.", TOPIC),
        raw("two_frames", "Topic and header alone.", TOPIC, packed(2)),
        raw("seventeen_frames", "More than 16 frames.", TOPIC, packed(17), DESCRIPTOR, *[VALUE] * 14),
        raw("fewer_frames", "The header says 5 frames, 4 came.", TOPIC, packed(5), DESCRIPTOR, VALUE),
        raw("more_frames", "The header says 3 frames, 4 came.", TOPIC, packed(3), DESCRIPTOR, VALUE),
        raw("header_63", "A header of 63 bytes.", TOPIC, packed(4)[:-1], DESCRIPTOR, VALUE),
        raw("header_65", "A header of 65 bytes.", TOPIC, packed(4) + b"\0", DESCRIPTOR, VALUE),
        raw("header_4", "A header that is its magic alone.", TOPIC, b"TIDE", DESCRIPTOR, VALUE),
        raw("header_empty", "An empty header.", TOPIC, b"", DESCRIPTOR, VALUE),
    ]


def headers() -> list[Case]:
    return [
        bad("bad_magic", "`TIDA` is not the magic.", magic=b"TIDA"),
        bad("magic_case", "The magic is in upper case.", magic=b"tide"),
        bad("major_0", "Major version 0.", "unsupported_version", major=0),
        bad("major_2", "Major version 2.", "unsupported_version", major=2),
        bad("seq_0", "Numbers begin at 1.", seq=0, prev=0),
        bad("prev_is_seq", "No message comes before itself.", prev=4),
        bad("prev_above_seq", "The message before has a lower number.", prev=5),
        bad("epoch_0", "An epoch begins at 1 or later.", epoch=0),
    ]


def kinds() -> list[Case]:
    unknown = "unknown_kind"
    return [
        bad(
            "kind_reserved",
            "Predictions are reserved, and not spoken in this version. Their numbers count.",
            unknown,
            counted=True,
            kind=3,
            topic=b"predictions/fraud/7/scorer-1",
        ),
        bad(
            "kind_control",
            "Requests go to the control socket.",
            unknown,
            counted=True,
            kind=32,
            topic=b"fetch/fraud/7/scorer-1",
        ),
        bad(
            "kind_unknown",
            "A kind of a later version.",
            unknown,
            counted=True,
            kind=99,
            topic=b"sketches/fraud/7/scorer-1",
        ),
        bad("kind_out", "An alert is no event in.", unknown, counted=True, kind=16, topic=b"alert/fraud/7/scorer-1"),
        bad(
            "kind_mismatch",
            "The topic says features, the header says metrics.",
            "topic_mismatch",
            counted=True,
            topic=b"features/fraud/7/scorer-1",
        ),
        bad(
            "kind_mismatch_head",
            "The topic says head, the header says metrics.",
            "topic_mismatch",
            counted=True,
            topic=b"head/fraud/7/scorer-1",
        ),
        bad(
            "kind_mismatch_case",
            "Words of topics are in lower case.",
            "topic_mismatch",
            counted=True,
            topic=b"Metrics/fraud/7/scorer-1",
        ),
    ]


def topics() -> list[Case]:
    return [
        bad("topic_empty", "An empty topic.", topic=b""),
        bad("topic_three", "A topic of three segments.", topic=b"metrics/fraud/7"),
        bad("topic_five", "A topic of five segments.", topic=TOPIC + b"/x"),
        bad("topic_no_model", "An empty model.", topic=b"metrics//7/scorer-1"),
        bad("topic_no_version", "An empty version; none is written `-`.", topic=b"metrics/fraud//scorer-1"),
        bad("topic_no_source", "An empty source.", topic=b"metrics/fraud/7/"),
        bad("topic_model_none", "Metrics of no model.", counted=True, topic=b"metrics/-/7/scorer-1"),
        bad("topic_source_none", "Metrics of nobody.", topic=b"metrics/fraud/7/-"),
        bad("topic_escape_cut", "An escape that is cut.", topic=b"metrics/fraud%2/7/scorer-1"),
        bad("topic_escape_wrong", "An escape that is no hexadecimal.", topic=b"metrics/fraud%2G/7/scorer-1"),
        bad("topic_not_utf8", "Bytes that are no UTF-8.", topic=b"metrics/fraud\xff/7/scorer-1"),
        bad("topic_escaped_not_utf8", "Escapes that give no UTF-8.", topic=b"metrics/fraud%FF/7/scorer-1"),
        bad("topic_201", "A topic of 201 bytes.", topic=b"metrics/fraud/7/" + b"s" * 185),
        bad("model_81", "A model of 81 bytes.", topic=b"metrics/" + b"m" * 81 + b"/7/scorer-1"),
        bad("version_41", "A version of 41 bytes.", topic=b"metrics/fraud/" + b"7" * 41 + b"/scorer-1"),
    ]


def plain() -> list[Case]:
    event = {
        "specversion": "1.0",
        "type": "tidemark.metrics.v1",
        "source": "scorer-1",
        "id": "a-1",
        "subject": "fraud",
        "time": "2026-03-02T02:00:00Z",
        "sequence": "4",
        "epoch": "1772409600000000000",
        "data": {"accuracy": 0.75, "latency_ms": 251.0},
    }
    body = compact(event)
    good = Case(
        "framing.plain",
        "framing",
        "The plain encoding: two frames, and the second begins with `{`.",
        [b"metrics/fraud/-/scorer-1", body],
        {"topic": "metrics/fraud/-/scorer-1", "event": event},
        encoding="plain",
    )
    silent = Case(
        "framing.plain_empty_topic",
        "framing",
        "A topic that says nothing; the object says it all.",
        [b"", body],
        {"topic": "", "event": event},
        encoding="plain",
    )

    def no(name: str, about: str, *frames: bytes) -> Case:
        return refused("framing", name, about, MALFORMED, False, list(frames), "plain")

    return [
        good,
        silent,
        no("plain_three_frames", "Plain messages in have two frames.", TOPIC, body, b""),
        no("plain_white_space", "White space before the object.", TOPIC, b" " + body),
        no("plain_array", "Neither a header nor an object.", TOPIC, b"[" + body + b"]"),
    ]
