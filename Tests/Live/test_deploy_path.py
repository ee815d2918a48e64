"""The page's path from a model server to a decision, run as it is written, and its links."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from deployed import DEPLOY

README = (DEPLOY / "README.md").read_text()
#: The whole path takes about 5 s.
PATIENCE_S = 40


def block(name: str) -> list[str]:
    """The commands of a block that is marked as run."""
    shown = re.search(rf"<!-- ▶ {name} -->\n```\n(.*?)```", README, re.DOTALL)
    assert shown, f"no block for {name}"
    return shown[1].splitlines()


@pytest.fixture
def place(folder: Path) -> Iterator[dict[str, str]]:
    """A folder with this repository's `deploy` and `protocol`, and the binary and the client found by name."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "tidemark").symlink_to(harness.binary())
    (programs / "python3").symlink_to(sys.executable)
    for name in ("deploy", "protocol"):
        (folder / name).symlink_to(harness.REPOSITORY / name)
    yield {
        **harness.environment(), "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join([str(harness.REPOSITORY / "protocol/python/src"), *sys.path]),
    }  # fmt: skip


#: Runs the path with the default ports, in a network that has nothing but loopback; every process ends with it.
SCRIPT = """
set -eu
ip link set lo up
mkfifo log
{daemon} 2>log &
exec 3<log
while read -r line <&3; do
  echo "$line" >>daemon.log
  case $line in *" ready "*) break ;; esac
done
cat <&3 >>daemon.log &
{orchestrator} &
{watcher} >tail.log &
{server} --batches 35
{after}
"""


def test_the_path_ends_with_a_decision_in_the_orchestrator(folder: Path, place: dict[str, str]) -> None:
    commands = {name: "\n".join(block(name)) for name in ("daemon", "orchestrator", "watcher", "server", "after")}
    ran = subprocess.Popen(
        ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
         "bash", "-c", SCRIPT.format(**commands)],
        cwd=folder, env=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = ran.communicate(timeout=PATIENCE_S)
    finally:
        if ran.poll() is None:
            os.kill(ran.pid, signal.SIGKILL)
    said += (folder / "daemon.log").read_text()
    assert ran.returncode == 0, said
    assert (folder / "fraud.model").exists(), "the orchestrator was asked to train"
    changed = re.search(r"^batch (\d+): the new model serves$", said, re.MULTILINE)
    assert changed and int(changed[1]) >= 20, said
    shown = (folder / "tail.log").read_text()
    for line in ("alert opened: data_drift, high", "alert opened: accuracy_degradation, high", "decision retrain: Drift detected",
                 "alert resolved: data_drift, high"):  # fmt: skip
        assert f"  fraud  {line}" in shown and f"  fraud  {line}" in README, shown


@pytest.mark.parametrize("document", ["README.md"])
def test_links_lead_somewhere(document: str) -> None:
    text = (DEPLOY / document).read_text()
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (DEPLOY / link).exists(), link
    headings = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert {anchor for anchor in re.findall(r"\]\(#([^)]+)\)", text)} <= headings


def test_the_four_lines_are_in_the_server() -> None:
    server = (DEPLOY / "example" / "model_server.py").read_text()
    assert [n for n in re.findall(r"# \((\d)\)$", server, re.MULTILINE)] == ["1", "3", "4", "2"]


def test_the_footprint_is_the_reports() -> None:
    report = (harness.REPOSITORY / "Tests/Benchmarks/footprint.md").read_text()
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert len(rows) == 8 and "\n".join(rows) in README
