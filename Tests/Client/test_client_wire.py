"""`tidemark.wire`: golden bytes, round trips, and bytes that are no message."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest
import reference
from conftest import REPOSITORY
from tidemark import WireError, wire

GOLDEN = REPOSITORY / "protocol" / "golden" / "1.0" / "messages.ndjson"


def golden() -> list[Any]:
    if not GOLDEN.is_file():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"no {GOLDEN.name}"))]
    lines = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    # The decoder takes all kinds; that an output or a request is no input is for the daemon to say.
    return [
        pytest.param(line, id=line["name"])
        for line in lines
        if line["encoding"] == "framed" and line["name"] not in ("framing.kind_out", "framing.kind_control")
    ]


@pytest.mark.parametrize("line", golden())
def test_golden_messages(line: dict[str, Any]) -> None:
    frames = [bytes.fromhex(frame) for frame in line["frames"]]
    if "refused" in line:
        with pytest.raises(WireError) as caught:
            wire.unpack(frames)
        assert caught.value.reason == line["refused"]
        return
    message, expect = wire.unpack(frames), line["expect"]
    header = expect["header"]
    assert (message.header.kind, message.header.flags) == (header["kind"], header["flags"])
    for name in ("epoch", "seq", "prev", "event_time", "send_time"):
        assert getattr(message.header, name) == int(header[name]), name
    if line["direction"] == "in" and expect.get("descriptor") is not None:
        assert message.descriptor == expect["descriptor"]
        for tensor, values in zip(message.tensors, expect["tensors"]):
            assert [said(value) for value in tensor.array().ravel()] == [
                int(value) if tensor.datatype == "INT64" else value for value in values
            ]
    known_flags = message.header.flags < 16 and message.header.minor == 0 and header["reserved"] == "0"
    if not line.get("decode_only") and known_flags:
        assert [bytes(frame) for frame in wire.pack(message)] == frames


def said(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (float, np.floating)) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value.item() if isinstance(value, np.generic) else value


def drawn_text(drawn: random.Random, most: int) -> str:
    letters = "ab/%-. é漢🙂\x00\x1f\x7f"
    text = "".join(drawn.choice(letters) for _ in range(drawn.randint(1, most)))
    return text if text != "-" else "x"


def drawn_message(drawn: random.Random) -> wire.Message:
    kind = drawn.choice([wire.Kind.METRICS, wire.Kind.FEATURES, wire.Kind.BASELINE])
    descriptor: dict[str, Any] = {}
    tensors: list[wire.Tensor] = []
    if kind == wire.Kind.METRICS or (kind == wire.Kind.BASELINE and drawn.random() < 0.6):
        count = drawn.randint(1, 6)
        descriptor["metrics"] = [f"m{index}" for index in range(count)]
        tensors.append(wire.tensor("values", np.array([drawn.gauss(0, 1e9) for _ in range(count)])))
    if kind == wire.Kind.FEATURES or not tensors:
        rows, columns = drawn.randint(1, 9), 0
        for index in range(drawn.randint(1, 12)):
            width, datatype = drawn.randint(1, 4), drawn.choice([*wire.DTYPES, "BYTES"])
            if datatype == "BYTES" and index:
                texts = [drawn.randbytes(drawn.randint(0, 9)) for _ in range(rows * width)]
                tensors.append(wire.text_tensor("rows", texts, (rows, width)))
            else:
                dtype = wire.DTYPES.get(datatype, np.dtype("<f8"))
                values = np.array([drawn.randint(0, 1) for _ in range(rows * width)]).astype(dtype)
                tensors.append(wire.tensor("rows", values.reshape(rows, width)))
            columns += width
        if drawn.random() < 0.5:
            descriptor["feature_names"] = [f"{index} {drawn_text(drawn, 3)}" for index in range(columns)]
    descriptor["tensors"] = [tensor.entry for tensor in tensors]
    seq = drawn.randint(1, (1 << 64) - 1)
    header = wire.Header(
        kind, 3 + len(tensors), drawn.randint(1, (1 << 64) - 1), seq, drawn.randint(0, seq - 1),
        drawn.randint(-(1 << 63), (1 << 63) - 1), drawn.randint(-(1 << 63), (1 << 63) - 1), drawn.getrandbits(3),
    )  # fmt: skip
    version = drawn_text(drawn, 3) if drawn.random() < 0.5 else None
    topic = wire.Topic(kind.word, drawn_text(drawn, 8), version, drawn_text(drawn, 8))
    return wire.Message(topic, header, descriptor, tuple(tensors))


def test_messages_come_back_as_they_were(drawn: random.Random) -> None:
    for _ in range(300):
        message = drawn_message(drawn)
        frames = [bytes(wire.byte_view(frame)) for frame in wire.pack(message)]
        back = wire.unpack(frames)
        assert (back.topic, back.header, back.descriptor) == (message.topic, message.header, message.descriptor)
        assert [bytes(wire.byte_view(frame)) for frame in wire.pack(back)] == frames
        entries = message.descriptor["tensors"]
        for entry, mine, frame in zip(entries, back.tensors, frames[3:]):
            assert np.array_equal(mine.array(), reference.tensor(entry, frame))


def test_any_bytes_are_a_message_or_a_wire_error(drawn: random.Random) -> None:
    """Good messages with a bit turned, a frame cut, lost or doubled; and noise."""
    reasons = {"malformed", "unsupported_version", "unknown_kind", "topic_mismatch", "shape_mismatch", "too_large"}
    refused = 0
    for turn in range(3000):
        frames = [bytearray(wire.byte_view(frame)) for frame in wire.pack(drawn_message(drawn))]
        damage(drawn, frames)
        try:
            wire.unpack([bytes(frame) for frame in frames])
        except WireError as error:
            assert error.reason in reasons, turn
            refused += 1
    assert refused > 1000


def damage(drawn: random.Random, frames: list[bytearray]) -> None:
    for _ in range(drawn.randint(1, 3)):
        if not frames:
            return
        at = drawn.randrange(len(frames))
        frame, how = frames[at], drawn.randrange(6)
        if how < 2 and frame:
            frame[drawn.randrange(len(frame))] ^= 1 << drawn.randrange(8)
        elif how == 2:
            del frame[drawn.randint(0, len(frame)) :]
        elif how == 3:
            frames.pop(at)
        elif how == 4:
            frames.insert(at, bytearray(drawn.randbytes(drawn.randint(0, 80))))
        else:
            frame[:] = drawn.choice([b"", b"{}", b"[" * 100_000, b"null", b'{"tensors":[{}]}', b"\xff" * 9])


@pytest.mark.parametrize(
    "topic",
    [
        wire.Topic("metrics", "", None, "s"),
        wire.Topic("metrics", "-", None, "s"),
        wire.Topic("metrics", "m", None, "-"),
        wire.Topic("metrics", "m" * 81, None, "s"),
        wire.Topic("metrics", "m", "v" * 41, "s"),
        wire.Topic("metrics", "m" * 80, "v" * 40, "s" * 80),
        wire.Topic("metrics", "m\ud800", None, "s"),
    ],
)
def test_topics_that_cannot_be(topic: wire.Topic) -> None:
    with pytest.raises(WireError, match="malformed"):
        topic.pack()


def test_a_value_that_json_has_not_is_a_wire_error() -> None:
    for value in (float("nan"), b"x", {1, 2}, "\ud800"):
        with pytest.raises(WireError):
            wire.dump({"x": value})
    with pytest.raises(WireError, match="too_large"):
        wire.dump({"x": "y" * wire.DESCRIPTOR_BYTES})


@pytest.mark.parametrize("shape", [[1 << 62, 4], [0, 1 << 62, 1 << 62], [1 << 200], [-1], [], [1] * 9, [True], [1.0]])
def test_shapes_that_cannot_be(shape: list[Any]) -> None:
    entry = {"name": "rows", "datatype": "FP64", "shape": shape}
    frames = [b"features/m/-/s", reference.header(2, 4, 1, 1), json.dumps({"tensors": [entry]}).encode(), b"12345678"]
    with pytest.raises(WireError, match="malformed"):
        wire.unpack(frames)
