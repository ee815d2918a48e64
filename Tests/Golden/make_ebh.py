"""Writes ebh.json: e-BH by its definition, over every k.

Made with Python 3.11 and numpy 2.4.6.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np


def largest_k(logs: list[float], alpha: float) -> int:
    ordered = sorted(logs, reverse=True)
    count = len(logs)
    return max([k for k in range(1, count + 1) if ordered[k - 1] >= math.log(count / (alpha * k))], default=0)


def main() -> None:
    rng = np.random.default_rng(20260303)
    cases = []
    for count, alpha, signals in [
        (1, 1e-3, 0), (1, 1e-3, 1), (10, 1e-3, 3), (50, 0.05, 20), (200, 1e-3, 5), (200, 1e-3, 150), (30, 1.0, 4),
    ]:
        logs = np.r_[rng.normal(9, 3, signals), rng.normal(-2, 2, count - signals)]
        logs = [float(x) for x in rng.permutation(logs)]
        cases.append({"alpha": alpha, "logs": logs, "count": largest_k(logs, alpha)})
    # The largest alone does not suffice, all four together do.
    logs = [math.log(1010.0)] * 4
    cases.append({"alpha": 1e-3, "logs": logs, "count": largest_k(logs, 1e-3)})
    (Path(__file__).parent / "ebh.json").write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
