"""The time of one drift check, by features and rows."""

from __future__ import annotations

import statistics

import rule
from report import line, significant, table
from section import Bench


class Checks:
    is_repeated = True

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._rounds: list[dict[tuple[int, int], tuple[float, float]]] = []

    def take_turn(self) -> None:
        self._rounds.append(rule.checks(self._bench.progress))

    def page(self) -> list[str]:
        titles = ["features", "rows", "kernel, µs", "numpy, µs", "numpy ÷ kernel", "kernel, ns/value"]
        lines = ["## One drift check with its report, FP64 in process", "", *table(titles, "rrrrrr")]
        for columns, rows in self._rounds[0]:
            numpy_ns, kernel_ns = zip(*(times[columns, rows] for times in self._rounds), strict=True)
            ratios = [a / b for a, b in zip(numpy_ns, kernel_ns, strict=True)]
            kernel = statistics.median(kernel_ns)
            cells = [
                f"{columns:,}",
                f"{rows:,}",
                significant(kernel / 1000),
                significant(statistics.median(numpy_ns) / 1000),
                significant(statistics.median(ratios)),
                significant(kernel / (columns * rows)),
            ]
            lines.append(line(cells))
        return lines
