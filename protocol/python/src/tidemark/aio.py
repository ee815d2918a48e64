"""The subscriber for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Optional

import zmq
import zmq.asyncio

from .cursors import Position
from .curve import Curve
from .errors import ClosedError
from .events import Item
from .feed import AnyCursor, Feed, configure, configure_control, wait_ms
from .subscriber import OUTPUT


class AsyncSubscriber:
    """As `Subscriber`, in an event loop; one task at a time may receive.

    async with AsyncSubscriber(kinds=("alert",)) as subscriber:
        async for event in subscriber:
            ...
    """

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
        self._closed = False
        self._waiting: Optional[asyncio.Future[Any]] = None
        self._context = zmq.asyncio.Context()
        try:
            self._socket = self._context.socket(zmq.SUB)
            configure(self._socket, endpoint, queue, self._feed, curve)
            self._control: Optional[Any] = None
            if control is not None:
                self._control = self._context.socket(zmq.DEALER)
                configure_control(self._control, control, curve)
        except BaseException:
            self._context.destroy(linger=0)
            raise

    @property
    def rejected(self) -> int:
        """Messages that were none of the protocol."""
        return self._feed.rejected

    @property
    def position(self) -> Optional[Position]:
        """With `control`, behind everything that has come; None before the daemon's first word, and in a snapshot."""
        return self._feed.position

    async def receive(self, timeout: Optional[float] = None) -> Optional[Item]:
        """The next event, or None when there was none for `timeout` seconds; without one it waits.

        With a cursor it first moves that behind the event before, which costs a write to the disk. ClosedError when
        the subscriber is closed, also while this waits. Cancelling it loses nothing.
        """
        if self._waiting is not None:
            raise RuntimeError("another task is receiving: one at a time")
        give_up = None if timeout is None else time.monotonic() + timeout
        feed = self._feed
        if not self._closed:
            feed.commit()
        while True:
            if self._closed:
                raise ClosedError("the subscriber is closed")
            item = feed.hand_over()
            if item is not None:
                return item
            if await self._read():
                continue
            now = time.monotonic()
            feed.tick(now)
            if feed.waiting:
                continue
            if give_up is not None and now >= give_up:
                return None
            await self._wait(wait_ms(now, give_up, feed.deadline()))

    def commit(self) -> None:
        """Moves the cursor behind the event that was handed over last: it will not come again."""
        self._feed.commit()

    async def _read(self) -> bool:
        """As that of `Subscriber`."""
        found = False
        if self._control is not None:
            try:
                self._feed.answer(await self._control.recv_multipart(zmq.DONTWAIT), time.monotonic())
                found = True
            except zmq.Again:
                pass
        try:
            self._feed.take(await self._socket.recv_multipart(zmq.DONTWAIT), time.monotonic())
            found = True
        except zmq.Again:
            pass
        request = self._feed.ask(time.monotonic())
        if request is not None and self._control is not None:
            try:
                await self._control.send_multipart(request, zmq.DONTWAIT)
            except zmq.Again:
                pass
        return found

    async def _wait(self, milliseconds: Optional[int]) -> None:
        """Until a message is there, the time is over, or `close()` is called. Takes no message."""
        polled = [asyncio.ensure_future(self._socket.poll(milliseconds))]
        if self._control is not None:
            polled.append(asyncio.ensure_future(self._control.poll(milliseconds)))
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({*polled, self._waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.cancel()
            self._waiting = None
            for each in polled:
                each.cancel()
            if self._closed:
                self._end()

    async def events(self, timeout: Optional[float] = None) -> AsyncIterator[Item]:
        """Events until none came for `timeout` seconds, or until `close()`."""
        while True:
            try:
                item = await self.receive(timeout)
            except ClosedError:
                return
            if item is None:
                return
            yield item

    def __aiter__(self) -> AsyncIterator[Item]:
        return self.events()

    def close(self) -> None:
        """Ends the subscription, from the thread of the event loop; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._waiting is None:
            self._end()
        elif not self._waiting.done():
            self._waiting.set_result(None)

    async def __aenter__(self) -> AsyncSubscriber:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self) -> None:
        if not self._socket.closed:
            self._socket.close(linger=0)
            if self._control is not None:
                self._control.close(linger=0)
            self._context.term()
