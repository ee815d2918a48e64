"""The drift rule in process: numpy, reading memory as the limit, and the daemon's own kernel."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from contestants import HERE, Failure
from rules import Baseline, DriftDetector

SHAPES = [(1000, 1000), (1000, 5000)]
DATATYPES: dict[str, npt.DTypeLike] = {"FP64": np.float64, "FP32": np.float32}
#: Features and rows of one drift check.
GRID_FEATURES = (10, 100, 1000)
GRID_ROWS = (100, 1000, 10_000)

#: Repetitions a round, of which the median counts.
REPETITIONS = 15

#: The quickest pass over all values that numpy has; its sum adds pairwise and is slower.
MEMORY = "reading memory: `np.max`"
NUMPY_CHECK = "numpy: the rule and its report of every feature"
KERNEL = "kernel: "

#: The daemon's side: an executable that times its own kernels on the same shapes.
KERNEL_BENCHMARK = HERE / ".build" / "release" / "kernel-benchmark"

Times = dict[str, float]


def rounds(progress: Callable[[str], None]) -> dict[str, Times]:
    """ns per value of each work, by shape."""
    progress("the drift rule in numpy")
    times = {
        label(rows, columns, name): _numpy_times(rows, columns, datatype)
        for rows, columns in SHAPES
        for name, datatype in DATATYPES.items()
    }
    progress("the drift rule in the kernel")
    for entry in _kernel("rule"):
        shape = label(entry["rows"], entry["columns"], entry["datatype"])
        times[shape][f"{KERNEL}{entry['work']}"] = _positive(entry, "ns_per_value")
    return times


def label(rows: int, columns: int, datatype: str) -> str:
    return f"{rows} × {columns} {datatype}"


def _numpy_times(rows: int, columns: int, datatype: npt.DTypeLike) -> Times:
    names, detector, batch = _matter(rows, columns, datatype)
    works: dict[str, Callable[[], object]] = {
        MEMORY: batch.max,
        "reading memory: `np.sum`": batch.sum,
        "numpy: column means, `mean(0)`": lambda: batch.mean(0),
        "numpy: the rule against a ready baseline": lambda: detector.observe(batch),
        NUMPY_CHECK: lambda: detector.observe(batch).report(),
        "numpy: mean, std, min, max and missing of every column": lambda: Baseline.of(names, batch),
    }
    return {name: median_ns(work) / (rows * columns) for name, work in works.items()}


def _matter(
    rows: int, columns: int, datatype: npt.DTypeLike
) -> tuple[list[str], DriftDetector, npt.NDArray[Any]]:
    """Names, a detector with its baseline, and a batch."""
    draw = np.random.default_rng(1)
    names = [f"feature_{index}" for index in range(columns)]
    detector = DriftDetector(Baseline.of(names, draw.normal(size=(min(rows, 1000), columns))))
    return names, detector, draw.normal(size=(rows, columns)).astype(datatype)


def checks(progress: Callable[[str], None]) -> dict[tuple[int, int], tuple[float, float]]:
    """ns for one drift check with its report, in numpy and in the kernel, by features and rows."""
    progress("one drift check in numpy")
    numpy_ns = {}
    for columns in GRID_FEATURES:
        for rows in GRID_ROWS:
            _, detector, batch = _matter(rows, columns, np.float64)
            numpy_ns[columns, rows] = median_ns(lambda d=detector, b=batch: d.observe(b).report())  # type: ignore[misc]
    progress("one drift check in the kernel")
    kernel_ns = {(entry["columns"], entry["rows"]): _positive(entry, "ns") for entry in _kernel("checks")}
    return {shape: (ns, kernel_ns[shape]) for shape, ns in numpy_ns.items()}


def median_ns(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPETITIONS):
        begun = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - begun)
    return float(sorted(times)[len(times) // 2])


def _kernel(what: str) -> Iterator[dict[str, Any]]:
    """What `kernel-benchmark rule|checks` says: one JSON object a line."""
    try:
        ran = subprocess.run(
            [KERNEL_BENCHMARK, what],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
            text=True,
        )
        yield from [json.loads(line) for line in ran.stdout.splitlines()]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Failure(f"{KERNEL_BENCHMARK.name}: {error}") from error


def _positive(entry: dict[str, Any], key: str) -> float:
    value = float(entry[key])
    if not (math.isfinite(value) and value > 0):
        raise Failure(f"{KERNEL_BENCHMARK.name}: {entry}")
    return value
