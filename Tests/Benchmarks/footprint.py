"""What the daemon takes of a machine, idle and at a thousand events a second, beside what else stands there.

usage: bash Tests/Benchmarks/run.sh footprint [--seconds S] [--rate N] [--report FILE] [--binary PATH]

Beside it are Debian's prometheus-alertmanager, at a thousand alerts a second, and collectd, at a thousand StatsD
samples a second: the stand-in for Telegraf, which Debian does not have. What they do with an event differs; the table
says what a machine pays, not who is faster. Loopback only; at most ten minutes; ended by pid.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contestants import READY_S, Child, Failure
from report import circumstances, line, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "protocol" / "python" / "src"))

import numpy as np
from tidemark import Publisher

MODELS, WIDE_MODELS, ROWS, COLUMNS = 100, 10, 200, 20
#: One event in so many is a batch of features.
BATCH_EVERY = 100
#: Events go out in steps of this length, so that they are even.
STEP_S = 0.01
SCRAPE_S = 5.0
MOST_SECONDS = 180
MIB = 1 << 20

_pause = threading.Event()


@dataclass(frozen=True)
class Sample:
    """Of one process: processor time so far, resident memory now and at most, in bytes; threads."""

    at: float
    processor: float
    resident: int
    peak: int
    threads: int


def sample(pid: int) -> Sample:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()

    def kib(key: str) -> int:
        match = re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)
        return int(match[1]) * 1024 if match else 0

    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Sample(time.monotonic(), ticks, kib("VmRSS"), kib("VmHWM"), int(fields[17]))


@dataclass
class Contestant:
    name: str
    does: str
    child: Child
    #: Sends so many things a second until the event is set; gives how many it sent.
    load: Callable[[int, threading.Event], int]
    #: Says what is wrong with how it ended, if anything, given how many were sent.
    check: Callable[[int], None] = lambda sent: None

    def phase(self, seconds: float) -> tuple[Sample, Sample]:
        begun = sample(self.child.process.pid)
        _pause.wait(seconds)
        return begun, sample(self.child.process.pid)


def evenly(rate: int, ended: threading.Event, send: Callable[[int], None]) -> int:
    """Calls `send` with 0, 1, 2, … so often a second; late steps are made up for."""
    begun, sent = time.monotonic(), 0
    while not ended.wait(STEP_S):
        due = int((time.monotonic() - begun) * rate)
        for number in range(sent, due):
            send(number)
        sent = max(sent, due)
    return sent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# MARK: The three


def tidemark(binary: Path, folder: Path) -> Contestant:
    """With a journal, as one would run it; the defaults otherwise."""
    sockets = {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output", "control", "reliable")}
    configuration = folder / "tidemark.yaml"
    configuration.write_text(json.dumps({"state": str(folder / "state"), "sockets": sockets, "http": {"listen": "127.0.0.1:0"}}))
    child = Child("tidemark", [binary, "serve", "--config", configuration], reads_stderr=True)
    ready = child.line(r"\bready\b", READY_S)
    scraped = re.search(r"\bhttp=(\S+)", ready)

    def load(rate: int, ended: threading.Event) -> int:
        drawn = np.random.default_rng(7)
        batches = [drawn.normal(0.0, 1.0, (ROWS, COLUMNS)) for _ in range(16)]
        with Publisher(sockets["ingest"][0], source="footprint", linger=5) as publisher:
            for model in range(WIDE_MODELS):
                publisher.baseline(f"model-{model}", accuracy=0.9, features=batches[0], names=[f"c{i}" for i in range(COLUMNS)])

            def send(number: int) -> None:
                if number % BATCH_EVERY == 0:
                    model = number // BATCH_EVERY % WIDE_MODELS
                    publisher.features(f"model-{model}", batches[number // BATCH_EVERY % len(batches)])
                else:
                    publisher.metrics(f"model-{number % MODELS}", accuracy=0.92, latency_ms=40.0)

            with scraping(scraped[1] if scraped else None):
                return evenly(rate, ended, send) + WIDE_MODELS

    def check(sent: int) -> None:
        child.process.send_signal(signal.SIGTERM)
        account = child.line(r"\bstopped\b", READY_S)
        received = re.search(r"received=(\d+)", account)
        if not received or int(received[1]) < sent:
            raise child.failure(f"{sent} events were sent: {account}")

    does = f"{MODELS} models; one event in {BATCH_EVERY} is a batch of {ROWS} × {COLUMNS} doubles; journal on"
    if scraped:
        does += f"; scraped every {SCRAPE_S:.0f} s"
    return Contestant("tidemark", does, child, load, check)


@contextlib.contextmanager
def scraping(address: str | None) -> Iterator[None]:
    """GET /metrics now and then, as a Prometheus would."""
    ended = threading.Event()

    def scrape() -> None:
        while address and not ended.wait(SCRAPE_S):
            with urllib.request.urlopen(f"http://{address.removeprefix('http://')}/metrics", timeout=SCRAPE_S) as answer:
                answer.read()

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def alertmanager(folder: Path) -> Contestant:
    """A thousand alerts a second, a hundred a request, of a hundred alerts that are refreshed over and over."""
    configuration = folder / "alertmanager.yaml"
    configuration.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    port = free_port()
    child = Child(
        "prometheus-alertmanager",
        ["prometheus-alertmanager", f"--config.file={configuration}", f"--storage.path={folder}/alertmanager",
         f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        reads_stderr=True,
    )  # fmt: skip
    child.line(r"Listening", READY_S)

    def load(rate: int, ended: threading.Event) -> int:
        def send(number: int) -> None:
            until = (dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)).isoformat()
            alerts = [{"labels": {"alertname": "drift", "model": f"model-{n}"}, "endsAt": until} for n in range(100)]
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps(alerts).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()

        return 100 * evenly(max(1, rate // 100), ended, send)

    return Contestant("prometheus-alertmanager", "100 alerts, refreshed, 100 a request; no receiver", child, load)


def collectd(folder: Path) -> Contestant:
    """Gauges over StatsD, written to CSV files every 10 s."""
    port = free_port()
    configuration = folder / "collectd.conf"
    configuration.write_text(
        f'BaseDir "{folder}"\nPIDFile "{folder}/collectd.pid"\nTypesDB "/usr/share/collectd/types.db"\n'
        "LoadPlugin logfile\n<Plugin logfile>\n  LogLevel info\n  File stderr\n</Plugin>\n"
        f'LoadPlugin statsd\n<Plugin statsd>\n  Host "127.0.0.1"\n  Port "{port}"\n</Plugin>\n'
        f'LoadPlugin csv\n<Plugin csv>\n  DataDir "{folder}/csv"\n</Plugin>\n'
    )
    child = Child("collectd", [shutil.which("collectd") or "/usr/sbin/collectd", "-f", "-C", configuration], reads_stderr=True)
    child.line(r"Initialization complete", READY_S)

    def load(rate: int, ended: threading.Event) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def send(number: int) -> None:
                sender.sendto(f"model-{number % MODELS}.accuracy:0.92|g".encode(), ("127.0.0.1", port))

            return evenly(rate, ended, send)

    return Contestant("collectd (stand-in for Telegraf)", f"{MODELS} StatsD gauges, to CSV", child, load)


# MARK: The run


def measured(contestant: Contestant, rate: int, seconds: float) -> tuple[list[str], int]:
    """The row of the loaded phase."""
    ended, sent = threading.Event(), [0]

    def run() -> None:
        sent[0] = contestant.load(rate, ended)

    sender = threading.Thread(target=run, daemon=True)
    sender.start()
    begun, done = contestant.phase(seconds)
    ended.set()
    sender.join(30)
    if sender.is_alive() or sent[0] < 0.95 * rate * seconds:
        raise Failure(f"{contestant.name}: {sent[0]} of {rate * seconds:.0f} things were sent")
    return row(contestant.name, f"{rate:,}/s: {contestant.does}", begun, done), sent[0]


def row(name: str, what: str, begun: Sample, done: Sample) -> list[str]:
    share = (done.processor - begun.processor) / (done.at - begun.at)
    memory = [f"{value / MIB:.1f}" for value in (done.resident, done.peak)]
    return [name, what, f"{share:.2%}", *memory, str(done.threads)]


def run(options: argparse.Namespace, folder: Path) -> list[str]:
    with contextlib.ExitStack() as stack:
        everyone: list[Contestant] = []
        makers: list[Callable[[], Contestant]] = [
            lambda: tidemark(options.binary, folder), lambda: alertmanager(folder), lambda: collectd(folder)
        ]  # fmt: skip
        for make in makers:
            everyone.append(make())
            stack.callback(end, everyone[-1].child)
        begun = [sample(c.child.process.pid) for c in everyone]
        _pause.wait(options.seconds)
        rows = [row(c.name, "idle", b, sample(c.child.process.pid)) for c, b in zip(everyone, begun, strict=True)]
        for contestant in everyone:
            cells, sent = measured(contestant, options.rate, options.seconds)
            contestant.check(sent)
            rows.append(cells)
    head = table(["process", "at", "of one core", "resident MiB", "at most MiB", "threads"], "llrrrr")
    return head + [line(cells) for cells in rows]


def end(child: Child) -> None:
    if child.process.poll() is None:
        child.process.terminate()
        child.process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60.0, help=f"of each phase, four of them; at most {MOST_SECONDS}")
    parser.add_argument("--rate", type=int, default=1_000, help="events a second; at most 10,000")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build" / "release" / "tidemark")
    options = parser.parse_args()
    options.seconds, options.rate = min(options.seconds, MOST_SECONDS), min(options.rate, 10_000)
    command = " ".join(["bash Tests/Benchmarks/run.sh footprint", *sys.argv[1:]])
    page = ["# What the daemon takes of a machine", "", *circumstances(options.binary, command)]
    page.append(f"- Each row: {options.seconds:.0f} s; all idle together, then each under load with the others idle")
    with tempfile.TemporaryDirectory(prefix="tm-footprint-", dir="/tmp") as folder:
        page += ["", *run(options, Path(folder)), ""]
    page += [
        "Processor time is of all threads, from /proc. Telegraf is not in Debian; collectd is, and does the same kind of work.",
        "The three do different things with what they are sent: this says what a machine pays, not who is faster.",
    ]
    text = "\n".join(page) + "\n"
    print(text)
    if options.report:
        options.report.write_text(text)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
