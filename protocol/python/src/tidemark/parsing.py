"""CloudEvents objects to events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Optional

from . import wire
from .errors import WireError
from .events import Alert, Assessment, Decision, DecisionChange, Event, JournalReport, SourceAccount, SourcesReport
from .times import parse_rfc3339


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

    def string(self, key: str) -> str:
        """As `text`, and may be empty."""
        found = self._value.get(key)
        if not isinstance(found, str):
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

    def seconds(self, key: str) -> dt.timedelta:
        try:
            return dt.timedelta(seconds=self.number(key))
        except (OverflowError, ValueError):
            raise self._fail(key, "number of seconds") from None

    def window(self, key: str) -> tuple[int, int]:
        found = _Object(self.object(key), f"`{key}`")
        return found.time("from"), found.time("to")

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

    def counts(self, key: str) -> dict[str, int]:
        reader = _Object(self.object(key), f"`{key}`")
        return {name: reader.integer(name) for name in self.object(key)}

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
        attempt=data.maybe("attempt", data.integer),
        attempt_id=data.maybe("attempt_id", data.text),
        rev=data.maybe("rev", data.integer),
        state=data.maybe("state", data.text),
        expires_after=data.maybe("expires_after_s", data.seconds),
        coverage=data.maybe("coverage", data.number),
        data_window_ns=data.maybe("data_window", data.window),
    )


def _decision_change(common: dict[str, Any], data: _Object) -> Event:
    return DecisionChange(
        **common,
        decision_id=data.text("decision_id"),
        attempt=data.integer("attempt"),
        attempt_id=data.text("attempt_id"),
        rev=data.integer("rev"),
        state=data.text("state"),
        at_ns=data.time("at"),
        owner=data.maybe("owner", data.text),
        reason=data.maybe("reason", data.string),
        superseded_by=data.maybe("superseded_by", data.text),
        final=data.boolean("final"),
        retry_at_ns=data.maybe("retry_at", data.time),
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


def _journal(common: dict[str, Any], data: _Object) -> Event:
    return JournalReport(
        **common,
        state=data.text("state"),
        since_ns=data.time("since"),
        detail=data.maybe("detail", data.string),
        outputs_waiting=data.integer("outputs_waiting"),
        commits=data.integer("commits"),
        size=data.maybe("bytes", data.integer),
        last_commit_ns=data.maybe("last_commit", data.time),
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
        rejected_by=item.maybe("rejected_by", item.counts) or {},
        **{name: item.count(name) for name in counts},
    )


#: The states of a decision after `issued`.
CHANGES = (
    "acked", "started", "succeeded", "verified", "failed", "rejected", "expired", "superseded", "cancelled",
)  # fmt: skip

_MAKERS: dict[str, Callable[[dict[str, Any], _Object], Event]] = {
    **{f"tidemark.alert.{change}.v1": _alert for change in ("opened", "updated", "resolved")},
    "tidemark.decision.retrain.issued.v1": _decision,
    **{f"tidemark.decision.retrain.{state}.v1": _decision_change for state in CHANGES},
    **{f"tidemark.assessment.{about}.v1": _assessment for about in ("performance", "drift", "retrain", "keep")},
    "tidemark.status.sources.v1": _sources,
    "tidemark.status.journal.v1": _journal,
}
