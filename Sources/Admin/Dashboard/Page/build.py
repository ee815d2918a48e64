#!/usr/bin/env python3
"""Puts the dashboard together: one page with its style sheet and script inside, and the Swift that carries it.

    build.py            writes ../Generated
    build.py --check    says whether it is what the sources give, and changes nothing
    build.py --page     prints the page

The sources beside this are ordinary HTML, CSS and ES modules. In the page the modules stand one after another in one
script, in the order in which they need each other: `import` lines go, `export` goes, and no two may declare the same
name at their top level. The binary is one file that may be linked statically, so the page is source code in it, not
a resource beside it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent
GENERATED = PAGE.parent / "Generated"
STYLES = ["frame.css", "views.css"]
MAIN = "main.js"

_IMPORT = re.compile(r"^import \{([^}]*)\} from '\./([a-z]+\.js)';\n", re.M)
_EXPORT = re.compile(r"^export (?=const|let|function|async function|class)", re.M)
_DECLARED = re.compile(r"^(export )?(?:const|let|class|(?:async )?function) ([A-Za-z_$][\w$]*)", re.M)


class Wrong(Exception):
    """The sources contradict each other."""


def modules() -> dict[str, str]:
    """Every module that main.js needs, in order of need, as written."""
    found: dict[str, str] = {}

    def need(name: str, by: tuple[str, ...]) -> None:
        if name in by:
            raise Wrong(f"{name} needs itself: {' > '.join(by)}")
        if name in found:
            return
        text = (PAGE / name).read_text(encoding="utf-8")
        for match in _IMPORT.finditer(text):
            need(match[2], (*by, name))
        found[name] = text

    need(MAIN, ())
    return found


def declared(text: str, *, exported: bool = False) -> list[str]:
    """Names that a module declares at its top level."""
    return [match[2] for match in _DECLARED.finditer(text) if match[1] or not exported]


def scripts() -> dict[str, str]:
    """Every module as it stands in the page's one script, which is a module itself and so in strict mode."""
    owner: dict[str, str] = {}
    parts = {}
    texts = modules()
    for name, text in texts.items():
        for match in _IMPORT.finditer(text):
            offered = declared(texts[match[2]], exported=True)
            for wanted in filter(None, (word.strip() for word in match[1].split(","))):
                if wanted not in offered:
                    raise Wrong(f"{name} imports {wanted}, which {match[2]} does not export")
        for word in declared(text):
            if owner.setdefault(word, name) != name:
                raise Wrong(f"{word} is declared by {owner[word]} and by {name}")
        part = f"// {name}\n" + _EXPORT.sub("", _IMPORT.sub("", text)).strip() + "\n"
        left = re.search(r"^(import|export)\b.*", part, re.M)
        if left:
            raise Wrong(f"{name}: want it on one line: {left[0]}")
        if "</script" in part.lower():
            raise Wrong(f"{name} would end the script early")
        parts[name] = part
    return parts


def parts() -> list[tuple[str, str]]:
    """The page in order: the name of the source of each part, and its text."""
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    links = "".join(f'<link rel="stylesheet" href="{name}">\n' for name in STYLES)
    tag = f'<script type="module" src="{MAIN}"></script>'
    if html.count(links) != 1 or html.count(tag) != 1:
        raise Wrong("index.html must link the style sheets and main.js once each")
    head, rest = html.split(links)
    body, foot = rest.split(tag)
    return [
        ("head.html", head + "<style>"),
        *((name, (PAGE / name).read_text(encoding="utf-8")) for name in STYLES),
        ("body.html", "</style>\n" + body + '<script type="module">'),
        *scripts().items(),
        ("foot.html", "</script>" + foot),
    ]


def page() -> str:
    return "".join(text for _, text in parts())


def policy() -> str:
    """Nothing but this one script and this one style sheet, and connections to where the page came from."""

    def hashed(ending: str) -> str:
        text = "".join(text for name, text in parts() if name.endswith(ending))
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; script-src {hashed('.js')}; style-src {hashed('.css')}; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


# MARK: Swift

_NOTE = """\
// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file
"""


def generated() -> dict[str, str]:
    """File name to content: one file a part, and one that puts them in order."""
    files = {}
    names = []
    for source, text in parts():
        stem, kind = source.split(".")
        name = stem + {"html": "Markup", "css": "Style", "js": "Script"}[kind]
        names.append(name)
        # A raw literal with two signs: neither a backslash nor a quotation mark means anything in it.
        if '"""##' in text:
            raise Wrong(f"{source} holds the end of a literal")
        files[f"{name[0].upper()}{name[1:]}.swift"] = (
            f'{_NOTE}\nextension Dashboard {{\n  static let {name} = ##"""\n{text}\n"""##\n}}\n'
        )
    files["Assembly.swift"] = (
        f"{_NOTE}\nextension Dashboard {{\n"
        f"  static let parts = [\n    {', '.join(names)},\n  ]\n"
        f'  static let policy =\n    "{policy()}"\n}}\n'
    )
    return files


def main() -> int:
    if sys.argv[1:] == ["--page"]:
        sys.stdout.write(page())
        return 0
    wanted = generated()
    have = {path.name: path.read_text(encoding="utf-8") for path in GENERATED.glob("*.swift")}
    if sys.argv[1:] == ["--check"]:
        stale = sorted(name for name in wanted.keys() | have.keys() if wanted.get(name) != have.get(name))
        print("stale: " + ", ".join(stale) if stale else "the Swift is what the sources give")
        return 1 if stale else 0
    GENERATED.mkdir(exist_ok=True)
    for name in have.keys() - wanted.keys():
        (GENERATED / name).unlink()
    for name, text in wanted.items():
        (GENERATED / name).write_text(text, encoding="utf-8")
    print(f"{len(page().encode()):,} bytes of page in {len(wanted)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
