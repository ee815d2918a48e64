"""Alerts as episodes, of a daemon that runs: repeats, silences, ends by hand, hysteresis, restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import harness
import pytest
import zmq
from delivery_peers import Context, Message, Reliable, until
from delivery_reader import Reader
from delivery_served import DEFAULTS, SECOND, Kept, Start, is_about
from test_protocol import valid

Json = Any


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context)


class Listener:
    """Reads the output socket, and keeps everything."""

    def __init__(self, kept: Kept) -> None:
        self._socket: zmq.Socket[bytes] = kept.context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(kept.endpoint("output"))
        self._socket.subscribe("alert/")
        self.heard: list[Message] = []

    def pump(self, wait_ms: int = 20) -> None:
        while self._socket.poll(wait_ms):
            self.heard.append(Message.of(self._socket.recv_multipart()))
            valid(self.heard[-1].json)
            wait_ms = 0

    @property
    def repeats(self) -> list[Message]:
        return [each for each in self.heard if each.seq == 0]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listeners() -> Iterator[list[Listener]]:
    made: list[Listener] = []
    yield made
    for each in made:
        each.close()


def tidemark(kept: Kept, *arguments: str) -> harness.Ran:
    return harness.run(*arguments, "--control", kept.endpoint("control"))


def opened(kept: Kept, model: str = "fraud") -> tuple[Reader, Reliable, Message]:
    reader, publisher = kept.reader().joined(), kept.reliable()
    publisher.metrics(model, 0.5)
    return reader, publisher, reader.wait_for(is_about(model, "opened"), publisher)


# Repeats.


def test_what_is_open_is_told_again_to_whoever_missed_it(kept: Kept, listeners: list[Listener]) -> None:
    """Under the id of its one message, outside of the numbering; when it is over, that is told again."""
    kept.said["alerts"] = {"resend": "1s"}
    kept.serve()
    reader, publisher, first = opened(kept)
    late = Listener(kept)
    listeners.append(late)
    until(lambda: len(late.repeats) >= 2, "two repeats", late.pump)
    one, two = late.repeats[:2]
    assert one.is_replayed and one.header["prev"] == 0 and one.epoch == kept.epoch
    assert one.topic == first.topic and one.json["id"] == two.json["id"] == first.json["id"]
    assert one.json["source"] == "keep" and "causationid" not in one.json
    known = {key: value for key, value in first.json["data"].items() if key != "valid_until"}
    assert {key: value for key, value in one.json["data"].items() if key != "valid_until"} == known
    assert first.json["data"]["valid_until"] < one.json["data"]["valid_until"] < two.json["data"]["valid_until"]
    assert len(kept.stored) == 1, "a repeat is not stored"

    publisher.metrics("fraud", 0.97)
    reader.wait_for(is_about("fraud", "resolved"), publisher)
    until(lambda: late.repeats[-1].json["type"].endswith("resolved.v1"), "the end, again", late.pump)
    assert late.repeats[-1].json["data"]["reason"] == "recovered"
    # It opens anew: the end before is told no more.
    publisher.metrics("fraud", 0.5)
    until(
        lambda: late.repeats[-1].json["correlationid"] != first.json["correlationid"],
        "the next episode",
        late.pump,
        publisher.pump,
    )
    seen = len(late.repeats)
    until(lambda: len(late.repeats) >= seen + 2, "more of it", late.pump)
    assert {each.state for each in late.repeats[seen:]} == {"opened"}
    numbered = [each.seq for each in late.heard if each.seq]
    assert numbered == sorted(set(numbered)), "numbers go on as if there were no repeats"


def test_a_restarted_daemon_tells_what_is_open(kept: Kept, listeners: list[Listener]) -> None:
    kept.said["alerts"] = {"resend": "1s"}
    kept.serve()
    _, _, first = opened(kept)
    kept.killed()
    late = Listener(kept)
    listeners.append(late)
    until(lambda: late.repeats, "a repeat", late.pump)
    assert late.repeats[0].json["id"] == first.json["id"]
    assert late.repeats[0].json["data"]["value"] == 0.5


# Silences.


def test_a_silence_is_told_kept_and_ended(kept: Kept) -> None:
    kept.serve()
    reader, publisher, first = opened(kept)
    made = tidemark(
        kept, "silence", "add", "--model", "fr*", "--monitor", "accuracy", "--for", "2h", "--by", "ana",
        "--comment", "a new region", "--id", "night"
    )  # fmt: skip
    assert made.code == 0 and made.out.strip() == b"night", made.err
    told = reader.wait_for(is_about("fraud", "updated"), publisher).json
    assert told["data"]["flags"] == ["silenced"] and told["data"]["rev"] == 2
    assert told["correlationid"] == first.json["correlationid"]
    kept.killed()
    listed = tidemark(kept, "silence", "list", "--json")
    (silence,) = json.loads(listed.out)["silences"]
    assert (silence["id"], silence["created_by"], silence["comment"]) == ("night", "ana", "a new region")
    assert silence["matchers"] == {"model": "fr*", "monitor": "accuracy"}
    publisher.metrics("fringe", 0.5)
    assert reader.wait_for(is_about("fringe", "opened"), publisher).json["data"]["flags"] == ["silenced"]
    assert tidemark(kept, "silence", "expire", "night").code == 0
    over = reader.wait_for(lambda each: is_about("fraud", "updated")(each) and each.seq > 3, publisher).json
    assert over["data"]["flags"] == [] and over["data"]["rev"] == 3
    again = tidemark(kept, "silence", "expire", "night")
    assert again.code == 65 and "unknown_silence" in again.err
    assert tidemark(kept, "silence", "list").out == b"no silences\n"


def test_a_silence_ends_by_itself(kept: Kept) -> None:
    kept.serve()
    reader, publisher, _ = opened(kept)
    assert tidemark(kept, "silence", "add", "--severity", "high", "--for", "1s", "--by", "ana").code == 0
    flags = []
    for _ in range(2):
        flags.append(reader.wait_for(lambda each: each.seq == len(flags) + 2, publisher).json["data"]["flags"])
    assert flags == [["silenced"], []]


def test_an_operator_ends_an_alert(kept: Kept) -> None:
    kept.serve()
    reader, publisher, first = opened(kept)
    assert tidemark(kept, "resolve", first.json["data"]["alert_key"]).code == 0
    ended = reader.wait_for(is_about("fraud", "resolved"), publisher).json["data"]
    assert (ended["reason"], ended["rev"]) == ("manual", 2)
    again = tidemark(kept, "resolve", first.json["data"]["alert_key"])
    assert again.code == 65 and "unknown_alert" in again.err


# Hysteresis.


def test_by_preset_standard_an_alert_recovers_and_fires_again_before_it_ends(kept: Kept) -> None:
    kept.said["defaults"] = DEFAULTS | {
        "preset": "standard", "baseline": {"accuracy": 0.95}, "alerts": {"keep_firing_for": "30m"},
        "retrain": DEFAULTS["retrain"] | {"mode": "observe", "min_time_between_retrains": "300d"},
    }  # fmt: skip
    kept.serve()
    reader, publisher = kept.reader().joined(), kept.reliable()
    at = time.time_ns() - 30 * 86_400 * SECOND

    def send_until(accuracy: float, state: str, most: int = 300) -> Json:
        """Measurements of a minute each, until the alert is in that state."""
        nonlocal at
        before = len(reader.handed)
        for _ in range(most // 10):
            for _ in range(10):
                at += 60 * SECOND
                publisher.metrics("fraud", accuracy, at)
            publisher.settle()
            reader.until_caught_up()
            new = [each.json["data"] for each in reader.handed[before:] if each.word == "alert"]
            if new:
                assert [each["state"] for each in new] == [state], new
                return new[0]
        raise AssertionError(f"never {state}")

    first = send_until(0.3, "firing")
    assert first["score"] >= 1 and first["clear_score"] == 0.8 and first["n"] >= 1
    recovering = send_until(0.96, "recovering")
    assert recovering["score"] <= 0.8
    again = send_until(0.3, "firing")
    recovered = send_until(0.96, "recovering")
    kept.killed()
    ended = send_until(0.96, "resolved")
    assert {each["episode_id"] for each in (first, recovering, again, recovered, ended)} == {first["episode_id"]}
    assert [each["rev"] for each in (first, recovering, again, recovered, ended)] == [1, 2, 3, 4, 5]
    assert ended["reason"] == "recovered"
