"""Tensors: frames 3 and up. Little-endian, row-major, without padding."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ..errors import WireError

Buffer = Union[bytes, bytearray, memoryview, "npt.NDArray[Any]"]

#: The fixed-width datatypes of the Open Inference Protocol that are spoken here, and their bytes.
DTYPES: Mapping[str, np.dtype[Any]] = {
    "FP64": np.dtype("<f8"),
    "FP32": np.dtype("<f4"),
    "INT64": np.dtype("<i8"),
    "INT32": np.dtype("<i4"),
    "BOOL": np.dtype("?"),
}
BYTES = "BYTES"
MAX_RANK = 8
_LARGEST = (1 << 63) - 1
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Tensor:
    """One tensor: its entry in the descriptor, and its bytes (any contiguous buffer)."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Buffer

    def __post_init__(self) -> None:
        check_size(self.datatype, self.shape, _byte_count(self.data), f"tensor {self.name!r}")

    @property
    def nbytes(self) -> int:
        return _byte_count(self.data)

    @property
    def entry(self) -> dict[str, Any]:
        """The tensor's entry in the descriptor."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def array(self) -> npt.NDArray[Any]:
        """The values: a view of the bytes, read-only where they are, or an object array of bytes for BYTES."""
        if self.datatype == BYTES:
            made = np.empty(len_of(self.shape), dtype=object)
            made[:] = unpack_text(self.data, len_of(self.shape))
            return made.reshape(self.shape)
        if self.datatype == "BOOL":  # any byte but 0 is true, which numpy's own view would not promise
            return np.not_equal(np.frombuffer(self.data, dtype=np.uint8), 0).reshape(self.shape)
        return np.frombuffer(self.data, dtype=DTYPES[self.datatype]).reshape(self.shape)


def tensor(name: str, values: npt.ArrayLike) -> Tensor:
    """A tensor of a numeric array, in C order and little-endian.

    A view of the array where it already is so. WireError (`malformed`) for a dtype that has no datatype here.
    """
    array = np.asarray(values)
    for datatype, dtype in DTYPES.items():
        if array.dtype.newbyteorder("=") == dtype.newbyteorder("="):
            packed = np.ascontiguousarray(array, dtype=dtype)
            return Tensor(name, datatype, tuple(array.shape), packed)
    raise WireError("malformed", f"dtype {array.dtype} has no datatype; use one of {', '.join(DTYPES)}")


def text_tensor(name: str, values: Iterable[bytes], shape: Sequence[int]) -> Tensor:
    """A tensor of byte strings in row-major order."""
    return Tensor(name, BYTES, tuple(shape), pack_text(values))


def pack_text(values: Iterable[bytes]) -> bytes:
    """Each element as its length (u32, little-endian) and its bytes."""
    parts: list[bytes] = []
    for value in values:
        if len(value) > 0xFFFFFFFF:
            raise WireError("too_large", f"a text of {len(value)} bytes")
        parts += (_LENGTH.pack(len(value)), value)
    return b"".join(parts)


def unpack_text(data: Buffer, count: int) -> list[bytes]:
    """The elements of a BYTES tensor. WireError (`malformed`) when they do not fill the bytes exactly."""
    view = byte_view(data)
    if count * _LENGTH.size > len(view):
        raise WireError("malformed", f"{len(view)} bytes cannot hold {count} texts")
    values: list[bytes] = []
    at = 0
    for _ in range(count):
        if at + _LENGTH.size > len(view):
            raise WireError("malformed", "a text without its length")
        (length,) = _LENGTH.unpack_from(view, at)
        at += _LENGTH.size
        if at + length > len(view):
            raise WireError("malformed", f"a text of {length} bytes where {len(view) - at} are left")
        values.append(bytes(view[at : at + length]))
        at += length
    if at != len(view):
        raise WireError("malformed", f"{len(view) - at} bytes after the last text")
    return values


def len_of(shape: Sequence[int]) -> int:
    """The number of elements of a shape; WireError (`malformed`) beyond 2^63 − 1."""
    count = 1
    for extent in shape:
        count *= extent
        if count > _LARGEST:
            raise WireError("malformed", f"shape {list(shape)[:MAX_RANK]} overflows")
    return count


def check_size(datatype: str, shape: Sequence[int], nbytes: int, what: str) -> None:
    """That the bytes are as many as datatype and shape say; WireError (`malformed`) else."""
    if not 1 <= len(shape) <= MAX_RANK:
        raise WireError("malformed", f"{what} of rank {len(shape)}; 1 to {MAX_RANK}")
    if any(extent < 0 for extent in shape):
        raise WireError("malformed", f"{what} with a negative extent")
    # An extent of 0 must not hide the overflow of the others.
    len_of([extent for extent in shape if extent])
    count = len_of(shape)
    if datatype == BYTES:
        if nbytes < count * _LENGTH.size:
            raise WireError("malformed", f"{what}: {nbytes} bytes cannot hold {count} texts")
        return
    if datatype not in DTYPES:
        raise WireError("malformed", f"{what} of datatype {datatype!r}")
    wanted = count * DTYPES[datatype].itemsize
    if nbytes != wanted:
        raise WireError("malformed", f"{what}: {nbytes} bytes, not {wanted}")


def byte_view(data: Buffer) -> memoryview:
    """The bytes of a buffer, without a copy."""
    return memoryview(data).cast("B")  # type: ignore[arg-type]


def _byte_count(data: Buffer) -> int:
    return int(data.nbytes) if isinstance(data, (memoryview, np.ndarray)) else len(data)
