"""Subscribers that resume, against sockets: what was missed comes in its place, and the cursor outlives them."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Optional

import pytest
from fake import FakeDaemon
from peer import GIVE_UP_S, until
from store import ALERT, DECISION
from test_client_subscriber import Make, Sync, both
from tidemark import AsyncSubscriber, Event, FileCursor, Gap, Position, Restart, StateError, Subscriber, Unanswered


def taken(reader: Sync, count: int) -> list[Any]:
    """So many items, events by their number."""
    items = [reader.receive() for _ in range(count)]
    assert None not in items, items
    return [item.sequence if isinstance(item, Event) else item for item in items]


def opened(make: Make, fake: FakeDaemon, **more: Any) -> Sync:
    return make(fake.output, control=fake.control, **more)


@both
def test_what_was_lost_on_the_way_is_fetched(make: Make, fake: FakeDaemon) -> None:
    reader = opened(make, fake)
    assert reader.receive(0.3) is None
    fake.publish()
    fake.mute = True
    for _ in range(600):
        fake.publish(kind=DECISION)
    fake.mute = False
    fake.publish()
    assert taken(reader, 602) == list(range(1, 603))
    assert reader.receive(0.05) is None and reader.subscriber.rejected == 0
    reader.close()


@both
def test_a_cursor_goes_on_where_the_last_run_was(make: Make, fake: FakeDaemon, folder: Path) -> None:
    path = folder / "cursor"
    first = opened(make, fake, cursor=path)
    until(lambda: first.receive(0.05) is None and path.exists(), "it has joined")
    for _ in range(4):
        fake.publish()
    assert taken(first, 3) == [1, 2, 3]
    first.close()
    assert FileCursor(path).load() == Position("example", fake.store.epoch, 3), "3 was not done with"
    fake.publish()
    second = opened(make, fake, cursor=str(path))
    assert taken(second, 3) == [3, 4, 5]
    second.subscriber.commit()
    second.close()
    third = opened(make, fake, cursor=path)
    assert third.receive(0.3) is None
    third.close()
    assert [file.name for file in folder.iterdir()] == ["cursor"]


@both
def test_numbers_of_others_move_the_cursor_too(make: Make, fake: FakeDaemon, folder: Path) -> None:
    path = folder / "cursor"
    reader = opened(make, fake, cursor=path, kinds=("decision",), model="fraud")
    # What is published before it has joined is not for it.
    until(lambda: reader.receive(0.05) is None and path.exists(), "it has joined")
    fake.publish(DECISION, "churn")
    fake.publish(ALERT, "fraud")
    fake.publish(DECISION, "fraud")
    assert taken(reader, 1) == [3]
    fake.publish(DECISION, "churn")

    def behind() -> Optional[Position]:
        assert reader.receive(0.05) is None
        return FileCursor(folder / "cursor").load()

    until(lambda: behind() == Position("example", fake.store.epoch, 5), "the cursor moves")
    reader.close()


class Kept:
    """A cursor that a user wrote."""

    def __init__(self) -> None:
        self.saved: list[Position] = []

    def load(self) -> Optional[Position]:
        return self.saved[-1] if self.saved else None

    def save(self, position: Position) -> None:
        self.saved.append(position)


@both
def test_a_daemon_that_restarts_goes_on_in_its_numbering(make: Make, context: Any, folder: Path) -> None:
    fake, cursor = FakeDaemon(context, folder=folder), Kept()
    reader = opened(make, fake, cursor=cursor)
    assert reader.receive(0.3) is None
    fake.publish()
    assert taken(reader, 1) == [1]
    fake.stop()
    fake.mute = True  # stored before the crash, and never sent
    fake.publish()
    fake.mute = False
    fake._start()
    fake.publish()
    assert taken(reader, 2) == [2, 3]
    fake.stop()
    fake.store.forget(fake.store.epoch + 1)
    fake._start()
    fake.publish()
    restart, event = taken(reader, 2)
    assert isinstance(restart, Restart) and event == 1
    assert cursor.saved[-1].epoch == fake.store.epoch
    reader.close()
    fake.stop()


@both
def test_a_silent_control_socket_is_told_and_asked_again(
    make: Make, fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemark.following.REPEAT_S", 0.05)
    monkeypatch.setattr("tidemark.following.TELL_S", 0.1)
    fake.deaf = True
    reader = opened(make, fake)
    assert reader.receive(0.3) is None
    fake.mute = True
    fake.publish()
    fake.mute = False
    fake.publish()
    (told,) = taken(reader, 1)
    assert isinstance(told, Unanswered) and told.endpoint == fake.control and told.silent_s >= 0.1
    assert len(fake.requests) > 1 and fake.requests[0] == fake.requests[-1]
    fake.deaf = False
    assert taken(reader, 2) == [1, 2]
    reader.close()


@both
def test_a_gap_says_what_is_not_stored_any_more(make: Make, fake: FakeDaemon) -> None:
    fake.mute = True
    for _ in range(9):
        fake.publish()
    fake.store.truncate(6)
    cursor = Kept()
    cursor.save(Position("example", fake.store.epoch, 2))
    reader = opened(make, fake, cursor=cursor)
    gap, *rest = taken(reader, 5)
    assert isinstance(gap, Gap) and (gap.first, gap.last, gap.missing, gap.exact, gap.reason) == (
        2, 5, 4, True, "truncated",
    )  # fmt: skip
    assert rest == [6, 7, 8, 9]
    reader.close()


@both
def test_a_snapshot_tells_what_is_open(make: Make, fake: FakeDaemon) -> None:
    fake.mute = True
    for index in range(9):
        fake.publish(is_open=index in (2, 5))
    fake.mute = False
    reader = opened(make, fake, snapshot=True)
    assert taken(reader, 2) == [3, 6]
    fake.publish()
    assert taken(reader, 1) == [10]
    reader.close()


def test_close_from_another_thread_while_an_answer_is_waited_for(fake: FakeDaemon) -> None:
    fake.deaf = fake.mute = True
    fake.publish()
    cursor = Kept()
    cursor.save(Position("example", fake.store.epoch, 1))
    subscriber = Subscriber(fake.output, control=fake.control, cursor=cursor)
    thread = threading.Thread(target=lambda: list(subscriber))
    thread.start()
    until(lambda: fake.requests, "it asks")
    subscriber.close()
    thread.join(GIVE_UP_S)
    assert not thread.is_alive()


def test_a_damaged_cursor_is_an_error_and_not_a_new_beginning(folder: Path) -> None:
    path = folder / "cursor"
    for text in ("", "{}", "[1]", '{"source":"a","epoch":"0","next":"1"}', '{"source":"a","epoch":1,"next":"1"}'):
        path.write_text(text)
        for make in (Subscriber, AsyncSubscriber):
            with pytest.raises(StateError):
                make(control="tcp://127.0.0.1:1", cursor=path)
    path.write_text(json.dumps({"source": "a", "epoch": "7", "next": "8", "more": 1}))
    assert FileCursor(path).load() == Position("a", 7, 8)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"cursor": "x"}, ValueError),
        ({"snapshot": True}, ValueError),
        ({"control": "x"}, ValueError),
        ({"control": "tcp://127.0.0.1:1", "kinds": ("status",)}, ValueError),
        ({"control": "tcp://127.0.0.1:1", "cursor": 7}, TypeError),
    ],
)
def test_wrong_arguments(wrong: dict[str, Any], error: type[Exception]) -> None:
    for make in (Subscriber, AsyncSubscriber):
        with pytest.raises(error):
            make(**wrong)
