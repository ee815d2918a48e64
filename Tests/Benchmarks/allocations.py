"""Allocations for each event, by thread, counted by a preloaded library."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contestants import MALLOC_COUNT, Failure, Surroundings
from measure import C_LOOP, Workload, daemon, receive, serving
from report import line, table
from section import Bench

#: libzmq's thread that reads and writes the connections.
IO_THREAD = "ZMQbg/IO/0"
DAEMON_THREAD = "tidemark-serve"
LOOP_THREAD = "receive_loop"
#: What is counted of each thread.
CALLS = ("malloc", "calloc", "realloc")
CALM = ("--calm", "1")

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Difference:
    """Of two runs, for each event more: calls that allocate, calls of free, bytes asked for."""

    allocations: float
    frees: float
    size: float


@dataclass(frozen=True)
class Work:
    """Two counts of events, so that starting up cancels."""

    name: str
    fewer: Workload
    more: Workload


class Allocations:
    is_repeated = False

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._works = [
            self._metrics("metrics event, none alarms", CALM),
            self._metrics("metrics event, one in 500 opens or resolves an alert"),
            self._batches("batch 1000 × 100 FP64, none drifts", 100, "FP64", CALM),
            self._batches("batch 1000 × 1000 FP32, none drifts", 1000, "FP32", CALM),
            self._batches("batch 1000 × 100 FP64, every other opens or resolves an alert", 100, "FP64"),
        ]
        self._lines: list[list[str]] = []

    def _metrics(self, name: str, options: tuple[str, ...] = ()) -> Work:
        fewer, more = (
            Workload(
                "metrics", self._bench.scaled(count, 1000), is_framed=True, options=("--raw", "1", *options)
            )
            for count in (50_000, 250_000)
        )
        return Work(name, fewer, more)

    def _batches(self, name: str, columns: int, datatype: str, options: tuple[str, ...] = ()) -> Work:
        fewer, more = (
            Workload("features", self._bench.scaled(count, 8), 1000, columns, True, datatype, options)
            for count in (40, 200)
        )
        return Work(name, fewer, more)

    def take_turn(self) -> None:
        for work in self._works:
            self._bench.progress(f"allocations: {work.name}")
            pairs = [
                ("tidemark serve", DAEMON_THREAD, self._daemon(work.fewer), self._daemon(work.more)),
                ("receive loop in C", LOOP_THREAD, _loop(work.fewer), _loop(work.more)),
            ]
            events = work.more.count - work.fewer.count
            for name, own, fewer, more in pairs:
                for thread in (own, IO_THREAD):
                    found = _difference(thread, fewer, more, events)
                    cells = [f"{found.allocations:.4f}", f"{found.frees:.4f}", f"{found.size:,.0f}"]
                    self._lines.append([work.name, name, f"`{thread}`", *cells])

    def page(self) -> list[str]:
        titles = ["for each", "contestant", "thread", "allocations", "frees", "bytes asked for"]
        return ["## Allocations", "", *table(titles, "lllrrr"), *map(line, self._lines)]

    def _daemon(self, workload: Workload) -> Counts:
        with counted() as (file, surroundings):
            make = daemon(self._bench.binary, surroundings)
            with serving(self._bench.context, make) as run:
                run.feed(workload)
                run.stop()
            return _read(file)


def _loop(workload: Workload) -> Counts:
    with counted() as (file, surroundings):
        receive(C_LOOP, workload, "ipc", surroundings)
        return _read(file)


@contextlib.contextmanager
def counted() -> Iterator[tuple[Path, Surroundings]]:
    with tempfile.TemporaryDirectory(prefix="tidemark-") as folder:
        file = Path(folder) / "counts"
        yield file, Surroundings(environment={"LD_PRELOAD": str(MALLOC_COUNT), "MALLOC_COUNT": str(file)})


def _read(file: Path) -> Counts:
    if not file.is_file():
        raise Failure("the allocations were not counted")
    entries = [json.loads(text) for text in file.read_text().splitlines()]
    return {entry["thread"]: entry for entry in entries}


def _difference(thread: str, fewer: Counts, more: Counts, events: int) -> Difference:
    if thread not in fewer or thread not in more:
        raise Failure(f"no thread {thread} among {sorted(more)}")

    def of(key: str) -> float:
        return (more[thread][key] - fewer[thread][key]) / events

    return Difference(sum(map(of, CALLS)), of("free"), of("bytes"))
