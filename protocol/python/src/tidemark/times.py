"""Times as the wire has them: unix nanoseconds in 64 bits, 1678 to 2261."""

from __future__ import annotations

import datetime as dt
import math
import re
import time as clock
from typing import Any, Union

#: What `time=` takes: a datetime with its zone, seconds as a float, or nanoseconds as an int.
Time = Union[dt.datetime, float, int]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)
_LARGEST = (1 << 63) - 1
#: 1970-01-12 in nanoseconds: an int below it is meant as seconds, or as milliseconds, by mistake.
_LEAST_NS = 10**15
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def now_ns() -> int:
    """Unix nanoseconds by the system's clock."""
    return clock.time_ns()


def to_ns(time: Any) -> int:
    """Unix nanoseconds of a time. ValueError when it has no zone or is out of range, TypeError when it is no time."""
    if isinstance(time, dt.datetime):
        if time.tzinfo is None or time.utcoffset() is None:
            raise ValueError(f"{time!r} has no zone; add one, for instance datetime.now(timezone.utc)")
        ns = (time - _EPOCH) // _MICROSECOND * 1_000
    elif isinstance(time, bool) or not hasattr(time, "__float__"):
        raise TypeError(f"time is a {type(time).__name__}: a datetime, float seconds or int nanoseconds")
    elif hasattr(time, "__index__"):
        ns = int(time)
        if abs(ns) < _LEAST_NS:
            raise ValueError(f"{ns} ns is in January 1970: an int is nanoseconds; give seconds as a float")
    else:
        seconds = float(time)
        if not math.isfinite(seconds):
            raise ValueError(f"{seconds} is no time")
        whole = math.floor(seconds)
        ns = whole * 1_000_000_000 + round((seconds - whole) * 1_000_000_000)
    if ns == 0:
        raise ValueError("the first instant of 1970 stands for no time on the wire")
    if abs(ns) > _LARGEST:
        raise ValueError(f"{time!r} is out of the range of the wire, 1678 to 2261; an int is nanoseconds")
    return ns


def parse_rfc3339(text: str) -> int:
    """Unix nanoseconds of an RFC 3339 time; digits of a second beyond the ninth are cut. ValueError else."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"no RFC 3339 time: {text[:100]!r}")
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    leap = second == "60"
    moment = dt.datetime(
        int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second), tzinfo=dt.timezone.utc
    )
    offset = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError(f"no RFC 3339 time: {text[:100]!r}")
        offset = (int(hours) * 3_600 + int(minutes) * 60) * (-1 if sign == "-" else 1)
    elapsed = moment - _EPOCH
    whole = elapsed.days * 86_400 + elapsed.seconds + int(leap) - offset
    return whole * 1_000_000_000 + int((fraction or "")[:9].ljust(9, "0"))


def to_datetime(ns: int) -> dt.datetime:
    """The time in UTC, cut to microseconds."""
    return _EPOCH + dt.timedelta(microseconds=ns // 1_000)
