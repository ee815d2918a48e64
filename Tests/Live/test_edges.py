"""Edges that were wrong once: each of these stopped, misled or slowed the daemon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness

DAY = "2026-01-{:02d}T00:00:00Z"


def event(number: int, time: str, kind: str = "metrics", **attributes: object) -> dict[str, object]:
    """A measurement of model `m` from a source of one name, with an id of its own."""
    return {"specversion": "1.0", "id": f"e{number}", "source": "s", "subject": "m", "time": time,
            "type": f"tidemark.{kind}.v1", "data": {"accuracy": 1.0}, **attributes}


def test_huge_gaps_stop_nothing(folder: Path) -> None:
    """A peer says how large a gap is, again and again, under new epochs."""
    numbers = ["1", "18446744073709551615"] * 4
    stream = [event(index, DAY.format(1), sequence=number, epoch=str(1 + index // 2))
              for index, number in enumerate(numbers)]
    ran = harness.replay(folder, {}, stream)
    assert len([o for o in ran.outputs if o["type"] == "tidemark.assessment.performance.v1"]) == len(numbers)


def test_a_refused_line_moves_no_time(folder: Path) -> None:
    """A line of an unknown kind, dated far ahead, fires no deadline and makes nothing late."""
    stream = [event(1, DAY.format(1)), event(2, "2026-03-01T00:00:00Z", kind="labels"), event(3, DAY.format(2))]
    ran = harness.replay(folder, {}, stream)
    assert not [o for o in ran.outputs if o["type"].startswith("tidemark.decision")]
    assert [o["time"] for o in ran.outputs if o["type"] == "tidemark.assessment.performance.v1"] == [
        DAY.format(1), DAY.format(2)]


@pytest.mark.parametrize("endpoint", ["tcp://localhost:7410", "tcp://[::1]:7410", "ipc://*"])
def test_endpoints_that_cannot_be_bound_are_refused_before(folder: Path, endpoint: str) -> None:
    path = folder / "endpoint.yaml"
    path.write_text(json.dumps({"sockets": {"ingest": [endpoint]}}), encoding="utf-8")
    ran = harness.run("check", "--config", path)
    assert ran.code == 78 and "sockets.ingest[0]" in ran.err


def test_state_that_is_a_file_is_refused(folder: Path) -> None:
    path = folder / "state.yaml"
    path.write_text(json.dumps({"state": str(path)}), encoding="utf-8")
    ran = harness.run("check", "--config", path)
    assert ran.code == 78 and ": state: " in ran.err
