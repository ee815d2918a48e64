"""Recordings: what is written down is what came, and replaying it gives what was published, byte for byte."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import framed_reference
import pytest
import recording_reference
import zmq
from events import Event, baseline, features, metrics
from harness import DATA, binary, configure, environment, run
from live import GIVE_UP_S, Daemon, Publisher, endpoint, topic_of
from protocol_pages import GOLDEN, PAGES, fenced, reasons

Start = Callable[..., Daemon]
Context = zmq.Context[Any]
TAKEN = ("alert/", "decision/", "assessment/")
CANNOT_CREATE = 73
GOLDEN_FILE = GOLDEN.parent / "recording-1.1.tmrec"


class Bodies:
    """A subscriber that keeps the bodies of everything that an engine caused, in order."""

    def __init__(self, context: Context, output: str) -> None:
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.bodies: list[bytes] = []
        for prefix in (*TAKEN, "bye/", "head/"):
            self.socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
        self.socket.connect(output)
        # A head answers the last of the subscriptions, so the others are in force.
        self.until(lambda topic, _: topic.startswith("head/"))
        assert self.bodies == []

    def until(self, done: Callable[[str, bytes], bool]) -> None:
        deadline = time.monotonic() + GIVE_UP_S
        while self.socket.poll(max(0, int((deadline - time.monotonic()) * 1000))):
            topic, _, body = self.socket.recv_multipart()
            if topic.decode().startswith(TAKEN):
                self.bodies.append(body)
            if done(topic.decode(), body):
                return
        raise AssertionError(f"nothing more in {GIVE_UP_S} s, after {len(self.bodies)} bodies")

    def until_byes(self) -> None:
        """Both numberings of the daemon end; nothing comes after them."""
        byes = []

        def done(topic: str, _: bytes) -> bool:
            byes.extend([topic] if topic.startswith("bye/") else [])
            return len(byes) == 2

        self.until(done)


def framed_metrics(model: str, number: int, accuracy: float, source: str = "framed") -> list[bytes]:
    descriptor = b'{"metrics":["accuracy"],"tensors":[{"name":"values","datatype":"FP64","shape":[1]}]}'
    return framed(f"metrics/{model}/-/{source}", 1, number, descriptor, struct.pack("<d", accuracy))


def framed_features(model: str, number: int, rows: list[list[float]], source: str = "framed") -> list[bytes]:
    descriptor = b'{"tensors":[{"name":"x","datatype":"FP32","shape":[%d,%d]}]}' % (len(rows), len(rows[0]))
    values = [value for row in rows for value in row]
    return framed(f"features/{model}/-/{source}", 2, number, descriptor, struct.pack(f"<{len(values)}f", *values))


def framed(topic: str, kind: int, number: int, *body: bytes) -> list[bytes]:
    header = framed_reference.HEADER.pack(b"TIDE", 1, 0, kind, 1, 0, 2 + len(body), 1, number, 0, 0, 0, 0)
    return [topic.encode(), header, *body]


def plain(event: Event) -> list[bytes]:
    return [topic_of(event).encode(), json.dumps(event).encode()]


def story(drawn: random.Random) -> list[list[bytes]]:
    """Messages of both encodings that open and resolve alerts, ask for retrains, and are refused."""
    made: list[list[bytes]] = []
    rows = lambda centre: [[drawn.gauss(centre, 1.0) for _ in range(3)] for _ in range(8)]  # noqa: E731
    for model in ("one", "two"):
        made.append(plain(baseline(model, None, accuracy=0.9, rows=rows(0.0))))
    for number in range(1, 150):
        model = drawn.choice(["one", "two"])
        centre, accuracy = drawn.choice([(0.0, 0.95), (9.0, 0.5)])
        made.append(framed_metrics(model, 2 * number, accuracy))
        made.append(plain(metrics(model, None, {"accuracy": accuracy, "latency_ms": 10.0 + 400 * drawn.random()})))
        made.append(framed_features(model, 2 * number + 1, rows(centre)))
        made.append(plain(features(model, None, rows(centre))))
        if number % 10 == 0:
            made += [[b"metrics/one/-/bad", b"{"], [b"metrics"], [b"x"] * 20]
            made.append(framed_metrics(model, 2 * number, 0.1))  # a number that was used
    return made


def settings(sockets: dict[str, list[str]]) -> dict[str, Any]:
    retrain = {"min_time_between_retrains": "100ms", "max_time_without_retrain": "1s", "idle_evaluation": "1s"}
    return {"name": "watch", "sockets": sockets, "defaults": {"retrain": retrain | {"mode": "issue"}}}


def test_a_replay_is_what_was_published(
    context: Context, daemons: Start, folder: Path, sockets: dict[str, list[str]], drawn: random.Random
) -> None:
    file, config = folder / "a.tmrec", configure(folder, settings(sockets))
    daemon = daemons("--config", config, "--record", file).wait_ready()
    publishers = [Publisher(context, daemon.ingest).wait_subscribed() for _ in range(2)]
    bodies = Bodies(context, daemon.output)
    # Of a numbering that began after the daemon, what is missing before its first message is lost.
    first = framed_metrics("one", 5, 0.9, source="young")
    first[1] = first[1][:16] + struct.pack(">Q", time.time_ns()) + first[1][24:]
    messages = [first, *story(drawn)]
    for number, message in enumerate(messages):
        assert publishers[number % 2].send_frames(message) or message[0] in (b"x",)
    # Deadlines fire while nothing comes: two on the clock alone, then a stop in between.
    timers: list[bytes] = []

    def fired(topic: str, body: bytes) -> bool:
        timers.extend([body] if topic.startswith("decision/") and b'"timer:' in body else [])
        return len(timers) >= 4

    bodies.until(fired)
    daemon.stop()
    bodies.until_byes()
    figures = daemon.final_figures()
    assert figures["recorded"] == figures["received"] > 500 and figures["recording_lost"] == 0

    ran = run("replay", "--config", config, file)
    assert ran.code == 0, ran.err
    # How long an alert holds, counted from when it was sent, a replay does not say.
    assert ran.out.splitlines() == [re.sub(rb'"valid_until":"[^"]*",', b"", body) for body in bodies.bodies]
    kinds = {json.loads(body)["type"] for body in bodies.bodies}
    assert len(kinds) >= 6, kinds
    piped = run("replay", "--config", config, "-", input=file.read_bytes())
    assert (piped.out, piped.err) == (ran.out, ran.err)
    assert f"{figures['rejected']} messages rejected" in ran.err
    account = re.search(r"rejected \((.*)\)", ran.err)
    assert account and "gap" in account[1]
    assert {reason: figures[reason] for reason in reasons() if reason in figures} == {
        reason: int(count) for reason, count in (part.split() for part in account[1].split(", "))
    }


def test_what_is_written_is_what_came(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]], drawn: random.Random
) -> None:
    file = folder / "a.tmrec"
    features_socket = {"features": [f"ipc://{folder}/features"]}
    config = configure(folder, {"name": "watch", "sockets": ipc | features_socket})
    begun = time.time_ns()
    daemon = daemons("--config", config, "--record", file).wait_ready()
    messages = story(drawn)
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    large = Publisher(context, features_socket["features"][0]).wait_subscribed()
    for message in messages:
        publisher.send_frames(message)
    large.send_frames(framed_features("one", 999, [[1.0] * 500] * 500))
    wait_for_size(file, 1_000_000)
    daemon.stop()

    recording = recording_reference.read(file.read_bytes())
    assert recording.name == "watch" and recording.closed and recording.lost == 0
    assert begun <= recording.start <= time.time_ns()
    assert (file.stat().st_mode & 0o777) == 0o600
    taken = [record for record in recording.messages if record.lane == "ingest"]
    kept = [message if len(message) <= 16 else None for message in messages]
    assert [record.frames for record in taken] == kept
    assert {record.count for record in taken if record.frames is None} == {20}
    (batch,) = [record for record in recording.messages if record.lane == "features"]
    assert batch.frames == framed_features("one", 999, [[1.0] * 500] * 500)
    times = [record.at for record in recording.records]
    assert times == sorted(times) and times[0] >= recording.start
    # Topics and descriptors stand there once: of what came, they were more than a third.
    assert file.stat().st_size < 0.95 * sum(len(frame) for record in taken for frame in record.frames or ()) + 1_000_000


def wait_for_size(file: Path, size: int) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while file.stat().st_size < size:
        assert time.monotonic() < deadline, f"{file} has {file.stat().st_size} bytes, not {size}"
        os.sched_yield()

def test_after_kill_nine(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]], drawn: random.Random
) -> None:
    file, config = folder / "a.tmrec", configure(folder, {"name": "watch", "sockets": ipc})
    daemon = daemons("--config", config, "--record", file).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    messages = story(drawn)
    for message in messages:
        publisher.send_frames(message)
    wait_for_size(file, 100_000)
    daemon.kill()

    whole = run("replay", "--config", config, file)
    assert whole.code == 0 and "was not closed" in whole.err
    data = file.read_bytes()
    recorded = recording_reference.read(data)
    assert not recorded.closed and 0 < len(recorded.messages) <= len(messages)
    for frames, record in zip(messages, recorded.messages):
        assert record.frames == (frames if len(frames) <= 16 else None)
    for cut in (1, 17, len(data) // 2):
        file.write_bytes(data[:-cut])
        ran = run("replay", "--config", config, file)
        assert ran.code == 0 and "ends inside a block, whole up to byte" in ran.err
        assert whole.out.startswith(ran.out)
        assert run("replay", "--strict", "--config", config, file).code == DATA


def test_bytes_that_no_recorder_wrote_never_trap(folder: Path, drawn: random.Random) -> None:
    """The golden file with bits flipped, cut, repeated: bounded, and each answered with a status."""
    data, file = GOLDEN_FILE.read_bytes(), folder / "a.tmrec"
    for _ in range(60):
        mutated = bytearray(data)
        for _ in range(drawn.randint(1, 4)):
            place = drawn.randrange(8, len(mutated))
            match drawn.randrange(4):
                case 0:
                    mutated[place] ^= 1 << drawn.randrange(8)
                case 1:
                    del mutated[place:]
                    mutated += bytes(8 - min(8, len(mutated)))
                case 2:
                    mutated += mutated[place:]
                case _:
                    mutated[place:place] = bytes(drawn.randrange(1, 9))
            if len(mutated) < 9:
                break
        file.write_bytes(mutated)
        ran = run("replay", file)
        assert ran.code in (0, DATA), (ran.code, ran.err, bytes(mutated).hex())
        assert bytes(mutated) == data or ran.code == DATA or "ends inside" in ran.err or "not closed" in ran.err


def test_the_golden_file_is_the_page() -> None:
    page = PAGES["recording.md"]
    (block,) = fenced(page, "recording")
    data = bytes.fromhex("".join(line.split("#")[0] for line in block.splitlines()))
    assert data == GOLDEN_FILE.read_bytes()
    recording = recording_reference.read(data)
    assert (recording.name, recording.closed, recording.lost) == ("watch", True, 0)
    assert [record.lane for record in recording.records] == ["clock", "ingest", "ingest", "features", "ingest", "reload", "clock"]
    assert recording.messages[1].frames is not None and recording.messages[2].frames is not None
    assert recording.messages[1].frames[2] == recording.messages[2].frames[2]
    ran = run("replay", GOLDEN_FILE)
    assert ran.code == 0 and "4 messages: 2 events of 1 models taken, 2 messages rejected" in ran.err
    assert len(ran.out.splitlines()) == 5  # two assessments each, and an alert


def shifted(base: str, by: str = "0") -> int:
    return int(base) << int(by)


def test_the_limits_are_those_of_the_source() -> None:
    source = (Path(__file__).parents[2] / "Sources/Daemon/Recording/RecordingFormat.swift").read_text()
    queue = (Path(__file__).parents[2] / "Sources/Daemon/Recording/RecordingFile.swift").read_text()
    values = dict(re.findall(r"static let (\w+) = ([\d_]+(?: << \d+)?)$", source + queue, re.MULTILINE))
    figure = {name: shifted(*text.replace("_", "").split(" << ")) for name, text in values.items()}
    limits = PAGES["recording.md"].split("## Limits")[1]
    shown = re.findall(r"^\| [^|]+ \| ([\d,]+)(?: bytes)? \|", limits, re.MULTILINE)
    block = figure["blockBytes"] + figure["maximumMessageBytes"] + 1_024
    rest = ("maximumMessageBytes", "maximumFrames", "dictionaryEntries", "dictionaryBytes", "dictionaryFrameBytes")
    expected = [block, *(figure[name] for name in rest), figure["queueBytes"]]
    assert [int(text.replace(",", "")) for text in shown] == expected


# Commands.


class Recording:
    """`tidemark record`, ended by its pid."""

    def __init__(self, *arguments: str | Path, before: str = "") -> None:
        command = " ".join([before, "exec", *(f"'{part}'" for part in (binary(), "record", *arguments))])
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert self.process.stderr
        self.ready = self.process.stderr.readline()
        assert "ready" in self.ready, self.ready

    def stop(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=GIVE_UP_S)
        return self.process.returncode, out, err


def test_the_record_command(context: Context, folder: Path, tmp_path: Path) -> None:
    file = folder / "only.tmrec"
    sockets = {"ingest": ["tcp://127.0.0.1:0"], "features": [f"ipc://{folder}/features"]}
    config = configure(folder, {"name": "watch", "sockets": sockets})
    recording = Recording(file, "--config", config)
    publisher = Publisher(context, endpoint(recording.ready, "ingest")).wait_subscribed()
    large = Publisher(context, endpoint(recording.ready, "features")).wait_subscribed()
    for number in range(1, 101):
        publisher.send_frames(framed_metrics("m", number, 0.5 if number > 50 else 0.95))
    large.send_frames(framed_features("m", 101, [[1.0] * 300] * 300))
    large.send_frames(framed_features("m", 102, [[1.0] * 300] * 300))
    wait_for_size(file, 700_000)
    code, out, err = recording.stop()
    assert code == 0, err
    size = file.stat().st_size
    assert out == f"{file}: 102 messages (100 over ingest, 2 over features), {size} bytes\n"
    ran = run("replay", "--config", config, file)
    assert ran.code == 0 and b"tidemark.alert.opened.v1" in ran.out

    again = run("record", file, "--config", config)
    assert again.code == CANNOT_CREATE and "File exists" in again.err
    assert file.stat().st_size == size


def test_a_daemon_does_not_start_on_a_file_that_exists(daemons: Start, folder: Path, ipc: dict[str, list[str]]) -> None:
    file = folder / "a.tmrec"
    file.write_text("mine")
    daemon = daemons("--config", configure(folder, {"sockets": ipc}), "--record", file)
    assert "File exists" in daemon.wait_refused()
    assert daemon.process.returncode == CANNOT_CREATE
    assert file.read_text() == "mine"


@pytest.mark.parametrize("command", ["serve", "record"])
def test_nothing_is_left_behind_where_no_socket_could_be_bound(folder: Path, command: str) -> None:
    file, taken = folder / "a.tmrec", f"ipc://{folder}/none/nor/ingest"
    config = configure(folder, {"sockets": {"ingest": [taken], "output": [f"ipc://{folder}/output"]}})
    ran = run(*(("serve", "--record", file) if command == "serve" else ("record", file)), "--config", config)
    assert ran.code == 69, ran.err
    assert not file.exists()


def test_a_disk_that_is_full_is_told_and_leaves_a_whole_file(context: Context, folder: Path) -> None:
    """By the shell's limit on files, which write(2) tells as it tells a full disk."""
    file = folder / "a.tmrec"
    config = configure(folder, {"name": "watch", "sockets": {"ingest": ["tcp://127.0.0.1:0"]}})
    recording = Recording(file, "--config", config, before="ulimit -f 700;")
    publisher = Publisher(context, endpoint(recording.ready, "ingest")).wait_subscribed()
    sent = 3_000
    for number in range(1, sent + 1):
        publisher.send_frames([*framed_metrics("m", number, 0.5), bytes(1_000)])
    assert recording.process.stderr
    assert "lacks messages from here on: File too large" in recording.process.stderr.readline()
    code, out, err = recording.stop()
    assert code == 71 and "File too large" in err, (code, err)
    lost = re.search(r"(\d+) messages lost", err)
    taken = re.search(r": (\d+) messages", out)
    assert lost and taken
    recorded = recording_reference.read(file.read_bytes())
    assert len(recorded.messages) == int(taken[1]) > 0
    said = run("replay", "--config", config, file).err
    if recorded.closed:  # a last block that is small still finds room
        assert recorded.lost == int(lost[1]) > 0 and f"lacks {lost[1]} messages" in said
    else:
        assert "was not closed" in said


NO_RECORDINGS = [b"", b"{", b"TIDEREC", b"TIDERECX", b"TIDEREC\0", b"TIDEREC\0\x02\0\0\0" + bytes(12)]


@pytest.mark.parametrize("start", NO_RECORDINGS)
def test_what_is_no_recording(folder: Path, start: bytes) -> None:
    file = folder / "a"
    file.write_bytes(start)
    ran = run("replay", file)
    if start.startswith(b"TIDEREC\0"):
        assert ran.code == DATA and ("is no recording" in ran.err or "version 2" in ran.err), ran.err
    else:
        assert ran.code == 0 and ("line 1: malformed" in ran.err) == bool(start)
