"""Feature batches: what ipc carries, what the daemon makes of it, and the drift rule in process."""

from __future__ import annotations

import statistics
from functools import partial

import rule
from measure import C_LOOP, Workload, daemon, peer, receive, serve
from report import Row, line, processor, rate_table, ratio, short, significant, table, time_table
from section import Bench, Case

PLAIN_ROWS, PLAIN_COLUMNS = 1000, 100
#: Batches of about a gigabyte in all.
FRAMED = [
    (1000, 1000, "FP64", 120),
    (1000, 1000, "FP32", 240),
    (1000, 5000, "FP64", 24),
    (1000, 5000, "FP32", 48),
]
VALUE_BYTES = {"FP64": 8, "FP32": 4}
#: The peer's share of those batches.
PEER_SHARE = 0.5


class Batches:
    is_repeated = True

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._framed = {shape: self._framed_cases(*shape) for shape in FRAMED}
        self._plain = self._plain_cases()

    def take_turn(self) -> None:
        for cases in [*self._framed.values(), self._plain]:
            for case in cases:
                case.take_turn(self._bench)

    def page(self) -> list[str]:
        lines = ["## Feature batches over ipc, framed encoding", ""]
        lines += table(
            [
                "batch",
                "contestant",
                "values/s, median",
                "bytes/s",
                "ns/value",
                "lowest to highest",
                "of the C loop",
                "× the peer",
                "processor ns/value",
            ],
            "llrrrrrrr",
        )
        for (rows, columns, datatype, _), cases in self._framed.items():
            for case in cases:
                if case.row.outcomes:
                    lines.append(_cells(f"{rows} × {columns} {datatype}", case.row, VALUE_BYTES[datatype]))
        lines += ["", f"## Feature batches of {PLAIN_ROWS} × {PLAIN_COLUMNS}, plain encoding", ""]
        return lines + rate_table([case.row for case in self._plain], "values")

    def _plain_cases(self) -> list[Case]:
        counts = [self._bench.scaled(count, 4) for count in (400, 120, 40)]
        return self._cases([Workload("features", count, PLAIN_ROWS, PLAIN_COLUMNS) for count in counts])

    def _framed_cases(self, rows: int, columns: int, datatype: str, count: int) -> list[Case]:
        counts = [self._bench.scaled(count, 4)] * 2 + [self._bench.scaled(int(count * PEER_SHARE), 4)]
        ring = ("--ring", "2" if columns > 1000 else "4")
        return self._cases(
            [Workload("features", number, rows, columns, True, datatype, ring) for number in counts]
        )

    def _cases(self, workloads: list[Workload]) -> list[Case]:
        """Of the receive loop in C, the daemon and the peer."""
        limit = Row("receive loop in C", "ipc")
        rival = Row("peer.py", "ipc", limit)
        rival.peer = rival
        ours = Row("tidemark serve", "ipc", limit, peer=rival)
        bench = self._bench
        return [
            Case(limit, partial(receive, C_LOOP, workloads[0], "ipc")),
            Case(ours, partial(serve, bench.context, daemon(bench.binary), workloads[1], "ipc")),
            Case(rival, partial(serve, bench.context, peer(), workloads[2], "ipc")),
        ]


class Rule:
    """The drift rule without any wire."""

    is_repeated = True

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._times: dict[str, dict[str, list[float]]] = {}

    def take_turn(self) -> None:
        for shape, works in rule.rounds(self._bench.progress).items():
            for name, ns in works.items():
                self._times.setdefault(shape, {}).setdefault(name, []).append(ns)

    def page(self) -> list[str]:
        lines = []
        for shape, times in self._times.items():
            lines += ["", f"## The drift rule in process, {shape}", "", *time_table(times, rule.MEMORY)]
        return lines[1:]


def _cells(batch: str, row: Row, value_bytes: int) -> str:
    rate = statistics.median(row.rates)
    times = [1e9 / value for value in row.rates]
    return line(
        [
            batch,
            row.name,
            short(rate),
            f"{short(rate * value_bytes)}B",
            significant(1e9 / rate),
            f"{significant(min(times))} to {significant(max(times))}",
            ratio(row, row.limit, "{:.0%}"),
            ratio(row, row.peer, "{:.1f}"),
            processor(row),
        ]
    )
