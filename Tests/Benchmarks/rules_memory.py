"""What the rules hold in Python, in an interpreter of their own, without sockets.

usage: rules_memory.py MODELS MEASUREMENTS [MEASUREMENTS …]

Prints the proportional and the private bytes of the process, before and after each share.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import sys

from contestants import memory_of
from peer import Model
from rules import RetrainTrigger


def tell() -> None:
    memory = memory_of(os.getpid())
    print(json.dumps([memory.proportional, memory.private]), flush=True)


def main(models: int, shares: list[int]) -> None:
    draw = random.Random(1)
    time = dt.datetime.now(dt.UTC)
    tell()
    watched = [Model(f"model-{i}", "-", time, RetrainTrigger(time), time) for i in range(models)]
    for share in shares:
        for _ in range(share):
            for model in watched:
                model.performance.observe(0.9 + 0.05 * draw.random(), 100 + 50 * draw.random())
                model.trigger.evaluate(model.time, model.performance.accuracy_breach, None)
        tell()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(text) for text in sys.argv[2:]])
