"""Before anything is timed: the daemon and the peer must answer alike, or they do not do one job.

Both get the same events in both encodings, so that framed answers are held to plain ones too.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from pathlib import Path
from typing import Any

import zmq

import framed
from contestants import Failure, Server, Sockets, closing, subscriber
from measure import ServerFactory, daemon, endpoints, peer

Event = dict[str, Any]
Answers = dict[tuple[str, ...], Any]

EVENTS = 2_000
#: Ids and times of writing differ by design; these are the answers. The peer's decisions have no life, and it keeps no
#: account of its sources.
IDS = {"episode_id", "decision_id", "episodes", "opened_at", "issued_at", "next_allowed_retrain"}
LIFE = {"attempt", "attempt_id", "rev", "state", "expires_after_s", "coverage", "data_window"}
NOT_COMPARED = IDS | LIFE


def stream() -> list[Event]:
    """Six days of three models, one with features, with bad days and nulls.

    Less than the seven after which the time rule falls due between events, which the peer leaves out.
    """
    draw = random.Random(7)
    names = [f"feature_{index}" for index in range(5)]
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=40)
    baseline = {"feature_names": names, "rows": _rows(draw, 50, 0, 0)}
    events = [_event(0, start, "baseline", "batches", {"accuracy": 0.9, "features": baseline})]
    for number in range(1, EVENTS):
        time = start + dt.timedelta(minutes=4.3 * number)
        if number % 10 == 0:
            shift = draw.choice([0, 0, 0, 2.2, 4])
            rows = _rows(draw, 20, shift, 0.05 if number % 50 == 0 else 0)
            data: dict[str, Any] = {"feature_names": names, "rows": rows}
            events.append(_event(number, time, "features", "batches", data))
        else:
            data = {"accuracy": round(draw.gauss(0.88, 0.04), 4), "latency_ms": round(draw.gauss(180, 20), 3)}
            if number % 7 == 0:
                del data[draw.choice(["accuracy", "latency_ms"])]
            events.append(_event(number, time, "metrics", draw.choice(["batches", "a", "b"]), data))
    events.append(_event(EVENTS, start + dt.timedelta(days=31), "metrics", "end", {"accuracy": 0.0}))
    return events


def _rows(draw: random.Random, count: int, shift: float, missing: float) -> list[list[float | None]]:
    return [
        [
            None
            if draw.random() < missing
            else draw.gauss(column, 1 + column) + (shift if column == 2 else 0) * 3
            for column in range(5)
        ]
        for _ in range(count)
    ]


def _event(number: int, time: dt.datetime, kind: str, model: str, data: dict[str, Any]) -> Event:
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "check",
        "type": f"tidemark.{kind}.v1",
        "subject": model,
        "time": time.isoformat(),
        "sequence": str(number + 1),
        "data": data,
    }


Message = list[bytes]
#: Of the framed messages.
EPOCH = 7


def as_plain(event: Event) -> Message:
    kind = event["type"].split(".")[1]
    return [f"{kind}/{event['subject']}/-/check".encode(), json.dumps(event).encode()]


def as_framed(event: Event) -> Message:
    kind, time = event["type"].split(".")[1], dt.datetime.fromisoformat(event["time"])
    return framed.encode(kind, event["subject"], "check", EPOCH, int(event["sequence"]), time, event["data"])


def cause(answer: Event) -> str:
    """The event's name in the plain encoding: a framed one is called by its epoch and number."""
    name: str = answer["causationid"]
    epoch, _, number = name.rpartition("-")
    return f"e-{int(number) - 1}" if epoch == str(EPOCH) else name


def answers(context: Sockets, make: ServerFactory, messages: list[Message]) -> Answers:
    """Everything published, by what it answers."""
    with endpoints("ipc") as made:
        server: Server = make(made)
        with closing(server.child), subscriber(context, server.output, "") as outputs:
            publish(context, server.ingest, messages)
            given: Answers = {}
            while True:
                if not outputs.poll(10_000):
                    raise server.child.failure("stopped answering")
                topic, *_, body = outputs.recv_multipart()
                if topic.startswith((b"head/", b"bye/", b"status/")):
                    continue
                answer = json.loads(body)
                if topic.decode().startswith("alert/end/"):
                    break
                # The life of a decision is not the peer's job; of the daemon's own account nothing is asked.
                if ".decision." in answer["type"] and ".issued." not in answer["type"]:
                    continue
                data = answer["data"]
                key = (answer["type"], answer["subject"], cause(answer), data.get("monitor", ""))
                given[key] = {name: value for name, value in data.items() if name not in NOT_COMPARED}
            server.stop()
    return given


def publish(context: Sockets, endpoint: str, messages: list[Message]) -> None:
    socket = context.socket(zmq.XPUB)
    socket.set(zmq.XPUB_NODROP, 1)
    socket.set(zmq.LINGER, 10_000)
    with socket:
        socket.connect(endpoint)
        if not socket.poll(10_000):
            raise Failure("the contestant did not subscribe")
        socket.recv()
        for message in messages:
            socket.send_multipart(message)


def check(context: Sockets, binary: Path) -> dict[str, int]:
    """How many answers of each type agreed, in each encoding. Fails with the first that differ."""
    events = stream()
    plain, framed_ = [as_plain(event) for event in events], [as_framed(event) for event in events]
    ours = answers(context, daemon(binary), plain)
    others = {
        "peer": answers(context, peer(), plain),
        "peer, framed": answers(context, peer(), framed_),
        "daemon, framed": answers(context, daemon(binary), framed_),
    }
    for name, theirs in others.items():
        compare(ours, theirs, name)
    counts: dict[str, int] = {}
    for kind, *_ in ours:
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def compare(ours: Answers, theirs: Answers, name: str) -> None:
    if ours.keys() != theirs.keys():
        only = sorted(ours.keys() ^ theirs.keys())[:5]
        raise Failure(
            f"daemon and {name} answer different things: {len(ours)} and {len(theirs)}, such as {only}"
        )
    for key, answer in ours.items():
        if not alike(answer, theirs[key]):
            raise Failure(f"daemon and {name} disagree on {key}:\n  {answer}\n  {theirs[key]}")


def alike(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, float) or isinstance(right, float):
        return (
            left is not None and right is not None and (math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9))
        )
    return bool(left == right)
