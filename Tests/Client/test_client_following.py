"""The follower: live and stored messages in any order and with any loss, against a simple model."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from typing import Any, Optional

import pytest
from peer import EPOCH
from store import ALERT, DECISION, Store
from tidemark import Event, Gap, Restart, Unanswered, WireError, wire
from tidemark.cursors import Position
from tidemark.following import BUSY_S, HELD_MESSAGES, REPEAT_S, TELL_S, Follower

BOTH = ("alert", "decision")


def follower(
    kinds: tuple[str, ...] = BOTH, model: Optional[str] = None, *, at: Any = None, snapshot: bool = False
) -> Follower:
    return Follower(
        kinds, model, None, position=at, snapshot=snapshot, endpoint="tcp://control", requester="me", epoch=99
    )


class World:
    """A daemon, a live connection and a control connection that lose things, and a reader with its cursor."""

    def __init__(self, drawn: random.Random, kinds: tuple[str, ...], model: Optional[str], snapshot: bool) -> None:
        self.drawn, self.kinds, self.model, self.snapshot = drawn, kinds, model, snapshot
        self.exact = model is None and set(kinds) == set(BOTH)
        self.store = Store()
        self.now = 0.0
        self.live: deque[list[bytes]] = deque()
        self.requests: deque[list[bytes]] = deque()
        self.answers: deque[list[bytes]] = deque()
        self.reader = follower(kinds, model, snapshot=snapshot)
        self.cursor: Optional[Position] = None
        self.all: dict[tuple[int, int], bool] = {}  # every number ever, and whether it is ours
        self.joined: Optional[tuple[int, int]] = None
        self.given: list[tuple[int, int]] = []
        self.gaps: list[Gap] = []
        self.restarts = 0
        self.cut: dict[int, int] = {}  # by epoch: the numbers below were thrown away
        self.lost_in_answers: Counter[tuple[int, int]] = Counter()
        self.opened: set[tuple[int, int]] = set()

    def take(self, placed: list[Any]) -> None:
        for item, position in placed:
            if isinstance(item, Event):
                assert item.epoch is not None and item.sequence is not None
                self.given.append((item.epoch, item.sequence))
            elif isinstance(item, Gap):
                self.gaps.append(item)
            elif isinstance(item, Restart):
                self.restarts += 1
            if position is not None:
                self.cursor = position
        if self.joined is None and self.reader.position is not None:
            self.joined = (self.reader.position.epoch, self.reader.position.next)

    def publish(self) -> None:
        for _ in range(self.drawn.randint(1, 5)):
            kind, model = self.drawn.choice((ALERT, DECISION)), self.drawn.choice(("fraud", "churn", "fraudulent"))
            is_open = self.drawn.random() < 0.3
            frames = self.store.publish(kind, model, is_open=is_open)
            ours = {ALERT: "alert", DECISION: "decision"}[kind] in self.kinds and self.model in (None, model)
            self.all[(self.store.epoch, self.store.head)] = ours
            self.live.append(frames)
        if self.drawn.random() < 0.5:
            self.live.append(self.store.sign())

    def step(self, calm: bool = False) -> None:
        drawn = self.drawn
        self.now += drawn.choice((0.0, 0.1, 1.0, 6.0))
        action = drawn.choice(("live", "live", "answers", "serve", "ask", "head") if calm else ACTIONS)
        if action == "publish":
            self.publish()
        elif action == "head":
            self.live.append(self.store.sign())
        elif action == "live":
            for _ in range(min(len(self.live), drawn.randint(1, 6))):
                frames = self.live.popleft()
                for _ in range(drawn.choice((1, 1, 1, 2))):
                    self.take(self.reader.take(frames, self.now))
        elif action == "lose live":
            kept = [frames for frames in self.live if drawn.random() < 0.5]
            self.live = deque(kept)
        elif action == "ask":
            frames = self.reader.ask(self.now)
            if frames is not None and (calm or drawn.random() < 0.9):
                self.requests.append(frames)
        elif action == "serve" and self.requests:
            request = self.requests.popleft()
            for _ in range(1 if calm else drawn.choice((1, 1, 1, 2))):
                self.answers += self.maimed(self.store.answer(request, most=drawn.randint(1, 8)), calm)
        elif action == "answers":
            for _ in range(min(len(self.answers), drawn.randint(1, 6))):
                self.take(self.reader.answer(self.answers.popleft(), self.now))
        elif action == "crash":
            # What is published meanwhile is stored, and never sent live; the connections lose what was on the way.
            self.live = deque(list(self.live)[: drawn.randint(0, 5)])
            self.requests.clear()
            if drawn.random() < 0.5:
                self.publish()
                self.live = deque(list(self.live)[: drawn.randint(0, 5)])
        elif action == "truncate":
            self.store.truncate(drawn.randint(self.store.first, self.store.head + 1))
            self.cut[self.store.epoch] = self.store.first
        elif action == "forget":
            self.live = deque(list(self.live)[: drawn.randint(0, 5)])
            self.store.forget(self.store.epoch + 1)
        elif action == "reader restarts" and self.cursor is not None:
            self.live.clear()
            self.requests.clear()
            self.answers.clear()
            self.reader = follower(self.kinds, self.model, at=self.cursor, snapshot=self.snapshot)

    def maimed(self, answers: list[list[bytes]], calm: bool) -> list[list[bytes]]:
        """A connection that breaks loses the end of an answer; one that is full, anything."""
        if calm or self.drawn.random() < 0.7:
            return answers
        if not self.exact or self.drawn.random() < 0.5:
            return answers[: self.drawn.randint(0, len(answers) - 1)]
        kept = []
        for frames in answers:
            if self.drawn.random() < 0.7:
                kept.append(frames)
            else:
                header = wire.unpack_header(frames[1])
                self.lost_in_answers[(header.epoch, header.seq)] += 1
        return kept

    def settle(self) -> None:
        """The world calms down: heads come, questions are answered, until nothing is missing any more."""
        self.live.append(self.store.sign())
        for _ in range(5_000):
            self.step(calm=True)
            position = self.reader.position
            if position is not None and (position.epoch, position.next) == (self.store.epoch, self.store.head + 1):
                return
        raise AssertionError(f"never: {self.reader.position} at {self.store.epoch}, {self.store.head}")

    def check(self) -> None:
        assert len(set(self.given)) == len(self.given), "an event twice"
        assert self.joined is not None
        after = [number for number in self.given if number >= self.joined]
        assert after == sorted(after), "out of order"
        # A reader that comes back to another numbering cannot know whether it missed anything: such a gap counts 0.
        sure = [gap for gap in self.gaps if gap.exact or gap.reason != "epoch" or not self.exact]
        covered = {(gap.epoch, seq): gap.reason for gap in sure for seq in range(gap.first, gap.last + 1)}
        assert all(gap.missing == (gap.last - gap.first + 1 if self.exact else 0) for gap in sure)
        given, last = set(self.given), {}
        for number in sorted(after + [(gap.epoch, gap.last) for gap in sure]):
            last[number[0]] = number
        for number, ours in self.all.items():
            if number < self.joined:
                continue
            told = covered.get(number)
            if not ours:
                assert number not in given, f"{number} is not ours"
            elif (
                told is None
                and self.restarts
                and number[0] != self.store.epoch
                and number > last.get(number[0], (0, 0))
            ):
                pass  # the tail of a numbering that is lost with its journal: nobody can know of it; a Restart says so
            elif told is None:
                assert number in given, f"{number} is missing and no gap says so"
            else:
                assert number not in given, f"{number} was given, and a gap says that it is missing"
                self.check_reason(number, told)

    def check_reason(self, number: tuple[int, int], reason: str) -> None:
        epoch, seq = number
        if reason == "truncated":
            assert seq < self.cut.get(epoch, 1), f"{number} is not truncated"
        elif reason == "epoch":
            assert epoch < self.store.epoch, f"{number} is of this epoch"
        else:
            assert reason == "lost" and self.lost_in_answers[number] >= 3, f"{number}: {reason}"


ACTIONS = (
    ["publish"] * 6 + ["live"] * 6 + ["head"] * 2 + ["ask"] * 5 + ["serve"] * 5 + ["answers"] * 6 + ["lose live"] * 2
    + ["crash", "truncate", "reader restarts"]
)  # fmt: skip


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize(
    ("kinds", "model"), [(BOTH, None), (BOTH, "fraud"), (("decision",), None)], ids=["all", "model", "kind"]
)
def test_whatever_happens_each_event_comes_once_and_in_order_or_a_gap_says_so(
    drawn: random.Random, kinds: tuple[str, ...], model: Optional[str], forgets: bool, monkeypatch: Any
) -> None:
    monkeypatch.setattr("tidemark.following.HELD_MESSAGES", 7)
    monkeypatch.setitem(globals(), "ACTIONS", ACTIONS + ["forget"] * forgets)
    given = gaps = restarts = 0
    for round_ in range(100):
        seed = drawn.getrandbits(48)
        world = World(random.Random(seed), kinds, model, snapshot=False)
        try:
            for _ in range(world.drawn.randint(10, 300)):
                world.step()
            world.settle()
            world.check()
        except BaseException:
            print(f"round {round_}, seed of the world {seed}")
            raise
        given, gaps, restarts = given + len(world.given), gaps + len(world.gaps), restarts + world.restarts
    assert given > 1_000 and gaps > 10 and (restarts > 10) == forgets


# One thing at a time.


def served(reader: Follower, store: Store, now: float = 0.0, **more: Any) -> list[Any]:
    """All that asking brings, until nothing is left to ask."""
    items: list[Any] = []
    while (request := reader.ask(now)) is not None:
        for frames in store.answer(request, **more):
            items += (item for item, _ in reader.answer(frames, now))
    return items


def fed(reader: Follower, frames: list[bytes], now: float = 0.0) -> list[Any]:
    return [item for item, _ in reader.take(frames, now)]


def told(items: list[Any]) -> list[Any]:
    return [
        item.sequence if isinstance(item, Event)
        else (item.reason, item.first, item.last, item.missing) if isinstance(item, Gap) else type(item).__name__
        for item in items
    ]  # fmt: skip


def test_a_request_is_as_the_protocol_has_it() -> None:
    reader, store = follower(model="fraud", at=Position("example", EPOCH, 3)), Store()
    for _ in range(4):
        store.publish(ALERT, "fraud")
    assert reader.ask(0.0) is None, "not before the subscription is in force"
    assert fed(reader, store.sign()) == []
    frames = reader.ask(0.0)
    assert frames is not None and frames[0] == b"fetch/-/-/me"
    header = wire.unpack_header(frames[1])
    assert (header.kind, header.epoch, header.seq, header.prev, header.frames) == (32, 99, 1, 0, 3)
    assert json.loads(frames[2]) == {
        "epoch": str(EPOCH), "from": "3", "max": 512, "max_bytes": 4194304,
        "prefixes": ["alert/fraud/", "decision/fraud/"],
    }  # fmt: skip
    wire.unpack(frames)


def test_a_reader_goes_on_where_it_was_and_live_messages_wait() -> None:
    reader, store = follower(at=Position("example", EPOCH, 3)), Store()
    for _ in range(5):
        store.publish(ALERT, "fraud")
    assert fed(reader, store.sign()) == []
    assert told(fed(reader, store.publish(ALERT, "fraud"))) == [], "6 waits for 3, 4 and 5"
    assert told(served(reader, store, most=2)) == [3, 4, 5, 6]
    assert told(fed(reader, store.publish(ALERT, "fraud"))) == [7]
    assert reader.position == Position("example", EPOCH, 8)


def test_what_is_gone_is_told_with_its_reason() -> None:
    store = Store()
    for _ in range(9):
        store.publish(ALERT, "fraud")
    store.truncate(6)
    reader = follower(at=Position("example", EPOCH, 3))
    fed(reader, store.sign())
    assert told(served(reader, store)) == [("truncated", 3, 5, 3), 6, 7, 8, 9]
    other = follower(at=Position("example", EPOCH - 1, 3))
    assert told(fed(other, store.sign())) == [("epoch", 3, 3, 0), "Restart"]
    assert told(served(other, store)) == [("truncated", 1, 5, 5), 6, 7, 8, 9]
    store.journal = False
    without = follower(at=Position("example", EPOCH, 8))
    fed(without, store.sign())
    assert told(served(without, store)) == [("truncated", 8, 9, 2)]
    assert told(fed(without, store.publish(ALERT, "fraud"))) == [10]


def test_the_epoch_in_an_answer_may_come_before_that_of_a_live_message() -> None:
    store, reader = Store(), follower()
    fed(reader, store.sign())
    late = [store.publish(ALERT, "fraud") for _ in range(3)]
    assert told(fed(reader, late[0]) + fed(reader, late[2])) == [1]
    store.forget(EPOCH + 5)
    store.publish(ALERT, "fraud")
    assert told(served(reader, store)) == [("epoch", 2, 2, 1), 3, "Restart", 1]
    assert fed(reader, late[1]) == [], "of the numbering before, still on its way"
    assert told(fed(reader, store.publish(ALERT, "fraud"))) == [2]


def test_a_numbering_that_went_back_is_a_restart() -> None:
    store, reader = Store(), follower()
    for _ in range(9):
        store.publish(ALERT, "fraud")
    fed(reader, store.sign())
    store.head = 4
    assert told(fed(reader, store.sign())) == ["Restart", ("epoch", 1, 4, 0)]
    assert reader.position == Position("example", EPOCH, 5)
    resumed = follower(at=Position("example", EPOCH, 9))
    assert told(fed(resumed, store.sign())) == ["Restart", ("epoch", 1, 4, 0)]


def test_a_snapshot_comes_first_and_live_messages_after_it() -> None:
    store, reader = Store(), follower(snapshot=True)
    for index in range(9):
        store.publish(ALERT, "fraud", is_open=index in (1, 4, 7))
    store.truncate(2)
    fed(reader, store.sign())
    assert fed(reader, store.publish(ALERT, "fraud")) == [] and reader.position is None
    assert told(served(reader, store, most=2)) == [2, 5, 8, 10]
    assert reader.position == Position("example", EPOCH, 11)


def test_what_changes_during_a_snapshot_is_not_missed() -> None:
    """An alert that resolves between two parts of a snapshot is in neither: the message is fetched afterwards."""
    store, reader = Store(), follower(snapshot=True)
    for _ in range(3):
        store.publish(ALERT, "fraud", is_open=True)
    fed(reader, store.sign())
    items: list[Any] = []
    for turn in range(3):
        request = reader.ask(0.0)
        assert request is not None
        for frames in store.answer(request, most=2):
            items += (item for item, _ in reader.answer(frames, 0.0))
        if turn == 0:
            store.publish(ALERT, "fraud", is_open=False)  # never sent live
            fed(reader, store.sign())
    assert told(items) == [1, 2, 3, 4] and reader.ask(0.0) is None


def test_stored_messages_of_a_numbering_that_is_over_are_not_mixed_in() -> None:
    store, reader = Store(), follower(model="fraud", at=Position("example", EPOCH, 1))
    for _ in range(3):
        store.publish(ALERT, "fraud")
    fed(reader, store.sign())
    request = reader.ask(0.0)
    assert request is not None
    assert reader.answer(store.answer(request)[1], 0.0) == [], "the rest is lost on the way"
    store.forget(EPOCH + 1)
    for _ in range(3):
        store.publish(ALERT, "fraud")
    assert told(fed(reader, store.sign())) == [("epoch", 1, 3, 0), "Restart"]
    assert reader.ask(REPEAT_S - 0.1) is None, "an answer is still outstanding"
    items = served(reader, store, REPEAT_S)
    assert [(item.epoch, item.sequence) for item in items] == [(EPOCH + 1, seq) for seq in (1, 2, 3)]


def test_silence_of_the_control_socket_is_told_once_and_asked_again() -> None:
    store, reader = Store(), follower(at=Position("example", EPOCH, 1))
    store.publish(ALERT, "fraud")
    fed(reader, store.sign())
    first = reader.ask(0.0)
    assert first is not None and reader.ask(REPEAT_S - 0.1) is None and reader.deadline() == 3.0
    assert reader.ask(REPEAT_S) == first, "the same request"
    found = [item for item, _ in reader.tick(TELL_S) if isinstance(item, Unanswered)]
    assert found == [Unanswered("tcp://control", TELL_S)]
    assert not [item for item, _ in reader.tick(TELL_S + 60) if isinstance(item, Unanswered)]
    for frames in store.answer(first):
        reader.answer(frames, 100.0)
    assert reader.position == Position("example", EPOCH, 2)


def test_a_busy_daemon_is_asked_later() -> None:
    store, reader = Store(), follower(at=Position("example", EPOCH, 1))
    store.publish(ALERT, "fraud")
    fed(reader, store.sign())
    assert reader.ask(0.0) is not None
    assert reader.answer(store.end(1, "fetch", "busy", 1), 0.0) == []
    assert reader.ask(BUSY_S - 0.1) is None and reader.ask(BUSY_S) is not None
    reader.answer(store.end(2, "fetch", "busy", 1), BUSY_S)
    assert reader.ask(2 * BUSY_S) is None and reader.ask(3 * BUSY_S) is not None
    with pytest.raises(WireError, match="refused"):
        reader.answer(store.end(3, "fetch", "malformed", 1), 3.0)
    assert reader.ask(3.0) is None


def test_what_waits_is_bounded_and_fetched_again() -> None:
    store, reader = Store(), follower()
    fed(reader, store.sign())
    store.publish(ALERT, "fraud")
    for _ in range(HELD_MESSAGES + 50):
        assert fed(reader, store.publish(ALERT, "fraud")) == []
    assert len(reader._held) == HELD_MESSAGES
    assert told(served(reader, store)) == list(range(1, HELD_MESSAGES + 52))


def test_answers_of_another_daemon_and_wrong_bytes_are_refused() -> None:
    store, reader = Store(), follower(at=Position("example", EPOCH, 1))
    store.publish(ALERT, "fraud")
    fed(reader, store.sign())
    request = reader.ask(0.0)
    assert request is not None
    for frames in (Store("other").answer(request)[-1], store.sign()[:2], [*store.answer(request)[-1][:2], b"{}"]):
        with pytest.raises(WireError):
            reader.answer(frames, 0.0)
    assert reader.answer(store.end(77, "fetch", "complete", 9), 0.0) == [], "of an older request"
    assert told(item for frames in store.answer(request) for item, _ in reader.answer(frames, 0.0)) == [1]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="stored"):
        follower(("assessment",))
