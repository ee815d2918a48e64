"""What a subscriber hands over: outputs of a daemon, and what the reader noticed about their delivery."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from . import wire
from .errors import WireError
from .times import parse_rfc3339, to_datetime


@dataclass(frozen=True)
class Event:
    """One output; of a type that this package does not know when it is of none of the classes below.

    `time_ns` is model time in unix nanoseconds, `epoch` and `sequence` the daemon's numbering (None from a daemon that
    does not number), `raw` the whole CloudEvents object as it came.
    """

    type: str
    id: str
    source: str
    model: Optional[str]
    version: Optional[str]
    time_ns: Optional[int]
    topic: str
    epoch: Optional[int]
    sequence: Optional[int]
    replayed: bool
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def time(self) -> Optional[dt.datetime]:
        """Model time in UTC, cut to microseconds."""
        return None if self.time_ns is None else to_datetime(self.time_ns)

    @property
    def data(self) -> Mapping[str, Any]:
        """The `data` of the CloudEvents object; empty when it has none."""
        found = self.raw.get("data")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Alert(Event):
    """One change of one alert. `change` is `opened`, `updated` or `resolved`; `problem` is the `type` in its data.

    Apply it only when `rev` is above what you know of `episode_id`. `top_k` are names and scores of drifted features,
    largest first; `value` is the accuracy, the milliseconds or the largest score.
    """

    change: str
    alert_key: str
    episode_id: str
    rev: int
    monitor: str
    problem: str
    state: str
    severity: str
    opened_at_ns: int
    value: Optional[float]
    threshold: Optional[float]
    top_k: tuple[tuple[str, Optional[float]], ...]

    @property
    def opened_at(self) -> dt.datetime:
        return to_datetime(self.opened_at_ns)


@dataclass(frozen=True)
class Decision(Event):
    """A decision to retrain. Remember `decision_id`, act on each once, and never when `dry_run` is true."""

    decision_id: str
    issued_at_ns: int
    reason_codes: tuple[str, ...]
    trigger_reasons: tuple[str, ...]
    severity_score: float
    episodes: tuple[str, ...]
    dry_run: bool

    @property
    def issued_at(self) -> dt.datetime:
        return to_datetime(self.issued_at_ns)


@dataclass(frozen=True)
class Assessment(Event):
    """What one measurement or batch gave. `about` is `performance`, `drift` or `retrain`; the figures are in `data`."""

    about: str

    @property
    def status(self) -> Optional[str]:
        """Of performance: `healthy` or `alert`."""
        found = self.data.get("status")
        return found if isinstance(found, str) else None

    @property
    def drift_detected(self) -> Optional[bool]:
        found = self.data.get("drift_detected")
        return found if isinstance(found, bool) else None

    @property
    def max_drift_score(self) -> Optional[float]:
        found = self.data.get("max_drift_score")
        return float(found) if isinstance(found, (int, float)) else None

    @property
    def should_retrain(self) -> Optional[bool]:
        found = self.data.get("should_retrain")
        return found if isinstance(found, bool) else None


@dataclass(frozen=True)
class SourceAccount:
    """The daemon's account of one source. Counts are of messages; `state` is live, stale, ended or silent."""

    source: str
    epoch: Optional[int]
    sequence: Optional[int]
    received: int
    rejected: int
    lost: int
    duplicate: int
    stale: int
    late: int
    unsequenced: int
    restarts: int
    dropped: int
    state: str
    last_heard_ns: Optional[int]
    clock_offset_ms: Optional[float]


@dataclass(frozen=True)
class SourcesReport(Event):
    """One part of the account of all sources; it is whole when all `parts` came."""

    part: int
    parts: int
    since_ns: int
    received: int
    rejected: int
    sources: tuple[SourceAccount, ...]


@dataclass(frozen=True)
class Gap:
    """Outputs of a daemon that did not arrive.

    Their numbers are from `first` to `last`. `missing` counts them: exactly where `exact` says so, else it is what is
    certain, 1. `topic` is where they are missing, None where any topic may be meant; `tail` says that a head told of
    them, and no later message.
    """

    source: str
    epoch: int
    first: int
    last: int
    missing: int
    exact: bool
    tail: bool
    topic: Optional[str]


@dataclass(frozen=True)
class Restart:
    """A daemon began a new numbering: it was started again, and has forgotten what was open before."""

    source: str
    epoch: int
    previous_epoch: int


@dataclass(frozen=True)
class Stale:
    """Nothing came from a daemon for three of its heads. Told once, until it is heard again."""

    source: str
    silent_s: float
    interval_s: float


@dataclass(frozen=True)
class Ended:
    """A daemon said that it stops."""

    source: str


Item = Union[Event, Gap, Restart, Stale, Ended]


# CloudEvents objects to events.


def parse(raw: Mapping[str, Any], topic: str, header: Optional[wire.Header] = None) -> Event:
    """The event in a CloudEvents object. WireError (`malformed`) when it is none; unknown keys are ignored."""
    reader = _Object(raw, "the event")
    if not reader.text("specversion").startswith("1."):
        raise WireError("unsupported_version", f"specversion {raw['specversion']!r}"[:200])
    kind = reader.text("type")
    common = {
        "type": kind,
        "id": reader.text("id"),
        "source": reader.text("source"),
        "model": reader.maybe("subject", reader.text),
        "version": reader.maybe("modelversion", reader.text),
        "time_ns": reader.maybe("time", reader.time),
        "topic": topic,
        "epoch": None if header is None else header.epoch,
        "sequence": None if header is None else header.seq,
        "replayed": header is not None and header.replayed,
        "raw": raw,
    }
    make = _MAKERS.get(kind)
    if make is None:
        return Event(**common)
    return make(common, _Object(reader.object("data"), "data"))


class _Object:
    """Reads typed keys of a JSON object; WireError where one is missing or of another type."""

    def __init__(self, value: Mapping[str, Any], where: str) -> None:
        self._value = value
        self._where = where

    def _fail(self, key: str, wanted: str) -> WireError:
        return WireError("malformed", f"`{key}` of {self._where} is no {wanted}")

    def maybe(self, key: str, read: Callable[[str], Any]) -> Any:
        """None where the key is missing or null."""
        return None if self._value.get(key) is None else read(key)

    def text(self, key: str) -> str:
        found = self._value.get(key)
        if not isinstance(found, str) or not found:
            raise self._fail(key, "text")
        return found

    def number(self, key: str) -> float:
        found = self._value.get(key)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise self._fail(key, "number")
        try:
            return float(found)
        except OverflowError:
            raise self._fail(key, "number") from None

    def integer(self, key: str) -> int:
        found = self._value.get(key)
        if type(found) is not int or found < 0:
            raise self._fail(key, "count")
        return found

    def count(self, key: str) -> int:
        """0 where it is missing: a later version may count more, an earlier one less."""
        return 0 if self._value.get(key) is None else self.integer(key)

    def decimal(self, key: str) -> int:
        found = self.text(key)
        if not (found.isascii() and found.isdigit() and len(found) <= 20):
            raise self._fail(key, "decimal number")
        return int(found)

    def boolean(self, key: str) -> bool:
        found = self._value.get(key)
        if not isinstance(found, bool):
            raise self._fail(key, "boolean")
        return found

    def time(self, key: str) -> int:
        try:
            found = parse_rfc3339(self.text(key))
        except ValueError:
            raise self._fail(key, "RFC 3339 time") from None
        if abs(found) >= 1 << 63:
            raise self._fail(key, "time between 1678 and 2261")
        return found

    def object(self, key: str) -> dict[str, Any]:
        found = self._value.get(key)
        if not isinstance(found, dict):
            raise self._fail(key, "object")
        return found

    def objects(self, key: str) -> list[_Object]:
        found = self._value.get(key)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self._fail(key, "array of objects")
        return [_Object(item, f"`{key}`") for item in found]

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._value.get(key)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self._fail(key, "array of texts")
        return tuple(found)


def _alert(common: dict[str, Any], data: _Object) -> Event:
    return Alert(
        **common,
        change=common["type"].split(".")[2],
        alert_key=data.text("alert_key"),
        episode_id=data.text("episode_id"),
        rev=data.integer("rev"),
        monitor=data.text("monitor"),
        problem=data.text("type"),
        state=data.text("state"),
        severity=data.text("severity"),
        opened_at_ns=data.time("opened_at"),
        value=data.maybe("value", data.number),
        threshold=data.maybe("threshold", data.number),
        top_k=tuple((item.text("name"), item.maybe("drift_score", item.number)) for item in data.objects("top_k")),
    )


def _decision(common: dict[str, Any], data: _Object) -> Event:
    return Decision(
        **common,
        decision_id=data.text("decision_id"),
        issued_at_ns=data.time("issued_at"),
        reason_codes=data.texts("reason_codes"),
        trigger_reasons=data.texts("trigger_reasons"),
        severity_score=data.number("severity_score"),
        episodes=data.texts("episodes"),
        dry_run=data.boolean("dry_run"),
    )


def _assessment(common: dict[str, Any], data: _Object) -> Event:
    return Assessment(**common, about=common["type"].split(".")[2])


def _sources(common: dict[str, Any], data: _Object) -> Event:
    return SourcesReport(
        **common,
        part=data.integer("part"),
        parts=data.integer("parts"),
        since_ns=data.time("since"),
        received=data.integer("received"),
        rejected=data.integer("rejected"),
        sources=tuple(_account(item) for item in data.objects("sources")),
    )


def _account(item: _Object) -> SourceAccount:
    counts = ("received", "rejected", "lost", "duplicate", "stale", "late", "unsequenced", "restarts", "dropped")
    return SourceAccount(
        source=item.text("source"),
        epoch=item.maybe("epoch", item.decimal),
        sequence=item.maybe("sequence", item.decimal),
        state=item.text("state"),
        last_heard_ns=item.maybe("last_heard", item.time),
        clock_offset_ms=item.maybe("clock_offset_ms", item.number),
        **{name: item.count(name) for name in counts},
    )


_MAKERS: dict[str, Callable[[dict[str, Any], _Object], Event]] = {
    **{f"tidemark.alert.{change}.v1": _alert for change in ("opened", "updated", "resolved")},
    "tidemark.decision.retrain.issued.v1": _decision,
    **{f"tidemark.assessment.{about}.v1": _assessment for about in ("performance", "drift", "retrain")},
    "tidemark.status.sources.v1": _sources,
}
