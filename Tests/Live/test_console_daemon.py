"""`top`, `explain`, `doctor` and `healthcheck` against a real daemon: what happens is seen, told and found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_peers import Pane, closed_port, command
from delivery_peers import Context, Lossy, message, until
from delivery_served import Kept, Start, decide

Json = Any


class Watched:
    """A daemon with HTTP at a port that it keeps, and the commands that ask it."""

    def __init__(self, kept: Kept, port: int) -> None:
        self.kept, self.url = kept, f"http://127.0.0.1:{port}"

    def ask(self, *arguments: str) -> Any:
        return command(*arguments, TIDEMARK_URL=self.url)

    def doctor(self, code: int) -> dict[str, list[str]]:
        """The summaries of what was found, by their words."""
        ran = self.ask("doctor", "--json")
        assert ran.returncode == code, ran.stdout + ran.stderr
        found: dict[str, list[str]] = {}
        for finding in json.loads(ran.stdout)["findings"]:
            assert all(finding.values()), finding
            found.setdefault(finding["code"], []).append(finding["summary"])
        return found

    def until(self, *arguments: str, says: str) -> str:
        """The answer of a command, once it says so."""

        def said() -> str | None:
            ran = self.ask(*arguments)
            return ran.stdout if re.search(says, ran.stdout) else None

        return str(until(said, f"{arguments} says {says}"))


@pytest.fixture
def watched(daemons: Start, folder: Path, context: Context) -> Callable[..., Watched]:
    def serve(**said: Json) -> Watched:
        port = closed_port()
        kept = Kept(daemons, folder, context, http={"listen": f"127.0.0.1:{port}"}, **said)
        return Watched(kept.serve(), port)

    return serve


@pytest.fixture
def pane(folder: Path) -> Iterator[Pane]:
    made = Pane(folder, 100, 30)
    yield made
    made.close()


def test_top_shows_what_happens_as_it_happens(watched: Callable[..., Watched], pane: Pane) -> None:
    daemon = watched()
    publisher, requests = daemon.kept.reliable(), daemon.kept.requests()
    pane.run("top", "--url", daemon.url)
    pane.wait(r"tidemark keep", r"● live", r"No model yet")
    publisher.metrics("fine", 0.97)
    publisher.settle()
    pane.wait(r"✓ +fine +(- +)?healthy")
    decide(publisher, "fraud")
    publisher.settle()
    pane.wait(r"● +fraud +alerting +accuracy +0\.500 .*issued", r"2 models: 1 alerting")
    # The most urgent is first and selected.
    pane.press("d")
    text = pane.wait(r"fraud: retrain, issued, attempt 1", r"accuracy_dropped", r"Its life", r"expiry|resend")
    found = re.search(r"rt-[0-9a-f]{40}", text)
    assert found
    assert requests.feedback(found[0], "acked", owner="airflow-1").word == "ack"
    pane.wait(r"acked by airflow-1", r"◐ acked .* attempt 1, airflow-1")
    pane.press("Escape", "Enter")
    pane.wait(r"● accuracy +0\.500 +\(≥ 0\.855\)", r"Sources", r"scorer")
    pane.press("a")
    pane.wait(r"The account since", r"scorer +live +3 +0")
    pane.resize(60, 20)
    pane.wait(r"scorer", lambda text: "RESTARTS" not in text)
    pane.press("q")
    pane.assert_clean()


def test_top_finds_a_daemon_again(watched: Callable[..., Watched], pane: Pane) -> None:
    daemon = watched()
    publisher = daemon.kept.reliable()
    publisher.metrics("fine", 0.97)
    publisher.settle()
    pane.run("top", "--url", daemon.url)
    pane.wait(r"● live", r"✓ +fine")
    daemon.kept.daemon.stop()
    pane.wait(r"✗ no connection, data \d+ s old", r"✓ +fine")
    assert "2" in pane.attributes("fine")
    daemon.kept.serve()
    pane.press("r")
    pane.wait(r"● live", r"✓ +fine", lambda _: "2" not in pane.attributes("fine"))
    pane.press("C-c")
    pane.assert_clean()


def test_explains_a_decision_that_was_made_and_one_that_was_not(watched: Callable[..., Watched]) -> None:
    daemon = watched()
    publisher = daemon.kept.reliable()
    decide(publisher, "team%2Ffraud")
    publisher.metrics("fine", 0.97)
    publisher.settle()
    made = daemon.until("explain", "team/fraud", says=r"The open decision")
    identifier = re.search(r"rt-[0-9a-f]{40}", made)
    assert identifier
    told = " ".join(daemon.ask("explain", identifier[0]).stdout.split())
    for words in (
        "team/fraud: retrain, issued, attempt 1", "accuracy_dropped Accuracy dropped by 0.355; the rule asks for 0.05",
        "the other rules then: drift, elapsed_time", "accuracy high, 0.5 against 0.855",
        "coverage 100 % of what its sources sent", "scorer nothing lost of 3; live",
        "issued", "What falls due", "expiry in 23 h 59 min",
    ):  # fmt: skip
        assert words in told, f"{words}\n{told}"
    # The same decision by the beginning of its id, and as the API tells it.
    assert json.loads(daemon.ask("explain", identifier[0][:14], "--json").stdout)["id"] == identifier[0]
    fine = " ".join(daemon.ask("explain", "fine").stdout.split())
    for words in ("fine: not retrained: no rule fires", "accuracy does not alert", "elapsed_time", "of 7 d", "not below 0.855"):
        assert words in fine, f"{words}\n{fine}"
    assert daemon.ask("explain", "nobody").returncode == 66


def test_health(watched: Callable[..., Watched]) -> None:
    daemon = watched()
    assert (ran := daemon.ask("healthcheck")).returncode == 0 and ran.stdout == "ok\n"
    assert (ran := daemon.ask("healthcheck", "--ready")).returncode == 0 and ran.stdout == "ready\n"
    daemon.kept.daemon.stop()
    assert daemon.ask("healthcheck").returncode == 1
    assert daemon.doctor(2).keys() == {"unreachable"}


def test_the_doctor_finds_nothing_wrong_with_a_daemon_that_is_well(watched: Callable[..., Watched]) -> None:
    daemon = watched()
    publisher = daemon.kept.reliable()
    decide(publisher, "fraud")
    publisher.settle()
    assert daemon.doctor(0) == {}
    ran = daemon.ask("doctor", "--state", str(daemon.kept.state))
    # How full this machine's disk is is not the test's: it is looked at, and told where it is short.
    assert re.search(r"✓ in order +answers, live, ready, version", ran.stdout) and "disk" in ran.stdout


def test_the_doctor_finds_what_is_wrong(watched: Callable[..., Watched], folder: Path) -> None:
    sockets = {name: [f"ipc://{folder}/{name}"] for name in ("ingest", "output")}
    daemon = watched(state=None, sockets=sockets, limits={"models": 2})
    publisher: Lossy = daemon.kept.lossy("pod-7")
    for model in ("a", "b", "c", "c"):
        publisher.metrics(model, 0.97)
    # Numbers 5 to 9 never come.
    publisher.numbers.last += 5
    publisher.metrics("a", 0.97)
    publisher.send(message("metrics/a/-/pod-7", publisher.numbers.epoch, 1, {"metrics": []}))
    publisher.send([b"metrics/a/-/plain", b'{"specversion":"1.0","id":"1","source":"plain","subject":"a",'
                    b'"type":"tidemark.metrics.v1","data":{"accuracy":0.97}}'])  # fmt: skip
    publisher.head()
    daemon.until("doctor", "--json", says=r"unsequenced")
    found = daemon.doctor(2)
    assert found["too_many_models"] == ["2 of at most 2 models; 2 events refused"], found
    assert any(each.startswith("pod-7 lost 5 of") for each in found["losses"]), found
    assert any("as duplicate, most of pod-7 (1)" in each for each in found["rejected"]) or "malformed" in str(found["rejected"])
    assert found["unsequenced"] == ["plain does not number messages"]
    assert found["no_journal"] == ["There is no journal"]
    # The worst comes first for people as well.
    lines = daemon.ask("doctor").stdout
    assert lines.index("✗") < lines.index("▲") < lines.index("· no_journal")
