"""The examples that act on decisions, each as its own process, against a fake daemon and a local web server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import REPOSITORY, SOURCE
from fake import FakeDaemon
from peer import GIVE_UP_S, until

EXAMPLES = REPOSITORY / "protocol" / "examples"
Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(fake: FakeDaemon, folder: Path) -> Iterator[Begin]:
    """Starts an example against the fake daemon, and ends by their pid those that a test leaves running."""
    programs: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ, "PYTHONPATH": str(SOURCE), "TIDEMARK_OUTPUT": fake.output, "TIDEMARK_CONTROL": fake.control,
            "TIDEMARK_RELIABLE": fake.reliable, "TIDEMARK_CURSOR": str(folder / "cursor"),
            "TIDEMARK_RING": str(folder / "ring"), **variables,
        }  # fmt: skip
        command = [sys.executable, str(EXAMPLES / name), *arguments]
        programs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return programs[-1]

    yield start
    for program in programs:
        if program.poll() is None:
            program.kill()
        program.communicate(timeout=GIVE_UP_S)


class Web:
    """A web server on a free port: `answer(method, path, body)` gives a status and an object."""

    def __init__(self, answer: Callable[[str, str, Any], tuple[int, Any]]) -> None:
        self.asked: list[tuple[str, str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def _handle(handler) -> None:
                length = int(handler.headers.get("Content-Length") or 0)
                body = json.loads(handler.rfile.read(length)) if length else None
                self.asked.append((handler.command, handler.path, body))
                status, said = answer(handler.command, handler.path, body)
                handler.send_response(status)
                handler.end_headers()
                handler.wfile.write(json.dumps(said).encode())

            do_GET = do_POST = _handle

            def log_message(handler, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def states(fake: FakeDaemon) -> list[str]:
    with fake.guard:
        return [life.state for life in fake.ledger.lives.values()]


def ended(program: subprocess.Popen[str], code: int = 0) -> str:
    out, _ = program.communicate(timeout=GIVE_UP_S)
    assert program.returncode == code
    return out


def test_orchestrator(fake: FakeDaemon, begin: Begin) -> None:
    script = "import os; model = os.environ['TIDEMARK_MODEL']; print(model, flush=True); exit(model == 'b')"
    program = begin("orchestrator.py", sys.executable, "-c", script)
    fake.issue("a")
    fake.issue("b")
    until(lambda: states(fake) == ["succeeded", "failed"], "both are reported")
    (failed,) = fake.reported("failed")
    assert failed["retry_after_s"] == 600 and "ended with 1" in failed["reason"]
    program.send_signal(signal.SIGTERM)
    assert ended(program).split() == ["a", "b"]


def test_airflow_also_when_the_bridge_is_killed(fake: FakeDaemon, begin: Begin) -> None:
    runs: dict[str, str] = {}

    def answer(method: str, path: str, body: Any) -> tuple[int, Any]:
        if method == "POST":
            assert path == "/api/v1/dags/retrain/dagRuns"
            if body["dag_run_id"] in runs:
                return 409, {}
            runs[body["dag_run_id"]] = "running"
            return 200, {}
        name = path.rsplit("/", 1)[1]
        return 200, {"dag_run_id": name, "state": runs[name]}

    web = Web(answer)
    variables = {"AIRFLOW_URL": web.url, "AIRFLOW_POLL_S": "0.02", "AIRFLOW_TOKEN": "secret"}
    first = begin("airflow_dag.py", **variables)
    life = fake.issue("fraud")
    until(lambda: [method for method, *_ in web.asked].count("GET") > 2, "it waits for the run")
    assert web.asked[0][2]["conf"]["model"] == "fraud" and states(fake) == ["started"]
    first.kill()
    first.wait(GIVE_UP_S)
    second = begin("airflow_dag.py", **variables)
    until(lambda: [method for method, *_ in web.asked].count("POST") == 2, "the same run again")
    runs[life.attempt_id] = "success"
    until(lambda: states(fake) == ["succeeded"], "it is reported")
    assert list(runs) == [life.attempt_id]
    fake.issue("churn")
    until(lambda: len(runs) == 2, "another")
    second.send_signal(signal.SIGTERM)
    ended(second)
    web.close()


def test_argo_events(fake: FakeDaemon, begin: Begin) -> None:
    fails = [True]
    web = Web(lambda *_: (500 if fails.pop() else 200, {}) if fails else (200, {}))
    program = begin("argo_events.py", ARGO_WEBHOOK=f"{web.url}/retrain")
    first = fake.issue("a")
    until(lambda: states(fake) == ["failed"], "the webhook failed")
    with fake.guard:
        fake.ledger.retry(first)
        fake.issue("b", dry_run=True)
        fake.issue("c")
    until(lambda: states(fake) == ["started", "issued", "started"], "both are posted")
    assert [body["name"] for _, _, body in web.asked] == ["rt-1-a1", "rt-1-a2", "rt-3-a1"]
    assert web.asked[1][2]["event"]["data"]["attempt"] == 2 and web.asked[1][1] == "/retrain"
    assert program.poll() is None
    web.close()


def test_cron_takes_up_what_is_open_and_ends(fake: FakeDaemon, begin: Begin) -> None:
    for model in ("a", "b", "a"):
        fake.issue(model)
    fake.issue("c", dry_run=True)
    fake.ledger.take({"decision_id": "rt-2", "state": "acked", "owner": "another"})
    out = ended(begin("cron_retrain.py", sys.executable, "-c", "pass"))
    assert states(fake) == ["superseded", "acked", "succeeded", "issued"] and out.startswith("rt-3-a1 0 Granted")
    fake.issue("d")
    out = ended(begin("cron_retrain.py", sys.executable, "-c", "raise SystemExit(3)"))
    assert fake.reported("failed")[-1]["reason"] == "exit 3" and "rt-5-a1 3 Granted" in out


def test_publish_reliable(fake: FakeDaemon, begin: Begin) -> None:
    for _ in range(2):
        ended(begin("publish_reliable.py"))
    assert [message.metrics()["accuracy"] for message in fake.intake.journal] == [0.93, 0.92, 0.71] * 2
    assert [message.seq for message in fake.intake.journal] == list(range(1, 7))
