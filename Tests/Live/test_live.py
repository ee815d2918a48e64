"""`tidemark serve` between a real publisher and a real subscriber."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import zmq

from events import HOUR, Event, baseline, features, metrics, nanoseconds, unit_rows
from harness import configure, replay
from live import Daemon, Output, Publisher, Subscriber

Start = Callable[..., Daemon]
Context = zmq.Context[Any]
Sockets = dict[str, list[str]]
DAY_S = 24 * HOUR


def serving(start: Start, folder: Path, sockets: Sockets, **configuration: Any) -> Daemon:
    config = configure(folder, {"name": "watch", "sockets": sockets, **configuration})
    return start("--config", config).wait_ready()


def peers(context: Context, daemon: Daemon, *prefixes: str) -> tuple[Publisher, Subscriber]:
    """A publisher that is heard and a subscriber whose subscriptions are in force."""
    publisher = Publisher(context, daemon.ingest).wait_subscribed()
    return publisher, Subscriber(context, daemon.output, *prefixes).settle(publisher)


def kinds(outputs: list[Output]) -> list[str]:
    return [output.kind.removeprefix("tidemark.").removesuffix(".v1") for output in outputs]


# Endpoints.


def test_port_0_is_reported_as_the_port_that_was_bound(daemons: Start, folder: Path) -> None:
    loopback = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control")}
    daemon = serving(daemons, folder, loopback)
    for endpoint in (daemon.ingest, daemon.output):
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        assert host == "127.0.0.1" and 0 < int(port) < 65536, endpoint
    assert daemon.ingest != daemon.output
    daemon.stop()


def test_without_a_configuration_it_runs_on_loopback(daemons: Start, folder: Path, context: Context) -> None:
    for port in (7410, 7411, 7412, 7413):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is taken on this machine")
    daemon = daemons(cwd=folder).wait_ready()
    assert (daemon.ingest, daemon.output) == ("tcp://127.0.0.1:7410", "tcp://127.0.0.1:7411")
    publisher, subscriber = peers(context, daemon, "alert/")
    publisher.metrics("appeared", 0.5)
    assert kinds(subscriber.until_kind("alert.opened", "appeared"))[-1] == "alert.opened"
    daemon.stop()


# What comes out.


def test_alerts_drift_and_a_decision(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    model: dict[str, Any] = {"name": "fraud", "retrain": {"min_time_between_retrains": "1s"}}
    daemon = serving(daemons, folder, sockets, models=[model])
    publisher, subscriber = peers(context, daemon, "")
    now = time.time_ns() - 60_000_000_000
    stream = [
        baseline("fraud", 0, accuracy=0.95, rows=unit_rows(), version="7", base_ns=now),
        metrics("fraud", 10, {"accuracy": 0.5, "latency_ms": 100}, version="7", base_ns=now),
        features("fraud", 20, [[5.0]], version="7", base_ns=now),
        metrics("fraud", 30, {"accuracy": 0.96, "latency_ms": 100}, version="7", base_ns=now),
        features("fraud", 40, [[0.5]], version="7", base_ns=now),
    ]
    for event in stream:
        publisher.send(event)
    publisher.metrics("after", 0.96)
    outputs = subscriber.until_kind("assessment.performance", "after")[:-1]
    told = kinds(outputs)
    expected = {
        "assessment.performance": 2,
        "assessment.drift": 2,
        "assessment.retrain": 2,
        "alert.opened": 2,
        "alert.resolved": 2,
        "decision.retrain.issued": 1,
    }
    assert {kind: told.count(kind) for kind in expected} == expected, told
    assert sorted(set(told)) == sorted(expected), told
    for output in outputs:
        what = output.kind.split(".")[1]
        name = "watch.live" if what == "assessment" else "watch"
        assert output.topic == f"{what}/fraud/7/{name}", output.kind
        assert output.event["subject"] == "fraud"
    decision = next(
        output.event["data"] for output in outputs if output.kind.startswith("tidemark.decision.")
    )
    assert (decision["model"], decision["version"]) == ("fraud", "7")
    daemon.stop()


def test_topics_escape_names_and_a_model_without_version_is_a_dash(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    daemon = serving(daemons, folder, ipc)
    publisher, subscriber = peers(context, daemon, "assessment/")
    for name in ("plain", "team/fraud", "50%"):
        publisher.metrics(name, 0.96)
        output = subscriber.until_kind("assessment.performance", name)[-1]
        assert output.topic == f"assessment/{quote(name, safe='')}/-/watch.live"
        assert output.event["subject"] == name
    daemon.stop()


def test_model_and_version_may_stand_in_the_topic_alone(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    daemon = serving(daemons, folder, ipc)
    publisher, subscriber = peers(context, daemon, "assessment/")
    bare = metrics("x", None, {"accuracy": 0.96, "latency_ms": 100}, source=publisher.source)
    del bare["subject"]
    publisher.send(bare, "metrics/team%2Fa/3/" + publisher.source)
    output = subscriber.until_kind("assessment.performance", "team/a")[-1]
    assert output.topic == "assessment/team%2Fa/3/watch.live"
    daemon.stop()


def test_a_topic_that_disagrees_with_its_body_is_dropped(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    daemon = serving(daemons, folder, ipc)
    publisher, subscriber = peers(context, daemon, "assessment/")
    body = {"accuracy": 0.5, "latency_ms": 100}
    publisher.send(metrics("a", None, body), "metrics/b/-/s")
    publisher.send(metrics("a", None, body, version="1"), "metrics/a/2/s")
    publisher.metrics("after", 0.96)
    outputs = subscriber.until_kind("assessment.performance", "after")
    assert {output.event["subject"] for output in outputs} == {"after"}
    daemon.stop()
    assert daemon.final_figures()["rejected"] == 2


def test_an_event_without_time_takes_its_arrival(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    daemon = serving(daemons, folder, ipc)
    publisher, subscriber = peers(context, daemon, "assessment/")
    before = time.time_ns()
    publisher.metrics("m", 0.96)
    output = subscriber.until_kind("assessment.performance", "m")[-1]
    slack = 50_000_000
    assert before - slack <= nanoseconds(output.event["time"]) <= time.time_ns() + slack
    daemon.stop()


def test_assessments_go_only_to_those_who_subscribe(
    daemons: Start, folder: Path, context: Context, sockets: Sockets
) -> None:
    daemon = serving(daemons, folder, sockets)
    publisher, alerts = peers(context, daemon, "alert/")
    publisher.metrics("m", 0.96)
    publisher.metrics("m", 0.50)
    assert kinds(alerts.until_kind("alert.opened", "m")) == ["alert.opened"]
    both = Subscriber(context, daemon.output, "assessment/", "alert/").settle(publisher)
    publisher.metrics("m", 0.97)
    late = kinds(both.until(lambda taken: len(taken) == 2, "an assessment and an alert"))
    assert sorted(late) == ["alert.resolved", "assessment.performance"], late
    assert kinds(alerts.until_kind("alert.resolved", "m")) == ["alert.resolved"]
    both.close()
    publisher.metrics("m", 0.40)
    assert kinds(alerts.until_kind("alert.opened", "m")) == ["alert.opened"]
    daemon.stop()


# What replay gives is what serve published.


def week(base_ns: int, step_s: float) -> list[Event]:
    """Two models in two versions: all three alerts, severities, null cells, decisions, and one whose
    batches stop, so that with days between the events the time rule falls due."""
    made: list[Event] = []
    for index, (model, version) in enumerate(itertools.product(["m", "team/n"], ["1", None])):
        named: dict[str, Any] = {"version": version, "base_ns": base_ns, "source": f"pod-{index}"}
        rows = [[0.0, 10.0], [2.0, 14.0], [1.0, 12.5]]
        made.append(baseline(model, 0, accuracy=0.9, rows=rows, names=["x", "y"], **named))
        scores = [0.4, 2.2, 3.9, 4.4, 0.3, 2.9, 0.2]
        for number, score in enumerate(scores):
            second = (number + 1) * step_s
            measured = {"accuracy": 0.95 - 0.04 * (number % 5) * index, "latency_ms": 150.0 + 20 * number}
            made.append(metrics(model, second, measured, **named))
            if index == 1 and number >= 5:
                continue
            cells: list[list[float | None]] = [[1 + score, 12.0], [None, 13.0]]
            made.append(features(model, second + step_s / 4, cells, ["x", "y"], **named))
    made.sort(key=lambda event: nanoseconds(event["time"]))
    return made


@pytest.mark.parametrize("step_s", [4.0, 1.5 * DAY_S], ids=["of the last minute", "of the last weeks"])
def test_serve_publishes_what_replay_gives(
    daemons: Start, folder: Path, context: Context, sockets: Sockets, step_s: float
) -> None:
    """The same JSON, output by output of each model; seconds and days between events. Where no
    deadline falls due the outputs of all models together stand in the same order, too."""
    minimum = "10s" if step_s < HOUR else "24h"
    retrain = {"min_time_between_retrains": minimum, "max_time_without_retrain": "4d"}
    configuration = {"name": "watch", "sockets": sockets, "defaults": {"retrain": retrain}}
    config = configure(folder, configuration)
    stream = week(time.time_ns() - round(8 * step_s) * 1_000_000_000 - 1_000_000_000, step_s)
    recorded = replay(folder, config, stream)
    assert recorded.rejected == {}
    told = {output["type"] for output in recorded.outputs}
    assert {f"tidemark.alert.{what}.v1" for what in ("opened", "updated", "resolved")} <= told
    assert "tidemark.decision.retrain.issued.v1" in told
    timed = [o for o in recorded.outputs if o["data"].get("constraints", {}).get("time_trigger")]
    assert bool(timed) == (step_s > HOUR), "the time rule should fall due in days, not in seconds"

    daemon = daemons("--config", config).wait_ready()
    publisher, subscriber = peers(context, daemon, "")
    for event in stream:
        publisher.send(event)
    publisher.metrics("after", 0.96)
    taken = subscriber.until_kind("assessment.performance", "after")
    published = [output.event for output in taken if output.event["subject"] != "after"]
    watched = {key(event) for event in stream}
    assert {key(output) for output in published} == {key(output) for output in recorded.outputs} == watched
    for model in sorted(watched):
        assert_same(
            [output for output in published if key(output) == model],
            [output for output in recorded.outputs if key(output) == model],
            str(model),
        )
    if step_s < HOUR:
        assert_same(published, recorded.outputs, "all models")
    daemon.stop()


def key(event: Event) -> tuple[str, str]:
    return (event["subject"], event.get("modelversion", "-"))


def lasting(event: Event) -> Event:
    """Without how long it holds, which a replay cannot say."""
    return event | {"data": {key: value for key, value in event["data"].items() if key != "valid_until"}}


def assert_same(published: list[Event], recorded: list[Event], what: str) -> None:
    for number, (one, other) in enumerate(zip(map(lasting, published), recorded)):
        assert one == other, f"{what}: output {number} of serve is not that of replay"
    assert len(published) == len(recorded), what


# Several daemons, one path.


def assert_alive(context: Context, daemon: Daemon) -> None:
    publisher, subscriber = peers(context, daemon, "alert/")
    publisher.metrics("alive", 0.5)
    subscriber.until_kind("alert.opened", "alive")
    publisher.metrics("alive", 0.96)
    subscriber.until_kind("alert.resolved", "alive")


def test_a_second_daemon_on_the_same_path_refuses(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    first = serving(daemons, folder, ipc)
    publisher, subscriber = peers(context, first, "alert/")
    assert_refused(daemons("--config", folder / "tidemark.yaml"), folder)
    other = {**ipc, "ingest": [f"ipc://{folder}/elsewhere"]}
    only_output_shared = configure(folder, {"sockets": other}, "second.yaml")
    assert_refused(daemons("--config", only_output_shared), folder)
    publisher.metrics("m", 0.5)
    subscriber.until_kind("alert.opened", "m")
    assert_alive(context, first)
    first.stop()


def test_a_second_daemon_on_the_same_port_refuses(daemons: Start, folder: Path, context: Context) -> None:
    loopback = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control")}
    first = serving(daemons, folder, loopback)
    taken = configure(folder, {"sockets": {**loopback, "ingest": [first.ingest]}}, "second.yaml")
    port = first.ingest.rpartition(":")[2]
    assert port in daemons("--config", taken).wait_refused()
    assert_alive(context, first)
    first.stop()


def assert_refused(second: Daemon, folder: Path) -> None:
    log = second.wait_refused()
    assert str(folder) in log, f"it does not name the path: {log!r}"
    words = ("in use", "already", "taken", "lock", "held", "another")
    assert any(word in log.lower() for word in words), f"it does not say why: {log!r}"


def test_a_path_left_by_a_killed_daemon_is_taken_over(
    daemons: Start, folder: Path, context: Context, ipc: Sockets
) -> None:
    killed = serving(daemons, folder, ipc)
    killed.kill()
    for name in ("ingest", "output"):
        path = ipc[name][0].removeprefix("ipc://")
        assert os.path.exists(path), "nothing was left, so nothing is shown"
    second = daemons("--config", folder / "tidemark.yaml").wait_ready()
    assert_alive(context, second)
    second.stop()
    third = daemons("--config", folder / "tidemark.yaml").wait_ready()
    assert_alive(context, third)
    third.stop()
