"""Whether there is a daemon to test against, and one to start."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any, Callable

import harness
import pytest
from peer import GIVE_UP_S
from tidemark import SourceAccount, SourcesReport, Subscriber


def problem() -> str | None:
    """Why the tests against a daemon cannot run: no binary, or one from before the framed encoding."""
    missing = harness.binary_problem()
    if missing:
        return missing
    return None if b"tidemark.status.sources.v1" in harness.binary().read_bytes() else "a tidemark without frames"


needs_daemon = pytest.mark.skipif(problem() is not None, reason=str(problem()))


def started(daemons: Callable[..., Any], folder: Path, kind: str = "tcp", **more: Any) -> Any:
    """A daemon on free endpoints: the ports of one run, or sockets that keep their name over a restart."""
    if kind == "tcp":
        sockets = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control")}
    else:
        sockets = {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output", "control")}
    configuration = {"name": "watch", "sockets": sockets, **more}
    return daemons("--config", harness.configure(folder, configuration)).wait_ready()


def ended_well(process: subprocess.Popen[Any], timeout: float) -> None:
    _, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err


def account(daemon: Any, done: Callable[[SourceAccount], bool]) -> SourceAccount:
    """The daemon's account of the first source with which `done` holds; each new subscription is told at once."""
    deadline = time.monotonic() + GIVE_UP_S
    seen: list[SourceAccount] = []
    while time.monotonic() < deadline:
        with Subscriber(daemon.output, kinds=("status",)) as subscriber:
            for item in subscriber.events(GIVE_UP_S):
                if isinstance(item, SourcesReport):
                    seen = list(item.sources)
                    break
        found = next((each for each in seen if done(each)), None)
        if found is not None:
            return found
    raise AssertionError(f"no such source among {seen}")
