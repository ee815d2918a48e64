"""The dashboard's sources: what is built of them is what is committed, and nothing in them takes text for markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard_mock import SOURCES, builder
from harness import REPOSITORY

SCRIPTS = sorted(SOURCES.glob("*.js"))
LIMIT_LINES = 500


def test_the_generated_swift_is_what_the_sources_give() -> None:
    build = builder()
    have = {path.name: path.read_text(encoding="utf-8") for path in build.GENERATED.glob("*.swift")}
    assert have == build.generated(), "run Sources/Admin/Dashboard/Page/build.py"


def test_the_swift_literals_give_the_page_byte_for_byte() -> None:
    """As the Swift compiler reads them: the text between the first and the last line end of a raw literal."""
    build = builder()
    swift = build.generated()
    order = re.search(r"parts = \[\n(.*),\n  \]", swift["Assembly.swift"])
    assert order
    texts = []
    for name in order[1].strip().split(", "):
        literal = re.search(r'##"""\n(.*)\n"""##', swift[f"{name[0].upper()}{name[1:]}.swift"], re.S)
        assert literal
        texts.append(literal[1])
    assert "".join(texts) == build.page()


def test_a_name_declared_twice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = builder()
    for path in SOURCES.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(build, "PAGE", tmp_path)
    assert build.scripts()
    (tmp_path / "heat.js").write_text((tmp_path / "heat.js").read_text() + "\nfunction replace() {}\n")
    with pytest.raises(build.Wrong, match="replace is declared by"):
        build.scripts()
    (tmp_path / "heat.js").write_text("export const CELLS = 24;\n")
    with pytest.raises(build.Wrong, match="does not export"):
        build.scripts()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_text_becomes_markup_or_code(path: Path) -> None:
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\('|srcdoc|DOMParser"
    code = re.sub(r"^\s*(//|\*|/\*\*).*$", "", path.read_text(encoding="utf-8"), flags=re.M)
    assert not re.search(banned, code)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No address but the daemon's own and the names of namespaces."""
    addresses = set(re.findall(r"(?<!tcp:)(?:https?:)?//[\w.-]+\.\w+", builder().page()))
    assert addresses == {"http://www.w3.org"}
    assert not re.search(r"\son\w+=", (SOURCES / "index.html").read_text(encoding="utf-8"))


def test_the_policy_names_hashes_alone() -> None:
    policy = builder().policy()
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; img-src data:; "
        r"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        policy,
    )


@pytest.mark.parametrize("path", [*SCRIPTS, *sorted(SOURCES.glob("*.css")), SOURCES / "index.html", SOURCES / "build.py"], ids=lambda path: path.name)
def test_no_source_is_longer_than_a_swift_file_may_be(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LIMIT_LINES - 10


def test_the_five_lines_are_those_of_the_example() -> None:
    example = (REPOSITORY / "protocol" / "examples" / "publish.py").read_text(encoding="utf-8")
    shown = re.search(r"const PUBLISH = `(.*?)`;", (SOURCES / "parts.js").read_text(encoding="utf-8"), re.S)
    assert shown
    lines = shown[1].split("\n\n")[1]
    assert lines in example
