"""The plain encoding over bare pyzmq: a topic frame and a CloudEvents JSON frame, both ways.

Any program can do the same with pyzmq and json; this file only adds the waiting and the counting.
"""

from __future__ import annotations

import collections
import json
import time
from typing import Any, Counter, Dict, List, Sequence, Tuple

import zmq

Event = Dict[str, Any]


class NoAnswer(Exception):
    """The daemon did not do in time what it must do. The text says what."""


class Publisher:
    """Sends events to the daemon's ingest socket. XPUB, because it is told of the daemon's subscription."""

    def __init__(self, context: zmq.Context, endpoint: str, source: str) -> None:
        self.endpoint = endpoint
        self.source = source
        self.epoch = time.time_ns()  # when this numbering began: with `sequence` it lets gaps be counted
        self.sequence = 0
        self.sent: Counter[Tuple[str, str]] = collections.Counter()  # by kind and model
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.LINGER, 1000)
        self.socket.connect(endpoint)

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def wait_until_subscribed(self, topics: Sequence[str], timeout: float) -> None:
        """Reads subscription messages (a byte 1, then a prefix) until they cover all of `topics`."""
        deadline = time.monotonic() + timeout
        prefixes: List[bytes] = []
        while not all(any(topic.encode().startswith(prefix) for prefix in prefixes) for topic in topics):
            left = deadline - time.monotonic()
            if left <= 0 or not self.socket.poll(left * 1000):
                raise NoAnswer(f"no subscription from the daemon on {self.endpoint} within {timeout:g} s")
            message = self.socket.recv()
            if message[:1] == b"\x01":
                prefixes.append(message[1:])

    def send(self, kind: str, model: str, at: str, data: Dict[str, Any]) -> None:
        """Publishes one event: kind `metrics`, `features` or `baseline`; `at` is its RFC 3339 time."""
        self.sequence += 1
        event = {
            "specversion": "1.0", "id": f"{self.epoch}-{self.sequence}", "source": self.source,
            "type": f"tidemark.{kind}.v1", "time": at, "subject": model,
            "sequence": str(self.sequence), "epoch": str(self.epoch), "data": data,
        }
        topic = f"{kind}/{model}/-/{self.source}"
        self.socket.send_multipart([topic.encode(), json.dumps(event, allow_nan=False).encode()])
        self.sent[kind, model] += 1


class Answers:
    """Reads the daemon's output socket in order, and keeps every alert and decision that passes by."""

    def __init__(self, context: zmq.Context, endpoint: str, prefixes: Sequence[str]) -> None:
        self.endpoint = endpoint
        self.alerts: List[Event] = []
        self.decisions: List[Event] = []
        self.counts: Counter[Tuple[str, str]] = collections.Counter()  # by type and model
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        for prefix in prefixes:
            self.socket.subscribe(prefix)

    def __enter__(self) -> "Answers":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def heard_from(self, model: str, within: float) -> bool:
        """Whether anything about `model` comes within so many seconds."""
        deadline = time.monotonic() + within
        while (event := self._next(deadline)) is not None:
            if event.get("subject") == model:
                return True
        return False

    def wait_for(self, kind: str, model: str, at: str, timeout: float) -> Event:
        """The output of type `kind` about `model` at the time `at`. What comes before it is kept and counted."""
        for event in self.decisions:
            if is_answer(event, kind, model, at):
                return event
        deadline = time.monotonic() + timeout
        while (event := self._next(deadline)) is not None:
            if is_answer(event, kind, model, at):
                return event
        raise NoAnswer(f"no {kind} for {model} at {at} from {self.endpoint} within {timeout:g} s")

    def _next(self, deadline: float) -> Event | None:
        """The next output, or nothing when the deadline passes first."""
        left = deadline - time.monotonic()
        if not self.socket.poll(max(0.0, left) * 1000):
            return None
        event = decode(self.socket.recv_multipart())
        self.counts[event["type"], event["subject"]] += 1
        if event["type"].startswith("tidemark.alert."):
            self.alerts.append(event)
        elif event["type"] == "tidemark.decision.retrain.issued.v1":
            self.decisions.append(event)
        return event


def decode(frames: Sequence[bytes]) -> Event:
    """An output's event: the first frame is the topic, the last one the JSON."""
    return json.loads(frames[-1])


def is_answer(event: Event, kind: str, model: str, at: str) -> bool:
    """Outputs carry the time of the event they answer; times are compared to the second, in UTC."""
    return event["type"] == kind and event["subject"] == model and event["time"][:19] == at[:19]
