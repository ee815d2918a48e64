"""Preset `standard` by the real binary: right answers of checked ones, single latencies, business metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
from events import Event, event
from protocol_pages import golden, valid

CONFIGURATION: dict[str, Any] = {
    "name": "example",
    "preset": "standard",
    "models": [
        {
            "name": "fraud",
            "metrics": {"revenue": {"range": [0, 200], "direction": "down", "baseline": 100}},
        }
    ],
}
#: 2026-03-02T00:00:00Z, as in the golden messages.
MARCH = 1_772_409_600 * 1_000_000_000


class Numbers:
    """The same pseudorandom numbers everywhere: a linear congruential generator."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def uniform(self) -> float:
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self.state >> 11) / 2**53

    def errors(self, count: int, rate: float) -> int:
        return sum(self.uniform() < rate for _ in range(count))


def said(kind: str, step: int, data: Any) -> Event:
    return event(
        kind, "fraud", step * 60.0, data, version="7", source="/pods/7", id=f"{kind}.{step}", base_ns=MARCH
    )


def stream(seed: int, quiet: int, changed: int) -> Iterator[Event]:
    """Batches of 100 answers at the expected rate, then such with five points more errors, a slow tail, and less
    revenue."""
    numbers = Numbers(seed)
    quantiles = {"p50": 100, "p95": 145, "p99": 149, "count": 20_000}
    yield said("baseline", 0, {"correct": 9_500, "total": 10_000, "latency_quantiles_ms": quantiles})
    for step in range(1, quiet + changed + 1):
        is_changed = step > quiet
        wrong = numbers.errors(100, 0.10 if is_changed else 0.05)
        latencies = [
            400.0 if is_changed and numbers.uniform() < 0.05 else round(50 + 100 * numbers.uniform(), 1)
            for _ in range(20)
        ]
        revenue = round((70 if is_changed else 100) + 20 * (numbers.uniform() - 0.5), 2)
        data = {"correct": 100 - wrong, "total": 100, "latencies_ms": latencies, "metrics": {"revenue": revenue}}
        yield said("metrics", step, data)


def alerts(outputs: list[Event]) -> dict[str, Event]:
    """The first alert of each monitor."""
    found: dict[str, Event] = {}
    for output in outputs:
        if output["type"] == "tidemark.alert.opened.v1":
            found.setdefault(output["data"]["monitor"], output)
    return found


def step_of(output: Event) -> int:
    return int(output["causationid"].split(".")[1])


def test_silent_for_100_000_cases_and_soon_after_the_change(folder: Path) -> None:
    quiet, changed = 1_000, 80
    outputs = harness.replay(folder, CONFIGURATION, stream(7, quiet, changed)).outputs
    for output in outputs[:: 1 if len(outputs) < 500 else 17]:
        valid(output)
    found = alerts(outputs)
    assert set(found) == {"accuracy", "latency", "metric"}
    delays = {monitor: step_of(output) - quiet for monitor, output in found.items()}
    assert all(0 < delay <= 60 for delay in delays.values()), delays
    for output in found.values():
        data = output["data"]
        evidence = data["evidence"]
        valid(output)
        assert evidence["log10_e"] >= evidence["log10_e_threshold"] == 4
        assert evidence["effect"] >= evidence["minimum_effect"] == 0.01
        assert evidence["change"]["at"] is not None
    accuracy = found["accuracy"]["data"]
    assert accuracy["threshold"] == 0.95 and 0.85 < accuracy["value"] < 0.93
    assert found["latency"]["data"]["evidence"]["quantile"] == {"level": 0.99, "limit_ms": 149}
    assert found["metric"]["data"]["alert_key"] == "fraud/7/metric/revenue"
    decisions = [each for each in outputs if each["type"] == "tidemark.decision.retrain.issued.v1"]
    assert all("accuracy_drop" in each["data"]["reason_codes"] for each in decisions)


def test_the_golden_outputs_are_what_the_binary_says(folder: Path) -> None:
    outputs = harness.replay(folder, CONFIGURATION, stream(3, 20, 60)).outputs
    recorded = [
        each["expect"]["event"]
        for each in golden("messages.ndjson")
        if each["name"] in ("alert.evidence", "alert.metric", "assessment.standard")
    ]
    assert len(recorded) == 3
    for each in recorded:
        valid(each)
        each["data"].pop("valid_until", None)
        assert each in outputs, json.dumps(each)


def test_reference_says_nothing_of_evidence(folder: Path) -> None:
    reference = {"name": "example", "models": [{"name": "fraud"}]}
    outputs = harness.replay(folder, reference, stream(7, 20, 20)).outputs
    assessments = [each["data"] for each in outputs if each["type"] == "tidemark.assessment.performance.v1"]
    assert len(assessments) == 40
    for output in outputs:
        valid(output)
    assert not any("monitors" in each for each in assessments)
    assert all(0.8 <= each["recent_accuracy"] <= 1 for each in assessments), "k of n"


def test_learning_is_said(folder: Path) -> None:
    lines = [each for each in stream(5, 60, 0) if each["type"] == "tidemark.metrics.v1"]
    outputs = harness.replay(folder, CONFIGURATION, lines).outputs
    assessments = [each["data"] for each in outputs if each["type"] == "tidemark.assessment.performance.v1"]
    assert assessments[0]["status"] == "learning"
    first = {each["monitor"]: each for each in assessments[0]["monitors"]}
    assert (first["accuracy"]["seen"], first["accuracy"]["wanted"]) == (100, 1_000)
    assert first["metric"]["reference"] == "configured" and first["metric"]["state"] == "watching"
    assert assessments[-1]["status"] == "healthy"
    last = {each["monitor"]: each for each in assessments[-1]["monitors"]}
    assert {each["reference"] for each in (last["accuracy"], last["latency"])} == {"learned"}


def test_problems_of_the_configuration_are_named(folder: Path) -> None:
    bad = {
        "preset": "standard",
        "batches_per_false_alarm": 0,
        "defaults": {
            "baseline": {"correct": 5, "total": 4, "latency_quantiles_ms": {"p50": 3, "p95": 2, "p99": 4, "count": 9}},
            "metrics": {"revenue": {"range": [3, 1]}, "refunds": {"direction": "sideways"}},
        },
        "models": [{"name": "m", "preset": "reference", "metrics": {"revenue": {"range": [0, 1]}}}],
    }
    ran = harness.run("check", "--config", harness.configure(folder, bad))
    text = ran.err
    assert ran.code != 0
    for key in (
        "batches_per_false_alarm",
        "defaults.baseline",
        "defaults.baseline.latency_quantiles_ms",
        "defaults.metrics.revenue.range",
        "defaults.metrics.refunds",
        "models[0].metrics",
    ):
        assert f": {key}: " in text, f"{key} in {text}"
