"""The daemon's end of the lossless lane, in Python and as the protocol's text says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import reference
from reference import Decoded

HEAD, BYE, ACK, NACK = 7, 8, 35, 36


@dataclass
class Account:
    """One source: `expected` is in memory, `durable` and what was taken up to it in the journal."""

    epoch: int
    expected: int = 1
    durable: int = 0
    told: bool = False
    waiting: list[Decoded] = field(default_factory=list)


@dataclass
class Intake:
    name: str = "example"
    credit: int = 20_000
    credit_bytes: int = 64 * 1024 * 1024
    #: Acknowledges numbers that are lost for good only after the next checkpoint, so that the publisher sees the loss.
    humble: bool = False
    refuse: Callable[[Decoded], Optional[str]] = lambda message: None
    accounts: dict[str, Account] = field(default_factory=dict)
    journal: list[Decoded] = field(default_factory=list)
    duplicates: int = 0
    lost: int = 0
    byes: list[Decoded] = field(default_factory=list)

    def take(self, frames: list[bytes]) -> list[list[bytes]]:
        """The answers to a message."""
        message = reference.decode(frames)
        source = message.topic.split("/")[3]
        account = self.accounts.get(source)
        if account is None or message.epoch > account.epoch:
            account = self.accounts[source] = Account(message.epoch)
        if message.kind == BYE:
            self.byes.append(message)
            return []
        if message.kind == HEAD:
            first = int(message.descriptor["first"])
            if first > account.expected:
                self.lost += first - account.expected
                account.expected = first
                account.told = False
                if not self.humble and not account.waiting:
                    account.durable = first - 1
            return [self.ack(source)]
        if message.seq < account.expected:
            self.duplicates += 1
            return [self.ack(source)]
        if message.seq > account.expected:
            if account.told:
                return []
            account.told = True
            return [self.nack(message, "out_of_order", account.expected)]
        account.expected += 1
        account.told = False
        account.waiting.append(message)
        code = self.refuse(message)
        return [self.nack(message, code)] if code else []

    def commit(self) -> list[tuple[str, list[bytes]]]:
        """A checkpoint; the acknowledgements that follow, by source."""
        answers = []
        for source, account in self.accounts.items():
            if account.durable != account.expected - 1:
                self.journal += (message for message in account.waiting if not self.refuse(message))
                account.waiting.clear()
                account.durable = account.expected - 1
                answers.append((source, self.ack(source)))
        return answers

    def crash(self) -> None:
        """What is not in the journal is forgotten."""
        for account in self.accounts.values():
            account.waiting.clear()
            account.expected = account.durable + 1
            account.told = False

    def lose(self) -> None:
        """The journal is lost; what was taken stays in `journal`, for tests to look at."""
        self.accounts.clear()

    def ack(self, source: str) -> list[bytes]:
        account = self.accounts[source]
        said = {"source": source, "credit": self.credit, "credit_bytes": self.credit_bytes}
        return self._frames("ack", ACK, account.epoch, account.durable, said)

    def nack(self, message: Decoded, code: str, expected: Optional[int] = None) -> list[bytes]:
        said: dict[str, Any] = {"code": code, "detail": f"number {message.seq}"}
        if expected is not None:
            said["expected"] = str(expected)
        return self._frames("nack", NACK, message.epoch, message.seq, said)

    def _frames(self, word: str, kind: int, epoch: int, seq: int, said: dict[str, Any]) -> list[bytes]:
        topic = f"{word}/-/-/{self.name}".encode()
        return [topic, reference.header(kind, 3, epoch, seq), json.dumps(said).encode()]
