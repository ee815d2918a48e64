"""The reader: what it makes of frames, without sockets."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import reference
from conftest import REPOSITORY
from peer import EPOCH, alert, alert_event, bye, head, plain_alert
from test_client_wire import damage
from tidemark import (
    Alert,
    Assessment,
    Decision,
    DecisionChange,
    Ended,
    Event,
    Gap,
    JournalReport,
    Reader,
    Restart,
    SourcesReport,
    Stale,
    WireError,
)  # fmt: skip
from tidemark.reader import prefixes

OUT = REPOSITORY / "protocol" / "examples" / "out"
STREAMS = REPOSITORY / "protocol" / "golden" / "1.0" / "readers.ndjson"


def numbers(items: list[Any]) -> list[Any]:
    """Events by their number, gaps as (first, last, missing)."""
    return [
        item.sequence if isinstance(item, Event) else (item.first, item.last, item.missing)
        if isinstance(item, Gap) else type(item).__name__
        for item in items
    ]  # fmt: skip


def fed(reader: Reader, *messages: list[bytes]) -> list[Any]:
    return numbers([item for frames in messages for item in reader.take(frames, 0.0)])


# Decoding.


@pytest.mark.parametrize("path", sorted(OUT.glob("*.json")), ids=lambda path: path.stem)
def test_the_examples_of_outputs_are_typed(path: Any) -> None:
    raw = json.loads(path.read_text())
    word = raw["type"].split(".")[1]
    (event,) = Reader(("alert", "decision", "assessment", "status")).take(
        [f"{word}/fraud/7/example".encode(), json.dumps(raw).encode()], 0.0
    )
    wanted = {"alert": Alert, "decision": DecisionChange, "assessment": Assessment, "status": SourcesReport}[word]
    wanted = {"decision.retrain.issued": Decision, "status.journal": JournalReport}.get(path.stem, wanted)
    assert (
        isinstance(event, Event)
        and type(event) is wanted
        and event.raw == raw
        and event.id == raw["id"]
        and event.epoch is None
    )
    if isinstance(event, Alert):
        assert event.change == raw["type"].split(".")[2] and event.severity == raw["data"]["severity"]
        assert event.opened_at.isoformat() == raw["data"]["opened_at"].replace("Z", "+00:00")
    if isinstance(event, Decision):
        assert event.decision_id == event.id and event.episodes == tuple(raw["data"]["episodes"])
    if isinstance(event, SourcesReport):
        assert [item.source for item in event.sources] == [item["source"] for item in raw["data"]["sources"]]
    hash(event)


def test_an_alert_keeps_its_nanoseconds_and_unknown_keys_are_in_raw() -> None:
    (event,) = Reader().take(alert(1), 0.0)
    assert isinstance(event, Alert)
    assert event.time_ns == 1772416800000000001 and event.topic == "alert/fraud/7/example"
    assert (event.epoch, event.sequence, event.model, event.version) == (EPOCH, 1, "fraud", "7")
    assert event.top_k == (("amount", 2.5),) and event.raw["more"] == {"to": "ignore"}


def test_an_alert_without_a_subject_has_no_model() -> None:
    raw = alert_event("x")
    del raw["subject"], raw["modelversion"]
    raw["data"].update(monitor="duplicate_source", type="duplicate_source", alert_key="-/-/duplicate_source/a")
    (event,) = Reader().take([b"alert/-/-/example", reference.header(16, 3, 1, 1), json.dumps(raw).encode()], 0.0)
    assert isinstance(event, Alert) and event.model is None and event.problem == "duplicate_source"


@pytest.mark.parametrize("kind", ["tidemark.alert.opened.v2", "tidemark.alert.muted.v1", "tidemark.new.v1"])
def test_an_unknown_type_is_a_generic_event(kind: str) -> None:
    raw = {**alert_event("x"), "type": kind, "data": {"anything": 1}}
    (event,) = Reader().take([b"alert/fraud/7/example", json.dumps(raw).encode()], 0.0)
    assert type(event) is Event and event.data == {"anything": 1}


def test_of_an_unknown_kind_the_number_counts() -> None:
    reader = Reader()
    unknown = [b"novelty/m/-/example", reference.header(99, 4, EPOCH, 2), b"\x00", b"no json"]
    assert fed(reader, alert(1), unknown, alert(3, 1)) == [1, 3]


@pytest.mark.parametrize(
    "key,value", [("rev", "1"), ("rev", -1), ("top_k", [1]), ("opened_at", "yesterday"), ("value", [])]
)
def test_an_alert_of_another_shape_is_malformed(key: str, value: Any) -> None:
    raw = alert_event("x")
    raw["data"][key] = value
    with pytest.raises(WireError, match=f"malformed: `{key}`"):
        Reader().take([b"alert/fraud/7/example", json.dumps(raw).encode()], 0.0)


# Numbers.


def streams() -> list[Any]:
    if not STREAMS.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no {STREAMS.name}"))]
    return [pytest.param(json.loads(line), id=json.loads(line)["name"]) for line in STREAMS.read_text().splitlines()]


@pytest.mark.parametrize("stream", streams())
def test_golden_streams(stream: dict[str, Any]) -> None:
    reader = Reader() if stream["exact"] else Reader(model="fraud")
    for index, step in enumerate(stream["steps"]):
        said = step.get("message") or step["head"]
        epoch, seq = int(said["epoch"]), int(said["seq"])
        if "head" in step:
            items = reader.take(head(seq, epoch=epoch), 0.0)
        else:
            word = said["topic"].split("/")[0]
            raw = json.dumps(alert_event(f"{index}")).encode()
            frames = [
                said["topic"].encode(),
                reference.header(16 + (word == "decision"), 3, epoch, seq, int(said["prev"])),
                raw,
            ]
            items = reader.take(frames, 0.0)
            assert any(isinstance(item, Event) for item in items) != bool(step.get("duplicate"))
        lost = sum(item.missing for item in items if isinstance(item, Gap))
        assert lost == step.get("lost", 0), (index, step, items)


def test_with_both_kinds_and_no_model_numbers_are_counted_exactly() -> None:
    reader = Reader()
    assert fed(reader, head(10), alert(11, 4), alert(14, 3, kind=17)) == [11, (12, 13, 2), 14]
    assert fed(reader, alert(14, 3, kind=17), alert(12), head(14), head(17), head(17)) == [(15, 17, 3)]
    assert fed(reader, alert(18, 15), bye(20)) == [18, (19, 20, 2), "Ended"]


def test_the_first_message_joins_where_no_head_came() -> None:
    assert fed(Reader(), alert(7, 3), alert(8, 7), alert(10, 8)) == [7, 8, (9, 9, 1), 10]


def test_with_a_filter_a_gap_is_seen_by_prev() -> None:
    reader = Reader(model="fraud")
    assert fed(reader, head(10), alert(15, 8), alert(20, 15)) == [15, 20], "others' numbers are no gap"
    assert fed(reader, alert(30, 25)) == [(21, 25, 1), 30]
    assert fed(reader, alert(40, 12, kind=17)) == [(11, 12, 1), 40], "a topic that is new since the join"
    assert fed(reader, head(99)) == [], "who filters cannot know whose the tail is"
    (gap, _) = reader.take(alert(50, 45), 0.0)
    assert gap == Gap("example", EPOCH, 31, 45, 1, False, False, "alert/fraud/7/example")


@pytest.mark.parametrize("model", [None, "fraud"])
def test_a_higher_epoch_is_a_restart_and_counted_from_one(model: Any) -> None:
    reader = Reader(model=model)
    fed(reader, head(10), alert(11))
    items = reader.take(alert(3, 2, epoch=EPOCH + 1), 0.0)
    assert items[0] == Restart("example", EPOCH + 1, EPOCH)
    assert numbers(items[1:]) == [(1, 2, 2 if model is None else 1), 3]


def test_a_lower_epoch_is_joined_anew() -> None:
    reader = Reader()
    assert fed(reader, alert(11), alert(8, 2, epoch=EPOCH - 1)) == [11, "Restart", 8]
    assert fed(reader, head(8, epoch=EPOCH - 1), alert(9, 8, epoch=EPOCH - 1)) == [9]


@pytest.mark.parametrize("model", [None, "fraud"])
def test_a_head_below_what_is_known_is_a_restart(model: Any) -> None:
    reader = Reader(model=model)
    assert fed(reader, head(10), alert(11), head(11)) == [11]
    assert reader.take(head(4), 0.0) == [Restart("example", EPOCH, EPOCH)]
    again = alert(5, 3)
    again[2] = again[2].replace(b"ep-", b"ep-other-")
    assert fed(reader, again) == [5], "a number that was used before, for something else now"


def test_two_numberings_of_a_daemon_are_apart() -> None:
    reader = Reader()
    assert fed(reader, head(5), head(900, source="example.live"), alert(6)) == [6]
    both = Reader(("assessment", "status"))
    assert fed(both, head(5, source="example.live"), head(7, source="example.live"), head(50)) == [(6, 7, 2)]


def test_plain_messages_are_read_and_told_apart_by_id() -> None:
    reader = Reader()
    assert fed(reader, plain_alert("a"), plain_alert("a"), plain_alert("b")) == [None, None]


def test_an_id_that_was_there_is_dropped_under_a_new_number_too() -> None:
    reader = Reader()
    again = alert(2, 1)
    again[2] = alert(1)[2]
    assert fed(reader, alert(1), again, alert(3, 2)) == [1, 3]


def test_a_tombstone_counts_and_says_nothing() -> None:
    tombstone = [b"alert/fraud/7/example", reference.header(16, 3, EPOCH, 2, 1, flags=8, encoding=0), b""]
    assert fed(Reader(), alert(1), tombstone, alert(3, 2)) == [1, 3]


# Silence.


def test_three_missed_heads_are_told_once() -> None:
    reader = Reader()
    assert reader.deadline() is None and reader.tick(1e9) == []
    reader.take(head(0, interval_ms=500), 100.0)
    reader.take(alert(1), 101.0)
    assert reader.deadline() == 102.5 and reader.tick(102.4) == []
    assert reader.tick(102.5) == [Stale("example", 1.5, 0.5)] and reader.tick(110.0) == []
    assert reader.deadline() is None
    reader.take(head(1, source="example.live", interval_ms=500), 120.0)
    assert reader.tick(121.5) == [Stale("example", 1.5, 0.5)]


def test_after_a_bye_nobody_waits() -> None:
    reader = Reader()
    reader.take(head(0), 0.0)
    assert reader.take(bye(0), 1.0) == [Ended("example")]
    assert reader.take(bye(0, source="example.live"), 1.0) == []
    assert reader.deadline() is None and reader.tick(1e9) == []


# Bounds and bad input.


def test_what_is_subscribed_to() -> None:
    assert prefixes(["alert", "alert"], "team/fraud", "7") == [b"alert/team%2Ffraud/7/", b"bye/", b"head/"]
    assert prefixes(["decision", "status"], "m", None)[:2] == [b"decision/m/", b"status/"]
    for kinds, model, version in (
        ([], None, None),
        (["alarm"], None, None),
        (["alert"], None, "7"),
        (["alert"], "", None),
    ):
        with pytest.raises(ValueError):
            prefixes(kinds, model, version)


def test_many_topics_and_sources_are_forgotten_without_false_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemark.reader.MAX_TOPICS", 4)
    monkeypatch.setattr("tidemark.reader.MAX_SOURCES", 4)
    reader = Reader(model="x")
    last: dict[str, int] = {}
    for seq in range(1, 60):
        model = f"m{seq % 7}"
        assert fed(reader, alert(seq, last.get(model, 0), model=model)) == [seq]
        last[model] = seq
    for index in range(20):
        fed(reader, head(1, source=f"s{index}"))
    assert len(reader._numberings) <= 4 and len(reader._hearts) <= 4


def test_any_bytes_give_events_or_a_wire_error(drawn: random.Random) -> None:
    """Wrong bytes raise WireError and nothing else, and leave the reader of use."""
    reader, refused = Reader(("alert", "decision", "assessment", "status")), 0
    for seq in range(1, 4000):
        made = drawn.choice([alert(seq), head(seq), bye(seq), plain_alert(str(seq))])
        frames = [bytearray(frame) for frame in made]
        damage(drawn, frames)
        try:
            reader.take([bytes(frame) for frame in frames], float(seq))
        except WireError:
            refused += 1
        reader.tick(float(seq))
    assert refused > 1000
    assert numbers(reader.take(alert(5, epoch=EPOCH + 7), 0.0))[-1] == 5


def test_hostile_json() -> None:
    deep = b'{"a":' * 200_000
    for last in (
        deep,
        b'{"a":NaN}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":' + b"9" * 10_000 + b"}",
        b"{" + b"\x00" * 9,
    ):
        for frames in ([b"alert/fraud/7/example", last], [*alert(1)[:2], last], [*head(1)[:2], last]):
            with pytest.raises(WireError):
                Reader().take(frames, 0.0)
    for time in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z"):
        raw = json.dumps({**alert_event("x"), "time": time}).encode()
        with pytest.raises(WireError):
            Reader().take([b"alert/fraud/7/example", raw], 0.0)


def test_a_repeat_is_handed_over_once_and_counts_nothing() -> None:
    """To a reader that missed the alert it is news; to one that has it, nothing; numbers go on."""
    lines = (STREAMS.parent / "messages.ndjson").read_text(encoding="utf-8").splitlines()
    golden = {each["name"]: each for each in map(json.loads, lines)}
    again = [bytes.fromhex(frame) for frame in golden["alert.again"]["frames"]]
    reader = Reader()
    (event,) = reader.take(again, 0.0)
    assert isinstance(event, Alert) and (event.rev, event.state, event.sequence) == (2, "recovering", 0)
    assert event.flags == {"silenced"} and event.replayed and event.reason is None
    assert reader.take(again, 1.0) == []
    opened = [bytes.fromhex(frame) for frame in golden["alert.opened"]["frames"]]
    (first,) = reader.take(opened, 2.0)
    assert isinstance(first, Alert) and first.sequence == 1
