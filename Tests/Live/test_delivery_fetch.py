"""Fetch and snapshot: what is stored comes byte for byte, in parts, and every request that names itself is answered."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from delivery_peers import Context, Message, Requests, message, until
from delivery_reader import Reader
from delivery_served import SECOND, Json, Kept, Start, decide, is_about

#: Models that each have an alert and a decision, whose numbers follow each other.
MODELS = 30
NUMBERS = 2 * MODELS
MOST = 2**64 - 1


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context)


@pytest.fixture
def told(kept: Kept) -> Reader:
    """A daemon that has told 60 messages, and who has read them live."""
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    for model in range(MODELS):
        decide(publisher, f"model-{model:02}")
    publisher.settle()
    reader.until_caught_up()
    assert [each.seq for each in reader.handed] == list(range(1, NUMBERS + 1))
    assert any(not each.is_replayed for each in reader.handed), "read live"
    return reader


def said(end: Json) -> tuple[str, int, int, int]:
    return end["status"], int(end["first"]), int(end["next"]), int(end["head"])


def seqs(found: list[Message]) -> list[int]:
    return [each.seq for each in found]


# What comes.


def test_what_is_fetched_is_what_was_sent_live_but_for_the_flag(kept: Kept, told: Reader) -> None:
    found, end = kept.requests().everything(kept.epoch)
    assert said(end) == ("complete", 1, NUMBERS + 1, NUMBERS)
    assert all(each.is_replayed for each in found)
    assert [each.plain for each in found] == [each.plain for each in told.handed]
    assert [kept.stored[each.seq] for each in found] == [each.plain for each in found], "and what is stored"
    kept.again()
    assert [each.frames for each in kept.requests().everything(kept.epoch)[0]] == [each.frames for each in found]


@pytest.mark.parametrize("most", [1, 7, 59, 60, 61, 512])
def test_it_comes_in_parts_of_so_many(kept: Kept, told: Reader, most: int) -> None:
    requests, start, parts = kept.requests(), 1, []
    while True:
        found, end = requests.fetch(kept.epoch, start, max=most)
        assert len(found) <= most
        parts.append(found)
        if end["status"] == "complete":
            break
        assert said(end) == ("more", 1, start + most, NUMBERS) and len(found) == most
        start = int(end["next"])
    assert seqs(sum(parts, [])) == list(range(1, NUMBERS + 1))


@pytest.mark.parametrize("most", [1, 2_500, 10_000, 4 << 20])
def test_it_comes_in_parts_of_so_many_bytes_but_one_message_at_least(kept: Kept, told: Reader, most: int) -> None:
    requests, start, all_found = kept.requests(), 1, []
    while start <= NUMBERS:
        found, end = requests.fetch(kept.epoch, start, max_bytes=most)
        sizes = [sum(map(len, each.frames)) for each in found]
        assert found and (len(found) == 1 or sum(sizes) <= most)
        start = int(end["next"])
        all_found += found
    assert seqs(all_found) == list(range(1, NUMBERS + 1))


@pytest.mark.parametrize(
    "prefixes",
    [
        ["alert/"],
        ["decision/"],
        ["alert/model-07/", "decision/model-08/"],
        ["alert/model-0", "alert/model-1", "alert/model-17/-/keep"],
        ["alert/model-29/-/keep"],
        [""],
        [],
        ["none/"],
        ["alert/model-07/-/keep/"],
        ["ALERT/"],
        ["alert/model-07/\u00ff"],
    ],
)
def test_only_what_begins_so_comes(kept: Kept, told: Reader, prefixes: list[str]) -> None:
    matches = [each for each in told.handed if not prefixes or any(each.topic.startswith(one) for one in prefixes)]
    found, end = kept.requests().fetch(kept.epoch, 1, prefixes=prefixes)
    assert [each.plain for each in found] == [each.plain for each in matches]
    assert said(end) == ("complete", 1, NUMBERS + 1, NUMBERS), "numbers that match none are simply not there"
    if matches:
        one, end = kept.requests("other").fetch(kept.epoch, 1, prefixes=prefixes, max=1)
        assert seqs(one) == [matches[0].seq]
        rest, end = kept.requests("third").fetch(kept.epoch, int(end["next"]), prefixes=prefixes)
        assert seqs(one + rest) == seqs(matches)


@pytest.mark.parametrize(("start", "following"), [(60, 61), (61, 61), (62, 61), (10**15, 61), (MOST, 61)])
def test_at_and_beyond_the_end(kept: Kept, told: Reader, start: int, following: int) -> None:
    found, end = kept.requests().fetch(kept.epoch, start)
    assert seqs(found) == ([60] if start == 60 else [])
    assert said(end) == ("complete", 1, following, NUMBERS)


def test_nothing_was_published_yet(kept: Kept) -> None:
    kept.serve()
    for word in ("fetch", "snapshot"):
        assert said(kept.requests(word).fetch(kept.epoch, 1, word)[1]) == ("complete", 1, 1, 0)


def test_another_epoch_is_told_with_the_daemons(kept: Kept, told: Reader) -> None:
    for other in (0, 1, kept.epoch - 1, kept.epoch + 1, MOST):
        found, end = kept.requests(f"r{other}").fetch(other, 5)
        assert not found and said(end) == ("epoch_mismatch", 1, 1, NUMBERS) and int(end["epoch"]) == kept.epoch


def test_what_is_stored_no_more_is_told_and_what_is_open_is_in_a_snapshot(kept: Kept, told: Reader) -> None:
    # Retention has removed numbers up to 40, but for what speaks of alerts and decisions that are open.
    publisher, requests = kept.reliable("second"), kept.requests()
    for model in range(10):
        publisher.metrics(f"model-{model:02}", 0.97)
        decision = told.handed[2 * model + 1].json["id"]
        assert requests.feedback(decision, "cancelled").word == "ack"
    publisher.settle()
    kept.daemon.stop()
    kept.change(
        "DELETE FROM messages WHERE number <= 40 AND number NOT IN (SELECT number FROM open_messages);"
        "UPDATE journal SET pruned = 40"
    )
    kept.serve()
    requests = kept.requests()
    head = NUMBERS + 20
    for start in (1, 40):
        found, end = requests.fetch(kept.epoch, start)
        assert not found and said(end) == ("truncated", 41, 41, head)
    found, end = requests.fetch(kept.epoch, 41)
    assert seqs(found) == list(range(41, head + 1)) and said(end) == ("complete", 41, head + 1, head)
    found, end = requests.fetch(kept.epoch, 1, "snapshot")
    assert end["status"] == "complete", "a snapshot is never truncated"
    assert seqs(found) == list(range(21, NUMBERS + 1)), "what is open, and nothing of what is over"
    # A reader that was away for long is told so, and goes on.
    reader = kept.reader(cursor=(kept.epoch, 5))
    reader.until_caught_up()
    assert reader.gaps == ["truncated"] and seqs(reader.handed) == list(range(41, head + 1))


def test_a_snapshot_says_what_is_open_and_nothing_else(kept: Kept, told: Reader) -> None:
    publisher, requests = kept.reliable("second"), kept.requests()
    decisions = {each.json["subject"]: each.json["id"] for each in told.handed if each.word == "decision"}
    for model in range(5):
        publisher.metrics(f"model-{model:02}", 0.97)
    assert requests.feedback(decisions["model-05"], "acked", owner="o").word == "ack"
    assert requests.feedback(decisions["model-06"], "rejected", reason="no").word == "ack"
    publisher.settle()
    told.until_caught_up()
    closed = {each.json["correlationid"] for each in told.handed if each.state == "resolved"}
    closed.add(decisions["model-06"])
    assert len(closed) == 6
    expected = [each.plain for each in told.handed if each.json["correlationid"] not in closed]
    for most in (512, 7):
        found, end = requests.everything(kept.epoch, "snapshot", max=most)
        assert [each.plain for each in found] == expected and end["status"] == "complete"
    found, _ = requests.everything(kept.epoch, "snapshot", prefixes=["decision/model-05/"])
    assert [each.state for each in found] == ["issued", "acked"]
    kept.killed()
    found, _ = kept.requests("other").everything(kept.epoch, "snapshot")
    assert [each.plain for each in found] == expected, "after a restart too"


def test_without_a_journal_nothing_is_stored(kept: Kept) -> None:
    kept.said["state"] = None
    del kept.said["sockets"]["reliable"]
    kept.serve()
    pod, reader = kept.lossy(), kept.reader().joined()
    decide(pod, "fraud")
    reader.wait_for(is_about("fraud", "issued"))
    for word in ("fetch", "snapshot"):
        requests, epoch = kept.requests(word), reader.handed[0].epoch
        # What was sent on another socket may be a moment ahead of what is told here.
        found, end = until(lambda: (got := requests.fetch(epoch, 1, word))[1]["head"] == "2" and got, "the head")
        assert not found and said(end) == ("no_journal", 3, 3, 2)
    granted = kept.requests("o").feedback(reader.handed[-1].json["id"], "acked", owner="o")
    assert granted.word == "ack", "it is held in memory"


# A reader that resumes.


def test_a_reader_that_was_away_misses_nothing(kept: Kept) -> None:
    kept.serve()
    publisher = kept.reliable()
    first = kept.reader().joined()
    for model in range(600):
        decide(publisher, f"model-{model}")
        if model == 20:
            first.wait_for(is_about("model-10", "issued"), publisher)
            cursor = first.cursor
            first.close()
    publisher.settle()
    second = kept.reader(cursor=cursor)
    for model in range(600, 620):
        decide(publisher, f"model-{model}")
        second.pump(1)
        publisher.pump(1)
    publisher.settle()
    second.until_caught_up()
    assert seqs(first.handed + second.handed) == list(range(1, 2 * 620 + 1)) and not second.gaps


def test_one_without_a_cursor_begins_at_the_head(kept: Kept, told: Reader) -> None:
    joiner = kept.reader().joined()
    publisher = kept.reliable("second")
    decide(publisher, "late")
    joiner.wait_for(is_about("late", "issued"), publisher)
    assert seqs(joiner.handed) == [NUMBERS + 1, NUMBERS + 2]


# Clients.


def test_beyond_sixteen_clients_the_others_are_told_busy(kept: Kept, told: Reader) -> None:
    # The reader of the fixture and the one that asks for the head have fetched, perhaps.
    clients = [kept.requests(f"client-{number}") for number in range(20)]
    statuses = [client.fetch(kept.epoch, 3, max=1)[1] for client in clients]
    welcome = [end["status"] for end in statuses].count("more")
    assert 14 <= welcome <= 16 and [end["status"] for end in statuses[welcome:]] == ["busy"] * (20 - welcome)
    busy = statuses[-1]
    assert (int(busy["next"]), int(busy["head"])) == (3, NUMBERS)
    assert clients[0].fetch(kept.epoch, 4, max=1)[1]["status"] == "more", "those that were there are served"
    granted = clients[-1].feedback(told.handed[1].json["id"], "acked", owner="o")
    assert granted.word == "ack", "reports are not fetches"


BAD: list[tuple[str, Json]] = [
    ("no epoch", {"from": "1"}),
    ("no from", {"epoch": "1"}),
    ("from is a number", {"epoch": "1", "from": 1}),
    ("from 0", {"epoch": "1", "from": "0"}),
    ("from is too large", {"epoch": "1", "from": str(2**64)}),
    ("a sign", {"epoch": "+1", "from": "1"}),
    ("max 0", {"epoch": "1", "from": "1", "max": 0}),
    ("max 513", {"epoch": "1", "from": "1", "max": 513}),
    ("max is text", {"epoch": "1", "from": "1", "max": "5"}),
    ("max_bytes 0", {"epoch": "1", "from": "1", "max_bytes": 0}),
    ("max_bytes", {"epoch": "1", "from": "1", "max_bytes": (4 << 20) + 1}),
    ("17 prefixes", {"epoch": "1", "from": "1", "prefixes": ["a"] * 17}),
    ("a prefix of 201 bytes", {"epoch": "1", "from": "1", "prefixes": ["a" * 201]}),
    ("a prefix that is no text", {"epoch": "1", "from": "1", "prefixes": [1]}),
    ("prefixes is text", {"epoch": "1", "from": "1", "prefixes": "alert/"}),
    ("an array", []),
]


@pytest.fixture
def asked(kept: Kept) -> Requests:
    return kept.serve().requests()


def test_what_is_no_request_is_told_what_is_wrong(kept: Kept, asked: Requests) -> None:
    for what, descriptor in BAD:
        for word in ("fetch", "snapshot"):
            found, end = asked.ask(word, descriptor)
            assert not found and end["status"] == "malformed" and end["detail"], what
            assert (end["first"], end["next"], end["head"]) == ("1", "1", "0") and int(end["epoch"]) == kept.epoch
    for what, report in (
        ("no decision", {"state": "acked", "owner": "o"}),
        ("no owner", {"decision_id": "d", "state": "acked"}),
        ("no such state", {"decision_id": "d", "state": "issued"}),
        ("attempt 0", {"decision_id": "d", "state": "started", "attempt": 0}),
        ("a long owner", {"decision_id": "d", "state": "acked", "owner": "o" * 129}),
        ("a long reason", {"decision_id": "d", "state": "failed", "reason": "r" * 401}),
        ("retry_after_s", {"decision_id": "d", "state": "failed", "retry_after_s": -1}),
    ):
        asked.send("feedback", report)
        got = until(lambda: asked.receive(100), what)
        assert (got.word, got.json["code"], got.json["owner"]) == ("nack", "malformed", None), what
    unknown = asked.feedback("rt-none", "acked", owner="o")
    assert (unknown.word, unknown.json["code"]) == ("nack", "unknown_decision")
    assert asked.fetch(kept.epoch, 1)[1]["status"] == "complete", "and goes on"


def test_what_cannot_be_answered_is_passed_over_and_the_rest_is_served(kept: Kept, asked: Requests) -> None:
    good = {"epoch": "1", "from": "1"}
    whole = message("fetch/-/-/asker", 1, 1, good)
    for frames in (
        [b""],
        [b"garbage"],
        [b"", b"", b""],
        whole[:2],
        [whole[0], whole[1][:63], whole[2]],
        [whole[0], b"EDIT" + whole[1][4:], whole[2]],
        [b"fetch/-/-", *whole[1:]],
        [b"\xff\xfe/-/-/a", *whole[1:]],
        [*whole, b"tensor"],
        [b"x"] * 17,
        [b"x"] * 200,
        [whole[0], whole[1][:4] + b"\x02" + whole[1][5:], whole[2]],
        [b"snapshot/-/-/asker", *whole[1:]],
        message("end/-/-/asker", 1, 1, {}),
        message("metrics/m/-/asker", 1, 1, {}),
        message("fetch/-/-/asker", 0, 1, good),
        message("fetch/-/-/asker", 1, 0, good),
    ):
        asked.socket.send_multipart(frames)
        assert asked.fetch(kept.epoch, 1)[1]["status"] == "complete", frames[0]
    # A frame of more than 64 KiB cuts the connection, which is made again.
    asked.socket.send_multipart([whole[0], whole[1], b"{" + b" " * 65_536])
    assert asked.fetch(kept.epoch, 1)[1]["status"] == "complete"
    kept.daemon.stop()
    figures = kept.daemon.final_figures()
    counts = {
        reason: figures[reason] for reason in ("malformed", "unsupported_version", "topic_mismatch", "unknown_kind")
    }
    assert counts == {"malformed": 13, "unsupported_version": 1, "topic_mismatch": 1, "unknown_kind": 2}


def test_one_that_asks_without_end_and_takes_nothing_keeps_nobody_from_his_answer(kept: Kept, told: Reader) -> None:
    greedy = kept.requests("greedy")
    for _ in range(3_000):
        greedy.send("fetch", {"epoch": str(kept.epoch), "from": "1"})
    other = kept.requests("other", patience_s=5.0)
    begun = time.monotonic()
    assert len(other.everything(kept.epoch)[0]) == NUMBERS and other.seq == 1
    assert time.monotonic() - begun < 5.0
    publisher = kept.reliable("second")
    decide(publisher, "late", at=time.time_ns() - 60 * SECOND)
    told.wait_for(is_about("late", "issued"), publisher)
    greedy.close()
