"""A running daemon and real ZeroMQ peers: a publisher that knows when it is heard, a subscriber."""

from __future__ import annotations

import collections
import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import zmq

import events
from events import Event, assert_output
from harness import binary, environment, strict_json

#: A wait in these tests ends as soon as its condition holds; this is only where it gives up.
GIVE_UP_S = 20.0
STOP_S = 3.0
KINDS = ("metrics", "features", "baseline")

_names = itertools.count(1)
_PROBE = "probe-"


class Daemon:
    """`tidemark serve`, ended by its pid; its log is read by a thread of its own."""

    def __init__(self, *arguments: str | Path, cwd: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [binary(), "serve", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment(),
        )
        self._lines: collections.deque[str] = collections.deque(maxlen=50_000)
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            with self._changed:
                self._lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def log(self) -> str:
        with self._changed:
            return "\n".join(self._lines)

    def wait_for_line(self, *patterns: str) -> str:
        """The first log line that all patterns match."""

        def found() -> str | None:
            return next((l for l in self._lines if all(re.search(p, l) for p in patterns)), None)

        with self._changed:
            self._changed.wait_for(lambda: self._ended or found() is not None, GIVE_UP_S)
            line = found()
        assert line is not None, f"no log line with {patterns}; the log:\n{self.log[-4000:]}"
        return line

    def wait_for_lines(self, count: int, pattern: str) -> None:
        """Until so many log lines match."""

        def are_there() -> bool:
            return sum(re.search(pattern, line) is not None for line in self._lines) >= count

        with self._changed:
            self._changed.wait_for(lambda: self._ended or are_there(), GIVE_UP_S)
            assert are_there(), f"no {count} log lines with {pattern}; the log:\n{list(self._lines)[-40:]}"

    def wait_ready(self) -> Daemon:
        line = self.wait_for_line(r"\bready\b", r"ingest=\S", r"output=\S")
        self.ingest = endpoint(line, "ingest")
        self.output = endpoint(line, "output")
        return self

    def wait_refused(self) -> str:
        """The log of a daemon that must not start."""
        try:
            code = self.process.wait(GIVE_UP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it started, and should not have:\n{self.log[-2000:]}") from None
        self._reader.join(GIVE_UP_S)
        assert code > 0, f"exit {code}:\n{self.log[-2000:]}"
        return self.log

    def stop(self) -> float:
        """SIGTERM; how long it took. Exit must be 0 and within the promised time."""
        assert self.process.poll() is None, f"it had ended before:\n{self.log[-4000:]}"
        begun = time.monotonic()
        os.kill(self.process.pid, signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not stopped {STOP_S} s after SIGTERM:\n{self.log[-2000:]}") from None
        took = time.monotonic() - begun
        self._reader.join(GIVE_UP_S)
        assert code == 0, f"exit {code} after SIGTERM:\n{self.log[-4000:]}"
        return took

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(GIVE_UP_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._reader.join(GIVE_UP_S)

    def final_figures(self) -> dict[str, int]:
        """`key=number` pairs of the last log line with `received=` and `rejected=`."""
        lines = [l for l in self.log.splitlines() if "received=" in l and "rejected=" in l]
        assert lines, f"no final line with received= and rejected=:\n{self.log[-4000:]}"
        return {key: int(value) for key, value in re.findall(r"([A-Za-z_.]+)=(\d+)\b", lines[-1])}


def endpoint(line: str, key: str) -> str:
    match = re.search(rf"\b{key}=[\"\[]*([^\s\",\]]+)", line)
    assert match, f"no {key}= in {line!r}"
    return match[1]


class Publisher:
    """XPUB that connects, and sends only once the daemon is subscribed. Loses nothing."""

    def __init__(self, context: zmq.Context[Any], ingest: str) -> None:
        self.source = f"publisher-{next(_names)}"
        self.sent = 0
        self._prefixes: set[bytes] = set()
        self._socket = context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._socket.connect(ingest)

    def wait_subscribed(self) -> Publisher:
        deadline = time.monotonic() + GIVE_UP_S
        wanted = [kind.encode() + b"/m/-/x" for kind in KINDS]
        while not all(self._heard(topic) for topic in wanted):
            left = deadline - time.monotonic()
            assert left > 0, f"the daemon subscribed to {self._prefixes} only"
            self._take_subscription(int(left * 1000))
        return self

    def _take_subscription(self, wait_ms: int) -> bool:
        if not self._socket.poll(wait_ms):
            return False
        frame = self._socket.recv()
        if frame[:1] == b"\x01":
            self._prefixes.add(frame[1:])
        return True

    def _heard(self, topic: bytes) -> bool:
        return any(topic.startswith(prefix) for prefix in self._prefixes)

    def send_frames(self, frames: list[bytes]) -> bool:
        """Whether the daemon listens to this topic, so that the message reaches it."""
        while self._take_subscription(0):
            pass
        self._socket.send_multipart(frames)
        heard = self._heard(frames[0])
        self.sent += heard
        return heard

    def send(self, event: Event, topic: str | None = None) -> None:
        assert self.send_frames([(topic or topic_of(event)).encode(), events.line(event)])

    def metrics(self, model: str, accuracy: float, latency_ms: float = 100.0, **more: Any) -> None:
        """A measurement of now: without a time, the daemon takes the arrival."""
        data = {"accuracy": accuracy, "latency_ms": latency_ms}
        self.send(events.metrics(model, None, data, source=self.source, **more))


def topic_of(event: Event) -> str:
    """`<kind>/<model>/<version>/<source>` of an event on its way in."""
    kind = event["type"].split(".")[1]
    parts = [kind, event["subject"], event.get("modelversion", "-"), event["source"]]
    return "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True)
class Output:
    topic: str
    event: Event

    @property
    def kind(self) -> str:
        return str(self.event["type"])


class Subscriber:
    def __init__(self, context: zmq.Context[Any], output: str, *prefixes: str) -> None:
        self.probe = f"{_PROBE}{next(_names)}"
        self._socket = context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, 100_000)
        self._socket.connect(output)
        self._awaited = {"alert"}
        if any(prefix.startswith("assessment") or not prefix for prefix in prefixes):
            self._awaited.add("assessment")
        probes = [f"{kind}/{self.probe}/" for kind in sorted(self._awaited)]
        for prefix in [*prefixes, *probes]:
            self._socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())

    def settle(self, publisher: Publisher) -> Subscriber:
        """Until an alert that was made for this subscriber arrives, and an assessment if it asked
        for any: then its other, earlier subscriptions are in force too."""
        deadline = time.monotonic() + GIVE_UP_S
        awaited = set(self._awaited)
        while time.monotonic() < deadline:
            publisher.metrics(self.probe, 0.0)
            publisher.metrics(self.probe, 1.0)
            while (output := self._receive(200)) is not None:
                if output.event["subject"] == self.probe:
                    awaited.discard(output.topic.split("/")[0])
                if not awaited:
                    return self
        raise AssertionError(f"a subscriber never got what it asked for: {awaited}")

    def _receive(self, wait_ms: int) -> Output | None:
        deadline = time.monotonic() + wait_ms / 1000
        while self._socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            frames = self._socket.recv_multipart()
            topic = frames[0].decode()
            if topic.split("/")[0] in ("head", "bye", "status"):
                continue
            assert len(frames) >= 2, f"one frame only: {topic}"
            event = strict_json(frames[-1])
            assert_output(event)
            return Output(topic, event)
        return None

    def __iter__(self) -> Iterator[Output]:
        """Outputs of real models until nothing comes for the whole patience."""
        while (output := self._receive(int(GIVE_UP_S * 1000))) is not None:
            if not output.event["subject"].startswith(_PROBE):
                yield output

    def until(self, done: Callable[[list[Output]], bool], what: str) -> list[Output]:
        """The outputs up to the first with which `done` holds."""
        taken: list[Output] = []
        deadline = time.monotonic() + GIVE_UP_S
        for output in self:
            taken.append(output)
            if done(taken):
                return taken
            assert time.monotonic() < deadline, f"{what}: not in {GIVE_UP_S} s"
        raise AssertionError(f"{what}: silence after {[output.topic for output in taken][-20:]}")

    def until_kind(self, part: str, model: str) -> list[Output]:
        """The outputs up to the first of a type of a model, which is the last of them."""

        def done(taken: list[Output]) -> bool:
            last = taken[-1]
            return last.event["subject"] == model and last.kind.startswith(f"tidemark.{part}.")

        return self.until(done, f"{part} of {model}")

    def rest(self) -> list[Output]:
        """What has already arrived, without waiting for more."""
        taken = []
        while (output := self._receive(0)) is not None:
            if not output.event["subject"].startswith(_PROBE):
                taken.append(output)
        return taken

    def close(self) -> None:
        self._socket.close()
