"""The framed protocol 1.0 as pure functions: bytes to values and back, without sockets.

`unpack(frames)` gives a `Message`, or a WireError with the protocol's reason; `pack(message)` gives the frames again.
"""

from ..errors import WireError
from .control import (
    CONTROL_FRAME_BYTES,
    FETCH_BYTES,
    FETCH_MESSAGES,
    MAX_PREFIXES,
    OWNER_BYTES,
    PREFIX_BYTES,
    REASON_BYTES,
    REPORTS,
    Ack,
    End,
    Nack,
    ack_descriptor,
    check_feedback,
    end_descriptor,
    feedback_descriptor,
    fetch_descriptor,
    nack_descriptor,
    read_ack,
    read_end,
    read_nack,
)  # fmt: skip
from .header import (
    ACK_WANTED,
    CONTROL,
    FIRST_OF_EPOCH,
    HEADER_BYTES,
    INPUTS,
    JSON_DESCRIPTOR,
    MAGIC,
    MAJOR,
    MINOR,
    NO_DESCRIPTOR,
    OUTPUTS,
    REPLAYED,
    SIGNS,
    TOMBSTONE,
    UNNUMBERED,
    Header,
    Kind,
    known_kind,
    unpack_header,
)  # fmt: skip
from .message import (
    DESCRIPTOR_BYTES,
    MAX_COLUMNS,
    MAX_FRAMES,
    MAX_METRICS,
    MAX_TENSORS,
    MIN_FRAMES,
    Frame,
    Message,
    bye_descriptor,
    check_topic,
    dump,
    head_descriptor,
    input_descriptor,
    is_framed,
    load,
    pack,
    unpack,
    unpack_descriptor,
)  # fmt: skip
from .tensor import BYTES, DTYPES, MAX_RANK, Tensor, byte_view, pack_text, tensor, text_tensor, unpack_text
from .topic import (
    MODEL_BYTES,
    SOURCE_BYTES,
    TOPIC_BYTES,
    VERSION_BYTES,
    Topic,
    escape,
    unescape,
    unpack_topic,
)  # fmt: skip

__all__ = [
    "ACK_WANTED", "Ack", "BYTES", "CONTROL", "CONTROL_FRAME_BYTES", "DESCRIPTOR_BYTES", "DTYPES", "End",
    "FETCH_BYTES", "FETCH_MESSAGES", "FIRST_OF_EPOCH", "Frame", "HEADER_BYTES", "Header", "INPUTS", "JSON_DESCRIPTOR",
    "Kind", "MAGIC", "MAJOR", "MAX_COLUMNS", "MAX_FRAMES", "MAX_METRICS", "MAX_PREFIXES", "MAX_RANK", "MAX_TENSORS",
    "MINOR", "MIN_FRAMES", "MODEL_BYTES", "Message", "NO_DESCRIPTOR", "Nack", "OUTPUTS", "OWNER_BYTES",
    "PREFIX_BYTES", "REASON_BYTES", "REPLAYED", "REPORTS", "SIGNS", "SOURCE_BYTES", "TOMBSTONE", "TOPIC_BYTES",
    "Tensor", "Topic", "UNNUMBERED", "VERSION_BYTES", "WireError", "ack_descriptor", "bye_descriptor", "byte_view",
    "check_feedback", "check_topic", "dump", "end_descriptor", "escape", "feedback_descriptor", "fetch_descriptor",
    "head_descriptor", "input_descriptor", "is_framed", "known_kind", "load", "nack_descriptor", "pack", "pack_text",
    "read_ack", "read_end", "read_nack", "tensor", "text_tensor", "unescape", "unpack", "unpack_descriptor",
    "unpack_header", "unpack_text", "unpack_topic",
]  # fmt: skip
