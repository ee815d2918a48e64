"""Requests and answers on the control socket; acknowledgements on both of the sockets that answer."""

from __future__ import annotations

from typing import Any

from cases_feedback import DECISION, OWNER
from cases_outputs import DAEMON, recorded
from message import EPOCH, NUMBERS, REPLAYED, SENT, TIME, Case, compact, framed, header, refused

Json = dict[str, Any]

#: When the reader that asks began.
READER = EPOCH + 60_000_000_000
REQUEST_OF, ANSWER_OF = "pager", "example"
DATA = {"decision_id": DECISION, "state": "acked", "attempt": 1, "owner": OWNER}


def said(
    page: str,
    name: str,
    about: str,
    direction: str,
    kind: str,
    descriptor: Json,
    *,
    raw: bytes | None = None,
    **more: Any,
) -> Case:
    source = ANSWER_OF if direction.endswith("out") else REQUEST_OF
    chosen = {"model": "-", "version": "-", "source": source, "prev": 0, "time": 0, "epoch": READER, **more}
    frames, meaning = framed(kind, descriptor, [], raw_descriptor=raw, **chosen)
    return Case(f"{page}.{name}", page, about, frames, meaning, direction=direction, decode_only=raw is not None)


def request(name: str, about: str, kind: str, descriptor: Json, **more: Any) -> Case:
    return said("control", name, about, "control-in", kind, descriptor, **{"seq": 1, **more})


def answer(name: str, about: str, status: str, of: str = "fetch", *, detail: str | None = None, **numbers: int) -> Case:
    """An END; its numbers are those of a daemon that keeps 101 to 152 unless told."""
    given = {"epoch": DAEMON, "first": 101, "next": 153, "head": 152, **numbers}
    descriptor = {"request": of, "status": status, **{key: str(value) for key, value in given.items()}}
    if detail is not None:
        descriptor["detail"] = detail
    return said("control", name, about, "control-out", "end", descriptor, seq=1, epoch=given["epoch"])


def cases() -> list[Case]:
    return [*requests(), *stored(), *answers(), *wrong(), *claims(), *lane(), *hellos()]


def requests() -> list[Case]:
    fetch = {"epoch": str(DAEMON), "from": "148"}
    some = fetch | {"max": 512, "max_bytes": 4_194_304, "prefixes": ["alert/fraud/", "decision/"]}
    return [
        request("fetch", "Alerts of one model, and all decisions, from number 148 on.", "fetch", some),
        request("fetch_all", "Everything from number 148 on, as much as an answer holds.", "fetch", fetch, seq=2),
        request("fetch_one", "One message.", "fetch", fetch | {"max": 1, "max_bytes": 1}),
        request("fetch_unknown_keys", "Keys that are not known are passed over.", "fetch", fetch | {"order": "newest"}),
        request("fetch_largest", "A number of 64 bits.", "fetch", fetch | {"from": str(2**64 - 1)}),
        request("fetch_loose", "White space.", "fetch", fetch, raw=compact(fetch).replace(b",", b" , ")),
        request("snapshot", "What is open.", "snapshot", {"epoch": str(DAEMON), "from": "1"}),
        request("feedback", "A claim: the answer is an acknowledgement.", "feedback", DATA, seq=3),
    ]


def stored() -> list[Case]:
    """A message of the answer: as it was sent, but for one flag."""
    event = recorded("alert.opened", "-4")
    topic = "alert/fraud/7/example"
    time = TIME
    packed, meaning = header(
        NUMBERS["alert"], 3, seq=148, prev=101, epoch=DAEMON, time=time, sent=time + 41_000, flags=REPLAYED
    )
    expect = {"topic": topic, "header": meaning, "event": event}
    frames = [topic.encode(), packed, compact(event)]
    about = "A stored message of the answer, as it was sent but for the flag `replayed`."
    return [Case("control.replayed", "control", about, frames, expect, direction="control-out")]


def answers() -> list[Case]:
    return [
        answer("end_complete", "Everything up to the last number was sent.", "complete"),
        answer("end_more", "There is more: the next request begins at 150.", "more", next=150),
        answer("end_truncated", "Numbers before 101 are not kept any more.", "truncated", next=101),
        answer(
            "end_epoch_mismatch",
            "The journal is another than the one the reader knows.",
            "epoch_mismatch",
            epoch=TIME,
            first=1,
            next=1,
            head=3,
        ),
        answer("end_no_journal", "The daemon keeps nothing.", "no_journal", first=153),
        answer("end_empty", "A journal in which nothing was published yet.", "complete", first=1, next=1, head=0),
        answer("end_busy", "Too many clients ask.", "busy", next=148),
        answer("end_malformed", "The request is none.", "malformed", next=101, detail="`max` is not from 1 to 512"),
        answer("end_snapshot", "The end of a snapshot.", "complete", "snapshot"),
    ]


def wrong() -> list[Case]:
    fetch = {"epoch": str(DAEMON), "from": "148"}

    def bad(
        name: str,
        about: str,
        descriptor: Any,
        *tensors: bytes,
        topic: bytes = b"fetch/-/-/pager",
        kind: int = 32,
        reason: str = "malformed",
        answered: bool = True,
        **more: Any,
    ) -> Case:
        body = descriptor if isinstance(descriptor, bytes) else compact(descriptor)
        chosen = {"seq": 1, "prev": 0, "epoch": READER, "time": 0, **more}
        packed, _ = header(kind, 3 + len(tensors), **chosen)
        case = refused("control", name, about, reason, answered, [topic, packed, body, *tensors])
        case.direction = "control-in"
        return case

    return [
        bad("no_epoch", "`epoch` is required.", {"from": "148"}),
        bad("no_from", "`from` is required.", {"epoch": str(DAEMON)}),
        bad("from_0", "Numbers begin at 1.", fetch | {"from": "0"}),
        bad("from_number", "A number that may exceed 2^53 is text.", fetch | {"from": 148}),
        bad("from_too_large", "More than 64 bits.", fetch | {"from": str(2**64)}),
        bad("from_sign", "A sign is no digit.", fetch | {"from": "+148"}),
        bad("max_0", "No message at all.", fetch | {"max": 0}),
        bad("max_513", "More than 512 messages.", fetch | {"max": 513}),
        bad("max_text", "A number as text.", fetch | {"max": "512"}),
        bad("max_bytes_0", "No byte at all.", fetch | {"max_bytes": 0}),
        bad("max_bytes_too_many", "More than 4 MiB.", fetch | {"max_bytes": 4_194_305}),
        bad("seventeen_prefixes", "More than 16 prefixes.", fetch | {"prefixes": ["alert/"] * 17}),
        bad("prefix_201", "A prefix of 201 bytes.", fetch | {"prefixes": ["alert/".ljust(201, "f")]}),
        bad("prefix_no_text", "A prefix that is no text.", fetch | {"prefixes": [7]}),
        bad("prefixes_text", "One prefix is an array too.", fetch | {"prefixes": "alert/"}),
        bad("array", "The descriptor is no object.", [fetch]),
        bad("no_descriptor", "A request has a descriptor.", b"", encoding=0),
        bad(
            "with_tensor",
            "A request has no tensors.",
            fetch | {"tensors": [{"name": "values", "datatype": "BOOL", "shape": [1]}]},
            b"\0",
        ),
        bad(
            "feedback_no_state",
            "Feedback is checked here as everywhere, and refused in words.",
            {"decision_id": DECISION},
            kind=6,
            topic=b"feedback/-/-/airflow-1",
        ),
        bad("seq_0", "Requests are numbered from 1.", fetch, seq=0, answered=False),
        bad("epoch_0", "A requester began at 1 or later.", fetch, epoch=0, answered=False),
        bad(
            "kind_mismatch",
            "The topic says snapshot, the header says fetch.",
            fetch,
            topic=b"snapshot/-/-/pager",
            reason="topic_mismatch",
            answered=False,
        ),
        bad(
            "kind_end",
            "An answer is no request.",
            {"request": "fetch"},
            kind=33,
            topic=b"end/-/-/pager",
            reason="unknown_kind",
            answered=False,
        ),
        bad(
            "kind_metrics",
            "Events are for the other sockets.",
            {},
            kind=1,
            topic=b"metrics/fraud/7/pager",
            reason="unknown_kind",
            answered=False,
        ),
    ]


def claims() -> list[Case]:
    def of(name: str, about: str, kind: str, descriptor: Json) -> Case:
        return said("acknowledgement", name, about, "control-out", kind, descriptor, seq=3)

    granted = {
        "request": "feedback",
        "decision_id": DECISION,
        "attempt": 1,
        "attempt_id": f"{DECISION}-a1",
        "state": "acked",
        "rev": 2,
        "owner": OWNER,
        "token": "c-4f0a",
    }

    def denied(code: str, detail: str, owner: str | None = None) -> Json:
        return {"request": "feedback", "code": code, "detail": detail, "owner": owner}

    cancelled = granted | {"state": "cancelled", "rev": 4, "owner": None, "token": None}
    return [
        of("claim", "The claim is granted, and durable.", "ack", granted),
        of("cancelled", "An operator has called it off; nobody holds it.", "ack", cancelled),
        of("denied", "Somebody else was first.", "nack", denied("denied", "airflow-1 holds it", OWNER)),
        of("unknown_decision", "No decision of this daemon.", "nack", denied("unknown_decision", "rt-0")),
        of("unavailable", "Nothing can be written; ask again.", "nack", denied("unavailable", "the disk is full")),
    ]


def lane() -> list[Case]:
    def of(name: str, about: str, kind: str, descriptor: Json, seq: int) -> Case:
        return said("acknowledgement", name, about, "reliable-out", kind, descriptor, seq=seq, epoch=EPOCH)

    credit = {"source": "scorer-1", "credit": 20_000, "credit_bytes": 67_108_864}
    return [
        of("ack", "Every number up to 1204 is durable.", "ack", credit, 1_204),
        of("ack_nothing", "The answer to the first hello: nothing is durable yet.", "ack", credit, 0),
        of(
            "nack",
            "A batch was refused. Its number counts, and it is not to be sent again.",
            "nack",
            {"code": "shape_mismatch", "detail": "3 columns, the baseline has 2"},
            1_205,
        ),
        of(
            "nack_out_of_order",
            "Number 1210 came, 1206 is due: everything from there on is to be sent again.",
            "nack",
            {"code": "out_of_order", "detail": "1210 after 1205", "expected": "1206"},
            1_210,
        ),
    ]


def hellos() -> list[Case]:
    steady = {"dropped": 0, "interval_ms": 1000, "first": "1205"}
    chosen: Json = {"epoch": EPOCH, "source": "scorer-1", "sent": SENT}

    def hello(name: str, about: str, descriptor: Json, seq: int) -> Case:
        return said("acknowledgement", name, about, "reliable-in", "head", descriptor, seq=seq, **chosen)

    def bad(name: str, about: str, first: Any) -> Case:
        packed, _ = header(7, 3, seq=1207, prev=0, time=0)
        frames = [b"head/-/-/scorer-1", packed, compact(steady | {"first": first})]
        case = refused("acknowledgement", name, about, "malformed", False, frames)
        case.direction = "reliable-in"
        return case

    return [
        hello("hello", "Numbers 1205 to 1207 are in the ring.", steady, 1_207),
        hello("hello_nothing", "All of 1207 are acknowledged: the ring is empty.", steady | {"first": "1208"}, 1_207),
        hello("hello_new", "Nothing was sent in this epoch yet.", steady | {"first": "1"}, 0),
        bad("hello_first_0", "Numbers begin at 1.", "0"),
        bad("hello_first_number", "A number that may exceed 2^53 is text.", 1205),
        bad("hello_first_beyond", "What was never numbered cannot be sent.", "1209"),
    ]
