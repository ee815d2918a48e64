"""Drift by preset `standard`, by the real binary: numbers and text, both gates, columns that come and go, restarts."""

from __future__ import annotations

import json
import math
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import harness
import pytest
from delivery_peers import Context, Reliable
from delivery_served import SECOND, Kept, Start
from events import Event, nanoseconds
from protocol_pages import golden, valid
from test_standard import MARCH, Numbers, said, step_of

Json = Any
CONFIGURATION: dict[str, Any] = {"name": "example", "preset": "standard", "models": [{"name": "fraud"}]}
NAMES = ["amount", "city", "age_days", "ratio"]
CITIES = ["Oslo", "Rome", "Lima", "Zürich", "Quito"]


class Population:
    """Rows of three columns of numbers, each with a deviation of 1, and one of text."""

    def __init__(self, seed: int) -> None:
        self.numbers = Numbers(seed)

    def normal(self) -> float:
        distance = math.sqrt(-2 * math.log(1 - self.numbers.uniform()))
        return distance * math.cos(2 * math.pi * self.numbers.uniform())

    def city(self) -> str:
        """The first of the cities are the more frequent."""
        return CITIES[int(len(CITIES) * self.numbers.uniform() ** 1.5)]

    def rows(self, count: int, *, shift: float = 0.0, new_city: float = 0.0) -> list[list[Json]]:
        """`shift` is of the first column; of so many rows as `new_city` says the city is one never seen."""
        found: list[list[Json]] = []
        for _ in range(count):
            values = [round(self.normal(), 4) for _ in range(3)]
            city = "Atlantis" if self.numbers.uniform() < new_city else self.city()
            found.append([round(50 + values[0] + shift, 4), city, round(200 + values[1], 4), values[2]])
        return found

    def data(self, count: int, without: str = "", **how: float) -> Json:
        kept = [index for index, name in enumerate(NAMES) if name != without]
        rows = [[row[index] for index in kept] for row in self.rows(count, **how)]
        return {"feature_names": [NAMES[index] for index in kept], "rows": rows}


def stream(population: Population, batches: Iterable[Json]) -> Iterator[Event]:
    """A baseline of 1,000 rows, then batches, one a minute."""
    yield said("baseline", 0, {"features": population.data(1_000)})
    for step, data in enumerate(batches, 1):
        yield said("features", step, data)


def replayed(folder: Path, population: Population, batches: Iterable[Json]) -> list[Event]:
    outputs = harness.replay(folder, CONFIGURATION, stream(population, batches)).outputs
    for output in outputs[:: max(1, len(outputs) // 50)]:
        valid(output)
    return outputs


def alerts(outputs: list[Event], monitor: str) -> list[Event]:
    found = [each for each in outputs if each["type"].startswith("tidemark.alert.")]
    for each in found:
        valid(each)
    return [each for each in found if each["data"]["monitor"] == monitor]


def changes(found: list[Event]) -> list[str]:
    return [each["type"].split(".")[2] for each in found]


def judged(outputs: list[Event]) -> list[Event]:
    return [each for each in outputs if each["type"] == "tidemark.assessment.drift.v1"]


def test_small_batches_of_the_baselines_population_are_silent(folder: Path) -> None:
    population = Population(11)
    outputs = replayed(folder, population, (population.data(8) for _ in range(200)))
    assert len(judged(outputs)) == 200
    assert not any(each["type"].startswith(("tidemark.alert.", "tidemark.decision.")) for each in outputs)
    data = judged(outputs)[-1]["data"]
    assert data["reference"] == "given" and data["gates"] == {"log10_e_threshold": 4, "minimum_effect": 0.1}
    assert [each["name"] for each in data["per_feature"]] == ["amount", "age_days", "ratio", "city"]
    assert data["per_feature"][3]["baseline_mean"] is None and data["per_feature"][3]["cases"] >= 8
    assert data["schema"] == {"missing": [], "unknown": [], "retyped": []}


def test_a_shift_that_does_not_matter_is_silent_however_large_the_batches(folder: Path) -> None:
    population = Population(12)
    outputs = replayed(folder, population, (population.data(1_000, shift=0.001) for _ in range(40)))
    assert len(judged(outputs)) == 40
    assert not any(each["type"].startswith(("tidemark.alert.", "tidemark.decision.")) for each in outputs)


QUIET = 5
CHANGED: list[tuple[str, dict[str, float], int]] = [
    ("amount", {"shift": 0.5}, 1_000),
    ("amount", {"shift": 0.5}, 100),
    ("city", {"new_city": 0.3}, 1_000),
    ("city", {"new_city": 0.3}, 100),
]


@pytest.mark.parametrize(("column", "how", "size"), CHANGED)
def test_what_matters_alerts_within_a_few_batches(
    folder: Path, column: str, how: dict[str, float], size: int
) -> None:
    population = Population(13)
    batches = [population.data(size) for _ in range(QUIET)] + [population.data(size, **how) for _ in range(12)]
    outputs = replayed(folder, population, batches)
    found = alerts(outputs, "drift")
    assert changes(found)[0] == "opened"
    opened = found[0]["data"]
    delay = step_of(found[0]) - QUIET
    assert 1 <= delay <= (2 if size == 1_000 else 10), delay
    assert [each["name"] for each in opened["top_k"]] == [column]
    evidence = opened["evidence"]
    assert evidence["log10_e"] >= evidence["log10_e_threshold"] == 4
    assert evidence["effect"] >= evidence["minimum_effect"] == opened["threshold"] == 0.1
    assert evidence["change"]["at"] is not None and evidence["change"]["measurements"] <= delay + 2
    assert evidence["cases"] == evidence["change"]["measurements"] * size and evidence["quantile"] is None
    data = next(each["data"] for each in judged(outputs) if each["causationid"] == found[0]["causationid"])
    drifting = {each["name"]: each for each in data["per_feature"]}
    assert drifting[column]["drift_detected"] and drifting[column]["change"] == evidence["change"]
    assert drifting[column]["drift_score"] == evidence["effect"] == opened["value"] == data["max_drift_score"]
    assert sum("change" in each for each in drifting.values()) == 1


def vanishing(population: Population, size: int) -> list[Json]:
    """Drift from the 4th batch on, no `ratio` from the 7th to the 9th."""
    return [
        population.data(size, "ratio" if 7 <= step <= 9 else "", shift=1.0 if step >= 4 else 0.0)
        for step in range(1, 13)
    ]


def test_a_vanished_column_is_a_schema_break_and_hides_nothing(folder: Path) -> None:
    population = Population(14)
    # The drift begins while the column is away.
    batches = [
        population.data(200, "ratio" if 4 <= step <= 12 else "", shift=1.0 if step >= 7 else 0.0)
        for step in range(1, 16)
    ]
    outputs = replayed(folder, population, batches)
    broken, drifted = alerts(outputs, "schema"), alerts(outputs, "drift")
    assert [each["data"]["state"] for each in broken] == ["firing", "recovering"], "it ends only after a while"
    assert [step_of(each) for each in broken] == [4, 15]
    assert broken[0]["data"]["top_k"] == [{"name": "ratio", "drift_score": 1}]
    assert (broken[0]["data"]["value"], broken[0]["data"]["threshold"]) == (1, 0)
    assert broken[0]["data"]["severity"] == "high" and broken[0]["data"]["alert_key"] == "fraud/7/schema"
    assert changes(drifted)[0] == "opened" and "resolved" not in changes(drifted)
    assert 7 <= step_of(drifted[0]) <= 10, "while the other column is away"
    assert [each["name"] for each in drifted[0]["data"]["top_k"]] == ["amount"]
    away = judged(outputs)[5]["data"]
    assert away["schema"]["missing"] == ["ratio"] and away["summary"]["total_features"] == 4
    assert away["per_feature"][2]["drift_score"] is None and away["per_feature"][2]["log10_e"] is None


BREAKS: list[tuple[str, Callable[[Json], None], str, list[str]]] = [
    ("unknown", lambda data: (data["feature_names"].append("new"), [row.append(1) for row in data["rows"]]), "unknown", ["new"]),
    ("retyped", lambda data: [row.__setitem__(0, "much") for row in data["rows"]], "retyped", ["amount"]),
    ("numbers for text", lambda data: [row.__setitem__(1, 7) for row in data["rows"]], "retyped", ["city"]),
]


@pytest.mark.parametrize(("name", "broken", "word", "columns"), BREAKS)
def test_columns_that_are_unknown_or_of_another_type(
    folder: Path, name: str, broken: Callable[[Json], None], word: str, columns: list[str]
) -> None:
    population = Population(15)
    batches = [population.data(20) for _ in range(3)]
    broken(batches[1])
    outputs = replayed(folder, population, batches)
    (opened,) = alerts(outputs, "schema")
    assert opened["data"]["state"] == "firing", name
    assert judged(outputs)[1]["data"]["schema"][word] == columns


def test_a_column_of_text_without_any_value_is_no_break(folder: Path) -> None:
    population = Population(16)
    batches = [population.data(4) for _ in range(6)]
    for data in batches[::2]:
        for row in data["rows"]:
            row[1] = None
    outputs = replayed(folder, population, batches)
    assert len(judged(outputs)) == 6 and not alerts(outputs, "schema")
    assert all(each["data"]["per_feature"][3]["log10_e"] is not None for each in judged(outputs))


def test_without_a_baseline_one_is_learned(folder: Path) -> None:
    population = Population(17)
    batches = [population.data(100, shift=1.0 if step > 15 else 0.0) for step in range(1, 31)]
    lines = list(stream(population, batches))[1:]
    outputs = harness.replay(folder, CONFIGURATION, lines).outputs
    assert step_of(judged(outputs)[0]) == 11, "after 1,000 rows"
    assert judged(outputs)[0]["data"]["reference"] == "learned"
    found = alerts(outputs, "drift")
    assert 16 <= step_of(found[0]) <= 20 and [each["name"] for each in found[0]["data"]["top_k"]] == ["amount"]


def test_reference_takes_text_and_judges_the_rest(folder: Path) -> None:
    population = Population(18)
    reference = {"name": "example", "models": [{"name": "fraud"}]}
    ran = harness.replay(folder, reference, stream(population, [population.data(20, new_city=1.0)]))
    data = judged(ran.outputs)[0]["data"]
    assert [each["name"] for each in data["per_feature"]] == ["amount", "age_days", "ratio"]
    assert not {"gates", "schema", "reference"} & set(data) and ran.rejected == {}
    for output in ran.outputs:
        valid(output)


def test_the_golden_outputs_are_what_the_binary_says(folder: Path) -> None:
    population = Population(19)
    outputs = replayed(folder, population, vanishing(population, 50))
    recorded = [
        each["expect"]["event"]
        for each in golden("messages.ndjson")
        if each["name"] in ("alert.schema", "alert.drift_evidence", "assessment.drift_standard")
    ]
    assert len(recorded) == 3
    for each in recorded:
        valid(each)
        each["data"].pop("valid_until", None)
        assert each in outputs, json.dumps(each)


# Over a kill.


class Scorer:
    """Sends batches as tensors, text as BYTES."""

    def __init__(self, publisher: Reliable, seed: int) -> None:
        self.publisher, self.population = publisher, Population(seed)
        self.at = time.time_ns() - 3600 * SECOND

    def send(self, kind: str, count: int, **how: float) -> None:
        rows = self.population.rows(count, **how)
        shape = [count, 1]
        descriptor = {
            "feature_names": NAMES,
            "tensors": [
                {"name": "rows", "datatype": datatype, "shape": each}
                for datatype, each in (("FP64", shape), ("BYTES", shape), ("FP64", [count, 2]))
            ],
        }
        texts = [row[1].encode() for row in rows]
        tensors = (
            struct.pack(f"<{count}d", *(row[0] for row in rows)),
            b"".join(struct.pack("<I", len(text)) + text for text in texts),
            struct.pack(f"<{2 * count}d", *(value for row in rows for value in row[2:])),
        )
        self.at += 60 * SECOND
        numbers = self.publisher.numbers
        frames = numbers.make(f"{kind}/fraud/7/{numbers.source}", descriptor, *tensors, event_time=self.at)
        self.publisher.take(frames)


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context, preset="standard", models=[{"name": "fraud"}])


def test_what_is_known_survives_a_kill(kept: Kept) -> None:
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    scorer = Scorer(publisher, 20)
    scorer.send("baseline", 1_000)
    for _ in range(3):
        scorer.send("features", 100)
    # Enough that it counts, not yet enough to alarm: what the daemon knows now is lost or kept.
    scorer.send("features", 100, shift=0.6)
    before = scorer.at
    publisher.settle()
    reader.until_caught_up()
    assert not any(each.word == "alert" for each in reader.handed)
    kept.killed()
    for _ in range(6):
        scorer.send("features", 100, shift=0.6)
    publisher.settle()
    opened = reader.wait_for(lambda each: each.word == "alert", publisher).json
    assert opened["data"]["monitor"] == "drift"
    evidence = opened["data"]["evidence"]
    assert evidence["cases"] == 100 * evidence["change"]["measurements"]
    assert nanoseconds(evidence["change"]["at"]) <= before, "it began before the kill"
    kept.killed()
    for _ in range(4):
        scorer.send("features", 100, shift=0.6)
    publisher.settle()
    # Ten minutes after its last rows, and three of their batches, are as they should be.
    for _ in range(40):
        scorer.send("features", 100)
    resolved = reader.wait_for(lambda each: each.state == "resolved", publisher).json
    assert resolved["correlationid"] == opened["correlationid"]
    told = [each for each in reader.handed if each.word == "alert"]
    assert [each.state for each in told if each.json["data"]["rev"] == 1] == ["opened"], "no second one"
    assert [each.json["data"]["rev"] for each in told] == list(range(1, len(told) + 1))
