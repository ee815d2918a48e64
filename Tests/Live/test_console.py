"""`top`, `explain`, `doctor` and `healthcheck`: against the OpenAPI file's examples, against peers that are no daemon,
and against a real daemon, in a real terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from console_peers import Examples, Json, Pane, Peer, closed_port, command

DECISION = "rt-5a114325429f0abf5f51b442434d79b615c0572a"


@pytest.fixture
def examples() -> Iterator[Examples]:
    served = Examples()
    yield served
    served.close()


@pytest.fixture
def peers() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(words: bytes | None, **how: bool) -> Peer:
        made.append(Peer(words, **how))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def panes(folder: Path) -> Iterator[Callable[..., Pane]]:
    made: list[Pane] = []

    def make(*size: int, **variables: str) -> Pane:
        place = folder / f"t{len(made)}"
        place.mkdir()
        made.append(Pane(place, *size, **variables))
        return made[-1]

    yield make
    for pane in made:
        pane.close()


# What the API says.


def test_explains_a_decision_of_the_contract(examples: Examples) -> None:
    ran = command("explain", DECISION, "--url", examples.url)
    assert ran.returncode == 0, ran.stderr
    for words in (
        "fraud 7: retrain, acked by airflow-1, attempt 1", "accuracy_dropped", "Accuracy dropped by 0.130; the rule asks for 0.05",
        "99.97 %", "5 lost (0.03 %)", "drift", "0.41 of 2: 1.59 to go (20 %)", "start", "at 2026-03-02 04:25:05 UTC",
    ):  # fmt: skip
        assert words in ran.stdout, f"{words}\n{ran.stdout}"
    assert "\x1b" not in ran.stdout and all(len(line) <= 100 and line == line.rstrip() for line in ran.stdout.split("\n"))
    # The beginning of an id is enough where it names one.
    assert command("explain", DECISION[:9], "--url", examples.url).stdout == ran.stdout
    told = command("explain", DECISION, "--json", "--url", examples.url)
    assert json.loads(told.stdout) == examples.answers["/api/v1/decisions/{id}"]


def test_explains_a_model_of_the_contract(examples: Examples) -> None:
    ran = command("explain", "fraud/7", TIDEMARK_URL=examples.url)
    assert ran.returncode == 0, ran.stderr
    for words in (
        "fraud 7: not retrained, though accuracy_drop fires", "minimum_time", "in 23 h 10 min of model time",
        "fires: 0.13, its threshold is 0.05", "5 h of 7 d: 6 d 19 h to go (3 %)", "1,200 cases, evidence 10^6.8 of 10^4.0 asked",
        "a step since", "coverage", "pod-a", "is acked; a new one would supersede it",
    ):  # fmt: skip
        assert words in " ".join(ran.stdout.split()), f"{words}\n{ran.stdout}"
    # Without a version it is the one that was heard last.
    assert command("explain", "fraud", TIDEMARK_URL=examples.url).stdout == ran.stdout
    assert json.loads(command("explain", "fraud", "--json", "--url", examples.url).stdout) == examples.answers["/api/v1/models/{model}/{version}"]


@pytest.mark.parametrize("name", ["none", "rt-none", "fraud/8", "a/b/c", "/", "fraud/"])
def test_what_is_not_there_is_said_not_to_be(examples: Examples, name: str) -> None:
    ran = command("explain", name, "--url", examples.url)
    assert ran.returncode == 66 and "no model that is watched" in ran.stderr and ran.stdout == ""


def test_the_doctor_reads_the_contract(examples: Examples) -> None:
    ran = command("doctor", "--json", "--url", examples.url)
    told = json.loads(ran.stdout)
    codes = [finding["code"] for finding in told["findings"]]
    # The example is of a version and a time of its own, and lost five messages.
    assert codes == ["version", "clock", "losses", "rejected"], ran.stdout
    assert ran.returncode == 1 and (told["errors"], told["warnings"]) == (0, len(codes))
    assert {"answers", "live", "ready", "journal", "clocks of sources"} <= set(told["passed"])


def test_chunks_and_a_token(folder: Path) -> None:
    served = Examples(chunked=True, token="s3cret")
    try:
        (folder / "token").write_text("s3cret\n")
        ran = command("explain", "fraud", "--url", served.url, "--token-file", str(folder / "token"))
        assert ran.returncode == 0 and "accuracy_drop" in ran.stdout, ran.stderr
        denied = command("explain", "fraud", "--url", served.url)
        assert denied.returncode == 69 and "--token-file" in denied.stderr
        assert command("doctor", "--url", served.url).returncode == 2
        (folder / "bad").write_text("a\nHost: elsewhere\n")
        assert command("explain", "fraud", "--url", served.url, "--token-file", str(folder / "bad")).returncode == 64
        assert command("top", "--token-file", str(folder / "none")).returncode == 64
        assert "s3cret" not in denied.stderr + ran.stdout + ran.stderr
    finally:
        served.close()


# Peers that are no daemon.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"),
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "without an end"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 15\r\n\r\nloop \x1b[2Jstands", "status 503: loop \ufffd[2Jstands"),
    ],
)
def test_healthcheck_of_something_else(peers: Callable[..., Peer], words: bytes, said: str) -> None:
    ran = command("healthcheck", "--url", peers(words).url)
    assert ran.returncode == 1 and said in ran.stdout and ran.stdout.count("\n") == 1 and ran.stderr == ""


def test_healthcheck_is_bounded(peers: Callable[..., Peer]) -> None:
    # Nothing at all, and a byte now and then without an end: the bound is of the whole.
    urls = [peers(None).url, peers(b"HTTP/1.1 200 OK\r\n\r\n", drips=True).url]

    def asked(url: str) -> float:
        begun = time.monotonic()
        ran = command("healthcheck", "--url", url)
        assert ran.returncode == 1 and "no answer in time" in ran.stdout
        return time.monotonic() - begun

    with ThreadPoolExecutor() as both:
        assert all(1.9 < took < 10 for took in both.map(asked, urls))


def test_healthcheck_of_nothing() -> None:
    ran = command("healthcheck", TIDEMARK_URL=f"http://127.0.0.1:{closed_port()}")
    assert ran.returncode == 1 and "nothing listens" in ran.stdout
    assert command("healthcheck", "--url", "https://127.0.0.1").returncode == 64


def test_an_answer_without_end_is_cut(peers: Callable[..., Peer]) -> None:
    body = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (17 << 20)
    ran = command("explain", "fraud", "--url", peers(body).url)
    assert ran.returncode == 69 and "larger than" in ran.stderr


# In a terminal.


def test_top_shows_the_contract_and_every_page(examples: Examples, panes: Callable[..., Pane]) -> None:
    pane = panes(100, 30)
    pane.run("top", "--url", examples.url)
    pane.wait(r"tidemark tidemark  0\.6\.0  4 models: 1 alerting", r"● live", r"● +fraud +7 +alerting +accuracy", r"1/1")
    pane.press("Enter")
    pane.wait(r"Monitors", r"● accuracy .*170 %", r"evidence 10\^6\.8", r"Features: 1 of 2 drift", r"esc back")
    pane.press("d")
    pane.wait(rf"{DECISION}", r"Accuracy dropped by 0\.130", r"Its life")
    pane.press("a")
    pane.wait(r"The account since 2026-03-02 00:00:00", r"pod-a +live", r"duplicate +2: seen before")
    pane.press("A")
    pane.wait(r"● +high +fraud 7 +drift +3\.450")
    pane.press("Escape")
    pane.wait(r"The account since")
    pane.press("?")
    pane.wait(r"ctrl-Z +suspend")
    pane.press("q")
    pane.assert_clean()
    assert "ctrl-Z" not in pane.text


def test_the_screen_follows_the_terminals_size(examples: Examples, panes: Callable[..., Pane]) -> None:
    pane = panes(80, 24)
    pane.run("top", "--url", examples.url)
    pane.wait(r"MODEL +STATE +ALERTS", r"q quit")
    assert "LATENCY" not in pane.text
    pane.resize(200, 50)
    pane.wait(r"LATENCY", r"EVENTS", lambda text: "q quit" in text.rstrip("\n").split("\n")[-1] and len(pane.lines) >= 50)
    pane.resize(40, 10)
    pane.wait(lambda text: "LATENCY" not in text and "fraud" in text and "q quit" in text)
    # Nothing of the larger screens is left, and no line has wrapped.
    assert sum("fraud" in line for line in pane.lines) == 1
    pane.press("C-c")
    pane.assert_clean()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV, signal.SIGABRT])
def test_a_signal_gives_the_terminal_back(examples: Examples, panes: Callable[..., Pane], number: signal.Signals) -> None:
    pane = panes(80, 24)
    pane.run("top", "--url", examples.url)
    pane.wait(r"● +fraud")
    os.kill(pane.child(), number)
    pane.assert_clean()


def test_suspended_and_continued(examples: Examples, panes: Callable[..., Pane]) -> None:
    pane = panes(80, 24)
    pane.run("top", "--url", examples.url)
    pane.wait(r"● +fraud")
    pane.press("C-z")
    pane.wait(r"Stopped")
    pane.assert_clean()
    pane.type("fg")
    pane.press("Enter")
    pane.wait(r"● +fraud", r"q quit", lambda _: pane.asked("alternate_on") == "1")
    pane.press("q")
    pane.assert_clean()


def test_colours_and_their_absence(examples: Examples, panes: Callable[..., Pane]) -> None:
    coloured, plain, ascii_only = panes(100, 20), panes(100, 20, NO_COLOR="1"), panes(100, 20, LANG="C")
    for pane in (coloured, plain, ascii_only):
        pane.run("top", "--url", examples.url)
    colour = re.compile(r"\x1b\[[0-9;]*3[1-6]m")
    coloured.wait(r"● +fraud")
    plain.wait(r"● +fraud")
    ascii_only.wait(r"\* +fraud")
    assert colour.search(coloured.styled)
    # Bold and reversed letters are no colours.
    assert not colour.search(plain.styled) and "\x1b[1m" in plain.styled
    assert ascii_only.text.isascii()


def test_names_cannot_command_the_terminal(examples: Examples, panes: Callable[..., Pane]) -> None:
    page: Json = json.loads(json.dumps(examples.answers["/api/v1/models"]))
    model = page["models"][0]
    page["models"] = [
        model | {"model": name}
        for name in ("\x1b[2J\x1b[Hgone", "\x1b]0;owned\x07title", "a\r\n\tb", "\u202eevil", "価格予測", "v2🚀🚀", "e\u0301" * 3, "plain")
    ]
    examples.changed["/api/v1/models"] = (200, page)
    pane = panes(100, 20)
    pane.run("top", "--url", examples.url)
    text = pane.wait(r"plain", r"価格予測", r"gone")
    assert pane.asked("pane_title") != "owned" and "\u202e" not in text
    # Whatever the name's width, what follows stands in one column.
    places = {pane_column(line, "alerting") for line in text.split("\n") if "alerting  accuracy" in line}
    assert len(places) == 1 and sum("alerting  accuracy" in line for line in text.split("\n")) == 8, text
    pane.press("q")
    pane.assert_clean()


def pane_column(line: str, word: str) -> int:
    """The column of the terminal at which a word begins."""
    before = line[: line.index(word)]
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in before)


def test_a_lost_connection_is_told_and_found_again(panes: Callable[..., Pane]) -> None:
    first = Examples()
    pane = panes(100, 20)
    try:
        pane.run("top", "--url", first.url)
        pane.wait(r"● live", r"● +fraud")
    finally:
        first.close()
    pane.wait(r"✗ no connection, data \d+ s old, (again in|trying)", r"● +fraud")
    # What is shown is dim then.
    attributes = pane.attributes("fraud")
    assert "2" in attributes and not attributes & {"31", "32", "33", "36"}, attributes
    second = Examples(port=first.port)
    try:
        # By itself, within the next attempts.
        pane.wait(r"● live", r"● +fraud")
        pane.press("q")
        pane.assert_clean()
    finally:
        second.close()


def test_without_a_stream_the_daemon_is_polled(examples: Examples, panes: Callable[..., Pane]) -> None:
    busy = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "code": "busy", "detail": "16 listen"}
    examples.changed["/api/v1/events"] = (503, busy)
    pane = panes(80, 24)
    pane.run("top", "--url", examples.url)
    pane.wait(r"◐ polling", r"● +fraud")
    page: Json = json.loads(json.dumps(examples.answers["/api/v1/models"]))
    page["models"][0]["model"] = "other"
    examples.changed["/api/v1/models"] = (200, page)
    pane.wait(r"◐ polling", r"● +other", lambda text: "fraud" not in text)


def test_what_a_page_asks_for_is_not_there(examples: Examples, panes: Callable[..., Pane]) -> None:
    path = f"/api/v1/decisions/{DECISION}"
    examples.changed[path] = (404, {"code": "unknown_decision", "detail": "no longer kept", "status": 404})
    pane = panes(80, 24)
    pane.run("top", "--url", examples.url)
    pane.wait(r"● live", r"● +fraud")
    pane.press("d")
    pane.wait(DECISION, r"404 unknown_decision: no longer kept", r"● live")


def test_top_in_a_pipe_says_what_to_do_instead(examples: Examples) -> None:
    ran = command("top", "--url", examples.url)
    assert ran.returncode == 69 and "needs a terminal" in ran.stderr and "/api/v1/models" in ran.stderr and ran.stdout == ""


def test_top_in_a_terminal_that_cannot_place_letters(examples: Examples, panes: Callable[..., Pane]) -> None:
    pane = panes(80, 24)
    pane.type("export TERM=dumb")
    pane.press("Enter")
    pane.run("top", "--url", examples.url)
    pane.wait(r"needs a terminal")
    pane.assert_clean()
