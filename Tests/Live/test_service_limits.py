"""Memory that is bounded: a flood of names costs a counter, and what is known is served as before."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import framed_reference
import pytest
import zmq
from harness import configure
from live import Daemon, Publisher, Subscriber
from test_recording import framed_metrics

Start = Callable[..., Daemon]
Context = zmq.Context[Any]

#: More than any table that keeps names has room for: 32,768 topics.
FIRST, FLOOD = 36_000, 24_000
DESCRIPTOR = b'{"metrics":["accuracy"],"tensors":[{"name":"values","datatype":"FP64","shape":[1]}]}'


def resident(daemon: Daemon) -> int:
    """Bytes, by proc(5)."""
    (line,) = [
        line for line in Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines() if "VmRSS" in line
    ]
    return int(line.split()[1]) * 1024


def flood(publisher: Publisher, kind: str, begin: int, end: int) -> None:
    """Messages of models, or of sources, that nobody knows."""
    for number in range(begin, end):
        seq = number if kind == "model" else 1
        header = framed_reference.HEADER.pack(b"TIDE", 1, 0, 1, 1, 0, 4, 1, seq, 0, 0, 0, 0)
        topic = f"metrics/new-{number}/-/flood" if kind == "model" else f"metrics/known-1/-/new-{number}"
        publisher.send_frames([topic.encode(), header, DESCRIPTOR, struct.pack("<d", 0.9)])


@pytest.mark.parametrize("kind", ["model", "source"])
def test_a_flood_of_names_is_counted_and_grows_nothing(
    daemons: Start, folder: Path, context: Context, ipc: dict[str, list[str]], kind: str
) -> None:
    # A hundred known models of one source, and one of the subscriber's: one more model, or 18 sources, have room.
    limits, room = ({"models": 102}, 1) if kind == "model" else ({"sources": 20}, 18)
    daemon = daemons("--config", configure(folder, {"name": "watch", "sockets": ipc, "limits": limits})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/known-").settle(publisher)
    known = iter(range(1, 1_000_000))

    def serve_known() -> float:
        """Seconds in which 2,000 measurements of known models are judged."""
        begun = time.monotonic()
        for _ in range(2_000):
            number = next(known)
            publisher.send_frames(framed_metrics(f"known-{number % 100}", number, 0.95, source="known"))
        last = f'1-{number}'
        subscriber.until(lambda taken: taken[-1].event["causationid"] == last, "the last measurement")
        return time.monotonic() - begun

    serve_known()
    before = serve_known()
    flood(publisher, kind, 1, FIRST)
    serve_known()
    held = resident(daemon)
    flood(publisher, kind, FIRST, FIRST + FLOOD)
    after = serve_known()
    grown = resident(daemon) - held
    print(
        f"{kind}: {held >> 20} MiB after {FIRST} names, {grown >> 10} KiB more after {FLOOD} more; "
        f"2,000 measurements of known models took {before:.3f} s before and {after:.3f} s after"
    )
    daemon.stop()
    figures = daemon.final_figures()
    assert figures["received"] == publisher.sent
    reason = "too_many_models" if kind == "model" else "too_many_sources"
    assert figures[reason] == figures["rejected"] == FIRST + FLOOD - 1 - room
    assert grown < 4 << 20, f"{grown} bytes more"
    assert len(daemon.log.splitlines()) < 200, "a flood fills no disk"
