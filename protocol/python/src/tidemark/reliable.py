"""The socket and the thread of a lossless publisher."""

from __future__ import annotations

import logging
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Optional

import zmq

from . import wire
from .errors import ClosedError, TidemarkError, WireError
from .lane import Lane, Refusal
from .link import ZERO_COPY_BYTES, LinkOptions, baseline_message
from .outgoing import Baselines, Numbers, Outgoing
from .rings import Ring
from .transport import connect
from .wakeup import Wakeup

_MONITOR_EVENT = struct.Struct("=HI")
_CONNECTED, _DISCONNECTED = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
#: The thread looks again after this long even if nothing wakes it.
_LOOK_AGAIN_S = 1.0
#: Messages that the thread takes and sends before it lets go of the lock.
_AT_ONCE = 64
#: Refusals that are remembered; the oldest are forgotten first.
REFUSALS = 1_000
_LOG = logging.getLogger("tidemark")


class ReliableLink:
    """Keeps messages in a ring and sends them until they are acknowledged.

    Callers append under the lock and wake the thread; the socket is the thread's alone. As with `Link`, the thread
    does not refer to the publisher.
    """

    def __init__(
        self,
        options: LinkOptions,
        ring: Ring,
        configure: Callable[[zmq.Socket[bytes]], None],
        on_refused: Optional[Callable[[Refusal], None]],
    ) -> None:
        self.options = options
        self.pid = os.getpid()
        self.dropped = 0
        self.closing = False
        self.refusals: deque[Refusal] = deque(maxlen=REFUSALS)
        self._ring = ring
        self._lane = Lane(options.source, ring, options.head_interval)
        self._began = ring.acked
        self._on_refused = on_refused
        self._changed = threading.Condition(threading.Lock())
        self._numbers = Numbers()
        for topic, seq in ring.topics():
            self._numbers.last = seq - 1
            self._numbers.take(topic)
        self._baselines = Baselines()
        self._awake = False
        self._more = False
        self._blocked = False
        self._give_up: Optional[float] = None
        self._failure: Optional[BaseException] = None
        self._told: list[Refusal] = []
        self._wakeup = Wakeup()
        self._context: zmq.Context[Any] = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.DEALER)
            configure(self._socket)
            # Without a connection nothing is queued: what is sent again then does not come behind what was left.
            self._socket.setsockopt(zmq.IMMEDIATE, 1)
            address = f"inproc://tidemark-monitor-{id(self):x}"
            self._socket.monitor(address, _CONNECTED | _DISCONNECTED)
            self._monitor: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
            self._monitor.setsockopt(zmq.LINGER, 0)
            self._monitor.connect(address)
            connect(self._socket, options.endpoint)
        except BaseException:
            self._context.destroy(linger=0)
            self._wakeup.close()
            ring.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"tidemark {options.source}", daemon=True)
        self._thread.start()

    # For callers.

    @property
    def epoch(self) -> int:
        return self._ring.epoch

    @property
    def last(self) -> int:
        return self._ring.last

    @property
    def acknowledged(self) -> int:
        return self._ring.acked

    @property
    def pending(self) -> int:
        return self._ring.last - self._ring.acked

    @property
    def sent(self) -> int:
        return max(0, self._lane.highest - self._began)

    def publish(self, message: Outgoing, give_up: Optional[float]) -> bool:
        """Keeps a message. Waits for room until `give_up` (monotonic seconds), or not at all.

        False: there was no room, and it took no number. Raises ClosedError, and StateError of a ring in files.
        """
        with self._changed:
            while True:
                self._check_open()
                if self._keep(message):
                    break
                left = 0.0 if give_up is None else give_up - time.monotonic()
                if left <= 0:
                    self.dropped += 1
                    return False
                self._changed.wait(min(left, _LOOK_AGAIN_S))
            if message.baseline is not None:
                self._baselines.keep(message.baseline, due=False)
            awake, self._awake = self._awake, True
        if not awake:
            self._wakeup.signal()
        return True

    def wait_ready(self, timeout: Optional[float]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._lane.greeted or self._over, timeout)
            return self._lane.greeted and not self.closing

    def wait_acknowledged(self, timeout: Optional[float]) -> bool:
        with self._changed:
            last = self._ring.last
            self._changed.wait_for(lambda: self._ring.acked >= last or self._over, timeout)
            return self._ring.acked >= last

    def begin_close(self) -> None:
        """Asks the thread to wait for acknowledgements and close. Takes no lock, so that a finalizer may call it."""
        self.closing = True
        self._wakeup.signal()

    def join(self, timeout: float) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    @property
    def _over(self) -> bool:
        return self.closing or self._failure is not None

    def _check_open(self) -> None:
        if self._failure is not None:
            raise TidemarkError(f"the publisher's thread ended: {self._failure!r}") from self._failure
        if self.closing:
            raise ClosedError("the publisher is closed")

    def _keep(self, message: Outgoing) -> bool:
        if not self._ring.has_room(message.nbytes):
            return False
        self._numbers.last = self._ring.last
        _, prev = self._numbers.take(message.topic)
        kept = False
        try:
            kept = self._ring.append(message, prev)
        finally:
            if not kept:
                self._numbers.give_back(message.topic, prev)
        return kept

    # The thread.

    def _run(self) -> None:
        try:
            poller = zmq.Poller()
            poller.register(self._monitor, zmq.POLLIN)
            poller.register(self._wakeup.fileno(), zmq.POLLIN)
            while (wait := self._serve()) is not None:
                poller.register(self._socket, zmq.POLLIN | (zmq.POLLOUT if self._blocked else 0))
                poller.poll(int(wait * 1000) + 1 if wait > 0 else 0)
        except BaseException as error:
            self._failure = error
        finally:
            self._end()

    def _serve(self) -> Optional[float]:
        """One round of the thread's work. How long to wait for the next, in seconds; None when all is done."""
        with self._changed:
            self._awake = False
        self._wakeup.drain()
        self._ring.sync()  # outside the lock: it may take a while, and nothing that it needs is taken away meanwhile
        with self._changed:
            now = time.monotonic()
            self._read_monitor(now)
            self._receive(now)
            self._send(now)
            self._repeat()
            deadline = self._lane.deadline()
            wait = _LOOK_AGAIN_S if deadline is None or self._blocked else min(_LOOK_AGAIN_S, deadline - now)
            if self._more:
                wait = 0.0
            over = self._closed(now) if self.closing else wait
            self._changed.notify_all()
        for refusal in self._take_told():
            self._tell(refusal)
        return None if over is None else max(0.0, min(wait, over))

    def _read_monitor(self, now: float) -> None:
        while True:
            try:
                event, *_ = self._monitor.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if _MONITOR_EVENT.unpack(event)[0] == _CONNECTED:
                self._lane.connected(now)
            else:
                self._lane.disconnected()

    def _receive(self, now: float) -> None:
        self._more = False
        for _ in range(_AT_ONCE):
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            try:
                refusal = self._lane.take(frames, now)
            except WireError as error:
                _LOG.warning("passed over on the lossless lane: %s", error)
                continue
            if refusal is not None:
                self.refusals.append(refusal)
                self._told.append(refusal)
        self._more = True

    def _send(self, now: float) -> None:
        self._blocked = False
        for _ in range(_AT_ONCE):
            frames = self._lane.next(now)
            if frames is None:
                return
            copy = all(len(frame) < ZERO_COPY_BYTES for frame in frames[3:])
            try:
                self._socket.send_multipart(frames, zmq.DONTWAIT, copy=copy)
            except zmq.Again:
                self._blocked = True
                return
            self._lane.sent(now)
        self._more = True

    def _repeat(self) -> None:
        """A daemon that has lost its journal has forgotten the baselines too: they come again, under new numbers."""
        if self._lane.forgotten:
            self._lane.forgotten = False
            self._baselines.all_due()
        for baseline in self._baselines.due():
            if self.closing or not self._keep(baseline_message(baseline, self.options.source)):
                return
            self._baselines.delivered(baseline)
            self._more = True

    def _take_told(self) -> list[Refusal]:
        told, self._told = self._told, []
        return told

    def _tell(self, refusal: Refusal) -> None:
        if self._on_refused is not None:
            try:
                self._on_refused(refusal)
            except Exception:
                _LOG.exception("on_refused failed")

    def _closed(self, now: float) -> Optional[float]:
        """None when everything is acknowledged and a bye is said, or time is over; else how long to wait."""
        if self._give_up is None:
            self._give_up = now + self.options.linger
        if self.pending and now < self._give_up:
            return self._give_up - now
        if self._lane.greeted:
            try:
                self._socket.send_multipart(self._lane.sign(wire.Kind.BYE), zmq.DONTWAIT)
            except zmq.Again:
                pass
        return None

    def _end(self) -> None:
        with self._changed:
            self.closing = True
            self._lane.disconnected()
            left = self._give_up - time.monotonic() if self._give_up is not None else 0.0
            self._socket.disable_monitor()
            self._socket.close(linger=max(0, int(left * 1000)))
            self._monitor.close(linger=0)
            self._wakeup.close()
            self._ring.close()
            self._changed.notify_all()
        self._context.term()
