"""Metrics, and what every kind has in common, shown on metrics."""

from __future__ import annotations

import math
from typing import Any

from message import (
    ACK_WANTED,
    FIRST_OF_EPOCH,
    REPLAYED,
    TOMBSTONE,
    Case,
    Tensor,
    compact,
    event,
    framed,
    header,
    judged,
    nested,
    refused,
    tombstone,
)

BOTH = ["accuracy", "latency_ms"]


def values(datatype: str, *numbers: Any, shape: list[int] | None = None) -> Tensor:
    return Tensor("values", datatype, shape if shape is not None else [len(numbers)], list(numbers))


def good(
    name: str,
    about: str,
    names: list[str],
    tensor: Tensor,
    *,
    latencies: Tensor | None = None,
    decode_only: bool = False,
    **more: Any,
) -> Case:
    tensors = [tensor] if latencies is None else [tensor, latencies]
    frames, meaning = framed("metrics", {"metrics": names}, tensors, **more)
    who = {key: more[key] for key in ("model", "version", "source") if key in more}
    data = nested({key: judged(tensor.datatype, value) for key, value in zip(names, tensor.values)})
    if latencies is not None:
        data["latencies_ms"] = [judged(latencies.datatype, value) for value in latencies.values]
    return Case(
        f"metrics.{name}",
        "metrics",
        about,
        frames,
        meaning | {"event": event("metrics", meaning, data, **who)},
        decode_only=decode_only,
    )


def bad(name: str, about: str, descriptor: Any, *tensors: bytes, **more: Any) -> Case:
    body = descriptor if isinstance(descriptor, bytes) else compact(descriptor)
    packed, _ = header(1, 3 + len(tensors), seq=4, prev=2, **more)
    return refused("metrics", name, about, "malformed", True, [b"metrics/fraud/7/scorer-1", packed, body, *tensors])


def described(names: Any, *tensors: dict[str, Any]) -> dict[str, Any]:
    return {"metrics": names, "tensors": list(tensors)}


def tensor(shape: Any, datatype: Any = "FP64", name: Any = "values") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def cases() -> list[Case]:
    return [*taken(), *detailed(), *descriptors(), *shapes(), *bodies(), *bad_details()]


def taken() -> list[Case]:
    two = values("FP64", 0.75, 251.0)
    far = 2**64 - 1
    found = [
        good(
            "steady",
            "The steady case. The message before on this topic had number 2; number 3 had another topic.",
            BOTH,
            two,
        ),
        good("nan", "NaN: accuracy was not measured.", BOTH, values("FP64", math.nan, 120.5)),
        good("infinite", "Infinities are not measured either.", BOTH, values("FP64", -math.inf, math.inf)),
        good(
            "fp32",
            "FP32 becomes the double of the same value: 0.1 is 0.10000000149011612.",
            BOTH,
            values("FP32", 0.1, 251.25),
        ),
        good("int32", "One metric, INT32.", ["latency_ms"], values("INT32", 250)),
        good(
            "int64",
            "INT64 beyond 2^53 is rounded to the nearest double: 9007199254740993 becomes 9007199254740992.",
            ["latency_ms"],
            values("INT64", 2**53 + 1),
        ),
        good("bool", "BOOL: true is 1.", ["accuracy"], values("BOOL", True)),
        good(
            "unknown_name",
            "A name that is not known is passed over.",
            ["accuracy", "requests"],
            values("FP64", 0.91, 4120.0),
        ),
        good(
            "first_of_epoch",
            "Number 1 of its epoch: prev is 0, and flag 4 says so too.",
            BOTH,
            two,
            seq=1,
            prev=0,
            flags=FIRST_OF_EPOCH,
        ),
        good(
            "percent_encoded",
            "Model `team/fraud`, version `7 β%`, source `/pods/7`: only slash, percent and control "
            "characters are escaped.",
            BOTH,
            two,
            model="team/fraud",
            version="7 β%",
            source="/pods/7",
        ),
        good("no_version", "A model without a version.", BOTH, two, version="-"),
        good(
            "no_times", "No event time: the arrival stands in for it. No send time either.", BOTH, two, time=0, sent=0
        ),
        good("before_1970", "Times are signed: one nanosecond before 1970.", BOTH, two, time=-1),
        good("largest", "The largest numbers.", BOTH, two, epoch=far, seq=far, prev=far - 1),
        good(
            "flags",
            "Replayed, ack-wanted, and the unknown bit 31, which is passed over.",
            BOTH,
            two,
            flags=REPLAYED | ACK_WANTED | 1 << 31,
        ),
        good("later_minor", "A minor version that is not known is taken.", BOTH, two, minor=7),
        good("reserved", "The reserved field is passed over.", BOTH, two, reserved=far),
        good(
            "lower_case_escape",
            "On the way in, `%2f` is as good as `%2F`.",
            BOTH,
            two,
            model="team/fraud",
            topic="metrics/team%2ffraud/7/scorer-1",
            decode_only=True,
        ),
    ]
    loose = (
        b'{ "tensors" : [ {"shape":[2],"parameters":{"a":[1]},"datatype":"FP64","name":"values"} ],\n'
        b'  "comment": null, "metrics": ["accuracy", "latency\\u005fms"] }'
    )
    found.append(
        good(
            "loose_descriptor",
            "Keys in any order, white space, escapes and keys that are not known.",
            BOTH,
            two,
            raw_descriptor=loose,
            decode_only=True,
        )
    )
    truth = good(
        "bool_not_1", "A BOOL that is neither 0 nor 1 is true.", ["accuracy"], values("BOOL", True), decode_only=True
    )
    truth.frames[3] = b"\x02"
    found.append(truth)
    frames, meaning = tombstone("metrics")
    found.append(
        Case(
            "metrics.tombstone",
            "metrics",
            "A number without content: it is counted, and evaluated by nobody.",
            frames,
            meaning | {"tombstone": True},
        )
    )
    return found


def detailed() -> list[Case]:
    counts = ["correct", "total"]
    return [
        good("counts", "Right answers of checked ones: accuracy is 0.91.", counts, values("INT64", 91, 100)),
        good(
            "counts_and_accuracy",
            "An accuracy that is told stands as it is told; evidence is by the counts.",
            ["accuracy", *counts],
            values("FP64", 0.9, 91.0, 100.0),
        ),
        good("no_cases", "Counts of nothing: accuracy was not measured.", counts, values("INT32", 0, 0)),
        good("counts_not_given", "NaN: no counts.", counts, values("FP64", math.nan, math.nan)),
        good(
            "named",
            "Business metrics by name, one of them not measured.",
            ["accuracy", "metrics.revenue", "metrics.refund rate"],
            values("FP64", 0.91, 1234.5, math.nan),
        ),
        good(
            "latencies",
            "Single latencies, one of them missing; `latency_ms` is not told and so their mean, 120.",
            ["accuracy"],
            values("FP64", 0.91),
            latencies=Tensor("latencies_ms", "FP32", [4], [100.0, 140.0, math.nan, 120.0]),
        ),
        good(
            "everything",
            "All that an event of metrics may say.",
            [*BOTH, *counts, "metrics.revenue"],
            values("FP64", 0.91, 118.5, 91.0, 100.0, 1234.5),
            latencies=Tensor("latencies_ms", "FP64", [3], [100.0, 120.0, 135.5]),
        ),
    ]


TWO = bytes.fromhex("000000000000e83f0000000000606f40")  # 0.75, 251.0
GOOD = described(BOTH, tensor([2]))


def descriptors() -> list[Case]:
    return [
        bad("not_json", "The descriptor is no JSON.", b'{"metrics":["accuracy","latency_ms"]', TWO),
        bad("trailing_json", "The descriptor goes on after its end.", compact(GOOD) + b"}", TWO),
        bad("array", "The descriptor is no object.", [GOOD], TWO),
        bad("not_utf8", "A name that is no UTF-8.", compact(GOOD).replace(b"accuracy", b"accurac\xff"), TWO),
        bad("empty_descriptor", "The header promises JSON, and the descriptor is empty.", b"", TWO),
        bad("encoding_none", "The header promises no descriptor, and there is one.", GOOD, TWO, encoding=0),
        bad("no_descriptor", "Neither descriptor nor tensors, and no tombstone.", b"", encoding=0),
        bad("encoding_unknown", "A descriptor encoding that is not known.", GOOD, TWO, encoding=2),
        bad("tombstone_with_content", "A tombstone has no content.", GOOD, TWO, flags=TOMBSTONE),
        bad("tombstone_with_descriptor", "A tombstone has no descriptor.", GOOD, flags=TOMBSTONE),
        bad("no_tensors", "A tensor came that is not described.", {"metrics": BOTH}, TWO),
        bad("tensors_null", "`tensors` is no array.", {"metrics": BOTH, "tensors": None}, TWO),
        bad("too_few_described", "Two tensors came, one is described.", GOOD, TWO, TWO),
        bad(
            "too_many_described", "One tensor came, two are described.", described(BOTH, tensor([2]), tensor([2])), TWO
        ),
        bad("no_name", "A tensor without a name.", described(BOTH, {"datatype": "FP64", "shape": [2]}), TWO),
        bad("no_datatype", "A tensor without a datatype.", described(BOTH, {"name": "values", "shape": [2]}), TWO),
        bad("no_shape", "A tensor without a shape.", described(BOTH, {"name": "values", "datatype": "FP64"}), TWO),
        bad("datatype_unknown", "A datatype that is not known.", described(BOTH, tensor([2], "FP16")), TWO[:4]),
        bad("datatype_case", "Datatypes are in upper case.", described(BOTH, tensor([2], "fp64")), TWO),
    ]


def shapes() -> list[Case]:
    one = TWO[:8]
    return [
        bad("rank_0", "A shape of rank 0.", described(["accuracy"], tensor([])), one),
        bad("rank_9", "A shape of rank 9.", described(["accuracy"], tensor([1] * 9)), one),
        bad("negative_dimension", "A negative dimension.", described(["accuracy"], tensor([-1])), one),
        bad(
            "negative_dimensions",
            "Two negative dimensions do not make a positive one.",
            described(["accuracy"], tensor([-1, -1])),
            one,
        ),
        bad("shape_overflow", "2^62 × 4 is 0 in 64 bits.", described(BOTH, tensor([2**62, 4])), b""),
        bad("bytes_overflow", "2^61 values fit in 64 bits, their bytes do not.", described(BOTH, tensor([2**61])), b""),
        bad("dimension_too_large", "A dimension beyond 64 bits.", described(BOTH, tensor([2**64 + 2])), TWO),
        bad("dimension_fraction", "A dimension that is no whole number.", described(BOTH, tensor([2.5])), TWO),
        bad("dimension_text", "A dimension as text.", described(BOTH, tensor(["2"])), TWO),
        bad("too_short", "A byte less than the shape says.", GOOD, TWO[:-1]),
        bad("too_long", "A byte more than the shape says.", GOOD, TWO + b"\0"),
        bad("no_bytes", "No bytes at all.", GOOD, b""),
    ]


def bodies() -> list[Case]:
    return [
        bad("wrong_tensor_name", "The tensor is not called `values`.", described(BOTH, tensor([2], name="rows")), TWO),
        bad("two_tensors", "Metrics have one tensor.", described(BOTH, tensor([2]), tensor([2])), TWO, TWO),
        bad("without_tensor", "Metrics without a tensor.", {"metrics": BOTH, "tensors": []}),
        bad("rank_2", "Metrics have rank 1.", described(BOTH, tensor([1, 2])), TWO),
        bad("bytes", "Metrics are no text.", described(["accuracy"], tensor([1], "BYTES")), b"\x01\0\0\0\x31"),
        bad("without_names", "`metrics` is required.", {"tensors": [tensor([2])]}, TWO),
        bad("no_names", "At least one metric.", described([], tensor([0])), b""),
        bad("fewer_names", "Fewer names than values.", described(["accuracy"], tensor([2])), TWO),
        bad("name_twice", "A name twice.", described(["accuracy", "accuracy"], tensor([2])), TWO),
        bad("name_no_text", "A name that is no text.", described(["accuracy", 2], tensor([2])), TWO),
    ]


def bad_details() -> list[Case]:
    counts, pair = ["correct", "total"], described(["correct", "total"], tensor([2]))
    half = described(["accuracy"], tensor([1]))

    def two(*numbers: float) -> bytes:
        return values("FP64", *numbers).encoded()

    def with_latencies(shape: list[int], datatype: str = "FP64") -> Any:
        return {**half, "tensors": [*half["tensors"], tensor(shape, datatype, "latencies_ms")]}

    one = TWO[:8]
    return [
        bad("more_correct_than_total", "More right answers than answers.", pair, two(101.0, 100.0)),
        bad("correct_without_total", "One count without the other.", described(counts[:1], tensor([1])), two(91.0)),
        bad("total_not_given", "The other count is NaN.", pair, two(91.0, math.nan)),
        bad("count_fraction", "A count that is no whole number.", pair, two(90.5, 100.0)),
        bad("count_negative", "A negative count.", pair, two(-1.0, 100.0)),
        bad("count_infinite", "An infinite count.", pair, two(91.0, math.inf)),
        bad("count_too_large", "A count beyond 2^53.", pair, two(0.0, 2.0**54)),
        bad("latencies_rank_2", "Latencies have rank 1.", with_latencies([1, 1]), one, one),
        bad("latencies_text", "Latencies are no text.", with_latencies([1], "BYTES"), one, b"\x01\0\0\0\x31"),
        bad(
            "latencies_first",
            "`values` comes first.",
            {"metrics": ["accuracy"], "tensors": [tensor([1], name="latencies_ms"), tensor([1])]},
            one,
            one,
        ),
        bad(
            "latencies_twice",
            "Latencies twice.",
            {**half, "tensors": [*with_latencies([1])["tensors"], tensor([1], name="latencies_ms")]},
            one,
            one,
            one,
        ),
    ]
