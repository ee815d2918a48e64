"""Writes Embedded.swift from the OpenAPI file; see README.md here."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def literal(text: str) -> str:
    """A Swift string literal on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\t", "\\t")
    return '"' + escaped.replace("\n", "\\n") + '"'


def main() -> None:
    text = (ROOT / "protocol" / "http" / "openapi.yaml").read_text(encoding="utf-8")
    (HERE.parent / "Embedded.swift").write_text(
        "// swift-format-ignore-file\n"
        "// Written by Dashboard/embed.py; change the file that it reads.\n\n"
        "/// The files that are part of the binary, besides the dashboard.\n"
        "enum Embedded {\n  static let files: [EmbeddedFile] = [\n"
        f'    EmbeddedFile("openapi.yaml", "application/yaml", {literal(text)})\n'
        "  ]\n}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
