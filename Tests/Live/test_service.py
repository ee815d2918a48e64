"""The daemon as a service: reloads, its end, what it tells its manager, and its log."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from events import metrics
from harness import CONFIGURATION, binary, configure, environment, run, strict_json
from live import GIVE_UP_S, STOP_S, Daemon, Publisher, Subscriber
from notify_socket import NotifySocket
from test_recording import Bodies, framed_metrics

Start = Callable[..., Daemon]
Context = zmq.Context[Any]
Sockets = dict[str, list[str]]

RELOADED = r"\breloaded\b.*revision="
UNAVAILABLE = 69


def settings(sockets: Sockets, ratio: float = 0.9, **more: Any) -> dict[str, Any]:
    defaults = {"performance": {"accuracy_ratio": ratio}}
    return {"name": "watch", "sockets": sockets, "defaults": defaults, **more}


def reload(daemon: Daemon) -> None:
    os.kill(daemon.process.pid, signal.SIGHUP)


def reloaded(daemon: Daemon, times: int = 1) -> None:
    """Until the log says so for the nth time."""
    daemon.wait_for_lines(times, RELOADED)


# Reloads.


def test_new_thresholds_hold_at_once_and_what_is_open_goes_on(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    config = configure(folder, settings(sockets))
    daemon = daemons("--config", config).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "alert/").settle(publisher)
    publisher.metrics("fraud", 0.8)  # below 0.9 of 0.95
    opened = subscriber.until_kind("alert.opened", "fraud")[-1]
    configure(folder, settings(sockets, ratio=0.8))
    reload(daemon)
    reloaded(daemon)
    publisher.metrics("fraud", 0.8)  # above 0.8 of 0.95
    resolved = subscriber.until_kind("alert.resolved", "fraud")[-1]
    assert resolved.event["correlationid"] == opened.event["correlationid"], "the same episode"
    daemon.stop()


def test_reloads_under_load_lose_nothing(daemons: Start, folder: Path, context: Context, ipc: Sockets) -> None:
    config = configure(folder, settings(ipc, state=str(folder / "state")))
    daemon = daemons("--config", config).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    for number in range(1, 12_001):
        publisher.send_frames(framed_metrics(f"m{number % 300}", number, 0.95))
        if number % 1_500 == 0:
            configure(folder, settings(ipc, ratio=0.5 + number / 50_000, state=str(folder / "state")))
            reload(daemon)
    reloaded(daemon)
    subscriber = Subscriber(context, daemon.output, "assessment/").settle(publisher)
    publisher.metrics("last", 0.95)
    subscriber.until_kind("assessment.performance", "last")
    daemon.stop()
    figures = daemon.final_figures()
    assert figures["received"] == publisher.sent and figures["rejected"] == 0
    assert "gap" not in figures and "duplicate" not in figures


def test_a_wrong_file_changes_nothing_and_says_where(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    config = configure(folder, settings(ipc))
    daemon = daemons("--config", config).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "alert/").settle(publisher)
    right = config.read_text()
    config.write_text(right.replace("0.9", "9.5") + "modles: []\n")
    reload(daemon)
    daemon.wait_for_line(r"error", re.escape(f"{config}:") + r"\d+: modles: unknown key")
    daemon.wait_for_line(re.escape(f"{config}:") + r"\d+: defaults.performance.accuracy_ratio: ", "reason=reload_refused")
    daemon.wait_for_line("reload refused", "problems=2")
    publisher.metrics("fraud", 0.8)
    subscriber.until_kind("alert.opened", "fraud")
    config.unlink()
    reload(daemon)
    daemon.wait_for_line("reload refused", "problems=1")
    config.write_text(right.replace("0.9", "0.8"))
    reload(daemon)
    reloaded(daemon)
    publisher.metrics("fraud", 0.8)
    subscriber.until_kind("alert.resolved", "fraud")
    daemon.stop()


def test_what_only_a_restart_can_change_is_told_by_key(daemons: Start, folder: Path, ipc: Sockets) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc))).wait_ready()
    other = {**ipc, "ingest": [f"ipc://{folder}/other"]}
    configure(folder, settings(other, ratio=0.5) | {"name": "another", "limits": {"frame_bytes": 4096}})
    reload(daemon)
    reloaded(daemon)
    keys = set(re.findall(r"needs a restart; it stays as it is key=(\S+)", daemon.log))
    assert keys == {"name", "sockets.ingest", "limits.frame_bytes"}
    assert not (folder / "other").exists()
    daemon.stop()


def test_without_a_configuration_there_is_nothing_to_reload(daemons: Start, folder: Path) -> None:
    for port in (7410, 7411, 7412, 7413):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is taken on this machine")
    daemon = daemons(cwd=folder).wait_ready()
    reload(daemon)
    daemon.wait_for_line("nothing to reload")
    daemon.stop()


def test_hangups_in_a_hurry_are_taken_together(daemons: Start, folder: Path, ipc: Sockets) -> None:
    models = [{"name": f"m{number}"} for number in range(3_000)]
    daemon = daemons("--config", configure(folder, settings(ipc, models=models))).wait_ready()
    configure(folder, settings(ipc, ratio=0.5, models=models))
    for _ in range(200):
        reload(daemon)
    reloaded(daemon)
    took = daemon.stop()
    assert 1 <= len(re.findall(RELOADED, daemon.log)) < 100
    assert took < STOP_S


def test_a_recording_with_a_reload_is_replayed_byte_for_byte(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    file, config = folder / "a.tmrec", configure(folder, settings(ipc))
    (folder / "first.yaml").write_text(config.read_text())
    daemon = daemons("--config", config, "--record", file).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    bodies = Bodies(context, daemon.output)

    def send(begin: int) -> None:
        for number in range(begin, begin + 100):
            publisher.send_frames(framed_metrics("one", number, 0.8 if number % 10 < 5 else 0.95))
        last = b'"causationid":"1-%d"' % (begin + 99)
        bodies.until(lambda topic, body: topic.startswith("assessment/") and last in body)

    send(1)
    configure(folder, settings(ipc, ratio=0.8))
    reload(daemon)
    reloaded(daemon)
    send(101)
    daemon.stop()
    bodies.until_byes()
    opened = [body for body in bodies.bodies if b"alert.opened" in body]
    assert len(opened) == 11, "none of the second hundred"
    ran = run("replay", "--config", folder / "first.yaml", file)
    assert ran.code == 0, ran.err
    # Until when an alert holds is said by the clock at which it is sent.
    sent = [re.sub(rb'"valid_until":"[^"]*",', b"", body) for body in bodies.bodies]
    assert [re.sub(rb'"valid_until":"[^"]*",', b"", line) for line in ran.out.splitlines()] == sent
    against = run("replay", "--config", folder / "first.yaml", "--against", config, file)
    assert against.code == 0, against.err


def test_a_replay_ends_where_a_reload_cannot_be_made_again(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    table = folder / "reference.csv"
    table.write_text("x\n" + "\n".join(str(number) for number in range(40)) + "\n")
    named = settings(ipc) | {"models": [{"name": "one", "baseline": {"features": "reference.csv"}}]}
    file, config = folder / "a.tmrec", configure(folder, named)
    daemon = daemons("--config", config, "--record", file).wait_ready()
    reload(daemon)
    reloaded(daemon)
    daemon.stop()
    assert run("replay", "--config", config, file).code == 0
    table.write_text(table.read_text().replace("39", "40"))
    ran = run("replay", "--config", config, file)
    assert ran.code == CONFIGURATION and "the replay ends where the daemon read" in ran.err, ran.err


# What a service manager is told.


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySocket]:
    name = str(folder / "notify") if request.param == "path" else f"@tidemark-test-{os.getpid()}"
    made = NotifySocket(name)
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    yield made
    made.close()


def test_a_manager_is_told_of_start_reload_and_end(
    daemons: Start, folder: Path, ipc: Sockets, manager: NotifySocket
) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc)))
    (ready,) = manager.until("READY", "1")
    assert re.fullmatch(r"configuration [0-9a-f]{12}", ready.fields["STATUS"])
    assert (folder / "ingest").exists() and (folder / "output").exists(), "everything is bound by then"
    before = time.monotonic_ns() // 1000
    reload(daemon)
    begun, done = manager.until("READY", "1")
    assert begun.fields["RELOADING"] == "1"
    assert before <= int(begun.fields["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert done.fields["STATUS"] == ready.fields["STATUS"]
    (folder / "tidemark.yaml").write_text("nonsense: 1\n")
    reload(daemon)
    (_, done) = manager.until("READY", "1")
    assert done.fields["STATUS"] == ready.fields["STATUS"] + ", the last reload was refused"
    daemon.stop()
    assert "STOPPING" in manager.until("STOPPING", "1")[-1].fields


def test_the_loop_itself_says_that_it_lives(
    daemons: Start, folder: Path, context: Context, ipc: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = NotifySocket(str(folder / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", manager.name)
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    daemon = daemons("--config", configure(folder, settings(ipc))).wait_ready()
    # Nothing comes in: the loop wakes for it.
    for _ in range(5):
        manager.until("WATCHDOG", "1")
    pings = [notice.at for notice in manager.notices if "WATCHDOG" in notice.fields]
    assert pings[-1] - pings[0] < 5 * 0.4, "each within the time that the manager waits"
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    publisher.metrics("fraud", 0.95)
    while not manager.until("WATCHDOG", "1")[-1].fields["STATUS"].startswith("1 models, 1 events, configuration "):
        pass
    # A daemon that is not the one that is watched says nothing of it.
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    daemon.stop()
    manager.until("STOPPING", "1")
    other = daemons("--config", folder / "tidemark.yaml").wait_ready()
    manager.until("READY", "1")
    other.stop()
    assert all("WATCHDOG" not in notice.fields for notice in manager.until("STOPPING", "1"))
    manager.close()


# The end.


@pytest.fixture
def stuck_disk(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A FIFO: once it is made, the daemon's disk answers no sync."""
    library = tmp_path / "stuck_disk.so"
    source = Path(__file__).parent / "stuck_disk.c"
    compiler = next((found for found in map(shutil.which, ("cc", "gcc", "clang")) if found), None)
    assert compiler, "no C compiler"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    fifo = folder / "stuck"
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("STUCK_DISK", str(fifo))
    yield fifo


def test_it_stops_in_time_under_load_with_a_dead_disk_a_stuck_reader_and_full_queues(
    daemons: Start, folder: Path, context: Context, ipc: Sockets, stuck_disk: Path
) -> None:
    config = configure(folder, settings(ipc, state=str(folder / "state")))
    daemon = daemons("--config", config, "--record", folder / "a.tmrec").wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/", "alert/").settle(publisher)
    reader = context.socket(zmq.SUB)
    reader.setsockopt(zmq.RCVHWM, 1)
    reader.setsockopt(zmq.SUBSCRIBE, b"")
    reader.connect(daemon.output)
    os.mkfifo(stuck_disk)
    for number in range(1, 20_001):
        publisher.send_frames(framed_metrics(f"m{number % 100}", number, 0.95 if number % 2 else 0.1))
    subscriber.until_kind("assessment.performance", "m1")
    begun = time.monotonic()
    os.kill(daemon.process.pid, signal.SIGTERM)
    while (code := daemon.process.poll()) is None and time.monotonic() < begun + GIVE_UP_S:
        for number in range(number + 1, number + 101):
            publisher.send_frames(framed_metrics(f"m{number % 100}", number, 0.95 if number % 2 else 0.1))
    took = time.monotonic() - begun
    daemon.close()
    print(f"ended {took:.3f} s after SIGTERM with {code}")
    assert took < STOP_S, daemon.log[-2000:]
    assert code == 0 and "stopped" in daemon.log.splitlines()[-1], daemon.log[-2000:]


def test_a_second_signal_ends_it_at_once(
    daemons: Start, folder: Path, context: Context, ipc: Sockets, stuck_disk: Path
) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc, state=str(folder / "state")))).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "assessment/", "alert/").settle(publisher)
    os.mkfifo(stuck_disk)
    publisher.metrics("stuck", 0.1)
    subscriber.until_kind("assessment.performance", "stuck")
    os.kill(daemon.process.pid, signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.process.wait(0.5)
    begun = time.monotonic()
    os.kill(daemon.process.pid, signal.SIGTERM)
    assert daemon.process.wait(GIVE_UP_S) == -signal.SIGTERM
    assert time.monotonic() - begun < 0.5
    daemon.wait_for_line("asked to stop a second time")


def test_what_had_arrived_is_taken_before_the_end(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc))).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    publisher.metrics("warm", 0.95)
    os.kill(daemon.process.pid, signal.SIGSTOP)
    # More than one turn reads, and about as many as lie in the connection.
    for _ in range(1_200):
        publisher.metrics("m", 0.95)
    # Both are pending when it goes on: the messages in its queue, and the signal.
    os.kill(daemon.process.pid, signal.SIGTERM)
    os.kill(daemon.process.pid, signal.SIGCONT)
    assert daemon.process.wait(STOP_S) == 0
    daemon.close()
    assert daemon.final_figures()["received"] == publisher.sent


# The log.

HOSTILE = 'x\n2026-01-01T00:00:00.000Z error forged reason=none\x1b[2J\x00\u202e\u009b31m"\\'


def test_the_log_is_json_whatever_peers_send(daemons: Start, folder: Path, context: Context, ipc: Sockets) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc, log={"format": "json"})))
    first = strict_json(daemon.wait_for_line('"message":"ready"'))
    publisher = Publisher(context, first["ingest"]).wait_subscribed()
    subscriber = Subscriber(context, first["output"], "alert/").settle(publisher)
    publisher.send_frames([b"metrics/m/-/\xff\xfe\x1b", b"{"])
    for reason in ("topic_mismatch", "duplicate"):
        for _ in range(2):
            event = metrics(HOSTILE, None, {"accuracy": 0.9}, source=HOSTILE, id="twice")
            publisher.send_frames([b"metrics/m" if reason == "topic_mismatch" else b"", json.dumps(event).encode()])
    publisher.metrics("last", 0.1)
    subscriber.until_kind("alert.opened", "last")
    daemon.stop()
    lines = [strict_json(line) for line in daemon.log.splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", line["time"])
        assert line["level"] in ("debug", "info", "notice", "warning", "error") and line["message"]
    told = {line.get("reason") for line in lines}
    assert {"malformed", "topic_mismatch", "duplicate"} <= told
    assert lines[-1]["message"] == "stopped" and lines[-1]["received"] == publisher.sent
    for raw in daemon.log.splitlines():
        assert all(ord(c) >= 0x20 and not 0x7F <= ord(c) < 0xA0 and c != "\u202e" for c in raw), raw
        assert len(raw.encode()) < 4096


def test_a_line_of_text_cannot_be_forged(daemons: Start, folder: Path, context: Context, ipc: Sockets) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc))).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    for _ in range(2):
        event = metrics("m", None, {"accuracy": 0.9}, source=HOSTILE, id=HOSTILE)
        publisher.send_frames([b"", json.dumps(event).encode()])
    daemon.wait_for_line("reason=duplicate")
    daemon.stop()
    for line in daemon.log.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\S+Z (notice|warning) ", line), line
        assert "forged" not in line or line.index("warning") < line.index("forged")
        assert all(ord(c) >= 0x20 and not 0x7F <= ord(c) < 0xA0 and c != "\u202e" for c in line), line


def test_levels_and_format_follow_a_reload(daemons: Start, folder: Path, ipc: Sockets) -> None:
    daemon = daemons("--config", configure(folder, settings(ipc, log={"level": "error"})))
    until_bound = time.monotonic() + GIVE_UP_S
    while not (folder / "output").exists():
        assert time.monotonic() < until_bound
    configure(folder, settings(ipc, log={"level": "info", "format": "json"}))
    reload(daemon)
    assert strict_json(daemon.wait_for_line("reloaded"))["level"] == "notice"
    assert '"ready"' not in daemon.log and " ready" not in daemon.log, "below the level of then"
    daemon.stop()


def test_under_journald_each_line_has_its_priority(
    folder: Path, ipc: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "stderr"
    with path.open("wb") as stream:
        status = os.fstat(stream.fileno())
        journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        process = subprocess.Popen(
            [binary(), "serve", "--config", configure(folder, settings(ipc))],
            stderr=stream, stdin=subprocess.DEVNULL, env=environment() | journal,
        )
        deadline = time.monotonic() + GIVE_UP_S
        while b"ready" not in path.read_bytes():
            assert time.monotonic() < deadline and process.poll() is None
        process.terminate()
        assert process.wait(STOP_S) == 0
    lines = path.read_text().splitlines()
    assert lines and all(line.startswith("<5>20") for line in lines), lines


# Before it is started.


def test_check_online_of_a_machine_where_it_could_start(folder: Path, ipc: Sockets) -> None:
    sockets = {**ipc, "ingest": ["tcp://127.0.0.1:0", *ipc["ingest"]], "reliable": ["tcp://127.0.0.1:0"]}
    config = configure(folder, settings(sockets, state=str(folder / "deep/state")))
    ran = run("check", "--online", "--config", config)
    lines = ran.out.decode().splitlines()
    findings = [line for line in lines if line.startswith(("ok ", "problem "))]
    assert ran.code == 0, ran.said
    for subject in ("ingest tcp", "ingest ipc", "output", "control", "reliable", "state", "clock", "descriptors"):
        assert any(line.startswith(f"ok       {subject}") for line in findings), (subject, ran.said)
    assert sorted(path.name for path in folder.iterdir()) == ["tidemark.yaml"], "nothing was made"


def test_check_online_beside_a_running_daemon_disturbs_nothing(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    given = settings(sockets, state=str(folder / "state"))
    given["sockets"] = sockets | {"reliable": ["tcp://127.0.0.1:0"]}
    daemon = daemons("--config", configure(folder, given)).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "alert/").settle(publisher)
    taken = given | {"sockets": given["sockets"] | {"ingest": [daemon.ingest], "output": [daemon.output]}}
    config = configure(folder, taken, "taken.yaml")
    for _ in range(3):
        ran = run("check", "--online", "--config", config)
        assert ran.code == UNAVAILABLE, ran.said
        said = ran.out.decode()
        for endpoint in (daemon.ingest, daemon.output):
            assert re.search(rf"problem  \w+ {re.escape(endpoint)}: a ZeroMQ process listens there", said), said
        assert f"process {daemon.process.pid} has it" in said
    publisher.metrics("fraud", 0.1)
    subscriber.until_kind("alert.opened", "fraud")
    daemon.stop()
    assert "error" not in daemon.log


def test_check_online_says_what_stands_in_the_way(folder: Path, ipc: Sockets) -> None:
    (folder / "ingest").write_text("mine")
    state = folder / "state"
    state.mkdir(mode=0o700)
    (state / "journal.sqlite").write_bytes(b"mine, too" * 20)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        sockets = {**ipc, "output": [f"tcp://127.0.0.1:{port}"], "control": [f"ipc://{folder}/no/where/control"]}
        given = settings(sockets, state=str(state), limits={"sources": 1_000_000})
        ran = run("check", "--online", "--config", configure(folder, given))
    said = ran.out.decode()
    assert ran.code == UNAVAILABLE, ran.said
    for words in (
        "exists and is no socket", "another process listens there", "is not there: make it", "is no journal",
        "belongs to this user, mode 700",
    ):
        assert words in said, (words, said)
    assert (folder / "ingest").read_text() == "mine"
    assert (state / "journal.sqlite").read_bytes() == b"mine, too" * 20
    assert [path.name for path in state.iterdir()] == ["journal.sqlite"]
