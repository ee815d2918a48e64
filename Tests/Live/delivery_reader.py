"""A bare reader that resumes by fetching, written from `protocol/specification.md`: it hands over each number once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import zmq
from delivery_peers import RECONNECT_MS, Context, Message, Reliable, Requests, until


@dataclass
class Reader:
    """A resuming reader of all alerts and decisions: hands over each number once, in order."""

    context: Context
    output: str
    control: str
    cursor: tuple[int, int] | None = None
    handed: list[Message] = field(default_factory=list)
    #: Every message that was seen, live or stored, by epoch and number.
    seen: dict[tuple[int, int], tuple[bytes, ...]] = field(default_factory=dict)
    #: When each was first seen live, by this machine's clock.
    arrived: dict[tuple[int, int], int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    fetches: int = 0
    patience_s: float = 0.5

    def __post_init__(self) -> None:
        self.requests = Requests(self.context, self.control, "reader")
        self.socket: zmq.Socket[bytes] = self.context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self.socket.connect(self.output)
        for prefix in ("alert/", "decision/", "bye/", "head/"):
            self.socket.subscribe(prefix)
        self._held: list[Message] = []
        self._nudges = 0
        self._asked_at: float | None = None

    def joined(self) -> Reader:
        until(lambda: self.cursor, "the first head", lambda: self.pump(50))
        return self

    def pump(self, wait_ms: int = 0) -> None:
        poller = zmq.Poller()
        for socket in (self.socket, self.requests.socket):
            poller.register(socket, zmq.POLLIN)
        poller.poll(wait_ms)
        while self.socket.poll(0):
            self._live(Message.of(self.socket.recv_multipart()))
        while self._asked_at is not None and (got := self.requests.receive(0)) is not None:
            self._answer(got)
        if self._asked_at is not None and time.monotonic() - self._asked_at > self.patience_s:
            self._ask()

    def until_caught_up(self) -> None:
        """Until all is handed over that is published by now; the daemon runs."""
        asker = Requests(self.context, self.control, "asker")
        _, end = asker.fetch(1, 2**64 - 1)
        asker.close()
        epoch, head = int(end["epoch"]), int(end["head"])

        def is_there() -> bool:
            self.pump(50)
            return self.cursor is not None and self.cursor[0] == epoch and self.cursor[1] > head and not self._asked_at

        # Each new subscription is answered by a head at once.
        self._nudges += 1
        self.socket.subscribe(f"none/{self._nudges}")
        until(is_there, f"all up to {head}")

    def wait_for(
        self, wanted: Callable[[Message], bool], *beside: Reliable | Reader, what: str = "a message", after: int = 0
    ) -> Message:
        """The first that is wanted of what is handed over, from a place in `handed` on; others are pumped beside."""

        def found() -> Message | None:
            each = next((each for each in self.handed[after:] if wanted(each)), None)
            if each is None:
                self.pump(20)
                for other in beside:
                    other.pump(1)
            return each

        try:
            message: Message = until(found, what)
            return message
        except AssertionError as error:
            raise AssertionError(f"{error}; handed over: {[each.json['type'] for each in self.handed]}") from None

    def _live(self, got: Message) -> None:
        if got.word in ("head", "bye"):
            if not got.topic.endswith(".live"):
                self._take_head(got)
            return
        if got.is_replayed:
            assert got.word == "alert" and got.seq == got.header["prev"] == 0, "the flag is set on repeats alone"
            return
        self._see(got)
        self.arrived.setdefault((got.epoch, got.seq), time.time_ns())
        self._message(got)

    def _message(self, got: Message) -> None:
        if self.cursor is None:
            self.cursor = (got.epoch, got.seq)
        epoch, following = self.cursor
        if self._asked_at is None and got.epoch == epoch and got.seq <= following:
            self._hand(got)
            return
        self._held.append(got)
        self._ask_unless_asked()

    def _take_head(self, got: Message) -> None:
        if self.cursor is None:
            self.cursor = (got.epoch, got.seq + 1)
        if got.epoch != self.cursor[0] or got.seq >= self.cursor[1]:
            self._ask_unless_asked()

    def _see(self, got: Message) -> None:
        key = (got.epoch, got.seq)
        assert self.seen.setdefault(key, got.plain) == got.plain, f"other bytes under {key}"

    def _hand(self, got: Message) -> None:
        assert self.cursor is not None
        if got.seq == self.cursor[1]:
            self.handed.append(got)
            self.cursor = (got.epoch, got.seq + 1)

    def _ask_unless_asked(self) -> None:
        if self._asked_at is None:
            self._ask()

    def _ask(self) -> None:
        assert self.cursor is not None
        self._asked_at = time.monotonic()
        self.fetches += 1
        epoch, following = self.cursor
        said = {"epoch": str(epoch), "from": str(following), "prefixes": ["alert/", "decision/"]}
        self.requests.send("fetch", said)

    def _answer(self, got: Message) -> None:
        assert self.cursor is not None
        self._asked_at = time.monotonic()
        if got.word != "end":
            assert got.is_replayed, "stored messages bear the flag"
            self._see(got)
            assert got.seq <= self.cursor[1], f"{got.seq} after {self.cursor}: a hole in what is stored"
            self._hand(got)
            return
        said = got.json
        status, epoch, following = said["status"], int(said["epoch"]), int(said["next"])
        if status in ("truncated", "epoch_mismatch", "no_journal"):
            self.gaps.append(status)
            self.cursor = (epoch, following)
        elif status in ("complete", "more"):
            assert following >= self.cursor[1] or status == "more", f"numbers went back: {said}, {self.cursor}"
            self.cursor = (epoch, max(following, self.cursor[1]))
        if status in ("complete", "no_journal"):
            self._asked_at = None
            held, self._held = self._held, []
            for each in held:
                self._message(each)
        elif status != "busy":
            self._ask()

    def close(self) -> None:
        self.requests.close()
        self.socket.close()
