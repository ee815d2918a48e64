"""One measurement: a load, a contestant, and the time from the first event sent to the last handled."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from contestants import (
    LOAD,
    LOAD_FRAMED,
    RAW_READ,
    READY_S,
    RECEIVE_LOOP,
    RUN_S,
    STOP_S,
    WIRE_BENCHMARK,
    Account,
    Child,
    Daemon,
    Failure,
    Peer,
    Server,
    Sockets,
    Surroundings,
    closing,
    subscriber,
)

#: The load's last event is for the model `end`, with an accuracy that opens an alert.
LAST_EVENT = "metrics/end/"
LAST_ASSESSMENT = "assessment/end/"


@dataclass(frozen=True)
class Workload:
    """What is sent: by which load, and the units that it is counted in."""

    kind: str
    count: int
    rows: int = 0
    columns: int = 0
    is_framed: bool = False
    datatype: str = "FP64"
    #: Options of `load_framed`.
    options: tuple[str, ...] = ()
    #: The model of the last event. It alarms once, so a server that is fed again needs another.
    end: str = "end"

    def command(self, endpoint: str) -> list[str]:
        start = [str(LOAD_FRAMED if self.is_framed else LOAD), endpoint, self.kind, str(self.count)]
        shape = [str(self.rows), str(self.columns)] if self.kind == "features" else []
        if not self.is_framed:
            return [*start, *shape, "hold"]
        if shape:
            shape = ["--rows", shape[0], "--columns", shape[1], "--type", self.datatype]
        return [*start, *shape, "--end", self.end, "--hold", "1", *self.options]

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


@dataclass(frozen=True)
class Receiver:
    """A program that takes messages, counts them and forgets them: its command around the endpoint."""

    name: str
    before: Sequence[str | Path]

    def command(self, endpoint: str) -> list[str | Path]:
        return [*self.before, endpoint, LAST_EVENT]


RAW = Receiver("raw read", [RAW_READ])
C_LOOP = Receiver("receive loop", [RECEIVE_LOOP, "bind"])
SWIFT_LOOP = Receiver("Swift loop", [WIRE_BENCHMARK, "loop"])
SWIFT_PARSE = Receiver("Swift loop and parse", [WIRE_BENCHMARK, "parse"])


def receive(
    receiver: Receiver, workload: Workload, transport: str, surroundings: Surroundings | None = None
) -> Outcome:
    """A receiver alone, with nothing behind it."""
    with (
        endpoints(transport) as made,
        closing(Child(receiver.name, receiver.command(made.ingest), surroundings=surroundings)) as loop,
    ):
        ingest = loop.json_line(READY_S)["ready"]
        with closing(Child("load", workload.command(ingest))) as load:
            result = loop.json_line(RUN_S)
            sent = load_ended(load)
        loop.wait()
    if (result["messages"], result["bytes"], result.get("refused", 0)) != (sent["sent"], sent["bytes"], 0):
        raise Failure(f"{receiver.name}: {result} of {sent}")
    seconds = (result["last_ns"] - sent["start_ns"]) * 1e-9
    return Outcome(workload.units, seconds, result["processor_seconds"])


ServerFactory = Callable[[Endpoints], Server]


def daemon(binary: Path, surroundings: Surroundings | None = None) -> ServerFactory:
    return lambda made: Daemon(binary, made.ingest, made.output, made.folder, surroundings)


def peer() -> ServerFactory:
    return lambda made: Peer(made.ingest, made.output)


class Serving:
    """A server that runs, and loads that it is given, one after the other."""

    def __init__(
        self, context: Sockets, make: ServerFactory, transport: str, stack: contextlib.ExitStack
    ) -> None:
        self.server = make(stack.enter_context(endpoints(transport)))
        stack.enter_context(closing(self.server.child))
        self._context = context
        self.sent = 0

    def feed(self, workload: Workload) -> tuple[dict[str, Any], int]:
        """What the load says, and the monotonic time at which the alert of its last event came back."""
        with (
            subscriber(self._context, self.server.output, f"alert/{workload.end}/") as alerts,
            closing(Child("load", workload.command(self.server.ingest))) as load,
        ):
            handled_ns = await_alert(alerts, self.server, load)
            sent = load_ended(load)
        if sent["sent"] != workload.messages:
            raise Failure(f"the load sent {sent} instead of {workload.messages} messages")
        self.sent += workload.messages
        return sent, handled_ns

    def stop(self) -> Account:
        """Nothing may be lost or refused, or the figures mean nothing."""
        account = self.server.stop()
        if account != Account(self.sent, 0, 0):
            raise self.server.child.failure(f"{self.sent} messages sent, but {account}")
        return account


@contextlib.contextmanager
def serving(context: Sockets, make: ServerFactory, transport: str = "ipc") -> Iterator[Serving]:
    with contextlib.ExitStack() as stack:
        yield Serving(context, make, transport, stack)


def serve(
    context: Sockets, make: ServerFactory, workload: Workload, transport: str, with_assessments: bool = False
) -> Outcome:
    """A whole server: until the alert of the last event has come back out.

    With assessments, a subscriber in C takes them all as well, and is counted but not waited for.
    """
    with serving(context, make, transport) as run, contextlib.ExitStack() as stack:
        reader: Child | None = None
        if with_assessments:
            arguments = ["connect", run.server.output, LAST_ASSESSMENT, "assessment/"]
            reader = stack.enter_context(closing(Child("reader", [RECEIVE_LOOP, *arguments])))
            reader.json_line(READY_S)
        before = run.server.child.processor_seconds()
        sent, handled_ns = run.feed(workload)
        after = run.server.child.processor_seconds()
        assessments = count_assessments(reader) if reader else None
        run.stop()
    used = None if before is None or after is None else after - before
    return Outcome(workload.units, (handled_ns - sent["start_ns"]) * 1e-9, used, assessments)


def load_ended(load: Child) -> dict[str, Any]:
    """What the load says at its end; it has kept its connection until now."""
    sent = load.json_line(STOP_S)
    load.terminate()
    load.wait()
    return sent


def await_alert(alerts: zmq.Socket[bytes], server: Server, load: Child) -> int:
    """The monotonic time at which the last event's alert arrived."""
    until = time.monotonic() + RUN_S * server.child.patience
    while not alerts.poll(1000):
        if load.has_failed:
            raise load.failure("failed")
        if server.child.process.poll() is not None:
            raise server.child.failure("ended while under load")
        if time.monotonic() > until:
            raise server.child.failure("no alert of the last event in time")
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
