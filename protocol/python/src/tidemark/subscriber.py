"""The subscriber: alerts, decisions and assessments of a Tidemark daemon, with what got lost on the way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Optional, TypeVar

import zmq

from .cursors import Position
from .curve import Curve
from .errors import ClosedError, ForkError
from .events import Item
from .feed import AnyCursor, Feed, configure, configure_control, wait_ms
from .wakeup import Wakeup

OUTPUT = "tcp://127.0.0.1:7411"
Result = TypeVar("Result")


class Subscriber:
    """Reads outputs of a daemon, in order, without duplicates.

        with Subscriber(kinds=("alert",), model="fraud") as subscriber:
            for event in subscriber:
                ...

    It hands over `Alert`, `Decision`, `DecisionChange`, `Assessment`, `SourcesReport` and `JournalReport`, `Event` for types that this package does not
    know, and what was noticed about the delivery: `Gap`, `Restart`, `Stale`, `Ended` and `Unanswered`. Bytes that are
    no message are counted in `rejected` and passed over.

    With `control`, alerts and decisions that were missed are fetched, and come in their place: later messages wait for
    them. With a `cursor` it goes on where an earlier run was. An event is done with, and the cursor behind it, when
    the program comes back for the next one or calls `commit()`; after a crash in between it is handed over again.

    One thread at a time may receive; `close()` may be called from any, and ends an iteration.

    Parameters
    ----------
    endpoint: where the daemon sends, `tcp://HOST:PORT` or `ipc://PATH`.
    kinds: of `alert`, `decision`, `assessment`, `status`. With both of `alert` and `decision`, and no `model`,
        what is lost is counted exactly; so it is with both of `assessment` and `status`.
    model, version: only what is about these; `version` needs a `model`.
    queue: messages that wait in ZeroMQ; beyond it the daemon's queue fills, then the newest are lost (and with
        `control` fetched).
    control: where the same daemon answers, such as `tcp://127.0.0.1:7412`. All its alerts and decisions are then
        received, and those that were not asked for passed over.
    cursor: a path, or an object with `load()` and `save(position)`; of this subscriber alone. Without a position in
        it, and without a cursor, it begins with what is published from now on.
    snapshot: begin, where there is no position, with the messages of what is open: alerts and decisions.
    curve: the keys, for a daemon with `security`; its role is `consume`.
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
        control: Optional[str] = None,
        cursor: AnyCursor = None,
        snapshot: bool = False,
        curve: Optional[Curve] = None,
    ) -> None:
        self._feed = Feed(kinds, model, version, control, cursor, snapshot)
        self._pid = os.getpid()
        self._using = threading.Lock()
        self._user: Optional[int] = None
        self._wakeup = Wakeup()
        self._context: zmq.Context[Any] = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.SUB)
            configure(self._socket, endpoint, queue, self._feed, curve)
            self._control: Optional[zmq.Socket[Any]] = None
            if control is not None:
                self._control = self._context.socket(zmq.DEALER)
                configure_control(self._control, control, curve)
        except BaseException:
            self._context.destroy(linger=0)
            self._wakeup.close()
            raise
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._wakeup.fileno(), zmq.POLLIN)
        if self._control is not None:
            self._poller.register(self._control, zmq.POLLIN)
        self._closed = False

    @property
    def rejected(self) -> int:
        """Messages that were none of the protocol."""
        return self._feed.rejected

    @property
    def position(self) -> Optional[Position]:
        """With `control`, behind everything that has come; None before the daemon's first word, and in a snapshot."""
        return self._feed.position

    def receive(self, timeout: Optional[float] = None) -> Optional[Item]:
        """The next event, or None when there was none for `timeout` seconds; without one it waits.

        With a cursor it first moves that behind the event before, which costs a write to the disk. ClosedError when
        the subscriber is closed, also while this waits.
        """
        give_up = None if timeout is None else time.monotonic() + timeout
        return self._used(lambda: self._receive(give_up))

    def commit(self) -> None:
        """Moves the cursor behind the event that was handed over last: it will not come again."""
        self._used(self._feed.commit)

    def _used(self, work: Callable[[], Result]) -> Result:
        """Does what one thread at a time may do, and closes if it was asked to meanwhile."""
        if self._pid != os.getpid():
            raise ForkError(f"this Subscriber was made in process {self._pid}, and this is {os.getpid()}")
        if not self._using.acquire(blocking=False):
            if self._closed:
                raise ClosedError("the subscriber is closed")
            raise RuntimeError("another thread is receiving: one at a time")
        self._user = threading.get_ident()
        try:
            return work()
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
        self._wakeup.signal()
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
        if not self._closed:
            self._feed.commit()
        feed = self._feed
        while True:
            if self._closed:
                raise ClosedError("the subscriber is closed")
            item = feed.hand_over()
            if item is not None:
                return item
            if self._read():
                continue
            now = time.monotonic()
            # Only now that nothing is left to read is silence the daemon's, and not this program's.
            feed.tick(now)
            if feed.waiting:
                continue
            if give_up is not None and now >= give_up:
                return None
            self._poller.poll(wait_ms(now, give_up, feed.deadline()))

    def _read(self) -> bool:
        """Takes a message from each socket, and asks what there is to ask; whether there was a message."""
        found = False
        now = time.monotonic()
        if self._control is not None:
            try:
                self._feed.answer(self._control.recv_multipart(zmq.DONTWAIT), now)
                found = True
            except zmq.Again:
                pass
        try:
            self._feed.take(self._socket.recv_multipart(zmq.DONTWAIT), now)
            found = True
        except zmq.Again:
            pass
        request = self._feed.ask(now)
        if request is not None and self._control is not None:
            try:
                self._control.send_multipart(request, zmq.DONTWAIT)
            except zmq.Again:
                pass  # there is no connection, and a request waits for it already
        return found

    def _end(self) -> None:
        """Closes the sockets, once; whoever calls it holds the lock, or is the last to know of this object."""
        if not self._socket.closed:
            self._socket.close(linger=0)
            if self._control is not None:
                self._control.close(linger=0)
            self._context.term()
            self._wakeup.close()
