"""What both subscribers drive: a reader, or a follower with its cursor, and the items that wait to be handed over."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any, Optional, Union

import zmq

from .cursors import Cursor, Position, as_cursor
from .curve import Curve
from .errors import WireError
from .events import Item
from .following import Follower, Placed
from .naming import default_source, new_epoch
from .reader import Reader
from .transport import check_endpoint, connect, set_transport

CONTROL = "tcp://127.0.0.1:7412"
AnyCursor = Union[None, str, "os.PathLike[str]", Cursor]

#: A frame above this is no output; the connection is cut and made again.
_LARGEST_FRAME = 64 * 1024 * 1024
#: Requests that wait for a connection; each is repeated, so more would only be answered more than once.
_REQUESTS = 2
#: Messages of answers that wait in ZeroMQ: those of two of the largest, with room.
_ANSWERS = 2_048
#: Numbers that went by without an event are saved no more often than this, in seconds.
_SAVE_S = 1.0


class Feed:
    """Frames in, items out, one at a time; keeps the cursor. Not for several threads at once."""

    def __init__(
        self,
        kinds: Sequence[str],
        model: Optional[str],
        version: Optional[str],
        control: Optional[str],
        cursor: AnyCursor,
        snapshot: bool,
    ) -> None:
        self.rejected = 0
        self._items: deque[Placed] = deque()
        self._cursor = as_cursor(cursor)
        self._handed: Optional[Position] = None
        self._saved: Optional[Position] = None
        self._saved_at: Optional[float] = None
        self._follower: Optional[Follower] = None
        self._reader: Optional[Reader] = None
        if control is None:
            if cursor is not None or snapshot:
                raise ValueError("a cursor or a snapshot without control: what was missed is asked for there")
            self._reader = Reader(kinds, model, version)
            self.prefixes = self._reader.prefixes
            return
        check_endpoint(control)
        self._saved = None if self._cursor is None else self._cursor.load()
        self._follower = Follower(
            kinds,
            model,
            version,
            position=self._saved,
            snapshot=snapshot,
            endpoint=control,
            requester=default_source(),
            epoch=new_epoch(),
        )
        self.prefixes = self._follower.prefixes

    def take(self, frames: Sequence[bytes], now: float) -> None:
        """A live message; one that is none is counted."""
        try:
            if self._follower is not None:
                self._items += self._follower.take(frames, now)
            elif self._reader is not None:
                self._items += ((item, None) for item in self._reader.take(frames, now))
        except WireError:
            self.rejected += 1

    def answer(self, frames: Sequence[bytes], now: float) -> None:
        """A message from the control socket."""
        assert self._follower is not None
        try:
            self._items += self._follower.answer(frames, now)
        except WireError:
            self.rejected += 1

    def ask(self, now: float) -> Optional[list[bytes]]:
        return None if self._follower is None else self._follower.ask(now)

    def tick(self, now: float) -> None:
        """What silence says; for when nothing is left to take."""
        if self._follower is not None:
            self._items += self._follower.tick(now)
            self._pass_over(now)
        elif self._reader is not None:
            self._items += ((item, None) for item in self._reader.tick(now))

    def deadline(self) -> Optional[float]:
        """When `tick` or `ask` may next have something to say."""
        side = self._follower or self._reader
        return None if side is None else side.deadline()

    def hand_over(self) -> Optional[Item]:
        """The next item; None when none waits."""
        if not self._items:
            return None
        item, position = self._items.popleft()
        self._handed = position or self._handed
        return item

    @property
    def position(self) -> Optional[Position]:
        return None if self._follower is None else self._follower.position

    @property
    def waiting(self) -> bool:
        return bool(self._items)

    def commit(self) -> None:
        """What was handed over is done with: the cursor moves behind it."""
        if self._handed is not None:
            self._save(self._handed)
            self._handed = None

    def _pass_over(self, now: float) -> None:
        """Numbers behind the last item that were of others, so that they are not fetched again."""
        if self._cursor is None or self._items or self._handed is not None or self._follower is None:
            return
        position = self._follower.position
        if position is None or position == self._saved:
            return
        if self._saved_at is None or now >= self._saved_at + _SAVE_S:
            self._save(position)
            self._saved_at = now

    def _save(self, position: Position) -> None:
        if self._cursor is not None and position != self._saved:
            self._cursor.save(position)
        self._saved = position


def configure(
    socket: zmq.Socket[Any], endpoint: str, queue: int, feed: Feed, curve: Optional[Curve] = None
) -> None:
    """Options, the subscriptions that a feed wants, and the connection."""
    check_endpoint(endpoint)
    if queue < 1:
        raise ValueError("queue is at least 1")
    set_transport(socket, endpoint, curve)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, queue)
    socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_FRAME)
    for prefix in feed.prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix)
    connect(socket, endpoint)


def configure_control(socket: zmq.Socket[Any], endpoint: str, curve: Optional[Curve] = None) -> None:
    """Options of a DEALER to the control socket, and the connection."""
    check_endpoint(endpoint)
    set_transport(socket, endpoint, curve)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, _REQUESTS)
    socket.setsockopt(zmq.RCVHWM, _ANSWERS)
    socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_FRAME)
    connect(socket, endpoint)


def wait_ms(now: float, *ends: Optional[float]) -> Optional[int]:
    """Milliseconds until the first of some moments, rounded up; None when there is none."""
    first = min((end for end in ends if end is not None), default=None)
    return None if first is None else max(0, int((first - now) * 1000) + 1)
