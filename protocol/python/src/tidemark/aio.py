"""The subscriber for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Optional

import zmq
import zmq.asyncio

from .errors import ClosedError, WireError
from .events import Item
from .reader import Reader
from .subscriber import OUTPUT, configure, wait_ms


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
    ) -> None:
        self._reader = Reader(kinds, model, version)
        self._items: deque[Item] = deque()
        self._rejected = 0
        self._closed = False
        self._waiting: Optional[asyncio.Future[Any]] = None
        self._context = zmq.asyncio.Context()
        try:
            self._socket = self._context.socket(zmq.SUB)
            configure(self._socket, endpoint, queue, self._reader)
        except BaseException:
            self._context.destroy(linger=0)
            raise

    @property
    def rejected(self) -> int:
        """Messages that were none of the protocol."""
        return self._rejected

    async def receive(self, timeout: Optional[float] = None) -> Optional[Item]:
        """The next event, or None when there was none for `timeout` seconds; without one it waits.

        ClosedError when the subscriber is closed, also while this waits. Cancelling it loses nothing.
        """
        if self._waiting is not None:
            raise RuntimeError("another task is receiving: one at a time")
        give_up = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._closed:
                raise ClosedError("the subscriber is closed")
            if self._items:
                return self._items.popleft()
            try:
                frames = await self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                now = time.monotonic()
                self._items += self._reader.tick(now)
                if self._items:
                    continue
                if give_up is not None and now >= give_up:
                    return None
                await self._wait(wait_ms(now, give_up, self._reader.deadline()))
                continue
            try:
                self._items += self._reader.take(frames, time.monotonic())
            except WireError:
                self._rejected += 1

    async def _wait(self, milliseconds: Optional[int]) -> None:
        """Until a message is there, the time is over, or `close()` is called. Takes no message."""
        polled = asyncio.ensure_future(self._socket.poll(milliseconds))
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({polled, self._waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.cancel()
            self._waiting = None
            polled.cancel()
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
            self._context.term()
