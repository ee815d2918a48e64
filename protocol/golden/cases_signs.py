"""Heads and byes: what a source says of its own numbering."""

from __future__ import annotations

from typing import Any

from message import SENT, Case, compact, framed, header, refused

DAEMON = 1_772_409_599_123_456_789


def sign(
    kind: str,
    name: str,
    about: str,
    descriptor: dict[str, Any],
    *,
    direction: str = "in",
    raw: bytes | None = None,
    **more: Any,
) -> Case:
    chosen = {"model": "-", "version": "-", "prev": 0, "time": 0, **more}
    frames, meaning = framed(kind, descriptor, [], raw_descriptor=raw, **chosen)
    return Case(f"{kind}.{name}", kind, about, frames, meaning, direction=direction, decode_only=raw is not None)


def bad(
    kind: str,
    name: str,
    about: str,
    descriptor: Any,
    *tensors: bytes,
    topic: bytes | None = None,
    reason: str = "malformed",
    **more: Any,
) -> Case:
    body = descriptor if isinstance(descriptor, bytes) else compact(descriptor)
    packed, _ = header(7 if kind == "head" else 8, 3 + len(tensors), seq=4, prev=0, **{"time": 0, **more})
    frames = [topic if topic is not None else f"{kind}/-/-/scorer-1".encode(), packed, body, *tensors]
    return refused(kind, name, about, reason, False, frames)


def cases() -> list[Case]:
    return [*heads(), *byes()]


def heads() -> list[Case]:
    steady = {"dropped": 0, "interval_ms": 1000}
    long = bad("head", "too_long", "A descriptor of 4,097 bytes.", compact(steady).ljust(4_097), reason="too_large")
    long.page = ""  # too long for a page
    return [
        sign("head", "steady", "Number 4 was the last that was used.", steady, seq=4),
        sign("head", "none_used", "Nothing was sent in this epoch yet.", steady, seq=0),
        sign(
            "head",
            "dropped",
            "Three of the numbers up to 1207 never left the publisher.",
            steady | {"dropped": 3},
            seq=1207,
        ),
        sign(
            "head",
            "slow",
            "Heads every 10 s: the source is stale after 30 s without one.",
            steady | {"interval_ms": 10_000},
            seq=4,
        ),
        sign(
            "head",
            "of_a_model",
            "A head may name a model and a version. It speaks of its source all the same.",
            steady,
            seq=4,
            model="fraud",
            version="7",
        ),
        sign(
            "head", "unknown_keys", "Keys that are not known are passed over.", {**steady, "queue": {"depth": 3}}, seq=4
        ),
        sign(
            "head",
            "loose_descriptor",
            "Keys in any order and white space.",
            steady,
            seq=4,
            raw=b'{ "interval_ms": 1000, "dropped": 0 }',
        ),
        sign(
            "head",
            "out",
            "The daemon's own head: 21 alerts and decisions so far.",
            steady,
            seq=21,
            source="example",
            epoch=DAEMON,
            time=SENT,
            direction="out",
        ),
        sign(
            "head",
            "out_live",
            "And the head of its live numbering.",
            steady,
            seq=1041,
            source="example.live",
            epoch=DAEMON,
            time=SENT,
            direction="out",
        ),
        bad("head", "no_dropped", "`dropped` is required.", {"interval_ms": 1000}),
        bad("head", "no_interval", "`interval_ms` is required.", {"dropped": 0}),
        bad("head", "interval_0", "An interval of nothing.", {"dropped": 0, "interval_ms": 0}),
        bad("head", "dropped_negative", "A negative number of messages.", {"dropped": -1, "interval_ms": 1000}),
        bad("head", "dropped_text", "A number as text.", {"dropped": "0", "interval_ms": 1000}),
        bad("head", "not_json", "The descriptor is no JSON.", b"dropped=0"),
        bad("head", "no_descriptor", "A head has a descriptor.", b"", encoding=0),
        bad(
            "head",
            "with_tensor",
            "A head has no tensors.",
            steady | {"tensors": [{"name": "values", "datatype": "BOOL", "shape": [1]}]},
            b"\0",
        ),
        bad("head", "epoch_0", "An epoch begins at 1 or later.", steady, epoch=0),
        bad(
            "head",
            "kind_mismatch",
            "The topic says metrics, the header says head.",
            steady,
            reason="topic_mismatch",
            topic=b"metrics/-/-/scorer-1",
        ),
        long,
        bad("head", "no_source", "A head of nobody.", steady, topic=b"head/-/-/-"),
    ]


def byes() -> list[Case]:
    return [
        sign("bye", "steady", "The source ends; number 4 was the last that it used.", {"dropped": 0}, seq=4),
        sign("bye", "dropped", "Three of the numbers up to 1207 never left the publisher.", {"dropped": 3}, seq=1207),
        sign("bye", "none_used", "It ends without having sent anything.", {"dropped": 0}, seq=0),
        sign(
            "bye",
            "unknown_keys",
            "Keys that are not known are passed over.",
            {"dropped": 0, "reason": "restart"},
            seq=4,
        ),
        sign(
            "bye",
            "out",
            "The daemon stops.",
            {"dropped": 0},
            seq=21,
            source="example",
            epoch=DAEMON,
            time=SENT,
            direction="out",
        ),
        bad("bye", "no_dropped", "`dropped` is required.", {}),
        bad("bye", "dropped_fraction", "A number of messages that is not whole.", {"dropped": 0.5}),
        bad(
            "bye",
            "with_tensor",
            "A bye has no tensors.",
            {"dropped": 0, "tensors": [{"name": "values", "datatype": "BOOL", "shape": [1]}]},
            b"\0",
        ),
    ]
