"""The life of decisions, and the alerts and the status that came with the journal."""

from __future__ import annotations

from typing import Any

from cases_feedback import DECISION, OWNER
from cases_outputs import DAEMON, digest, nanoseconds, out, recorded
from message import SENT, TIME, Case, rfc3339

Json = dict[str, Any]

ISSUED = nanoseconds("2026-03-03T01:00:00Z")
SECOND = 1_000_000_000
#: The requests of an orchestrator that began a minute after midnight.
REQUESTS = str(TIME - 7_140 * SECOND)


def cases() -> list[Case]:
    return [*issued(), *changes(), *alerts(), journal()]


def issued() -> list[Case]:
    first = recorded("decision.retrain.issued", "-7")
    again = first | {
        "id": f"{DECISION}-a2",
        "time": rfc3339(ISSUED + 1_200 * SECOND),
        "causationid": f"timer:{ISSUED + 1_200 * SECOND}",
    }
    again["data"] = first["data"] | {
        "issued_at": again["time"],
        "attempt": 2,
        "attempt_id": f"{DECISION}-a2",
        "rev": 5,
    }
    dry = first | {"data": first["data"] | {"dry_run": True, "state": "proposed", "coverage": None}}
    return [
        out("attempt_2", "The same decision, asked for a second time after it failed.", again, seq=11, prev=10),
        out("proposed", "In mode `observe`; of a source that does not number.", dry, seq=5, prev=0),
    ]


def change(
    state: str,
    rev: int,
    after_s: int,
    cause: str,
    *,
    attempt: int = 1,
    owner: str | None = OWNER,
    reason: str | None = None,
    superseded_by: str | None = None,
    final: bool = False,
    retry_after_s: int | None = None,
) -> Json:
    at = ISSUED + after_s * SECOND
    data = {
        "decision_id": DECISION,
        "model": "fraud",
        "version": "7",
        "attempt": attempt,
        "attempt_id": f"{DECISION}-a{attempt}",
        "rev": rev,
        "state": state,
        "at": rfc3339(at),
        "owner": owner,
        "reason": reason,
        "superseded_by": superseded_by,
        "final": final,
        "retry_at": None if retry_after_s is None else rfc3339(at + retry_after_s * SECOND),
    }
    return {
        "specversion": "1.0",
        "type": f"tidemark.decision.retrain.{state}.v1",
        "source": "example",
        "id": f"{DECISION}.{rev}",
        "time": data["at"],
        "subject": "fraud",
        "modelversion": "7",
        "correlationid": DECISION,
        "causationid": cause if cause.startswith("timer:") else f"{REQUESTS}-{cause}",
        "datacontenttype": "application/json",
        "data": data,
    }


def changes() -> list[Case]:
    def timer(after_s: int) -> str:
        return f"timer:{ISSUED + after_s * SECOND}"

    return [
        out("acked", "Somebody has claimed it.", change("acked", 2, 3, "1"), seq=6, prev=5),
        out("started", "The retraining runs.", change("started", 3, 95, "2"), seq=7, prev=6),
        out(
            "failed",
            "The attempt failed by its owner's word; the next is issued ten minutes later.",
            change("failed", 4, 600, "3", reason="out of memory", retry_after_s=600),
            seq=10,
            prev=7,
        ),
        out(
            "not_started",
            "Claimed, and not started in time: the next attempt is issued at once.",
            change("failed", 3, 903, timer(903), reason="not_started", retry_after_s=0),
            seq=9,
            prev=6,
        ),
        out(
            "rejected",
            "Not wanted, and never again.",
            change("rejected", 2, 60, "1", reason="the model is retired", final=True),
            seq=6,
            prev=5,
        ),
        out("succeeded", "The retraining is done.", change("succeeded", 4, 5_400, "3"), seq=8, prev=7),
        out(
            "verified",
            "A day later the model's accuracy is in order.",
            change("verified", 5, 91_800, timer(91_800), final=True),
            seq=12,
            prev=8,
        ),
        out(
            "not_recovered",
            "A day later it is not: no retraining helped.",
            change("failed", 5, 91_800, timer(91_800), reason="not_recovered", final=True),
            seq=12,
            prev=8,
        ),
        out(
            "expired",
            "Nobody claimed it.",
            change("expired", 2, 86_400, timer(86_400), owner=None, final=True),
            seq=8,
            prev=5,
        ),
        out(
            "superseded",
            "A newer decision on the same model, which follows.",
            recorded("decision.retrain.superseded", timer(604_800)),
            seq=8,
            prev=5,
        ),
        out(
            "cancelled",
            "An operator has called it off.",
            change("cancelled", 4, 700, "9", owner="ann", reason="wrong labels", final=True),
            seq=8,
            prev=7,
        ),
    ]


def alert(monitor: str, severity: str, opened: int, value: float, threshold: float, rev: int = 1) -> Json:
    episode = digest("ep-", "fraud", "7", monitor, "1", str(opened))
    is_open = rev == 1
    at = opened if is_open else opened + 600 * SECOND
    data = {
        "alert_key": f"fraud/7/{monitor}",
        "episode_id": episode,
        "rev": rev,
        "monitor": monitor,
        "type": "orchestrator_stalled" if monitor == "orchestrator" else monitor,
        "state": "firing" if is_open else "resolved",
        "flags": [],
        **({} if is_open else {"reason": "recovered"}),
        "severity": severity,
        "opened_at": rfc3339(opened),
        "last_eval_at": rfc3339(at),
        "value": value,
        "threshold": threshold,
        "score": 1.0 if is_open else 0.0,
        "clear_score": 1.0,
        "n": 1,
        "window": {"from": rfc3339(at), "to": rfc3339(at)},
        "coverage": 1.0,
        "rule_rev": "8aa0d716",
        "top_k": [],
    }
    return {
        "specversion": "1.0",
        "type": f"tidemark.alert.{'opened' if is_open else 'resolved'}.v1",
        "source": "example",
        "id": f"{episode}.{rev}",
        "time": rfc3339(at),
        "subject": "fraud",
        "modelversion": "7",
        "correlationid": episode,
        "causationid": f"timer:{at}" if is_open else f"{TIME - 7_200 * SECOND}-12",
        "datacontenttype": "application/json",
        "data": data,
    }


def alerts() -> list[Case]:
    stalled = alert("orchestrator", "high", ISSUED + 903 * SECOND, 900.0, 900.0)
    silent = ISSUED + 4_500 * SECOND
    return [
        out("orchestrator_stalled", "A retrain was claimed, and not started in time.", stalled, seq=8, prev=3),
        out(
            "no_data",
            "The model has sent nothing for a quarter of an hour.",
            alert("no_data", "medium", silent, 900.0, 900.0),
            seq=9,
            prev=8,
        ),
        out(
            "no_data_resolved",
            "Its next event.",
            alert("no_data", "medium", silent, 0.0, 900.0, 2),
            seq=10,
            prev=9,
        ),
    ]


def journal() -> Case:
    at = TIME + 10 * SECOND
    data = {
        "state": "ok",
        "since": rfc3339(DAEMON),
        "detail": None,
        "outputs_waiting": 0,
        "commits": 7_214,
        "bytes": 1_327_104,
        "last_commit": rfc3339(SENT + 9 * SECOND),
    }
    made = {
        "specversion": "1.0",
        "type": "tidemark.status.journal.v1",
        "source": "example.live",
        "id": f"journal-{at}",
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": data,
    }
    return out("journal", "The journal writes what it is given.", made, seq=13, prev=12)
