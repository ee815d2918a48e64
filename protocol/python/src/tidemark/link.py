"""The publisher's socket, its lock and its thread."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import zmq

from . import wire
from .errors import ClosedError, TidemarkError
from .outgoing import Baseline, Baselines, Numbers, Outgoing
from .times import now_ns
from .transport import connect
from .wakeup import Wakeup

# How callers and the thread share one ZeroMQ socket
# --------------------------------------------------
# A socket may be used by several threads when all of them take one lock around each use: the lock is the full fence
# that libzmq asks for. The thread must wait for subscriptions without holding it, so it waits on the descriptor
# ZMQ_FD, which is edge-triggered: it becomes readable when the I/O thread leaves a command in the socket's mailbox
# while that is idle, and any use of the socket, by any thread, may take the command and with it the signal. Hence
# one rule, kept by `_settle`: whoever has used the socket asks for ZMQ_EVENTS, and receives while it shows POLLIN,
# before letting go of the lock. Asking takes every command there is and leaves the mailbox idle, so whatever comes
# after the lock is released makes the descriptor readable, and it stays readable until somebody takes the lock. No
# signal can fall between the thread's release of the lock and its wait, since the wait is level-triggered. What a
# caller finds that way (a subscription) is noted under the lock, and the thread is woken over a pair of sockets.
# The wait is bounded by the interval of heads as well, so a mistake in this reasoning would cost a delay only.
#
# Room in a full queue is also a command (the I/O thread says how far it has read), so the same wait tells the thread,
# which tells blocked callers over the condition. The monitor's socket and the reading end of the pair belong to the
# thread alone.

_CONNECTED, _DISCONNECTED = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_DISCONNECTED
_MONITOR_EVENT = struct.Struct("=HI")
#: Tensors from this size on are handed to ZeroMQ without a copy, when nobody else can write to them.
ZERO_COPY_BYTES = 64 * 1024
#: The thread looks again after this long even if nothing wakes it.
_LOOK_AGAIN_S = 1.0
#: Waiting messages that the thread sends before it lets go of the lock.
_FLUSH_AT_ONCE = 64


@dataclass(frozen=True)
class LinkOptions:
    """What a link is made with; see `Publisher`."""

    endpoint: str
    source: str
    queue: int
    queue_bytes: int
    head_interval: float
    linger: float
    epoch: int


class Link:
    """Sends numbered messages in the order of their numbers, from any thread; says heads and bye.

    The thread refers to the link only, never to the publisher, so that a publisher that nobody holds can be closed.
    """

    def __init__(self, options: LinkOptions, configure: Callable[[zmq.Socket[bytes]], None]) -> None:
        self.options = options
        self.pid = os.getpid()
        self.sent = 0
        self.dropped = 0
        self.closing = False
        self._changed = threading.Condition(threading.Lock())
        self._numbers = Numbers()
        self._baselines = Baselines()
        self._pending: deque[tuple[Outgoing, int, int]] = deque()
        self._pending_bytes = 0
        self._connected = False
        self._subscribed = False
        self._fresh = False
        self._more = False
        self._next_head = 0.0
        self._give_up: Optional[float] = None
        self._failure: Optional[BaseException] = None
        self._head_topic = wire.Topic("head", None, None, options.source).pack()
        self._bye_topic = wire.Topic("bye", None, None, options.source).pack()
        self._wakeup = Wakeup()
        self._context: zmq.Context[Any] = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.XPUB)
            configure(self._socket)
            self._monitor = self._watch()
            connect(self._socket, options.endpoint)
            self._descriptor = int(self._socket.getsockopt(zmq.FD))
        except BaseException:
            self._context.destroy(linger=0)
            self._wakeup.close()
            raise
        self._settle()
        self._thread = threading.Thread(target=self._run, name=f"tidemark {options.source}", daemon=True)
        self._thread.start()

    def _watch(self) -> zmq.Socket[bytes]:
        """A socket that hears of connections made and lost."""
        address = f"inproc://tidemark-monitor-{id(self):x}"
        self._socket.monitor(address, _CONNECTED | _DISCONNECTED)
        monitor: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        monitor.setsockopt(zmq.LINGER, 0)
        monitor.connect(address)
        return monitor

    # For callers.

    @property
    def epoch(self) -> int:
        return self.options.epoch

    @property
    def last(self) -> int:
        return self._numbers.last

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def _ready(self) -> bool:
        return self._connected and self._subscribed

    def publish(self, message: Outgoing, give_up: Optional[float]) -> bool:
        """Sends or queues a message. Waits for room until `give_up` (monotonic seconds), or not at all.

        False: it was dropped, and its number is used up. Raises ClosedError.
        """
        with self._changed:
            while True:
                self._check_open()
                if self._accept(message):
                    taken = True
                    break
                left = 0.0 if give_up is None else give_up - time.monotonic()
                if left <= 0:
                    self._numbers.take(message.topic)
                    self.dropped += 1
                    taken = False
                    break
                self._changed.wait(min(left, _LOOK_AGAIN_S))
            if message.baseline is not None:
                self._baselines.keep(message.baseline, due=not taken)
            return taken

    def wait_ready(self, timeout: Optional[float]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self.closing or self._failure is not None, timeout)
            return self._ready and not self.closing

    def begin_close(self) -> None:
        """Asks the thread to say bye and close. Takes no lock, so that a finalizer may call it."""
        self.closing = True
        self._wakeup.signal()

    def join(self, timeout: float) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _check_open(self) -> None:
        if self._failure is not None:
            raise TidemarkError(f"the publisher's thread ended: {self._failure!r}") from self._failure
        if self.closing:
            raise ClosedError("the publisher is closed")

    # Under the lock, by callers and by the thread.

    def _accept(self, message: Outgoing) -> bool:
        """Sends at once where nothing waits before it, else queues; False when there is no room."""
        if self._ready and not self._pending:
            return self._send_next(message)
        options = self.options
        if len(self._pending) >= options.queue or self._pending_bytes + message.nbytes > options.queue_bytes:
            return False
        seq, prev = self._numbers.take(message.topic)
        self._pending.append((message.kept(), seq, prev))
        self._pending_bytes += message.nbytes
        return True

    def _send_next(self, message: Outgoing) -> bool:
        """Sends under the next number, which stays free when there is no room.

        The number is taken first: an interrupt in between then costs a number, and never uses one twice.
        """
        seq, prev = self._numbers.take(message.topic)
        if not self._send(message, seq, prev):
            self._numbers.give_back(message.topic, prev)
            return False
        self.sent += 1
        return True

    def _send(self, message: Outgoing, seq: int, prev: int) -> bool:
        """Hands a message to ZeroMQ; False when its queue is full. Only the first frame can meet a full queue."""
        copy = not (message.owned and any(tensor.nbytes >= ZERO_COPY_BYTES for tensor in message.tensors))
        frames: list[Any] = [message.topic, message.header(self.options.epoch, seq, prev), message.descriptor]
        frames += (tensor.data for tensor in message.tensors)
        try:
            for _ in range(2):  # a second time when settling has learned of room
                try:
                    self._socket.send_multipart(frames, zmq.DONTWAIT, copy=copy)
                    return True
                except zmq.Again:
                    self._settle()
        except BaseException as error:  # an interrupt between two frames: nothing may follow on this socket
            self._failure = error
            self._wakeup.signal()
            raise
        finally:
            self._settle()
        return False

    def _settle(self) -> None:
        """Keeps the rule at the head of this file; notes subscriptions."""
        heard = False
        while int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            heard |= self._socket.recv(zmq.DONTWAIT)[:1] == b"\x01"
        if heard:
            self._fresh = True
            self._wakeup.signal()

    # The thread.

    def _run(self) -> None:
        try:
            poller = zmq.Poller()
            poller.register(self._descriptor, zmq.POLLIN)
            poller.register(self._monitor, zmq.POLLIN)
            poller.register(self._wakeup.fileno(), zmq.POLLIN)
            while self._failure is None and (wait := self._serve()) is not None:
                poller.poll(int(wait * 1000) + 1 if wait > 0 else 0)
        except BaseException as error:
            self._failure = error
        finally:
            self._end()

    def _serve(self) -> Optional[float]:
        """One round of the thread's work. How long to wait for the next, in seconds; None when all is done."""
        self._wakeup.drain()
        with self._changed:
            self._read_monitor()
            self._settle()
            now = time.monotonic()
            if self._fresh:
                self._fresh = False
                if self._subscribed:
                    self._baselines.all_due()
                self._subscribed = True
                self._next_head = now
            if self._ready and self._flush():
                if now >= self._next_head:
                    self._say(wire.Kind.HEAD)
                    self._next_head = now + self.options.head_interval
                self._repeat()
            wait = _LOOK_AGAIN_S
            if self._ready:
                wait = 0.0 if self._more else min(wait, max(0.0, self._next_head - now))
            if self.closing:
                over = self._closed(now)
                wait = 0.0 if over is None else min(wait, over)
                if over is None:
                    return None
            self._changed.notify_all()
            return wait

    def _read_monitor(self) -> None:
        # Its order alone decides whether there is a connection: compared with the order of subscriptions, which come
        # another way, a late word of an old disconnection could be taken for a new one.
        while True:
            try:
                event, *_ = self._monitor.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            kind, _ = _MONITOR_EVENT.unpack(event)
            self._connected = kind == _CONNECTED
            if self._connected:
                self._next_head = 0.0

    def _flush(self) -> bool:
        """Sends what waits, in order, some at a time so that callers need not wait; whether nothing is left."""
        self._more = False
        for _ in range(_FLUSH_AT_ONCE):
            if not self._pending:
                return True
            message, seq, prev = self._pending[0]
            if not self._send(message, seq, prev):
                return False
            self._pending.popleft()
            self._pending_bytes -= message.nbytes
            self.sent += 1
        self._more = bool(self._pending)
        return not self._more

    def _repeat(self) -> None:
        """Sends baselines that are due. One that finds no room takes no number, and stays due."""
        for baseline in self._baselines.due():
            if not self._send_next(baseline_message(baseline, self.options.source)):
                return
            self._baselines.delivered(baseline)

    def _say(self, kind: wire.Kind) -> bool:
        if kind == wire.Kind.HEAD:
            interval = max(1, round(self.options.head_interval * 1000))
            descriptor = wire.head_descriptor(self.dropped, interval)
            message = Outgoing(kind, self._head_topic, descriptor, now_ns())
        else:
            message = Outgoing(kind, self._bye_topic, wire.bye_descriptor(self.dropped), now_ns())
        return self._send(message, self._numbers.last, 0)

    def _closed(self, now: float) -> Optional[float]:
        """Says bye when nothing waits, or gives up. None when done, else how long to wait, in seconds."""
        if self._give_up is None:
            self._give_up = now + self.options.linger
        left = self._give_up - now
        if not self._pending and (not self._ready or self._say(wire.Kind.BYE)):
            return None  # nothing waits, and nobody is there to hear a bye or somebody was
        if left > 0:
            return left
        self.dropped += len(self._pending)
        self._pending.clear()
        if self._ready:
            self._say(wire.Kind.BYE)
        return None

    def _end(self) -> None:
        """Closes the sockets; ZeroMQ goes on sending for what is left of the linger."""
        with self._changed:
            self.closing = True
            self._connected = False
            self.dropped += len(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
            left = self._give_up - time.monotonic() if self._give_up is not None else 0.0
            self._socket.close(linger=max(0, int(left * 1000)))
            self._monitor.close(linger=0)
            self._wakeup.close()
            self._changed.notify_all()
        self._context.term()


def baseline_message(baseline: Baseline, source: str) -> Outgoing:
    """The message of a baseline; without a time of its own it is of now."""
    topic = wire.Topic("baseline", baseline.model, baseline.version, source).pack()
    tensors: tuple[wire.Tensor, ...] = ()
    names = None
    if baseline.values:
        packed = b"".join(struct.pack("<d", value) for _, value in baseline.values)
        tensors += (wire.Tensor("values", "FP64", (len(baseline.values),), packed),)
    if baseline.table is not None:
        tensors += baseline.table.tensors
        names = baseline.table.names
    descriptor = wire.input_descriptor(
        [tensor.entry for tensor in tensors],
        metrics=[name for name, _ in baseline.values] or None,
        feature_names=names,
    )
    owned = baseline.table is None or baseline.table.owned
    time_ns = now_ns() if baseline.time is None else baseline.time
    return Outgoing(wire.Kind.BASELINE, topic, descriptor, time_ns, tensors, owned, baseline)
