"""Tables as tensors: numpy, fakes that offer no more than is promised, and the real libraries where installed."""

from __future__ import annotations

import datetime as dt
import decimal
import random
from typing import Any

import numpy as np
import pytest
import reference
from tidemark import wire
from tidemark.tables import Table, table

NAN = float("nan")


def decoded(made: Table) -> list[list[Any]]:
    """Columns, each as a list, through the independent decoder; NaN as None."""
    columns: list[list[Any]] = []
    for tensor in made.tensors:
        values = reference.tensor(tensor.entry, bytes(wire.byte_view(tensor.data)))
        for index in range(values.shape[1]):
            columns.append([None if value != value else value for value in values[:, index].tolist()])
    return columns


def kinds(made: Table) -> list[tuple[str, int]]:
    return [(tensor.datatype, tensor.shape[1]) for tensor in made.tensors]


# Matrices.


@pytest.mark.parametrize(
    "dtype,datatype",
    [("f8", "FP64"), ("f4", "FP32"), ("f2", "FP32"), ("i8", "INT64"), ("i4", "INT32"), ("i2", "INT32"),
     ("i1", "INT32"), ("u1", "INT32"), ("u2", "INT32"), ("u4", "INT64"), ("u8", "FP64"), ("?", "BOOL"), (">f8", "FP64"),
     (">i4", "INT32"), ("longdouble", "FP64")],
)  # fmt: skip
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_matrices_of_every_dtype(dtype: str, datatype: str, order: str, drawn: random.Random) -> None:
    rows = np.array([[drawn.randint(0, 1) for _ in range(6)] for _ in range(5)]).astype(dtype)
    rows = rows[::2, ::3] if order == "strided" else np.asarray(rows, order=order)  # type: ignore[call-overload]
    made = table(rows)
    assert kinds(made) == [(datatype, rows.shape[1])] and made.names is None
    assert decoded(made) == rows.T.tolist()
    assert made.owned == (not np.may_share_memory(np.asarray(made.tensors[0].data), rows))


def test_what_is_missing_in_a_matrix() -> None:
    masked = np.ma.MaskedArray([[1, 2], [3, 4]], mask=[[True, False], [False, False]])
    assert decoded(table(masked)) == [[None, 3], [2, 4]]
    assert decoded(table([[1, None], [2.5, NAN]])) == [[1, 2.5], [None, None]]
    assert decoded(table(np.array([[1, "a"], [None, None]], dtype=object))) == [[1, None], [b"a", b""]]


@pytest.mark.parametrize(
    "wrong", [np.zeros(3), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((1, 1, 1)), [], [[1], [1, 2]], "rows", None, 5,
              np.zeros((1, 65_537)), np.zeros((2, 2), dtype=complex), [[object()]], [[1j]], {"a": 1},
              np.array([["a"]])],
)  # fmt: skip
def test_what_is_no_table(wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        table(wrong)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", 1], "ab", ["a", "b", "c"]])
def test_wrong_names(names: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        table(np.zeros((1, 2)), names)


# Columns of objects.


def test_columns_of_objects_are_numbers_times_or_text() -> None:
    utc, zone = dt.timezone.utc, dt.timezone(dt.timedelta(hours=2))
    rows = [
        [True, 1, decimal.Decimal("0.5"), dt.datetime(1970, 1, 2, tzinfo=utc), "é", 10**400, dt.timedelta(seconds=1.5)],
        [False, None, 2, dt.datetime(1970, 1, 1, 2, tzinfo=zone), None, NAN, None],
        [True, NAN, NAN, dt.date(1970, 1, 1), b"\xff", -(10**400), np.timedelta64(250, "ms")],
        [True, 2.5, np.float32(0.5), np.datetime64("1970-01-01T00:00:01.5"), 7, 1, np.timedelta64("NaT")],
    ]
    made = table(np.array(rows, dtype=object))
    assert kinds(made) == [("BOOL", 1), ("FP64", 3), ("BYTES", 1), ("FP64", 2)]
    inf = float("inf")
    assert decoded(made) == [
        [True, False, True, True], [1, None, None, 2.5], [0.5, 2, None, 0.5], [86_400, 0, 0, 1.5],
        ["é".encode(), b"", b"\xff", b"7"], [inf, None, -inf, 1], [1.5, None, 0.25, None],
    ]  # fmt: skip


class FakeSeries:
    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def to_numpy(self) -> Any:
        return self.values


class FakeFrame:
    """What pandas offers, by position."""

    def __init__(self, columns: dict[Any, Any]) -> None:
        self.columns = list(columns)
        self._series = [FakeSeries(values) for values in columns.values()]
        self.dtypes = [series.values.dtype for series in self._series]
        self.iloc = self

    def __getitem__(self, at: Any) -> FakeSeries:
        made: FakeSeries = self._series[at[1]]
        return made

    def to_numpy(self) -> Any:
        return np.column_stack([series.values for series in self._series])


class FakeArrow:
    """What an Arrow table offers."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.column_names = list(columns)
        self._columns = list(columns.values())

    def column(self, index: int) -> FakeSeries:
        return FakeSeries(self._columns[index])


MIXED = {
    "amount": np.array([1.5, NAN]), "count": np.array([1, 2]), "visits": np.array([3, 4]),
    "new": np.array([True, False]),
    "when": np.array(["1970-01-02", "NaT"], dtype="M8[ns]"), "for": np.array([1500, 0], dtype="m8[ms]"),
    "city": np.array(["Rīga", None], dtype=object), "code": np.array(["a", "bc"]),
}  # fmt: skip


@pytest.mark.parametrize("make", [FakeFrame, FakeArrow])
def test_columns_side_by_side_share_a_tensor(make: Any) -> None:
    made = table(make(MIXED))
    assert made.names == tuple(MIXED)
    assert kinds(made) == [("FP64", 1), ("INT64", 2), ("BOOL", 1), ("FP64", 2), ("BYTES", 2)]
    assert decoded(made) == [
        [1.5, None], [1, 2], [3, 4], [True, False], [86_400, None], [1.5, 0], ["Rīga".encode(), b""], [b"a", b"bc"]
    ]  # fmt: skip


def test_a_frame_of_one_dtype_is_one_tensor_and_numbered_columns_have_no_names() -> None:
    made = table(FakeFrame({0: [1.0, 2.0], 1: [3.0, 4.0]}))
    assert kinds(made) == [("FP64", 2)] and made.names is None
    assert table(FakeFrame({1: [1.0], 0: [2.0]})).names == ("1", "0")
    assert table(FakeFrame({0: [1.0], 1: [2.0]}), ["x", "y"]).names == ("x", "y")


def test_too_many_groups_become_fp64_and_then_move() -> None:
    numbers = {f"n{i}": np.array([i], dtype="i8" if i % 2 else "f8") for i in range(20)}
    made = table(FakeArrow(numbers))
    assert kinds(made) == [("FP64", 20)] and decoded(made) == [[float(i)] for i in range(20)]
    mixed = {f"c{i}": np.array([f"t{i}"]) if i % 2 else np.array([i]) for i in range(20)}
    made = table(FakeArrow(mixed))
    assert kinds(made) == [("FP64", 10), ("BYTES", 10)]
    assert made.names == tuple([f"c{i}" for i in range(0, 20, 2)] + [f"c{i}" for i in range(1, 20, 2)])
    assert decoded(made) == [[float(i)] for i in range(0, 20, 2)] + [[f"t{i}".encode()] for i in range(1, 20, 2)]
    rows = np.array([[f"t{i}" if i % 2 else i for i in range(20)]], dtype=object)
    with pytest.raises(ValueError, match="give names"):
        table(rows)


# The real libraries.


def test_pandas() -> None:
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "amount": [1.5, None], "count": pandas.array([1, None], dtype="Int64"), "flag": [True, False],
            "may": pandas.array([True, None], dtype="boolean"),
            "when": pandas.to_datetime(["1970-01-02", None]),
            "there": pandas.to_datetime(["1970-01-02T02:00+02:00", None], utc=True),
            "city": ["Riga", None], "level": pandas.Categorical(["low", None]), "size": pandas.Categorical([3, 4]),
        },
        index=[7, 9],
    )  # fmt: skip
    made = table(frame)
    assert made.names == tuple(frame.columns)
    assert decoded(made) == [
        [1.5, None], [1, None], [True, False], [1, None], [86_400, None], [86_400, None], [b"Riga", b""], [b"low", b""],
        [3, 4],
    ]  # fmt: skip
    assert kinds(table(pandas.DataFrame(np.zeros((3, 4))))) == [("FP64", 4)]
    assert table(pandas.DataFrame(np.zeros((3, 4)))).names is None
    with pytest.raises(ValueError, match="two columns"):
        table(pandas.DataFrame(np.zeros((1, 2)), columns=["a", "a"]))


@pytest.mark.parametrize("chunked", [True, False])
def test_pyarrow(chunked: bool) -> None:
    arrow: Any = pytest.importorskip("pyarrow")
    columns = {
        "amount": arrow.array([1.5, None]), "count": arrow.array([1, None]),
        "whole": arrow.array([1, 2], arrow.int32()),
        "flag": arrow.array([True, None]), "when": arrow.array([dt.datetime(1970, 1, 2), None]),
        "city": arrow.array(["Riga", None]), "level": arrow.array(["low", None]).dictionary_encode(),
        "price": arrow.array([decimal.Decimal("0.5"), None]),
    }  # fmt: skip
    made = table(arrow.table(columns) if chunked else arrow.record_batch(columns))
    assert made.names == tuple(columns)
    assert decoded(made) == [
        [1.5, None], [1, None], [1, 2], [1, None], [86_400, None], [b"Riga", b""], [b"low", b""], [0.5, None]
    ]  # fmt: skip


def test_an_object_that_only_streams_arrow() -> None:
    class Stream:
        def __init__(self, held: Any) -> None:
            self._held = held

        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            return self._held.__arrow_c_stream__(requested_schema)

    arrow: Any = pytest.importorskip("pyarrow")
    assert decoded(table(Stream(arrow.table({"a": [1, 2]})))) == [[1, 2]]


def test_polars() -> None:
    polars: Any = pytest.importorskip("polars")
    made = table(
        polars.DataFrame({"amount": [1.5, None], "count": [1, 2], "city": ["Riga", None], "flag": [True, None]})
    )
    assert decoded(made) == [[1.5, None], [1, 2], [b"Riga", b""], [1, None]]
    assert made.names == ("amount", "count", "city", "flag")
