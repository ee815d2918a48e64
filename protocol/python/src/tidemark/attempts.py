"""What an orchestrator has on its hands, in a file that outlives it."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from . import wire
from .cursors import read_json, replace_json
from .errors import StateError, WireError
from .events import Decision
from .parsing import parse
from .rings import lock

#: Attempts that are over and remembered, so that none is run twice.
DONE = 1_000
#: How far an attempt has come: known, to be claimed, claimed, handed to the user's code, and done by it.
WAITING, CLAIMING, CLAIMED, RUNNING, ENDED = "waiting", "claiming", "claimed", "running", "ended"
_PHASES = (WAITING, CLAIMING, CLAIMED, RUNNING, ENDED)


@dataclass
class Attempt:
    """One attempt of a decision. `outcome`, `reason` and `retry_after` are of a phase `ended`."""

    decision: Decision
    phase: str = WAITING
    token: Optional[str] = None
    outcome: Optional[str] = None
    reason: Optional[str] = None
    retry_after: Optional[float] = None
    #: It was handed to the user's code by an earlier process, and is to be once more.
    again: bool = False

    @property
    def id(self) -> str:
        return attempt_id(self.decision)


def attempt_id(decision: Decision) -> str:
    """The key of an attempt; an older daemon has one for each decision."""
    return decision.attempt_id or decision.decision_id


class Attempts:
    """Attempts by id, oldest first. Each change is on the disk when the method returns; safe to use from threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._open: OrderedDict[str, Attempt] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()
        self._lock = lock(path.with_name(path.name + ".lock"))
        try:
            said = read_json(path)
            if said is not None:
                self._load(said)
        except BaseException:
            os.close(self._lock)
            raise

    def _load(self, said: Mapping[str, Any]) -> None:
        try:
            for item in said["open"]:
                header = wire.Header(wire.Kind.DECISION, 3, int(item["epoch"]), int(item["sequence"]))
                decision = parse(item["event"], item["topic"], header)
                if not isinstance(decision, Decision) or item["phase"] not in _PHASES:
                    raise ValueError("no decision")
                kept = {key: item.get(key) for key in ("token", "outcome", "reason", "retry_after")}
                attempt = Attempt(decision, item["phase"], **kept)
                self._open[attempt.id] = attempt
            self._done = OrderedDict.fromkeys(map(str, said["done"]))
        except (KeyError, TypeError, ValueError, WireError) as error:
            raise StateError(f"{self._path} is damaged: {error}") from None

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[Attempt]:
        with self._guard:
            return list(self._open.values())

    def add(self, decision: Decision) -> bool:
        """Whether the attempt was not there before, neither open nor done."""
        attempt = Attempt(decision)
        with self._guard:
            if attempt.id in self._open or attempt.id in self._done:
                return False
            self._open[attempt.id] = attempt
            self._save()
        return True

    def change(self, attempt: Attempt, phase: str, **fields: Any) -> None:
        with self._guard:
            attempt.phase = phase
            for name, value in fields.items():
                setattr(attempt, name, value)
            self._save()

    def finish(self, attempt: Attempt) -> None:
        """It is over, and not to be touched again."""
        with self._guard:
            if self._open.pop(attempt.id, None) is None:
                return
            self._done[attempt.id] = None
            while len(self._done) > DONE:
                self._done.popitem(last=False)
            self._save()

    def _save(self) -> None:
        found = [
            {
                "event": dict(attempt.decision.raw),
                "topic": attempt.decision.topic,
                "epoch": str(attempt.decision.epoch or 1),
                "sequence": str(attempt.decision.sequence or 1),
                "phase": attempt.phase,
                "token": attempt.token,
                "outcome": attempt.outcome,
                "reason": attempt.reason,
                "retry_after": attempt.retry_after,
            }
            for attempt in self._open.values()
        ]
        replace_json(self._path, {"open": found, "done": list(self._done)})

    def close(self) -> None:
        os.close(self._lock)
