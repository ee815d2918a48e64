"""All benchmarks in one run: contestants take turns, round after round; medians and ranges are told.

Started by run.sh, which compiles the C programs first.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import zmq

import agreement
import report
import rule
from contestants import Failure, Sockets
from measure import Outcome, Workload, daemon, peer, receive_loop, serve
from report import Row

ROOT = Path(__file__).resolve().parents[2]

#: After this many seconds no round is begun that would not end within them; the run ends a little later.
LIMIT_S = 280
#: After this many the run is broken off.
BREAK_S = 300

BATCH_ROWS, BATCH_COLUMNS = 1000, 100


@dataclass(frozen=True)
class Case:
    row: Row
    measure: Callable[[], Outcome]


def metrics(count: int, scale: float) -> Workload:
    return Workload("metrics", max(1000, int(count * scale)))


def features(count: int, scale: float) -> Workload:
    return Workload("features", max(4, int(count * scale)), BATCH_ROWS, BATCH_COLUMNS)


def metrics_cases(context: Sockets, binary: Path, scale: float) -> list[Case]:
    cases: list[Case] = []
    for transport in ("ipc", "tcp"):
        limit = Row("receive loop in C", transport)
        rival = Row("peer.py", transport)
        ours = Row("tidemark serve", transport, limit, rival)
        rival.limit = limit
        rival.peer = rival
        cases += [
            Case(limit, partial(receive_loop, metrics(1_500_000, scale), transport)),
            Case(ours, partial(serve, context, daemon(binary), metrics(500_000, scale), transport)),
            Case(rival, partial(serve, context, peer(), metrics(80_000, scale), transport)),
        ]
    limit = cases[0].row
    # Each event of a model without a feature baseline gives two assessments: performance and retrain.
    rival = Row("peer.py, assessments read", "ipc", limit, assessments_per_unit=2)
    rival.peer = rival
    ours = Row("tidemark serve, assessments read", "ipc", limit, rival, assessments_per_unit=2)
    return cases + [
        Case(ours, partial(serve, context, daemon(binary), metrics(200_000, scale), "ipc", True)),
        Case(rival, partial(serve, context, peer(), metrics(40_000, scale), "ipc", True)),
    ]


def features_cases(context: Sockets, binary: Path, scale: float) -> list[Case]:
    limit = Row("receive loop in C", "ipc")
    rival = Row("peer.py", "ipc", limit)
    rival.peer = rival
    ours = Row("tidemark serve", "ipc", limit, rival)
    return [
        Case(limit, partial(receive_loop, features(400, scale), "ipc")),
        Case(ours, partial(serve, context, daemon(binary), features(120, scale), "ipc")),
        Case(rival, partial(serve, context, peer(), features(40, scale), "ipc")),
    ]


def rule_round(times: dict[str, list[float]]) -> None:
    measured = rule.numpy_round()
    executable = rule.kernel_benchmark()
    if executable:
        measured |= rule.kernel_round(executable)
    for name, ns in measured.items():
        times.setdefault(name, []).append(ns)


def progress(text: str) -> None:
    """On a terminal only, in place."""
    if sys.stderr.isatty():
        print(f"\r\033[2K{text}", end="", file=sys.stderr, flush=True)


def run(options: argparse.Namespace, binary: Path) -> str:
    begun = time.monotonic()
    context: Sockets = zmq.Context()
    circumstances = report.circumstances(binary, command())
    wants = {options.only} if options.only else {"metrics", "features", "rule"}
    agreed = agreement.check(context, binary) if wants & {"metrics", "features"} else {}
    events = metrics_cases(context, binary, options.scale) if "metrics" in wants else []
    values = features_cases(context, binary, options.scale) if "features" in wants else []
    times: dict[str, list[float]] = {}
    rounds = 0
    longest = 0.0
    while rounds < options.rounds and time.monotonic() - begun + longest < LIMIT_S:
        start = time.monotonic()
        for case in events + values:
            progress(f"round {rounds + 1} of {options.rounds}: {case.row.name}, {case.row.transport}")
            case.row.outcomes.append(case.measure())
        if "rule" in wants:
            progress(f"round {rounds + 1} of {options.rounds}: the drift rule")
            rule_round(times)
        longest = max(longest, time.monotonic() - start)
        rounds += 1
    progress("")
    context.destroy(linger=0)
    return "\n".join(page(options, rounds, circumstances, agreed, events, values, times)) + "\n"


def page(
    options: argparse.Namespace,
    rounds: int,
    circumstances: list[str],
    agreed: dict[str, int],
    events: list[Case],
    values: list[Case],
    times: dict[str, list[float]],
) -> list[str]:
    lines = ["# Benchmarks", "", *circumstances, f"- Rounds: {rounds}, contestants taking turns"]
    if rounds < options.rounds:
        lines.append(f"- {options.rounds} rounds were asked for; the time was over after {rounds}")
    if options.scale != 1:
        lines.append(f"- Scaled by {options.scale}: figures of short runs include starting up")
    if agreed:
        lines.append(
            f"- Before the run daemon and peer gave the same {sum(agreed.values())} answers to the same "
            f"{agreement.EVENTS} events"
        )
    if events:
        lines += ["", "## Metrics events, plain encoding", ""]
        lines += report.rate_table([case.row for case in events], "events")
    if values:
        shape = f"{BATCH_ROWS} × {BATCH_COLUMNS}"
        lines += ["", f"## Feature batches of {shape}, plain encoding", ""]
        lines += report.rate_table([case.row for case in values], "values")
    if times:
        lines += ["", f"## The drift rule in process, {rule.ROWS} × {rule.COLUMNS} FP64", ""]
        lines += report.time_table(times, rule.MEMORY)
    return lines


def command() -> str:
    return shlex.join(["bash", "Tests/Benchmarks/run.sh", *sys.argv[1:]])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Runs all benchmarks; prints a report in Markdown."
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report to FILE too")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs (default 5)")
    parser.add_argument("--only", choices=["metrics", "features", "rule"], help="one section alone")
    parser.add_argument(
        "--scale", type=float, default=1, help="send this share of the events (to try things)"
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
    if not (binary.is_file() and os.access(binary, os.X_OK)):
        print(f"{binary} cannot be run; build it with: swift build -c release", file=sys.stderr)
        return 66

    def break_off(number: int, frame: object) -> None:
        why = f"after {BREAK_S} s" if number == signal.SIGALRM else "by SIGTERM"
        raise Failure(f"broken off {why}")

    signal.signal(signal.SIGALRM, break_off)
    signal.signal(signal.SIGTERM, break_off)
    signal.alarm(BREAK_S)
    try:
        text = run(options, binary.absolute())
    except Failure as failure:
        progress("")
        print(f"benchmark void: {failure}", file=sys.stderr)
        return 1
    print(text, end="")
    if options.report:
        options.report.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
