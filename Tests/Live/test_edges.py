"""Edges that were wrong once: each of these stopped, misled or slowed the daemon."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import zmq

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


def test_nobody_reading_the_log_stops_nothing(folder: Path, context: zmq.Context[Any]) -> None:
    """Standard error is a pipe that nobody reads, and messages that are logged come without end."""
    path = folder / "quiet.yaml"
    ends = {name: f"ipc://{folder}/{name}" for name in ("ingest", "output")}
    path.write_text(json.dumps({"sockets": {name: [end] for name, end in ends.items()}}), encoding="utf-8")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    # Full from the start.
    os.write(writer, b"." * 4096)
    with subprocess.Popen([harness.binary(), "serve", "--config", path], stderr=writer) as daemon:
        try:
            publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
            publisher.connect(ends["ingest"])
            subscriber.connect(ends["output"])
            subscriber.subscribe("assessment/")
            publisher.rcvtimeo, subscriber.rcvtimeo = 10_000, 50
            publisher.recv()
            heard = False
            for number in range(400):
                publisher.send_multipart([b"metrics", b"no JSON"])
                publisher.send_multipart([b"metrics", json.dumps(event(number, DAY.format(1))).encode()])
                try:
                    subscriber.recv_multipart()
                    heard = True
                except zmq.Again:
                    continue
            assert heard, "the daemon stands still"
        finally:
            daemon.terminate()
            assert daemon.wait(timeout=3) == 0
    os.close(reader)
    os.close(writer)
