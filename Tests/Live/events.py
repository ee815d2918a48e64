"""Plain events as a serving process would write them, and exact times."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import re
from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]

#: 2026-01-01T00:00:00Z, the zero of every recorded stream.
BASE_NS = 1_767_225_600 * 1_000_000_000
DAY = 86_400.0
HOUR = 3_600.0

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")
_ids = itertools.count(1)


def at(seconds: float, base_ns: int = BASE_NS) -> str:
    """RFC 3339 of `seconds` after the base, with a fraction only where there is one."""
    total = base_ns + round(seconds * 1_000_000_000)
    whole, fraction = divmod(total, 1_000_000_000)
    text = dt.datetime.fromtimestamp(whole, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{fraction:09d}".rstrip("0") if fraction else "") + "Z"


def nanoseconds(text: str) -> int:
    """Unix nanoseconds of an RFC 3339 time; an error when it is not one."""
    match = _RFC3339.fullmatch(text)
    assert match, f"not an RFC 3339 time: {text!r}"
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    moment = dt.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=dt.UTC)
    offset = 0
    if zone not in "Zz":
        offset = (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (-1 if zone[0] == "-" else 1)
    whole = int((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).total_seconds()) - offset
    return whole * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def after_base(text: str, base_ns: int = BASE_NS) -> float:
    """Seconds between the base and an RFC 3339 time."""
    return (nanoseconds(text) - base_ns) / 1e9


def event(
    kind: str,
    model: str,
    seconds: float | None,
    data: Any,
    *,
    version: str | None = None,
    source: str = "live-tests",
    id: str | None = None,
    base_ns: int = BASE_NS,
    **more: Any,
) -> Event:
    """One CloudEvents object of type `tidemark.<kind>.v1`; `seconds` None leaves the time out."""
    made: Event = {
        "specversion": "1.0",
        "id": id if id is not None else f"e{next(_ids)}",
        "source": source,
        "type": f"tidemark.{kind}.v1",
        "subject": model,
    }
    if seconds is not None:
        made["time"] = at(seconds, base_ns)
    if version is not None:
        made["modelversion"] = version
    made["data"] = data
    made.update(more)
    return made


def metrics(model: str, seconds: float | None, data: dict[str, Any], **more: Any) -> Event:
    return event("metrics", model, seconds, data, **more)


def features(
    model: str,
    seconds: float | None,
    rows: list[list[float | None]],
    names: list[str] | None = None,
    **more: Any,
) -> Event:
    return event("features", model, seconds, matrix(rows, names), **more)


def baseline(
    model: str,
    seconds: float | None,
    *,
    accuracy: float | None = None,
    latency_ms: float | None = None,
    rows: list[list[float]] | None = None,
    names: list[str] | None = None,
    **more: Any,
) -> Event:
    data: dict[str, Any] = {}
    if accuracy is not None:
        data["accuracy"] = accuracy
    if latency_ms is not None:
        data["latency_ms"] = latency_ms
    if rows is not None:
        data["features"] = matrix(rows, names)
    return event("baseline", model, seconds, data, **more)


def matrix(rows: list[list[Any]], names: list[str] | None) -> dict[str, Any]:
    return {"rows": rows} if names is None else {"feature_names": names, "rows": rows}


def unit_rows() -> list[list[float]]:
    """Two rows of one feature with mean 0 and population std + 1e-8 exactly 1.0.

    A one-row batch [score] then has exactly that score.
    """
    start = 0.99999999
    for steps in range(64):
        for direction in (1.0, 0.0):
            candidate = start
            for _ in range(steps):
                candidate = math.nextafter(candidate, direction)
            std = math.sqrt((candidate * candidate + candidate * candidate) / 2)
            if std + 1e-8 == 1.0:
                return [[-candidate], [candidate]]
    raise AssertionError("no float near 0.99999999 gives a std + 1e-8 of exactly 1.0")


def line(item: Event | str | bytes) -> bytes:
    """The bytes of one line; text and bytes are taken as they are."""
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        return item.encode()
    return json.dumps(item, separators=(",", ":")).encode()


def ndjson(items: Iterable[Event | str | bytes]) -> bytes:
    return b"".join(line(item) + b"\n" for item in items)


def of_type(outputs: Iterable[Event], part: str, model: str | None = None) -> list[Event]:
    """Outputs whose type is `tidemark.<part>.v1` or begins so, of one model if it is named."""
    stem = f"tidemark.{part}."
    return [
        output
        for output in outputs
        if output["type"].startswith(stem) and (model is None or output["subject"] == model)
    ]


def assert_close(actual: Any, expected: Any, where: str) -> None:
    """Equal; numbers within 1e-9 relative. Keys that only `actual` has are allowed."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), f"{where}: {actual!r} is not an object"
        for key, value in expected.items():
            assert key in actual, f"{where}: no {key} in {sorted(actual)}"
            assert_close(actual[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(actual, list), f"{where}: {actual!r} is not a list"
        assert len(actual) == len(expected), f"{where}: {actual!r} is not {expected!r}"
        for index, (one, other) in enumerate(zip(actual, expected)):
            assert_close(one, other, f"{where}[{index}]")
    elif isinstance(expected, bool) or expected is None or isinstance(expected, str):
        assert actual is expected or (isinstance(expected, str) and actual == expected), (
            f"{where}: {actual!r} is not {expected!r}"
        )
    else:
        number = isinstance(actual, (int, float)) and not isinstance(actual, bool)
        assert number, f"{where}: {actual!r} is not a number"
        assert math.isclose(actual, expected, rel_tol=1e-9, abs_tol=0.0), (
            f"{where}: {actual!r} is not within 1e-9 of {expected!r}"
        )


def assert_output(output: Event) -> None:
    """What every output carries: the attributes of CloudEvents 1.0 and of Tidemark."""
    assert output["specversion"] == "1.0", output
    for key in ("id", "source", "type", "subject"):
        assert isinstance(output.get(key), str) and output[key], f"{key} in {output!r}"
    assert re.fullmatch(r"tidemark\.[a-z.]+\.v1", output["type"]), output["type"]
    nanoseconds(output["time"])
    assert isinstance(output["data"], dict), output
