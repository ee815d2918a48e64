"""Writes the files of golden/1.0 and the vectors in the pages of the protocol, the same bytes each time.

    python make.py           writes the files
    python make.py --check   writes nothing; exit status 1 and a line for each file that would change

Standard library only. Cases are in cases_*.py beside this file; a message of a released version never changes, so
later ones are added and none is edited.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cases_control
import cases_decisions
import cases_features
import cases_feedback
import cases_framing
import cases_metrics
import cases_outputs
import cases_resume
import cases_signs
import cases_silence
import cases_streams
from message import Case, pretty

PROTOCOL = Path(__file__).resolve().parent.parent
GOLDEN = PROTOCOL / "golden" / "1.0"
PAGES = {
    **{
        kind: f"kinds/{kind}.md"
        for kind in (
            *("metrics", "features", "baseline", "feedback", "head", "bye"),
            *("alert", "decision", "assessment", "status", "control", "acknowledgement", "silence"),
        )
    },
    "framing": "framing.md",
}
BEGIN = "<!-- vectors: written by golden/make.py -->\n"
END = "<!-- end of vectors -->\n"
HEADER_FIELDS = (4, 1, 1, 1, 1, 4, 4, 8, 8, 8, 8, 8, 8)


def all_cases() -> list[Case]:
    found: list[Case] = []
    for module in (cases_metrics, cases_features, cases_feedback, cases_signs, cases_framing):
        found += module.cases()
    for module in (cases_outputs, cases_decisions, cases_control, cases_silence):
        found += module.cases()
    names = [case.name for case in found]
    assert len(set(names)) == len(names), "two cases of one name"
    return found


def entry(case: Case) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": case.name,
        "about": case.about,
        "direction": case.direction,
        "encoding": case.encoding,
    }
    made["frames"] = [frame.hex() for frame in case.frames]
    if case.decode_only:
        made["decode_only"] = True
    return made | case.outcome()


def ndjson(entries: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) + "\n" for each in entries)


def frame_line(number: int, frame: bytes, case: Case) -> str:
    text, remark = frame.hex(), f"F{number}"
    if number == 0:
        shown = frame.decode("utf-8", "backslashreplace").encode("ascii", "backslashreplace").decode()
        remark += f" topic {shown}" if shown.isprintable() and len(shown) <= 120 else " topic"
    elif number == 1 and case.encoding == "framed":
        remark += " header"
        if len(frame) == sum(HEADER_FIELDS):
            fields, at = [], 0
            for size in HEADER_FIELDS:
                fields.append(text[2 * at : 2 * (at + size)])
                at += size
            text = " ".join(fields)
    elif number == 1:
        remark += " CloudEvents JSON"
    elif number == 2 and case.encoding == "framed":
        remark += " CloudEvents JSON" if "event" in case.expect and "descriptor" not in case.expect else " descriptor"
    elif case.encoding == "framed":
        remark += f" tensor {number - 3}"
    return f"{text or '-'}  # {remark}\n"


def block(case: Case) -> str:
    lines = "".join(frame_line(number, frame, case) for number, frame in enumerate(case.frames))
    outcome = case.outcome()
    outcome = outcome.get("expect", outcome)
    return f"### `{case.name}`\n\n{case.about}\n\n```vector\n{lines}```\n\n```json\n{pretty(outcome)}\n```\n"


def page_with_vectors(text: str, cases: list[Case]) -> str:
    blocks = "\n".join(block(case) for case in cases)
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + blocks + "\n" + END + rest.split(END)[1]


def files() -> dict[Path, str]:
    """What each file has to hold."""
    cases = all_cases()
    made = {
        GOLDEN / "messages.ndjson": ndjson([entry(case) for case in cases if case.direction in ("in", "out")]),
        GOLDEN / "control.ndjson": ndjson([entry(case) for case in cases if case.direction not in ("in", "out")]),
        GOLDEN / "readers.ndjson": ndjson(cases_streams.readers()),
        GOLDEN / "accounts.ndjson": ndjson(cases_streams.accounts()),
        GOLDEN / "resume.ndjson": ndjson(cases_resume.streams()),
    }
    for page, name in PAGES.items():
        path = PROTOCOL / name
        if path.exists():
            made[path] = page_with_vectors(path.read_text(), [each for each in cases if each.page == page])
    return made


def main() -> int:
    stale = 0
    for path, text in files().items():
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if "--check" in sys.argv[1:]:
            print(f"{path.relative_to(PROTOCOL)} is not what make.py writes")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(PROTOCOL)}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
