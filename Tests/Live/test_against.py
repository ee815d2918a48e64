"""`replay --against`: what it says differs is what differs between two replays, computed apart from it."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import pytest
from events import DAY, HOUR, Event, after_base, baseline, features, metrics, ndjson
from harness import CONFIGURATION, DATA, NO_INPUT, USAGE, configure, run
from live import Daemon

README = harness.REPOSITORY / "README.md"

COMPARED = {
    "tidemark.decision.retrain.issued.v1": "decision",
    "tidemark.alert.opened.v1": "alert_opened",
    "tidemark.alert.resolved.v1": "alert_resolved",
}
LAX: dict[str, Any] = {"name": "a"}
STRICT: dict[str, Any] = {
    "name": "b",
    "defaults": {
        "performance": {"accuracy_ratio": 0.7},
        "drift": {"threshold": 1.2},
        "retrain": {"min_time_between_retrains": "36h", "max_time_without_retrain": "5d"},
    },
}


def stream(drawn: random.Random, days: int = 30) -> list[Event]:
    made = []
    models = ["one", "two", "three"]
    for model in models:
        made.append(baseline(model, 0.0, accuracy=0.9, rows=[[drawn.gauss(0, 1)] for _ in range(50)]))
    # One that falls silent, so that only the clock decides.
    made.append(metrics("quiet", 1.0, {"accuracy": 0.92}))
    for hour in range(1, days * 24, 3):
        for model in models:
            accuracy = drawn.choice([0.92, 0.92, 0.7, 0.5])
            made.append(metrics(model, hour * HOUR, {"accuracy": accuracy, "latency_ms": 20}))
            if hour % 12 == 1 and not (model == "two" and hour > 200):
                shift = drawn.choice([0.0, 0.0, 1.5, 3.0])
                made.append(features(model, hour * HOUR + 1, [[drawn.gauss(shift, 0.1)] for _ in range(5)]))
    return sorted(made, key=lambda event: after_base(event["time"]))


Key = tuple[str, str, str, str | None]


def verdicts(outputs: list[Event]) -> dict[Key, Event]:
    """What is compared of a replay's outputs, by what makes two the same."""
    found = {}
    for output in outputs:
        what = COMPARED.get(output["type"])
        if what:
            key = (output["subject"], what, output["causationid"], output["data"].get("monitor"))
            assert key not in found
            found[key] = output
    return found


def compare(folder: Path, first: Any, second: Any, events: Path, *flags: str) -> tuple[harness.Ran, list[Event]]:
    ran = run("replay", "--config", configure(folder, first, "a.yaml"), "--against",
              configure(folder, second, "b.yaml"), *flags, "--json", events)  # fmt: skip
    return ran, [harness.strict_json(line) for line in ran.out.splitlines()]


def replayed(folder: Path, configuration: Any, events: list[Event]) -> dict[Key, Event]:
    return verdicts(harness.replay(folder, configuration, events).outputs)


def test_the_differences_are_those_of_two_replays(folder: Path, drawn: random.Random) -> None:
    events = stream(drawn)
    sides = {"A": replayed(folder, LAX, events), "B": replayed(folder, STRICT, events)}
    ran, said = compare(folder, LAX, STRICT, folder / "events.ndjson")
    assert ran.code == 0, ran.err
    *differences, last = said
    expected = {(side, *key) for side, other in ("AB", "BA") for key in sides[side].keys() - sides[other].keys()}
    told = [(each["side"], each["model"], each["what"], each["causationid"], each["monitor"]) for each in differences]
    assert set(told) == expected and len(told) == len(expected) > 20
    assert {each[2] for each in expected} == set(COMPARED.values())
    assert any(each[3].startswith("timer:") for each in expected), "the time rule is to differ too"

    for each in differences:
        output = sides[each["side"]][each["model"], each["what"], each["causationid"], each["monitor"]]
        assert each["time"] == output["time"]
        for key in ("reason_codes", "trigger_reasons", "severity", "value", "threshold"):
            wanted = None if each["what"] == "decision" and key == "severity" else output["data"].get(key)
            assert each[key] == wanted, key
    times = [after_base(each["time"]) for each in differences]
    assert times == sorted(times)

    summary = last["summary"]
    for what, monitor, counts in summary_counts(summary):
        of = {side: {key for key in keys if key[1] == what and key[3] == monitor} for side, keys in sides.items()}
        assert counts == {
            "a": len(of["A"]), "b": len(of["B"]), "both": len(of["A"] & of["B"]),
            "only_a": len(of["A"] - of["B"]), "only_b": len(of["B"] - of["A"]),
        }  # fmt: skip


def summary_counts(summary: dict[str, Any]) -> list[tuple[str, str | None, dict[str, int]]]:
    alerts = [
        (f"alert_{change}", monitor, counts)
        for monitor, changes in summary["alerts"].items()
        for change, counts in changes.items()
    ]
    assert {monitor for _, monitor, _ in alerts} >= {"accuracy", "drift"}
    return [("decision", None, summary["decisions"]), *alerts]


def test_who_decides_first(folder: Path, drawn: random.Random) -> None:
    events = stream(drawn)
    sides = {"A": replayed(folder, LAX, events), "B": replayed(folder, STRICT, events)}
    _, said = compare(folder, LAX, STRICT, folder / "events.ndjson")
    *differences, last = said
    # Along each model's decisions: one side alone, then the other side alone.
    lines: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for side, other in ("AB", "BA"):
        for key, output in sides[side].items():
            if key[1] == "decision":
                which = "both" if key in sides[other] else side
                if which != "both" or side == "A":
                    lines[key[0]].append((after_base(output["time"]), which))
    leads: dict[str, list[float]] = {"A": [], "B": []}
    for decisions in lines.values():
        waiting: tuple[float, str] | None = None
        for time, which in sorted(decisions):
            if which == "both":
                waiting = None
            elif waiting and waiting[1] != which:
                leads[waiting[1]].append(time - waiting[0])
                waiting = None
            else:
                waiting = (time, which)
    assert leads["A"] or leads["B"]
    for side, key in (("A", "a_first"), ("B", "b_first")):
        told = last["summary"][key]
        assert told["count"] == len(leads[side])
        assert told["longest_s"] == pytest.approx(max(leads[side], default=0.0))
        assert told["mean_s"] == pytest.approx(sum(leads[side]) / max(1, len(leads[side])))
    lags = [each["after_other_s"] for each in differences if each["after_other_s"] is not None]
    assert sorted(lags) == pytest.approx(sorted(leads["A"] + leads["B"]))
    assert all(each["what"] == "decision" for each in differences if each["after_other_s"] is not None)


def test_a_configuration_agrees_with_itself(folder: Path, drawn: random.Random) -> None:
    (folder / "events.ndjson").write_bytes(ndjson(stream(drawn)))
    ran, said = compare(folder, STRICT, STRICT | {"name": "other"}, folder / "events.ndjson")
    (last,) = said
    decisions = last["summary"]["decisions"]
    assert ran.code == 0 and decisions["both"] > 5
    assert decisions["only_a"] == decisions["only_b"] == 0 == last["summary"]["a_first"]["count"]


def test_the_words(folder: Path) -> None:
    """A story that a person can follow: 0.75 is too little for A on the second day; for B 0.6 is, on the third."""
    events = [baseline("fraud", 0.0, accuracy=0.9, version="3")]
    for day, accuracy in enumerate([0.9, 0.75, 0.6, 0.9], 1):
        events.append(metrics("fraud", day * DAY, {"accuracy": accuracy}, version="3"))
    (folder / "events.ndjson").write_bytes(ndjson(events))
    retrain = {"min_time_between_retrains": "36h"}
    first = configure(folder, {"name": "n", "defaults": {"retrain": retrain}}, "a.yaml")
    later = {"retrain": retrain, "performance": {"accuracy_ratio": 0.8}}
    second = configure(folder, {"name": "n", "defaults": later}, "b.yaml")
    ran = run("replay", "--config", first, "--against", second, folder / "events.ndjson")
    assert ran.code == 0, ran.err
    assert ran.out.decode() == f"""\
2026-01-03T00:00:00Z  fraud@3  A  accuracy opened  high, 0.75 against 0.81
2026-01-03T00:00:00Z  fraud@3  A  decision  Accuracy dropped by 0.060
2026-01-04T00:00:00Z  fraud@3  B  accuracy opened  high, 0.6 against 0.72
2026-01-04T00:00:00Z  fraud@3  B  decision  Accuracy dropped by 0.120; 1.0 d after A decided

A  {first}
B  {second}

                        A       B    both  only A  only B
decisions               1       1       0       1       1
accuracy opened         1       1       0       1       1
accuracy resolved       1       1       1       0       0
A decided first once, by 1.0 d
"""
    assert ran.err == "5 lines, A rejected 0, B 0\n"


def test_the_readme_shows_what_a_recording_of_the_demonstration_gives(
    daemons: Callable[..., Daemon], folder: Path
) -> None:
    weather, file = harness.REPOSITORY / "deploy" / "weather", folder / "rain.tmrec"
    daemon = daemons("--config", weather / "demo.yaml", "--record", file).wait_ready()
    (folder / "ready").touch()
    arguments = ["--pace", "0", "--ingest", daemon.ingest, "--output", daemon.output]
    arguments += ["--record", str(folder / "record.json"), "--watcher-ready", str(folder / "ready")]
    subprocess.run([sys.executable, weather / "serve_model.py", *arguments], check=True, timeout=harness.PATIENCE_S)
    daemon.stop()
    ran = run("replay", "--config", weather / "demo.yaml", "--against", weather / "eager.yaml", file)
    assert ran.code == 0, ran.err
    readme = README.read_text(encoding="utf-8")
    shown = re.search(r"\$ tidemark replay .*eager.yaml rain.tmrec\n(.*?)```", readme, re.DOTALL)
    assert shown
    # Figures may differ in the last digit with another numpy; what happened when may not.
    printed = {line.split("  decision  ")[0] for line in ran.out.decode().splitlines()}
    lines = [line.split("  decision  ")[0] for line in shown[1].splitlines() if line != "…"]
    assert len(lines) == 6 and set(lines) <= printed


def test_what_is_refused_is_counted_on_each_side(folder: Path) -> None:
    (folder / "events.ndjson").write_bytes(ndjson([metrics("m", 0.0, {"accuracy": 0.9}), "{"]))
    known = {"name": "b", "unknown_models": "reject"}
    ran, said = compare(folder, LAX, known, folder / "events.ndjson")
    assert ran.code == 0 and ran.err == "2 lines, A rejected 1, B 2\n" and len(said) == 1
    assert compare(folder, LAX, known, folder / "events.ndjson", "--strict")[0].code == DATA


def test_wrong_use(folder: Path) -> None:
    events = folder / "events.ndjson"
    events.write_bytes(b"")
    assert run("replay", "--json", events).code == USAGE
    assert run("replay", "--against", folder / "none.yaml", events).code == CONFIGURATION
    config = configure(folder, LAX)
    assert run("replay", "--against", config, folder / "none.ndjson").code == NO_INPUT
    ran = run("replay", "--against", config, "--json", events)
    assert ran.code == 0 and json.loads(ran.out)["summary"]["decisions"]["a"] == 0
