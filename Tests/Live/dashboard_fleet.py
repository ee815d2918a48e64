"""A made-up fleet for the dashboard: models with a past, alerts and decisions, in the words of the HTTP interface.

Everything is drawn from one seed and from the time, so that a page of it looks the same at every run of a test. What
it answers is held to protocol/http/openapi.yaml by test_dashboard_mock.py.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from datetime import datetime, timezone
from typing import Any

Json = dict[str, Any]

HOUR = 3600.0
DAY = 24 * HOUR

#: Names that a page must survive: markup, quotation marks, slashes, dots, percent signs, the longest, other scripts.
HOSTILE = [
    "<script>window.pwned = 1</script>",
    '"><img src=x onerror="window.pwned = 1">',
    "team/ranking/../%2F?#",
    "javascript:window.pwned=1",
    "long-" + "x" * 195,
    "\u202emodel\u0627\u0644",
    "Größenschätzung \U0001f30a",
    "${window.pwned=1}{{7*7}}",
]

_TEAMS = ["ads", "search", "risk", "growth", "maps", "supply", "support", "media"]
_TASKS = ["ranking", "ctr", "churn", "eta", "fraud", "demand", "spam", "pricing", "uplift", "intent", "dedup", "quality"]
_FEATURES = ["amount", "age_days", "device", "country", "hour", "basket_size", "distance_km", "n_clicks", "price_ratio", "text_length"]
#: Of a hundred models, how many have which fate.
_FATES = {"healthy": 84, "dropped": 3, "drifted": 4, "slow": 2, "both": 2, "stale": 2, "learning": 2, "silenced": 1}


def rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:40]


class Model:
    """One model: what it is, and what it measured at any time."""

    def __init__(self, name: str, version: str, fate: str, seed: str) -> None:
        self.name, self.version, self.fate, self.seed = name, version, fate, seed
        draw = random.Random(seed)
        self.preset = draw.choice(["reference", "standard"])
        self.baseline = round(draw.uniform(0.82, 0.97), 3)
        self.latency = draw.uniform(12, 90)
        #: Since when something is wrong.
        self.fell = time.time() - draw.uniform(0.3, 9) * HOUR
        self.drop = draw.uniform(0.1, 0.22)
        self.threshold = 2.0 if self.preset == "reference" else 0.1
        self.features = draw.sample(_FEATURES, draw.randint(3, len(_FEATURES)))
        self.events = draw.randrange(500, 400_000)
        #: By preset `standard`: large scores, and no evidence that they are more than chance.
        self.is_uncertain = False
        self.recent: list[float | None] = []
        self.extra_alerts: list[Json] = []
        self.decision: Json | None = None
        self.last_event = 0.0

    def noise(self, at: float, what: str, step: float = 60.0) -> float:
        """About normal, the same for the same minute."""
        return random.Random(f"{self.seed}{what}{int(at // step)}").gauss(0, 1)

    def is_wrong(self, at: float) -> bool:
        return at > self.fell

    def accuracy(self, at: float, now: float) -> float | None:
        if self.fate == "learning":
            return None
        fall = self.drop if self.fate in ("dropped", "both", "silenced") and self.is_wrong(at) else 0
        wave = 0.006 * math.sin(at / DAY * 2 * math.pi)
        return round(min(1, max(0, self.baseline - fall + wave + 0.006 * self.noise(at, "a"))), 4)

    def latency_ms(self, at: float, now: float) -> float:
        rise = 6.0 if self.fate in ("slow",) and self.is_wrong(at) else 1
        return round(self.latency * rise * math.exp(0.08 * self.noise(at, "l")), 2)

    def drift(self, at: float, now: float) -> float | None:
        if self.fate == "learning":
            return None
        calm = self.threshold * abs(0.22 + 0.1 * self.noise(at, "d", 300))
        if self.fate in ("drifted", "both") and self.is_wrong(at):
            grown = min(1.0, (at - self.fell) / HOUR)
            return round(calm + self.threshold * (0.5 + 1.6 * grown), 3)
        return round(calm, 3)


class Fleet:
    def __init__(self, models: int, *, seed: int = 7, hostile: bool = False, journal: str = "ok", calm: bool = False) -> None:
        self.seed, self.journal = seed, journal
        self.began = time.time() - 6 * DAY
        self.state = "serving"
        names = self._names(models, hostile)
        draw = random.Random(seed)
        fates = ["healthy"] * models if calm else draw.choices(list(_FATES), list(_FATES.values()), k=models)
        if not calm:
            # A few of each kind, however small the fleet.
            for index, fate in enumerate(["both", "drifted", "stale", "learning"][: max(0, models - 1)]):
                fates[index * 7 % models if models > 28 else index] = fate
        self.models = {
            key: Model(*key, fate, f"{seed}{key}") for key, fate in zip(names, fates, strict=True)
        }
        self.decisions: dict[str, list[Json]] = {}
        self.resolved: list[Json] = []
        now = time.time()
        for model in self.models.values():
            self._prepare(model, now)

    def _names(self, count: int, hostile: bool) -> list[tuple[str, str]]:
        plain = [("fraud", "7"), ("churn", "2026-11"), ("eta", "12"), ("search-ranking", "41"), ("ads-ctr", "-")]
        names = plain + [(name, str(index)) for index, name in enumerate(HOSTILE)] if hostile else plain
        number = 0
        while len(names) < count:
            names.append((f"{_TEAMS[number % 8]}/{_TASKS[number // 8 % 12]}-{number // 96 + 1:02d}", str(number % 9 + 1)))
            number += 1
        return names[:count]

    def _prepare(self, model: Model, now: float) -> None:
        quiet = 40 * 60.0 if model.fate == "stale" else 0
        model.last_event = now - quiet - random.Random(model.seed).random() * 2
        batch = 240.0
        model.recent = [model.drift(now - quiet - batch * step, now) for step in range(23, -1, -1)]
        if model.fate in ("both", "drifted") and now - model.fell > HOUR:
            self._decide(model, model.fell + 1200)
        elif random.Random(model.seed + "old").random() < 0.15:
            self._decide(model, now - 2.6 * DAY, done=True)
        if random.Random(model.seed + "past").random() < 0.2:
            opened = now - 20 * HOUR
            self.resolved.append(self.alert(model, "latency", "low", opened, 231.4, 200.0, until=opened + 2 * HOUR))

    # MARK: Alerts

    def alert(
        self, model: Model, monitor: str, severity: str, opened: float, value: float, threshold: float, until: float | None = None
    ) -> Json:  # fmt: skip
        kinds = {"accuracy": "accuracy_degradation", "latency": "latency_spike", "drift": "data_drift", "no_data": "no_data"}
        made = {
            "episode_id": "ep-" + digest(model.seed, monitor, int(opened)), "model": model.name, "version": model.version,
            "source": None, "monitor": monitor, "metric": None, "type": kinds[monitor],
            "state": "firing" if until is None else "resolved", "severity": severity, "rev": 1 if until is None else 2,
            "flags": ["silenced"] if model.fate == "silenced" and until is None else [], "inhibited_by": [],
            "reason": None if until is None else "recovered",
            "opened_at": rfc3339(opened), "changed_at": rfc3339(until or opened), "value": value, "threshold": threshold,
            "top_k": [],
        }  # fmt: skip
        if monitor == "drift":
            made["top_k"] = [{"name": name, "drift_score": round(value * share, 3)} for name, share in zip(model.features, (1, 0.4))]
        if model.preset == "standard" and monitor in ("accuracy", "drift"):
            made["evidence"] = self.evidence(model, opened)
        return made

    def evidence(self, model: Model, opened: float) -> Json:
        return {
            "log10_e": 6.8, "log10_e_threshold": 4.0, "cases": 1200, "effect": round(model.drop, 3), "minimum_effect": 0.02,
            "change": {"at": rfc3339(opened - 480), "measurements": 12, "kind": "abrupt"}, "quantile": None,
        }  # fmt: skip

    def open_alerts(self, model: Model, now: float) -> list[Json]:
        opened = model.fell
        found = list(model.extra_alerts)
        if model.fate in ("dropped", "both", "silenced"):
            found.append(self.alert(model, "accuracy", "high", opened + 300, model.accuracy(now, now) or 0, round(model.baseline * 0.9, 3)))
        if model.fate in ("drifted", "both"):
            severity = "medium" if model.fate == "drifted" else "high"
            found.append(self.alert(model, "drift", severity, opened + 900, model.recent[-1] or 0, model.threshold))
        if model.fate == "slow":
            found.append(self.alert(model, "latency", "low", opened, model.latency_ms(now, now), 200.0))
        if model.fate == "stale":
            found.append(self.alert(model, "no_data", "medium", now - 30 * 60, 2400.0, 600.0))
        return found

    def silences(self) -> list[Json]:
        now = self.began + 6 * DAY
        quiet = [model for model in self.models.values() if model.fate == "silenced"]
        return [
            {"id": "si-" + digest(model.seed), "matchers": {"model": model.name, "monitor": "*"}, "created_by": "ana",
             "comment": "moves to another feed", "created_at": rfc3339(now - HOUR), "ends_at": rfc3339(now + 2 * HOUR)}
            for model in quiet
        ]  # fmt: skip

    # MARK: Decisions

    def _message(self, model: Model, identity: str, state: str, at: float, rev: int, **more: Any) -> Json:
        data: Json = {
            "decision_id": identity, "model": model.name, "version": model.version, "attempt": 1,
            "attempt_id": f"{identity}-a1", "rev": rev, "state": state, "at": rfc3339(at), "owner": "airflow-1", "reason": None,
            "superseded_by": None, "final": state in ("verified", "rejected", "expired"), "retry_at": None, **more,
        }  # fmt: skip
        return {
            "specversion": "1.0", "type": f"tidemark.decision.retrain.{state}.v1", "source": "tidemark",
            "id": f"{identity}.{rev}", "time": rfc3339(at), "subject": model.name, "modelversion": model.version,
            "correlationid": identity, "causationid": "1772409600000000000-7", "datacontenttype": "application/json", "data": data,
        }  # fmt: skip

    def _decide(self, model: Model, at: float, done: bool = False) -> None:
        identity = "rt-" + digest(model.seed, int(at))
        issued = self._message(model, identity, "issued", at, 1)
        reasons = ["Drift detected (score: 3.45)"] if not done else ["Maximum time exceeded (7.0 days)"]
        if model.fate == "both":
            reasons.insert(0, f"Accuracy dropped by {model.drop:.3f}")
        issued["data"] = {
            "decision_id": identity, "model": model.name, "version": model.version, "issued_at": rfc3339(at),
            "reason_codes": ["maximum_time_exceeded"] if done else ["accuracy_dropped", "drift_detected"][2 - len(reasons) :],
            "trigger_reasons": reasons, "severity_score": 0.5 if done else float(len(reasons)),
            "constraints": {"accuracy_trigger": model.fate == "both", "drift_trigger": not done, "time_trigger": done,
                            "min_time_satisfied": True},
            "episodes": [] if done else [alert["episode_id"] for alert in self.open_alerts(model, time.time())],
            "dry_run": False, "attempt": 1, "attempt_id": f"{identity}-a1", "rev": 1, "state": "issued", "expires_after_s": 86400.0,
            "coverage": 0.9997, "data_window": {"from": rfc3339(at - 3 * DAY), "to": rfc3339(at)},
        }  # fmt: skip
        messages = [issued]
        steps = [("acked", 4), ("started", 95), ("succeeded", 5200), ("verified", 91_000)] if done else [("acked", 4), ("started", 95)]
        if model.fate != "drifted" or done:
            messages += [self._message(model, identity, state, at + wait, rev) for rev, (state, wait) in enumerate(steps, 2)]
        self.decisions[identity] = messages
        model.decision = {"id": identity, "state": messages[-1]["data"]["state"], "attempt": 1, "open": not done}

    def decision(self, identity: str) -> Json:
        messages = self.decisions[identity]
        first, last = messages[0]["data"], messages[-1]["data"]
        return {
            "id": identity, "model": first["model"], "version": first["version"], "state": last["state"],
            "final": last.get("final", False), "attempt": last["attempt"], "rev": last["rev"], "owner": last.get("owner"),
            "dry_run": False, "issued_at": first["issued_at"], "changed_at": messages[-1]["time"],
            "reason_codes": first["reason_codes"], "trigger_reasons": first["trigger_reasons"],
            "severity_score": first["severity_score"], "coverage": first["coverage"],
        }  # fmt: skip

    # MARK: Time

    def move(self, count: int, now: float) -> list[Model]:
        """A second passes: so many models hear of something new."""
        draw = random.Random(f"{self.seed}{int(now * 10)}")
        alive = [model for model in self.models.values() if model.fate != "stale"]
        moved = draw.sample(alive, min(count, len(alive)))
        for model in moved:
            model.last_event = now
            model.events += draw.randrange(1, 20)
            if draw.random() < 0.2:
                model.recent = [*model.recent[1:], model.drift(now + draw.random() * DAY, now)]
        return moved
