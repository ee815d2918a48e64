"""Tables as tensors: numpy matrices, pandas and polars DataFrames, Arrow tables, lists of rows.

None of the table libraries is imported here; a table is known by what it offers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np

from . import wire
from .columns import Array, Column, as_fp64, column, interleave, is_text, wire_dtype

ROWS = "rows"


@dataclass(frozen=True)
class Table:
    """Rows as the wire has them: one or more tensors side by side.

    `owned` says that nobody else can write to the bytes of the tensors, so that they may be sent without a copy.
    """

    tensors: tuple[wire.Tensor, ...]
    names: Optional[tuple[str, ...]]
    owned: bool

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors)

    def kept(self) -> Table:
        """The same with bytes of its own."""
        if self.owned:
            return self
        copies = tuple(replace(tensor, data=bytes(wire.byte_view(tensor.data))) for tensor in self.tensors)
        return Table(copies, self.names, True)


def table(rows: Any, names: Optional[Iterable[str]] = None, *, most: int = wire.MAX_TENSORS) -> Table:
    """The table in `rows`, in at most `most` tensors.

    `names` replaces the table's own. Columns of one dtype that stand side by side share a tensor. Where that makes
    too many tensors, all numbers become FP64; where it still does, columns are put in another order, numbers first,
    which needs names. ValueError when it is empty, too wide, or its names are wrong; TypeError when it is no table.
    """
    matrix, columns, own = _taken_apart(rows)
    named = _checked_names(names if names is not None else own)
    width = matrix.shape[1] if matrix is not None else len(columns)
    height = matrix.shape[0] if matrix is not None else len(columns[0]) if columns else 0
    if height == 0 or width == 0:
        raise ValueError(f"{height} rows of {width} columns: nothing to send")
    if width > wire.MAX_COLUMNS:
        raise ValueError(f"{width} columns; at most {wire.MAX_COLUMNS}")
    if named is not None and len(named) != width:
        raise ValueError(f"{len(named)} names for {width} columns")
    if matrix is not None:
        target = wire_dtype(matrix.dtype)
        if target is not None:
            packed = np.ascontiguousarray(matrix, dtype=target)
            owned = not np.may_share_memory(packed, matrix)
            return Table((wire.tensor(ROWS, packed),), named, owned)
        columns = [column(matrix[:, index], f"column {index}") for index in range(width)]
    if all(is_text(values) for values in columns):
        raise ValueError("every column is text: there is nothing to judge")
    for index, values in enumerate(columns):
        if len(values) != height:
            raise ValueError(f"column {index} has {len(values)} rows, the first {height}")
    return _joined(columns, named, most)


def _checked_names(names: Optional[Iterable[str]]) -> Optional[tuple[str, ...]]:
    if names is None:
        return None
    if isinstance(names, (str, bytes)):
        raise TypeError("names is one text; give one for each column")
    checked = tuple(names)
    for name in checked:
        if not isinstance(name, str):
            raise TypeError(f"a name of a column is a {type(name).__name__}, not a str")
    if len(set(checked)) != len(checked):
        twice = next(name for index, name in enumerate(checked) if name in checked[:index])
        raise ValueError(f"two columns are called {twice!r}")
    return checked


# Tables to columns.


def _taken_apart(rows: Any) -> tuple[Optional[Array], list[Column], Optional[Sequence[str]]]:
    """Either a matrix or columns, and the names that the table has itself."""
    if isinstance(rows, np.ma.MaskedArray):
        rows = np.ma.filled(rows if rows.dtype.kind == "f" else rows.astype(np.float64), np.nan)
    if isinstance(rows, np.ndarray):
        if rows.ndim != 2:
            raise ValueError(f"rows has {rows.ndim} dimensions, not 2; rows.reshape(1, -1) is one row")
        return rows, [], None
    if hasattr(rows, "column_names") and hasattr(rows, "column"):
        own = [str(name) for name in rows.column_names]
        made = [column(_from_arrow(rows.column(index)), f"column {name!r}") for index, name in enumerate(own)]
        return None, made, own
    if hasattr(rows, "columns") and hasattr(rows, "to_numpy"):
        return _of_frame(rows)
    if hasattr(rows, "__arrow_c_stream__"):
        arrow = sys.modules.get("pyarrow")  # not imported for this; whoever has such an object often has it
        if arrow is None:
            raise TypeError(f"a {type(rows).__name__} is read through pyarrow: import it, or give its columns")
        return _taken_apart(arrow.table(rows))
    if isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)):
        return _of_sequences(rows), [], None
    raise TypeError(f"rows is a {type(rows).__name__}: no matrix, DataFrame or Arrow table")


def _of_sequences(rows: Sequence[Any]) -> Array:
    try:
        made = np.array([list(row) for row in rows])
    except (TypeError, ValueError):
        raise ValueError("rows is no table: rows of different lengths, or no rows") from None
    if made.dtype.kind in "USO":  # numpy made text of numbers beside text; and None needs objects
        made = np.empty((len(rows), len(rows[0]) if rows else 0), dtype=object)
        for index, row in enumerate(rows):
            made[index, :] = list(row)
    if made.ndim != 2:
        raise ValueError(f"rows has {made.ndim} dimensions, not 2")
    return made


def _of_frame(frame: Any) -> tuple[Optional[Array], list[Column], Optional[Sequence[str]]]:
    """pandas by position, since names may repeat there; polars by name; anything else as one matrix."""
    columns = list(frame.columns)
    # A frame that nobody named its columns is numbered 0, 1, …, which says no more than the position.
    unnamed = all(isinstance(name, (int, np.integer)) for name in columns) and columns == list(range(len(columns)))
    own = None if unnamed else [str(name) for name in columns]
    if hasattr(frame, "iloc"):
        if _is_uniform(frame):
            return np.asarray(frame.to_numpy()), [], own
        taken = [frame.iloc[:, index] for index in range(len(columns))]
    elif hasattr(frame, "get_column"):
        taken = [frame.get_column(name) for name in columns]
    else:
        return np.asarray(frame.to_numpy()), [], own
    made = [column(_to_numpy(series), f"column {name!r}") for name, series in zip(columns, taken)]
    return None, made, own


def _is_uniform(frame: Any) -> bool:
    """Whether all columns of a pandas DataFrame are of one numpy dtype that the wire takes by a cast."""
    dtypes = set(getattr(frame, "dtypes", ()))
    only = dtypes.pop() if len(dtypes) == 1 else None
    return isinstance(only, np.dtype) and wire_dtype(only) is not None


def _to_numpy(series: Any) -> Array:
    """The values of a Series as numpy has them."""
    if getattr(getattr(series, "dtype", None), "tz", None) is not None:
        return np.asarray(series.to_numpy(dtype="datetime64[ns]"))  # pandas converts to UTC
    return np.asarray(series.to_numpy())


def _from_arrow(array: Any) -> Array:
    """The values of an Arrow array, which must be copied where it has nulls, bits or text."""
    if "dictionary" in str(getattr(array, "type", "")):
        array = array.cast(array.type.value_type)
    try:
        return np.asarray(array.to_numpy(zero_copy_only=False))
    except TypeError:
        return np.asarray(array.to_numpy())


# Columns to tensors.


def _joined(columns: Sequence[Column], names: Optional[tuple[str, ...]], most: int) -> Table:
    if _count_runs(columns) > most:
        columns = [as_fp64(values) for values in columns]
    if _count_runs(columns) > most:
        if names is None:
            raise ValueError(
                f"numbers and text alternate in more than {most} groups; give names, so that columns may be moved"
            )
        order = sorted(range(len(columns)), key=lambda index: is_text(columns[index]))
        columns = [columns[index] for index in order]
        names = tuple(names[index] for index in order)
    tensors = []
    for run in _runs(columns):
        if isinstance(run[0], list):
            packed = wire.pack_text(interleave(run))  # type: ignore[arg-type]
            tensors.append(wire.Tensor(ROWS, wire.BYTES, (len(run[0]), len(run)), packed))
        else:
            joined = np.empty((len(run[0]), len(run)), dtype=run[0].dtype)
            for index, values in enumerate(run):
                joined[:, index] = values
            tensors.append(wire.tensor(ROWS, joined))
    return Table(tuple(tensors), names, True)


def _key(values: Column) -> str:
    return wire.BYTES if isinstance(values, list) else values.dtype.str


def _runs(columns: Sequence[Column]) -> list[list[Column]]:
    """Columns of one datatype that stand side by side."""
    runs: list[list[Column]] = []
    for values in columns:
        if runs and _key(runs[-1][0]) == _key(values):
            runs[-1].append(values)
        else:
            runs.append([values])
    return runs


def _count_runs(columns: Sequence[Column]) -> int:
    return len(_runs(columns))
