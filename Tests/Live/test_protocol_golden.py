"""Vectors and golden files: decoded and encoded by an implementation that was written from the specification alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import framed_reference
import jsonschema
import pytest
from framed_reference import Refused
from protocol_pages import (
    GOLDEN,
    INPUT,
    OUTPUT,
    PROTOCOL,
    SPECIFICATION,
    Vector,
    fenced,
    golden,
    reasons,
    validator,
    vectors,
)

MESSAGES = golden("messages.ndjson")
CONTROL = golden("control.ndjson")
NAMES = [message["name"] for message in MESSAGES]
#: How the messages of each direction are taken.
DECODERS = {
    "in": framed_reference.decode,
    "out": framed_reference.decode_output,
    "control-in": framed_reference.decode_request,
    "control-out": framed_reference.decode_output,
    "reliable-in": framed_reference.decode_hello,
    "reliable-out": framed_reference.decode_output,
}
BOTH = MESSAGES + CONTROL
IDS = [message["name"] for message in BOTH]
VECTORS = list(vectors())
#: Too long for a page.
GOLDEN_ALONE = {"features.too_many_columns", "head.too_long"}


def frames(message: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(frame) for frame in message["frames"]]


def without_null(value: Any) -> Any:
    """In an event, null is as good as absent; in rows it is a missing value."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return value


def comparable(meaning: dict[str, Any]) -> dict[str, Any]:
    return meaning | ({"event": without_null(meaning["event"])} if "event" in meaning else {})


@pytest.mark.parametrize("message", BOTH, ids=IDS)
def test_each_golden_message_means_what_it_says(message: dict[str, Any]) -> None:
    decode = DECODERS[message["direction"]]
    if "refused" in message:
        with pytest.raises(Refused) as refusal:
            decode(frames(message))
        further = message["counted" if "counted" in message else "answered"]
        assert (refusal.value.reason, refusal.value.counted) == (message["refused"], further), refusal.value
        assert reasons().get(message["refused"]) == "refused"
    else:
        assert comparable(decode(frames(message))) == comparable(message["expect"])


@pytest.mark.parametrize("message", BOTH, ids=IDS)
def test_each_meaning_gives_the_golden_bytes(message: dict[str, Any]) -> None:
    if "expect" in message and not message.get("decode_only"):
        assert framed_reference.encode(message["expect"]) == frames(message)
        assert framed_reference.encode(json.loads(json.dumps(message["expect"]))) == frames(message)


def test_golden_files_are_as_the_readme_says() -> None:
    assert len(set(IDS)) == len(IDS) > 240 and len(CONTROL) > 50
    assert {message["direction"] for message in MESSAGES} == {"in", "out"}
    assert {message["direction"] for message in BOTH} == set(DECODERS)
    for message in BOTH:
        assert set(message) <= {
            "name",
            "about",
            "direction",
            "encoding",
            "frames",
            "decode_only",
            "expect",
            "refused",
            "counted" if message["direction"] in ("in", "out") else "answered",
        }
        assert message["encoding"] in ("framed", "plain") and message["about"]
        assert ("expect" in message) != ("refused" in message)
        assert ("refused" in message) == ("counted" in message or "answered" in message)
        assert all(frame == frame.lower() for frame in message["frames"])
    for path in GOLDEN.iterdir():
        assert max(map(len, path.read_bytes().splitlines())) < 256 << 10
    assert any(message.get("decode_only") for message in MESSAGES)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.name for vector in VECTORS])
def test_each_vector_stands_in_the_golden_file(vector: Vector) -> None:
    message = BOTH[IDS.index(vector.name)]
    assert vector.frames == frames(message) and vector.about == message["about"]
    wanted = message.get("expect") or {
        key: message[key] for key in ("refused", "counted", "answered") if key in message
    }
    assert vector.outcome == wanted
    kind = vector.name.split(".")[0]
    assert vector.page == ("framing.md" if kind == "framing" else f"kinds/{kind}.md")


def test_each_golden_message_stands_on_a_page() -> None:
    assert sorted(vector.name for vector in VECTORS) == sorted(set(IDS) - GOLDEN_ALONE)


def test_make_writes_what_is_there() -> None:
    ran = subprocess.run(
        [sys.executable, "-B", PROTOCOL / "golden" / "make.py", "--check"], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_golden_meanings_are_valid() -> None:
    """By the schemas: events, outputs, descriptors."""
    checked = set()
    for message in BOTH:
        expect = message.get("expect", {})
        if "event" in expect:
            (INPUT if message["direction"] == "in" else OUTPUT).validate(expect["event"])
        if expect.get("descriptor") is not None:
            kind = framed_reference.WORDS[expect["header"]["kind"]]
            descriptor_schema(kind).validate(expect["descriptor"])
            checked.add(kind)
    assert checked == {
        "metrics",
        "features",
        "baseline",
        "feedback",
        "head",
        "bye",
        *"fetch snapshot end ack nack silence".split(),
    }


def descriptor_schema(kind: str) -> jsonschema.Draft202012Validator:
    """A snapshot says what a fetch says."""
    return validator(f"descriptor.{'fetch' if kind == 'snapshot' else kind}.schema.json")


@pytest.mark.parametrize("kind", ["end", "ack", "nack"])
def test_the_schemas_of_answers_catch_a_key_too_many_or_too_few(kind: str) -> None:
    descriptors = [
        message["expect"]["descriptor"]
        for message in CONTROL
        if "expect" in message and message["expect"]["header"]["kind"] == framed_reference.NUMBERS[kind]
    ]
    assert len(descriptors) >= 4
    for descriptor in descriptors:
        assert not descriptor_schema(kind).is_valid(descriptor | {"unheard_of": 1})
        for key in descriptor:
            less = {name: value for name, value in descriptor.items() if name != key}
            assert not descriptor_schema(kind).is_valid(less), key


def test_descriptor_schemas_catch_what_is_refused() -> None:
    """Whatever a descriptor alone can show; bytes, sums and the header are beyond a schema."""
    caught = 0
    beyond = {
        "metrics.dimension_too_large",
        "metrics.bytes_overflow",
        "metrics.fewer_names",
        "metrics.too_short",
        "metrics.too_long",
        "metrics.no_bytes",
        "metrics.encoding_none",
        "metrics.encoding_unknown",
        "metrics.tombstone_with_content",
        "metrics.too_few_described",
        "metrics.not_utf8",
        "metrics.tombstone_with_descriptor",
        "baseline.rows_differ",
        "baseline.fewer_names",
        "baseline.infinite",
        "baseline.text_alone",
        "baseline.more_correct_than_total",
        "baseline.quantiles_disordered",
        "baseline.quantiles_incomplete",
        "metrics.more_correct_than_total",
        "metrics.correct_without_total",
        "metrics.total_not_given",
        "metrics.count_fraction",
        "metrics.count_negative",
        "metrics.count_infinite",
        "metrics.count_too_large",
        "head.epoch_0",
        "head.no_source",
        "head.kind_mismatch",
        "head.too_long",
        "control.from_too_large",
        "control.seq_0",
        "control.epoch_0",
        "control.kind_mismatch",
        "acknowledgement.hello_first_beyond",
    }
    for message in BOTH:
        if "refused" not in message:
            continue
        kind = message["name"].split(".")[0]
        if message["direction"] not in ("in", "out"):
            kind = framed_reference.WORDS[frames(message)[1][6]]
        if kind not in ("metrics", "baseline", "feedback", "fetch", "silence", "head", "bye"):
            continue
        try:
            descriptor = json.loads(frames(message)[2])
        except ValueError:
            continue
        is_valid = descriptor_schema(kind).is_valid(descriptor)
        assert is_valid == (message["name"] in beyond), message["name"]
        caught += not is_valid
    assert caught > 60


# Streams.


@pytest.mark.parametrize("stream", golden("readers.ndjson"), ids=lambda stream: stream["name"])
def test_the_printed_reader_counts_the_golden_streams(stream: dict[str, Any]) -> None:
    namespace: dict[str, Any] = {}
    exec(next(block for block in fenced(SPECIFICATION, "python") if "class Numbering" in block), namespace)
    reader = namespace["Numbering"](stream["exact"])
    for step in stream["steps"]:
        if "head" in step:
            assert reader.head(int(step["head"]["epoch"]), int(step["head"]["seq"])) == step["lost"], step
        else:
            said = step["message"]
            lost = reader.message(said["topic"], *(int(said[key]) for key in ("epoch", "seq", "prev")))
            assert lost == (None if step.get("duplicate") else step["lost"]), step


def handed(item: Any) -> Any:
    """As the golden file has it: a number is text, a gap an object."""
    return {"gap": item[0], "missing": item[1]} if isinstance(item, tuple) else str(item)


@pytest.mark.parametrize("stream", golden("resume.ndjson"), ids=lambda stream: stream["name"])
def test_the_printed_resuming_reader_hands_over_the_golden_streams(stream: dict[str, Any]) -> None:
    namespace: dict[str, Any] = {}
    exec(next(block for block in fenced(SPECIFICATION, "python") if "class Resuming" in block), namespace)
    cursor = stream["cursor"]
    reader = namespace["Resuming"](stream["exact"], cursor and (int(cursor["epoch"]), int(cursor["next"])))
    for step in stream["steps"]:
        (kind,) = step.keys() & {"head", "message", "fetched", "end"}
        said = step[kind]
        numbers = [int(said[key]) for key in ("epoch", "seq", "prev", "next") if key in said]
        words = [said[key] for key in ("topic", "status") if key in said]
        given = getattr(reader, kind)(*words, *numbers) or []
        asks = reader.ask and {"epoch": str(reader.ask[0]), "from": str(reader.ask[1])}
        assert ([handed(item) for item in given], asks) == (step["given"], step["asks"]), step


class Ledger:
    """The account of one source, from the tables of the specification."""

    def __init__(self, began: int) -> None:
        self.began, self.heard_ms = began, 0
        self.epoch: int | None = None
        self.last = 0
        self.state = "silent"
        self.counts = dict.fromkeys(("received", "rejected", "lost", "duplicate", "stale", "restarts", "dropped"), 0)

    def enter(self, kind: str, epoch: int, seq: int, at_ms: int, dropped: int) -> list[str]:
        is_message, becomes = kind == "message", []
        self.counts["received"] += is_message
        if self.epoch is not None and epoch < self.epoch and at_ms - self.heard_ms < 3_000:
            self.counts["stale"] += 1
            self.counts["rejected"] += 1
            return ["stale_epoch"]
        first = seq - is_message if self.epoch is None else self.last
        if self.epoch is None and epoch > self.began:
            first = 0
        if self.epoch is not None and epoch != self.epoch:
            becomes.append("restarted")
            self.counts["restarts"] += 1
            first = 0 if epoch > self.epoch else seq - is_message
        elif self.epoch is not None and is_message and seq <= self.last:
            self.counts["duplicate"] += 1
            self.counts["rejected"] += 1
            return ["duplicate"]
        if (lost := seq - is_message - first) > 0:
            becomes.append(f"gap {lost}")
            self.counts["lost"] += lost
        self.epoch, self.last, self.heard_ms = epoch, max(seq, first), at_ms
        if not is_message:
            self.counts["dropped"] = dropped
        self.state = {"head": "live", "bye": "ended"}.get(kind, "live" if self.state == "ended" else self.state)
        return becomes


@pytest.mark.parametrize("stream", golden("accounts.ndjson"), ids=lambda stream: stream["name"])
def test_the_golden_accounts_follow_from_the_tables(stream: dict[str, Any]) -> None:
    ledger = Ledger(int(stream["daemon_began"]))
    for step in stream["steps"]:
        becomes = ledger.enter(
            step["kind"], int(step["epoch"]), int(step["seq"]), step["at_ms"], step.get("dropped", 0)
        )
        assert becomes == step["becomes"], step
    wanted = ledger.counts | {"epoch": str(ledger.epoch), "sequence": str(ledger.last), "state": ledger.state}
    assert wanted == stream["account"]
