"""Writes bernoulli.json, bounded.json and quantile.json: the anchored e-detectors, by their definitions.

Not the recursion that the daemon runs, but the sum over start times: M_n is the sum over s <= n of the product of
the likelihood ratios of s..n, in 60 digits. Only the streams named `ceiling` and `tail` use the recursion, since the ceiling is
defined by it. The change point is the start time whose product is the largest before the newest observation.

Made with Python 3.11, mpmath 1.4.1 and numpy 2.4.6.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.dps = 60
FOLDER = Path(__file__).parent
HEADROOM = 10
GRID = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7]
BETS = [0.05, 0.1, 0.2, 0.4, 0.7, 0.95]


def wilson(k: float, n: float, z: float = 2.326) -> float:
    p = k / n
    return (p + z * z / (2 * n) + z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)


def evidence_by_sums(gains: list[mp.mpf]) -> list[mp.mpf]:
    """ln M_n for every n."""
    totals = [mp.mpf(0)]
    for gain in gains:
        totals.append(totals[-1] + gain)
    found = []
    for n in range(1, len(totals)):
        found.append(mp.log(mp.fsum(mp.exp(totals[n] - totals[s]) for s in range(n))))
    return found


def evidence_with_ceiling(gains: list[mp.mpf], ceiling: mp.mpf) -> list[mp.mpf]:
    m, found = mp.mpf(0), []
    for gain in gains:
        m = min((1 + m) * mp.exp(gain), mp.exp(ceiling))
        found.append(mp.log(m))
    return found


def starts(gains: list[mp.mpf]) -> list[int]:
    """For every n the start whose sum up to the observation before n is the largest; n itself has the empty sum."""
    totals = [mp.mpf(0)]
    for gain in gains:
        totals.append(totals[-1] + gain)
    found = []
    for n in range(len(gains)):
        sums = [totals[n] - totals[s] for s in range(n + 1)]
        best = max(sums)
        found.append(n if sums[n] >= best else next(s for s in range(n, -1, -1) if sums[s] == best))
    return found


def starts_with_ceiling(gains: list[mp.mpf], ceiling: mp.mpf) -> list[int]:
    run, start, found = mp.mpf(0), 0, []
    for n, gain in enumerate(gains):
        if run <= 0:
            run, start = mp.mpf(0), n
        run = min(run + gain, ceiling)
        found.append(start)
    return found


def is_ramp(values: list[float], weights: list[float]) -> bool:
    length = len(values)
    early = 2 ** (length.bit_length() - 1) // 2
    if early == 0:
        return False
    n1, n2 = sum(weights[:early]), sum(weights[early:])
    r1, r2 = sum(values[:early]) / n1, sum(values[early:]) / n2
    p = sum(values) / (n1 + n2)
    return r2 > r1 and (r2 - r1) ** 2 > 2.326**2 * p * (1 - p) * (1 / n1 + 1 / n2)


def judged(parts: list[dict], a: float, capped: bool, minimum: float) -> list[dict]:
    """Verdicts of a mixture; each part has gains, values, weights and the reference that effects are counted from."""
    ceiling = mp.log(a) + HEADROOM
    logs = [evidence_with_ceiling(p["gains"], ceiling) if capped else evidence_by_sums(p["gains"]) for p in parts]
    if not capped:
        assert max(max(each) for each in logs) < ceiling, "this stream needs the ceiling"
    begun = [starts_with_ceiling(p["gains"], ceiling) if capped else starts(p["gains"]) for p in parts]
    steps = []
    for n in range(len(parts[0]["gains"])):
        score = mp.log(mp.fsum(mp.exp(each[n]) for each in logs) / len(parts))
        best = max(range(len(parts)), key=lambda j: logs[j][n])
        s = begun[best][n]
        values, weights = parts[best]["values"][s : n + 1], parts[best]["weights"][s : n + 1]
        effect = sum(values) / sum(weights) - parts[best]["reference"]
        steps.append({
            "score": float(score),
            "change": s,
            "gradual": is_ramp(values, weights),
            "effect": effect,
            "count": int(sum(weights)),
            "drifted": bool(score >= mp.log(a) and effect >= minimum),
        })
    return steps


def shown(steps: list[dict], every: int) -> list[dict]:
    return [dict(step=n, **each) for n, each in enumerate(steps) if n % every == every - 1 or n < 3]


def bernoulli_parts(stream: list[tuple[int, int]], m: float, reference: float) -> list[dict]:
    parts = []
    for share in GRID:
        p = mp.mpf(m) + (1 - mp.mpf(m)) * share
        gain, other = mp.log(p / m), mp.log((1 - p) / (1 - mp.mpf(m)))
        parts.append({
            "gains": [k * gain + (n - k) * other for k, n in stream],
            "values": [k for k, _ in stream],
            "weights": [n for _, n in stream],
            "reference": reference,
        })
    return parts


def bernoulli(rng: np.random.Generator) -> dict:
    cases = []
    for name, reference, rates, n, capped in [
        ("quiet", (50, 1000), [0.05] * 120, 100, False),
        ("single_cases", (100, 1000), [0.1] * 60 + [0.3] * 60, 1, False),
        ("five_points", (50, 1000), [0.05] * 40 + [0.1] * 20, 20, False),
        ("slow", (500, 10000), list(np.linspace(0.05, 0.11, 60)), 40, False),
        ("large", (50, 1000), [0.05] * 5 + [0.051] * 5, 100_000, False),
        ("ceiling", (50, 1000), [0.05] * 20 + [0.3] * 40 + [0.05] * 30, 100, True),
    ]:
        stream = [(int(rng.binomial(n, p)), n) for p in rates]
        m = wilson(*reference)
        steps = judged(bernoulli_parts(stream, m, reference[0] / reference[1]), 1e4, capped, 0.01)
        cases.append({
            "name": name,
            "reference": list(reference),
            "bound": m,
            "stream": stream,
            "steps": shown(steps, 1 if len(stream) < 20 else 4),
        })
    return {"average_run_length": 1e4, "cases": cases}


def bounded(rng: np.random.Generator) -> dict:
    cases = []
    for name, mean, tolerance, side, values in [
        ("quiet", 0.5, 0.02, "both", rng.beta(5, 5, 100)),
        ("up", 0.3, 0.01, "up", np.r_[rng.beta(3, 7, 40), rng.beta(4.2, 5.8, 60)]),
        ("down", 0.6, 0.0, "both", np.r_[rng.beta(6, 4, 40), rng.beta(4.5, 5.5, 60)]),
        ("only_down", 0.6, 0.05, "down", np.r_[rng.beta(6, 4, 40), rng.beta(8, 2, 60)]),
        ("outside", 0.5, 0.02, "both", rng.normal(0.5, 0.4, 80)),
        ("ceiling", 0.2, 0.02, "both", np.r_[rng.beta(2, 8, 20), rng.beta(8, 2, 50), rng.beta(2, 8, 30)]),
    ]:
        kept = [float(min(max(x, 0), 1)) for x in values]
        parts = []
        if side != "down":
            for bet in BETS:
                parts.append({
                    "gains": [mp.log(1 + mp.mpf(bet) * (mp.mpf(x) / mp.mpf(mean + tolerance) - 1)) for x in kept],
                    "values": kept,
                    "weights": [1] * len(kept),
                    "reference": mean,
                })
        if side != "up":
            low = mp.mpf(mean) - mp.mpf(tolerance)
            for bet in BETS:
                # The same bet in x itself: lambda from -low/(1-low) to 0.
                own = -mp.mpf(bet) * low / (1 - low)
                parts.append({
                    "gains": [mp.log(1 + own * (mp.mpf(x) / low - 1)) for x in kept],
                    "values": [1 - x for x in kept],
                    "weights": [1] * len(kept),
                    "reference": 1 - mean,
                })
        steps = judged(parts, 1e4, name == "ceiling", 0.01)
        cases.append({
            "name": name,
            "mean": mean,
            "tolerance": tolerance,
            "side": side,
            "values": [float(x) for x in values],
            "clamped": int(sum(x < 0 or x > 1 for x in values)),
            "steps": shown(steps, 4),
        })
    return {"average_run_length": 1e4, "cases": cases}


def quantile(rng: np.random.Generator) -> dict:
    reference = np.round(rng.lognormal(4, 0.5, 1000), 3)
    limits = [float(np.quantile(reference, level, method="inverted_cdf")) for level in (0.5, 0.95, 0.99)]
    cases = []
    for name, batches in [
        ("quiet", [rng.lognormal(4, 0.5, 40) for _ in range(60)]),
        ("slower", [rng.lognormal(4, 0.5, 40) for _ in range(30)] + [rng.lognormal(4.06, 0.5, 40) for _ in range(20)]),
        (
            "tail",
            [rng.lognormal(4, 0.5, 40) for _ in range(30)]
            + [np.where(rng.random(40) < 0.06, 900.0, rng.lognormal(4, 0.5, 40)) for _ in range(12)],
        ),
    ]:
        above = [[int((batch > limit).sum()) for limit in limits] for batch in batches]
        counts = [len(batch) for batch in batches]
        each = []
        for place, level in enumerate((0.5, 0.95, 0.99)):
            stream = [(above[i][place], counts[i]) for i in range(len(counts))]
            bound = wilson((1 - level) * 1000, 1000)
            each.append(judged(bernoulli_parts(stream, bound, 1 - level), 1e4, name == "tail", 0.01))
        steps = []
        for n in range(len(counts)):
            best = max(range(3), key=lambda q: each[q][n]["score"])
            score = float(mp.log(mp.fsum(mp.exp(mp.mpf(each[q][n]["score"])) for q in range(3)) / 3))
            step = dict(each[best][n], score=score, heaviest=best)
            step["drifted"] = score >= math.log(1e4) and step["effect"] >= 0.01
            steps.append(step)
        stream = [[*a, n] for a, n in zip(above, counts)]
        cases.append({"name": name, "stream": stream, "steps": shown(steps, 3)})
    return {"reference": [float(x) for x in reference], "quantiles": limits, "cases": cases}


def main() -> None:
    rng = np.random.default_rng(20260301)
    for name, made in [("bernoulli", bernoulli(rng)), ("bounded", bounded(rng)), ("quantile", quantile(rng))]:
        (FOLDER / f"{name}.json").write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
