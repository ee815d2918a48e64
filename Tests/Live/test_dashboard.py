"""The dashboard in a real headless Chromium, over a made-up fleet that moves.

What is asserted of speed is how much of the page exists and how often the browser had to lay it out; times are printed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

import chromium
from chromium import Chromium, Page
from dashboard_fleet import HOSTILE, Fleet
from dashboard_mock import Mock

ROW = ".rows .row:not([hidden])"
LOADED = f"document.querySelector('{ROW}')"
#: The views besides the fleet, and what is there when they have loaded.
VIEWS = {
    "#/alerts": "document.querySelector('main table')",
    "#/decisions": "document.querySelector('main table')",
    "#/account": "document.querySelectorAll('.sums dd').length === 12",
    "#/models/fraud/7": "document.querySelectorAll('.stage svg').length === 4",
}

Open = Callable[..., Page]
Serve = Callable[..., Mock]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    assert chromium.installed(), "no chromium: apt-get install chromium"
    made = Chromium()
    yield made
    made.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    mocks = []

    def start(fleet: Fleet, **options: Any) -> Mock:
        mocks.append(Mock(fleet, **options))
        return mocks[-1]

    yield start
    for mock in mocks:
        mock.close()


@pytest.fixture
def view(browser: Chromium) -> Iterator[Open]:
    """Opens pages; at the end none of them may have complained of anything."""
    pages = []

    def start(mock: Mock, place: str = "#/", until: str = LOADED, **options: Any) -> Page:
        page = browser.page(**options)
        pages.append(page)
        page.open(mock.url + place)
        page.wait(until)
        return page

    yield start
    complaints = [text for page in pages for text in page.complaints() if not getattr(page, "may_complain", False)]
    for page in pages:
        page.close()
    assert complaints == []


def names(page: Page) -> list[str]:
    """Of the rows in sight, from top to bottom."""
    found = page.run(
        f"[...document.querySelectorAll('{ROW}')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)"
        ".map((row) => row.querySelector('.name a').textContent)"
    )
    assert isinstance(found, list)
    return found


# MARK: The fleet


def test_every_model_is_there_the_most_urgent_first(serve: Serve, view: Open) -> None:
    mock = serve(Fleet(60))
    page = view(mock)
    expected = [summary["model"] for summary in mock.answers.summaries(time.time())]
    shown = names(page)
    assert len(shown) > 15 and shown == expected[: len(shown)]
    assert page.run("document.querySelector('[role=grid]').getAttribute('aria-rowcount')") == "61"
    states = mock.answers.by_state(mock.answers.summaries(time.time()))
    for state, count in states.items():
        assert page.run(f"document.querySelector('.filter.{state} b').textContent") == str(count)


def test_search_and_filter_and_their_ways_out(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(60)))
    page.press("/")
    page.type("FRAUD")
    page.wait(f"document.querySelectorAll('{ROW}').length < 10")
    assert names(page) and all("fraud" in name for name in names(page))
    page.press("Escape")
    page.press("Escape")
    page.wait(f"document.querySelectorAll('{ROW}').length > 15")
    page.press("3")
    page.wait("document.querySelector('.filter.stale').getAttribute('aria-pressed') === 'true'")
    shown = page.run(f"[...document.querySelectorAll('{ROW}')].map((row) => row.querySelector('.state').textContent)")
    assert shown and set(shown) == {"stale"}
    page.press("/")
    page.type("no such model")
    page.wait("document.querySelector('.instead').textContent.includes('No model matches')")


def test_keys_lead_to_a_decision_and_back(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(60)))
    page.press("j")
    page.press("j")
    page.press("k")
    page.wait("document.querySelector('[role=grid]').hasAttribute('aria-activedescendant')")
    chosen = "document.getElementById(document.querySelector('[role=grid]').getAttribute('aria-activedescendant'))"
    assert page.run(f"{chosen}.getAttribute('aria-selected')") == "true"
    name = page.run(f"{chosen}.querySelector('.name a').textContent")
    assert name == "fraud"
    page.press("Enter")
    page.wait("location.hash === '#/models/fraud/7' && document.querySelector('.list a.item')")
    for _ in range(20):
        if "decisions" not in page.run("document.activeElement.hash ?? ''"):
            page.press("j")
    page.press("Enter")
    page.wait("location.hash.startsWith('#/decisions/rt-') && document.querySelector('.steps')")
    assert "Accuracy dropped by" in page.run("document.getElementById('c-why').closest('section').innerText")
    assert page.run("document.querySelectorAll('.steps .done').length") == 3
    page.press("Escape")
    page.wait("location.hash === '#/models/fraud/7' && document.querySelector('[data-view=model]')")
    page.press("Escape")
    page.wait(f"location.hash === '#/' && {LOADED}")
    page.wait(f"{chosen}?.querySelector('.name a').textContent === 'fraud'", "the choice is kept")


def test_an_alert_arrives_without_a_reload(serve: Serve, view: Open) -> None:
    mock = serve(Fleet(60))
    page = view(mock)
    page.run("window.marker = 1")
    quiet = names(page)[-1]
    key = next(key for key in mock.fleet.models if key[0] == quiet)
    page.wait("!document.getElementById('alert-count').hidden")
    before = int(page.run("document.getElementById('alert-count').textContent"))
    for monitor in ("accuracy", "latency", "drift"):
        mock.open_alert(key, monitor)
    page.wait(f"document.querySelector('{ROW}[aria-rowindex=\"2\"] .name a').textContent === {json.dumps(quiet)}")
    page.wait(f"document.getElementById('alert-count').textContent === '{before + 3}'")
    page.wait("document.getElementById('announce').textContent !== ''")
    said = page.run("document.getElementById('announce').textContent")
    assert quiet in said and page.run("document.getElementById('announce').ariaLive") == "polite"
    assert page.run("window.marker") == 1


def test_stale_is_grey_and_not_green(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(60)))

    def colour(row: str, part: str) -> list[int]:
        text = page.run(f"getComputedStyle(document.querySelector('{ROW}.{row}-row {part}')).color")
        return [int(float(number)) for number in text[text.index("(") + 1 : -1].split(",")[:3]]

    def saturation(rgb: list[int]) -> int:
        return max(rgb) - min(rgb)

    for part in (".state .icon", ".name a", ".heat b", ".accuracy"):
        assert saturation(colour("stale", part)) < 16, part
    assert saturation(colour("healthy", ".state .icon")) > 60
    assert min(colour("stale", ".name a")) > min(colour("healthy", ".name a")) + 40
    pixels = """(row) => {
      const canvas = document.querySelector(`.rows .row:not([hidden]).${row}-row canvas`);
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let most = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) most = Math.max(most, Math.max(...data.slice(i, i + 3)) - Math.min(...data.slice(i, i + 3)));
      return most;
    }"""
    assert page.run(f"({pixels})('stale')") < 16
    assert page.run(f"({pixels})('high')") > 100
    assert "stale" in page.run(f"document.querySelector('{ROW}.stale-row .state').textContent")


def test_a_large_score_without_evidence_is_not_drawn_as_drift(serve: Serve, view: Open) -> None:
    fleet = Fleet(60)
    key, model = next((k, m) for k, m in fleet.models.items() if m.fate == "healthy" and m.preset == "standard")
    model.is_uncertain = True
    model.recent = [0.01] * 4 + [0.5] * 6
    mock = serve(fleet)
    page = view(mock)
    row = f"[...document.querySelectorAll('{ROW}')].find((row) => row.querySelector('.name a').textContent === {json.dumps(key[0])})"
    page.press("/")
    page.type(key[0])
    page.wait(f"{row}?.querySelector('canvas').ariaLabel === 'drift in 0 of the last 10 batches'")
    # Of all colours those of drift alone have so much more red than blue.
    warm = f"""(() => {{ const canvas = {row}.querySelector('canvas');
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let most = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) most = Math.max(most, data[i] - data[i + 2]);
      return most; }})()"""
    assert page.run(warm) < 60
    model.is_uncertain = False
    mock.tell_fleet([key])
    page.wait(f"{row}.querySelector('canvas').ariaLabel === 'drift in 6 of the last 10 batches'")
    assert page.run(warm) > 120


def test_batches_that_were_seen_are_kept_longer_than_the_daemon_keeps_them(serve: Serve, view: Open) -> None:
    fleet = Fleet(5)
    for model in fleet.models.values():
        model.recent = model.recent[-10:]
    mock = serve(fleet)
    page = view(mock)
    title = "document.querySelector('.head .heat').textContent"
    assert page.run(title) == "Drift, last 12 batches"
    model = fleet.models[("eta", "12")]
    for batch in range(5):
        model.recent = [*model.recent[1:], 0.3 + batch / 100]
        mock.tell_fleet([("eta", "12")])
        page.wait(f"[...document.querySelectorAll('canvas')].some((c) => c.ariaLabel.endsWith('of the last {11 + batch} batches'))")
    assert page.run(title) == "Drift, last 24 batches"


def test_charts_show_where_it_was_wrong(serve: Serve, view: Open) -> None:
    fleet = Fleet(60)
    fleet.models[("fraud", "7")].preset = "standard"
    fleet.models[("churn", "2026-11")].fate = "healthy"
    page = view(serve(fleet), "#/models/fraud/7", VIEWS["#/models/fraud/7"])
    wrong = "[...document.querySelectorAll('.stage .wrong')].map((path) => (path.getAttribute('d') ?? '').split('L').length)"
    accuracy, latency, drift = page.run(wrong)
    assert accuracy > 5 and drift > 5 and latency == 1
    assert page.run("document.querySelectorAll('.ribbon .episode').length") == 2
    page.run("location.hash = '#/models/churn/2026-11'")
    page.wait("document.querySelector('h1')?.textContent.startsWith('churn') && document.querySelectorAll('.stage svg').length >= 3")
    # The arrow keys read the points.
    page.run("document.querySelector('.stage').focus()")
    page.press("ArrowLeft")
    page.wait("/UTC · accuracy 0\\.\\d{3}/.test(document.querySelector('.readout').textContent)")


def test_nothing_yet_says_what_to_do(serve: Serve, view: Open) -> None:
    mock = serve(Fleet(0))
    page = view(mock, until="document.querySelector('.empty pre')")
    assert "publisher.send_multipart" in page.text() and "tidemark publish" in page.text()
    for place in ("#/alerts", "#/decisions", "#/account"):
        page.run(f"location.hash = '{place}'")
        page.wait("document.querySelector('main .nothing')")


def test_silences_in_force_are_shown_with_what_they_match(serve: Serve, view: Open) -> None:
    fleet = Fleet(100)
    recovering = fleet.models["fraud", "7"]
    alert = fleet.alert(recovering, "latency", "low", time.time() - 600, 150.0, 200.0)
    recovering.extra_alerts.append(alert | {"state": "recovering", "rev": 2})
    page = view(serve(fleet), "#/alerts", until="document.querySelector('main table')")
    page.wait("document.getElementById('c-silences').checkVisibility()")
    text = page.text()
    assert "maps/uplift-01" in text and "moves to another feed" in text and re.search("in [12]\u202fh", text), text
    chips = "[...document.querySelectorAll('main .chip')].map((chip) => chip.textContent)"
    assert {"silenced", "recovering"} <= set(page.run(chips))
    (quiet,) = [key for key, model in fleet.models.items() if model.fate == "silenced"]
    page.run(f"location.hash = '#/models/{quote(quiet[0], safe='')}/{quiet[1]}'")
    page.wait("document.querySelector('section[aria-labelledby=c-alerts] table')")
    own = chips.replace("main", "section[aria-labelledby=c-alerts]")
    assert page.run(own) == ["silenced", "high"]
    page = view(serve(Fleet(5)), "#/alerts", until="document.querySelector('main table')")
    assert not page.run("document.getElementById('c-silences').checkVisibility()")


# MARK: Hostile names


def test_names_are_names_whatever_they_hold(serve: Serve, view: Open) -> None:
    mock = serve(Fleet(30, hostile=True))
    for index, name in enumerate(HOSTILE):
        mock.open_alert((name, str(index)))
    page = view(mock)
    page.wait(f"document.querySelectorAll('{ROW}').length >= {len(HOSTILE)}")
    assert set(HOSTILE) <= set(names(page))
    for index, name in enumerate(HOSTILE):
        page.run(f"location.hash = '#/models/{quote(name, safe='')}/{index}'")
        page.wait(f"document.querySelector('h1 bdi')?.textContent === {json.dumps(name)}")
    page.run("location.hash = '#/alerts'")
    page.wait("document.querySelector('main table')")
    page.press("g")
    page.press("d")
    page.wait("location.hash === '#/decisions'")
    page.run("location.hash = '#/models/%E0%A4%A/<img src=x onerror=window.pwned=1>'")
    page.wait("document.body.innerText.includes('No such model')")
    assert page.run("window.pwned ?? null") is None
    page.may_complain = True  # type: ignore[attr-defined]  # the 404 of the last address
    assert [text for text in page.complaints() if "404" not in text] == []


def test_the_policy_is_in_force(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(5)))
    page.may_complain = True  # type: ignore[attr-defined]
    page.run("document.head.append(Object.assign(document.createElement('script'), {textContent: 'window.pwned = 1'}))")
    page.run("document.body.setAttribute('onclick', 'window.pwned = 1'), document.body.click()")
    assert page.run("window.pwned ?? null") is None
    assert sum("Content Security Policy" in text for text in page.complaints()) == 2


# MARK: Sizes, themes, reading aloud


@pytest.mark.parametrize("place", ["#/", *VIEWS])
def test_nothing_is_wider_than_400_px(serve: Serve, view: Open, place: str) -> None:
    page = view(serve(Fleet(30, hostile=True)), place, VIEWS.get(place, LOADED), width=400, height=800)
    assert page.run("[document.documentElement, document.body, document.querySelector('main')].every((e) => e.scrollWidth <= 400)")
    # What is beyond the window scrolls under the bar on top, and takes it nowhere.
    assert page.run("document.documentElement.scrollHeight") == 800
    outside = page.run(
        "[...document.querySelectorAll('.top > *, .card, .tools, .page-head *')]"
        ".filter((e) => e.getBoundingClientRect().right > 400 && !e.closest('.wide, .filters')).map((e) => e.className || e.tagName)"
    )
    assert outside == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(serve: Serve, view: Open, dark: bool) -> None:
    axe = pytest.importorskip("axe_core_python")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    mock = serve(Fleet(60))
    identity = next(iter(mock.fleet.decisions))
    page = view(mock, dark=dark)
    page.run(source + "; 0")
    for place, until in {"#/": LOADED, **VIEWS, f"#/decisions/{identity}": "document.querySelector('.steps')"}.items():
        page.run(f"location.hash = '{place}'")
        page.wait(until)
        found = page.run(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then((r) => ({"
            "passes: r.passes.length, violations: r.violations.map((v) => v.id + ': ' + v.nodes.slice(0, 4)"
            ".map((n) => n.target + ' ' + n.failureSummary).join(' | '))}))"
        )
        assert found["violations"] == [], place
        assert found["passes"] > 15


def test_the_theme_follows_the_system_until_chosen(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(5)), dark=True)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.run(background)
    page.press("t")
    light = page.run(background)
    assert light != dark and page.run("document.getElementById('theme').ariaLabel") == "Theme: light"
    page.reload()
    page.wait(LOADED)
    assert page.run(background) == light
    page.press("t")
    assert page.run(background) == dark


def test_help_opens_and_closes(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(5)))
    page.press("?", shift=True)
    page.wait("document.getElementById('help').open")
    page.press("Escape")
    page.wait("!document.getElementById('help').open")
    assert page.run("location.hash") == "#/"


# MARK: When things go wrong


def test_a_lost_daemon_is_told_and_found_again(serve: Serve, view: Open) -> None:
    fleet = Fleet(30)
    mock = serve(fleet)
    page = view(mock)
    page.may_complain = True  # type: ignore[attr-defined]  # of connections that are refused
    mock.close()
    page.wait("document.querySelector('.banner')?.innerText.includes('Not connected')")
    assert page.run("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    page.wait("/What is shown is \\d/.test(document.querySelector('.banner').innerText)")
    again = serve(fleet, port=urlsplit(mock.url).port or 0)
    again.open_alert(("churn", "2026-11"))
    page.wait("document.getElementById('link').dataset.state === 'live' && !document.querySelector('.banner')")
    page.wait("getComputedStyle(document.querySelector('main')).filter === 'none'")
    page.wait(f"[...document.querySelectorAll('{ROW}.high-row .name a')].some((a) => a.textContent === 'churn')")


def test_a_failing_journal_and_a_stopping_daemon_are_told(serve: Serve, view: Open) -> None:
    fleet = Fleet(5, journal="failing")
    fleet.state = "draining"
    page = view(serve(fleet), until="document.querySelectorAll('.banner').length === 2")
    text = page.run("document.getElementById('banners').innerText")
    assert "The journal cannot be written." in text and "disk full" in text and "is stopping" in text


def test_without_a_journal_the_page_keeps_what_came(serve: Serve, view: Open) -> None:
    mock = serve(Fleet(5, journal="off"))
    page = view(mock, "#/models/churn/2026-11", "document.querySelector('.readout')?.textContent.includes('Without a journal')")
    mock.fleet.models[("churn", "2026-11")].last_event = time.time()
    mock.tell_fleet([("churn", "2026-11")])
    page.wait("document.querySelectorAll('.stage svg').length >= 2")
    assert page.run("document.querySelector('.stage').getAttribute('tabindex')") == "0"


def test_a_token_is_asked_for_and_kept_in_the_tab(serve: Serve, view: Open) -> None:
    page = view(serve(Fleet(5), token="s3cret"), until="document.getElementById('ask-token').open")
    page.may_complain = True  # type: ignore[attr-defined]  # of the 401
    page.type("wrong")
    page.press("Enter")
    page.wait("document.getElementById('token-problem').textContent.includes('refused')")
    page.type("s3cret")
    page.press("Enter")
    page.wait(f"{LOADED} && document.getElementById('link').dataset.state === 'live'")
    assert page.run("Object.values(localStorage).includes('s3cret')") is False
    page.reload()
    page.wait(LOADED)
    assert not page.run("document.getElementById('ask-token').open")


# MARK: A thousand models


def test_a_thousand_models_are_a_few_rows(serve: Serve, view: Open) -> None:
    mock = serve(Fleet(1000))
    begun = time.monotonic()
    page = view(mock)
    loaded = time.monotonic() - begun
    count = f"document.querySelectorAll('.rows .row').length"
    assert page.run(count) < 60
    assert page.run("document.querySelectorAll('*').length") < 2500
    page.press("End")
    page.wait(f"document.querySelector('{ROW}[aria-rowindex=\"1001\"]')")
    assert page.run(count) < 60
    page.press("Home")
    page.call("Performance.enable")
    page.run("performance.clearMeasures()")

    def metrics() -> dict[str, float]:
        return {m["name"]: m["value"] for m in page.call("Performance.getMetrics")["metrics"]}

    updates = "performance.getEntriesByName('tidemark.update').map((entry) => entry.duration)"
    page.run(
        "window.layouts = 0; const seen = new PerformanceObserver((l) => { window.longest = Math.max(window.longest ?? 0,"
        " ...l.getEntries().map((e) => e.duration)); }); seen.observe({type: 'longtask'}); 0"
    )
    before = metrics()
    moved = mock.fleet.move(100, time.time())
    for round_ in range(8):
        mock.tell_fleet([(m.name, m.version) for m in moved])
        page.wait(f"{updates}.length > {round_}")
    after = metrics()
    took = sorted(page.run(updates))
    change = {name: after[name] - before[name] for name in ("LayoutCount", "RecalcStyleCount", "ScriptDuration", "LayoutDuration")}
    print(
        f"1000 models, 100 changed at once: loaded in {loaded * 1000:.0f} ms; an update median {took[len(took) // 2]:.1f} ms, "
        f"largest {took[-1]:.1f} ms; over {len(took)} updates {change}; longest task {page.run('window.longest ?? 0'):.0f} ms"
    )
    # One layout for what an update wrote, one for what the clock wrote; a page that reads as it writes has dozens.
    assert max(change["LayoutCount"], change["RecalcStyleCount"]) <= 4 * len(took) + 10
