"""Frames in, events out: decoding, duplicates, gaps, restarts and staleness, without sockets or clocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from . import wire
from .errors import WireError
from .events import Ended, Event, Gap, Item, Restart, Stale
from .parsing import parse
from .wire.header import Bytes
from .wire.topic import unescape

DURABLE = frozenset({"alert", "decision"})
LIVE = frozenset({"assessment", "status"})
KINDS = DURABLE | LIVE
#: A daemon is stale after this many of its heads are missed.
MISSED_HEADS = 3

# What a peer can fill. A source or topic that is forgotten is joined anew; an id that is forgotten is new again.
MAX_SOURCES = 256
MAX_TOPICS = 65_536
MAX_IDS = 16_384
_LIVE_SUFFIX = ".live"
_MOST_INTERVAL_MS = 3_600_000


def prefixes(kinds: Sequence[str], model: Optional[str], version: Optional[str]) -> list[bytes]:
    """What to subscribe to, `head/` last: whoever hears a head then has the other subscriptions in force.

    libzmq keeps that order on a connection that stands; on a new one it sends prefixes in the order of their bytes,
    where `status/` alone comes after `head/`.

    ValueError for a kind that is none, or a version without a model. `status` is of all models.
    """
    if not kinds:
        raise ValueError("no kinds to subscribe to")
    if version is not None and model is None:
        raise ValueError("a version without a model")
    chosen = []
    for kind in dict.fromkeys(kinds):
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r}; one of {', '.join(sorted(KINDS))}")
        parts = [] if kind == "status" else [part for part in (model, version) if part is not None]
        if not all(parts):
            raise ValueError("model and version are not empty")
        chosen.append("/".join([kind, *map(wire.escape, parts)]).encode() + b"/")
    return [*chosen, b"bye/", b"head/"]


@dataclass(frozen=True)
class Opened:
    """A framed message, decoded. `event` is None in a tombstone, and where the type is one of a later version; `said`
    is the descriptor of a sign of life, or of what `opened` was told to let through."""

    topic: wire.Topic
    packed: bytes
    header: wire.Header
    event: Optional[Event]
    said: Mapping[str, Any]
    nbytes: int

    @property
    def is_sign(self) -> bool:
        return self.header.kind in wire.SIGNS


def opened(frames: Sequence[Bytes], also: frozenset[wire.Kind] = frozenset()) -> Opened:
    """Decodes a framed message of a daemon: an output, a head, a bye, or one of the kinds `also`; WireError else."""
    if not wire.MIN_FRAMES <= len(frames) <= wire.MAX_FRAMES:
        raise WireError("malformed", f"{len(frames)} frames; {wire.MIN_FRAMES} to {wire.MAX_FRAMES}")
    header = wire.unpack_header(frames[1])
    if header.frames != len(frames):
        raise WireError("malformed", f"{len(frames)} frames; the header says {header.frames}")
    packed = bytes(frames[0])
    topic = wire.unpack_topic(packed)
    known = wire.known_kind(header.kind)
    if known is not None:
        wire.check_topic(header, topic)
    nbytes = sum(len(frame) for frame in frames)
    if known in wire.SIGNS or known in also:
        return Opened(topic, packed, header, None, wire.unpack_descriptor(header, frames[2]), nbytes)
    if known in wire.CONTROL or known == wire.Kind.FEEDBACK:
        raise WireError("malformed", f"{topic.kind} where outputs are")
    event: Optional[Event] = None
    if not header.tombstone:
        try:
            event = parse(wire.load(frames[-1], "event"), _text(topic), header)
        except WireError:
            if known is not None:
                raise  # of a kind that this version does not know, the number counts
    return Opened(topic, packed, header, event, {}, nbytes)


class _Numbering:
    """What is known of one source's numbers in one epoch."""

    def __init__(self, epoch: int, joined: int) -> None:
        self.epoch = epoch
        self.joined = joined
        self.last = joined
        self.by_topic: OrderedDict[bytes, int] = OrderedDict()

    def note(self, topic: bytes, seq: int) -> None:
        self.last = max(self.last, seq)
        self.by_topic[topic] = seq
        self.by_topic.move_to_end(topic)
        if len(self.by_topic) > MAX_TOPICS:
            # Joining later can hide a gap on the forgotten topic; not doing so would report false ones.
            _, forgotten = self.by_topic.popitem(last=False)
            self.joined = max(self.joined, forgotten)


class _Heart:
    """When a daemon, by its name, was last heard."""

    def __init__(self) -> None:
        self.heard = 0.0
        self.interval: Optional[float] = None
        self.stale = False


class Reader:
    """Takes the messages of one subscription in order and gives what they say.

    `kinds`, `model` and `version` are what was subscribed to; they decide whether numbers can be counted exactly. Times
    are seconds of any clock that does not go back. State is bounded: 256 sources, 65,536 topics of each, 16,384 ids.
    """

    def __init__(
        self, kinds: Sequence[str] = ("alert", "decision"), model: Optional[str] = None, version: Optional[str] = None
    ) -> None:
        self.prefixes = prefixes(kinds, model, version)
        self._kinds = frozenset(kinds)
        whole = self._kinds if model is None else frozenset()
        self._exact_durable = whole >= DURABLE
        self._exact_live = whole >= LIVE
        self._numberings: OrderedDict[str, _Numbering] = OrderedDict()
        self._hearts: OrderedDict[str, _Heart] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, frames: Sequence[Bytes], now: float) -> list[Item]:
        """What one message says, in order: a restart, a gap, then the event; nothing for a duplicate or a head.

        WireError when it is no message; then nothing has changed.
        """
        if wire.is_framed(frames):
            return self.place(opened(frames), now)
        if len(frames) != 2 or bytes(frames[1][:1]) != b"{":
            raise WireError("malformed", f"{len(frames)} frames that are neither framed nor plain")
        segments = bytes(frames[0]).split(b"/")
        topic = "/".join(wire.escape(unescape(segment)) for segment in segments)
        event = parse(wire.load(frames[1], "event"), topic)
        return [event] if self.is_new(event) else []

    def tick(self, now: float) -> list[Item]:
        """What silence says: call it when nothing is left to take, at `deadline()`."""
        found: list[Item] = []
        for name, heart in self._hearts.items():
            if heart.interval is None or heart.stale or now - heart.heard < MISSED_HEADS * heart.interval:
                continue
            heart.stale = True
            found.append(Stale(name, now - heart.heard, heart.interval))
        return found

    def deadline(self) -> Optional[float]:
        """When `tick` may next have something to say; None when it has nothing to wait for."""
        times = [
            heart.heard + MISSED_HEADS * heart.interval
            for heart in self._hearts.values()
            if heart.interval is not None and not heart.stale
        ]
        return min(times, default=None)

    # Framed messages.

    def place(self, message: Opened, now: float) -> list[Item]:
        """As `take`, of a message that was decoded before."""
        if message.is_sign:
            return self._tail(message) + self.beat(message, now)
        self.hear(message.topic.source, now)
        if message.header.is_repeat:
            # Whoever missed it, or came later, has it now; it says nothing of what was lost.
            return [message.event] if message.event is not None and self.is_new(message.event) else []
        items, duplicate = self._number(message.topic, message.packed, message.header)
        if message.event is not None and not duplicate and self.is_new(message.event):
            items.append(message.event)
        return items

    def _number(self, topic: wire.Topic, packed: bytes, header: wire.Header) -> tuple[list[Item], bool]:
        """Restart and gap before a message, and whether it is a duplicate."""
        items: list[Item] = []
        numbering = self._joined(topic.source, header.epoch, header.seq - 1, items)
        exact = self._is_exact(topic.source)
        before = numbering.by_topic.get(packed, numbering.joined)
        if header.seq <= (numbering.last if exact else before):
            return items, True
        if exact and header.seq > numbering.last + 1:
            first, missing = numbering.last + 1, header.seq - 1 - numbering.last
            items.append(Gap(topic.source, header.epoch, first, header.seq - 1, missing, True, False, None))
        elif not exact and header.prev > before:
            items.append(Gap(topic.source, header.epoch, before + 1, header.prev, 1, False, False, _text(topic)))
        numbering.note(packed, header.seq)
        return items, False

    def _tail(self, message: Opened) -> list[Item]:
        """What a head or a bye says of numbers: it joins, and tells of a lost tail."""
        items: list[Item] = []
        source, header = message.topic.source, message.header
        if self._follows(source):
            numbering = self._joined(source, header.epoch, header.seq, items)
            if header.seq < numbering.last:
                # No message overtakes another: the numbering goes on from an earlier point, as after a disk that was
                # restored, and what comes under these numbers is new.
                items.append(Restart(source, header.epoch, header.epoch))
                self._numberings[source] = _Numbering(header.epoch, header.seq)
            elif self._is_exact(source) and header.seq > numbering.last:
                first = numbering.last + 1
                missing = header.seq - numbering.last
                items.append(Gap(source, header.epoch, first, header.seq, missing, True, True, None))
                numbering.last = header.seq
        return items

    def beat(self, message: Opened, now: float) -> list[Item]:
        """What a head or a bye says of life: when to expect the next, or that none will come."""
        source = message.topic.source
        heart = self.hear(source, now)
        if message.header.kind == wire.Kind.BYE:
            # One word of the end for both numberings of a daemon: the second finds that nothing is expected.
            ended: list[Item] = [] if heart.interval is None else [Ended(_name(source))]
            heart.interval = None
            return ended
        interval = message.said.get("interval_ms")
        if isinstance(interval, bool) or not isinstance(interval, (int, float)):
            interval = 1000
        heart.interval = min(max(interval, 1), _MOST_INTERVAL_MS) / 1000
        return []

    def _joined(self, source: str, epoch: int, joined: int, items: list[Item]) -> _Numbering:
        """The numbering of a source in an epoch; begun where there is none, with a restart if there was another."""
        known = self._numberings.get(source)
        if known is None or known.epoch != epoch:
            if known is not None:
                items.append(Restart(source, epoch, known.epoch))
                joined = 0 if epoch > known.epoch else joined
            known = self._numberings[source] = _Numbering(epoch, joined)
        self._numberings.move_to_end(source)
        if len(self._numberings) > MAX_SOURCES:
            self._numberings.popitem(last=False)
        return known

    def _is_exact(self, source: str) -> bool:
        return self._exact_live if source.endswith(_LIVE_SUFFIX) else self._exact_durable

    def _follows(self, source: str) -> bool:
        """Whether messages of this numbering were subscribed to; heads come from all."""
        return bool(self._kinds & (LIVE if source.endswith(_LIVE_SUFFIX) else DURABLE))

    def hear(self, source: str, now: float) -> _Heart:
        """Notes that a daemon lives."""
        name = _name(source)
        heart = self._hearts.get(name)
        if heart is None:
            heart = self._hearts[name] = _Heart()
        self._hearts.move_to_end(name)
        if len(self._hearts) > MAX_SOURCES:
            self._hearts.popitem(last=False)
        heart.heard, heart.stale = now, False
        return heart

    def is_new(self, event: Event) -> bool:
        """Whether an event was not there before, by its source and id."""
        key = (event.source, event.id)
        if key in self._ids:
            # What is repeated is not forgotten.
            self._ids.move_to_end(key)
            return False
        self._ids[key] = None
        if len(self._ids) > MAX_IDS:
            self._ids.popitem(last=False)
        return True


def _text(topic: wire.Topic) -> str:
    """A topic as it is written by whoever escapes what must be and nothing else."""
    segments = (topic.kind, topic.model or "-", topic.version or "-", topic.source)
    return "/".join(map(wire.escape, segments))


def _name(source: str) -> str:
    """The name of a daemon, from the source of either of its numberings."""
    return source[: -len(_LIVE_SUFFIX)] if source.endswith(_LIVE_SUFFIX) else source
