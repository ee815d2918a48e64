"""Both ends of a daemon in Python, bounded in every wait."""

from __future__ import annotations

import json
import socket as sockets
import time
from collections.abc import Callable, Iterator
from typing import Any, Optional

import reference
import zmq
from reference import Decoded

#: A wait ends as soon as its condition holds; this is only where it gives up.
GIVE_UP_S = 20.0
EPOCH = 1_772_409_600_000_000_000


def until(done: Callable[[], Any], what: str) -> None:
    """Looks again and again, since what is waited for says nothing when it comes."""
    deadline = time.monotonic() + GIVE_UP_S
    while not done():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.002)  # between two looks at the condition


def nobody() -> str:
    """An endpoint where nobody listens yet. Not that of a socket just closed: libzmq goes on listening for a while,
    and even subscribes."""
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{taken.getsockname()[1]}"


class Peer:
    """SUB, subscribed to everything."""

    def __init__(self, context: Any, endpoint: str = "tcp://127.0.0.1:*", *, hwm: int = 100_000) -> None:
        self._context = context
        self._socket = context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, hwm)
        if hwm < 100:
            self._socket.setsockopt(zmq.RCVBUF, 4096)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            try:
                self._socket.bind(endpoint)
                break
            except zmq.ZMQError as error:  # libzmq gives a port back some time after the socket is closed
                assert error.errno == zmq.EADDRINUSE and time.monotonic() < deadline, error
                time.sleep(0.005)
        self.endpoint = self._socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0")

    def frames(self, wait_s: float = GIVE_UP_S) -> Optional[list[bytes]]:
        return self._socket.recv_multipart() if self._socket.poll(int(wait_s * 1000)) else None

    def heard_by(self, publisher: Any) -> None:
        """Until the publisher is subscribed to: libzmq does that while this socket is used, not by itself."""
        until(lambda: self._socket.poll(0) is None or publisher.wait_ready(0.002), "the publisher is subscribed to")

    def any(self) -> Decoded:
        """The next message, heads and byes too."""
        frames = self.frames()
        assert frames is not None, "nothing came"
        return reference.decode(frames)

    def next(self) -> Decoded:
        """The next message that has a number."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            found = self.any()
            if found.kind not in reference.HEADS:
                return found
        raise AssertionError("nothing but heads came")

    def take(self, count: int) -> list[Decoded]:
        return [self.next() for _ in range(count)]

    def until_word(self, word: str) -> list[Decoded]:
        """What comes up to the first message of a kind, which is the last of them."""
        deadline = time.monotonic() + GIVE_UP_S
        taken = [self.any()]
        while taken[-1].word != word:
            assert time.monotonic() < deadline, f"no {word} among {[message.word for message in taken][-20:]}"
            taken.append(self.any())
        return taken

    def rest(self) -> Iterator[Decoded]:
        """Numbered messages up to the bye."""
        for found in self.until_word("bye"):
            if found.kind not in reference.HEADS:
                yield found

    def close(self) -> None:
        self._socket.close(linger=0)

    def restart(self, publisher: Any) -> Peer:
        """Another daemon at the same endpoint, once the publisher knows that this one is gone: what it sends before
        it does is lost on the way."""
        self.close()
        until(lambda: not publisher._link._connected, "the loss of the connection is noticed")
        return Peer(self._context, self.endpoint)


class Outlet:
    """XPUB that speaks as the daemon NAME: heads, alerts, decisions, assessments, plain or framed."""

    def __init__(self, context: Any, endpoint: str = "tcp://127.0.0.1:*", *, name: str = "example") -> None:
        self._socket = context.socket(zmq.XPUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(endpoint)
        self.endpoint = self._socket.getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0")
        self.name = name
        self.prefixes: list[bytes] = []

    def wait_for(self, prefix: bytes) -> Outlet:
        deadline = time.monotonic() + GIVE_UP_S
        while prefix not in self.prefixes:
            left = deadline - time.monotonic()
            assert left > 0 and self._socket.poll(int(left * 1000)), f"nobody subscribed to {prefix!r}"
            frame = self._socket.recv()
            if frame[:1] == b"\x01":
                self.prefixes.append(frame[1:])
        return self

    def send(self, frames: list[bytes]) -> None:
        self._socket.send_multipart(frames)

    def close(self) -> None:
        self._socket.close(linger=0)


def head(seq: int, *, source: str = "example", epoch: int = EPOCH, interval_ms: int = 1000) -> list[bytes]:
    said = json.dumps({"dropped": 0, "interval_ms": interval_ms}).encode()
    return [f"head/-/-/{source}".encode(), reference.header(7, 3, epoch, seq), said]


def bye(seq: int, *, source: str = "example", epoch: int = EPOCH) -> list[bytes]:
    return [f"bye/-/-/{source}".encode(), reference.header(8, 3, epoch, seq), b'{"dropped":0}']


def alert_event(name: str, *, model: str = "fraud", source: str = "example") -> dict[str, Any]:
    episode = f"ep-{name}"
    return {
        "specversion": "1.0", "type": "tidemark.alert.opened.v1", "source": source, "id": f"{episode}.1",
        "time": "2026-03-02T02:00:00.000000001Z", "subject": model, "modelversion": "7",
        "correlationid": episode, "datacontenttype": "application/json", "more": {"to": "ignore"},
        "data": {
            "alert_key": f"{model}/7/drift", "episode_id": episode, "rev": 1, "monitor": "drift",
            "type": "data_drift", "state": "firing", "severity": "medium", "opened_at": "2026-03-02T02:00:00Z",
            "value": 2.5, "threshold": 2, "top_k": [{"name": "amount", "drift_score": 2.5}], "more": [1],
        },
    }  # fmt: skip


def alert(seq: int, prev: int = 0, *, model: str = "fraud", epoch: int = EPOCH, kind: int = 16) -> list[bytes]:
    """A framed alert (16) or, just as well for numbers, a decision (17)."""
    word = {16: "alert", 17: "decision"}[kind]
    said = json.dumps(alert_event(f"{epoch}-{seq}", model=model)).encode()
    return [f"{word}/{model}/7/example".encode(), reference.header(kind, 3, epoch, seq, prev), said]


def plain_alert(name: str) -> list[bytes]:
    return [b"alert/fraud/7/example", json.dumps(alert_event(name)).encode()]
