"""A daemon behind keys, the clients it lets in, and those it does not."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import events
import harness
import zmq
import zmq.auth
from live import GIVE_UP_S, Daemon, topic_of
from zmq.utils.monitor import recv_monitor_message

Context = zmq.Context[Any]
Start = Callable[..., Daemon]
Keys = tuple[bytes, bytes]

CONNECTED = zmq.EVENT_HANDSHAKE_SUCCEEDED
FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL

#: Name, roles and the prefix of sources of each client that the daemon knows.
CLIENTS: dict[str, tuple[list[str], str | None]] = {
    "serving-a": (["publish"], "serving-a/"),
    "pager": (["consume"], None),
    "trainer": (["consume", "acknowledge"], None),
    "all": (["publish", "consume", "acknowledge"], "*"),
}


class Guarded:
    """A daemon with `security`, on tcp at ports of its own choice."""

    def __init__(self, start: Start, folder: Path, context: Context) -> None:
        self.folder, self.context, self.start = folder, context, start
        self.keys: dict[str, Keys] = {name: self.keygen(name) for name in ("server", *CLIENTS)}
        self.write_clients(*CLIENTS)
        self.sockets = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control", "reliable")}
        self.security: dict[str, Any] = {"server_key_file": "server.key_secret", "clients_file": "clients.yaml"}

    def keygen(self, name: str) -> Keys:
        ran = harness.run("keygen", "--out", self.folder / name)
        assert ran.code == 0, ran.said
        public, secret = zmq.auth.load_certificate(self.folder / f"{name}.key_secret")
        assert secret is not None
        return public, secret

    def entry(self, name: str) -> dict[str, Any]:
        roles, prefix = CLIENTS[name]
        made: dict[str, Any] = {"name": name, "public_key": self.keys[name][0].decode(), "roles": roles}
        return made | ({"source_prefix": prefix} if prefix else {})

    def write_clients(self, *names: str) -> None:
        harness.configure(self.folder, {"clients": [self.entry(name) for name in names]}, "clients.yaml")

    def configuration(self) -> Path:
        said = {"name": "watch", "sockets": self.sockets, "security": self.security, "state": str(self.folder / "state")}
        return harness.configure(self.folder, said)

    def serve(self, *flags: str | Path) -> Guarded:
        self.daemon = self.start("--config", self.configuration(), *flags).wait_ready()
        self.publisher = self.client(zmq.XPUB, "all", "ingest")
        assert self.publisher.poll(GIVE_UP_S * 1000), "the daemon subscribes to who is let in"
        self.publisher.recv()
        self.reader = self.client(zmq.SUB, "all", "output")
        self.reader.setsockopt(zmq.SUBSCRIBE, b"assessment/")
        self.source = f"well-{time.time_ns()}"
        self.answered()
        return self

    def end(self, socket: str, way: str = "tcp") -> str:
        found = re.search(rf"\b{socket}=(\S+)", self.daemon.wait_for_line(r"\bready\b"))
        assert found
        return next(each for each in found[1].split(",") if each.startswith(way))

    def socket(self, kind: int, keys: Keys | None, server: bytes | None = None) -> zmq.Socket[bytes]:
        made: zmq.Socket[bytes] = self.context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        if keys is not None:
            made.setsockopt(zmq.CURVE_SERVERKEY, server or self.keys["server"][0])
            made.setsockopt(zmq.CURVE_PUBLICKEY, keys[0])
            made.setsockopt(zmq.CURVE_SECRETKEY, keys[1])
        return made

    def client(self, kind: int, name: str, socket: str) -> zmq.Socket[bytes]:
        made = self.socket(kind, self.keys[name])
        made.connect(self.end(socket))
        return made

    def outcome(
        self, kind: int, end: str, keys: Keys | None, server: bytes | None = None, wanted: int = CONNECTED | FAILED
    ) -> int:
        """The first thing that becomes of a handshake."""
        peer = self.socket(kind, keys, server)
        monitor = peer.get_monitor_socket(wanted)
        try:
            peer.connect(end)
            assert monitor.poll(GIVE_UP_S * 1000), f"nothing came of a handshake with {end}"
            return int(recv_monitor_message(monitor)["event"])
        finally:
            peer.disable_monitor()
            peer.close()

    def send(self, socket: zmq.Socket[bytes], source: str, model: str = "well", **said: Any) -> None:
        event = events.metrics(model, None, {"accuracy": 0.9, "latency_ms": 1.0}, source=source, **said)
        socket.send_multipart([topic_of(event).encode(), events.line(event)])

    def answered(self) -> None:
        """A client that is let in is served: its event comes back as an assessment."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            self.send(self.publisher, self.source)
            if self.reader.poll(200):
                while self.reader.poll(0):
                    self.reader.recv_multipart()
                return
        raise AssertionError(f"nobody is served; the log:\n{self.daemon.log[-3000:]}")

    def figures(self) -> dict[str, int]:
        self.answered()
        self.daemon.stop()
        return self.daemon.final_figures()


@contextlib.contextmanager
def asked(guarded: Guarded, name: str) -> Iterator[zmq.Socket[bytes]]:
    peer = guarded.client(zmq.DEALER, name, "control")
    try:
        yield peer
    finally:
        peer.close()
