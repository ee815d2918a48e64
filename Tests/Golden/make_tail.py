"""Writes tail.json: fits of generalised Pareto laws and the thresholds that follow, by scipy's own likelihood.

Made with Python 3.11, numpy 2.4.6 and scipy 1.17.1.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import genpareto


def fit(y: np.ndarray) -> tuple[float, float]:
    """Shape >= 0 and scale of greatest likelihood."""
    scale = y.mean()

    def loss(parameters: np.ndarray) -> float:
        shape, log_scale = parameters
        return -genpareto.logpdf(y / scale, shape, scale=np.exp(log_scale)).sum() / len(y)

    best = None
    for begin in (0.05, 0.3, 1.0):
        found = minimize(
            loss, [begin, 0.0], bounds=[(0, None), (-10, 10)], method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10}
        )
        found = minimize(
            loss, found.x, bounds=[(0, None), (-10, 10)], method="Nelder-Mead", options={"xatol": 1e-11, "fatol": 1e-15}
        )
        if best is None or found.fun < best.fun:
            best = found
    return float(best.x[0]), float(np.exp(best.x[1]) * scale)


def threshold(base: float, y: np.ndarray, values: int, excesses: int, risk: float) -> float:
    shape, scale = fit(y)
    return base + float(genpareto.isf(min(1, risk * values / excesses), shape, scale=scale))


def stream(reference: np.ndarray, values: np.ndarray, risk: float) -> tuple[float, float, list[dict], float]:
    base = float(np.quantile(reference, 0.98, method="inverted_cdf"))
    kept = [float(x - base) for x in reference if x > base]
    n, learned = len(reference), len(kept)
    first = limit = threshold(base, np.array(kept[-192:]), n, learned, risk)
    alarms = []
    for place, x in enumerate(values):
        if x > limit:
            alarms.append({"step": place, "threshold": limit})
            continue
        n += 1
        if x > base:
            kept.append(float(x - base))
            learned += 1
            if learned % 8 == 0:
                limit = threshold(base, np.array(kept[-192:]), n, learned, risk)
    return base, first, alarms, limit


def main() -> None:
    rng = np.random.default_rng(20260302)
    fits = []
    for name, y in [
        ("heavy", rng.pareto(3, 150) * 20),
        ("light", rng.exponential(7, 192)),
        ("short", rng.uniform(0, 5, 60)),
        ("very_heavy", rng.pareto(0.8, 100)),
        ("few", np.array([1.0, 2.5, 30.0])),
    ]:
        shape, scale = fit(y)
        fits.append({"name": name, "excesses": [float(x) for x in y], "shape": shape, "scale": scale})
    streams = []
    for name, draw in [("lognormal", lambda n: rng.lognormal(4, 0.6, n)), ("gamma", lambda n: rng.gamma(3, 20, n))]:
        reference, values = np.round(draw(1000), 4), np.round(draw(3000), 4)
        values[2500] = 4000.0
        base, first, alarms, last = stream(reference, values, 1e-3)
        streams.append({
            "name": name,
            "risk": 1e-3,
            "reference": [float(x) for x in reference],
            "values": [float(x) for x in values],
            "base": base,
            "first": first,
            "alarms": alarms,
            "last": last,
        })
    made = json.dumps({"fits": fits, "streams": streams}, separators=(",", ":"))
    (Path(__file__).parent / "tail.json").write_text(made + "\n")


if __name__ == "__main__":
    main()
