"""Answers for the detector of bins, by the book: `python make_bins.py > bins.json`.

Needs numpy and scipy; the file says which versions made it. Every likelihood is computed whole from
its counts, by scipy's gammaln; no level is kept, and nothing is done for several columns at once.
"""

import json
import math

import numpy
import scipy
import scipy.stats
from scipy.special import gammaln, logsumexp

LIMIT, STRENGTH, LEAST, STARTS = math.log(10_000), 200, 0.1, 12


def likelihood(counts, alpha):
    """ln of the Dirichlet-multinomial likelihood of one order of these counts."""
    return (
        gammaln(alpha.sum()) - gammaln(alpha.sum() + counts.sum())
        + (gammaln(alpha + counts) - gammaln(alpha)).sum()
    )


class Detector:
    def __init__(self, reference, dependence):
        self.reference, self.dependence = numpy.array(reference, float), dependence
        self.bins, self.rows = len(reference), sum(reference)
        self.prior = self.reference / dependence + 0.5
        strength = min(STRENGTH, max(1, self.rows / dependence / 5))
        self.around = strength * self.prior / self.prior.sum()
        self.batches, self.alarm = 0, None
        self.renew()

    def renew(self):
        self.starts = []  # oldest first
        self.learnt = numpy.zeros(self.bins)

    def merge(self, index):
        older, newer = self.starts[index:index + 2]
        kept = older if older["weight"] >= newer["weight"] else newer
        size = older["size"] + 1 if older["size"] == newer["size"] else older["size"]
        weight = logsumexp([older["weight"], newer["weight"]])
        self.starts[index:index + 2] = [{**kept, "size": size, "weight": weight}]

    def make_room(self):
        size = 0
        while True:
            same = [i for i, start in enumerate(self.starts) if start["size"] == size]
            if len(same) < 3:
                break
            self.merge(same[0])
            size += 1
        if len(self.starts) == STARTS:
            self.merge(0)

    def index(self, counts):
        """PSI less its expectation."""
        p = (self.reference + 0.5) / (self.rows + self.bins / 2)
        q = (counts + 0.5) / (counts.sum() + self.bins / 2)
        expected = (self.bins - 1) * (1 / counts.sum() + 1 / self.rows) * self.dependence
        return float(((q - p) * numpy.log(q / p)).sum() - expected)

    def observe(self, batch):
        batch = numpy.array(batch, float)
        self.batches += 1
        if batch.sum() == 0:
            return {"drifted": False, "score": None, "count": 0}
        self.make_room()
        self.starts.append({
            "begin": self.batches - 1, "size": 0, "weight": 0.0, "counts": numpy.zeros(self.bins)})
        scale = self.dependence
        common = (
            likelihood((self.learnt + batch) / scale, self.prior) - likelihood(self.learnt / scale, self.prior))
        for start in self.starts:
            after = start["counts"] + batch
            start["weight"] += (
                likelihood(after / scale, self.around) - likelihood(start["counts"] / scale, self.around)
                - common)
            start["counts"] = after
        if self.alarm is None:
            self.learnt = self.learnt + batch
        score = float(logsumexp([start["weight"] for start in self.starts]))

        if self.alarm is not None:
            self.alarm.append(batch)
            seen = sum(self.alarm)
            if len(self.alarm) >= 3 and seen.sum() >= 10 * (self.bins - 1) * scale:
                effect = self.index(seen)
                self.alarm = []
                if effect < LEAST:
                    self.alarm = None
                    self.renew()
                    return {"drifted": False, "score": score, "count": int(seen.sum()), "effect": effect}

        chosen = max(self.starts, key=lambda start: start["weight"])
        if score >= LIMIT and self.index(chosen["counts"]) < LEAST:
            far = [
                start for start in self.starts
                if start["weight"] >= LIMIT - math.log(STARTS) and self.index(start["counts"]) >= LEAST]
            if far:
                chosen = max(far, key=lambda start: start["weight"])
        effect = self.index(chosen["counts"])
        verdict = {
            "drifted": score >= LIMIT and effect >= LEAST, "score": score,
            "count": int(chosen["counts"].sum()), "effect": effect}
        if verdict["drifted"]:
            if self.alarm is None:
                self.alarm = []
            verdict |= self.change(chosen)
        return verdict

    def halfway(self, begin):
        middle = (begin + self.batches) // 2
        later = [start for start in self.starts if start["begin"] > begin]
        return min(later, key=lambda start: abs(start["begin"] - middle), default=None)

    def change(self, chosen):
        later = self.halfway(chosen["begin"])
        latest = later and self.halfway(later["begin"])
        trend = 0
        if latest:
            q = (chosen["counts"] + 0.5) / (chosen["counts"] + 0.5).sum()
            p = (self.reference + 0.5) / (self.reference + 0.5).sum()
            score = numpy.log(q / p)
            first, second = later["counts"] - latest["counts"], latest["counts"]
            means = [(rows * score).sum() / rows.sum() for rows in (first, second)]
            variance = sum(
                (rows * (score - mean) ** 2).sum() for rows, mean in zip((first, second), means)
            ) / (first + second).sum()
            error = variance * (1 / first.sum() + 1 / second.sum()) * self.dependence
            trend = (means[1] - means[0]) / math.sqrt(error) if error > 0 else 0
        return {"begin": chosen["begin"], "kind": "gradual" if trend >= 3 else "abrupt"}


def run(name, reference, batches, dependence=1.0):
    detector = Detector(reference, dependence)
    return {
        "name": name, "reference": [int(c) for c in reference], "dependence": dependence,
        "batches": [
            {"counts": [int(c) for c in batch]} | detector.observe(batch) for batch in batches],
    }


def main():
    random = numpy.random.default_rng(20)
    flat = [0] + [50] * 20
    edges = numpy.array([-math.inf] + [scipy.stats.norm.ppf(i / 20) for i in range(1, 20)] + [math.inf])

    def normal(rows, mean=0.0):
        counts, _ = numpy.histogram(random.normal(mean, 1, rows), edges)
        return [0, *counts]

    words = numpy.array([0.01, 0.4, 0.3, 0.2, 0.08, 0.01, 0.0])
    other = numpy.array([0.05, 0.3, 0.2, 0.2, 0.1, 0.1, 0.05])
    cases = [
        run("shift and return", flat,
            [normal(1000, 0.7 if 12 <= t < 20 else 0) for t in range(30)]),
        run("ramp", flat, [normal(200, max(0, t - 10) * 0.03) for t in range(40)]),
        run("small batches, long", flat, [normal(8, 0.9 if t >= 80 else 0) for t in range(120)]),
        run("many rows, a small shift, then a large one", flat,
            [normal(20_000, 0 if t < 3 else 0.15) if t < 12 else normal(200, 0.9) for t in range(20)]),
        run("dependent rows", flat, [normal(100, 1 if 10 <= t < 20 else 0) for t in range(30)], 3.0),
        run("categories", random.multinomial(500, words),
            [random.multinomial([0, 8, 100, 1][t % 4], words if t < 14 else other) for t in range(36)]),
        run("constant", [0, 0, 100, 0], [[0, 0, 10, 0]] * 5 + [[0, 1, 8, 1]] * 6 + [[10, 0, 0, 0]] * 8),
    ]
    versions = {"numpy": numpy.__version__, "scipy": scipy.__version__}
    x = [1e-290, 1e-9, 0.1, 0.5, 0.95238, 1.0, 1.0000001, 1.5, 1.999999, 2.0, 2.5, 3.0, 7.0, 7.999999999, 8.0,
         8.5, 9.52380952, 15.9, 16.0, 100.25, 1000.5, 1e5, 123456.75, 1e7, 2.0**31, 1e10, 1e15, 1e100, 1e300]
    x += [float(v) for v in random.uniform(0, 20, 200)] + [float(v) for v in 10 ** random.uniform(-3, 9, 200)]
    gamma = [[v, float(gammaln(v))] for v in x]
    print(json.dumps({"versions": versions, "log_gamma": gamma, "cases": cases}, separators=(",", ":")))


if __name__ == "__main__":
    main()
