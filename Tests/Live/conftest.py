"""Fixtures of the live tests: the binary, a folder with short paths, and a seed that is printed."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

import harness
import live


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    problem = harness.binary_problem()
    if problem:
        pytest.exit(problem, returncode=4)


def pytest_report_header() -> list[str]:
    return [f"tidemark: {harness.binary()}", f"TIDEMARK_SEED={harness.SEED} (set it to draw the same again)"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with a path short enough for ipc (107 bytes)."""
    made = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def drawn(request: pytest.FixtureRequest) -> random.Random:
    """A generator of its own for each test, from the printed seed."""
    print(f"seed: TIDEMARK_SEED={harness.SEED}")
    return random.Random(f"{harness.SEED}:{request.node.name}")


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    made: zmq.Context[Any] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def daemons() -> Iterator[Callable[..., live.Daemon]]:
    """Starts daemons, and ends by their pid those that a test leaves running."""
    started: list[live.Daemon] = []

    def start(*arguments: str | Path, cwd: Path | None = None) -> live.Daemon:
        daemon = live.Daemon(*arguments, cwd=cwd)
        started.append(daemon)
        return daemon

    yield start
    for daemon in started:
        daemon.close()
        print(f"log of {daemon.process.pid}:\n{daemon.log[-3000:]}")


@pytest.fixture(params=["tcp", "ipc"])
def sockets(request: pytest.FixtureRequest, folder: Path) -> dict[str, list[str]]:
    return transport(request.param, folder)


@pytest.fixture
def ipc(folder: Path) -> dict[str, list[str]]:
    return transport("ipc", folder)


def transport(kind: str, folder: Path) -> dict[str, list[str]]:
    """Endpoints that are free: port 0 on loopback, or paths in a folder of the test's own."""
    if kind == "tcp":
        return {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control")}
    return {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output", "control")}
