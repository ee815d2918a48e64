"""One column of a table, as the wire can carry it: numbers, or text.

What is missing (None, NaN, NaT, pandas' NA) is NaN among numbers and the empty text among texts. Times are seconds
since 1970-01-01T00:00:00Z, durations are seconds, both as FP64; a time without a zone is taken as UTC.
"""

from __future__ import annotations

import datetime as dt
import numbers
from collections.abc import Iterable
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from .wire import DTYPES

Array = npt.NDArray[Any]
#: Numbers of a dtype in `DTYPES`, or the texts of a column that is text.
Column = Union[Array, list[bytes]]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)
_FP64, _FP32, _INT64, _INT32, _BOOL = (DTYPES[name] for name in ("FP64", "FP32", "INT64", "INT32", "BOOL"))


def wire_dtype(dtype: np.dtype[Any]) -> Optional[np.dtype[Any]]:
    """The dtype in which the wire carries numbers of `dtype`; None when they need more than a cast.

    float16 becomes FP32, long double FP64, integers the smallest of INT32, INT64 and FP64 (for uint64) that holds
    them.
    """
    kind, size = dtype.kind, dtype.itemsize
    if kind == "b":
        return _BOOL
    if kind == "f":
        return _FP32 if size <= 4 else _FP64
    if kind == "i":
        return _INT32 if size <= 4 else _INT64
    if kind == "u":
        return _INT32 if size <= 2 else _INT64 if size == 4 else _FP64
    return None


def column(values: Array, what: str) -> Column:
    """The column in a 1-D array of any dtype. TypeError when it holds what is neither number, time nor text."""
    if values.ndim != 1:
        raise ValueError(f"{what} has {values.ndim} dimensions, not 1")
    target = wire_dtype(values.dtype)
    if target is not None:
        return values.astype(target, copy=False)
    if values.dtype.kind in "mM":
        return _seconds(values)
    if values.dtype.kind == "U":
        return [text(value) for value in values.tolist()]
    if values.dtype.kind == "S":
        return list(values.tolist())
    if values.dtype.kind in "OT":
        return _of_objects(values.tolist(), what)
    raise TypeError(f"{what} is of dtype {values.dtype}, which has no place on the wire")


def _seconds(values: Array) -> Array:
    """Times and durations as seconds, to the nearest double; NaT as NaN."""
    unit, count = np.datetime_data(values.dtype)
    missing = np.isnat(values)
    if unit in ("Y", "M", "W", "D", "h", "m", "generic"):
        values = values.astype(values.dtype.kind + "8[s]")
        unit, count = "s", 1
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}[unit]
    seconds = values.astype(np.int64).astype(_FP64) * count / per_second
    seconds[missing] = np.nan
    return np.asarray(seconds)


def _of_objects(values: list[Any], what: str) -> Column:
    """A column of Python objects: numbers if all are numbers, times if all are times, else text."""
    present = [value for value in values if not missing(value)]
    if all(_is_number(value) for value in present):
        if present and len(present) == len(values) and all(_is_bool(value) for value in present):
            return np.array(values, dtype=_BOOL)
        return np.array([np.nan if missing(value) else _double(value) for value in values], dtype=_FP64)
    if all(isinstance(value, (dt.date, dt.timedelta, np.datetime64, np.timedelta64)) for value in present):
        return np.array([np.nan if missing(value) else _moment(value) for value in values], dtype=_FP64)
    for value in present:
        if not isinstance(value, (str, bytes, dt.date, dt.timedelta)) and not _is_number(value):
            raise TypeError(f"{what} holds a {type(value).__name__}, which is neither number, time nor text")
    return [b"" if missing(value) else text(value) for value in values]


def text(value: Any) -> bytes:
    """A text as UTF-8; bytes as they are; of another object what `str` says."""
    if isinstance(value, bytes):
        return value
    try:
        return str(value).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{value!r} is not Unicode text") from None


def missing(value: Any) -> bool:
    """Whether a value says "none": None, NaN, NaT, pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)):
        return bool(value != value)
    return False


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _is_number(value: Any) -> bool:
    """Real numbers and decimals; not complex ones."""
    if isinstance(value, (numbers.Real, np.bool_)):
        return not isinstance(value, np.timedelta64)
    return isinstance(value, numbers.Number) and not isinstance(value, numbers.Complex)


def _double(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    except ValueError:  # a signalling NaN of decimal
        return float("nan")


def _moment(value: Any) -> float:
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return float(_seconds(np.array([value]))[0])
    if isinstance(value, dt.timedelta):
        return value / _MICROSECOND / 1e6
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.timezone.utc)
    return float((value - _EPOCH) / _MICROSECOND / 1e6)


def is_text(values: Column) -> bool:
    return isinstance(values, list)


def as_fp64(values: Column) -> Column:
    """Numbers as FP64; text as it is. Integers beyond 2^53 are rounded, as the daemon would."""
    return values if isinstance(values, list) else values.astype(_FP64, copy=False)


def interleave(columns: Iterable[list[bytes]]) -> Iterable[bytes]:
    """Texts of columns in row-major order."""
    return (value for row in zip(*columns) for value in row)
