"""How well the detectors detect: run lengths to a false alarm against what is promised, delays after a change at equal
run lengths, errors of classifiers beside River's detectors, the two gates, columns that only hang together.

usage: bash Tests/Benchmarks/run.sh evaluate [--seed N] [--report FILE] [--quick]
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import shlex
import statistics
import sys
import time
import unittest
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import matplotlib
import river
import scipy

import evaluation_gates as gates
import evaluation_plots as plots
import evaluation_runs as runs
import evaluation_streams as streams
import report
from report import line, short, significant, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORKERS = 2
PAIR_STREAMS, PAIR_ROWS = 60, 4_000
POWERS = {2: "10²", 3: "10³", 4: "10⁴", 5: "10⁵", 6: "10⁶"}


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# Run lengths.


def run_length_cell(run: runs.RunLength, is_promised: bool) -> str:
    low, high = run.bounds
    mean = short(run.mean) if run.alarms else f"> {short(low)}"
    inside = f"[{short(low)}, {short(high) if math.isfinite(high) else '∞'}]"
    verdict = run.verdict
    if is_promised and verdict == "NOT kept":
        verdict = f"**{verdict}**"
    elif not is_promised:
        # No promise to keep: whether it would have been.
        verdict = {"kept": "holds", "NOT kept": "does not hold"}.get(verdict, verdict)
    return f"{mean} {inside} {verdict}"


def run_length_page(lengths: runs.RunLengths, is_promised: bool) -> list[str]:
    lines = table(["detector", "stream", "A = 10³", "A = 10⁴", "A as by default"], "llrrr")
    for subject in runs.SUBJECTS:
        for scenario in subject.scenarios:
            if (scenario in subject.promised) != is_promised:
                continue
            at = {each.level: each for each in lengths[subject.name, scenario]}
            cells = [
                run_length_cell(at[level], is_promised) if level in at else "–" for level in (3.0, 4.0)
            ]
            usual = float(subject.default)
            if usual == 4:
                cells.append("the same")
            else:
                cells.append(f"{subject.usual}: {run_length_cell(at[usual], is_promised)}")
            name = subject.label + (f", in {subject.unit}" if subject.unit != "rows" else "")
            lines.append(line([name, runs.SCENARIOS[scenario], *cells]))
    return lines


def broken(lengths: runs.RunLengths) -> list[str]:
    """What is promised and not kept, in words."""
    found = []
    for subject in runs.SUBJECTS:
        for scenario in subject.promised:
            at = {each.level: each for each in lengths[subject.name, scenario]}
            for level in subject.promises:
                run = at.get(float(level))
                if run and run.verdict == "NOT kept":
                    found.append(
                        f"{subject.label}, {runs.SCENARIOS[scenario]}: {short(run.mean)} instead of "
                        f"{subject.usual if level == subject.default else POWERS[int(level)]}"
                    )
    return found


def slack_page(lengths: runs.RunLengths) -> list[str]:
    """By how many nats the threshold could fall, or must rise, for the run length to be what is asked for."""
    titles = ["detector", "stream", *(f"run length {POWERS[target]}" for target in runs.TARGETS)]
    lines = table(titles, "llrrr")
    for subject in runs.SUBJECTS:
        for scenario in subject.promised:
            cells = []
            for target in runs.TARGETS:
                level = runs.level_of(target, lengths[subject.name, scenario])
                cells.append("–" if level is None else f"{(level - target) * math.log(10):+.1f}")
            lines.append(line([subject.label, runs.SCENARIOS[scenario], *cells]))
    return lines


# Delays.


def race_cell(race: runs.Race) -> str:
    if not race.delays:
        return "–"
    text = f"{race.median:g} / {race.mean:.0f}" + (f" / {race.misses:.0%}" if race.misses else "")
    return text if race.is_matched else f"{text} \\*"


def race_page(races: Sequence[runs.Race], is_of_rates: bool) -> list[str]:
    shifts = runs.RATE_SHIFTS if is_of_rates else runs.REAL_SHIFTS
    heads = [f"→ {shift:g}" if is_of_rates else f"{shift:g}σ" for shift in shifts]
    titles = [f"{head}, {POWERS[target]}" for head, target in itertools.product(heads, runs.TARGETS)]
    lines = table(["detector", *titles], "l" + "r" * len(titles))
    for subject in runs.SUBJECTS:
        own = {(each.shift, each.target): each for each in races if each.subject == subject}
        if subject.is_of_rates != is_of_rates or not own:
            continue
        cells = [race_cell(own[pair]) for pair in itertools.product(shifts, runs.TARGETS)]
        lines.append(line([subject.label, *cells]))
    return lines


# Streams of errors.


def stream_page(tables: dict[str, streams.Outcomes], nulls: streams.Outcomes) -> list[str]:
    titles = [f"{name}, {kind}" for name in tables for kind in ("abrupt", "gradual")]
    lines = table(["detector", *titles, "false in 400k null"], "l" + "r" * (len(titles) + 1))
    for name, null in nulls.items():
        cells = [streams.cells(each[name], kind) for each in tables.values() for kind in ("abrupt", "gradual")]
        lines.append(line([name, *cells, f"{sum(outcome.false for outcome in null)}"]))
    return lines


def pair_page(seed: int, is_quick: bool) -> list[str]:
    lines = table(["detector", "flipped", "false before", "found", "median delay of those found"], "llrrr")
    for found in runs.ask("pairs", seed, PAIR_STREAMS // (6 if is_quick else 1), PAIR_ROWS):
        seen = [delay for delay in found["delays"] if delay >= 0]
        cells = [f"{found['early']}", f"{len(seen)} of {len(found['delays'])}"]
        cells.append(f"{statistics.median(seen):g}" if seen else "–")
        lines.append(line([found["subject"], "yes" if found["flipped"] else "no", *cells]))
    return lines


def evaluate(options: argparse.Namespace, binary: Path) -> str:
    begun = time.monotonic()
    said = shlex.join(["bash", "Tests/Benchmarks/run.sh", "evaluate", *sys.argv[1:]])
    circumstances = report.circumstances(binary, said)
    pictures = options.report.parent / "plots"
    pictures.mkdir(parents=True, exist_ok=True)
    seed, is_quick = options.seed, options.quick
    say("cost")
    costs = runs.costs()
    say("streams of errors")
    with ProcessPoolExecutor(WORKERS) as executor:
        changed, unchanged = streams.simulated(seed, executor)
        tables = {
            "tornado": streams.run(binary, streams.stored(), executor),
            "simulated": streams.run(binary, changed, executor),
        }
        nulls = streams.run(binary, streams.null(seed), executor)
        say("gates")
        gated = gates.run(seed, executor)
    with ThreadPoolExecutor(WORKERS) as executor:
        say("run lengths")
        lengths = runs.run_lengths(seed, executor, is_quick=is_quick)
        say("delays")
        races = runs.races(seed, lengths, executor, is_quick=is_quick)
    say("pairs")
    pairs = pair_page(seed, is_quick)
    plots.run_lengths(lengths, pictures / "run-lengths")
    plots.delays(races, pictures / "delays")
    plots.error_streams(tables, nulls, pictures / "error-streams")
    kinds = {kind: sum(each.kind == kind for each in changed) for kind in ("abrupt", "gradual")}
    failed = broken(lengths)
    lines = [
        "# How well the detectors detect",
        "",
        *circumstances,
        f"- Beside them: River {river.__version__}, scipy {scipy.__version__}, matplotlib {matplotlib.__version__}",
        f"- Seed: {seed}; the run took {time.monotonic() - begun:.0f} s",
    ]
    if is_quick:
        lines.append("- Quick: a quarter of the simulated runs, so the intervals are wide")
    lines += ["", *(INTRODUCTION.format(broken="; ".join(failed) or "none").strip().split("\n"))]
    lines += ["", "## Run length to a false alarm", "", *RUN_LENGTHS.strip().split("\n"), ""]
    lines += [*run_length_page(lengths, True), "", *NOT_PROMISED.strip().split("\n"), ""]
    lines += run_length_page(lengths, False)
    lines += ["", *SLACK.strip().split("\n"), "", *slack_page(lengths)]
    lines += ["", "## Delay at equal run lengths", "", *DELAYS.strip().split("\n"), "", *race_page(races, False)]
    lines += ["", *race_page(races, True)]
    lines += ["", "## Errors of classifiers", "", *STREAMS.format(**kinds, left=len(unchanged)).strip().split("\n")]
    lines += ["", *stream_page(tables, nulls)]
    lines += ["", "## The two gates", "", *GATES.strip().split("\n"), ""]
    lines += table(["batches", "bins", "KS test, p < .05", "stability index > .2"], "lrrr")
    lines += [line([case.name, *map(str, shares)]) for case, *shares in gated]
    lines += ["", "## Columns that only hang together", "", *PAIRS.strip().split("\n"), "", *pairs]
    lines += ["", "## Cost", "", *COST.strip().split("\n"), ""]
    lines += table(["detector", "ns a row", "bytes"], "lrr")
    lines += [line([each.subject.label, significant(each.nanoseconds), f"{each.bytes:,}"]) for each in costs]
    return "\n".join(lines) + "\n"


INTRODUCTION = """
A detector promises a *run length* A: so many observations, on average, until it alarms without cause. Here is what
comes of it, on streams that keep the promise's terms and on some that do not, and what the promise costs in delay.
**Promised and not kept: {broken}.**
"""

RUN_LENGTHS = """
![Measured run length against the promised one, a panel for each detector](plots/run-lengths.svg)

*Above the diagonal the promise is kept. Solid: promised; dashed: not promised; the band is the 95 % interval; a triangle
says that nothing alarmed, and stands at the interval's lower end.*

Streams without a change run until their first alarm, or until 20,000 rows or 20 A; k alarms in T observations are a run
length of T/k, with the exact 95 % interval of a Poisson count. `kept`: the whole interval is at A or above; `NOT kept`: all
of it is below; `undecided`: A lies within. With a reference, 1000 rows of the same stream come before. Promised is:
"""

NOT_PROMISED = """
On these streams nothing is promised: what dependence or a season makes of a detector that was made for neither.
"""

SLACK = """
By how many nats the threshold would have to be raised (+), or could be lowered (−), for the measured run length to be
what is asked for; – where too few alarmed. Of detectors with a `margin` it is what to add to it; for those with a guarantee
it is what the guarantee costs.
"""

DELAYS = """
![Median delay against run length, a panel for each change](plots/delays.svg)

*The same run length for all, found by simulation; hollow where it could not be measured and the promised one stands in.*

The change comes after 1000 rows, of which streams that alarmed before are left out. Median / mean delay in rows, and the
share missed after 3000 rows where there is one; a miss counts 3000. The heads have the change and the run length.
\\*: the run length is the promised one, since it was not reached in the simulation. Batches alarm at their end, and their
run length is counted in batches.
"""

STREAMS = """
![Delays, misses and false alarms on streams of errors](plots/error-streams.svg)

*Each dot is a stream; the black bar is the median, a miss counting 3000.*

Errors of a classifier that was frozen before the one true change: 11 streams of the tornado generator
(`data/error_streams.json`), and {abrupt} abrupt and {gradual} gradual ones made with River's generators (Sine, Mixed, SEA,
STAGGER, AGRAWAL; 10 % of labels turned over; a tree that learned from 3000 rows; the change after 10,000, gradual ones over
1000 rows; {left} were left out since the rate of errors moved by less than two points). Misses / false alarms / median
delay; a miss counts 3000. River's detectors with their defaults, `tidemark detect` with its own; the
Bernoulli e-SR is what preset `standard` runs on accuracy, here with the first 1000 rows for its reference and A = 10⁴. Null: 20 streams of 20,000
errors with rates from .1 to .3.
"""

GATES = """
An alarm wants evidence *and* an effect that matters. With either alone, large batches alarm on nothing, or small ones on
noise. Shares of batches that alarm; the last row is a change that should.
"""

PAIRS = """
Four columns of standard normal values, of which two have a correlation of .8 that turns to −.8 at row 1000; every column
by itself stays as it was. With default settings; columns alone are the two that flip.
"""

COST = """
Processor time of a row after 10,000 observations, the median of 9 measurements, and the bytes of the heap that one
detector holds by then. `detect` remembers up to 8,192 rows to tell seasons and what kind of change it was.
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.sh evaluate", description="How well the detectors detect; a report in Markdown."
    )
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (default 1)")
    parser.add_argument(
        "--report", type=Path, default=HERE / "evaluation.md", help="default: evaluation.md; pictures: plots beside it"
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the simulated runs (to try things)")
    parser.add_argument(
        "--binary", type=Path, help="the daemon (default TIDEMARK, else .build/release/tidemark)"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    checks = unittest.defaultTestLoader.loadTestsFromName("evaluation_checks")
    if not unittest.TextTestRunner(verbosity=0).run(checks).wasSuccessful():
        print("evaluation void: its own arithmetic is wrong", file=sys.stderr)
        return 1
    binary: Path = options.binary or Path(
        os.environ.get("TIDEMARK") or ROOT / ".build" / "release" / "tidemark"
    )
    text = evaluate(options, binary.absolute())
    print(text, end="")
    options.report.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
