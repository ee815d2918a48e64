"""What the commands over HTTP are tested against: a real terminal, a daemon of the OpenAPI file's own examples, and
peers that are none."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from harness import REPOSITORY, binary, environment

GIVE_UP_S = 10.0
Json = Any


class Pane:
    """A program in a real terminal of its own: tmux, ended by its own socket."""

    pace = threading.Event()

    def __init__(self, folder: Path, columns: int = 100, rows: int = 30, **variables: str) -> None:
        self.folder = folder
        self.variables = environment() | {"LANG": "C.UTF-8", "TMUX_TMPDIR": str(folder)} | variables
        for name in ("TMUX", "LC_ALL", "LC_CTYPE") + (() if "NO_COLOR" in variables else ("NO_COLOR",)):
            self.variables.pop(name, None)
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "exec env 'PS1=ready> ' bash --norc --noprofile")
        self.wait("ready>")

    def tmux(self, *arguments: str) -> str:
        ran = subprocess.run(
            ["tmux", "-f", "/dev/null", *arguments], env=self.variables, capture_output=True, timeout=GIVE_UP_S, check=True
        )
        return ran.stdout.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def run(self, *arguments: str) -> None:
        self.type(" ".join([str(binary()), *arguments]))
        self.press("Enter")

    @property
    def lines(self) -> list[str]:
        return self.tmux("capture-pane", "-p").split("\n")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def styled(self) -> str:
        return self.tmux("capture-pane", "-p", "-e")

    def attributes(self, word: str) -> set[str]:
        """What is set where a word begins: 1 bold, 2 dim, 7 reversed, 31 and so on a colour."""
        styled = self.styled
        found: set[str] = set()
        for codes in re.findall(r"\x1b\[([0-9;]*)m", styled[: styled.index(word)]):
            for code in (codes or "0").split(";"):
                found = set() if code == "0" else {each for each in found if each[:1] != "3"} if code == "39" else found | {code}
        return found

    def asked(self, what: str) -> str:
        return self.tmux("display-message", "-p", f"#{{{what}}}").strip()

    def wait(self, *wanted: str | Callable[[str], bool]) -> str:
        """The screen, once it holds every pattern and meets every condition."""
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            text = self.text
            if all(each(text) if callable(each) else re.search(each, text) for each in wanted):
                return text
            assert time.monotonic() < deadline, f"no {wanted} on the screen:\n{text}"
            # A look at the screen is a process: between two of them the program under test may run.
            self.pace.wait(0.02)

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def child(self) -> int:
        """The program that runs in the shell."""
        shell = self.asked("pane_pid")
        return int(subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True, check=True).stdout.split()[0])

    def assert_clean(self) -> None:
        """The terminal is as it was found: this screen, a cursor, lines, echo and signals."""
        self.wait(lambda _: self.asked("alternate_on") == "0", lambda _: self.asked("cursor_flag") == "1")
        assert self.asked("wrap_flag") == "1"
        self.press("C-u")
        self.type("stty -a | tr ' ;' '\\n\\n' | grep -xE -- '-?(icanon|echo|isig|ixon|icrnl)' | tr '\\n' ','; echo end")
        self.press("Enter")
        settings = self.wait(r"(?m)^[a-z,-]+,end$")
        assert not re.search(r"(?m)^.*-(icanon|echo|isig|ixon|icrnl).*,end$", settings), settings

    def close(self) -> None:
        subprocess.run(["tmux", "-f", "/dev/null", "kill-server"], env=self.variables, capture_output=True, timeout=GIVE_UP_S)


class Examples:
    """A daemon that answers what the OpenAPI file gives as examples."""

    def __init__(self, *, chunked: bool = False, token: str | None = None, port: int = 0) -> None:
        contract = yaml.safe_load((REPOSITORY / "protocol" / "http" / "openapi.yaml").read_text())
        self.answers = {path: self.example(item) for path, item in contract["paths"].items()}
        self.changed: dict[str, tuple[int, Json]] = {}
        self.asked: list[tuple[str, str | None]] = []
        examples = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                authorization = self.headers.get("Authorization")
                examples.asked.append((self.path, authorization))
                if token is not None and authorization != f"Bearer {token}":
                    return self.answer(401, {"code": "token", "detail": "want the bearer token"})
                path = urlsplit(self.path).path
                if path == "/api/v1/events" and path not in examples.changed:
                    return self.stream()
                status, body = examples.changed.get(path) or examples.answer_to(path)
                self.answer(status, body)

            def answer(self, status: int, body: Json) -> None:
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Connection", "close")
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for start in range(0, len(data), 7):
                        part = data[start : start + 7]
                        self.wfile.write(f"{len(part):x};a=b\r\n".encode() + part + b"\r\n")
                    self.wfile.write(b"0\r\nEnd: true\r\n\r\n")
                else:
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                self.close_connection = True

            def stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b'event: hello\ndata: {"at":"2026-03-02T05:00:00Z","resumed":false}\n\n')
                self.wfile.flush()
                with examples.stopping:
                    examples.stopping.wait_for(lambda: examples.stopped, GIVE_UP_S * 6)
                self.close_connection = True

        self.stopping = threading.Condition()
        self.stopped = False
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @staticmethod
    def example(item: Json) -> Json:
        content = next(iter(item["get"]["responses"]["200"]["content"].values()))
        return content["example"] if "example" in content else next(iter(content["examples"].values()))["value"]

    def answer_to(self, path: str) -> tuple[int, Json]:
        for template, answer in self.answers.items():
            if re.fullmatch(re.sub(r"\\{.*?\\}", "([^/]+)", re.escape(template)), path):
                wanted = unquote(path.rsplit("/", 1)[1])
                known = str(answer.get("id", answer.get("version", wanted))) if "{" in template else wanted
                if known != wanted:
                    break
                return 200, answer
        return 404, {"type": "about:blank", "title": "Not Found", "status": 404, "code": "unknown", "detail": f"no {path}"}

    def close(self) -> None:
        with self.stopping:
            self.stopped = True
            self.stopping.notify_all()
        self.server.shutdown()
        self.server.server_close()


class Peer:
    """Something at a port that is no daemon: takes one connection after another and says `words`, or nothing; it may
    go on with a byte now and then."""

    def __init__(self, words: bytes | None, *, drips: bool = False) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.words, self.drips = words, drips
        self.closing = threading.Event()
        self.held: list[socket.socket] = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            self.held.append(taken)
            if self.words is None:
                continue
            try:
                taken.recv(65536)
                taken.sendall(self.words)
                while self.drips and not self.closing.wait(0.2):
                    taken.sendall(b"x")
                taken.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It has hung up, as it may.

    def close(self) -> None:
        self.closing.set()
        self.listener.close()
        for taken in self.held:
            taken.close()


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    clean = {name: value for name, value in environment().items() if name != "TIDEMARK_URL"}
    return subprocess.run(
        [str(binary()), *arguments], env=clean | variables, capture_output=True, text=True, timeout=GIVE_UP_S * 2, stdin=subprocess.DEVNULL
    )


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
