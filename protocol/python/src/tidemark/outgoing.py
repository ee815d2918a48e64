"""Messages on their way out: what a publisher knows of one before it has its number, and the order of numbers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Optional

from . import wire
from .tables import Table
from .times import now_ns

#: Topics whose last number is remembered, for `prev`. One that is forgotten begins again with "none before".
MAX_TOPICS = 65_536
#: Baselines that are remembered, by count and by bytes of their rows. The one longest ago is forgotten first.
MAX_BASELINES = 1_024
BASELINES_BYTES = 64 * 1024 * 1024

#: The figures of a baseline that replace each other.
ACCURACY = ("accuracy", "correct", "total")

BaselineKey = tuple[str, Optional[str]]


@dataclass(frozen=True)
class Baseline:
    """What is known of the baseline of a model at a version. `time` is None where the sending time stands in."""

    model: str
    version: Optional[str]
    values: tuple[tuple[str, float], ...]
    table: Optional[Table]
    time: Optional[int]

    @property
    def key(self) -> BaselineKey:
        return (self.model, self.version)

    @property
    def nbytes(self) -> int:
        return self.table.nbytes if self.table is not None else 0

    def after(self, older: Optional[Baseline]) -> Baseline:
        """This one, with the parts of an older one that it does not replace, as the daemon takes it."""
        if older is None:
            return self
        values = {**dict(older.values), **dict(self.values)}
        # An accuracy and the cases that it is from are one part.
        if any(name in ACCURACY for name, _ in self.values):
            given = dict(self.values)
            values = {name: value for name, value in values.items() if name not in ACCURACY or name in given}
        return replace(self, values=tuple(values.items()), table=self.table or older.table)


@dataclass(frozen=True)
class Outgoing:
    """A message without its number. `tensors` are buffers; `owned` says that nobody else writes to them."""

    kind: wire.Kind
    topic: bytes
    descriptor: bytes
    event_time: int
    tensors: tuple[wire.Tensor, ...] = ()
    owned: bool = True
    baseline: Optional[Baseline] = None

    @property
    def nbytes(self) -> int:
        return len(self.topic) + wire.HEADER_BYTES + len(self.descriptor) + sum(each.nbytes for each in self.tensors)

    def kept(self) -> Outgoing:
        """The same with bytes of its own, to lie in a queue."""
        if self.owned:
            return self
        table = Table(self.tensors, None, False).kept()
        return replace(self, tensors=table.tensors, owned=True)

    def header(self, epoch: int, seq: int, prev: int) -> bytes:
        """The header as of now: the time of sending is taken here."""
        return wire.Header(
            kind=self.kind,
            frames=wire.MIN_FRAMES + len(self.tensors),
            epoch=epoch,
            seq=seq,
            prev=prev,
            event_time=self.event_time,
            send_time=now_ns(),
            flags=wire.FIRST_OF_EPOCH if seq == 1 and self.kind not in wire.UNNUMBERED else 0,
        ).pack()


class Numbers:
    """The numbering of one epoch: 1, 2, 3, … and for each topic the number before."""

    def __init__(self) -> None:
        self.last = 0
        self._by_topic: OrderedDict[bytes, int] = OrderedDict()

    def take(self, topic: bytes) -> tuple[int, int]:
        """Uses the next number up: it, and the one before it on its topic."""
        prev = self._by_topic.get(topic, 0)
        self.last += 1
        self._by_topic[topic] = self.last
        self._by_topic.move_to_end(topic)
        if len(self._by_topic) > MAX_TOPICS:
            self._by_topic.popitem(last=False)
        return self.last, prev

    def give_back(self, topic: bytes, prev: int) -> None:
        """Undoes the last `take`, which was of this topic and gave this `prev`."""
        self.last -= 1
        if prev:
            self._by_topic[topic] = prev
        else:
            self._by_topic.pop(topic, None)


class Baselines:
    """The baselines to be sent again, and which of them are due."""

    def __init__(self) -> None:
        self._kept: OrderedDict[BaselineKey, Baseline] = OrderedDict()
        self._bytes = 0
        self._due: dict[BaselineKey, None] = {}

    def keep(self, baseline: Baseline, *, due: bool) -> None:
        """Remembers a baseline; `due` when its own message was dropped, so that it is still to be sent."""
        key = baseline.key
        older = self._kept.pop(key, None)
        if older is not None:
            self._bytes -= older.nbytes
        merged = baseline.after(older)
        if merged.table is not None:
            merged = replace(merged, table=merged.table.kept())
        self._kept[key] = merged
        self._bytes += merged.nbytes
        if due:
            self._due[key] = None
        while len(self._kept) > MAX_BASELINES or self._bytes > BASELINES_BYTES:
            gone, forgotten = self._kept.popitem(last=False)
            self._bytes -= forgotten.nbytes
            self._due.pop(gone, None)

    def all_due(self) -> None:
        self._due = dict.fromkeys(self._kept)

    def due(self) -> Iterable[Baseline]:
        return [self._kept[key] for key in self._due]

    def delivered(self, baseline: Baseline) -> None:
        self._due.pop(baseline.key, None)
