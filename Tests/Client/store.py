"""What a daemon keeps and answers, in Python and as the protocol's text says: numbers, fetch, snapshot, end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import reference
from peer import EPOCH, alert_event

ALERT, DECISION, FETCH, END, SNAPSHOT = 16, 17, 32, 33, 34
WORDS = {ALERT: "alert", DECISION: "decision"}


@dataclass
class Stored:
    seq: int
    kind: int
    topic: bytes
    body: bytes
    prev: int
    open: bool

    def frames(self, epoch: int, flags: int = 0) -> list[bytes]:
        return [self.topic, reference.header(self.kind, 3, epoch, self.seq, self.prev, flags=flags), self.body]


@dataclass
class Store:
    """One durable numbering. `journal=False`: nothing is stored, and fetch is answered `no_journal`."""

    name: str = "example"
    epoch: int = EPOCH
    journal: bool = True
    first: int = 1
    head: int = 0
    kept: list[Stored] = field(default_factory=list)
    last_on: dict[bytes, int] = field(default_factory=dict)

    def publish(
        self, kind: int, model: str, *, event: dict[str, Any] | None = None, is_open: bool = False
    ) -> list[bytes]:
        """Numbers and stores an event; its frames, as they are sent live."""
        self.head += 1
        raw = event or alert_event(f"{self.epoch}-{self.head}", model=model, source=self.name)
        topic = f"{WORDS[kind]}/{model}/7/{self.name}".encode()
        stored = Stored(self.head, kind, topic, json.dumps(raw).encode(), self.last_on.get(topic, 0), is_open)
        self.last_on[topic] = self.head
        self.kept.append(stored)
        return stored.frames(self.epoch)

    def truncate(self, first: int) -> None:
        self.first = max(self.first, min(first, self.head + 1))
        self.kept = [stored for stored in self.kept if stored.seq >= self.first]

    def forget(self, epoch: int) -> None:
        """The journal is lost: another numbering begins."""
        self.epoch, self.first, self.head, self.kept, self.last_on = epoch, 1, 0, [], {}

    def sign(self, kind: int = 7) -> list[bytes]:
        said = {"dropped": 0, "interval_ms": 1000} if kind == 7 else {"dropped": 0}
        word = {7: "head", 8: "bye"}[kind]
        topic = f"{word}/-/-/{self.name}".encode()
        return [topic, reference.header(kind, 3, self.epoch, self.head), json.dumps(said).encode()]

    def answer(self, request: list[bytes], most: int = 512) -> list[list[bytes]]:
        """The messages that answer a fetch or snapshot, END last."""
        _, kind, _, _, seq = reference.fields(request[1])
        said = json.loads(request[2])
        assert set(said) <= {"epoch", "from", "max", "max_bytes", "prefixes"} and kind in (FETCH, SNAPSHOT)
        start = int(said["from"])
        assert start >= 1 and seq >= 1 and 1 <= said["max"] <= 512
        status, chosen, following = "complete", [], self.head + 1
        if not self.journal:
            status, following = "no_journal", start
        elif int(said["epoch"]) != self.epoch:
            status, following = "epoch_mismatch", self.first
        elif start < self.first:
            status, following = "truncated", self.first
        else:
            prefixes = said.get("prefixes")
            for stored in self.kept:
                if stored.seq < start or (kind == SNAPSHOT and not stored.open):
                    continue
                if prefixes is not None and not stored.topic.decode().startswith(tuple(prefixes)):
                    continue
                if len(chosen) == min(most, said["max"]):
                    status, following = "more", chosen[-1].seq + 1
                    break
                chosen.append(stored)
        word = {FETCH: "fetch", SNAPSHOT: "snapshot"}[kind]
        answers = [stored.frames(self.epoch, flags=1) for stored in chosen]
        return [*answers, self.end(seq, word, status, following)]

    def end(self, seq: int, word: str, status: str, following: int) -> list[bytes]:
        numbers = {"epoch": self.epoch, "first": self.first, "next": following, "head": self.head}
        said = {"request": word, "status": status, **{key: str(value) for key, value in numbers.items()}}
        topic = f"end/-/-/{self.name}".encode()
        return [topic, reference.header(END, 3, self.epoch, seq), json.dumps(said).encode()]
