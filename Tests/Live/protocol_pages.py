"""The pages in `protocol/`, taken apart: sections, tables, fenced blocks, vectors; schemas and golden files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
from events import Event
from harness import REPOSITORY
from referencing import Registry, Resource

PROTOCOL = REPOSITORY / "protocol"
EXAMPLES = PROTOCOL / "examples"
GOLDEN = PROTOCOL / "golden" / "1.0"
SCHEMAS = {path.name: json.loads(path.read_text()) for path in sorted((PROTOCOL / "schemas").iterdir())}

#: Every page of Markdown below `protocol`, by its path there.
PAGES = {
    str(path.relative_to(PROTOCOL)): path.read_text()
    for path in sorted(PROTOCOL.rglob("*.md"))
    if not {".venv", "node_modules"} & set(path.parts)
}
SPECIFICATION = PAGES["specification.md"]
ENTRY = PAGES["README.md"]
#: The pages that are the specification, and not a guide to something else.
NORMATIVE = {
    name: text
    for name, text in PAGES.items()
    if name in ("README.md", "specification.md", "framing.md", "failures.md") or name.startswith("kinds/")
}

KINDS_IN = {f"tidemark.{kind}.v1" for kind in ("metrics", "features", "baseline", "feedback")}
#: What comes of a clock, of a daemon that runs or of an orchestrator, and so of no recording.
LIVE_TYPES = {"tidemark.feedback.v1", "tidemark.status.sources.v1", "tidemark.status.journal.v1"} | {
    "tidemark.assessment.keep.v1"
} | {
    f"tidemark.decision.retrain.{change}.v1"
    for change in ("acked", "started", "succeeded", "verified", "failed", "rejected", "expired", "cancelled")
}


def source(path: str) -> str:
    return (REPOSITORY / "Sources" / path).read_text()


def lines(name: str) -> list[str]:
    return (EXAMPLES / name).read_text().splitlines()


def golden(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


# Markdown.


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every fenced block, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def fenced(text: str, language: str) -> list[str]:
    return [content for name, content in blocks(text) if name == language]


def section(title: str, text: str = SPECIFICATION) -> str:
    """The text under a heading, up to the next of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert match, f"no heading {title!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str) -> list[list[str]]:
    """The cells of the rows of the first table in `text`, without its head."""
    rows = re.search(r"((?:^\|.*\|\n)+)", text, re.MULTILINE)
    assert rows, f"no table in {text[:200]!r}"
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]
    return cells[2:]


def anchors(text: str) -> set[str]:
    """As forges make them from headings."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def links(text: str) -> list[str]:
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", outside)


@dataclass(frozen=True)
class Vector:
    page: str
    name: str
    about: str
    frames: list[bytes]
    outcome: dict[str, Any]


def vectors() -> Iterator[Vector]:
    """Every vector: a heading with its name, a sentence, the frames, the meaning."""
    pattern = re.compile(
        r"^### `([\w.]+)`\n\n((?!```)[^\n]+)\n\n```vector\n(.*?)^```\n\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL
    )
    for page, text in PAGES.items():
        for name, about, frames, outcome in pattern.findall(text):
            digits = [line.split("#")[0].replace(" ", "") for line in frames.splitlines()]
            assert frames.isascii() and all(re.fullmatch(r"-|[0-9a-f]+", line) for line in digits), f"{page}: {name}"
            yield Vector(page, name, about, [bytes.fromhex(line.strip("-")) for line in digits], json.loads(outcome))


# Schemas.


def validator(name: str) -> jsonschema.Draft202012Validator:
    resources = [(each, Resource.from_contents(page)) for each, page in SCHEMAS.items()]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    assert "date-time" in checker.checkers, "times are not checked: install rfc3339-validator"
    return jsonschema.Draft202012Validator(
        SCHEMAS[name], registry=Registry().with_resources(resources), format_checker=checker
    )


INPUT, OUTPUT = validator("input.schema.json"), validator("output.schema.json")


def valid(item: Event) -> None:
    """Against the schema of its direction, which its type tells."""
    (INPUT if item["type"] in KINDS_IN else OUTPUT).validate(item)


# The table of reasons, and the source of it.


def reasons() -> dict[str, str]:
    """Code and class of each case in the source."""
    text = source("Events/Reason.swift")
    cases = dict(re.findall(r'^  case (\w+)(?: = "(\w+)")?$', text, re.MULTILINE))
    remarks = re.search(r"case ((?:\.\w+,?\s*)+):\s+false", text)
    assert remarks
    taken = re.findall(r"\w+", remarks[1])
    return {word or name: "taken" if name in taken else "refused" for name, word in cases.items()}
