"""The lossless publisher against sockets: acknowledgements, restarts of either side, kill -9."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SOURCE
from fake import FakeDaemon
from intake import Intake
from peer import GIVE_UP_S, nobody, until
from tidemark import ClosedError, Publisher, Refusal, StateError


def publisher(fake: FakeDaemon, **more: Any) -> Publisher:
    return Publisher(fake.reliable, **{"source": "s", "reliable": True, **more})


def steps(fake: FakeDaemon) -> list[float]:
    """The metric `step` of each message in the journal."""
    return [message.metrics()["step"] for message in fake.intake.journal]


def test_what_is_published_is_acknowledged_and_in_the_journal(fake: FakeDaemon) -> None:
    with publisher(fake) as made:
        assert made.wait_ready(GIVE_UP_S)
        assert made.metrics("fraud", accuracy=0.5, step=1)
        assert made.features("fraud", np.arange(40_000.0).reshape(10_000, 4))
        assert made.feedback("rt-1", "succeeded", owner="me", attempt=2, model="fraud")
        assert made.feedback("rt-2", "cancelled")
        assert made.wait_acknowledged(GIVE_UP_S)
        assert (made.acknowledged, made.pending, made.last_sequence, made.sent, made.dropped) == (4, 0, 4, 4, 0)
        assert made.refusals == []
    first, second, third, fourth = fake.intake.journal
    assert [message.seq for message in fake.intake.journal] == [1, 2, 3, 4] and first.epoch == made.epoch
    assert np.array_equal(second.tensors[0], np.arange(40_000.0).reshape(10_000, 4))
    assert third.topic == "feedback/fraud/-/s" and fourth.topic == "feedback/-/-/s" and fourth.prev == 0
    assert third.descriptor == {"decision_id": "rt-1", "state": "succeeded", "attempt": 2, "owner": "me"}
    until(lambda: fake.intake.byes, "a bye")
    assert fake.intake.byes[0].seq == 4


def test_a_full_ring_accepts_nothing_and_numbers_nothing(fake: FakeDaemon) -> None:
    fake.stuck = True
    with publisher(fake, ring=3, linger=0) as made:
        assert [made.metrics("fraud", step=step) for step in range(5)] == [True, True, True, False, False]
        assert (made.last_sequence, made.pending, made.dropped) == (3, 3, 2)
        assert not made.baseline("fraud", accuracy=0.9) and not made.wait_acknowledged(0.05)
        fake.stuck = False
        assert made.wait_acknowledged(GIVE_UP_S) and made.metrics("fraud", step=5)
        assert made.wait_acknowledged(GIVE_UP_S)
    assert steps(fake) == [0, 1, 2, 5]
    assert [message.seq for message in fake.intake.journal] == [1, 2, 3, 4]


def test_block_waits_for_room(fake: FakeDaemon) -> None:
    fake.stuck = True
    with publisher(fake, ring_bytes=1, block=True, block_timeout=0.05) as short:
        assert short.metrics("fraud", step=0) and not short.metrics("fraud", step=1)
        fake.stuck = False
        assert short.wait_acknowledged(GIVE_UP_S)
    with publisher(fake, source="other", ring=2, block=True) as made:
        threads = [
            threading.Thread(target=lambda: [made.metrics("fraud", step=step) for step in range(50)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GIVE_UP_S)
        assert made.wait_acknowledged(GIVE_UP_S) and made.last_sequence == 200 and made.dropped == 0
    assert len(fake.intake.journal) == 201


def test_a_daemon_that_is_killed_and_restarted_loses_nothing(context: Any, folder: Path) -> None:
    fake = FakeDaemon(context, folder=folder)
    with publisher(fake) as made:
        step = 0
        for _ in range(4):
            for _ in range(50):
                assert made.metrics("fraud", step=(step := step + 1))
            fake.restart()
        assert made.wait_acknowledged(GIVE_UP_S)
    assert steps(fake) == list(range(1, 201)) and fake.intake.lost == 0
    fake.stop()


def test_messages_wait_for_a_daemon_that_is_not_there_yet(context: Any) -> None:
    endpoint = nobody()
    with Publisher(endpoint, source="s", reliable=True) as made:
        assert all(made.metrics("fraud", step=step) for step in range(20))
        assert not made.wait_ready(0.05) and made.pending == 20 and made.sent == 0
        fake = FakeDaemon(context, places=["tcp://127.0.0.1:*", "tcp://127.0.0.1:*", endpoint])
        assert made.wait_acknowledged(GIVE_UP_S)
    assert steps(fake) == list(range(20))
    fake.stop()


def test_what_the_daemon_refuses_is_told(context: Any, folder: Path) -> None:
    def refuse(message: Any) -> Any:
        return "late" if message.seq == 2 else None

    fake = FakeDaemon(context, folder=folder, intake=Intake(refuse=refuse))
    told: list[Refusal] = []

    def on_refused(refusal: Refusal) -> None:
        told.append(refusal)
        raise ValueError("a mistake in the callback ends nothing")

    with publisher(fake, on_refused=on_refused) as made:
        for step in range(3):
            made.metrics("fraud", step=step)
        assert made.wait_acknowledged(GIVE_UP_S)
        until(lambda: told, "it is told")
        assert told == made.refusals == [Refusal(made.epoch, 2, "late", "number 2")]
    assert steps(fake) == [0, 2]
    fake.stop()


def test_baselines_come_again_when_the_journal_is_lost(context: Any, folder: Path) -> None:
    fake = FakeDaemon(context, folder=folder)
    with publisher(fake) as made:
        made.baseline("fraud", accuracy=0.9)
        made.metrics("fraud", step=1)
        assert made.wait_acknowledged(GIVE_UP_S)
        fake.stop()
        fake.intake = Intake(humble=True)
        fake._start()
        until(lambda: made.last_sequence == 3, "the baseline again")
        assert made.wait_acknowledged(GIVE_UP_S)
    assert [message.word for message in fake.intake.journal] == ["baseline"] and fake.intake.lost == 2
    fake.stop()


def test_close_waits_for_acknowledgements_and_no_longer_than_linger(fake: FakeDaemon, folder: Path) -> None:
    made = publisher(fake, linger=GIVE_UP_S)
    assert made.wait_ready(GIVE_UP_S)
    fake.stuck = True
    made.metrics("fraud", step=1)
    threading.Timer(0.1, lambda: setattr(fake, "stuck", False)).start()
    made.close()
    assert made.pending == 0 and steps(fake) == [1]
    with pytest.raises(ClosedError):
        made.metrics("fraud", step=2)
    fake.stuck = True
    left = publisher(fake, source="left", linger=0.05, ring_file=folder / "ring")
    left.metrics("fraud", step=3)
    left.close()
    assert left.pending == 1
    fake.stuck = False
    with publisher(fake, source="left", ring_file=folder / "ring") as again:
        assert again.epoch == left.epoch and again.wait_acknowledged(GIVE_UP_S)
        assert again.metrics("fraud", step=4) and again.last_sequence == 2 and again.wait_acknowledged(GIVE_UP_S)
    assert steps(fake) == [1, 3, 4] and fake.intake.journal[-1].prev in (0, 1)


CHILD = """
import sys
from tidemark import Publisher
endpoint, ring = sys.argv[1:]
publisher = Publisher(endpoint, source="s", reliable=True, ring_file=ring, block=True, ring=100_000)
step = publisher.last_sequence
while True:
    step += 1
    publisher.metrics("fraud", step=step)
    print(step, flush=True)
"""


def test_kill_9_of_a_publisher_loses_nothing_that_it_accepted(context: Any, folder: Path) -> None:
    fake = FakeDaemon(context, folder=folder)
    accepted = 0
    for turn in range(4):
        fake.stuck = turn == 2
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, fake.reliable, str(folder / "ring")],
            env={**os.environ, "PYTHONPATH": str(SOURCE)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        for _ in range(150):
            accepted = int(child.stdout.readline())
        child.kill()
        rest, _ = child.communicate(timeout=GIVE_UP_S)
        accepted = max([accepted, *map(int, rest.split("\n")[:-1])])
        if turn == 1:
            fake.restart()
    fake.stuck = False
    with publisher(fake, ring_file=folder / "ring", linger=GIVE_UP_S) as last:
        assert last.wait_acknowledged(GIVE_UP_S)
        final = last.last_sequence
    assert final >= accepted and steps(fake) == list(range(1, final + 1))
    assert len({message.epoch for message in fake.intake.journal}) == 1 and fake.intake.lost == 0
    fake.stop()


def test_a_ring_file_is_of_one_process_and_one_source(fake: FakeDaemon, folder: Path) -> None:
    with publisher(fake, ring_file=folder / "ring"), pytest.raises(StateError, match="locked"):
        publisher(fake, ring_file=folder / "ring")
    with pytest.raises(StateError, match="belongs"):
        publisher(fake, source="other", ring_file=folder / "ring")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ring": 0},
        {"ring_bytes": 0},
        {"source": None, "ring_file": "x"},
        {"reliable": False, "ring_file": "x"},
        {"reliable": False, "on_refused": print},
        {"endpoint": "x"},
    ],
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Publisher(**{"endpoint": "tcp://127.0.0.1:1", "source": "s", "reliable": True, **wrong})


def test_without_the_lane_nothing_is_acknowledged() -> None:
    with Publisher(nobody(), linger=0) as made:
        for ask in (lambda: made.acknowledged, lambda: made.refusals, lambda: made.wait_acknowledged(0)):
            with pytest.raises(TypeError):
                ask()
        with pytest.raises(ValueError):
            made.feedback("rt-1", "acked")
        assert made.feedback("rt-1", "acked", owner="me") and made.last_sequence == 1
