"""Runs an Airflow DAG for each decision, through Airflow's REST API, and reports how the run ended.

The DAG run bears the attempt's id: starting it twice gives the same run, so that an attempt is taken up again after a
restart of this bridge (`resume="rerun"`). AIRFLOW_URL, AIRFLOW_TOKEN and AIRFLOW_DAG say where; for Airflow 3, whose
API is at api/v2, set AIRFLOW_API=api/v2. TIDEMARK_OUTPUT, TIDEMARK_CONTROL and TIDEMARK_CURSOR as in orchestrator.py.
"""

import json
import os
import signal
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Optional

from tidemark import Decision, Failed, Orchestrator

URL = os.environ.get("AIRFLOW_URL", "http://127.0.0.1:8080").rstrip("/")
RUNS = f"{URL}/{os.environ.get('AIRFLOW_API', 'api/v1')}/dags/{os.environ.get('AIRFLOW_DAG', 'retrain')}/dagRuns"
POLL_S = float(os.environ.get("AIRFLOW_POLL_S", "10"))
stopped = threading.Event()


def ask(url: str, body: Optional[dict[str, Any]] = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if "AIRFLOW_TOKEN" in os.environ:
        headers["Authorization"] = f"Bearer {os.environ['AIRFLOW_TOKEN']}"
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def retrain(decision: Decision) -> None:
    run = decision.attempt_id or decision.decision_id
    conf = {"model": decision.model, "version": decision.version, "decision": dict(decision.data)}
    try:
        ask(RUNS, {"dag_run_id": run, "conf": conf})
    except urllib.error.HTTPError as error:
        if error.code != 409:  # 409: there is this run already, from before a restart
            raise Failed(f"Airflow answered {error.code}", retry_after=600) from error
    except OSError as error:
        raise Failed(f"Airflow cannot be reached: {error}", retry_after=600) from error
    while True:
        try:
            state = ask(f"{RUNS}/{urllib.parse.quote(run)}")["state"]
        except OSError:
            state = "unknown"  # the run goes on, whether its state can be read or not
        if state == "success":
            return
        if state == "failed":
            raise Failed("the DAG run failed")
        if stopped.wait(POLL_S):
            os._exit(0)  # the run goes on without this bridge, which takes it up again when it is started next


def stop(*_: Any) -> None:
    stopped.set()
    orchestrator.stop()


orchestrator = Orchestrator(
    retrain,
    owner="airflow",
    output=os.environ.get("TIDEMARK_OUTPUT", "tcp://127.0.0.1:7411"),
    control=os.environ.get("TIDEMARK_CONTROL", "tcp://127.0.0.1:7412"),
    cursor=os.environ.get("TIDEMARK_CURSOR", "airflow.cursor"),
    resume="rerun",
    parallel=8,
)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, stop)
orchestrator.run()
