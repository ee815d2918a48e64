"""The commands beside the daemon: publish, tail, sources, decode, as a person uses them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from harness import DATA, NO_INPUT, REPOSITORY, USAGE, Ran, binary, configure, environment, run
from live import Daemon

UNAVAILABLE = 69
GOLDEN = REPOSITORY / "protocol" / "golden" / "1.0" / "messages.ndjson"


@pytest.fixture
def daemon(daemons, folder: Path, ipc: dict[str, list[str]]) -> Daemon:
    config = configure(folder, {"name": "cli", "sockets": ipc})
    return daemons("--config", config).wait_ready()


def publish(daemon: Daemon, *arguments: str | Path, expect: int = 0, input: bytes | None = None) -> str:
    ran = run("publish", "--to", daemon.ingest, "--output", daemon.output, *arguments, input=input)
    assert ran.code == expect, ran.said
    return ran.err


def sources(daemon: Daemon) -> dict[str, dict]:
    ran = run("sources", "--output", daemon.output, "--json")
    assert ran.code == 0, ran.said
    return {entry["source"]: entry for entry in map(json.loads, ran.out.splitlines())}


class Following:
    """A `tail` that has been heard by the daemon before anything is published."""

    def __init__(self, daemon: Daemon, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [binary(), "tail", "--output", daemon.output, "--timeout", "20", "--kind", "head", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
        )
        assert self._process.stdout is not None
        self.first = self._process.stdout.readline()
        assert self.first, self._process.communicate(timeout=10)[1]

    def lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith("head/"):
                yield line.rstrip("\n")

    def stop(self) -> str:
        self._process.terminate()
        return self._process.communicate(timeout=10)[1]


def test_an_array_is_a_baseline_and_batches_that_drift(daemon: Daemon, folder: Path) -> None:
    random = numpy.random.default_rng(3)
    numpy.save(folder / "base.npy", random.normal(size=(2000, 4)))
    shifted = (random.normal(size=(2500, 4)) + [0, 0, 5, 0]).astype("float32")
    numpy.save(folder / "live.npy", shifted)
    tail = Following(daemon, "--kind", "alert", "--kind", "decision")
    model = ("--names", "a,b,c,d", "--model", "fraud", "--model-version", "7")
    assert "1 events sent and read" in publish(daemon, folder / "base.npy", "--kind", "baseline", *model)
    assert "3 events sent and read" in publish(daemon, folder / "live.npy", "--source", "loader", *model)
    lines = tail.lines()
    assert "fraud@7  alert opened: data_drift, high" in (first := next(lines)) and first.endswith("(c)")
    tail.stop()
    entry = sources(daemon)["loader"]
    assert (entry["received"], entry["rejected"], entry["lost"], entry["state"]) == (3, 0, 0, "ended")


def test_a_table_of_measurements_keeps_its_times(daemon: Daemon, folder: Path) -> None:
    rows = [f"2026-03-02T0{hour}:00:00Z,{0.95 - 0.1 * hour:.2f},{100 + 40 * hour}" for hour in range(5)]
    (folder / "m.csv").write_text("at,accuracy,latency_ms\n" + "\n".join(rows) + "\n")
    tail = Following(daemon, "--kind", "alert", "--json")
    publish(daemon, folder / "m.csv", "--model", "fraud", "--time-column", "at")
    events = (json.loads(line) for line in tail.lines() if "interval_ms" not in line)
    alert = next(events)
    tail.stop()
    assert (alert["time"], alert["data"]["value"]) == ("2026-03-02T01:00:00Z", 0.85)


def test_a_table_of_features_comes_in_batches(daemon: Daemon, folder: Path) -> None:
    random = numpy.random.default_rng(4)
    lines = ["amount,age"] + [",".join(map(str, row)) for row in random.normal(size=(250, 2))]
    (folder / "f.csv").write_text("\n".join(lines))
    publish(daemon, folder / "f.csv", "--model", "m", "--kind", "baseline")
    said = publish(daemon, folder / "f.csv", "--model", "m", "--rows", "100")
    assert "3 events sent and read" in said and "0 rejected, 0 lost" in said


def test_lines_are_sent_as_they_are_and_bad_ones_told(daemon: Daemon) -> None:
    lines = (REPOSITORY / "protocol" / "examples" / "inputs.ndjson").read_bytes().splitlines()
    said = publish(daemon, "-", "--format", "ndjson", input=b"\n".join([b"{}", b"", *lines]))
    assert "line 1: malformed" in said and f"{len(lines)} events sent and read" in said
    assert sources(daemon)["/pods/7"]["received"] == sum(b"/pods/7" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "content", "arguments", "code", "said"),
    [
        ("a.csv", b"x,y\n1,2\n1,b\n", ["--model", "m"], DATA, "a.csv:3: 'b' in column y is no number"),
        ("a.csv", b"x,y\n1\n", ["--model", "m"], DATA, "a.csv:2: 1 cells, the header has 2"),
        ("a.csv", b"x\n1\n", ["--model", "m", "--time-column", "at"], DATA, "no column 'at'"),
        ("a.csv", b"x\n1\n", ["--model", "m", "--kind", "metrics"], DATA, "metrics need a column"),
        ("a.csv", b"", ["--model", "m"], DATA, "no header"),
        ("a.csv", b"x\n1\n", [], USAGE, "--model is needed"),
        ("a.npy", b"\x93NUMPY", ["--model", "m"], DATA, "no .npy file"),
        ("a.txt", b"", ["--model", "m"], USAGE, "want --format"),
        (None, b"", ["--model", "m"], NO_INPUT, "No such file"),
    ],
)
def test_what_cannot_be_published_is_said(
    daemon: Daemon, folder: Path, name: str | None, content: bytes, arguments: list[str], code: int, said: str
) -> None:
    path = folder / (name or "absent.csv")
    if name:
        path.write_bytes(content)
    assert said in publish(daemon, path, *arguments, expect=code)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (numpy.zeros((2, 2), dtype=">f8"), "want <f8"),
        (numpy.asfortranarray(numpy.zeros((3, 2))), "ascontiguousarray"),
        (numpy.zeros((2, 2, 2)), "3 dimensions"),
        (numpy.zeros((0, 2)), "empty"),
    ],
)
def test_arrays_that_the_wire_has_not_are_said(daemon: Daemon, folder: Path, array, said: str) -> None:
    numpy.save(folder / "a.npy", array)
    assert said in publish(daemon, folder / "a.npy", "--model", "m", expect=DATA)


def test_an_array_that_ends_early_is_said(daemon: Daemon, folder: Path) -> None:
    numpy.save(folder / "a.npy", numpy.zeros((100, 2)))
    (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:-8])
    assert "fewer values" in publish(daemon, folder / "a.npy", "--model", "m", expect=DATA)


def test_nobody_there_is_said_in_time(folder: Path) -> None:
    (folder / "a.csv").write_text("x\n1\n")
    nowhere = f"ipc://{folder}/nowhere"
    for arguments in (
        ("publish", folder / "a.csv", "--model", "m", "--to", nowhere),
        ("sources",),
        ("tail",),
    ):
        ran = run(*arguments, "--output", nowhere, "--timeout", "0.3")
        assert ran.code == UNAVAILABLE, ran.said


@pytest.mark.parametrize(
    "arguments",
    [
        ("tail", "--output", "x"),
        ("tail", "--json", "--frames"),
        ("tail", "--count", "0"),
        ("sources", "--timeout", "0"),
        ("sources", "--timeout", "nan"),
        ("history",),
        ("history", "--state", ".", "--limit", "0"),
        ("history", "--state", ".", "--kind", "weather"),
        ("publish", "a.csv", "--rows", "0"),
    ],
)
def test_wrong_options_are_refused(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == USAGE


def test_history_without_a_journal_says_so(folder: Path) -> None:
    for directory in (folder, folder / "nowhere"):
        ran = run("history", "--state", directory)
        assert ran.code == NO_INPUT and str(directory) in ran.err, ran.said


def decode(dump: str) -> Ran:
    return run("decode", "-", input=dump.encode())


def test_decode_says_of_every_golden_message_what_becomes_of_it() -> None:
    for line in GOLDEN.read_text().splitlines():
        message = json.loads(line)
        ran = decode("# " + message["name"] + "\n" + "\n".join(frame or "-" for frame in message["frames"]))
        out = ran.out.decode()
        # An output's kind is explained as one, whichever way it goes; what is too long never leaves a socket.
        if message["direction"] == "out" or message["name"] == "framing.kind_out" or len(message["frames"]) > 16:
            continue
        if "refused" in message:
            assert ran.code == DATA and f"refused: {message['refused']}" in out.replace(
                ", and counted in its source's account", ""
            ), message["name"]
        else:
            assert ran.code == 0 and "→  taken" in out, (message["name"], out)


def test_decode_explains_what_tail_dumps(daemon: Daemon, folder: Path) -> None:
    (folder / "m.csv").write_text("accuracy\n0.1\n")
    tail = Following(daemon, "--kind", "alert", "--frames")
    publish(daemon, folder / "m.csv", "--model", "fraud")
    frames: list[str] = []
    for line in tail.lines():
        frames.append(line)
        if not line and bytes.fromhex(frames[0]).startswith(b"alert/"):
            break
        if not line:
            frames = []
    tail.stop()
    ran = decode("\n".join(frames))
    assert ran.code == 0
    for part in ("topic       alert/fraud/-/cli", "kind        16 alert", "seq         1", "an output of a daemon"):
        assert part in ran.out.decode()


def test_decode_refuses_what_is_no_dump(folder: Path) -> None:
    assert decode("xyz").code == DATA
    assert decode("abc").code == DATA
    assert run("decode", folder / "absent").code == NO_INPUT
