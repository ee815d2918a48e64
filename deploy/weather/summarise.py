"""Says in plain text what a run of the demonstration saw, detected, decided and lost, and whether it helped.

    summarise.py --record FILE [--watcher FILE]

`--record` is what serve_model.py wrote, `--watcher` what watch.py wrote. Every figure is worked out from these and
from the data that were served. Exit status 1 when something was lost, when no retrain was decided, or when the
retrained model was no better than the one left alone.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, Counter, Dict, List, Optional, Tuple

import numpy as np

import evidence
import weather

Record = Dict[str, Any]
TRIGGERS = (("A", "accuracy_trigger", "accuracy dropped"), ("D", "drift_trigger", "the input drifted"),
            ("T", "time_trigger", "a year without a retrain"))
BAR = 40  # characters for an accuracy of 1


def row(label: str, text: str) -> str:
    """A labelled line; further lines of the text are indented below it."""
    return f"  {label:<18}" + text.replace("\n", "\n" + " " * 20)


def bullet(text: str) -> str:
    """A wrapped point of a list."""
    return textwrap.fill(text, 82, initial_indent="  - ", subsequent_indent="    ")


def losses(record: Record, watcher: Optional[Dict[str, Any]]) -> List[str]:
    """All that was sent and not answered, decided and not heard, or heard by one reader only."""
    sent, answered = record["sent"], record["answered"]
    metrics, features = sent.get("metrics", 0), sent.get("features", 0)
    wanted = {"performance": metrics, "drift": features, "retrain": features}
    lost = [f"{kind} assessments: {answered.get(kind, 0)} came, {count} were due"
            for kind, count in wanted.items() if answered.get(kind, 0) != count]
    if record["baselines_in_use"] < sent.get("baseline", 0):
        lost.append(f"baselines: {record['baselines_in_use']} of {sent.get('baseline', 0)} taken into use")
    due = sum(batch["should_retrain"] for batch in record["batches"])
    if len(record["decisions"]) != due:
        lost.append(f"decisions: {len(record['decisions'])} came, {due} were due")
    if watcher is not None:
        heard = sum(sum(counts.values()) for counts in watcher["alerts"].values())
        for what, count, seen in (("alerts", len(record["alerts"]), heard),
                                  ("decisions", len(record["decisions"]), watcher["decisions"])):
            if count != seen:
                lost.append(f"{what}: the server heard {count}, the watcher {seen}")
    return lost


def seen_lines(record: Record, lost: List[str]) -> List[str]:
    """What went over the wire."""
    sent, answered, batches = record["sent"], record["answered"], record["batches"]
    first, last = weather.day(weather.TRAINING_DAYS), batches[-1]["time"][:10]
    latency = np.median([batch["latency_ms"] for batch in batches])
    return ["SEEN",
            row("served", f"{served(record):,} days in {len(batches)} batches, {first} to {last} (nominal dates);\n"
                          f"one batch predicted in {latency:.3f} ms (median)"),
            row("events sent", f"{sum(sent.values()):,}: {sent['metrics']} metrics, {sent['features']} features, "
                               f"{sent['baseline']} baselines"),
            row("answered", f"{answered.get('performance', 0)} performance, {answered.get('drift', 0)} drift and "
                            f"{answered.get('retrain', 0)} retrain assessments;\n"
                            f"{record['baselines_in_use']} baselines taken into use"),
            row("lost", "nothing" if not lost else "\n".join(lost)), ""]


def detected_lines(record: Record, data: weather.Weather) -> List[str]:
    """Alerts by monitor, then the columns that the daemon reported as drifted."""
    lines = ["DETECTED"]
    kinds: Dict[str, Counter[str]] = {name: collections.Counter() for name in ("accuracy", "drift", "latency")}
    for alert in record["alerts"]:
        kinds.setdefault(alert["data"]["monitor"], collections.Counter())[alert["type"].split(".")[2]] += 1
    for monitor, counts in kinds.items():
        text = ", ".join(f"{counts[what]} {what}" for what in ("opened", "updated", "resolved") if counts[what])
        lines.append(row(f"{monitor} alerts", text or "none"))
    drifted = collections.Counter(name for batch in record["batches"] for name in batch["drifted"])
    if drifted:
        lines += ["", f"  {'columns that drifted':<26}{'batches':>7}{'largest score':>16}  on"]
    for name, count in drifted.most_common():
        worst = worst_batch(record, name)
        lines.append(f"  {name:<26}{count:>7}{worst['drift'][name]:>16.2f}  {worst['time'][:10]}")
    return lines + [""]


def worst_batch(record: Record, name: str) -> Dict[str, Any]:
    """The batch in which a column drifted most."""
    return max(record["batches"], key=lambda batch: batch["drift"][name] or 0.0)


def served(record: Record) -> int:
    """How many days were served."""
    return len(record["batches"]) * weather.BATCH_DAYS


def fault_lines(record: Record, data: weather.Weather) -> List[str]:
    """The column that is broken, from the data served and the scores that the daemon reported for it."""
    fault = evidence.find_fault(data.rows, served(record))
    if fault is None:
        return []
    name = data.feature_names[fault.column]
    days = ", ".join(f"{data.rows[wild, fault.column]:.2f} on {weather.day(wild)}" for wild in fault.wild_rows)
    lines = [f"  THE FAULT: the column '{name}' is broken",
             bullet(f"It holds {days}: {fault.spreads_away:.0f} times its usual spread away from its middle. All "
                    f"other days of the first baseline lie between {fault.low:.2f} and {fault.high:.2f}.")]
    clean = next((each["time"][:10] for each in record["baselines"]
                  if not any(each["rows"][0] <= wild < each["rows"][1] for wild in fault.wild_rows)), None)
    if fault.deviation_with > 2 * fault.deviation_without:
        until = f"until the baseline of {clean} left them behind" if clean else "for the whole run"
        lines.append(bullet(f"They raise the baseline's standard deviation from {fault.deviation_without:.2f} to "
                            f"{fault.deviation_with:.2f}: {until}, the drift scores of this column came out "
                            f"{fault.deviation_with / fault.deviation_without:.0f} times too small."))
    count, worst = sum(name in batch["drifted"] for batch in record["batches"]), worst_batch(record, name)
    lines.append(bullet(f"Tidemark saw it drift in {count} batches, most on {worst['time'][:10]} (score "
                        f"{worst['drift'][name]:.2f}). {fault.share_outside:.0%} of its served values lie outside "
                        "the range above."))
    if fault.broken_from is not None:
        lines.append(bullet(broken_text(record, data, fault, fault.broken_from)))
    return lines + [""]


def broken_text(record: Record, data: weather.Weather, fault: evidence.Fault, start: int) -> str:
    """From when on most values are out of range, what the column holds since, and what Tidemark said next."""
    text = f"From {weather.day(start)} on most of its values do."
    if fault.behaves_as is not None and fault.columns_moved:
        text += (f" Since then it varies with the other columns as '{data.feature_names[fault.behaves_as]}' used to, "
                 f"and {fault.columns_moved} of {len(data.feature_names)} columns stand in another place: the order of "
                 "the columns changed under an unchanged header.")
    opened: Dict[str, str] = {}
    for alert in record["alerts"]:
        if alert["type"] == "tidemark.alert.opened.v1" and alert["time"][:10] >= weather.day(start).isoformat():
            opened.setdefault(alert["data"]["monitor"], alert["time"][:10])
    first = ", ".join(f"{monitor} on {date}" for monitor, date in opened.items())
    return text + (f" The next alerts to open: {first}." if first else "")


def decided_lines(record: Record) -> List[str]:
    """Every retrain with its date and what triggered it."""
    decisions = record["decisions"]
    marks = []
    for decision in decisions:
        fired = [mark for mark, trigger, _ in TRIGGERS if decision["data"]["constraints"][trigger]]
        marks.append((decision["time"][:10], "".join(fired)))
    legend = [f"{mark} {meaning} ({sum(mark in each for _, each in marks)})" for mark, _, meaning in TRIGGERS]
    lines = ["DECIDED", row("retrains", f"{len(decisions)}; {', '.join(legend)}")]
    cells = [f"{date} {mark:<3}" for date, mark in marks]
    lines += ["    " + "   ".join(cells[start:start + 5]).rstrip() for start in range(0, len(cells), 5)]
    return lines + [""]


def means(batches: List[Dict[str, Any]]) -> Tuple[float, float]:
    """The mean accuracy of the model left alone and of the one retrained."""
    alone, retrained = (float(np.mean([batch[key] for batch in batches])) for key in ("left_alone", "accuracy"))
    return alone, retrained


def recovered(record: Record) -> Tuple[List[str], bool]:
    """The retrained model against the one left alone, and whether it did better."""
    if not record["decisions"]:
        return ["NOT RECOVERED", row("accuracy", "no retrain was decided: nothing to compare"), ""], False
    since = record["decisions"][0]["time"]
    after = [batch for batch in record["batches"] if batch["time"] > since]
    if not after:
        return ["NOT RECOVERED", row("accuracy", "nothing was served after the first retrain"), ""], False
    lines = [f"  {'years':<13}{'left alone':>10}{'retrained':>11}   # left alone, + gained, - lost by retraining"]
    years: Dict[int, List[Dict[str, Any]]] = {}
    for batch in after:
        years.setdefault(int(batch["time"][:4]) // 5, []).append(batch)
    for group in years.values():
        first, last = group[0]["time"][:4], group[-1]["time"][:4]
        alone, better = means(group)
        common, gap = round(min(alone, better) * BAR), abs(round(better * BAR) - round(alone * BAR))
        bar = "#" * common + ("+" if better > alone else "-") * gap
        lines.append(f"  {first if first == last else first + '-' + last:<13}{alone:>10.3f}{better:>11.3f}   {bar}")
    alone, better = means(after)
    verdict = f"{abs(better - alone) * 100:.1f} points {'better' if better > alone else 'worse'}"
    lines.insert(0, "RECOVERED" if better > alone else "NOT RECOVERED")
    lines += [row("accuracy", f"{better:.3f} retrained, {alone:.3f} left alone: {verdict}, over the {len(after)} "
                              f"batches\nsince the first retrain; {record['baselines'][0]['accuracy']:.3f} was "
                              "expected of the first model\n(cross-validated over five blocks of its ten years)"), ""]
    return lines, better > alone


def main() -> int:
    """Prints the summary; the exit status says whether all is well."""
    parser = argparse.ArgumentParser(description="Summarise a run of the demonstration.")
    parser.add_argument("--record", required=True, type=Path, help="the record that serve_model.py wrote")
    parser.add_argument("--watcher", type=Path, help="the counts that watch.py wrote")
    options = parser.parse_args()
    record: Record = json.loads(options.record.read_text(encoding="utf-8"))
    watcher = json.loads(options.watcher.read_text(encoding="utf-8")) if options.watcher else None
    if not record["batches"]:
        print("summarise.py: no batch was served", file=sys.stderr)
        return 1
    data = weather.load(Path(__file__).with_name("weather.csv"))
    lost = losses(record, watcher)
    recovery, better = recovered(record)
    print("\n".join(["", *seen_lines(record, lost), *detected_lines(record, data), *fault_lines(record, data),
                     *decided_lines(record), *recovery,
                     "HOW TO GO ON        publish from your own server: README.md has the five lines, and",
                     "                    deploy/weather/serve_model.py is a whole one."]))
    checks = (("something was lost", bool(lost)), ("no retrain was decided", not record["decisions"]),
              ("retraining did not help", not better))
    wrong = [text for text, failed in checks if failed]
    if wrong:
        print("summarise.py: " + ", ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
