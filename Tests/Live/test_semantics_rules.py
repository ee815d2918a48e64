"""When the retraining trigger is evaluated, alerts as episodes, and what a decision says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from events import (
    DAY,
    HOUR,
    Event,
    after_base,
    assert_close,
    baseline,
    features,
    metrics,
    of_type,
    unit_rows,
)
from golden import NEVER_IDLE
from harness import replay

GOOD = {"accuracy": 0.95, "latency_ms": 100}
CONSTRAINTS = {"accuracy_trigger", "drift_trigger", "time_trigger", "min_time_satisfied"}


def evaluated(outputs: list[Event], model: str = "m") -> list[float]:
    """The times, in hours after the base, at which the trigger was evaluated."""
    return [after_base(o["time"]) / HOUR for o in of_type(outputs, "assessment.retrain", model)]


def with_features(**retrain: Any) -> dict[str, Any]:
    return {"models": [{"name": "m", "retrain": retrain}]}


# When the trigger is evaluated.


def test_with_features_the_trigger_follows_the_batches_only(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        metrics("m", 1 * HOUR, GOOD),
        features("m", 2 * HOUR, [[0.5]]),
        metrics("m", 3 * HOUR, GOOD),
        features("m", 40 * HOUR, [[0.5]]),
        metrics("m", 80 * HOUR, GOOD),
    ]
    assert evaluated(replay(folder, {}, lines).outputs) == [2.0, 40.0]


def test_a_batch_is_judged_with_the_latest_performance(folder: Path) -> None:
    lines = [
        baseline("m", 0, accuracy=0.9, rows=unit_rows()),
        metrics("m", 30 * HOUR, {"accuracy": 0.6, "latency_ms": 100}),
        features("m", 31 * HOUR, [[0.5]]),
    ]
    outputs = replay(folder, {}, lines).outputs
    report = of_type(outputs, "assessment.retrain")[-1]["data"]
    assert report["should_retrain"] is True
    assert report["trigger_reasons"] == ["Accuracy dropped by 0.210"]


def test_without_a_feature_baseline_every_metrics_event_is_judged(folder: Path) -> None:
    lines = [metrics("m", hour * HOUR, GOOD) for hour in (0, 1, 5, 30)]
    assert evaluated(replay(folder, {}, lines).outputs) == [0.0, 1.0, 5.0, 30.0]


def test_a_model_without_a_batch_for_idle_evaluation_is_judged_by_its_metrics(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        features("m", 1 * HOUR, [[0.5]]),
        metrics("m", 9 * HOUR, GOOD),
        metrics("m", 14 * HOUR, GOOD),
        metrics("m", 20 * HOUR, GOOD),
        features("m", 21 * HOUR, [[0.5]]),
        metrics("m", 22 * HOUR, GOOD),
    ]
    outputs = replay(folder, with_features(idle_evaluation="10h"), lines).outputs
    assert evaluated(outputs) == [1.0, 14.0, 20.0, 21.0]


def test_idle_evaluation_is_48_hours_unless_said(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        features("m", 1 * HOUR, [[0.5]]),
        metrics("m", 48 * HOUR, GOOD),
        metrics("m", 50 * HOUR, GOOD),
    ]
    assert evaluated(replay(folder, {}, lines).outputs) == [1.0, 50.0]


def test_the_time_rule_falls_due_between_two_events_at_its_own_time(folder: Path) -> None:
    lines = [metrics("m", 0, GOOD), metrics("m", 8 * DAY, GOOD), metrics("m", 23 * DAY, GOOD)]
    outputs = replay(folder, {}, lines).outputs
    reports = of_type(outputs, "assessment.retrain")
    days = [(after_base(o["time"]) / DAY, o["data"]["should_retrain"]) for o in reports]
    due = [(7.0, True), (14.0, True), (21.0, True)]
    assert days == [(0.0, False), due[0], (8.0, False), due[1], due[2], (23.0, False)]
    for report in reports:
        if report["data"]["should_retrain"]:
            assert report["data"]["trigger_reasons"] == ["Maximum time exceeded (7.0 days)"]
            assert_close(report["data"]["time_since_last_retrain_s"], 7 * DAY, "since")
            assert_close(report["data"]["severity_score"], 0.5, "severity")
    issued = of_type(outputs, "decision.retrain.issued")
    assert [after_base(one["data"]["issued_at"]) / DAY for one in issued] == [7.0, 14.0, 21.0]
    times = [after_base(output["time"]) for output in outputs]
    assert times == sorted(times), "a deadline fired after the event that came later"


def test_the_time_rule_falls_due_for_a_model_whose_batches_stopped(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        features("m", 1 * HOUR, [[0.5]]),
        metrics("m", 8 * DAY, GOOD),
    ]
    outputs = replay(folder, {}, lines).outputs
    assert evaluated(outputs) == [1.0, 7 * 24.0, 8 * 24.0]
    never = replay(folder, with_features(idle_evaluation=NEVER_IDLE), lines).outputs
    assert evaluated(never) == [1.0]


def test_nothing_falls_due_after_the_last_event(folder: Path) -> None:
    outputs = replay(folder, {}, [metrics("m", 0, GOOD), metrics("m", 6.9 * DAY, GOOD)]).outputs
    assert len(evaluated(outputs)) == 2
    assert of_type(outputs, "decision") == []


# Alerts are episodes.


def episodes(outputs: list[Event], monitor: str) -> list[tuple[str, int, str]]:
    """(what, rev, severity) of each alert of a monitor, in order."""
    return [
        (output["type"].split(".")[2], output["data"]["rev"], output["data"]["severity"])
        for output in of_type(outputs, "alert")
        if output["data"]["monitor"] == monitor
    ]


def test_an_alert_opens_with_the_first_violation_and_resolves_with_the_first_good_one(
    folder: Path,
) -> None:
    measured = [0.95, 0.5, 0.4, 0.93, 0.5]
    lines = [metrics("m", i, {"accuracy": a, "latency_ms": 100}) for i, a in enumerate(measured)]
    outputs = replay(folder, {}, lines).outputs
    alerts = of_type(outputs, "alert")
    assert [after_base(alert["time"]) for alert in alerts] == [1.0, 3.0, 4.0]
    opened, resolved, again = (alert["data"] for alert in alerts)
    assert [data["state"] for data in (opened, resolved, again)] == ["firing", "resolved", "firing"]
    assert len({data["alert_key"] for data in (opened, resolved, again)}) == 1
    assert opened["episode_id"] == resolved["episode_id"] != again["episode_id"]
    assert resolved["rev"] > opened["rev"], "a consumer applies an event only when its rev is larger"
    assert after_base(opened["opened_at"]) == after_base(resolved["opened_at"]) == 1.0
    assert after_base(again["opened_at"]) == 4.0
    assert_close([opened["value"], resolved["value"]], [0.5, 0.93], "values")
    for data in (opened, resolved, again):
        assert data["monitor"] == "accuracy" and data["type"] == "accuracy_degradation"
        assert "threshold" in data and "top_k" in data
    assert opened["severity"] == again["severity"] == "high"


def test_accuracy_latency_and_drift_are_three_alerts(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        metrics("m", 1, {"accuracy": 0.5, "latency_ms": 300}),
        features("m", 2, [[5.0]]),
        metrics("m", 3, {"accuracy": 0.95, "latency_ms": 300}),
        features("m", 4, [[0.5]]),
    ]
    outputs = replay(folder, {}, lines).outputs
    opened = [output["data"] for output in of_type(outputs, "alert.opened")]
    assert {(data["monitor"], data["type"], data["severity"]) for data in opened} == {
        ("accuracy", "accuracy_degradation", "high"),
        ("latency", "latency_spike", "medium"),
        ("drift", "data_drift", "high"),
    }
    assert len({data["alert_key"] for data in opened}) == 3
    assert len({data["episode_id"] for data in opened}) == 3
    resolved = [output["data"]["monitor"] for output in of_type(outputs, "alert.resolved")]
    assert resolved == ["accuracy", "drift"]


def test_a_change_of_severity_updates_the_same_episode(folder: Path) -> None:
    scores = [2.5, 2.6, 3.5, 3.6, 2.5, 0.5]
    lines = [baseline("m", 0, rows=unit_rows())]
    lines += [features("m", i + 1, [[score]]) for i, score in enumerate(scores)]
    outputs = replay(folder, {}, lines).outputs
    told = episodes(outputs, "drift")
    kinds = [(what, severity) for what, _, severity in told[:3]]
    assert kinds == [("opened", "medium"), ("updated", "high"), ("updated", "medium")]
    assert [what for what, _, _ in told] == ["opened", "updated", "updated", "resolved"]
    revs = [rev for _, rev, _ in told]
    assert revs == sorted(set(revs)), f"revs do not grow: {revs}"
    alerts = of_type(outputs, "alert")
    assert [after_base(alert["time"]) for alert in alerts] == [1.0, 3.0, 5.0, 6.0]
    assert len({alert["data"]["episode_id"] for alert in alerts}) == 1


def test_the_features_that_drifted_are_named_in_the_alert(folder: Path) -> None:
    names = ["steady", "moved"]
    lines = [
        baseline("m", 0, rows=[[0.0, 0.0], [2.0, 2.0]], names=names),
        features("m", 1, [[1.0, 9.0]], names),
    ]
    alert = of_type(replay(folder, {}, lines).outputs, "alert.opened")[0]["data"]
    assert "moved" in str(alert["top_k"])
    assert_close(alert["value"], 8.0 / (1.0 + 1e-8), "the largest score")


# Decisions.


def deciding() -> list[Event]:
    return [
        baseline("m", 0, accuracy=0.9, rows=unit_rows(), version="7"),
        metrics("m", 30 * HOUR, {"accuracy": 0.6, "latency_ms": 100}, version="7"),
        features("m", 31 * HOUR, [[5.0]], version="7"),
        features("m", 60 * HOUR, [[5.0]], version="7"),
    ]


def test_a_decision_explains_itself(folder: Path) -> None:
    outputs = replay(folder, {}, deciding()).outputs
    first, second = (output["data"] for output in of_type(outputs, "decision.retrain.issued"))
    for data in (first, second):
        assert re.fullmatch(r"rt-[0-9a-f]{40}", data["decision_id"]), data["decision_id"]
        assert (data["model"], data["version"]) == ("m", "7")
        assert data["reason_codes"] and all(isinstance(code, str) for code in data["reason_codes"])
        assert set(data["constraints"]) == CONSTRAINTS
    assert first["decision_id"] != second["decision_id"]
    assert after_base(first["issued_at"]) == 31 * HOUR
    assessed = of_type(outputs, "assessment.retrain")[0]["data"]
    for key in ("trigger_reasons", "severity_score", "constraints"):
        assert first[key] == assessed[key], key
    assert_close(first["severity_score"], 2.0, "severity")
    opened = [output["data"]["episode_id"] for output in of_type(outputs, "alert.opened")]
    assert len(opened) == 2
    for episode in opened:
        assert episode in str(first["episodes"]), f"{episode} is not among {first['episodes']}"


def test_issue_and_observe(folder: Path) -> None:
    for mode, dry in (("issue", False), ("observe", True)):
        configuration = {"name": "d", "models": [{"name": "m", "retrain": {"mode": mode}}]}
        outputs = replay(folder, configuration, deciding()).outputs
        issued = of_type(outputs, "decision.retrain.issued")
        assert [one["data"]["dry_run"] for one in issued] == [dry, dry], mode


def test_observe_decides_at_the_same_times_as_issue(folder: Path) -> None:
    told = []
    for mode in ("issue", "observe"):
        configuration = {"models": [{"name": "m", "retrain": {"mode": mode}}]}
        outputs = replay(folder, configuration, deciding()).outputs
        told.append([output["data"] for output in of_type(outputs, "assessment.retrain")])
    assert told[0] == told[1]
