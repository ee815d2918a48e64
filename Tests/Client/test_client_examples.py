"""Each example that speaks frames, against a socket and against the daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import REPOSITORY, SOURCE
from daemon import account, ended_well, needs_daemon, started
from peer import GIVE_UP_S, Outlet, Peer, alert, head
from tidemark import Publisher, wire

EXAMPLES = REPOSITORY / "protocol" / "examples"
WRITERS = {
    "publish_framed.py": ["metrics"],
    "features_numpy.py": ["baseline", "features"],
    "features_pandas.py": ["baseline", "features"],
    "bare_framed.py": ["baseline", "features", "metrics"],
    "publish.cpp": ["metrics"],
}
READERS = ["watch_alerts.py", "watch_asyncio.py"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """The command that runs an example; skips where something that it needs is missing."""
    made: dict[str, Path] = {}

    def command(name: str) -> list[str]:
        if name == "features_pandas.py":
            pytest.importorskip("pandas")
        if not name.endswith(".cpp"):
            return [sys.executable, str(EXAMPLES / name)]
        compiler = next((found for found in map(shutil.which, ("c++", "g++", "clang++")) if found), None)
        if compiler is None:
            pytest.skip("no C++ compiler")
        if name not in made:
            program = tmp_path_factory.mktemp("cpp") / "publish"
            arguments = [
                compiler,
                "-std=c++17",
                "-Wall",
                "-Wextra",
                "-Werror",
                str(EXAMPLES / name),
                "-o",
                str(program),
            ]
            ran = subprocess.run([*arguments, "-lzmq"], capture_output=True, text=True, timeout=300)
            if "zmq.hpp" in ran.stderr and "No such file" in ran.stderr:
                pytest.skip("no zmq.hpp (the package cppzmq-dev)")
            assert ran.returncode == 0, ran.stderr
            made[name] = program
        return [str(made[name])]

    return command


def begun(command: list[str], **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), **variables}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts programs, and ends by their pid those that a test leaves running."""
    programs: list[subprocess.Popen[str]] = []

    def start(command: list[str], **variables: str) -> subprocess.Popen[str]:
        programs.append(begun(command, **variables))
        return programs[-1]

    yield start
    for program in programs:
        if program.poll() is None:
            program.kill()
        program.communicate()


def printed(program: subprocess.Popen[str]) -> str:
    """The next line that a program prints; it is killed when it prints none."""
    giving_up = threading.Timer(GIVE_UP_S, program.kill)
    giving_up.start()
    try:
        assert program.stdout is not None
        return program.stdout.readline()
    finally:
        giving_up.cancel()


@pytest.mark.parametrize("name", WRITERS)
def test_writers_against_a_socket(name: str, built: Any, running: Any, peer: Peer) -> None:
    program = running(built(name), TIDEMARK_INGEST=peer.endpoint)
    taken = peer.until_word("bye")
    ended_well(program, GIVE_UP_S)
    messages = [message for message in taken if message.word != "head"]
    assert [message.word for message in messages] == [*WRITERS[name], "bye"]
    assert [message.seq for message in messages[:-1]] == list(range(1, len(messages)))
    assert messages[-1].seq == len(messages) - 1
    for message in messages:
        wire.unpack(message.frames)
    if messages[0].word == "metrics":
        assert messages[0].metrics() == {"accuracy": 0.71, "latency_ms": 150.2}
        with Publisher(peer.endpoint) as publisher:
            publisher.metrics("fraud", accuracy=0.71, latency_ms=150.2)
            assert peer.next().frames[2:] == messages[0].frames[2:], "the client's bytes"


@needs_daemon
@pytest.mark.parametrize("name", WRITERS)
def test_writers_against_the_daemon(name: str, built: Any, running: Any, daemons: Any, folder: Path) -> None:
    command = built(name)
    daemon = started(daemons, folder)
    ended_well(running(command, TIDEMARK_INGEST=daemon.ingest), GIVE_UP_S)
    found = account(daemon, lambda each: each.state == "ended")  # its bye was heard
    assert found.source.startswith("scorer-") and (found.received, found.lost) == (len(WRITERS[name]), 0)
    daemon.stop()
    figures = daemon.final_figures()
    assert (figures["received"], figures["rejected"]) == (len(WRITERS[name]), 0)
    assert figures["alerts_opened"] >= 1
    assert not {"gap", "unsequenced", "malformed"} & set(figures)


@pytest.mark.parametrize("name", READERS)
def test_readers_against_a_socket(name: str, built: Any, running: Any, outlet: Outlet) -> None:
    program = running(built(name), TIDEMARK_OUTPUT=outlet.endpoint)
    outlet.wait_for(b"head/")
    outlet.send(head(0))
    outlet.send(alert(1))
    assert "fraud drift opened medium 2.5" in printed(program)
    if name == "watch_alerts.py":
        outlet.send(alert(4, 1))
        assert printed(program).startswith("Gap(") and "fraud" in printed(program)


@needs_daemon
@pytest.mark.parametrize("name", READERS)
def test_readers_against_the_daemon(name: str, built: Any, running: Any, daemons: Any, folder: Path) -> None:
    daemon = started(daemons, folder)
    program = running(built(name), TIDEMARK_OUTPUT=daemon.output)
    stop = threading.Event()

    def publish() -> None:
        # The program does not say when it is subscribed, so alerts open and resolve until it prints one.
        with Publisher(daemon.ingest) as publisher:
            turn = 0
            while not stop.wait(0.02):
                turn += 1
                publisher.metrics("fraud", accuracy=float(turn % 2))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        assert " fraud accuracy " in printed(program)
    finally:
        stop.set()
        thread.join(GIVE_UP_S)


def test_each_example_says_what_it_does_and_goes_to_the_default_ports() -> None:
    for name in [*WRITERS, *READERS]:
        text = (EXAMPLES / name).read_text()
        assert text.startswith(('"""P', "// P")), name
        variable, port = ("TIDEMARK_INGEST", 7410) if name in WRITERS else ("TIDEMARK_OUTPUT", 7411)
        assert variable in text.split("\n\n")[0] and f'"tcp://127.0.0.1:{port}"' in text, name
