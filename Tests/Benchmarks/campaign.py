"""Long runs whose counts must come out exactly: nothing lost at half of the maximum, and under overload
every message sent is received, rejected or counted as lost.

usage: bash Tests/Benchmarks/run.sh campaign [--report FILE] [--messages N] [--seconds N] …
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq

import report
from contestants import LOAD_FRAMED, Account, Child, Failure, Sockets, closing, subscriber
from measure import daemon, endpoints, load_ended
from report import line, short, table

ROOT = Path(__file__).resolve().parents[2]

#: Of the measurement of the maximum: events of each publisher, as fast as they are taken.
MAXIMUM_EVENTS = 150_000
#: What a run may take beyond its pace, to be handled to the end.
DRAIN_S = 90.0
#: Values are drawn by SplitMix64 from this (common.h), the same in every run.
SEED = 42


@dataclass(frozen=True)
class Sent:
    """By all publishers together."""

    #: Messages asked for, each of which took a number, those dropped included.
    numbered: int
    #: Of these, dropped by the publisher itself because its queue was full.
    dropped: int
    #: Heads and byes, which take no number.
    controls: int
    seconds: float


@dataclass(frozen=True)
class Result:
    sent: Sent
    account: Account
    #: The daemon's largest resident size.
    peak_bytes: int

    @property
    def rate(self) -> float:
        return self.sent.numbered / self.sent.seconds


@dataclass(frozen=True)
class Campaign:
    context: Sockets
    binary: Path
    publishers: int
    models: int
    transport: str

    def run(self, events: int, rate: float, *options: str, seconds: float = 0) -> Result:
        """All publishers, each with `events` at `rate`, into one daemon until all was handled."""
        with contextlib.ExitStack() as stack:
            made = stack.enter_context(endpoints(self.transport))
            server = daemon(self.binary)(made)
            stack.enter_context(closing(server.child))
            alerts = stack.enter_context(subscriber(self.context, server.output, "alert/end-"))
            loads = [
                stack.enter_context(closing(Child(f"publisher {place}", command)))
                for place in range(self.publishers)
                for command in [self._command(server.ingest, place, events, rate, options)]
            ]
            await_ends(alerts, loads, server.child, seconds + DRAIN_S)
            told = [load_ended(load) for load in loads]
            peak = peak_bytes(server.child.process.pid)
            account = server.stop()
        sent = Sent(
            sum(load["numbered"] for load in told),
            sum(load["dropped"] for load in told),
            sum(load["controls"] for load in told),
            max(load["start_ns"] * 1e-9 + load["paced_seconds"] for load in told)
            - min(load["start_ns"] * 1e-9 for load in told),
        )
        return Result(sent, account, peak)

    def _command(
        self, ingest: str, place: int, events: int, rate: float, options: Sequence[str]
    ) -> list[str | Path]:
        names = ["--name", f"publisher-{place}", "--end", f"end-{place}", "--models", str(self.models)]
        # A whole number of events a second; at least one, since 0 means as fast as they are taken.
        pace = ["--rate", str(max(1, round(rate)))] if rate else []
        return [LOAD_FRAMED, ingest, "metrics", str(events), *names, *pace, "--hold", "1", *options]


def await_ends(alerts: zmq.Socket[bytes], loads: list[Child], server: Child, seconds: float) -> None:
    """Until the last event of every publisher has raised its alert: then all before it was handled."""
    missing = {f"end-{place}" for place in range(len(loads))}
    until = time.monotonic() + seconds
    while missing:
        if alerts.poll(1000):
            topic, *_ = alerts.recv_multipart()
            missing.discard(topic.decode().split("/")[1])
        for load in loads:
            if load.has_failed:
                raise load.failure("failed")
        if server.process.poll() is not None:
            raise server.failure("ended while under load")
        if time.monotonic() > until:
            raise server.failure(f"no alert of {sorted(missing)} within {seconds:.0f} s")


def peak_bytes(pid: int) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def require_exact(result: Result, may_lose: bool) -> None:
    """Every number is accounted for; what was rejected is among what was received."""
    sent, account = result.sent, result.account
    if sent.numbered != account.received + account.lost or sent.controls != account.heads:
        raise Failure(f"the counts do not come out: {sent}, {account}")
    if account.lost != sent.dropped or account.rejected or account.duplicate:
        raise Failure(f"lost, rejected or twice: {sent}, {account}")
    if sent.dropped and not may_lose:
        raise Failure(f"publishers dropped: {sent}")


def campaign(options: argparse.Namespace, binary: Path) -> str:
    context: Sockets = zmq.Context()
    circumstances = report.circumstances(binary, command())
    results = {
        transport: both(options, Campaign(context, binary, options.publishers, options.models, transport))
        for transport in options.transport
    }
    context.destroy(linger=0)
    return "\n".join(page(options, circumstances, results)) + "\n"


def both(options: argparse.Namespace, runs: Campaign) -> dict[str, Result]:
    """The steady run at a share of the maximum, and the overload."""
    say(f"{runs.transport}: the maximum with {options.publishers} publishers")
    most = runs.run(MAXIMUM_EVENTS, 0)
    require_exact(most, may_lose=False)
    share = options.share * most.rate
    expected = options.messages / share
    say(f"{runs.transport}: {options.messages:,} messages at {short(share)}/s: {expected:.0f} s")
    steady = runs.run(
        options.messages // options.publishers, share / options.publishers, "--heads", "1", seconds=expected
    )
    require_exact(steady, may_lose=False)
    asked = options.overload * most.rate
    say(f"{runs.transport}: {options.seconds} s of {short(asked)}/s")
    each = asked / options.publishers
    flood = runs.run(round(each * options.seconds), each, "--drop", "1", seconds=options.seconds)
    require_exact(flood, may_lose=True)
    return {"most": most, "steady": steady, "flood": flood}


def page(
    options: argparse.Namespace, circumstances: list[str], results: dict[str, dict[str, Result]]
) -> list[str]:
    lines = [
        "# Counts of long runs",
        "",
        *circumstances,
        f"- {options.publishers} publishers, each a process with a source, an epoch and a connection of its "
        f"own; {options.models} models; framed metrics events; seed {SEED}",
        "- Exact, or there would be no table: messages asked for = received (those rejected among them) + "
        "gap, and the gap is what the publishers dropped",
        "",
    ]
    titles = [
        "transport",
        "run",
        "events/s asked for",
        "seconds",
        "messages asked for",
        "dropped by the publishers",
        "heads and byes",
        "received",
        "rejected",
        "gap",
        "duplicate",
        "peak resident, MB",
    ]
    lines += table(titles, "ll" + "r" * (len(titles) - 2))
    names = {
        "most": "the maximum, waiting when full",
        "steady": f"{options.share:g} × the maximum, waiting when full",
        "flood": f"{options.overload:g} × the maximum, dropping when full",
    }
    return lines + [
        line([transport, names[key], *cells(result)])
        for transport, runs in results.items()
        for key, result in runs.items()
    ]


def cells(result: Result) -> list[str]:
    sent, account = result.sent, result.account
    counts = [sent.numbered, sent.dropped, sent.controls, account.received, account.rejected, account.lost]
    return [
        short(result.rate),
        f"{sent.seconds:.1f}",
        *(f"{count:,}" for count in [*counts, account.duplicate]),
        f"{result.peak_bytes / 1e6:.0f}",
    ]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def command() -> str:
    return shlex.join(["bash", "Tests/Benchmarks/run.sh", "campaign", *sys.argv[1:]])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh campaign", description="Counts of long runs, in Markdown.")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report to FILE too")
    parser.add_argument("--messages", type=int, default=10_000_000, help="of the steady run (default 10^7)")
    parser.add_argument("--share", type=float, default=0.5, help="of the maximum it runs at (default 0.5)")
    parser.add_argument("--seconds", type=float, default=30, help="of overload (default 30)")
    parser.add_argument("--overload", type=float, default=10, help="times the maximum (default 10)")
    parser.add_argument("--publishers", type=int, default=8, help="processes that publish (default 8)")
    parser.add_argument("--models", type=int, default=100, help="models of their events (default 100)")
    parser.add_argument(
        "--transport", nargs="+", choices=("ipc", "tcp"), default=["ipc", "tcp"], help="default: both"
    )
    parser.add_argument(
        "--binary", type=Path, help="the daemon (default TIDEMARK, else .build/release/tidemark)"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    binary: Path = options.binary or Path(
        os.environ.get("TIDEMARK") or ROOT / ".build" / "release" / "tidemark"
    )
    try:
        text = campaign(options, binary.absolute())
    except Failure as failure:
        print(f"campaign void: {failure}", file=sys.stderr)
        return 1
    print(text, end="")
    if options.report:
        options.report.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
