"""Features and baselines."""

from __future__ import annotations

import math
from typing import Any

from message import Case, Tensor, columns, compact, event, framed, header, judged, nested, refused, tombstone

NAN, INF = math.nan, math.inf


def rows(datatype: str, shape: list[int], *numbers: Any) -> Tensor:
    return Tensor("rows", datatype, shape, list(numbers))


def good(name: str, about: str, names: list[str] | None, *tensors: Tensor, **more: Any) -> Case:
    described = {"feature_names": names} if names is not None else {}
    frames, meaning = framed("features", described, list(tensors), **{"seq": 5, "prev": 3, **more})
    who = {key: more[key] for key in ("model", "version", "source") if key in more}
    expect = meaning | {"event": event("features", meaning, columns(list(tensors), names), **who)}
    if any(each.datatype == "BYTES" for each in tensors):
        expect["remarks"] = ["text_ignored"]
    return Case(f"features.{name}", "features", about, frames, expect)


def bad(name: str, about: str, reason: str, descriptor: Any, *tensors: bytes, kind: str = "features") -> Case:
    packed, _ = header(2 if kind == "features" else 5, 3 + len(tensors), seq=5, prev=3)
    frames = [f"{kind}/fraud/7/scorer-1".encode(), packed, compact(descriptor), *tensors]
    return refused(kind, name, about, reason, True, frames)


def tensor(shape: Any, datatype: str = "FP64", name: str = "rows") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape}


def cases() -> list[Case]:
    return [*features(), *bad_features(), *baselines(), *bad_baselines()]


def features() -> list[Case]:
    pair = ["amount", "age_days"]
    found = [
        good(
            "steady",
            "The steady case: three rows of two columns.",
            pair,
            rows("FP64", [3, 2], 51.0, 210.0, 53.0, 190.0, 52.0, 230.0),
        ),
        good(
            "missing",
            "NaN and infinities are missing values.",
            pair,
            rows("FP64", [3, 2], 50.0, NAN, INF, 190.0, -INF, 200.0),
        ),
        good(
            "no_names",
            "Without names, columns are matched by position.",
            None,
            rows("FP64", [2, 2], 74.0, 250.0, 76.0, 270.0),
        ),
        good("rank_1", "Shape [3] is three rows of one column.", ["amount"], rows("FP64", [3], 51.0, 53.0, 52.0)),
        good("fp32", "FP32.", pair, rows("FP32", [2, 2], 0.1, 2.5, NAN, -0.0)),
        good(
            "int64",
            "INT64, the largest and the smallest: each becomes the nearest double.",
            pair,
            rows("INT64", [2, 2], 2**63 - 1, -(2**63), 2**53 + 1, 0),
        ),
        good("int32", "INT32, the largest and the smallest.", pair, rows("INT32", [1, 2], 2**31 - 1, -(2**31))),
        good("bool", "BOOL: 1 and 0.", ["paid", "returned"], rows("BOOL", [2, 2], True, False, False, True)),
        good(
            "mixed",
            "Several tensors: their columns stand side by side, in this order.",
            ["amount", "age_days", "ratio", "items", "zone", "paid"],
            rows("FP64", [2, 2], 51.0, 210.0, 53.0, 190.0),
            rows("FP32", [2, 1], 0.5, 0.25),
            rows("INT64", [2], 3, 4),
            rows("INT32", [2, 1], -7, 7),
            rows("BOOL", [2], True, False),
        ),
        good(
            "text",
            "A column of text between columns of numbers is carried, and left out of what is judged.",
            ["amount", "city", "age_days"],
            rows("FP64", [2, 1], 51.0, 53.0),
            rows("BYTES", [2, 1], "Zürich", ""),
            rows("FP64", [2, 1], 210.0, 190.0),
        ),
        good(
            "text_no_names",
            "Text without names: the columns of numbers are counted without it.",
            None,
            rows("BYTES", [2], "a", "b"),
            rows("INT32", [2, 2], 1, 2, 3, 4),
        ),
        good(
            "thirteen_tensors",
            "The most tensors that a message may have: 16 frames.",
            None,
            *(rows("BOOL", [1], bool(index % 2)) for index in range(13)),
        ),
        good(
            "percent_encoded",
            "Model `50%/day`, no version, source `node/µ`.",
            None,
            rows("FP64", [1, 1], 1.0),
            model="50%/day",
            version="-",
            source="node/µ",
        ),
    ]
    found.append(plain_text())
    frames, meaning = tombstone("features", seq=5, prev=3)
    found.append(
        Case("features.tombstone", "features", "A number without content.", frames, meaning | {"tombstone": True})
    )
    return found


def plain_text() -> Case:
    topic = "features/fraud/7/scorer-1"
    said = {
        "specversion": "1.0",
        "type": "tidemark.features.v1",
        "source": "scorer-1",
        "id": "a-5",
        "time": "2026-03-02T02:00:00Z",
        "subject": "fraud",
        "modelversion": "7",
        "sequence": "5",
        "epoch": "1772409600000000000",
        "data": {
            "feature_names": ["amount", "city", "age_days", "grade"],
            "rows": [[51.0, "Zürich", 210.0, 3], [53.0, "", None, "A+"], [52.0, None, 190.0, True]],
        },
    }
    about = "The plain encoding: a column with a string in it is one of text, here `city` and `grade`."
    frames = [topic.encode(), compact(said)]
    expect = {"topic": topic, "event": said, "remarks": ["text_ignored"]}
    return Case("features.plain_text", "features", about, frames, expect, encoding="plain")


def bad_features() -> list[Case]:
    one, two = b"\0" * 8, b"\0" * 16
    texts = b"\x01\0\0\0a\x01\0\0\0b"
    mismatch = "shape_mismatch"
    wide = bad(
        "too_many_columns", "65,537 columns.", "too_large", {"tensors": [tensor([1, 65_537], "BOOL")]}, b"\0" * 65_537
    )
    wide.page = ""  # too long for a page
    return [
        bad(
            "rows_differ",
            "Tensors of different numbers of rows.",
            mismatch,
            {"tensors": [tensor([2, 1]), tensor([1, 1])]},
            two,
            one,
        ),
        bad("no_rows", "No rows.", mismatch, {"tensors": [tensor([0, 2])]}, b""),
        bad("no_columns", "Rows without columns.", mismatch, {"tensors": [tensor([2, 0])]}, b""),
        bad(
            "fewer_names",
            "Fewer names than columns.",
            mismatch,
            {"feature_names": ["a"], "tensors": [tensor([1, 2])]},
            two,
        ),
        bad(
            "more_names",
            "More names than columns.",
            mismatch,
            {"feature_names": ["a", "b"], "tensors": [tensor([1, 1])]},
            one,
        ),
        bad("name_twice", "A name twice.", mismatch, {"feature_names": ["a", "a"], "tensors": [tensor([1, 2])]}, two),
        bad("rank_3", "Rows have rank 1 or 2.", "malformed", {"tensors": [tensor([1, 1, 2])]}, two),
        wide,
        bad("text_alone", "No column of numbers.", mismatch, {"tensors": [tensor([2], "BYTES")]}, texts),
        bad(
            "wrong_tensor_name",
            "The tensor is not called `rows`.",
            "malformed",
            {"tensors": [tensor([1, 2], name="values")]},
            two,
        ),
        bad("without_tensor", "Features without a tensor.", "malformed", {"tensors": []}),
        bad(
            "names_no_array",
            "`feature_names` is no array.",
            "malformed",
            {"feature_names": "a", "tensors": [tensor([1, 1])]},
            one,
        ),
        bad(
            "names_no_text",
            "A name that is no text.",
            "malformed",
            {"feature_names": [1], "tensors": [tensor([1, 1])]},
            one,
        ),
        bad("too_short", "A value less than the shape says.", "malformed", {"tensors": [tensor([1, 2])]}, one),
        bad("too_long", "A value more than the shape says.", "malformed", {"tensors": [tensor([1, 1])]}, two),
        bad("rank_9", "A shape of rank 9.", "malformed", {"tensors": [tensor([1] * 9)]}, one),
        bad("shape_overflow", "2^32 × 2^32 is 0 in 64 bits.", "malformed", {"tensors": [tensor([2**32, 2**32])]}, b""),
        bad(
            "text_too_short",
            "The last text is shorter than its length says.",
            "malformed",
            {"tensors": [tensor([2], "BYTES")]},
            texts[:-1],
        ),
        bad(
            "text_too_long",
            "Bytes after the last text.",
            "malformed",
            {"tensors": [tensor([2], "BYTES")]},
            texts + b"\0",
        ),
        bad(
            "text_missing",
            "Three texts are described, two came.",
            "malformed",
            {"tensors": [tensor([3], "BYTES")]},
            texts,
        ),
        bad(
            "text_length_cut",
            "The length of a text is cut.",
            "malformed",
            {"tensors": [tensor([2], "BYTES")]},
            texts[:5] + b"\x01\0",
        ),
        bad(
            "text_length_huge",
            "A text longer than the frame.",
            "malformed",
            {"tensors": [tensor([1], "BYTES")]},
            b"\xff\xff\xff\xffa",
        ),
        bad(
            "text_shape_huge",
            "More texts than the frame has bytes.",
            "malformed",
            {"tensors": [tensor([2**31, 2**31], "BYTES")]},
            texts,
        ),
    ]


def base(
    name: str, about: str, names: list[str] | None, features: list[str] | None, *tensors: Tensor, **more: Any
) -> Case:
    described: dict[str, Any] = {}
    if names is not None:
        described["metrics"] = names
    if features is not None:
        described["feature_names"] = features
    frames, meaning = framed("baseline", described, list(tensors), **{"seq": 1, "prev": 0, "flags": 4, **more})
    data: dict[str, Any] = {}
    if names is not None:
        data |= nested({key: judged(tensors[0].datatype, value) for key, value in zip(names, tensors[0].values)})
    batch = [each for each in tensors if each.name == "rows"]
    if batch:
        data["features"] = columns(batch, features)
    expect = meaning | {"event": event("baseline", meaning, data)}
    if any(each.datatype == "BYTES" for each in batch):
        expect["remarks"] = ["text_ignored"]
    return Case(f"baseline.{name}", "baseline", about, frames, expect)


def values(datatype: str, *numbers: Any) -> Tensor:
    return Tensor("values", datatype, [len(numbers)], list(numbers))


QUANTILES = [f"latency_quantiles_ms.{key}" for key in ("p50", "p95", "p99", "count")]


def baselines() -> list[Case]:
    both, pair = ["accuracy", "latency_ms"], ["amount", "age_days"]
    matrix = rows("FP64", [4, 2], 40.0, 100.0, 60.0, 300.0, 40.0, 300.0, 60.0, 100.0)
    found = [
        base(
            "steady",
            "Expected figures and rows, as the first message of an epoch.",
            both,
            pair,
            values("FP64", 0.9, 120.0),
            matrix,
        ),
        base(
            "values_only",
            "Expected figures alone; the features stay as they were.",
            ["accuracy"],
            None,
            values("FP64", 0.9),
            seq=6,
            prev=1,
            flags=0,
        ),
        base("rows_only", "Rows alone; the figures stay as they were.", None, pair, matrix),
        base("no_names", "Rows without names.", None, None, matrix),
        base("nan", "NaN is not given.", both, None, values("FP64", math.nan, 120.0)),
        base("fp32", "FP32 figures.", both, None, values("FP32", 0.9, 120.0)),
        base(
            "unknown_name",
            "A name that is not known is passed over, whatever its value.",
            ["accuracy", "requests"],
            None,
            values("FP64", 0.9, 4120.0),
        ),
        base(
            "mixed",
            "Figures and two tensors of rows.",
            ["accuracy"],
            ["amount", "paid"],
            values("FP64", 0.9),
            rows("FP64", [2, 1], 40.0, 60.0),
            rows("BOOL", [2], True, False),
        ),
        base(
            "text",
            "A column of text is left out of the baseline.",
            None,
            ["city", "amount"],
            rows("BYTES", [2], "Oslo", "Rome"),
            rows("FP64", [2], 40.0, 60.0),
        ),
        base(
            "counts_and_quantiles",
            "The cases that the accuracy is from, and quantiles of 20,000 latencies.",
            ["correct", "total", *QUANTILES],
            None,
            values("FP64", 9500.0, 10000.0, 100.0, 180.0, 240.5, 20000.0),
        ),
    ]
    frames, meaning = tombstone("baseline", seq=6, prev=1)
    found.append(
        Case("baseline.tombstone", "baseline", "A number without content.", frames, meaning | {"tombstone": True})
    )
    return found


def bad_baselines() -> list[Case]:
    one, two = b"\0" * 8, b"\0" * 16
    infinite = bytes.fromhex("000000000000f07f")
    figure, pair = tensor([1], name="values"), tensor([1, 2])

    def no(name: str, about: str, descriptor: Any, *tensors: bytes, reason: str = "malformed") -> Case:
        return bad(name, about, reason, descriptor, *tensors, kind="baseline")

    return [
        no("infinite", "A baseline that is not finite.", {"metrics": ["accuracy"], "tensors": [figure]}, infinite),
        no("without_tensor", "A baseline of nothing.", {"tensors": []}),
        no(
            "more_correct_than_total",
            "More right answers than answers.",
            {"metrics": ["correct", "total"], "tensors": [tensor([2], name="values")]},
            values("FP64", 101.0, 100.0).encoded(),
        ),
        no(
            "quantiles_disordered",
            "A p95 above the p99.",
            {"metrics": QUANTILES, "tensors": [tensor([4], name="values")]},
            values("FP64", 100.0, 250.0, 240.0, 20000.0).encoded(),
        ),
        no(
            "quantiles_incomplete",
            "Quantiles without their count.",
            {"metrics": QUANTILES[:3], "tensors": [tensor([3], name="values")]},
            values("FP64", 100.0, 180.0, 240.0).encoded(),
        ),
        no(
            "values_after_rows", "`values` comes first.", {"metrics": ["accuracy"], "tensors": [pair, figure]}, two, one
        ),
        no("values_twice", "`values` twice.", {"metrics": ["accuracy"], "tensors": [figure, figure]}, one, one),
        no("values_without_names", "`values` without `metrics`.", {"tensors": [figure]}, one),
        no(
            "fewer_names",
            "Fewer metrics than values.",
            {"metrics": ["accuracy"], "tensors": [tensor([2], name="values")]},
            two,
        ),
        no(
            "wrong_tensor_name",
            "A tensor that is called neither `values` nor `rows`.",
            {"tensors": [tensor([1, 2], name="columns")]},
            two,
        ),
        no(
            "bytes",
            "Figures are no text.",
            {"metrics": ["accuracy"], "tensors": [tensor([1], "BYTES", "values")]},
            b"\x01\0\0\0\x31",
        ),
        no(
            "rows_differ",
            "Tensors of different numbers of rows.",
            {"tensors": [tensor([2, 1]), tensor([1, 1])]},
            two,
            one,
            reason="shape_mismatch",
        ),
        no(
            "text_alone",
            "No column of numbers.",
            {"tensors": [tensor([1], "BYTES")]},
            b"\x01\0\0\0a",
            reason="shape_mismatch",
        ),
        no(
            "feature_name_twice",
            "A name twice.",
            {"feature_names": ["a", "a"], "tensors": [pair]},
            two,
            reason="shape_mismatch",
        ),
        no("no_rows", "No rows.", {"tensors": [tensor([0, 2])]}, b"", reason="shape_mismatch"),
    ]
