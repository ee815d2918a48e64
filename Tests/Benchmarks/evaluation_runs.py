"""What `evaluation-benchmark` simulates: run lengths to a false alarm, delays after a change, cost."""

from __future__ import annotations

import itertools
import json
import math
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

PROGRAM = Path(__file__).resolve().parent / ".build" / "release" / "evaluation-benchmark"

#: Run lengths at which delays are compared, as decimal logarithms.
TARGETS = (3, 4, 5)
#: A detector that did not alarm within so many rows missed.
LONGEST_DELAY = 3_000
DELAY_STREAMS = 200
#: Steps of a grid on which ARL is read off between.
FINE = tuple(float(x) for x in np.arange(1.5, 6.01, 0.25))
COARSE, MIDDLE = (2.0, 3.0, 4.0, 5.0), (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
REAL_SHIFTS, RATE_SHIFTS = (0.5, 1.0, 2.0), (0.15, 0.2, 0.4)
#: Of a promise, after which a stream's first alarm is not waited for.
MULTIPLE = 20

SCENARIOS = {
    "normal": "independent, normal",
    "tails": "independent, t₃",
    "correlated": "AR(1), ρ = .5",
    "season": "daily season, 2σ",
    "rate": "independent, p = .1",
    "rate .3": "independent, p = .3",
    "sticky": "sticky, ρ = .5",
    "wave": "daily season, p = .02 to .18",
}
REAL, RATES = ("normal", "tails", "correlated", "season"), ("rate", "rate .3", "sticky", "wave")


@dataclass(frozen=True)
class Subject:
    name: str
    label: str
    #: Scenarios under which its documentation promises the run length.
    promised: tuple[str, ...]
    streams: int
    length: int
    scenarios: tuple[str, ...] = REAL
    #: The run length it has by default, as a decimal logarithm.
    default: float = 4
    grid: tuple[float, ...] = FINE
    #: Of the scenario in which run lengths are matched; None as the others.
    fine: tuple[float, ...] | None = None
    unit: str = "rows"
    is_raced: bool = True

    @property
    def is_of_rates(self) -> bool:
        return self.scenarios[0] in RATES

    def levels(self, scenario: str) -> tuple[float, ...]:
        return self.fine if self.fine and scenario == self.scenarios[0] else self.grid

    @property
    def promises(self) -> tuple[float, ...]:
        return tuple(sorted({3, 4, self.default}))

    @property
    def usual(self) -> str:
        """The default run length in words."""
        power = round(self.default)
        return f"10{'²³⁴⁵⁶'[power - 2]}" if power == self.default else f"{10**self.default / 1000:,.0f} k"


SUBJECTS = (
    Subject("detect rates", "e-SR or GLR of rates (`detect`, zeroes and ones)", RATES[:2], 120, 20_000, RATES,
            math.log10(1 / (1 / 4e6 + 1 / 3e5)), COARSE, MIDDLE),
    Subject("glr rate", "GLR of rates alone", RATES[:2], 200, 20_000, RATES, 6),
    Subject("bernoulli", "Bernoulli e-SR, 1000 reference rows", ("rate", "rate .3"), 200, 20_000, RATES),
    Subject("bernoulli, rate known", "Bernoulli e-SR, true rate known", ("rate",), 200, 20_000,
            ("rate", "sticky", "wave")),
    Subject("meanvar", "meanvar on residuals' ranks (`detect`, real values)", REAL, 120, 20_000, default=5,
            grid=COARSE, fine=MIDDLE),
    Subject("meanvar alone", "mean and variance GLR alone, true units", ("normal",), 200, 20_000, default=5),
    Subject("meanvar alone, reference", "mean and variance GLR alone, units of 1000 reference rows", ("normal",), 200,
            20_000, ("normal",), 5, is_raced=False),
    Subject("glr mean", "GLR of means alone", ("normal",), 200, 20_000, default=6),
    Subject("mmd", "MMD on residuals' ranks, 4 columns (`detect`, tables)", REAL[:3], 60, 20_000, default=5,
            grid=COARSE, fine=MIDDLE),
    Subject("mmd alone", "MMD alone, 4 columns", ("normal",), 80, 20_000, default=5),
    Subject("bounded", "bounded mean e-SR, 1000 reference rows", ("normal", "tails"), 200, 20_000),
    Subject("quantile", "quantile e-SR, 1000 reference rows", ("normal", "tails"), 200, 20_000),
    Subject("tail", "extreme tail (SPOT), 1000 reference rows", (), 200, 20_000, grid=(2.0, 3.0, 4.0),
            is_raced=False),
    Subject("bins of 1000", "bins, batches of 1000", ("normal", "tails"), 40, 1_000, REAL[:2], grid=(3.0, 4.0),
            unit="batches"),
    Subject("bins of 100", "bins, batches of 100", ("normal", "tails"), 60, 2_000, grid=(2.0, 3.0, 4.0),
            unit="batches"),
    Subject("bins of 8", "bins, batches of 8", ("normal", "tails"), 200, 2_000, grid=(2.0, 3.0, 4.0),
            unit="batches"),
)  # fmt: skip


def interval(events: int, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Of the mean exposure to an event, when events come as a Poisson process: Garwood's exact interval of
    their number (1936), turned over. Infinite above where there was none."""
    outside = (1 - confidence) / 2
    high = chi2.ppf(1 - outside, 2 * events + 2) / 2
    low = chi2.ppf(outside, 2 * events) / 2 if events else 0.0
    return exposure / high, exposure / low if low else math.inf


@dataclass(frozen=True)
class RunLength:
    #: ln A, as a decimal logarithm.
    level: float
    alarms: int
    observations: float

    @property
    def mean(self) -> float:
        return self.observations / self.alarms if self.alarms else math.inf

    @property
    def bounds(self) -> tuple[float, float]:
        return interval(self.alarms, self.observations)

    @property
    def verdict(self) -> str:
        low, high = self.bounds
        promise = 10**self.level
        if low >= promise:
            return "kept"
        return "NOT kept" if high < promise else "undecided"


@dataclass
class Race:
    """Delays of one subject after one change, at one matched run length."""

    subject: Subject
    shift: float
    target: int
    #: log₁₀ A that has this run length; the target itself where it could not be measured.
    level: float
    is_matched: bool
    early: int = 0
    #: None for a miss.
    delays: list[int | None] = field(default_factory=list)

    @property
    def misses(self) -> float:
        return sum(each is None for each in self.delays) / len(self.delays) if self.delays else math.nan

    @property
    def counted(self) -> list[int]:
        return [LONGEST_DELAY if each is None else each for each in self.delays]

    @property
    def median(self) -> float:
        return statistics.median(self.counted) if self.delays else math.nan

    @property
    def mean(self) -> float:
        return statistics.mean(self.counted) if self.delays else math.nan


def ask(*words: object) -> list[dict[str, Any]]:
    ran = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


RunLengths = dict[tuple[str, str], list[RunLength]]


def run_lengths(seed: int, executor: Executor, *, is_quick: bool) -> RunLengths:
    pairs = [(subject, scenario) for subject in SUBJECTS for scenario in subject.scenarios]

    def measure(subject: Subject, scenario: str) -> list[RunLength]:
        levels = sorted({*subject.levels(scenario), *((float(subject.default),) if len(subject.grid) > 3 else ())})
        streams = max(10, subject.streams // 4) if is_quick else subject.streams
        lines = ask("runs", subject.name, scenario, seed, streams, subject.length, MULTIPLE, *levels)
        return [
            RunLength(level, line["alarms"], line["observations"])
            for level, line in zip(levels, lines, strict=True)
        ]

    found = executor.map(lambda pair: measure(*pair), pairs)
    return {(subject.name, scenario): runs for (subject, scenario), runs in zip(pairs, found, strict=True)}


def level_of(target: float, runs: Sequence[RunLength]) -> float | None:
    """log₁₀ A at which the run length is 10^target, between those measured; None beyond them."""
    measured = [(math.log10(each.mean), each.level) for each in runs if each.alarms >= 3]
    for (low, left), (high, right) in itertools.pairwise(measured):
        if low <= target <= high and high > low:
            return left + (right - left) * (target - low) / (high - low)
    return None


def races(seed: int, lengths: RunLengths, executor: Executor, *, is_quick: bool) -> list[Race]:
    plans = [
        (subject, shift)
        for subject in SUBJECTS
        if subject.is_raced
        for shift in (RATE_SHIFTS if subject.is_of_rates else REAL_SHIFTS)
    ]

    def run(subject: Subject, shift: float) -> list[Race]:
        scenario = subject.scenarios[0]
        made = []
        for target in TARGETS:
            level = level_of(target, lengths[subject.name, scenario])
            made.append(Race(subject, shift, target, level or float(target), level is not None))
        streams = DELAY_STREAMS // (4 if is_quick else 1)
        ordered = sorted(made, key=lambda race: race.level)
        levels = [race.level for race in ordered]
        for race, line in zip(
            ordered, ask("delays", subject.name, scenario, seed + 1, streams, shift, *levels), strict=True
        ):
            race.early = line["early"]
            race.delays = [None if delay < 0 else delay for delay in line["delays"]]
        return made

    return [race for found in executor.map(lambda plan: run(*plan), plans) for race in found]


@dataclass(frozen=True)
class Cost:
    subject: Subject
    nanoseconds: float
    bytes: int


def costs(subjects: Iterable[Subject] = SUBJECTS) -> list[Cost]:
    """One after the other, so that they do not disturb each other."""
    found = [(subject, ask("cost", subject.name)[0]) for subject in subjects]
    return [Cost(subject, line["ns"], line["bytes"]) for subject, line in found]
