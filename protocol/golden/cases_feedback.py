"""Feedback: what became of a decision, told by whoever acts on it."""

from __future__ import annotations

from typing import Any

from message import TIME, Case, compact, event, framed, header, refused, tombstone

#: The decision of the recording.
DECISION = "rt-5a114325429f0abf5f51b442434d79b615c0572a"
OWNER = "airflow-1"
#: The retraining went on for a while after the decision at 2026-03-03T01:00:00Z.
STARTED = TIME + 23 * 3_600_000_000_000 + 95_000_000_000
CHOSEN: dict[str, Any] = {"model": "-", "version": "-", "source": OWNER, "prev": 0, "time": STARTED, "sent": STARTED}


def good(name: str, about: str, data: dict[str, Any], *, raw: bytes | None = None, **more: Any) -> Case:
    chosen = {**CHOSEN, **more}
    frames, meaning = framed("feedback", data, [], raw_descriptor=raw, **chosen)
    meaning["event"] = event(
        "feedback", meaning, data, model=chosen["model"], version=chosen["version"], source=chosen["source"]
    )
    return Case(f"feedback.{name}", "feedback", about, frames, meaning, decode_only=raw is not None)


def bad(name: str, about: str, data: Any, *tensors: bytes, **more: Any) -> Case:
    packed, _ = header(6, 3 + len(tensors), **{"seq": 4, "time": STARTED, "sent": STARTED, **more})
    body = data if isinstance(data, bytes) else compact(data)
    return refused("feedback", name, about, "malformed", True, [b"feedback/-/-/airflow-1", packed, body, *tensors])


def cases() -> list[Case]:
    started = {"decision_id": DECISION, "state": "started", "attempt": 1, "owner": OWNER}
    return [*taken(started), plain(started), *wrong(started)]


def taken(started: dict[str, Any]) -> list[Case]:
    rejected = {"decision_id": DECISION, "state": "rejected", "owner": OWNER}
    empty, meaning = tombstone("feedback", **CHOSEN)
    return [
        good("steady", "The retraining has started.", started, seq=1, flags=4),
        good("smallest", "The two keys that are required.", {"decision_id": DECISION, "state": "verified"}),
        good(
            "of_a_model",
            "A topic may name the model and version of the decision.",
            {"decision_id": DECISION, "state": "acked", "owner": OWNER},
            model="fraud",
            version="7",
        ),
        good(
            "rejected",
            "Not now, but in ten minutes.",
            rejected | {"reason": "no GPU is free", "retry_after_s": 600},
        ),
        good(
            "token",
            "With the token of the claim.",
            started | {"state": "failed", "token": "c-4f0a", "reason": "out of memory"},
        ),
        good(
            "longest",
            "An owner of 128 bytes, and a reason of 400.",
            started | {"owner": "o" * 128, "state": "failed", "reason": "r" * 400},
        ),
        good("unknown_keys", "Keys that are not known are passed over.", started | {"run": {"url": "https://a/1"}}),
        good(
            "loose_descriptor",
            "Keys in any order and white space.",
            started,
            raw=compact(dict(reversed(started.items()))).replace(b",", b" , "),
        ),
        Case("feedback.tombstone", "feedback", "A number without content.", empty, meaning | {"tombstone": True}),
    ]


def plain(started: dict[str, Any]) -> Case:
    made = {
        "specversion": "1.0",
        "type": "tidemark.feedback.v1",
        "source": OWNER,
        "id": "run-17-started",
        "time": "2026-03-03T01:01:35Z",
        "data": started,
    }
    frames = [b"feedback/-/-/airflow-1", compact(made)]
    expect = {"topic": frames[0].decode(), "event": made}
    about = "The plain encoding: `subject` may be absent."
    return Case("feedback.plain", "feedback", about, frames, expect, encoding="plain")


def wrong(started: dict[str, Any]) -> list[Case]:
    def less(key: str) -> dict[str, Any]:
        return {name: value for name, value in started.items() if name != key}

    return [
        bad("no_decision", "`decision_id` is required.", less("decision_id")),
        bad("decision_number", "A `decision_id` that is no text.", started | {"decision_id": 7}),
        bad("no_state", "`state` is required.", less("state")),
        bad("state_unknown", "A state that nobody reports.", started | {"state": "expired"}),
        bad("attempt_0", "Attempts count from 1.", started | {"attempt": 0}),
        bad("attempt_fraction", "An attempt that is not whole.", started | {"attempt": 1.5}),
        bad("attempt_text", "A number as text.", started | {"attempt": "1"}),
        bad("acked_by_nobody", "`acked` needs an owner.", less("owner") | {"state": "acked"}),
        bad("owner_empty", "An owner without a name.", started | {"owner": ""}),
        bad("owner_129", "An owner of 129 bytes.", started | {"owner": "o" * 129}),
        bad("token_129", "A token of 129 bytes.", started | {"token": "t" * 129}),
        bad("reason_401", "A reason of 401 bytes.", started | {"state": "failed", "reason": "r" * 401}),
        bad("reason_number", "A reason that is no text.", started | {"state": "failed", "reason": 137}),
        bad("retry_negative", "Later, not earlier.", started | {"state": "rejected", "retry_after_s": -1}),
        bad("retry_text", "A time as text.", started | {"state": "rejected", "retry_after_s": "10m"}),
        bad("retry_too_long", "More than 30 years.", started | {"state": "rejected", "retry_after_s": 1e9}),
        bad("array", "The descriptor is no object.", [started]),
        bad("no_descriptor", "Feedback has a descriptor.", b"", encoding=0),
        bad(
            "with_tensor",
            "Feedback has no tensors.",
            started | {"tensors": [{"name": "values", "datatype": "BOOL", "shape": [1]}]},
            b"\0",
        ),
    ]
