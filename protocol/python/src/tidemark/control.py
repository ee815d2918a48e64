"""Questions to the control socket of a daemon: what is stored, what is open, and whether a report is granted."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional, Union

import zmq

from . import wire
from .cursors import Position
from .curve import Curve
from .errors import ClosedError, ForkError, UnansweredError, WireError
from .events import Event
from .feed import CONTROL, configure_control
from .naming import default_source, new_epoch
from .reader import DURABLE, Opened, opened, prefixes

#: Seconds until a question is asked again, and until one that a daemon was too busy for is.
REPEAT_S, BUSY_S = 5.0, 1.0
#: Refusals that say nothing of the question itself: it is asked again while there is time.
_PASSING = frozenset({"busy", "unavailable"})
_ANSWERS = frozenset({wire.Kind.END, wire.Kind.ACK, wire.Kind.NACK})


@dataclass(frozen=True)
class Granted:
    """The report holds, and is in the daemon's journal. `state` is the state of the decision now."""

    decision_id: str
    attempt: int
    attempt_id: str
    state: str
    rev: int
    owner: Optional[str]
    token: Optional[str]


@dataclass(frozen=True)
class Refused:
    """The report changed nothing.

    `code`: `denied` (`owner` holds the claim), `unknown_decision`, `wrong_attempt`, `wrong_token`, `wrong_state`,
    `final` (the decision is over), `malformed`, `busy`, `unavailable`; after the last two it may be made again.
    """

    code: str
    detail: str
    owner: Optional[str]


@dataclass(frozen=True)
class Fetched:
    """Stored events, in order, and where to go on. `status` is of the last answer: `complete`, `more`, …"""

    events: tuple[Event, ...]
    status: str
    position: Position
    first: int
    head: int


class Control:
    """Asks a daemon, and waits for the answer. Several threads may use it; they wait for each other.

        with Control("tcp://127.0.0.1:7412") as control:
            answer = control.feedback("rt-5a11", "acked", owner="airflow-1")

    A question is asked again each 5 s, and after a second where the daemon was too busy, until `timeout` seconds are
    over: then UnansweredError. What was asked may have been done all the same; reports may be repeated, and the same
    report by the same owner is granted again.
    """

    _closed = True  # until there is something to close

    def __init__(
        self,
        endpoint: str = CONTROL,
        *,
        timeout: float = 15.0,
        requester: Optional[str] = None,
        curve: Optional[Curve] = None,
    ) -> None:
        if not 0 < timeout <= 86_400:
            raise ValueError(f"timeout of {timeout} s; above 0, to a day")
        self._endpoint, self._timeout, self._curve = endpoint, timeout, curve
        self._requester = default_source() if requester is None else requester
        wire.Topic("fetch", None, None, self._requester).pack()
        self._epoch, self._requests = new_epoch(), 0
        self._pid = os.getpid()
        self._repeated = False
        self._using = threading.Lock()
        self._context: zmq.Context[Any] = zmq.Context()
        try:
            self._socket = self._connect()
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self._closed = False

    def _connect(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        try:
            configure_control(socket, self._endpoint, self._curve)
        except BaseException:
            socket.close(linger=0)
            raise
        return socket

    # Reports.

    def feedback(
        self,
        decision_id: str,
        state: str,
        *,
        owner: Optional[str] = None,
        attempt: Optional[int] = None,
        token: Optional[str] = None,
        reason: Optional[str] = None,
        retry_after: Optional[float] = None,
    ) -> Union[Granted, Refused]:
        """Reports what became of a decision, and waits until that is granted and in the journal, or refused.

        `acked` claims it for `owner`: the first claim wins. `retry_after` is in seconds, with `failed` or `rejected`.
        """
        said = wire.feedback_descriptor(
            decision_id, state, owner=owner, attempt=attempt, token=token, reason=reason, retry_after=retry_after
        )
        give_up = time.monotonic() + self._timeout
        while True:
            answer = self._report(said, give_up)
            if isinstance(answer, Granted) or answer.code not in _PASSING or time.monotonic() + BUSY_S >= give_up:
                return answer
            time.sleep(BUSY_S)

    def _report(self, said: dict[str, Any], give_up: float) -> Union[Granted, Refused]:
        with contextlib.closing(self._ask(wire.Kind.FEEDBACK, said, give_up)) as answers:
            answer = next(each for each in answers if each.said.get("request") == "feedback")
        found = answer.said
        owner = found["owner"] if isinstance(found.get("owner"), str) else None
        if answer.header.kind == wire.Kind.NACK:
            detail = found.get("detail")
            return Refused(wire.text(found, "code"), detail if isinstance(detail, str) else "", owner)
        return Granted(
            wire.text(found, "decision_id"),
            wire.whole(found, "attempt", 1, 1 << 31),
            wire.text(found, "attempt_id"),
            wire.text(found, "state"),
            wire.whole(found, "rev", 0, 1 << 53),
            owner,
            found["token"] if isinstance(found.get("token"), str) else None,
        )

    # What is stored.

    def fetch(
        self,
        position: Optional[Position] = None,
        *,
        kinds: Sequence[str] = ("alert", "decision"),
        model: Optional[str] = None,
        version: Optional[str] = None,
        most: int = wire.FETCH_MESSAGES,
    ) -> Fetched:
        """One answer: stored events from a position on, or from the first that is stored.

        Go on with `position` of what comes back until its status is `complete`. `truncated` and `epoch_mismatch` bring
        no events and a position to go on from; between is what is lost. `no_journal` brings nothing.
        """
        if position is not None:
            return self._fetched(wire.Kind.FETCH, position.epoch, position.next, kinds, model, version, most)
        # Which numbering there is, only the daemon knows; it says so to whoever asks for another.
        found = self._fetched(wire.Kind.FETCH, 1, 1, kinds, model, version, most)
        if found.status != "epoch_mismatch":
            return found
        return self._fetched(wire.Kind.FETCH, found.position.epoch, found.position.next, kinds, model, version, most)

    def snapshot(
        self,
        *,
        kinds: Sequence[str] = ("alert", "decision"),
        model: Optional[str] = None,
        version: Optional[str] = None,
    ) -> Fetched:
        """All that is open now: the messages of open alerts, and of decisions that are not over.

        `position` is behind what was published when it began: who follows from there misses nothing.
        """
        found = self._fetched(wire.Kind.SNAPSHOT, 1, 1, kinds, model, version, wire.FETCH_MESSAGES)
        events: dict[int, Event] = {}
        begun: Optional[Position] = None
        while found.status in ("epoch_mismatch", "truncated", "more"):
            following = found.position
            if begun is not None and begun.epoch != following.epoch:
                begun = None
                events.clear()
            found = self._fetched(
                wire.Kind.SNAPSHOT, following.epoch, following.next, kinds, model, version, wire.FETCH_MESSAGES
            )
            if found.status in ("complete", "more"):
                begun = begun or Position(found.position.source, found.position.epoch, found.head + 1)
                events.update((event.sequence or 0, event) for event in found.events)
        return Fetched(
            tuple(event for _, event in sorted(events.items())),
            found.status,
            begun or found.position,
            found.first,
            found.head,
        )

    def _fetched(
        self,
        kind: wire.Kind,
        epoch: int,
        start: int,
        kinds: Sequence[str],
        model: Optional[str],
        version: Optional[str],
        most: int,
    ) -> Fetched:
        if not kinds or not set(kinds) <= DURABLE:
            raise ValueError(f"kinds {list(kinds)}: alert and decision are stored")
        wanted = tuple(prefixes(kinds, model, version)[:-2])
        everything = set(kinds) == DURABLE and model is None
        asked = None if everything else [prefix.decode() for prefix in wanted]
        said = wire.fetch_descriptor(epoch, start, most=most, prefixes=asked)
        give_up = time.monotonic() + self._timeout
        while True:
            stored: dict[int, Opened] = {}
            with contextlib.closing(self._ask(kind, said, give_up)) as answers:
                for answer in answers:
                    if answer.header.kind == wire.Kind.END:
                        break
                    stored[answer.header.seq] = answer
            end = wire.read_end(answer.said)
            if end.status == "malformed":
                raise WireError("malformed", f"the daemon refused a request: {end.detail}")
            if end.status != "busy":
                events = (
                    message.event
                    for seq, message in sorted(stored.items())
                    if start <= seq < end.next and message.header.epoch == end.epoch
                )
                position = Position(answer.topic.source, end.epoch, max(1, end.next))
                return Fetched(
                    tuple(event for event in events if event is not None), end.status, position, end.first, end.head
                )
            if time.monotonic() + BUSY_S >= give_up:
                raise UnansweredError(f"{self._endpoint} is busy")
            time.sleep(BUSY_S)

    # Asking.

    def _ask(self, kind: wire.Kind, said: dict[str, Any], give_up: float) -> Generator[Opened, None, None]:
        """Sends a request; gives what comes until the one who asked has heard enough. UnansweredError at the end."""
        if self._pid != os.getpid():
            raise ForkError(f"this Control was made in process {self._pid}, and this is {os.getpid()}")
        with self._using:
            if self._closed:
                raise ClosedError("the control client is closed")
            if self._repeated:
                self._renew()
            self._requests += 1
            header = wire.Header(kind, wire.MIN_FRAMES, self._epoch, self._requests)
            topic = wire.Topic(kind.word, None, None, self._requester).pack()
            frames: list[bytes] = [topic, header.pack(), wire.dump(said)]
            repeat = 0.0
            while True:
                now = time.monotonic()
                if now >= give_up:
                    self._renew()
                    raise UnansweredError(f"{self._endpoint} did not answer within {self._timeout:g} s")
                if now >= repeat:
                    self._repeated = repeat > 0
                    repeat = now + REPEAT_S
                    try:
                        self._socket.send_multipart(frames, zmq.DONTWAIT)
                    except zmq.Again:
                        pass  # it waits for a connection already
                if not self._socket.poll(max(0, int((min(give_up, repeat) - now) * 1000) + 1)):
                    if self._closed:
                        raise ClosedError("the control client is closed")
                    continue
                try:
                    answer = opened(self._socket.recv_multipart(zmq.DONTWAIT), _ANSWERS)
                except WireError:
                    continue
                is_end = answer.header.kind in _ANSWERS
                if not is_end or answer.header.seq == self._requests:
                    yield answer

    def _renew(self) -> None:
        """Another connection: what was asked on this one must not be answered when nobody expects it any more."""
        self._socket.close(linger=0)
        self._socket = self._connect()
        self._repeated = False

    def close(self) -> None:
        """Ends the connection, after an answer that is waited for. A second call does nothing."""
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        with self._using:
            self._socket.close(linger=0)
            self._context.term()

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
