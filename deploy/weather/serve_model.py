"""Serves a rain model, publishes what it sees to Tidemark, and retrains when Tidemark decides so.

    serve_model.py --ingest tcp://127.0.0.1:PORT --output tcp://127.0.0.1:PORT --record FILE
                   [--pace SECONDS] [--batches N] [--timeout SECONDS] [--watcher-ready FILE]

The model is trained on the first ten years of weather.csv and serves the rest in batches of 30 days; days that
do not fill a last batch are not served. Each batch gives one metrics event and one features event. A second
copy of the first model is never retrained, so that the two can be compared. All that was sent, answered and
decided goes into FILE as JSON, for summarise.py.

Exit status: 0 when every event was answered, 1 when an answer stayed away, 2 for bad arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, TextIO

import numpy as np
import zmq

import weather
from wire import Answers, NoAnswer, Publisher

MODEL = "rain"
PROBE = "probe"
SOURCE = "weather-server"


class Progress:
    """One line on a terminal, drawn again and again; nothing at all anywhere else."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.shown = stream.isatty() and os.environ.get("TERM") != "dumb"

    def draw(self, text: str) -> None:
        """Replaces the line."""
        if self.shown:
            self.stream.write("\r\x1b[K" + text)
            self.stream.flush()


class Server:
    """The model in service, its untouched first copy, and the record of the run."""

    def __init__(self, data: weather.Weather, publisher: Publisher, answers: Answers, timeout: float) -> None:
        self.data = data
        self.publisher = publisher
        self.answers = answers
        self.timeout = timeout
        self.baselines: List[Dict[str, Any]] = []
        self.batches: List[Dict[str, Any]] = []
        self.baselines_in_use = 0
        self.probes = 0
        self.model = self.first_model = self.train_on(0, weather.TRAINING_DAYS)

    def train_on(self, start: int, end: int) -> weather.Model:
        """Trains on the rows from `start` up to `end` and notes the baseline that belongs to the model."""
        rows, rain = self.data.rows[start:end], self.data.rain[start:end]
        accuracy = weather.cross_validated_accuracy(rows, rain)
        self.baselines.append({"time": weather.time_of(end - 1), "rows": [start, end], "accuracy": accuracy})
        return weather.train(rows, rain)

    def meet(self, watcher_ready: Path | None) -> None:
        """Waits until both connections stand, and until the watcher says that its own does.

        The publisher is told of the daemon's subscription. The other way round nobody is told, so a metrics
        event for a model of its own is sent until its assessment comes back; this process subscribed to the
        probe's answers last, so when one arrives all its subscriptions have.
        """
        sends = [f"{kind}/{model}/-/{SOURCE}"
                 for kind, model in (("metrics", PROBE), ("metrics", MODEL), ("features", MODEL), ("baseline", MODEL))]
        self.publisher.wait_until_subscribed(sends, self.timeout)
        start = weather.time_of(weather.TRAINING_DAYS - 1)
        deadline = time.monotonic() + self.timeout
        answered = False
        while not answered or (watcher_ready is not None and not watcher_ready.exists()):
            if time.monotonic() > deadline:
                missing = "the watcher is not ready" if answered else "no answer to a probe on the output socket"
                raise NoAnswer(f"{missing} after {self.timeout:g} s")
            self.publisher.send("metrics", PROBE, start, {"accuracy": 1.0})
            self.probes += 1
            answered = self.answers.heard_from(PROBE, within=0.1) or answered

    def publish_baseline(self) -> None:
        """Publishes what the model in service was trained on, and how accurate it was found to be."""
        baseline = self.baselines[-1]
        start, end = baseline["rows"]
        features = {"feature_names": self.data.feature_names, "rows": self.data.rows[start:end].tolist()}
        self.publisher.send("baseline", MODEL, baseline["time"],
                            {"accuracy": baseline["accuracy"], "features": features})

    def serve(self, start: int) -> bool:
        """Serves one batch from the row `start`. Returns whether the model was retrained after it."""
        end = start + weather.BATCH_DAYS
        rows, rain, at = self.data.rows[start:end], self.data.rain[start:end], weather.time_of(end - 1)
        began = time.perf_counter()
        predicted = self.model.predict(rows)
        latency_ms = (time.perf_counter() - began) * 1000
        accuracy = float((predicted == rain).mean())

        self.publisher.send("metrics", MODEL, at, {"accuracy": accuracy, "latency_ms": latency_ms})
        self.answers.wait_for("tidemark.assessment.performance.v1", MODEL, at, self.timeout)
        self.publisher.send("features", MODEL, at, {"feature_names": self.data.feature_names, "rows": rows.tolist()})
        drift = self.answers.wait_for("tidemark.assessment.drift.v1", MODEL, at, self.timeout)["data"]
        retrain = self.answers.wait_for("tidemark.assessment.retrain.v1", MODEL, at, self.timeout)["data"]
        self.batches.append({
            "time": at, "accuracy": accuracy, "left_alone": self.first_model.accuracy(rows, rain),
            "latency_ms": latency_ms, "should_retrain": retrain["should_retrain"],
            "drift": {each["name"]: each["drift_score"] for each in drift["per_feature"]},
            "drifted": [each["name"] for each in drift["per_feature"] if each["drift_detected"]],
        })
        self.confirm_baseline(drift)
        if not retrain["should_retrain"]:
            return False
        self.answers.wait_for("tidemark.decision.retrain.issued.v1", MODEL, at, self.timeout)
        self.model = self.train_on(max(0, end - weather.WINDOW_DAYS), end)
        self.publish_baseline()
        return True

    def confirm_baseline(self, drift: Dict[str, Any]) -> None:
        """A baseline is answered by the first drift assessment that compares against its means."""
        if self.baselines_in_use == len(self.baselines):
            return
        start, end = self.baselines[-1]["rows"]
        means = {each["name"]: each["baseline_mean"] for each in drift["per_feature"]}
        told = [means.get(name, np.nan) for name in self.data.feature_names]
        if np.allclose(told, self.data.rows[start:end].mean(axis=0), rtol=1e-6, atol=1e-9):
            self.baselines_in_use = len(self.baselines)

    def record(self) -> Dict[str, Any]:
        """The whole run, as summarise.py reads it."""
        sent = {kind: count for (kind, model), count in self.publisher.sent.items() if model == MODEL}
        answered = {kind.split(".")[2]: count for (kind, model), count in self.answers.counts.items()
                    if model == MODEL and kind.startswith("tidemark.assessment.")}
        return {
            "sent": sent, "answered": answered, "probes": self.probes,
            "baselines": self.baselines, "baselines_in_use": self.baselines_in_use, "batches": self.batches,
            "alerts": self.answers.alerts, "decisions": self.answers.decisions,
        }


def run(server: Server, options: argparse.Namespace, progress: Progress) -> None:
    """Meets the daemon, then serves batch after batch."""
    progress.draw("waiting for the daemon and the watcher ...")
    server.meet(options.watcher_ready)
    server.publish_baseline()
    starts = range(weather.TRAINING_DAYS, len(server.data.rows) - weather.BATCH_DAYS + 1, weather.BATCH_DAYS)
    starts = starts[:options.batches]
    due, retrained = time.monotonic(), 0
    for number, start in enumerate(starts, 1):
        retrained += server.serve(start)
        last = server.batches[-1]
        progress.draw(f"{last['time'][:10]}  batch {number} of {len(starts)}  accuracy {last['accuracy']:.2f}"
                      f"  (left alone {last['left_alone']:.2f})  retrained {retrained} times")
        due += options.pace
        if due > time.monotonic():  # the pace of the show; nothing is waited for here
            time.sleep(due - time.monotonic())


def main() -> int:
    """Parses the arguments, runs, writes the record whatever happened."""
    parser = argparse.ArgumentParser(description="Serve a rain model under Tidemark's eyes.")
    parser.add_argument("--ingest", required=True, help="the daemon's ingest endpoint")
    parser.add_argument("--output", required=True, help="the daemon's output endpoint")
    parser.add_argument("--record", required=True, type=Path, help="where the record of the run is written, JSON")
    parser.add_argument("--pace", type=float, default=0.08, help="seconds from batch to batch (default 0.08)")
    parser.add_argument("--batches", type=int, default=None, help="stop after so many batches (default: all)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for an answer (default 10)")
    parser.add_argument("--watcher-ready", type=Path, help="a file that the watcher makes when it hears the daemon")
    options = parser.parse_args()
    data = weather.load(Path(__file__).with_name("weather.csv"))
    progress = Progress(sys.stderr)
    with zmq.Context() as context, Publisher(context, options.ingest, SOURCE) as publisher, \
            Answers(context, options.output, [f"alert/{MODEL}/", f"decision/{MODEL}/", f"assessment/{MODEL}/",
                                              f"assessment/{PROBE}/"]) as answers:
        server = Server(data, publisher, answers, options.timeout)
        try:
            run(server, options, progress)
        except NoAnswer as reason:
            progress.draw("")
            print(f"serve_model.py: {reason}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            progress.draw("")
            options.record.write_text(json.dumps(server.record()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
