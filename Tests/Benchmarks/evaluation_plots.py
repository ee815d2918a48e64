"""The pictures of the evaluation: SVG, the same bytes for the same figures."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from evaluation_runs import LONGEST_DELAY, RATE_SHIFTS, REAL_SHIFTS, SUBJECTS, TARGETS, Race, RunLengths
from evaluation_streams import EVIDENCE, MISS, OURS, Outcomes

#: Okabe and Ito's palette, told apart by all kinds of sight.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#B5A900",
)  # fmt: skip
GREY, PALE = "#777777", "#eeeeee"

plt.rcParams.update({
    "svg.hashsalt": "tidemark", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#999999",
    "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "xtick.color": "#555555", "ytick.color": "#555555", "axes.labelcolor": "#333333",
    "figure.facecolor": "white", "savefig.facecolor": "white", "path.simplify": True,
})  # fmt: skip

PANELS = (
    ("detect rates", "tidemark detect: zeroes and ones"),
    ("meanvar", "tidemark detect: real values"),
    ("mmd", "tidemark detect: tables"),
    ("bernoulli", "Bernoulli e-SR"),
    ("meanvar alone", "mean and variance GLR alone"),
    ("glr mean", "GLR of means alone"),
    ("bounded", "bounded mean e-SR"),
    ("quantile", "quantile e-SR"),
    ("bins of 8", "bins, batches of 8"),
)
SCENARIO_STYLE = {
    "normal": (BLUE, "normal"), "tails": (VERMILION, "t₃"), "correlated": (GREEN, "AR(1)"),
    "season": (PURPLE, "season"), "rate": (BLUE, "p = .1"), "rate .3": (VERMILION, "p = .3"),
    "sticky": (GREEN, "sticky"), "wave": (PURPLE, "season"),
}  # fmt: skip


def spread(places: Sequence[float], least: float) -> list[float]:
    """Moves places apart until neighbours are `least` apart, keeping their order and middle."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for _ in range(200):
        for low, high in zip(order, order[1:], strict=False):
            overlap = least - (moved[high] - moved[low])
            if overlap > 1e-9:
                moved[low] -= overlap / 2
                moved[high] += overlap / 2
    return moved


def label_ends(axes: Axes, ends: list[tuple[float, float, str, str]], least: float, size: float = 8) -> None:
    """Names lines at their right ends: x and log₁₀ y, text, colour."""
    for (x, _, text, colour), y in zip(ends, spread([end[1] for end in ends], least), strict=True):
        axes.annotate(text, (x, 10**y), xytext=(5, 0), textcoords="offset points", color=colour, fontsize=size,
                      va="center", annotation_clip=False)  # fmt: skip


def powers(axis: Axis, exponents: Sequence[int]) -> None:
    """Marks powers of ten, in plain text and without strokes."""
    names = [str(10**each) if each < 2 else f"10{'²³⁴⁵⁶'[each - 2]}" for each in exponents]
    axis.set_major_locator(FixedLocator([10.0**each for each in exponents]))
    axis.set_major_formatter(FixedFormatter(names))
    axis.set_minor_locator(NullLocator())
    axis.set_tick_params(length=0)
    axis.grid(visible=True, color="#dddddd", linewidth=0.5)


def rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"


def write(figure: Figure, path: Path) -> None:
    """Without what a picture of this size does not need: more than a tenth of a point, ids, blanks."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"\d+\.\d{2,}", rounded, tag[0]), drawn.getvalue())
    text = re.sub(r'<g id="(?!figure)[^"]*">', "<g>", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    text = re.sub(r" ?\n([LQC\"z])", r"\1", text).replace("'DejaVu Sans'", "sans-serif")
    path.with_suffix(".svg").write_text(re.sub(r"\n\s*", "\n", text))


def run_lengths(lengths: RunLengths, path: Path) -> None:
    figure, grid = plt.subplots(3, 3, figsize=(10.5, 10), sharex=True, sharey=True)
    for axes, (name, title) in zip(grid.flat, PANELS, strict=True):
        subject = next(each for each in SUBJECTS if each.name == name)
        axes.set(xscale="log", yscale="log", xlim=(80, 1.2e6), ylim=(60, 3e6))
        axes.fill_between([50, 2e6], [50, 2e6], [1, 1], color=PALE, zorder=0, linewidth=0)
        axes.plot([50, 2e6], [50, 2e6], color=GREY, linewidth=0.8, zorder=1)
        ends = []
        for scenario in subject.scenarios:
            colour, text = SCENARIO_STYLE[scenario]
            is_promised = scenario in subject.promised
            runs = [each for each in lengths[name, scenario] if 2 <= each.level <= 6 and 2 * each.level % 1 == 0]
            seen = [each for each in runs if each.alarms]
            x = [10**each.level for each in seen]
            bounds = [each.bounds for each in seen]
            axes.fill_between(x, [low for low, _ in bounds], [high for _, high in bounds], color=colour,
                              alpha=0.15, linewidth=0)  # fmt: skip
            axes.plot(x, [each.mean for each in seen], color=colour, linewidth=1.6,
                      linestyle="-" if is_promised else (0, (3, 1.5)))  # fmt: skip
            silent = next((each for each in runs if not each.alarms), None)
            if silent:
                axes.plot(10**silent.level, silent.bounds[0], marker="^", color=colour, markersize=5,
                          markerfacecolor="white")  # fmt: skip
            last = (seen[-1].level, math.log10(seen[-1].mean)) if seen else (silent.level, math.log10(silent.bounds[0]))
            if silent and seen:
                last = max(last, (silent.level, math.log10(silent.bounds[0])))
            ends.append((10 ** last[0], min(last[1], 6.15), text, colour))
        label_ends(axes, ends, 0.28)
        axes.set_title(title)
        powers(axes.xaxis, range(2, 7))
        powers(axes.yaxis, range(2, 7))
    for axes in grid[-1]:
        axes.set_xlabel("promised run length A")
    for axes in grid[:, 0]:
        axes.set_ylabel("measured run length")
    grid[0, 0].text(8e5, 90, "promise broken", color=GREY, fontsize=8, ha="right", style="italic")
    figure.tight_layout()
    write(figure, path)


RACERS = {
    "meanvar": (BLUE, "meanvar (detect)"), "meanvar alone": (SKY, "mean+var GLR"), "glr mean": (BLACK, "mean GLR"),
    "mmd": (GREEN, "mmd (detect)"), "bounded": (ORANGE, "bounded e-SR"), "quantile": (VERMILION, "quantile e-SR"),
    "bins of 8": (PURPLE, "bins of 8"), "bins of 100": (YELLOW, "bins of 100"),
    "detect rates": (BLUE, "rates (detect)"), "glr rate": (BLACK, "rate GLR"), "bernoulli": (ORANGE, "e-SR, 1000 rows"),
    "bernoulli, rate known": (VERMILION, "e-SR, rate known"),
}  # fmt: skip


def delays(races: Sequence[Race], path: Path) -> None:
    figure, grid = plt.subplots(2, 3, figsize=(12, 8), sharex=True, sharey=True)
    shifts = [*((False, shift) for shift in REAL_SHIFTS), *((True, shift) for shift in RATE_SHIFTS)]
    for axes, (is_of_rates, shift) in zip(grid.flat, shifts, strict=True):
        axes.set(xscale="log", yscale="log", xlim=(700, 1.3e6), ylim=(1.5, 6_000))
        axes.axhline(LONGEST_DELAY, color=GREY, linewidth=0.8, linestyle=":")
        ends: list[tuple[float, float, str, str]] = []
        starts: list[tuple[float, float, str, str]] = []
        for name, (colour, text) in RACERS.items():
            chosen = [
                each for each in races
                if each.subject.name == name and each.shift == shift and each.subject.is_of_rates == is_of_rates
            ]  # fmt: skip
            chosen = [each for each in chosen if each.delays and not (each.target == 5 and not each.is_matched)]
            if not chosen:
                continue
            x, y = [10**each.target for each in chosen], [max(each.median, 2) for each in chosen]
            axes.plot(x, y, color=colour, linewidth=1.6)
            for fill, is_matched in ((colour, True), ("white", False)):
                points = [pair for pair, each in zip(zip(x, y, strict=True), chosen, strict=True)
                          if each.is_matched == is_matched]  # fmt: skip
                if points:
                    axes.plot(*zip(*points, strict=True), "o", color=colour, markersize=4.5, markerfacecolor=fill)
            if chosen[-1].target == TARGETS[-1]:
                ends.append((x[-1], math.log10(y[-1]), text, colour))
            else:
                starts.append((x[0] * 0.9, math.log10(y[0]) + 0.11, text, colour))
        label_ends(axes, ends, 0.125, 7.5)
        label_ends(axes, starts, 0.15, 7.5)
        powers(axes.xaxis, TARGETS)
        powers(axes.yaxis, range(1, 4))
        axes.set_title(f"rate .1 → {shift:g}" if is_of_rates else f"mean moved by {shift:g}σ")
    for axes in grid[-1]:
        axes.set_xlabel("run length to a false alarm, measured")
    for axes in grid[:, 0]:
        axes.set_ylabel("median delay, rows")
    grid[0, 0].text(750, LONGEST_DELAY * 1.15, "most runs missed", color=GREY, fontsize=8)
    figure.tight_layout()
    write(figure, path)


def error_streams(tables: dict[str, Outcomes], nulls: Outcomes, path: Path) -> None:
    """A row a detector: a dot for each stream's delay, what was missed at the right, false alarms at the left."""
    figure, grid = plt.subplots(1, 2, figsize=(11, 4.9), sharey=True)
    names = list(nulls)
    for axes, kind in zip(grid, ("abrupt", "gradual"), strict=True):
        axes.set(xscale="log", xlim=(1.6, 9_000), ylim=(len(names) - 0.5, -0.6))
        axes.axvspan(MISS, 9_000, color=PALE, linewidth=0)
        for row, name in enumerate(names):
            colour = BLUE if name in (OURS, EVIDENCE) else GREY
            found: list[tuple[float, float]] = []
            missed: list[tuple[float, float]] = []
            outcomes = [each for table in tables.values() for each in table[name] if each.stream.kind == kind]
            for number, each in enumerate(outcomes):
                offset = row + 0.24 * math.sin(2.4 * number)
                if each.delay is None:
                    missed.append((MISS * 1.35 * 1.25 ** (len(missed) % 4), offset))
                else:
                    found.append((max(each.delay, 2), offset))
            axes.plot(*zip(*found, strict=True), "o", color=colour, markersize=4, alpha=0.55, markeredgewidth=0)
            if missed:
                axes.plot(*zip(*missed, strict=True), "x", color=VERMILION, markersize=5)
            values = [MISS if each.delay is None else each.delay for each in outcomes]
            middle = float(np.median(values))
            axes.plot([middle, middle], [row - 0.36, row + 0.36], color=BLACK, linewidth=2)
            axes.text(middle, row - 0.38, f"{middle:.0f}", fontsize=8, ha="center", va="bottom", color=BLACK)
            false = sum(each.false for each in outcomes)
            axes.text(1.75, row, f"{false} false" if false else "none false", fontsize=8, va="center",
                      color=VERMILION if false else GREEN)  # fmt: skip
        axes.set_title(f"{kind} changes, {len(outcomes)} streams")
        axes.set_xlabel("rows from the change to the alarm")
        axes.text(MISS * 1.08, len(names) - 0.55, "missed", fontsize=8, color=GREY, va="bottom")
        axes.spines["left"].set_visible(False)
        powers(axes.xaxis, range(1, 4))
        axes.tick_params(axis="y", length=0)
    silent = [sum(each.false for each in nulls[name]) for name in names]
    grid[0].set_yticks(
        range(len(names)),
        [f"{name}\n{count} in 400k null" for name, count in zip(names, silent, strict=True)],
    )
    for tick, name in zip(grid[0].get_yticklabels(), names, strict=True):
        tick.set_color(BLUE if name in (OURS, EVIDENCE) else "#444444")
    figure.tight_layout()
    write(figure, path)
