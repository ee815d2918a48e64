"""The topic: frame 0, `<kind>/<model>/<version>/<source>`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import WireError

TOPIC_BYTES = 200
MODEL_BYTES, VERSION_BYTES, SOURCE_BYTES = 80, 40, 180
NOTHING = "-"

_ESCAPED = re.compile(r"[/%\x00-\x1f\x7f]")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def escape(text: str) -> str:
    """A segment: `/`, `%` and control characters as `%XX`, everything else as it is."""
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", text)


def unescape(segment: bytes) -> str:
    """The text of a segment. WireError (`malformed`) when it is none."""
    if segment.count(b"%") != len(_ESCAPE.findall(segment)):
        raise WireError("malformed", f"a broken escape in {segment!r}")
    if _CONTROL.search(segment):
        raise WireError("malformed", f"a control character in {segment!r}")
    try:
        return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), segment).decode("utf-8")
    except UnicodeDecodeError:
        raise WireError("malformed", f"a segment that is not UTF-8: {segment!r}") from None


@dataclass(frozen=True)
class Topic:
    """What a topic says. `model` and `version` are None where it says `-`."""

    kind: str
    model: str | None
    version: str | None
    source: str

    def pack(self) -> bytes:
        """The bytes of frame 0. WireError (`malformed`) when a segment is empty, `-`, or too long."""
        if not self.kind or not self.kind.isascii() or not self.kind.islower():
            raise WireError("malformed", f"kind {self.kind!r}")
        segments = [
            self.kind.encode(),
            _segment("model", self.model, MODEL_BYTES),
            _segment("version", self.version, VERSION_BYTES),
            _segment("source", self.source, SOURCE_BYTES),
        ]
        if self.source is None:
            raise WireError("malformed", "no source")
        packed = b"/".join(segments)
        if len(packed) > TOPIC_BYTES:
            raise WireError("malformed", f"a topic of {len(packed)} bytes; at most {TOPIC_BYTES}")
        return packed


def _segment(name: str, text: str | None, most: int) -> bytes:
    if text is None:
        return NOTHING.encode()
    if not isinstance(text, str):
        raise TypeError(f"{name} is a {type(text).__name__}, not a str")
    if not text or text == NOTHING:
        raise WireError("malformed", f"{name} {text!r} names nothing")
    try:
        packed = escape(text).encode("utf-8")
    except UnicodeEncodeError:
        raise WireError("malformed", f"{name} {text!r} is not Unicode text") from None
    if len(packed) > most:
        raise WireError("malformed", f"{name} of {len(packed)} bytes, percent-encoded; at most {most}")
    return packed


def unpack_topic(data: bytes) -> Topic:
    """The topic in frame 0 of a framed message. WireError (`malformed`) when it is none."""
    if len(data) > TOPIC_BYTES:
        raise WireError("malformed", f"a topic of {len(data)} bytes; at most {TOPIC_BYTES}")
    segments = data.split(b"/")
    if len(segments) != 4 or not all(segments):
        raise WireError("malformed", f"a topic without its four segments: {data!r}")
    for name, segment, most in zip(
        ("model", "version", "source"), segments[1:], (MODEL_BYTES, VERSION_BYTES, SOURCE_BYTES)
    ):
        if len(segment) > most:
            raise WireError("malformed", f"{name} of {len(segment)} bytes, percent-encoded; at most {most}")
    kind, model, version, source = (unescape(segment) for segment in segments)
    if source == NOTHING:
        raise WireError("malformed", f"a topic without a source: {data!r}")
    return Topic(kind, None if model == NOTHING else model, None if version == NOTHING else version, source)
