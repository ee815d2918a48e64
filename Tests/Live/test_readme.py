"""What the README shows is what there is: its code, its configuration, its links, its picture."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    "README.md", "CONTRIBUTING.md", "protocol/README.md", "protocol/http/README.md", "protocol/python/README.md",
    "protocol/service.md", "deploy/README.md", "deploy/notifications.md", "deploy/threat-model.md",
    "Tests/Benchmarks/README.md",
]  # fmt: skip


@pytest.mark.parametrize("name", ["publish.py", "subscribe.py", "publish_framed.py", "orchestrator.py"])
def test_the_five_lines_are_those_that_are_run(name: str) -> None:
    shown = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert shown, f"no block for {name}"
    example = (ROOT / "protocol" / "examples" / name).read_text(encoding="utf-8")
    assert shown[1] in example
    assert len(shown[1].splitlines()) <= 6


def test_the_configuration_is_right(tmp_path: Path) -> None:
    shown = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert shown
    (tmp_path / "my.yaml").write_text(shown[1], encoding="utf-8")
    (tmp_path / "training.csv").write_text("amount,age\n1.0,2.0\n2.0,1.0\n", encoding="utf-8")
    ran = subprocess.run([harness.binary(), "check", "--config", tmp_path / "my.yaml"], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr


def test_the_picture_of_top_is_the_one_that_its_script_made() -> None:
    shown = re.search(r"<!-- top.txt -->\n```\n(.*?)```", README, re.DOTALL)
    assert shown
    assert shown[1].rstrip() == (ROOT / "deploy" / "screenshots" / "top.txt").read_text(encoding="utf-8").rstrip()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    for link in links:
        if not re.match(r"https?://", link):
            assert (path.parent / link).exists(), f"{document} links to {link}"


def test_the_demonstration_runs_and_shows_what_the_readme_shows() -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    ran = subprocess.run(
        ["bash", "deploy/demo.sh", "--pace", "0"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=900,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert "\x1b" not in ran.stdout
    assert re.search(r"lost +nothing", ran.stdout)
    assert "rejected=0" in ran.stdout
    picture = re.search(r"\$ bash deploy/demo.sh\n(.*?)```", README, re.DOTALL)
    assert picture
    printed = ran.stdout.splitlines()
    kept = 0
    for line in picture[1].splitlines():
        # Figures may differ in the last digit with another numpy; what happened when may not, nor what is found.
        dated = re.match(r"\d{4}-\d\d-\d\d  rain  \S+ +\S+", line)
        if dated:
            assert any(each.startswith(dated[0]) for each in printed), line
        elif line.startswith(("DETECTED", "  THE FAULT", "  - It holds", "    away", "    and", "RECOVERED")):
            assert line in printed, line
        else:
            continue
        kept += 1
    assert kept >= 8, "the picture must show alerts, decisions and the fault"
