#!/usr/bin/env python3
"""Makes the pictures of the dashboard that stand beside this: a real daemon in a real browser.

    TIDEMARK=.build/release/tidemark python deploy/screenshots/make.py [FOLDER]

The daemon is fed a day of a small fleet (Tests/Live/dashboard_feed.py: drawn from a seed; alerts, decisions and
distributions are the daemon's own) and the forty years of the rain demonstration (deploy/weather), whose retrains are
made by its serving process. Needs Debian's chromium; fonts-inter makes the pictures look as those here. Takes about two
minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "Live"))

import dashboard_feed  # noqa: E402
import harness  # noqa: E402
from chromium import Chromium  # noqa: E402
from http_peer import Http  # noqa: E402
from live import Daemon  # noqa: E402

ROWS = "document.querySelector('.rows .row:not([hidden])')"
CHARTS = "document.querySelectorAll('.stage svg').length >= 4"
#: Name, address, what is there when it has loaded, width, height, dark.
PICTURES = [
    ("fleet-light", "#/", ROWS, 1280, 760, False),
    ("fleet-dark", "#/", ROWS, 1280, 760, True),
    ("model", "#/models/fraud/7", CHARTS, 1280, 840, False),
    ("inputs", "#/models/fraud/7", CHARTS, 900, 460, False),
    ("model-dark", "#/models/rain/-", CHARTS, 1280, 760, True),
    ("decision", "#/decisions/{decision}", "document.querySelector('.steps')", 1280, 800, False),
    ("narrow", "#/", ROWS, 400, 800, False),
]  # fmt: skip
#: As deploy/weather/demo.yaml says of this model.
RAIN = {
    "name": "rain", "preset": "reference", "no_data_after": "1h",
    "retrain": {"mode": "issue", "max_time_without_retrain": "365d", "min_time_between_retrains": "180d", "idle_evaluation": "45d"},
}  # fmt: skip


def committed(peer: Http) -> None:
    """Until the journal has written once more: each write of it is a point of the charts."""
    before = peer.json("/api/v1/status")["journal"]["commits"]
    peer.until("/api/v1/status", lambda said: said["journal"]["commits"] > before, "a commit")


def weather(folder: Path) -> subprocess.Popen[bytes]:
    """The rain model and its retrains, forty years in a minute."""
    program = ROOT / "deploy" / "weather" / "serve_model.py"
    ends = [f"--{name}=ipc://{folder}/{name}" for name in ("ingest", "output")]
    return subprocess.Popen([sys.executable, program, *ends, "--record", folder / "record.json", "--pace", "0.1"])


def take(peer: Http, decision: str, into: Path) -> None:
    browser = Chromium()
    try:
        for name, place, until, width, height, dark in PICTURES:
            page = browser.page(width=width, height=height, dark=dark)
            page.open(f"http://{peer.place}/" + place.format(decision=decision))
            page.wait(until)
            if "rain" in place:
                page.run("[...document.querySelectorAll('.segments button')].at(-1).click()")
                page.wait("document.querySelector('.readout').textContent.includes('points')")
            if name == "inputs":
                page.run("document.getElementById('c-features').closest('section').scrollIntoView()")
            # Pictures are of a page at rest: what it asks for first has been drawn.
            page.wait("document.getElementById('alert-count').textContent !== '' && performance.now() > 2500")
            page.screenshot(into / f"{name}.png")
            print(f"{name}.png  {(into / f'{name}.png').stat().st_size / 1000:.0f} kB", *page.complaints())
            page.close()
    finally:
        browser.close()


def main() -> None:
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder = Path(tempfile.mkdtemp(prefix="tm-", dir="/tmp"))
    said = dashboard_feed.configuration(folder, models=[RAIN])
    said["defaults"]["no_data_after"] = "40s"
    daemon = Daemon("--config", harness.configure(folder, said)).wait_ready()
    rain = None
    try:
        peer = Http(daemon)
        rain = weather(folder)
        with dashboard_feed.Feed(folder) as feed:
            feed.past(24, lambda: committed(peer))
            assert rain.wait(300) == 0
            decisions = peer.json("/api/v1/decisions")["decisions"]
            open_ = [decision for decision in decisions if decision["state"] == "issued" and decision["model"] != "rain"]
            feed.answer(sorted(open_, key=lambda decision: decision["model"] != "fraud"))
            deadline = time.monotonic() + 90
            # The one that fell silent, and the one by which the rain model's process found its way.
            while peer.json("/api/v1/models?state=stale")["matched"] < 2:
                assert time.monotonic() < deadline, "no model became stale"
                feed.now()
                committed(peer)
            started = next(d for d in peer.json("/api/v1/decisions")["decisions"] if d["state"] == "started" and d["model"] == "fraud")
            take(peer, started["id"], into)
    finally:
        if rain and rain.poll() is None:
            rain.kill()
        daemon.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
