"""Fixtures of the Python client's tests: where the client is, a seed that is printed, and daemons to talk to."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import zmq

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "protocol" / "python" / "src"
sys.path[:0] = [str(SOURCE), str(Path(__file__).parent), str(REPOSITORY / "Tests" / "Live")]

SEED = int(os.environ.get("TIDEMARK_SEED") or secrets.randbelow(1_000_000_000))

from fake import FakeDaemon  # noqa: E402
from peer import Outlet, Peer  # noqa: E402


def pytest_report_header() -> list[str]:
    return [f"TIDEMARK_SEED={SEED} (set it to draw the same again)"]


@pytest.fixture
def drawn(request: pytest.FixtureRequest) -> random.Random:
    """A generator of its own for each test, from the printed seed."""
    print(f"seed: TIDEMARK_SEED={SEED}")
    return random.Random(f"{SEED}:{request.node.name}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with a path short enough for ipc (107 bytes)."""
    made = Path(tempfile.mkdtemp(prefix="tm-", dir=tempfile.gettempdir()))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def context() -> Iterator[Any]:
    made: Any = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def peer(context: Any) -> Peer:
    """What a daemon is to a publisher: SUB, bound to a free port, subscribed to everything."""
    return Peer(context)


@pytest.fixture
def outlet(context: Any) -> Outlet:
    """What a daemon is to a subscriber: XPUB, bound to a free port."""
    return Outlet(context)


@pytest.fixture
def fake(context: Any) -> Iterator[FakeDaemon]:
    """A daemon's output, control and reliable sockets, on free ports."""
    made = FakeDaemon(context)
    yield made
    made.stop()


@pytest.fixture
def daemons() -> Iterator[Callable[..., Any]]:
    """Starts real daemons, and ends by their pid those that a test leaves running."""
    import live

    started: list[Any] = []

    def start(*arguments: Any) -> Any:
        daemon = live.Daemon(*arguments)
        started.append(daemon)
        return daemon

    yield start
    for daemon in started:
        daemon.close()
        print(f"log of {daemon.process.pid}:\n{daemon.log[-3000:]}")
