"""A resuming reader as a process of its own: tells each second how far it is, and at SIGTERM what each message took.

usage: faults_reader.py OUTPUT CONTROL
       faults_reader.py OUTPUT CONTROL PAUSE_MS    instead fetches all that is stored, again and again, and waits so
                                                   long after each answer
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import zmq

# The bare peers of the acceptance tests. First, since there is another module of the name `events` here.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Live"))

from delivery_peers import Requests  # noqa: E402
from delivery_reader import Reader  # noqa: E402

#: Until it looks whether to stop.
TURN_MS = 20


class Stop:
    def __init__(self) -> None:
        self.is_asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.is_asked = True


def tell(**said: object) -> None:
    print(json.dumps(said), flush=True)


def follow(output: str, control: str, stop: Stop) -> None:
    """Hands over every message; latency runs from the time of the event that caused it."""
    # Nothing is held but what is told: a minute of readers must not measure their own memory.
    reader = Reader(zmq.Context(), output, control, patience_s=5.0).joined()
    latencies: list[tuple[int, int]] = []
    handed, told = 0, time.monotonic()
    tell(joined=True)
    while not stop.is_asked:
        reader.pump(TURN_MS)
        for each in reader.handed:
            arrived = reader.arrived.get((each.epoch, each.seq))
            if arrived is not None and not each.is_replayed:
                latencies.append((each.header["event_time"], arrived - each.header["event_time"]))
        handed += len(reader.handed)
        for kept in (reader.handed, reader.seen, reader.arrived):
            kept.clear()
        if time.monotonic() - told > 1:
            told = time.monotonic()
            assert reader.cursor is not None
            tell(next=reader.cursor[1], handed=handed, fetches=reader.fetches, gaps=reader.gaps)
    assert reader.cursor is not None
    tell(
        ended=True,
        next=reader.cursor[1],
        handed=handed,
        fetches=reader.fetches,
        gaps=reader.gaps,
        latencies=latencies,
    )


def fetch(control: str, pause_ms: int, stop: Stop) -> None:
    # As if it were on another machine: what it costs itself is not what is measured.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    requests = Requests(zmq.Context(), control, "slow", patience_s=5.0)
    _, end = requests.fetch(1, 1)
    epoch, start, messages, answers, rounds = int(end["epoch"]), 1, 0, 0, 0
    tell(joined=True)
    while not stop.is_asked:
        found, end = requests.fetch(epoch, start)
        messages += len(found)
        answers += 1
        start = int(end["next"])
        if end["status"] == "complete":
            start, rounds = 1, rounds + 1
            tell(rounds=rounds, messages=messages, answers=answers)
        elif pause_ms:
            time.sleep(pause_ms / 1000)
    tell(ended=True, rounds=rounds, messages=messages, answers=answers)


if __name__ == "__main__":
    asked = Stop()
    if len(sys.argv) > 3:
        fetch(sys.argv[2], int(sys.argv[3]), asked)
    else:
        follow(sys.argv[1], sys.argv[2], asked)
