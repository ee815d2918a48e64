"""Notifications: a real Alertmanager, and webhooks that fail in every way that a server can."""

from __future__ import annotations

import base64
import os
import re
import ssl
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import events
import harness
import pytest
from delivery_peers import Context, until
from delivery_served import Kept, Start, decide
from live import Publisher, Subscriber, endpoint
from protocol_pages import fenced, section, source, table
from sink_peers import CUT, ENDLESS, HANG, PAGE, Alertmanager, Answer, Receiver, free_port, is_genuine

Json = dict[str, Any]
Receive = Callable[..., Receiver]


@pytest.fixture
def receive() -> Iterator[Receive]:
    with ExitStack() as open_receivers:

        def make(*script: Answer, **more: Any) -> Receiver:
            receiver = Receiver(script, **more)
            open_receivers.callback(receiver.close)
            return receiver

        yield make


@pytest.fixture
def alertmanager(folder: Path) -> Iterator[Alertmanager]:
    made = Alertmanager(folder)
    yield made
    made.close()


def secret(folder: Path, name: str = "secret", mode: int = 0o600) -> str:
    text = "whsec_" + base64.b64encode(os.urandom(24)).decode()
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(mode)
    return text


def webhook(receiver: Receiver, **more: Any) -> Json:
    return {"webhooks": [{"name": "hook", "url": receiver.url(), "timeout": "1s"} | more]}


def drift(model: str, score: float) -> Json:
    """A batch of one row whose drift score is this: medium above 2, high above 3."""
    return events.features(model, None, [[score]], source="sinks", id=f"{model}-{time.monotonic_ns()}")


class Watched:
    """A daemon without a journal and a publisher; one model has a baseline of features."""

    def __init__(self, start: Start, folder: Path, context: Context, sinks: Json, **more: Any) -> None:
        ends = {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output", "control")}
        said = {"name": "north", "sockets": ends, "sinks": sinks} | more
        self.daemon = start("--config", harness.configure(folder, said)).wait_ready()
        self.publisher = Publisher(context, self.daemon.ingest).wait_subscribed()

    def baseline(self, model: str) -> None:
        self.publisher.send(events.baseline(model, None, rows=events.unit_rows(), source="sinks"))

    def drift(self, model: str, score: float) -> None:
        self.publisher.send(drift(model, score))


# Alertmanager.


def test_an_alert_lives_at_an_alertmanager_as_it_lives_here(
    daemons: Start, folder: Path, context: Context, alertmanager: Alertmanager
) -> None:
    """Fires, changes its severity, resolves; of two Alertmanagers one is dead, which is no matter."""
    urls = [f"http://127.0.0.1:{free_port()}", alertmanager.url]
    said = {"urls": urls, "resend": "1s", "labels": {"team": "risk"}}
    sinks = {"external_url": "https://monitor.example.org", "alertmanager": said}
    watched = Watched(daemons, folder, context, sinks)
    watched.baseline("fraud")
    watched.drift("fraud", 2.5)
    alertmanager.wait_for("fraud", "medium")
    (alert,) = alertmanager.alerts
    assert alert["labels"] == {
        "alertname": "TidemarkDataDrift", "instance": "north", "model": "fraud", "monitor": "drift",
        "severity": "medium", "team": "risk",
    }  # fmt: skip
    assert alert["annotations"]["summary"] == "data drift: fraud"
    assert alert["annotations"]["description"] == "value 2.5, threshold 2"
    assert alert["annotations"]["episode_id"].startswith("ep-") and alert["annotations"]["rev"] == "1"
    assert alert["generatorURL"] == "https://monitor.example.org/#/models/fraud/-"
    watched.drift("fraud", 3.5)
    alertmanager.wait_for("fraud", "high")
    # It goes on firing long after the first request has expired.
    ends = alert["endsAt"]
    alertmanager.wait(lambda: alertmanager.alerts[0]["updatedAt"] > ends, "sent again")
    alertmanager.wait_for("fraud", "high")
    watched.drift("fraud", 0.1)
    alertmanager.wait_for("fraud")
    watched.daemon.stop()
    log = watched.daemon.log
    assert "sink=alertmanager-1" in log and "sink=alertmanager-2" not in log
    assert log.count("cannot deliver") == 1, "one line when it begins, none for each attempt"


def test_what_a_dead_daemon_left_firing_expires(
    daemons: Start, folder: Path, context: Context, alertmanager: Alertmanager
) -> None:
    watched = Watched(daemons, folder, context, {"alertmanager": {"urls": [alertmanager.url], "resend": "1s"}})
    watched.baseline("fraud")
    watched.drift("fraud", 2.5)
    alertmanager.wait_for("fraud", "medium")
    watched.daemon.kill()
    alertmanager.wait_for("fraud")


def test_a_silenced_alert_is_resolved_there_until_the_silence_is_over(
    daemons: Start, folder: Path, context: Context, alertmanager: Alertmanager
) -> None:
    watched = Watched(daemons, folder, context, {"alertmanager": {"urls": [alertmanager.url]}})
    control = ("--control", f"ipc://{folder}/control")
    watched.baseline("fraud")
    watched.drift("fraud", 2.5)
    alertmanager.wait_for("fraud", "medium")
    made = harness.run("silence", "add", "--model", "fr*", "--for", "1h", "--by", "ana", *control)
    assert made.code == 0, made.err
    alertmanager.wait_for("fraud")
    ended = harness.run("silence", "expire", made.out.decode().strip(), *control)
    assert ended.code == 0, ended.err
    alertmanager.wait_for("fraud", "medium")


def test_after_a_restart_what_the_journal_says_is_open_fires_and_what_resolved_meanwhile_is_resolved(
    daemons: Start, folder: Path, context: Context, alertmanager: Alertmanager
) -> None:
    sinks = {"alertmanager": {"urls": [alertmanager.url], "resend": "1h"}}
    kept = Kept(daemons, folder, context, sinks=sinks).serve()
    publisher = kept.reliable()
    last = {model: decide(publisher, model) for model in ("fraud", "churn")}
    publisher.settle()
    for model in last:
        alertmanager.wait_for(model, "high")
    # The Alertmanager is not there when churn resolves, and the daemon dies before it comes back.
    kept.again(sinks={"alertmanager": sinks["alertmanager"] | {"urls": [f"http://127.0.0.1:{free_port()}"]}})
    for step in range(1, 11):
        publisher.metrics("churn", 0.99, last["churn"] + step * 10**9)
    publisher.settle()
    assert any(b"alert.resolved" in body for _, _, body in kept.stored.values())
    assert alertmanager.severities("churn") == ["high"]
    kept.killed(sinks=sinks)
    alertmanager.wait_for("churn")
    alertmanager.wait_for("fraud", "high")


# Webhooks.


def ids(received: list[Any]) -> list[str]:
    return [each.id for each in received]


def first_times(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def test_every_message_arrives_in_order_signed_and_as_published_whatever_the_receiver_does(
    daemons: Start, folder: Path, context: Context, receive: Receive
) -> None:
    trap = receive()
    redirect: Answer = (302, {"location": trap.url()})
    script: list[Answer] = [500, CUT, 204, redirect, HANG, 204, (429, {"retry-after": "1"}), 422, ENDLESS]
    receiver = receive(*script)
    key = secret(folder)
    sinks = webhook(receiver, secret_file="secret")
    watched = Watched(daemons, folder, context, sinks)
    subscriber = Subscriber(context, watched.daemon.output, "alert/", "decision/").settle(watched.publisher)
    watched.baseline("fraud")
    for score in (2.5, 3.5, 0.1):
        watched.drift("fraud", score)
    published = subscriber.until(lambda taken: len(taken) == 3, "three alerts")
    wanted = [each.event["id"] for each in published]

    def of_fraud(received: list[Any]) -> list[Any]:
        return [each for each in received if each.event["subject"] == "fraud"]

    received = receiver.wait(lambda all: set(wanted) <= set(ids(all)), "the three alerts")
    assert first_times(ids(of_fraud(received))) == wanted
    # What is in front is tried until it is taken, or refused, and only then the next.
    for before, after, answer in zip(received, received[1:], receiver.answers):
        assert (before.id == after.id) == (answer not in (204, 422, ENDLESS)), answer
    sent = {each.id: each for each in of_fraud(received)}
    for each in published:
        assert sent[each.event["id"]].event == each.event
    for each in received:
        assert is_genuine(key, each.headers, each.body)
        assert not is_genuine(key, each.headers, each.body + b" ")
        assert abs(int(each.headers["webhook-timestamp"]) - time.time()) < 60
        assert each.headers["content-type"] == "application/cloudevents+json"
    asked = receiver.answers.index(429)
    asked_at, came_at = (int(each.headers["webhook-timestamp"]) for each in received[asked : asked + 2])
    assert came_at - asked_at >= 1, "it waited for as long as it was asked to"
    assert not trap.received, "a redirect was followed"
    watched.daemon.stop()
    assert "was refused and is left out: status 422" in watched.daemon.log
    assert "secret-path" not in watched.daemon.log and key not in watched.daemon.log


def test_a_receiver_that_is_gone_is_asked_no_more(
    daemons: Start, folder: Path, context: Context, receive: Receive
) -> None:
    receiver, other = receive(410), receive()
    hooks = webhook(receiver)["webhooks"] + [{"name": "other", "url": other.url()}]
    watched = Watched(daemons, folder, context, {"webhooks": hooks})
    for _ in range(3):
        watched.publisher.metrics("fraud", 0.1)
        watched.publisher.metrics("fraud", 0.99)
    other.wait(lambda all: len(all) >= 4, "what the other one gets")
    watched.daemon.wait_for_line("status 410", "sink=hook")
    watched.daemon.stop()
    assert len(receiver.received) == 1


def test_with_kill_9_in_between_and_a_receiver_that_was_dead_every_message_arrives(
    daemons: Start, folder: Path, context: Context, receive: Receive
) -> None:
    port = free_port()
    hook = {"name": "hook", "url": f"http://127.0.0.1:{port}/hook", "timeout": "1s", "secret_file": "secret"}
    key = secret(folder)
    kept = Kept(daemons, folder, context, sinks={"webhooks": [hook]}).serve()
    publisher = kept.reliable()
    last = decide(publisher, "model-0")
    publisher.settle()
    # Dead so far, and killed without having delivered anything.
    assert (kept.state / "sink-webhook-hook.cursor").is_file()
    kept.killed()
    receiver = receive(500, HANG, port=port)
    for round in range(1, 4):
        for step in range(5):
            last = decide(publisher, f"model-{round}-{step}", at=last + 10 * 10**9)
        publisher.settle()
        before = len(receiver.received)
        receiver.wait(lambda all: len(all) > before, f"something in round {round}")
        kept.killed()
    stored = kept.stored
    wanted = [harness.strict_json(body)["id"] for _, _, body in stored.values()]
    # 16 models, each with an alert and a decision.
    assert len(wanted) >= 32
    receiver.wait(lambda _: set(wanted) <= {each.id for each in receiver._received}, "everything")
    received = receiver.taken
    assert first_times(ids(received)) == wanted, "in the order in which it was published"
    for each in received:
        assert is_genuine(key, each.headers, each.body)
    bodies = {harness.strict_json(body)["id"]: body for _, _, body in stored.values()}
    assert all(bodies[each.id] == each.body for each in received), "to the byte"
    kept.daemon.stop()


def test_only_what_is_asked_for_is_sent(daemons: Start, folder: Path, context: Context, receive: Receive) -> None:
    decisions, severe = receive(), receive()
    hooks = [
        {"name": "decisions", "url": decisions.url(), "kinds": ["decision"]},
        {"name": "severe", "url": severe.url(), "min_severity": "high", "models": ["fraud"]},
    ]
    kept = Kept(daemons, folder, context, sinks={"webhooks": hooks}).serve()
    publisher = kept.reliable()
    decide(publisher, "churn")
    decide(publisher, "fraud")
    publisher.settle()
    decisions.wait(lambda all: len(all) == 2, "two decisions")
    severe.wait(lambda all: len(all) == 2, "an alert and a decision")
    kept.daemon.stop()
    assert {each.event["subject"] for each in severe.received} == {"fraud"}
    assert {each.event["type"].split(".")[1] for each in decisions.received} == {"decision"}


# Nothing waits for a sink.


def test_receivers_that_hang_delay_neither_alerts_nor_the_stop(
    daemons: Start, folder: Path, context: Context, receive: Receive
) -> None:
    """200 alerts on the wire, with and without four receivers that never answer; the figures are printed."""
    hanging = [receive(*[HANG] * 50) for _ in range(4)]
    hooks = [{"name": f"hook{n}", "url": each.url(), "timeout": "60s"} for n, each in enumerate(hanging[:3])]
    sinks = {"alertmanager": {"urls": [hanging[3].url()], "timeout": "60s"}, "webhooks": hooks}
    for name, said in (("none", {}), ("four hang", sinks)):
        watched = Watched(daemons, folder, context, said)
        subscriber = Subscriber(context, watched.daemon.output, "alert/").settle(watched.publisher)
        took = []
        for n in range(200):
            begun = time.monotonic()
            watched.publisher.metrics(f"{name}-{n}", 0.0)
            subscriber.until_kind("alert.opened", f"{name}-{n}")
            took.append((time.monotonic() - begun) * 1e3)
        if said:
            for each in hanging:
                each.wait(lambda all: len(all) == 1, "one request that hangs")
        stop = watched.daemon.stop()
        print(
            f"{name}: median {statistics.median(took):.2f} ms, "
            f"99 of 100 within {sorted(took)[197]:.2f} ms, stop {stop:.2f} s")
        subscriber.close()
    assert all(len(each.received) == 1 for each in hanging), "one at a time"


def test_metrics_and_readiness_tell_how_receivers_do(
    daemons: Start, folder: Path, context: Context, receive: Receive
) -> None:
    dead, alive = f"http://127.0.0.1:{free_port()}/", receive(422, 204)
    sinks = {"webhooks": [{"name": "dead", "url": dead}, {"name": "alive", "url": alive.url()}]}
    watched = Watched(daemons, folder, context, sinks, http={"listen": "127.0.0.1:0"})
    base = "http://" + endpoint(watched.daemon.wait_for_line(r"\bready\b"), "http")
    watched.publisher.metrics("fraud", 0.0)
    watched.publisher.metrics("fraud", 1.0)
    alive.wait(lambda all: len(all) >= 2, "an alert and its end")

    def told() -> str:
        with urllib.request.urlopen(f"{base}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def count(sink: str, outcome: str) -> int:
        match = re.search(rf'notifications_total{{sink="{sink}",outcome="{outcome}"}} (\d+)', told())
        assert match
        return int(match[1])

    until(lambda: count("alive", "delivered") >= 1 and count("dead", "retried") >= 1, "outcomes in the metrics")
    assert count("alive", "refused") == 1 and count("dead", "delivered") == 0 and count("alive", "dropped") == 0
    text = told()
    queue = re.search(r'tidemark_sink_queue{sink="dead"} (\d+)', text)
    assert queue and int(queue[1]) >= 2 and 'tidemark_sink_queue{sink="alive"} 0' in text
    assert 'tidemark_sink_failing{sink="dead"} 1' in text and 'tidemark_sink_failing{sink="alive"} 0' in text
    with urllib.request.urlopen(f"{base}/readyz", timeout=5) as answer:
        assert answer.status == 200
        ready = harness.strict_json(answer.read())
    assert ready["status"] == "degraded"
    assert ready["checks"]["sink:dead"]["state"] == "failing" and ready["checks"]["sink:alive"]["state"] == "ok"


# TLS, and what a configuration may say.


def test_certificates_are_verified(daemons: Start, folder: Path, context: Context, receive: Receive) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "ca.pem"],
        cwd=folder, check=True, capture_output=True)  # fmt: skip
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    receiver = receive(tls=tls)
    hook = {"url": receiver.url("https"), "timeout": "5s"}
    hooks = [hook | {"name": "trusting", "ca_file": "ca.pem"}, hook | {"name": "wary"}]
    watched = Watched(daemons, folder, context, {"webhooks": hooks})
    watched.publisher.metrics("fraud", 0.0)
    receiver.wait(lambda all: len(all) == 1, "the alert")
    assert "certificate" in watched.daemon.wait_for_line("cannot deliver", "sink=wary")
    watched.daemon.stop()
    assert len(receiver.received) <= 2, "an alert and perhaps a decision, each once"


def test_tokens_and_passwords_go_to_the_receiver_and_nowhere_else(
    daemons: Start, folder: Path, context: Context, receive: Receive
) -> None:
    for name, text in (("token", "t0ken-s3cret"), ("pair", "me:pa55word")):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    bearer, basic = receive(), receive()
    hooks = [
        {"name": "bearer", "url": bearer.url(), "token_file": "token"},
        {"name": "basic", "url": basic.url(), "basic_auth_file": "pair"},
    ]
    watched = Watched(daemons, folder, context, {"webhooks": hooks})
    watched.publisher.metrics("fraud", 0.0)
    bearer.wait(lambda all: all[0].headers["authorization"] == "Bearer t0ken-s3cret" if all else False, "a token")
    pair = base64.b64encode(b"me:pa55word").decode()
    basic.wait(lambda all: all[0].headers["authorization"] == f"Basic {pair}" if all else False, "a password")
    watched.daemon.stop()
    ran = harness.run("check", "--config", folder / "tidemark.yaml")
    for text in ("t0ken-s3cret", "pa55word", pair, "secret-path"):
        assert text not in watched.daemon.log and text not in ran.said


def check(folder: Path, sinks: Json) -> harness.Ran:
    return harness.run("check", "--config", harness.configure(folder, {"name": "north", "sinks": sinks}))


def test_check_tells_what_is_notified_and_warns_of_plain_http(folder: Path) -> None:
    secret(folder)
    hook = {"name": "hook", "url": "http://hooks.example.org/T0/secret-path", "secret_file": "secret"}
    ran = check(folder, {"alertmanager": {"urls": ["http://127.0.0.1:9093"]}, "webhooks": [hook]})
    assert ran.code == 0, ran.said
    lines = [line for line in ran.said.splitlines() if "alertmanager" in line or "webhook" in line]
    assert "http://127.0.0.1:9093, again every 60 s" in lines[0] and "warning" not in lines[0]
    assert "webhook hook http://hooks.example.org, alert and decision from low, signed" in lines[1]
    assert "warning: http to another machine" in lines[1]


WRONG: list[tuple[Json, str, str]] = [
    ({"alertmanager": {"urls": []}}, "alertmanager.urls", "an empty list"),
    ({"alertmanager": {"urls": ["http://a:1", "http://a:1"]}}, "alertmanager.urls", "twice"),
    ({"alertmanager": {"urls": ["ftp://a"]}}, "alertmanager.urls[0]", "is no URL"),
    ({"alertmanager": {"urls": ["http://a"], "labels": {"severity": "x"}}}, "alertmanager.labels.severity", "itself"),
    ({"alertmanager": {"urls": ["http://a"], "resend": "2h"}}, "alertmanager.resend", "at most 3600s"),
    ({"alertmanager": {"urls": ["http://a"], "token_file": "nowhere"}}, "alertmanager.token_file", "cannot be read"),
    ({"webhooks": [{"name": "a", "url": "https://me:pa55@b/"}]}, "webhooks[0].url", "basic_auth_file"),
    ({"webhooks": [{"name": "a", "url": "https://b/", "secret_file": "open"}]}, "webhooks[0].secret_file", "mode 604"),
    ({"webhooks": [{"name": "a", "url": "https://b/", "kinds": ["head"]}]}, "webhooks[0].kinds[0]", "alert or decision"),
    ({"webhooks": [{"name": "a b", "url": "https://b/"}]}, "webhooks[0].name", "letters, digits"),
    ({"webhooks": [{"url": "https://b/"}]}, "webhooks[0]", "has no name"),
    ({"webhooks": [{"name": "a", "url": "https://b/"}] * 2}, "webhooks[1]", "stands twice"),
    ({"webhooks": [{"name": f"a{n}", "url": "https://b/"} for n in range(17)]}, "sinks", "at most 16"),
]  # fmt: skip


@pytest.mark.parametrize(("sinks", "key", "words"), WRONG, ids=[f"{key}: {words}" for _, key, words in WRONG])
def test_what_is_wrong_is_named_without_secrets(folder: Path, sinks: Json, key: str, words: str) -> None:
    key = key if key == "sinks" else f"sinks.{key}"
    text = secret(folder, "open", mode=0o604)
    ran = check(folder, sinks)
    assert ran.code == harness.CONFIGURATION, ran.said
    assert any(f": {key}: " in line and words in line for line in ran.err.splitlines()), ran.err
    assert text not in ran.said and "pa55" not in ran.said


def test_without_sinks_no_library_is_loaded(daemons: Start, folder: Path, context: Context, receive: Receive) -> None:
    """A daemon that notifies nobody maps no libcurl, and so needs none."""
    for said, is_loaded in (({}, False), (webhook(receive()), True)):
        watched = Watched(daemons, folder, context, said)
        maps = Path(f"/proc/{watched.daemon.process.pid}/maps")
        if maps.exists():
            assert ("libcurl" in maps.read_text()) == is_loaded
        watched.daemon.stop()


PARSER, SETTINGS = "Daemon/Configuration/ConfigurationParser+Sinks.swift", "Sinks/WebhookSettings.swift"


def test_the_table_of_keys_is_the_source() -> None:
    rows = {row[0]: row for row in table(section("Notifications"))}
    documented = {name for row in rows for name in re.findall(r"(\w+)`", row)} | {"alertmanager", "webhooks"}
    lists = re.findall(r"\.members\(\s*\[([^\]]*)\]|accessKeys = \[([^\]]*)\]", source(PARSER))
    assert documented == {name for found in lists for text in found for name in re.findall(r'"(\w+)"', text)}
    settings = source(SETTINGS)
    for key, declaration in (
        ("sinks.alertmanager.resend", r"resend = Duration\.seconds\((\d+)\)"),
        ("sinks.alertmanager.timeout", r"struct AlertmanagerSettings[\s\S]*timeout = Duration\.seconds\((\d+)\)"),
        ("sinks.webhooks[].timeout", r"timeout = Duration\.seconds\((\d+)\)"),
        ("sinks.webhooks[].give_up_after", r"giveUpAfter = Duration\.seconds\((24) \* 3_600\)"),
    ):
        match = re.search(declaration, settings)
        assert match and rows[f"`{key}`"][1].split()[0] == match[1], key


def test_the_page_for_operators_is_right(folder: Path) -> None:
    """Its configuration is taken; its route is one that Alertmanager takes."""
    ours, theirs = fenced(PAGE, "yaml")
    for name in ("incidents.secret", "retraining.secret"):
        ran = subprocess.run(
            ["sh", "-ec", fenced(PAGE, "sh")[0].replace("incidents.secret", name)], cwd=folder, capture_output=True
        )
        assert ran.returncode == 0, ran.stderr
    path = folder / "tidemark.yaml"
    path.write_text(ours)
    checked = harness.run("check", "--config", path)
    assert checked.code == 0, checked.said
    (folder / "alertmanager.yml").write_text(theirs)
    amtool = subprocess.run(["amtool", "check-config", folder / "alertmanager.yml"], capture_output=True, text=True)
    assert amtool.returncode == 0, amtool.stdout + amtool.stderr
