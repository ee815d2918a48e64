"""The daemon over HTTP before the programs that are meant to read it: Prometheus, promtool, curl, and a fuzzer."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import pytest
from delivery_peers import Context
from delivery_served import Kept, Start, decide
from http_peer import OPENAPI, Http
from live import GIVE_UP_S

#: Cases that the fuzzer draws of each route.
FUZZED_CASES = 30
README = harness.REPOSITORY / "protocol" / "http" / "README.md"


@pytest.fixture
def peer(daemons: Start, folder: Path, context: Context) -> Http:
    """Of a daemon with a model in alert, a decision, and one without fault, whose names need escaping."""
    kept = Kept(daemons, folder, context, http={"listen": "127.0.0.1:0"})
    kept.serve()
    publisher = kept.reliable()
    decide(publisher, "fraud")
    publisher.metrics('odd"%2F\\name', 0.97)
    publisher.settle()
    return Http(kept.daemon)


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"no {name}: apt-get install prometheus (Tests/run.sh names what is needed)"
    return found


# Metrics.


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=1.0.0", "text/plain"])
def test_promtool_finds_no_fault_with_the_metrics(peer: Http, accept: str) -> None:
    answer = peer.get("/metrics", Accept=accept).held_to("/metrics")
    assert answer.media == accept.split(";")[0]
    # promtool reads the text format; of OpenMetrics it takes all but the last line and the names of counters.
    if accept == "text/plain":
        ran = subprocess.run([program("promtool"), "check", "metrics"], input=answer.body, capture_output=True)
        assert (ran.returncode, ran.stdout + ran.stderr) == (0, b""), ran
    else:
        assert answer.text.endswith("# EOF\n") and "\n\n" not in answer.text


def test_metrics_say_what_happened(peer: Http) -> None:
    text = peer.get("/metrics").text
    for line in (
        r'tidemark_events_received_total\{kind="metrics"\} 3',
        r'tidemark_models\{state="alerting"\} 1',
        r'tidemark_models\{state="healthy"\} 1',
        r'tidemark_model_health\{model="fraud",version="-"\} 0\.0',
        r'tidemark_model_health\{model="odd\\"/\\\\name",version="-"\} 1\.0',
        r'tidemark_monitor_score\{model="fraud",version="-",monitor="accuracy"\} 1\.7\d+',
        r'tidemark_alerts\{state="firing",severity="high"\} 1',
        r'tidemark_decisions_total\{kind="retrain",outcome="issued"\} 1',
        r"tidemark_journal_failing 0",
        r'tidemark_security_rejections_total\{reason="key_refused"\} 0',
        r"tidemark_log_lines_dropped_total 0",
        r"tidemark_checkpoint_age_seconds \d+\.\d+",
        r"tidemark_event_lag_seconds_count 3",
        r"tidemark_config_last_reload_successful 1",
        r"process_resident_memory_bytes [1-9].*",
        r"process_max_fds \d{2,}\.0",
        r"process_start_time_seconds 1\d{9}\.\d+",
    ):
        assert re.search(rf"^{line}$", text, re.M), f"{line} is not in\n{text}"


@pytest.fixture
def prometheus(folder: Path, peer: Http) -> Iterator[str]:
    """Prometheus, which scrapes the daemon every second; its own address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = folder / "prometheus.yml"
    job = {"job_name": "tidemark", "static_configs": [{"targets": [peer.place]}]}
    said = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    configuration.write_text(json.dumps(said))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address={place}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield place
    finally:
        process.terminate()
        process.wait(GIVE_UP_S)
        print((folder / "prometheus.log").read_text()[-3000:])


def ask(place: str, query: str) -> list[object]:
    try:
        with urllib.request.urlopen(f"http://{place}/api/v1/query?query={query}", timeout=GIVE_UP_S) as answer:
            return list(json.load(answer)["data"]["result"])
    except OSError:
        return []  # It has not begun to listen.


def test_prometheus_scrapes_it(prometheus: str) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    query = "tidemark_model_health{model=%22fraud%22}"
    while not (found := ask(prometheus, query)):
        assert time.monotonic() < deadline, "the series is not there"
    assert found[0]["value"][1] == "0", found  # type: ignore[index]
    assert ask(prometheus, "up")[0]["value"][1] == "1"  # type: ignore[index]
    buckets = ask(prometheus, "tidemark_event_lag_seconds_bucket{le=%22%2BInf%22}")
    assert buckets[0]["value"][1] == "3", buckets  # type: ignore[index]


# The contract, from both sides.


def test_a_fuzzer_finds_no_answer_that_the_openapi_file_does_not_say(peer: Http, folder: Path) -> None:
    print(f"seed: TIDEMARK_SEED={harness.SEED}")
    ran = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            str(OPENAPI),
            f"--url=http://{peer.place}",
            f"--seed={harness.SEED}",
            f"--max-examples={FUZZED_CASES}",
            "--phases=examples,coverage,fuzzing",
            "--exclude-path=/api/v1/events",
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,"
            "response_schema_conformance,negative_data_rejection,unsupported_method",
            "--request-timeout=10",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert peer.get("/livez").status == 200


def test_the_examples_of_the_page_run(peer: Http, folder: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("curl ")]
    assert len(commands) >= 5
    for command in commands:
        here = command.replace("127.0.0.1:7414", peer.place)
        ran = subprocess.run(["bash", "-c", here], capture_output=True, text=True, cwd=folder, timeout=GIVE_UP_S)
        # A stream is ended by --max-time, which curl calls 28.
        assert ran.returncode in ((28,) if "/events" in command else (0,)), f"{here}\n{ran.stdout}{ran.stderr}"
        assert ran.stdout, here
