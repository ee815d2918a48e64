"""The life of a decision: every state by reports and by timers, on every way that a report can come."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from delivery_peers import Context, Message, Reliable, Requests, until
from delivery_served import SECOND, Json, Kept, Start, decide, is_about

#: Long timers: what a test does not shorten never runs out in it.
RETRAIN = {
    "min_time_between_retrains": "1s",
    "acknowledge_within": "1h",
    "start_within": "1h",
    "duration": "1h",
    "verify_after": "1h",
}
CHANGE_KEYS = (
    "decision_id model version attempt attempt_id rev state at owner reason superseded_by final retry_at".split()
)


class Orchestrated:
    """A daemon with timers of its own, one model and its decision, an orchestrator, and a reader of all of it."""

    def __init__(self, kept: Kept, **timers: Json) -> None:
        kept.said["defaults"] = {"retrain": RETRAIN | timers}
        self.kept = kept.serve()
        self.reader, self.publisher, self.requests = kept.reader().joined(), kept.reliable(), kept.requests()
        self.last_time = decide(self.publisher, "fraud")
        self.issued = self.wait("issued")
        self.id: str = self.issued["data"]["decision_id"]

    def wait(self, state: str, after: int = 0) -> Json:
        """The first message of the model in this state from a place on, and what every change must say."""
        event = self.reader.wait_for(is_about("fraud", state), self.publisher, what=state, after=after).json
        if event["type"].startswith("tidemark.decision.") and state != "issued":
            data = event["data"]
            assert list(data) == CHANGE_KEYS and event["id"] == f"{data['decision_id']}.{data['rev']}"
            assert data["attempt_id"] == f"{data['decision_id']}-a{data['attempt']}" and data["at"] == event["time"]
            assert event["correlationid"] == data["decision_id"] and data["state"] == state
        return event

    def report(self, state: str, **said: Json) -> Json:
        return self.requests.feedback(self.id, state, **said).json

    def granted(self, state: str, **said: Json) -> Json:
        answer = self.requests.feedback(self.id, state, **said)
        assert answer.word == "ack", answer.json
        assert answer.json["state"] == state and answer.json["decision_id"] == self.id
        return answer.json

    def refused(self, state: str, **said: Json) -> str:
        answer = self.requests.feedback(self.id, state, **said)
        assert answer.word == "nack", answer.json
        return str(answer.json["code"])

    def told(self) -> list[tuple[str, str]]:
        self.reader.until_caught_up()
        return [(each.word, each.state) for each in self.reader.handed if each.json["subject"] == "fraud"]

    def revs(self) -> list[int]:
        """Of the decision's messages, those sent again left out."""
        found: dict[str, int] = {}
        for each in self.reader.handed:
            if each.word == "decision" and each.json["correlationid"] == self.id:
                found[each.json["id"]] = each.json["data"]["rev"]
        return list(found.values())


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context)


# By timers.


def test_unclaimed_it_is_sent_again_under_its_id_and_at_last_expires(kept: Kept) -> None:
    life = Orchestrated(kept, acknowledge_within="200ms", expires_after="1700ms")
    expired = life.wait("expired")
    life.told()
    sent = [each for each in life.reader.handed if each.state == "issued"]
    assert len({each.frames[2] for each in sent}) == 1, "the same body under the same id"
    assert len(sent) == 1 + 4, "at 1, 2, 4 and 8 times 200 ms"
    assert [each.seq for each in sent] == [2, 3, 4, 5, 6]
    first = sent[0].header["send_time"]
    for times, each in zip((1, 2, 4, 8), sent[1:]):
        assert each.header["send_time"] - first >= times * SECOND // 5, "none too soon"
    assert expired["data"]["final"] and expired["data"]["rev"] == 2 and expired["data"]["owner"] is None
    assert expired["causationid"].startswith("timer:") and expired["data"]["reason"] is None
    assert life.refused("acked", owner="late") == "final"
    assert life.issued["data"]["expires_after_s"] == 1.7


def test_a_claim_ends_the_sending(kept: Kept) -> None:
    life = Orchestrated(kept, acknowledge_within="100ms", verify_after="300ms")
    life.reader.wait_for(lambda each: each.state == "issued" and each.seq > 2, what="sent again")
    life.granted("acked", owner="o")
    acked = life.wait("acked")["data"]
    assert (acked["owner"], acked["attempt"], acked["final"], acked["retry_at"]) == ("o", 1, False, None)
    place = len(life.reader.handed)
    # The whole of a life takes longer than the next time at which it would have been sent.
    life.granted("started", owner="o")
    life.granted("succeeded", owner="o")
    life.publisher.metrics("fraud", 0.97)
    life.wait("verified")
    assert not any(each.state == "issued" for each in life.reader.handed[place:])
    assert life.revs() == [1, 2, 3, 4, 5]


def test_claimed_and_not_started_is_an_alert_and_the_next_attempt(kept: Kept) -> None:
    life = Orchestrated(kept, start_within="300ms", attempts=2)
    life.granted("acked", owner="dead")
    failed = life.wait("failed")
    assert (failed["data"]["reason"], failed["data"]["final"], failed["data"]["owner"]) == (
        "not_started",
        False,
        "dead",
    )
    second = life.wait("issued", after=4)
    assert second["id"] == second["data"]["attempt_id"] == f"{life.id}-a2" and second["data"]["attempt"] == 2
    unchanged = set(life.issued["data"]) - {"issued_at", "attempt", "attempt_id", "rev"}
    assert {key: second["data"][key] for key in unchanged} == {key: life.issued["data"][key] for key in unchanged}
    stalled = next(each.json for each in life.reader.handed if each.json["data"].get("monitor") == "orchestrator")
    assert (stalled["data"]["type"], stalled["data"]["severity"]) == ("orchestrator_stalled", "high")
    assert stalled["data"]["threshold"] == 0.3 and stalled["data"]["value"] >= 0.3
    kinds = [(each.word, each.state) for each in life.reader.handed[2:6]]
    assert kinds == [("decision", "acked"), ("alert", "opened"), ("decision", "failed"), ("decision", "issued")]
    assert life.refused("started", owner="dead", attempt=1) == "wrong_attempt"
    life.granted("started", owner="alive", attempt=2)
    resolved = life.wait("resolved")
    assert resolved["correlationid"] == stalled["correlationid"] and resolved["data"]["value"] == 0


def test_the_last_attempt_that_stalls_is_an_alert_too_and_nobody_is_waited_for_any_more(kept: Kept) -> None:
    life = Orchestrated(kept, start_within="200ms", attempts=1)
    life.granted("acked", owner="dead")
    assert life.wait("resolved", after=3)["data"]["monitor"] == "orchestrator"
    assert life.told()[2:] == [("decision", "acked"), ("alert", "opened"), ("decision", "failed"), ("alert", "resolved")]


def test_started_and_never_ended_is_timed_out(kept: Kept) -> None:
    life = Orchestrated(kept, duration="100ms", attempts=2)
    for attempt, final in ((1, False), (2, True)):
        place = len(life.reader.handed)
        assert life.granted("started", owner="dead", attempt=attempt)["attempt"] == attempt
        failed = life.wait("failed", after=place)["data"]
        assert (failed["reason"], failed["attempt"], failed["final"]) == ("timed_out", attempt, final)
        if not final:
            life.wait("issued", after=place)
    assert life.refused("started", owner="dead") == "final"
    life.told()
    assert life.revs() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("recovers", [True, False])
def test_after_success_the_accuracy_tells_whether_it_helped(kept: Kept, recovers: bool) -> None:
    life = Orchestrated(kept, verify_after="300ms")
    life.granted("started", owner="o")
    if recovers:
        life.publisher.metrics("fraud", 0.97, life.last_time + SECOND)
        life.wait("resolved")
    life.granted("succeeded", owner="o")
    over = life.wait("verified" if recovers else "failed")["data"]
    assert over["final"] and over["reason"] == (None if recovers else "not_recovered")
    assert over["retry_at"] is None and over["owner"] == "o"


def test_timers_that_run_out_while_the_daemon_is_down_are_done_when_it_begins(kept: Kept) -> None:
    life = Orchestrated(kept, acknowledge_within="100ms", expires_after="1s", start_within="300ms")
    life.granted("acked", owner="dead")
    claimed = time.monotonic()
    kept.daemon.kill()
    until(lambda: time.monotonic() - claimed > 0.5, "the time in which to start", lambda: life.reader.pump(20))
    kept.serve()
    failed = life.wait("failed")["data"]
    assert failed["reason"] == "not_started"
    life.wait("issued", after=3)
    life.wait("expired")
    life.wait("resolved")
    assert [each for each in life.told() if each[1] != "issued"] == [
        ("alert", "opened"),
        ("decision", "acked"),
        ("alert", "opened"),
        ("decision", "failed"),
        ("decision", "expired"),
        ("alert", "resolved"),
    ]


# By reports.


def test_every_state_by_reports_over_three_attempts(kept: Kept) -> None:
    life = Orchestrated(kept)
    first = life.granted("acked", owner="a", attempt=1)
    assert (first["attempt"], first["rev"], first["owner"]) == (1, 2, "a") and first["token"]
    life.granted("started", owner="a", token=first["token"])
    life.granted("failed", owner="a", reason="out of memory", retry_after_s=0.3)
    failed = life.wait("failed")
    assert (failed["data"]["reason"], failed["data"]["final"]) == ("out of memory", False)
    assert failed["data"]["retry_at"] > failed["data"]["at"]
    assert life.refused("acked", owner="b") == "wrong_state", "until the next attempt is issued"
    second = life.wait("issued", after=life.reader.handed.index(life.reader.handed[-1]))
    assert second["data"]["attempt"] == 2 and second["time"] >= failed["data"]["retry_at"]
    assert second["causationid"].startswith("timer:")
    life.granted("rejected", reason="busy", retry_after_s=0)
    rejected = life.wait("rejected")["data"]
    assert not rejected["final"] and rejected["retry_at"] is not None
    life.reader.wait_for(lambda each: each.state == "issued" and each.json["data"]["attempt"] == 3, what="the third")
    third = life.granted("started", owner="c")
    assert third["attempt"] == 3 and third["token"] != first["token"]
    life.granted("succeeded", owner="c")
    life.granted("verified")
    verified = life.wait("verified")["data"]
    assert verified["final"] and life.refused("cancelled") == "final"
    life.told()
    assert life.revs() == list(range(1, 11))


def test_rejected_without_a_time_is_over_and_so_is_the_last_attempt(kept: Kept) -> None:
    life = Orchestrated(kept, attempts=1)
    life.granted("rejected", owner="ops", reason="not now")
    over = life.wait("rejected")["data"]
    assert over["final"] and over["retry_at"] is None and over["owner"] == "ops"
    life.last_time = decide(life.publisher, "fraud", at=life.last_time + SECOND)
    newer = life.reader.wait_for(
        lambda each: each.state == "issued" and each.json["id"] != life.id, life.publisher, what="the next decision"
    )
    life.id = newer.json["id"]
    life.granted("started", owner="o")
    place = len(life.reader.handed)
    life.granted("failed", owner="o", retry_after_s=0)
    assert life.wait("failed", after=place)["data"]["final"], "no attempt is left"
    assert ("decision", "superseded") not in life.told(), "what is over is not superseded"


@pytest.mark.parametrize("state", ["issued", "acked", "started", "succeeded", "failed"])
def test_from_every_state_it_can_be_cancelled_or_superseded(kept: Kept, state: str) -> None:
    life = Orchestrated(kept)
    steps = {"issued": [], "acked": ["acked"], "started": ["started"], "succeeded": ["started", "succeeded"]}
    for step in steps.get(state, ["started", "failed"]):
        life.granted(step, owner="o", **({"retry_after_s": 3600} if step == "failed" else {}))
    place = len(life.reader.handed)
    life.last_time = decide(life.publisher, "fraud", at=life.last_time + SECOND)
    superseded = life.wait("superseded", after=place)["data"]
    newer = life.wait("issued", after=place)
    assert superseded["superseded_by"] == newer["id"] != life.id and superseded["final"]
    kinds = [each.state for each in life.reader.handed if each.word == "decision"]
    assert kinds[-2:] == ["superseded", "issued"], "right before what supersedes it"
    assert life.refused("started", owner="o") in ("final", "unknown_decision")
    life.id = newer["id"]
    for step in steps.get(state, ["started", "failed"]):
        life.granted(step, owner="o", **({"retry_after_s": 3600} if step == "failed" else {}))
    assert life.granted("cancelled", owner="ops", reason="by hand")["state"] == "cancelled"
    cancelled = life.wait("cancelled")["data"]
    assert (cancelled["owner"], cancelled["reason"], cancelled["final"]) == ("ops", "by hand", True)


def test_what_is_refused_changes_nothing(kept: Kept) -> None:
    life = Orchestrated(kept)
    assert life.refused("succeeded", owner="a") in ("wrong_state", "denied")
    assert life.refused("verified") == "wrong_state"
    assert life.refused("acked", owner="a", attempt=2) == "wrong_attempt"
    token = life.granted("acked", owner="a")["token"]
    for state in ("acked", "started", "failed", "rejected"):
        answer = life.requests.feedback(life.id, state, owner="b")
        assert (answer.word, answer.json["code"], answer.json["owner"]) == ("nack", "denied", "a"), state
    assert life.refused("started", owner="a", token="another") == "wrong_token"
    assert life.refused("started", owner="a", attempt=2) == "wrong_attempt"
    assert life.refused("succeeded", owner="a") == "wrong_state"
    assert life.refused("started") == "denied", "nobody is not its owner"
    life.granted("started", owner="a", token=token, attempt=1)
    assert life.told() == [("alert", "opened"), ("decision", "issued"), ("decision", "acked"), ("decision", "started")]


def test_a_report_that_is_made_again_is_answered_as_before(kept: Kept) -> None:
    life = Orchestrated(kept)
    answers = [life.report("acked", owner="a") for _ in range(3)]
    assert answers[0] == answers[1] == answers[2] and answers[0]["token"]
    started = life.granted("started", owner="a")
    again = life.report("acked", owner="a")
    assert (again["token"], again["state"]) == (answers[0]["token"], "started"), "it has passed through"
    kept.killed()
    assert life.report("started", owner="a") == started
    assert [each for each in life.told() if each[0] == "decision"] == [
        ("decision", "issued"),
        ("decision", "acked"),
        ("decision", "started"),
    ]


def test_the_first_of_two_claims_wins_fifty_times(kept: Kept) -> None:
    kept.said["defaults"] = {"retrain": RETRAIN}
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    for model in range(50):
        decide(publisher, f"model-{model}")
    publisher.settle()
    reader.until_caught_up()
    decisions = [each.json["id"] for each in reader.handed if each.state == "issued"]
    assert len(decisions) == 50
    clients = [kept.requests(name) for name in ("left", "right")]
    barrier = threading.Barrier(2)
    answers: dict[str, list[Message]] = {"left": [], "right": []}

    def claim(client: Requests) -> None:
        for decision in decisions:
            barrier.wait(30)
            answers[client.name].append(client.feedback(decision, "acked", owner=client.name))

    threads = [threading.Thread(target=claim, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    reader.until_caught_up()
    owners = {
        each.json["data"]["decision_id"]: each.json["data"]["owner"] for each in reader.handed if each.state == "acked"
    }
    assert len(owners) == 50
    for place, decision in enumerate(decisions):
        got = {name: answers[name][place] for name in answers}
        (winner,) = (name for name, each in got.items() if each.word == "ack")
        (loser,) = got.keys() - {winner}
        assert owners[decision] == winner
        assert (got[loser].json["code"], got[loser].json["owner"]) == ("denied", winner)


def test_an_answer_comes_after_the_commit(kept: Kept) -> None:
    life = Orchestrated(kept)
    states = ["acked", "started", "succeeded", "verified"]
    for rev, state in enumerate(states, 2):
        granted = life.granted(state, owner="a")
        kept.daemon.kill()
        bodies = [body for _, _, body in kept.stored.values()]
        assert sum(f'"{life.id}.{rev}"'.encode() in body for body in bodies) == 1, f"{state} is stored"
        kept.serve()
        assert life.report(state, owner="a") == granted, "it holds, under the same token"
        assert life.refused("started", owner="b") in ("denied", "final")
    life.told()
    assert life.revs() == [1, 2, 3, 4, 5]


# On the other sockets.


def feedback(publisher: Reliable, decision: str, state: str, **said: Json) -> int:
    frames = publisher.numbers.make(
        f"feedback/-/-/{publisher.numbers.source}", {"decision_id": decision, "state": state} | said
    )
    return publisher.take(frames)


def test_reports_on_the_reliable_socket_are_events_and_refusals_are_nacks(kept: Kept) -> None:
    life = Orchestrated(kept)
    other = kept.reliable("airflow-1")
    feedback(other, life.id, "acked", owner="airflow-1")
    refused = [feedback(other, life.id, "acked", owner="b"), feedback(other, "rt-none", "acked", owner="b")]
    bad = feedback(other, life.id, "issued")
    feedback(other, life.id, "started", owner="airflow-1")
    other.settle()
    nacks = [(number, said["code"]) for number, said in other.nacks]
    assert nacks == [(number, "feedback_refused") for number in refused] + [(bad, "malformed")]
    started = life.wait("started")
    assert started["causationid"] == f"{other.numbers.epoch}-5" and started["data"]["owner"] == "airflow-1"
    source = kept.status().sources["airflow-1"]
    assert source["rejected_by"] == {"feedback_refused": 2, "malformed": 1} and source["sequence"] == "5"


def test_reports_on_the_ingest_socket_change_the_decision_and_are_counted(kept: Kept) -> None:
    life = Orchestrated(kept)
    pod = kept.lossy("airflow-2")
    for state, owner in (
        ("acked", "airflow-2"),
        ("started", "other"),
        ("started", "airflow-2"),
        ("succeeded", "airflow-2"),
    ):
        said = {"decision_id": life.id, "state": state, "owner": owner}
        pod.send(pod.numbers.make("feedback/fraud/-/airflow-2", said))
    succeeded = life.wait("succeeded")
    assert succeeded["data"]["rev"] == 4 and succeeded["causationid"] == f"{pod.numbers.epoch}-4"
    assert kept.status().sources["airflow-2"]["rejected_by"] == {"feedback_refused": 1}


def test_what_is_only_proposed_has_no_life(kept: Kept) -> None:
    life = Orchestrated(kept, mode="observe", acknowledge_within="100ms", expires_after="300ms")
    assert (life.issued["data"]["state"], life.issued["data"]["dry_run"]) == ("proposed", True)
    assert life.refused("acked", owner="o") == "unknown_decision"
    life.last_time = decide(life.publisher, "fraud", at=life.last_time + SECOND)
    life.publisher.settle()
    assert [each for each in life.told() if each[0] == "decision"] == [("decision", "issued")] * 2
