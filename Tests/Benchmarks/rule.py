"""The drift rule in process, on 1000 × 1000 FP64: numpy, reading memory as the limit, and the kernel."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from contestants import HERE, Failure
from rules import Baseline, DriftDetector

ROWS = COLUMNS = 1000
#: Repetitions a round, of which the median counts.
REPETITIONS = 15

#: The quickest pass over all values that numpy has; its sum adds pairwise and is slower.
MEMORY = "reading memory: `np.max`"
KERNEL = "kernel: "

#: The daemon's side: an executable that times its own kernels on the same shape, if it was built.
KERNEL_BENCHMARKS = [
    HERE / ".build" / "release" / "kernel-benchmark",
    HERE.parents[1] / ".build" / "release" / "kernel-benchmark",
]


def numpy_round() -> dict[str, float]:
    """ns per value of each rendering in numpy."""
    draw = np.random.default_rng(1)
    names = [f"feature_{index}" for index in range(COLUMNS)]
    detector = DriftDetector(Baseline.of(names, draw.normal(size=(ROWS, COLUMNS))))
    batch = draw.normal(size=(ROWS, COLUMNS))
    works: dict[str, Callable[[], object]] = {
        MEMORY: batch.max,
        "reading memory: `np.sum`": batch.sum,
        "numpy: column means, `mean(0)`": lambda: batch.mean(0),
        "numpy: the rule against a ready baseline": lambda: detector.observe(batch),
        "numpy: the rule and its report of every feature": lambda: detector.observe(batch).report(),
        "numpy: mean, std, min, max and missing of every column": lambda: Baseline.of(names, batch),
    }
    return {name: _median_ns(work) for name, work in works.items()}


def _median_ns(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPETITIONS):
        begun = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - begun)
    return sorted(times)[len(times) // 2] / (ROWS * COLUMNS)


def kernel_benchmark() -> Path | None:
    return next((path for path in KERNEL_BENCHMARKS if path.is_file()), None)


def kernel_round(executable: Path) -> dict[str, float]:
    """What `kernel-benchmark` says: one JSON object a line, {"work": …, "ns_per_value": …}.

    It is run without arguments once a round, and takes 1000 × 1000 FP64 by itself.
    """
    try:
        ran = subprocess.run(
            [executable], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30, check=True, text=True
        )
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.strip()]
        times = {f"{KERNEL}{line['work']}": float(line["ns_per_value"]) for line in lines}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{executable.name}: {error}") from error
    if not times or not all(math.isfinite(value) and value > 0 for value in times.values()):
        raise Failure(
            f'{executable.name}: want lines of {{"work": …, "ns_per_value": …}}, got {ran.stdout[:200]!r}'
        )
    return times
