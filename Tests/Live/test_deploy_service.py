"""The systemd unit: its score, its words, and a daemon that keeps to the system calls that it allows."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import yaml
import zmq

import harness
import live
from deployed import DEPLOY, KUBERNETES, ran

UNIT = DEPLOY / "systemd" / "tidemark.service"
#: Ten times the score: 3.0 was asked for, 1.2 is reached.
MOST_EXPOSURE = 12


def setting(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_unit_is_hardened() -> None:
    said = ran(
        "systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager", UNIT,
    )  # fmt: skip
    assert re.search(r"Overall exposure level for tidemark.service: [01]\.\d OK", said), said[-300:]


def test_unit_is_understood_to_the_word(tmp_path: Path) -> None:
    copy = tmp_path / "tidemark.service"
    copy.write_text(UNIT.read_text().replace("/usr/bin/tidemark", str(harness.binary())))
    # Every unknown key, bad value and missing program is a line.
    assert ran("systemd-analyze", "verify", copy) == ""


def test_unit_says_what_the_daemon_is_told_to_expect() -> None:
    assert setting("Type") == ["notify"] and setting("NotifyAccess") == ["main"]
    assert setting("ExecReload") == ['/bin/sh -c "kill -HUP ${MAINPID}"']
    assert setting("RestartPreventExitStatus") == [str(harness.CONFIGURATION)]
    # One figure in three places: the unit, the central service, the alert rule.
    assert setting("MemoryMax") == ["1G"]
    stateful = yaml.safe_load((KUBERNETES / "central" / "statefulset.yaml").read_text())
    (container,) = stateful["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert f"0.85 * {1 << 30}" in (DEPLOY / "prometheus" / "rules.yaml").read_text()


def test_user_and_folders_are_made(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    ran("systemd-sysusers", f"--root={root}", UNIT.parent / "sysusers.conf")
    entry = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("tidemark:"))
    assert entry.endswith(":/var/lib/tidemark:/usr/sbin/nologin")
    ran("systemd-tmpfiles", f"--root={root}", "--create", UNIT.parent / "tmpfiles.conf")
    for folder, mode in (("etc/tidemark", 0o750), ("etc/tidemark/keys", 0o700)):
        status = (root / folder).stat()
        assert stat.S_IMODE(status.st_mode) == mode
    group = next(line for line in (root / "etc/group").read_text().splitlines() if line.startswith("tidemark:"))
    assert (root / "etc/tidemark").stat().st_gid == int(group.split(":")[2])


def system_calls(name: str) -> set[str]:
    """A call, or a set of systemd's with the sets in it."""
    if not name.startswith("@"):
        return {name}
    said = ran("systemd-analyze", "syscall-filter", "--no-pager", name)
    words = [line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    found: set[str] = set()
    for word in words:
        found |= system_calls(word)
    return found


def allowed_calls() -> set[str]:
    allowed: set[str] = set()
    for line in setting("SystemCallFilter"):
        for word in line.lstrip("~").split():
            allowed = allowed - system_calls(word) if line.startswith("~") else allowed | system_calls(word)
    return allowed


def test_daemon_keeps_to_the_system_calls_it_is_allowed(folder: Path, context: zmq.Context[Any]) -> None:
    """From start to drain, with a journal, both transports and an alert. What the filter refuses fails with EPERM."""
    names = ("ingest", "output", "control", "reliable")
    sockets = {name: ["tcp://127.0.0.1:0", f"ipc://{folder}/{name}"] for name in names}
    http = {"listen": "127.0.0.1:0"}
    path = harness.configure(folder, {"state": str(folder / "state"), "sockets": sockets, "http": http})
    command = ["strace", "-f", "-qq", "-o", folder / "calls", harness.binary(), "serve", "--config", path]
    traced = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=harness.environment())
    assert traced.stderr is not None
    try:
        ready = next(line for line in traced.stderr if " ready " in line)
        daemon = int(Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split()[0])
        publisher = live.Publisher(context, f"ipc://{folder}/ingest").wait_subscribed()
        live.Subscriber(context, live.endpoint(ready, "output").split(",")[0], "alert/").settle(publisher)
        with urllib.request.urlopen(f"http://{live.endpoint(ready, 'http')}/metrics", timeout=live.GIVE_UP_S) as answer:
            assert answer.status == 200
        os.kill(daemon, signal.SIGTERM)
        assert "stopped" in traced.stderr.read()
        assert traced.wait(live.GIVE_UP_S) == 0
    finally:
        if traced.poll() is None:
            traced.kill()
    calls = (folder / "calls").read_text()
    used = set(re.findall(r"^\d+ +(\w+)\(", calls, re.MULTILINE))
    assert {"bind", "flock", "fdatasync", "sendto", "recvfrom"} <= used, "the trace saw a daemon at work"
    # execve is how it is started, before the filter holds; SQLite calls fchown for root alone, as which this may run.
    assert used - allowed_calls() - {"execve", "fchown"} == set()
    families = set(re.findall(r"\bsocket\((AF_\w+)", calls))
    assert {"AF_UNIX", "AF_INET", "AF_NETLINK"} <= families <= set(setting("RestrictAddressFamilies")[0].split())
