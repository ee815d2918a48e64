"""Whatever was asked for is received or counted as lost, of sources and of outputs; both encodings mean the same."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import framed_reference
import pytest
import zmq
from events import Event, line, nanoseconds
from hostile import ANSWER_S, Context, Frames, Served, Start, fields, sign
from live import GIVE_UP_S, Output, Publisher, Subscriber, topic_of
from protocol_pages import SPECIFICATION, fenced
from test_protocol_live import framed, measured, reading, received

Account = dict[str, Any]
SECOND = 10**9
#: Until a lower epoch is taken, until two that alternate are an alert, and until it resolves.
SILENCE_S = 3.0


@pytest.fixture
def served(daemons: Start, folder: Path, context: Context) -> Served:
    return Served(daemons, folder, context).serve()


def report(served: Served) -> Event:
    """The account as it stands: a new subscription is answered by it at once."""
    begun = time.monotonic()
    reader = reading(served.context, served.daemon, "status/")
    event: Event = received(reader, lambda message: "event" in message)["event"]
    reader.close()
    assert time.monotonic() - begun < ANSWER_S
    return event


def account(served: Served, name: str) -> Account:
    """The account of a source, of all that was sent by now."""
    served.answered()
    return next(each for each in report(served)["data"]["sources"] if each["source"] == name)


def said(account: Account, *keys: str) -> list[Any]:
    return [account[key] for key in keys]


def head(name: str, epoch: int, seq: int, dropped: int = 0, interval_ms: int = 60_000) -> Frames:
    return sign("head", name, epoch, seq, dropped=dropped, interval_ms=interval_ms)


# Sources.


@pytest.mark.parametrize("kind", ["head", "bye"])
def test_a_lost_tail_is_counted_by_head_and_bye(served: Served, kind: str) -> None:
    epoch = time.time_ns()
    interval = {"interval_ms": 60_000} if kind == "head" else {}
    for seq in (1, 2, 5):
        served.send(measured("pod", epoch, seq))
    assert said(account(served, "pod"), "lost", "sequence", "state") == [2, "5", "silent"]
    for last, lost in ((5, 2), (4, 2), (12, 9), (12, 9)):
        served.send(sign(kind, "pod", epoch, last, dropped=1, **interval))
        state = "live" if kind == "head" else "ended"
        assert said(account(served, "pod"), "lost", "dropped", "state") == [lost, 1, state]
    served.signs += 4
    served.send(measured("pod", epoch, 12), "duplicate")
    served.send(measured("pod", epoch, 13))
    after = account(served, "pod")
    assert said(after, "received", "lost", "duplicate", "sequence") == [5, 9, 1, "13"]
    assert after["state"] == ("live" if kind == "head" else "silent"), "the state before the bye"
    assert served.stop()["gap"] == 9


def test_a_source_is_stale_after_three_heads_that_are_missing(served: Served) -> None:
    epoch, interval = time.time_ns(), 400
    served.signs += 2
    served.send(head("pod", epoch, 0, interval_ms=interval))
    served.answered()
    alerts = reading(served.context, served.daemon, "alert/-/")
    states = [state_by_clock(served, interval)]
    deadline = time.monotonic() + GIVE_UP_S
    while states[-1] != "stale":
        assert time.monotonic() < deadline
        assert not alerts.poll(50), "a source that is stale is no alert"
        states.append(state_by_clock(served, interval))
    assert states[0] == "live"
    served.send(measured("pod", epoch, 1))
    assert account(served, "pod")["state"] == "live"
    served.send(sign("bye", "pod", epoch, 1, dropped=0))
    assert account(served, "pod")["state"] == "ended"
    served.stop()


def state_by_clock(served: Served, interval_ms: int) -> str:
    """The state of `pod`, which must be what the report's own times make of it."""
    event = report(served)
    pod = next(each for each in event["data"]["sources"] if each["source"] == "pod")
    silence = nanoseconds(event["time"]) - nanoseconds(pod["last_heard"])
    assert pod["state"] == ("stale" if silence > 3 * interval_ms * 10**6 else "live")
    return str(pod["state"])


def test_a_higher_epoch_is_a_restart_and_is_counted_from_its_number_1(served: Served) -> None:
    epoch = time.time_ns()
    for add, seq in ((0, 2), (1, 4), (1, 5), (2, 1), (3, 10)):
        served.send(measured("pod", epoch + add, seq))
    served.signs += 1
    served.send(head("pod", epoch + 4, 6))
    expected = [5, 1 + 3 + 9 + 6, 4, str(epoch + 4), "6"]
    assert said(account(served, "pod"), "received", "lost", "restarts", "epoch", "sequence") == expected
    figures = served.stop()
    assert (figures["gap"], figures["restarted"]) == (19, 4)


def test_a_lower_epoch_is_refused_and_taken_after_three_seconds_of_silence(served: Served) -> None:
    epoch = time.time_ns()
    served.send(measured("pod", epoch, 1))
    served.answered()
    alerts = reading(served.context, served.daemon, "alert/-/")
    begun, seq = time.monotonic(), 0
    while (now := account(served, "pod"))["restarts"] == 0:
        assert time.monotonic() - begun < GIVE_UP_S
        assert not alerts.poll(50), "one epoch after the other is no alert"
        seq += 1
        assert served.publisher.send_frames(measured("pod", epoch - 1, seq))
    assert SILENCE_S <= time.monotonic() - begun < SILENCE_S + 2 * ANSWER_S
    assert seq > 3, "it was refused too seldom to show anything"
    assert said(now, "received", "stale", "rejected", "epoch") == [1 + seq, seq - 1, seq - 1, str(epoch - 1)]
    assert said(now, "lost", "sequence") == [0, str(seq)]
    served.expected["stale_epoch"] = seq - 1
    assert served.stop()["restarted"] == 1


def test_two_epochs_that_alternate_are_an_alert_until_one_is_silent(served: Served) -> None:
    reader = reading(served.context, served.daemon, "alert/-/")
    epoch, begun, number = time.time_ns(), time.monotonic(), 0

    def changed(both: bool) -> Event:
        nonlocal number
        while not reader.poll(50):
            number += 1
            served.send(measured("pod", epoch, number))
            if both:
                served.send(measured("pod", epoch - 1, number), "stale_epoch")
            assert time.monotonic() - begun < GIVE_UP_S
        event: Event = received(reader, lambda message: True)["event"]
        assert event["data"]["alert_key"] == "-/-/duplicate_source/pod"
        return event

    opened = changed(both=True)
    assert SILENCE_S <= opened["data"]["value"] < time.monotonic() - begun
    resolved = changed(both=False)
    assert time.monotonic() - begun > 2 * SILENCE_S
    keys = ("rev", "state", "severity", "threshold")
    assert said(opened["data"], *keys) == [1, "firing", "high", 3.0]
    assert said(resolved["data"], *keys) == [2, "resolved", "high", 3.0]
    assert opened["correlationid"] == resolved["correlationid"] == opened["data"]["episode_id"]
    assert not reader.poll(0)
    served.stop()


@pytest.mark.parametrize("with_head", [True, False], ids=["a head first", "events alone"])
def test_clocks_that_differ(served: Served, with_head: bool) -> None:
    """10 s behind is told once; 120 s ahead is not believed, and its event times neither."""
    offsets = {"behind": -10, "ahead": 120, "near": 4}
    for name, offset in offsets.items():
        messages = [head(name, 9, 0)] if with_head else []
        messages += [measured(name, 9, seq, model=name) for seq in range(1, 6)]
        for frames in messages:
            moment = time.time_ns() + offset * SECOND
            served.send(fields(frames, send_time=moment, event_time=moment))
        served.signs += with_head
    arrived = time.time_ns()
    performance = performances(served)
    for name, offset in offsets.items():
        off = (nanoseconds(performance[name]) - arrived) / SECOND
        assert math.isclose(off, 0 if name == "ahead" else offset, abs_tol=ANSWER_S), name
        assert math.isclose(account(served, name)["clock_offset_ms"], -1_000 * offset, abs_tol=1_000 * ANSWER_S)
    figures = served.stop()
    assert (figures["time_refused"], figures["clock_skew"]) == (5, 2), "five of one source, told once of two"


def performances(served: Served) -> dict[str, str]:
    """The time of the last performance of each model, of all that was sent by now."""
    served.publisher.metrics("then", 0.96)
    outputs = served.reader.until_kind("assessment.performance", "then")
    return {each.event["subject"]: each.event["time"] for each in outputs if "performance" in each.kind}


def test_received_and_lost_are_what_was_asked_for(served: Served, drawn: random.Random) -> None:
    """Numbers are dropped and sent twice; a head now and then, and a bye, say how many were taken."""
    epoch, asked, dropped, again, sent = time.time_ns(), 3_000, 0, 0, [0]
    for number in range(1, asked + 1):
        if drawn.random() < 0.2:
            dropped += 1
        else:
            served.send(measured("pod", epoch, number))
            sent.append(number)
        if drawn.random() < 0.1 and sent[-1]:
            again += 1
            served.send(measured("pod", epoch, drawn.choice(sent[-5:]) or 1), "duplicate")
        if drawn.random() < 0.05:
            served.signs += 1
            served.send(head("pod", epoch, number, dropped))
    served.signs += 1
    served.send(sign("bye", "pod", epoch, asked, dropped=dropped))
    pod = account(served, "pod")
    assert said(pod, "lost", "dropped", "duplicate", "sequence") == [dropped, dropped, again, str(asked)]
    assert pod["received"] - pod["duplicate"] + pod["lost"] == asked
    others = served.publisher.sent - served.signs - (len(sent) - 1) - again
    figures = served.stop()
    assert figures["received"] - others - 1 - figures["duplicate"] + figures["gap"] == asked


# Outputs.


class Numbers:
    """Checks that a numbering has no hole and that prev is right, from what one reader of all receives."""

    def __init__(self) -> None:
        self.highest: dict[str, int] = {}
        self.of_topic: dict[str, int] = {}
        self.ended: set[str] = set()

    def take(self, message: dict[str, Any]) -> bool:
        """Whether it was the last bye of both."""
        topic, header = message["topic"], message["header"]
        kind, name, seq = topic.split("/")[0], topic.split("/")[-1], int(header["seq"])
        assert name == ("watch.live" if kind in ("assessment", "status") else name)
        if kind in ("head", "bye"):
            assert seq == self.highest.setdefault(name, seq) and header["prev"] == "0"
            self.ended |= {name} if kind == "bye" else set()
            return len(self.ended) == 2
        assert name not in self.ended
        before = self.highest.get(name)
        assert before is None or seq == before + 1, f"{seq} after {before}"
        assert topic not in self.of_topic or int(header["prev"]) == self.of_topic[topic]
        self.highest[name] = self.of_topic[topic] = seq
        return False


def test_the_numbers_of_outputs_have_no_holes(served: Served) -> None:
    reader = reading(served.context, served.daemon, "")
    numbers = Numbers()
    received(reader, lambda message: not numbers.take(message) and len(numbers.highest) == 2)
    passing = []
    for number in range(400):
        passing.append(reading(served.context, served.daemon, f"assessment/m{number % 3}/", "status/"))
        if len(passing) > 4:
            passing.pop(0).close()
        served.publisher.metrics(f"m{number % 3}", number % 2)
        received(reader, lambda message: not numbers.take(message) and is_last(message))
    served.stop()
    received(reader, numbers.take)
    assert numbers.highest["watch"] > 390 and numbers.highest["watch.live"] > 800


def is_last(message: dict[str, Any]) -> bool:
    """Whether it is the last output that a measurement causes."""
    return "event" in message and message["event"]["type"] == "tidemark.assessment.retrain.v1"


def test_heads_come_each_second_and_at_once_to_who_is_new(served: Served) -> None:
    reader = reading(served.context, served.daemon, "head/-/-/watch.live")
    first = received(reader, lambda message: True)
    times = [int(received(reader, lambda message: True)["header"]["send_time"]) for _ in range(3)]
    assert all(0.9 < (after - before) / SECOND < 1.9 for before, after in itertools.pairwise(times))
    assert first["descriptor"] == {"dropped": 0, "interval_ms": 1000}
    begun = time.monotonic()
    for number in range(6):
        new = reading(served.context, served.daemon, f"alert/nothing-{number}/")
        received(reader, lambda message: True)
        new.close()
    assert time.monotonic() - begun < 3, "no sooner than each second"
    served.stop()


def test_readers_of_some_topics_see_no_false_gap(served: Served) -> None:
    """By the reader's rule of the specification; each joins in the middle, as others come and go."""
    namespace: dict[str, Any] = {}
    exec(next(block for block in fenced(SPECIFICATION, "python") if "class Numbering" in block), namespace)
    readers: list[tuple[zmq.Socket[bytes], dict[str, Any]]] = []
    counted = 0
    for number in range(300):
        if number % 50 == 0:
            prefix = ("alert/a/", "assessment/b/", "decision/", "alert/", "assessment/a/", "status/")[number // 50]
            rules = {name: namespace["Numbering"](exact=False) for name in ("watch", "watch.live")}
            readers.append((reading(served.context, served.daemon, prefix, "head/"), rules))
        for model in ("a", "b", "c"):
            served.publisher.metrics(model, number % 2)
        served.answered()
        counted += sum(losses(*each) for each in readers)
    served.stop()
    assert counted > 1_000, "too few to show anything"


def losses(reader: zmq.Socket[bytes], rules: dict[str, Any]) -> int:
    """How many messages came; that any is lost is an error."""
    counted = 0
    while reader.poll(0):
        message = framed_reference.decode_output(reader.recv_multipart())
        header, topic = message["header"], message["topic"]
        rule, place = rules[topic.split("/")[-1]], (int(header["epoch"]), int(header["seq"]))
        is_sign = topic.startswith("head/")
        assert (rule.head(*place) if is_sign else rule.message(topic, *place, int(header["prev"]))) == 0, topic
        counted += not is_sign
    return counted


# Both encodings.

NAN = None
#: Datatypes of the tensors of a batch, the columns of each, and the rows.
COLUMNS: dict[str, list[tuple[str, list[list[Any]]]]] = {
    "FP64": [("FP64", [[5.25, 50.0, NAN], [1.5, 40.0, 3.0]])],
    "FP32": [("FP32", [[0.1, 61.7, 2.0], [NAN, 40.0, 3.3]])],
    "INT32": [("INT32", [[5, -50, 2**31 - 1], [-(2**31), 40, 3]])],
    "INT64": [("INT64", [[5, 2**53 + 1, -(2**63)], [1, 40, 3]])],
    "BOOL": [("BOOL", [[True, False, True], [True, True, False]])],
    "mixed": [("BOOL", [[True], [False]]), ("FP32", [[33.3], [44.4]]), ("INT32", [[7], [8]])],
    "text": [("FP64", [[9.5, 55.0], [9.25, 56.0]]), ("BYTES", [["eins"], [""]]), ("FP32", [[0.3], [0.7]])],
}


def batch(model: str, seq: int, kind: str, moment: int, columns: list[tuple[str, list[list[Any]]]]) -> Frames:
    """A framed batch with names, or a baseline of it with figures."""
    tensors = [{"name": "rows", "datatype": type, "shape": [len(rows), len(rows[0])]} for type, rows in columns]
    datas = [framed_reference.tensor_bytes(type, list(itertools.chain(*rows))) for type, rows in columns]
    letters = iter("xyz")
    names = ["note" if type == "BYTES" else next(letters) for type, rows in columns for _ in rows[0]]
    descriptor: dict[str, Any] = {"feature_names": names, "tensors": tensors}
    if kind == "baseline":
        descriptor = {"metrics": ["accuracy"]} | descriptor
        tensors.insert(0, {"name": "values", "datatype": "FP32", "shape": [1]})
        datas.insert(0, framed_reference.tensor_bytes("FP32", [0.9]))
    frames = framed(f"{kind}/{model}/7/pod", {"features": 2, "baseline": 5}[kind], 9, seq, descriptor, *datas)
    return fields(frames, event_time=moment)


def stream(began: int) -> Iterator[Frames]:
    """For each number format a model with a baseline, batches and metrics, numbered as one source."""
    seq = 0
    for step, (model, columns) in enumerate((model, columns) for columns in COLUMNS.values() for model in ("a", "b")):
        moment = began + step * SECOND
        rows = [[1.0, 40.0, 0.5], [2.0, 44.0, 0.7], [1.5, 48.0, 0.6]]
        yield batch(model, seq + 1, "baseline", moment, [("FP64", rows)])
        yield batch(model, seq + 2, "features", moment + 1, columns)
        accuracy = measured("pod", 9, seq + 3, 0.1 * (step % 10), model)
        yield fields([f"metrics/{model}/7/pod".encode(), *accuracy[1:]], event_time=moment + 2)
        seq += 3


def outputs(served: Served, messages: list[Frames]) -> list[Output]:
    publisher = Publisher(served.context, served.daemon.ingest).wait_subscribed()
    reader = Subscriber(served.context, served.daemon.output, "").settle(publisher)
    for frames in messages:
        assert publisher.send_frames(frames)
    publisher.metrics("after", 0.96)
    said = reader.until_kind("assessment.performance", "after")[:-1]
    # Until when an alert is to be believed counts from when it came.
    for output in said:
        output.event["data"].pop("valid_until", None)
    return said


def plain(frames: Frames) -> Frames:
    event = framed_reference.decode(frames)["event"]
    return [topic_of(event).encode(), line(event)]


def test_framed_and_plain_give_the_same_outputs(daemons: Start, folder: Path, context: Context) -> None:
    messages = list(stream(time.time_ns() - 60 * SECOND))
    given = []
    for name, encoding in (("framed", list), ("plain", plain), ("features", list)):
        (folder / name).mkdir()
        served = Served(daemons, folder / name, context)
        more = {"features": [f"ipc://{folder}/{name}/f"]}
        served.serve(sockets=served.configuration["sockets"] | more)
        if name == "features":
            served.daemon.ingest = served.ends("features")[0]
        given.append(outputs(served, [encoding(frames) for frames in messages]))
        served.daemon.stop()
        assert served.daemon.final_figures()["rejected"] == 0
    assert_all_kinds(given[0])
    assert given[1] == given[0], "plain"
    assert given[2] == given[0], "over the socket for features"


def assert_all_kinds(given: list[Output]) -> None:
    drifts = [each for each in given if each.kind == "tidemark.assessment.drift.v1"]
    assert len(drifts) == 2 * len(COLUMNS)
    assert {each.kind.split(".")[1] for each in given} == {"assessment", "alert"}
    assert {each.event["causationid"].split("-")[0] for each in given} == {"9"}
