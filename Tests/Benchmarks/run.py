"""All benchmarks in one run: contestants take turns, round after round; medians and ranges are told.

Started by run.sh, which compiles the C and Swift programs first.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import zmq

import agreement
import report
from allocations import Allocations
from batches import Batches, Rule
from checks import Checks
from contestants import Failure, Sockets
from events import Events
from instructions import Instructions
from latency import Latency
from memory import Grid, Many
from section import Bench, Section

ROOT = Path(__file__).resolve().parents[2]

#: After this many seconds no round is begun that would not end within them; the run ends a little later.
LIMIT_S = 660
#: After this many the run is broken off.
BREAK_S = 720

#: By what `--only` calls them, in the order of the report.
SECTIONS: dict[str, type[Section]] = {
    "events": Events,
    "batches": Batches,
    "rule": Rule,
    "latency": Latency,
    "models": Many,
    "grid": Grid,
    "checks": Checks,
    "instructions": Instructions,
    "allocations": Allocations,
}
#: Those in which daemon and peer do the same job.
COMPARED = {"events", "batches", "latency"}


def progress(text: str) -> None:
    """On a terminal only, in place."""
    if sys.stderr.isatty():
        print(f"\r\033[2K{text}", end="", file=sys.stderr, flush=True)


def run(options: argparse.Namespace, binary: Path) -> str:
    begun = time.monotonic()
    context: Sockets = zmq.Context()
    circumstances = report.circumstances(binary, command())
    names = options.only or list(SECTIONS)
    agreed = agreement.check(context, binary) if COMPARED & set(names) else {}
    bench = Bench(context, binary, options.scale, progress)
    # Their protocol has no constructor, since each is made in this one place.
    sections = [SECTIONS[name](bench) for name in SECTIONS if name in names]  # type: ignore[call-arg]
    for section in sections:
        if not section.is_repeated:
            section.take_turn()
    rounds = take_turns([section for section in sections if section.is_repeated], options.rounds, begun)
    progress("")
    context.destroy(linger=0)
    lines = ["# Benchmarks", "", *circumstances, *remarks(options, rounds, agreed)]
    lines.append(f"- The run took {time.monotonic() - begun:.0f} s")
    for section in sections:
        lines += ["", *section.page()]
    return "\n".join(lines) + "\n"


def take_turns(sections: list[Section], wanted: int, begun: float) -> int:
    """How many rounds there was time for."""
    rounds = 0
    longest = 0.0
    while sections and rounds < wanted and time.monotonic() - begun + longest < LIMIT_S:
        start = time.monotonic()
        for section in sections:
            section.take_turn()
        longest = max(longest, time.monotonic() - start)
        rounds += 1
    return rounds


def remarks(options: argparse.Namespace, rounds: int, agreed: dict[str, int]) -> list[str]:
    lines = [f"- Rounds: {rounds}, contestants taking turns"] if rounds else []
    if 0 < rounds < options.rounds:
        lines.append(f"- {options.rounds} rounds were asked for; the time was over after {rounds}")
    if options.scale != 1:
        lines.append(f"- Scaled by {options.scale}: figures of short runs include starting up")
    if agreed:
        lines.append(
            f"- Before the run daemon and peer gave the same {sum(agreed.values())} answers to the same "
            f"{agreement.EVENTS} events, in either encoding"
        )
    return lines


def command() -> str:
    return shlex.join(["bash", "Tests/Benchmarks/run.sh", *sys.argv[1:]])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Runs all benchmarks; prints a report in Markdown."
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report to FILE too")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs (default 5)")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), help="these sections alone")
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
