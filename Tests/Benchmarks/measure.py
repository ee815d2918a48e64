"""One measurement: a load, a contestant, and the time from the first event sent to the last handled."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zmq

from contestants import (
    LOAD,
    READY_S,
    RECEIVE_LOOP,
    RUN_S,
    STOP_S,
    Account,
    Child,
    Daemon,
    Failure,
    Peer,
    Server,
    Sockets,
    closing,
    subscriber,
)

#: The load's last event is for the model `end`, with an accuracy that opens an alert.
LAST_EVENT = "metrics/end/"
LAST_ALERT = "alert/end/"
LAST_ASSESSMENT = "assessment/end/"


@dataclass(frozen=True)
class Workload:
    """What is sent: the arguments of `load` after its endpoint, and the units that it is counted in."""

    kind: str
    count: int
    rows: int = 0
    columns: int = 0

    @property
    def arguments(self) -> list[str]:
        shape = [str(self.rows), str(self.columns)] if self.kind == "features" else []
        return [self.kind, str(self.count), *shape]

    @property
    def units(self) -> int:
        """Events; or values, those of the baseline included, since it is read like a batch."""
        return (self.count + 1) * (self.rows * self.columns if self.kind == "features" else 1)

    @property
    def messages(self) -> int:
        return self.count + (2 if self.kind == "features" else 1)


@dataclass(frozen=True)
class Outcome:
    units: int
    seconds: float
    processor_seconds: float | None
    #: Assessments that the subscriber received; None where there was none.
    assessments: int | None = None

    @property
    def rate(self) -> float:
        return self.units / self.seconds

    @property
    def processor_ns(self) -> float | None:
        """Processor time of the contestant for each unit."""
        return None if self.processor_seconds is None else self.processor_seconds * 1e9 / self.units


@dataclass(frozen=True)
class Endpoints:
    ingest: str
    output: str
    folder: Path


@contextlib.contextmanager
def endpoints(transport: str) -> Iterator[Endpoints]:
    """Fresh loopback endpoints, and a folder that is gone afterwards."""
    # Directly under /tmp, since an ipc path may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="tidemark-", dir="/tmp") as name:
        folder = Path(name)
        if transport == "ipc":
            yield Endpoints(f"ipc://{folder}/in", f"ipc://{folder}/out", folder)
        else:
            yield Endpoints("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", folder)


def receive_loop(workload: Workload, transport: str) -> Outcome:
    """libzmq's receive loop in C, which throws everything away."""
    with (
        endpoints(transport) as made,
        closing(Child("receive loop", [RECEIVE_LOOP, "bind", made.ingest, LAST_EVENT])) as loop,
    ):
        ingest = loop.json_line(READY_S)["ready"]
        with closing(Child("load", [LOAD, ingest, *workload.arguments])) as load:
            result = loop.json_line(RUN_S)
            sent = load.json_line(STOP_S)
            load.wait()
        loop.wait()
    if result["messages"] != sent["sent"] or result["bytes"] != sent["bytes"]:
        raise Failure(f"receive loop: {result} of {sent}")
    seconds = (result["last_ns"] - sent["start_ns"]) * 1e-9
    return Outcome(workload.units, seconds, result["processor_seconds"])


ServerFactory = Callable[[Endpoints], Server]


def daemon(binary: Path) -> ServerFactory:
    return lambda made: Daemon(binary, made.ingest, made.output, made.folder)


def peer() -> ServerFactory:
    return lambda made: Peer(made.ingest, made.output)


def serve(
    context: Sockets, make: ServerFactory, workload: Workload, transport: str, with_assessments: bool = False
) -> Outcome:
    """A whole server: until the alert of the last event has come back out.

    With assessments, a subscriber in C takes them all as well, and is counted but not waited for.
    """
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(endpoints(transport))
        server = make(made)
        stack.enter_context(closing(server.child))
        alerts = stack.enter_context(subscriber(context, server.output, LAST_ALERT))
        reader: Child | None = None
        if with_assessments:
            arguments = ["connect", server.output, LAST_ASSESSMENT, "assessment/"]
            reader = stack.enter_context(closing(Child("reader", [RECEIVE_LOOP, *arguments])))
            reader.json_line(READY_S)
        before = server.child.processor_seconds()
        load = stack.enter_context(closing(Child("load", [LOAD, server.ingest, *workload.arguments])))
        handled_ns = await_alert(alerts, server, load)
        after = server.child.processor_seconds()
        sent = load.json_line(STOP_S)
        load.wait()
        assessments = count_assessments(reader) if reader else None
        require_all(server.stop(), sent["sent"], workload, server.child)
    used = None if before is None or after is None else after - before
    return Outcome(workload.units, (handled_ns - sent["start_ns"]) * 1e-9, used, assessments)


def await_alert(alerts: zmq.Socket[bytes], server: Server, load: Child) -> int:
    """The monotonic time at which the last event's alert arrived."""
    until = time.monotonic() + RUN_S
    while not alerts.poll(1000):
        if load.has_failed:
            raise load.failure("failed")
        if server.child.process.poll() is not None:
            raise server.child.failure("ended while under load")
        if time.monotonic() > until:
            raise server.child.failure(f"no alert of the last event within {RUN_S:.0f} s")
    return time.monotonic_ns()


def count_assessments(reader: Child) -> int:
    """What the reader got: it ends by itself with the last event's, or is told to if that was dropped."""
    try:
        result = reader.json_line(2.0)
    except Failure:
        reader.terminate()
        result = reader.json_line(STOP_S)
    reader.wait()
    count: int = result["messages"]
    return count


def require_all(account: Account, sent: int, workload: Workload, server: Child) -> None:
    """Nothing may be lost or refused, or the time means nothing."""
    if (account.received, account.rejected, account.lost) != (sent, 0, 0) or sent != workload.messages:
        raise server.failure(
            f"{sent} events sent, {account.received} received, {account.rejected} rejected, "
            f"{account.lost} missing by sequence number"
        )
