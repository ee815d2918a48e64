"""Runs the binary: one-shot commands with a bounded wait, configurations, replay."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from events import Event, assert_output, ndjson

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "Tests" / "Golden" / "reference.json"
SEED = int(os.environ.get("TIDEMARK_SEED") or secrets.randbelow(1_000_000_000))

USAGE, DATA, NO_INPUT, CONFIGURATION = 64, 65, 66, 78

#: How long one command may take before it is ended. Replays of all golden cases stay far below.
PATIENCE_S = float(os.environ.get("TIDEMARK_PATIENCE") or 120)

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|\d+(ms|s|m|h|d|w)")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def binary() -> Path:
    """TIDEMARK, else the release build, else the debug build."""
    named = os.environ.get("TIDEMARK")
    if named:
        return Path(named).absolute()
    builds = [REPOSITORY / ".build" / kind / "tidemark" for kind in ("release", "debug")]
    return next((build for build in builds if build.is_file()), builds[0])


def binary_problem() -> str | None:
    found = binary()
    if found.is_file() and os.access(found, os.X_OK):
        return None
    return (
        f"no tidemark to test: {found} is missing or cannot be run. "
        "Build it (swift build -c release) or name it: TIDEMARK=/path/to/tidemark"
    )


def environment() -> dict[str, str]:
    """Quiet crashes, so that a trap fails a test at once instead of hanging in a backtrace."""
    return {**os.environ, "SWIFT_BACKTRACE": "enable=no"}


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str

    @property
    def said(self) -> str:
        return self.out.decode("utf-8", "replace") + self.err


def run(*arguments: str | Path, input: bytes | None = None, cwd: Path | None = None) -> Ran:
    """One command to its end. A command that outlasts the patience is killed and fails the test."""
    process = subprocess.Popen(
        [binary(), *map(str, arguments)],
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment(),
    )
    try:
        out, err = process.communicate(input, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate(timeout=10)
        raise AssertionError(
            f"tidemark {' '.join(map(str, arguments))} ran over {PATIENCE_S} s: {err[-2000:]!r}"
        ) from None
    code = process.returncode
    text = err.decode("utf-8", "replace")
    assert code >= 0, f"tidemark {' '.join(map(str, arguments))} died of signal {-code}:\n{text[-4000:]}"
    return Ran(code, out, text)


@dataclass(frozen=True)
class Replayed:
    """What one replay said: the outputs in order, and the lines it rejected with their reasons."""

    code: int
    raw: bytes
    outputs: list[Event]
    err: str
    rejected: dict[int, str] = field(default_factory=dict)

    def reason(self, number: int) -> str:
        assert number in self.rejected, f"line {number} was not rejected; stderr:\n{self.err[-3000:]}"
        return self.rejected[number]


def rejections(err: str) -> dict[int, str]:
    return {int(n): reason for n, reason in re.findall(r"^line (\d+): (.*)$", err, re.MULTILINE)}


def has_code(reason: str, code: str) -> bool:
    return re.search(rf"(?<![a-z_]){code}(?![a-z_])", reason) is not None


def replay(
    folder: Path,
    configuration: Mapping[str, Any] | Path,
    lines: Iterable[Event | str | bytes],
    *flags: str,
    stdin: bool = False,
    expect: int = 0,
) -> Replayed:
    """`tidemark replay` over the lines; every output is checked for its attributes."""
    config = configuration if isinstance(configuration, Path) else configure(folder, configuration)
    data = ndjson(lines)
    recorded = folder / "events.ndjson"
    recorded.write_bytes(data)
    if stdin:
        ran = run("replay", "--config", config, *flags, "-", input=data)
    else:
        ran = run("replay", "--config", config, *flags, recorded)
    assert ran.code == expect, f"exit {ran.code}, not {expect}:\n{ran.err[-4000:]}"
    outputs = [strict_json(line) for line in ran.out.splitlines()]
    for output in outputs:
        assert_output(output)
    return Replayed(ran.code, ran.out, outputs, ran.err, rejections(ran.err))


def strict_json(text: bytes | str) -> Any:
    """JSON proper: the NaN and Infinity that Python would take are refused."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} in an output is not JSON: {text!r}")

    return json.loads(text, parse_constant=refuse)


def configure(folder: Path, configuration: Mapping[str, Any], name: str = "tidemark.yaml") -> Path:
    path = folder / name
    path.write_text(yaml(configuration))
    return path


def yaml(value: Mapping[str, Any] | Sequence[Any], depth: int = 0) -> str:
    """Block YAML as a person writes it; numbers and rows in flow style."""
    pad = "  " * depth
    text = ""
    if isinstance(value, Mapping):
        if not value:
            return pad + "{}\n"
        for key, item in value.items():
            text += f"{pad}{key}:" + _below(item, depth)
        return text
    for item in value:
        if isinstance(item, Mapping) and item:
            text += f"{pad}- " + yaml(item, depth + 1)[len(pad) + 2 :]
        else:
            text += f"{pad}- {_scalar(item)}\n"
    return text


def _below(item: Any, depth: int) -> str:
    if isinstance(item, Mapping) and item:
        return "\n" + yaml(item, depth + 1)
    if isinstance(item, Sequence) and not isinstance(item, str) and item and not _flat(item):
        return "\n" + yaml(item, depth + 1)
    return f" {_scalar(item)}\n"


def _flat(items: Sequence[Any]) -> bool:
    return not isinstance(items[0], Mapping)


def _scalar(item: Any) -> str:
    if isinstance(item, str) and _PLAIN.fullmatch(item) and item.lower() not in _WORDS:
        return item
    return json.dumps(item)
