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
    if kind == "alert":
        event = event | {"data": believed(event["data"], nanoseconds(event["time"]) + 41_000)}
    parts = (event.get("subject", "-"), event.get("modelversion", "-"), event["source"])
    topic = "/".join([kind, *map(segment, parts)])
    time = nanoseconds(event["time"])
    packed, meaning = header(
        NUMBERS[kind], 3, seq=seq, prev=prev, epoch=DAEMON, time=time, sent=time + 41_000, flags=4 if seq == 1 else 0
    )
    expect = {"topic": topic, "header": meaning, "event": event}
    return Case(f"{kind}.{name}", kind, about, [topic.encode(), packed, compact(event)], expect, direction="out")


def believed(data: dict[str, Any], sent: int) -> dict[str, Any]:
    """As it is sent: with how long it holds, for four rounds of repeats."""
    items = []
    for key, value in data.items():
        items.append((key, value))
        if key == "last_eval_at":
            items.append(("valid_until", rfc3339(sent + 240_000_000_000)))
    return dict(items)


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
        again(),
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
        out("keep", "It would be retrained, and many models of its feed drift at once.", keep(), seq=15, prev=14),
        out("fleet_anomaly", "Six of twenty models that one source feeds drift at once.", fleet(), seq=17, prev=11),
        out("sources", "The account of two sources.", status(), seq=12, prev=2),
    ]


def again() -> Case:
    """An alert as it stands, under `standard`: recovering, and silenced; sent again outside of the numbering."""
    event = json.loads(json.dumps(recorded("alert.opened", "metrics.28")))
    event["type"] = "tidemark.alert.updated.v1"
    event["id"] = event["correlationid"] + ".2"
    event["time"] = rfc3339(nanoseconds(event["time"]) + 180_000_000_000)
    del event["causationid"]
    data = event["data"]
    told = {
        **{"rev": 2, "state": "recovering", "flags": ["silenced"], "last_eval_at": event["time"], "score": 0.5},
        **{"window": data["window"] | {"to": event["time"]}},
    }
    event["data"] = believed(data | told, SENT)
    topic = f"alert/{event['subject']}/{event['modelversion']}/{event['source']}"
    packed, meaning = header(
        NUMBERS["alert"], 3, seq=0, prev=0, epoch=DAEMON, time=nanoseconds(event["time"]), sent=SENT, flags=1
    )
    about = "An open alert, sent again as it stands: no number, no cause, another `valid_until`."
    expect = {"topic": topic, "header": meaning, "event": event}
    return Case("alert.again", "alert", about, [topic.encode(), packed, compact(event)], expect, direction="out")


def keep() -> dict[str, Any]:
    event = json.loads(json.dumps(recorded("assessment.retrain", "-7")))
    kind = "tidemark.assessment.keep.v1"
    model = (event["subject"], event.get("modelversion", "-"))
    event |= {"type": kind, "id": digest("as-", *model, kind, "scorer-1", event["causationid"])}
    asked = event["data"]
    event["data"] = {
        "kept": True,
        "reason": "fleet_anomaly",
        "trigger_reasons": asked["trigger_reasons"],
        "constraints": asked["constraints"] | {"held": True},
        "time_since_last_retrain_s": asked["time_since_last_retrain_s"],
        "next_allowed_retrain": asked["next_allowed_retrain"],
    }
    return event


def fleet() -> dict[str, Any]:
    return of_a_source("fleet_anomaly", TIME + 5_000_000_000, "/feed/eu", 6.0, 5.0, "119")


def duplicate_source() -> dict[str, Any]:
    return of_a_source("duplicate_source", TIME + 3_000_000_000, "/pods/7", 3.0, 3.0, "118")


def of_a_source(name: str, opened: int, source: str, value: float, threshold: float, cause: str) -> dict[str, Any]:
    """An alert that is about no model."""
    rest = f"{name}/{segment(source)}"
    episode = digest("ep-", "-", "-", name, "1", str(opened), source)
    data = {
        "alert_key": f"-/-/{rest}",
        "episode_id": episode,
        "rev": 1,
        "monitor": name,
        "type": name,
        "state": "firing",
        "flags": [],
        "severity": "high",
        "opened_at": rfc3339(opened),
        "last_eval_at": rfc3339(opened),
        "value": value,
        "threshold": threshold,
        "score": value / threshold,
        "clear_score": 1.0,
        "n": 1,
        "window": {"from": rfc3339(opened), "to": rfc3339(opened)},
        "coverage": None,
        "rule_rev": "00000000",
        "top_k": [],
    }
    return {
        "specversion": "1.0",
        "type": "tidemark.alert.opened.v1",
        "source": "example",
        "id": f"{episode}.1",
        "time": rfc3339(opened),
        "correlationid": episode,
        "causationid": f"{EPOCH}-{cause}",
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
