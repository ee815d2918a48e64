"""Metrics events a second, framed and plain, from the raw socket up to the whole daemon."""

from __future__ import annotations

from functools import partial

from measure import (
    C_LOOP,
    RAW,
    SWIFT_LOOP,
    SWIFT_PARSE,
    Receiver,
    Workload,
    daemon,
    peer,
    receive,
    serve,
)
from report import Row, rate_table
from section import Bench, Case

#: The load writes ZMTP itself, so that it is never what is measured.
LIGHT = ("--raw", "1")

FRAMED_RECEIVERS = [
    ("raw socket read in C", RAW, 3_000_000),
    ("receive loop in C", C_LOOP, 1_500_000),
    ("receive loop in Swift", SWIFT_LOOP, 1_500_000),
    ("receive loop in Swift, and parsing", SWIFT_PARSE, 1_000_000),
]


class Events:
    is_repeated = True

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._framed = [case for transport in ("ipc", "tcp") for case in self._framed_cases(transport)]
        self._framed += [case for transport in ("ipc", "tcp") for case in self._under_libzmq(transport)]
        self._plain = [case for transport in ("ipc", "tcp") for case in self._plain_cases(transport)]
        self._plain += self._with_assessments()

    def take_turn(self) -> None:
        for case in self._framed + self._plain:
            case.take_turn(self._bench)

    def page(self) -> list[str]:
        return [
            "## Metrics events, framed encoding",
            "",
            *rate_table([case.row for case in self._framed], "events"),
            "",
            "## Metrics events, plain encoding",
            "",
            *rate_table([case.row for case in self._plain], "events"),
        ]

    def _metrics(self, count: int, *options: str, is_framed: bool = False) -> Workload:
        return Workload("metrics", self._bench.scaled(count, 1000), is_framed=is_framed, options=options)

    def _receiver(self, row: Row, receiver: Receiver, workload: Workload) -> Case:
        return Case(row, partial(receive, receiver, workload, row.transport))

    def _daemon(self, row: Row, workload: Workload, with_assessments: bool = False) -> Case:
        bench = self._bench
        make = daemon(bench.binary)
        return Case(row, partial(serve, bench.context, make, workload, row.transport, with_assessments))

    def _peer(self, row: Row, workload: Workload, with_assessments: bool = False) -> Case:
        row.peer = row
        return Case(
            row, partial(serve, self._bench.context, peer(), workload, row.transport, with_assessments)
        )

    def _framed_cases(self, transport: str) -> list[Case]:
        cases = [
            self._receiver(Row(name, transport), receiver, self._metrics(count, *LIGHT, is_framed=True))
            for name, receiver, count in FRAMED_RECEIVERS
        ]
        rival, ours = Row("peer.py", transport), Row("tidemark serve", transport)
        cases.append(self._daemon(ours, self._metrics(1_000_000, *LIGHT, is_framed=True)))
        cases.append(self._peer(rival, self._metrics(100_000, *LIGHT, is_framed=True)))
        ours.peer = rival
        for place, case in enumerate(cases):
            case.row.floor = cases[0].row if place > 0 else None
            case.row.limit = cases[1].row if place > 1 else None
        return cases

    def _under_libzmq(self, transport: str) -> list[Case]:
        """The same with libzmq on both sides, as between a serving process and the daemon."""
        limit = Row("receive loop in C, libzmq's own sender", transport)
        parse = Row("receive loop in Swift, and parsing, libzmq's own sender", transport, limit)
        ours = Row("tidemark serve, libzmq's own sender", transport, limit)
        return [
            self._receiver(limit, C_LOOP, self._metrics(1_000_000, is_framed=True)),
            self._receiver(parse, SWIFT_PARSE, self._metrics(1_000_000, is_framed=True)),
            self._daemon(ours, self._metrics(1_000_000, is_framed=True)),
        ]

    def _plain_cases(self, transport: str) -> list[Case]:
        limit = Row("receive loop in C", transport)
        rival = Row("peer.py", transport, limit)
        ours = Row("tidemark serve", transport, limit, peer=rival)
        return [
            self._receiver(limit, C_LOOP, self._metrics(1_500_000)),
            self._daemon(ours, self._metrics(500_000)),
            self._peer(rival, self._metrics(80_000)),
        ]

    def _with_assessments(self) -> list[Case]:
        limit = self._plain[0].row
        # Each event of a model without a feature baseline gives two assessments: performance and retrain.
        rival = Row("peer.py, assessments read", "ipc", limit, assessments_per_unit=2)
        ours = Row("tidemark serve, assessments read", "ipc", limit, peer=rival, assessments_per_unit=2)
        return [
            self._daemon(ours, self._metrics(200_000), True),
            self._peer(rival, self._metrics(40_000), True),
        ]
