"""The orchestrator against sockets: each attempt is run once, whatever ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import SOURCE
from fake import FakeDaemon
from peer import GIVE_UP_S, until
from tidemark import Control, Decision, Failed, Orchestrator, StateError
from tidemark.attempts import Attempts

Start = Callable[..., Orchestrator]


@pytest.fixture
def start(fake: FakeDaemon, folder: Path) -> Iterator[Start]:
    """Starts orchestrators in threads of their own, and stops them."""
    running: list[tuple[Orchestrator, threading.Thread]] = []

    def make(retrain: Callable[[Decision], Any], *, owner: str = "me", cursor: str = "cursor", **more: Any) -> Any:
        made = Orchestrator(
            retrain, owner=owner, output=fake.output, control=fake.control, cursor=folder / cursor, **more
        )
        thread = threading.Thread(target=made.run)
        thread.start()
        running.append((made, thread))
        return made

    yield make
    for made, _ in running:
        made.stop()
    for _, thread in running:
        thread.join(GIVE_UP_S)
        assert not thread.is_alive()


def states(fake: FakeDaemon) -> list[str]:
    with fake.guard:
        return [life.state for life in fake.ledger.lives.values()]


def test_a_decision_is_claimed_run_and_reported(fake: FakeDaemon, start: Start) -> None:
    seen: list[Decision] = []
    start(seen.append)
    life = fake.issue("fraud")
    until(lambda: states(fake) == ["succeeded"], "it is reported")
    (decision,) = seen
    assert (decision.decision_id, decision.attempt_id, decision.model) == (life.id, life.attempt_id, "fraud")
    assert [said["state"] for said in fake.ledger.reports] == ["acked", "started", "succeeded"]
    assert all(said["owner"] == "me" and said["attempt"] == 1 for said in fake.ledger.reports)
    assert [said.get("token") for said in fake.ledger.reports] == [None, life.token, life.token]
    fake.ledger.resend(life)
    fake.issue("churn")
    until(lambda: len(seen) == 2, "the next")
    assert seen[1].model == "churn", "what is sent again is not run again"


def test_what_was_issued_before_it_came_is_found(fake: FakeDaemon, start: Start) -> None:
    fake.mute = True
    for model in ("a", "b", "a"):
        fake.issue(model)
    fake.issue("c", dry_run=True)
    fake.mute = False
    seen: list[str] = []
    start(lambda decision: seen.append(decision.decision_id))
    until(lambda: states(fake) == ["superseded", "succeeded", "succeeded", "issued"], "what is open is done")
    assert seen == ["rt-2", "rt-3"], "not what is superseded, nor what is only proposed"


def test_a_failure_is_reported_and_tried_again_as_the_daemon_says(fake: FakeDaemon, start: Start) -> None:
    told: list[Any] = []

    def retrain(decision: Decision) -> None:
        if decision.attempt == 1:
            raise RuntimeError("no GPU is free" + "é" * 400)
        if decision.attempt == 2:
            raise Failed("later", retry_after=60)

    start(retrain, on_error=lambda decision, error: told.append((decision.attempt, type(error))))
    life = fake.issue("fraud")
    until(lambda: states(fake) == ["failed"] and life.attempt == 2, "two attempts")
    first, second = fake.reported("failed")
    assert first["reason"].startswith("no GPU is free") and len(first["reason"].encode()) <= 400
    assert (second["reason"], second["retry_after_s"], second["attempt"]) == ("later", 60, 2)
    assert told == [(1, RuntimeError), (2, Failed)]
    with fake.guard:
        fake.ledger.retry(life)
    until(lambda: states(fake) == ["succeeded"], "the third")


def test_what_another_owner_holds_is_left_alone(fake: FakeDaemon, start: Start) -> None:
    seen: list[str] = []
    barrier = threading.Barrier(2)
    for name in ("one", "two"):
        start(lambda decision, name=name: seen.append(name), owner=name, cursor=name)
    for index in range(8):
        fake.issue(f"m{index}")
    until(lambda: states(fake) == ["succeeded"] * 8, "all are done")
    assert len(seen) == 8 and barrier.parties == 2
    assert len(fake.reported("succeeded")) == 8


def test_parallel_runs_models_side_by_side_and_each_model_alone(fake: FakeDaemon, start: Start) -> None:
    together = threading.Barrier(2)
    running: list[str] = []

    def retrain(decision: Decision) -> None:
        assert decision.model is not None and decision.model not in running
        running.append(decision.model)
        if decision.attempt == 1:
            together.wait(GIVE_UP_S)
        running.remove(decision.model)
        if decision.attempt == 1:
            raise Failed("once more")

    start(retrain, parallel=3)
    fake.issue("a")
    fake.issue("b")
    until(lambda: states(fake) == ["succeeded"] * 2, "both")
    assert len(fake.reported("failed")) == 2


def test_a_control_socket_that_does_not_answer_is_asked_until_it_does(
    fake: FakeDaemon, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemark.orchestrator.RETRY_S", 0.02)
    seen: list[str] = []
    start(lambda decision: seen.append(decision.decision_id), timeout=0.05)
    fake.lose_answers = 3
    fake.issue("fraud")
    until(lambda: states(fake) == ["succeeded"], "it gets through")
    assert seen == ["rt-1"]


def test_with_idle_it_ends_by_itself(fake: FakeDaemon, folder: Path) -> None:
    fake.issue("fraud")
    made = Orchestrator(
        lambda decision: None, owner="me", output=fake.output, control=fake.control, cursor=folder / "cursor"
    )
    with pytest.raises(StateError, match="locked"):
        Orchestrator(print, owner="other", cursor=folder / "cursor")
    made.run(idle=0.4)
    assert states(fake) == ["succeeded"]
    with pytest.raises(StateError, match="damaged"):
        (folder / "cursor.attempts").write_text('{"open":[{}]}')
        Orchestrator(print, owner="me", cursor=folder / "cursor")


def test_what_is_over_is_remembered(fake: FakeDaemon, folder: Path) -> None:
    fake.mute = True
    fake.issue("fraud")
    with Control(fake.control, timeout=GIVE_UP_S) as control:
        (decision,) = control.snapshot().events
    assert isinstance(decision, Decision)
    attempts = Attempts(folder / "attempts")
    assert attempts.add(decision) and not attempts.add(decision)
    attempts.change(attempts.all()[0], "claimed", token="t")
    attempts.close()
    attempts = Attempts(folder / "attempts")
    (attempt,) = attempts.all()
    assert (attempt.decision, attempt.phase, attempt.token) == (replace(decision, replayed=False), "claimed", "t")
    attempts.finish(attempt)
    attempts.close()
    attempts = Attempts(folder / "attempts")
    assert not attempts.add(decision) and attempts.all() == []
    attempts.close()


CHILD = """
import sys, time
from tidemark import Orchestrator
output, control, folder, resume, wait = sys.argv[1:]

def retrain(decision):
    with open(folder + "/ran", "a") as file:
        file.write(decision.attempt_id + "\\n")
    while wait == "yes":
        time.sleep(0.01)

Orchestrator(
    retrain, owner="me", output=output, control=control, cursor=folder + "/cursor", resume=resume, timeout=5
).run()
"""


def child(fake: FakeDaemon, folder: Path, resume: str, wait: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, fake.output, fake.control, str(folder), resume, wait],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


@pytest.mark.parametrize("resume", ["fail", "rerun"])
def test_kill_9_of_an_orchestrator_while_it_runs_an_attempt(fake: FakeDaemon, folder: Path, resume: str) -> None:
    def ran() -> list[str]:
        return (folder / "ran").read_text().split() if (folder / "ran").exists() else []

    first = child(fake, folder, resume, "yes")
    try:
        fake.issue("fraud")
        until(lambda: ran() == ["rt-1-a1"] and states(fake) == ["started"], "it runs")
        assert b'"phase":"running"' in (folder / "cursor.attempts").read_bytes(), "before it is run"
        fake.issue("churn")
        until(lambda: b"rt-2" in (folder / "cursor.attempts").read_bytes(), "the next one waits")
    finally:
        first.kill()
        first.wait(GIVE_UP_S)
    second = child(fake, folder, resume, "no")
    try:
        until(lambda: states(fake) == ["succeeded"] * 2, "all is done")
    finally:
        second.kill()
        second.wait(GIVE_UP_S)
    reasons = [said["reason"] for said in fake.reported("failed")]
    if resume == "fail":
        assert reasons == ["orchestrator_restarted"] and sorted(ran()) == ["rt-1-a1", "rt-1-a2", "rt-2-a1"]
    else:
        assert reasons == [] and sorted(ran()) == ["rt-1-a1", "rt-1-a1", "rt-2-a1"]


@pytest.mark.parametrize(
    "wrong", [{"resume": "x"}, {"parallel": 0}, {"owner": ""}, {"owner": "x" * 129}, {"control": "x"}]
)
def test_wrong_arguments(folder: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Orchestrator(print, **{"owner": "me", "cursor": folder / "cursor", **wrong})
