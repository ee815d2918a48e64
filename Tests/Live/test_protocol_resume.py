"""The resuming reader that the specification prints, against a daemon of a few lines that loses what it likes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from protocol_pages import SPECIFICATION, fenced

EPOCH = 1_772_409_600_000_000_000
TOPICS = ("alert/fraud/7/example", "alert/churn/-/example", "decision/fraud/7/example")
RUNS = 500


def resuming() -> Any:
    namespace: dict[str, Any] = {}
    exec(next(block for block in fenced(SPECIFICATION, "python") if "class Resuming" in block), namespace)
    return namespace["Resuming"]


class Run:
    """One reader, one journal, and messages, heads and ends that get lost between them."""

    def __init__(self, drawn: random.Random) -> None:
        self.drawn = drawn
        self.exact = drawn.random() < 0.5
        self.wanted = set(TOPICS if self.exact else drawn.sample(TOPICS, 2))
        self.log: list[tuple[str, int, int]] = []
        self.last: dict[str, int] = {}
        for _ in range(drawn.randint(0, 20)):
            self.publish()
        cursor = (EPOCH, drawn.randint(1, len(self.log) + 1)) if drawn.random() < 0.6 else None
        self.reader = resuming()(self.exact, cursor)
        self.reader.HELD = drawn.choice((0, 2, 10_000))
        self.joined = cursor[1] if cursor else None
        self.given: list[Any] = []

    def publish(self) -> tuple[str, int, int]:
        topic, seq = self.drawn.choice(TOPICS), len(self.log) + 1
        self.log.append((topic, seq, self.last.get(topic, 0)))
        self.last[topic] = seq
        return self.log[-1]

    def live(self) -> None:
        topic, seq, prev = self.publish()
        if topic in self.wanted and self.drawn.random() < 0.7:
            if self.reader.epoch is None:
                self.joined = seq
            self.given += self.reader.message(topic, EPOCH, seq, prev)

    def head(self) -> None:
        if self.reader.epoch is None:
            self.joined = len(self.log) + 1
        self.reader.head(EPOCH, len(self.log))

    def answer(self, most: int, is_whole: bool = False) -> None:
        """Up to `most` messages; something may be published before the end, and the end may be lost."""
        _, following = self.reader.ask
        head, sent = len(self.log), 0
        while following <= head and sent < most:
            topic, seq, _ = self.log[following - 1]
            following += 1
            if topic in self.wanted:
                self.given += self.reader.fetched(seq)
                sent += 1
        if not is_whole and self.drawn.random() < 0.3:
            self.live()
        if is_whole or self.drawn.random() < 0.85:
            self.given += self.reader.end("complete" if following > head else "more", EPOCH, following)

    def go(self) -> None:
        self.head()
        for _ in range(self.drawn.randint(5, 80)):
            chosen = self.drawn.random()
            if chosen < 0.5:
                self.live()
            elif chosen < 0.7:
                self.head()
            elif self.reader.ask:
                self.answer(self.drawn.randint(1, 4))
        self.head()
        while self.reader.ask:
            self.answer(len(self.log) + 1, is_whole=True)


@pytest.mark.parametrize("part", range(4))
def test_a_resuming_reader_hands_over_each_message_once(drawn: random.Random, part: int) -> None:
    held_back = 0
    for _ in range(RUNS):
        run = Run(drawn)
        run.go()
        assert run.joined is not None
        wanted = [seq for topic, seq, _ in run.log if seq >= run.joined and topic in run.wanted]
        assert sorted(run.given) == wanted, (run.log, run.given)
        for topic in run.wanted if not run.exact else {None}:
            of_topic = [seq for seq in run.given if topic in (None, run.log[seq - 1][0])]
            assert of_topic == sorted(of_topic)
        held_back += run.given != sorted(run.given)
    assert held_back, "a reader of some topics was never ahead of another topic"
