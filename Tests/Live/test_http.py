"""The daemon over HTTP: every route held to the OpenAPI file, who is let in, and what a peer cannot do."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

import events
import harness
import pytest
from delivery_peers import Context, until
from delivery_served import SECOND, Kept, Start, decide
from http_peer import OPENAPI, Http, Json, Stream, contract, validator
from live import Publisher
from openapi_spec_validator import validate

LOOPBACK = {"listen": "127.0.0.1:0"}
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context, http=LOOPBACK)


@pytest.fixture
def served(daemons: Start, folder: Path) -> Callable[..., Http]:
    def serve(http: object = LOOPBACK, **more: object) -> Http:
        said = {"name": "looked-at", "sockets": SOCKETS(folder), "http": http, **more}
        return Http(daemons("--config", harness.configure(folder, said)).wait_ready())

    return serve


def SOCKETS(folder: Path) -> dict[str, list[str]]:
    return {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output", "control")}


# The contract.


def test_the_openapi_file_is_one_and_its_examples_are_as_it_says() -> None:
    validate(contract())
    examples = 0
    for path, item in contract()["paths"].items():
        for status, response in item["get"]["responses"].items():
            for media, said in response.get("content", {}).items():
                told = [said["example"]] if "example" in said else [each["value"] for each in said["examples"].values()]
                for example in told:
                    place = ("paths", path, "get", "responses", status, "content", media, "schema")
                    validator(*place).validate(example)
                    examples += 1
    assert examples >= 19


def test_the_binary_bears_the_openapi_file(served: Callable[..., Http]) -> None:
    peer = served()
    answer = peer.get("/openapi.yaml").held_to("/openapi.yaml")
    assert answer.body == OPENAPI.read_bytes()
    assert peer.get("/openapi.yaml", If_None_Match=answer.headers["etag"]).status == 304
    page = peer.get("/").held_to("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
    assert page.headers["x-content-type-options"] == "nosniff"


def watched(kept: Kept) -> tuple[Http, str]:
    """A model with an alert and a claimed decision, one that drifts, and one without fault; the decision's id."""
    kept.serve()
    peer, publisher, requests = Http(kept.daemon), kept.reliable(), kept.requests()
    decide(publisher, "team%2Ffraud")
    publisher.metrics("fine", 0.97)
    publisher.settle()

    def decided(page: object) -> bool:
        return bool(page["decisions"])  # type: ignore[index]

    decision = peer.until("/api/v1/decisions", decided, "a decision")["decisions"][0]["id"]
    assert requests.feedback(decision, "acked", owner="first").word == "ack"
    peer.until("/api/v1/decisions", lambda page: page["decisions"][0]["state"] == "acked", "its claim")
    return peer, decision


def test_every_route_answers_as_the_openapi_file_says(kept: Kept) -> None:
    peer, decision = watched(kept)
    assert peer.get("/livez").held_to("/livez").text == "ok\n"
    assert peer.get("/readyz").held_to("/readyz").json["status"] == "ready"
    assert peer.get("/metrics").held_to("/metrics").status == 200

    status = peer.json("/api/v1/status")
    assert (status["name"], status["state"], status["journal"]["state"]) == ("keep", "serving", "ok")
    assert status["account"]["received"] == 3 and status["account"]["decisions"] == 1
    assert status["models"]["by_state"]["alerting"] == 1 and status["sources"]["by_state"] == {
        "live": 1,
        "stale": 0,
        "ended": 0,
        "silent": 0,
    }

    page = peer.json("/api/v1/models")
    assert [(each["model"], each["state"]) for each in page["models"]] == [
        ("team/fraud", "alerting"),
        ("fine", "healthy"),
    ]
    urgent = page["models"][0]
    assert (urgent["accuracy"], urgent["events"], urgent["urgency"]) == (0.5, 2, 0.9)
    assert urgent["decision"] == {"id": decision, "state": "acked", "attempt": 1, "open": True}
    assert [each["monitor"] for each in urgent["alerts"]] == ["accuracy"]
    found = peer.json("/api/v1/models?q=FRAU&limit=1")
    assert (found["matched"], found["total"], len(found["models"])) == (1, 2, 1)
    assert peer.json("/api/v1/models?state=healthy")["matched"] == 1
    assert peer.json("/api/v1/models?offset=1")["models"][0]["model"] == "fine"

    detail = peer.model("team/fraud")
    assert [each["monitor"] for each in detail["monitors"]] == ["accuracy", "latency"]
    accuracy = detail["monitors"][0]
    assert (accuracy["state"], accuracy["value"], accuracy["direction"]) == ("violated", 0.5, "below")
    assert accuracy["threshold"] == pytest.approx(0.855) and accuracy["score"] == pytest.approx(0.855 / 0.5)
    assert detail["alerts"][0]["episode_id"] == urgent["alerts"][0]["episode_id"]
    assert [each["source"] for each in detail["sources"]] == ["scorer"]
    assert [each["timer"] for each in detail["timers"]][0] == "start"

    alerts = peer.json("/api/v1/alerts")["alerts"]
    assert [(each["model"], each["monitor"], each["state"], each["value"]) for each in alerts] == [
        ("team/fraud", "accuracy", "firing", 0.5)
    ]
    recent = peer.json("/api/v1/alerts?state=recent")["alerts"]
    assert recent[0]["episode_id"] == alerts[0]["episode_id"] and recent[0]["changed_at"] is not None
    assert peer.json("/api/v1/sources")["sources"][0]["source"] == "scorer"

    life = peer.json(f"/api/v1/decisions/{decision}", "/api/v1/decisions/{id}")
    assert (life["state"], life["owner"], life["complete"], life["coverage"]) == ("acked", "first", True, 1.0)
    assert [each["data"]["state"] for each in life["messages"]] == ["issued", "acked"]
    assert [each["timer"] for each in life["timers"]] == ["start"]
    assert peer.json("/api/v1/decisions?model=fine")["decisions"] == []


def test_it_says_why_a_model_is_not_retrained(kept: Kept) -> None:
    kept.said["defaults"] = {"retrain": {"min_time_between_retrains": "1h", "acknowledge_within": "1h"}}
    kept.serve()
    peer, publisher = Http(kept.daemon), kept.reliable()
    start = time.time_ns() - 600 * SECOND
    publisher.metrics("young", 0.99, start)
    publisher.metrics("young", 0.5, start + 600 * SECOND)
    publisher.metrics("fine", 0.99, start)
    publisher.settle()
    why = peer.model("young")["retrain"]
    rules = {each["rule"]: each for each in why["rules"]}
    assert not why["would_retrain"] and [each["code"] for each in why["blocks"]] == ["minimum_time"]
    assert rules["accuracy_drop"]["fires"] and rules["accuracy_drop"]["value"] == pytest.approx(0.355)
    assert rules["accuracy_drop"]["reason"] == "Accuracy dropped by 0.355"
    assert not rules["drift"]["fires"] and rules["drift"]["value"] is None
    assert 600 <= rules["elapsed_time"]["value"] < 3600 and why["economics"] is None
    fine = peer.model("fine")["retrain"]
    assert [each["code"] for each in fine["blocks"]] == ["no_rule_fires", "minimum_time"]


def test_silences_and_what_they_match_are_told(kept: Kept) -> None:
    kept.serve()
    peer, publisher = Http(kept.daemon), kept.reliable()
    publisher.metrics("fraud", 0.5)
    publisher.settle()
    peer.until("/api/v1/models", lambda page: page["models"][0]["state"] == "alerting", "an alert")
    assert peer.json("/api/v1/silences")["silences"] == []
    control = ("--control", kept.endpoint("control"))
    for name, comment in (("night", "a new region"), ("other", "")):
        more = ["--comment", comment] if comment else []
        made = harness.run(
            "silence", "add", "--model", "fr*", "--for", "2h", "--by", "ana", "--id", name, *more, *control
        )
        assert made.code == 0, made.err
    peer.until("/api/v1/silences", lambda page: page["total"] == 2, "both")
    page = peer.json("/api/v1/silences?limit=1")
    (silence,) = page["silences"]
    assert (page["total"], silence["id"], silence["created_by"]) == (2, "night", "ana")
    assert (silence["matchers"], silence["comment"]) == ({"model": "fr*"}, "a new region")
    assert json.loads(harness.run("silence", "list", "--json", *control).out)["silences"][0] == silence

    def silenced(page: Json) -> bool:
        return bool(page["models"][0]["state"] == "silenced")

    model = peer.until("/api/v1/models", silenced, "it is silenced")["models"][0]
    (alert,) = model["alerts"]
    assert (model["urgency"], alert["flags"], alert["state"]) == (0.45, ["silenced"], "firing")
    assert peer.json("/api/v1/models")["by_state"]["silenced"] == 1
    assert peer.model("fraud")["alerts"][0]["flags"] == ["silenced"]
    for selection in ("open", "recent"):
        (alert,) = peer.json(f"/api/v1/alerts?state={selection}")["alerts"]
        assert (alert["flags"], alert["inhibited_by"], alert["reason"]) == (["silenced"], [], None), selection
    assert 'tidemark_models{state="silenced"} 1' in peer.get("/metrics").text
    for name in ("night", "other"):
        assert harness.run("silence", "expire", name, *control).code == 0
    peer.until("/api/v1/models", lambda page: page["models"][0]["state"] == "alerting", "it is not any more")
    peer.until("/api/v1/silences", lambda page: page["total"] == 0, "none")
    publisher.metrics("fraud", 0.97)
    publisher.settle()
    over = peer.until("/api/v1/alerts?state=recent", lambda page: page["alerts"][0]["state"] == "resolved", "its end")
    assert over["alerts"][0]["reason"] == "recovered"
    assert peer.get("/api/v1/silences?limit=0").held_to("/api/v1/silences").status == 400


def test_an_alert_that_recovers_is_told_so(kept: Kept) -> None:
    kept.said["defaults"] = {"preset": "standard", "baseline": {"accuracy": 0.95}, "alerts": {"keep_firing_for": "30m"}}
    kept.serve()
    peer, publisher = Http(kept.daemon), kept.reliable()
    at = time.time_ns() - 30 * 86_400 * SECOND

    def send(accuracy: float) -> None:
        nonlocal at
        for _ in range(10):
            at += 60 * SECOND
            publisher.metrics("fraud", accuracy, at)
        publisher.settle()

    def is_in(state: str) -> Callable[[Json], bool]:
        return lambda page: [each["state"] for each in page["alerts"]] == [state]

    peer.until("/api/v1/alerts", is_in("firing"), "it fires", lambda: send(0.3))
    peer.until("/api/v1/alerts", is_in("recovering"), "it recovers", lambda: send(0.96))
    assert [each["state"] for each in peer.model("fraud")["alerts"]] == ["recovering"]
    assert peer.json("/api/v1/models")["models"][0]["alerts"][0]["state"] == "recovering"
    metrics = peer.get("/metrics").text
    assert 'tidemark_alerts{state="recovering",severity="high"} 1' in metrics
    assert 'tidemark_alerts{state="firing",severity="high"} 0' in metrics


def test_features_come_with_scores_and_under_standard_with_distributions(kept: Kept, context: Context) -> None:
    kept.said["preset"] = "standard"
    kept.serve()
    peer, publisher = Http(kept.daemon), Publisher(context, kept.endpoint("ingest")).wait_subscribed()
    draws = [[((row * 37) % 101) / 101, ((row * 53) % 103) / 103] for row in range(400)]
    names = ["age", "amount"]
    publisher.send(events.baseline("wide", None, rows=draws, names=names))
    for batch in range(20):
        moved = [[row[0], row[1] + 0.8] for row in draws[batch * 20 : batch * 20 + 20]]
        publisher.send(events.features("wide", None, moved, names))
    page = "/api/v1/models?q=wide"

    def judged(found: object) -> bool:
        models = found["models"]  # type: ignore[index]
        return bool(models and models[0]["drift"] and models[0]["drift"]["drifted"] == 1)

    model = peer.until(page, judged, "drift is found")["models"][0]
    assert model["state"] == "alerting" and len(model["recent_drift"]) > 0
    features = peer.model("wide")["features"]
    assert (features["total"], features["drifted"], features["top"][0]["name"]) == (2, 1, "amount")
    shares = features["top"][0]["distribution"]
    assert len(shares["bins"]) == len(shares["reference"]) == len(shares["current"])
    assert sum(shares["reference"]) == pytest.approx(1) and sum(shares["current"]) == pytest.approx(1)
    assert shares["current"][-1] > 0.5 > shares["reference"][-1], "what moved up is in the last bin"
    assert shares["reference_rows"] == 400


def test_history_comes_from_the_journal_and_says_so_when_there_is_none(
    kept: Kept, served: Callable[..., Http], context: Context
) -> None:
    kept.serve()
    peer, publisher = Http(kept.daemon), kept.reliable()
    hour = time.time_ns() - 3600 * SECOND
    for minute in range(10):
        publisher.metrics("fraud", 0.9 + minute / 1000, hour + minute * 60 * SECOND)
    publisher.settle()

    def stored() -> list[dict[str, object]]:
        history = peer.model("fraud", more="/history?step=600")
        assert history["reason"] is None and history["step_s"] == 600
        return [each for each in history["points"] if each["accuracy"]]

    points = until(lambda: (found := stored()) and sum(p["accuracy"]["count"] for p in found) == 10 and found, "10")
    assert min(each["accuracy"]["min"] for each in points) == 0.9
    assert max(each["accuracy"]["max"] for each in points) == pytest.approx(0.909)
    kept.daemon.stop()
    del kept.said["sockets"]["reliable"]
    kept.said |= {"state": None}
    peer = Http(kept.serve().daemon)
    kept.lossy().metrics("fraud", 0.9)
    peer.until("/api/v1/models", lambda page: page["total"] == 1, "the model")
    history = peer.model("fraud", more="/history")
    assert (history["reason"], history["points"]) == ("no_journal", [])


def test_alerts_and_decisions_are_told_across_a_restart(kept: Kept) -> None:
    peer, decision = watched(kept)
    before = peer.json("/api/v1/alerts")["alerts"]
    kept.again()
    peer = Http(kept.daemon)
    life = peer.json(f"/api/v1/decisions/{decision}", "/api/v1/decisions/{id}")
    assert (life["state"], life["complete"], len(life["messages"])) == ("acked", True, 2)
    after = peer.json("/api/v1/alerts")["alerts"]
    assert [each["episode_id"] for each in after] == [each["episode_id"] for each in before]
    assert after[0]["changed_at"] == before[0]["changed_at"]


def test_what_is_no_parameter_or_no_path_is_a_problem(served: Callable[..., Http]) -> None:
    peer = served()
    for path, documented in [
        ("/api/v1/models?limit=0", "/api/v1/models"),
        ("/api/v1/models?limit=1001", "/api/v1/models"),
        ("/api/v1/models?limit=x", "/api/v1/models"),
        ("/api/v1/models?offset=-1", "/api/v1/models"),
        ("/api/v1/models?state=none", "/api/v1/models"),
        ("/api/v1/models?q=" + "x" * 201, "/api/v1/models"),
        ("/api/v1/alerts?state=closed", "/api/v1/alerts"),
        ("/api/v1/decisions?limit=1e3", "/api/v1/decisions"),
        ("/api/v1/models/m/-/history?from=yesterday", "/api/v1/models/{model}/{version}/history"),
        ("/api/v1/models/m/-/history?step=0", "/api/v1/models/{model}/{version}/history"),
        (
            "/api/v1/models/m/-/history?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            "/api/v1/models/{model}/{version}/history",
        ),
    ]:
        answer = peer.get(path).held_to(documented)
        assert (answer.status, answer.json["code"]) == (400, "bad_parameter"), path
    for path, code in [
        ("/api/v1/models/none/-", "unknown_model"),
        ("/api/v1/models/none/-/history", "unknown_model"),
        ("/api/v1/decisions/rt-0", "unknown_decision"),
        ("/api/v2/models", "unknown_path"),
        ("/api/v1/models/a/b/c/d", "unknown_path"),
        ("/readyz/", "unknown_path"),
    ]:
        answer = peer.get(path)
        assert (answer.status, answer.json["code"], answer.media) == (404, code, "application/problem+json"), path
    for path in ("/%zz", "/api/v1/models/%ff/-", "/api/v1/models?q=%f"):
        answer = peer.get(path)
        assert (answer.status, answer.json["code"]) == (400, "target"), path
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        answer = peer.get("/api/v1/models", method=method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD"), method
    head = peer.get("/api/v1/models", method="HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 50


# Health.


def test_it_stays_ready_while_its_journal_fails_and_says_so(kept: Kept) -> None:
    kept.said["journal"] = {"maximum_pages": 64}
    kept.serve()
    peer, publisher = Http(kept.daemon), kept.reliable()
    numbers = iter(range(100_000))

    def fill() -> None:
        decide(publisher, f"model-{next(numbers)}")
        publisher.pump(5)

    degraded = peer.until("/readyz", lambda found: found["status"] == "degraded", "a full disk", fill)
    assert degraded["checks"]["journal"]["state"] == "failing" and "full" in degraded["checks"]["journal"]["detail"]
    assert peer.get("/livez").status == 200
    metrics = peer.get("/metrics").text
    assert re.search(r"^tidemark_journal_failing 1$", metrics, re.M)
    model = peer.json("/api/v1/models?limit=1")["models"][0]
    assert "journal_failing" in [each["code"] for each in peer.model(model["model"])["retrain"]["blocks"]]


# Who is let in.


def test_pages_of_other_sites_are_refused_by_their_host(served: Callable[..., Http]) -> None:
    peer = served({**LOOPBACK, "hosts": ["tidemark.internal", "other.internal:80"]})
    port = peer.port
    right = [f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST:%d" % port]
    right += ["tidemark.internal", "tidemark.internal:8080", "other.internal:80"]
    wrong = ["evil.example", f"evil.example:{port}", "localhost", f"localhost:{port + 1}", "other.internal", None, ""]
    wrong += [f"127.0.0.1.evil.example:{port}", "tidemark.internal:x"]
    for path in ("/livez", "/readyz", "/metrics", "/", "/api/v1/models"):
        for host in right:
            assert peer.get(path, Host=host).status == 200, (path, host)
        for host in wrong:
            answer = peer.get(path, Host=host)
            # Without one a request is none (RFC 9112, 3.2).
            assert answer.status in ((400, 403) if host is None else (403,)), (path, host, answer.status)
            if answer.status == 403:
                assert answer.held_to(path).json["code"] == "host"


def test_a_token_is_asked_for_and_compared_whole(served: Callable[..., Http], folder: Path) -> None:
    token = folder / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    peer = served({**LOOPBACK, "token_file": str(token)})
    for path in ("/metrics", "/api/v1/models", "/api/v1/events", "/openapi.yaml"):
        for wrong in (None, "", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", f"Basic {TOKEN}"):
            answer = peer.get(path, Authorization=wrong)
            assert answer.status == 401, (path, wrong)
            assert answer.held_to(path).json["code"] == "token" and "Bearer" in answer.headers["www-authenticate"]
    for path in ("/metrics", "/api/v1/models", "/openapi.yaml"):
        assert peer.get(path, Authorization=f"Bearer {TOKEN}").status == 200
        assert peer.get(path, Authorization=f"bearer {TOKEN}").status == 200
    for path in ("/livez", "/readyz", "/"):
        assert peer.get(path).status == 200, "for probes and for the page, which tells nothing"


@pytest.mark.parametrize(
    ("mode", "content", "says"),
    [
        (0o644, TOKEN, "has mode 644"),
        (0o600, "short", "holds no token"),
        (0o600, TOKEN + " two", "holds no token"),
        (0o600, "x" * 5000, "holds no token"),
        (None, "", "No such file"),
    ],
)
def test_a_token_file_that_others_read_or_that_holds_none_is_refused(
    daemons: Start, folder: Path, mode: int | None, content: str, says: str
) -> None:
    token = folder / "token"
    if mode is not None:
        token.write_text(content)
        token.chmod(mode)
    said = {"sockets": SOCKETS(folder), "http": {**LOOPBACK, "token_file": str(token)}}
    daemon = daemons("--config", harness.configure(folder, said))
    log = daemon.wait_refused()
    assert says in log and daemon.process.returncode == harness.CONFIGURATION
    assert TOKEN not in log


@pytest.mark.parametrize(
    ("http", "says"),
    [
        ({"listen": "0.0.0.0:0"}, "http.listen: 0.0.0.0 can be reached from other machines, want token_file"),
        ({"listen": "localhost"}, "http.listen: 'localhost' has no port"),
        ({"listen": "example.com:80"}, "http.listen: 'example.com' is no address"),
        ({"listen": "127.0.0.1:70000"}, "http.listen: '127.0.0.1:70000' has no port"),
        ({"listen": "::1:80"}, "http.listen: '::1' is no address"),
        ({"hosts": ["a/b"]}, "http.hosts[0]: 'a/b' is no name of a host"),
        ({"port": 80}, "http.port: unknown key"),
        ("on", "http: 'on' is no mapping"),
    ],
)
def test_a_wrong_http_section_is_told_with_its_line(folder: Path, http: object, says: str) -> None:
    configuration = harness.configure(folder, {"http": http})
    ran = harness.run("check", "--config", configuration)
    assert ran.code == harness.CONFIGURATION and says in ran.said, ran.said


def test_a_port_that_is_taken_matters_only_when_it_was_asked_for(daemons: Start, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        said = {"sockets": SOCKETS(folder), "http": {"listen": place}}
        daemon = daemons("--config", harness.configure(folder, said))
        assert f"http: cannot bind {place}: Address already in use" in daemon.wait_refused()
        assert daemon.process.returncode == 69


def test_without_a_word_of_it_a_taken_port_is_a_notice(daemons: Start, folder: Path) -> None:
    try:
        holder = socket.create_server(("127.0.0.1", 7414))
    except OSError:
        holder = None  # Somebody else has it, which is as good.
    try:
        said = {"sockets": SOCKETS(folder)}
        daemon = daemons("--config", harness.configure(folder, said)).wait_ready()
        line = daemon.wait_for_line("http: cannot bind 127.0.0.1:7414")
        assert " notice " in line and "http=" not in daemon.wait_for_line(r"\bready\b")
    finally:
        if holder:
            holder.close()
    daemon.stop()
    off = daemons("--config", harness.configure(folder, {"sockets": SOCKETS(folder), "http": "off"})).wait_ready()
    assert "http" not in off.log
    assert "http     off" in harness.run("check", "--config", folder / "tidemark.yaml").said


# Live.


def test_the_event_stream_tells_alerts_decisions_and_the_fleet_and_goes_on_where_it_was(kept: Kept) -> None:
    kept.serve()
    peer, publisher = Http(kept.daemon), kept.reliable()
    publisher.metrics("before", 0.97)
    publisher.settle()
    stream = Stream(peer)
    assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream"
    assert stream.next("hello")[0]["resumed"] is False
    decide(publisher, "fraud")
    publisher.settle()
    alert, _ = stream.next("alert")
    assert (alert["type"], alert["subject"]) == ("tidemark.alert.opened.v1", "fraud")
    decision, number = stream.next("decision")
    assert decision["type"] == "tidemark.decision.retrain.issued.v1" and number == f"{kept.epoch}-2"
    delta, _ = stream.next("fleet")
    validator("components", "schemas", "FleetDelta").validate(delta)
    assert delta["total"] >= 1
    stream.close()

    decide(publisher, "later")
    publisher.settle()
    resumed = Stream(peer, last=number)
    assert resumed.next("hello")[0]["resumed"] is True
    told = [next(resumed.events) for _ in range(2)]
    assert [(name, data["subject"], place) for name, data, place in told] == [
        ("alert", "later", f"{kept.epoch}-3"),
        ("decision", "later", f"{kept.epoch}-4"),
    ]
    resumed.close()
    for wrong in ("1-1", "x", f"{kept.epoch}-99", ""):
        other = Stream(peer, last=wrong)
        assert other.next("hello")[0]["resumed"] is False, wrong
        other.close()


def listeners(peer: Http) -> int:
    return int(peer.json("/api/v1/status")["listeners"]["clients"])


def test_at_most_sixteen_listen_and_who_has_gone_makes_room(served: Callable[..., Http]) -> None:
    peer = served()
    streams = [Stream(peer) for _ in range(16)]
    assert {each.status for each in streams} == {200} and listeners(peer) == 16
    refused = Stream(peer)
    assert refused.status == 503
    streams.pop().close()
    until(lambda: listeners(peer) == 15, "its place is free")
    assert Stream(peer).status == 200


def test_events_are_taken_while_sixteen_listeners_read_nothing(kept: Kept, context: Context) -> None:
    kept.serve()
    peer, publisher = Http(kept.daemon), Publisher(context, kept.endpoint("ingest")).wait_subscribed()
    stuck = [Stream(peer, receive_bytes=2_048) for _ in range(16)]
    assert {each.status for each in stuck} == {200}
    count = 3_000
    for number in range(count):
        # Each opens or ends an alert: a message for every listener.
        publisher.metrics(f"model-{number % 50}", 0.5 if number // 50 % 2 == 0 else 0.99)
    peer.until("/api/v1/status", lambda found: found["account"]["received"] == count, "all are taken")
    assert peer.get("/livez").status == 200
    peer.until("/api/v1/status", lambda found: found["account"]["published"] >= count, "all are told")
    assert kept.daemon.stop() < 3


# Hostile peers.


def is_closed(peer: socket.socket) -> bool:
    try:
        return peer.recv(65536) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_thousand_idle_connections_keep_nobody_out(served: Callable[..., Http]) -> None:
    peer = served()
    idle = [peer.connect() for _ in range(1_000)]
    assert peer.get("/livez").text == "ok\n"
    assert peer.json("/api/v1/models")["total"] == 0
    # The oldest made room for the newest.
    assert is_closed(idle[0]) and is_closed(idle[500])
    opened = re.search(r"^process_open_fds (\d+)", peer.get("/metrics").text, re.M)
    assert opened and int(float(opened[1])) < 200
    for each in idle:
        each.close()


def test_a_request_that_comes_slowly_or_is_too_large_is_ended(served: Callable[..., Http]) -> None:
    peer = served()
    slow = peer.connect()
    slow.settimeout(0.2)
    begun = time.monotonic()
    slow.sendall(f"GET /livez HTTP/1.1\r\nHost: {peer.place}\r\n".encode())

    def drips() -> bool:
        if is_closed(slow):
            return True
        try:
            slow.sendall(b"X-Slow: 1\r\n")
        except ConnectionError:
            return True
        return False

    until(drips, "it is ended")
    assert time.monotonic() - begun > 5, "not before its time"
    large = peer.connect()
    try:
        large.sendall(f"GET /livez HTTP/1.1\r\nHost: {peer.place}\r\nX-Large: {'x' * 20_000}\r\n\r\n".encode())
        answer = large.recv(4096)
    except ConnectionError:
        answer = b""
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")), answer[:100]
    body = peer.connect()
    body.sendall(
        f"GET /livez HTTP/1.1\r\nHost: {peer.place}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    with pytest.raises(ConnectionError):
        for _ in range(10_000):
            body.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
    assert peer.get("/livez").status == 200


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\x00" * 64,
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f" + b"\x03\x00NULL",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_harm_nobody(served: Callable[..., Http], bytes_: bytes) -> None:
    peer = served()
    other = peer.connect()
    other.sendall(bytes_)
    assert peer.get("/livez").status == 200
    other.close()
    assert peer.get("/readyz").json["status"] == "ready"


def test_the_end_says_nothing_but_what_the_log_says(served: Callable[..., Http]) -> None:
    http = served()
    assert http.get("/readyz").status == 200
    http.daemon.stop()
    strange = [line for line in http.daemon.log.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT\S+Z \w+ ", line)]
    assert not strange
