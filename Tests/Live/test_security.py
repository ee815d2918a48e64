"""Who is not let in, what who is let in may not do, and that others are served meanwhile; real keys, real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import harness
import pytest
import zmq
from delivery_peers import METRICS, message, until
from guarded import CLIENTS, CONNECTED, FAILED, Context, Guarded, Start, asked
from hostile import GREETING, dial, frame, ready
from live import GIVE_UP_S, endpoint
from test_hostile import garbage
from test_protocol_live import measured

CURVE_GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32)
KINDS = {"ingest": zmq.PUB, "reliable": zmq.DEALER, "output": zmq.SUB, "control": zmq.DEALER}


@pytest.fixture
def guarded(daemons: Start, folder: Path, context: Context) -> Guarded:
    return Guarded(daemons, folder, context)


# At the door.


def test_who_has_no_right_key_is_refused_on_every_socket(guarded: Guarded) -> None:
    guarded.serve()
    stranger, known = zmq.curve_keypair(), guarded.keys["all"]
    for name, kind in KINDS.items():
        end = guarded.end(name)
        assert guarded.outcome(kind, end, known) == CONNECTED, name
        assert guarded.outcome(kind, end, None) & FAILED, f"{name}: plaintext"
        assert guarded.outcome(kind, end, stranger) == zmq.EVENT_HANDSHAKE_FAILED_AUTH, f"{name}: not in the list"
        ends = CONNECTED | FAILED | zmq.EVENT_DISCONNECTED
        other = guarded.outcome(kind, end, known, server=stranger[0], wanted=ends)
        assert other != CONNECTED, f"{name}: another server's key"
        guarded.answered()
    figures = guarded.figures()
    # Each refused handshake is tried again by libzmq until its socket is closed.
    assert figures["key_refused"] >= len(KINDS)
    assert "rejected=0" in guarded.daemon.log


def test_a_plaintext_peer_gets_and_gives_nothing(guarded: Guarded) -> None:
    guarded.serve()
    publisher, reader = guarded.socket(zmq.PUB, None), guarded.socket(zmq.SUB, None)
    reader.setsockopt(zmq.SUBSCRIBE, b"")
    publisher.connect(guarded.end("ingest"))
    reader.connect(guarded.end("output"))
    for _ in range(20):
        guarded.send(publisher, "plain")
        guarded.answered()
    assert not reader.poll(0)
    guarded.daemon.stop()
    assert guarded.daemon.final_figures()["rejected"] == 0


@pytest.mark.parametrize(("name", "where"), [("pager", "ingest"), ("pager", "reliable"), ("serving-a", "output")])
def test_a_role_that_is_missing_is_refused_at_the_door(guarded: Guarded, name: str, where: str) -> None:
    guarded.serve()
    assert guarded.outcome(KINDS[where], guarded.end(where), guarded.keys[name]) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    guarded.daemon.wait_for_line("role_missing", name, where)
    assert guarded.figures()["role_missing"] >= 1


def test_a_daemon_whose_clients_are_nobody_still_tries_itself_and_starts(guarded: Guarded) -> None:
    guarded.write_clients()
    daemon = guarded.start("--config", guarded.configuration()).wait_ready()
    assert guarded.outcome(zmq.PUB, daemon.ingest, guarded.keys["all"]) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    daemon.stop()


# Behind it.


def test_a_source_beyond_the_prefix_is_refused_and_not_accounted(guarded: Guarded) -> None:
    guarded.serve()
    publisher = guarded.client(zmq.XPUB, "serving-a", "ingest")
    assert publisher.poll(GIVE_UP_S * 1000)
    for source in ("serving-b/1", "serving-a", "serving-ab/1", "SERVING-A/1"):
        guarded.send(publisher, source)
        publisher.send_multipart(measured(quote(source, safe=""), time.time_ns(), 1))
    guarded.send(publisher, "serving-a/1")
    publisher.send_multipart(measured("serving-a%2F2", time.time_ns(), 1))
    guarded.daemon.wait_for_line("source_refused", "serving-a", "serving-b/1")
    seen = sources(guarded, "serving-a/2")
    assert {"serving-a/1", "serving-a/2"} == {source for source in seen if source.lower().startswith("serving")}
    assert guarded.figures()["source_refused"] == 8


def test_on_the_reliable_socket_a_spoofed_source_is_told_and_takes_no_number(guarded: Guarded) -> None:
    guarded.serve()
    peer = guarded.client(zmq.DEALER, "serving-a", "reliable")
    peer.send_multipart(message("metrics/m/-/serving-b/1".replace("b/1", "b"), 7, 1, METRICS, bytes(8)))
    assert peer.poll(GIVE_UP_S * 1000)
    topic, _, body = peer.recv_multipart()
    assert topic.startswith(b"nack/") and json.loads(body)["code"] == "source_refused"
    peer.send_multipart(message("metrics/m/-/serving-a%2F1", 7, 1, METRICS, bytes(8)))
    assert peer.poll(GIVE_UP_S * 1000)
    assert peer.recv_multipart()[0].startswith(b"ack/")
    assert "serving-b" not in sources(guarded, "serving-a/1")
    assert guarded.figures()["source_refused"] == 1


def test_feedback_needs_its_role_on_every_way_in(guarded: Guarded) -> None:
    guarded.serve()
    said = {"decision_id": "rt-1", "state": "acked", "owner": "me"}
    for name, code in (("pager", "role_missing"), ("trainer", "unknown_decision")):
        with asked(guarded, name) as peer:
            peer.send_multipart(message("feedback/-/-/me", 7, 1, said))
            assert peer.poll(GIVE_UP_S * 1000)
            assert json.loads(peer.recv_multipart()[-1])["code"] == code
    publisher = guarded.client(zmq.XPUB, "serving-a", "ingest")
    assert publisher.poll(GIVE_UP_S * 1000)
    publisher.send_multipart(message("feedback/-/-/serving-a%2F1", 7, 1, said))
    guarded.daemon.wait_for_line("role_missing", "'serving-a' may publish, and needs acknowledge")
    assert guarded.figures()["role_missing"] == 2


def test_stored_messages_need_the_role_of_readers(guarded: Guarded) -> None:
    CLIENTS["hand"] = (["acknowledge"], None)
    guarded.keys["hand"] = guarded.keygen("hand")
    guarded.write_clients(*CLIENTS)
    guarded.serve()
    for name, status in (("hand", "malformed"), ("pager", "epoch_mismatch")):
        with asked(guarded, name) as peer:
            peer.send_multipart(message("fetch/-/-/me", 7, 1, {"epoch": "1", "from": "1"}))
            assert peer.poll(GIVE_UP_S * 1000)
            assert json.loads(peer.recv_multipart()[-1])["status"] == status
    del CLIENTS["hand"]
    assert guarded.figures()["role_missing"] == 1


def sources(guarded: Guarded, last: str) -> set[str]:
    """The daemon's account, once it has a source."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        reader = guarded.client(zmq.SUB, "all", "output")
        reader.setsockopt(zmq.SUBSCRIBE, b"status/")
        seen: set[str] = set()
        while last not in seen and reader.poll(1_500):
            data = json.loads(reader.recv_multipart()[-1])["data"]
            seen |= {each["source"] for each in data.get("sources", [])}
        reader.close()
        if last in seen:
            return seen
    raise AssertionError(f"no account of {last}")


# A key that is taken back.


def reloaded(guarded: Guarded, word: str) -> None:
    """Reads the configuration again; waits for what comes of it."""
    before = guarded.daemon.log.count(f" {word}")
    os.kill(guarded.daemon.process.pid, signal.SIGHUP)
    until(lambda: guarded.daemon.log.count(f" {word}") > before, word, guarded.answered)


def test_a_revoked_key_is_refused_at_the_door_and_behind_it(guarded: Guarded) -> None:
    guarded.serve()
    publisher = guarded.client(zmq.XPUB, "serving-a", "ingest")
    assert publisher.poll(GIVE_UP_S * 1000)
    readers = [guarded.client(zmq.SUB, name, "output") for name in ("pager", "all")]
    for reader in readers:
        reader.setsockopt(zmq.SUBSCRIBE, b"head/")
        assert reader.poll(GIVE_UP_S * 1000)
    guarded.send(publisher, "serving-a/1")
    assert "serving-a/1" in sources(guarded, "serving-a/1")
    # What is wrong with the file leaves the list as it was.
    (guarded.folder / "clients.yaml").write_text("clients: [{name: me}]")
    reloaded(guarded, "reload refused")
    assert guarded.outcome(zmq.PUB, guarded.end("ingest"), guarded.keys["serving-a"]) == CONNECTED
    guarded.write_clients("all")
    reloaded(guarded, "reloaded")
    assert guarded.outcome(zmq.PUB, guarded.end("ingest"), guarded.keys["serving-a"]) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    # One line a reason a second is written, and the connection above has had one.
    until(
        lambda: "in the list no more" in guarded.daemon.log,
        "a message that is refused",
        lambda: guarded.send(publisher, "serving-a/2"),
        guarded.answered,
    )
    # Readers were cut, and only those that may come back have.
    for reader in readers:
        while reader.poll(0):
            reader.recv_multipart()
    for _ in range(3):
        assert readers[1].poll(GIVE_UP_S * 1000)
        readers[1].recv_multipart()
    assert not readers[0].poll(0)
    assert "serving-a/2" not in sources(guarded, "serving-a/1")
    # And given again, everything is as before.
    guarded.write_clients(*CLIENTS)
    reloaded(guarded, "reloaded")
    guarded.send(publisher, "serving-a/3")
    assert "serving-a/3" in sources(guarded, "serving-a/3")
    guarded.figures()


# ipc.


def test_plain_ipc_is_guarded_by_its_mode_and_tcp_beside_it_by_keys(guarded: Guarded, folder: Path) -> None:
    for name in ("ingest", "output"):
        guarded.sockets[name] = ["tcp://127.0.0.1:0", f"ipc://{folder}/run/{name}"]
    guarded.serve()
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "run" / "ingest").stat().st_mode) == 0o600
    assert guarded.outcome(zmq.PUB, guarded.end("ingest", "tcp"), None) & FAILED
    plain = guarded.socket(zmq.XPUB, None)
    plain.connect(guarded.end("ingest", "ipc"))
    assert plain.poll(GIVE_UP_S * 1000)
    guarded.send(plain, "anybody-here")
    assert "anybody-here" in sources(guarded, "anybody-here")
    guarded.figures()


def test_ipc_under_curve_needs_a_key(guarded: Guarded, folder: Path) -> None:
    guarded.security["ipc"] = "curve"
    guarded.sockets["ingest"] = ["tcp://127.0.0.1:0", f"ipc://{folder}/run/ingest"]
    guarded.serve()
    end = guarded.end("ingest", "ipc")
    assert guarded.outcome(zmq.PUB, end, None) & FAILED
    assert guarded.outcome(zmq.PUB, end, guarded.keys["serving-a"]) == CONNECTED
    guarded.figures()


def test_a_shared_volume_is_for_a_group(guarded: Guarded, folder: Path) -> None:
    group = os.getegid()
    sockets: dict[str, Any] = {name: [f"ipc://{folder}/shared/{name}"] for name in ("ingest", "output")}
    config = harness.configure(folder, {"sockets": sockets | {"ipc_group": group}})
    daemon = guarded.start("--config", config).wait_ready()
    made = (folder / "shared").stat()
    assert stat.S_IMODE(made.st_mode) == 0o2770 and made.st_gid == group
    for name in ("ingest", "output"):
        at = (folder / "shared" / name).stat()
        assert stat.S_IMODE(at.st_mode) == 0o660 and at.st_gid == group
    daemon.stop()


# Peers that mean harm.


def test_bytes_that_are_no_curve(guarded: Guarded, drawn: random.Random) -> None:
    guarded.serve()
    ends = [guarded.end(name) for name in KINDS]
    wrong = [*garbage(drawn), CURVE_GREETING, GREETING + ready(b"PUB") + frame(b"x" * 100, more=True) * 1_000]
    for _ in range(40):
        wrong.append(CURVE_GREETING + drawn.randbytes(drawn.randrange(1, 500)))
        hello = b"\x05HELLO\x01\x00" + bytes(72) + drawn.randbytes(32 + 8 + 80)
        wrong.append(CURVE_GREETING + frame(hello, command=True) + frame(b"\x08INITIATE" + drawn.randbytes(300), command=True))
    for number, each in enumerate(wrong):
        with dial(ends[number % len(ends)]) as peer, contextlib.suppress(ConnectionError):
            peer.sendall(each)
        if number % 25 == 0:
            guarded.answered()
    guarded.answered()
    guarded.daemon.stop()
    assert guarded.daemon.final_figures()["rejected"] == 0


def test_a_multipart_without_end_from_who_is_not_let_in_is_cut(guarded: Guarded) -> None:
    guarded.serve()
    piece = frame(b"x" * 60_000, more=True)
    with dial(guarded.end("ingest")) as peer:
        with pytest.raises(ConnectionError):
            peer.sendall(GREETING + ready(b"PUB"))
            for _ in range(1_000):
                peer.sendall(piece)
        guarded.answered()
    assert guarded.figures()["rejected"] == 0


def connected(end: str, count: int) -> list[socket.socket]:
    return [dial(end) for _ in range(count)]


def open_files(guarded: Guarded) -> int:
    return len(os.listdir(f"/proc/{guarded.daemon.process.pid}/fd"))


def test_ten_thousand_connects(guarded: Guarded) -> None:
    """In waves that never shake hands; the files that they took are given back."""
    guarded.serve()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert f"files={most}" in guarded.daemon.wait_for_line("open files")
    before = open_files(guarded)
    end = guarded.end("ingest")
    for wave in range(100):
        peers = connected(end, 100)
        # It was accepted, and all before it: the queue of the listener is empty again.
        assert peers[-1].recv(1) == b"\xff"
        if wave % 2:
            for peer in peers:
                peer.sendall(CURVE_GREETING)
        if wave % 20 == 0:
            guarded.answered()
        for peer in peers:
            peer.close()
    until(lambda: open_files(guarded) <= before + 5, "files given back", guarded.answered)
    guarded.figures()


def test_connections_beyond_the_files_that_a_process_may_have(guarded: Guarded) -> None:
    """They wait in the kernel; who is connected is served, and who comes later is let in once there is room."""
    guarded.serve()
    most = open_files(guarded) + 50
    resource.prlimit(guarded.daemon.process.pid, resource.RLIMIT_NOFILE, (most, most))
    peers = connected(guarded.end("ingest"), 150)
    until(lambda: open_files(guarded) >= most, "all files in use", guarded.answered)
    guarded.answered()
    late = guarded.client(zmq.XPUB, "serving-a", "ingest")
    assert not late.poll(100)
    for peer in peers:
        peer.close()
    assert late.poll(GIVE_UP_S * 1000), "nobody is let in though there is room again"
    guarded.figures()


# Keys and files.


def test_keygen_writes_for_its_owner_and_never_overwrites(folder: Path) -> None:
    ran = harness.run("keygen", "--out", folder / "k", "--role", "publish", "--role", "consume")
    assert ran.code == 0
    public, secret = zmq.auth.load_certificate(folder / "k.key_secret")
    assert secret is not None and zmq.curve_public(secret) == public
    assert zmq.auth.load_certificate(folder / "k.key") == (public, None)
    assert stat.S_IMODE((folder / "k.key_secret").stat().st_mode) == 0o600
    assert secret.decode() not in ran.said and public.decode() in ran.said
    (folder / "clients.yaml").write_text("clients:\n" + ran.said.partition("clients:\n")[2])
    assert "roles: [publish, consume]" in ran.said and "source_prefix: 'k/'" in ran.said
    held = (folder / "k.key_secret").read_bytes()
    assert harness.run("keygen", "--out", folder / "k").code == 73
    (folder / "k.key_secret").unlink()
    assert harness.run("keygen", "--out", folder / "k").code == 73
    assert not (folder / "k.key_secret").exists() and held
    # What was printed is an entry of the file of clients as it stands.
    assert harness.run("keygen", "--out", folder / "server").code == 0
    said = {"security": {"server_key_file": "server.key_secret", "clients_file": "clients.yaml"}}
    checked = harness.run("check", "--config", harness.configure(folder, said))
    assert checked.code == 0 and "1 clients" in checked.said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_that_others_can_read_is_refused(guarded: Guarded, folder: Path, mode: int) -> None:
    (folder / "server.key_secret").chmod(mode)
    for command in ("check", "serve"):
        ran = harness.run(command, "--config", guarded.configuration())
        assert ran.code == harness.CONFIGURATION
        assert f"security.server_key_file: server.key_secret has mode {mode:o} and can be read by others" in ran.said
        assert guarded.keys["server"][1].decode() not in ran.said


def test_a_file_of_clients_that_others_can_change_is_refused(guarded: Guarded, folder: Path) -> None:
    (folder / "clients.yaml").chmod(0o666)
    ran = harness.run("check", "--config", guarded.configuration())
    assert ran.code == harness.CONFIGURATION and "can be changed by others" in ran.said


def test_what_is_wrong_with_clients_is_said_by_line(guarded: Guarded, folder: Path) -> None:
    one = guarded.entry("serving-a")
    wrong = [
        one | {"public_key": "x" * 39}, one | {"roles": ["publish", "own"]}, one | {"roles": ["publish"]},
        {key: one[key] for key in ("name", "public_key")}, {"name": "n", "public_key": one["public_key"], "roles": []},
    ]  # fmt: skip
    wrong[2].pop("source_prefix")
    harness.configure(folder, {"clients": [one, *wrong]}, "clients.yaml")
    ran = harness.run("check", "--config", guarded.configuration())
    assert ran.code == harness.CONFIGURATION
    for words in ("is no public key", "'own' is no role", "no source_prefix", "has no roles", "stands twice"):
        assert words in ran.said, words
    assert "clients.yaml:" in ran.said


def test_other_machines_are_let_to_the_door_by_keys_alone(guarded: Guarded) -> None:
    guarded.sockets["ingest"] = ["tcp://0.0.0.0:0"]
    assert harness.run("check", "--config", guarded.configuration()).code == 0
    plain = harness.configure(guarded.folder, {"sockets": guarded.sockets, "state": "s"}, "plain.yaml")
    ran = harness.run("check", "--config", plain)
    assert ran.code == harness.CONFIGURATION and "--insecure-plaintext" in ran.said
    daemon = guarded.start("--config", guarded.configuration()).wait_ready()
    end = daemon.ingest.replace("0.0.0.0", "127.0.0.1")
    assert guarded.outcome(zmq.PUB, end, zmq.curve_keypair()) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    assert guarded.outcome(zmq.PUB, end, guarded.keys["serving-a"]) == CONNECTED
    daemon.stop()


def test_secrets_are_in_no_log_no_answer_and_no_command_line(guarded: Guarded, folder: Path) -> None:
    guarded.serve()
    stranger = zmq.curve_keypair()
    guarded.outcome(zmq.PUB, guarded.end("ingest"), stranger)
    command = Path(f"/proc/{guarded.daemon.process.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{guarded.daemon.process.pid}/environ").read_bytes()
    said = harness.run("check", "--config", guarded.configuration()).said
    guarded.figures()
    secrets = [secret for _, secret in guarded.keys.values()]
    for secret in secrets:
        assert secret not in command + environment and secret.decode() not in guarded.daemon.log + said
    # A secret key where a public one should stand is not repeated either.
    clients = folder / "clients.yaml"
    clients.write_text(clients.read_text().replace(guarded.keys["pager"][0].decode(), guarded.keys["pager"][1].decode()[:39]))
    ran = harness.run("check", "--config", guarded.configuration())
    assert ran.code == harness.CONFIGURATION and guarded.keys["pager"][1].decode()[:39] not in ran.said
    kept = (folder / "server.key_secret").read_text()
    (folder / "server.key_secret").write_text(kept.replace(guarded.keys["server"][0].decode(), stranger[0].decode()))
    ran = harness.run("check", "--config", guarded.configuration())
    assert "does not belong to its secret-key" in ran.said
    assert not any(secret.decode() in ran.said for secret in secrets)


# Commands.


def test_commands_speak_with_keys(guarded: Guarded, folder: Path) -> None:
    guarded.serve()
    table = folder / "today.csv"
    table.write_text("accuracy,latency_ms\n0.9,10\n0.9,11\n")
    keys = ["--key-file", folder / "all.key_secret", "--server-key", folder / "server.key"]
    ends = ["--output", guarded.end("output")]
    ran = harness.run("publish", table, "--model", "m", "--to", guarded.end("ingest"), *ends, *keys)
    assert ran.code == 0, ran.said
    ran = harness.run("sources", *ends, *keys[:2], "--server-key", guarded.keys["server"][0].decode())
    assert ran.code == 0 and "tidemark-publish" in ran.said
    assert harness.run("sources", *ends, "--timeout", "0.5").code == 69
    asks = ["rt-1", "--owner", "me", "--control", guarded.end("control")]
    assert "unknown_decision" in harness.run("ack", *asks, *keys).said
    pager = ["--key-file", folder / "pager.key_secret", "--server-key", folder / "server.key"]
    ran = harness.run("ack", *asks, *pager)
    assert ran.code == 65 and "role_missing" in ran.said
    (folder / "all.key_secret").chmod(0o644)
    ran = harness.run("sources", *ends, *keys)
    assert ran.code == harness.USAGE and "can be read by others" in ran.said
    (folder / "all.key_secret").chmod(0o600)
    guarded.figures()


def test_a_recording_holds_what_its_senders_may_send(guarded: Guarded, folder: Path) -> None:
    recording = folder / "today.tmrec"
    guarded.serve("--record", recording)
    publisher = guarded.client(zmq.XPUB, "serving-a", "ingest")
    assert publisher.poll(GIVE_UP_S * 1000)
    for source in ("serving-b/1", "serving-a/1"):
        guarded.send(publisher, source, model=source[:9])
    assert "serving-b/1" not in sources(guarded, "serving-a/1")
    guarded.daemon.stop()
    ran = harness.run("replay", "--config", guarded.configuration(), recording)
    assert b'"serving-a"' in ran.out and b'"serving-b"' not in ran.out


@pytest.fixture
def recorder(guarded: Guarded, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [harness.binary(), "record", "--config", guarded.configuration(), folder / "today.tmrec"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=harness.environment(),
    )  # fmt: skip
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=GIVE_UP_S)


def test_record_alone_is_behind_keys_too(guarded: Guarded, folder: Path, recorder: subprocess.Popen[str]) -> None:
    assert recorder.stderr is not None
    end = endpoint(next(line for line in recorder.stderr if " ready " in line), "ingest")
    assert guarded.outcome(zmq.PUB, end, None) & FAILED
    assert guarded.outcome(zmq.PUB, end, zmq.curve_keypair()) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    publisher = guarded.socket(zmq.XPUB, guarded.keys["serving-a"])
    publisher.connect(end)
    assert publisher.poll(GIVE_UP_S * 1000)
    recording = folder / "today.tmrec"
    begun = recording.stat().st_size
    for source in ("serving-b/1", "serving-a/1"):
        guarded.send(publisher, source, model=source[:9])
    until(lambda: recording.stat().st_size > begun, "a recording", lambda: publisher.poll(20))
    recorder.terminate()
    out, err = recorder.communicate(timeout=GIVE_UP_S)
    assert recorder.returncode == 0 and "1 messages" in out and "1 messages refused for who sent them" in err
