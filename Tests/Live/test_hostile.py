"""Peers that mean harm: whatever they send, the daemon lives, others are answered and every message is counted."""

from __future__ import annotations

import contextlib
import json
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import events
import harness
import pytest
import zmq
from framed_reference import HEADER
from hostile import GREETING, Context, Frames, Served, Start, cut, dial, fields, frame, open_files, ready, shaken, sign
from live import GIVE_UP_S, Publisher
from test_protocol_live import framed, measured, sources_with

MIB = 1 << 20
LIMIT = 65_536
TOP = 2**64 - 1


@pytest.fixture
def served(daemons: Start, folder: Path, context: Context) -> Served:
    return Served(daemons, folder, context)


# Connections.


@pytest.mark.parametrize("shared", ["ingest", "output", "features"])
def test_a_second_daemon_ends_with_69_and_the_first_goes_on(served: Served, folder: Path, shared: str) -> None:
    def named(prefix: str) -> dict[str, list[str]]:
        return {name: [f"ipc://{folder}/{prefix}{name}"] for name in ("ingest", "output", "features")}

    served.serve(sockets=named(""))
    other = named("other-") | {shared: named("")[shared]}
    second = served.start("--config", harness.configure(folder, {"sockets": other}, "second.yaml"))
    assert f"{folder}/{shared}" in second.wait_refused()
    assert second.process.returncode == 69
    served.answered()
    Publisher(served.context, served.daemon.ingest).wait_subscribed()
    served.stop()


def test_connections_that_never_shake_hands_are_closed(served: Served) -> None:
    served.serve()
    before = open_files(served)
    parts = [b"", b"\xff", GREETING[:10], GREETING[:11], GREETING[:63], GREETING, GREETING + ready(b"PUB")[:5]]
    ends = [*served.ends("ingest") * 100, *served.ends("output") * 50]
    begun, peers = time.monotonic(), []
    for number, end in enumerate(ends):
        peers.append(dial(end))
        peers[-1].sendall(parts[number % len(parts)])
    cut(served, peers)
    assert 4 < time.monotonic() - begun < 10
    for peer in peers:
        peer.close()
    assert open_files(served) <= before
    served.stop()


def garbage(drawn: random.Random) -> Iterator[bytes]:
    for _ in range(40):
        yield drawn.randbytes(drawn.randrange(1, 2_000))
        yield GREETING[: drawn.randrange(1, 64)] + drawn.randbytes(300)
        yield GREETING + drawn.randbytes(drawn.randrange(1, 500))
        yield GREETING + ready(b"PUB") + b"\x04" + drawn.randbytes(50)
    yield b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield GREETING + ready(b"REP")
    yield GREETING + ready(b"PUB") + struct.pack(">BQ", 2, TOP)
    yield GREETING + struct.pack(">BQ", 6, 2**63 - 1)
    yield GREETING.replace(b"NULL", b"CURV") + ready(b"PUB")
    yield GREETING + frame(b"\x05READY" + b"\xff" * 200, command=True)


def test_bytes_that_are_no_zmtp(served: Served, drawn: random.Random) -> None:
    served.serve()
    ends = [*served.ends("ingest"), *served.ends("output")]
    for number, wrong in enumerate(garbage(drawn)):
        # It may be cut before the end of it.
        with dial(ends[number % len(ends)]) as peer, contextlib.suppress(ConnectionError):
            peer.sendall(wrong)
        if number % 20 == 0:
            served.answered()
    served.answered()
    served.daemon.stop()
    # What happened to be a message of an older ZMTP was counted, and refused.
    figures = served.daemon.final_figures()
    assert figures["received"] - figures["rejected"] == served.publisher.sent


# Sizes.


def test_a_frame_above_the_limit_is_refused_and_above_twice_the_limit_cut(served: Served) -> None:
    served.serve(limits={"frame_bytes": LIMIT})
    for number, size in enumerate((LIMIT, LIMIT + 1, 2 * LIMIT - 1, 2 * LIMIT)):
        made = events.metrics("big", None, {"accuracy": 1.0}, source="plain", note="")
        body = events.line({**made, "note": "x" * (size - len(events.line(made)))})
        assert len(body) == size
        reason = "too_large" if size > LIMIT else None
        served.send([b"metrics/big/-/plain", body], reason)
        tensor = {"name": "rows", "datatype": "BOOL", "shape": [size, 1]}
        descriptor = {"tensors": [tensor]}
        batch = framed("features/big/-/framed", 2, 7, 1 + number, descriptor, bytes(size))
        served.send(batch, reason or "no_baseline")
    peers = [shaken(end, b"PUB") for end in served.ends("ingest")]
    for peer in peers:
        peer.sendall(frame(b"metrics", more=True) + struct.pack(">BQ", 2, 2 * LIMIT + 1))
    cut(served, peers)
    served.send(measured("last", time.time_ns(), 1))
    account = sources_with(served.context, served.daemon, "last")["framed"]
    assert (account["received"], account["rejected"], account["lost"]) == (4, 4, 0)
    served.stop()


def test_a_multipart_without_end_is_never_delivered_and_its_memory_comes_back(served: Served) -> None:
    served.serve()
    rounds, size = 6, 24 * MIB
    before = served.memory
    for number in range(rounds):
        with shaken(served.ends("ingest")[number % 2], b"PUB") as peer:
            piece = frame(b"x" * (1_000, 60_000)[number // 2 % 2], more=True)
            peer.sendall(frame(b"metrics/m/-/s", more=True) + piece * (size // len(piece)))
            served.answered()
    assert served.memory - before < 3 * size
    served.stop()


def test_multiparts_of_too_many_frames_are_counted_once_each(served: Served) -> None:
    served.serve()
    good = measured("s", time.time_ns(), 1)
    for count in (17, 1_000, 50_000):
        served.send([*good, *[b""] * (count - len(good))], "malformed")
        served.send([b"metrics/m/-/s", *[b"{}"] * (count - 1)], "malformed")
        served.answered()
    served.stop()


# Bytes.


def good_messages() -> Iterator[Frames]:
    """Without end; each under a source and an epoch of its own."""
    began = time.time_ns()
    number = 0
    while True:
        number += 1
        yield fields(measured(f"s{number:05}", began + number, 1), event_time=began)


def test_every_byte_of_the_header_changed(served: Served) -> None:
    served.serve()
    for at, frames in zip([at for at in range(HEADER.size) for _ in range(5)], good_messages(), strict=False):
        header = bytearray(frames[1])
        header[at] ^= (0x01, 0x06, 0x80, 0xFF, 0x08)[served.publisher.sent % 5]
        served.judge([frames[0], bytes(header), *frames[2:]])
    served.stop()


def test_frames_that_are_cut_anywhere(served: Served) -> None:
    served.serve()
    messages = good_messages()
    sample = next(messages)
    for index, whole in enumerate(sample):
        for length in range(len(whole)):
            frames = next(messages)
            frames[index] = frames[index][:length]
            served.judge(frames)
    for count in range(1, len(sample)):
        served.judge(next(messages)[:count])
    served.stop()


def test_random_bytes_after_the_magic(served: Served, drawn: random.Random) -> None:
    served.serve()
    messages = good_messages()

    def changed(kind: int, frames: Frames) -> Frames:
        topic, header, descriptor, tensor = frames
        if kind == 0:
            return [topic, b"TIDE" + drawn.randbytes(drawn.randrange(200)), descriptor, tensor]
        if kind == 1:
            kind_and_flags = bytes([drawn.randrange(40), drawn.randrange(3)]) + drawn.randbytes(4)
            return [topic, header[:6] + kind_and_flags + header[12:], descriptor, tensor]
        if kind == 2:
            return [topic, header[:16] + drawn.randbytes(48), descriptor, tensor]
        if kind == 3:
            return [topic, header, drawn.randbytes(drawn.randrange(300)), tensor]
        if kind == 4:
            return [topic, header, descriptor, drawn.randbytes(drawn.choice((0, 7, 8, 9)))]
        return [topic, header[:4] + drawn.randbytes(2) + header[6:], descriptor, tensor]

    for number in range(1_200):
        served.judge(changed(number % 6, next(messages)))
    served.stop()


# Descriptors and tensors.


def batch(seq: int, descriptor: Any, *tensors: bytes, kind: str = "features") -> Frames:
    return framed(f"{kind}/wide/-/batches", {"features": 2, "baseline": 5}[kind], 9, seq, descriptor, *tensors)


def described(datatype: str, *shape: int) -> dict[str, Any]:
    return {"tensors": [{"name": "rows", "datatype": datatype, "shape": list(shape)}]}


def test_shapes_that_cannot_be(served: Served) -> None:
    served.serve()
    wrong = [[2**63], [2**64], [2**63 - 1], [2**32, 2**32], [2**62, 2], [2**31, 2**31], [2**61, 1], [1] * 9, [-1]]
    wrong += [[10**400], [3, 2**63 - 1], [2**21] * 3, [], [1, 2**60]]
    for number, shape in enumerate(wrong):
        datatype = ("FP64", "BOOL", "BYTES", "INT32")[number % 4]
        served.send(batch(number + 1, described(datatype, *shape), bytes(8)), "malformed")
    assert served.memory < 256 * MIB
    served.stop()


@pytest.mark.parametrize("opener", ["[", '{"a":', '[{"shape":'])
def test_depth_in_descriptors(served: Served, opener: str) -> None:
    served.serve()
    seq = 0
    for depth in (70, 1_000, 100_000, (4 * MIB - 200) // len(opener)):
        for key in ("unknown", "tensors", "metrics", "dropped"):
            seq += 1
            topic, header, descriptor, tensor = measured("deep", 9, seq)
            bomb = descriptor[:-1] + f',"{key}":'.encode() + opener.encode() * depth
            served.send([topic, header, bomb, tensor], "malformed")
        served.answered()
    topic, header, _ = sign("head", "deep", 9, seq, dropped=0, interval_ms=1)
    served.send([topic, header, opener.encode() * 400], "malformed")
    assert "gap" not in served.stop()


def test_depth_of_64_is_taken_and_of_66_is_not(served: Served) -> None:
    served.serve()
    for seq, depth in enumerate((64, 66), 1):
        topic, header, descriptor, tensor = measured("deep", 9, seq)
        nested = descriptor[:-1] + b',"unknown":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
        served.send([topic, header, nested, tensor], "malformed" if depth > 64 else None)
    served.stop()


def test_descriptors_of_4_mib(served: Served) -> None:
    served.serve()
    for seq, size in enumerate((4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 16 * MIB), 1):
        topic, header, descriptor, tensor = measured("long", 9, seq)
        padded = descriptor[:-1] + b',"note":"' + b"x" * (size - len(descriptor) - 10) + b'"}'
        assert len(padded) == size
        served.send([topic, header, padded, tensor], "too_large" if size > 4 * MIB else None)
    served.stop()


def test_more_columns_than_are_taken(served: Served) -> None:
    served.serve()
    wide = {"tensors": [{"name": "rows", "datatype": "BOOL", "shape": [1, count]} for count in (65_536, 1)]}
    for kind in ("baseline", "features"):
        served.send(batch(1 + 3 * (kind == "features"), described("FP64", 1, 65_537), bytes(8 * 65_537), kind=kind))
        served.send(batch(2 + 3 * (kind == "features"), wide, bytes(65_536), bytes(1), kind=kind))
        served.send(batch(3 + 3 * (kind == "features"), described("BOOL", 1, 65_536), bytes(65_536), kind=kind))
        served.expected.update({"too_large": 2})
    served.stop()


def test_texts_of_hostile_lengths(served: Served) -> None:
    served.serve()

    def length(value: int) -> bytes:
        return struct.pack("<I", value)

    full = 2**32 - 1
    wrong = [(b"", 1), (length(1), 1), (length(full), 1), (length(full) + b"x" * 99, 1), (length(2**31) * 2, 2)]
    wrong += [(length(0) * 2, 1), (length(0), 2), (length(0)[:3], 1), (length(4) + b"ab", 1), (length(0), 2**59)]
    wrong += [(length(full) * 1_000, 1_000), (b"\0" * 7, 2), (length(0) * 1_000 + b"\0", 1_000)]
    for number, (text, rows) in enumerate(wrong):
        for count in (1, 2):
            listed = [described("BYTES", rows)["tensors"][0], described("BOOL", rows)["tensors"][0]][:count]
            tensors = [text, bytes(min(rows, 1_000))][:count]
            served.send(batch(1 + 2 * number + count, {"tensors": listed}, *tensors), "malformed")
    served.stop()


# Numbers.


def test_heads_that_say_all_or_nothing(served: Served) -> None:
    served.serve()
    kinds = {"most": (TOP, TOP), "least": (0, 1), "none": (0, 0), "beyond": (TOP + 1, 1), "ever": (0, TOP + 1)}
    for name, (dropped, interval) in kinds.items():
        taken = interval > 0 and max(dropped, interval) <= TOP
        served.signs += taken
        served.send(sign("head", name, 9, 5, dropped=dropped, interval_ms=interval), None if taken else "malformed")
    served.send(measured("last", time.time_ns(), 1))
    accounts = sources_with(served.context, served.daemon, "last")
    assert accounts.keys() & kinds.keys() == {"most", "least"}
    assert accounts["most"]["dropped"] == TOP and accounts["most"]["state"] == "live"
    assert accounts["least"]["dropped"] == 0
    served.stop()


def test_times_at_the_ends_of_64_bits(served: Served) -> None:
    served.serve()
    ends = (-(2**63), -(2**63) + 1, -1, 1, 2**63 - 1)
    times = [(event, send) for event in (0, *ends) for send in (0, *ends)]
    for order in (times, times[::-1]):
        for number, (event, send) in enumerate(order):
            name = f"t{number}-{order is times}"
            for seq, moment in enumerate((event, 0), 1):
                frames = measured(name, 9, seq, model=f"m{number % 5}")
                served.send(fields(frames, event_time=moment, send_time=send))
            served.signs += 1
            served.send(fields(sign("head", name, 9, 2, dropped=0, interval_ms=1), event_time=event, send_time=send))
    served.send(measured("last", time.time_ns(), 1))
    accounts = sources_with(served.context, served.daemon, "last")
    assert len([name for name in accounts if name.startswith("t")]) == 2 * len(times)
    served.stop()


@pytest.mark.parametrize("epoch", [1, TOP])
def test_after_the_last_number_all_are_duplicates(served: Served, epoch: int) -> None:
    served.serve()
    served.send(measured("last", epoch, TOP))
    for again in (TOP, TOP - 1, 1):
        served.send(measured("last", epoch, again), "duplicate")
    served.signs += 1
    served.send(sign("head", "last", epoch, TOP, dropped=0, interval_ms=TOP))
    for sequence, reason in ((TOP, "duplicate"), (0, "malformed"), (1, "duplicate"), (TOP + 1, "malformed")):
        made = events.metrics("m", None, {"accuracy": 1.0}, source="last", sequence=str(sequence), epoch=str(epoch))
        served.send([b"metrics/m/-/last", json.dumps(made).encode()], reason)
    assert sources_with(served.context, served.daemon, "last")["last"]["sequence"] == str(TOP)
    served.stop()


def test_the_largest_gap_is_counted_exactly(served: Served) -> None:
    served.serve()
    served.send(measured("last", TOP, TOP))
    assert sources_with(served.context, served.daemon, "last")["last"]["lost"] == TOP - 1
    assert served.stop()["gap"] == TOP - 1


# Readers.


def test_subscriptions_that_come_and_go(served: Served) -> None:
    served.serve()
    flapping: zmq.Socket[bytes] = served.context.socket(zmq.SUB)
    flapping.setsockopt(zmq.SNDHWM, 0)
    flapping.connect(served.daemon.output)
    for number in range(5_000):
        for prefix in ("head/", "status/"):
            flapping.subscribe(prefix)
        if number % 100 == 0:
            served.answered()
            assert all(hears(flapping, f"{kind}/-/-/watch.live") for kind in ("head", "status"))
        for prefix in ("head/", "status/"):
            flapping.unsubscribe(prefix)
    flapping.subscribe("alert/flapped/")  # the last that it says, so that all was heard when it is answered
    deadline = time.monotonic() + GIVE_UP_S
    while not hears(flapping, "alert/flapped/-/watch", patience_s=0.1):
        assert time.monotonic() < deadline
        served.publisher.metrics("flapped", 0.1)
        served.publisher.metrics("flapped", 1.0)
        served.answered()
    assert served.memory < 256 * MIB
    served.stop()


def hears(reader: zmq.Socket[bytes], topic: str, patience_s: float = GIVE_UP_S) -> bool:
    """Whether a message of this topic comes in time; those before it are passed over."""
    deadline = time.monotonic() + patience_s
    while reader.poll(max(0, int(1_000 * (deadline - time.monotonic())))):
        if reader.recv_multipart()[0] == topic.encode():
            return True
    return False


def test_a_reader_that_never_reads(served: Served) -> None:
    served.serve()
    before = served.memory
    stuck = [shaken(end, b"SUB") for end in served.ends("output")]
    for peer in stuck:
        peer.sendall(frame(b"\x01"))
    for number in range(24):
        for each in range(500):
            served.publisher.metrics("much", each % 2, 300 * (each % 2))
        served.publisher.metrics(f"round-{number}", 0.96)
        outputs = served.reader.until_kind("assessment.performance", f"round-{number}")
        assert len([each for each in outputs if each.topic == "assessment/much/-/watch.live"]) >= 500
    assert served.memory - before < 128 * MIB
    figures = served.stop()
    assert figures["published"] > 30_000, "too few to fill a queue"
