"""A decoder of framed messages that shares nothing with the client: struct, json and numpy, as the text says."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

NUMPY = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "BOOL": "?"}
HEADS = (7, 8)


@dataclass
class Decoded:
    frames: list[bytes]
    topic: str
    kind: int
    flags: int
    epoch: int
    seq: int
    prev: int
    event_time: int
    send_time: int
    descriptor: dict[str, Any]
    tensors: list[Any]

    @property
    def word(self) -> str:
        return self.topic.split("/")[0]

    def metrics(self) -> dict[str, float]:
        return dict(zip(self.descriptor["metrics"], self.tensors[0].tolist()))


def decode(frames: list[bytes]) -> Decoded:
    assert 3 <= len(frames) <= 16
    magic, major, minor, kind, encoding, flags, count, epoch, seq, prev, event, sent, reserved = struct.unpack(
        ">4sBBBBIIQQQqqQ", frames[1]
    )
    assert (magic, major, minor, encoding, reserved) == (b"TIDE", 1, 0, 1, 0)
    assert count == len(frames)
    descriptor = json.loads(frames[2])
    assert frames[2] == json.dumps(descriptor, separators=(",", ":"), ensure_ascii=False).encode()
    entries = descriptor.get("tensors", [])
    assert len(entries) == len(frames) - 3
    tensors = [tensor(entry, data) for entry, data in zip(entries, frames[3:])]
    if kind not in HEADS:
        assert 0 <= prev < seq and bool(flags & 4) == (seq == 1)
    else:
        assert prev == 0 and not flags and len(frames) == 3
    topic = frames[0].decode()
    assert topic.count("/") == 3
    return Decoded(frames, topic, kind, flags, epoch, seq, prev, event, sent, descriptor, tensors)


def tensor(entry: dict[str, Any], data: bytes) -> Any:
    shape = entry["shape"]
    if entry["datatype"] != "BYTES":
        return np.frombuffer(data, dtype=NUMPY[entry["datatype"]]).reshape(shape)
    texts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    assert at == len(data) and len(texts) == int(np.prod(shape))
    return np.array(texts, dtype=object).reshape(shape)


def header(
    kind: int, frames: int, epoch: int, seq: int, prev: int = 0, *, flags: int = 0, major: int = 1, encoding: int = 1
) -> bytes:
    return struct.pack(">4sBBBBIIQQQqqQ", b"TIDE", major, 0, kind, encoding, flags, frames, epoch, seq, prev, 0, 0, 0)


def fields(packed: bytes) -> tuple[int, int, int, int, int]:
    """Flags, kind, frames, epoch and number of a header."""
    _, _, _, kind, _, flags, frames, epoch, seq, *_ = struct.unpack(">4sBBBBIIQQQqqQ", packed)
    return flags, kind, frames, epoch, seq
