"""Whole messages: descriptors, and frames from and to `Message`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Union

from ..errors import WireError
from .control import check_control, decimal
from .header import (
    INPUTS,
    JSON_DESCRIPTOR,
    MAGIC,
    NO_DESCRIPTOR,
    OUTPUTS,
    SIGNS,
    Bytes,
    Header,
    Kind,
    known_kind,
    unpack_header,
)  # fmt: skip
from .tensor import BYTES, Buffer, Tensor, unpack_text
from .topic import Topic, unpack_topic

MIN_FRAMES, MAX_FRAMES = 3, 16
MAX_TENSORS = MAX_FRAMES - MIN_FRAMES
DESCRIPTOR_BYTES = 4 * 1024 * 1024
#: Of the descriptor of a head or bye.
HEAD_BYTES = 4_096
MAX_METRICS = 1_024
#: Single latencies of one metrics message.
MAX_LATENCIES = 10_000
#: Of `correct` and `total`: what a double holds exactly.
MAX_COUNT = 1 << 53
#: The names of a baseline's quantiles of latency, in `values`.
QUANTILES = tuple(f"latency_quantiles_ms.{key}" for key in ("p50", "p95", "p99", "count"))
MAX_COLUMNS = 65_536
VALUES, ROWS, LATENCIES = "values", "rows", "latencies_ms"

Frame = Union[bytes, memoryview, Buffer]
Json = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """A framed message: for outputs `descriptor` is the CloudEvents object; a tombstone's is empty."""

    topic: Topic
    header: Header
    descriptor: Mapping[str, Any]
    tensors: tuple[Tensor, ...] = ()


def is_framed(frames: Sequence[Bytes]) -> bool:
    """Whether frame 1 begins with the magic; else the message is plain, or none at all."""
    return len(frames) > 1 and bytes(frames[1][: len(MAGIC)]) == MAGIC


# Descriptors.


def dump(value: Any) -> bytes:
    """JSON as descriptors have it: compact, keys in the order given, UTF-8 unescaped."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        packed = text.encode("utf-8")
    except (ValueError, TypeError) as error:
        raise WireError("malformed", f"no descriptor: {error}") from None
    if len(packed) > DESCRIPTOR_BYTES:
        raise WireError("too_large", f"a descriptor of {len(packed)} bytes; at most {DESCRIPTOR_BYTES}")
    return packed


def load(data: Bytes, what: str = "descriptor") -> Json:
    """One JSON object as RFC 8259 has it, in UTF-8. WireError (`malformed`) when it is none."""
    try:
        value = json.loads(bytes(data).decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise WireError("malformed", f"the {what} is nested too deep") from None
    except ValueError as error:
        raise WireError("malformed", f"the {what} is no JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise WireError("malformed", f"the {what} is no JSON object")
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def input_descriptor(
    entries: Sequence[Mapping[str, Any]],
    *,
    metrics: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
) -> bytes:
    """The descriptor of metrics, features or baseline, with its keys in the order of the specification."""
    made: Json = {}
    if metrics is not None:
        made["metrics"] = list(metrics)
    if feature_names is not None:
        made["feature_names"] = list(feature_names)
    made["tensors"] = list(entries)
    return dump(made)


def head_descriptor(dropped: int, interval_ms: int, first: int | None = None) -> bytes:
    """`first`, on the lossless lane: the first number that can still be sent."""
    made: Json = {"dropped": dropped, "interval_ms": interval_ms}
    if first is not None:
        made["first"] = str(first)
    return dump(made)


def bye_descriptor(dropped: int) -> bytes:
    return dump({"dropped": dropped})


# Frames.


def pack(message: Message) -> list[Frame]:
    """The frames of a message, after the same checks as `unpack` makes."""
    header, topic = message.header, message.topic
    descriptor = b"" if header.encoding == NO_DESCRIPTOR else dump(message.descriptor)
    frames: list[Frame] = [topic.pack(), header.pack(), descriptor]
    frames += (tensor.data for tensor in message.tensors)
    _check(message, len(frames))
    return frames


def unpack(frames: Sequence[Bytes]) -> Message:
    """The message in frames, checked as a receiver must check it. WireError with its reason when it is none."""
    if not MIN_FRAMES <= len(frames) <= MAX_FRAMES:
        raise WireError("malformed", f"{len(frames)} frames; {MIN_FRAMES} to {MAX_FRAMES}")
    header = unpack_header(frames[1])
    topic = unpack_topic(bytes(frames[0]))
    descriptor = unpack_descriptor(header, frames[2])
    tensors: tuple[Tensor, ...] = ()
    if header.kind in INPUTS and not header.tombstone:
        tensors = _tensors(descriptor, frames[3:])
    message = Message(topic, header, descriptor, tensors)
    _check(message, len(frames))
    return message


def unpack_descriptor(header: Header, data: Bytes) -> Json:
    """The object in frame 2; empty where the header says that there is none."""
    if header.encoding == NO_DESCRIPTOR:
        if len(data):
            raise WireError("malformed", "a descriptor where the header says there is none")
        return {}
    most = HEAD_BYTES if header.kind in SIGNS else DESCRIPTOR_BYTES
    if header.kind not in OUTPUTS and len(data) > most:
        raise WireError("too_large", f"a descriptor of {len(data)} bytes; at most {most}")
    return load(data)


def check_topic(header: Header, topic: Topic) -> Kind:
    """That topic and header agree on a kind that is spoken here, and the topic says what the kind needs."""
    kind = known_kind(header.kind)
    if kind is None:
        raise WireError("unknown_kind", f"kind {header.kind}")
    if topic.kind != kind.word:
        raise WireError("topic_mismatch", f"topic {topic.kind!r}, header {kind.word!r}")
    if kind in INPUTS and topic.model is None:
        raise WireError("malformed", f"{kind.word} without a model")
    return kind


def _tensors(descriptor: Mapping[str, Any], frames: Sequence[Bytes]) -> tuple[Tensor, ...]:
    entries = descriptor.get("tensors")
    if not isinstance(entries, list):
        raise WireError("malformed", "a descriptor without `tensors`")
    if len(entries) != len(frames):
        raise WireError("malformed", f"{len(entries)} entries for {len(frames)} tensors")
    return tuple(_tensor(entry, data) for entry, data in zip(entries, frames))


def _tensor(entry: Any, data: Bytes) -> Tensor:
    if not isinstance(entry, dict):
        raise WireError("malformed", "an entry of `tensors` that is no object")
    name, datatype, shape = entry.get("name"), entry.get("datatype"), entry.get("shape")
    if not isinstance(name, str) or not isinstance(datatype, str) or not isinstance(shape, list):
        raise WireError("malformed", "an entry of `tensors` without name, datatype and shape")
    if not all(type(extent) is int for extent in shape):
        raise WireError("malformed", f"tensor {name[:100]!r} with a shape that is not of integers")
    made = Tensor(name, datatype, tuple(shape), data)
    if datatype == BYTES:
        unpack_text(data, math.prod(shape))
    return made


def _check(message: Message, frames: int) -> None:
    header = message.header
    if not MIN_FRAMES <= frames <= MAX_FRAMES:
        raise WireError("malformed", f"{frames} frames; {MIN_FRAMES} to {MAX_FRAMES}")
    if header.frames != frames:
        raise WireError("malformed", f"{frames} frames; the header says {header.frames}")
    kind = check_topic(header, message.topic)
    if header.tombstone:
        if frames != MIN_FRAMES or header.encoding != NO_DESCRIPTOR:
            raise WireError("malformed", "a tombstone with content")
        return
    if header.encoding != JSON_DESCRIPTOR:
        raise WireError("malformed", f"{kind.word} without a descriptor")
    if kind not in INPUTS:
        if frames != MIN_FRAMES:
            raise WireError("malformed", f"{kind.word} of {frames} frames")
        if kind in SIGNS:
            _check_head(message.descriptor, kind)
        else:
            check_control(kind, message.descriptor)
        return
    values = [tensor for tensor in message.tensors if tensor.name == VALUES]
    rows = [tensor for tensor in message.tensors if tensor.name == ROWS]
    latencies = [tensor for tensor in message.tensors if tensor.name == LATENCIES and kind == Kind.METRICS]
    if len(values) + len(rows) + len(latencies) != len(message.tensors):
        raise WireError("malformed", f"{kind.word} with a tensor of another name than values and rows")
    wants_values, wants_rows = kind == Kind.METRICS, kind == Kind.FEATURES
    if len(values) > 1 or (wants_values and len(values) != 1) or (wants_rows and values):
        raise WireError("malformed", f"{len(values)} tensors `values` in {kind.word}")
    if (wants_rows and not rows) or (wants_values and rows) or not message.tensors:
        raise WireError("malformed", f"{len(rows)} tensors `rows` in {kind.word}")
    if values:
        if message.tensors[0] is not values[0]:
            raise WireError("malformed", "`values` is not the first tensor")
        _check_values(message.descriptor, values[0], kind)
    if latencies:
        _check_latencies(latencies)
    if rows:
        _check_rows(message.descriptor, rows)


def _names(value: Any, what: str, reason: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise WireError("malformed", f"`{what}` is no array of strings")
    if len(set(value)) != len(value):
        raise WireError(reason, f"a name twice in `{what}`")
    return value


def _check_values(descriptor: Mapping[str, Any], values: Tensor, kind: Kind) -> None:
    names = _names(descriptor.get("metrics"), "metrics", "malformed")
    if not 1 <= len(names) <= MAX_METRICS:
        raise WireError("malformed", f"{len(names)} metrics; 1 to {MAX_METRICS}")
    if values.datatype == BYTES or values.shape != (len(names),):
        raise WireError("malformed", f"values {values.datatype} {list(values.shape)} for {len(names)} metrics")
    said = {name: float(value) for name, value in zip(names, values.array().tolist())}
    _check_counts(said)
    if kind == Kind.BASELINE:
        for name in ("accuracy", "latency_ms"):
            if math.isinf(said.get(name, 0.0)):
                raise WireError("malformed", f"a baseline whose {name} is infinite")
        _check_quantiles(said)


def _check_counts(said: Mapping[str, float]) -> None:
    given = [said[name] for name in ("correct", "total") if not math.isnan(said.get(name, math.nan))]
    if not given:
        return
    whole = all(value.is_integer() for value in given)
    if len(given) != 2 or not whole or not 0 <= given[0] <= given[1] <= MAX_COUNT:
        raise WireError("malformed", "correct and total want whole numbers, 0 <= correct <= total <= 2^53")


def _check_quantiles(said: Mapping[str, float]) -> None:
    given = [said.get(name, math.nan) for name in QUANTILES]
    if all(math.isnan(value) for value in given):
        return
    p50, p95, p99, count = given
    if not (0 <= p50 <= p95 <= p99 < math.inf and count.is_integer() and 1 <= count <= MAX_COUNT):
        raise WireError("malformed", "latency_quantiles_ms want 0 <= p50 <= p95 <= p99 and a count from 1")


def _check_latencies(latencies: Sequence[Tensor]) -> None:
    if len(latencies) > 1 or latencies[0].datatype == BYTES or len(latencies[0].shape) != 1:
        raise WireError("malformed", "`latencies_ms` wants numbers in one dimension, once")
    if latencies[0].shape[0] > MAX_LATENCIES:
        raise WireError("too_large", f"{latencies[0].shape[0]} latencies_ms; at most {MAX_LATENCIES}")


def _check_head(descriptor: Mapping[str, Any], kind: Kind) -> None:
    for key, least in (("dropped", 0), ("interval_ms", 1))[: 2 if kind == Kind.HEAD else 1]:
        value = descriptor.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or value < least:
            raise WireError("malformed", f"`{key}` of a {kind.word} is no whole number from {least}")
    if kind == Kind.HEAD and descriptor.get("first") is not None:
        decimal(descriptor, "first", least=1)


def _check_rows(descriptor: Mapping[str, Any], rows: Sequence[Tensor]) -> None:
    for tensor in rows:
        if len(tensor.shape) > 2:
            raise WireError("malformed", f"rows of shape {list(tensor.shape)}; [n, k] or [n]")
    count, columns = rows[0].shape[0], 0
    for tensor in rows:
        if tensor.shape[0] != count:
            raise WireError("shape_mismatch", f"{tensor.shape[0]} rows beside {count}")
        width = tensor.shape[1] if len(tensor.shape) == 2 else 1
        if count == 0 or width == 0:
            raise WireError("shape_mismatch", f"rows of shape {list(tensor.shape)}: empty")
        columns += width
    if all(tensor.datatype == BYTES for tensor in rows):
        raise WireError("shape_mismatch", "rows of text alone")
    if columns > MAX_COLUMNS:
        raise WireError("too_large", f"{columns} columns; at most {MAX_COLUMNS}")
    if descriptor.get("feature_names") is not None:
        names = _names(descriptor["feature_names"], "feature_names", "shape_mismatch")
        if len(names) != columns:
            raise WireError("shape_mismatch", f"{len(names)} names for {columns} columns")
