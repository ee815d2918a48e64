"""Processes of a measurement: started, waited for within bounds, ended by their own pid."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import zmq
from zmq.utils.monitor import recv_monitor_message

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / ".build" / "c"
LOAD = PROGRAMS / "load"
LOAD_FRAMED = PROGRAMS / "load_framed"
LOAD_RELIABLE = PROGRAMS / "load_reliable"
RECEIVE_LOOP = PROGRAMS / "receive_loop"
RAW_READ = PROGRAMS / "raw_read"
LATENCY = PROGRAMS / "latency"
ECHO = PROGRAMS / "echo"
MALLOC_COUNT = PROGRAMS / "malloc_count.so"
WIRE_BENCHMARK = HERE / ".build" / "release" / "wire-benchmark"

#: Waits end as soon as their condition holds; these are only where they give up.
READY_S = 20.0
RUN_S = 90.0
STOP_S = 5.0

Sockets = zmq.Context[zmq.Socket[bytes]]


class Failure(Exception):
    """The measurement is void: something was lost, refused, or did not come in time."""


@dataclass(frozen=True)
class Surroundings:
    """What a contestant is run under: a tool before its command, variables, and how much slower it is."""

    prefix: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = 1.0


class Child:
    """A child process whose lines, of standard output or of standard error, are read as they come."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str | Path],
        reads_stderr: bool = False,
        surroundings: Surroundings | None = None,
    ) -> None:
        around = surroundings or Surroundings()
        self.name = name
        self.patience = around.patience
        self.process = subprocess.Popen(
            [*around.prefix, *map(str, arguments)],
            env={**os.environ, **around.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if reads_stderr else subprocess.PIPE,
            stderr=subprocess.PIPE if reads_stderr else None,
            text=True,
        )
        self._stream = self.process.stderr if reads_stderr else self.process.stdout
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._stream is not None
        for line in self._stream:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, pattern: str, seconds: float) -> str:
        """The next line that matches."""
        seconds *= self.patience
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise self.failure(f"no line with /{pattern}/ within {seconds:.0f} s") from None
            if line is None:
                raise self.failure(f"ended with {self.process.wait()} and without a line with /{pattern}/")
            self.log.append(line)
            if re.search(pattern, line):
                return line

    def json_line(self, seconds: float) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.line(r"^\{", seconds))
        return read

    def failure(self, what: str) -> Failure:
        return Failure("\n  ".join([f"{self.name}: {what}", *self.log[-10:]]))

    @property
    def has_failed(self) -> bool:
        return (self.process.poll() or 0) != 0

    def processor_seconds(self) -> float | None:
        """Of all threads so far, from Linux's /proc; None elsewhere."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> Memory:
        return memory_of(self.process.pid)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        """Ends well, and in time."""
        try:
            code = self.process.wait(STOP_S * self.patience)
        except subprocess.TimeoutExpired:
            raise self.failure(f"has not ended {STOP_S * self.patience:.0f} s later") from None
        if code != 0:
            raise self.failure(f"ended with {code}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_S)
        self._reader.join(STOP_S)
        assert self._stream is not None
        self._stream.close()


@dataclass(frozen=True)
class Memory:
    """Bytes that a process holds in memory: with its share of what others hold too, and its own alone."""

    proportional: int
    private: int


def memory_of(pid: int) -> Memory:
    """From Linux's /proc (smaps_rollup in proc(5))."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return Memory(kib["Pss"] << 10, (kib["Private_Clean"] + kib["Private_Dirty"]) << 10)


@dataclass(frozen=True)
class Account:
    """What a contestant says it took."""

    received: int
    rejected: int
    lost: int
    duplicate: int = 0
    #: Heads and byes, which take no number and are not in `received`.
    heads: int = 0


class Server(Protocol):
    """A contestant with an output socket: the daemon or the peer."""

    child: Child
    ingest: str
    output: str

    def stop(self) -> Account: ...


class Daemon:
    """`tidemark serve`, told only its name, its endpoints, and what more is given."""

    def __init__(
        self,
        binary: Path,
        ingest: str,
        output: str,
        folder: Path,
        surroundings: Surroundings | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        configuration = folder / "tidemark.yaml"
        given = dict(more or {})
        sockets = {"ingest": [ingest], "output": [output]} | given.pop("sockets", {})
        # JSON is YAML.
        configuration.write_text(json.dumps({"name": "benchmark", "sockets": sockets} | given))
        command: list[str | Path] = [binary, "serve", "--config", configuration]
        self.child = Child("daemon", command, reads_stderr=True, surroundings=surroundings)
        try:
            fields = _fields(self.child.line(r"\bready\b", READY_S))
        except Failure:
            self.child.close()
            raise
        self.ingest, self.output = fields["ingest"], fields["output"]

    def stop(self) -> Account:
        self.child.terminate()
        fields = _fields(self.child.line(r"\bstopped\b", STOP_S))
        self.child.wait()
        return Account(
            int(fields["received"]),
            int(fields["rejected"]),
            int(fields.get("gap", 0)),
            int(fields.get("duplicate", 0)),
            int(fields.get("heads", 0)),
        )


def _fields(line: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", line))


class Speaker:
    """A server that tells its endpoints, and at the end its account, in lines of JSON."""

    def __init__(self, name: str, command: Sequence[str | Path]) -> None:
        self.child = Child(name, command)
        try:
            self.ingest, self.output = self.child.json_line(READY_S)["ready"]
        except Failure:
            self.child.close()
            raise

    def stop(self) -> Account:
        self.child.terminate()
        account = self.child.json_line(STOP_S)
        self.child.wait()
        return Account(account["received"], account["rejected"], account["gap"])


class Peer(Speaker):
    """`peer.py` under the interpreter that runs this."""

    def __init__(self, ingest: str, output: str) -> None:
        super().__init__("peer", [sys.executable, HERE / "peer.py", ingest, output])


class Echo(Speaker):
    """libzmq's two hops and nothing between them."""

    def __init__(self, ingest: str, output: str) -> None:
        super().__init__("echo", [ECHO, ingest, output])


@contextlib.contextmanager
def closing(child: Child) -> Iterator[Child]:
    """Whatever happens, the process has ended afterwards."""
    try:
        yield child
    finally:
        child.close()


@contextlib.contextmanager
def subscriber(context: Sockets, endpoint: str, prefix: str) -> Iterator[zmq.Socket[bytes]]:
    """A SUB whose connection stands, so that its subscription is on its way before any event."""
    socket = context.socket(zmq.SUB)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.RCVHWM, 100_000)
    socket.set(zmq.SUBSCRIBE, prefix.encode())
    monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    try:
        socket.connect(endpoint)
        if not monitor.poll(int(READY_S * 1000)):
            raise Failure(f"no connection to {endpoint}")
        recv_monitor_message(monitor)
        socket.disable_monitor()
        yield socket
    finally:
        socket.close()
