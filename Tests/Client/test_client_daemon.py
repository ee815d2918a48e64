"""Publisher and subscriber against `tidemark serve`, also when it is killed and started again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from daemon import account, needs_daemon, started
from peer import GIVE_UP_S
from tidemark import Alert, Assessment, Decision, Ended, Gap, Publisher, Restart, SourcesReport, Subscriber

pytestmark = needs_daemon
Start = Callable[..., Any]
EVERYTHING = ("alert", "decision", "assessment", "status")
#: Decisions come at once instead of after a day.
EAGER = {"defaults": {"retrain": {"min_time_between_retrains": "0s"}}}


def wait_for(subscriber: Subscriber, done: Callable[[Any], bool], what: str) -> list[Any]:
    """What comes up to the first item with which `done` holds."""
    taken: list[Any] = []
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        item = subscriber.receive(GIVE_UP_S)
        assert item is not None, f"{what}: silence after {taken[-10:]}"
        taken.append(item)
        if done(item):
            return taken
    raise AssertionError(f"{what}: not among {taken[-10:]}")


def joined(subscriber: Subscriber) -> None:
    """Until the subscriptions are in force: then the account of sources comes."""
    wait_for(subscriber, lambda item: isinstance(item, SourcesReport), "the account of sources")


def of(kind: type, **wanted: Any) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, kind) and all(getattr(item, key) == value for key, value in wanted.items())


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_from_a_measurement_to_an_alert_and_a_decision(daemons: Start, folder: Path, kind: str) -> None:
    daemon = started(daemons, folder, kind, **EAGER)
    with Subscriber(daemon.output, kinds=EVERYTHING) as subscriber, Publisher(daemon.ingest, source="s") as publisher:
        assert publisher.wait_ready(GIVE_UP_S)
        joined(subscriber)
        drawn = np.random.default_rng(3)
        publisher.baseline(
            "fraud", accuracy=0.9, version="7", features=drawn.normal(size=(500, 3)), names=["a", "b", "c"]
        )
        publisher.metrics("fraud", accuracy=0.5, latency_ms=100, version="7")
        publisher.features("fraud", drawn.normal(9, 1, size=(200, 3)).astype("f4"), names=["a", "b", "c"], version="7")
        taken = wait_for(subscriber, of(Decision), "a decision")
        alerts = {item.monitor: item for item in taken if isinstance(item, Alert)}
        assert set(alerts) == {"accuracy", "drift"} and alerts["accuracy"].value == 0.5
        assert alerts["drift"].raw["causationid"] == f"{publisher.epoch}-3"
        assert {item.about for item in taken if isinstance(item, Assessment)} == {"performance", "drift", "retrain"}
        assert not any(isinstance(item, (Gap, Restart)) for item in taken)
        decision = taken[-1]
        assert set(decision.episodes) == {alert.episode_id for alert in alerts.values()} and decision.version == "7"
    assert (publisher.sent, publisher.dropped) == (3, 0)


def test_every_kind_of_table_is_judged_alike(daemons: Start, folder: Path) -> None:
    daemon = started(daemons, folder)
    with Subscriber(daemon.output, kinds=EVERYTHING) as subscriber, Publisher(daemon.ingest) as publisher:
        assert publisher.wait_ready(GIVE_UP_S)
        joined(subscriber)
        rows = np.array([[1, 0], [3, 1]])
        publisher.baseline("m", features=rows)
        scores = []
        tables: list[Any] = [rows.astype(dtype) for dtype in ("f8", "f4", "i8", "i4", "u1", "f2")]
        tables += [np.asfortranarray(rows), rows.tolist(), np.array([[1, False], [3, True]], dtype=object)]
        for table in tables:
            publisher.features("m", table)
            taken = wait_for(subscriber, of(Assessment, about="drift"), "an assessment of drift")
            scores.append([item["new_mean"] for item in taken[-1].data["per_feature"]])
        assert scores == [[2.0, 0.5]] * len(tables)


def test_what_the_publisher_drops_stands_in_the_account(daemons: Start, folder: Path) -> None:
    with Publisher(f"ipc://{folder}/ingest", source="s", queue=5, head_interval=0.05) as publisher:
        for _ in range(12):
            publisher.metrics("m", accuracy=1)
        daemon = started(daemons, folder, "ipc")
        assert publisher.wait_ready(GIVE_UP_S)
        while publisher.pending:
            publisher.wait_ready(0.01)
        publisher.metrics("m", accuracy=1)
        # Until the last message and a head after it were heard.
        found = account(daemon, lambda each: each.sequence == 13 and each.dropped == publisher.dropped)
        # Seven found no room, and the last one none either if what was before it is not read yet.
        assert publisher.dropped in (7, 8) and found.state == "live"
        assert (found.received, found.lost, found.dropped) == (publisher.sent, publisher.dropped, publisher.dropped)
        assert found.sequence == publisher.last_sequence == 13
        assert found.epoch == publisher.epoch


def test_kill_and_restart(daemons: Start, folder: Path) -> None:
    first = started(daemons, folder, "ipc")
    with (
        Subscriber(first.output, kinds=EVERYTHING) as subscriber,
        Publisher(first.ingest, source="s", head_interval=0.1) as publisher,
    ):
        assert publisher.wait_ready(GIVE_UP_S)
        joined(subscriber)
        publisher.baseline("m", accuracy=0.5, features=np.zeros((4, 2)))
        publisher.metrics("m", accuracy=0.9)
        wait_for(subscriber, of(Assessment, about="performance"), "an assessment")
        first.kill()
        second = started(daemons, folder, "ipc")
        taken = wait_for(subscriber, of(SourcesReport), "the second daemon's account")
        assert {item.source for item in taken if isinstance(item, Restart)} >= {"watch.live"}
        # 0.46 is an alert against the default baseline, 0.95, and none against the one that is sent again.
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            assert time.monotonic() < deadline, "the baseline was not sent again"
            publisher.metrics("m", accuracy=0.46)
            publisher.features("m", np.zeros((2, 2)))
            item = wait_for(subscriber, of(Assessment), "an assessment")[-1]
            if item.about == "drift":
                break
        publisher.metrics("m", accuracy=0.46)
        status = wait_for(subscriber, of(Assessment, about="performance", status="healthy"), "a healthy model")
        assert status
        second.stop()
        wait_for(subscriber, of(Ended, source="watch"), "a bye")
