"""What an operator says of alerts, on the control socket, and what is answered."""

from __future__ import annotations

from typing import Any

from cases_control import READER, said
from message import TIME, Case, compact, header, refused, rfc3339

Json = dict[str, Any]

SILENCE = {
    "id": "night-shift",
    "matchers": {"model": "fraud*", "monitor": "drift"},
    "created_by": "ana",
    "comment": "new region",
}


def cases() -> list[Case]:
    return [*requests(), *answers(), *wrong()]


def requests() -> list[Case]:
    def of(name: str, about: str, descriptor: Json) -> Case:
        return said("silence", name, about, "control-in", "silence", descriptor, seq=1)

    least = {"matchers": {"severity": "low"}, "created_by": "ana"}
    return [
        of("create", "Drift of models whose name begins so, for two hours.", {"create": SILENCE | {"duration_s": 7200.0}}),
        of("until", "Until a moment; the id is left to the daemon.", {"create": least | {"ends_at": rfc3339(TIME)}}),
        of("expire", "It ends.", {"expire": "night-shift"}),
        of("list", "What is in force?", {}),
        of("resolve", "An alert is over.", {"resolve": "fraud/7/drift"}),
    ]


def answers() -> list[Case]:
    def of(name: str, about: str, kind: str, descriptor: Json) -> Case:
        return said("silence", name, about, "control-out", kind, {"request": "silence", **descriptor}, seq=1)

    made = SILENCE | {"created_at": rfc3339(TIME), "ends_at": rfc3339(TIME + 7_200_000_000_000)}
    return [
        of("made", "It is in force, and durable.", "ack", {"silences": [made]}),
        of("none", "Nothing is silenced.", "ack", {"silences": []}),
        of(
            "unknown",
            "There is none of that id.",
            "nack",
            {"code": "unknown_silence", "detail": "no silence night-shift is in force", "owner": None},
        ),
    ]


def wrong() -> list[Case]:
    def bad(name: str, about: str, descriptor: Json) -> Case:
        packed, _ = header(37, 3, seq=1, prev=0, epoch=READER, time=0)
        case = refused("silence", name, about, "malformed", True, [b"silence/-/-/pager", packed, compact(descriptor)])
        case.direction = "control-in"
        return case

    whole = SILENCE | {"duration_s": 7200.0}

    def without(key: str) -> Json:
        return {"create": {name: value for name, value in whole.items() if name != key}}

    return [
        bad("no_matchers", "A silence of everything is a daemon that is off.", without("matchers")),
        bad("empty_matchers", "The same.", {"create": whole | {"matchers": {}}}),
        bad("unknown_matcher", "Alerts have no such property.", {"create": whole | {"matchers": {"team": "risk"}}}),
        bad("no_author", "Somebody says so.", without("created_by")),
        bad("no_end", "A silence ends.", without("duration_s")),
        bad("two_ends", "It ends once.", {"create": whole | {"ends_at": rfc3339(TIME)}}),
        bad("no_time", "No time.", without("duration_s") | {"create": SILENCE | {"ends_at": "tomorrow"}}),
        bad("too_long", "More than 366 days.", {"create": whole | {"duration_s": 31_622_401}}),
        bad("two_requests", "One thing at a time.", {"expire": "a", "resolve": "fraud/7/drift"}),
    ]
