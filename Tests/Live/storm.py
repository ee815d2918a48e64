"""Random bad input from a seed: bodies (one JSON object's worth of bytes) and whole multiparts."""

from __future__ import annotations

import enum
import json
import random
from typing import Any

import events

#: The most frames a message may have.
MOST_FRAMES = 16


class Fate(enum.Enum):
    """What the contract says of an input: it is refused, it is handled, or that is left open."""

    BAD = "bad"
    DOUBTFUL = "doubtful"
    GOOD = "good"


def good_event(rng: random.Random, model: str, index: int, base_ns: int = events.BASE_NS) -> events.Event:
    data = {"accuracy": rng.uniform(0.5, 1.0), "latency_ms": rng.uniform(50, 300)}
    return events.metrics(model, index * 0.001, data, source="storm", base_ns=base_ns)


def good_body(rng: random.Random, model: str, index: int) -> bytes:
    return events.line(good_event(rng, model, index))


def body(rng: random.Random, index: int, base_ns: int = events.BASE_NS) -> tuple[bytes, Fate]:
    """One body and its fate; now and then a good one in between."""
    made = good_event(rng, "steady", index, base_ns)
    kind = rng.randrange(12)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 400)) + b"\xff", Fate.BAD
    if kind == 1:
        whole = events.line(made)
        return whole[: rng.randrange(1, len(whole))], Fate.BAD
    if kind == 2:
        return _wrong_type(rng, made), Fate.BAD
    if kind == 3:
        return _deep(rng, made)
    if kind == 4:
        return _number(rng, made), Fate.DOUBTFUL
    if kind == 5:
        made["data"]["accuracy"] = rng.choice([float("nan"), float("inf"), -float("inf")])
        return json.dumps(made).encode(), Fate.DOUBTFUL
    if kind == 6:
        wrong = rng.choice([b"\xff\xfe", b"\xc3\x28", b"\xed\xa0", b"\x80\x80"])
        return events.line(made).replace(b"storm", wrong, 1), Fate.BAD
    if kind == 7:
        return _flipped(rng, made), Fate.DOUBTFUL
    if kind == 8:
        return _shape(rng, made), Fate.BAD
    if kind == 9:
        made["type"] = rng.choice(["tidemark.metrics.v2", "tidemark.noise.v1", "tidemark.metrics.v99"])
        return events.line(made), Fate.BAD
    if kind == 10:
        return _strange_text(rng, made), Fate.DOUBTFUL
    return events.line(made), Fate.GOOD


def _wrong_type(rng: random.Random, made: events.Event) -> bytes:
    wrong: dict[str, list[Any]] = {
        "id": [None, 7, [], {"a": 1}],
        "source": [None, 7, []],
        "type": [None, 1.5, [], "", "metrics", {}],
        "data": [None, 3, "x", [], [[1]], True],
        "time": [5, [], "soon", "2026-13-45T99:99:99Z", ""],
    }
    key = rng.choice(sorted(wrong))
    made[key] = rng.choice(wrong[key])
    return events.line(made)


def _flipped(rng: random.Random, made: events.Event) -> bytes:
    """A few bytes changed, but none of the time: a year far ahead is another test's matter.

    The source is its own, so that a changed id cannot be that of a good event.
    """
    made["source"] = "flips"
    whole = bytearray(events.line(made))
    start = whole.index(b'"time"')
    kept = range(start, whole.index(b",", start))
    for _ in range(rng.randrange(1, 6)):
        spot = rng.randrange(len(whole))
        if spot not in kept:
            whole[spot] = rng.randrange(256)
    return bytes(whole)


def _deep(rng: random.Random, made: events.Event) -> tuple[bytes, Fate]:
    """Nesting: cut off it is bad, whole in a key nobody asked for it may be ignored."""
    depth = rng.choice([50, 600, 5_000, 60_000])
    opener, closer = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    if rng.random() < 0.5:
        return opener * depth, Fate.BAD
    inner = b"1" if opener != b"[" else b""
    nested = opener * depth + inner + closer * depth
    return events.line(made)[:-1] + b',"deep":' + nested + b"}", Fate.DOUBTFUL


def _number(rng: random.Random, made: events.Event) -> bytes:
    text = rng.choice(
        ["1e999", "-1e999", "1e-999", "9" * 400, "-0", "0." + "0" * 500 + "1", "1E400", "1" + "0" * 5000]
    )
    key = rng.choice(["accuracy", "latency_ms", "other"])
    made["data"][key] = "HERE"
    return events.line(made).replace(b'"HERE"', text.encode())


def _shape(rng: random.Random, made: events.Event) -> bytes:
    """A batch for a model that never had a baseline, of a shape that is none besides."""
    made["type"] = "tidemark.features.v1"
    made["subject"] = "never-a-baseline"
    made["data"] = rng.choice(
        [
            {"rows": "x"},
            {"rows": [[1], [1, 2]]},
            {"rows": [[{}]]},
            {"rows": {}},
            {"feature_names": [1, 2], "rows": [[1.0, 2.0]]},
            {"feature_names": ["a"], "rows": [[1.0, 2.0]]},
            {"rows": [[[1.0]]]},
            {},
        ]
    )
    return events.line(made)


def _strange_text(rng: random.Random, made: events.Event) -> bytes:
    key = rng.choice(["subject", "source", "modelversion", "id"])
    made[key] = rng.choice(
        ["", "/", "%", "%zz", "\u0000", "a\u0000b", "\u202e", "😀" * 300, "x" * 70_000, " "]
    )
    return events.line(made)


def multipart(rng: random.Random, index: int, base_ns: int) -> tuple[list[bytes], Fate]:
    """One message for the wire and its fate."""
    kind = rng.randrange(6)
    if kind == 0:
        frames = [rng.randbytes(rng.randrange(0, 90)) for _ in range(rng.randrange(1, 21))]
        return frames, Fate.BAD
    topic = b"metrics/steady/-/storm"
    if kind == 1:
        return [topic] + [events.line(good_event(rng, "steady", index, base_ns))] * rng.randrange(
            MOST_FRAMES, MOST_FRAMES + 5
        ), Fate.BAD
    if kind == 2:
        return [rng.choice([b"", topic, rng.randbytes(300)])], Fate.BAD
    if kind == 3:
        random_topic = rng.randbytes(rng.randrange(0, 250))
        return [random_topic, events.line(good_event(rng, "steady", index, base_ns))], Fate.DOUBTFUL
    made, fate = body(rng, index, base_ns)
    return [topic, made], fate
