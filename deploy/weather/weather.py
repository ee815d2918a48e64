"""The weather data and the model of the demonstration. Nothing here knows of ZeroMQ.

`weather.csv` holds one day a row, in order, without dates; WEATHER-NOTICE.md says where it comes from and
what is wrong in it. Days are given nominal dates so that the events carry real times.
"""

from __future__ import annotations

import csv
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import List, NamedTuple

import numpy as np

FIRST_DAY = datetime.date(1949, 1, 1)
YEAR = 365
TRAINING_DAYS = 10 * YEAR
BATCH_DAYS = 30

# How much of the past a retrained model learns from. Measured on these data, the accuracy over the years after
# the first retrain (left alone: 0.681): 1 year 0.770, 2 years 0.773, 3 years 0.775, 5 years 0.770, 10 years
# 0.764. One year has few days for nine coefficients and one winter only; ten years go on teaching the model
# what the columns used to hold for ten years after they have changed. Every choice recovers most of the loss.
WINDOW_DAYS = 3 * YEAR


class Weather(NamedTuple):
    """The days in order: a row of features each, and whether it rained (0 or 1)."""

    feature_names: List[str]
    rows: np.ndarray
    rain: np.ndarray


def load(path: Path) -> Weather:
    """Reads the CSV file; its last column is the label."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        names = next(lines)
        values = np.array([[float(cell) for cell in line] for line in lines])
    return Weather(names[:-1], values[:, :-1], values[:, -1])


def day(row: int) -> datetime.date:
    """The nominal date of a row."""
    return FIRST_DAY + datetime.timedelta(days=row)


def time_of(row: int) -> str:
    """The nominal date of a row as an RFC 3339 time."""
    return day(row).isoformat() + "T00:00:00Z"


@dataclass(frozen=True)
class Model:
    """A logistic regression over standardised features."""

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """0 or 1 for each row."""
        return (self._design(rows) @ self.weights > 0).astype(float)

    def accuracy(self, rows: np.ndarray, rain: np.ndarray) -> float:
        """The share of rows that are predicted rightly."""
        return float((self.predict(rows) == rain).mean())

    def _design(self, rows: np.ndarray) -> np.ndarray:
        """Features clipped to what training saw, standardised, behind a column of ones.

        Clipping keeps a broken reading (a pressure of 94, where the rest of ten years lies within ±0.8)
        from drowning the other features.
        """
        standard = (np.clip(rows, self.low, self.high) - self.mean) / self.scale
        return np.column_stack([np.ones(len(rows)), standard])


def train(rows: np.ndarray, rain: np.ndarray, penalty: float = 1.0) -> Model:
    """Fits a logistic regression with an L2 penalty (not on the intercept) by Newton's method."""
    low, high = np.percentile(rows, [0.5, 99.5], axis=0)
    clipped = np.clip(rows, low, high)
    weights = np.zeros(rows.shape[1] + 1)
    model = Model(low, high, clipped.mean(axis=0), clipped.std(axis=0) + 1e-9, weights)
    design = model._design(rows)
    ridge = penalty * np.diag([0.0] + [1.0] * rows.shape[1])
    for _ in range(50):
        probability = 1.0 / (1.0 + np.exp(-(design @ weights)))
        gradient = design.T @ (probability - rain) + ridge @ weights
        curvature = (design * (probability * (1.0 - probability))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return model


def cross_validated_accuracy(rows: np.ndarray, rain: np.ndarray, folds: int = 5) -> float:
    """An honest accuracy: each of `folds` blocks in time is predicted by a model that never saw it.

    Blocks and not random days, because a day is much like the day before it.
    """
    right = 0.0
    for block in np.array_split(np.arange(len(rows)), folds):
        seen = np.ones(len(rows), dtype=bool)
        seen[block] = False
        model = train(rows[seen], rain[seen])
        right += float((model.predict(rows[block]) == rain[block]).sum())
    return right / len(rows)
