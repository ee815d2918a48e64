"""Prints Tidemark's alerts and decisions as they come, one line each.

    watch.py --output tcp://127.0.0.1:PORT [--ready FILE] [--summary FILE]

Runs until SIGTERM or SIGINT, then prints what has still arrived and ends. `--ready` names a file that is made
when the daemon is first heard, so that another process can wait for it: a probe's assessment, which the serving
process asks for, is enough. `--summary` names a file that is given the counts as one JSON line at the end.
Colours only on a terminal and never under NO_COLOR.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Counter, Dict, Optional, Tuple

import zmq

from wire import Event, decode

RED, YELLOW, GREEN, CYAN = "31", "33", "32", "36"
QUIET_MS = 250  # after the signal: nothing for so long on the local socket means that all has been read


class Printer:
    """Writes lines, coloured where that is wanted, and flushes each."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.coloured = terminal and not os.environ.get("NO_COLOR")
        # Another process may be drawing a progress line on this terminal: begin by wiping it.
        self.start = "\r\x1b[K" if terminal else ""

    def line(self, text: str, colour: str) -> None:
        """Prints one line."""
        if self.coloured:
            text = f"\x1b[{colour}m{text}\x1b[0m"
        print(self.start + text, flush=True)


def number(value: Any) -> str:
    """A number with three decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def alert_line(event: Event) -> str:
    """date, model, monitor, what happened, severity, value against threshold, the features behind it."""
    data = event["data"]
    what = event["type"].split(".")[2]
    sides = {"accuracy": ("<", ">="), "latency": (">", "<="), "drift": (">", "<=")}
    violated, fine = sides.get(data["monitor"], ("against", "against"))
    sign = fine if what == "resolved" else violated
    features = [f"{each['name']} {number(each['drift_score'])}" for each in data.get("top_k") or []
                if each["drift_score"] is not None and each["drift_score"] > data["threshold"]]
    because = "   " + ", ".join(features[:3]) if features and what != "resolved" else ""
    return (f"{event['time'][:10]}  {event['subject']}  {data['monitor']:<9} {what:<9} {data['severity']:<7}"
            f"{number(data['value'])} {sign} {number(data['threshold'])}{because}")


def decision_line(event: Event) -> str:
    """date, model, the decision and its reasons."""
    data = event["data"]
    dry = "  (dry run)" if data.get("dry_run") else ""
    return f"{event['time'][:10]}  {event['subject']}  RETRAIN   decided   {'; '.join(data['trigger_reasons'])}{dry}"


class Watch:
    """Sorts what comes: alerts and decisions are printed and counted, anything else only shows life."""

    def __init__(self, printer: Printer, ready: Optional[Path]) -> None:
        self.printer = printer
        self.ready = ready
        self.alerts: Dict[str, Counter[str]] = {}
        self.decisions = 0

    def take(self, event: Event) -> None:
        """Handles one output of the daemon."""
        if self.ready is not None:
            self.ready.touch()
            self.ready = None
        if event["type"].startswith("tidemark.alert."):
            what = event["type"].split(".")[2]
            self.alerts.setdefault(event["data"]["monitor"], collections.Counter())[what] += 1
            urgent = RED if event["data"]["severity"] == "high" else YELLOW
            self.printer.line(alert_line(event), GREEN if what == "resolved" else urgent)
        elif event["type"] == "tidemark.decision.retrain.issued.v1":
            self.decisions += 1
            self.printer.line(decision_line(event), CYAN)

    def summary(self) -> str:
        """The counts as one JSON line."""
        return json.dumps({"alerts": self.alerts, "decisions": self.decisions}) + "\n"


def signal_sockets() -> Tuple[socket.socket, socket.socket]:
    """The first becomes readable when SIGTERM or SIGINT arrives, so that one poll waits for signals and messages.

    The second is where Python writes; it must stay open for as long as the first is read.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    return reader, writer


def main() -> int:
    """Parses the arguments and watches until told to end."""
    parser = argparse.ArgumentParser(description="Print Tidemark's alerts and decisions as they come.")
    parser.add_argument("--output", required=True, help="the daemon's output endpoint")
    parser.add_argument("--ready", type=Path, help="a file to make when the daemon is first heard")
    parser.add_argument("--summary", type=Path, help="a file for the counts at the end, one JSON line")
    options = parser.parse_args()
    told, told_by = signal_sockets()
    watch = Watch(Printer(), options.ready)
    with told, told_by, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.setsockopt(zmq.LINGER, 0)
        subscriber.connect(options.output)
        for prefix in ("alert/", "decision/", "assessment/probe/"):  # the probe last: it proves the others
            subscriber.subscribe(prefix)
        poller = zmq.Poller()
        poller.register(subscriber, zmq.POLLIN)
        poller.register(told, zmq.POLLIN)
        try:
            while told.fileno() not in (arrived := dict(poller.poll())):
                if subscriber in arrived:
                    watch.take(decode(subscriber.recv_multipart()))
            while subscriber.poll(QUIET_MS):
                watch.take(decode(subscriber.recv_multipart()))
        except BrokenPipeError:  # whoever read our lines has gone; there is nobody left to tell
            sys.stdout = open(os.devnull, "w", encoding="utf-8")
        signal.set_wakeup_fd(-1)
    if options.summary is not None:
        options.summary.write_text(watch.summary(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
