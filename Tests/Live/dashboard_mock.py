"""The dashboard and a made-up fleet behind it, over real HTTP: for its tests and its pictures.

    python Tests/Live/dashboard_mock.py --models 1000 --port 8080      and look at it
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dashboard_fleet import DAY, Fleet, Json, Model, digest, rfc3339

SOURCES = Path(__file__).resolve().parents[2] / "Sources" / "Admin" / "Dashboard" / "Page"


def builder() -> ModuleType:
    """The program that puts the page together."""
    spec = importlib.util.spec_from_file_location("dashboard_build", SOURCES / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Refused(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


class Answers:
    """What each path answers."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def by_state(self, summaries: list[Json]) -> Json:
        counts = dict.fromkeys(["healthy", "alerting", "stale", "learning", "silenced"], 0)
        for summary in summaries:
            counts[summary["state"]] += 1
        return counts

    def summary(self, model: Model, now: float) -> Json:
        alerts = self.fleet.open_alerts(model, now)
        state = self.state(model, alerts)
        worst = max((("low", "medium", "high").index(a["severity"]) for a in alerts), default=-1)
        urgency = max([0.4, 0.6, 0.9][worst] + 0.01 * min(9, len(alerts) - 1) if alerts else 0.0,
                      {"stale": 0.5, "learning": 0.1}.get(state, 0.0),
                      0.2 if model.decision and model.decision["open"] else 0.0)  # fmt: skip
        at = model.last_event
        return {
            "model": model.name, "version": model.version, "state": state,
            "urgency": urgency / 2 if state == "silenced" else urgency, "preset": model.preset,
            "last_event_at": rfc3339(at), "model_time": rfc3339(at), "events": model.events,
            "accuracy": model.accuracy(at, now), "baseline_accuracy": model.baseline,
            "latency_ms": None if model.fate == "learning" else model.latency_ms(at, now),
            "drift": self.drift(model, at), "recent_drift": model.recent if model.fate != "learning" else [],
            "alerts": [{key: a[key] for key in ("monitor", "metric", "state", "flags", "inhibited_by", "severity", "episode_id", "opened_at")} for a in alerts],
            "decision": model.decision, "next_allowed_retrain": rfc3339(now + 0.4 * DAY),
        }  # fmt: skip

    def state(self, model: Model, alerts: list[Json]) -> str:
        if model.fate == "silenced":
            return "silenced"
        if any(alert["monitor"] != "no_data" for alert in alerts):
            return "alerting"
        return model.fate if model.fate in ("stale", "learning") else "healthy"

    def drift(self, model: Model, at: float) -> Json | None:
        score = model.recent[-1] if model.recent else None
        if model.fate == "learning" or score is None:
            return None
        drifted = 2 if score >= model.threshold and not model.is_uncertain else 0
        return {"score": score, "threshold": model.threshold, "drifted": drifted, "features": len(model.features),
                "severity": "medium" if drifted else "low", "at": rfc3339(at)}  # fmt: skip

    def summaries(self, now: float) -> list[Json]:
        made = [self.summary(model, now) for model in self.fleet.models.values()]
        return sorted(made, key=lambda s: (-s["urgency"], s["model"], s["version"]))

    def page(self, query: Json, now: float) -> Json:
        every = self.summaries(now)
        limit, offset = int(query.get("limit", 100)), int(query.get("offset", 0))
        if not 1 <= limit <= 1000:
            raise Refused(400, "bad_parameter", "limit: want 1 to 1000")
        wanted = [s for s in every if query.get("q", "").lower() in (s["model"] + "\n" + s["version"]).lower()]
        wanted = [s for s in wanted if query.get("state") in (None, s["state"])]
        return {"at": rfc3339(now), "total": len(every), "matched": len(wanted), "by_state": self.by_state(every),
                "offset": offset, "models": wanted[offset : offset + limit]}  # fmt: skip

    def status(self, now: float) -> Json:
        fleet = self.fleet
        failing = fleet.journal == "failing"
        off = fleet.journal == "off"
        received = sum(model.events for model in fleet.models.values())
        return {
            "name": "tidemark", "version": "0.6.0", "state": fleet.state, "since": rfc3339(fleet.began), "now": rfc3339(now),
            "journal": {"state": fleet.journal, "since": rfc3339(fleet.began), "detail": "disk full" if failing else None,
                        "outputs_waiting": 3 if failing else 0, "commits": 0 if off else 17_995,
                        "bytes": None if off else 48_318_464, "last_commit": None if off else rfc3339(now - 0.8)},
            "account": {"received": received, "rejected": 212 if received else 0, "heads": 18_000, "published": 1412 if received else 0,
                        "alerts_opened": 318 if received else 0, "decisions": len(fleet.decisions),
                        "reasons": {"duplicate": 180, "shape_mismatch": 27, "gap": 61, "late": 1840, "unsequenced": 9021,
                                    "clock_skew": 5, "malformed": 5} if received else {}},
            "models": {"total": len(fleet.models), "limit": 10_000, "by_state": self.by_state(self.summaries(now))},
            "sources": {"total": len(self.sources(now)), "limit": 4096, "by_state": {"live": len(self.sources(now))}},
            "configuration": {"file": "/etc/tidemark/tidemark.yaml", "revision": 1, "last_reload": None},
            "listeners": {"clients": 1, "limit": 16},
        }  # fmt: skip

    def sources(self, now: float) -> list[Json]:
        if not self.fleet.models:
            return []
        return [
            {
                "source": name, "epoch": None if name == "batch-scorer" else "1772409599123456789",
                "sequence": None if name == "batch-scorer" else "18000", "received": 90_000 // (index + 1), "rejected": 27 * (index == 1),
                "rejected_by": {"shape_mismatch": 27} if index == 1 else {}, "lost": 61 * (index == 1), "duplicate": 0,
                "stale": 0, "late": 12 * index, "unsequenced": 9021 * (name == "batch-scorer"), "restarts": index % 2, "dropped": 4 * (index == 1),
                "state": "silent" if name == "batch-scorer" else "live", "last_heard": rfc3339(now - 0.4 - 60 * (name == "batch-scorer")),
                "clock_offset_ms": None if name == "batch-scorer" else 0.4 + index,
            }
            for index, name in enumerate(["serving-5d9c7-a", "serving-5d9c7-b", "batch-scorer"])
        ]  # fmt: skip

    def model(self, key: tuple[str, str], now: float) -> Json:
        model = self.fleet.models.get(key)
        if model is None:
            raise Refused(404, "unknown_model", f"no model {key[0]} {key[1]}")
        summary = self.summary(model, now)
        return {
            **summary, "at": rfc3339(now), "alerts": self.fleet.open_alerts(model, now), "monitors": self.monitors(model, now),
            "features": self.features(model) if summary["drift"] else None, "sources": self.sources(now), "sources_truncated": False,
            "retrain": self.retrain(model, summary, now),
            "timers": [
                {"timer": "start", "at": rfc3339(now + 700), "text": "the attempt has failed unless it is started"},
                {"timer": "elapsed_time", "at": rfc3339(now + 4.3 * DAY), "text": "the time rule"},
            ],
        }  # fmt: skip

    def monitors(self, model: Model, now: float) -> list[Json]:
        learning = model.fate == "learning"
        accuracy, limit = model.accuracy(model.last_event, now), round(model.baseline * 0.9, 3)
        slow = model.latency_ms(model.last_event, now)
        evidence = self.fleet.evidence(model, model.fell) if model.preset == "standard" and not learning else None

        def monitor(name: str, value: float | None, threshold: float | None, direction: str, bad: bool) -> Json:
            ratio = None if value is None or threshold is None else (value / threshold if direction == "above" else threshold / max(value, 1e-9))
            return {"monitor": name, "metric": None, "state": "learning" if learning else "violated" if bad else "watching",
                    "value": value, "threshold": threshold, "direction": direction, "score": ratio and round(ratio, 3),
                    "reference": "learned" if model.preset == "standard" else None, "seen": 812 if learning else None,
                    "wanted": 2000 if learning else None, "evidence": evidence}  # fmt: skip

        return [
            monitor("accuracy", accuracy, None if learning else limit, "below", accuracy is not None and accuracy < limit),
            monitor("latency", None if learning else slow, None if learning else 200.0, "above", slow > 200),
        ]

    def features(self, model: Model) -> Json:
        score = model.recent[-1] or 0
        top = []
        for index, name in enumerate(model.features):
            own = score * (1, 0.55, 0.2, 0.1, 0.08, 0.05, 0.04, 0.03, 0.02, 0.01)[index]
            moved = min(0.5, own / model.threshold / 4)
            count = 4 if name in ("device", "country") else 10
            weights = [1 + moved * 4 * (bin_ - (count - 1) / 2) / count * (1 + (index % 2)) for bin_ in range(count)]
            now = [max(0.004, weight) / sum(max(0.004, w) for w in weights) for weight in weights]
            names = ["DE", "FR", "PL", "US"][:count] if count == 4 else [f"≤ {(bin_ + 1) * 12}" for bin_ in range(count - 1)] + ["> 108"]
            standard = model.preset == "standard"
            top.append({
                "name": name, "drifted": own >= model.threshold, "score": round(own, 4), "baseline_mean": None if count == 4 else 50.25,
                "new_mean": None if count == 4 else round(50.25 * (1 + moved), 3), "log10_e": round(own * 40, 2) if standard else None,
                "cases": 800 if standard else None,
                "distribution": {"bins": ["missing", "other", *names], "reference": [0.0, 0.0, *([1 / count] * count)],
                                 "current": [0.0, 0.0, *now], "reference_rows": 10_000, "current_rows": 800} if standard else None,
            })  # fmt: skip
        return {"total": len(top) + 14, "drifted": sum(f["drifted"] for f in top), "top": top}

    def retrain(self, model: Model, summary: Json, now: float) -> Json:
        fell = model.fate in ("dropped", "both")
        drift = summary["drift"]
        blocks: list[Json] = [{"code": "minimum_time", "text": "Waiting for minimum time (24.0h)", "until": rfc3339(now + 0.4 * DAY)}]
        if model.decision and model.decision["open"]:
            blocks.append({"code": "open_decision", "text": f"{model.decision['id']} is {model.decision['state']}", "until": rfc3339(now + 700)})
        rules = [
            {"rule": "accuracy_drop", "fires": fell, "value": round(model.drop, 3) if fell else None, "threshold": 0.05, "unit": "accuracy",
             "reason": f"Accuracy dropped by {model.drop:.3f}" if fell else None},
            {"rule": "drift", "fires": bool(drift and drift["score"] >= 2), "value": drift and drift["score"], "threshold": 2.0, "unit": "score",
             "reason": f"Drift detected (score: {drift['score']:.2f})" if drift and drift["score"] >= 2 else None},
            {"rule": "elapsed_time", "fires": False, "value": 0.6 * DAY, "threshold": 7 * DAY, "unit": "s", "reason": None},
        ]  # fmt: skip
        if not any(rule["fires"] for rule in rules):
            blocks = [{"code": "no_rule_fires", "text": "no rule fires", "until": None}]
        return {"mode": "issue", "would_retrain": False, "rules": rules, "blocks": blocks, "minimum_time_s": DAY,
                "last_retrain": rfc3339(now - 0.6 * DAY), "coverage": 0.9997, "economics": None}  # fmt: skip

    def history(self, key: tuple[str, str], query: Json, now: float) -> Json:
        model = self.fleet.models.get(key)
        if model is None:
            raise Refused(404, "unknown_model", f"no model {key[0]} {key[1]}")
        start, end = (parsed(query[name]) for name in ("from", "to"))
        step = max(1, round((end - start) / 240))
        points = []
        at = start + step
        while at <= end and self.fleet.journal != "off":
            if at <= model.last_event and at > self.fleet.began:
                points.append(self.point(model, at, step, now))
            at += step
        return {"model": key[0], "version": key[1], "from": rfc3339(start), "to": rfc3339(end), "step_s": step,
                "reason": "no_journal" if self.fleet.journal == "off" else None, "points": points}  # fmt: skip

    def point(self, model: Model, at: float, step: int, now: float) -> Json:
        def figure(value: float | None, spread: float) -> Json | None:
            return value if value is None else {"count": step, "min": value - spread, "max": value + spread, "mean": value}

        latency = model.latency_ms(at, now)
        score = model.drift(at, now)
        severity = "medium" if score and score >= model.threshold else "low"
        return {"at": rfc3339(at), "accuracy": figure(model.accuracy(at, now), 0.012), "latency_ms": figure(latency, latency * 0.2),
                "drift": None if score is None else {"batches": 3, "score": score, "drifted": 1, "features": len(model.features), "severity": severity}}  # fmt: skip

    def alerts(self, query: Json, now: float) -> Json:
        found = [a for model in self.fleet.models.values() for a in self.fleet.open_alerts(model, now)]
        found.sort(key=lambda a: (-["low", "medium", "high"].index(a["severity"]), a["opened_at"]))
        if query.get("state") == "recent":
            found += self.fleet.resolved
        return {"at": rfc3339(now), "total": len(found), "alerts": found[: int(query.get("limit", 100))]}

    def decisions(self, query: Json, now: float) -> Json:
        every = [self.fleet.decision(identity) for identity in self.fleet.decisions]
        found = sorted((d for d in every if query.get("model") in (None, d["model"])), key=lambda d: d["issued_at"], reverse=True)
        return {"at": rfc3339(now), "total": len(found), "decisions": found[: int(query.get("limit", 100))]}

    def decision(self, identity: str, now: float) -> Json:
        if identity not in self.fleet.decisions:
            raise Refused(404, "unknown_decision", f"no decision {identity}")
        return {**self.fleet.decision(identity), "at": rfc3339(now), "complete": True,
                "timers": [{"timer": "finish", "at": rfc3339(now + 5 * 3600), "text": "the attempt has failed unless it has ended"}],
                "messages": self.fleet.decisions[identity]}  # fmt: skip


def parsed(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Mock:
    """The server. `fleet` may be changed while it runs; `tell` and `alert` reach every page at once."""

    def __init__(self, fleet: Fleet, *, port: int = 0, token: str | None = None, moving: int = 0) -> None:
        self.fleet, self.answers, self.token = fleet, Answers(fleet), token
        self.lock = threading.Lock()
        self.told: list[tuple[str, str]] = []
        self.changed = threading.Condition(self.lock)
        self.asked: list[str] = []
        self.build = builder()
        self._stop = threading.Event()
        mock = self

        class Handler(_Handler):
            pass

        Handler.mock = mock
        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        if moving:
            threading.Thread(target=self._move, args=(moving,), daemon=True).start()

    def _move(self, count: int) -> None:
        while not self._stop.wait(1):
            self.tell_fleet([(m.name, m.version) for m in self.fleet.move(count, time.time())])

    def tell(self, name: str, data: Json) -> None:
        with self.changed:
            self.told.append((name, json.dumps(data)))
            self.changed.notify_all()

    def tell_fleet(self, keys: list[tuple[str, str]]) -> None:
        now = time.time()
        every = self.answers.summaries(now)
        changed = [s for s in every if (s["model"], s["version"]) in set(keys)]
        self.tell("fleet", {"at": rfc3339(now), "total": len(every), "by_state": self.answers.by_state(every),
                            "models": changed[:200], "truncated": len(changed) > 200})  # fmt: skip

    def open_alert(self, key: tuple[str, str], monitor: str = "accuracy", severity: str = "high") -> Json:
        """An alert opens on a model, and every page is told."""
        model = self.fleet.models[key]
        alert = self.fleet.alert(model, monitor, severity, time.time(), 0.61, 0.8)
        model.extra_alerts.append(alert)
        self.tell("alert", {
            "specversion": "1.0", "type": "tidemark.alert.opened.v1", "source": "tidemark", "id": alert["episode_id"] + ".1",
            "time": alert["opened_at"], "subject": key[0], "modelversion": key[1], "data": {**alert, "alert_key": digest(*key)},
        })  # fmt: skip
        self.tell_fleet([key])
        return alert

    def close(self) -> None:
        """Connections end too, as when a daemon dies."""
        self._stop.set()
        with self.changed:
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def stream(self, at: int) -> Iterator[tuple[str, str] | None]:
        """What is told from `at` on; None when there was nothing for a while."""
        while not self._stop.is_set():
            with self.changed:
                self.changed.wait_for(lambda: len(self.told) > at or self._stop.is_set(), 5)
                fresh = self.told[at:]
                at = len(self.told)
            yield from fresh or [None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that goes while it is answered is no error; anything else is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mock: Mock

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.mock.asked.append(self.path)
        try:
            if parts.path == "/":
                return self.give(200, self.mock.build.page().encode(), "text/html; charset=utf-8")
            if self.mock.token and self.headers.get("Authorization") != f"Bearer {self.mock.token}":
                raise Refused(401, "token", "want the bearer token")
            if parts.path == "/api/v1/events":
                return self.events()
            return self.give(200, json.dumps(self.answer(parts.path, query)).encode(), "application/json")
        except Refused as refused:
            problem = {"type": "about:blank", "title": "Refused", "status": refused.status, "code": refused.code, "detail": str(refused)}
            return self.give(refused.status, json.dumps(problem).encode(), "application/problem+json")

    def answer(self, path: str, query: Json) -> Json:
        answers, now = self.mock.answers, time.time()
        fixed = {"/api/v1/status": lambda: answers.status(now), "/api/v1/models": lambda: answers.page(query, now),
                 "/api/v1/alerts": lambda: answers.alerts(query, now), "/api/v1/decisions": lambda: answers.decisions(query, now)}  # fmt: skip
        if path in fixed:
            return fixed[path]()
        if path == "/api/v1/silences":
            silences = self.mock.fleet.silences()
            return {"at": rfc3339(now), "total": len(silences), "silences": silences}
        if path == "/api/v1/sources":
            sources = answers.sources(now)
            return {"at": rfc3339(now), "total": len(sources), "offset": 0, "sources": sources}
        if match := re.fullmatch(r"/api/v1/models/([^/]+)/([^/]+)(/history)?", path):
            key = (unquote(match[1]), unquote(match[2]))
            return answers.history(key, query, now) if match[3] else answers.model(key, now)
        if match := re.fullmatch(r"/api/v1/decisions/([^/]+)", path):
            return answers.decision(unquote(match[1]), now)
        raise Refused(404, "not_found", "no such path")

    def give(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.mock.build.policy())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        # From before the page knows that it is connected, or what is told meanwhile would not reach it.
        at = len(self.mock.told)
        try:
            self.wfile.write(f'event: hello\ndata: {{"at":"{rfc3339(time.time())}","resumed":false}}\n\n'.encode())
            for told in self.mock.stream(at):
                self.wfile.write(f"event: {told[0]}\ndata: {told[1]}\n\n".encode() if told else b": still here\n\n")
        except OSError:
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--hostile", action="store_true", help="names that a page must survive")
    parser.add_argument("--journal", choices=["ok", "failing", "off"], default="ok")
    parser.add_argument("--token")
    chosen = parser.parse_args()
    fleet = Fleet(chosen.models, hostile=chosen.hostile, journal=chosen.journal)
    mock = Mock(fleet, port=chosen.port, token=chosen.token, moving=max(1, chosen.models // 10))
    print(mock.url)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        mock.close()


if __name__ == "__main__":
    main()
