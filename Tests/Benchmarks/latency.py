"""From an event to its alert: idle, and at half of the daemon's maximum."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from contestants import LATENCY, RUN_S, Account, Child, Echo, Server, closing, subscriber
from measure import ServerFactory, Workload, await_alert, daemon, endpoints, load_ended, peer, serve
from report import line, short, significant, table
from section import Bench

#: Samples a round; five rounds make 5,000.
SAMPLES = 1000
INTERVAL_US = 2000
#: Events of the measurement of the maximum, which is that of the table of events.
MAXIMUM_EVENTS = 500_000


@dataclass
class Probe:
    """One contestant in one state: all samples of all rounds."""

    name: str
    state: str
    make: ServerFactory
    is_loaded: bool = False
    nanoseconds: list[int] = field(default_factory=list)
    #: The share of the events asked for that were sent beside the probes, one a round.
    background: list[float] = field(default_factory=list)


class Latency:
    is_repeated = True

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._samples = bench.scaled(SAMPLES, 20)
        self._probes = [
            Probe("echo in C", "idle", lambda made: Echo(made.ingest, made.output)),
            Probe("peer.py", "idle", peer()),
            Probe("tidemark serve", "idle", daemon(bench.binary)),
            Probe("tidemark serve", "at half of its maximum", daemon(bench.binary), is_loaded=True),
        ]
        self._maxima: list[float] = []

    def take_turn(self) -> None:
        bench = self._bench
        bench.progress("the daemon's maximum, for latency at half of it")
        count = bench.scaled(MAXIMUM_EVENTS, 1000)
        most = Workload("metrics", count, is_framed=True, options=("--raw", "1"))
        self._maxima.append(serve(bench.context, daemon(bench.binary), most, "ipc").rate)
        for probe in self._probes:
            bench.progress(f"latency of {probe.name}, {probe.state}")
            self._take(probe, self._maxima[-1] / 2 if probe.is_loaded else 0)

    def _take(self, probe: Probe, rate: float) -> None:
        with contextlib.ExitStack() as stack:
            made = stack.enter_context(endpoints("ipc"))
            server = probe.make(made)
            stack.enter_context(closing(server.child))
            numbers = [str(self._samples), str(INTERVAL_US)]
            arguments: list[str | Path] = [LATENCY, server.ingest, server.output, *numbers]
            if probe.is_loaded:
                with subscriber(self._bench.context, server.output, "alert/end/") as alerts:
                    result, beside = _beside_load(server, alerts, int(rate), arguments)
                probe.background.append(beside["sent"] / beside["paced_seconds"] / rate)
                sent = result["sent"] + beside["sent"]
            else:
                with closing(Child("latency", arguments)) as prober:
                    result = _result(prober)
                sent = result["sent"]
            account = server.stop()
        if account != Account(sent, 0, 0):
            raise server.child.failure(f"{sent} messages sent, but {account}")
        probe.nanoseconds += result["latencies_ns"]

    def page(self) -> list[str]:
        lines = ["## From an event to its alert, framed encoding over ipc", ""]
        titles = ["contestant", "state", "samples", "p50 µs", "p99 µs", "p99.9 µs", "largest µs"]
        lines += table(titles, "llrrrrr")
        for probe in self._probes:
            times = sorted(probe.nanoseconds)
            cells = [significant(quantile(times, q) / 1000) for q in (0.5, 0.99, 0.999, 1)]
            lines.append(line([probe.name, self._state(probe), f"{len(times):,}", *cells]))
        return lines

    def _state(self, probe: Probe) -> str:
        if not probe.is_loaded:
            return f"idle, one event each {INTERVAL_US / 1000:.0f} ms"
        half = statistics.median(self._maxima) / 2
        came = statistics.median(probe.background)
        return f"beside {short(half)} events/s, half of its maximum ({came:.0%} of them came)"


def quantile(ascending: Sequence[int], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def _beside_load(
    server: Server, alerts: zmq.Socket[bytes], rate: int, arguments: list[str | Path]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the prober found while a load ran at a rate, and what the load sent."""
    options = ("--raw", "1", "--rate", str(rate))
    background = Workload("metrics", int(rate * RUN_S), is_framed=True, options=options)
    with closing(Child("load", background.command(server.ingest))) as load:
        with closing(Child("latency", arguments)) as prober:
            result = _result(prober)
        if load.process.poll() is not None:
            raise load.failure("ended before the probes")
        load.terminate()
        await_alert(alerts, server, load)
        beside = load_ended(load)
    return result, beside


def _result(prober: Child) -> dict[str, Any]:
    result = prober.json_line(RUN_S)
    prober.wait()
    return result
