"""Streams instead of single messages: what a reader says is lost, and what the daemon enters in a source's account."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

E1, E2 = 1_772_409_600_000_000_000, 1_772_413_200_000_000_000
#: When the daemon of the accounts began: between the two epochs.
BEGAN = E1 + 60_000_000_000


def message(topic: str, seq: int, prev: int, lost: int | None, epoch: int = E1) -> Json:
    step = {"message": {"topic": topic, "epoch": str(epoch), "seq": str(seq), "prev": str(prev)}}
    return step | ({"duplicate": True} if lost is None else {"lost": lost})


def head(seq: int, lost: int = 0, epoch: int = E1) -> Json:
    return {"head": {"epoch": str(epoch), "seq": str(seq)}, "lost": lost}


def reader(name: str, about: str, exact: bool, *steps: Json) -> Json:
    return {"name": f"readers.{name}", "about": about, "exact": exact, "steps": list(steps)}


def readers() -> list[Json]:
    a, b, d = "alert/fraud/7/example", "alert/churn/-/example", "decision/fraud/7/example"
    return [
        reader(
            "exact_steady",
            "Every number comes.",
            True,
            head(3),
            message(a, 4, 2, 0),
            message(d, 5, 0, 0),
            message(b, 6, 3, 0),
            head(6),
        ),
        reader(
            "exact_join_by_message",
            "Without a head, the first message is where the count begins.",
            True,
            message(a, 40, 7, 0),
            message(b, 41, 39, 0),
        ),
        reader(
            "exact_gap",
            "Numbers 5 and 6 are missing, whatever their topics were.",
            True,
            head(3),
            message(a, 4, 2, 0),
            message(a, 7, 5, 2),
            message(d, 8, 6, 0),
        ),
        reader(
            "exact_tail",
            "A head shows that the last two are missing; they are not counted again.",
            True,
            head(3),
            message(a, 4, 2, 0),
            head(6, 2),
            head(6),
            message(a, 7, 5, 0),
        ),
        reader(
            "exact_duplicate",
            "A number that came before is dropped.",
            True,
            head(3),
            message(a, 4, 2, 0),
            message(d, 5, 0, 0),
            message(a, 4, 2, None),
            message(a, 6, 4, 0),
        ),
        reader(
            "exact_restart",
            "A higher epoch is counted from its number 1.",
            True,
            head(3),
            message(a, 4, 2, 0),
            message(a, 3, 1, 2, E2),
            message(a, 4, 3, 0, E2),
        ),
        reader(
            "exact_restart_head",
            "The same, told by a head.",
            True,
            head(3),
            head(0, 0, E2),
            head(2, 2, E2),
            message(a, 3, 1, 0, E2),
        ),
        reader(
            "exact_clock_set_back",
            "A lower epoch is a join: nobody knows what came before it.",
            True,
            head(3, 0, E2),
            message(a, 4, 2, 0, E2),
            message(a, 9, 8, 0, E1),
            message(a, 11, 9, 1, E1),
        ),
        reader(
            "topic_steady",
            "A reader of one topic: numbers of others are no losses.",
            False,
            head(3),
            message(a, 4, 2, 0),
            message(a, 9, 4, 0),
            head(12),
            message(a, 14, 9, 0),
        ),
        reader(
            "topic_gap",
            "prev is above the last of its topic: at least one is lost.",
            False,
            head(3),
            message(a, 4, 2, 0),
            message(a, 9, 7, 1),
            message(a, 12, 9, 0),
        ),
        reader(
            "topic_gap_at_first",
            "The first message of a topic names one before it that came after the join.",
            False,
            head(3),
            message(a, 9, 5, 1),
            message(b, 10, 2, 0),
        ),
        reader(
            "topic_before_join",
            "What was sent before the join is no loss.",
            False,
            message(a, 40, 7, 0),
            message(b, 41, 39, 0),
            message(b, 44, 41, 0),
        ),
        reader(
            "topic_duplicate",
            "A number that is not above the last of its topic is dropped.",
            False,
            head(3),
            message(a, 6, 2, 0),
            message(b, 5, 0, 0),
            message(a, 6, 2, None),
        ),
        reader(
            "topic_restart",
            "A higher epoch: whatever prev names is lost.",
            False,
            head(3),
            message(a, 4, 2, 0),
            message(a, 5, 1, 1, E2),
            message(b, 6, 0, 0, E2),
        ),
        reader("largest", "Numbers of 64 bits.", True, head(2**64 - 3), message(a, 2**64 - 1, 2, 1), head(2**64 - 1)),
    ]


def entered(at_ms: int, kind: str, seq: int, *becomes: str, epoch: int = E1, dropped: int | None = None) -> Json:
    step = {"at_ms": at_ms, "kind": kind, "epoch": str(epoch), "seq": str(seq)}
    if kind != "message":
        step["dropped"] = dropped or 0
    if kind == "head":
        step["interval_ms"] = 1000
    return step | {"becomes": list(becomes)}


def account(name: str, about: str, *steps: Json, **after: Any) -> Json:
    zero = {"received": 0, "rejected": 0, "lost": 0, "duplicate": 0, "stale": 0, "restarts": 0, "dropped": 0}
    return {
        "name": f"accounts.{name}",
        "about": about,
        "daemon_began": str(BEGAN),
        "steps": list(steps),
        "account": zero | after,
    }


def accounts() -> list[Json]:
    m, h, b = "message", "head", "bye"
    old: Json = {"epoch": str(E1)}
    new: Json = {"epoch": str(E2)}
    return [
        account(
            "steady",
            "A source that was there before the daemon: its account begins where it is first heard.",
            entered(0, m, 40),
            entered(1, m, 41),
            received=2,
            **old,
            sequence="41",
            state="silent",
        ),
        account(
            "from_one",
            "An epoch that began after the daemon is accounted from its number 1.",
            entered(0, m, 3, "gap 2", epoch=E2),
            received=1,
            lost=2,
            **new,
            sequence="3",
            state="silent",
        ),
        account(
            "gap",
            "A jump is a gap at once.",
            entered(0, m, 1),
            entered(1, m, 5, "gap 3"),
            received=2,
            lost=3,
            **old,
            sequence="5",
            state="silent",
        ),
        account(
            "duplicate",
            "A number that is not above the last is refused.",
            entered(0, m, 5),
            entered(1, m, 5, "duplicate"),
            entered(2, m, 4, "duplicate"),
            entered(3, m, 6),
            received=4,
            rejected=2,
            duplicate=2,
            **old,
            sequence="6",
            state="silent",
        ),
        account(
            "restart",
            "A higher epoch is accounted from its number 1.",
            entered(0, m, 40),
            entered(1, m, 2, "restarted", "gap 1", epoch=E2),
            received=2,
            restarts=1,
            lost=1,
            **new,
            sequence="2",
            state="silent",
        ),
        account(
            "stale_epoch",
            "A lower epoch is refused while the higher one is heard.",
            entered(0, m, 1, epoch=E2),
            entered(1, m, 40, "stale_epoch"),
            entered(2_999, m, 41, "stale_epoch"),
            entered(3_000, m, 2, epoch=E2),
            received=4,
            rejected=2,
            stale=2,
            **new,
            sequence="2",
            state="silent",
        ),
        account(
            "clock_set_back",
            "And taken when the higher one was silent for 3 s.",
            entered(0, m, 1, epoch=E2),
            entered(3_000, m, 40, "restarted"),
            received=2,
            restarts=1,
            **old,
            sequence="40",
            state="silent",
        ),
        account(
            "tail",
            "A head shows that the last two are missing; they are not counted again.",
            entered(0, m, 4),
            entered(1, h, 6, "gap 2"),
            entered(2, h, 6),
            entered(3, m, 7),
            received=2,
            lost=2,
            **old,
            sequence="7",
            state="live",
        ),
        account(
            "head_first",
            "A head alone begins an account.",
            entered(0, h, 40),
            entered(1, m, 41),
            entered(2, m, 43, "gap 1"),
            received=2,
            lost=1,
            **old,
            sequence="43",
            state="live",
        ),
        account(
            "head_of_nothing",
            "A head before the first number.",
            entered(0, h, 0, epoch=E2),
            entered(1, m, 1, epoch=E2),
            received=1,
            **new,
            sequence="1",
            state="live",
        ),
        account(
            "head_restart",
            "A head of a higher epoch: its numbers are missing.",
            entered(0, m, 40),
            entered(1, h, 2, "restarted", "gap 2", epoch=E2),
            entered(2, m, 3, epoch=E2),
            received=2,
            restarts=1,
            lost=2,
            **new,
            sequence="3",
            state="live",
        ),
        account(
            "head_behind",
            "A head behind the last number says nothing new.",
            entered(0, m, 4),
            entered(1, h, 3),
            entered(2, m, 5),
            received=2,
            **old,
            sequence="5",
            state="live",
        ),
        account(
            "dropped",
            "What the source dropped itself is missing like the rest, and told apart.",
            entered(0, m, 1),
            entered(1, m, 5, "gap 3"),
            entered(2, h, 5, dropped=2),
            received=2,
            lost=3,
            dropped=2,
            **old,
            sequence="5",
            state="live",
        ),
        account(
            "bye",
            "The clean end, with a lost tail.",
            entered(0, m, 4),
            entered(1, h, 4),
            entered(2, b, 5, "gap 1"),
            received=1,
            lost=1,
            **old,
            sequence="5",
            state="ended",
        ),
        account(
            "after_bye",
            "What comes after a bye makes the source live again.",
            entered(0, h, 4),
            entered(1, b, 4),
            entered(2, m, 5),
            received=1,
            **old,
            sequence="5",
            state="live",
        ),
        account(
            "largest",
            "Numbers of 64 bits.",
            entered(0, m, 2**64 - 2),
            entered(1, m, 2**64 - 1),
            entered(2, m, 2**64 - 1, "duplicate"),
            received=3,
            rejected=1,
            duplicate=1,
            **old,
            sequence=str(2**64 - 1),
            state="silent",
        ),
    ]
