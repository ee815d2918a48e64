"""A daemon that must go on serving whatever others send, its figures added up, and ZMTP written by hand."""

from __future__ import annotations

import os
import re
import selectors
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import framed_reference
import harness
import zmq
from framed_reference import FIELDS, HEADER
from live import GIVE_UP_S, Daemon, Publisher, Subscriber
from test_protocol_live import framed

Start = Callable[..., Daemon]
Context = zmq.Context[Any]
Frames = list[bytes]

#: How long a peer that behaves may wait for its answer, on a machine that is busy.
ANSWER_S = 3.0


class Served:
    """A daemon on tcp and ipc, with a publisher and a reader that behave."""

    def __init__(self, start: Start, folder: Path, context: Context) -> None:
        ends = {name: [f"ipc://{folder}/{name}", "tcp://127.0.0.1:0"] for name in ("ingest", "output")}
        said: dict[str, Any] = {"name": "watch", "sockets": ends}
        self.folder, self.context, self.start, self.configuration = folder, context, start, said
        self.expected: Counter[str] = Counter()
        self.signs = 0

    def serve(self, **more: Any) -> Served:
        config = harness.configure(self.folder, self.configuration | more)
        self.daemon = self.start("--config", config).wait_ready()
        self.publisher = Publisher(self.context, self.daemon.ingest).wait_subscribed()
        self.reader = Subscriber(self.context, self.daemon.output, "assessment/").settle(self.publisher)
        return self

    def ends(self, name: str) -> list[str]:
        """Every endpoint of a socket as bound: ipc, then tcp."""
        found = re.search(rf"\b{name}=(\S+)", self.daemon.wait_for_line(r"\bready\b"))
        assert found
        return found[1].split(",")

    def answered(self) -> None:
        begun = time.monotonic()
        self.publisher.metrics("well", 0.96)
        self.reader.until_kind("assessment.performance", "well")
        assert time.monotonic() - begun < ANSWER_S, "others keep the daemon from its work"

    def send(self, frames: Frames, reason: str | None = None) -> None:
        """A message to be refused for this reason, or taken."""
        assert self.publisher.send_frames(frames)
        self.expected.update([reason] if reason else [])

    def judge(self, frames: Frames) -> None:
        """A message of which the codec in Python says what becomes of it."""
        try:
            said = framed_reference.decode(frames)
        except framed_reference.Refused as refused:
            self.send(frames, refused.reason)
        else:
            self.signs += said["header"]["kind"] in (7, 8)
            self.send(frames)

    def stop(self) -> dict[str, int]:
        """Ends the daemon; what was sent and refused adds up exactly."""
        self.answered()
        self.daemon.stop()
        figures = self.daemon.final_figures()
        assert figures["received"] == self.publisher.sent - self.signs
        assert figures.get("heads", 0) == self.signs
        assert {reason: figures.get(reason, 0) for reason in self.expected} == dict(self.expected)
        assert figures["rejected"] == self.expected.total()
        return figures

    @property
    def memory(self) -> int:
        """Bytes that are resident."""
        pages = Path(f"/proc/{self.daemon.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


# Messages.


def fields(frames: Frames, **changed: int) -> Frames:
    """The message with other values in its header."""
    magic, *values = HEADER.unpack(frames[1])
    header = HEADER.pack(magic, *(dict(zip(FIELDS, values, strict=True)) | changed).values())
    return [frames[0], header, *frames[2:]]


def sign(kind: str, source: str, epoch: int, seq: int, **said: int) -> Frames:
    return framed(f"{kind}/-/-/{source}", {"head": 7, "bye": 8}[kind], epoch, seq, said)


# ZMTP by hand.

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)


def frame(body: bytes, more: bool = False, command: bool = False) -> bytes:
    flags = 4 * command + more
    return struct.pack(">BQ", flags | 2, len(body)) + body if len(body) > 255 else bytes([flags, len(body)]) + body


def ready(kind: bytes) -> bytes:
    return frame(b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind, command=True)


def dial(endpoint: str) -> socket.socket:
    way, _, place = endpoint.partition("://")
    host, _, port = place.rpartition(":")
    peer = socket.socket(socket.AF_UNIX if way == "ipc" else socket.AF_INET)
    peer.settimeout(GIVE_UP_S)
    peer.connect(place if way == "ipc" else (host, int(port)))
    return peer


def shaken(endpoint: str, kind: bytes) -> socket.socket:
    """A peer whose handshake is done."""
    peer = dial(endpoint)
    peer.sendall(GREETING + ready(kind))
    exactly(peer, len(GREETING))
    exactly(peer, exactly(peer, 2)[1])
    return peer


def exactly(peer: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        some = peer.recv(count - len(got))
        assert some, "cut before the handshake was done"
        got += some
    return got


def is_cut(peer: socket.socket) -> bool:
    """Whether the daemon has closed it; what it sends is passed over."""
    peer.setblocking(False)
    try:
        while peer.recv(65_536):
            continue
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def cut(served: Served, peers: Iterable[socket.socket]) -> None:
    """Waits until all are closed by the daemon, which goes on answering."""
    deadline = time.monotonic() + GIVE_UP_S
    with selectors.DefaultSelector() as left:
        for peer in peers:
            left.register(peer, selectors.EVENT_READ)
        while left.get_map():
            for key, _ in left.select(timeout=0.1):
                assert isinstance(key.fileobj, socket.socket)
                if is_cut(key.fileobj):
                    left.unregister(key.fileobj)
            served.answered()
            assert time.monotonic() < deadline, f"{len(left.get_map())} connections are still open"


def open_files(served: Served) -> int:
    return len(os.listdir(f"/proc/{served.daemon.process.pid}/fd"))
