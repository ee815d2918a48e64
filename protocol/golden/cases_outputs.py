"""What the daemon sends: topic, header, CloudEvents JSON."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from message import EPOCH, NUMBERS, SENT, TIME, Case, compact, header, rfc3339, segment

#: When the daemon began.
DAEMON = 1_772_409_599_123_456_789
RECORDED = Path(__file__).resolve().parent / "1.0" / "outputs.ndjson"


def digest(prefix: str, *parts: str) -> str:
    encoded = (part.encode() for part in parts)
    return prefix + hashlib.sha256(b"".join(len(p).to_bytes(4, "big") + p for p in encoded)).hexdigest()[:40]


def out(name: str, about: str, event: dict[str, Any], *, seq: int, prev: int) -> Case:
    kind = event["type"].split(".")[1]
    parts = (event.get("subject", "-"), event.get("modelversion", "-"), event["source"])
    topic = "/".join([kind, *map(segment, parts)])
    time = nanoseconds(event["time"])
    packed, meaning = header(
        NUMBERS[kind], 3, seq=seq, prev=prev, epoch=DAEMON, time=time, sent=time + 41_000, flags=4 if seq == 1 else 0
    )
    expect = {"topic": topic, "header": meaning, "event": event}
    return Case(f"{kind}.{name}", kind, about, [topic.encode(), packed, compact(event)], expect, direction="out")


def nanoseconds(text: str) -> int:
    import datetime as dt

    match = re.fullmatch(r"(.{19})(?:\.(\d+))?Z", text)
    assert match, text
    moment = dt.datetime.fromisoformat(match[1] + "+00:00")
    return int(moment.timestamp()) * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))


def recorded(type_: str, cause: str) -> dict[str, Any]:
    """The output of that type whose cause ends so."""
    found = (json.loads(line) for line in RECORDED.read_text().splitlines())
    return next(
        each for each in found if each["type"] == f"tidemark.{type_}.v1" and each["causationid"].endswith(cause)
    )


def cases() -> list[Case]:
    return [
        out("opened", "The first output of this epoch.", recorded("alert.opened", "-4"), seq=1, prev=0),
        out(
            "updated",
            "The severity changed; the message before on this topic was number 3.",
            recorded("alert.updated", "-6"),
            seq=4,
            prev=3,
        ),
        out("resolved", "The end of the episode.", recorded("alert.resolved", "-9"), seq=8, prev=7),
        out("no_version", "Model `team/churn` has no version.", recorded("alert.opened", "2026-03-12"), seq=10, prev=0),
        out("duplicate_source", "Two processes send as one source.", duplicate_source(), seq=11, prev=0),
        out(
            "evidence",
            "By preset `standard`: five points more errors in batches of 100, found in the eighth.",
            recorded("alert.opened", "metrics.28"),
            seq=13,
            prev=0,
        ),
        out("metric", "A business metric, by its name.", recorded("alert.opened", "metrics.54"), seq=14, prev=13),
        out(
            "drift_evidence",
            "By preset `standard`: a column a deviation off, in the second batch of 50.",
            recorded("alert.opened", "features.5"),
            seq=15,
            prev=14,
        ),
        out("schema", "A column is missing.", recorded("alert.opened", "features.7"), seq=16, prev=15),
        out("issued", "A decision to retrain.", recorded("decision.retrain.issued", "-7"), seq=5, prev=0),
        out(
            "timer",
            "A decision that no event caused, but a deadline.",
            recorded("decision.retrain.issued", "timer:1773104400000000000"),
            seq=9,
            prev=5,
        ),
        out("performance", "After a metrics event.", recorded("assessment.performance", "-4"), seq=4, prev=3),
        out(
            "standard",
            "By preset `standard`, with what each monitor is at.",
            recorded("assessment.performance", "metrics.28"),
            seq=13,
            prev=10,
        ),
        out("drift", "After a batch of features.", recorded("assessment.drift", "-5"), seq=5, prev=4),
        out(
            "drift_standard",
            "By preset `standard`: numbers and text, and a column that the batch has not.",
            recorded("assessment.drift", "features.8"),
            seq=14,
            prev=13,
        ),
        out("retrain", "Whether to retrain.", recorded("assessment.retrain", "-7"), seq=10, prev=9),
        out("sources", "The account of two sources.", status(), seq=12, prev=2),
    ]


def duplicate_source() -> dict[str, Any]:
    opened, source, name = TIME + 3_000_000_000, "/pods/7", "duplicate_source"
    rest = f"{name}/{segment(source)}"
    episode = digest("ep-", "-", "-", name, "1", str(opened), source)
    data = {
        "alert_key": f"-/-/{rest}",
        "episode_id": episode,
        "rev": 1,
        "monitor": name,
        "type": name,
        "state": "firing",
        "severity": "high",
        "opened_at": rfc3339(opened),
        "value": 3.0,
        "threshold": 3.0,
        "top_k": [],
    }
    return {
        "specversion": "1.0",
        "type": "tidemark.alert.opened.v1",
        "source": "example",
        "id": f"{episode}.1",
        "time": rfc3339(opened),
        "correlationid": episode,
        "causationid": f"{EPOCH}-118",
        "datacontenttype": "application/json",
        "data": data,
    }


def status() -> dict[str, Any]:
    numbered = {
        "source": "/pods/7",
        "epoch": str(EPOCH),
        "sequence": "1207",
        "received": 1205,
        "rejected": 1,
        "rejected_by": {"shape_mismatch": 1},
        "lost": 2,
        "duplicate": 0,
        "stale": 0,
        "late": 0,
        "unsequenced": 0,
        "restarts": 1,
        "dropped": 2,
        "state": "live",
        "last_heard": rfc3339(SENT),
        "clock_offset_ms": 0.25,
    }
    silent = {
        "source": "batch-scorer",
        "epoch": None,
        "sequence": None,
        "received": 3,
        "rejected": 0,
        "rejected_by": {},
        "lost": 0,
        "duplicate": 0,
        "stale": 0,
        "late": 0,
        "unsequenced": 3,
        "restarts": 0,
        "dropped": 0,
        "state": "silent",
        "last_heard": rfc3339(TIME),
        "clock_offset_ms": None,
    }
    data = {
        "part": 1,
        "parts": 1,
        "since": rfc3339(DAEMON),
        "received": 1208,
        "rejected": 1,
        "sources": [silent, numbered],
    }
    return {
        "specversion": "1.0",
        "type": "tidemark.status.sources.v1",
        "source": "example.live",
        "id": f"sources-{TIME + 10_000_000_000}-1",
        "time": rfc3339(TIME + 10_000_000_000),
        "datacontenttype": "application/json",
        "data": data,
    }
