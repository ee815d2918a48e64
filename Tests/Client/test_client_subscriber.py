"""The subscribers against a socket."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import Any, Union

import pytest
from peer import EPOCH, GIVE_UP_S, Outlet, alert, bye, head, plain_alert, until
from tidemark import Alert, AsyncSubscriber, ClosedError, Ended, Event, Gap, Restart, Stale, Subscriber

Items = list[Any]


class Sync:
    """Both subscribers behind one face, so that each test holds for both."""

    def __init__(self, endpoint: str, **more: Any) -> None:
        self.subscriber: Any = Subscriber(endpoint, **more)

    def receive(self, timeout: float = GIVE_UP_S) -> Any:
        return self.subscriber.receive(timeout)

    def close(self) -> None:
        self.subscriber.close()


class Async(Sync):
    def __init__(self, endpoint: str, **more: Any) -> None:
        self.loop = asyncio.new_event_loop()

        async def made() -> AsyncSubscriber:
            return AsyncSubscriber(endpoint, **more)

        self.subscriber = self.loop.run_until_complete(made())

    def receive(self, timeout: float = GIVE_UP_S) -> Any:
        return self.loop.run_until_complete(self.subscriber.receive(timeout))

    def close(self) -> None:
        async def closed() -> None:
            self.subscriber.close()

        self.loop.run_until_complete(closed())
        self.loop.close()


Make = Union[type[Sync], type[Async]]
both = pytest.mark.parametrize("make", [Sync, Async])


@both
def test_events_come_in_order_without_duplicates(make: Make, outlet: Outlet) -> None:
    reader = make(outlet.endpoint)
    outlet.wait_for(b"head/")
    assert sorted(outlet.prefixes) == [b"alert/", b"bye/", b"decision/", b"head/"]
    junk = [[b"alert/x"], [b"alert/x", b"\x00"], [b"alert/fraud/7/example", b"TIDE"]]
    for frames in (
        head(3),
        alert(4),
        alert(4),
        *junk,
        plain_alert("p"),
        alert(7, 6),
        head(8),
        alert(1, epoch=EPOCH + 9),
        bye(1, epoch=EPOCH + 9),
    ):
        outlet.send(frames)
    items = [reader.receive() for _ in range(8)]
    kinds = [type(item) for item in items]
    assert kinds == [Alert, Alert, Gap, Alert, Gap, Restart, Alert, Ended]
    assert (items[2].first, items[2].last, items[2].exact, items[4].tail) == (5, 6, True, True)
    assert reader.subscriber.rejected == 3
    reader.close()


@both
def test_a_filter_is_a_subscription(make: Make, outlet: Outlet) -> None:
    reader = make(outlet.endpoint, kinds=("alert",), model="fraud", version="7")
    outlet.wait_for(b"head/")
    outlet.send(alert(1, model="fraud-2"))
    outlet.send(alert(2))
    item = reader.receive()
    assert isinstance(item, Alert) and item.model == "fraud"
    reader.close()


@both
def test_nothing_comes_within_a_timeout(make: Make, outlet: Outlet) -> None:
    reader = make(outlet.endpoint)
    assert reader.receive(0) is None and reader.receive(0.01) is None
    reader.close()
    with pytest.raises(ClosedError):
        Sync.receive(reader, 0) if make is Sync else asyncio.run(reader.subscriber.receive(0))


@both
def test_a_daemon_that_falls_silent_is_told_once(make: Make, outlet: Outlet) -> None:
    reader = make(outlet.endpoint)
    outlet.wait_for(b"head/")
    outlet.send(head(0, interval_ms=20))
    item = reader.receive()
    assert isinstance(item, Stale) and item.source == "example" and item.interval_s == 0.02 and item.silent_s >= 0.06
    assert reader.receive(0.1) is None
    outlet.send(alert(1))
    assert isinstance(reader.receive(), Alert), "it is back"
    reader.close()


def test_a_slow_program_does_not_take_its_own_silence_for_the_daemons(outlet: Outlet) -> None:
    with Subscriber(outlet.endpoint) as subscriber:
        outlet.wait_for(b"head/")
        outlet.send(head(0, interval_ms=20))
        outlet.send(alert(1))
        assert isinstance(subscriber.receive(GIVE_UP_S), Alert)
        for seq in range(3):
            outlet.send(alert(seq + 2, seq + 1))
        until(lambda: subscriber._socket.poll(0), "messages have arrived")
        time.sleep(0.1)  # the program is busy for longer than three heads
        assert [type(subscriber.receive(GIVE_UP_S)) for _ in range(3)] == [Alert] * 3


def test_iteration_ends_by_timeout_and_by_close_from_another_thread(outlet: Outlet) -> None:
    subscriber = Subscriber(outlet.endpoint)
    outlet.wait_for(b"head/")
    outlet.send(alert(1))
    assert next(iter(subscriber)).sequence == 1  # type: ignore[union-attr]
    assert list(subscriber.events(timeout=0.01)) == []
    taken: Items = []
    thread = threading.Thread(target=lambda: taken.extend(subscriber))
    thread.start()
    outlet.send(alert(2, 1))
    until(lambda: taken, "the thread reads")
    with pytest.raises(RuntimeError, match="one at a time"):
        subscriber.receive(0)
    subscriber.close()
    thread.join(GIVE_UP_S)
    assert not thread.is_alive() and [item.sequence for item in taken] == [2] and subscriber._socket.closed
    subscriber.close()
    assert list(subscriber) == []


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers on this system")
def test_close_in_a_signal_handler_ends_the_iteration(outlet: Outlet) -> None:
    subscriber = Subscriber(outlet.endpoint)
    before = signal.signal(signal.SIGALRM, lambda *_: subscriber.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert list(subscriber) == [] and subscriber._socket.closed
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "wrong", [{"kinds": ("x",)}, {"version": "1"}, {"queue": 0}, {"endpoint": "x"}, {"endpoint": "tcp://"}]
)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    for make in (Subscriber, AsyncSubscriber):
        with pytest.raises((ValueError, OSError)):
            make(**wrong)


def test_async_for_and_close_from_another_task(outlet: Outlet) -> None:
    async def run() -> Items:
        taken: Items = []
        async with AsyncSubscriber(outlet.endpoint) as subscriber:

            async def read() -> None:
                async for event in subscriber:
                    taken.append(event)

            task = asyncio.create_task(read())
            await asyncio.get_running_loop().run_in_executor(None, outlet.wait_for, b"head/")
            for seq in range(1, 201):
                outlet.send(alert(seq, seq - 1))
            deadline = time.monotonic() + GIVE_UP_S
            while len(taken) < 200:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.001)  # between two looks at the condition
            with pytest.raises(RuntimeError, match="one at a time"):
                await subscriber.receive(0)
            subscriber.close()
            await asyncio.wait_for(task, GIVE_UP_S)
            assert subscriber._socket.closed
        return taken

    assert [item.sequence for item in asyncio.run(run())] == list(range(1, 201))


def test_a_cancelled_receive_loses_nothing(outlet: Outlet) -> None:
    async def run() -> list[Any]:
        taken: list[Any] = []
        async with AsyncSubscriber(outlet.endpoint) as subscriber:
            await asyncio.get_running_loop().run_in_executor(None, outlet.wait_for, b"head/")
            for seq in range(1, 101):
                task = asyncio.create_task(subscriber.receive())
                await asyncio.sleep(0)
                outlet.send(alert(seq, seq - 1))
                for _ in range(seq % 5):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    taken.append(await task)
                except asyncio.CancelledError:
                    pass
            while len(taken) < 100:
                item = await subscriber.receive(GIVE_UP_S)
                assert isinstance(item, Event)
                taken.append(item)
        return taken

    assert [item.sequence for item in asyncio.run(run())] == list(range(1, 101))
