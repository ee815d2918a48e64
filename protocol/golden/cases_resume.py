"""What a resuming reader hands over: streams of live messages, heads and answers to its FETCHes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

E1, E2 = 1_772_409_600_000_000_000, 1_772_413_200_000_000_000
A, B, D = "alert/fraud/7/example", "alert/churn/-/example", "decision/fraud/7/example"


def _step(kind: str, said: Json, given: list[Any], asks: int | None, epoch: int) -> Json:
    return {
        kind: said,
        "given": [str(each) if isinstance(each, int) else each for each in given],
        "asks": None if asks is None else {"epoch": str(epoch), "from": str(asks)},
    }


def gap(reason: str, missing: int | None = None) -> Json:
    return {"gap": reason, "missing": missing}


def live(topic: str, seq: int, prev: int, *given: Any, asks: int | None = None, epoch: int = E1, of: int = E1) -> Json:
    """`of`: the epoch that is asked for."""
    said = {"topic": topic, "epoch": str(epoch), "seq": str(seq), "prev": str(prev)}
    return _step("message", said, list(given), asks, of)


def head(seq: int, *given: Any, asks: int | None = None, epoch: int = E1, of: int = E1) -> Json:
    return _step("head", {"epoch": str(epoch), "seq": str(seq)}, list(given), asks, of)


def fetched(seq: int, *given: Any, asks: int, of: int = E1) -> Json:
    return _step("fetched", {"seq": str(seq)}, list(given), asks, of)


def end(status: str, next_: int, head_: int, *given: Any, asks: int | None = None, epoch: int = E1) -> Json:
    said = {"status": status, "epoch": str(epoch), "next": str(next_), "head": str(head_)}
    return _step("end", said, list(given), asks, epoch)


def stream(name: str, about: str, cursor: int | None, *steps: Json, exact: bool = True, epoch: int = E1) -> Json:
    return {
        "name": f"resume.{name}",
        "about": about,
        "exact": exact,
        "cursor": None if cursor is None else {"epoch": str(epoch), "next": str(cursor)},
        "steps": list(steps),
    }


def streams() -> list[Json]:
    return [*whole(), *restarted(), *filtered()]


def whole() -> list[Json]:
    return [
        stream(
            "join",
            "Without a cursor it begins at the first head.",
            None,
            head(3),
            live(A, 4, 2, 4),
            live(D, 5, 0, 5),
            head(5),
        ),
        stream("join_by_message", "Or at the first message.", None, live(A, 40, 7, 40), head(40)),
        stream(
            "cursor",
            "With a cursor it fetches first; what comes live meanwhile waits, and is handed over once.",
            4,
            live(A, 8, 6, asks=4),
            head(8, asks=4),
            fetched(4, 4, asks=4),
            fetched(5, 5, asks=4),
            end("more", 6, 8, asks=6),
            fetched(6, 6, asks=6),
            fetched(7, 7, asks=6),
            fetched(8, 8, asks=6),
            live(D, 9, 5, asks=6),
            end("complete", 9, 8, 9),
            live(A, 10, 8, 10),
        ),
        stream(
            "nothing_missed",
            "A cursor at the head: the answer is empty.",
            9,
            head(8, asks=9),
            end("complete", 9, 8),
            live(A, 9, 6, 9),
        ),
        stream(
            "gap",
            "Numbers are missing live: they are fetched before the later one is handed over.",
            None,
            head(3),
            live(A, 4, 2, 4),
            live(D, 7, 0, asks=5),
            fetched(5, 5, asks=5),
            fetched(6, 6, asks=5),
            fetched(7, 7, asks=5),
            end("complete", 8, 7),
            live(D, 7, 0),
            live(A, 8, 6, 8),
        ),
        stream(
            "tail",
            "A head shows that the last two are missing.",
            None,
            head(3),
            live(A, 4, 2, 4),
            head(6, asks=5),
            fetched(5, 5, asks=5),
            fetched(6, 6, asks=5),
            end("complete", 7, 6),
            head(6),
        ),
        stream(
            "gap_while_fetching",
            "What waited shows a gap of its own.",
            4,
            head(4, asks=4),
            fetched(4, 4, asks=4),
            live(A, 7, 4, asks=4),
            end("complete", 5, 4, asks=5),
            fetched(5, 5, asks=5),
            fetched(6, 6, asks=5),
            fetched(7, 7, asks=5),
            end("complete", 8, 7),
        ),
        stream(
            "busy",
            "Too many clients: it asks again later, from the same number.",
            4,
            head(5, asks=4),
            end("busy", 4, 5, asks=4),
            fetched(4, 4, asks=4),
            fetched(5, 5, asks=4),
            end("complete", 6, 5),
        ),
        stream(
            "truncated",
            "Numbers 4 to 100 are not kept any more: told as a gap, and it goes on from 101.",
            4,
            head(102, asks=4),
            end("truncated", 101, 102, gap("truncated", 97), asks=101),
            fetched(101, 101, asks=101),
            fetched(102, 102, asks=101),
            end("complete", 103, 102),
        ),
        stream(
            "largest",
            "Numbers of 64 bits.",
            2**64 - 3,
            head(2**64 - 2, asks=2**64 - 3),
            fetched(2**64 - 3, 2**64 - 3, asks=2**64 - 3),
            fetched(2**64 - 2, 2**64 - 2, asks=2**64 - 3),
            end("complete", 2**64 - 1, 2**64 - 2),
        ),
    ]


def restarted() -> list[Json]:
    return [
        stream(
            "daemon_restart",
            "The same epoch goes on: what was journalled and not sent live is fetched.",
            None,
            head(3),
            live(A, 4, 2, 4),
            head(6, asks=5),
            fetched(5, 5, asks=5),
            fetched(6, 6, asks=5),
            end("complete", 7, 6),
            live(A, 7, 4, 7),
        ),
        stream(
            "journal_lost",
            "Another epoch: a gap is told, and the new numbering is read from its first number.",
            None,
            head(3),
            live(A, 4, 2, 4),
            live(A, 2, 1, asks=5, epoch=E2),
            end("epoch_mismatch", 1, 2, gap("epoch"), asks=1, epoch=E2),
            fetched(1, 1, asks=1, of=E2),
            fetched(2, 2, asks=1, of=E2),
            end("complete", 3, 2, epoch=E2),
            live(D, 3, 0, 3, epoch=E2, of=E2),
        ),
        stream(
            "cursor_of_another_epoch",
            "A cursor that was kept over the loss of the journal.",
            40,
            head(2, asks=40, epoch=E2),
            end("epoch_mismatch", 1, 2, gap("epoch"), asks=1, epoch=E2),
            fetched(1, 1, asks=1, of=E2),
            fetched(2, 2, asks=1, of=E2),
            end("complete", 3, 2, epoch=E2),
        ),
        stream(
            "disk_restored",
            "The same epoch at a lower number: numbers are given anew, and nobody knows which.",
            None,
            head(8),
            live(A, 9, 8, 9),
            head(6, asks=10),
            end("complete", 7, 6, gap("restored")),
            live(A, 7, 4, 7),
        ),
        stream(
            "no_journal",
            "Nothing is stored: a gap is told, and what waited is handed over.",
            4,
            head(6, asks=4),
            live(A, 7, 6, asks=4),
            end("no_journal", 8, 7, gap("truncated", 3), 7),
            live(A, 8, 7, 8),
        ),
        stream(
            "no_journal_restarted",
            "And the daemon has begun anew.",
            4,
            head(2, asks=4, epoch=E2),
            end("no_journal", 3, 2, gap("epoch"), epoch=E2),
            live(A, 3, 0, 3, epoch=E2, of=E2),
        ),
    ]


def filtered() -> list[Json]:
    return [
        stream(
            "topic",
            "A reader of some topics takes what follows on its topic, and asks at a head what else there was.",
            None,
            head(3),
            live(A, 4, 2, 4),
            live(A, 9, 4, 9),
            head(12, asks=5),
            fetched(7, 7, asks=5),
            fetched(9, asks=5),
            end("complete", 13, 12),
            live(A, 14, 9, 14),
            exact=False,
        ),
        stream(
            "topic_gap",
            "prev is not known: what is missing on the topic is fetched before the later one is handed over.",
            None,
            head(3),
            live(A, 4, 2, 4),
            live(A, 9, 7, asks=5),
            fetched(7, 7, asks=5),
            fetched(9, 9, asks=5),
            end("complete", 10, 9),
            live(A, 12, 9, 12),
            exact=False,
        ),
        stream(
            "topic_before_join",
            "What was sent before the join is no loss.",
            None,
            live(A, 40, 7, 40),
            live(B, 41, 39, 41),
            live(B, 44, 41, 44),
            exact=False,
        ),
    ]
