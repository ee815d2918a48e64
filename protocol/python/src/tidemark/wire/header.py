"""The header: frame 1 of a framed message, 64 bytes, big-endian."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Union

from ..errors import WireError

Bytes = Union[bytes, bytearray, memoryview]

MAGIC = b"TIDE"
MAJOR, MINOR = 1, 0
HEADER_BYTES = 64

_LAYOUT = struct.Struct(">4sBBBBIIQQQqqQ")
_U32, _U64, _I63 = (1 << 32) - 1, (1 << 64) - 1, 1 << 63

REPLAYED = 1
ACK_WANTED = 2
FIRST_OF_EPOCH = 4
TOMBSTONE = 8

NO_DESCRIPTOR, JSON_DESCRIPTOR = 0, 1


class Kind(IntEnum):
    """The kinds that version 1.0 speaks; the numbers between are reserved."""

    METRICS = 1
    FEATURES = 2
    BASELINE = 5
    FEEDBACK = 6
    HEAD = 7
    BYE = 8
    ALERT = 16
    DECISION = 17
    ASSESSMENT = 18
    STATUS = 19
    FETCH = 32
    END = 33
    SNAPSHOT = 34
    ACK = 35
    NACK = 36
    SILENCE = 37

    @property
    def word(self) -> str:
        """The first segment of the topic: `metrics`, `head`, …"""
        return self.name.lower()


#: Events in that have tensors; feedback is an event in too, and has none.
INPUTS = frozenset({Kind.METRICS, Kind.FEATURES, Kind.BASELINE})
OUTPUTS = frozenset({Kind.ALERT, Kind.DECISION, Kind.ASSESSMENT, Kind.STATUS})
#: Signs of life: their `seq` is the last number used.
SIGNS = frozenset({Kind.HEAD, Kind.BYE})
#: Requests and answers: their `seq` is a request's number, or the number that is meant.
CONTROL = frozenset({Kind.FETCH, Kind.END, Kind.SNAPSHOT, Kind.ACK, Kind.NACK, Kind.SILENCE})
#: Kinds that use up no number.
UNNUMBERED = SIGNS | CONTROL

_KINDS = {int(kind): kind for kind in Kind}


def known_kind(number: int) -> Kind | None:
    """The kind of a number, or None when this version does not speak it."""
    return _KINDS.get(number)


@dataclass(frozen=True)
class Header:
    """The fixed fields of a framed message.

    Times are unix nanoseconds, 0 for "not given". `seq` counts from 1 within (source, epoch); in head and bye it
    is the last number used, 0 for none; in requests and answers it is what their kind says. `prev` is the number
    before it on the same topic, 0 for none. An alert that is sent again as it stands has no number: `is_repeat`.
    """

    kind: int
    frames: int
    epoch: int
    seq: int
    prev: int = 0
    event_time: int = 0
    send_time: int = 0
    flags: int = 0
    encoding: int = JSON_DESCRIPTOR
    major: int = MAJOR
    minor: int = MINOR

    @property
    def replayed(self) -> bool:
        return bool(self.flags & REPLAYED)

    @property
    def is_repeat(self) -> bool:
        """An alert as it stands, sent again outside of any numbering."""
        return self.kind == Kind.ALERT and self.seq == 0 and self.replayed

    @property
    def first_of_epoch(self) -> bool:
        return bool(self.flags & FIRST_OF_EPOCH)

    @property
    def tombstone(self) -> bool:
        return bool(self.flags & TOMBSTONE)

    @property
    def id(self) -> str:
        """The event's id: `EPOCH-SEQ`."""
        return f"{self.epoch}-{self.seq}"

    def pack(self) -> bytes:
        """The 64 bytes. WireError (`malformed`) when a field is out of its range."""
        _check_ranges(self)
        _check_numbers(self)
        return _LAYOUT.pack(
            MAGIC, self.major, self.minor, self.kind, self.encoding, self.flags, self.frames,
            self.epoch, self.seq, self.prev, self.event_time, self.send_time, 0,
        )  # fmt: skip


def unpack_header(data: Bytes) -> Header:
    """The header in 64 bytes.

    Unknown kinds, unknown flags, any minor version and the reserved bytes are taken as they are.
    WireError: `unsupported_version` for another major version, else `malformed`.
    """
    if len(data) != HEADER_BYTES:
        raise WireError("malformed", f"a header of {len(data)} bytes, not {HEADER_BYTES}")
    (magic, major, minor, kind, encoding, flags, frames,
     epoch, seq, prev, event_time, send_time, _) = _LAYOUT.unpack(data)  # fmt: skip
    if magic != MAGIC:
        raise WireError("malformed", f"a header that begins with {magic!r}, not {MAGIC!r}")
    if major != MAJOR:
        raise WireError("unsupported_version", f"version {major}.{minor}; this is {MAJOR}.{MINOR}")
    header = Header(
        kind=kind, frames=frames, epoch=epoch, seq=seq, prev=prev, event_time=event_time,
        send_time=send_time, flags=flags, encoding=encoding, major=major, minor=minor,
    )  # fmt: skip
    _check_numbers(header)
    return header


def _check_ranges(header: Header) -> None:
    for name, value, least, most in (
        ("major", header.major, MAJOR, MAJOR),
        ("minor", header.minor, 0, 255),
        ("kind", header.kind, 0, 255),
        ("flags", header.flags, 0, _U32),
        ("frames", header.frames, 0, _U32),
        ("epoch", header.epoch, 0, _U64),
        ("seq", header.seq, 0, _U64),
        ("prev", header.prev, 0, _U64),
        ("event_time", header.event_time, -_I63, _I63 - 1),
        ("send_time", header.send_time, -_I63, _I63 - 1),
    ):
        if not least <= value <= most:
            raise WireError("malformed", f"{name} {value} is not from {least} to {most}")


def _check_numbers(header: Header) -> None:
    if header.encoding not in (NO_DESCRIPTOR, JSON_DESCRIPTOR):
        raise WireError("malformed", f"descriptor encoding {header.encoding}")
    if header.epoch < 1:
        raise WireError("malformed", "epoch 0")
    if header.kind in UNNUMBERED:
        if header.prev != 0:
            raise WireError("malformed", f"prev {header.prev} in a message that has no number")
    elif header.is_repeat and header.prev == 0:
        pass
    elif header.seq < 1:
        raise WireError("malformed", "number 0")
    elif header.prev >= header.seq:
        raise WireError("malformed", f"prev {header.prev} is not below number {header.seq}")
