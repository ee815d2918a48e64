"""The reference rules in Python and numpy, as a careful author would write them for one model.

Windows of five numbers are summed in plain Python, which is several times faster than numpy there;
matrices go through numpy. Reports are built only when somebody asks for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Report = dict[str, Any]

EPSILON = 1e-8


@dataclass(slots=True, frozen=True)
class Breach:
    kind: str
    current: float
    threshold: float
    severity: str

    def report(self) -> Report:
        return {
            "type": self.kind,
            "current": self.current,
            "threshold": self.threshold,
            "severity": self.severity,
        }


@dataclass(slots=True)
class Trend:
    """Of one metric: which way, and the two means; None with too few measurements."""

    direction: str
    recent: float | None = None
    older: float | None = None


INSUFFICIENT = Trend("insufficient_data")


def trend(values: Sequence[float], window: int, tolerance: float, up: str, down: str) -> Trend:
    count = len(values)
    if count < window:
        return INSUFFICIENT
    recent = sum(values[-window:]) / window
    if count < 2 * window:
        return Trend("stable", recent, recent)
    older = sum(values[-2 * window : -window]) / window
    if recent > older * (1 + tolerance):
        return Trend(up, recent, older)
    if recent < older * (1 - tolerance):
        return Trend(down, recent, older)
    return Trend("stable", recent, older)


@dataclass(slots=True)
class PerformanceMonitor:
    baseline_accuracy: float = 0.95
    accuracy_ratio: float = 0.9
    latency_limit_ms: float = 200.0
    window: int = 5
    history: int = 100
    accuracies: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    total: int = 0
    accuracy_breach: Breach | None = None
    latency_breach: Breach | None = None
    accuracy_trend: Trend = field(default_factory=lambda: INSUFFICIENT)
    latency_trend: Trend = field(default_factory=lambda: INSUFFICIENT)

    def observe(self, accuracy: float | None, latency_ms: float | None) -> None:
        self.total += 1
        if accuracy is not None:
            self._keep(self.accuracies, accuracy)
            limit = self.accuracy_ratio * self.baseline_accuracy
            self.accuracy_breach = (
                Breach("accuracy_degradation", accuracy, limit, "high") if accuracy < limit else None
            )
        if latency_ms is not None:
            self._keep(self.latencies, latency_ms)
            limit = self.latency_limit_ms
            self.latency_breach = (
                Breach("latency_spike", latency_ms, limit, "medium") if latency_ms > limit else None
            )
        self.accuracy_trend = trend(self.accuracies, self.window, 0.02, "improving", "degrading")
        self.latency_trend = trend(self.latencies, self.window, 0.1, "increasing", "decreasing")

    def _keep(self, values: list[float], value: float) -> None:
        """Appends; forgets in lumps, which is cheaper than one by one."""
        values.append(value)
        if len(values) > 2 * self.history:
            del values[: -self.history]

    def report(self) -> Report:
        breaches = [breach for breach in (self.accuracy_breach, self.latency_breach) if breach]
        return {
            "status": "alert" if breaches else "healthy",
            "alerts": [breach.report() for breach in breaches],
            "recent_accuracy": self.accuracies[-1] if self.accuracies else None,
            "recent_latency_ms": self.latencies[-1] if self.latencies else None,
            "total_measurements": self.total,
            "trend": {
                "accuracy": self.accuracy_trend.direction,
                "latency": self.latency_trend.direction,
                "recent_accuracy": self.accuracy_trend.recent,
                "older_accuracy": self.accuracy_trend.older,
                "recent_latency_ms": self.latency_trend.recent,
                "older_latency_ms": self.latency_trend.older,
            },
        }


def severity(score: float) -> str:
    return "high" if score > 3 else "medium" if score > 2 else "low"


@dataclass(slots=True)
class Drift:
    """What the drift rule says of one batch."""

    names: list[str]
    baseline_means: Floats
    means: Floats
    scores: Floats
    drifted: npt.NDArray[np.bool_]
    count: int
    maximum: float
    severity: str

    def top(self, most: int) -> list[Report]:
        order = np.argsort(-np.where(self.drifted, self.scores, -np.inf), kind="stable")[
            : min(most, self.count)
        ]
        return [{"name": self.names[i], "drift_score": float(self.scores[i])} for i in order]

    def report(self) -> Report:
        columns = zip(
            self.names,
            self.drifted.tolist(),
            self.scores.tolist(),
            self.baseline_means.tolist(),
            self.means.tolist(),
            strict=True,
        )
        return {
            "drift_detected": self.count > 0,
            "drift_severity": self.severity,
            "max_drift_score": self.maximum,
            "per_feature": [
                {"name": n, "drift_detected": d, "drift_score": s, "baseline_mean": b, "new_mean": m}
                for n, d, s, b, m in columns
            ],
            "summary": {
                "total_features": len(self.names),
                "drifted_features": self.count,
                "drift_percentage": self.count / len(self.names) * 100,
            },
        }


@dataclass(slots=True)
class Baseline:
    names: list[str]
    means: Floats
    deviations: Floats
    minima: Floats
    maxima: Floats
    missing: npt.NDArray[np.int64]

    @classmethod
    def of(cls, names: list[str], rows: Floats) -> Baseline:
        rows = rows.astype(np.float64, copy=False)
        missing = np.count_nonzero(~np.isfinite(rows), axis=0)
        if missing.any():
            rows = np.where(np.isfinite(rows), rows, np.nan)
            of = (np.nanmean(rows, 0), np.nanstd(rows, 0), np.nanmin(rows, 0), np.nanmax(rows, 0))
        else:
            of = (rows.mean(0), rows.std(0), rows.min(0), rows.max(0))
        return cls(names, *of, missing)


@dataclass(slots=True)
class DriftDetector:
    baseline: Baseline
    threshold: float = 2.0

    def observe(self, rows: Floats) -> Drift:
        baseline = self.baseline
        if rows.ndim != 2 or rows.shape[1] != len(baseline.names):
            raise ValueError(f"the baseline has {len(baseline.names)} features, the batch has {rows.shape}")
        # Sums of 32-bit values are kept in 64, as the daemon keeps them.
        means = rows.mean(0, dtype=np.float64)
        if not np.isfinite(means).all():
            means = np.nanmean(np.where(np.isfinite(rows), rows, np.nan), 0, dtype=np.float64)
        scores = np.abs(means - baseline.means) / (baseline.deviations + EPSILON)
        drifted = scores > self.threshold
        maximum = float(np.nanmax(scores))
        return Drift(
            baseline.names,
            baseline.means,
            means,
            scores,
            drifted,
            int(np.count_nonzero(drifted)),
            maximum,
            severity(maximum),
        )


@dataclass(slots=True)
class Decision:
    """One evaluation of the retraining trigger."""

    should_retrain: bool
    score: float
    reasons: list[str]
    codes: list[str]
    constraints: dict[str, bool]
    since_last_retrain: dt.timedelta
    next_allowed: dt.datetime

    def report(self) -> Report:
        return {
            "should_retrain": self.should_retrain,
            "severity_score": self.score,
            "trigger_reasons": self.reasons,
            "constraints": self.constraints,
            "time_since_last_retrain_s": self.since_last_retrain.total_seconds(),
            "next_allowed_retrain": self.next_allowed.isoformat(),
        }


@dataclass(slots=True)
class RetrainTrigger:
    last_retrain: dt.datetime
    accuracy_threshold: float = 0.05
    drift_threshold: float = 2.0
    min_time: dt.timedelta = dt.timedelta(hours=24)
    max_time: dt.timedelta = dt.timedelta(days=7)
    weights: dict[str, float] = field(default_factory=lambda: {"low": 0.1, "medium": 0.5, "high": 1.0})
    decisions: int = 0

    def evaluate(self, now: dt.datetime, breach: Breach | None, drift: Drift | None) -> Decision:
        since = now - self.last_retrain
        allowed = since >= self.min_time
        score = 0.0
        reasons: list[str] = []
        codes: list[str] = []
        drop = breach.threshold - breach.current if breach else 0.0
        by_accuracy = breach is not None and drop >= self.accuracy_threshold
        if by_accuracy:
            score += 1.0
            codes.append("accuracy_dropped")
            reasons.append(f"Accuracy dropped by {drop:.3f}")
        by_drift = drift is not None and drift.count > 0 and drift.maximum >= self.drift_threshold
        if drift is not None and by_drift:
            score += self.weights[drift.severity]
            codes.append("drift_detected")
            reasons.append(f"Drift detected (score: {drift.maximum:.2f})")
        by_time = since >= self.max_time
        if by_time:
            score += 0.5
            codes.append("maximum_time_exceeded")
            reasons.append(f"Maximum time exceeded ({since.total_seconds() / 86_400:.1f} days)")
        should = allowed and bool(codes)
        if (by_accuracy or by_drift) and not allowed:
            reasons.append(f"Waiting for minimum time ({self.min_time.total_seconds() / 3600:.1f}h)")
        constraints = {
            "accuracy_trigger": by_accuracy,
            "drift_trigger": by_drift,
            "time_trigger": by_time,
            "min_time_satisfied": allowed,
        }
        decision = Decision(
            should, score, reasons, codes, constraints, since, self.last_retrain + self.min_time
        )
        if should:
            self.last_retrain = now
            self.decisions += 1
        return decision
