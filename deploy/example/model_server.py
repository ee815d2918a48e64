"""Stands for your model server: answers in batches, and tells Tidemark how it does.

    model_server.py [--batches N] [--period SECONDS] [--falls-after N] [--model FILE]

A fraud model with two inputs. From batch `--falls-after` on its world has changed: amounts are twice what they were and
the model is right in 6 of 10 cases instead of 9. When FILE is written (`touch FILE` is all the training there is), the
server takes the new model, which knows the new world. The lines marked (1) to (4) are all that a server of yours needs;
the client never blocks it, with or without a Tidemark to hear. TIDEMARK_INGEST names another endpoint.
"""

import argparse
import os
import signal
import threading
from pathlib import Path

import numpy as np
from tidemark import Publisher  # (1)

MODEL, NAMES, ROWS = "fraud", ["amount", "age_days"], 200
OLD_WORLD, NEW_WORLD = 50.0, 100.0


def inputs(drawn: np.random.Generator, amount: float, rows: int) -> np.ndarray:
    return drawn.normal([amount, 200.0], [10.0, 60.0], (rows, len(NAMES)))


def answer(drawn: np.random.Generator, world: float, known: float) -> tuple[np.ndarray, float, float]:
    """One batch of a world, by a model that was trained on another or the same: its inputs, the share of right
    answers, the mean latency in ms."""
    right = drawn.binomial(ROWS, 0.9 if world == known else 0.6) / ROWS
    return inputs(drawn, world, ROWS), right, float(drawn.gamma(9.0, 5.0))


def written(model: Path) -> int:
    return model.stat().st_mtime_ns if model.exists() else 0


def serve(publisher: Publisher, options: argparse.Namespace, ended: threading.Event) -> None:
    drawn = np.random.default_rng(7)
    known, trained = OLD_WORLD, written(options.model)
    publisher.baseline(MODEL, accuracy=0.9, features=inputs(drawn, known, 1000), names=NAMES)  # (3)
    batch = 0
    while not ended.is_set() and (options.batches == 0 or batch < options.batches):
        world = NEW_WORLD if batch >= options.falls_after else OLD_WORLD
        if written(options.model) != trained:
            known, trained = world, written(options.model)
            publisher.baseline(MODEL, accuracy=0.9, features=inputs(drawn, known, 1000), names=NAMES)
            print(f"batch {batch}: the new model serves", flush=True)
        rows, accuracy, latency = answer(drawn, world, known)
        publisher.features(MODEL, rows, names=NAMES)  # (4)
        publisher.metrics(MODEL, accuracy=accuracy, latency_ms=latency)
        batch += 1
        ended.wait(options.period)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--batches", type=int, default=0, help="end after so many; 0: at SIGTERM")
    parser.add_argument("--period", type=float, default=1.0, help="seconds between two batches")
    parser.add_argument("--falls-after", type=int, default=30, help="batches until the world changes")
    parser.add_argument("--model", type=Path, default=Path("fraud.model"), help="what training writes")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ingest = os.environ.get("TIDEMARK_INGEST", "tcp://127.0.0.1:7410")
    with Publisher(ingest, source="model-server-1", linger=5) as publisher:  # (2)
        serve(publisher, options, ended)


if __name__ == "__main__":
    main()
