"""What the figures rest on, checked before each run: `python -m unittest evaluation_checks` checks it alone."""

from __future__ import annotations

import math
import unittest

import numpy as np
from scipy.stats import poisson

from evaluation_gates import stability_index
from evaluation_plots import spread
from evaluation_runs import RunLength, interval, level_of
from evaluation_streams import Stream, judge, stored


class Intervals(unittest.TestCase):
    def test_agree_with_the_table(self) -> None:
        """Ulm, American Journal of Epidemiology 131 (1990): exact limits of a Poisson count."""
        for count, low, high in ((0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904), (100, 81.3640, 121.6272)):
            shortest, longest = interval(count, 1.0)
            self.assertAlmostEqual(1 / shortest, high, places=3)
            self.assertAlmostEqual(1 / longest if count else 0.0, low, places=3)

    def test_cover_what_they_promise(self) -> None:
        for mean in (0.5, 1.5, 4.0, 20.0, 80.0):
            covered = sum(
                poisson.pmf(count, mean)
                for count in range(400)
                if interval(count, mean)[0] <= 1 <= interval(count, mean)[1]
            )
            self.assertGreaterEqual(covered, 0.95, mean)

    def test_verdicts(self) -> None:
        self.assertEqual(RunLength(3, 0, 5_000).verdict, "kept")
        self.assertEqual(RunLength(3, 0, 3_000).verdict, "undecided")
        self.assertEqual(RunLength(3, 50, 20_000).verdict, "NOT kept")
        self.assertEqual(RunLength(3, 50, 50_000).verdict, "undecided")


class Levels(unittest.TestCase):
    def test_are_read_off_between(self) -> None:
        runs = [RunLength(2, 100, 100_000), RunLength(3, 100, 10_000_000), RunLength(4, 1, 10_000_000)]
        found = level_of(4, runs)
        self.assertIsNotNone(found)
        self.assertAlmostEqual(found or math.nan, 2.5)
        self.assertIsNone(level_of(6, runs))


class Streams(unittest.TestCase):
    def test_are_as_they_were(self) -> None:
        found = {each.name: each for each in stored()}
        self.assertEqual(len(found), 11)
        first = found["tornado_sine1#0"]
        self.assertEqual((len(first.errors), first.change), (20_000, 17_000))
        self.assertAlmostEqual(first.rates[0], 0.1407, places=4)

    def test_are_judged_by_the_first_alarm_after_the_change(self) -> None:
        stream = Stream("", "abrupt", 5_000, bytes(10_000))
        for alarms, false, delay in (([10, 5_000, 5_100], 1, 0), ([4_999], 1, None), ([5_100], 0, 100), ([8_000], 0, None)):
            outcome = judge(lambda _, alarms=alarms: alarms, stream)  # type: ignore[misc]
            self.assertEqual((outcome.false, outcome.delay), (false, delay))


class Others(unittest.TestCase):
    def test_labels_move_apart_in_order(self) -> None:
        places = spread([0.0, 0.01, 5.0, 0.02], 0.1)
        self.assertGreaterEqual(places[1] - places[0], 0.0999)
        self.assertGreaterEqual(places[3] - places[1], 0.0999)
        self.assertEqual(places[2], 5.0)

    def test_index_of_a_population_with_itself_is_none(self) -> None:
        values = np.arange(1_000.0)
        self.assertAlmostEqual(stability_index(values, values), 0.0)
        self.assertGreater(stability_index(values, values + 500), 1.0)


if __name__ == "__main__":
    unittest.main()
