"""Recordings in Python, read as `protocol/recording.md` says and by no other source."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"TIDEREC\0"
FILE = struct.Struct(">8sBBBBq")
BLOCK = struct.Struct(">4sB3xIIQq")
CHECKSUM = struct.Struct(">I")
FRESH, LAST = 1, 2
LANES = {0: "ingest", 1: "features", 2: "reliable", 3: "control", 4: "reload", 7: "clock"}
TOO_MANY = 31


@dataclass(frozen=True)
class Record:
    lane: str
    at: int
    #: None for one of more frames than are kept, whose number is `count`.
    frames: list[bytes] | None
    count: int = 0


@dataclass(frozen=True)
class Recording:
    start: int
    name: str
    records: list[Record]
    #: Messages that are missing before each record that follows some.
    lost: int
    closed: bool
    #: Flags and records of each block.
    blocks: list[tuple[int, int]]

    @property
    def messages(self) -> list[Record]:
        return [record for record in self.records if record.lane not in ("clock", "reload")]


def crc32c(data: bytes, reflected: int = 0x82F63B78) -> int:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (reflected if byte & 1 else 0)
        table.append(byte)
    total = 0xFFFFFFFF
    for byte in data:
        total = total >> 8 ^ table[(total ^ byte) & 0xFF]
    return total ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283, "the check value of CRC-32C"


def number(data: bytes, place: int) -> tuple[int, int]:
    """A varint, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def read(data: bytes) -> Recording:
    """All of a whole recording; an error where anything is not as the page says."""
    magic, major, _minor, reserved, length, start = FILE.unpack_from(data)
    assert (magic, major, reserved) == (MAGIC, 1, 0)
    end = FILE.size + length
    name = data[FILE.size : end].decode()
    assert CHECKSUM.unpack_from(data, end)[0] == crc32c(data[:end])
    place = end + CHECKSUM.size
    records: list[Record] = []
    blocks: list[tuple[int, int]] = []
    dictionary: list[bytes] = []
    known = lost = 0
    closed = False
    while place < len(data):
        assert not closed, "something behind the last block"
        header = data[place : place + BLOCK.size]
        magic, flags, size, count, first, base = BLOCK.unpack(header)
        assert magic == b"TBLK"
        (checksum,) = CHECKSUM.unpack_from(data, place + BLOCK.size)
        begin = place + BLOCK.size + CHECKSUM.size
        payload = data[begin : begin + size]
        assert len(payload) == size and checksum == crc32c(header + payload)
        if flags & FRESH:
            dictionary = []
        assert first >= known
        lost, known = lost + first - known, first + count
        found = block_records(payload, base, dictionary)
        assert sum(record.lane not in ("clock", "reload") for record in found) == count
        records += found
        blocks.append((flags, len(found)))
        closed = bool(flags & LAST)
        place = begin + size
    return Recording(start, name, records, lost, closed, blocks)


def block_records(payload: bytes, base: int, dictionary: list[bytes]) -> list[Record]:
    records: list[Record] = []
    place, time = 0, base
    while place < len(payload):
        elapsed, place = number(payload, place)
        time += elapsed
        tag, place = payload[place], place + 1
        lane, count = LANES[tag >> 5], tag & 31
        if count == TOO_MANY:
            count, place = number(payload, place)
            records.append(Record(lane, time, None, count))
            continue
        frames = []
        for _ in range(count):
            head, place = number(payload, place)
            form, rest = head & 3, head >> 2
            if form == 2:
                frames.append(dictionary[rest])
                continue
            assert form in (0, 1)
            frame, place = payload[place : place + rest], place + rest
            assert len(frame) == rest
            frames.append(frame)
            if form == 1:
                dictionary.append(frame)
        records.append(Record(lane, time, frames, count))
    return records
