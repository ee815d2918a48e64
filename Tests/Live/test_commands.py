"""The command line: exit codes of sysexits.h, help that teaches, no colours in a pipe."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from events import metrics
from harness import NO_INPUT, USAGE, configure, replay, run
from live import Daemon


def test_version() -> None:
    ran = run("--version")
    assert ran.code == 0
    assert re.search(r"\d+\.\d+", ran.out.decode()), ran.out


def test_help_lists_the_commands() -> None:
    ran = run("--help")
    assert ran.code == 0
    for command in ("serve", "check", "replay", "demo"):
        assert re.search(rf"\b{command}\b", ran.out.decode()), f"--help does not list {command}"


@pytest.mark.parametrize("command", ["serve", "check", "replay"])
def test_help_of_a_command(command: str) -> None:
    ran = run(command, "--help")
    assert ran.code == 0
    assert "--config" in ran.out.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--frobnicate"],
        ["frobnicate"],
        ["serve", "--frobnicate"],
        ["check", "--frobnicate"],
        ["replay", "--frobnicate", "-"],
        ["replay"],
        ["check", "--config"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str]) -> None:
    ran = run(*arguments)
    assert ran.code == USAGE, f"exit {ran.code}, not 64:\n{ran.said}"
    assert ran.err.strip(), "nothing on standard error says what was wrong"
    assert ran.out == b"", "an error belongs on standard error"


def test_an_events_file_that_is_missing(folder: Path) -> None:
    config = configure(folder, {"name": "watch"})
    ran = run("replay", "--config", config, folder / "absent.ndjson")
    assert ran.code == NO_INPUT, f"exit {ran.code}, not 66:\n{ran.said}"
    assert "absent.ndjson" in ran.err


def test_an_events_file_that_is_empty(folder: Path) -> None:
    replayed = replay(folder, {"name": "watch"}, [])
    assert replayed.raw == b"" and replayed.rejected == {}


def test_a_last_line_without_its_newline_counts(folder: Path) -> None:
    lines = [metrics("m", i, {"accuracy": 0.96, "latency_ms": 100}) for i in range(3)]
    whole = replay(folder, {"name": "watch"}, lines)
    recorded = folder / "events.ndjson"
    recorded.write_bytes(recorded.read_bytes().rstrip(b"\n"))
    ran = run("replay", "--config", folder / "tidemark.yaml", recorded)
    assert ran.code == 0 and ran.out == whole.raw


def test_no_colours_in_a_pipe(folder: Path, daemons: Callable[..., Daemon]) -> None:
    good = configure(folder, {"sockets": {"ingest": ["tcp://127.0.0.1:0"], "output": ["tcp://127.0.0.1:0"]}})
    wrong = configure(folder, {"nmae": 1}, "wrong.yaml")
    events = folder / "events.ndjson"
    events.write_text("not JSON\n")
    for arguments in (
        ["--help"],
        ["--version"],
        ["frobnicate"],
        ["check", "--config", good],
        ["check", "--config", wrong],
        ["replay", "--config", good, events],
    ):
        assert "\x1b" not in run(*arguments).said, arguments
    daemon = daemons("--config", good).wait_ready()
    daemon.stop()
    assert "\x1b" not in daemon.log


def test_off_loopback_with_the_flag(folder: Path, daemons: Callable[..., Daemon]) -> None:
    """Nothing is sent there; that it binds is all that is shown."""
    sockets = {"ingest": ["tcp://0.0.0.0:0"], "output": ["tcp://127.0.0.1:0"]}
    config = configure(folder, {"sockets": sockets})
    refused = daemons("--config", config).wait_refused()
    assert "--insecure-plaintext" in refused
    daemons("--config", config, "--insecure-plaintext").wait_ready().stop()
