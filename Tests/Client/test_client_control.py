"""The control client: reports that are granted or refused, what is stored, and answers that do not come."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fake import FakeDaemon
from peer import GIVE_UP_S, nobody, until
from store import ALERT, DECISION
from tidemark import ClosedError, Control, Granted, Position, Refused, UnansweredError


def test_the_first_claim_wins_and_may_be_repeated(fake: FakeDaemon) -> None:
    life = fake.issue("fraud")
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        granted = control.feedback(life.id, "acked", owner="a", attempt=1)
        assert granted == Granted(life.id, 1, life.attempt_id, "acked", 2, "a", "token-rt-1-a1")
        assert control.feedback(life.id, "acked", owner="a") == granted, "the same, with the same token"
        refused = control.feedback(life.id, "acked", owner="b")
        assert isinstance(refused, Refused) and (refused.code, refused.owner) == ("denied", "a")
        codes = [
            control.feedback("rt-9", "acked", owner="a"),
            control.feedback(life.id, "started", owner="a", attempt=2),
            control.feedback(life.id, "started", owner="a", token="x"),
            control.feedback(life.id, "succeeded", owner="a"),
        ]
        assert [each.code for each in codes if isinstance(each, Refused)] == [
            "unknown_decision", "wrong_attempt", "wrong_token", "wrong_state",
        ]  # fmt: skip
        for state in ("started", "succeeded", "verified"):
            assert isinstance(control.feedback(life.id, state, owner="a", token=granted.token), Granted)
        assert control.feedback(life.id, "cancelled") == Refused("final", "it is verified", "a")
        with pytest.raises(ValueError):
            control.feedback(life.id, "acked")
    with pytest.raises(ClosedError):
        control.feedback(life.id, "cancelled")


def test_a_lost_answer_is_asked_for_again(fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.control.REPEAT_S", 0.05)
    life = fake.issue("fraud")
    fake.lose_answers = 2
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        assert isinstance(control.feedback(life.id, "acked", owner="a"), Granted)
        assert isinstance(control.feedback(life.id, "started", owner="a"), Granted)
    assert len(fake.reported("acked")) >= 3 and fake.ledger.lives[life.id].rev == 3


def test_no_answer_is_an_error_and_leaves_no_request_behind(fake: FakeDaemon) -> None:
    with Control(nobody(), timeout=0.05) as away, pytest.raises(UnansweredError, match="did not answer"):
        away.feedback("rt-1", "cancelled")
    fake.deaf = True
    life = fake.issue("fraud")
    with Control(fake.control, timeout=0.1) as control:
        with pytest.raises(UnansweredError):
            control.feedback(life.id, "acked", owner="a")
        fake.deaf = False
        control._timeout = GIVE_UP_S
        assert isinstance(control.feedback(life.id, "acked", owner="b"), Granted)


def test_what_is_stored_in_parts(fake: FakeDaemon) -> None:
    for index in range(20):
        fake.publish(ALERT if index % 2 else DECISION, "fraud" if index % 4 else "churn")
    fake.store.truncate(4)
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        found, numbers = control.fetch(most=5), []
        while True:
            numbers += [event.sequence for event in found.events]
            assert all(event.replayed for event in found.events)
            if found.status == "complete":
                break
            found = control.fetch(found.position, most=5)
        assert numbers == list(range(4, 21)) and found.position == Position("example", fake.store.epoch, 21)
        assert (found.first, found.head) == (4, 20)
        gone = control.fetch(Position("example", fake.store.epoch, 1))
        assert (gone.status, gone.events, gone.position.next) == ("truncated", (), 4)
        ours = control.fetch(kinds=("decision",), model="churn")
        assert [event.sequence for event in ours.events] == [5, 9, 13, 17] and ours.status == "complete"
        fake.store.journal = False
        assert control.fetch().status == "no_journal"
        with pytest.raises(ValueError):
            control.fetch(kinds=("status",))


def test_what_is_open(fake: FakeDaemon) -> None:
    over, open_ = fake.issue("fraud"), fake.issue("churn")
    fake.publish(is_open=True)
    fake.publish()
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        control.feedback(open_.id, "acked", owner="a")
        control.feedback(over.id, "cancelled")
        fake.store.truncate(2)
        found = control.snapshot()
        assert [event.sequence for event in found.events] == [2, 3, 5] and found.status == "complete"
        assert found.position == Position("example", fake.store.epoch, fake.store.head + 1)
        assert [event.type.split(".")[3] for event in control.snapshot(kinds=("decision",)).events] == [
            "issued", "acked",
        ]  # fmt: skip


def test_a_daemon_that_cannot_now_is_asked_later(fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.control.BUSY_S", 0.02)
    life = fake.issue("fraud")
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        fake.busy = 3
        assert isinstance(control.feedback(life.id, "acked", owner="a"), Granted)
        fake.busy = 3
        assert len(control.fetch().events) == 2 and len(control.snapshot().events) == 2
    with Control(fake.control, timeout=0.1) as short:
        fake.busy = 1_000
        refused = short.feedback(life.id, "started", owner="a")
        assert isinstance(refused, Refused) and refused.code == "unavailable"
        with pytest.raises(UnansweredError, match="busy"):
            short.fetch()


def test_threads_share_a_client(fake: FakeDaemon) -> None:
    life = fake.issue("fraud")
    answers: list[Any] = []
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        threads = [
            threading.Thread(
                target=lambda name=f"o{index}": answers.append(control.feedback(life.id, "acked", owner=name))
            )
            for index in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GIVE_UP_S)
    assert sorted(type(answer).__name__ for answer in answers) == ["Granted"] + ["Refused"] * 7
    until(lambda: len(fake.requests) == 8, "one request for each")
