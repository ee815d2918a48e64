"""The table in `protocol/failures.md`: every row names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import REPOSITORY
from protocol_pages import PAGES, table

ROWS = table(PAGES["failures.md"])
#: Where a row's `file::name` may be.
FOLDERS = [REPOSITORY / "Tests" / name for name in ("Live", "Client")]
NAMED = re.compile(r"`([\w./]+\.(?:py|swift))::(\w+)`")


def problem(cell: str) -> str | None:
    """What is wrong with the cell of a row that is to name tests."""
    rest = NAMED.sub("", cell).replace(",", "").strip()
    if rest or not NAMED.search(cell):
        return f"{cell!r} names no test as `file::name`"
    for file, name in NAMED.findall(cell):
        paths = [path for folder in FOLDERS if (path := folder / file).is_file()]
        paths += sorted((REPOSITORY / "Tests").glob(f"*Tests/{file}"))
        if not paths:
            return f"no file {file} in Tests"
        if not any(re.search(rf"^\s*(?:async )?(?:def|@Test.*func|func) {name}\(", text(path), re.M) for path in paths):
            return f"no test {name} in {file}"
    return None


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_table_has_rows() -> None:
    assert len(ROWS) > 35 and all(len(row) == 3 and all(row) for row in ROWS)
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])
def test_each_row_names_a_test_that_there_is(row: list[str]) -> None:
    assert problem(row[2]) is None, f"{row[0]}: {problem(row[2])}"


def test_a_name_of_no_test_is_found() -> None:
    here = "test_failures_table.py"
    assert problem(f"`{here}::test_the_table_has_rows`") is None
    assert problem(f"`{here}::test_the_table_has_rows`, `{here}::test_a_name_of_no_test_is_found`") is None
    assert problem("`GoldenMessageTests.swift::everyIncomingMessageIsUnderstood`") is None
    for wrong in (f"`{here}::test_of_nothing`", "`test_nowhere.py::test_it`", "", "soon", f"`{here}`", "`TBD`"):
        assert problem(wrong), wrong
