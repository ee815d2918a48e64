"""Answers for the detectors that learn as they go, by numpy 2.4 and scipy 1.17, written out plainly.

    python make_streams.py        writes glr.json, meanvar.json and mmd.json beside this file

The streams are made here, so that they need nothing but the files. Splits are those that buckets of
powers of two allow, five of each size.
"""

import json
import math
import pathlib

import numpy
from scipy.stats import norm

HERE = pathlib.Path(__file__).parent


def boundaries(n):
    """Where splits may be after n observations: buckets, oldest first, and their cumulative sizes."""
    sizes = []
    for _ in range(n):
        sizes.append(1)
        size = 1
        while sizes.count(size) > 5:
            first = sizes.index(size)
            sizes[first:first + 2] = [2 * size]
            size *= 2
    return list(numpy.cumsum(sizes)[:-1])


def inflation(parts, previous, n):
    """(1 + rho) / (1 - rho) of the correlation within the parts."""
    squares = sum(((p - p.mean()) ** 2).sum() for p in parts)
    x = numpy.concatenate(parts)
    means = numpy.concatenate([numpy.full(len(p), p.mean()) for p in parts])
    products = float((x * previous).sum() - (means ** 2).sum())
    rho = products / squares
    if not rho > max(0.05, 2 / math.sqrt(n)):
        return 1.0
    rho = min(rho, 0.99)
    return (1 + rho) / (1 - rho)


def lagged(x):
    return numpy.concatenate([[0.0], x[:-1]])


def entropy(k, n):
    return 0.0 if k <= 0 or k >= n else k * math.log(k / n) + (n - k) * math.log1p(-k / n)


def glr(x, family):
    n = len(x)
    best = (0.0, 0)
    if n >= 40:
        for first in boundaries(n):
            before, after = x[:first], x[first:]
            if len(before) < 30 or len(after) < 10:
                continue
            if family == "rate":
                evidence = (entropy(after.sum(), len(after)) + entropy(before.sum(), len(before))
                            - entropy(x.sum(), n))
            else:
                within = ((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum()
                evidence = n / 2 * math.log(((x - x.mean()) ** 2).sum() / within)
            weight = math.log(len(before) * len(after) / n)
            if evidence > 0 and evidence + weight > best[0]:
                best = (evidence + weight, first, evidence)
    if not best[1]:
        return [0.0, 0]
    return [scored(best[2], x, best[1]), best[1]]


def scored(evidence, x, first):
    """The score of a split whose evidence is that of independent observations."""
    n, factor = len(x), inflation([x[:first], x[first:]], lagged(x), len(x))
    return evidence / factor + math.log(first * (n - first) / n / factor)


def correction(n):
    x = (n - 1) / 2
    return n / 2 * (math.log1p(-1 / n) - 1 / (2 * x) - 1 / (12 * x * x))


def meanvar(z):
    n = len(z)
    z = numpy.clip(z, -4, 4)
    best = None
    if n >= 40:
        for first in reversed(boundaries(n)):
            before, after = z[:first], z[first:]
            if len(before) < 20 or len(after) < 20:
                continue
            evidence = (n * math.log(z.var()) - len(before) * math.log(before.var())
                        - len(after) * math.log(after.var())) / 2
            scale = correction(n) - correction(len(before)) - correction(len(after))
            evidence /= max(scale, 1)
            effect = max(abs(after.mean() - before.mean()), abs(math.log(after.var() / before.var())) / 2)
            score = evidence + math.log(len(before) * len(after) / n)
            if evidence > 0 and score > (best[0] if best else 0):
                if effect >= 1 / 3 or not best or best[2] < 1 / 3:
                    best = (score, first, effect, evidence)
    if not best:
        return [0.0, 0]
    return [scored(best[3], z, best[1]), best[1]]


class SplitMix:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        return mixed ^ (mixed >> 31)

    def uniform(self):
        return (self.next() >> 11) * 2.0 ** -53

    def normal(self):
        return float(norm.ppf((self.next() >> 11) * 2.0 ** -53 + 2.0 ** -54))


def features(columns):
    random = SplitMix(0x74696465)
    pairs = [(a, b) for a in range(columns) for b in range(a + 1, columns)]
    frequencies = numpy.zeros((128, columns))
    for feature in range(128):
        chosen = range(columns)
        if columns > 2 and feature % 2 == 1:
            chosen = pairs[(feature // 2) % len(pairs)]
        for column in chosen:
            frequencies[feature, column] = random.normal() / math.sqrt(len(chosen))
    return frequencies, numpy.array([2 * math.pi * random.uniform() for _ in range(128)])


class MMD:
    def __init__(self, columns):
        self.frequencies, self.phases = features(columns)
        self.rows = numpy.zeros((0, 128))
        self.spread = None

    def learn(self):
        rows = self.rows
        n = len(rows)
        gram = (rows - rows.mean(axis=0)) @ (rows - rows.mean(axis=0)).T
        own = numpy.trace(gram)
        trace = own / (n - 1)
        of_square = (gram[numpy.triu_indices(n, 1)] ** 2).sum() / (n * (n - 1) / 2)
        inflation, least = 1.0, 2 / math.sqrt(trace * trace / of_square * n)
        for lag in range(1, n // 4):
            correlation = numpy.trace(gram, offset=lag) / own
            if not correlation > max(least, 0.05):
                break
            inflation += 2 * correlation
        self.spread = (trace, of_square, inflation)

    def next(self, row):
        phi = math.sqrt(2 / 128) * numpy.cos(self.frequencies @ row + self.phases)
        self.rows = numpy.vstack([self.rows, phi])
        n = len(self.rows)
        if n in (64, 128, 256, 512):
            self.learn()
        if n < 64:
            return [0.0, 0]
        trace, of_square, inflation = self.spread
        degrees = trace * trace / of_square
        best = [0.0, 0]
        for first in boundaries(n):
            if first < 30 or n - first < 8:
                continue
            distance = self.rows[first:].mean(axis=0) - self.rows[:first].mean(axis=0)
            weight = first * (n - first) / n / inflation
            x = weight * float(distance @ distance) * trace / of_square
            if x <= degrees:
                continue
            evidence = (x - degrees - degrees * math.log(x / degrees)) / 2
            score = evidence + math.log(max(1, weight))
            if score > best[0]:
                best = [score, first]
        return best


def write(name, value):
    with open(HERE / name, "w") as file:
        json.dump(value, file, default=lambda number: number.item())
        file.write("\n")


def main():
    random = numpy.random.default_rng(20261126)
    checked = [39, 40, 41, 64, 100, 137, 200, 251]
    rate = (random.random(251) < numpy.where(numpy.arange(251) < 150, 0.1, 0.4)).astype(float)
    mean = numpy.round(1e6 + random.normal(size=251) + (numpy.arange(251) >= 180) * 1.5, 6)
    sticky = numpy.zeros(251)
    for t in range(1, 251):
        sticky[t] = 0.6 * sticky[t - 1] + random.normal()
    sticky = numpy.round(sticky, 6)
    write("glr.json", [
        {"family": family, "values": values.tolist(),
         "answers": [[n] + glr(values[:n] if family == "rate" else values[:n] - values[0], family)
                     for n in checked]}
        for family, values in (("rate", rate), ("mean", mean), ("mean", sticky))])

    z = numpy.round(random.normal(size=251) * numpy.where(numpy.arange(251) < 160, 1, 1.8), 6)
    write("meanvar.json", [
        {"values": values.tolist(), "answers": [[n] + meanvar(values[:n]) for n in checked]}
        for values in (z, numpy.round(random.normal(size=251), 6), sticky)])

    table = numpy.round(random.normal(size=(150, 3)), 6)
    table[100:, 1] = numpy.round(0.9 * table[100:, 0] + 0.4 * table[100:, 1], 6)
    remembering = numpy.zeros((150, 3))
    for t in range(1, 150):
        remembering[t] = 0.8 * remembering[t - 1] + random.normal(size=3)
    write("mmd.json", [mmd_case(table), mmd_case(numpy.round(remembering, 6))])


def mmd_case(table):
    mmd = MMD(3)
    answers = [mmd.next(row) for row in table]
    return {"columns": 3, "values": table.ravel().tolist(),
            "answers": [[n] + answers[n - 1] for n in (63, 64, 90, 128, 129, 150)]}


if __name__ == "__main__":
    main()
