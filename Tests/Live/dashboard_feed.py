"""Feeds a real daemon what a small fleet measured over the last hours, so that its dashboard has something to show.

What is sent is drawn from a seed; what becomes of it, the alerts, decisions and distributions, is the daemon's own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "protocol" / "python" / "src"))

from tidemark import Control, Publisher  # noqa: E402

FEATURES = ["amount", "age_days", "distance_km", "hour", "n_clicks"]
STEP_S = 600.0
ROWS = 300
#: Name, version, and since how many hours something is wrong with it: accuracy, inputs, both, latency; or nothing.
MODELS = [
    ("fraud", "7", "both", 5.0), ("checkout-ranking", "41", "inputs", 3.0), ("eta", "12", "accuracy", 1.5),
    ("churn", "2026-11", "none", 0.0), ("support/intent", "3", "latency", 2.0), ("ads-ctr", None, "none", 0.0),
    ("search/spelling", "9", "none", 0.0), ("pricing", "18", "inputs", 0.7), ("media/dedup", "5", "silent", 4.0),
    ("demand-nl", "2", "none", 0.0), ("demand-de", "2", "none", 0.0), ("demand-fr", "2", "none", 0.0),
    ("spam", "30", "none", 0.0), ("geo/snap", "6", "none", 0.0), ("forecast", "1", "fresh", 0.0),
]  # fmt: skip


def configuration(folder: Path, **more: Any) -> dict[str, Any]:
    """Of a daemon for this: a journal, free ports, decisions soon after each other."""
    return more | {
        "name": "tidemark",
        "state": str(folder / "state"),
        "http": {"listen": "127.0.0.1:0"},
        "sockets": {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output", "control", "reliable")},
        "preset": "standard",
        "defaults": {
            "retrain": {"min_time_between_retrains": "3h", "acknowledge_within": "1h"},
            "no_data_after": "2h",
        },
    }


class Feed:
    def __init__(self, folder: Path, models: list[tuple[str, str | None, str, float]] | None = None) -> None:
        self.folder, self.models = folder, models or MODELS
        self.drawn = np.random.default_rng(11)
        self.publishers = [Publisher(f"ipc://{folder}/ingest", source=f"serving-{name}") for name in ("a", "b")]
        for publisher in self.publishers:
            assert publisher.wait_ready(20), "the daemon does not listen"

    def publisher(self, name: str) -> Publisher:
        return self.publishers[len(name) % 2]

    def past(self, hours: float, between: Callable[[], None] = lambda: None) -> None:
        """What was measured until now. Models take turns, as they would; `between` may wait for the daemon."""
        now = time.time()
        for name, version, fate, _ in self.models:
            if fate != "fresh":
                self._baseline(name, version, now - hours * 3600)
        at = now - hours * 3600
        while at < now:
            for name, version, fate, since in self.models:
                is_wrong = at > now - since * 3600
                if (fate == "silent" and is_wrong) or (fate == "fresh" and at < now - 1500):
                    continue
                self._measure(name, version, fate if is_wrong else "none", at)
            between()
            at += STEP_S

    def now(self) -> None:
        """One more measurement of each that is not silent."""
        for name, version, fate, _ in self.models:
            if fate != "silent":
                self._measure(name, version, fate, time.time())

    def _baseline(self, name: str, version: str | None, at: float) -> None:
        rows = self.drawn.normal(50, 10, size=(4000, len(FEATURES)))
        self.publisher(name).baseline(
            name, version=version, time=at, correct=9200, total=10_000, features=rows, names=FEATURES,
            latency_quantiles_ms={"p50": 40, "p95": 70, "p99": 95, "count": 20_000},
        )  # fmt: skip

    def _measure(self, name: str, version: str | None, fate: str, at: float) -> None:
        share = 0.80 if fate in ("both", "accuracy") else 0.92
        slow = 2.4 if fate == "latency" else 1.0
        rows = self.drawn.normal(50, 10, size=(ROWS, len(FEATURES)))
        if fate in ("both", "inputs"):
            rows[:, 0] += 9
            rows[:, 3] *= 1.12
        publisher = self.publisher(name)
        latencies = self.drawn.lognormal(np.log(40 * slow), 0.3, size=40)
        correct = int(self.drawn.binomial(200, share))
        publisher.metrics(name, version=version, time=at, correct=correct, total=200, latencies_ms=list(latencies))
        publisher.features(name, rows.astype("f4"), version=version, time=at, names=FEATURES)

    def answer(self, decisions: list[dict[str, Any]]) -> None:
        """An orchestrator takes some of them on."""
        with Control(f"ipc://{self.folder}/control", requester="airflow-1") as control:
            for index, decision in enumerate(decisions):
                if index % 3 < 2:
                    control.feedback(decision["id"], "acked", owner="airflow-1")
                if index % 3 < 1:
                    control.feedback(decision["id"], "started", owner="airflow-1")

    def close(self) -> None:
        for publisher in self.publishers:
            publisher.close()

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
