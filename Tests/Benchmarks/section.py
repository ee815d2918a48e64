"""What a part of the report is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contestants import Sockets
from measure import Outcome
from report import Row


@dataclass(frozen=True)
class Bench:
    """What every measurement needs."""

    context: Sockets
    binary: Path
    #: The share of the events that is sent.
    scale: float
    #: Says what is being measured.
    progress: Callable[[str], None]

    def scaled(self, count: int, least: int) -> int:
        return max(least, int(count * self.scale))


class Section(Protocol):
    """One part of the report; those that are not repeated count something that does not vary much."""

    is_repeated: bool

    def take_turn(self) -> None:
        """Every contestant once."""

    def page(self) -> list[str]:
        """What was found, in Markdown."""


@dataclass(frozen=True)
class Case:
    """A row of a table of rates, and how one of its outcomes is had."""

    row: Row
    measure: Callable[[], Outcome]

    def take_turn(self, bench: Bench) -> None:
        bench.progress(f"{self.row.name}, {self.row.transport}")
        self.row.outcomes.append(self.measure())
