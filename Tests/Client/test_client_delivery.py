"""Nothing lost, nothing twice: resuming readers, the lossless lane and orchestrators against `tidemark serve`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Callable

import pytest
from daemon import account, needs_daemon, started
from peer import GIVE_UP_S, until
from tidemark import (
    Alert,
    Control,
    Decision,
    DecisionChange,
    Event,
    Gap,
    Granted,
    Orchestrator,
    Publisher,
    Refused,
    Restart,
    Subscriber,
)

pytestmark = needs_daemon
Start = Callable[..., Any]
#: Decisions come at once instead of after a day.
EAGER = {"retrain": {"min_time_between_retrains": "0s"}}


class Served:
    """A daemon with a journal, on sockets that keep their names when it is killed and started again."""

    def __init__(self, daemons: Start, folder: Path, **more: Any) -> None:
        self._daemons, self._folder = daemons, folder
        places = {name: f"ipc://{folder}/{name}" for name in ("ingest", "output", "control", "reliable")}
        self.output, self.control, self.reliable = places["output"], places["control"], places["reliable"]
        self._configuration = {
            "sockets": {name: [place] for name, place in places.items()},
            "state": str(folder / "state"),
            "defaults": EAGER,
            **more,
        }
        self.start()

    def start(self) -> None:
        self.daemon = started(self._daemons, self._folder, "ipc", **self._configuration)

    def kill_and_start(self) -> None:
        self.daemon.kill()
        self.start()

    def subscriber(self, **more: Any) -> Subscriber:
        return Subscriber(self.output, control=self.control, **more)

    def joined(self, **more: Any) -> Subscriber:
        """A subscriber that has heard the daemon's first word, so that it is told of all that follows."""
        subscriber = self.subscriber(**more)
        until(lambda: subscriber.receive(0.05) is None and subscriber.position is not None, "it has joined")
        return subscriber

    def publisher(self, **more: Any) -> Publisher:
        return Publisher(self.reliable, **{"source": "s", "reliable": True, "linger": GIVE_UP_S, **more})


@pytest.fixture
def served(daemons: Start, folder: Path) -> Served:
    return Served(daemons, folder)


def swings(publisher: Publisher, count: int, model: str = "fraud") -> None:
    """Accuracy that falls and recovers: alerts that open and resolve."""
    for turn in range(count):
        assert publisher.metrics(model, accuracy=0.1 if turn % 2 else 0.9)
    assert publisher.wait_acknowledged(GIVE_UP_S)


def numbers(subscriber: Subscriber, until_head: int) -> list[int]:
    """The numbers that come up to one; anything but events fails."""
    found: list[int] = []
    while not found or found[-1] < until_head:
        item = subscriber.receive(GIVE_UP_S)
        assert isinstance(item, Event) and item.sequence is not None, (item, found[-5:])
        found.append(item.sequence)
    return found


def head_of(served: Served) -> int:
    with Control(served.control, timeout=GIVE_UP_S) as control:
        return control.fetch().head


def test_a_reader_that_was_away_misses_nothing_also_when_the_daemon_was_killed(served: Served, folder: Path) -> None:
    with served.publisher() as publisher:
        publisher.baseline("fraud", accuracy=0.9)
        with served.joined(cursor=folder / "cursor") as subscriber:
            swings(publisher, 10)
            seen = numbers(subscriber, 2)
            subscriber.commit()
        swings(publisher, 10)
        served.kill_and_start()
        swings(publisher, 10)
        head = head_of(served)
        with served.subscriber(cursor=folder / "cursor") as subscriber:
            seen += numbers(subscriber, head)
    assert seen == list(range(seen[0], head + 1)) and head > 20


def test_a_reader_that_stays_sees_one_numbering_over_a_kill(served: Served) -> None:
    with served.publisher() as publisher, served.joined() as subscriber:
        publisher.baseline("fraud", accuracy=0.9)
        items: list[Any] = []
        for _ in range(3):
            swings(publisher, 6)
            served.kill_and_start()
        head = head_of(served)
        while not items or items[-1].sequence < head:
            item = subscriber.receive(GIVE_UP_S)
            assert item is not None and not isinstance(item, (Gap, Restart)), item
            if isinstance(item, Event):
                items.append(item)
    found = [item.sequence for item in items]
    assert found == list(range(found[0], head + 1)) and len({item.id for item in items}) == len(items)
    assert len({item.epoch for item in items}) == 1


def test_another_state_directory_is_a_restart(served: Served, folder: Path) -> None:
    with served.publisher() as publisher, served.joined(cursor=folder / "cursor") as subscriber:
        publisher.baseline("fraud", accuracy=0.9)
        swings(publisher, 4)
        numbers(subscriber, head_of(served))
        served.daemon.kill()
        (folder / "state").rename(folder / "lost")
        served.start()
        item = subscriber.receive(GIVE_UP_S)
        while not isinstance(item, Restart):
            assert item is not None
            item = subscriber.receive(GIVE_UP_S)


def test_what_was_accepted_is_counted_once_over_kills(served: Served, folder: Path) -> None:
    sent = 3_000
    with served.publisher(block=True, ring=500, ring_file=folder / "ring") as publisher:
        kills = threading.Thread(target=lambda: [served.kill_and_start() for _ in range(3)])
        kills.start()
        for turn in range(sent):
            assert publisher.metrics("fraud", accuracy=0.9, step=turn)
        kills.join(GIVE_UP_S * 3)
        assert publisher.wait_acknowledged(GIVE_UP_S) and publisher.acknowledged == sent
        assert publisher.refusals == []
    found = account(served.daemon, lambda each: each.source == "s" and each.sequence == sent)
    assert (found.lost, found.rejected, found.epoch) == (0, 0, publisher.epoch)


def test_what_is_refused_is_told_by_its_reason(served: Served) -> None:
    with served.publisher() as publisher:
        publisher.metrics("fraud", accuracy=0.9)
        publisher.feedback("rt-unknown", "cancelled")
        publisher.metrics("fraud", accuracy=0.9)
        assert publisher.wait_acknowledged(GIVE_UP_S) and publisher.acknowledged == 3
        until(lambda: publisher.refusals, "it is told")
    assert [(each.sequence, each.code) for each in publisher.refusals] == [(2, "feedback_refused")]


def decide(publisher: Publisher, model: str = "fraud") -> None:
    """What makes the daemon issue a decision about a model."""
    publisher.baseline(model, accuracy=0.9)
    publisher.metrics(model, accuracy=0.1)
    assert publisher.wait_acknowledged(GIVE_UP_S)


def changes(subscriber: Subscriber, last: str) -> list[str]:
    """The states of the first decision up to one."""
    found: list[str] = []
    while not found or found[-1] != last:
        item = subscriber.receive(GIVE_UP_S)
        assert item is not None, found
        if isinstance(item, Decision):
            assert (item.attempt, item.rev, item.state) == (1, 1, "issued") and item.attempt_id is not None
            assert item.expires_after is not None and item.data_window is not None
            found.append("issued")
        elif isinstance(item, DecisionChange):
            found.append(item.state)
    return found


def test_a_decision_is_claimed_run_and_reported(served: Served, folder: Path) -> None:
    seen: list[Decision] = []
    made = Orchestrator(
        seen.append, owner="me", output=served.output, control=served.control, cursor=folder / "orchestrator"
    )
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        with served.subscriber(kinds=("decision",), snapshot=True) as subscriber, served.publisher() as publisher:
            decide(publisher)
            assert changes(subscriber, "succeeded") == ["issued", "acked", "started", "succeeded"]
    finally:
        made.stop()
        thread.join(GIVE_UP_S)
    assert len(seen) == 1 and seen[0].model == "fraud"


def test_a_decision_that_was_open_when_everything_was_killed_is_done(served: Served, folder: Path) -> None:
    with served.publisher() as publisher:
        decide(publisher)
    served.kill_and_start()
    seen: list[Decision] = []
    Orchestrator(
        seen.append, owner="me", output=served.output, control=served.control, cursor=folder / "orchestrator"
    ).run(idle=2.0)
    assert len(seen) == 1


def test_claims_are_granted_once_and_outlive_a_kill(served: Served) -> None:
    with served.publisher() as publisher, Control(served.control, timeout=GIVE_UP_S) as control:
        decide(publisher)
        (decision,) = (event for event in control.snapshot().events if isinstance(event, Decision))
        assert any(isinstance(event, Alert) for event in control.snapshot(kinds=("alert",)).events)
        granted = control.feedback(decision.decision_id, "acked", owner="a", attempt=1)
        assert isinstance(granted, Granted) and (granted.state, granted.owner) == ("acked", "a") and granted.token
        served.kill_and_start()
        again = control.feedback(decision.decision_id, "acked", owner="a", attempt=1)
        assert isinstance(again, Granted) and again.token == granted.token
        for owner, state, more, code in (
            ("b", "acked", {}, "denied"),
            ("a", "succeeded", {}, "wrong_state"),
            ("a", "started", {"attempt": 2}, "wrong_attempt"),
            ("a", "started", {"token": "x"}, "wrong_token"),
        ):
            refused = control.feedback(decision.decision_id, state, owner=owner, **more)  # type: ignore[arg-type]
            assert isinstance(refused, Refused) and refused.code == code
        unknown = control.feedback("rt-unknown", "acked", owner="a")
        assert isinstance(unknown, Refused) and unknown.code == "unknown_decision"
        assert isinstance(control.feedback(decision.decision_id, "cancelled"), Granted)
        over = control.feedback(decision.decision_id, "started", owner="a")
        assert isinstance(over, Refused) and over.code == "final"


def test_feedback_as_an_event_changes_a_decision(served: Served) -> None:
    with served.subscriber(kinds=("decision",), snapshot=True) as subscriber, served.publisher() as publisher:
        decide(publisher)
        with Control(served.control, timeout=GIVE_UP_S) as control:
            (decision, *_) = (event for event in control.snapshot().events if isinstance(event, Decision))
        publisher.feedback(decision.decision_id, "started", owner="me", model="fraud")
        publisher.feedback(decision.decision_id, "failed", owner="me", reason="a test", retry_after=60)
        found = changes(subscriber, "failed")
    assert found[0] == "issued" and found[-2:] == ["started", "failed"]
