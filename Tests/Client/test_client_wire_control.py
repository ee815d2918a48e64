"""`tidemark.wire`: feedback, requests and answers."""

from __future__ import annotations

from typing import Any

import pytest
import reference
from tidemark import WireError, wire

GOOD: list[tuple[wire.Kind, dict[str, Any]]] = [
    (wire.Kind.FEEDBACK, wire.feedback_descriptor("rt-1", "acked", owner="airflow-1", attempt=2, token="t")),
    (wire.Kind.FEEDBACK, wire.feedback_descriptor("rt-1", "failed", reason="é" * 200, retry_after=0.5)),
    (wire.Kind.FETCH, wire.fetch_descriptor(1, 1)),
    (wire.Kind.SNAPSHOT, wire.fetch_descriptor(2**64 - 1, 7, most=1, most_bytes=1, prefixes=["alert/", "decision/a/"])),
    (wire.Kind.END, wire.end_descriptor(wire.End("fetch", "more", 5, 1, 9, 12))),
    (wire.Kind.ACK, wire.ack_descriptor(wire.Ack("s", 20_000, 1 << 26))),
    (wire.Kind.ACK, {"request": "feedback", "decision_id": "rt-1", "token": "t"}),
    (wire.Kind.NACK, wire.nack_descriptor(wire.Nack("out_of_order", "", 3))),
    (wire.Kind.NACK, {"request": "feedback", "code": "denied", "detail": "", "owner": None}),
]


@pytest.mark.parametrize(("kind", "said"), GOOD, ids=[f"{kind.word}-{index}" for index, (kind, _) in enumerate(GOOD)])
def test_what_is_packed_comes_back(kind: wire.Kind, said: dict[str, Any]) -> None:
    message = wire.Message(wire.Topic(kind.word, None, None, "me"), wire.Header(kind, 3, 9, 1), said)
    frames = [bytes(wire.byte_view(frame)) for frame in wire.pack(message)]
    assert wire.unpack(frames) == message and frames[1][6] == kind


def test_requests_and_answers_take_no_number() -> None:
    for kind in wire.CONTROL:
        with pytest.raises(WireError, match="prev"):
            wire.unpack_header(reference.header(kind, 3, 1, 5, 4))
        assert wire.unpack_header(reference.header(kind, 3, 1, 0)).seq == 0
    with pytest.raises(WireError, match="number 0"):
        wire.unpack_header(reference.header(wire.Kind.FEEDBACK, 3, 1, 0))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (wire.Kind.FEEDBACK, {"decision_id": ""}),
        (wire.Kind.FEEDBACK, {"decision_id": None}),
        (wire.Kind.FEEDBACK, {"state": "done"}),
        (wire.Kind.FEEDBACK, {"state": "acked", "owner": None}),
        (wire.Kind.FEEDBACK, {"owner": "x" * 129}),
        (wire.Kind.FEEDBACK, {"reason": "é" * 201}),
        (wire.Kind.FEEDBACK, {"attempt": 0}),
        (wire.Kind.FEEDBACK, {"retry_after_s": -1}),
        (wire.Kind.FEEDBACK, {"retry_after_s": True}),
        (wire.Kind.FETCH, {"epoch": "0"}),
        (wire.Kind.FETCH, {"from": 1}),
        (wire.Kind.FETCH, {"max": 513}),
        (wire.Kind.FETCH, {"prefixes": ["a"] * 17}),
        (wire.Kind.FETCH, {"prefixes": ["a" * 201]}),
        (wire.Kind.END, {"status": "over"}),
        (wire.Kind.END, {"head": "18446744073709551616"}),
        (wire.Kind.END, {"next": "-1"}),
        (wire.Kind.END, {"request": "feedback"}),
    ],
)
def test_what_is_wrong_is_a_wire_error(kind: wire.Kind, wrong: dict[str, Any]) -> None:
    said = {**next(said for each, said in GOOD if each == kind), **wrong}
    frames = [f"{kind.word}/-/-/me".encode(), reference.header(kind, 3, 9, 1), wire.dump(said)]
    with pytest.raises(WireError, match="malformed"):
        wire.unpack(frames)


def test_a_head_may_say_the_first_number_that_it_can_send() -> None:
    frames = [b"head/-/-/me", reference.header(7, 3, 9, 8), wire.head_descriptor(0, 1000, first=5)]
    assert wire.unpack(frames).descriptor["first"] == "5"
    for first in ("0", 5, "x"):
        frames[2] = wire.dump({"dropped": 0, "interval_ms": 1, "first": first})
        with pytest.raises(WireError, match="first"):
            wire.unpack(frames)
