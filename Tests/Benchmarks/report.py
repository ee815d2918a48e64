"""The Markdown report: medians, ranges, ratios, and what they were measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zmq

from measure import Outcome


@dataclass
class Row:
    """One contestant over one transport, and its outcomes, one a round."""

    name: str
    transport: str
    #: The row that is the limit, the one below libzmq, and the peer's; None where there is none.
    limit: Row | None = None
    floor: Row | None = None
    peer: Row | None = None
    #: Assessments an event gives, where a subscriber takes them.
    assessments_per_unit: int | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        return [outcome.rate for outcome in self.outcomes]

    @property
    def note(self) -> str:
        if self.assessments_per_unit is None:
            return "0"
        dropped = sum(o.units * self.assessments_per_unit - (o.assessments or 0) for o in self.outcomes)
        made = sum(o.units * self.assessments_per_unit for o in self.outcomes)
        return f"0; {dropped / made:.1%} of assessments"


def rate_table(rows: Sequence[Row], unit: str) -> list[str]:
    has_floor = any(row.floor for row in rows)
    titles = [
        "transport",
        "contestant",
        f"{unit}/s, median",
        "lowest to highest",
        *(["of the raw read"] if has_floor else []),
        "of the C loop",
        "× the peer",
        f"processor ns/{unit.rstrip('s')}",
        "lost",
    ]
    lines = table(titles, "ll" + "r" * (len(titles) - 3) + "l")
    for row in rows:
        if not row.outcomes:
            continue
        cells = [
            row.transport,
            row.name,
            short(statistics.median(row.rates)),
            f"{short(min(row.rates))} to {short(max(row.rates))}",
            *([ratio(row, row.floor, "{:.0%}")] if has_floor else []),
            ratio(row, row.limit, "{:.0%}"),
            ratio(row, row.peer, "{:.1f}"),
            processor(row),
            row.note,
        ]
        lines.append(line(cells))
    return lines


def table(titles: Sequence[str], sides: str) -> list[str]:
    """The head of a table; `sides` has an l or an r for each column."""
    return [line(titles), f"|{'|'.join('---' if side == 'l' else '--:' for side in sides)}|"]


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def ratio(row: Row, other: Row | None, form: str) -> str:
    """The median of the ratios within each round, since neighbours in time share their disturbances."""
    if other is None or not other.outcomes:
        return "–"
    return form.format(statistics.median(a / b for a, b in zip(row.rates, other.rates, strict=True)))


def processor(row: Row) -> str:
    used = [outcome.processor_ns for outcome in row.outcomes if outcome.processor_ns is not None]
    return significant(statistics.median(used)) if used else "–"


def time_table(rounds: dict[str, list[float]], limit: str) -> list[str]:
    lines = table(["work", "ns/value, median", "lowest to highest", "× reading memory"], "lrrr")
    for name, times in rounds.items():
        multiple = statistics.median(a / b for a, b in zip(times, rounds[limit], strict=True))
        lines.append(
            f"| {name} | {significant(statistics.median(times))} | {significant(min(times))} to "
            f"{significant(max(times))} | {multiple:.1f} |"
        )
    return lines


def short(value: float) -> str:
    """Three significant digits: 1.27 M, 84.1 k."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return significant(value / size) + letter
    return significant(value)


def significant(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def circumstances(binary: Path, command: str) -> list[str]:
    """What the figures depend on, a line each."""
    return [
        f"- Machine: {processor_name()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"- Versions: {version(binary)}; C over libzmq {library_version()}; Python {platform.python_version()}, "
        f"pyzmq {zmq.__version__} over libzmq {zmq.zmq_version()}, numpy {np.__version__}",
        f"- Load of the machine before the run (1 minute): {os.getloadavg()[0]:.2f}",
        f"- Date: {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
        f"- Command: `{command}`",
    ]


def processor_name() -> str:
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match.group(1) if match else platform.processor() or platform.machine()


def version(binary: Path) -> str:
    ran = subprocess.run(
        [binary, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, text=True
    )
    return f"tidemark {ran.stdout.strip()}".replace("tidemark tidemark", "tidemark")


def library_version() -> str:
    ran = subprocess.run(["pkg-config", "--modversion", "libzmq"], capture_output=True, timeout=10, text=True)
    return ran.stdout.strip() or "(unknown)"
