"""Instructions for each event, counted by callgrind: how many, and in what."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contestants import Failure, Surroundings
from measure import C_LOOP, Workload, daemon, receive, serving
from report import line, table
from section import Bench

#: Two runs, so that starting up cancels.
FEWER, MORE = 2_000, 20_000
#: Told of: those that cost most with what they call, then those of the others that cost most by themselves.
OUTER, INNER = 16, 10
#: Less than this by itself only passes on what others cost.
LEAST_OWN = 2
#: And of an executable or library.
LEAST_FILE = 20
TOOLS = ("valgrind", "callgrind_annotate", "objcopy")
#: How much longer everything may take under valgrind.
PATIENCE = 12.0

#: A line of callgrind_annotate: instructions, their share, the function, and the file it is in.
ANNOTATION = re.compile(r"^\s*([\d,]+)\s+\(\s*[\d.]+%\)\s+\S*?:(.+?)(?:\s+\[([^\]]*)\])?$")
TOTAL = re.compile(r"^\s*([\d,]+)\s+\(100\.0%\)\s+PROGRAM TOTALS", re.MULTILINE)


@dataclass(frozen=True)
class Profile:
    """Of one run: all instructions; by function, with what it calls and without; and by what it is in."""

    total: int
    inclusive: dict[str, int]
    own: dict[str, int]
    files: dict[str, int]


@dataclass(frozen=True)
class Cost:
    """Instructions for each event more."""

    name: str
    total: float
    files: list[tuple[str, float]]
    functions: list[tuple[str, float, float]]


class Instructions:
    is_repeated = False

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._costs: list[Cost] = []
        self._missing = [tool for tool in TOOLS if shutil.which(tool) is None]

    def take_turn(self) -> None:
        if self._missing:
            return
        contestants = {"tidemark serve": self._daemon, "receive loop in C": self._loop}
        for name, measure in contestants.items():
            profiles = []
            for count in (FEWER, MORE):
                self._bench.progress(f"instructions of {name}, {count} events")
                with tempfile.TemporaryDirectory(prefix="tidemark-") as folder:
                    file = Path(folder) / "callgrind"
                    surroundings = Surroundings(_valgrind(file), patience=PATIENCE)
                    options = ("--raw", "1")
                    measure(Workload("metrics", count, is_framed=True, options=options), surroundings)
                    profiles.append(_profile(file))
            self._costs.append(_cost(name, *profiles))

    def _daemon(self, workload: Workload, surroundings: Surroundings) -> None:
        with tempfile.TemporaryDirectory(prefix="tidemark-") as folder:
            binary = Path(folder) / "tidemark"
            # Valgrind 3.19 gives up at what Swift writes about its sources; the names stay.
            subprocess.run(["objcopy", "--strip-debug", self._bench.binary, binary], timeout=60, check=True)
            with serving(self._bench.context, daemon(binary, surroundings)) as run:
                run.feed(workload)
                run.stop()

    def _loop(self, workload: Workload, surroundings: Surroundings) -> None:
        receive(C_LOOP, workload, "ipc", surroundings)

    def page(self) -> list[str]:
        lines = ["## Instructions for each metrics event, framed encoding", ""]
        if self._missing:
            return [*lines, f"Left out: {', '.join(self._missing)} not installed."]
        lines += table(["contestant", "function", "with what it calls", "by itself"], "llrr")
        for cost in self._costs:
            lines.append(line([cost.name, "all threads", f"**{cost.total:,.0f}**", ""]))
            for name, own in cost.files:
                lines.append(line(["", f"all of {name}", "", f"{own:,.0f}"]))
            for name, inclusive, own in cost.functions:
                lines.append(line(["", f"`{name}`", f"{inclusive:,.0f}", f"{own:,.0f}"]))
        return lines + self._where_the_rest_goes()

    def _where_the_rest_goes(self) -> list[str]:
        """What the daemon does beyond the C loop, in words; nothing when a part has another name by now."""
        costs = {cost.name: cost for cost in self._costs}
        ours, loop = costs.get("tidemark serve"), costs.get("receive loop in C")
        if ours is None or loop is None:
            return []
        parts = {name: inclusive for name, inclusive, _ in ours.functions}
        wanted = ["ServeLoop.decode(_:)", "MonitoringEngine.handle(_:at:into:)", "Multipart.receive(from:flags:)"]
        if not all(part in parts for part in wanted):
            return []
        decode, engine, receive = (parts[part] for part in wanted)
        bare = {name: inclusive for name, inclusive, _ in loop.functions}.get("zmq_msg_recv", 0)
        beyond = ours.total - loop.total
        rest = beyond - decode - engine - (receive - bare)
        return [
            "",
            f"Beyond the C loop the daemon takes {beyond:,.0f} instructions an event: {decode:,.0f} to decode it, "
            f"{engine:,.0f} in the engine (the source's account, the model's monitors and deadlines), "
            f"{receive - bare:,.0f} to note where four frames stand, {rest:,.0f} for its clock, its turns, its polls "
            "and the alerts. All are on the thread that also calls libzmq, which is why a sender that costs "
            "nothing shows them and one that is libzmq's own shows fewer.",
        ]


def _valgrind(file: Path) -> tuple[str, ...]:
    """What the kernel would run at once takes turns here; the counts are of every thread."""
    return ("valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={file}")


def _profile(file: Path) -> Profile:
    total, inclusive, _ = _annotate(file, "yes")
    _, own, files = _annotate(file, "no")
    return Profile(total, inclusive, own, files)


def _annotate(file: Path, is_inclusive: str) -> tuple[int, dict[str, int], dict[str, int]]:
    command = ["callgrind_annotate", f"--inclusive={is_inclusive}", "--threshold=100", "--auto=no", str(file)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True)
    total = TOTAL.search(ran.stdout)
    if ran.returncode != 0 or total is None:
        raise Failure(f"callgrind_annotate: {ran.stderr[-300:] or ran.stdout[-300:]}")
    functions: dict[str, int] = {}
    files: dict[str, int] = {}
    for text in ran.stdout.splitlines():
        found = ANNOTATION.match(text)
        if found:
            name, where, count = (
                found[2].strip(),
                Path(found[3] or "?").name.split(".so")[0],
                _number(found[1]),
            )
            files[where] = files.get(where, 0) + count
            functions[name] = functions.get(name, 0) + count
    return _number(total[1]), functions, files


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _cost(name: str, fewer: Profile, more: Profile) -> Cost:
    events = MORE - FEWER

    def each(of: dict[str, int], before: dict[str, int], function: str) -> float:
        return (of.get(function, 0) - before.get(function, 0)) / events

    costs = [
        (function, each(more.inclusive, fewer.inclusive, function), each(more.own, fewer.own, function))
        for function in more.inclusive
        # libzmq does not name most of its functions; they are in its sum.
        if not function.startswith("0x")
    ]
    # Recursion counts a function's instructions more than once.
    total = (more.total - fewer.total) / events
    costs = [cost for cost in costs if cost[1] <= total and cost[2] >= LEAST_OWN]
    costs.sort(key=lambda cost: -cost[1])
    told = costs[:OUTER] + sorted(costs[OUTER:], key=lambda cost: -cost[2])[:INNER]
    names = _demangle([function for function, _, _ in told])
    files = [(file, each(more.files, fewer.files, file)) for file in more.files]
    files = sorted((entry for entry in files if entry[1] >= LEAST_FILE), key=lambda entry: -entry[1])
    return Cost(name, total, files, [(names[function], inclusive, own) for function, inclusive, own in told])


def _demangle(names: list[str]) -> dict[str, str]:
    """Swift's names for people, if its tool is there."""
    mangled = [name for name in names if name.startswith(("$s", "_$s"))]
    told = {name: name for name in names}
    if not mangled or shutil.which("swift") is None:
        return told
    ran = subprocess.run(
        ["swift", "demangle", "--simplified", "--compact", *mangled],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        text=True,
    )
    plain = ran.stdout.splitlines()
    return told | dict(zip(mangled, plain, strict=True)) if len(plain) == len(mangled) else told
