"""The configuration is strict: `tidemark check` names every problem at once, with its line and key."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from harness import CONFIGURATION, Ran, run

#: FILE:LINE: KEY: what is wrong, what is allowed
PROBLEM = re.compile(
    r"^(?P<file>[^\n]+?):(?P<line>\d+): (?P<key>[A-Za-z_][\w.\[\]]*): (?P<text>\S.*)$", re.MULTILINE
)

WHOLE = """
name: watch
preset: reference
state: state
sockets:
  ingest: ["tcp://127.0.0.1:0", "ipc://{folder}/ingest"]
  output: ["tcp://127.0.0.1:0"]
  control: ["tcp://127.0.0.1:0"]
models:
  - name: fraud
    version: "7"
    baseline:
      accuracy: 0.95
      latency_ms: 120
      features: reference.csv
    performance:
      accuracy_ratio: 0.9
      latency_ms: 200
      window: 5
      history: 100
    drift:
      threshold: 2.0
      history: 10
    retrain:
      mode: issue
      accuracy_threshold: 0.05
      drift_threshold: 2.0
      min_time_between_retrains: 24h
      max_time_without_retrain: 7d
      drift_severity_weights: {{low: 0.1, medium: 0.5, high: 1.0}}
      idle_evaluation: 48h
  - name: fraud
    baseline:
      features:
        feature_names: [x, y]
        rows: [[1.0, 2.0], [3.0, 4.0]]
  - name: churn
    alerts: {{flap: "off"}}
alerts:
  for: 5m
  min_samples: 100
  clear_ratio: 0.7
  clear_evaluations: 5
  keep_firing_for: 20m
  flap: {{half_life: 10m, suppress: 2.5, reuse: 0.5}}
  resend: 30s
fleet: {{least_models: 10, share: 0.5, within: 30m}}
defaults:
  performance:
    latency_ms: 90
  retrain:
    mode: observe
    min_time_between_retrains: 90s
unknown_models: register
limits:
  models: 100
"""


def check(folder: Path, text: str, *flags: str) -> Ran:
    path = folder / "tidemark.yaml"
    path.write_text(textwrap.dedent(text).lstrip("\n"))
    return run("check", "--config", path, *flags)


def problems(folder: Path, text: str) -> list[tuple[int, str, str]]:
    """(line, key, text) of each problem; the exit code is 78 and nothing on standard error is coloured."""
    ran = check(folder, text)
    assert ran.code == CONFIGURATION, f"exit {ran.code}, not 78:\n{ran.said}"
    assert "\x1b" not in ran.said, "colour in a pipe"
    found = [match for match in PROBLEM.finditer(ran.err)]
    for match in found:
        assert match["file"] == str(folder / "tidemark.yaml"), f"names {match['file']!r}"
    assert found, f"no FILE:LINE: KEY: problem in:\n{ran.err}"
    return [(int(match["line"]), match["key"], match["text"]) for match in found]


def assert_one(folder: Path, text: str, line: int, key: str) -> str:
    found = problems(folder, text)
    assert [(at, named) for at, named, _ in found] == [(line, key)], found
    return found[0][2]


# What is right.


def test_a_whole_configuration_is_right(folder: Path) -> None:
    (folder / "reference.csv").write_text("x,y\n1.0,2.0\n3.0,4.0\n2.0,2.5\n")
    ran = check(folder, WHOLE.format(folder=folder))
    assert ran.code == 0, ran.said
    assert 0 < len(ran.said.split()) < 100, f"a short word, not {ran.said!r}"


@pytest.mark.parametrize("text", ["", "{}\n", "# nothing yet\n", "name: watch\n", "models: []\n"])
def test_everything_has_a_default(folder: Path, text: str) -> None:
    ran = check(folder, text)
    assert ran.code == 0, ran.said


# Unknown keys, at each level.

UNKNOWN: dict[str, tuple[str, int, str]] = {
    "top": ("nam: watch\n", 1, "nam"),
    "sockets": ("sockets:\n  ingres: []\n", 2, "sockets.ingres"),
    "model": ("models:\n  - name: a\n    verison: 1\n", 3, "models[0].verison"),
    "second model": ("models:\n  - name: a\n  - name: b\n    x: 1\n", 4, "models[1].x"),
    "baseline": ("models:\n  - name: a\n    baseline:\n      acc: 1\n", 4, "models[0].baseline.acc"),
    "performance": ("models:\n  - name: a\n    performance: {ratio: 1}\n", 3, "models[0].performance.ratio"),
    "drift": ("models:\n  - name: a\n    drift:\n      treshold: 2\n", 4, "models[0].drift.treshold"),
    "retrain": ("models:\n  - name: a\n    retrain:\n      min: 24h\n", 4, "models[0].retrain.min"),
    "weights": (
        "models:\n  - name: a\n    retrain:\n      drift_severity_weights:\n        lo: 1\n",
        5,
        "models[0].retrain.drift_severity_weights.lo",
    ),
    "defaults": ("defaults:\n  drift:\n    treshold: 2\n", 3, "defaults.drift.treshold"),
    "limits": ("limits:\n  mdels: 3\n", 2, "limits.mdels"),
}


@pytest.mark.parametrize("where", UNKNOWN)
def test_an_unknown_key(folder: Path, where: str) -> None:
    text, line, key = UNKNOWN[where]
    assert_one(folder, text, line, key)


# Values of the wrong type, and words that are none of the allowed.

WRONG: dict[str, tuple[str, int, str]] = {
    "models is a map": ("models: {name: a}\n", 1, "models"),
    "models is a text": ("name: x\nmodels: fraud\n", 2, "models"),
    "sockets is a list": ("sockets: [1]\n", 1, "sockets"),
    "ingest is a number": ("sockets:\n  ingest: 7410\n", 2, "sockets.ingest"),
    "threshold is a text": ("defaults:\n  drift:\n    threshold: high\n", 3, "defaults.drift.threshold"),
    "threshold is a list": ("defaults:\n  drift:\n    threshold: [2]\n", 3, "defaults.drift.threshold"),
    "window is a fraction": (
        "defaults:\n  performance:\n    window: 2.5\n",
        3,
        "defaults.performance.window",
    ),
    "window is negative": ("defaults:\n  performance:\n    window: -5\n", 3, "defaults.performance.window"),
    "accuracy is a text": (
        "models:\n  - name: a\n    baseline:\n      accuracy: good\n",
        4,
        "models[0].baseline.accuracy",
    ),
    "retrain is a number": ("models:\n  - name: a\n    retrain: 3\n", 3, "models[0].retrain"),
    "a mode that is none": ("defaults:\n  retrain:\n    mode: maybe\n", 3, "defaults.retrain.mode"),
    "unknown_models that is none": ("name: x\nunknown_models: ignore\n", 2, "unknown_models"),
    "a preset that is none": ("preset: refrence\n", 1, "preset"),
    "a ratio above the alarm": ("name: x\nalerts:\n  clear_ratio: 1.1\n", 3, "alerts.clear_ratio"),
    "no evaluation": ("alerts:\n  clear_evaluations: 0\n", 2, "alerts.clear_evaluations"),
    "resend of a model": ("defaults:\n  alerts:\n    resend: 60s\n", 3, "defaults.alerts.resend"),
    "resend too often": ("alerts:\n  resend: 500ms\n", 2, "alerts.resend"),
    "flap that is none": ("alerts:\n  flap: never\n", 2, "alerts.flap"),
    "flap that never ends": ("alerts:\n  flap: {suppress: 1, reuse: 2}\n", 2, "alerts.flap"),
    "a share of a fleet": ("fleet:\n  share: 20\n", 2, "fleet.share"),
    "limits.models is a text": ("limits:\n  models: many\n", 2, "limits.models"),
    "rows that hold a text": (
        "models:\n  - name: a\n    baseline:\n      features:\n        rows: [[1, x]]\n",
        5,
        "models[0].baseline.features.rows",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_value(folder: Path, what: str) -> None:
    text, line, key = WRONG[what]
    found = problems(folder, text)
    assert len(found) == 1, found
    assert found[0][0] == line and found[0][1].startswith(key), found


@pytest.mark.parametrize(("key", "allowed"), [("mode: maybe", ["observe", "issue"])])
def test_the_problem_says_what_is_allowed(folder: Path, key: str, allowed: list[str]) -> None:
    text = problems(folder, f"defaults:\n  retrain:\n    {key}\n")[0][2]
    assert all(word in text for word in allowed), text
    text = problems(folder, "unknown_models: ignore\n")[0][2]
    assert "register" in text and "reject" in text, text


DURATIONS = [
    "min_time_between_retrains",
    "max_time_without_retrain",
    "idle_evaluation",
]


@pytest.mark.parametrize("key", DURATIONS)
@pytest.mark.parametrize("value", ["soon", "-5s", "12x", "h", '""', "1 fortnight", "[24h]", "0x10s", "nan"])
def test_a_bad_duration(folder: Path, key: str, value: str) -> None:
    assert_one(folder, f"defaults:\n  retrain:\n    {key}: {value}\n", 3, f"defaults.retrain.{key}")


@pytest.mark.parametrize("value", ["90s", "24h", "7d", "15m", "3650d"])
def test_a_good_duration(folder: Path, value: str) -> None:
    ran = check(folder, f"defaults:\n  retrain:\n    max_time_without_retrain: {value}\n")
    assert ran.code == 0, ran.said


@pytest.mark.parametrize("value", ["99999999999999999999d", "9223372036854775807s", "106752d", "1e30d"])
def test_an_enormous_duration_never_traps(folder: Path, value: str) -> None:
    ran = check(folder, f"defaults:\n  retrain:\n    max_time_without_retrain: {value}\n")
    assert ran.code in (0, CONFIGURATION), ran.said


# Entries.


@pytest.mark.parametrize(
    "second",
    ["  - name: a\n", "  - {name: a}\n", "  - name: a\n    drift: {threshold: 3}\n"],
)
def test_two_entries_of_one_name_without_version(folder: Path, second: str) -> None:
    found = problems(folder, "models:\n  - name: a\n  - name: b\n" + second)
    assert len(found) == 1, found
    line, key, text = found[0]
    assert line == 4 and key.startswith("models[2]"), found
    assert re.search(r"\ba\b", text), text


def test_two_entries_of_one_name_and_version(folder: Path) -> None:
    entry = '  - name: a\n    version: "1"\n'
    found = problems(folder, "models:\n" + entry + entry)
    assert len(found) == 1, found
    assert found[0][0] in (4, 5) and found[0][1].startswith("models[1]"), found


def test_an_entry_needs_a_name(folder: Path) -> None:
    found = problems(folder, 'models:\n  - version: "1"\n')
    assert len(found) == 1 and found[0][0] == 2 and found[0][1].startswith("models[0]"), found


# Endpoints.

LONG = "/tmp/" + "x" * 103
ENDPOINTS = {
    "a path of 108 bytes": f"ipc://{LONG}",
    "an empty path": "ipc://",
    "an unknown scheme": "udp://127.0.0.1:7410",
    "no scheme": "127.0.0.1:7410",
    "no port": "tcp://127.0.0.1",
    "a port too high": "tcp://127.0.0.1:65536",
    "a port that is none": "tcp://127.0.0.1:http",
    "a negative port": "tcp://127.0.0.1:-1",
    "nothing": "",
}


@pytest.mark.parametrize("socket", ["ingest", "output", "control"])
@pytest.mark.parametrize("what", ENDPOINTS)
def test_a_bad_endpoint(folder: Path, socket: str, what: str) -> None:
    assert len(LONG.encode()) == 108
    found = problems(folder, f'name: x\nsockets:\n  {socket}: ["{ENDPOINTS[what]}"]\n')
    assert len(found) == 1, found
    assert found[0][0] == 3 and found[0][1].startswith(f"sockets.{socket}"), found


def test_a_path_of_107_bytes_is_right(folder: Path) -> None:
    path = str(folder) + "/" + "x" * (106 - len(str(folder)))
    assert len(path) == 107
    ran = check(folder, f'sockets:\n  ingest: ["ipc://{path}"]\n')
    assert ran.code == 0, ran.said


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "192.168.7.9"])
@pytest.mark.parametrize("socket", ["ingest", "output", "control"])
def test_a_bind_off_loopback_is_refused(folder: Path, socket: str, host: str) -> None:
    text = f'sockets:\n  {socket}: ["tcp://{host}:0"]\n'
    found = problems(folder, text)
    assert found[0][0] == 2 and found[0][1].startswith(f"sockets.{socket}"), found
    assert "--insecure-plaintext" in found[0][2], "it does not say what would allow it"


# Feature files.


def model_with(features: str) -> str:
    return f"models:\n  - name: a\n    baseline:\n      features: {features}\n"


def test_a_features_file_that_is_missing(folder: Path) -> None:
    text = assert_one(folder, model_with("absent.csv"), 4, "models[0].baseline.features")
    assert "absent.csv" in text, text


@pytest.mark.parametrize(
    "csv",
    ["x,y\n1,2\n3\n", "x,y\n1,2\n3,4,5\n", "x,y\n1,two\n", ""],
    ids=["a short row", "a long row", "a word", "empty"],
)
def test_a_features_file_that_is_no_matrix(folder: Path, csv: str) -> None:
    (folder / "bad.csv").write_text(csv)
    assert_one(folder, model_with("bad.csv"), 4, "models[0].baseline.features")


def test_a_ragged_inline_baseline(folder: Path) -> None:
    found = problems(folder, model_with("{feature_names: [x, y], rows: [[1, 2], [3]]}"))
    assert found[0][0] == 4 and found[0][1].startswith("models[0].baseline.features"), found


# All at once, and files that are no configuration.


def test_all_problems_at_once_with_their_lines(folder: Path) -> None:
    text = """
        nmae: watch
        sockets:
          ingest: ["udp://127.0.0.1:1"]
        models:
          - name: a
            drift: {threshold: high}
          - name: b
            retrain:
              idle_evaluation: soon
              mode: never
          - name: a
        unknown_models: maybe
        """
    found = {
        (line, key.split("[0]")[0] if key.startswith("sockets") else key)
        for line, key, _ in problems(folder, text)
    }
    expected = {
        (1, "nmae"),
        (3, "sockets.ingest"),
        (6, "models[0].drift.threshold"),
        (9, "models[1].retrain.idle_evaluation"),
        (10, "models[1].retrain.mode"),
        (12, "unknown_models"),
    }
    assert expected <= found, f"missing {expected - found}"
    rest = found - expected
    assert len(rest) == 1 and all(line == 11 and key.startswith("models[2]") for line, key in rest), rest


@pytest.mark.parametrize(
    "text",
    ["models:\n  - name: a\n   drift: x\n", "a: [1, 2\n", "\tname: x\n", 'name: "open\n'],
)
def test_a_file_that_is_no_yaml_is_named_with_its_line(folder: Path, text: str) -> None:
    path = folder / "tidemark.yaml"
    path.write_text(text)
    ran = run("check", "--config", path)
    assert ran.code == CONFIGURATION, ran.said
    assert re.search(rf"^{re.escape(str(path))}:\d+: ", ran.err, re.MULTILINE), ran.err


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "just words\n", "42\n"])
def test_a_file_that_is_no_map(folder: Path, text: str) -> None:
    ran = check(folder, text)
    assert ran.code == CONFIGURATION, ran.said


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00name", b"name: \xc3\x28\n", b"\x00\x01\x02", b"name: a\nname: b\n"]
)
def test_bytes_that_are_no_configuration_never_trap(folder: Path, content: bytes) -> None:
    path = folder / "tidemark.yaml"
    path.write_bytes(content)
    assert run("check", "--config", path).code == CONFIGURATION


def test_aliases_that_grow_without_end_never_trap(folder: Path) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("abcdefgh", "bcdefghi"):
        bomb += f"{other}: &{other} [{', '.join(['*' + one] * 9)}]\n"
    assert check(folder, bomb).code == CONFIGURATION


def test_serve_and_replay_refuse_the_same_file_the_same_way(folder: Path) -> None:
    (folder / "events.ndjson").write_text("")
    bad = "nmae: watch\ndefaults: {drift: {threshold: high}}\n"
    told = problems(folder, bad)
    for command in (["serve"], ["replay", str(folder / "events.ndjson")]):
        ran = run(command[0], "--config", folder / "tidemark.yaml", *command[1:])
        assert ran.code == CONFIGURATION, f"{command[0]}: exit {ran.code}\n{ran.said}"
        lines = [(int(m["line"]), m["key"], m["text"]) for m in PROBLEM.finditer(ran.err)]
        assert lines == told, command[0]
