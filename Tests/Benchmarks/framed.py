"""The framed encoding in Python: read fast for the peer, written plainly for the check that all agree."""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import zmq

HEADER = struct.Struct(">4sBBBBIIQQQqqQ")
MAGIC = b"TIDE"
KINDS = {1: "metrics", 2: "features", 5: "baseline", 7: "head", 8: "bye"}
NUMBERS = {name: number for number, name in KINDS.items()}
DATATYPES: dict[str, npt.DTypeLike] = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4"}

UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class Event:
    """What both encodings come to."""

    kind: str
    #: Of a plain event; a framed one is named by its epoch and number.
    id: str | None
    source: str
    epoch: int
    sequence: int
    model: str
    version: str
    time: dt.datetime
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return self.id or f"{self.epoch}-{self.sequence}"


class Descriptor:
    """One descriptor, parsed once: a steady stream repeats its bytes."""

    def __init__(self, text: bytes) -> None:
        content = json.loads(text) if text else {}
        self.metrics: list[str] = content.get("metrics", [])
        self.feature_names: list[str] | None = content.get("feature_names")
        self.tensors = [
            (tensor["name"], np.dtype(DATATYPES[tensor["datatype"]]), tuple(tensor["shape"]))
            for tensor in content.get("tensors", [])
        ]
        self.unpack_values = struct.Struct(f"<{len(self.metrics)}d").unpack


class Decoder:
    """The frames after the topic and the header, received one by one: the header says how many."""

    def __init__(self) -> None:
        self._topics: dict[bytes, list[str]] = {}
        self._descriptors: dict[bytes, Descriptor] = {}

    def receive(self, topic: bytes, header: bytes, socket: zmq.Socket[bytes]) -> Event:
        _, _, _, number, _, _, frames, epoch, sequence, _, event_time, _, _ = HEADER.unpack(header)
        text = socket.recv()
        descriptor = self._descriptors.get(text)
        if descriptor is None:
            descriptor = self._descriptors[text] = Descriptor(text)
        parts = self._topics.get(topic)
        if parts is None:
            parts = self._topics[topic] = topic.decode().split("/")
        kind = KINDS[number]
        # Metrics are a few bytes, which are cheaper copied; matrices stay where they were received.
        if kind == "metrics":
            data = metrics(descriptor, socket.recv())
        else:
            bodies = [socket.recv(copy=False).buffer for _ in range(frames - 3)]
            data = tensors(descriptor, bodies)
        time = UNIX + dt.timedelta(microseconds=event_time // 1000)
        return Event(kind, None, parts[3], epoch, sequence, parts[1], parts[2], time, data)


def metrics(descriptor: Descriptor, body: bytes) -> dict[str, Any]:
    values = zip(descriptor.metrics, descriptor.unpack_values(body), strict=True)
    # Only NaN differs from itself.
    return {name: value for name, value in values if value == value}


def tensors(descriptor: Descriptor, bodies: Sequence[memoryview]) -> dict[str, Any]:
    """As the plain encoding has it: values by name, and a matrix under `rows`."""
    data: dict[str, Any] = {}
    columns = []
    for (name, datatype, shape), body in zip(descriptor.tensors, bodies, strict=True):
        array = np.frombuffer(body, datatype)
        if name == "values":
            data |= {key: value for key, value in zip(descriptor.metrics, array.tolist(), strict=True)}
        else:
            columns.append(array.reshape(shape if len(shape) == 2 else (-1, 1)))
    if columns:
        data["rows"] = columns[0] if len(columns) == 1 else np.hstack(columns)
        data["feature_names"] = descriptor.feature_names
    return data


# Writing.


def encode(
    kind: str, model: str, source: str, epoch: int, sequence: int, time: dt.datetime, data: Any
) -> list[bytes]:
    """A message of metrics, features or a baseline whose data are as in the plain encoding."""
    descriptor: dict[str, Any] = {}
    bodies: list[npt.NDArray[np.float64]] = []
    described = []
    matrix = data.get("features") if kind == "baseline" else data if kind == "features" else None
    values = {name: data[name] for name in ("accuracy", "latency_ms") if data.get(name) is not None}
    if values:
        descriptor["metrics"] = list(values)
        bodies.append(np.array(list(values.values())))
        described.append({"name": "values", "datatype": "FP64", "shape": [len(values)]})
    if matrix:
        descriptor["feature_names"] = matrix["feature_names"]
        # None becomes NaN.
        rows = np.array(matrix["rows"], dtype=np.float64)
        bodies.append(rows)
        described.append({"name": "rows", "datatype": "FP64", "shape": list(rows.shape)})
    descriptor["tensors"] = described
    ns = (time - UNIX) // dt.timedelta(microseconds=1) * 1000
    flags = 4 if sequence == 1 else 0
    frames = 3 + len(bodies)
    header = HEADER.pack(MAGIC, 1, 0, NUMBERS[kind], 1, flags, frames, epoch, sequence, 0, ns, ns, 0)
    text = json.dumps(descriptor, separators=(",", ":"), ensure_ascii=False).encode()
    return [f"{kind}/{model}/-/{source}".encode(), header, text, *(body.tobytes() for body in bodies)]
