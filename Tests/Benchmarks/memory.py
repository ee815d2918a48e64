"""Bytes that the daemon holds for models and measurements, and the same rules in Python."""

from __future__ import annotations

import json
import subprocess
import sys

from contestants import HERE, Failure, Memory
from measure import Workload, daemon, serving
from report import line, significant, table
from section import Bench

#: The daemon's limit is 10,000; three are those of the loads' last events.
MODELS = 10_000
ENDS = 3
MEASUREMENTS = 100

GRID_MODELS = (1, 10, 100)
GRID_MEASUREMENTS = (100, 1000, 10_000)

#: Before anything is counted, so that queues and tables have their size: events of one model.
WARM_UP = 20_000


def workload(models: int, events: int, place: int) -> Workload:
    """Loads of one server: each with a source and a last model of its own."""
    options = ("--raw", "1", "--models", str(models), "--name", f"load-{place}")
    return Workload("metrics", events, is_framed=True, options=options, end=f"end-{place}")


class Many:
    """10,000 models."""

    is_repeated = False

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._models = bench.scaled(MODELS, 100)
        self._daemon: list[Memory] = []
        self._python: list[Memory] = []

    def take_turn(self) -> None:
        self._bench.progress(f"memory of {self._models} models")
        models = self._models - ENDS
        loads = [(1, WARM_UP), (models, models * MEASUREMENTS), (models, models * MEASUREMENTS)]
        self._daemon = daemon_memory(self._bench, loads)
        self._bench.progress(f"memory of {self._models} models in Python")
        self._python = python_memory(models, [MEASUREMENTS, MEASUREMENTS])

    def page(self) -> list[str]:
        lines = [f"## Memory of {self._models:,} models", ""]
        titles = [
            "contestant",
            "after",
            "resident (Pss), MB",
            "private, MB",
            "bytes/model",
            "bytes/measurement sent",
        ]
        lines += table(titles, "llrrrr")
        for name, stages in (("tidemark serve", self._daemon), ("Python, `rules.py`", self._python)):
            for place, memory in enumerate(stages):
                lines.append(line([name, *self._cells(stages[0], memory, place)]))
        return lines

    def _cells(self, before: Memory, now: Memory, place: int) -> list[str]:
        added = now.private - before.private
        models = self._models - ENDS
        return [
            f"{place * MEASUREMENTS} measurements of each model" if place else "the start",
            megabytes(now.proportional),
            megabytes(now.private),
            significant(added / models) if place else "–",
            significant(added / models / (place * MEASUREMENTS)) if place else "–",
        ]


class Grid:
    """1 to 100 models of 100 to 10,000 measurements."""

    is_repeated = False

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._cells: list[list[str]] = []

    def take_turn(self) -> None:
        for models in GRID_MODELS:
            for measurements in GRID_MEASUREMENTS:
                self._bench.progress(f"memory of {models} models with {measurements} measurements")
                count = self._bench.scaled(measurements, 10)
                ours = daemon_memory(self._bench, [(1, WARM_UP), (models, models * count)])
                theirs = python_memory(models, [count])
                cells = [str(models), f"{count:,}"]
                for before, after in (ours, theirs):
                    cells += [megabytes(after.private), f"{(after.private - before.private) / 1024:,.0f}"]
                self._cells.append(cells)

    def page(self) -> list[str]:
        titles = [
            "models",
            "measurements each",
            "daemon, private MB",
            "of it added, KiB",
            "Python, private MB",
            "of it added, KiB",
        ]
        lines = ["## Memory of few models with many measurements", "", *table(titles, "rrrrrr")]
        return lines + [line(cells) for cells in self._cells]


def megabytes(size: int) -> str:
    return significant(size / 1e6)


def daemon_memory(bench: Bench, loads: list[tuple[int, int]]) -> list[Memory]:
    """After each of the loads (models, events), all handled."""
    memories = []
    with serving(bench.context, daemon(bench.binary)) as run:
        for place, (models, events) in enumerate(loads):
            run.feed(workload(models, events, place))
            memories.append(run.server.child.memory())
        run.stop()
    return memories


def python_memory(models: int, measurements: list[int]) -> list[Memory]:
    """Of an interpreter with the rules: before any model, and after each share of the measurements."""
    command = [sys.executable, str(HERE / "rules_memory.py"), str(models), *map(str, measurements)]
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120, check=False, text=True
    )
    if ran.returncode != 0:
        raise Failure(f"rules_memory.py ended with {ran.returncode}")
    return [Memory(*json.loads(text)) for text in ran.stdout.splitlines()]
