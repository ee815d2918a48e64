"""The golden cases as recorded events, and what of the outputs answers each step.

Many cases share one replay: every case (and every window or threshold of it) is a model of its own.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

import events
from events import Event
from harness import GOLDEN

Model = dict[str, Any]

#: Long enough that a model with features is evaluated after its batches only.
NEVER_IDLE = "3650d"


class Recording(NamedTuple):
    """Models to configure and events to replay, by time as one stream would carry them."""

    configuration: dict[str, Any]
    lines: list[Event]


@cache
def cases(kind: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(GOLDEN.read_text())[kind]
    return loaded


def recording(models: list[Model], timed: list[tuple[float, Event]]) -> Recording:
    configuration = {"name": "golden", "limits": {"models": 2000}, "models": models}
    ordered = sorted(timed, key=lambda pair: pair[0])
    return Recording(configuration, [event for _, event in ordered])


# Monitor cases: the window may differ from step to step, so one model per window of a case.


def monitor_model(case: int, window: int) -> str:
    return f"monitor-{case}-w{window}"


def monitor_steps(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in case["steps"] if "accuracy" in step]


def monitor_recording() -> Recording:
    models: list[Model] = []
    timed: list[tuple[float, Event]] = []
    for number, case in enumerate(cases("monitor")):
        steps = monitor_steps(case)
        for window in sorted({step["window"] for step in steps}):
            name = monitor_model(number, window)
            models.append(
                {
                    "name": name,
                    "baseline": {"accuracy": case["baseline_accuracy"]},
                    "performance": {"window": window},
                }
            )
            for index, step in enumerate(steps):
                data = {"accuracy": step["accuracy"], "latency_ms": step["latency_ms"]}
                timed.append((index, events.metrics(name, index, data)))
    return recording(models, timed)


def performance_expected(step: dict[str, Any]) -> dict[str, Any]:
    """The wire's names for the golden's answer to one measurement."""
    told, trend = step["expect"], step["expect_trend"]
    return {**_status_expected(told), "trend": _trend_expected(trend)}


def _status_expected(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": told["status"],
        "alerts": told["alerts"],
        "recent_accuracy": told["recent_accuracy"],
        "recent_latency_ms": told["recent_latency"],
        "total_measurements": told["total_measurements"],
    }


def _trend_expected(trend: dict[str, Any]) -> dict[str, Any]:
    return {
        "accuracy": trend["accuracy_trend"],
        "latency": trend["latency_trend"],
        "recent_accuracy": trend.get("recent_accuracy"),
        "older_accuracy": trend.get("older_accuracy"),
        "recent_latency_ms": trend.get("recent_latency"),
        "older_latency_ms": trend.get("older_latency"),
    }


# Drift cases: the threshold may differ from batch to batch, so one model per threshold of a case.


def drift_model(case: int, threshold: float) -> str:
    return f"drift-{case}-t{threshold:g}"


def drift_recording() -> Recording:
    """Every second case with names has its baseline in the configuration, the others by event."""
    models: list[Model] = []
    timed: list[tuple[float, Event]] = []
    for number, case in enumerate(cases("drift")):
        names, rows = case["feature_names"], case["baseline"]
        configured = names is not None and number % 2 == 0
        for threshold in sorted({batch["threshold"] for batch in case["batches"]}):
            name = drift_model(number, threshold)
            model: Model = {"name": name, "drift": {"threshold": threshold}}
            if configured:
                model["baseline"] = {"features": {"feature_names": names, "rows": rows}}
            else:
                timed.append((0, events.baseline(name, 0, rows=rows, names=names)))
            models.append(model)
            for index, batch in enumerate(case["batches"]):
                timed.append((index + 1, events.features(name, index + 1, batch["data"], names)))
    return recording(models, timed)


def drift_expected(told: dict[str, Any]) -> dict[str, Any]:
    """The golden's answer to one batch, with `per_feature` still by name."""
    return {key: told[key] for key in ("drift_detected", "drift_severity", "max_drift_score", "summary")}


def by_name(per_feature: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in per_feature}


# Trigger cases: alerts and drift findings are given, so events are made that cause exactly them.


def trigger_model(case: int) -> str:
    return f"trigger-{case}"


def policy_configured(policy: dict[str, Any] | None) -> dict[str, Any]:
    configured = {"idle_evaluation": NEVER_IDLE}
    for key, value in (policy or {}).items():
        configured[key] = f"{value:g}s" if key.startswith(("min_time", "max_time")) else value
    return configured


def trigger_recording() -> Recording:
    models: list[Model] = []
    timed: list[tuple[float, Event]] = []
    unit = events.unit_rows()
    for number, case in enumerate(cases("trigger")):
        name = trigger_model(number)
        models.append(
            {
                "name": name,
                "performance": {"accuracy_ratio": 1.0},
                "retrain": policy_configured(case["policy"]),
            }
        )
        timed.append((0, events.baseline(name, 0, accuracy=0.9, rows=unit)))
        for step in case["steps"]:
            second = step["at_s"]
            threshold, measured = trigger_cause(step)
            timed.append((second, events.baseline(name, second, accuracy=threshold, rows=unit)))
            timed.append((second, events.metrics(name, second, measured)))
            batch = [[step["drift"]["max_drift_score"]]]
            timed.append((second, events.features(name, second, batch)))
    return recording(models, timed)


def trigger_cause(step: dict[str, Any]) -> tuple[float, dict[str, float]]:
    """The alert threshold of accuracy and the measurement that raise exactly the step's alerts."""
    threshold, measured = 0.9, {"accuracy": 0.95, "latency_ms": 100.0}
    for alert in step["alerts"]["alerts"]:
        if alert["type"] == "accuracy_degradation":
            threshold, measured["accuracy"] = alert["threshold"], alert["current"]
        else:
            measured["latency_ms"] = alert["current"]
    return threshold, measured


def retrain_expected(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "should_retrain": told["should_retrain"],
        "severity_score": told["severity_score"],
        "trigger_reasons": told["trigger_reasons"],
        "constraints": told["constraints"],
        "time_since_last_retrain_s": told["time_since_last_retrain"],
    }


# Cases of all three together.


def together_model(case: int) -> str:
    return f"together-{case}"


def together_recording() -> Recording:
    models: list[Model] = []
    timed: list[tuple[float, Event]] = []
    for number, case in enumerate(cases("together")):
        name = together_model(number)
        models.append({"name": name, "retrain": {"idle_evaluation": NEVER_IDLE}})
        start = events.baseline(
            name,
            0,
            accuracy=case["baseline_accuracy"],
            rows=case["baseline"],
            names=case["feature_names"],
        )
        timed.append((0, start))
        for step in case["steps"]:
            second = step["at_s"]
            data = {"accuracy": step["accuracy"], "latency_ms": step["latency_ms"]}
            timed.append((second, events.metrics(name, second, data)))
            batch = events.features(name, second, step["features"], case["feature_names"])
            timed.append((second, batch))
    return recording(models, timed)


def status_expected(told: dict[str, Any]) -> dict[str, Any]:
    return _status_expected(told)
