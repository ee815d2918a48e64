"""Keys: a publisher, a subscriber, requests and an orchestrator at a daemon that lets in nobody else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import zmq
from daemon import needs_daemon
from guarded import Guarded
from peer import GIVE_UP_S
from tidemark import Control, Curve, KeyFileError, Orchestrator, Publisher, Refused, SourcesReport, Subscriber


@pytest.fixture
def guarded(daemons: Any, folder: Path, context: Any) -> Guarded:
    return Guarded(daemons, folder, context).serve()


def curve(guarded: Guarded, name: str) -> Curve:
    return Curve(server_key=guarded.folder / "server.key", secret_key_file=guarded.folder / f"{name}.key_secret")


def heard(guarded: Guarded, source: str) -> None:
    """Waits until the daemon's account has a source."""
    while True:
        with Subscriber(guarded.end("output"), kinds=("status",), curve=curve(guarded, "pager")) as subscriber:
            for item in subscriber.events(GIVE_UP_S):
                if isinstance(item, SourcesReport):
                    if source in [each.source for each in item.sources]:
                        return
                    break
            else:
                raise AssertionError(f"no account of {source}")


@needs_daemon
@pytest.mark.parametrize("reliable", [False, True])
def test_a_publisher_with_a_key_is_heard(guarded: Guarded, reliable: bool) -> None:
    end = guarded.end("reliable" if reliable else "ingest")
    with Publisher(end, source="serving-a/1", reliable=reliable, curve=curve(guarded, "serving-a")) as publisher:
        assert publisher.wait_ready(GIVE_UP_S)
        assert publisher.metrics("m", accuracy=0.9)
        heard(guarded, "serving-a/1")
    guarded.figures()


@needs_daemon
def test_without_a_key_nobody_is_ready(guarded: Guarded) -> None:
    with Publisher(guarded.end("ingest"), source="plain") as publisher:
        assert not publisher.wait_ready(0.3)
    guarded.figures()


@needs_daemon
def test_the_reliable_lane_tells_of_a_source_beyond_the_prefix(guarded: Guarded) -> None:
    told, refusals = threading.Event(), []

    def on_refused(refusal: Any) -> None:
        refusals.append(refusal)
        told.set()

    with Publisher(
        guarded.end("reliable"), source="serving-b", reliable=True, linger=0, on_refused=on_refused,
        curve=curve(guarded, "serving-a"),
    ) as publisher:  # fmt: skip
        publisher.metrics("m", accuracy=0.9)
        assert told.wait(GIVE_UP_S)
    assert refusals[0].code == "source_refused"
    guarded.figures()


@needs_daemon
def test_requests_and_an_orchestrator(guarded: Guarded, folder: Path) -> None:
    with Control(guarded.end("control"), curve=curve(guarded, "pager")) as control:
        refused = control.feedback("rt-1", "acked", owner="me")
        assert isinstance(refused, Refused) and refused.code == "role_missing"
    with Control(guarded.end("control"), curve=curve(guarded, "trainer")) as control:
        refused = control.feedback("rt-1", "acked", owner="me")
        assert isinstance(refused, Refused) and refused.code == "unknown_decision"
    Orchestrator(
        lambda decision: None, owner="me", cursor=folder / "cursor", output=guarded.end("output"),
        control=guarded.end("control"), curve=curve(guarded, "trainer"),
    ).run(idle=0.5)  # fmt: skip
    guarded.figures()


def made(folder: Path) -> tuple[Path, Path]:
    public, secret = zmq.curve_keypair()
    (folder / "k.key").write_text(f'curve\n    public-key = "{public.decode()}"\n')
    (folder / "k.key_secret").write_text(f'curve\n    secret-key = "{secret.decode()}"\n')
    (folder / "k.key_secret").chmod(0o600)
    return folder / "k.key", folder / "k.key_secret"


def test_keys_are_read_from_files_whose_modes_are_right(folder: Path) -> None:
    public, secret = made(folder)
    made_of = Curve(public, secret)
    assert made_of.public_key in public.read_text()
    assert Curve(made_of.public_key, secret).public_key == made_of.public_key
    held = secret.read_text().split('"')[1]
    assert held not in repr(made_of)
    for mode in (0o640, 0o604, 0o644):
        secret.chmod(mode)
        with pytest.raises(KeyFileError, match="can be read by others"):
            Curve(public, secret)
    secret.chmod(0o600)
    secret.write_text(f'secret-key = "{held[:39]}"')
    with pytest.raises(KeyFileError, match="holds no secret-key") as problem:
        Curve(public, secret)
    assert held[:39] not in str(problem.value)
    with pytest.raises(KeyFileError, match="cannot be read"):
        Curve(folder / "nowhere", secret)
