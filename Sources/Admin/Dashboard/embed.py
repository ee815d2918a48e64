"""Writes Embedded.swift from the files of the dashboard and the OpenAPI file; see README.md here."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
}


def literal(text: str) -> str:
    """A Swift string literal on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\t", "\\t")
    return '"' + escaped.replace("\n", "\\n") + '"'


def main() -> None:
    files = [ROOT / "protocol" / "http" / "openapi.yaml"]
    files += sorted(each for each in HERE.iterdir() if each.suffix in TYPES and each.suffix != ".yaml")
    entries = "".join(
        f'    EmbeddedFile("{each.name}", "{TYPES[each.suffix]}", {literal(each.read_text(encoding="utf-8"))}),\n'
        for each in files
    )
    (HERE.parent / "Embedded.swift").write_text(
        "// swift-format-ignore-file\n"
        "// Written by Dashboard/embed.py; change the files that it reads.\n\n"
        "/// The files that are part of the binary.\n"
        "enum Embedded {\n  static let files: [EmbeddedFile] = [\n" + entries + "  ]\n}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
