"""The publisher against a socket: numbers, queues, heads, the end."""

from __future__ import annotations

import datetime as dt
import gc
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
from conftest import SOURCE
from peer import GIVE_UP_S, Peer, nobody, until
from reference import Decoded
from tidemark import ClosedError, ForkError, Publisher, TidemarkError, wire

NOBODY = "tcp://127.0.0.1:9"  # the discard port, where nothing listens


def check_numbers(taken: list[Decoded], publisher: Publisher, *, whole: bool = True) -> None:
    """In order, each once, from 1 where `whole`; `prev` is the number before on the topic."""
    last: dict[str, int] = {}
    before = 0
    for message in taken:
        assert message.epoch == publisher.epoch and message.topic.endswith("/" + publisher.source)
        assert message.seq == before + 1 if whole else message.seq > before
        if whole:
            assert message.prev == last.get(message.topic, 0)
        before = last[message.topic] = message.seq


def test_metrics_on_the_wire(peer: Peer) -> None:
    when = dt.datetime(2026, 3, 2, 2, tzinfo=dt.timezone.utc)
    with Publisher(peer.endpoint, source="scorer/1") as publisher:
        assert publisher.metrics("team/fraud", accuracy=0.5, latency_ms=100, version="7", time=when)
        assert publisher.metrics("fraud", {"auc": np.float32(0.25), "lost": None}, requests=3, time=1.5e9)
        assert publisher.metrics("fraud", accuracy=True, time=1_500_000_000_123_456_789)
        first, second, third = peer.take(3)
    assert first.topic == "metrics/team%2Ffraud/7/scorer%2F1" and first.metrics() == {
        "accuracy": 0.5,
        "latency_ms": 100,
    }
    assert first.frames[2] == (
        b'{"metrics":["accuracy","latency_ms"],"tensors":[{"name":"values","datatype":"FP64","shape":[2]}]}'
    )
    assert first.event_time == 1772416800 * 10**9 and abs(first.send_time - time.time_ns()) < 60e9
    assert second.event_time == 15 * 10**17 and second.metrics()["auc"] == 0.25 and second.metrics()["requests"] == 3
    assert np.isnan(second.metrics()["lost"])
    assert third.event_time == 1_500_000_000_123_456_789 and third.prev == 2 and third.metrics() == {"accuracy": 1.0}
    for message in (first, second, third):
        wire.unpack(message.frames)


def test_counts_latencies_and_business_metrics(peer: Peer) -> None:
    with Publisher(peer.endpoint) as publisher:
        publisher.metrics("m", correct=91, total=100, metrics={"revenue": 12.5, "refunds": None})
        publisher.metrics("m", latencies_ms=[1, 2.5, None])
        publisher.metrics("m", accuracy=0.9, latencies_ms=np.arange(3.0))
        publisher.baseline("m", correct=950, total=1_000)
        quantiles = {"p50": 1, "p95": 2, "p99": 3.5, "count": 100}
        publisher.baseline("m", latency_quantiles_ms=quantiles)
        publisher.baseline("m", accuracy=0.9)
        counted, alone, both, first, second, third = peer.take(6)
    said = counted.metrics()
    assert said["correct"] == 91 and said["total"] == 100 and said["metrics.revenue"] == 12.5
    assert np.isnan(said["metrics.refunds"])
    assert b'"name":"latencies_ms","datatype":"FP64","shape":[3]' in alone.frames[2]
    assert len(alone.frames) == len(both.frames) == 5 and both.metrics() == {"accuracy": 0.9}
    assert first.metrics() == {"correct": 950, "total": 1_000}
    assert second.metrics() == {f"latency_quantiles_ms.{key}": value for key, value in quantiles.items()}
    assert third.metrics() == {"accuracy": 0.9}
    for message in (counted, alone, both, first, second, third):
        wire.unpack(message.frames)


@pytest.mark.parametrize(
    "wrong",
    [
        {"correct": 2, "total": 1}, {"correct": 1}, {"total": 1}, {"correct": 0.5, "total": 1},
        {"correct": -1, "total": 1}, {"correct": 0, "total": 2**53 + 2}, {"latencies_ms": ["1"]},
        {"latencies_ms": [1.0] * 10_001}, {"metrics": {"a": "1"}}, {"latencies_ms": []},
    ],
)  # fmt: skip
def test_details_that_cannot_be(wrong: dict[str, Any]) -> None:
    with Publisher(NOBODY, linger=0) as publisher:
        with pytest.raises((ValueError, TypeError)):
            publisher.metrics("m", **wrong)
        for quantiles in ({"p50": 1}, {"p50": 3, "p95": 2, "p99": 4, "count": 1}):
            with pytest.raises(ValueError):
                publisher.baseline("m", latency_quantiles_ms=quantiles)


@pytest.mark.parametrize(
    "wrong",
    [
        {"accuracy": "0.9"}, {}, {"values": {"accuracy": 1.0}, "accuracy": 1.0}, {"accuracy": 1, "model": ""},
        {"accuracy": 1, "model": "-"}, {"accuracy": 1, "model": None}, {"accuracy": 1, "version": ""},
        {"accuracy": 1, "time": dt.datetime(2026, 1, 1)}, {"accuracy": 1, "time": 1_700_000_000},
        {"accuracy": 1, "time": float("nan")}, {"accuracy": 1, "time": 1e15}, {"accuracy": 1, "time": "now"},
        {"accuracy": 1, "time": True}, {"values": {f"m{i}": 1.0 for i in range(1025)}}, {"x\ud800": 1.0},
    ],
)  # fmt: skip
def test_what_the_wire_cannot_carry_takes_no_number(wrong: dict[str, Any]) -> None:
    with Publisher(NOBODY, linger=0) as publisher:
        with pytest.raises((ValueError, TypeError)):
            publisher.metrics(**{"model": "m", **wrong})
        with pytest.raises(ValueError, match="fewer rows"):
            publisher.features("m", np.zeros((7_000, 1_000)))
        with pytest.raises(ValueError):
            publisher.baseline("m")
        with pytest.raises(ValueError):
            publisher.baseline("m", accuracy=float("inf"))
        assert publisher.last_sequence == publisher.dropped == 0


@pytest.mark.parametrize(
    "wrong", [{"queue": 0}, {"endpoint": "inproc://x"}, {"endpoint": "tcp://"}, {"head_interval": 0}, {"linger": -1},
              {"source": "-"}, {"source": ""}, {"source": "s" * 200}],
)  # fmt: skip
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, OSError)):
        Publisher(**wrong)


def test_default_names_differ_within_a_process() -> None:
    with Publisher(NOBODY, linger=0) as one, Publisher(NOBODY, linger=0) as other:
        assert one.source != other.source and str(os.getpid()) in one.source and one.epoch < other.epoch


def test_a_steady_stream_repeats_its_bytes(peer: Peer) -> None:
    with Publisher(peer.endpoint) as publisher:
        names = [f"feature {index}" for index in range(30)]
        for _ in range(5):
            publisher.features("m", np.random.default_rng().normal(size=(20, 30)), names=names)
        assert len({message.frames[2] for message in peer.take(5)}) == 1


def test_messages_wait_for_the_first_subscription(context: Any) -> None:
    endpoint = nobody()
    with Publisher(endpoint, queue=5) as publisher:
        rows = np.arange(6.0).reshape(2, 3)
        kept = [publisher.features("m", rows, time=1.5e9 + index) for index in range(8)]
        rows[:] = -1  # what waits must not change with the caller's array
        assert kept == [True] * 5 + [False] * 3
        assert (publisher.sent, publisher.pending, publisher.dropped, publisher.last_sequence) == (0, 5, 3, 8)
        assert not publisher.wait_ready(0.01)
        peer = Peer(context, endpoint)
        peer.heard_by(publisher)
        taken = peer.take(5)
        check_numbers(taken, publisher)
        assert all(message.tensors[0].tolist() == [[0, 1, 2], [3, 4, 5]] for message in taken)
        until(lambda: publisher.pending == 0, "the queue empties")
        assert publisher.metrics("m", accuracy=1) and peer.next().seq == 9
        head = next(message for message in peer.until_word("head") if message.word == "head")
        assert (head.seq, head.descriptor) == (9, {"dropped": 3, "interval_ms": 1000})


def test_waiting_bytes_are_bounded() -> None:
    with Publisher(NOBODY, queue_bytes=100_000, linger=0) as publisher:
        batch = np.zeros((100, 50))
        assert [publisher.features("m", batch) for _ in range(4)] == [True, True, False, False]
        assert publisher.metrics("m", accuracy=1), "a small message still fits"


def test_a_full_queue_drops_the_newest_and_counts_exactly(context: Any) -> None:
    peer = Peer(context, hwm=1)
    with Publisher(peer.endpoint, queue=4, head_interval=0.05, linger=GIVE_UP_S) as publisher:
        peer.heard_by(publisher)
        batch, outcomes = np.zeros((1000, 40)), []
        while publisher.dropped < 60:
            outcomes.append(publisher.features("m", batch))
        assert len(outcomes) == publisher.last_sequence < 2000, "the peer does not read, so queues fill"
        assert outcomes.count(False) == publisher.dropped
        taken: list[Decoded] = []
        while not (taken and taken[-1].word == "head" and taken[-1].seq == publisher.last_sequence):
            taken.append(peer.any())
        assert taken[-1].descriptor["dropped"] == publisher.dropped
        received = [message for message in taken if message.word == "features"]
        assert len(received) + publisher.dropped == publisher.last_sequence == publisher.sent + publisher.dropped
        assert {message.seq for message in received} == {i + 1 for i, kept in enumerate(outcomes) if kept}
        check_numbers(received, publisher, whole=False)
        publisher.features("m", batch)
        assert peer.next().prev == publisher.last_sequence - 1, "prev counts what was dropped"


def test_block_waits_for_room(context: Any) -> None:
    endpoint = nobody()
    with Publisher(endpoint, queue=3, block=True, linger=GIVE_UP_S) as publisher:
        sender = threading.Thread(target=lambda: [publisher.metrics("m", accuracy=i) for i in range(50)])
        sender.start()
        until(lambda: publisher.pending == 3, "the queue fills")
        peer = Peer(context, endpoint)
        taken = peer.take(50)
        sender.join(GIVE_UP_S)
        assert not sender.is_alive() and publisher.dropped == 0
        check_numbers(taken, publisher)


def test_block_with_a_slow_reader_loses_nothing(context: Any) -> None:
    peer = Peer(context, hwm=1)
    with Publisher(peer.endpoint, queue=4, block=True, linger=GIVE_UP_S) as publisher:
        batch = np.zeros((1000, 40))
        sender = threading.Thread(target=lambda: [publisher.features("m", batch) for _ in range(120)])
        sender.start()
        check_numbers(peer.take(120), publisher)
        sender.join(GIVE_UP_S)
        assert not sender.is_alive() and publisher.dropped == 0


def test_block_gives_up_after_its_time() -> None:
    with Publisher(NOBODY, queue=1, block=True, block_timeout=0.02, linger=0) as publisher:
        assert [publisher.metrics("m", accuracy=1) for _ in range(2)] == [True, False]
        assert (publisher.dropped, publisher.last_sequence) == (1, 2)


def test_close_ends_who_waits() -> None:
    publisher = Publisher(NOBODY, queue=1, block=True, linger=0)
    publisher.metrics("m", accuracy=1)
    caught: list[BaseException] = []

    def blocked() -> None:
        try:
            publisher.metrics("m", accuracy=2)
        except ClosedError as error:
            caught.append(error)

    threads = [threading.Thread(target=blocked), threading.Thread(target=lambda: publisher.wait_ready(GIVE_UP_S))]
    for thread in threads:
        thread.start()
    until(lambda: len(publisher._link._changed._waiters) == 2, "both wait")  # type: ignore[attr-defined]
    publisher.close()
    for thread in threads:
        thread.join(GIVE_UP_S)
        assert not thread.is_alive()
    assert len(caught) == 1


def test_eight_threads_share_a_publisher(peer: Peer, drawn: random.Random) -> None:
    count = 400
    with Publisher(peer.endpoint, queue=100_000, head_interval=0.01) as publisher:
        peer.heard_by(publisher)
        seeds = [drawn.random() for _ in range(8)]

        def publish(index: int) -> None:
            mine = random.Random(seeds[index])
            for turn in range(count):
                if mine.random() < 0.1:
                    publisher.features(f"m{mine.randrange(3)}", np.full((40, 300), index, dtype=np.float64))
                else:
                    publisher.metrics(f"m{mine.randrange(3)}", {"thread": index, "turn": turn})

        threads = [threading.Thread(target=publish, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        taken = peer.take(8 * count)
        for thread in threads:
            thread.join(GIVE_UP_S)
        assert publisher.dropped == 0 and publisher.sent == publisher.last_sequence == 8 * count
    check_numbers(taken, publisher)
    turns: dict[float, list[float]] = {}
    for message in taken:
        if message.word == "metrics":
            turns.setdefault(message.metrics()["thread"], []).append(message.metrics()["turn"])
        else:
            assert len(set(message.tensors[0].ravel().tolist())) == 1, "a batch of one thread in one piece"
    assert len(turns) == 8 and all(each == sorted(each) for each in turns.values())


def test_heads_come_by_themselves_and_a_bye_ends(peer: Peer) -> None:
    with Publisher(peer.endpoint, head_interval=0.02, source="s") as publisher:
        first = peer.any()
        assert (first.topic, first.seq, first.descriptor) == ("head/-/-/s", 0, {"dropped": 0, "interval_ms": 20})
        assert [peer.any().word for _ in range(3)] == ["head"] * 3
        publisher.metrics("m", accuracy=1)
        assert {message.seq for message in peer.until_word("metrics") if message.word == "metrics"} == {1}
        assert [peer.any().seq for _ in range(2)] == [1, 1]
    last = peer.until_word("bye")[-1]
    assert (last.topic, last.seq, last.descriptor) == ("bye/-/-/s", 1, {"dropped": 0})
    publisher.close()
    with pytest.raises(ClosedError):
        publisher.metrics("m", accuracy=1)
    assert not publisher.wait_ready(0)


def test_close_waits_for_a_daemon_no_longer_than_linger() -> None:
    with Publisher(NOBODY, linger=0.05) as publisher:
        publisher.metrics("m", accuracy=1)
    assert (publisher.sent, publisher.dropped, publisher.last_sequence) == (0, 1, 1)
    assert not publisher._link._thread.is_alive()


def test_a_script_that_ends_at_once_is_heard(peer: Peer) -> None:
    def script() -> None:
        with Publisher(peer.endpoint, linger=GIVE_UP_S) as publisher:
            publisher.metrics("m", accuracy=1)

    thread = threading.Thread(target=script)
    thread.start()
    assert [message.seq for message in peer.rest()] == [1]
    thread.join(GIVE_UP_S)
    assert not thread.is_alive()


def test_the_baseline_is_sent_again_to_a_daemon_that_restarts(peer: Peer) -> None:
    rows = np.arange(4.0).reshape(2, 2)
    with Publisher(peer.endpoint, head_interval=0.05) as publisher:
        publisher.baseline("a", accuracy=0.9, time=1.5e9)
        publisher.baseline("a", features=rows, names=["x", "y"], time=1.6e9)
        publisher.baseline("a", latency_ms=100, time=1.7e9)
        publisher.baseline("b", accuracy=0.8, version="2")
        rows[:] = -1
        assert [message.seq for message in peer.take(4)] == [1, 2, 3, 4]
        again = peer.restart(publisher)
        assert again.any().word == "head"
        first, second = again.take(2)
        assert (first.topic.split("/")[1], first.seq, first.prev) == ("a", 5, 3)
        assert first.metrics() == {"accuracy": 0.9, "latency_ms": 100.0} and first.event_time == 17 * 10**17
        assert first.descriptor["feature_names"] == ["x", "y"] and first.tensors[1].tolist() == [[0, 1], [2, 3]]
        wire.unpack(first.frames)
        assert second.topic.startswith("baseline/b/2/") and abs(second.event_time - time.time_ns()) < 60e9
        publisher.metrics("a", accuracy=1)
        assert again.next().seq == 7, "each baseline once"
    assert publisher.dropped == 0 and publisher.sent == 7


def test_a_baseline_that_was_dropped_comes_when_there_is_room(context: Any) -> None:
    endpoint = nobody()
    with Publisher(endpoint, queue=2) as publisher:
        kept = [
            publisher.metrics("m", accuracy=1),
            publisher.metrics("m", accuracy=1),
            publisher.baseline("m", accuracy=1),
        ]
        assert kept == [True, True, False]
        peer = Peer(context, endpoint)
        taken = peer.take(3)
    assert [(message.word, message.seq, message.prev) for message in taken] == [
        ("metrics", 1, 0), ("metrics", 2, 1), ("baseline", 4, 3)
    ]  # fmt: skip


def test_baselines_that_are_remembered_are_bounded(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.outgoing.MAX_BASELINES", 3)
    monkeypatch.setattr("tidemark.outgoing.BASELINES_BYTES", 1_000)
    with Publisher(peer.endpoint) as publisher:
        for index in range(5):
            publisher.baseline(f"m{index}", accuracy=1)
        publisher.baseline("m0", features=np.zeros((100, 2)))  # more bytes than may be remembered
        peer.take(6)
        again = peer.restart(publisher)
        again.heard_by(publisher)
        publisher.metrics("end", accuracy=1)
        seen = {message.topic.split("/")[1] for message in again.until_word("metrics") if message.word == "baseline"}
    assert seen <= {"m3", "m4"}


def test_while_the_daemon_is_away_messages_wait_and_bytes_are_bounded(peer: Peer) -> None:
    with Publisher(peer.endpoint, head_interval=0.05, queue=10) as publisher:
        publisher.metrics("m", accuracy=0)
        assert peer.next().seq == 1
        peer.close()
        until(lambda: not publisher._link._connected, "the loss of the connection is noticed")
        kept = [publisher.metrics("m", accuracy=index) for index in range(15)]
        assert kept == [True] * 10 + [False] * 5 and publisher.pending == 10
        again = Peer(peer._context, peer.endpoint)
        assert [message.seq for message in again.take(10)] == list(range(2, 12))


@pytest.mark.parametrize("copy", [True, False])
def test_large_batches_arrive_whole(peer: Peer, copy: bool, drawn: random.Random) -> None:
    generator = np.random.default_rng(drawn.randrange(1 << 30))
    with Publisher(peer.endpoint) as publisher:
        peer.heard_by(publisher)
        for order in ("C", "F"):
            rows = np.asarray(generator.normal(size=(3000, 70)), order=order)
            wanted = rows.copy()
            assert publisher.features("m", rows, copy=copy)
            if copy:
                rows[:] = 0  # the caller's array is the caller's again
            assert np.array_equal(peer.next().tensors[0], wanted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_a_fork_the_child_is_told(peer: Peer) -> None:
    with Publisher(peer.endpoint, source="parent") as publisher:
        publisher.metrics("m", accuracy=1)
        assert peer.next().seq == 1
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:  # in the child: say what happened and end without the parent's clean-up
            said = b""
            for call in ("metrics", "wait_ready"):
                try:
                    publisher.wait_ready(1) if call == "wait_ready" else publisher.metrics("m", accuracy=2)
                    said += b"nothing;"
                except ForkError as error:
                    said += b"fork;" if "after the fork" in str(error) else b"?;"
            publisher.close()
            os.write(writing, said + b"closed")
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            assert told.read() == b"fork;fork;closed"
        assert os.waitpid(child, 0)[1] == 0
        publisher.metrics("m", accuracy=3)
        assert peer.next().seq == 2, "the parent goes on"


def test_a_publisher_that_is_forgotten_says_bye(peer: Peer) -> None:
    publisher = Publisher(peer.endpoint)
    publisher.metrics("m", accuracy=1)
    assert peer.next().seq == 1
    with pytest.warns(ResourceWarning, match="not closed"):
        del publisher
        gc.collect()
    assert peer.until_word("bye")[-1].seq == 1


def test_a_program_that_ends_without_closing_says_bye(peer: Peer) -> None:
    program = (
        "import sys, numpy, tidemark\n"
        "publisher = tidemark.Publisher(sys.argv[1], source='ends', linger=20)\n"
        "publisher.features('m', numpy.asfortranarray(numpy.ones((2000, 50))))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, peer.endpoint], env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stderr=subprocess.PIPE, text=True,
    ) as ran:  # fmt: skip
        assert Counter(message.word for message in peer.until_word("bye"))["features"] == 1
        _, err = ran.communicate(timeout=GIVE_UP_S)
    assert ran.returncode == 0 and err == "", err


def test_an_interrupt_inside_a_message_leaves_no_half_of_it(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Publisher(peer.endpoint, linger=0)
    peer.heard_by(publisher)
    socket = publisher._link._socket

    def interrupted(frames: list[Any], flags: int = 0, copy: bool = True) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(socket), "send_multipart", lambda self, *a, **k: interrupted(*a, **k))
    with pytest.raises(KeyboardInterrupt):
        publisher.metrics("m", accuracy=1)
    monkeypatch.undo()
    with pytest.raises(TidemarkError):
        publisher.metrics("m", accuracy=1)
    publisher.close()


def test_memory_does_not_grow_with_topics(monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
    monkeypatch.setattr("tidemark.outgoing.MAX_TOPICS", 5)
    monkeypatch.setattr("tidemark.publisher._DESCRIPTORS", 5)
    with Publisher(peer.endpoint) as publisher:
        for index in range(20):
            publisher.metrics(f"m{index}", {f"n{index}": 1.0})
        assert len(publisher._link._numbers._by_topic) == 5 and len(publisher._descriptors) == 5
        assert [message.seq for message in peer.take(20)] == list(range(1, 21))
