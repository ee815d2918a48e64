"""The lossless lane: the lane and its rings against a model of the daemon, with loss, reconnects and restarts."""

from __future__ import annotations

import errno
import os
import random
from collections import deque
from pathlib import Path
from typing import Any, Optional

import pytest
import reference
from intake import Intake
from tidemark import StateError, wire
from tidemark.lane import MOST_STALL_S, SILENCE_S, STALL_S, Lane
from tidemark.outgoing import Outgoing
from tidemark.rings import FileRing, MemoryRing, Ring

EPOCH = 1_772_409_600_000_000_000


def outgoing(text: str, size: int = 8) -> Outgoing:
    """Metrics whose name tells them apart, of so many bytes of values."""
    values = wire.Tensor("values", "FP64", (size // 8,), bytes(size))
    names = [f"{text}:{index}" for index in range(size // 8)]
    descriptor = wire.input_descriptor([values.entry], metrics=names)
    return Outgoing(wire.Kind.METRICS, b"metrics/fraud/-/s", descriptor, 1, (values,))


def text_of(message: reference.Decoded) -> str:
    return str(message.descriptor["metrics"][0].split(":")[0])


def raw(frames: list[Any]) -> list[bytes]:
    return [bytes(wire.byte_view(frame)) for frame in frames]


class World:
    """A publisher's lane, a daemon, and a connection between them that breaks."""

    def __init__(self, drawn: random.Random, folder: Optional[Path]) -> None:
        self.drawn, self.folder = drawn, folder
        self.now = 0.0
        self.intake = Intake(credit=drawn.choice((1, 3, 1000)), credit_bytes=drawn.choice((300, 100_000)))
        self.out: deque[list[bytes]] = deque()
        self.back: deque[list[bytes]] = deque()
        self.accepted: list[str] = []
        self.refused = self.restarts = 0
        self.lane = self.open()

    def open(self) -> Lane:
        ring: Ring = MemoryRing(EPOCH, 20, 2_000)
        if self.folder is not None:
            ring = FileRing(self.folder / "ring", "s", EPOCH + self.restarts, 20, 2_000)
            ring._length = 300  # so that there are several files
        return Lane("s", ring, 1.0)

    def publish(self) -> None:
        for _ in range(self.drawn.randint(1, 6)):
            text = f"{len(self.accepted)}"
            message = outgoing(text, 8 * self.drawn.choice((1, 1, 40)))
            if not self.lane.ring.has_room(message.nbytes):
                self.refused += 1
                continue
            assert self.lane.ring.append(message, 0)
            self.accepted.append(text)

    def send(self) -> None:
        for _ in range(self.drawn.randint(1, 10)):
            self.lane.ring.sync()
            frames = self.lane.next(self.now)
            if frames is None:
                return
            if self.drawn.random() < 0.05:
                return  # the socket is full
            self.lane.sent(self.now)
            self.out.append(raw(frames))

    def step(self, calm: bool = False) -> None:
        drawn = self.drawn
        self.now += drawn.choice((0.0, 0.01, 0.1, 1.0, 4.0))
        action = drawn.choice(("send", "daemon", "commit", "back") if calm else ACTIONS)
        if action == "publish":
            self.publish()
        elif action == "send":
            self.send()
        elif action == "daemon":
            for _ in range(min(len(self.out), drawn.randint(1, 10))):
                self.back += self.intake.take(self.out.popleft())
        elif action == "commit":
            self.back += (frames for _, frames in self.intake.commit())
        elif action == "back":
            for _ in range(min(len(self.back), drawn.randint(1, 5))):
                self.lane.take(self.back.popleft(), self.now)
        elif action == "cut":
            self.cut()
        elif action == "lose some":
            # As a connection that breaks and is made again unnoticed: some of what was on the way is not there.
            self.out = deque(frames for frames in self.out if drawn.random() < 0.7)
            self.back = deque(frames for frames in self.back if drawn.random() < 0.7)
        elif action == "crash":
            self.intake.crash()
            self.cut()
        elif action == "publisher restarts" and self.folder is not None:
            self.lane.ring.close()
            self.restarts += 1
            self.lane = self.open()
            self.out = deque(list(self.out)[: drawn.randint(0, len(self.out))])
            self.back.clear()
            self.lane.connected(self.now)

    def cut(self) -> None:
        self.lane.disconnected()
        self.out = deque(list(self.out)[: self.drawn.randint(0, len(self.out))])
        while self.out:
            self.intake.take(self.out.popleft())
        self.back.clear()
        self.lane.connected(self.now)

    def settle(self) -> None:
        for _ in range(20_000):
            self.step(calm=True)
            if self.lane.ring.acked == self.lane.ring.last:
                return
        raise AssertionError(f"never: {self.lane.ring.acked} of {self.lane.ring.last}")


ACTIONS = (
    ["publish"] * 5 + ["send"] * 6 + ["daemon"] * 6 + ["commit"] * 3 + ["back"] * 5
    + ["cut", "lose some", "crash", "publisher restarts"]
)  # fmt: skip


@pytest.mark.parametrize("in_files", [False, True])
def test_whatever_happens_what_was_accepted_is_in_the_journal_once_and_in_order(
    drawn: random.Random, folder: Path, in_files: bool
) -> None:
    taken = refused = duplicates = restarts = 0
    for round_ in range(40):
        seed = drawn.getrandbits(48)
        place = folder / str(round_)
        place.mkdir()
        world = World(random.Random(seed), place if in_files else None)
        try:
            world.lane.connected(0.0)
            for _ in range(world.drawn.randint(10, 250)):
                world.step()
            world.settle()
            assert [text_of(message) for message in world.intake.journal] == world.accepted
            assert [message.seq for message in world.intake.journal] == list(range(1, len(world.accepted) + 1))
            assert world.lane.ring.nbytes == 0 and world.intake.lost == 0
        except BaseException:
            print(f"round {round_}, seed of the world {seed}")
            raise
        finally:
            world.lane.ring.close()
        taken, refused = taken + len(world.accepted), refused + world.refused
        duplicates, restarts = duplicates + world.intake.duplicates, restarts + world.restarts
        if in_files:
            assert len(list(place.glob("*.ring"))) <= 2, "what is acknowledged is removed"
    assert taken > 100 and refused > 10 and duplicates > 10 and (restarts > 10) == in_files


# One thing at a time.


class Pair:
    """A lane that is connected to an intake, without loss."""

    def __init__(self, ring: Optional[Ring] = None, **more: Any) -> None:
        self.ring = ring or MemoryRing(EPOCH, 100, 1_000_000)
        self.intake, self.lane = Intake(**more), Lane("s", self.ring, 1.0)
        self.lane.connected(0.0)

    def add(self, count: int) -> None:
        for _ in range(count):
            assert self.ring.append(outgoing(str(self.ring.last + 1)), 0)

    def sent(self, now: float = 0.0) -> list[list[bytes]]:
        found = []
        while (frames := self.lane.next(now)) is not None:
            self.lane.sent(now)
            found.append(raw(frames))
        return found

    def run(self, now: float = 0.0, commit: bool = True) -> list[Any]:
        """Everything there and back until nothing moves; what was refused."""
        refused = []
        while messages := self.sent(now):
            answers = [answer for frames in messages for answer in self.intake.take(frames)]
            if commit:
                answers += (frames for _, frames in self.intake.commit())
            refused += [self.lane.take(frames, now) for frames in answers]
        return [each for each in refused if each is not None]


def test_a_head_comes_first_and_says_what_can_be_sent() -> None:
    pair = Pair()
    pair.add(3)
    (head,) = pair.sent()
    said = reference.decode(head)
    assert (said.word, said.seq, said.prev, said.epoch) == ("head", 3, 0, EPOCH)
    assert said.descriptor == {"dropped": 0, "interval_ms": 1000, "first": "1"}
    assert pair.sent(0.5) == [] and len(pair.sent(1.0)) == 1, "and each second; nothing else before the answer"
    for frames in pair.intake.take(head):
        pair.lane.take(frames, 1.0)
    messages = [reference.decode(frames) for frames in pair.sent(1.0)]
    assert [message.seq for message in messages] == [1, 2, 3] and messages[0].flags == 4


def test_no_more_than_the_credit_is_on_the_way() -> None:
    pair = Pair(credit=2)
    pair.add(5)
    pair.run(commit=False)
    assert pair.intake.accounts["s"].expected == 3, "two"
    narrow = Pair(credit_bytes=1)
    narrow.add(3)
    narrow.run(commit=False)
    assert narrow.intake.accounts["s"].expected == 2, "one, though it is larger than the credit"
    pair.run(4.0), narrow.run(4.0)
    for each in (pair, narrow):
        for _ in range(9):
            for _, frames in each.intake.commit():
                each.lane.take(frames, 4.0)
            each.run(4.0)
        assert each.ring.acked == each.ring.last
    none = Pair(credit=0)
    none.add(1)
    none.run(commit=False)
    assert none.intake.accounts["s"].expected == 1


def test_a_message_out_of_order_is_sent_again_from_there_at_once() -> None:
    pair = Pair()
    pair.run()
    pair.add(5)
    messages = pair.sent()
    answers = [answer for frames in [*messages[:1], *messages[2:]] for answer in pair.intake.take(frames)]
    assert len(answers) == 1, "told once"
    pair.lane.take(answers[0], 0.0)
    assert [reference.decode(frames).seq for frames in pair.sent()] == [2, 3, 4, 5]


def test_a_refused_message_is_told_and_not_sent_again() -> None:
    pair = Pair(refuse=lambda message: "shape_mismatch" if message.seq == 2 else None)
    pair.add(3)
    (refusal,) = pair.run()
    assert (refusal.sequence, refusal.code, refusal.detail) == (2, "shape_mismatch", "number 2")
    assert pair.ring.acked == 3 and [message.seq for message in pair.intake.journal] == [1, 3]


def test_a_daemon_that_lost_its_journal_is_told_from_where_on() -> None:
    pair = Pair()
    pair.add(3)
    pair.run()
    pair.intake.lose()
    pair.add(2)
    pair.lane.connected(5.0)
    pair.run(5.0)
    assert pair.intake.lost == 3 and [message.seq for message in pair.intake.journal] == [1, 2, 3, 4, 5]
    pair.lane.take(pair.intake._frames("ack", 35, EPOCH, 1, {"source": "s", "credit": 9, "credit_bytes": 9}), 5.0)
    assert pair.lane.forgotten


def test_silence_greets_anew_and_a_standstill_sends_again() -> None:
    pair = Pair()
    pair.add(2)
    pair.run(commit=False)
    assert pair.lane.deadline() == 1.0
    again = [reference.decode(frames).word for frames in pair.sent(SILENCE_S)]
    assert again == ["head"] and not pair.lane.greeted
    pair.run(SILENCE_S + 1, commit=False)
    assert pair.intake.duplicates == 2
    now, before = SILENCE_S + 1, pair.intake.duplicates
    # The daemon answers heads, and does not come to write its journal: sent again, less and less often.
    for _ in range(600):
        now += 0.5
        pair.run(now, commit=False)
    assert 10 < (pair.intake.duplicates - before) / 2 < 600 * 0.5 / MOST_STALL_S + 6 < 600 * 0.5 / STALL_S


def test_answers_that_are_none() -> None:
    pair = Pair()
    for frames in (
        [b"ack/-/-/d"],
        pair.intake._frames("ack", 35, EPOCH, 1, {"source": "s", "credit": -1, "credit_bytes": 1}),
        pair.intake._frames("ack", 35, EPOCH, 1, {"request": "feedback", "decision_id": "x"}),
        pair.intake._frames("nack", 36, EPOCH, 1, {"code": "out_of_order"}),
        pair.intake._frames("end", 33, EPOCH, 1, {}),
    ):
        with pytest.raises(wire.WireError):
            pair.lane.take(frames, 0.0)
    other = {"source": "other", "credit": 1, "credit_bytes": 1}
    assert pair.lane.take(pair.intake._frames("ack", 35, EPOCH, 9, other), 0.0) is None
    assert pair.lane.take(pair.intake._frames("ack", 35, EPOCH - 1, 9, {**other, "source": "s"}), 0.0) is None
    assert pair.ring.acked == 0 and not pair.lane.greeted


def test_a_ring_from_an_older_copy_does_not_use_numbers_twice() -> None:
    pair = Pair()
    pair.add(1)
    pair.lane.take(pair.intake._frames("ack", 35, EPOCH, 7, {"source": "s", "credit": 9, "credit_bytes": 9}), 0.0)
    assert (pair.ring.last, pair.ring.acked) == (7, 7)
    pair.add(1)
    assert pair.ring.last == 8


# Rings in files.


def file_ring(folder: Path, epoch: int = EPOCH, source: str = "s", messages: int = 100) -> FileRing:
    return FileRing(folder / "r[i]ng", source, epoch, messages, 1_000_000)


def filled(folder: Path, count: int, acked: int = 0) -> None:
    ring = file_ring(folder)
    for _ in range(count):
        assert ring.append(outgoing(str(ring.last + 1)), 0)
    ring.release(acked)
    ring.close()


def test_a_ring_goes_on_where_it_was(folder: Path) -> None:
    filled(folder, 5, acked=2)
    ring = file_ring(folder, EPOCH + 9)
    assert (ring.epoch, ring.last, ring.acked, ring.synced) == (EPOCH, 5, 2, 5)
    assert [text_of(reference.decode(raw(ring.frames(seq)))) for seq in (3, 4, 5)] == ["3", "4", "5"]
    assert list(ring.topics()) == [(b"metrics/fraud/-/s", seq) for seq in (3, 4, 5)]
    ring.release(5)
    ring.close()
    ring = file_ring(folder)
    assert (ring.last, ring.acked, ring.nbytes) == (5, 5, 0) and ring.append(outgoing("6"), 5) and ring.last == 6
    ring.close()


def test_a_half_written_record_is_cut_off_wherever_it_ends(folder: Path) -> None:
    filled(folder, 3)
    (path,) = folder.glob("*.ring")
    whole = path.read_bytes()
    lasts = []
    for length in [*range(0, len(whole), 5), len(whole) - 1]:
        path.write_bytes(whole[:length])
        ring = file_ring(folder)
        lasts.append(ring.last)
        assert max(made.stat().st_size for made in folder.glob("*.ring")) == ring._segments[-1].size
        assert ring.append(outgoing("next"), 0)
        ring.close()
        ring = file_ring(folder)
        assert ring.last == lasts[-1] + 1 and text_of(reference.decode(raw(ring.frames(ring.last)))) == "next"
        ring.close()
        for made in folder.glob("*.ring"):
            made.unlink()
    assert lasts == sorted(lasts) and set(lasts) == {0, 1, 2, 3}


def test_damage_elsewhere_is_an_error_and_not_a_loss(folder: Path) -> None:
    ring = file_ring(folder)
    ring._length = 300
    for _ in range(9):
        assert ring.append(outgoing("x"), 0)
    ring.close()
    paths = sorted(folder.glob("*.ring"))
    assert len(paths) > 2
    data = bytearray(paths[0].read_bytes())
    data[len(data) // 2] ^= 1
    paths[0].write_bytes(data)
    with pytest.raises(StateError, match="damaged"):
        file_ring(folder)
    paths[0].write_bytes(b"x" * 100)
    with pytest.raises(StateError, match="damaged"):
        file_ring(folder)


def test_a_full_disk_is_no_room_and_leaves_nothing_half_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = file_ring(folder)
    assert ring.append(outgoing("1"), 0)
    real, left = os.writev, [40]

    def writev(handle: int, parts: Any) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "no space")
        took, left[0] = left[0], 0
        return real(handle, [b"".join(map(bytes, parts))[:took]])

    monkeypatch.setattr(os, "writev", writev)
    assert not ring.append(outgoing("2"), 1) and ring.last == 1
    ring.release(1)
    monkeypatch.undo()
    assert ring.append(outgoing("3"), 1) and ring.last == 2
    ring.close()
    ring = file_ring(folder)
    assert ring.last == 2 and text_of(reference.decode(raw(ring.frames(2)))) == "3"
    monkeypatch.setattr(os, "writev", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    assert not ring.append(outgoing("4"), 2)
    with pytest.raises(StateError, match="no longer be written"):
        ring.append(outgoing("5"), 2)
    ring.close()


def test_one_process_and_one_source_may_have_a_ring(folder: Path) -> None:
    ring = file_ring(folder)
    with pytest.raises(StateError, match="locked"):
        file_ring(folder)
    ring.close()
    with pytest.raises(StateError, match="belongs to source"):
        file_ring(folder, source="other")


@pytest.mark.parametrize("in_files", [False, True])
def test_a_ring_is_bounded(folder: Path, in_files: bool) -> None:
    ring: Ring = file_ring(folder, messages=2) if in_files else MemoryRing(EPOCH, 2, 1_000_000)
    assert ring.has_room(10**9), "a message larger than the ring, alone"
    assert ring.append(outgoing("1", 800), 0)
    assert not ring.has_room(1_000_000) and ring.has_room(8)
    assert ring.append(outgoing("2"), 0) and not ring.has_room(8)
    ring.release(1)
    assert ring.has_room(8)
    ring.close()
