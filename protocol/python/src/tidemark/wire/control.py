"""Descriptors of feedback, requests and answers: what the control socket and the lossless lane say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import WireError
from .header import Kind

#: Of a frame on the control socket, on its way to the daemon.
CONTROL_FRAME_BYTES = 64 * 1024
OWNER_BYTES, REASON_BYTES = 128, 400
#: What feedback may report of a decision.
REPORTS = ("acked", "started", "succeeded", "failed", "rejected", "verified", "cancelled")
#: One answer holds at most this many messages and bytes; the first message comes even where it alone is larger.
FETCH_MESSAGES, FETCH_BYTES = 512, 4 * 1024 * 1024
MAX_PREFIXES, PREFIX_BYTES = 16, 200
STATUSES = ("complete", "more", "truncated", "epoch_mismatch", "no_journal", "busy", "malformed")
REQUESTS = ("fetch", "snapshot")
_LARGEST = (1 << 64) - 1
_MOST_SECONDS = 1e9

Json = dict[str, Any]


@dataclass(frozen=True)
class End:
    """What ends the answer to a fetch or snapshot. `first` to `head` is what is stored; ask from `next` next."""

    request: str
    status: str
    epoch: int
    first: int
    next: int
    head: int
    detail: str | None = None


@dataclass(frozen=True)
class Ack:
    """Of the lossless lane: how much beyond the acknowledged number may be on the way."""

    source: str
    credit: int
    credit_bytes: int


@dataclass(frozen=True)
class Nack:
    """Of the lossless lane: why a message was refused; `expected` with `out_of_order`: send again from there."""

    code: str
    detail: str
    expected: int | None = None


def decimal(said: Mapping[str, Any], key: str, *, least: int = 0) -> int:
    """A number of 64 bits, written as text. WireError (`malformed`) when it is none."""
    value = said.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        number = int(value)
        if least <= number <= _LARGEST:
            return number
    raise WireError("malformed", f"`{key}` is no decimal number from {least}")


def whole(said: Mapping[str, Any], key: str, least: int, most: int) -> int:
    value = said.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise WireError("malformed", f"`{key}` is no whole number from {least} to {most}")
    return value


def text(said: Mapping[str, Any], key: str, least: int = 1, most: int = 65_536) -> str:
    value = said.get(key)
    if not isinstance(value, str) or not least <= len(value.encode("utf-8", "surrogatepass")) <= most:
        raise WireError("malformed", f"`{key}` is no text of {least} to {most} bytes")
    return value


def fetch_descriptor(
    epoch: int,
    start: int,
    *,
    most: int = FETCH_MESSAGES,
    most_bytes: int = FETCH_BYTES,
    prefixes: Sequence[str] | None = None,
) -> Json:
    """Of a fetch or a snapshot. Without prefixes: everything."""
    made: Json = {"epoch": str(epoch), "from": str(start), "max": most, "max_bytes": most_bytes}
    if prefixes is not None:
        made["prefixes"] = list(prefixes)
    check_fetch(made)
    return made


def check_fetch(said: Mapping[str, Any]) -> None:
    decimal(said, "epoch", least=1)
    decimal(said, "from", least=1)
    for key, most in (("max", FETCH_MESSAGES), ("max_bytes", FETCH_BYTES)):
        if said.get(key) is not None:
            whole(said, key, 1, most)
    prefixes = said.get("prefixes")
    if prefixes is None:
        return
    if not isinstance(prefixes, list) or len(prefixes) > MAX_PREFIXES:
        raise WireError("malformed", f"`prefixes` is no array of at most {MAX_PREFIXES}")
    for prefix in prefixes:
        text({"prefix": prefix}, "prefix", 0, PREFIX_BYTES)


def end_descriptor(end: End) -> Json:
    made: Json = {"request": end.request, "status": end.status}
    made.update({key: str(getattr(end, key)) for key in ("epoch", "first", "next", "head")})
    return made if end.detail is None else {**made, "detail": end.detail}


def read_end(said: Mapping[str, Any]) -> End:
    """What an `end` says. WireError (`malformed`) when it is none."""
    status, request = text(said, "status", 1, 64), text(said, "request", 1, 64)
    if status not in STATUSES or request not in REQUESTS:
        raise WireError("malformed", f"an end of {request!r} with status {status!r}")
    detail = said.get("detail")
    epoch, first, following, head = (decimal(said, key) for key in ("epoch", "first", "next", "head"))
    return End(request, status, epoch, first, following, head, detail if isinstance(detail, str) else None)


def feedback_descriptor(
    decision_id: str,
    state: str,
    *,
    owner: str | None = None,
    attempt: int | None = None,
    token: str | None = None,
    reason: str | None = None,
    retry_after: float | None = None,
) -> Json:
    """Of feedback on a decision; `retry_after` in seconds. WireError (`malformed`) for what the wire cannot carry."""
    made: Json = {"decision_id": decision_id, "state": state}
    more = {"attempt": attempt, "owner": owner, "token": token, "reason": reason, "retry_after_s": retry_after}
    made.update({key: value for key, value in more.items() if value is not None})
    check_feedback(made)
    return made


def check_feedback(said: Mapping[str, Any]) -> None:
    """What feedback says of a decision. WireError (`malformed`) when a key is missing, or of another type."""
    text(said, "decision_id", 1, PREFIX_BYTES)
    state = said.get("state")
    if state not in REPORTS:
        raise WireError("malformed", f"`state` {state!r}"[:200] + f"; one of {', '.join(REPORTS)}")
    if said.get("attempt") is not None:
        whole(said, "attempt", 1, (1 << 31) - 1)
    for key, least, most in (("owner", 1, OWNER_BYTES), ("token", 1, OWNER_BYTES), ("reason", 0, REASON_BYTES)):
        if said.get(key) is not None:
            text(said, key, least, most)
    if state == "acked" and said.get("owner") is None:
        raise WireError("malformed", "acked without an `owner`")
    wait = said.get("retry_after_s")
    if wait is not None and (isinstance(wait, bool) or not isinstance(wait, (int, float))):
        raise WireError("malformed", "`retry_after_s` is no number of seconds")
    if wait is not None and not 0 <= wait < _MOST_SECONDS:
        raise WireError("malformed", f"`retry_after_s` is not from 0 to {_MOST_SECONDS:.0f}")


def ack_descriptor(ack: Ack) -> Json:
    return {"source": ack.source, "credit": ack.credit, "credit_bytes": ack.credit_bytes}


def read_ack(said: Mapping[str, Any]) -> Ack:
    """What an `ack` of the lossless lane says. WireError (`malformed`) when it is none."""
    most = (1 << 63) - 1
    return Ack(text(said, "source"), whole(said, "credit", 0, most), whole(said, "credit_bytes", 0, most))


def nack_descriptor(nack: Nack) -> Json:
    made: Json = {"code": nack.code, "detail": nack.detail}
    return made if nack.expected is None else {**made, "expected": str(nack.expected)}


def read_nack(said: Mapping[str, Any]) -> Nack:
    """What a `nack` of the lossless lane says. WireError (`malformed`) when it is none."""
    detail = said.get("detail")
    code = text(said, "code", 1, 64)
    expected = decimal(said, "expected", least=1) if code == "out_of_order" else None
    return Nack(code, detail if isinstance(detail, str) else "", expected)


def check_control(kind: Kind, said: Mapping[str, Any]) -> None:
    """Feedback, a request or an answer. An ack or nack answers feedback where it has `request`."""
    if kind == Kind.FEEDBACK:
        check_feedback(said)
    elif kind in (Kind.FETCH, Kind.SNAPSHOT):
        check_fetch(said)
    elif kind == Kind.END:
        read_end(said)
    elif kind in (Kind.ACK, Kind.NACK) and said.get("request") is not None:
        if said["request"] != "feedback":
            raise WireError("malformed", f"{kind.word} of request {said['request']!r}"[:200])
        text(said, "decision_id" if kind == Kind.ACK else "code", 0 if kind == Kind.ACK else 1, PREFIX_BYTES)
    elif kind == Kind.ACK:
        read_ack(said)
    elif kind == Kind.NACK:
        read_nack(said)
