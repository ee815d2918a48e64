"""The life of decisions as a daemon keeps it, in Python and as the protocol's text says; without timers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional

NOW = "2026-03-03T01:00:00Z"
#: From which states a report leads to its own; `rejected` and `cancelled` are looked at apart.
FROM = {
    "acked": ("issued",),
    "started": ("issued", "acked"),
    "succeeded": ("started",),
    "failed": ("acked", "started"),
    "verified": ("succeeded",),
}
OVER = ("verified", "expired", "superseded", "cancelled")


@dataclass
class Life:
    id: str
    model: str
    attempt: int = 1
    state: str = "issued"
    rev: int = 1
    owner: Optional[str] = None
    token: Optional[str] = None
    final: bool = False

    @property
    def attempt_id(self) -> str:
        return f"{self.id}-a{self.attempt}"


@dataclass
class Ledger:
    """`publish(event, model, is_open)` is called with each message that follows."""

    publish: Callable[[dict[str, Any], str, bool], None]
    attempts: int = 3
    lives: dict[str, Life] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    names: Any = field(default_factory=lambda: itertools.count(1))

    def issue(self, model: str, *, dry_run: bool = False) -> Life:
        for old in self.lives.values():
            if old.model == model and not old.final:
                old.state, old.final = "superseded", True
                self._changed(old)
        life = self.lives[f"rt-{next(self.names)}"] = Life(f"rt-{len(self.lives) + 1}", model)
        self._issued(life, "proposed" if dry_run else "issued")
        return life

    def resend(self, life: Life) -> None:
        self._issued(life, "issued")

    def retry(self, life: Life) -> None:
        """A new attempt of the same decision."""
        life.attempt += 1
        life.state, life.owner, life.token = "issued", None, None
        life.rev += 1
        self._issued(life, "issued")

    def take(self, said: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Whether a report is granted, and the answer's descriptor without `request`."""
        self.reports.append(said)
        life = self.lives.get(said["decision_id"])
        if life is None:
            return self._refused("unknown_decision", None)
        state, owner = said["state"], said.get("owner")
        held = life.owner == owner and life.state == state and said.get("attempt", life.attempt) == life.attempt
        if held:
            return True, self._granted(life)
        if life.final:
            return self._refused("final", life)
        if said.get("attempt", life.attempt) != life.attempt:
            return self._refused("wrong_attempt", life)
        if state == "acked" and life.state in ("acked", "started") and life.owner == owner:
            return True, self._granted(life)
        if life.owner is not None and owner != life.owner and state not in ("cancelled", "verified"):
            return self._refused("denied", life)
        if "token" in said and said["token"] != life.token:
            return self._refused("wrong_token", life)
        if state not in ("cancelled", "rejected") and life.state not in FROM[state]:
            return self._refused("wrong_state", life)
        if state in ("acked", "started") and life.owner is None:
            life.owner, life.token = owner, f"token-{life.attempt_id}"
        again = life.attempt < self.attempts and (state == "failed" or "retry_after_s" in said)
        life.state = state
        life.final = state in OVER or (state in ("failed", "rejected") and not again)
        life.rev += 1
        self._changed(life, said.get("reason"))
        granted = self._granted(life)
        if state in ("failed", "rejected") and again and "retry_after_s" not in said:
            self.retry(life)
        return True, granted

    def _granted(self, life: Life) -> dict[str, Any]:
        return {
            "decision_id": life.id, "attempt": life.attempt, "attempt_id": life.attempt_id, "state": life.state,
            "rev": life.rev, "owner": life.owner, "token": life.token,
        }  # fmt: skip

    def _refused(self, code: str, life: Optional[Life]) -> tuple[bool, dict[str, Any]]:
        return False, {"code": code, "detail": f"it is {life and life.state}", "owner": life and life.owner}

    def _event(self, life: Life, word: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "specversion": "1.0", "type": f"tidemark.decision.retrain.{word}.v1", "source": "example", "id": name,
            "time": NOW, "subject": life.model, "modelversion": "7", "correlationid": life.id,
            "datacontenttype": "application/json", "data": data,
        }  # fmt: skip

    def _issued(self, life: Life, state: str) -> None:
        name = life.id if life.attempt == 1 else life.attempt_id
        self.publish(
            self._event(life, "issued", name, {
                "decision_id": life.id, "model": life.model, "version": "7", "issued_at": NOW,
                "reason_codes": ["accuracy_dropped"], "trigger_reasons": ["Accuracy dropped by 0.060"],
                "severity_score": 2.0, "constraints": {}, "episodes": ["ep-1"], "dry_run": state == "proposed",
                "attempt": life.attempt, "attempt_id": life.attempt_id, "rev": life.rev, "state": state,
                "expires_after_s": 86400.0, "coverage": 0.998, "data_window": {"from": NOW, "to": NOW},
            }), life.model, state == "issued",
        )  # fmt: skip

    def _changed(self, life: Life, reason: Optional[str] = None) -> None:
        self.publish(
            self._event(life, life.state, f"{life.id}.{life.rev}", {
                "decision_id": life.id, "model": life.model, "version": "7", "attempt": life.attempt,
                "attempt_id": life.attempt_id, "rev": life.rev, "state": life.state, "at": NOW, "owner": life.owner,
                "reason": reason, "superseded_by": None, "final": life.final, "retry_at": None,
            }), life.model, not life.final,
        )  # fmt: skip
