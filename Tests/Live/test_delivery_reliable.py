"""The lossless lane: acknowledged is durable, taken once and in order, whatever comes twice, early or as garbage."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
import zmq
from delivery_peers import METRICS, Context, Frames, Message, Numbers, dealer, message, size, until
from delivery_served import Json, Kept, Start, decide, is_about
from hostile import frame, shaken
from live import GIVE_UP_S


class Lane:
    """A connection to the reliable socket that sends what it is told, right or wrong."""

    def __init__(self, kept: Kept, source: str = "scorer", epoch: int | None = None) -> None:
        self.numbers = Numbers(source, epoch)
        self.socket = dealer(kept.context, kept.endpoint("reliable"))
        self.nacks: list[tuple[int, Json]] = []
        self.acks: list[int] = []

    def frames(self, seq: int, accuracy: float = 0.97, epoch: int | None = None) -> Frames:
        topic = f"metrics/fraud/-/{self.numbers.source}"
        return message(topic, epoch or self.numbers.epoch, seq, METRICS, struct.pack("<d", accuracy))

    def send(self, *seqs: int) -> None:
        for seq in seqs:
            self.socket.send_multipart(self.frames(seq))

    def hello(self, seq: int, first: int | None = None) -> Message:
        """Sends a head and takes what comes up to its ack: all before it was handled."""
        said: Json = {"dropped": 0, "interval_ms": 60_000} | ({} if first is None else {"first": str(first)})
        self.socket.send_multipart(message(f"head/-/-/{self.numbers.source}", self.numbers.epoch, seq, said))
        return self.take("ack")

    def take(self, word: str) -> Message:
        """The next of this word; the others are kept."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            if self.socket.poll(50):
                got = Message.of(self.socket.recv_multipart())
                assert got.word in ("ack", "nack") and got.header["prev"] == got.header["event_time"] == 0
                if got.word == "nack":
                    self.nacks.append((got.seq, got.json))
                else:
                    self.acks.append(got.seq)
                if got.word == word:
                    return got
        raise AssertionError(f"no {word}; {self.acks}, {self.nacks}")

    def acked(self, seq: int) -> None:
        until(lambda: self.acks and self.acks[-1] >= seq or self.take("ack").seq >= seq, f"ack of {seq}")


@pytest.fixture
def kept(daemons: Start, folder: Path, context: Context) -> Kept:
    return Kept(daemons, folder, context, journal={"checkpoint_interval": "50ms"}).serve()


def source(kept: Kept, name: str = "scorer") -> Json:
    return kept.status().sources[name]


# Acknowledgements.


def test_an_ack_means_that_it_is_in_the_journal(kept: Kept) -> None:
    lane = Lane(kept)
    for number in range(1, 6):
        lane.send(number)
        lane.acked(number)
        kept.daemon.kill()
        kept.serve()
        after = source(kept)
        assert (after["sequence"], after["received"]) == (str(number), number)


def test_what_is_not_acknowledged_comes_again_and_is_taken_once(kept: Kept) -> None:
    kept.again(journal={"checkpoint_interval": "1h"})
    lane = Lane(kept)
    lane.send(*range(1, 101))
    assert lane.hello(100, 1).seq == 0, "taken, and not yet durable"
    assert source(kept)["sequence"] == "100"
    kept.killed()
    assert lane.hello(100, 1).seq == 0
    lane.send(*range(1, 101))
    lane.hello(100, 1)
    after = source(kept)
    assert (after["received"], after["lost"], after["rejected"], after["sequence"]) == (100, 0, 0, "100")
    kept.daemon.stop()
    kept.serve()
    assert lane.hello(100, 101).seq == 100, "a stop commits what was taken"


def test_a_checkpoint_is_due_by_the_number_of_events(kept: Kept) -> None:
    kept.again(journal={"checkpoint_interval": "1h", "checkpoint_events": 50})
    lane = Lane(kept)
    ack = lane.hello(0, 1)
    assert (ack.json["source"], ack.json["credit_bytes"]) == ("scorer", 64 << 20) and ack.json["credit"] >= 50
    lane.send(*range(1, 51))
    lane.acked(50)


def test_credit_is_as_the_page_says(kept: Kept) -> None:
    assert Lane(kept).hello(0, 1).json == {"source": "scorer", "credit": 20_000, "credit_bytes": 67_108_864}


def test_a_publisher_within_its_credit_sends_far_more_than_it(kept: Kept) -> None:
    kept.again(journal={"checkpoint_events": 100})
    # After it: the one before answers until its end, with the credit that it had.
    publisher = kept.reliable()
    for _ in range(2_000):
        publisher.metrics("fraud", 0.97)
    most = 0

    def through() -> bool:
        nonlocal most
        publisher.pump(5)
        most = max(most, publisher.sent - publisher.acked)
        return publisher.acked == 2_000

    until(through, "all")
    assert 0 < most <= publisher.credit == 200
    assert source(kept)["lost"] == 0


def test_bytes_too_are_within_the_credit(kept: Kept) -> None:
    publisher = kept.reliable()
    publisher.credit_bytes = 1
    frames = publisher.numbers.metrics("fraud", 0.97)
    publisher.take(frames)
    assert size(frames) > 1, "one is always sent"
    publisher.settle()


# Numbers.


def test_out_of_order_is_told_once_until_the_expected_one_arrives(kept: Kept) -> None:
    lane = Lane(kept)
    lane.send(1, 2, 5, 6, 7)
    nack = lane.take("nack")
    assert nack.seq == 5 and nack.epoch == lane.numbers.epoch
    assert (nack.json["code"], nack.json["expected"]) == ("out_of_order", "3")
    lane.acked(2)
    lane.send(3, 4, 9, 10)
    assert lane.take("nack").json["expected"] == "5"
    lane.send(*range(5, 11))
    lane.acked(10)
    assert [number for number, _ in lane.nacks] == [5, 9]
    after = source(kept)
    assert (after["received"], after["lost"], after["sequence"]) == (10, 0, "10"), "what is not taken is in no account"
    assert after["rejected_by"] == {}
    kept.daemon.stop()
    assert kept.daemon.final_figures()["out_of_order"] == 5


def test_a_duplicate_is_dropped_and_acknowledged_again(kept: Kept) -> None:
    lane = Lane(kept)
    lane.send(1, 2, 3)
    lane.acked(3)
    for number in (1, 3):
        lane.acks.clear()
        lane.send(number)
        assert lane.take("ack").seq == 3
    assert not lane.nacks, "a duplicate is no nack"
    assert source(kept)["duplicate"] == 2


def test_what_is_refused_has_its_number_and_is_acknowledged(kept: Kept) -> None:
    lane = Lane(kept)
    lane.send(1)
    bad = {"metrics": ["accuracy"], "tensors": [{"name": "values", "datatype": "FP64", "shape": [2]}]}
    lane.socket.send_multipart(message("metrics/fraud/-/scorer", lane.numbers.epoch, 2, bad, struct.pack("<d", 1)))
    rows = {"tensors": [{"name": "rows", "datatype": "FP64", "shape": [1, 1]}]}
    lane.socket.send_multipart(message("features/fraud/-/scorer", lane.numbers.epoch, 3, rows, struct.pack("<d", 1)))
    lane.socket.send_multipart(message("alert/fraud/-/scorer", lane.numbers.epoch, 4, {}))
    lane.send(5)
    lane.acked(5)
    assert [(number, said["code"]) for number, said in lane.nacks] == [
        (2, "malformed"),
        (3, "no_baseline"),
        (4, "unknown_kind"),
    ]
    after = source(kept)
    assert (after["lost"], after["sequence"], after["rejected"]) == (0, "5", 3)


def test_a_hello_that_begins_further_on_says_what_is_lost(kept: Kept) -> None:
    lane = Lane(kept)
    lane.send(1, 2, 3)
    lane.acked(3)
    assert lane.hello(20, 11).seq >= 3
    assert source(kept)["lost"] == 7
    lane.send(*range(11, 21))
    lane.acked(20)
    assert lane.hello(20, 4).seq == 20, "one that is not above what is expected says nothing"
    for first, seq in ((0, 20), (22, 20)):
        said: Json = {"dropped": 0, "interval_ms": 60_000, "first": str(first)}
        lane.socket.send_multipart(message("head/-/-/scorer", lane.numbers.epoch, seq, said))
    assert lane.hello(20, 21).seq == 20
    after = source(kept)
    assert (after["lost"], after["received"], after["sequence"]) == (7, 13, "20")


def test_a_head_shows_no_loss_here(kept: Kept) -> None:
    lane = Lane(kept)
    lane.send(1)
    assert lane.hello(50, 1).seq <= 1
    lane.send(*range(2, 51))
    lane.acked(50)
    assert (source(kept)["lost"], source(kept)["received"]) == (0, 50)


def test_a_publisher_that_begins_again_with_its_epoch_is_no_restart(kept: Kept) -> None:
    first = kept.reliable()
    for _ in range(10):
        first.metrics("fraud", 0.97)
    until(lambda: first.sent == 10, "sent", lambda: first.pump(5))
    first.close()
    # It has a file: its ring and its numbers are as they were, whatever it had heard.
    second = kept.reliable(epoch=first.numbers.epoch)
    for _ in range(15):
        second.metrics("fraud", 0.97)
    second.settle()
    after = source(kept)
    assert (after["received"] - after["rejected"], after["lost"], after["restarts"]) == (15, 0, 0)
    third = kept.reliable()
    third.metrics("fraud", 0.97)
    third.settle()
    after = source(kept)
    assert (after["lost"], after["restarts"], after["epoch"]) == (0, 1, str(third.numbers.epoch))
    assert Lane(kept, epoch=first.numbers.epoch).numbers.epoch < third.numbers.epoch


def test_a_lower_epoch_is_refused(kept: Kept) -> None:
    lane = Lane(kept)
    lane.send(1)
    lane.acked(1)
    lane.socket.send_multipart(lane.frames(1, epoch=lane.numbers.epoch - 1))
    nack = lane.take("nack")
    assert (nack.json["code"], nack.epoch) == ("stale_epoch", lane.numbers.epoch - 1)


def test_two_reliable_sources_do_not_hold_each_other(kept: Kept) -> None:
    publishers = [kept.reliable(f"scorer-{number}") for number in range(2)]
    for number in range(300):
        for publisher in publishers:
            publisher.metrics(f"model-{publisher.numbers.source}", 0.97 if number % 50 else 0.5)
            publisher.pump()
        if number == 150:
            kept.killed()
    for publisher in publishers:
        publisher.settle()
    sources = kept.status().sources
    for publisher in publishers:
        said = sources[publisher.numbers.source]
        assert (said["received"] - said["rejected"], said["lost"], said["restarts"]) == (300, 0, 0)


def test_one_that_stands_still_does_not_hold_another(kept: Kept) -> None:
    stuck, free = Lane(kept, "stuck"), kept.reliable("free")
    stuck.send(1, 3)
    assert stuck.take("nack").json["expected"] == "2"
    decide(free, "fraud")
    free.settle()
    stuck.send(2, 3)
    stuck.acked(3)


def test_a_lossy_publisher_that_begins_again_a_hundred_times_has_no_false_gap(kept: Kept) -> None:
    scorer, judged = kept.reliable(), 0
    assessments = kept.context.socket(zmq.SUB)
    assessments.connect(kept.endpoint("output"))
    assessments.subscribe("assessment/quiet/")

    def hear() -> int:
        nonlocal judged
        scorer.pump()
        if assessments.poll(5):
            judged += ".performance." in Message.of(assessments.recv_multipart()).json["type"]
        return judged

    first = kept.lossy("first")
    until(hear, "the subscription", lambda: first.metrics("quiet", 0.97))
    first.close()
    kept.until_status(lambda each: each.sources["first"]["state"] == "ended", "its bye")
    while assessments.poll(0):
        assessments.recv_multipart()
    for _ in range(100):
        judged = 0
        pod = kept.lossy("pod")
        for _ in range(3):
            pod.metrics("quiet", 0.97)
        scorer.metrics("fraud", 0.97)
        # All of one is taken before the next begins: its connection is another.
        until(lambda: hear() == 3, "all of it")
        pod.close()
    scorer.settle()
    said = kept.until_status(lambda each: each.sources["pod"]["received"] == 300, "all").sources["pod"]
    assert (said["lost"], said["restarts"], said["rejected"]) == (0, 99, 0)
    assert source(kept)["lost"] == 0


# What is none of it.


def garbage(numbers: Numbers) -> list[Frames]:
    whole = message("metrics/fraud/-/scorer", numbers.epoch, 1, METRICS, struct.pack("<d", 0.97))
    return [
        [b""],
        [b"garbage"],
        [b"", b"", b""],
        [whole[0], b"{}"],
        whole[:2],
        [whole[0], whole[1][:63], *whole[2:]],
        [b"metrics/fraud", *whole[1:]],
        [b"\xff/\xfe/-/-", *whole[1:]],
        [b"metrics/fraud/-/-", *whole[1:]],
        [*whole, b"one more"],
        [b"x"] * 17,
        [b"x"] * 500,
        message("metrics/fraud/-/scorer", 0, 1, METRICS, struct.pack("<d", 0.97)),
        message("metrics/fraud/-/scorer", numbers.epoch, 0, METRICS, struct.pack("<d", 0.97)),
        message("metrics/fraud/-/scorer", numbers.epoch, 1, METRICS, struct.pack("<d", 0.97), prev=1),
    ]


def test_garbage_on_the_reliable_socket_is_counted_and_the_rest_goes_on(kept: Kept) -> None:
    lane = Lane(kept)
    bad = garbage(lane.numbers)
    for number, frames in enumerate(bad, 1):
        lane.socket.send_multipart(frames)
        lane.send(number)
    lane.acked(len(bad))
    after = source(kept)
    named = 3  # whose topic, epoch and number are sound, and which was taken before
    assert (after["received"], after["lost"], after["rejected"]) == (len(bad) + named, 0, named)
    assert not lane.nacks, "what names no number is not answered, and a duplicate is by an ack"
    kept.daemon.stop()
    figures = kept.daemon.final_figures()
    assert figures["received"] == 2 * len(bad) and figures["rejected"] == len(bad)
    assert (figures["malformed"], figures["duplicate"]) == (len(bad) - named, named)


def test_what_cannot_be_read_takes_its_number(kept: Kept) -> None:
    lane = Lane(kept)
    lane.socket.send_multipart(lane.frames(1)[:2])
    lane.socket.send_multipart([*lane.frames(2)[:2], b"{", *lane.frames(2)[3:]])
    lane.send(3)
    lane.acked(3)
    assert [(number, said["code"]) for number, said in lane.nacks] == [(1, "malformed"), (2, "malformed")]
    after = source(kept)
    assert (after["received"], after["lost"], after["rejected"], after["sequence"]) == (3, 0, 2, "3")


def test_frames_that_are_too_large_cut_the_connection_and_nothing_else(kept: Kept) -> None:
    kept.again(limits={"frame_bytes": 65_536, "message_bytes": 131_072})
    publisher = kept.reliable()
    publisher.metrics("fraud", 0.97)
    publisher.settle()
    lane = Lane(kept, "large")
    # Above the limit of the configuration, below that of libzmq: it has its number.
    descriptor = {"pad": "x" * 70_000} | METRICS
    lane.socket.send_multipart(
        message("metrics/fraud/-/large", lane.numbers.epoch, 1, descriptor, struct.pack("<d", 1))
    )
    nack = lane.take("nack")
    assert (nack.seq, nack.json["code"]) == (1, "too_large")
    lane.acked(1)
    lane.socket.send_multipart([b"metrics/fraud/-/large", b"x" * 200_000])
    lane.send(2)
    until(lambda: lane.hello(2, 2).seq == 2, "after the connection was made again", lambda: lane.send(2))
    publisher.metrics("fraud", 0.97)
    publisher.settle()


def test_peers_that_speak_no_zeromq_or_as_another_socket_are_harmless(kept: Kept) -> None:
    publisher = kept.reliable()
    peers = []
    for name in ("reliable", "control"):
        for kind in (b"PUB", b"ROUTER", b"PUSH", b"XXXX"):
            try:
                peer = shaken(kept.endpoint(name), kind)
                peer.sendall(frame(b"fetch", more=True) + frame(b"x" * 300))
            except (AssertionError, OSError):
                continue
            peers.append(peer)
        peer = shaken(kept.endpoint(name), b"DEALER")
        peer.sendall(frame(b"", more=True) * 100)
        peers.append(peer)
    for _ in range(20):
        publisher.metrics("fraud", 0.97)
    publisher.settle()
    assert kept.requests().fetch(kept.epoch, 1)[1]["status"] == "complete"
    for peer in peers:
        peer.close()


def test_identities_that_are_wrong_or_taken_are_harmless(kept: Kept) -> None:
    publisher, sockets = kept.reliable(), []
    for identity in (b"same", b"same", b"x" * 255, b"\x01\x02"):
        for name in ("reliable", "control"):
            socket = kept.context.socket(zmq.DEALER)
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.IDENTITY, identity)
            socket.connect(kept.endpoint(name))
            socket.send_multipart([b"garbage", b"garbage", b"garbage"])
            sockets.append(socket)
    for _ in range(20):
        publisher.metrics("fraud", 0.97)
    publisher.settle()
    assert kept.requests().fetch(kept.epoch, 1)[1]["status"] == "complete"
    for socket in sockets:
        socket.close()


def test_a_flood_of_hellos_and_duplicates_whose_answers_nobody_takes_keeps_nobody_from_his_acks(kept: Kept) -> None:
    flood, publisher = Lane(kept, "flood"), kept.reliable()
    flood.send(1)
    flood.acked(1)
    for _ in range(20_000):
        flood.send(1)
    decide(publisher, "card")
    publisher.settle()
    reader = kept.reader(cursor=(kept.epoch, 1))
    reader.wait_for(is_about("card", "issued"))
    kept.until_status(lambda each: each.sources["flood"]["duplicate"] == 20_000, "all are counted")
