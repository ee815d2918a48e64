"""`tidemark baseline` by the real binary: build, show and diff, and configurations with what was built."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
import numpy
import pytest
from events import Event, event
from harness import DATA, NO_INPUT

HEADER = ["amount", "kind", "country", "at"]


def numbers(seed: int, rows: int, shift: float = 0.0) -> list[list[float]]:
    random = numpy.random.default_rng(seed)
    return [[float(random.normal(20 + shift, 4)), float(random.integers(0, 3))] for _ in range(rows)]


def table(path: Path, seed: int, rows: int, shift: float = 0.0, countries: tuple[str, ...] = ("DE", "FR")) -> Path:
    """Numbers, text with a comma, and a column of times that is no feature."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for index, row in enumerate(numbers(seed, rows, shift)):
            amount = "" if index % 50 == 0 else repr(row[0])
            writer.writerow([amount, int(row[1]), countries[index % len(countries)], f"2026-01-01T00:00:{index % 60:02}"])
    return path


def built(folder: Path, data: Path, *flags: str) -> Path:
    path = folder / f"{data.stem}.baseline"
    ran = harness.run("baseline", "build", data, "-o", path, *flags)
    assert (ran.code, ran.said) == (0, ""), ran.said
    return path


def test_what_is_built_is_shown(folder: Path) -> None:
    path = built(folder, table(folder / "t.csv", 1, 600), "--without", "at")
    file = json.loads(path.read_text())
    assert (file["tidemark_baseline"], file["rows"]) == (1, 600)
    assert [each["name"] for each in file["columns"]] == ["amount", "kind", "country"]
    shown = json.loads(harness.run("baseline", "show", path, "--json").out)
    amount, kind, country = shown["columns"]
    values = numpy.array([row[0] for index, row in enumerate(numbers(1, 600)) if index % 50])
    assert amount["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert amount["std"] == pytest.approx(values.std(), rel=1e-12)
    assert (amount["min"], amount["max"]) == (values.min(), values.max())
    assert amount["missing"] == pytest.approx(12 / 600)
    assert kind["type"] == "number" and country["type"] == "text"
    assert {each["label"]: each["share"] for each in country["categories"]} == {"DE": 0.5, "FR": 0.5}
    text = harness.run("baseline", "show", path).out.decode()
    assert text.startswith("600 rows, 3 columns\n") and "DE 50 %" in text
    # A file of a file is the same file.
    assert built(folder, path).read_bytes() == path.read_bytes()


def test_two_are_compared(folder: Path) -> None:
    first = built(folder, table(folder / "a.csv", 1, 2_000), "--without", "at")
    second = built(folder, table(folder / "b.csv", 2, 1_500, shift=4, countries=("DE", "CH")), "--without", "at")
    ran = harness.run("baseline", "diff", first, second, "--json")
    assert ran.code == 0, ran.said
    report = json.loads(ran.out)
    assert report["rows"] == [2_000, 1_500]
    columns = {each["name"]: each for each in report["columns"]}
    assert [each["name"] for each in report["columns"]] == sorted(columns, key=lambda name: -columns[name]["psi"])
    # A deviation of shift is an index of 1, and 1 / 1.349 interquartile ranges, less what lies beyond the outer edges.
    assert columns["amount"]["psi"] == pytest.approx(1, abs=0.25)
    assert columns["amount"]["w1_iqr"] == pytest.approx(0.8 / 1.349, abs=0.1)
    assert columns["amount"]["mean_shift_std"] == pytest.approx(1, abs=0.1)
    assert columns["kind"]["psi"] < 4 * columns["kind"]["psi_by_chance"]
    assert (columns["country"]["new_categories"], columns["country"]["vanished_categories"]) == (["CH"], ["FR"])
    text = harness.run("baseline", "diff", first, second).out.decode()
    assert "new in country: CH" in text and "vanished from country: FR" in text
    # Rows are counted in the first's bins, which their own baseline was not cut into.
    assert not columns["amount"]["is_exact"]
    counted = json.loads(harness.run("baseline", "diff", first, folder / "b.csv", "--json").out)
    assert counted["new_columns"] == ["at"] and all(each["is_exact"] for each in counted["columns"])
    exact = {each["name"]: each for each in counted["columns"]}
    assert exact["amount"]["psi"] == pytest.approx(columns["amount"]["psi"], rel=0.2)
    same = json.loads(harness.run("baseline", "diff", first, first, "--json").out)
    assert [each["psi"] for each in same["columns"]] == [0, 0, 0]


def features(rows: list[list[float]], step: int) -> Event:
    data = {"feature_names": HEADER[:2], "rows": rows}
    return event("features", "fraud", step * 60.0, data, id=f"f.{step}")


def stream() -> Iterator[Event]:
    for step in range(1, 41):
        yield features(numbers(100 + step, 80, shift=0 if step <= 20 else 5), step)


@pytest.mark.parametrize("preset", ["reference", "standard"])
def test_a_built_baseline_judges_as_its_data_do(folder: Path, preset: str) -> None:
    """The CSV, what was built of it, and the same numbers as an array: one and the same outputs."""
    data = folder / "train.csv"
    with data.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER[:2], *([repr(each) for each in row] for row in numbers(7, 1_000))])
    array = folder / "train.npy"
    numpy.save(array, numpy.array(numbers(7, 1_000)))
    file = built(folder, data)
    assert built(folder, array, "--names", "amount,kind").read_bytes() == file.read_bytes()
    said: list[bytes] = []
    for name in (data.name, file.name):
        configuration: dict[str, Any] = {
            "name": "example",
            "preset": preset,
            "models": [{"name": "fraud", "baseline": {"features": name}}],
        }
        replayed = harness.replay(folder, configuration, stream())
        kinds = [each["type"] for each in replayed.outputs]
        assert kinds.count("tidemark.assessment.drift.v1") == 40
        assert "tidemark.alert.opened.v1" in kinds or preset == "reference"
        said.append(replayed.raw)
    assert said[0] == said[1]


def test_a_learned_baseline_says_so(folder: Path) -> None:
    configuration = {"name": "example", "preset": "standard", "defaults": {"baseline": {"learn": {"rows": 800}}}}
    outputs = harness.replay(folder, configuration, stream()).outputs
    drift = [each for each in outputs if each["type"] == "tidemark.assessment.drift.v1"]
    # Ten batches of 80 are learned from.
    assert len(drift) == 30
    assert {each["data"]["reference"] for each in drift} == {"learned"}
    assert any(each["type"] == "tidemark.alert.opened.v1" for each in outputs)


def test_what_is_wrong_is_said(folder: Path) -> None:
    file = built(folder, table(folder / "t.csv", 1, 300), "--without", "at")
    text = file.read_text()
    for change, problem in [
        (text.replace('"tidemark_baseline": 1', '"tidemark_baseline": 9'), "version 9"),
        (text.replace('"squares"', '"sqares"', 1), "columns[0].squares"),
        (text[: len(text) // 2], "no JSON"),
        (text.replace("0x", "0y", 1), "columns[2].categories[0].hash"),
    ]:
        file.write_text(change)
        ran = harness.run("baseline", "show", file)
        assert ran.code == DATA and problem in ran.err and not ran.out, ran.said
        config = harness.configure(folder, {"models": [{"name": "m", "baseline": {"features": file.name}}]})
        ran = harness.run("check", "--config", config)
        assert ran.code == harness.CONFIGURATION and problem in ran.said, ran.said
    assert harness.run("baseline", "show", folder / "absent").code == NO_INPUT
    assert harness.run("baseline", "build", folder / "t.csv", "-o", folder / "no" / "x").code == 73
    ran = harness.run("baseline", "build", folder / "t.csv", "-o", folder / "x", "--without", "amuont")
    assert ran.code == DATA and "'amuont'" in ran.err
