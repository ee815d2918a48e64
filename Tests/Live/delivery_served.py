"""A daemon with a journal that is killed, stopped and started again, and its database as SQLite reads it."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import zmq
from delivery_peers import Context, Lossy, Message, Reliable, Requests, until
from delivery_reader import Reader
from live import Daemon

Json = Any
Start = Callable[..., Daemon]
SOCKETS = ("ingest", "output", "control", "reliable")
SECOND = 10**9

#: Decisions may follow each other at once in event time, and nothing is due by itself.
DEFAULTS = {"retrain": {"min_time_between_retrains": "1s", "acknowledge_within": "1h"}}


class Kept:
    def __init__(self, start: Start, folder: Path, context: Context, **more: Json) -> None:
        self.folder, self.context, self._start = folder, context, start
        self.state = folder / "state"
        ends = {name: [f"ipc://{folder}/{name}"] for name in SOCKETS}
        self.said: dict[str, Json] = {
            "name": "keep",
            "state": str(self.state),
            "sockets": ends,
            "defaults": DEFAULTS,
        } | more
        self.daemon: Daemon
        self.starts = 0

    def configure(self) -> Path:
        return harness.configure(self.folder, {key: value for key, value in self.said.items() if value is not None})

    def begin(self) -> Kept:
        """Starts it, without waiting."""
        self.starts += 1
        self.daemon = self._start("--config", self.configure())
        return self

    def serve(self) -> Kept:
        self.begin().daemon.wait_ready()
        return self

    def again(self, **more: Json) -> Kept:
        """Stops it as it should be, and starts it with what is changed in its configuration."""
        self.daemon.stop()
        self.said |= more
        return self.serve()

    def killed(self, **more: Json) -> Kept:
        self.daemon.kill()
        self.said |= more
        return self.serve()

    def endpoint(self, name: str) -> str:
        return f"ipc://{self.folder}/{name}"

    def reliable(self, source: str = "scorer", **said: Json) -> Reliable:
        return Reliable(self.context, self.endpoint("reliable"), source, **said)

    def lossy(self, source: str = "pod", **said: Json) -> Lossy:
        return Lossy(self.context, self.endpoint("ingest"), source, **said).heard()

    def requests(self, name: str = "asker", **said: Json) -> Requests:
        return Requests(self.context, self.endpoint("control"), name, **said)

    def reader(self, **said: Json) -> Reader:
        return Reader(self.context, self.endpoint("output"), self.endpoint("control"), **said)

    @property
    def database(self) -> Path:
        return self.state / "journal.sqlite"

    def query(self, sql: str, *values: Json) -> list[tuple[Json, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            return database.execute(sql, values).fetchall()

    def change(self, sql: str) -> None:
        """Of a daemon that is not running."""
        with closing(sqlite3.connect(self.database)) as database:
            database.executescript(sql)

    @property
    def stored(self) -> dict[int, tuple[bytes, bytes, bytes]]:
        rows = self.query("SELECT number, topic, header, body FROM messages ORDER BY number")
        return {number: (bytes(topic), bytes(header), bytes(body)) for number, topic, header, body in rows}

    @property
    def epoch(self) -> int:
        return int(self.query("SELECT epoch FROM journal")[0][0])

    def status(self) -> Status:
        """The account as it stands: a new subscription is answered by it, at most each second."""
        reader: zmq.Socket[bytes] = self.context.socket(zmq.SUB)
        reader.setsockopt(zmq.LINGER, 0)
        reader.setsockopt(zmq.RECONNECT_IVL, 20)
        reader.connect(self.endpoint("output"))
        reader.subscribe("status/")
        sources: dict[str, Json] = {}

        def journal() -> Json:
            if reader.poll(100):
                event = Message.of(reader.recv_multipart()).json
                if event["type"] == "tidemark.status.journal.v1":
                    return event["data"]
                sources.update({each["source"]: each for each in event["data"]["sources"]})
            return None

        found = until(journal, "the status of the journal")
        reader.close()
        return Status(sources, found)

    def until_status(self, holds: Callable[[Status], bool], what: str, *beside: Callable[[], object]) -> Status:
        def asked() -> Status | None:
            status = self.status()
            return status if holds(status) else None

        found: Status = until(asked, what, *beside)
        return found

    def logged(self, *patterns: str) -> bool:
        return any(all(re.search(each, line) for each in patterns) for line in self.daemon.log.splitlines())


@dataclass(frozen=True)
class Status:
    sources: dict[str, Json]
    journal: Json


def decide(publisher: Reliable | Lossy, model: str, *, at: int | None = None) -> int:
    """Two measurements whose times are 2 s apart and of which the second is bad: an alert and a decision.

    Returns the time of the second, from which on the next may be decided after a second.
    """
    base = at or time.time_ns() - 3600 * SECOND
    publisher.metrics(model, 0.99, base)
    publisher.metrics(model, 0.5, base + 2 * SECOND)
    return base + 2 * SECOND


def is_about(model: str, state: str) -> Callable[[Message], bool]:
    """An alert or decision of this model whose type ends in this state."""
    return lambda each: bool(each.json.get("subject") == model and each.state == state)


def plain(source: str, epoch: int, number: int, model: str, accuracy: float, event_time: int) -> Json:
    """The line of a file that means the same as the framed message of this number."""
    whole, fraction = divmod(event_time, SECOND)
    return {
        "specversion": "1.0",
        "id": f"{epoch}-{number}",
        "source": source,
        "type": "tidemark.metrics.v1",
        "subject": model,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{fraction:09d}Z",
        "sequence": str(number),
        "epoch": str(epoch),
        "data": {"accuracy": accuracy},
    }
