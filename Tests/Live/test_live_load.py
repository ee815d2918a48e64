"""The daemon under load, bad input and signals: it ends in time, it never falls, its figures add up."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

import events
import storm
from harness import REPOSITORY, configure
from live import GIVE_UP_S, Daemon, Publisher, Subscriber

Start = Callable[..., Daemon]
Context = zmq.Context[Any]
Sockets = dict[str, list[str]]
FLOOD = Path(__file__).with_name("flood.py")

#: Assessments to read before SIGTERM: more than the 10,000 that wait for a subscriber that is stuck.
ENOUGH = 12_000


def serving(start: Start, folder: Path, sockets: Sockets) -> Daemon:
    config = configure(folder, {"name": "watch", "sockets": sockets})
    return start("--config", config).wait_ready()


@pytest.fixture
def floods() -> Iterator[Callable[[str, str], None]]:
    """Starts publishers at full speed in processes of their own, and ends them by their pid."""
    started: list[subprocess.Popen[str]] = []

    def start(ingest: str, model: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-B", FLOOD, ingest, model, "60"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "flooding\n"

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=GIVE_UP_S)


# SIGTERM.


def test_sigterm_ends_an_idle_daemon(daemons: Start, folder: Path, sockets: Sockets) -> None:
    serving(daemons, folder, sockets).stop()


def test_sigterm_ends_a_daemon_with_quiet_peers(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    daemon = serving(daemons, folder, sockets)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    Subscriber(context, daemon.output, "").settle(publisher)
    daemon.stop()


@pytest.mark.parametrize(
    ("publishers", "reads"),
    [(1, True), (2, True), (2, False)],
    ids=["one publisher", "two publishers", "two publishers, one stuck subscriber"],
)
def test_sigterm_ends_a_daemon_at_full_speed(
    daemons: Start,
    folder: Path,
    context: Context,
    sockets: Sockets,
    floods: Callable[[str, str], None],
    publishers: int,
    reads: bool,
) -> None:
    daemon = serving(daemons, folder, sockets)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/flood").settle(publisher)
    stuck = context.socket(zmq.SUB)
    if not reads:
        stuck.setsockopt(zmq.RCVHWM, 1)
        stuck.setsockopt(zmq.SUBSCRIBE, b"")
        stuck.connect(daemon.output)
    models = [f"flood-{number}" for number in range(publishers)]
    for model in models:
        floods(daemon.ingest, model)
    seen = dict.fromkeys(models, 0)
    for output in subscriber:
        seen[output.event["subject"]] += output.kind == "tidemark.assessment.performance.v1"
        if min(seen.values()) >= 1000 and sum(seen.values()) >= ENOUGH:
            break
    took = daemon.stop()
    figures = daemon.final_figures()
    print(f"stopped {took:.3f} s after SIGTERM; {seen} assessments read; the daemon says {figures}")
    assert figures["received"] >= sum(seen.values())


# Bad input.


def assert_answers(publisher: Publisher, subscriber: Subscriber, model: str) -> None:
    publisher.metrics(model, 0.96)
    subscriber.until_kind("assessment.performance", model)


def assert_figures(daemon: Daemon, sent: int, fewest: int, most: int) -> None:
    """`rejected` lies between what must and what may be refused; every message is accounted for.

    Whether `received` counts the refused ones too is the daemon's choice.
    """
    figures = daemon.final_figures()
    received, rejected = figures["received"], figures["rejected"]
    print(f"sent {sent}, refused {fewest} to {most}; the daemon says {figures}")
    assert fewest <= rejected <= most
    assert sent in (received, received + rejected)


def test_the_figures_of_the_last_line_add_up(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    daemon = serving(daemons, folder, sockets)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/").settle(publisher)
    topic = f"metrics/m/-/{publisher.source}".encode()
    good = events.metrics("m", None, {"accuracy": 0.96}, source=publisher.source)
    for _ in range(100):
        publisher.metrics("m", 0.96)
    bad = [
        [topic],
        [topic, b"{"],
        [topic, b"{}"],
        [topic, events.line({**good, "type": "tidemark.metrics.v2", "id": "v2"})],
        [b"noise/m/-/s", events.line({**good, "type": "tidemark.noise.v1", "id": "noise"})],
        [topic, events.line({**good, "id": "twice"}), b"third"],
        [topic, *[events.line(good)] * 19],
    ]
    refused = sum(publisher.send_frames(frames) for frames in bad)
    publisher.send({**good, "id": "twice"})
    refused += publisher.send_frames([topic, events.line({**good, "id": "twice"})])
    assert_answers(publisher, subscriber, "after")
    daemon.stop()
    assert_figures(daemon, publisher.sent, refused, refused)


def test_a_frame_above_the_limit_is_refused_and_its_neighbours_are_not(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    daemon = serving(daemons, folder, sockets)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/").settle(publisher)
    huge = events.metrics("huge", None, {"accuracy": 0.96}, source=publisher.source, note="x" * (49 << 20))
    publisher.metrics("before", 0.96)
    publisher.send(huge)
    publisher.metrics("after", 0.96)
    outputs = subscriber.until_kind("assessment.performance", "after")
    assert [output.event["subject"] for output in outputs if "performance" in output.kind] == [
        "before",
        "after",
    ]
    daemon.stop()
    assert_figures(daemon, publisher.sent, 1, 1)


def test_a_large_batch_below_the_limit_is_taken(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    daemon = serving(daemons, folder, ipc)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/").settle(publisher)
    width, height = 500, 1000
    row = [column / 7 for column in range(width)]
    publisher.send(events.baseline("wide", None, rows=[row, [value + 2 for value in row]]))
    publisher.send(events.features("wide", None, [[value + 9 for value in row]] * height))
    report = subscriber.until_kind("assessment.drift", "wide")[-1].event["data"]
    assert report["summary"]["total_features"] == report["summary"]["drifted_features"] == width
    daemon.stop()


def test_a_storm_of_bad_multiparts(
    daemons: Start, folder: Path, context: Context, sockets: Sockets, drawn: random.Random
) -> None:
    daemon = serving(daemons, folder, sockets)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/").settle(publisher)
    base_ns = time.time_ns() - 60_000_000_000
    publisher.send(storm.good_event(drawn, "steady", 0, base_ns), "metrics/steady/-/storm")
    bad = doubtful = good = 0
    for index in range(1, 4000):
        frames, fate = storm.multipart(drawn, index, base_ns)
        heard = publisher.send_frames(frames)
        bad += heard and fate is storm.Fate.BAD
        doubtful += heard and fate is storm.Fate.DOUBTFUL
        good += heard and fate is storm.Fate.GOOD
        if index % 500 == 0:
            assert_answers(publisher, subscriber, f"calm-{index}")
    assert_answers(publisher, subscriber, "after")
    assert daemon.process.poll() is None
    daemon.stop()
    assert bad > 1500 and good > 20, "the storm was no storm"
    assert_figures(daemon, publisher.sent, bad, bad + doubtful)


def test_broken_and_foreign_peers_do_not_disturb(
    daemons: Start, folder: Path, context: Context, ipc: Sockets, drawn: random.Random
) -> None:
    """Random subscription frames on the output, and a socket of the wrong kind on each end."""
    daemon = serving(daemons, folder, ipc)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/").settle(publisher)
    rude = context.socket(zmq.XSUB)
    rude.connect(daemon.output)
    for _ in range(200):
        rude.send_multipart([drawn.randbytes(drawn.randrange(0, 60)) for _ in range(drawn.randrange(1, 4))])
    for kind in (zmq.PULL, zmq.DEALER, zmq.REQ):
        for end in (daemon.ingest, daemon.output):
            context.socket(kind).connect(end)
    for number in range(50):
        assert_answers(publisher, subscriber, f"m-{number % 5}")
    daemon.stop()
