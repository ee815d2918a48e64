"""Which lines are refused and why: kinds, shapes of JSON, models, sources, sequences."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import storm
from events import Event, baseline, event, features, metrics, of_type, unit_rows
from harness import configure, has_code, replay, run

GOOD = {"accuracy": 0.95, "latency_ms": 100}


def good(model: str, seconds: float, **more: Any) -> Event:
    return metrics(model, seconds, GOOD, **more)


def without(made: Event, key: str) -> Event:
    return {name: value for name, value in made.items() if name != key}


def subjects(outputs: list[Event]) -> list[str]:
    return [output["subject"] for output in of_type(outputs, "assessment.performance")]


MALFORMED: dict[str, Event | str | bytes] = {
    "no JSON": "hello",
    "truncated": '{"specversion":"1.0","id":"1","source":"s"',
    "an array": "[1, 2, 3]",
    "a number": "42",
    "a string": '"metrics"',
    "not UTF-8": b'{"specversion":"1.0","id":"\xff\xfe","source":"s"}',
    "two objects": '{"specversion":"1.0"} {"specversion":"1.0"}',
    "no type": without(good("m", 1), "type"),
    "a type that is no string": {**good("m", 1), "type": 5},
    "no id": without(good("m", 1), "id"),
    "no source": without(good("m", 1), "source"),
    "no data": without(good("m", 1), "data"),
    "data that is a list": {**good("m", 1), "data": [1, 2]},
    "a time that is none": {**good("m", 1), "time": "yesterday"},
    "rows that are no list": event("features", "m", 1, {"rows": 3}),
    "a row that is no list": event("features", "m", 1, {"rows": [1, 2]}),
    "an object in a row": event("features", "m", 1, {"rows": [[1, {}]]}),
    "an object in a row with text": event("features", "m", 1, {"rows": [["a", {}]]}),
    "names that are no list": event("features", "m", 1, {"feature_names": "a", "rows": [[1]]}),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(folder: Path, what: str) -> None:
    lines = [baseline("m", 0, rows=unit_rows()), MALFORMED[what], good("m", 2)]
    replayed = replay(folder, {}, lines)
    assert list(replayed.rejected) == [2]
    assert has_code(replayed.reason(2), "malformed"), replayed.reason(2)
    assert subjects(replayed.outputs) == ["m"], "the line after it was not handled"


REFUSED: dict[str, Event] = {
    "unsupported_version": {**good("m", 1), "type": "tidemark.metrics.v2"},
    "unknown_kind": event("nonsense", "m", 1, {}),
    "missing_time": metrics("m", None, GOOD),
    "shape_mismatch": event("features", "m", 1, {"rows": [["a"]]}),
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused_with_its_code(folder: Path, code: str) -> None:
    replayed = replay(folder, {}, [good("m", 0), REFUSED[code], good("m", 2)])
    assert list(replayed.rejected) == [2]
    assert has_code(replayed.reason(2), code), replayed.reason(2)
    assert subjects(replayed.outputs) == ["m", "m"]


def test_unknown_keys_are_accepted_and_ignored(folder: Path) -> None:
    extra = good("m", 1, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", mood="fair")
    replayed = replay(folder, {}, [extra, {**good("m", 2), "extension": {"deep": [1, {"er": None}]}}])
    assert replayed.rejected == {}
    assert subjects(replayed.outputs) == ["m", "m"]


def test_ragged_rows_are_a_shape_mismatch(folder: Path) -> None:
    lines = [
        baseline("m", 0, rows=[[0.0, 1.0], [2.0, 3.0]]),
        features("m", 1, [[1.0, 2.0], [1.0]]),
        baseline("m", 2, rows=[[0.0, 1.0], [2.0]]),
        features("m", 3, [[1.0, 2.0]]),
    ]
    replayed = replay(folder, {}, lines)
    assert list(replayed.rejected) == [2, 3]
    assert has_code(replayed.reason(2), "shape_mismatch") and has_code(replayed.reason(3), "shape_mismatch")
    report = of_type(replayed.outputs, "assessment.drift")[0]["data"]
    assert report["per_feature"][0]["baseline_mean"] == 1.0, "a refused baseline replaced the good one"


# Models.


def test_unknown_models_are_registered_from_the_template(folder: Path) -> None:
    configuration = {"defaults": {"performance": {"latency_ms": 50}, "baseline": {"accuracy": 0.5}}}
    outputs = replay(folder, configuration, [metrics("new", 1, {"accuracy": 0.46, "latency_ms": 60})]).outputs
    report = of_type(outputs, "assessment.performance", "new")[0]["data"]
    assert [alert["type"] for alert in report["alerts"]] == ["latency_spike"]


def test_unknown_models_are_refused_if_configured(folder: Path) -> None:
    configuration = {"unknown_models": "reject", "models": [{"name": "known"}, {"name": "v", "version": "1"}]}
    lines = [
        good("known", 1),
        good("stranger", 2),
        good("known", 3, version="9"),
        good("v", 4, version="1"),
        good("v", 5, version="2"),
    ]
    replayed = replay(folder, configuration, lines)
    assert list(replayed.rejected) == [2, 5]
    assert all(has_code(reason, "unknown_model") for reason in replayed.rejected.values())
    assert subjects(replayed.outputs) == ["known", "known", "v"]


def test_models_are_capped(folder: Path) -> None:
    configuration = {"limits": {"models": 2}}
    lines = [good("a", 1), good("b", 2), good("c", 3), good("a", 4), good("d", 5), good("b", 6)]
    replayed = replay(folder, configuration, lines)
    assert list(replayed.rejected) == [3, 5]
    assert all(has_code(reason, "too_many_models") for reason in replayed.rejected.values())
    assert subjects(replayed.outputs) == ["a", "b", "a", "b"]


def test_sources_are_capped(folder: Path) -> None:
    config = configure(folder, {"limits": {"sources": 2}})
    if run("check", "--config", config).code != 0:
        pytest.skip("limits.sources is not a key of this build")
    lines = [good("m", i, source=source) for i, source in enumerate(["a", "b", "c", "a"])]
    replayed = replay(folder, config, lines)
    assert list(replayed.rejected) == [3]
    assert has_code(replayed.reason(3), "too_many_sources")


def test_the_name_of_a_model_may_hold_any_character(folder: Path) -> None:
    """In replay there is no topic, so no topic can disagree: the subject alone is the name."""
    names = ["team/fraud", "50% off", "a b", "détection", "模型", "-", "a.b:c", "{}"]
    replayed = replay(folder, {}, [good(name, i) for i, name in enumerate(names)])
    assert replayed.rejected == {}
    assert subjects(replayed.outputs) == names


# Deduplication and sequences. `epoch` is given as a decimal string, like `sequence`.


def test_the_same_source_and_id_is_a_duplicate(folder: Path) -> None:
    lines = [
        good("m", 1, id="1", source="a"),
        good("m", 2, id="1", source="b"),
        good("m", 3, id="1", source="a"),
        good("n", 4, id="1", source="b"),
        good("m", 5, id="2", source="a"),
    ]
    replayed = replay(folder, {}, lines)
    assert list(replayed.rejected) == [3, 4]
    assert all(has_code(reason, "duplicate") for reason in replayed.rejected.values())
    assert subjects(replayed.outputs) == ["m", "m", "m"]


def test_the_last_1024_ids_of_a_source_are_remembered(folder: Path) -> None:
    lines = [good("m", i, id=f"i{i}") for i in range(1024)]
    lines.append(good("m", 2000, id="i0"))
    replayed = replay(folder, {}, lines)
    assert list(replayed.rejected) == [1025]
    assert has_code(replayed.reason(1025), "duplicate")


def sequenced(seconds: float, sequence: int, epoch: int, source: str = "s") -> Event:
    return good("m", seconds, sequence=str(sequence), epoch=str(epoch), source=source)


def test_a_jump_of_the_sequence_is_a_gap_and_the_event_is_handled(folder: Path) -> None:
    lines = [sequenced(i, number, 5) for i, number in enumerate([1, 2, 5, 6])]
    replayed = replay(folder, {}, lines, "--strict")
    assert len(subjects(replayed.outputs)) == 4
    assert has_code(replayed.err, "gap") or has_code(replayed.err, "gaps"), replayed.err
    whole = replay(folder, {}, [sequenced(i, i + 1, 5) for i in range(4)])
    assert whole.err != replayed.err, "the summary tells no gap from none"


def test_a_sequence_that_does_not_grow_is_a_duplicate(folder: Path) -> None:
    lines = [sequenced(i, number, 5) for i, number in enumerate([1, 2, 2, 1, 3])]
    replayed = replay(folder, {}, lines)
    assert list(replayed.rejected) == [3, 4]
    assert all(has_code(reason, "duplicate") for reason in replayed.rejected.values())


def test_a_higher_epoch_starts_anew_and_a_lower_one_is_stale(folder: Path) -> None:
    pairs = [(5, 1), (5, 2), (6, 1), (5, 3), (6, 2)]
    lines = [sequenced(i * 0.001, number, epoch) for i, (epoch, number) in enumerate(pairs)]
    replayed = replay(folder, {}, lines)
    assert list(replayed.rejected) == [4]
    assert has_code(replayed.reason(4), "stale_epoch")
    assert len(subjects(replayed.outputs)) == 4


def test_events_without_a_sequence_are_counted_unsequenced(folder: Path) -> None:
    replayed = replay(folder, {}, [good("m", 1), good("m", 2)], "--strict")
    assert len(subjects(replayed.outputs)) == 2
    assert has_code(replayed.err, "unsequenced"), replayed.err


# Nothing stops it.


def test_a_storm_of_bad_lines_is_refused_line_by_line(folder: Path, drawn: random.Random) -> None:
    lines = [storm.good_body(drawn, "steady", 0)]
    certain: set[int] = set()
    doubtful: set[int] = set()
    answers = 0
    for index in range(1, 3000):
        body, fate = storm.body(drawn, index)
        body = body.replace(b"\n", b" ").replace(b"\r", b" ")
        if not body.strip():
            continue
        lines.append(body)
        if fate is storm.Fate.BAD:
            certain.add(len(lines))
        elif fate is storm.Fate.DOUBTFUL:
            doubtful.add(len(lines))
        else:
            answers += 1
    replayed = replay(folder, {"name": "storm"}, lines)
    refused = set(replayed.rejected)
    assert certain <= refused, (
        f"taken though bad: {[lines[n - 1][:200] for n in sorted(certain - refused)[:3]]}"
    )
    wrong = refused - certain - doubtful
    assert not wrong, f"refused though good: {[(n, replayed.rejected[n]) for n in sorted(wrong)[:3]]}"
    answered = subjects(replayed.outputs).count("steady")
    assert answers + 1 <= answered <= answers + 1 + len(doubtful)
    again = replay(folder, {"name": "storm"}, lines)
    assert again.raw == replayed.raw and again.err == replayed.err
