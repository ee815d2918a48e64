"""What the served data themselves say about a column: days that cannot be, values out of range, columns moved."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import List, Optional

import numpy as np

import weather

IMPOSSIBLE = 50.0  # spreads from the middle; the most extreme day of a sound column here is at 9


@dataclass(frozen=True)
class Fault:
    """The column with the most impossible value, and what else is known of it."""

    column: int
    wild_rows: List[int]
    spreads_away: float
    low: float  # the range of the first baseline without the wild rows
    high: float
    share_outside: float  # of the served values, outside that range
    deviation_with: float  # the standard deviation of the first baseline, with the wild rows and without
    deviation_without: float
    broken_from: Optional[int]  # the first row of the first batch most of which lies outside the range
    behaves_as: Optional[int]  # the column that it varies like from there on, by the first baseline
    columns_moved: int


def find_fault(rows: np.ndarray, served: int) -> Optional[Fault]:
    """Looks at the training rows and the `served` rows after them. Nothing when no column has a wild value."""
    first = rows[:weather.TRAINING_DAYS]
    quartiles = np.percentile(first, [25, 50, 75], axis=0)
    spread = (quartiles[2] - quartiles[0]) / 1.349  # the standard deviation if the middle half is normal
    seen = rows[:weather.TRAINING_DAYS + served]
    away = np.abs(seen - quartiles[1]) / spread
    column = int(away.max(axis=0).argmax())
    wild = np.flatnonzero(away[:, column] > IMPOSSIBLE)
    if wild.size == 0:
        return None
    sound = np.delete(first[:, column], wild[wild < len(first)])
    low, high = float(sound.min()), float(sound.max())
    outside = (seen[:, column] < low) | (seen[:, column] > high)
    starts = range(weather.TRAINING_DAYS, len(seen), weather.BATCH_DAYS)
    broken = next((start for start in starts if outside[start:start + weather.BATCH_DAYS].mean() > 0.5), None)
    order = list(range(rows.shape[1])) if broken is None else column_order(first, seen[broken:])
    return Fault(
        column=column, wild_rows=wild.tolist(), spreads_away=float(away[:, column].max()), low=low, high=high,
        share_outside=float(outside[len(first):].mean()), deviation_with=float(first[:, column].std()),
        deviation_without=float(sound.std()), broken_from=broken,
        behaves_as=None if broken is None else order.index(column),
        columns_moved=sum(now != before for before, now in enumerate(order)))


def column_order(before: np.ndarray, after: np.ndarray) -> List[int]:
    """Where each column of `before` stands in `after`, judged by how the columns vary together.

    Of all orders of the columns, the one that brings the rank correlations of `after` closest to those of
    `before`. Ranks, so that neither a wild value nor a change of scale matters.
    """
    wanted, found = rank_correlations(before), rank_correlations(after)
    orders = np.array(list(itertools.permutations(range(before.shape[1]))))
    distance = ((found[orders[:, :, None], orders[:, None, :]] - wanted) ** 2).sum(axis=(1, 2))
    return [int(column) for column in orders[distance.argmin()]]


def rank_correlations(rows: np.ndarray) -> np.ndarray:
    """The correlation matrix of the columns' ranks."""
    return np.corrcoef(rows.argsort(axis=0).argsort(axis=0).astype(float), rowvar=False)
