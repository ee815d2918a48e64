"""`tidemark detect`: detectors on any series, by the real binary."""

import json
import random
import subprocess

import pytest

import harness


def detect(text, *arguments, status=0):
    run = subprocess.run(
        [harness.binary(), "detect", *arguments, "-"], input=text, capture_output=True, text=True, timeout=120)
    assert run.returncode == status, run.stderr
    return run


def alarms(text, *arguments):
    return [json.loads(line) for line in detect(text, *arguments).stdout.splitlines()]


def column(values, header=None):
    return "".join(f"{line}\n" for line in ([header] if header else []) + list(values))


def errors(seed, before, after, change=2000, count=3000):
    source = random.Random(seed)
    return [int(source.random() < (before if row < change else after)) for row in range(count)]


def test_an_alarm_is_a_line_with_the_row_and_the_evidence():
    (alarm,) = alarms(column(errors(1, 0.1, 0.4)))
    assert set(alarm) == {"index", "change_point", "detector", "evidence", "kind"}
    assert alarm["detector"] == "bernoulli" and alarm["kind"] in ("abrupt", "gradual")
    assert 2000 <= alarm["index"] < 2100 and abs(alarm["change_point"] - 2000) < 50
    assert alarm["evidence"] > 10


def test_a_header_is_no_row():
    plain = alarms(column(errors(2, 0.1, 0.5)))
    assert alarms(column(errors(2, 0.1, 0.5), header="err")) == plain
    assert alarms(column(errors(2, 0.1, 0.5), header='"wrong, or not"'.replace(",", ""))) == plain


def test_the_detector_follows_the_data():
    source = random.Random(3)
    real = [source.gauss(0, 1) + (4 if row >= 400 else 0) for row in range(600)]
    assert [alarm["detector"] for alarm in alarms(column(real))] == ["meanvar"]
    table = [f"{value},{source.gauss(0, 1)}" for value in real]
    (alarm,) = alarms(column(table, header="level,noise"))
    assert alarm["detector"] == "mmd" and alarm["columns"][0] == "level"


@pytest.mark.parametrize("detector", ["bernoulli", "bounded", "glr", "meanvar", "bins", "quantile", "mmd"])
def test_every_detector_sees_a_large_change_and_nothing_before(detector):
    source = random.Random(4)
    if detector == "bernoulli":
        values = errors(4, 0.1, 0.6)
    elif detector == "bounded":
        values = [source.betavariate(8, 2) if row < 2000 else source.betavariate(4, 6) for row in range(3000)]
    else:
        values = [source.gauss(0, 1) + (3 if row >= 2000 else 0) for row in range(3000)]
    found = alarms(column(values), "--detector", detector)
    assert found and 2000 <= found[0]["index"] < 2200, found
    assert all(alarm["detector"] == detector for alarm in found)


def test_scores_are_one_value_a_row():
    values = errors(5, 0.1, 0.5)
    lines = detect(column(values, header="err"), "--scores").stdout.splitlines()
    assert len(lines) == len(values)
    scores = [float(line) for line in lines]
    assert max(scores[:2000]) < max(scores[2000:2200])


def test_no_alarm_before_row_30():
    assert all(alarm["index"] >= 30 for alarm in alarms(column([0] * 10 + [1] * 100)))
    assert all(alarm["index"] >= 30 for alarm in alarms(column([0.5] * 10 + [99.5] * 100)))
    assert alarms(column([1] * 20)) == []


def test_columns_are_chosen_by_name_or_number():
    source = random.Random(6)
    rows = [f"2026-01-{row:05d},{source.gauss(0, 1) + (5 if row >= 200 else 0)}" for row in range(400)]
    text = column(rows, header="at,level")
    by_name, by_number = alarms(text, "--columns", "level"), alarms(text, "--columns", "2")
    assert by_name == by_number and len(by_name) == 1
    assert "no number" in detect(text, status=65).stderr
    assert "no column" in detect(text, "--columns", "other", status=65).stderr


@pytest.mark.parametrize(("text", "arguments", "word"), [
    ("", (), "no row"),
    ("a,b\n", (), "no row"),
    ("1,2\n3\n", (), "cells"),
    ("1\nx\n", (), "no number"),
    ("1\n2\n", ("--detector", "bernoulli"), "zeroes and ones"),
    ("1\n2\n", ("--detector", "bounded"), "between 0 and 1"),
    ("1,2\n3,4\n", ("--detector", "glr"), "one column"),
])
def test_what_cannot_be_read_is_told(text, arguments, word):
    assert word in detect(text, *arguments, status=65).stderr


def test_a_file_that_is_not_there(tmp_path):
    run = subprocess.run([harness.binary(), "detect", str(tmp_path / "none.csv")], capture_output=True, text=True)
    assert run.returncode == 66 and "cannot be read" in run.stderr


def test_missing_values_and_other_separators():
    values = errors(7, 0.1, 0.6)
    plain = alarms(column(values))
    crlf = alarms(column(values).replace("\n", "\r\n"))
    assert crlf == plain
    gaps = ["NA" if row % 50 == 7 else value for row, value in enumerate(values)]
    (alarm,) = alarms(column(gaps))
    assert 2000 <= alarm["index"] < 2100
    table = column([f"{a};{b}" for a, b in zip(values, values)], header="a;b")
    assert alarms(table, "--columns", "b") == plain


def test_the_readme_shows_what_it_says():
    """The turned columns of the weather, found at row 12,000, give or take what the evidence takes."""
    readme = (harness.REPOSITORY / "README.md").read_text(encoding="utf-8")
    (shown,) = [line for line in readme.splitlines() if line.startswith('{"change_point"')]
    run = subprocess.run(
        [harness.binary(), "detect", "deploy/weather/weather.csv", "--columns", "dew point"],
        cwd=harness.REPOSITORY, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(found) == 7 and sum(alarm["index"] < 2.5 * 365 for alarm in found) == 3
    (turned,) = [alarm for alarm in found if abs(alarm["change_point"] - 12_000) < 30]
    assert {**turned, "evidence": 0} == {**json.loads(shown), "evidence": 0}
