"""The lossless lane: what to send when, and what the daemon's answers mean, without sockets or clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from . import wire
from .errors import WireError
from .outgoing import Outgoing
from .rings import Frames, Ring
from .times import now_ns
from .wire.header import Bytes

#: Seconds without an acknowledgement until the daemon is greeted anew, and without progress until everything that is
#: not acknowledged is sent again; the second is doubled up to the third while nothing changes.
SILENCE_S, STALL_S, MOST_STALL_S = 3.0, 3.0, 30.0


@dataclass(frozen=True)
class Refusal:
    """A message that the daemon received and refused for a reason of the protocol. It is not sent again."""

    epoch: int
    sequence: int
    code: str
    detail: str


class Lane:
    """Sends a ring in order from the acknowledged number on, as far as the daemon's credit goes.

    Whoever drives it tells of connections, hands over what comes, and sends what `next` gives, calling `sent` when
    that went out. Times are seconds of any clock that does not go back.
    """

    def __init__(self, source: str, ring: Ring, head_interval: float) -> None:
        self.ring = ring
        self.greeted = False
        self.forgotten = False
        self.highest = ring.acked
        self._source = source
        self._interval = head_interval
        self._connected = False
        self._head_due = 0.0
        self._next = ring.acked + 1
        self._credit = self._credit_bytes = 0
        self._heard_at = 0.0
        self._moved_at = 0.0
        self._stall = STALL_S
        self._behind = False
        self._offered: Optional[int] = None

    # Connections.

    def connected(self, now: float) -> None:
        """There is a connection, perhaps to another process than before: it is greeted."""
        self._connected = True
        self._greet(now)

    def disconnected(self) -> None:
        self._connected = self.greeted = False

    def _greet(self, now: float) -> None:
        self.greeted = self._behind = False
        self._head_due = self._heard_at = now

    # What comes.

    def take(self, frames: Sequence[Bytes], now: float) -> Optional[Refusal]:
        """An answer of the daemon. WireError when it is none."""
        message = wire.unpack(frames)
        header = message.header
        if header.kind not in (wire.Kind.ACK, wire.Kind.NACK) or message.descriptor.get("request") is not None:
            raise WireError("malformed", f"{message.topic.kind} on the lossless lane")
        if header.epoch != self.ring.epoch:
            return None  # of an earlier numbering of this source
        if header.kind == wire.Kind.ACK:
            ack = wire.read_ack(message.descriptor)
            if ack.source == self._source:
                self._acked(header.seq, ack, now)
            return None
        nack = wire.read_nack(message.descriptor)
        if nack.expected is None:
            return Refusal(header.epoch, header.seq, nack.code, nack.detail)
        if nack.expected <= self.ring.acked:
            self._forgot(now)
        elif nack.expected < self._next:
            self._next = nack.expected
        return None

    def _acked(self, seq: int, ack: wire.Ack, now: float) -> None:
        self._heard_at = now
        self._credit, self._credit_bytes = ack.credit, ack.credit_bytes
        if seq < self.ring.acked:
            if not self._behind:
                self._forgot(now)
        else:
            self._behind = False
            if seq > self.ring.acked:
                # Beyond the last number it is a ring from an older copy of its file: those numbers are used.
                self.ring.release(seq)
                self._moved(now)
        if not self.greeted:
            self.greeted = True
            self._next = self.ring.acked + 1
            self._moved(now)
        self._next = max(self._next, self.ring.acked + 1)
        self.highest = max(self.highest, self.ring.acked)

    def _forgot(self, now: float) -> None:
        """The daemon's journal is lost or older: what was acknowledged is no longer here, and the head says so."""
        self._next = self.ring.acked + 1
        if not self._behind:
            self.forgotten = self._behind = True
            self._head_due = now

    def _moved(self, now: float) -> None:
        self._moved_at, self._stall = now, STALL_S

    # What goes.

    def next(self, now: float) -> Optional[Frames]:
        """What to send now; None when there is nothing, or nothing allowed."""
        self._offered = None
        if not self._connected:
            return None
        if now >= self._heard_at + SILENCE_S:
            self._greet(now)
        if now >= self._head_due:
            self._offered = 0
            return self.sign(wire.Kind.HEAD)
        if not self.greeted:
            return None
        if self._next > self.ring.acked + 1 and now >= self._moved_at + self._stall:
            self._next, self._moved_at = self.ring.acked + 1, now
            self._stall = min(2 * self._stall, MOST_STALL_S)
        seq, flying = self._next, self._next - 1 - self.ring.acked
        if seq > min(self.ring.last, self.ring.synced):
            return None
        if flying and (flying >= self._credit or self.ring.flying(seq) > self._credit_bytes):
            return None
        if self._credit < 1:
            return None
        self._offered = seq
        return self.ring.frames(seq)

    def sent(self, now: float) -> None:
        """What `next` gave last has gone out."""
        if self._offered == 0:
            self._head_due = now + self._interval
        elif self._offered is not None:
            if self._offered == self.ring.acked + 1:
                self._moved_at = now
            self._next = self._offered + 1
            self.highest = max(self.highest, self._offered)
        self._offered = None

    def sign(self, kind: wire.Kind) -> Frames:
        """A head, which says from where on everything can be sent, or a bye."""
        topic = wire.Topic(kind.word, None, None, self._source).pack()
        if kind == wire.Kind.HEAD:
            interval = max(1, round(self._interval * 1000))
            descriptor = wire.head_descriptor(0, interval, self.ring.acked + 1)
        else:
            descriptor = wire.bye_descriptor(0)
        message = Outgoing(kind, topic, descriptor, now_ns())
        made: list[Any] = [topic, message.header(self.ring.epoch, self.ring.last, 0), descriptor]
        return made

    def deadline(self) -> Optional[float]:
        """When `next` may have something to give though nothing happened; None without a connection."""
        if not self._connected:
            return None
        times = [self._head_due, self._heard_at + SILENCE_S]
        if self.greeted and self._next > self.ring.acked + 1:
            times.append(self._moved_at + self._stall)
        return min(times)
