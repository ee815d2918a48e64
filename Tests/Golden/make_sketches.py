"""Writes sketches.json: what independent implementations say of the summaries' inputs.

Made with Python 3, numpy 2.4.6, xxhash 4.1.0, datasketches 5.2.0, ddsketch 3.0.1:

    python Tests/Golden/make_sketches.py

The inputs are not in the file: both sides draw them from SplitMix64 with the case's seed, by IEEE arithmetic
alone. DataSketches' KLL sketch draws its coins anew, so its ranks differ a little from run to run.
"""

import collections
import json
import pathlib
import struct

import datasketches
import ddsketch
import numpy
import xxhash

GAMMA = 0x9E3779B97F4A7C15


def units(seed: int, count: int) -> numpy.ndarray:
    """What the tests' SeededGenerator draws, as multiples of 2^-53 in [0, 1)."""
    with numpy.errstate(over="ignore"):
        state = numpy.uint64(seed) + numpy.uint64(GAMMA) * numpy.arange(1, count + 1, dtype=numpy.uint64)
        state = (state ^ (state >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        state ^= state >> numpy.uint64(31)
    return (state >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53


def drawn(kind: str, seed: int, count: int) -> numpy.ndarray:
    unit = units(seed, count)
    match kind:
        case "uniform":
            return unit
        case "heavy":  # positive, with a tail of 1/x
            return unit / (1 - unit)
        case "signed":  # both signs, both tails heavy
            return (unit - 0.5) / (unit * (1 - unit) + 1e-12)
        case "steps":  # ten values, many ties, zero among them
            return numpy.floor(unit * 10)
        case "offset":  # a mean a thousand million deviations away
            return 1e9 + unit
        case "zipf":  # category 1 in half of all rows, 2 in a sixth, …
            return numpy.floor(1 / (1 - unit))
    raise ValueError(kind)


def hashes() -> dict:
    texts = [bytes((7 * index + length) % 256 for index in range(length)) for length in range(0, 72)]
    texts += [b"a", b"abc", "Zürich".encode(), b"Nobody inspects the spammish repetition"]
    numbers = [0.0, 1.0, -1.0, 0.1, 3.0, 1e300, 5e-324, 2.0**53]
    return {
        "bytes": [
            {"hex": text.hex(), "seed": f"{seed:x}", "hash": xxhash.xxh64(text, seed=seed).hexdigest()}
            for text in texts
            for seed in (0, GAMMA)
        ],
        "numbers": [
            {"number": number, "hash": xxhash.xxh64(struct.pack("<d", number)).hexdigest()}
            for number in numbers
        ],
    }


def moments() -> list:
    cases = []
    for seed, kind in enumerate(["uniform", "heavy", "signed", "steps", "offset"], 10):
        values = drawn(kind, seed, 5_000)
        cases.append(
            {
                "kind": kind, "seed": seed, "n": len(values), "mean": values.mean(), "std": values.std(),
                "min": values.min(), "max": values.max(),
            }
        )
    return cases


def quantiles() -> list:
    """At the exact quantiles of 19 fractions: the exact rank, and that of DataSketches' KLL sketch."""
    cases = []
    fractions = numpy.arange(1, 20) / 20
    for seed, (kind, count) in enumerate(
        [("uniform", 300), ("uniform", 60_000), ("heavy", 60_000), ("signed", 60_000), ("steps", 20_000)], 20
    ):
        values = drawn(kind, seed, count)
        points = numpy.quantile(values, fractions, method="inverted_cdf")
        exact = numpy.searchsorted(numpy.sort(values), points, side="right") / count
        sketch = datasketches.kll_doubles_sketch(512)
        sketch.update(values)
        cases.append(
            {
                "kind": kind, "seed": seed, "n": count, "points": points.tolist(), "ranks": exact.tolist(),
                "datasketches": [sketch.get_rank(point, True) for point in points.tolist()],
                "retained": sketch.num_retained, "error": sketch.normalized_rank_error(False),
            }
        )
    return cases


def latencies() -> list:
    """Exact quantiles, and those of Datadog's DDSketch at 1 %, null where its rank is of another value."""
    cases = []
    fractions = [0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]
    for seed, (kind, count) in enumerate(
        [("heavy", 300), ("heavy", 60_000), ("uniform", 20_000), ("signed", 20_000), ("steps", 5_000)], 30
    ):
        values = drawn(kind, seed, count)
        sketch = ddsketch.DDSketch(0.01)
        for value in values.tolist():
            sketch.add(value)
        exact = numpy.quantile(values, fractions, method="inverted_cdf").tolist()
        lower = numpy.quantile(values, fractions, method="lower").tolist()
        cases.append(
            {
                "kind": kind, "seed": seed, "n": count, "fractions": fractions, "exact": exact,
                "ddsketch": [
                    sketch.get_quantile_value(fraction) if own == other else None
                    for fraction, own, other in zip(fractions, exact, lower)
                ],
            }
        )
    return cases


def heavy() -> list:
    """The true counts of the most frequent, and the bounds of DataSketches' sketch of frequent items."""
    cases = []
    for seed, count in [(40, 500), (41, 100_000)]:
        names = [f"category {int(value)}" for value in drawn("zipf", seed, count)]
        true = collections.Counter(names)
        sketch = datasketches.frequent_strings_sketch(7)
        for name in names:
            sketch.update(name)
        top = sorted(true.items(), key=lambda item: (-item[1], item[0]))[:30]
        cases.append(
            {
                "kind": "zipf", "seed": seed, "n": count, "distinct": len(true),
                "top": [
                    {
                        "name": name, "count": times,
                        "lower": sketch.get_lower_bound(name), "upper": sketch.get_upper_bound(name),
                    }
                    for name, times in top
                ],
            }
        )
    return cases


def cardinality() -> list:
    """The true number of distinct values, and the estimate of DataSketches' HyperLogLog of 2^12 registers."""
    cases = []
    for seed, distinct in enumerate([1, 10, 100, 1_000, 3_000, 10_000, 30_000, 100_000], 50):
        count = 2 * distinct
        values = numpy.floor(units(seed, count) * distinct)
        sketch = datasketches.hll_sketch(12)
        for value in values.tolist():
            sketch.update(value)
        cases.append(
            {
                "seed": seed, "n": count, "below": distinct, "distinct": len(numpy.unique(values)),
                "datasketches": sketch.get_estimate(),
            }
        )
    return cases


if __name__ == "__main__":
    answers = {
        "about": "answers of other implementations on drawn inputs; see make_sketches.py",
        "hashes": hashes(), "moments": moments(), "quantiles": quantiles(), "latencies": latencies(),
        "heavy": heavy(), "cardinality": cardinality(),
    }
    target = pathlib.Path(__file__).with_name("sketches.json")
    target.write_text(json.dumps(answers, separators=(",", ":")) + "\n")
