"""What a subscriber hands over: outputs of a daemon, and what the reader noticed about their delivery."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from .times import to_datetime


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
    largest first; `value` is the accuracy, the milliseconds or the largest score. Preset `standard` adds `evidence`.
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

    @property
    def flags(self) -> frozenset[str]:
        """Of `stale`, `flapping`, `silenced` and `inhibited`; whoever notifies people passes over the last two."""
        found = self.data.get("flags")
        return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()

    @property
    def reason(self) -> Optional[str]:
        """Why it is resolved: `recovered`, `model_replaced`, `rule_removed`, `model_retired`, `manual`."""
        found = self.data.get("reason")
        return found if isinstance(found, str) else None

    @property
    def metric(self) -> Optional[str]:
        """The name of the business metric that it is about, on monitor `metric`."""
        found = self.data.get("metric")
        return found if isinstance(found, str) else None

    @property
    def evidence(self) -> Optional[Mapping[str, Any]]:
        """What stands behind it under preset `standard`: e-value, cases, effect, change point."""
        found = self.data.get("evidence")
        return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class Decision(Event):
    """A decision to retrain, as it is issued. Act on each attempt once, and never when `dry_run` is true.

    `attempt` counts from 1 and `attempt_id` names it: the key by which a retraining is idempotent. A decision that
    nobody claims is sent again under the same `id`, until it is `expires_after` old by the daemon's clock. `coverage`
    is how much of what was sent the daemon has seen, 0 to 1; `data_window` what it looked at, from and to, in model
    time. What an older daemon does not say is None.
    """

    decision_id: str
    issued_at_ns: int
    reason_codes: tuple[str, ...]
    trigger_reasons: tuple[str, ...]
    severity_score: float
    episodes: tuple[str, ...]
    dry_run: bool
    attempt: Optional[int]
    attempt_id: Optional[str]
    rev: Optional[int]
    state: Optional[str]
    expires_after: Optional[dt.timedelta]
    coverage: Optional[float]
    data_window_ns: Optional[tuple[int, int]]

    @property
    def issued_at(self) -> dt.datetime:
        return to_datetime(self.issued_at_ns)

    @property
    def data_window(self) -> Optional[tuple[dt.datetime, dt.datetime]]:
        if self.data_window_ns is None:
            return None
        start, end = self.data_window_ns
        return to_datetime(start), to_datetime(end)


@dataclass(frozen=True)
class DecisionChange(Event):
    """What became of a decision: acked, started, succeeded, verified, failed, rejected, expired, superseded, cancelled.

    Apply it only when `rev` is above what you know of `decision_id`. `final` says that the decision is over; where it
    is False after `failed` or `rejected`, another attempt is issued at `retry_at`, or at once.
    """

    decision_id: str
    attempt: int
    attempt_id: str
    rev: int
    state: str
    at_ns: int
    owner: Optional[str]
    reason: Optional[str]
    superseded_by: Optional[str]
    final: bool
    retry_at_ns: Optional[int]

    @property
    def at(self) -> dt.datetime:
        return to_datetime(self.at_ns)

    @property
    def retry_at(self) -> Optional[dt.datetime]:
        return None if self.retry_at_ns is None else to_datetime(self.retry_at_ns)


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
    #: The refused by reason.
    rejected_by: Mapping[str, int] = field(default_factory=dict, hash=False)


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
class JournalReport(Event):
    """How the daemon's journal does: `state` is ok, failing or off; while it is failing nothing is decided.

    `outputs_waiting` are made and not stored, and so not sent; `size` is bytes on disk.
    """

    state: str
    since_ns: int
    detail: Optional[str]
    outputs_waiting: int
    commits: int
    size: Optional[int]
    last_commit_ns: Optional[int]


@dataclass(frozen=True)
class Gap:
    """Outputs of a daemon that did not arrive.

    Their numbers are from `first` to `last`. `missing` counts them: exactly where `exact` says so, else it is what is
    certain: 1, or 0 where nobody can know whether there was anything. `topic` is where they are missing, None where
    any topic may be meant; `tail` says that a head told of them, and no later message.

    `reason` is `lost`; of a subscriber with `control=`, `truncated` (the daemon does not keep them any more, or keeps
    nothing) or `epoch` (it has lost the numbering that they belong to).
    """

    source: str
    epoch: int
    first: int
    last: int
    missing: int
    exact: bool
    tail: bool
    topic: Optional[str]
    reason: str = "lost"


@dataclass(frozen=True)
class Restart:
    """A daemon began a new numbering: it was started again without its journal, and has forgotten what was open.

    The same epoch twice says that it went back within its numbering, as after a disk that was restored.
    """

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


@dataclass(frozen=True)
class Unanswered:
    """The control socket does not answer, and what it is to fill in is waited for. Told once, until it answers."""

    endpoint: str
    silent_s: float


Item = Union[Event, Gap, Restart, Stale, Ended, Unanswered]
