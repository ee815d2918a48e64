"""What the tests of `deploy` share: its files, the manifests as kustomize makes them, and commands that must succeed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from harness import REPOSITORY, environment

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("sidecar-example", "central-production")
Manifest = dict[str, Any]


def ran(*command: str | Path, expect: int | None = 0, **more: Any) -> str:
    """What a command says, both streams; it must end with `expect`."""
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment(), timeout=60, **more)
    said: str = done.stdout + done.stderr
    assert expect is None or done.returncode == expect, f"{command[0]}: exit {done.returncode}\n{said[-4000:]}"
    return said


def rendered_by_kustomize(overlay: str) -> str | None:
    """None where no kustomize is: neither `kubectl` nor `kustomize` is a package of Debian that is new enough."""
    folder = KUBERNETES / "overlays" / overlay
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            return subprocess.run([*command, folder], capture_output=True, text=True, check=True, timeout=60).stdout
    return None


def golden(overlay: str) -> Path:
    """What kustomize 5.5 makes of an overlay; `kubectl kustomize deploy/kubernetes/overlays/NAME` writes it anew."""
    return REPOSITORY / "Tests" / "Golden" / f"kubernetes-{overlay}.yaml"


def manifests(overlay: str) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(golden(overlay).read_text()) if document]


def one(overlay: str, kind: str, name: str | None = None) -> Manifest:
    found = [m for m in manifests(overlay) if m["kind"] == kind and name in (None, m["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name} in {overlay}"
    return found[0]


def pod_specs(overlay: str) -> Iterator[Manifest]:
    for manifest in manifests(overlay):
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            yield manifest["spec"]["template"]["spec"]
