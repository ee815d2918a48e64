"""Outputs of one daemon without a hole: live messages and stored ones put in order, without sockets or clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from . import wire
from .cursors import Position
from .errors import WireError
from .events import Gap, Item, Restart, Unanswered
from .reader import DURABLE, LIVE, Opened, Reader, opened, prefixes
from .wire.header import Bytes

#: An item, and where a reader goes on that is done with it; None where the item changes nothing about that.
Placed = tuple[Item, Optional[Position]]

#: Seconds without an answer until a request is made again, and until that is told.
REPEAT_S, TELL_S = 5.0, 10.0
#: Seconds until the next request after a `busy`; doubled up to the second.
BUSY_S, MOST_BUSY_S = 1.0, 30.0
#: Live messages that wait for what comes before them: so many, and so many bytes. What is over is fetched again.
HELD_MESSAGES, HELD_BYTES = 4_096, 16 * 1024 * 1024
#: Of answers whose end has not come: two of the largest, so that one that was cut off does not crowd out the next.
ANSWER_MESSAGES, ANSWER_BYTES = 2 * wire.FETCH_MESSAGES, 4 * wire.FETCH_BYTES
#: Answers that bring nothing though they say that there is something, until that counts as lost.
FRUITLESS = 3

_ANSWERS = frozenset({wire.Kind.END})


@dataclass
class _Asked:
    """The request that is outstanding. `void`: what it asked for is no longer wanted."""

    kind: wire.Kind
    seq: int
    epoch: int
    start: int
    known: int
    frames: list[bytes]
    first_at: float
    heard_at: float
    void: bool = False
    told: bool = False


class Follower:
    """Takes live messages and answers, and gives the events of one daemon in the order of their numbers, each once.

    It follows the daemon whose head or message comes first. Whoever drives it subscribes to `prefixes`, hands live
    messages to `take` and what comes from the control socket to `answer`, calls `tick` when nothing is left to take,
    and sends what `ask` gives. Times are seconds of any clock that does not go back.

    All alerts and decisions are subscribed to whatever was asked for, since only then does each number say whether
    something is missing; what was not asked for is passed over. ValueError without one of these kinds.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        model: Optional[str],
        version: Optional[str],
        *,
        position: Optional[Position],
        snapshot: bool,
        endpoint: str,
        requester: str,
        epoch: int,
    ) -> None:
        durable = [kind for kind in kinds if kind in DURABLE]
        if not durable:
            raise ValueError("control without alerts or decisions: nothing else is stored")
        self._reader = Reader(kinds, model, version)
        self._wanted = tuple(prefixes(durable, model, version)[:-2])
        live = prefixes([kind for kind in kinds if kind in LIVE], model, version)[:-2] if set(kinds) & LIVE else []
        self.prefixes = [b"alert/", b"decision/", *live, b"bye/", b"head/"]
        self._exact = set(durable) == DURABLE and model is None
        self._asks = None if self._exact else [prefix.decode() for prefix in self._wanted]
        self._snapshot = snapshot
        self._endpoint = endpoint
        self._requester = wire.Topic("fetch", None, None, requester)
        self._request_epoch = epoch
        self._requests = 0
        # Where it is: `name`, `epoch` and `next` as in a position; `known` is the last number known to exist.
        self._name: Optional[str] = None
        self._epoch: Optional[int] = None
        self._next = 1
        self._known = 0
        self._unsure = False
        if position is not None:
            self._name, self._epoch, self._next = position.source, position.epoch, position.next
            self._known = position.next - 1
            self._unsure = True
        # What came last on the live socket, which keeps the order of numbers but may be behind the answers.
        self._met = False
        self._doubt = False
        self._live_epoch = self._epoch
        self._live_last = self._known
        # A snapshot that is being taken: from where to ask. Of what was before `next` it tells what is open; what
        # comes from there on is handed over whole, so that nothing is missed that changes during the snapshot.
        self._from: Optional[int] = None
        self._held: dict[int, Opened] = {}
        self._held_bytes = 0
        self._asked: Optional[_Asked] = None
        # Stored messages do not say to which request they belong, and an answer may be cut off: only the end says
        # that everything up to its `next` is here, be it from this answer or from the beginning of another.
        self._stored: dict[int, Opened] = {}
        self._stored_bytes = 0
        self._stored_whole = True
        self._not_before = 0.0
        self._busy = BUSY_S
        self._fruitless = 0

    @property
    def position(self) -> Optional[Position]:
        """Behind everything that was given; None before the first word of the daemon, and during a snapshot."""
        if self._epoch is None or self._name is None or self._from is not None:
            return None
        return Position(self._name, self._epoch, self._next)

    # Live messages.

    def take(self, frames: Sequence[Bytes], now: float) -> list[Placed]:
        """What a live message says; WireError when it is none."""
        if not wire.is_framed(frames):
            return self._others(bytes(frames[0]) if frames else b"", self._reader.take(frames, now))
        message = opened(frames)
        source = message.topic.source
        if source.endswith(".live") or (self._met and source != self._name):
            return self._others(message.packed, self._reader.place(message, now))
        placed: list[Placed] = []
        if message.header.is_repeat:
            # What was missed is fetched, in its place.
            self._reader.hear(source, now)
            return placed
        self._name = source
        self._live(message, placed)
        if message.is_sign:
            placed += ((item, None) for item in self._reader.beat(message, now))
        else:
            self._reader.hear(source, now)
        return placed

    def _others(self, packed: bytes, items: list[Item]) -> list[Placed]:
        """Of a message without a number, or of another numbering than the one that is followed."""
        if packed.startswith((b"alert/", b"decision/")) and not packed.startswith(self._wanted):
            return []
        return [(item, None) for item in items]

    def _live(self, message: Opened, placed: list[Placed]) -> None:
        seq, epoch, is_sign = message.header.seq, message.header.epoch, message.is_sign
        before = seq if is_sign else seq - 1
        if self._epoch is None:
            self._epoch, self._next, self._known = epoch, before + 1, before
            self._from = 1 if self._snapshot else None
        elif epoch != self._epoch:
            if self._live_epoch != self._epoch and epoch < self._epoch:
                # Sent before what the control socket has already told of, as a rule; asking shows.
                self._doubt = True
                return
            self._changed(epoch, before, placed)
        elif is_sign and self._live_epoch == epoch and seq < self._live_last:
            self._went_back(seq, placed)
        self._met = True
        if self._live_epoch != epoch:
            self._live_epoch, self._live_last = epoch, 0
        self._live_last = max(self._live_last, seq)
        self._unsure = False
        self._known = max(self._known, seq)
        if is_sign or seq < self._next:
            return
        if seq == self._next and self._from is None:
            self._give(message, placed)
            self._drain(placed)
        else:
            self._hold(message)

    def _hold(self, message: Opened) -> None:
        if message.header.seq in self._held:
            return
        self._held[message.header.seq] = message
        self._held_bytes += message.nbytes
        while len(self._held) > HELD_MESSAGES or self._held_bytes > HELD_BYTES:
            self._held_bytes -= self._held.pop(max(self._held)).nbytes

    # Giving, in order.

    def _give(self, message: Opened, placed: list[Placed]) -> None:
        """The message of the next number."""
        self._next = message.header.seq + 1
        self._known = max(self._known, message.header.seq)
        if message.packed.startswith(self._wanted) and message.event is not None and self._reader.is_new(message.event):
            placed.append((message.event, self.position))

    def _drain(self, placed: list[Placed]) -> None:
        """What was held and is next now."""
        if not self._held:
            return
        if min(self._held) < self._next:
            for seq in [seq for seq in self._held if seq < self._next]:
                self._held_bytes -= self._held.pop(seq).nbytes
        while (message := self._held.pop(self._next, None)) is not None:
            self._held_bytes -= message.nbytes
            self._give(message, placed)

    def _pass(self, target: int, placed: list[Placed], reason: Optional[str]) -> None:
        """Goes on to a number: gives what is held before it; the rest is a gap, or with no reason was of others."""
        self._drain(placed)
        while self._next < target:
            until = min((seq for seq in self._held if seq < target), default=target)
            first, self._next = self._next, until
            if reason is not None and self._name is not None and self._epoch is not None:
                missing = until - first if self._exact else 0
                gap = Gap(self._name, self._epoch, first, until - 1, missing, self._exact, False, None, reason)
                placed.append((gap, self.position))
            self._drain(placed)

    def _forget(self) -> None:
        self._held.clear()
        self._held_bytes = 0
        self._stored, self._stored_bytes = {}, 0
        self._fruitless = 0
        if self._asked is not None:
            self._asked.void = True

    def _changed(self, epoch: int, before: int, placed: list[Placed]) -> None:
        """Another numbering. A later one is read from its first number; an earlier one is joined where it is."""
        assert self._epoch is not None and self._name is not None
        previous, self._from = self._epoch, None
        if self._unsure and self._known < self._next:
            gap = Gap(self._name, previous, self._next, self._next, 0, False, False, None, "epoch")
            placed.append((gap, None))
        self._pass(self._known + 1, placed, "epoch")
        self._forget()
        self._epoch, self._known, self._unsure = epoch, before, False
        self._next = 1 if epoch > previous else before + 1
        self._from = 1 if self._snapshot and epoch < previous else None
        placed.append((Restart(self._name, epoch, previous), self.position))

    def _went_back(self, head: int, placed: list[Placed]) -> None:
        """The same numbering, but not as far as it was: nobody knows which numbers are used for something else now."""
        assert self._epoch is not None and self._name is not None
        self._forget()
        self._next, self._known, self._live_last = head + 1, head, head
        self._from = 1 if self._snapshot else None
        placed.append((Restart(self._name, self._epoch, self._epoch), None))
        if head:
            gap = Gap(self._name, self._epoch, 1, head, 0, False, False, None, "epoch")
            placed.append((gap, self.position))

    # Requests.

    def ask(self, now: float) -> Optional[list[bytes]]:
        """The request to send now, if any. One that cannot be sent counts as lost."""
        asked = self._asked
        if asked is not None:
            if now < asked.heard_at + REPEAT_S:
                return None
            if not asked.void:
                asked.heard_at = now
                return asked.frames
            self._asked = None
        wanted = self._wants()
        if wanted is None or self._epoch is None or now < self._not_before:
            return None
        kind, start = wanted
        self._requests += 1
        descriptor = wire.dump(wire.fetch_descriptor(self._epoch, start, prefixes=self._asks))
        header = wire.Header(kind, wire.MIN_FRAMES, self._request_epoch, self._requests)
        frames = [wire.Topic(kind.word, None, None, self._requester.source).pack(), header.pack(), descriptor]
        self._asked = _Asked(kind, self._requests, self._epoch, start, self._known, frames, now, now)
        return frames

    def _wants(self) -> Optional[tuple[wire.Kind, int]]:
        if not self._met:
            return None  # not before the subscription is in force, which the first word shows
        if self._from is not None:
            return wire.Kind.SNAPSHOT, self._from
        return (wire.Kind.FETCH, self._next) if self._known >= self._next or self._doubt else None

    def answer(self, frames: Sequence[Bytes], now: float) -> list[Placed]:
        """What a message from the control socket says; WireError when it is none, or of another daemon."""
        message = opened(frames, _ANSWERS)
        if message.topic.source != self._name:
            raise WireError("topic_mismatch", f"an answer of {message.topic.source!r}, not {self._name!r}")
        placed: list[Placed] = []
        asked = self._asked
        if message.header.kind == wire.Kind.END:
            end = wire.read_end(message.said)
            stored, whole = self._stored, self._stored_whole
            self._stored, self._stored_bytes, self._stored_whole = {}, 0, True
            if asked is not None and message.header.seq == asked.seq:
                self._asked, self._doubt = None, False
                if whole and not asked.void:
                    self._ended(asked, end, stored, now, placed)
        elif not message.is_sign and asked is not None:
            asked.heard_at = now
            if message.header.epoch == self._epoch and message.header.seq not in self._stored:
                self._stored[message.header.seq] = message
                self._stored_bytes += message.nbytes
                if len(self._stored) > ANSWER_MESSAGES or self._stored_bytes > ANSWER_BYTES:
                    self._stored, self._stored_bytes, self._stored_whole = {}, 0, False
        return placed

    def _ended(self, asked: _Asked, end: wire.End, stored: dict[int, Opened], now: float, placed: list[Placed]) -> None:
        if end.status in ("busy", "malformed"):
            self._not_before = now + self._busy
            self._busy = min(2 * self._busy, MOST_BUSY_S)
            if end.status == "malformed":
                raise WireError("malformed", f"the daemon refused a request: {end.detail}")
            return
        self._busy = BUSY_S
        if end.status == "no_journal":
            self._no_journal(placed)
        elif end.status == "epoch_mismatch" or end.epoch != self._epoch:
            if end.epoch != self._epoch and end.epoch:
                self._changed(end.epoch, end.head, placed)
        elif end.head < asked.known:
            self._went_back(end.head, placed)
        else:
            self._unsure = False
            self._known = max(self._known, end.head)
            if self._from is not None:
                self._snapped(end, stored, placed)
            else:
                self._fetched(asked, end, stored, placed)

    def _no_journal(self, placed: list[Placed]) -> None:
        if self._from is not None:  # then from where it joined
            self._from = None
            self._drain(placed)
        else:
            self._pass(self._known + 1, placed, "truncated")

    def _snapped(self, end: wire.End, stored: dict[int, Opened], placed: list[Placed]) -> None:
        for _, message in sorted(stored.items()):
            event = message.event
            if event is None or message.header.seq >= self._next or not message.packed.startswith(self._wanted):
                continue
            if self._reader.is_new(event):
                placed.append((event, None))
        if end.status == "complete" or end.next >= self._next:
            self._from = None
            self._drain(placed)
        else:
            self._from = max(end.next, 1)

    def _fetched(self, asked: _Asked, end: wire.End, stored: dict[int, Opened], placed: list[Placed]) -> None:
        for seq, message in sorted(stored.items()):
            if end.status == "truncated":  # of an answer before this one, which was cut off
                self._hold(message)
            elif self._next <= seq < end.next:
                if not self._exact:
                    self._pass(seq, placed, None)
                if seq == self._next:
                    self._give(message, placed)
                else:
                    self._hold(message)  # something is missing in the answer itself
        if end.status == "truncated":
            self._pass(end.next, placed, "truncated")
        elif not self._exact:
            self._pass(end.next, placed, None)
        self._drain(placed)
        if self._next > asked.start or self._known < self._next:
            self._fruitless = 0
            return
        self._fruitless += 1
        if self._fruitless >= FRUITLESS:
            self._fruitless = 0
            self._pass(min(self._held, default=max(end.next, self._next + 1)), placed, "lost")

    # Time.

    def tick(self, now: float) -> list[Placed]:
        """What silence says: of the daemon, and of its control socket."""
        placed: list[Placed] = [(item, None) for item in self._reader.tick(now)]
        asked = self._asked
        if asked is not None and not asked.told and now >= asked.first_at + TELL_S and now >= asked.heard_at:
            asked.told = True
            placed.append((Unanswered(self._endpoint, now - asked.first_at), None))
        return placed

    def deadline(self) -> Optional[float]:
        """When `tick` or `ask` may next have something to say."""
        times = [self._reader.deadline()]
        asked = self._asked
        if asked is not None:
            times.append(asked.heard_at + REPEAT_S)
            if not asked.told:
                times.append(asked.first_at + TELL_S)
        elif self._wants() is not None:
            times.append(self._not_before)
        return min((time for time in times if time is not None), default=None)
