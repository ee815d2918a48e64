"""Bare peers of a daemon with a journal, written from `protocol/specification.md` alone: a publisher on the reliable
socket, one on the ingest socket, and requests. None has a thread: `pump` does what is due."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import zmq
from framed_reference import FIELDS, HEADER, NUMBERS, WORDS, compact
from zmq.utils.monitor import parse_monitor_message

Context = zmq.Context[Any]
Frames = list[bytes]
Json = Any

#: Where a wait gives up; it ends as soon as its condition holds.
GIVE_UP_S = 30.0
HEAD_S, GREET_S = 1.0, 3.0
REPLAYED = 1
#: How soon libzmq tries a connection again.
RECONNECT_MS = 20
METRICS = {"metrics": ["accuracy"], "tensors": [{"name": "values", "datatype": "FP64", "shape": [1]}]}


def until(done: Callable[[], Any], what: str, *beside: Callable[[], object], seconds: float = GIVE_UP_S) -> Any:
    """Calls all beside and then `done`, one of which must wait a little, until `done` gives something true."""
    deadline = time.monotonic() + seconds
    while True:
        for each in beside:
            each()
        if found := done():
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"


def message(
    topic: str, epoch: int, seq: int, descriptor: Json, *tensors: bytes, prev: int = 0, event_time: int = 0
) -> Frames:
    values = dict.fromkeys(FIELDS, 0) | {
        "major": 1,
        "kind": NUMBERS[topic.split("/")[0]],
        "descriptor_encoding": 1,
        "frames": 3 + len(tensors),
        "epoch": epoch,
        "seq": seq,
        "prev": prev,
        "event_time": event_time,
        "send_time": time.time_ns(),
    }
    return [topic.encode(), HEADER.pack(b"TIDE", *(values[key] for key in FIELDS)), compact(descriptor), *tensors]


@dataclass(frozen=True)
class Message:
    """One message of the daemon."""

    frames: tuple[bytes, ...]
    header: dict[str, int]

    @classmethod
    def of(cls, frames: Sequence[bytes]) -> Message:
        magic, *values = HEADER.unpack(frames[1])
        header = dict(zip(FIELDS, values, strict=True))
        assert magic == b"TIDE" and header["major"] == 1 and header["frames"] == len(frames) == 3, frames
        return cls(tuple(frames), header)

    @property
    def topic(self) -> str:
        return self.frames[0].decode()

    @property
    def word(self) -> str:
        return WORDS[self.header["kind"]]

    @property
    def seq(self) -> int:
        return self.header["seq"]

    @property
    def epoch(self) -> int:
        return self.header["epoch"]

    @property
    def is_replayed(self) -> bool:
        return bool(self.header["flags"] & REPLAYED)

    @property
    def json(self) -> Json:
        return json.loads(self.frames[2])

    @property
    def state(self) -> str:
        """Of an alert or decision: the last but one part of its type."""
        return str(self.json["type"].split(".")[-2])

    @property
    def plain(self) -> tuple[bytes, ...]:
        """The frames as they were sent live."""
        header = HEADER.pack(b"TIDE", *(self.header | {"flags": self.header["flags"] & ~REPLAYED}).values())
        return (self.frames[0], header, self.frames[2])


def dealer(context: Context, endpoint: str, *, queue: int = 100_000) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, queue)
    socket.setsockopt(zmq.RCVHWM, queue)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.connect(endpoint)
    return socket


class Numbers:
    """Numbers of one source, and the one before on each topic."""

    def __init__(self, source: str, epoch: int | None = None) -> None:
        self.source, self.epoch, self.last = source, epoch or time.time_ns(), 0
        self._topics: dict[str, int] = {}

    def metrics(self, model: str, accuracy: float, event_time: int = 0) -> Frames:
        return self.make(
            f"metrics/{model}/-/{self.source}", METRICS, struct.pack("<d", accuracy), event_time=event_time
        )

    def make(self, topic: str, descriptor: Json, *tensors: bytes, event_time: int = 0) -> Frames:
        self.last += 1
        prev = self._topics.get(topic, 0)
        self._topics[topic] = self.last
        return message(topic, self.epoch, self.last, descriptor, *tensors, prev=prev, event_time=event_time)

    def sign(self, word: str, **said: Json) -> Frames:
        return message(f"{word}/-/-/{self.source}", self.epoch, self.last, {"dropped": 0} | said)


class Reliable:
    """A source on the reliable socket, state by state as the table of the specification has it."""

    def __init__(self, context: Context, endpoint: str, source: str, *, epoch: int | None = None) -> None:
        self.numbers = Numbers(source, epoch)
        self.ring: dict[int, Frames] = {}
        self.acked = self.sent = self.acks = self.resent = 0
        #: What was refused, as (number, descriptor).
        self.nacks: list[tuple[int, Json]] = []
        self.is_open = False
        #: Beyond the acked number; nothing may be on the way before the first ack.
        self.credit = self.credit_bytes = 0
        self._on_way = 0
        self._heard = self._head_at = time.monotonic()
        self.socket = dealer(context, endpoint)
        self._monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self._greet()

    @property
    def lowest(self) -> int:
        return self.acked + 1

    def take(self, frames: Frames) -> int:
        """Into the ring; its number was given by `numbers`."""
        self.ring[self.numbers.last] = frames
        return self.numbers.last

    def metrics(self, model: str, accuracy: float, event_time: int = 0) -> int:
        return self.take(self.numbers.metrics(model, accuracy, event_time))

    def pump(self, wait_ms: int = 0) -> None:
        self._send()
        poller = zmq.Poller()
        for socket in (self.socket, self._monitor):
            poller.register(socket, zmq.POLLIN)
        ready = dict(poller.poll(wait_ms))
        if self._monitor in ready:
            while self._monitor.poll(0):
                parse_monitor_message(self._monitor.recv_multipart())
            self._greet()
        while self.socket.poll(0):
            self._take(Message.of(self.socket.recv_multipart()))
        now = time.monotonic()
        if now - self._heard > GREET_S and (self.ring or not self.is_open):
            self._greet()
        elif now - self._head_at > HEAD_S:
            self._head()
        self._send()

    def settle(self) -> None:
        """Until all that was taken is acknowledged."""
        until(lambda: self.is_open and not self.ring, f"acks of {self.numbers.source}", lambda: self.pump(10))

    def _greet(self) -> None:
        self.is_open = False
        self._heard = time.monotonic()
        self._head()

    def _head(self) -> None:
        self._head_at = time.monotonic()
        self._put(self.numbers.sign("head", interval_ms=1000, first=str(self.lowest)))

    def _put(self, frames: Frames) -> bool:
        try:
            self.socket.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            return False
        return True

    def _take(self, got: Message) -> None:
        if got.word == "ack":
            self._ack(got)
            return
        assert got.word == "nack", got.topic
        self.nacks.append((got.seq, got.json))
        if got.json["code"] == "out_of_order" and self.is_open:
            self._back_to(int(got.json["expected"]) - 1)

    def _ack(self, got: Message) -> None:
        if got.epoch != self.numbers.epoch:
            return
        said = got.json
        assert said["source"] == self.numbers.source and got.seq <= self.numbers.last, said
        self.credit, self.credit_bytes = said["credit"], said["credit_bytes"]
        self.acks += 1
        # Heads are answered whether or not events arrive, so that only an ack that moves on is a sign.
        if got.seq > self.acked or not self.is_open:
            self._heard = time.monotonic()
        while self.acked < got.seq:
            self.acked += 1
            frames = self.ring.pop(self.acked)
            if self.acked <= self.sent:
                self._on_way -= size(frames)
        if not self.is_open:
            self.is_open = True
            self._back_to(self.acked)
        self.sent = max(self.sent, self.acked)

    def _back_to(self, number: int) -> None:
        number = max(number, self.acked)
        self.resent += max(0, self.sent - number)
        self.sent = number
        self._on_way = sum(size(self.ring[each]) for each in range(self.acked + 1, number + 1))

    def _send(self) -> None:
        while self.is_open and self.sent < self.numbers.last and self.sent - self.acked < self.credit:
            frames = self.ring[self.sent + 1]
            if self._on_way + size(frames) > self.credit_bytes and self._on_way or not self._put(frames):
                return
            self.sent += 1
            self._on_way += size(frames)

    def close(self, *, bye: bool = False) -> None:
        if bye:
            self.socket.setsockopt(zmq.LINGER, 1000)
            self._put(self.numbers.sign("bye"))
        self.socket.disable_monitor()
        self.socket.close()


def size(frames: Sequence[bytes]) -> int:
    return sum(map(len, frames))


class Lossy:
    """A source on the ingest socket that numbers, sends heads, and drops rather than waits."""

    def __init__(self, context: Context, endpoint: str, source: str, *, epoch: int | None = None) -> None:
        self.numbers = Numbers(source, epoch)
        self.socket: zmq.Socket[bytes] = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self.socket.connect(endpoint)
        self._head_at = 0.0

    def heard(self) -> Lossy:
        until(lambda: self.socket.poll(100) and self.socket.recv() == b"\x01", "a subscription of the daemon")
        self.head()
        return self

    def metrics(self, model: str, accuracy: float, event_time: int = 0) -> None:
        self.send(self.numbers.metrics(model, accuracy, event_time))
        if time.monotonic() - self._head_at > HEAD_S:
            self.head()

    def send(self, frames: Frames) -> None:
        self.socket.send_multipart(frames)
        while self.socket.poll(0):
            self.socket.recv()

    def head(self) -> None:
        self._head_at = time.monotonic()
        self.send(self.numbers.sign("head", interval_ms=1000))

    def close(self, *, bye: bool = True) -> None:
        if bye:
            self.socket.setsockopt(zmq.LINGER, 1000)
            self.send(self.numbers.sign("bye"))
        self.socket.close()


class Requests:
    """A client of the control socket, with one request outstanding."""

    def __init__(self, context: Context, endpoint: str, name: str = "asker", *, patience_s: float = 1.0) -> None:
        self.name, self.epoch, self.seq, self.patience_s = name, time.time_ns(), 0, patience_s
        self.socket = dealer(context, endpoint)

    def send(self, word: str, descriptor: Json) -> int:
        self.seq += 1
        self.socket.send_multipart(message(f"{word}/-/-/{self.name}", self.epoch, self.seq, descriptor))
        return self.seq

    def receive(self, wait_ms: int) -> Message | None:
        """The next message that does not answer an older request."""
        while self.socket.poll(wait_ms):
            got = Message.of(self.socket.recv_multipart())
            if got.is_replayed or got.seq == self.seq:
                return got
        return None

    def fetch(self, epoch: int, start: int, word: str = "fetch", **said: Json) -> tuple[list[Message], Json]:
        """The messages of one answer, and its end."""
        return self.ask(word, {"epoch": str(epoch), "from": str(start)} | said)

    def ask(self, word: str, descriptor: Json) -> tuple[list[Message], Json]:
        """Asks until there is an end; what answered before was cut short, and is asked for again."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            self.send(word, descriptor)
            found: list[Message] = []
            while (got := self.receive(int(self.patience_s * 1000))) is not None:
                if got.word == "end":
                    assert got.json["request"] == word and got.header["event_time"] == 0
                    assert str(got.epoch) == got.json["epoch"], "an end bears the daemon's epoch"
                    return found, got.json
                found.append(got)
        raise AssertionError(f"no answer to {word} {descriptor}")

    def everything(self, epoch: int, word: str = "fetch", start: int = 1, **said: Json) -> tuple[list[Message], Json]:
        """Part after part, until there is nothing more; the end is that of the last."""
        found, end = self.fetch(epoch, start, word, **said)
        while end["status"] == "more":
            more, end = self.fetch(epoch, int(end["next"]), word, **said)
            found += more
        return found, end

    def feedback(self, decision: str, state: str, **said: Json) -> Message:
        """The ack or nack of a report, which is made again when no answer comes."""
        descriptor = {"decision_id": decision, "state": state} | said
        for _ in range(int(GIVE_UP_S / self.patience_s)):
            self.send("feedback", descriptor)
            got = self.receive(int(self.patience_s * 1000))
            if got is not None:
                assert got.word in ("ack", "nack") and got.json["request"] == "feedback"
                assert got.epoch == self.epoch, "the epoch of the request"
                return got
        raise AssertionError(f"no answer to feedback {descriptor}")

    def close(self) -> None:
        self.socket.close()
