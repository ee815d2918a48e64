"""The dashboard of a real daemon, fed by real publishers, in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness
from chromium import Chromium, Page
from dashboard_feed import Feed, configuration
from dashboard_mock import builder
from http_peer import Http
from live import Daemon

from tidemark import Control  # of protocol/python, whose place dashboard_feed knows

ROW = ".rows .row:not([hidden])"
FLEET = [
    ("fraud", "7", "both", 5.0), ("team/<b>churn</b>", "2026-11", "none", 0.0), ("eta", None, "inputs", 2.0),
    ("forecast", "1", "fresh", 0.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    made = Chromium()
    yield made
    made.close()


class Served:
    """A daemon with a few hours behind it, and a page of its dashboard."""

    def __init__(self, daemon: Daemon, folder: Path, browser: Chromium) -> None:
        self.daemon, self.folder, self._browser = daemon, folder, browser
        self.peer = Http(daemon)
        self.feed = Feed(folder, FLEET)
        self.feed.past(8)
        self.peer.until("/api/v1/decisions", lambda said: said["total"] >= 2, "two decisions")
        self.page: Page = browser.page()

    def open(self, place: str, until: str) -> Page:
        self.page.open(f"http://{self.peer.place}/{place}")
        self.page.wait(until)
        return self.page


@pytest.fixture
def served(daemons: Callable[..., Daemon], folder: Path, browser: Chromium) -> Iterator[Served]:
    daemon = daemons("--config", harness.configure(folder, configuration(folder))).wait_ready()
    made = Served(daemon, folder, browser)
    yield made
    made.feed.close()
    made.page.close()


def test_the_page_is_the_one_that_is_built_and_nothing_else_may_run(served: Served) -> None:
    answer = served.peer.get("/")
    assert answer.text == builder().page()
    assert answer.headers["content-security-policy"] == builder().policy()
    assert served.peer.get("/", If_None_Match=answer.headers["etag"]).status == 304


def test_fleet_model_and_decision_show_what_the_daemon_says(served: Served) -> None:
    page = served.open("#/", f"document.querySelectorAll('{ROW}').length === {len(FLEET)}")
    said = served.peer.json("/api/v1/models")["models"]
    rows = page.run(
        f"[...document.querySelectorAll('{ROW}')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((row) => "
        "[row.querySelector('.name a').textContent, row.querySelector('.state').textContent])"
    )
    assert rows == [[model["model"], model["state"]] for model in said]
    assert rows[0] == ["fraud", "alerting"] and ["forecast", "learning"] in rows
    page.press("j")
    page.press("Enter")
    page.wait("document.querySelectorAll('.stage svg').length === 4 && document.querySelectorAll('.shape svg').length === 5")
    detail = served.peer.model("fraud", "7")
    text = page.text()
    assert "Would not be retrained now" in text and "Waiting for minimum time" in text
    assert {alert["monitor"] for alert in detail["alerts"]} == {"accuracy", "drift"}
    assert page.run("document.querySelectorAll('.rules .fires').length") == sum(r["fires"] for r in detail["retrain"]["rules"])
    page.run("document.querySelector('.list a.item').focus()")
    page.press("Enter")
    page.wait("document.querySelectorAll('.steps .done').length === 1")
    # An orchestrator claims it, and the page that is open tells so.
    identity = page.run("location.hash.split('/').at(-1)")
    with Control(f"ipc://{served.folder}/control", requester="airflow-1") as control:
        control.feedback(identity, "acked", owner="airflow-1")
    page.wait("document.querySelectorAll('.steps .done').length === 2 && document.body.innerText.includes('airflow-1')")
    page.run("location.hash = '#/account'")
    page.wait("document.querySelectorAll('#c-sources ~ *, [aria-labelledby=c-sources] tbody tr').length >= 2")
    assert page.complaints() == []


def test_what_is_measured_now_is_seen_without_a_reload(served: Served) -> None:
    page = served.open("#/", f"document.querySelectorAll('{ROW}').length === {len(FLEET)}")
    page.run("window.marker = 1")
    name, version, _, _ = FLEET[1]
    row = f"[...document.querySelectorAll('{ROW}')].find((row) => row.querySelector('.name a').textContent === {json.dumps(name)})"
    assert page.run(f"{row}.querySelector('.state').textContent") == "healthy"

    def worse() -> None:
        served.feed.publisher(name).metrics(name, version=version, correct=60, total=200)

    worse()
    page.wait(f"{row}.querySelector('.accuracy').textContent.startsWith('0.300')")
    served.peer.until(
        "/api/v1/models?q=churn", lambda said: said["models"][0]["state"] == "alerting", "an alert", worse
    )
    page.wait(f"{row}.querySelector('.state').textContent === 'alerting' && {row}.querySelector('.chip:not([hidden])')")
    page.wait("document.getElementById('announce').textContent.includes('<b>churn</b>')")
    assert page.run("window.marker") == 1 and page.run("document.querySelector('.rows b b')") is None
    served.daemon.stop()
    page.wait("document.querySelector('.banner')?.innerText.includes('Not connected')")
