"""The batches of `evaluation-benchmark gates` for tests that have one gate of the two: p < .05, or an index above .2."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from evaluation_runs import ask

SIGNIFICANCE, LEAST_INDEX, INDEX_BINS = 0.05, 0.2, 10
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    name: str
    reference: int
    rows: int
    shift: float
    features: int
    #: Of each feature.
    batches: int


#: The same populations as the program's; fewer batches where those of 10⁶ rows take long.
CASES = (
    Case("10⁶ rows, moved by 0.001σ", 1_000_000, 1_000_000, 0.001, 2, 4),
    Case("10⁶ rows, moved by 0.01σ", 1_000_000, 1_000_000, 0.01, 2, 4),
    Case("8 rows, not moved", 1_000, 8, 0, 100, 20),
    Case("1000 rows, moved by 0.5σ", 1_000, 1_000, 0.5, 100, 2),
)


@dataclass(frozen=True)
class Share:
    alarms: int
    batches: int

    def __str__(self) -> str:
        return f"{self.alarms:,} of {self.batches:,} ({self.alarms / self.batches:.2%})"


def stability_index(reference: Values, batch: Values) -> float:
    """PSI over tenths of the reference, each count raised by a half so that empty bins have a logarithm."""
    edges = np.quantile(reference, np.arange(1, INDEX_BINS) / INDEX_BINS)
    shares = []
    for values in (reference, batch):
        counts = np.bincount(np.searchsorted(edges, values), minlength=INDEX_BINS) + 0.5
        shares.append(counts / counts.sum())
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def peers(case: Case, seed: int) -> tuple[Share, Share]:
    significant = large = 0
    for feature in range(case.features):
        random = np.random.default_rng([seed, case.rows, feature])
        reference = random.standard_normal(case.reference)
        for _ in range(case.batches):
            batch = random.standard_normal(case.rows) + case.shift
            significant += ks_2samp(reference, batch).pvalue < SIGNIFICANCE
            large += stability_index(reference, batch) > LEAST_INDEX
    batches = case.features * case.batches
    return Share(int(significant), batches), Share(int(large), batches)


def run(seed: int, executor: Executor) -> Sequence[tuple[Case, Share, Share, Share]]:
    """Each case with the alarms of the detector of bins, of the significance, and of the index."""
    of_peers = [executor.submit(peers, case, seed) for case in CASES]
    ours = [Share(line["alarms"], line["batches"]) for line in ask("gates", seed)]
    return [
        (case, own, *found.result()) for case, own, found in zip(CASES, ours, of_peers, strict=True)
    ]
