"""Draws top.txt: `tidemark top` in a real terminal (tmux), over a real daemon that watches seven rain models.

    python deploy/screenshots/top.py        with tmux; TIDEMARK names the executable, else the release build

Each model learned from three years of deploy/weather/weather.csv, another decade each, and all serve the last three
years. The columns stand in another order from 1981 on, so those that learned before are wrong, and it shows.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import zmq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "weather"))

import weather  # noqa: E402
from wire import Publisher  # noqa: E402

COLUMNS, ROWS = 98, 14
PATIENCE_S = 60.0
SOURCE = "weather-server"
#: Of the last two months; they come while the screen is drawn.
LIVE_EVENTS = 28
#: Never set: what is waited on is the pace of the show.
PACE = threading.Event()
#: The models, and the first of the three years that each learned from.
LEARNED = {
    "rain-1949": 1949, "rain-1958": 1958, "rain-1966": 1966, "rain-1974": 1974, "rain-1982": 1982, "rain-1988": 1988, "rain-1993": 1993,
}  # fmt: skip
SERVED_FROM = 1996
CLAIMED = ("rain-1949", "rain-1974")
CONFIGURATION = """
name: weather
http: {listen: "127.0.0.1:0"}
state: FOLDER/state
sockets:
  ingest: ["tcp://127.0.0.1:0"]
  output: ["tcp://127.0.0.1:0"]
  control: ["tcp://127.0.0.1:0"]
defaults:
  retrain: {mode: issue, max_time_without_retrain: 1000d, min_time_between_retrains: 180d, idle_evaluation: 45d}
"""


def executable() -> str:
    return os.environ.get("TIDEMARK") or str(HERE.parents[1] / ".build" / "release" / "tidemark")


def first_row(year: int) -> int:
    return (year - weather.FIRST_DAY.year) * weather.YEAR


class Daemon:
    def __init__(self, folder: Path) -> None:
        configuration = folder / "tidemark.yaml"
        configuration.write_text(CONFIGURATION.replace("FOLDER", str(folder)), encoding="utf-8")
        self.process = subprocess.Popen(
            [executable(), "serve", "--config", str(configuration)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        log = self.process.stderr
        line = next(each for each in log if " http=" in each)
        # Whoever logs into a pipe that nobody reads stands still in the end.
        threading.Thread(target=lambda: [None for _ in log], daemon=True).start()
        self.ingest, self.control = (found(line, key) for key in ("ingest", "control"))
        self.url = f"http://{found(line, 'http')}"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def until(self, path: str, holds: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while not holds(answer := self.get(path)):
            if time.monotonic() > deadline:
                raise SystemExit(f"{path} stays {answer}")
        return answer

    def report(self, *words: str) -> None:
        subprocess.run([executable(), *words, "--control", self.control], check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)


def found(line: str, key: str) -> str:
    match = re.search(rf"\b{key}=[\"\[]*([^\s\",\]]+)", line)
    assert match, f"no {key} in {line!r}"
    return match[1]


Event = Tuple[str, str, str, Dict[str, Any]]


def events(data: weather.Weather) -> Iterator[Event]:
    """Kind, model, time and data of each: baselines, then 30 days at a time."""
    models: Dict[str, weather.Model] = {}
    for name, year in LEARNED.items():
        start, end = first_row(year), first_row(year + 3)
        rows, rain = data.rows[start:end], data.rain[start:end]
        models[name] = weather.train(rows, rain)
        accuracy = weather.cross_validated_accuracy(rows, rain)
        features = {"feature_names": data.feature_names, "rows": rows.tolist()}
        yield "baseline", name, weather.time_of(first_row(SERVED_FROM) - 1), {"accuracy": accuracy, "features": features}
    for start in range(first_row(SERVED_FROM), len(data.rows) - weather.BATCH_DAYS, weather.BATCH_DAYS):
        rows, rain = data.rows[start : start + weather.BATCH_DAYS], data.rain[start : start + weather.BATCH_DAYS]
        at = weather.time_of(start + weather.BATCH_DAYS - 1)
        for name, model in models.items():
            yield "metrics", name, at, {"accuracy": float((model.predict(rows) == rain).mean())}
            yield "features", name, at, {"feature_names": data.feature_names, "rows": rows.tolist()}


def claim(daemon: Daemon) -> None:
    """An orchestrator has taken two of the decisions, and begun with one."""
    def is_settled(page: Any) -> bool:
        """Whether the last decision of each model is told."""
        last = {each["decision"]["id"] for each in daemon.get("/api/v1/models")["models"] if each["decision"]}
        return len(last) == len(LEARNED) and last <= {each["id"] for each in page["decisions"]}

    daemon.until("/api/v1/status", lambda status: status["journal"]["outputs_waiting"] == 0)
    page = daemon.until("/api/v1/decisions", is_settled)
    issued = {each["model"]: each["id"] for each in page["decisions"] if each["state"] == "issued"}
    for model in CLAIMED:
        daemon.report("ack", issued[model], "--owner", "airflow")
    daemon.report("report", issued[CLAIMED[0]], "started", "--owner", "airflow")

    def is_told(page: Any) -> bool:
        states = {each["model"]: each["decision"]["state"] for each in page["models"]}
        return [states[model] for model in CLAIMED] == ["started", "acked"]

    daemon.until("/api/v1/models", is_told)


def draw(daemon: Daemon, folder: Path, go_on: Callable[[], object]) -> List[str]:
    """The screen, while events go on coming."""
    environment = {**os.environ, "TMUX_TMPDIR": str(folder), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    environment.pop("TMUX", None)

    def tmux(*arguments: str) -> str:
        ran = subprocess.run(["tmux", "-f", "/dev/null", *arguments], env=environment, check=True, stdout=subprocess.PIPE)
        return ran.stdout.decode()

    command = f"{executable()} top --url {daemon.url}"
    tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), command)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(r" [1-9]\d* events/s .* up [1-9]", text := tmux("capture-pane", "-p")):
            if time.monotonic() > deadline:
                raise SystemExit(f"the screen stays:\n{text}")
            go_on()
            PACE.wait(0.04)
        return [line.rstrip() for line in text.rstrip("\n").split("\n")]
    finally:
        tmux("kill-server")


def main() -> None:
    made = list(events(weather.load(HERE.parent / "weather" / "weather.csv")))
    topics = [f"{kind}/{name}/-/{SOURCE}" for name in LEARNED for kind in ("baseline", "metrics", "features")]
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
        daemon = Daemon(Path(folder))
        try:
            with Publisher(context, daemon.ingest, SOURCE) as publisher:
                publisher.wait_until_subscribed(topics, PATIENCE_S)
                before, after = made[:-LIVE_EVENTS], iter(made[-LIVE_EVENTS:])
                for event in before:
                    publisher.send(*event)
                daemon.until("/api/v1/status", lambda status: status["account"]["received"] >= len(before))
                claim(daemon)
                lines = draw(daemon, Path(folder), lambda: [publisher.send(*event) for event in itertools.islice(after, 1)])
        finally:
            daemon.stop()
    (HERE / "top.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
