"""Receivers of notifications: an HTTP server that does as it is told, and a real Alertmanager."""

from __future__ import annotations

import collections
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import REPOSITORY
from protocol_pages import fenced

PATIENCE_S = 20.0

#: `is_genuine` as the page for operators gives it.
PAGE = (REPOSITORY / "deploy" / "notifications.md").read_text(encoding="utf-8")
_page: dict[str, Any] = {}
exec(fenced(PAGE, "python")[0], _page)
is_genuine: Callable[[str, Any, bytes], bool] = _page["is_genuine"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.body)


#: What to do with a request: a status, or HANG (until the receiver is closed), or CUT (the connection).
HANG, CUT, ENDLESS = -1, -2, -3
Answer = int | tuple[int, dict[str, str]]


class Receiver:
    """Answers by a script, then with 204; keeps what it was sent, in order, with what it answered."""

    def __init__(self, script: Sequence[Answer] = (), port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._script = collections.deque(script)
        self._changed = threading.Condition()
        self._received: list[Received] = []
        self._answers: list[int] = []
        self._released = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer._answer(self, Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))

            def log_message(self, *_: Any) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/hook/secret-path"

    def _answer(self, handler: http.server.BaseHTTPRequestHandler, received: Received) -> None:
        with self._changed:
            answer = self._script.popleft() if self._script else 204
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self._received.append(received)
            self._answers.append(status)
            self._changed.notify_all()
        if status == HANG:
            self._released.wait()
        if status in (HANG, CUT):
            handler.close_connection = True
            return
        endless, status = status == ENDLESS, 200 if status == ENDLESS else status
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(1 << 40) if endless else "0")
        handler.end_headers()
        try:
            while endless and not self._released.is_set():
                handler.wfile.write(b"x" * 65_536)
        except OSError:
            handler.close_connection = True

    @property
    def received(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    @property
    def answers(self) -> list[int]:
        with self._changed:
            return list(self._answers)

    @property
    def taken(self) -> list[Received]:
        """Those that were answered with success."""
        with self._changed:
            return [each for each, status in zip(self._received, self._answers) if 200 <= status < 300]

    def wait(self, holds: Callable[[list[Received]], bool], what: str) -> list[Received]:
        with self._changed:
            done = self._changed.wait_for(lambda: holds(self._received), PATIENCE_S)
            assert done, f"{what}: not in {PATIENCE_S} s; there were {[each.id for each in self._received][-20:]}"
            return list(self._received)

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)


CONFIGURATION = """
route: {receiver: nobody, group_wait: 1s, group_interval: 1s}
receivers: [{name: nobody}]
"""


class Alertmanager:
    """Debian's `prometheus-alertmanager` on a port of its own, ended by its pid."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("prometheus-alertmanager")
        assert program, "no prometheus-alertmanager: apt-get install prometheus-alertmanager"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        data = folder / f"alertmanager-{self.port}"
        data.mkdir()
        configuration = data / "alertmanager.yml"
        configuration.write_text(CONFIGURATION)
        with (data / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program, f"--config.file={configuration}", f"--storage.path={data}", "--cluster.listen-address=",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait(self._is_ready, "ready")

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, "it ended"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    @property
    def alerts(self) -> list[Any]:
        """What is active; of what is resolved or expired it says nothing."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            return list(json.load(answer))

    def severities(self, model: str) -> list[str]:
        return sorted(each["labels"]["severity"] for each in self.alerts if each["labels"].get("model") == model)

    def wait(self, holds: Callable[[], Any], what: object) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        pause = threading.Event()
        while not (found := holds()):
            assert time.monotonic() < deadline, f"{what}: not in {PATIENCE_S} s"
            pause.wait(0.02)
        return found

    def wait_for(self, model: str, *severities: str) -> None:
        try:
            self.wait(lambda: self.severities(model) == sorted(severities), f"{model} {severities}")
        except AssertionError as problem:
            raise AssertionError(f"{problem}; there is {self.alerts}") from None

    def close(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)
