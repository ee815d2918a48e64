"""A daemon that is killed again and again at moments drawn at random, under load of both lanes, with a reader that
resumes: what it told, and whether that is what a run tells that nothing disturbs."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import harness
from delivery_peers import Lossy, Reliable, until
from delivery_reader import Reader
from delivery_served import SECOND, Json, Kept, plain
from live import Daemon

MODELS = 12
#: Of the events, how far apart in their own time; with 12 models each has one every 1.2 s.
STEP_NS = SECOND // 10
#: Events a second of each lane: a load that a debug build, too, has room for beside the replay's length.
PACE = 1500
#: At most so many events between two kills, on each lane.
BETWEEN_KILLS = 900


@dataclass
class Told:
    """What came of a run."""

    kills: int = 0
    kills_before_ready: int = 0
    seconds: float = 0.0
    sent: int = 0
    resent: int = 0
    lossy_sent: int = 0
    lossy_lost: int = 0
    duplicates: int = 0
    fetches: int = 0
    numbers: int = 0
    outputs: dict[str, int] = field(default_factory=dict)


class Load(threading.Thread):
    """Both publishers, in a thread of their own until told to end; numbers may be read from others."""

    def __init__(self, kept: Kept, seed: str) -> None:
        super().__init__(daemon=True)
        self.kept, self.drawn = kept, random.Random(seed)
        self.first_ns = time.time_ns() - 24 * 3600 * SECOND
        #: (model, accuracy, time) of each number of the reliable source.
        self.events: list[tuple[str, float, int]] = []
        #: The share of measurements that are bad: some open an alert, some are a decision too.
        self.bad = 0.1
        self.asked_to_end = threading.Event()
        self.failed: BaseException | None = None
        self.reliable: Reliable
        self.lossy: Lossy
        self._begun = threading.Event()

    def begun(self) -> Load:
        self.start()
        assert self._begun.wait(30) and not self.failed, self.failed
        return self

    def run(self) -> None:
        try:
            self.reliable, self.lossy = self.kept.reliable(), self.kept.lossy()
            self._begun.set()
            begun = time.monotonic()
            while not self.asked_to_end.is_set():
                due = int((time.monotonic() - begun) * PACE)
                while len(self.events) < due and len(self.reliable.ring) < 20_000:
                    self._one()
                self.reliable.pump(2)
            self.reliable.settle()
            self.lossy.head()
        except BaseException as error:
            self.failed = error
            self._begun.set()

    def _one(self) -> None:
        place = len(self.events)
        if place % 500 == 0:
            # Commits with every few events, with some, and by the clock alone.
            self.bad = self.drawn.choice((0.1, 0.03, 0.0))
        accuracy = self.drawn.choice((0.6, 0.84)) if self.drawn.random() < self.bad else 0.97
        event = (f"model-{place % MODELS}", accuracy, self.first_ns + place * STEP_NS)
        self.events.append(event)
        self.reliable.metrics(*event)
        self.lossy.metrics(f"lossy-{place % MODELS}", accuracy, event[2])

    @property
    def taken(self) -> int:
        return self.reliable.acked

    def check(self) -> None:
        if self.failed:
            raise self.failed

    def end(self) -> None:
        self.asked_to_end.set()
        self.join(120)
        self.check()
        assert not self.is_alive(), "the publishers did not come to an end"


def killed_at_random(
    kept: Kept, seed: str, kills: int, say: Callable[[str], None] = print, end: Callable[[Daemon], object] = Daemon.kill
) -> Told:
    """Serves, loads, ends the daemon and starts it again, and compares; an assertion tells what does not hold."""
    drawn = random.Random(seed)
    told = Told()
    begun = time.monotonic()
    kept.serve()
    load = Load(kept, seed).begun()
    reader = kept.reader().joined()

    def reach(number: int) -> None:
        what = f"acknowledged up to {number}"
        until(lambda: load.taken >= number, what, load.check, lambda: reader.pump(5), seconds=60)

    def let_pass(seconds: float) -> None:
        moment = time.monotonic() + seconds
        until(lambda: time.monotonic() > moment, "a moment", lambda: reader.pump(1))

    while told.kills < kills:
        reach(load.taken + drawn.randrange(1, BETWEEN_KILLS))
        end(kept.daemon)
        told.kills += 1
        while end is Daemon.kill and told.kills < kills and drawn.random() < 0.25:
            # Somewhere in its start, which takes some tens of ms.
            kept.begin()
            let_pass(drawn.random() * 0.1)
            kept.daemon.kill()
            told.kills += 1
            told.kills_before_ready += 1
        kept.serve()
        say(f"killed {told.kills} times; {load.taken} acknowledged, {len(reader.handed)} handed over")
    reach(load.taken + BETWEEN_KILLS)
    load.asked_to_end.set()
    until(lambda: not load.is_alive(), "the end of the load", load.check, lambda: reader.pump(5), seconds=120)
    load.end()
    told.seconds = time.monotonic() - begun
    require_accounts(kept, load, told)
    reader.until_caught_up()
    kept.daemon.stop()
    require_numbers(kept, reader, told)
    require_decisions(kept, reader, load)
    told.fetches = reader.fetches
    reader.close()
    return told


def require_accounts(kept: Kept, load: Load, told: Told) -> None:
    """Nothing of the reliable source is lost or counted twice; of the other, all is received or lost."""

    def settled() -> Json:
        status = kept.status()
        sources = status.sources
        is_told = status.journal["outputs_waiting"] == 0 and all(
            name in sources and sources[name]["sequence"] == str(each.numbers.last)
            for name, each in (("scorer", load.reliable), ("pod", load.lossy))
        )
        return sources if is_told else None

    sources = until(settled, "the account of all that was sent")
    scorer, pod = sources["scorer"], sources["pod"]
    sent = load.reliable.numbers.last
    assert sent == len(load.events)
    assert scorer["received"] - scorer["rejected"] == sent, scorer
    assert scorer["lost"] == scorer["restarts"] == scorer["stale"] == scorer["late"] == 0, scorer
    assert set(scorer["rejected_by"]) <= {"duplicate", "out_of_order"}, scorer
    assert pod["received"] + pod["lost"] == load.lossy.numbers.last, pod
    assert pod["rejected"] == pod["restarts"] == 0, pod
    told.sent, told.resent, told.duplicates = sent, load.reliable.resent, scorer["duplicate"]
    told.lossy_sent, told.lossy_lost = load.lossy.numbers.last, pod["lost"]


def require_numbers(kept: Kept, reader: Reader, told: Told) -> None:
    """One epoch, each number once and in order from 1, and byte for byte what the database has."""
    numbers = [each.seq for each in reader.handed]
    assert not reader.gaps, reader.gaps
    assert numbers == list(range(1, len(numbers) + 1)), "numbers with a gap"
    assert {each.epoch for each in reader.handed} == {kept.epoch}
    stored = kept.stored
    # What came after the last that was asked for is sent again, by its timer.
    sent = {each.frames[2] for each in reader.handed}
    assert [each for number, each in stored.items() if number not in numbers and each[2] not in sent] == []
    for each in reader.handed:
        assert stored[each.seq] == each.plain, f"{each.seq} is other than in the database"
    bodies: dict[str, bytes] = {}
    last: dict[str, int] = {}
    for each in reader.handed:
        body = each.frames[2]
        assert bodies.setdefault(each.json["id"], body) == body, "one id, two bodies"
        assert each.header["prev"] == last.get(each.topic, 0), "prev names the one before on its topic"
        last[each.topic] = each.seq
        told.outputs[each.word] = told.outputs.get(each.word, 0) + 1
    told.numbers = len(numbers)


def require_decisions(kept: Kept, reader: Reader, load: Load) -> None:
    """Alerts and decisions on the reliable source's models are those of a replay of the same events."""
    lines = [plain("scorer", load.reliable.numbers.epoch, place + 1, *event) for place, event in enumerate(load.events)]
    configuration = {key: value for key, value in kept.said.items() if key not in ("state", "journal", "sockets")}
    replayed = harness.replay(kept.folder, configuration, lines)
    assert not replayed.rejected, list(replayed.rejected.items())[:3]
    expected = comparable(replayed.outputs)
    found = comparable(each.json for each in reader.handed)
    assert expected, "a load without a decision shows nothing"
    assert any(".issued." in kind for kind, _ in expected.values()), "no decision"
    assert found.keys() == expected.keys(), sorted(found.keys() ^ expected.keys())[:5]
    for key, said in expected.items():
        assert found[key] == said, f"{key}: {found[key]}\nnot {said}"


def comparable(events: Iterable[Json]) -> dict[str, tuple[str, str]]:
    """By id; of what became of a decision, without the arrival, which no file has."""
    found = {}
    for event in events:
        kind = event["type"]
        if kind.split(".")[1] not in ("alert", "decision") or not event["subject"].startswith("model-"):
            continue
        # By the clock of the process that says it, which a replay has not.
        data = {key: value for key, value in event["data"].items() if key not in ("at", "valid_until")}
        found[event["id"]] = (kind, json.dumps(data))
    return found
