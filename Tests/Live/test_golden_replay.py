"""All 166 golden cases of the reference rules through `tidemark replay`, and replay's own promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import events
import golden
from events import Event, after_base, assert_close, of_type
from golden import by_name, cases
from harness import Replayed, configure, replay

Answers = dict[str, list[Event]]


def answers(replayed: Replayed, part: str) -> Answers:
    """The outputs of one type, in order, by model."""
    sorted_out: Answers = {}
    for output in of_type(replayed.outputs, part):
        sorted_out.setdefault(output["subject"], []).append(output)
    return sorted_out


def replay_all(folder: Path, recording: golden.Recording) -> Replayed:
    replayed = replay(folder, recording.configuration, recording.lines)
    assert replayed.rejected == {}, f"rejected: {list(replayed.rejected.items())[:5]}"
    return replayed


def test_the_golden_file_is_whole() -> None:
    counts = {kind: len(cases(kind)) for kind in ("monitor", "drift", "trigger", "together")}
    assert counts == {"monitor": 60, "drift": 40, "trigger": 60, "together": 6}
    assert sum(counts.values()) == 166


def test_monitor_cases(folder: Path) -> None:
    replayed = replay_all(folder, golden.monitor_recording())
    answered = answers(replayed, "assessment.performance")
    for number, case in enumerate(cases("monitor")):
        steps = golden.monitor_steps(case)
        for index, step in enumerate(steps):
            model = golden.monitor_model(number, step["window"])
            assert len(answered[model]) == len(steps), f"{model}: one assessment per metrics event"
            output = answered[model][index]
            where = f"monitor[{number}].steps[{index}] of {model}"
            assert_close(output["data"], golden.performance_expected(step), where)
            assert after_base(output["time"]) == index, where


def test_drift_cases(folder: Path) -> None:
    replayed = replay_all(folder, golden.drift_recording())
    answered = answers(replayed, "assessment.drift")
    for number, case in enumerate(cases("drift")):
        for index, batch in enumerate(case["batches"]):
            model = golden.drift_model(number, batch["threshold"])
            assert len(answered[model]) == len(case["batches"]), f"{model}: one assessment per batch"
            data = answered[model][index]["data"]
            where = f"drift[{number}].batches[{index}] of {model}"
            told = batch["expect"]
            assert_close(data, golden.drift_expected(told), where)
            assert len(data["per_feature"]) == len(told["per_feature"]), where
            features = by_name(data["per_feature"])
            assert_close(features, told["per_feature"], f"{where}.per_feature")
            for feature, mean in zip(told["per_feature"], case["expect_baseline"]["mean"]):
                assert_close(features[feature]["baseline_mean"], mean, f"{where}.{feature}.baseline_mean")


def test_the_findings_given_to_the_trigger_follow_from_its_scores() -> None:
    """The golden gives the trigger findings; replay causes them, so they must be what the rule says."""
    for number, case in enumerate(cases("trigger")):
        for index, step in enumerate(case["steps"]):
            where = f"trigger[{number}].steps[{index}]"
            score = step["drift"]["max_drift_score"]
            severity = "high" if score > 3.0 else "medium" if score > 2.0 else "low"
            assert step["drift"]["drift_severity"] == severity, where
            assert step["drift"]["drift_detected"] is (score > 2.0), where
            alerts = step["alerts"]["alerts"]
            assert step["alerts"]["status"] == ("alert" if alerts else "healthy"), where
            for alert in alerts:
                if alert["type"] == "accuracy_degradation":
                    assert alert["current"] < alert["threshold"] and alert["severity"] == "high", where
                else:
                    assert alert["type"] == "latency_spike" and alert["severity"] == "medium", where
                    assert alert["current"] > alert["threshold"] == 200.0, where


def test_trigger_cases(folder: Path) -> None:
    replayed = replay_all(folder, golden.trigger_recording())
    performance = answers(replayed, "assessment.performance")
    drift = answers(replayed, "assessment.drift")
    retrain = answers(replayed, "assessment.retrain")
    decisions = answers(replayed, "decision.retrain.issued")
    for number, case in enumerate(cases("trigger")):
        model, steps = golden.trigger_model(number), case["steps"]
        for per_model in (performance, drift, retrain):
            assert len(per_model[model]) == len(steps), f"{model}: one assessment per step"
        for index, step in enumerate(steps):
            where = f"trigger[{number}].steps[{index}]"
            assert_close(performance[model][index]["data"], step["alerts"], f"{where}.alerts")
            assert_close(drift[model][index]["data"], step["drift"], f"{where}.drift")
            assert_retrain(retrain[model][index], step["expect"], where)
        told = [step["expect"] for step in steps if step["expect"]["should_retrain"]]
        assert_decisions(decisions.get(model, []), told, model)


def test_together_cases(folder: Path) -> None:
    replayed = replay_all(folder, golden.together_recording())
    performance = answers(replayed, "assessment.performance")
    drift = answers(replayed, "assessment.drift")
    retrain = answers(replayed, "assessment.retrain")
    decisions = answers(replayed, "decision.retrain.issued")
    for number, case in enumerate(cases("together")):
        model, steps = golden.together_model(number), case["steps"]
        assert len(performance[model]) == len(drift[model]) == len(retrain[model]) == len(steps)
        for index, step in enumerate(steps):
            where = f"together[{number}].steps[{index}]"
            alerts = golden.status_expected(step["expect_alerts"])
            assert_close(performance[model][index]["data"], alerts, f"{where}.alerts")
            found, told = drift[model][index]["data"], step["expect_drift"]
            assert_close(found, golden.drift_expected(told), f"{where}.drift")
            assert_close(by_name(found["per_feature"]), told["per_feature"], f"{where}.per_feature")
            assert_retrain(retrain[model][index], step["expect_decision"], where)
        told_decisions = [s["expect_decision"] for s in steps if s["expect_decision"]["should_retrain"]]
        assert_decisions(decisions.get(model, []), told_decisions, model)


def assert_retrain(output: Event, told: dict[str, Any], where: str) -> None:
    assert_close(output["data"], golden.retrain_expected(told), where)
    assert after_base(output["time"]) == told["timestamp"], f"{where}: {output['time']}"
    allowed = output["data"]["next_allowed_retrain"]
    assert after_base(allowed) == told["next_allowed_retrain"], f"{where}: {allowed}"


def assert_decisions(issued: list[Event], told: list[dict[str, Any]], model: str) -> None:
    """One decision for each step that retrains, with the same reasons and figures, and none else."""
    assert [after_base(one["data"]["issued_at"]) for one in issued] == [t["timestamp"] for t in told], model
    for one, expected in zip(issued, told):
        for key in ("trigger_reasons", "severity_score", "constraints"):
            assert_close(one["data"][key], expected[key], f"decision of {model}.{key}")
        assert one["data"]["model"] == model
    ids = [one["data"]["decision_id"] for one in issued]
    assert len(set(ids)) == len(ids), f"{model}: a decision id was given twice"


# What replay itself promises.


@pytest.fixture
def small() -> golden.Recording:
    """Two models whose events alternate, with alerts, drift and a decision, and three bad lines."""
    lines: list[Event] = [events.baseline("a", 0, accuracy=0.9, rows=events.unit_rows())]
    for step in range(1, 9):
        second = step * 6 * events.HOUR
        accuracy = 0.6 if step in (3, 4, 7) else 0.88
        lines.append(events.metrics("a", second, {"accuracy": accuracy, "latency_ms": 90.0 + step}))
        lines.append(events.metrics("b", second, {"latency_ms": 150.0 + 20 * step}))
        lines.append(events.features("a", second, [[4.0 if step == 5 else 0.5]]))
    return golden.Recording({"name": "order"}, lines)


def test_the_same_input_gives_the_same_bytes(folder: Path, small: golden.Recording) -> None:
    config = configure(folder, small.configuration)
    first = replay(folder, config, small.lines)
    again = replay(folder, config, small.lines)
    piped = replay(folder, config, small.lines, stdin=True)
    assert first.outputs, "nothing came out"
    assert first.raw == again.raw, "a second run over the same file differs"
    assert first.raw == piped.raw, "standard input differs from the file"
    assert first.raw.endswith(b"\n")


def test_outputs_come_in_the_order_of_their_events(folder: Path, small: golden.Recording) -> None:
    replayed = replay(folder, small.configuration, small.lines)
    times = [events.nanoseconds(output["time"]) for output in replayed.outputs]
    assert times == sorted(times), "an output came before one of an earlier event"
    wanted = ["a:performance", "b:performance", "a:drift"]
    for moment in sorted({events.nanoseconds(line["time"]) for line in small.lines[1:]}):
        order = [
            f"{output['subject']}:{output['type'].split('.')[2]}"
            for output in of_type(replayed.outputs, "assessment")
            if events.nanoseconds(output["time"]) == moment
        ]
        assert [one for one in order if one in wanted] == wanted, moment


def test_every_assessment_is_included(folder: Path, small: golden.Recording) -> None:
    outputs = replay(folder, small.configuration, small.lines).outputs
    assert len(of_type(outputs, "assessment.performance")) == 16
    assert len(of_type(outputs, "assessment.drift")) == 8
    assert len(of_type(outputs, "alert.opened")) >= 3
    assert len(of_type(outputs, "alert.resolved")) >= 2
    assert len(of_type(outputs, "decision.retrain.issued")) >= 1


def test_rejected_lines_are_named_and_only_strict_minds(folder: Path, small: golden.Recording) -> None:
    bad: dict[int, str | Event] = {
        2: "this is not JSON",
        5: events.event("nonsense", "a", 1, {}),
        9: events.metrics("a", None, {"accuracy": 0.9}),
    }
    lines: list[Event | str | bytes] = list(small.lines)
    for number, wrong in bad.items():
        lines.insert(number - 1, wrong)
    config = configure(folder, small.configuration)
    clean = replay(folder, config, small.lines)
    lenient = replay(folder, config, lines)
    strict = replay(folder, config, lines, "--strict", expect=65)
    assert sorted(lenient.rejected) == sorted(strict.rejected) == sorted(bad)
    assert lenient.raw == clean.raw == strict.raw, "a rejected line changed the outputs"
    assert clean.rejected == {}
    replay(folder, config, small.lines, "--strict", expect=0)


def test_a_summary_goes_to_standard_error(folder: Path, small: golden.Recording) -> None:
    replayed = replay(folder, small.configuration, small.lines)
    assert replayed.err.strip(), "no summary on standard error"
    assert "\x1b" not in replayed.err, "colour or a progress bar in a pipe"
