"""Streams of a classifier's errors, with one true change each, through `tidemark detect` and River's detectors."""

from __future__ import annotations

import base64
import itertools
import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from river import drift, tree
from river.datasets import synth

from evaluation_runs import PROGRAM

DATA = Path(__file__).resolve().parent / "data" / "error_streams.json"

#: What a miss counts as delay.
MISS = 3_000
TRAINING, BEFORE, AFTER, RAMP = 3_000, 10_000, 4_000, 1_000
#: Share of labels turned over.
NOISE = 0.1
#: A change of less than this in the rate of errors is none.
LEAST_CHANGE = 0.02
NULL_STREAMS, NULL_LENGTH = 20, 20_000

OURS, EVIDENCE = "tidemark detect", "Bernoulli e-SR"


@dataclass(frozen=True)
class Stream:
    name: str
    kind: str
    #: The first row after the change; for a ramp, its first.
    change: int
    errors: bytes

    @property
    def rates(self) -> tuple[float, float]:
        values = np.frombuffer(self.errors, dtype=np.uint8)
        return float(values[: self.change].mean()), float(values[-2_000:].mean())


@dataclass(frozen=True)
class Outcome:
    stream: Stream
    false: int
    #: None for a miss.
    delay: int | None


def stored() -> list[Stream]:
    found = json.loads(DATA.read_text())["streams"]
    return [
        Stream(
            each["id"],
            each["kind"],
            each["change"],
            np.unpackbits(np.frombuffer(base64.b64decode(each["bits"]), dtype=np.uint8))[
                : each["n"]
            ].tobytes(),
        )
        for each in found
    ]


def null(seed: int) -> list[Stream]:
    """Errors of a constant rate: the change lies behind the last."""
    made = []
    for number, rate in enumerate(np.linspace(0.1, 0.3, NULL_STREAMS)):
        random = np.random.default_rng([seed, number])
        errors = (random.random(NULL_LENGTH) < rate).astype(np.uint8)
        made.append(Stream(f"rate {rate:.3f}", "null", NULL_LENGTH, errors.tobytes()))
    return made


# Simulated ones.

Generator = Callable[[int, int], Any]
GENERATORS: dict[str, Generator] = {
    "Sine": lambda concept, seed: synth.Sine(classification_function=concept, seed=seed),
    "Mixed": lambda concept, seed: synth.Mixed(classification_function=concept, seed=seed),
    "SEA": lambda concept, seed: synth.SEA(variant=concept, seed=seed),
    "STAGGER": lambda concept, seed: synth.STAGGER(classification_function=concept, seed=seed),
    "AGRAWAL": lambda concept, seed: synth.Agrawal(classification_function=concept, seed=seed),
}
ABRUPT = {
    "Sine": [(0, 1), (2, 3), (0, 2), (1, 3)],
    "Mixed": [(0, 1), (1, 0)],
    "SEA": [(0, 1), (0, 2), (0, 3), (2, 3), (1, 2), (2, 0)],
    "STAGGER": [(0, 1), (1, 2), (2, 0), (0, 2)],
    "AGRAWAL": [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (0, 8)],
}
GRADUAL = {
    "Sine": [(0, 1), (2, 3), (0, 3), (1, 2)],
    "Mixed": [(0, 1), (1, 0)],
    "SEA": [(0, 3), (2, 3), (3, 2), (2, 1)],
    "STAGGER": [(0, 1), (1, 2), (2, 0)],
    "AGRAWAL": [(0, 1), (2, 3), (4, 5), (6, 7), (0, 8)],
}


@dataclass(frozen=True)
class Plan:
    generator: str
    concepts: tuple[int, int]
    kind: str
    seed: int


def plans(seed: int) -> list[Plan]:
    made = []
    for kind, table in (("abrupt", ABRUPT), ("gradual", GRADUAL)):
        for name, pairs in table.items():
            for pair in pairs:
                made.append(Plan(name, pair, kind, seed * 1_000 + len(made)))
    return made


def simulate(plan: Plan) -> Stream:
    """A tree that learned the first concept from noisy labels, and then learns no more."""
    random = np.random.default_rng(plan.seed)
    make = GENERATORS[plan.generator]
    concepts = [iter(make(concept, plan.seed + place)) for place, concept in enumerate(plan.concepts)]

    def labelled(concept: Iterator[Any]) -> tuple[dict[str, Any], int]:
        features, label = next(concept)
        return features, int(label) ^ int(random.random() < NOISE)

    model = tree.HoeffdingTreeClassifier(grace_period=100)
    for features, label in (labelled(concepts[0]) for _ in range(TRAINING)):
        model.learn_one(features, label)
    errors = bytearray()
    for row in range(BEFORE + AFTER):
        share = (row - BEFORE + 1) / RAMP if plan.kind == "gradual" else float(row >= BEFORE)
        features, label = labelled(concepts[int(random.random() < share)])
        errors.append(int(model.predict_one(features) != label))
    name = f"{plan.generator} {plan.concepts[0]}→{plan.concepts[1]}"
    return Stream(name, plan.kind, BEFORE, bytes(errors))


def simulated(seed: int, executor: Executor) -> tuple[list[Stream], list[Stream]]:
    """Those whose rate of errors changes, and those where it hardly does."""
    made = list(executor.map(simulate, plans(seed)))
    changed = [each for each in made if abs(each.rates[1] - each.rates[0]) >= LEAST_CHANGE]
    return changed, [each for each in made if each not in changed]


# Detectors.


def river(make: Callable[[], Any], errors: bytes) -> list[int]:
    detector = make()
    alarms = []
    for row, error in enumerate(errors):
        detector.update(error)
        if detector.drift_detected:
            alarms.append(row)
    return alarms


def tidemark(binary: Path, errors: bytes) -> list[int]:
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("\n".join(map(str, errors)) + "\n")
        file.flush()
        ran = subprocess.run([binary, "detect", file.name], capture_output=True, text=True, check=True)
    return [json.loads(line)["index"] for line in ran.stdout.splitlines()]


def evidence(errors: bytes) -> list[int]:
    text = errors.translate(bytes.maketrans(b"\0\1", b"01")).decode() + "\n"
    ran = subprocess.run([PROGRAM, "errors"], input=text, capture_output=True, text=True, check=True)
    found: list[int] = json.loads(ran.stdout)["alarms"]
    return found


def detectors(binary: Path) -> dict[str, Callable[[bytes], list[int]]]:
    return {
        OURS: partial(tidemark, binary),
        EVIDENCE: evidence,
        "ADWIN": partial(river, drift.ADWIN),
        "Page–Hinkley": partial(river, drift.PageHinkley),
        "HDDM_A": partial(river, drift.binary.HDDMA),
        "HDDM_W": partial(river, drift.binary.HDDMW),
    }


def judge(detect: Callable[[bytes], list[int]], stream: Stream) -> Outcome:
    alarms = detect(stream.errors)
    false = sum(row < stream.change for row in alarms)
    delay = next((row - stream.change for row in alarms if row >= stream.change), None)
    # A miss counts MISS rows, so what comes later is none better.
    return Outcome(stream, false, None if delay is None or delay >= MISS else delay)


Outcomes = dict[str, list[Outcome]]


def run(binary: Path, streams: Sequence[Stream], executor: Executor) -> Outcomes:
    named = detectors(binary)
    pairs = list(itertools.product(named.items(), streams))
    found = executor.map(
        judge, [detect for (_, detect), _ in pairs], [stream for _, stream in pairs], chunksize=4
    )
    outcomes: Outcomes = {name: [] for name in named}
    for ((name, _), _), outcome in zip(pairs, found, strict=True):
        outcomes[name].append(outcome)
    return outcomes


def cells(outcomes: Sequence[Outcome], kind: str) -> str:
    """Misses / false alarms / median delay."""
    chosen = [each for each in outcomes if each.stream.kind == kind]
    if not chosen:
        return "–"
    delays = [MISS if each.delay is None else each.delay for each in chosen]
    misses = sum(each.delay is None for each in chosen)
    return f"{misses} / {sum(each.false for each in chosen)} / {statistics.median(delays):g}"
