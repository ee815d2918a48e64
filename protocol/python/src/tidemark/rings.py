"""What a lossless publisher keeps until it is acknowledged: in memory, or in files that outlive the process."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Protocol, Union

from .cursors import sync_folder
from .errors import StateError
from .outgoing import Outgoing
from .times import now_ns

Frames = list[Any]

_HEAD = struct.Struct(">8sIQQQH")  # magic, version, epoch, first number, acknowledged number, bytes of the source
_MAGIC, _VERSION = b"TIDERING", 1
_RECORD = struct.Struct(">II")  # bytes of the body, CRC-32 of the body
_BODY = struct.Struct(">BQ")  # what it is, number
_COUNT, _LENGTH = struct.Struct(">B"), struct.Struct(">I")
_MESSAGE, _ACKNOWLEDGED = 1, 2
#: Where a header has its time of sending, which is that of the last attempt.
_SEND_TIME = slice(48, 56)
#: A file is at least this long, unless everything in it is acknowledged; else a sixteenth of the ring.
_LEAST_SEGMENT = 1024 * 1024
_SEGMENTS = 16


class Ring(Protocol):
    """Numbered messages from `first` to `last`. Bounded: whoever appends asks `has_room` before."""

    epoch: int
    last: int
    acked: int

    @property
    def nbytes(self) -> int: ...

    @property
    def synced(self) -> int:
        """Messages up to here may be sent: their numbers will not be used again, whatever happens."""

    def has_room(self, nbytes: int) -> bool: ...

    def append(self, message: Outgoing, prev: int) -> bool:
        """Keeps a message under the number after `last`; False when there turned out to be no room."""

    def frames(self, seq: int) -> Frames:
        """What to send, with the time of sending as of now."""

    def flying(self, seq: int) -> int:
        """Bytes of the messages after `acked` up to a number."""

    def release(self, seq: int) -> None:
        """Everything up to a number is acknowledged. A number above `last` moves that too."""

    def sync(self) -> None:
        """Brings everything to the disk."""

    def topics(self) -> Iterator[tuple[bytes, int]]:
        """Topic and number of what was there at the beginning."""

    def close(self) -> None: ...


class MemoryRing:
    """A ring of at most so many messages and so many bytes."""

    def __init__(self, epoch: int, messages: int, most_bytes: int) -> None:
        self.epoch, self.last, self.acked = epoch, 0, 0
        self._messages, self._most = messages, most_bytes
        self._kept: dict[int, tuple[Outgoing, int, int]] = {}  # with `prev`, and all bytes up to and with it
        self._appended = self._released = 0

    @property
    def nbytes(self) -> int:
        return self._appended - self._released

    @property
    def synced(self) -> int:
        return self.last

    def has_room(self, nbytes: int) -> bool:
        return len(self._kept) < self._messages and (not self._kept or self.nbytes + nbytes <= self._most)

    def append(self, message: Outgoing, prev: int) -> bool:
        self.last += 1
        self._appended += message.nbytes
        self._kept[self.last] = (message.kept(), prev, self._appended)
        return True

    def frames(self, seq: int) -> Frames:
        message, prev, _ = self._kept[seq]
        made: Frames = [message.topic, message.header(self.epoch, seq, prev), message.descriptor]
        return made + [tensor.data for tensor in message.tensors]

    def flying(self, seq: int) -> int:
        return self._kept[seq][2] - self._released if seq in self._kept else 0

    def release(self, seq: int) -> None:
        for number in range(self.acked + 1, min(seq, self.last) + 1):
            self._released = self._kept.pop(number)[2]
        self.acked = seq
        self.last = max(self.last, seq)

    def sync(self) -> None:
        pass

    def topics(self) -> Iterator[tuple[bytes, int]]:
        return iter(())

    def close(self) -> None:
        self._kept.clear()


@dataclass
class _Segment:
    path: Path
    handle: int
    first: int
    size: int
    last: int = 0
    dirty: bool = True


@dataclass
class _Place:
    segment: _Segment
    offset: int
    length: int
    total: int = field(default=0)


class FileRing:
    """A ring in the files `PATH-NUMBER.ring`, which are only appended to, and removed when acknowledged.

    A process that is killed leaves everything that was accepted; a system that loses power may lose what was accepted
    since the last `sync`, which nobody was sent. One process at a time: StateError while another has it, when it
    belongs to another source, or when something in it is damaged other than its last, half-written record.
    """

    def __init__(
        self, path: Union[str, os.PathLike[str]], source: str, epoch: int, messages: int, most_bytes: int
    ) -> None:
        self.epoch, self.last, self.acked = epoch, 0, 0
        self._path, self._source = Path(path).absolute(), source
        self._messages, self._most = messages, most_bytes
        self._length = max(_LEAST_SEGMENT, most_bytes // _SEGMENTS)
        self._kept: dict[int, _Place] = {}
        self._segments: list[_Segment] = []
        self._appended = self._released = 0
        self._synced = 0
        self._failure: Optional[OSError] = None
        self._lock = lock(self._path.with_name(self._path.name + ".lock"))
        try:
            self._recover()
        except BaseException:
            self.close()
            raise
        self._found = dict(self._kept)

    @property
    def nbytes(self) -> int:
        return self._appended - self._released

    @property
    def synced(self) -> int:
        return self._synced

    def has_room(self, nbytes: int) -> bool:
        return len(self._kept) < self._messages and (not self._kept or self.nbytes + nbytes <= self._most)

    def append(self, message: Outgoing, prev: int) -> bool:
        if self._failure is not None:
            raise StateError(f"{self._path} can no longer be written: {self._failure}") from self._failure
        seq = self.last + 1
        frames: Frames = [message.topic, message.header(self.epoch, seq, prev), message.descriptor]
        parts: list[Any] = [_BODY.pack(_MESSAGE, seq), _COUNT.pack(len(frames) + len(message.tensors))]
        for frame in [*frames, *(tensor.data for tensor in message.tensors)]:
            view = memoryview(frame).cast("B")
            parts += (_LENGTH.pack(view.nbytes), view)
        full = not self._segments or self._segments[-1].size >= self._length
        if full and not self._attempt(lambda: self._begin(seq)):
            return False
        segment = self._segments[-1]
        offset = segment.size
        if not self._attempt(lambda: self._write(segment, parts)):
            return False
        self.last = segment.last = seq
        self._keep(seq, _Place(segment, offset, segment.size - offset))
        return True

    def frames(self, seq: int) -> Frames:
        place = self._kept[seq]
        body = _read_at(place.segment.handle, place.length, place.offset)[_RECORD.size :]
        frames = _split(memoryview(body)[_BODY.size :])
        header = bytearray(frames[1])
        header[_SEND_TIME] = struct.pack(">q", now_ns())
        return [frames[0], bytes(header), *frames[2:]]

    def flying(self, seq: int) -> int:
        return self._kept[seq].total - self._released if seq in self._kept else 0

    def release(self, seq: int) -> None:
        for number in range(self.acked + 1, min(seq, self.last) + 1):
            self._released = self._kept.pop(number).total
        self.acked = seq
        self.last = max(self.last, seq)
        self._synced = max(self._synced, seq)
        segment = self._segments[-1]
        segment.last = max(segment.last, seq)
        # Where this cannot be written the daemon is sent again what it has, and drops it.
        self._attempt(lambda: self._write(segment, [_BODY.pack(_ACKNOWLEDGED, seq)]))
        while len(self._segments) > 1 and self._segments[0].last <= seq:
            gone = self._segments.pop(0)
            os.close(gone.handle)
            gone.path.unlink(missing_ok=True)

    def sync(self) -> None:
        last = self.last
        if self._synced >= last:
            return
        for segment in list(self._segments):
            if segment.dirty:
                segment.dirty = False
                os.fsync(segment.handle)
        self._synced = max(self._synced, last)

    def topics(self) -> Iterator[tuple[bytes, int]]:
        for seq in sorted(self._found):
            if seq in self._kept:
                yield bytes(self.frames(seq)[0]), seq
        self._found = {}

    def close(self) -> None:
        for segment in self._segments:
            os.close(segment.handle)
        self._segments.clear()
        os.close(self._lock)

    # Writing.

    def _attempt(self, write: Callable[[], None]) -> bool:
        """Whether a write went well; a disk that is full is no room, and any other failure ends the ring."""
        try:
            write()
            return True
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) and self._failure is None:
                self._failure = error
            return False

    def _begin(self, first: int) -> None:
        path = self._path.with_name(f"{self._path.name}-{first:020d}.ring")
        source = self._source.encode()
        head = _HEAD.pack(_MAGIC, _VERSION, self.epoch, first, self.acked, len(source)) + source
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        segment = _Segment(path, handle, first, 0, first - 1)
        try:
            _write_all(handle, [head, struct.pack(">I", zlib.crc32(head))])
            segment.size = len(head) + 4
            sync_folder(path.parent)
        except BaseException:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        self._segments.append(segment)

    def _write(self, segment: _Segment, parts: list[Any]) -> None:
        length = checksum = 0
        for part in parts:
            length += len(part)
            checksum = zlib.crc32(part, checksum)
        try:
            _write_all(segment.handle, [_RECORD.pack(length, checksum), *parts])
        except BaseException:
            os.ftruncate(segment.handle, segment.size)
            os.lseek(segment.handle, segment.size, os.SEEK_SET)
            raise
        segment.size += _RECORD.size + length
        segment.dirty = True

    def _keep(self, seq: int, place: _Place) -> None:
        self._appended += place.length
        place.total = self._appended
        self._kept[seq] = place

    # Reading what an earlier process left.

    def _recover(self) -> None:
        paths = sorted(self._path.parent.glob(f"{glob_escape(self._path.name)}-{'[0-9]' * 20}.ring"))
        for index, path in enumerate(paths):
            self._read_segment(path, index == len(paths) - 1)
        if not self._segments:
            self._begin(1)
        for seq in [seq for seq in self._kept if seq <= self.acked]:
            del self._kept[seq]
        self._appended = 0
        for seq in sorted(self._kept):
            self._keep(seq, self._kept[seq])
        self.last = max(self.last, self.acked)
        self.sync()

    def _read_segment(self, path: Path, is_last: bool) -> None:
        handle = os.open(path, os.O_RDWR)
        segment = _Segment(path, handle, 0, 0)
        self._segments.append(segment)
        length = os.fstat(handle).st_size
        head = os.pread(handle, _HEAD.size, 0)
        if len(head) == _HEAD.size:
            magic, version, epoch, first, acked, named = _HEAD.unpack(head)
            head += os.pread(handle, named, _HEAD.size)
        checksum = os.pread(handle, 4, len(head))
        if len(head) < _HEAD.size or checksum != struct.pack(">I", zlib.crc32(head)):
            if is_last:  # killed when it began the file, before anything was in it
                self._segments.pop()
                os.close(handle)
                path.unlink()
                return
            raise StateError(f"{path} is damaged: its head")
        if magic != _MAGIC or version != _VERSION:
            raise StateError(f"{path} is no ring of version {_VERSION}")
        if head[_HEAD.size :] != self._source.encode():
            raise StateError(f"{path} belongs to source {head[_HEAD.size :].decode(errors='replace')!r}")
        if len(self._segments) == 1:
            self.epoch, self.last = epoch, first - 1
        elif epoch != self.epoch:
            raise StateError(f"{path} is of another epoch than the file before it")
        self.last = max(self.last, first - 1)
        self.acked = max(self.acked, acked)
        segment.first, segment.last, segment.size = first, first - 1, len(head) + 4
        while segment.size < length:
            body = self._read_record(segment, length)
            if body is None:
                if not is_last:
                    raise StateError(f"{path} is damaged at byte {segment.size}")
                os.ftruncate(handle, segment.size)
                break
            what, seq = _BODY.unpack_from(body)
            whole = _RECORD.size + len(body)
            if what == _MESSAGE:
                if seq != self.last + 1:
                    raise StateError(f"{path} is damaged: number {seq} after {self.last}")
                self.last = seq
                self._kept[seq] = _Place(segment, segment.size, whole)
            else:
                self.acked = max(self.acked, seq)
                self.last = max(self.last, seq)
            segment.last = max(segment.last, seq)
            segment.size += whole
        os.lseek(handle, segment.size, os.SEEK_SET)

    def _read_record(self, segment: _Segment, length: int) -> Optional[bytes]:
        head = os.pread(segment.handle, _RECORD.size, segment.size)
        if len(head) < _RECORD.size:
            return None
        size, checksum = _RECORD.unpack(head)
        if size < _BODY.size or segment.size + _RECORD.size + size > length:
            return None
        body = _read_at(segment.handle, size, segment.size + _RECORD.size)
        return body if zlib.crc32(body) == checksum else None


def lock(path: Path) -> int:
    """A lock that ends with this process, whatever ends it. StateError while another process has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # a system without flock: the user sees to it
        pass
    except OSError:
        os.close(handle)
        raise StateError(f"{path} is locked: another process is using it") from None
    return handle


def glob_escape(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _split(body: memoryview) -> Frames:
    (count,) = _COUNT.unpack_from(body)
    at, frames = _COUNT.size, []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        frames.append(bytes(body[at : at + length]))
        at += length
    return frames


def _read_at(handle: int, length: int, offset: int) -> bytes:
    parts: list[bytes] = []
    while length > 0:
        part = os.pread(handle, length, offset)
        if not part:
            raise StateError("a ring file is shorter than it was")
        parts.append(part)
        length -= len(part)
        offset += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _write_all(handle: int, parts: list[Any]) -> None:
    left = [memoryview(part) for part in parts if len(part)]
    while left:
        written = os.writev(handle, left[:512])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]
