"""The subscriber: alerts, decisions and assessments of a Tidemark daemon, with what got lost on the way."""

from __future__ import annotations

import os
import socket as sockets
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Optional

import zmq

from .errors import ClosedError, ForkError, WireError
from .events import Item
from .reader import Reader
from .transport import check_endpoint, connect, set_transport

OUTPUT = "tcp://127.0.0.1:7411"
#: A frame above this is no output; the connection is cut and made again.
_LARGEST_FRAME = 64 * 1024 * 1024


class Subscriber:
    """Reads outputs of a daemon, in order, without duplicates.

        with Subscriber(kinds=("alert",), model="fraud") as subscriber:
            for event in subscriber:
                ...

    It hands over `Alert`, `Decision`, `Assessment` and `SourcesReport`, `Event` for types that this package does not
    know, and what was noticed about the delivery: `Gap`, `Restart`, `Stale` and `Ended`. Bytes that are no message are
    counted in `rejected` and passed over.

    One thread at a time may receive; `close()` may be called from any, and ends an iteration.

    Parameters
    ----------
    endpoint: where the daemon sends, `tcp://HOST:PORT` or `ipc://PATH`.
    kinds: of `alert`, `decision`, `assessment`, `status`. With both of `alert` and `decision`, and no `model`,
        what is lost is counted exactly; so it is with both of `assessment` and `status`.
    model, version: only what is about these; `version` needs a `model`.
    queue: messages that wait in ZeroMQ; beyond it the daemon's queue fills, then the newest are lost.
    """

    _closed = True  # until there is something to close

    def __init__(
        self,
        endpoint: str = OUTPUT,
        *,
        kinds: Sequence[str] = ("alert", "decision"),
        model: Optional[str] = None,
        version: Optional[str] = None,
        queue: int = 10_000,
    ) -> None:
        self._reader = Reader(kinds, model, version)
        self._pid = os.getpid()
        self._items: deque[Item] = deque()
        self._rejected = 0
        self._using = threading.Lock()
        self._user: Optional[int] = None
        self._wake_out, self._wake_in = sockets.socketpair()
        self._wake_out.setblocking(False)
        self._context: zmq.Context[Any] = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.SUB)
            configure(self._socket, endpoint, queue, self._reader)
        except BaseException:
            self._context.destroy(linger=0)
            self._wake_out.close()
            self._wake_in.close()
            raise
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._wake_in.fileno(), zmq.POLLIN)
        self._closed = False

    @property
    def rejected(self) -> int:
        """Messages that were none of the protocol."""
        return self._rejected

    def receive(self, timeout: Optional[float] = None) -> Optional[Item]:
        """The next event, or None when there was none for `timeout` seconds; without one it waits.

        ClosedError when the subscriber is closed, also while this waits.
        """
        if self._pid != os.getpid():
            raise ForkError(f"this Subscriber was made in process {self._pid}, and this is {os.getpid()}")
        give_up = None if timeout is None else time.monotonic() + timeout
        if not self._using.acquire(blocking=False):
            if self._closed:
                raise ClosedError("the subscriber is closed")
            raise RuntimeError("another thread is receiving: one at a time")
        self._user = threading.get_ident()
        try:
            return self._receive(give_up)
        finally:
            self._user = None
            if self._closed:
                self._end()
            self._using.release()

    def events(self, timeout: Optional[float] = None) -> Iterator[Item]:
        """Events until none came for `timeout` seconds, or until `close()`."""
        while True:
            try:
                item = self.receive(timeout)
            except ClosedError:
                return
            if item is None:
                return
            yield item

    def __iter__(self) -> Iterator[Item]:
        return self.events()

    def close(self) -> None:
        """Ends the subscription. From any thread, also from a signal handler; a second call does nothing."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        try:
            self._wake_out.send(b"\0")
        except OSError:
            pass
        if self._user != threading.get_ident():  # else this call interrupts a receive, which then closes
            with self._using:
                self._end()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed and self._pid == os.getpid():
            self._closed = True
            self._end()

    def _receive(self, give_up: Optional[float]) -> Optional[Item]:
        while True:
            if self._closed:
                raise ClosedError("the subscriber is closed")
            if self._items:
                return self._items.popleft()
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                now = time.monotonic()
                # Only now that nothing is left to read is silence the daemon's, and not this program's.
                self._items += self._reader.tick(now)
                if self._items:
                    continue
                if give_up is not None and now >= give_up:
                    return None
                self._poller.poll(wait_ms(now, give_up, self._reader.deadline()))
                continue
            try:
                self._items += self._reader.take(frames, time.monotonic())
            except WireError:
                self._rejected += 1

    def _end(self) -> None:
        """Closes the sockets, once; whoever calls it holds the lock, or is the last to know of this object."""
        if not self._socket.closed:
            self._socket.close(linger=0)
            self._context.term()
            self._wake_out.close()
            self._wake_in.close()


def configure(socket: zmq.Socket[Any], endpoint: str, queue: int, reader: Reader) -> None:
    """Options, the subscriptions that a reader wants, and the connection."""
    check_endpoint(endpoint)
    if queue < 1:
        raise ValueError("queue is at least 1")
    set_transport(socket, endpoint)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, queue)
    socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST_FRAME)
    for prefix in reader.prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix)
    connect(socket, endpoint)


def wait_ms(now: float, *ends: Optional[float]) -> Optional[int]:
    """Milliseconds until the first of some moments, rounded up; None when there is none."""
    first = min((end for end in ends if end is not None), default=None)
    return None if first is None else max(0, int((first - now) * 1000) + 1)
