"""What durable delivery costs: decisions a second, from an event to its alert, events read beside the journal and on
the lossless lane, the time of a recovery, and what a slow reader of the past takes from the others.

usage: bash Tests/Benchmarks/run.sh delivery [--rounds N] [--scale X] [--only SECTION …] [--report FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shlex
import statistics
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

import report
from contestants import (
    LATENCY,
    LOAD_RELIABLE,
    READY_S,
    RUN_S,
    Child,
    Daemon,
    Failure,
    Sockets,
    closing,
    subscriber,
)
from framed import HEADER
from measure import Endpoints, Workload, await_alert, endpoints, load_ended
from report import line, short, significant, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

DURABILITIES = ("full", "normal", "none")
#: Events of the measurement of a rate.
EVENTS, RELIABLE_EVENTS, DECISIONS = 3_000_000, 1_000_000, 20_000
SAMPLES, INTERVAL_US = 1_000, 2_000
RECOVERED_MODELS, MEASUREMENTS = 10_000, 100
STORED = 100_000
#: Between two answers that the slow reader of the past takes.
PAUSE_MS = 20
SECOND = 10**9
AIM_RATE, AIM_LATENCY = 0.9, 1.1


def kept(binary: Path, made: Endpoints, durability: str, **more: Any) -> Daemon:
    """A daemon with a journal of this durability in the folder, or with none."""
    said: dict[str, Any] = dict(more)
    if durability != "none":
        said |= {
            "state": str(made.folder / "state"),
            "journal": {"durability": durability},
            "sockets": {name: [f"ipc://{made.folder}/{name}"] for name in ("control", "reliable")},
        }
    return Daemon(binary, made.ingest, made.output, made.folder, more=said)


def quantile(ascending: Sequence[float], share: float) -> float:
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


@dataclass
class Bench:
    context: Sockets
    binary: Path
    rounds: int
    scale: float

    def scaled(self, count: int, least: int) -> int:
        return max(least, int(count * self.scale))

    @contextlib.contextmanager
    def serving(self, durability: str, **more: Any) -> Iterator[tuple[Daemon, Endpoints]]:
        with endpoints("ipc") as made:
            daemon = kept(self.binary, made, durability, **more)
            with closing(daemon.child):
                yield daemon, made


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# Decisions.


class Decisions:
    """Every event but the first of a model is one decision, and says that the one before is superseded."""

    title = "Durable decisions"
    MODELS = 100
    DESCRIPTOR = b'{"metrics":["accuracy"],"tensors":[{"name":"values","datatype":"FP64","shape":[1]}]}'

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._rates: dict[str, list[float]] = {each: [] for each in DURABILITIES}

    def take_turn(self) -> None:
        for durability in DURABILITIES:
            say(f"decisions, journal {durability}")
            with self._bench.serving(durability, **RETRAIN) as (daemon, _):
                count = self._bench.scaled(DECISIONS, 500)
                self._rates[durability].append(count / decide(self._bench.context, daemon, count))

    def page(self) -> list[str]:
        lines = [
            "Metrics events, each of which decides; with each decision comes a `superseded`, so twice as many "
        ]
        lines[0] += (
            f"messages. From the first event sent until the last decision is read live; at most {WINDOW:,} are under "
            "way; the sender is Python."
        )
        lines += ["", *table(["journal", "decisions/s, median", "lowest to highest"], "lrr")]
        return lines + [rate_line(name, rates) for name, rates in self._rates.items()]


RETRAIN = {"defaults": {"retrain": {"min_time_between_retrains": "1s", "acknowledge_within": "1h"}}}


#: Decisions asked for and not seen yet, each of two outputs.
WINDOW = 2_000


def decide(context: Sockets, daemon: Daemon, count: int) -> float:
    """Seconds until so many decisions have come back."""
    models = Decisions.MODELS
    topics = [f"metrics/model-{each}/-/decider".encode() for each in range(models)]
    epoch, first = time.time_ns(), time.time_ns() - 30 * 24 * 3600 * SECOND
    value = struct.pack("<d", 0.5)
    with subscriber(context, daemon.output, "decision/") as decisions:
        publisher = context.socket(zmq.XPUB)
        publisher.set(zmq.LINGER, 0)
        publisher.set(zmq.SNDHWM, 0)
        publisher.connect(daemon.ingest)
        if publisher.recv() != b"\x01":
            raise Failure("no subscription")
        came, seq, begun = 0, 0, 0.0
        for round_ in range(count // models + 2):
            # The first of each model starts its clock, and opens an alert.
            begun = time.monotonic() if round_ == 1 else begun
            for model in range(models):
                if round_ > 0 and seq - models >= count:
                    break
                seq += 1
                at = first + round_ * 2 * SECOND
                prev = max(0, seq - models)
                said = (b"TIDE", 1, 0, 1, 1, 0, 4, epoch, seq, prev, at, time.time_ns(), 0)
                publisher.send_multipart([topics[model], HEADER.pack(*said), Decisions.DESCRIPTOR, value])
            came += issued(decisions, 0)
            # With 10,000 outputs waiting for the journal the daemon holds back deciding, and an event of that
            # time decides nothing.
            while seq - models - came > WINDOW:
                came += issued(decisions, 100)
        until = time.monotonic() + RUN_S
        while came < count:
            came += issued(decisions, 100)
            if time.monotonic() > until:
                raise daemon.child.failure(f"{came} decisions of {count}")
        took = time.monotonic() - begun
        publisher.close()
    return took


def issued(decisions: zmq.Socket[bytes], wait_ms: int) -> int:
    found = 0
    while decisions.poll(wait_ms if not found else 0):
        found += b"retrain.issued.v1" in decisions.recv_multipart()[-1][:120]
    return found


# Latency.


@dataclass
class Times:
    nanoseconds: list[int] = field(default_factory=list)

    def cells(self) -> list[str]:
        times = sorted(self.nanoseconds)
        return [f"{len(times):,}", *(significant(quantile(times, q) / 1000) for q in (0.5, 0.99))]


def probe(bench: Bench, daemon: Daemon) -> list[int]:
    numbers = [str(bench.scaled(SAMPLES, 50)), str(INTERVAL_US)]
    with closing(Child("latency", [LATENCY, daemon.ingest, daemon.output, *numbers])) as prober:
        found: list[int] = prober.json_line(RUN_S)["latencies_ns"]
        prober.wait()
    return found


class Latency:
    title = "From an event to its alert"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._times = {each: Times() for each in DURABILITIES}

    def take_turn(self) -> None:
        for durability, times in self._times.items():
            say(f"latency, journal {durability}")
            with self._bench.serving(durability) as (daemon, _):
                times.nanoseconds += probe(self._bench, daemon)

    def page(self) -> list[str]:
        lines = [
            f"One event each {INTERVAL_US / 1000:.0f} ms over ipc; the alert is durable before it is sent.",
            "",
        ]
        lines += table(["journal", "samples", "p50 µs", "p99 µs"], "lrrr")
        return lines + [line([name, *times.cells()]) for name, times in self._times.items()]


# Rates.


class Ingest:
    title = "Events read beside the journal"
    MODELS = (1, 100, 1000)

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._rates: dict[tuple[int, str], list[float]] = {
            (models, each): [] for models in self.MODELS for each in ("none", "full")
        }

    def take_turn(self) -> None:
        for (models, durability), rates in self._rates.items():
            say(f"events of {models} models, journal {durability}")
            options = ("--raw", "1", "--models", str(models))
            workload = Workload(
                "metrics", self._bench.scaled(EVENTS, 20_000), is_framed=True, options=options
            )
            with self._bench.serving(durability) as (daemon, _):
                rates.append(workload.messages / feed(self._bench.context, daemon, workload))

    def page(self) -> list[str]:
        lines = [
            "`load_framed` over ipc, one event in a thousand alarms and the next resolves; until the alert of the "
        ]
        lines[0] += (
            f"last event is read. With and without the journal by turns (aim of the ratio: {AIM_RATE}). "
            "On two cores the sender and the daemon settle for a run at one of two speeds, near 0.9 M and 2 M, with "
            "the journal or without, so medians of a column say less than the ratio of neighbours."
        )
        lines += ["", *table(["models", "events/s without", "with", "ratio, median of the rounds"], "lrrr")]
        for models in self.MODELS:
            off, on = self._rates[models, "none"], self._rates[models, "full"]
            ratio = statistics.median(b / a for a, b in zip(off, on, strict=True))
            cells = [short(statistics.median(off)), short(statistics.median(on)), f"{ratio:.2f}"]
            lines.append(line([f"{models:,}", *cells]))
        return lines


def feed(context: Sockets, daemon: Daemon, workload: Workload) -> float:
    """Seconds from the first event sent until the alert of the last is read."""
    with (
        subscriber(context, daemon.output, f"alert/{workload.end}/") as alerts,
        closing(Child("load", workload.command(daemon.ingest))) as load,
    ):
        handled_ns = await_alert(alerts, daemon, load)
        sent = load_ended(load)
    return float(handled_ns - sent["start_ns"]) * 1e-9


class Reliable:
    title = "Events on the lossless lane"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._rates: dict[str, list[float]] = {each: [] for each in ("full", "normal")}

    def take_turn(self) -> None:
        for durability, rates in self._rates.items():
            say(f"the lossless lane, journal {durability}")
            count = self._bench.scaled(RELIABLE_EVENTS, 200_000)
            with self._bench.serving(durability) as (_, made):
                command: list[str | Path] = [LOAD_RELIABLE, f"ipc://{made.folder}/reliable", str(count)]
                with closing(Child("load", command)) as load:
                    rates.append(count / load.json_line(RUN_S)["seconds"])
                    load.wait()

    def page(self) -> list[str]:
        lines = [
            "`load_reliable` over ipc, one source, 100 models, within the credit; until the last is acknowledged.",
            "",
        ]
        lines += table(["journal", "events/s, median", "lowest to highest"], "lrr")
        return lines + [rate_line(name, rates) for name, rates in self._rates.items()]


def rate_line(name: str, rates: list[float]) -> str:
    return line([name, short(statistics.median(rates)), f"{short(min(rates))} to {short(max(rates))}"])


# Recovery.


class Recovery:
    title = "Recovery"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._models = bench.scaled(RECOVERED_MODELS, 100)
        self._times: list[float] = []
        self._megabytes = 0.0

    def take_turn(self) -> None:
        say(f"recovery of {self._models} models")
        options = ("--raw", "1", "--models", str(self._models))
        workload = Workload("metrics", self._models * MEASUREMENTS, is_framed=True, options=options)
        limits = {"limits": {"models": self._models + 1}}
        with self._bench.serving("full", **limits) as (daemon, made):
            feed(self._bench.context, daemon, workload)
            daemon.stop()
            self._megabytes = sum(each.stat().st_size for each in (made.folder / "state").iterdir()) / 1e6
            begun = time.monotonic()
            again = kept(self._bench.binary, made, "full", **limits)
            self._times.append(time.monotonic() - begun)
            again.child.close()

    def page(self) -> list[str]:
        times = [
            f"{each * 1000:,.0f} ms"
            for each in (statistics.median(self._times), min(self._times), max(self._times))
        ]
        return [
            f"From exec to the line `ready`, with the state of {self._models:,} models of {MEASUREMENTS} "
            f"measurements each ({self._megabytes:.1f} MB on disk): median {times[0]}, {times[1]} to {times[2]}.",
        ]


# Fetching beside others.


class Fetching:
    title = "A slow reader of the past"

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._times = {each: Times() for each in ("alone", "beside the reader")}
        self._ratios: list[float] = []
        self._told: list[dict[str, Any]] = []
        self._stored = bench.scaled(STORED, 2_000)

    def take_turn(self) -> None:
        say(f"fetching {self._stored} stored messages")
        with self._bench.serving("full", **RETRAIN) as (daemon, made):
            # Each decision is two messages.
            decide(self._bench.context, daemon, self._stored // 2)
            found = {"alone": probe(self._bench, daemon)}
            program: list[str | Path] = [sys.executable, "-B", HERE / "faults_reader.py"]
            control = f"ipc://{made.folder}/control"
            with closing(Child("reader", [*program, daemon.output, control, str(PAUSE_MS)])) as reader:
                reader.line("joined", READY_S)
                found["beside the reader"] = probe(self._bench, daemon)
                reader.terminate()
                self._told.append(json.loads(reader.line('"ended"', READY_S)))
                reader.wait()
        p99 = {}
        for name, times in found.items():
            self._times[name].nanoseconds += times
            p99[name] = quantile(sorted(times), 0.99)
        self._ratios.append(p99["beside the reader"] / p99["alone"])

    def page(self) -> list[str]:
        fetched = sum(each["messages"] for each in self._told)
        lines = [
            f"{self._stored:,} messages are stored and fetched, from the first to the last and again, with a pause of "
            f"{PAUSE_MS} ms after each answer, by a reader in the idle scheduling class, which takes the processor from "
            f"nobody: {fetched:,} messages came while alerts were timed. p99 beside it is "
            f"{statistics.median(self._ratios):.2f} of that alone, the median of the rounds (aim: at most "
            f"{AIM_LATENCY}).",
            "",
        ]
        lines += table(["event to alert", "samples", "p50 µs", "p99 µs"], "lrrr")
        return lines + [line([name, *times.cells()]) for name, times in self._times.items()]


Part = Decisions | Latency | Ingest | Reliable | Recovery | Fetching
PARTS: dict[str, type[Part]] = {
    "decisions": Decisions,
    "latency": Latency,
    "ingest": Ingest,
    "reliable": Reliable,
    "recovery": Recovery,
    "fetching": Fetching,
}


def run(bench: Bench, names: list[str], said: str) -> str:
    begun = time.monotonic()
    lines = ["# What durable delivery costs", "", *report.circumstances(bench.binary, said)]
    parts = [PARTS[name](bench) for name in PARTS if name in names]
    for _ in range(bench.rounds):
        for part in parts:
            part.take_turn()
    lines.append(f"- Rounds: {bench.rounds}, by turns; the run took {time.monotonic() - begun:.0f} s")
    if bench.scale != 1:
        lines.append(f"- Scaled by {bench.scale}: figures of short runs include starting up")
    for part in parts:
        lines += ["", f"## {part.title}", "", *part.page()]
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.sh delivery", description="What delivery costs; a report in Markdown."
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument(
        "--scale", type=float, default=1, help="send this share of the events (to try things)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="these sections alone"
    )
    parser.add_argument(
        "--report", type=Path, default=HERE / "delivery.md", help="default: delivery.md beside this"
    )
    parser.add_argument(
        "--binary", type=Path, help="the daemon (default TIDEMARK, else .build/release/tidemark)"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    binary: Path = options.binary or Path(
        os.environ.get("TIDEMARK") or ROOT / ".build" / "release" / "tidemark"
    )
    context: Sockets = zmq.Context()
    said = shlex.join(["bash", "Tests/Benchmarks/run.sh", "delivery", *sys.argv[1:]])
    try:
        text = run(Bench(context, binary.absolute(), options.rounds, options.scale), options.only, said)
    except Failure as failure:
        print(f"benchmark void: {failure}", file=sys.stderr)
        return 1
    finally:
        context.destroy(linger=0)
    print(text, end="")
    options.report.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
