"""One golden message: its frames and what it means, built from the same few values."""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any

#: 2026-03-02T00:00:00Z: when the numbering of most cases began.
EPOCH = 1_772_409_600_000_000_000
#: 2026-03-02T02:00:00Z
TIME = EPOCH + 7_200_000_000_000
#: A little later.
SENT = TIME + 1_500_000

KINDS = {
    1: "metrics",
    2: "features",
    3: "predictions",
    4: "labels",
    5: "baseline",
    6: "feedback",
    7: "head",
    8: "bye",
    16: "alert",
    17: "decision",
    18: "assessment",
    19: "status",
    32: "fetch",
    33: "end",
    34: "snapshot",
    35: "ack",
    36: "nack",
    37: "silence",
}
NUMBERS = {word: number for number, word in KINDS.items()}
REPLAYED, ACK_WANTED, FIRST_OF_EPOCH, TOMBSTONE = 1, 2, 4, 8

FORMATS = {"FP64": "d", "FP32": "f", "INT64": "q", "INT32": "i", "BOOL": "?"}

Json = Any


@dataclass
class Case:
    name: str
    page: str
    about: str
    frames: list[bytes]
    expect: dict[str, Json] = field(default_factory=dict)
    refused: str = ""
    #: Whether its number is entered in an account; of a request, whether it is answered.
    counted: bool = False
    encoding: str = "framed"
    direction: str = "in"
    decode_only: bool = False

    def outcome(self) -> dict[str, Json]:
        if not self.refused:
            return {"expect": self.expect}
        return {"refused": self.refused, "counted" if self.direction in ("in", "out") else "answered": self.counted}


# Text.


def compact(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def pretty(value: Json, indent: int = 0, width: int = 112) -> str:
    """JSON for people: what fits in a line stands in one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= width or not isinstance(value, (dict, list)) or not value:
        return line
    inner = " " * (indent + 2)
    if (
        isinstance(value, dict)
        and not any(isinstance(item, (dict, list)) for item in value.values())
        and len(value) > 10
    ):
        lines = [inner]
        for key, item in value.items():
            part = json.dumps({key: item}, ensure_ascii=False)[1:-1] + ", "
            if len(lines[-1]) + len(part) > width:
                lines.append(inner)
            lines[-1] += part
        return "{\n" + "\n".join(line.rstrip() for line in lines).removesuffix(",") + "\n" + " " * indent + "}"
    if isinstance(value, dict):
        parts = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {pretty(item, indent + 2)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    parts = [inner + pretty(item, indent + 2) for item in value]
    return "[\n" + ",\n".join(parts) + "\n" + " " * indent + "]"


def segment(text: str) -> str:
    """Percent-encoded as in topics: slash, percent and control characters, nothing else."""
    return "".join(f"%{ord(c):02X}" if c in "/%" or ord(c) < 0x20 or ord(c) == 0x7F else c for c in text)


def rfc3339(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
    return moment.isoformat() + (f".{fraction:09d}".rstrip("0") if fraction else "") + "Z"


# Frames.


def header(
    kind: int,
    frames: int,
    *,
    seq: int,
    prev: int = 0,
    flags: int = 0,
    epoch: int = EPOCH,
    time: int = TIME,
    sent: int = SENT,
    magic: bytes = b"TIDE",
    major: int = 1,
    minor: int = 0,
    encoding: int = 1,
    reserved: int = 0,
) -> tuple[bytes, dict[str, Json]]:
    packed = struct.pack(
        ">4sBBBBIIQQQqqQ", magic, major, minor, kind, encoding, flags, frames, epoch, seq, prev, time, sent, reserved
    )
    meaning = {
        "major": major,
        "minor": minor,
        "kind": kind,
        "descriptor_encoding": encoding,
        "flags": flags,
        "frames": frames,
        "epoch": str(epoch),
        "seq": str(seq),
        "prev": str(prev),
        "event_time": str(time),
        "send_time": str(sent),
        "reserved": str(reserved),
    }
    return packed, meaning


def tensor_bytes(datatype: str, values: list[Any]) -> bytes:
    if datatype == "BYTES":
        parts = [value.encode() for value in values]
        return b"".join(struct.pack("<I", len(part)) + part for part in parts)
    return struct.pack(f"<{len(values)}{FORMATS[datatype]}", *values)


def shown(datatype: str, value: Any) -> Json:
    """A value as the golden JSON has it: NaN is null, an infinity and an INT64 are text."""
    if datatype == "INT64":
        return str(value)
    if datatype == "FP32":
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def judged(datatype: str, value: Any) -> Json:
    """A value as the plain event has it: a double, or null where it is missing."""
    if datatype == "FP32":
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return float(value) if math.isfinite(value) else None


def nested(figures: dict[str, Json]) -> dict[str, Json]:
    """Figures of a plain event: a dotted name that is known stands in an object."""
    data: dict[str, Json] = {}
    for name, value in figures.items():
        outer, _, inner = name.partition(".")
        if inner and outer in ("metrics", "latency_quantiles_ms"):
            data.setdefault(outer, {})[inner] = value
        else:
            data[name] = value
    return data


@dataclass
class Tensor:
    name: str
    datatype: str
    shape: list[int]
    values: list[Any]

    def description(self) -> dict[str, Json]:
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape}

    def encoded(self) -> bytes:
        return tensor_bytes(self.datatype, self.values)


# Messages in.


def framed(
    kind: str,
    descriptor: dict[str, Json],
    tensors: list[Tensor],
    *,
    model: str = "fraud",
    version: str = "7",
    source: str = "scorer-1",
    seq: int = 4,
    prev: int = 2,
    topic: str | None = None,
    raw_descriptor: bytes | None = None,
    **more: Any,
) -> tuple[list[bytes], dict[str, Json]]:
    """The frames of a good message, and what they mean but for the event."""
    descriptor = {**descriptor, **({"tensors": [each.description() for each in tensors]} if tensors else {})}
    if topic is None:
        topic = "/".join([kind, *(segment(part) for part in (model, version, source))])
    packed, meaning = header(NUMBERS[kind], 3 + len(tensors), seq=seq, prev=prev, **more)
    body = raw_descriptor if raw_descriptor is not None else compact(descriptor)
    frames = [topic.encode(), packed, body, *(each.encoded() for each in tensors)]
    if raw_descriptor:
        descriptor = json.loads(raw_descriptor)
    values = [[shown(each.datatype, value) for value in each.values] for each in tensors]
    return frames, {"topic": topic, "header": meaning, "descriptor": descriptor, "tensors": values}


def event(
    kind: str,
    meaning: dict[str, Json],
    data: Json,
    *,
    model: str = "fraud",
    version: str = "7",
    source: str = "scorer-1",
) -> dict[str, Json]:
    """The same event in the plain encoding."""
    fields = meaning["header"]
    made: dict[str, Json] = {
        "specversion": "1.0",
        "type": f"tidemark.{kind}.v1",
        "source": source,
        "id": f"{fields['epoch']}-{fields['seq']}",
    }
    if fields["event_time"] != "0":
        made["time"] = rfc3339(int(fields["event_time"]))
    if model != "-":
        made["subject"] = model
    if version != "-":
        made["modelversion"] = version
    return made | {"sequence": fields["seq"], "epoch": fields["epoch"], "data": data}


def columns(tensors: list[Tensor], names: list[str] | None) -> Json:
    """What is judged of `rows` tensors: their numbers, side by side."""
    rows: list[list[Json]] = [[] for _ in range(tensors[0].shape[0])]
    kept: list[str] = []
    at = 0
    for each in tensors:
        width = each.shape[1] if len(each.shape) == 2 else 1
        if each.datatype != "BYTES":
            for row, target in enumerate(rows):
                target += [judged(each.datatype, value) for value in each.values[row * width : (row + 1) * width]]
            kept += names[at : at + width] if names else []
        at += width
    return {"feature_names": kept, "rows": rows} if names else {"rows": rows}


def tombstone(kind: str, **more: Any) -> tuple[list[bytes], dict[str, Json]]:
    frames, meaning = framed(kind, {}, [], raw_descriptor=b"", flags=TOMBSTONE, encoding=0, **more)
    return frames, meaning | {"descriptor": None}


def refused(
    page: str, name: str, about: str, reason: str, counted: bool, frames: list[bytes], encoding: str = "framed"
) -> Case:
    return Case(f"{page}.{name}", page, about, frames, refused=reason, counted=counted, encoding=encoding)
