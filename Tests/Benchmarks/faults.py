"""Faults on purpose, whose counts must come out exactly: the daemon killed again and again, a reader stopped, a
publisher that begins anew a hundred times, a disk that is full.

usage: bash Tests/Benchmarks/run.sh faults [--seed N] [--kills N] [--stop SECONDS] [--report FILE] …
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import re
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import zmq

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# The bare peers of the acceptance tests. First, since there is another module of the name `events` here.
sys.path.insert(0, str(ROOT / "Tests" / "Live"))

import report  # noqa: E402
from contestants import LOAD_FRAMED, Child, Failure, closing  # noqa: E402
from delivery_kills import Told, killed_at_random  # noqa: E402
from delivery_peers import until  # noqa: E402
from delivery_served import Kept, Status, decide  # noqa: E402
from live import Daemon  # noqa: E402
from report import significant, table  # noqa: E402

READERS = 10
#: Alerts a second while one of them stands still: more in 30 s than its queue of 10,000 and its own hold.
RATE = 600
#: Before one is stopped, and after it has caught up.
CALM_S = 10.0
RESTARTS = 100
#: How much the others' p99 may be above that of before: the aim, told and not asserted.
AIM = 1.1
TMPFS_KIB, PAGES = 1_024, 64


@dataclass(frozen=True)
class Campaign:
    context: zmq.Context[Any]
    seed: int
    kills: int
    stop_s: float
    restarts: int

    @contextlib.contextmanager
    def kept(self, **more: Any) -> Iterator[Kept]:
        """A daemon with a journal, in a folder that is gone afterwards."""
        started: list[Daemon] = []

        def start(*arguments: str | Path) -> Daemon:
            started.append(Daemon(*arguments))
            return started[-1]

        with tempfile.TemporaryDirectory(prefix="tidemark-", dir="/tmp") as name:
            try:
                yield Kept(start, Path(name), self.context, **more)
            finally:
                for daemon in started:
                    daemon.close()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# Killed at random.


def kills(campaign: Campaign) -> Told:
    with campaign.kept() as kept:
        return killed_at_random(kept, f"{campaign.seed}", campaign.kills, say)


def kills_page(told: Told) -> list[str]:
    lines = ["## Killed at random", ""]
    lines += [
        f"SIGKILL {told.kills} times, {told.kills_before_ready} of them while it was starting, in "
        f"{told.seconds:.0f} s of load. One reliable publisher, one lossy one, one reader that resumes by fetching.",
        "",
        "Nothing lost and nothing counted twice of the reliable source; numbers from 1 without a gap; one id, one "
        "body; sent and fetched as stored, byte for byte; alerts and decisions on its models are those of `tidemark "
        "replay` of the same events. Or there would be no table.",
        "",
    ]
    lines += table(["", ""], "lr")
    figures = {name: value for name, value in asdict(told).items() if name not in ("seconds", "outputs")}
    figures |= {f"{word}s published": count for word, count in told.outputs.items()}
    lines += [f"| {name.replace('_', ' ')} | {value:,} |" for name, value in figures.items()]
    return lines


# One of ten readers stopped.


@dataclass
class Stopped:
    seconds: float
    published: int
    #: p99 in ns of the nine others' messages: before, while it stood still, after.
    p99: dict[str, float]
    p50: dict[str, float]
    samples: dict[str, int]
    #: Resident, in KiB: before, the largest meanwhile, after.
    resident: dict[str, int]
    missed: int
    fetches: int
    caught_up_s: float


def stopped(campaign: Campaign) -> Stopped:
    with campaign.kept(limits={"models": 10_000}) as kept, contextlib.ExitStack() as stack:
        kept.serve()
        program: list[str | Path] = [sys.executable, "-B", HERE / "faults_reader.py"]
        ends = [kept.endpoint("output"), kept.endpoint("control")]
        readers = [
            stack.enter_context(closing(Child(f"reader {number}", [*program, *ends])))
            for number in range(READERS)
        ]
        for each in readers:
            each.line("joined", 30)
        feed = Feed(kept)
        pid = kept.daemon.process.pid
        marks = [time.time_ns()]
        feed.run(CALM_S)
        resident = {"before": status_kib(pid, "VmRSS")}
        marks.append(time.time_ns())
        os.kill(readers[0].process.pid, signal.SIGSTOP)
        say(f"one of {READERS} readers is stopped for {campaign.stop_s:.0f} s")
        try:
            largest = feed.run(campaign.stop_s, lambda: status_kib(pid, "VmRSS"))
        finally:
            os.kill(readers[0].process.pid, signal.SIGCONT)
        marks.append(time.time_ns())
        begun = time.monotonic()
        feed.run(CALM_S)
        resident |= {"while it is stopped": largest, "after": status_kib(pid, "VmRSS")}
        marks.append(time.time_ns())
        head = feed.published()
        caught_up = caught_up_after(readers, head, begun)
        ended = []
        for each in readers:
            each.terminate()
            ended.append(json.loads(each.line('"ended"', 30)))
            each.wait()
        feed.close()
        for each in ended:
            if each["gaps"] or each["next"] != head + 1 or each["handed"] != head:
                raise Failure(
                    f"a reader misses something of {head}: {each['next'], each['handed'], each['gaps']}"
                )
    others = [pair for each in ended[1:] for pair in each["latencies"]]
    names = ("before", "while it is stopped", "after")
    parts = {
        name: sorted(taken for at, taken in others if low <= at < high)
        for name, low, high in zip(names, marks, marks[1:], strict=False)
    }
    return Stopped(
        campaign.stop_s,
        head,
        {name: quantile(part, 0.99) for name, part in parts.items()},
        {name: quantile(part, 0.5) for name, part in parts.items()},
        {name: len(part) for name, part in parts.items()},
        resident,
        head - len(ended[0]["latencies"]),
        ended[0]["fetches"],
        caught_up,
    )


class Feed:
    """One lossy publisher of which every event opens or resolves an alert, at a steady rate."""

    MODELS = 100

    def __init__(self, kept: Kept) -> None:
        self.kept, self.lossy, self.sent = kept, kept.lossy(), 0

    def run(self, seconds: float, measure: Callable[[], int] = lambda: 0) -> int:
        """For so long; the largest of what was measured meanwhile."""
        begun, first, largest = time.monotonic(), self.sent, 0
        measured = begun
        while (now := time.monotonic()) < begun + seconds:
            while self.sent - first < (now - begun) * RATE:
                # Good and bad by turns, each model; never bad enough for a decision.
                accuracy = (0.84, 0.97)[self.sent // self.MODELS % 2]
                self.lossy.metrics(f"model-{self.sent % self.MODELS}", accuracy, time.time_ns())
                self.sent += 1
            if now - measured > 0.2:
                measured, largest = now, max(largest, measure())
            # For the sake of the pace.
            time.sleep(0.001)
        return largest

    def published(self) -> int:
        """The last number, when all that was sent is handled."""
        self.kept.until_status(
            lambda each: each.sources["pod"]["received"] == self.sent and not each.journal["outputs_waiting"],
            "all is handled",
        )
        return int(self.kept.query("SELECT last FROM journal")[0][0])

    def close(self) -> None:
        self.lossy.close()


def caught_up_after(readers: Sequence[Child], head: int, begun: float) -> float:
    """Seconds until every reader has handed over all; the first to tell so is asked first."""
    slowest = 0.0
    for each in readers:
        while True:
            if each.json_line(30).get("next", 0) > head:
                break
        slowest = max(slowest, time.monotonic() - begun - CALM_S)
    return max(0.0, slowest)


def status_kib(pid: int, key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def quantile(ascending: Sequence[int], share: float) -> float:
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else math.nan


def stopped_page(told: Stopped) -> list[str]:
    ratio = told.p99["while it is stopped"] / told.p99["before"]
    lines = ["", f"## One of {READERS} readers stopped for {told.seconds:.0f} s", ""]
    lines += [
        f"{told.published:,} alerts at {RATE} a second, each reader a process. The one that stood still missed "
        f"{told.missed:,} live and read them by {told.fetches} fetches; all had everything {told.caught_up_s:.1f} s "
        f"after the load ended. The others' p99 meanwhile is {ratio:.2f} of that before (aim: at most {AIM}).",
        "",
    ]
    lines += table(
        ["nine others, event to alert", "messages", "p50 µs", "p99 µs", "daemon resident, MB"], "lrrrr"
    )
    for name, resident in told.resident.items():
        cells = [
            f"{told.samples[name]:,}",
            significant(told.p50[name] / 1000),
            significant(told.p99[name] / 1000),
        ]
        lines.append(report.line([name, *cells, f"{resident / 1000:.1f}"]))
    return lines


# A publisher that begins anew.


@dataclass
class Restarted:
    restarts: int
    killed: int
    received: int
    lost: int
    stale: int


def restarted(campaign: Campaign) -> Restarted:
    """Each time a process with an epoch of its own; half of them are killed, at moments drawn at random."""
    drawn, killed = random.Random(f"{campaign.seed} restarts"), 0
    with campaign.kept() as kept:
        kept.serve()
        options = ["--name", "pod", "--rate", "20000", "--heads", "1", "--models", "10"]
        command: list[str | Path] = [LOAD_FRAMED, kept.endpoint("ingest"), "metrics", "1000000", *options]
        for number in range(campaign.restarts):
            with closing(Child(f"publisher {number}", command)) as load:
                moment = 0.02 + 0.1 * drawn.random()
                time.sleep(moment)
                if drawn.random() < 0.5:
                    load.process.kill()
                    load.process.wait(10)
                    killed += 1
                else:
                    load.terminate()
                    load.json_line(10)
                    load.wait()
        last: Status = kept.until_status(lambda each: "pod" in each.sources, "the account")
    pod = last.sources["pod"]
    if pod["lost"]:
        raise Failure(f"a false gap: {pod}")
    return Restarted(pod["restarts"], killed, pod["received"], pod["lost"], pod["stale"])


def restarted_page(told: Restarted, campaign: Campaign) -> list[str]:
    return [
        "",
        f"## A publisher that begins anew {campaign.restarts} times",
        "",
        f"{told.killed} of {campaign.restarts} processes were killed, the others ended by SIGTERM, at moments drawn at "
        f"random: {told.received:,} events received, {told.restarts} restarts seen, {told.lost} lost by the numbers "
        f"(there was no gap, or there would be no figures), {told.stale} of an epoch that had gone already.",
    ]


# A full disk.


@dataclass
class Full:
    how: str
    stored: int
    waiting: int
    read_meanwhile: int
    decisions: int


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs where that may be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_KIB}k,mode=700", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", str(folder)], check=True)


def full(campaign: Campaign) -> Full:
    with campaign.kept() as kept, small_disk(kept.state) as is_mounted:
        if not is_mounted:
            kept.said["journal"] = {"maximum_pages": PAGES}
        kept.serve()
        reader, publisher = kept.reader().joined(), kept.reliable()
        models = 0

        def fills() -> bool:
            nonlocal models
            decide(publisher, f"model-{models}")
            models += 1
            publisher.pump(1)
            reader.pump(1)
            return kept.logged("journal_failed")

        until(fills, "a commit that fails", seconds=120)
        failing = kept.until_status(lambda each: each.journal["state"] == "failing", "the status says so")
        acked = publisher.acked
        for _ in range(1_000):
            publisher.metrics("quiet", 0.97)
        kept.until_status(
            lambda each: bool(each.sources["scorer"]["sequence"] == str(publisher.numbers.last)),
            "it goes on reading",
            lambda: publisher.pump(1),
        )
        reader.until_caught_up()
        stored = kept.stored
        if publisher.acked != acked or {each.seq: each.plain for each in reader.handed} != stored:
            raise Failure("acknowledged or told what is not stored")
        if is_mounted:
            grow = ["mount", "-o", f"remount,size={100 * TMPFS_KIB}k", str(kept.state)]
            subprocess.run(grow, check=True, capture_output=True)
        else:
            kept.again(journal={"maximum_pages": 100 * PAGES})
        publisher.settle()
        kept.until_status(lambda each: each.journal["state"] == "ok", "it can be written again")
        reader.until_caught_up()
        decided = [each.json["subject"] for each in reader.handed if each.word == "decision"]
        numbers = [each.seq for each in reader.handed]
        if numbers != list(range(1, len(numbers) + 1)) or sorted(decided) != sorted(set(decided)):
            raise Failure("numbers with a gap, or a decision twice")
        scorer = kept.status().sources["scorer"]
        if (
            len(decided) < models
            or scorer["lost"]
            or scorer["received"] - scorer["rejected"] != publisher.numbers.last
        ):
            raise Failure(f"{len(decided)} decisions of {models}; {scorer}")
        publisher.close()
        kept.daemon.stop()
    how = (
        f"a tmpfs of {TMPFS_KIB} KiB, made larger"
        if is_mounted
        else f"{PAGES} pages, and a restart with more"
    )
    return Full(how, len(stored), failing.journal["outputs_waiting"], 1_000, len(decided))


def full_page(told: Full) -> list[str]:
    return [
        "",
        "## A full disk",
        "",
        f"By {told.how}. {told.stored:,} messages were stored when it was full and {told.waiting:,} waited; "
        f"{told.read_meanwhile:,} events more were read and none acknowledged; nothing was told that was not stored. "
        f"With room again each of the {told.decisions:,} decisions came, once, and nothing was lost.",
    ]


def page(campaign: Campaign, circumstances: list[str], only: list[str]) -> str:
    begun = time.monotonic()
    lines = ["# Faults on purpose", "", *circumstances, f"- Seed: {campaign.seed}"]
    parts: list[str] = []
    if "kills" in only:
        parts += ["", *kills_page(kills(campaign))]
    if "stopped" in only:
        parts += stopped_page(stopped(campaign))
    if "restarts" in only:
        parts += restarted_page(restarted(campaign), campaign)
    if "full" in only:
        parts += full_page(full(campaign))
    lines.append(f"- The run took {time.monotonic() - begun:.0f} s")
    return "\n".join([*lines, *parts]) + "\n"


PARTS = ["kills", "stopped", "restarts", "full"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.sh faults", description="Faults on purpose; a report in Markdown."
    )
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000_000), help="drawn unless told"
    )
    parser.add_argument("--kills", type=int, default=200, help="of the daemon (default 200)")
    parser.add_argument(
        "--stop", type=float, default=30, metavar="SECONDS", help="of one reader (default 30)"
    )
    parser.add_argument("--restarts", type=int, default=RESTARTS, help=f"of a publisher (default {RESTARTS})")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts alone")
    parser.add_argument(
        "--report", type=Path, default=HERE / "faults.md", help="default: faults.md beside this"
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
    os.environ["TIDEMARK"] = str(binary.absolute())
    said = shlex.join(["bash", "Tests/Benchmarks/run.sh", "faults", *sys.argv[1:]])
    context: zmq.Context[Any] = zmq.Context()
    campaign = Campaign(context, options.seed, options.kills, options.stop, options.restarts)
    say(f"seed {options.seed}")
    try:
        text = page(campaign, report.circumstances(binary.absolute(), said), options.only)
    except (Failure, AssertionError) as failure:
        print(f"campaign void, seed {options.seed}: {failure}", file=sys.stderr)
        return 1
    finally:
        context.destroy(linger=0)
    print(text, end="")
    options.report.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
