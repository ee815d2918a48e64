"""The publisher: metrics, features and baselines of models, to a Tidemark daemon."""

from __future__ import annotations

import atexit
import os
import struct
import threading
import time as clock
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Optional, SupportsFloat, Union

import zmq

from . import wire
from .curve import Curve
from .errors import ForkError
from .lane import Refusal
from .link import Link, LinkOptions, baseline_message
from .naming import default_source, new_epoch
from .outgoing import Baseline, Outgoing
from .reliable import ReliableLink
from .rings import FileRing, MemoryRing, Ring
from .tables import Table, table
from .times import Time, now_ns, to_ns
from .transport import check_endpoint, set_transport

INGEST = "tcp://127.0.0.1:7410"
RELIABLE = "tcp://127.0.0.1:7413"
#: What the daemon takes unless it is configured otherwise: bytes of one frame, and of a whole message.
FRAME_BYTES = 48 * 1024 * 1024
MESSAGE_BYTES = 64 * 1024 * 1024
#: Messages that wait for a daemon hold at most this many bytes.
QUEUE_BYTES = 64 * 1024 * 1024
#: The ring of a lossless publisher: messages and bytes that wait for acknowledgement.
RING, RING_BYTES = 100_000, 256 * 1024 * 1024
#: Messages in ZeroMQ's queue on the lossless lane; the rest stays in the ring.
_LANE_QUEUE = 1_000
#: Descriptors that are kept, so that a steady stream repeats its bytes: at most so many, and so many bytes.
_DESCRIPTORS, _DESCRIPTORS_BYTES = 256, 16 * 1024 * 1024
_DOUBLE = struct.Struct("<d")
#: Waiting for the thread to end, beyond the linger.
_JOIN_S = 5.0


class Publisher:
    """Tells a daemon how models do. Safe to use from several threads; not across a fork.

        with Publisher("tcp://127.0.0.1:7410", source="scorer-1") as publisher:
            publisher.metrics("fraud", accuracy=0.91, latency_ms=118.5)

    Calls do not wait for the daemon unless `block` says so. While there is none, messages wait in a queue of `queue`
    messages and `queue_bytes` bytes; while there is one, in ZeroMQ's queue of `queue` messages. A message that finds
    its queue full is dropped: the method returns False, `dropped` counts it, and its number is used up, so that the
    daemon sees the loss too.

    The last baseline of each model at each version (up to 1,024 of them and 64 MiB of rows, the one longest ago
    forgotten first) is remembered and sent again when a daemon subscribes anew, since a daemon that restarts has
    forgotten it. Parts that were given in several calls are sent again as one.

    With `reliable=True` it uses the daemon's lossless lane instead: a message that was accepted is kept in a ring until
    the daemon has acknowledged that it is in its journal, and sent again where that takes long, after a reconnect, and
    after a restart of the daemon. The daemon takes each once. A message that finds the ring full is not accepted: the
    method returns False, it takes no number, and `dropped` counts it. With `ring_file` the ring outlives this process.

    Parameters
    ----------
    endpoint: where the daemon listens, `tcp://HOST:PORT` or `ipc://PATH`; by default its usual place for the lane.
    source: the name of this publisher; no two that run at once may share one. By default the host's name and the
        process id, and a count from the second publisher of a process on.
    queue: messages, at least 1.
    block: wait for room in a full queue instead of dropping; for tools that send in bulk.
    block_timeout: seconds to wait at most when `block` is set; None waits until there is room or `close()`.
    head_interval: seconds between heads, by which the daemon knows that this source lives.
    linger: seconds that `close()` may take to get rid of what still waits.
    queue_bytes: see above.
    frame_bytes, message_bytes: the daemon's limits; a larger batch is refused here with a ValueError, because a
        frame far above the limit would cost the connection.
    reliable: the lossless lane. `queue` and `queue_bytes` mean nothing there, and `linger` is also how long `close()`
        waits for acknowledgements.
    ring, ring_bytes: messages, and their bytes, that may wait for acknowledgement. A message larger than the ring is
        accepted when the ring is empty.
    ring_file: a path; the ring is in files whose names begin with it, on a local disk of a POSIX system. Numbers,
        epoch, and what is not acknowledged go on when a process with the same `source`, which must be given, opens it
        again. Without it all that ends with the process.
    on_refused: called, in a thread of this publisher, with each `Refusal`: what the daemon received and would not take.
    curve: the keys, for a daemon with `security`; its role is `publish`, and `source` lies under its prefix.
    """

    _closed = True  # until there is something to close

    def __init__(
        self,
        endpoint: Optional[str] = None,
        *,
        source: Optional[str] = None,
        queue: int = 1000,
        block: bool = False,
        block_timeout: Optional[float] = None,
        head_interval: float = 1.0,
        linger: float = 1.0,
        queue_bytes: int = QUEUE_BYTES,
        frame_bytes: int = FRAME_BYTES,
        message_bytes: int = MESSAGE_BYTES,
        reliable: bool = False,
        ring: int = RING,
        ring_bytes: int = RING_BYTES,
        ring_file: Union[str, os.PathLike[str], None] = None,
        on_refused: Optional[Callable[[Refusal], None]] = None,
        curve: Optional[Curve] = None,
    ) -> None:
        endpoint = (RELIABLE if reliable else INGEST) if endpoint is None else endpoint
        check_endpoint(endpoint)
        if not reliable and (ring_file is not None or on_refused is not None):
            raise ValueError("ring_file and on_refused are of the lossless lane: reliable=True")
        if ring < 1 or ring_bytes < 1:
            raise ValueError("ring and ring_bytes are at least 1")
        if ring_file is not None and source is None:
            raise ValueError("a ring_file without a source: who opens it again must have the same name")
        if queue < 1 or queue_bytes < 1:
            raise ValueError("queue and queue_bytes are at least 1")
        if not 0.01 <= head_interval <= 3600:
            raise ValueError(f"head_interval of {head_interval} s; 0.01 to 3600")
        if not 0 <= linger <= 3600:
            raise ValueError(f"linger of {linger} s; 0 to 3600")
        named = default_source() if source is None else source
        wire.Topic("head", None, None, named).pack()
        self._block, self._block_timeout = block, block_timeout
        self._limits = frame_bytes, message_bytes
        self._descriptors: OrderedDict[Any, bytes] = OrderedDict()
        self._descriptors_bytes, self._cache = 0, threading.Lock()
        options = LinkOptions(endpoint, named, queue, queue_bytes, head_interval, linger, new_epoch())

        def configure(socket: zmq.Socket[bytes]) -> None:
            set_transport(socket, options.endpoint, curve)
            socket.setsockopt(zmq.LINGER, int(linger * 1000))
            socket.setsockopt(zmq.SNDHWM, _LANE_QUEUE if reliable else queue)
            if not reliable:
                socket.setsockopt(zmq.XPUB_VERBOSE, 1)
                socket.setsockopt(zmq.XPUB_NODROP, 1)

        self._link: Union[Link, ReliableLink]
        if reliable:
            kept: Ring = MemoryRing(options.epoch, ring, ring_bytes)
            if ring_file is not None:
                kept = FileRing(ring_file, named, options.epoch, ring, ring_bytes)
            self._link = ReliableLink(options, kept, configure, on_refused)
        else:
            self._link = Link(options, configure)
        self._closed = False
        _open.add(self)

    # What is published.

    def metrics(
        self,
        model: str,
        values: Optional[Mapping[str, Optional[SupportsFloat]]] = None,
        *,
        version: Optional[str] = None,
        time: Optional[Time] = None,
        accuracy: Optional[SupportsFloat] = None,
        latency_ms: Optional[SupportsFloat] = None,
        correct: Optional[int] = None,
        total: Optional[int] = None,
        latencies_ms: Optional[Iterable[Optional[SupportsFloat]]] = None,
        metrics: Optional[Mapping[str, Optional[SupportsFloat]]] = None,
        **others: Optional[SupportsFloat],
    ) -> bool:
        """Publishes one measurement: `accuracy`, `latency_ms` (milliseconds), and any other metric by its name.

        `correct` of `total` answers were right, of those that were checked; `latencies_ms` are single latencies, at
        most 10,000; `metrics` are business metrics by name. Preset `standard` judges by these.

        Names can also come as a mapping, `values`. An `accuracy` or `latency_ms` of None is left out; None elsewhere,
        and NaN, say "not measured". `time` is when it was measured: a datetime with a zone, float seconds or int
        nanoseconds since 1970; by default now. Returns whether the message was sent or queued.

        ValueError or TypeError for what the wire cannot carry, such as a value that is no number.
        """
        measured: dict[str, Optional[SupportsFloat]] = {}
        if accuracy is not None:
            measured["accuracy"] = accuracy
        if latency_ms is not None:
            measured["latency_ms"] = latency_ms
        measured.update(_counts(correct, total))
        named = {f"metrics.{name}": value for name, value in (metrics or {}).items()}
        latencies = [] if latencies_ms is None else [number("latencies_ms", value) for value in latencies_ms]
        if len(latencies) > wire.MAX_LATENCIES:
            raise ValueError(f"{len(latencies)} latencies_ms; at most {wire.MAX_LATENCIES}")
        for more in (values or {}, named, others):
            for name, value in more.items():
                if name in measured:
                    raise ValueError(f"{name} is given twice")
                measured[name] = value
        if latencies and not measured:
            # Latencies alone still need the first tensor.
            measured["latency_ms"] = None
        if not 1 <= len(measured) <= wire.MAX_METRICS:
            raise ValueError(f"{len(measured)} metrics; 1 to {wire.MAX_METRICS}")
        packed = b"".join(_DOUBLE.pack(number(name, value)) for name, value in measured.items())
        tensors: tuple[wire.Tensor, ...] = (wire.Tensor("values", "FP64", (len(measured),), packed),)
        if latencies:
            packed = b"".join(map(_DOUBLE.pack, latencies))
            tensors = (*tensors, wire.Tensor(wire.LATENCIES, "FP64", (len(latencies),), packed))
        descriptor = self._descriptor(tensors, tuple(measured), None)
        topic = self._topic("metrics", model, version)
        return self._publish(Outgoing(wire.Kind.METRICS, topic, descriptor, _time(time), tensors))

    def features(
        self,
        model: str,
        rows: Any,
        *,
        names: Optional[Iterable[str]] = None,
        version: Optional[str] = None,
        time: Optional[Time] = None,
        copy: bool = True,
    ) -> bool:
        """Publishes a batch of inputs of the model: one row for each prediction, one column for each feature.

        `rows` is a 2-D numpy array, a list of rows, a pandas or polars DataFrame, or an Arrow table or record batch.
        Column names come from the table unless `names` gives others; without names columns are matched by position.
        Text columns are sent as text, which preset `standard` judges. None, NaN, NaT and pandas' NA are missing. Times
        are sent as seconds since 1970, durations as seconds. Integers keep their type; uint64 becomes FP64.

        With `copy=False` large arrays go to ZeroMQ without a copy where their layout allows: the caller promises not
        to write to them any more. Returns whether the message was sent or queued.

        ValueError for an empty or oversized batch or wrong names, TypeError for a column the wire cannot carry.
        """
        batch = table(rows, names)
        self._check_size(batch)
        descriptor = self._descriptor(batch.tensors, None, batch.names)
        topic = self._topic("features", model, version)
        owned = batch.owned or not copy
        return self._publish(Outgoing(wire.Kind.FEATURES, topic, descriptor, _time(time), batch.tensors, owned=owned))

    def baseline(
        self,
        model: str,
        *,
        accuracy: Optional[SupportsFloat] = None,
        latency_ms: Optional[SupportsFloat] = None,
        correct: Optional[int] = None,
        total: Optional[int] = None,
        latency_quantiles_ms: Optional[Mapping[str, SupportsFloat]] = None,
        features: Any = None,
        names: Optional[Iterable[str]] = None,
        version: Optional[str] = None,
        time: Optional[Time] = None,
    ) -> bool:
        """Publishes what the model is held against: its accuracy and latency, and inputs it was made for.

        `correct` of `total` are the cases that the accuracy is from; `latency_quantiles_ms` has `p50`, `p95`, `p99`
        and `count`, of how many answers they are. Preset `standard` holds the model against these.
        `features` is as `rows` in `features()`. Parts that are left out, or NaN, stay as they were. A baseline
        that was dropped for want of room is sent when there is room, under a new number. One without a `time` bears
        the time at which it is sent, also when it is sent again. Returns whether the message was sent or queued.
        """
        values = [
            (name, number(name, value, finite=True))
            for name, value in (("accuracy", accuracy), ("latency_ms", latency_ms))
            if value is not None
        ]
        values = [(name, value) for name, value in values if value == value]
        values += [(name, float(count)) for name, count in _counts(correct, total).items()]
        values += _quantiles(latency_quantiles_ms)
        # One tensor less than there may be: there must be room for values, also for those of an earlier call.
        batch = None if features is None else table(features, names, most=wire.MAX_TENSORS - 1)
        if batch is None and not values:
            raise ValueError("a baseline without accuracy, latency_ms, counts, quantiles or features")
        if batch is not None:
            self._check_size(batch)
        made = Baseline(model, version, tuple(values), batch, None if time is None else to_ns(time))
        self._topic("baseline", model, version)
        return self._publish(baseline_message(made, self.source))

    def feedback(
        self,
        decision_id: str,
        state: str,
        *,
        owner: Optional[str] = None,
        attempt: Optional[int] = None,
        token: Optional[str] = None,
        reason: Optional[str] = None,
        retry_after: Optional[float] = None,
        model: Optional[str] = None,
        version: Optional[str] = None,
        time: Optional[Time] = None,
    ) -> bool:
        """Reports what became of a decision, as an event without an answer.

        `state` is one of `acked`, `started`, `succeeded`, `failed`, `rejected`, `verified`, `cancelled`; `owner` says
        who reports, and is required for `acked`. What it changes is published as a `DecisionChange`; who needs to know
        whether it was granted asks with `Control`. Returns whether the message was sent, queued or kept.

        ValueError for what the wire cannot carry.
        """
        said = wire.feedback_descriptor(
            decision_id, state, owner=owner, attempt=attempt, token=token, reason=reason, retry_after=retry_after
        )
        topic = wire.Topic("feedback", model, version, self.source).pack()
        return self._publish(Outgoing(wire.Kind.FEEDBACK, topic, wire.dump(said), _time(time)))

    # How it goes.

    def wait_ready(self, timeout: Optional[float] = None) -> bool:
        """Waits until a daemon has subscribed, or answered on the lossless lane, at most `timeout` seconds."""
        self._check_process()
        return self._link.wait_ready(timeout)

    def wait_acknowledged(self, timeout: Optional[float] = None) -> bool:
        """Waits until all that was accepted so far is acknowledged, at most `timeout` seconds; whether it is.

        TypeError without `reliable=True`, where nothing is acknowledged.
        """
        self._check_process()
        return self._lane().wait_acknowledged(timeout)

    @property
    def acknowledged(self) -> int:
        """Everything up to this number is in the daemon's journal. TypeError without `reliable=True`."""
        return self._lane().acknowledged

    @property
    def refusals(self) -> list[Refusal]:
        """The last 1,000 messages that the daemon refused, oldest first. TypeError without `reliable=True`."""
        return list(self._lane().refusals)

    @property
    def sent(self) -> int:
        """Messages handed to ZeroMQ, each counted once; heads do not count.

        `last_sequence` = sent + dropped + pending; on the lossless lane it is acknowledged + pending.
        """
        return self._link.sent

    @property
    def dropped(self) -> int:
        """Messages that were dropped here for want of room. They took a number, but on the lossless lane none."""
        return self._link.dropped

    @property
    def pending(self) -> int:
        """Messages that wait for a daemon; on the lossless lane those that are not acknowledged."""
        return self._link.pending

    @property
    def last_sequence(self) -> int:
        """The last number used; 0 before the first message."""
        return self._link.last

    @property
    def epoch(self) -> int:
        """When this numbering began, in unix nanoseconds."""
        return self._link.epoch

    @property
    def source(self) -> str:
        """The name under which this publisher speaks."""
        return self._link.options.source

    # The end.

    def close(self) -> None:
        """Sends what waits and a bye, for `linger` seconds at most, and closes. A second call does nothing.

        On the lossless lane it waits for acknowledgements as long. What is not acknowledged then stays in a `ring_file`
        for the next run; without one it may be lost, and `pending` says how much it is.
        """
        if self._closed or self._link.pid != os.getpid():
            return
        self._closed = True
        _open.discard(self)
        self._link.begin_close()
        self._link.join(self._link.options.linger + _JOIN_S)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The collector may run in a thread that holds the link's lock: only what takes no lock is allowed here.
        if not self._closed and self._link.pid == os.getpid():
            self._closed = True
            warnings.warn(f"a Publisher was not closed: {self.source}", ResourceWarning, stacklevel=2)
            self._link.begin_close()

    # Parts.

    def _publish(self, message: Outgoing) -> bool:
        self._check_process()
        give_up = None
        if self._block:
            give_up = float("inf") if self._block_timeout is None else clock.monotonic() + self._block_timeout
        return self._link.publish(message, give_up)

    def _lane(self) -> ReliableLink:
        if not isinstance(self._link, ReliableLink):
            raise TypeError("nothing is acknowledged without reliable=True")
        return self._link

    def _check_process(self) -> None:
        if self._link.pid != os.getpid():
            raise ForkError(
                f"this Publisher was made in process {self._link.pid}, and this is {os.getpid()}: "
                "make another one after the fork"
            )

    def _topic(self, kind: str, model: str, version: Optional[str]) -> bytes:
        if model is None:
            raise TypeError("model is None, not a str")
        return wire.Topic(kind, model, version, self.source).pack()

    def _check_size(self, batch: Table) -> None:
        frame, message = self._limits
        largest = max(tensor.nbytes for tensor in batch.tensors)
        if largest > frame or batch.nbytes > message:
            raise ValueError(
                f"a batch of {batch.nbytes} bytes, the largest tensor {largest}; at most {message} and {frame}: "
                "send fewer rows at once, or raise the limits here and in the daemon's configuration"
            )

    def _descriptor(
        self, tensors: tuple[wire.Tensor, ...], metrics: Optional[tuple[str, ...]], names: Optional[tuple[str, ...]]
    ) -> bytes:
        key = (metrics, names, tuple((tensor.datatype, tensor.shape) for tensor in tensors))
        with self._cache:
            found = self._descriptors.get(key)
            if found is not None:
                self._descriptors.move_to_end(key)
                return found
        entries = [tensor.entry for tensor in tensors]
        made = wire.input_descriptor(entries, metrics=metrics, feature_names=names)
        with self._cache:
            if key not in self._descriptors:
                self._descriptors[key] = made
                self._descriptors_bytes += len(made)
            while len(self._descriptors) > _DESCRIPTORS or self._descriptors_bytes > _DESCRIPTORS_BYTES:
                _, gone = self._descriptors.popitem(last=False)
                self._descriptors_bytes -= len(gone)
        return made


def number(name: str, value: Optional[SupportsFloat], *, finite: bool = False) -> float:
    """A metric as a double; None as NaN. TypeError for text and whatever else is no number."""
    if value is None:
        return float("nan")
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is a {type(value).__name__}, not a number")
    made = float(value)
    if finite and made in (float("inf"), float("-inf")):
        raise ValueError(f"{name} is infinite")
    return made


def _counts(correct: Optional[int], total: Optional[int]) -> dict[str, int]:
    """Right answers of answers: both or neither."""
    if correct is None and total is None:
        return {}
    if correct is None or total is None or not 0 <= correct <= total <= wire.MAX_COUNT:
        raise ValueError(f"correct {correct} of total {total}; want 0 <= correct <= total <= 2^53")
    if correct != int(correct) or total != int(total):
        raise ValueError(f"correct {correct} of total {total}; want whole numbers")
    return {"correct": int(correct), "total": int(total)}


def _quantiles(quantiles: Optional[Mapping[str, SupportsFloat]]) -> list[tuple[str, float]]:
    if quantiles is None:
        return []
    keys = [name.partition(".")[2] for name in wire.QUANTILES]
    if set(quantiles) != set(keys):
        raise ValueError(f"latency_quantiles_ms wants {', '.join(keys)}")
    p50, p95, p99, count = found = [number(key, quantiles[key], finite=True) for key in keys]
    if not (0 <= p50 <= p95 <= p99 and 1 <= count <= wire.MAX_COUNT and count.is_integer()):
        raise ValueError("latency_quantiles_ms want 0 <= p50 <= p95 <= p99 and a count from 1")
    return list(zip(wire.QUANTILES, found))


def _time(time: Optional[Time]) -> int:
    return now_ns() if time is None else to_ns(time)


_open: weakref.WeakSet[Publisher] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for publisher in list(_open):
        publisher.close()
