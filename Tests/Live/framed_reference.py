"""The framed encoding in Python, written from `protocol/specification.md` alone: struct, json and numpy.

`decode` takes a message in as the daemon would, `decode_output` one from the daemon, `encode` makes the bytes again;
`decode_request` and `decode_hello` are those of the control and of the reliable socket.
What they say has the form of `expect` in the golden files.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import math
import struct
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import numpy as np

HEADER = struct.Struct(">4sBBBBIIQQQqqQ")
FIELDS = (
    "major",
    "minor",
    "kind",
    "descriptor_encoding",
    "flags",
    "frames",
    "epoch",
    "seq",
    "prev",
    "event_time",
    "send_time",
    "reserved",
)
WIDE = FIELDS[FIELDS.index("epoch") :]
WORDS = dict(enumerate("metrics features predictions labels baseline feedback head bye".split(), 1))
WORDS |= dict(enumerate("alert decision assessment status".split(), 16))
WORDS |= dict(enumerate("fetch end snapshot ack nack silence".split(), 32))
NUMBERS = {word: number for number, word in WORDS.items()}
SPOKEN = {"metrics", "features", "baseline", "feedback"}
REQUESTS = {"feedback", "fetch", "snapshot", "silence"}
#: Out, with a descriptor instead of an event.
DESCRIBED = {"head", "bye", "end", "ack", "nack"}
REPORTS = {"acked", "started", "succeeded", "failed", "rejected", "verified", "cancelled"}
TOMBSTONE = 8
DTYPES = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8", "INT32": "<i4", "BOOL": "u1"}
COLUMNS, METRICS, HEAD_BYTES, DESCRIPTOR_BYTES = 65_536, 1_024, 4_096, 4 << 20
LATENCIES = 10_000
CONTROL_BYTES, FETCH_MESSAGES, FETCH_BYTES, PREFIXES, PREFIX_BYTES = 64 << 10, 512, 4 << 20, 16, 200
OWNER_BYTES, REASON_BYTES, RETRY_SECONDS = 128, 400, 1e9
SILENCE_SECONDS = 366 * 86_400

Json = Any


class Refused(Exception):
    """`counted`: its number is entered in an account; of a request, that it is answered."""

    def __init__(self, reason: str, counted: bool, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.counted = reason, counted


class Body(Exception):
    """Something is wrong after the number is known."""

    def __init__(self, detail: str, reason: str = "malformed") -> None:
        super().__init__(detail)
        self.reason = reason


# In.


def decode(frames: list[bytes]) -> dict[str, Json]:
    if len(frames) >= 2 and frames[1].startswith(b"TIDE"):
        return decode_framed(frames)
    if len(frames) == 2 and frames[1].startswith(b"{"):
        event = json.loads(frames[1])
        said = event.get("data", {})
        rows = (said if event["type"] == "tidemark.features.v1" else said.get("features") or {}).get("rows", [])
        has_text = any(isinstance(cell, str) for row in rows for cell in row)
        return {"topic": frames[0].decode(), "event": event} | ({"remarks": ["text_ignored"]} if has_text else {})
    raise Refused("malformed", False, "neither framed nor plain")


def read_header(frames: list[bytes]) -> dict[str, int]:
    if not 3 <= len(frames) <= 16:
        raise Refused("malformed", False, "frames")
    if len(frames[1]) != HEADER.size:
        raise Refused("malformed", False, "header")
    magic, *values = HEADER.unpack(frames[1])
    header = dict(zip(FIELDS, values, strict=True))
    if header["major"] != 1:
        raise Refused("unsupported_version", False)
    if header["frames"] != len(frames):
        raise Refused("malformed", False, "number of frames")
    if header["epoch"] == 0:
        raise Refused("malformed", False, "epoch")
    return header


def read_topic(frame: bytes) -> tuple[str, str, str, str]:
    parts = frame.split(b"/")
    if len(frame) > 200 or len(parts) != 4 or not all(parts):
        raise Refused("malformed", False, "topic")
    kind, *rest = parts
    texts = []
    for part, limit in zip(rest, (80, 40, 180), strict=True):
        for escape in part.split(b"%")[1:]:
            if len(escape) < 2 or any(digit not in b"0123456789abcdefABCDEF" for digit in escape[:2]):
                raise Refused("malformed", False, "escape")
        raw = unquote_to_bytes(part)
        encoded = sum(3 if byte in b"/%\x7f" or byte < 0x20 else 1 for byte in raw)
        try:
            texts.append(raw.decode())
        except UnicodeDecodeError:
            raise Refused("malformed", False, "no UTF-8") from None
        if encoded > limit:
            raise Refused("malformed", False, "too long")
    if texts[2] == "-":
        raise Refused("malformed", False, "no source")
    return kind.decode("utf-8", "replace"), texts[0], texts[1], texts[2]


def said(frames: list[bytes], header: dict[str, int]) -> dict[str, Json]:
    shown = {key: str(value) if key in WIDE else value for key, value in header.items()}
    return {"topic": frames[0].decode(), "header": shown}


def decode_framed(frames: list[bytes]) -> dict[str, Json]:
    header = read_header(frames)
    kind, model, version, source = read_topic(frames[0])
    word = WORDS.get(header["kind"])
    meaning = said(frames, header)
    if word in ("head", "bye"):
        try:
            return meaning | {"descriptor": read_sign(frames, header, word, kind), "tensors": []}
        except Body as wrong:
            raise Refused(wrong.reason, False, str(wrong)) from None
    if header["seq"] == 0 or header["prev"] >= header["seq"]:
        raise Refused("malformed", False, "seq or prev")
    try:
        if word not in SPOKEN:
            raise Body("kind", "unknown_kind")
        if kind != word:
            raise Body("kind", "topic_mismatch")
        if model == "-" and word != "feedback":
            raise Body("no model")
        if header["flags"] & TOMBSTONE:
            if header["descriptor_encoding"] != 0 or frames[2] or len(frames) != 3:
                raise Body("a tombstone with content")
            return meaning | {"descriptor": None, "tensors": [], "tombstone": True}
        if header["descriptor_encoding"] != 1:
            raise Body("descriptor encoding")
        descriptor = read_descriptor(frames[2], DESCRIPTOR_BYTES)
        tensors = read_tensors(descriptor, frames[3:])
        data, has_text = BODIES[word](descriptor, tensors)
    except Body as wrong:
        raise Refused(wrong.reason, True, str(wrong)) from None
    meaning |= {"descriptor": descriptor, "tensors": [shown_values(tensor) for tensor in tensors]}
    meaning["event"] = plain_event(word, model, version, source, header, data)
    return meaning | ({"remarks": ["text_ignored"]} if has_text else {})


def read_sign(frames: list[bytes], header: dict[str, int], word: str, kind: str) -> Json:
    if kind != word:
        raise Body("kind", "topic_mismatch")
    if len(frames) != 3 or header["descriptor_encoding"] != 1:
        raise Body("no descriptor, or tensors")
    descriptor = read_descriptor(frames[2], HEAD_BYTES)
    for key, least in (("dropped", 0), *((("interval_ms", 1),) if word == "head" else ())):
        if not whole(descriptor.get(key), least):
            raise Body(key)
    return descriptor


def decode_request(frames: list[bytes]) -> dict[str, Json]:
    """A message to the control socket: fetch, snapshot or feedback."""
    if len(frames) < 2 or not frames[1].startswith(b"TIDE"):
        raise Refused("malformed", False, "not framed")
    header = read_header(frames)
    kind, _, _, _ = read_topic(frames[0])
    word = WORDS.get(header["kind"])
    if header["seq"] == 0:
        raise Refused("malformed", False, "seq")
    if word not in REQUESTS:
        raise Refused("unknown_kind", False)
    if kind != word:
        raise Refused("topic_mismatch", False)
    try:
        if len(frames) != 3 or header["descriptor_encoding"] != 1:
            raise Body("no descriptor, or tensors")
        descriptor = read_descriptor(frames[2], CONTROL_BYTES)
        check = {"feedback": check_feedback, "silence": check_silence}.get(word, check_fetch)
        check(descriptor)
    except Body as wrong:
        raise Refused("malformed", True, str(wrong)) from None
    return said(frames, header) | {"descriptor": descriptor, "tensors": []}


def check_silence(descriptor: Json) -> None:
    said_of = [key for key in ("create", "expire", "resolve") if key in descriptor]
    if len(said_of) > 1:
        raise Body("more than one of create, expire and resolve")
    if "create" not in descriptor:
        if said_of and not isinstance(descriptor[said_of[0]], str):
            raise Body("no text")
        return
    terms = descriptor["create"]
    matchers = terms.get("matchers")
    fields = ("model", "version", "monitor", "severity", "type")
    if not isinstance(matchers, dict) or not matchers or not set(matchers) <= set(fields):
        raise Body("matchers")
    if not isinstance(terms.get("created_by"), str) or not 1 <= len(terms["created_by"].encode()) <= OWNER_BYTES:
        raise Body("created_by")
    if ("ends_at" in terms) == ("duration_s" in terms):
        raise Body("one end")
    if "ends_at" in terms and not re.fullmatch(r"\d{4}-\d\d-\d\dT.*", str(terms["ends_at"])):
        raise Body("ends_at")
    if "duration_s" in terms and not 0 < terms["duration_s"] <= SILENCE_SECONDS:
        raise Body("duration_s")


def decode_hello(frames: list[bytes]) -> dict[str, Json]:
    """A head on the reliable socket."""
    meaning = decode_framed(frames)
    first, seq = meaning["descriptor"].get("first"), int(meaning["header"]["seq"])
    if first is not None and (not decimal(first) or not 1 <= int(first) <= seq + 1):
        raise Refused("malformed", False, "first")
    return meaning


def decimal(value: Json) -> bool:
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20
    return digits and int(value) < 2**64


def check_fetch(descriptor: Json) -> None:
    if not decimal(descriptor.get("epoch")) or not decimal(descriptor.get("from")) or int(descriptor["from"]) == 0:
        raise Body("epoch or from")
    for key, most in (("max", FETCH_MESSAGES), ("max_bytes", FETCH_BYTES)):
        value = descriptor.get(key)
        if value is not None and not (whole(value, 1) and value <= most):
            raise Body(key)
    prefixes = strings(descriptor, "prefixes") or []
    if len(prefixes) > PREFIXES or any(len(prefix.encode()) > PREFIX_BYTES for prefix in prefixes):
        raise Body("prefixes")


def check_feedback(data: Json) -> None:
    decision, state, attempt, wait = (data.get(key) for key in ("decision_id", "state", "attempt", "retry_after_s"))
    if not isinstance(decision, str) or not decision or state not in REPORTS:
        raise Body("decision_id or state")
    if attempt is not None and not whole(attempt, 1):
        raise Body("attempt")
    for key, least, most in (("owner", 1, OWNER_BYTES), ("token", 1, OWNER_BYTES), ("reason", 0, REASON_BYTES)):
        text = data.get(key)
        if text is not None and not (isinstance(text, str) and least <= len(text.encode()) <= most):
            raise Body(key)
    if state == "acked" and data.get("owner") is None:
        raise Body("owner")
    if wait is not None and not (type(wait) in (int, float) and 0 <= wait < RETRY_SECONDS):
        raise Body("retry_after_s")


def feedback(descriptor: Json, tensors: list[Tensor]) -> tuple[Json, bool]:
    if tensors:
        raise Body("tensors")
    check_feedback(descriptor)
    return descriptor, False


def whole(value: Json, least: int) -> bool:
    return type(value) is int and least <= value < 2**64


def read_descriptor(frame: bytes, limit: int) -> Json:
    def no(text: str) -> NoReturn:
        raise ValueError(text)

    if len(frame) > limit:
        raise Body("descriptor", "too_large")
    try:
        value = json.loads(frame.decode(), parse_constant=no)
    except ValueError as wrong:
        raise Body(str(wrong)) from None
    if not isinstance(value, dict):
        raise Body("no object")
    return value


class Tensor:
    def __init__(self, said: Json, frame: bytes) -> None:
        if not isinstance(said, dict):
            raise Body("a tensor that is no object")
        self.name, self.datatype = said.get("name"), said.get("datatype")
        self.shape: Any = said.get("shape")
        if not isinstance(self.name, str) or self.datatype not in (*DTYPES, "BYTES"):
            raise Body("name or datatype")
        if not isinstance(self.shape, list) or not 1 <= len(self.shape) <= 8:
            raise Body("rank")
        if not all(type(size) is int and 0 <= size < 2**63 for size in self.shape):
            raise Body("dimension")
        count = math.prod(self.shape)
        size = 4 if self.is_text else np.dtype(DTYPES[self.datatype]).itemsize
        if count * size >= 2**63:
            raise Body("overflow")
        if self.is_text:
            self.values: Any = texts(frame, count)
        elif len(frame) != count * size:
            raise Body("bytes")
        else:
            self.values = np.frombuffer(frame, DTYPES[self.datatype])
            if self.datatype == "BOOL":
                self.values = self.values != 0

    @property
    def is_text(self) -> bool:
        return bool(self.datatype == "BYTES")

    @property
    def doubles(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(self.values).astype(np.float64)


def texts(frame: bytes, count: int) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while len(found) < count:
        if at + 4 > len(frame):
            raise Body("length of a text")
        (length,) = struct.unpack_from("<I", frame, at)
        at += 4
        if at + length > len(frame):
            raise Body("text")
        found.append(frame[at : at + length])
        at += length
    if at != len(frame):
        raise Body("bytes after the texts")
    return found


def read_tensors(descriptor: Json, frames: list[bytes]) -> list[Tensor]:
    listed = descriptor.get("tensors", [])
    if not isinstance(listed, list) or len(listed) != len(frames):
        raise Body("tensors")
    return [Tensor(said, frame) for said, frame in zip(listed, frames, strict=True)]


def strings(descriptor: Json, key: str) -> list[str] | None:
    value = descriptor.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Body(key)
    return value


def figures(descriptor: Json, tensor: Tensor) -> dict[str, float]:
    names = strings(descriptor, "metrics")
    if not names or len(names) > METRICS or len(set(names)) != len(names):
        raise Body("metrics")
    if tensor.name != "values" or tensor.is_text or tensor.shape != [len(names)]:
        raise Body("values")
    return dict(zip(names, tensor.doubles.tolist(), strict=True))


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def check_counts(figures: dict[str, float]) -> None:
    """Both or neither, whole numbers, no more right answers than answers."""
    given = [figures[name] for name in ("correct", "total") if not math.isnan(figures.get(name, math.nan))]
    if not given:
        return
    if len(given) == 1 or any(not value.is_integer() for value in given):
        raise Body("counts")
    if not 0 <= given[0] <= given[1] <= 2**53:
        raise Body("counts")


def check_quantiles(figures: dict[str, float]) -> None:
    names = [f"latency_quantiles_ms.{key}" for key in ("p50", "p95", "p99", "count")]
    values = [figures.get(name, math.nan) for name in names]
    if all(math.isnan(value) for value in values):
        return
    p50, p95, p99, count = values
    if not (0 <= p50 <= p95 <= p99 < math.inf and 1 <= count <= 2**53 and count.is_integer()):
        raise Body("latency_quantiles_ms")


def nested(figures: dict[str, float]) -> Json:
    """Dotted names as the plain encoding has them."""
    data: Json = {}
    for name, value in figures.items():
        outer, _, inner = name.partition(".")
        if inner and outer in ("metrics", "latency_quantiles_ms"):
            data.setdefault(outer, {})[inner] = finite(value)
        else:
            data[name] = finite(value)
    return data


def metrics(descriptor: Json, tensors: list[Tensor]) -> tuple[Json, bool]:
    if not tensors:
        raise Body("values")
    said = figures(descriptor, tensors[0])
    latencies = tensors[1:]
    if len(latencies) > 1 or any(
        each.name != "latencies_ms" or each.is_text or len(each.shape) != 1 for each in latencies
    ):
        raise Body("latencies_ms")
    if any(each.shape[0] > LATENCIES for each in latencies):
        raise Body("latencies_ms", "too_large")
    check_counts(said)
    data = nested(said)
    for each in latencies:
        data["latencies_ms"] = [finite(value) for value in each.doubles.tolist()]
    return data, False


def features(descriptor: Json, tensors: list[Tensor]) -> tuple[Json, bool]:
    if not tensors or any(tensor.name != "rows" or len(tensor.shape) > 2 for tensor in tensors):
        raise Body("rows")
    names = strings(descriptor, "feature_names")
    shapes = [(tensor.shape[0], tensor.shape[1] if len(tensor.shape) == 2 else 1) for tensor in tensors]
    rows, total = shapes[0][0], sum(columns for _, columns in shapes)
    if any(count != rows or count == 0 or columns == 0 for count, columns in shapes):
        raise Body("rows", "shape_mismatch")
    if total > COLUMNS:
        raise Body("columns", "too_large")
    if names is not None and (len(names) != total or len(set(names)) != total):
        raise Body("feature_names", "shape_mismatch")
    blocks, kept, at = [], [], 0
    for tensor, (_, columns) in zip(tensors, shapes, strict=True):
        if not tensor.is_text:
            blocks.append(tensor.doubles.reshape(rows, columns))
            kept += names[at : at + columns] if names else []
        at += columns
    if not blocks:
        raise Body("no column of numbers", "shape_mismatch")
    matrix = [[finite(value) for value in row] for row in np.hstack(blocks).tolist()]
    data: Json = {"feature_names": kept} if names is not None else {}
    return data | {"rows": matrix}, any(tensor.is_text for tensor in tensors)


def baseline(descriptor: Json, tensors: list[Tensor]) -> tuple[Json, bool]:
    if not tensors:
        raise Body("a baseline of nothing")
    data: Json = {}
    if tensors[0].name == "values":
        said = figures(descriptor, tensors[0])
        if any(math.isinf(said.get(name, 0)) for name in ("accuracy", "latency_ms")):
            raise Body("infinite")
        check_counts(said)
        check_quantiles(said)
        data = nested(said)
        tensors = tensors[1:]
        if not tensors:
            return data, False
    data["features"], has_text = features(descriptor, tensors)
    return data, has_text


BODIES = {"metrics": metrics, "features": features, "baseline": baseline, "feedback": feedback}


# What it says.


def shown_values(tensor: Tensor) -> list[Json]:
    if tensor.is_text:
        return [value.decode() for value in tensor.values]
    if tensor.datatype == "INT64":
        return [str(value) for value in tensor.values.tolist()]
    return [shown_value(value) for value in tensor.values.tolist()]


def shown_value(value: Json) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def rfc3339(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return text + f".{fraction:09d}".rstrip("0").rstrip(".") + "Z"


def plain_event(word: str, model: str, version: str, source: str, header: dict[str, int], data: Json) -> Json:
    event = {
        "specversion": "1.0",
        "type": f"tidemark.{word}.v1",
        "source": source,
        "id": f"{header['epoch']}-{header['seq']}",
        "sequence": str(header["seq"]),
        "epoch": str(header["epoch"]),
        "data": data,
    }
    if header["event_time"]:
        event["time"] = rfc3339(header["event_time"])
    return event | {key: text for key, text in (("subject", model), ("modelversion", version)) if text != "-"}


# Out.


def decode_output(frames: list[bytes]) -> dict[str, Json]:
    """As a reader that trusts its daemon; what it does not know it passes over."""
    header = read_header(frames)
    meaning = said(frames, header)
    value = json.loads(frames[-1])
    if WORDS.get(header["kind"]) in DESCRIBED:
        return meaning | {"descriptor": value, "tensors": []}
    return meaning | {"event": value}


# Back.


def compact(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def tensor_bytes(datatype: str, values: list[Json]) -> bytes:
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)
    if datatype == "INT64":
        return np.array([int(value) for value in values], "<i8").tobytes()
    return (
        np.array([math.nan if value is None else float(value) for value in values]).astype(DTYPES[datatype]).tobytes()
    )


def encode(meaning: dict[str, Json]) -> list[bytes]:
    if "header" not in meaning:
        return [meaning["topic"].encode(), compact(meaning["event"])]
    header = HEADER.pack(b"TIDE", *(int(meaning["header"][field]) for field in FIELDS))
    frames = [meaning["topic"].encode(), header]
    if "descriptor" not in meaning:
        return [*frames, compact(meaning["event"])]
    descriptor = meaning["descriptor"]
    if descriptor is None:
        return [*frames, b""]
    listed = descriptor.get("tensors", [])
    tensors = [tensor_bytes(said["datatype"], values) for said, values in zip(listed, meaning["tensors"], strict=True)]
    return [*frames, compact(descriptor), *tensors]
