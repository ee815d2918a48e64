"""Each sentence of the contract's "Semantics", through `tidemark replay`."""

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
from golden import NEVER_IDLE, by_name
from harness import has_code, replay

NAMED = ["age", "income", "city"]
NAMED_ROWS = [[1.0, 10.0, 100.0], [3.0, 14.0, 108.0], [5.0, 30.0, 101.0], [7.0, 10.0, 99.0]]


def assessed(outputs: list[Event], kind: str, model: str = "m") -> list[dict[str, Any]]:
    return [output["data"] for output in of_type(outputs, f"assessment.{kind}", model)]


# Baselines.


def test_a_batch_before_any_baseline_is_counted_and_not_assessed(folder: Path) -> None:
    lines = [features("m", 1, [[1.0, 2.0]]), features("m", 2, [[1.0, 2.0]])]
    replayed = replay(folder, {}, lines)
    assert has_code(replayed.reason(1), "no_baseline") and has_code(replayed.reason(2), "no_baseline")
    assert of_type(replayed.outputs, "assessment") == []


def test_a_new_baseline_replaces_the_old_and_clock_and_histories_stay(folder: Path) -> None:
    lines = [
        baseline("m", 0, accuracy=0.9, rows=[[0.0], [2.0]]),
        *(metrics("m", 10 + i, {"accuracy": 0.9, "latency_ms": 100}) for i in range(5)),
        features("m", 20, [[1.0]]),
        baseline("m", 30, accuracy=0.5, rows=[[10.0], [12.0]]),
        metrics("m", 40, {"accuracy": 0.48, "latency_ms": 100}),
        features("m", 50, [[11.5]]),
    ]
    outputs = replay(folder, {}, lines).outputs
    last = assessed(outputs, "performance")[-1]
    assert last["total_measurements"] == 6, "the history was lost with the baseline"
    assert last["status"] == "healthy", "0.48 is above 0.9 of the new 0.5"
    assert_close(last["trend"]["recent_accuracy"], (4 * 0.9 + 0.48) / 5, "trend over both baselines")
    drift = assessed(outputs, "drift")
    means = [report["per_feature"][0]["baseline_mean"] for report in drift]
    assert_close(means, [1.0, 11.0], "baseline means")
    assert_close(drift[1]["max_drift_score"], 0.5 / (1.0 + 1e-8), "score against the new baseline")
    assert_close(assessed(outputs, "retrain")[-1]["time_since_last_retrain_s"], 50.0, "clock")


def test_the_baseline_latency_only_informs(folder: Path) -> None:
    lines = [baseline("m", 0, latency_ms=10), metrics("m", 1, {"accuracy": 0.95, "latency_ms": 190})]
    report = assessed(replay(folder, {}, lines).outputs, "performance")[0]
    assert report["status"] == "healthy" and report["alerts"] == []


def test_a_baseline_from_a_csv_file_beside_the_configuration(folder: Path) -> None:
    beside = folder / "data"
    beside.mkdir()
    rows = [",".join(NAMED), *(",".join(map(str, row)) for row in NAMED_ROWS)]
    (beside / "reference.csv").write_text("\n".join(rows) + "\n")
    from_file = {"models": [{"name": "m", "baseline": {"features": "data/reference.csv"}}]}
    inline_features = {"feature_names": NAMED, "rows": NAMED_ROWS}
    inline = {"models": [{"name": "m", "baseline": {"features": inline_features}}]}
    lines = [features("m", 1, [[2.0, 11.0, 100.5]], NAMED)]
    one = assessed(replay(folder, from_file, lines).outputs, "drift")
    other = assessed(replay(folder, inline, lines).outputs, "drift")
    assert len(one) == 1
    assert_close(one, other, "a CSV against the same rows inline")
    assert [entry["name"] for entry in one[0]["per_feature"]] == NAMED
    assert_close(one[0]["per_feature"][0]["baseline_mean"], 4.0, "mean of age")


# Names and shapes.


def test_names_match_in_any_order(folder: Path) -> None:
    row: list[float | None] = [2.0, 12.0, 250.0]
    turned = [2, 0, 1]
    lines = [
        baseline("m", 0, rows=NAMED_ROWS, names=NAMED),
        features("m", 1, [row], NAMED),
        features("m", 2, [[row[i] for i in turned]], [NAMED[i] for i in turned]),
    ]
    straight, permuted = assessed(replay(folder, {}, lines).outputs, "drift")
    assert_close(by_name(permuted["per_feature"]), by_name(straight["per_feature"]), "permuted")
    assert_close(permuted["max_drift_score"], straight["max_drift_score"], "permuted")
    assert by_name(straight["per_feature"])["city"]["drift_detected"] is True


def test_a_missing_or_extra_name_is_an_error_that_names_it(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=NAMED_ROWS, names=NAMED),
        features("m", 1, [[1.0, 2.0]], ["age", "city"]),
        features("m", 2, [[1.0, 2.0, 3.0, 4.0]], [*NAMED, "surplus"]),
        features("m", 3, [[1.0, 2.0, 3.0]], ["age", "wages", "city"]),
    ]
    replayed = replay(folder, {}, lines)
    for number, named in ((2, ["income"]), (3, ["surplus"]), (4, ["income", "wages"])):
        reason = replayed.reason(number)
        assert has_code(reason, "shape_mismatch"), reason
        assert all(name in reason for name in named), f"{reason!r} does not name {named}"
    assert of_type(replayed.outputs, "assessment") == []


def test_without_names_columns_match_by_position(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=[[0.0, 10.0], [2.0, 20.0]]),
        features("m", 1, [[1.0, 40.0]]),
        baseline("n", 0, rows=[[0.0, 10.0], [2.0, 20.0]], names=["x", "y"]),
        features("n", 1, [[1.0, 40.0]]),
    ]
    outputs = replay(folder, {}, lines).outputs
    unnamed = assessed(outputs, "drift")[0]["per_feature"]
    assert [entry["name"] for entry in unnamed] == ["feature_0", "feature_1"]
    assert_close([entry["drift_score"] for entry in unnamed], [0.0, 25.0 / (5.0 + 1e-8)], "scores")
    half_named = assessed(outputs, "drift", "n")[0]["per_feature"]
    assert_close([e["drift_score"] for e in half_named], [e["drift_score"] for e in unnamed], "n")


def test_a_wrong_count_is_rejected_with_both_counts(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=[[0.0] * 7, [2.0] * 7]),
        features("m", 1, [[1.0] * 5]),
        features("m", 2, [[1.0] * 9, [1.0] * 9]),
        features("m", 3, [[1.0] * 7, [1.0] * 6]),
        features("m", 4, [[1.0] * 7], [f"f{i}" for i in range(6)]),
    ]
    replayed = replay(folder, {}, lines)
    for number, counts in ((2, {"5", "7"}), (3, {"7", "9"}), (4, {"6", "7"}), (5, {"6", "7"})):
        reason = replayed.reason(number)
        assert has_code(reason, "shape_mismatch"), reason
        assert counts <= set(re.findall(r"\d+", reason)), f"{reason!r} lacks a count of {counts}"
    assert of_type(replayed.outputs, "assessment") == []


def test_a_rejected_batch_leaves_no_trace(folder: Path) -> None:
    good = [
        baseline("m", 0, rows=unit_rows()),
        features("m", 10, [[0.5]]),
        features("m", 30, [[4.0]]),
    ]
    with_bad = [*good[:2], features("m", 20, [[9.0, 9.0]]), good[2]]
    assert replay(folder, {"name": "d"}, good).raw == replay(folder, {"name": "d"}, with_bad).raw


# Missing values.


def test_null_is_missing_and_an_empty_column_has_no_score(folder: Path) -> None:
    rows: list[list[float | None]] = [[None, 4.0, None], [None, None, 8.0], [None, 6.0, None]]
    lines = [baseline("m", 0, rows=[[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]), features("m", 1, rows)]
    report = assessed(replay(folder, {}, lines).outputs, "drift")[0]
    empty, part, one = report["per_feature"]
    assert empty["drift_score"] is None and empty["new_mean"] is None
    assert empty["drift_detected"] is False
    assert_close([part["new_mean"], one["new_mean"]], [5.0, 8.0], "means of what is present")
    assert_close(report["max_drift_score"], 7.0 / (1.0 + 1e-8), "the largest of the others")
    assert report["drift_detected"] is True and report["drift_severity"] == "high"


def test_an_absent_metric_leaves_its_value_and_its_alert(folder: Path) -> None:
    lines = [
        metrics("m", 1, {"accuracy": 0.5, "latency_ms": 100}),
        metrics("m", 2, {"latency_ms": 300}),
        metrics("m", 3, {"latency_ms": 110, "clicks": 7}),
        metrics("m", 4, {"accuracy": 0.95}),
    ]
    outputs = replay(folder, {}, lines).outputs
    reports = assessed(outputs, "performance")
    assert [report["recent_accuracy"] for report in reports] == [0.5, 0.5, 0.5, 0.95]
    assert [report["recent_latency_ms"] for report in reports] == [100, 300, 110, 110]
    kinds = [[alert["type"] for alert in report["alerts"]] for report in reports]
    low, slow = "accuracy_degradation", "latency_spike"
    assert kinds == [[low], [low, slow], [low], []]
    alerts = [(o["type"].split(".")[2], o["data"]["monitor"]) for o in of_type(outputs, "alert")]
    assert alerts == [
        ("opened", "accuracy"),
        ("opened", "latency"),
        ("resolved", "latency"),
        ("resolved", "accuracy"),
    ]


def test_null_and_non_finite_metrics_count_as_absent(folder: Path) -> None:
    lines = [
        metrics("m", 1, {"accuracy": 0.93, "latency_ms": 100}),
        metrics("m", 2, {"accuracy": None, "latency_ms": 120}),
    ]
    replayed = replay(folder, {}, lines)
    assert replayed.rejected == {}
    last = assessed(replayed.outputs, "performance")[-1]
    assert last["recent_accuracy"] == 0.93 and last["recent_latency_ms"] == 120


def test_literals_that_are_not_json_never_reach_an_output(folder: Path) -> None:
    """NaN and 1e999: the line may be malformed or the value absent; it is never a value."""
    for literal in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
        bad = b'{"specversion":"1.0","id":"x","source":"s","type":"tidemark.metrics.v1","subject":"m"'
        bad += b',"time":"2026-01-01T00:00:02Z","data":{"accuracy":%s,"latency_ms":120}}' % literal.encode()
        lines: list[Event | str | bytes] = [metrics("m", 1, {"accuracy": 0.93, "latency_ms": 100}), bad]
        replayed = replay(folder, {}, lines)
        reports = assessed(replayed.outputs, "performance")
        assert all(report["recent_accuracy"] == 0.93 for report in reports), literal
        assert (2 in replayed.rejected) != (len(reports) == 2), literal


def test_neither_accuracy_nor_latency_gives_no_assessment(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        metrics("m", 1, {"accuracy": 0.93, "latency_ms": 100}),
        metrics("m", 2, {"f1": 0.7, "clicks": 12}),
    ]
    replayed = replay(folder, {}, lines)
    assert replayed.rejected == {}
    assert [after_base(output["time"]) for output in of_type(replayed.outputs, "assessment")] == [1.0]


# Sources, versions, clocks.


def test_several_sources_of_a_model_are_merged_in_order_of_arrival(folder: Path) -> None:
    lines = [
        metrics("m", 1, {"accuracy": 0.93, "latency_ms": 100}, source="pod-1"),
        metrics("m", 2, {"accuracy": 0.50, "latency_ms": 100}, source="pod-2"),
        metrics("m", 2, {"accuracy": 0.94, "latency_ms": 100}, source="pod-1"),
    ]
    reports = assessed(replay(folder, {}, lines).outputs, "performance")
    assert [report["total_measurements"] for report in reports] == [1, 2, 3]
    assert [report["status"] for report in reports] == ["healthy", "alert", "healthy"]


def test_an_event_of_an_earlier_time_is_still_handled_in_order_of_arrival(folder: Path) -> None:
    lines = [
        metrics("m", 100, {"accuracy": 0.93, "latency_ms": 100}),
        metrics("m", 50, {"accuracy": 0.50, "latency_ms": 100}),
    ]
    replayed = replay(folder, {}, lines, "--strict")
    last = assessed(replayed.outputs, "performance")[-1]
    assert (last["total_measurements"], last["status"]) == (2, "alert")
    assert has_code(replayed.err, "late"), "a late event is counted in the summary"


def test_the_clock_starts_with_the_first_event_that_names_the_model(folder: Path) -> None:
    first = {
        "metrics": metrics("m", 1000, {"accuracy": 0.93, "latency_ms": 100}),
        "baseline": baseline("m", 1000, accuracy=0.9),
        "idle": metrics("m", 1000, {"f1": 0.5}),
    }
    for kind, opening in first.items():
        lines = [
            metrics("other", 0, {"accuracy": 0.93, "latency_ms": 100}),
            opening,
            baseline("m", 1600, rows=unit_rows()),
            features("m", 2500, [[0.5]]),
        ]
        retrain = assessed(replay(folder, {"models": [{"name": "m"}]}, lines).outputs, "retrain")[-1]
        assert_close(retrain["time_since_last_retrain_s"], 1500.0, f"first event {kind}")
        assert after_base(retrain["next_allowed_retrain"]) == 1000 + DAY, kind


def test_a_decision_resets_the_clock_and_reports_the_clock_before_it(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=unit_rows()),
        features("m", 26 * HOUR, [[5.0]]),
        features("m", 27 * HOUR, [[5.0]]),
    ]
    retrain = assessed(replay(folder, {}, lines).outputs, "retrain")
    assert [report["should_retrain"] for report in retrain] == [True, False]
    assert [after_base(r["next_allowed_retrain"]) / HOUR for r in retrain] == [24.0, 50.0]
    assert_close([r["time_since_last_retrain_s"] for r in retrain], [26 * HOUR, HOUR], "since")
    assert "Waiting for minimum time (24.0h)" in retrain[1]["trigger_reasons"]


def test_versions_are_watched_apart_and_an_entry_without_version_fits_them_all(folder: Path) -> None:
    entry = {"name": "m", "performance": {"latency_ms": 50}, "retrain": {"idle_evaluation": NEVER_IDLE}}
    measured = {"accuracy": 0.95, "latency_ms": 60}
    lines = [metrics("m", i, measured, version=v) for i, v in enumerate(["1", "2", None, "2024-05"])]
    outputs = replay(folder, {"models": [entry]}, lines).outputs
    reports = of_type(outputs, "assessment.performance")
    assert [report["data"]["total_measurements"] for report in reports] == [1, 1, 1, 1]
    assert [report["data"]["status"] for report in reports] == ["alert"] * 4
    assert [report.get("modelversion") for report in reports if "modelversion" in report][:2] == ["1", "2"]
    opened = [output["data"]["alert_key"] for output in of_type(outputs, "alert.opened")]
    assert len(set(opened)) == 4, f"an alert is per model and version: {opened}"


# Edges that the golden numbers do not touch; all of these are exact in binary floating point.


def test_a_trend_needs_more_than_its_factor(folder: Path) -> None:
    edges = [
        (("accuracy", 0.5, 0.51), "stable"),
        (("accuracy", 0.5, 0.5100001), "improving"),
        (("accuracy", 0.5, 0.49), "stable"),
        (("accuracy", 0.5, 0.4899999), "degrading"),
        (("latency_ms", 10.0, 11.0), "stable"),
        (("latency_ms", 10.0, 11.00001), "increasing"),
        (("latency_ms", 10.0, 9.0), "stable"),
        (("latency_ms", 10.0, 8.99999), "decreasing"),
    ]
    lines = []
    for number, ((metric, older, recent), _) in enumerate(edges):
        for second, value in enumerate((older, recent)):
            other = {"accuracy": 0.5, "latency_ms": 10.0}
            lines.append(metrics(f"m{number}", second, {**other, metric: value}))
    outputs = replay(folder, {"defaults": {"performance": {"window": 1}}}, lines).outputs
    for number, ((metric, older, recent), expected) in enumerate(edges):
        trend = assessed(outputs, "performance", f"m{number}")[-1]["trend"]
        assert trend[metric.removesuffix("_ms")] == expected, f"{metric} from {older} to {recent}"


def test_an_alert_needs_more_than_its_threshold(folder: Path) -> None:
    performance = {"accuracy_ratio": 0.5, "latency_ms": 200}
    configuration = {"defaults": {"baseline": {"accuracy": 0.5}, "performance": performance}}
    lines = [
        metrics("m", 1, {"accuracy": 0.25, "latency_ms": 200}),
        metrics("m", 2, {"accuracy": 0.2499999, "latency_ms": 200.00001}),
    ]
    outputs = replay(folder, configuration, lines).outputs
    edge, beyond = assessed(outputs, "performance")
    assert (edge["status"], edge["alerts"]) == ("healthy", [])
    assert [alert["type"] for alert in beyond["alerts"]] == ["accuracy_degradation", "latency_spike"]
    assert [after_base(alert["time"]) for alert in of_type(outputs, "alert")] == [2.0, 2.0]


def test_the_accuracy_rule_fires_at_its_threshold(folder: Path) -> None:
    entry = {
        "performance": {"accuracy_ratio": 1.0},
        "retrain": {"accuracy_threshold": 0.25, "min_time_between_retrains": "10s"},
    }
    lines = [
        baseline("m", 0, accuracy=0.75),
        metrics("m", 5, {"accuracy": 0.500001, "latency_ms": 100}),
        metrics("m", 9, {"accuracy": 0.5, "latency_ms": 100}),
        metrics("m", 10, {"accuracy": 0.5, "latency_ms": 100}),
    ]
    reports = assessed(replay(folder, {"defaults": entry}, lines).outputs, "retrain")
    fired = [report["constraints"]["accuracy_trigger"] for report in reports]
    assert fired == [False, True, True]
    assert [report["should_retrain"] for report in reports] == [False, False, True]
    assert reports[2]["trigger_reasons"] == ["Accuracy dropped by 0.250"]


def test_times_have_fractions_and_zones(folder: Path) -> None:
    """2026-01-01T02:00:10.25+02:00 is a quarter past ten seconds after the base."""
    zoned = {**metrics("m", 0, {"accuracy": 0.96, "latency_ms": 100}), "time": "2026-01-01T02:00:10.25+02:00"}
    fine = {**metrics("m", 0, {"accuracy": 0.96}), "time": "2026-01-01T00:00:20.500000001Z"}
    first = metrics("m", 0, {"accuracy": 0.96, "latency_ms": 100})
    reports = of_type(replay(folder, {}, [first, zoned, fine]).outputs, "assessment.retrain")
    since = [report["data"]["time_since_last_retrain_s"] for report in reports]
    assert_close(since, [0.0, 10.25, 20.500000001], "since")
    assert [after_base(report["time"]) for report in reports] == [0.0, 10.25, 20.500000001]
