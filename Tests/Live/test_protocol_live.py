"""The specification's promises that need a daemon: topics, restarts, programs, numbering, accounts."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import framed_reference
import harness
import zmq
from events import Event, metrics, nanoseconds
from framed_reference import FIELDS
from live import GIVE_UP_S, Daemon, Publisher, Subscriber
from protocol_pages import EXAMPLES, SPECIFICATION, fenced, golden, section, valid

Start = Callable[..., Daemon]
Context = zmq.Context[Any]


def test_the_reasons_that_need_a_topic_or_a_clock(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    daemon = daemons("--config", harness.configure(folder, {"name": "watch", "sockets": ipc})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    subscriber = Subscriber(context, daemon.output, "").settle(publisher)
    before = publisher.sent

    def send(topic: str, **more: Any) -> None:
        made = metrics("team/fraud", None, {"accuracy": 0.1}, version="7", source="/pods/7")
        made.update(more)
        body = {key: value for key, value in made.items() if value is not None}
        assert publisher.send_frames([topic.encode(), json.dumps(body).encode()])

    good = "metrics/team%2Ffraud/7/%2fpods%2F7"
    send(good)
    for silent in ("", "metrics", "-/-/-/-", "///", "metrics//7/"):
        send(silent)
    send(good, subject=None, source=None, modelversion=None)
    send("-/team%2Ffraud/7", subject="team/fraud", modelversion="-")
    for wrong in ("features/-/-/-", "metrics/fraud", "-/-/8/-", "-/-/-/pods"):
        send(wrong)
    send(good, time="2200-01-01T00:00:00Z")
    for frames in ([b"metrics"], [b"metrics", b"{}", b"{}"], [b"a/b/c/d/e", b"{}"], [b"%2", b"{}"]):
        assert publisher.send_frames(frames)
    publisher.metrics("last", 0.1)

    outputs = subscriber.until_kind("alert.opened", "last")
    for output in outputs:
        valid(output.event)
        assert output.topic == topic_of(output.event)
    assert {output.event["subject"] for output in outputs} == {"team/fraud", "last"}
    assert {output.event["modelversion"] for output in outputs if output.event["subject"] != "last"} == {"7"}
    daemon.stop()
    figures = daemon.final_figures()
    assert figures["topic_mismatch"] == 4 and figures["time_refused"] == 1 and figures["malformed"] == 4
    assert figures["received"] == publisher.sent and publisher.sent - before == 18


def topic_of(output: Event) -> str:
    """The documented topic of an output: only `/`, `%` and control characters are escaped."""
    kept = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "/%")
    parts = (output.get("subject", "-"), output.get("modelversion", "-"), output["source"])
    escaped = (quote_from_bytes(part.encode(), safe=kept) for part in parts)
    return "/".join([output["type"].split(".")[1], *escaped])


# Both ends.


def program(name: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, EXAMPLES / name],
        env={**os.environ, **variables},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_programs_meet_over_a_daemon(context: Context, daemons: Start, folder: Path) -> None:
    sockets = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control")}
    daemon = daemons("--config", harness.configure(folder, {"sockets": sockets})).wait_ready()
    reader = program("subscribe.py", TIDEMARK_OUTPUT=daemon.output)
    assert reader.stdout
    giving_up = threading.Timer(GIVE_UP_S, reader.kill)
    giving_up.start()
    try:
        said = printed(reader.stdout)
        publisher = Publisher(context, daemon.ingest).wait_subscribed()
        ended, first = threading.Event(), threading.Thread(target=lambda: next(said, None))
        first.start()
        while not ended.is_set():  # alerts open and resolve until the reader prints one: it is subscribed
            publisher.metrics("probe", 0.0)
            publisher.metrics("probe", 1.0)
            first.join(0.05)
            if not first.is_alive():
                ended.set()
        writer = program("publish.py", TIDEMARK_INGEST=daemon.ingest)
        _, err = writer.communicate(timeout=GIVE_UP_S)
        assert writer.returncode == 0, err
        line = next((line for line in said if " fraud " in line), None)
    finally:
        giving_up.cancel()
        reader.kill()
        _, err = reader.communicate()
    assert line, f"subscribe.py printed no alert of fraud: {err}"
    at, kind, model, data = line.split(" ", 3)
    assert (kind, model) == ("tidemark.alert.opened.v1", "fraud")
    assert json.loads(data)["value"] == 0.71 and nanoseconds(at)


def printed(stream: Any) -> Iterator[str]:
    for line in stream:
        yield line.rstrip("\n")


def test_the_programs_go_to_the_default_ports() -> None:
    ports = {"publish.py": "tcp://127.0.0.1:7410", "subscribe.py": "tcp://127.0.0.1:7411"}
    for name, endpoint in ports.items():
        assert f'"{endpoint}"' in (EXAMPLES / name).read_text() and f"`{endpoint}`" in section("Roles and sockets")


def test_a_verbose_publisher_hears_of_a_restart_and_what_was_queued_arrives(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    config = harness.configure(folder, {"name": "watch", "sockets": ipc})
    plain, verbose = context.socket(zmq.XPUB), context.socket(zmq.XPUB)
    verbose.setsockopt(zmq.XPUB_VERBOSE, 1)
    sent = 0

    def send(accuracy: float) -> None:
        nonlocal sent
        sent += 1
        made = metrics("m", None, {"accuracy": accuracy}, sequence=str(sent))
        plain.send_multipart([b"metrics/m/-/live-tests", json.dumps(made).encode()])

    first = daemons("--config", config).wait_ready()
    for publisher in (plain, verbose):
        publisher.connect(first.ingest)
        assert publisher.poll(GIVE_UP_S * 1000) and publisher.recv() == b"\x01"
    first.stop()
    send(0.1)
    second = daemons("--config", config).wait_ready()
    assert verbose.poll(GIVE_UP_S * 1000) and verbose.recv() == b"\x01"
    reader = context.socket(zmq.SUB)
    reader.connect(second.output)
    reader.subscribe("alert/m/")
    deadline = time.monotonic() + GIVE_UP_S
    while not reader.poll(50):
        assert time.monotonic() < deadline, "nothing came from the publisher that was there before"
        send(1.0)
        send(0.1)
    assert not plain.poll(0), "the specification says that the second subscription is not reported"
    second.stop()
    account = second.final_figures()
    assert account["received"] <= sent and "gap" not in account
    assert account["alerts_opened"] == (account["received"] + 1) // 2, "the queued one was not the first"


def test_an_ipc_socket_is_for_its_owner(daemons: Start, folder: Path, ipc: dict[str, list[str]]) -> None:
    daemons("--config", harness.configure(folder, {"sockets": ipc})).wait_ready()
    for endpoint in (*ipc["ingest"], *ipc["output"]):
        assert Path(endpoint.removeprefix("ipc://")).stat().st_mode & 0o777 == 0o600


# Numbering.


def framed(topic: str, kind: int, epoch: int, seq: int, descriptor: Any, *tensors: bytes, prev: int = 0) -> list[bytes]:
    values = dict.fromkeys(FIELDS, 0) | {
        "major": 1,
        "kind": kind,
        "descriptor_encoding": 1,
        "frames": 3 + len(tensors),
        "epoch": epoch,
        "seq": seq,
        "prev": prev,
        "send_time": time.time_ns(),
    }
    header = framed_reference.HEADER.pack(b"TIDE", *(values[field] for field in FIELDS))
    return [topic.encode(), header, framed_reference.compact(descriptor), *tensors]


def measured(source: str, epoch: int, seq: int, accuracy: float = 0.99, model: str = "accounted") -> list[bytes]:
    descriptor = {"metrics": ["accuracy"], "tensors": [{"name": "values", "datatype": "FP64", "shape": [1]}]}
    return framed(f"metrics/{model}/-/{source}", 1, epoch, seq, descriptor, struct.pack("<d", accuracy))


def received(reader: zmq.Socket[bytes], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first message that is wanted; each on the way is whole and valid."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        if not reader.poll(100):
            continue
        frames = reader.recv_multipart()
        assert len(frames) == 3, frames[0]
        message = framed_reference.decode_output(frames)
        word = message["topic"].split("/")[0]
        assert framed_reference.WORDS[message["header"]["kind"]] == word
        assert message["header"]["descriptor_encoding"] == 1
        if "event" in message:
            valid(message["event"])
            assert message["topic"] == topic_of(message["event"])
        if wanted(message):
            return message
    raise AssertionError("it did not come")


def reading(context: Context, daemon: Daemon, *prefixes: str) -> zmq.Socket[bytes]:
    reader: zmq.Socket[bytes] = context.socket(zmq.SUB)
    reader.connect(daemon.output)
    for prefix in prefixes:
        reader.subscribe(prefix)
    return reader


def sources_with(context: Context, daemon: Daemon, last: str) -> dict[str, dict[str, Any]]:
    """The account of sources once `last` is in it: each new subscription is answered by the account as it stands."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        reader = reading(context, daemon, "status/")
        status = received(reader, lambda message: "event" in message)["event"]["data"]
        reader.close()
        assert status["part"] == status["parts"] == 1
        sources = {each["source"]: each for each in status["sources"]}
        if last in sources:
            return sources
    raise AssertionError(f"{last} is in no account")


def test_the_daemon_keeps_the_golden_accounts(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    """Each stream under a source of its own; those that need a clock are left to the unit tests."""
    daemon = daemons("--config", harness.configure(folder, {"name": "watch", "sockets": ipc})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    streams = [each for each in golden("accounts.ndjson") if each["steps"][-1]["at_ms"] < 100]
    assert len(streams) > 12
    hour, now = 3_600 * 10**9, time.time_ns()
    wanted = {}

    def mapped(epoch: str, stream: dict[str, Any]) -> int:
        """Before or after the daemon's beginning, as in the stream."""
        return now - hour if int(epoch) < int(stream["daemon_began"]) else now + hour

    for stream in streams:
        name = stream["name"]
        for step in stream["steps"]:
            epoch, seq, kind = mapped(step["epoch"], stream), int(step["seq"]), step["kind"]
            said = {key: step[key] for key in ("dropped", "interval_ms") if key in step}
            frames = (
                measured(name, epoch, seq)
                if kind == "message"
                else framed(f"{kind}/-/-/{name}", {"head": 7, "bye": 8}[kind], epoch, seq, said)
            )
            assert publisher.send_frames(frames)
        wanted[name] = stream["account"] | {"epoch": str(mapped(stream["account"]["epoch"], stream))}
    assert publisher.send_frames(measured("last", now, 1))

    accounts = sources_with(context, daemon, "last")
    for name, account in wanted.items():
        said = accounts[name]
        # The interval of a head is a second, which a slow machine may outlast.
        states = {account["state"], "stale"} if account["state"] == "live" else {account["state"]}
        assert said["state"] in states, name
        assert {key: said[key] for key in account if key != "state"} == {
            k: v for k, v in account.items() if k != "state"
        }, name


def test_a_reader_counts_exactly_and_hears_the_end(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    daemon = daemons("--config", harness.configure(folder, {"name": "watch", "sockets": ipc})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    reader = reading(context, daemon, "alert/", "decision/", "bye/", "head/")
    head = received(reader, lambda message: message["topic"] == "head/-/-/watch")
    assert head["descriptor"] == {"dropped": 0, "interval_ms": 1000}
    namespace: dict[str, Any] = {}
    exec(next(block for block in fenced(SPECIFICATION, "python") if "class Numbering" in block), namespace)
    numbering = namespace["Numbering"](exact=True)
    assert numbering.head(int(head["header"]["epoch"]), int(head["header"]["seq"])) == 0

    epoch, seen = time.time_ns(), 0
    for number in range(1, 41):
        assert publisher.send_frames(measured("one", epoch, number, number % 2, f"m{number // 2 % 3}"))

    def until(last: Callable[[dict[str, Any]], bool]) -> Callable[[dict[str, Any]], bool]:
        def count(message: dict[str, Any]) -> bool:
            nonlocal seen
            header = message["header"]
            if message["topic"].endswith(".live"):
                return last(message)
            place = int(header["epoch"]), int(header["seq"])
            if "event" in message:
                seen += 1
                assert numbering.message(message["topic"], *place, int(header["prev"])) == 0
                assert header["flags"] == (4 if header["seq"] == "1" else 0)
            else:
                assert numbering.head(*place) == 0
            return last(message)

        return count

    received(reader, until(lambda message: message["header"]["seq"] == "20" and "event" in message))
    daemon.stop()
    received(reader, until(lambda message: message["topic"] == "bye/-/-/watch"))
    assert numbering.highest == seen
    reader.close()


def test_two_processes_of_one_source_are_an_alert(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    daemon = daemons("--config", harness.configure(folder, {"name": "watch", "sockets": ipc})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    reader = reading(context, daemon, "alert/-/")
    epoch, number = time.time_ns(), 0
    deadline = time.monotonic() + GIVE_UP_S
    while not reader.poll(20):
        number += 1
        for each in (epoch + 1, epoch):
            assert publisher.send_frames(measured("/pods/7".replace("/", "%2F"), each, number))
        assert time.monotonic() < deadline
    message = received(reader, lambda message: True)
    data = message["event"]["data"]
    assert message["topic"] == "alert/-/-/watch"
    assert data["alert_key"] == "-/-/duplicate_source/%2Fpods%2F7" and data["state"] == "firing"
    assert 3 <= data["value"] < GIVE_UP_S
    namespace: dict[str, Any] = {}
    exec(next(block for block in fenced(SPECIFICATION, "python") if "def digest" in block), namespace)
    opened = str(nanoseconds(data["opened_at"]))
    assert data["episode_id"] == namespace["digest"]("ep-", "-", "-", "duplicate_source", "1", opened, "/pods/7")
    reader.close()


def test_the_daemon_takes_and_refuses_what_the_golden_messages_say(
    context: Context, daemons: Start, folder: Path, ipc: dict[str, list[str]]
) -> None:
    """Each under a source of its own, of the same length; whoever is counted stands in the account."""
    daemon = daemons("--config", harness.configure(folder, {"name": "watch", "sockets": ipc})).wait_ready()
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    expected: Counter[str] = Counter()
    counted: dict[str, bool] = {}
    for number, message in enumerate(each for each in golden("messages.ndjson") if each["direction"] == "in"):
        name = f"s{number:07}"
        frames = [bytes.fromhex(frame).replace(b"scorer-1", name.encode()) for frame in message["frames"]]
        frames[0] = frames[0].replace(b"airflow-1", name.encode())
        frames[1:2] = [each.replace(b'"source":"airflow-1"', f'"source":"{name}"'.encode()) for each in frames[1:2]]
        assert publisher.send_frames(frames)
        if "refused" in message:
            expected[message["refused"]] += 1
            counted[name] = message["counted"]
        expected.update(message.get("expect", {}).get("remarks", []))
    assert publisher.send_frames(measured("last", time.time_ns(), 1))
    sources = sources_with(context, daemon, "last")
    assert {name for name in counted if name in sources} == {name for name, is_counted in counted.items() if is_counted}
    assert all(sources[name]["rejected"] == 1 for name in sources if counted.get(name))
    daemon.stop()
    figures = daemon.final_figures()
    assert {reason: figures[reason] for reason in expected} == dict(expected)
