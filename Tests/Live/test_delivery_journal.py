"""The journal over restarts: in order, when its disk is full, when it is damaged, newer, lost or put back."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import harness
import pytest
from delivery_peers import Context, Reliable, until
from delivery_reader import Reader
from delivery_served import DEFAULTS, SECOND, SOCKETS, Kept, Start, Status, decide, is_about

#: The least that the configuration takes: 256 KiB, which some hundred alerts and decisions fill.
FEW_PAGES = 64


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context)


def alerts_and_decisions(reader: Reader) -> list[tuple[str, str, str]]:
    return sorted((each.json["subject"], each.word, each.state) for each in reader.handed)


# Restarts in order.


def test_stopped_and_started_again_and_again_it_goes_on_where_it_was(kept: Kept) -> None:
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    epoch, at = kept.epoch, time.time_ns() - 3600 * SECOND
    for cycle in range(5):
        at = decide(publisher, f"model-{cycle}", at=at)
        publisher.metrics("steady", 0.97)
        publisher.settle()
        reader.until_caught_up()
        kept.again()
    publisher.settle()
    reader.until_caught_up()
    assert [each.seq for each in reader.handed] == list(range(1, 11)) and kept.epoch == epoch
    assert not reader.gaps and {each.epoch for each in reader.handed} == {epoch}
    assert alerts_and_decisions(reader) == sorted(
        (f"model-{cycle}", *said) for cycle in range(5) for said in (("alert", "opened"), ("decision", "issued"))
    )
    scorer = kept.status().sources["scorer"]
    assert (scorer["received"] - scorer["rejected"], scorer["lost"], scorer["restarts"]) == (15, 0, 0)
    assert set(scorer["rejected_by"]) <= {"duplicate"}, "what was on its way when it was greeted again"
    kept.daemon.stop()
    assert {number: each for number, each in kept.stored.items()} == {each.seq: each.plain for each in reader.handed}


def test_an_open_alert_resolves_after_a_restart_under_the_id_of_its_episode(kept: Kept) -> None:
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    at = decide(publisher, "fraud")
    publisher.settle()
    opened = reader.wait_for(is_about("fraud", "opened")).json
    kept.again()
    publisher.metrics("fraud", 0.5, at + SECOND // 10)
    publisher.metrics("fraud", 0.97, at + SECOND)
    resolved = reader.wait_for(lambda each: each.state == "resolved", publisher).json
    assert resolved["correlationid"] == opened["correlationid"]
    assert (opened["data"]["rev"], resolved["data"]["rev"]) == (1, 2)
    assert resolved["data"]["opened_at"] == opened["data"]["opened_at"]
    assert len(reader.handed) == 3, "still open, it is not opened again"


@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_the_retrain_clock_survives(kept: Kept, ends: str) -> None:
    kept.said["defaults"] = {"retrain": {"min_time_between_retrains": "1h", "acknowledge_within": "1h"}}
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    start = time.time_ns() - 24 * 3600 * SECOND

    def hours(count: float) -> int:
        return start + int(count * 3600 * SECOND)

    publisher.metrics("fraud", 0.99, start)
    publisher.metrics("fraud", 0.5, hours(1))
    publisher.settle()
    kept.again() if ends == "stopped" else kept.killed()
    publisher.metrics("fraud", 0.5, hours(1.9))
    publisher.settle()
    kept.again() if ends == "stopped" else kept.killed()
    publisher.metrics("fraud", 0.5, hours(2))
    publisher.settle()
    reader.until_caught_up()
    decisions = [each.json for each in reader.handed if each.state == "issued"]
    assert [each["time"][11:13] for each in decisions] == [
        time.strftime("%H", time.gmtime(hours(count) // SECOND)) for count in (1, 2)
    ]
    windows = [each["data"]["data_window"] for each in decisions]
    assert windows[1]["from"] == windows[0]["to"], "what it rests on begins where the clock was set last"
    assert decisions[0]["id"] != decisions[1]["id"]


# A disk that is full.


def test_a_full_disk_holds_back_what_cannot_be_stored_and_nothing_else(kept: Kept) -> None:
    kept.said["journal"] = {"maximum_pages": FEW_PAGES}
    kept.serve()
    reader, publisher, lossy = kept.reader().joined(), kept.reliable(), kept.lossy()
    requests = kept.requests()

    def fills() -> bool:
        decide(publisher, f"model-{publisher.numbers.last // 2}")
        publisher.pump(5)
        reader.pump(1)
        return kept.logged("journal_failed")

    until(fills, "a commit that fails")
    failing = kept.until_status(lambda each: each.journal["state"] == "failing", "the status says so").journal
    assert "full" in failing["detail"] and failing["outputs_waiting"] > 0 and failing["last_commit"] is not None

    # It goes on reading, from both lanes, and acknowledges nothing.
    acked, before = publisher.acked, kept.status().sources["scorer"]["received"]
    assert acked < publisher.numbers.last
    for _ in range(50):
        lossy.metrics("quiet", 0.97)
        publisher.metrics("quiet", 0.97)

    def is_received(status: Status) -> bool:
        sources = status.sources
        said = sources["pod"]["received"], sources["scorer"]["sequence"]
        return said == (50, str(publisher.numbers.last))

    status = kept.until_status(is_received, "what was sent meanwhile is received", lambda: publisher.pump(1))
    assert status.sources["scorer"]["received"] >= before + 50 and publisher.acked == acked
    assert status.journal["state"] == "failing" and status.journal["since"] == failing["since"]

    # What was told is what is stored.
    reader.until_caught_up()
    assert {each.seq: each.plain for each in reader.handed} == kept.stored
    told = len(reader.handed)
    decision = next(each.json["id"] for each in reader.handed if each.state == "issued")
    refused = requests.feedback(decision, "acked", owner="first")
    assert (refused.word, refused.json["code"]) == ("nack", "unavailable"), refused.json

    kept.again(journal={"maximum_pages": 64 * FEW_PAGES})
    publisher.settle()
    reader.until_caught_up()
    assert [each.seq for each in reader.handed] == list(range(1, len(reader.handed) + 1)) and len(reader.handed) > told
    models = {each.json["subject"] for each in reader.handed}
    assert models == {f"model-{number}" for number in range(len(models))}
    assert alerts_and_decisions(reader) == sorted(
        (model, *said) for model in models for said in (("alert", "opened"), ("decision", "issued"))
    ), "each once"
    after = kept.status()
    scorer = after.sources["scorer"]
    assert (scorer["lost"], scorer["received"] - scorer["rejected"]) == (0, publisher.numbers.last)
    assert after.journal["state"] == "ok" and after.journal["detail"] is None
    granted = requests.feedback(decision, "acked", owner="second")
    assert granted.word == "ack", "the report that was unavailable has changed nothing"


class Locked:
    """Another process has the database to itself: commits fail, after 2 s each, until it is let go."""

    def __init__(self, kept: Kept) -> None:
        self._database = sqlite3.connect(kept.database, isolation_level=None, timeout=30)

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, *how: object) -> None:
        self._database.execute("ROLLBACK")
        self._database.close()


def test_what_waited_is_committed_and_sent_in_order_when_the_journal_can_be_written_again(kept: Kept) -> None:
    kept.serve()
    reader, publisher, requests = kept.reader().joined(), kept.reliable(), kept.requests()
    decide(publisher, "first")
    publisher.settle()
    reader.until_caught_up()
    decision = reader.handed[-1].json["id"]
    with Locked(kept):
        for model in range(20):
            decide(publisher, f"model-{model}")
        status = kept.until_status(
            lambda each: each.journal["state"] == "failing", "it fails", lambda: publisher.pump(1)
        )
        assert status.journal["outputs_waiting"] == 40 and status.journal["detail"]
        # What it decides only now waits too, and nothing of all that is told or acknowledged.
        refused = requests.feedback(decision, "acked", owner="first")
        assert (refused.word, refused.json["code"]) == ("nack", "unavailable")
        reader.until_caught_up()
        assert len(reader.handed) == 2 and publisher.acked == 2
    publisher.settle()
    kept.until_status(lambda each: each.journal["state"] == "ok", "it is written again")
    reader.until_caught_up()
    assert [each.seq for each in reader.handed] == list(range(1, 43))
    assert [each.json["subject"] for each in reader.handed[2::2]] == [f"model-{model}" for model in range(20)]
    assert requests.feedback(decision, "acked", owner="second").word == "ack"
    kept.daemon.stop()
    assert kept.daemon.final_figures()["journal_failed"] >= 1
    assert kept.stored == {each.seq: each.plain for each in reader.handed} | {43: kept.stored[43]}


def test_a_claim_whose_commit_fails_is_answered_when_it_holds(kept: Kept) -> None:
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    decide(publisher, "fraud")
    publisher.settle()
    reader.until_caught_up()
    decision = reader.handed[-1].json["id"]
    first, second = kept.requests("first", patience_s=20.0), kept.requests("second", patience_s=20.0)
    with Locked(kept):
        first.send("feedback", {"decision_id": decision, "state": "acked", "owner": "first"})
        kept.until_status(lambda each: each.journal["state"] == "failing", "it fails")
        assert first.receive(0) is None, "it is neither durable, nor has it changed nothing"
        meanwhile = second.feedback(decision, "acked", owner="second")
        assert (meanwhile.word, meanwhile.json["code"]) == ("nack", "unavailable")
    granted = until(lambda: first.receive(100), "the answer")
    assert (granted.word, granted.json["owner"]) == ("ack", "first")
    denied = second.feedback(decision, "acked", owner="second")
    assert (denied.json["code"], denied.json["owner"]) == ("denied", "first")
    reader.until_caught_up()
    assert [each.state for each in reader.handed] == ["opened", "issued", "acked"]


# What cannot be used.


def damage(database: Path) -> None:
    """Garbage over pages in the middle; the log is in the database after a stop."""
    data = bytearray(database.read_bytes())
    data[4096 : 4096 * 6] = b"\xa5" * (4096 * 5)
    database.write_bytes(data)


def test_a_damaged_journal_is_set_aside_and_a_new_one_begun(kept: Kept) -> None:
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    decide(publisher, "fraud")
    publisher.settle()
    reader.until_caught_up()
    before = kept.epoch
    kept.daemon.stop()
    damage(kept.database)
    kept.serve()
    assert kept.logged("warning", "damaged", "set aside")
    assert kept.epoch > before
    (aside,) = (
        each for each in kept.state.iterdir() if ".corrupt-" in each.name and not each.name.endswith(("-wal", "-shm"))
    )
    assert b"\xa5" * 4096 in aside.read_bytes()
    decide(publisher, "card")
    publisher.settle()
    reader.until_caught_up()
    assert reader.gaps == ["epoch_mismatch"], "readers are told"
    assert [(each.epoch, each.seq) for each in reader.handed] == [
        (before, 1),
        (before, 2),
        (kept.epoch, 1),
        (kept.epoch, 2),
    ]
    scorer = kept.status().sources["scorer"]
    assert (scorer["lost"], scorer["received"]) == (2, 2), "what was acknowledged to the journal that is gone"


def test_when_too_many_are_set_aside_it_does_not_start(kept: Kept) -> None:
    for _ in range(3):
        kept.serve().daemon.stop()
        damage(kept.database)
    kept.serve().daemon.stop()
    damage(kept.database)
    bytes_before = kept.database.read_bytes()
    assert "damaged" in kept.begin().daemon.wait_refused()
    assert kept.database.read_bytes() == bytes_before


def test_a_journal_of_a_newer_version_is_refused_with_both_versions(kept: Kept) -> None:
    kept.serve().daemon.stop()
    kept.change("PRAGMA user_version = 99")
    before = kept.database.read_bytes()
    log = kept.begin().daemon.wait_refused()
    assert "99" in log and "1" in log and "newer" in log, log
    assert kept.database.read_bytes() == before, "nothing is changed"


def test_a_database_of_another_program_is_refused(kept: Kept) -> None:
    kept.state.mkdir()
    kept.change("CREATE TABLE theirs (id INTEGER); INSERT INTO theirs VALUES (1)")
    assert "another program" in kept.begin().daemon.wait_refused()
    assert kept.query("SELECT * FROM theirs") == [(1,)]


def test_the_second_daemon_on_one_directory_does_not_start(kept: Kept, daemons: Start, folder: Path) -> None:
    kept.serve()
    other = folder / "other"
    other.mkdir()
    ends = {name: [f"ipc://{other}/{name}"] for name in SOCKETS}
    config = harness.configure(other, {"name": "keep", "state": str(kept.state), "sockets": ends})
    second = daemons("--config", config)
    assert str(kept.state) in second.wait_refused()
    assert second.process.returncode == 69
    publisher = kept.reliable()
    decide(publisher, "fraud")
    publisher.settle()
    assert len(kept.stored) == 2, "the first goes on"


def test_a_reliable_socket_without_a_journal_is_an_error_in_the_configuration(kept: Kept) -> None:
    kept.said["state"] = None
    assert kept.begin().daemon.process.wait(20) == harness.CONFIGURATION
    assert "state" in kept.daemon.log


# What is lost, or put back.


def settled(kept: Kept, publisher: Reliable, *accuracies: float) -> None:
    for accuracy in accuracies:
        publisher.metrics("fraud", accuracy)
    publisher.settle()


def test_a_journal_that_is_gone_is_a_new_epoch(kept: Kept) -> None:
    kept.serve()
    reader, publisher, requests = kept.reader().joined(), kept.reliable(), kept.requests()
    decide(publisher, "fraud")
    publisher.settle()
    reader.until_caught_up()
    decision, before = reader.handed[-1].json["id"], kept.epoch
    kept.daemon.stop()
    shutil.move(kept.state, kept.folder / "away")
    kept.serve()
    settled(kept, publisher, 0.97, 0.84)
    reader.until_caught_up()
    assert reader.gaps == ["epoch_mismatch"] and reader.cursor == (kept.epoch, 2) and kept.epoch > before
    assert requests.feedback(decision, "acked", owner="o").json["code"] == "unknown_decision"
    assert kept.status().sources["scorer"]["lost"] == 2


def test_an_older_copy_that_is_put_back_has_the_epoch_and_lower_numbers(kept: Kept) -> None:
    kept.serve()
    publisher, requests = kept.reliable(), kept.requests()
    settled(kept, publisher, 0.97, 0.84)
    kept.daemon.stop()
    copy = shutil.copytree(kept.state, kept.folder / "copy")
    kept.serve()
    settled(kept, publisher, 0.97, 0.84, 0.97)
    epoch = kept.epoch
    assert requests.fetch(epoch, 5)[1]["head"] == "4"
    kept.daemon.stop()
    shutil.rmtree(kept.state)
    shutil.move(copy, kept.state)
    kept.serve()
    settled(kept, publisher, 0.97)
    found, end = requests.fetch(epoch, 5)
    assert not found and (end["status"], end["head"], end["next"]) == ("complete", "2", "3")
    scorer = kept.status().sources["scorer"]
    assert (scorer["lost"], scorer["sequence"]) == (3, "6"), "what the publisher no longer holds"


# Silence.

SILENT = {"no_data_after": "300ms"} | DEFAULTS


def test_a_silent_model_is_an_alert_that_holds_its_others_until_its_next_event(kept: Kept) -> None:
    kept.said["defaults"] = SILENT
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    publisher.metrics("fraud", 0.84)
    opened = reader.wait_for(lambda each: each.json["data"].get("monitor") == "no_data", publisher).json
    said = opened["data"]
    assert (opened["type"], said["type"], said["severity"], said["threshold"]) == (
        "tidemark.alert.opened.v1",
        "no_data",
        "medium",
        0.3,
    )
    assert 0.3 <= said["value"] < 20 and opened["causationid"].startswith("timer:")
    assert [each.state for each in reader.handed] == ["opened", "opened"], "the alert of accuracy is as it was"
    publisher.metrics("fraud", 0.97)
    reader.wait_for(lambda each: each.seq == 4, publisher)
    ends = [each.json for each in reader.handed[2:4]]
    assert [(each["data"]["monitor"], each["data"]["state"]) for each in ends] == [
        ("no_data", "resolved"),
        ("accuracy", "resolved"),
    ]
    assert ends[0]["correlationid"] == opened["correlationid"] and ends[0]["data"]["value"] == 0


@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_silence_survives_a_restart(kept: Kept, ends: str) -> None:
    kept.said["defaults"] = SILENT
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    publisher.metrics("fraud", 0.97)
    publisher.settle()
    opened = reader.wait_for(is_about("fraud", "opened"))
    kept.again() if ends == "stopped" else kept.killed()
    # Another is silent in turn; the first is not told again.
    publisher.metrics("card", 0.97)
    reader.wait_for(is_about("card", "opened"), publisher)
    publisher.metrics("fraud", 0.97)
    resolved = reader.wait_for(is_about("fraud", "resolved"), publisher)
    assert resolved.json["correlationid"] == opened.json["correlationid"]
    assert [each.json["subject"] for each in reader.handed if each.state == "opened"][:2] == ["fraud", "card"]


def test_a_silence_that_falls_due_while_the_daemon_is_down_is_told_when_it_begins(kept: Kept) -> None:
    kept.said["defaults"] = SILENT
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    publisher.metrics("fraud", 0.97)
    publisher.settle()
    heard = time.monotonic()
    kept.daemon.stop()
    until(lambda: time.monotonic() - heard > 0.4, "the time that it may be silent", lambda: reader.pump(20))
    kept.serve()
    publisher.settle()
    opened = reader.wait_for(is_about("fraud", "opened"))
    assert opened.json["data"]["monitor"] == "no_data"
    reader.until_caught_up()
    assert len(reader.handed) == 1
