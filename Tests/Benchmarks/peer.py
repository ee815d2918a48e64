"""The peer: the daemon's job in Python (pyzmq, json, numpy), in one process and one thread.

usage: peer.py INGEST OUTPUT

Binds a SUB and an XPUB, takes plain and framed events, prints one line of JSON when ready, serves until
SIGTERM, then prints its account. What it leaves out makes it faster, not slower: deadlines between
events, limits on models and sources, digests for ids, and every check of the input beyond what json and
numpy do themselves.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zmq

from framed import MAGIC, Decoder, Event
from rules import (
    Baseline,
    Breach,
    Drift,
    DriftDetector,
    Floats,
    PerformanceMonitor,
    RetrainTrigger,
)

IDLE_EVALUATION = dt.timedelta(hours=48)
MESSAGES_PER_TURN = 256


class Refused(Exception):
    """An event that is not handled; it is counted."""


@dataclass(slots=True)
class Alert:
    """One monitor's alert: opens with the first violation, resolves with the first event without one."""

    opened_at: dt.datetime | None = None
    severity: str = ""
    ordinal: int = 0
    rev: int = 0

    def observe(self, is_violated: bool, severity: str, now: dt.datetime) -> str | None:
        if self.opened_at is None:
            if not is_violated:
                return None
            self.opened_at, self.severity, self.rev = now, severity, 1
            self.ordinal += 1
            return "opened"
        if is_violated and severity == self.severity:
            return None
        self.rev += 1
        if is_violated:
            self.severity = severity
            return "updated"
        return "resolved"


@dataclass(slots=True)
class Model:
    name: str
    version: str
    time: dt.datetime
    trigger: RetrainTrigger
    last_batch: dt.datetime
    performance: PerformanceMonitor = field(default_factory=PerformanceMonitor)
    detector: DriftDetector | None = None
    alerts: dict[str, Alert] = field(
        default_factory=lambda: {monitor: Alert() for monitor in ("accuracy", "latency", "drift")}
    )

    @property
    def is_idle(self) -> bool:
        return self.detector is None or self.time - self.last_batch >= IDLE_EVALUATION


class Peer:
    def __init__(self, ingest: str, output: str) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.output = self.context.socket(zmq.XPUB)
        self.output.set(zmq.XPUB_VERBOSE, 1)
        self.output.set(zmq.SNDHWM, 10_000)
        self.output.set(zmq.LINGER, 1_000)
        self.output.bind(output)
        self.ingest = self.context.socket(zmq.SUB)
        self.ingest.set(zmq.RCVHWM, 1_000)
        self.ingest.set(zmq.LINGER, 0)
        self.ingest.set(zmq.SUBSCRIBE, b"")
        self.ingest.bind(ingest)
        self.subscriptions: tuple[str, ...] = ()
        self.models: dict[tuple[str, str], Model] = {}
        self.sequences: dict[tuple[str, int], int] = {}
        self.framed = Decoder()
        self.received = self.rejected = self.gaps = self.published = 0

    # Sockets.

    def serve(self, stop: socket.socket) -> None:
        """Until `stop` can be read."""
        poller = zmq.Poller()
        poller.register(self.ingest, zmq.POLLIN)
        poller.register(self.output, zmq.POLLIN)
        poller.register(stop.fileno(), zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if stop.fileno() in ready:
                return
            if self.output in ready:
                self.take_subscription(self.output.recv())
            if self.ingest in ready:
                self.take_messages()

    def take_messages(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                topic = self.ingest.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            body = self.ingest.recv()
            self.received += 1
            try:
                if body.startswith(MAGIC):
                    self.handle(self.framed.receive(topic, body, self.ingest))
                else:
                    self.handle(plain(json.loads(body)))
            except (Refused, KeyError, TypeError, ValueError) as error:
                self.rejected += 1
                print(f"refused: {error}", file=sys.stderr)

    def take_subscription(self, message: bytes) -> None:
        prefix = message[1:].decode()
        kept = {*self.subscriptions, prefix} if message[0] else {*self.subscriptions} - {prefix}
        self.subscriptions = tuple(kept)

    def publish(
        self, topic: str, kind: str, model: Model, cause: Event, id: str, data: dict[str, Any]
    ) -> None:
        event = {
            "specversion": "1.0",
            "type": f"tidemark.{kind}.v1",
            "source": "peer",
            "id": id,
            "time": model.time.isoformat(),
            "subject": model.name,
            "causationid": cause.name,
            "datacontenttype": "application/json",
            "data": data,
        }
        if model.version != "-":
            event["modelversion"] = model.version
        self.output.send_multipart([topic.encode(), json.dumps(event).encode()])
        self.published += 1

    def wanted(self, topic: str) -> bool:
        return topic.startswith(self.subscriptions)

    # Events.

    def handle(self, event: Event) -> None:
        if event.kind in ("head", "bye"):
            return
        self.account(event)
        model = self.model(event)
        match event.kind:
            case "metrics":
                self.take_metrics(model, event)
            case "features":
                self.take_features(model, event)
            case "baseline":
                self.take_baseline(model, event.data)
            case kind:
                raise Refused(f"unknown kind {kind}")

    def account(self, event: Event) -> None:
        source, number = (event.source, event.epoch), event.sequence
        last = self.sequences.get(source)
        if last is not None and number != last + 1:
            if number <= last:
                raise Refused(f"duplicate {number}")
            self.gaps += number - last - 1
        self.sequences[source] = number

    def model(self, event: Event) -> Model:
        key = (event.model, event.version)
        time = event.time
        model = self.models.get(key)
        if model is None:
            model = self.models[key] = Model(*key, time, RetrainTrigger(time), time)
        elif time > model.time:
            model.time = time
        return model

    def take_metrics(self, model: Model, event: Event) -> None:
        data = event.data
        accuracy, latency_ms = data.get("accuracy"), data.get("latency_ms")
        if accuracy is None and latency_ms is None:
            return
        monitor = model.performance
        monitor.observe(accuracy, latency_ms)
        topic = f"assessment/{model.name}/{model.version}/peer"
        if self.wanted(topic):
            self.publish(topic, "assessment.performance", model, event, f"p-{event.name}", monitor.report())
        if accuracy is not None:
            self.judge(model, event, "accuracy", accuracy, monitor.accuracy_breach)
        if latency_ms is not None:
            self.judge(model, event, "latency", latency_ms, monitor.latency_breach)
        if model.is_idle:
            self.evaluate(model, event, None)

    def judge(self, model: Model, event: Event, monitor: str, value: float, breach: Breach | None) -> None:
        limits = model.performance
        if monitor == "accuracy":
            kind, level, threshold = (
                "accuracy_degradation",
                "high",
                limits.accuracy_ratio * limits.baseline_accuracy,
            )
        else:
            kind, level, threshold = "latency_spike", "medium", limits.latency_limit_ms
        change = model.alerts[monitor].observe(breach is not None, level, model.time)
        if change:
            self.announce(model, event, monitor, kind, change, value, threshold, [])

    def take_features(self, model: Model, event: Event) -> None:
        data = event.data
        if model.detector is None:
            raise Refused("no_baseline")
        rows = matrix(data)
        names = data.get("feature_names")
        known = model.detector.baseline.names
        if names is not None and names != known:
            if sorted(names) != sorted(known):
                raise Refused("other feature names")
            rows = rows[:, [names.index(name) for name in known]]
        drift = model.detector.observe(rows)
        model.last_batch = model.time
        topic = f"assessment/{model.name}/{model.version}/peer"
        if self.wanted(topic):
            self.publish(topic, "assessment.drift", model, event, f"d-{event.name}", drift.report())
        change = model.alerts["drift"].observe(drift.count > 0, drift.severity, model.time)
        if change:
            threshold = model.detector.threshold
            self.announce(model, event, "drift", "data_drift", change, drift.maximum, threshold, drift.top(5))
        self.evaluate(model, event, drift)

    def take_baseline(self, model: Model, data: dict[str, Any]) -> None:
        if data.get("accuracy") is not None:
            model.performance.baseline_accuracy = data["accuracy"]
        # The plain encoding puts the matrix into an object of its own.
        features = data.get("features", data)
        if features.get("rows") is not None:
            rows = matrix(features)
            names = features.get("feature_names") or [f"feature_{index}" for index in range(rows.shape[1])]
            model.detector = DriftDetector(Baseline.of(names, rows))

    # Outputs.

    def evaluate(self, model: Model, event: Event, drift: Drift | None) -> None:
        decision = model.trigger.evaluate(model.time, model.performance.accuracy_breach, drift)
        topic = f"assessment/{model.name}/{model.version}/peer"
        if self.wanted(topic):
            self.publish(topic, "assessment.retrain", model, event, f"r-{event.name}", decision.report())
        if not decision.should_retrain:
            return
        id = f"rt-{model.name}-{model.version}-{model.trigger.decisions}"
        data = {
            "decision_id": id,
            "model": model.name,
            "version": model.version,
            "issued_at": model.time.isoformat(),
            "reason_codes": decision.codes,
            "trigger_reasons": decision.reasons,
            "severity_score": decision.score,
            "constraints": decision.constraints,
            "episodes": [
                episode(model, monitor, alert) for monitor, alert in model.alerts.items() if alert.opened_at
            ],
            "dry_run": False,
        }
        self.publish(
            f"decision/{model.name}/{model.version}/peer", "decision.retrain.issued", model, event, id, data
        )

    def announce(
        self,
        model: Model,
        event: Event,
        monitor: str,
        kind: str,
        change: str,
        value: float,
        threshold: float,
        top: list[dict[str, Any]],
    ) -> None:
        alert = model.alerts[monitor]
        assert alert.opened_at is not None
        id = episode(model, monitor, alert)
        data = {
            "alert_key": f"{model.name}/{model.version}/{monitor}",
            "episode_id": id,
            "rev": alert.rev,
            "monitor": monitor,
            "type": kind,
            "state": "resolved" if change == "resolved" else "firing",
            "severity": alert.severity,
            "opened_at": alert.opened_at.isoformat(),
            "value": value,
            "threshold": threshold,
            "top_k": top,
        }
        self.publish(
            f"alert/{model.name}/{model.version}/peer",
            f"alert.{change}",
            model,
            event,
            f"{id}.{alert.rev}",
            data,
        )
        if change == "resolved":
            alert.opened_at = None


def episode(model: Model, monitor: str, alert: Alert) -> str:
    return f"ep-{model.name}-{model.version}-{monitor}-{alert.ordinal}"


def plain(event: dict[str, Any]) -> Event:
    """A CloudEvents object."""
    return Event(
        event["type"].split(".")[1],
        event["id"],
        event["source"],
        0,
        int(event["sequence"]),
        event["subject"],
        event.get("modelversion", "-"),
        dt.datetime.fromisoformat(event["time"]),
        event["data"],
    )


def matrix(data: dict[str, Any]) -> Floats:
    """Rows of numbers; null becomes NaN. A matrix that came as bytes stays where and as it is."""
    rows = data["rows"]
    return rows if isinstance(rows, np.ndarray) else np.array(rows, dtype=np.float64)


def stop_signal() -> socket.socket:
    """Becomes readable with SIGTERM. A handler that raises would miss one just before the poll."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.set_wakeup_fd(writing.detach())
    return reading


def main(ingest: str, output: str) -> None:
    stop = stop_signal()
    peer = Peer(ingest, output)
    print(json.dumps({"ready": [endpoint(peer.ingest), endpoint(peer.output)]}), flush=True)
    peer.serve(stop)
    account = {
        "received": peer.received,
        "rejected": peer.rejected,
        "gap": peer.gaps,
        "published": peer.published,
    }
    print(json.dumps(account), flush=True)
    peer.context.destroy()


def endpoint(bound: zmq.Socket[bytes]) -> str:
    """With the port that the system chose."""
    text = bound.get(zmq.LAST_ENDPOINT)
    assert isinstance(text, bytes)
    return text.rstrip(b"\0").decode()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
