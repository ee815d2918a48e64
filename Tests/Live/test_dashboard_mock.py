"""The made-up fleet answers as protocol/http/openapi.yaml says, so that what the dashboard shows of it is real."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from dashboard_fleet import HOSTILE, Fleet, rfc3339
from dashboard_mock import Mock
from harness import REPOSITORY

SPECIFICATION = yaml.safe_load((REPOSITORY / "protocol" / "http" / "openapi.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def mock() -> Iterator[Mock]:
    made = Mock(Fleet(100, hostile=True))
    yield made
    made.close()


def fits(schema: str, value: Any) -> None:
    root = {"$ref": f"#/components/schemas/{schema}", "components": SPECIFICATION["components"]}
    problems = sorted(Draft202012Validator(root, format_checker=FormatChecker()).iter_errors(value), key=str)
    assert not problems, "\n".join(f"{list(p.absolute_path)}: {p.message[:300]}" for p in problems[:5])


def ask(mock: Mock, path: str) -> Any:
    with urlopen(mock.url.rstrip("/") + path) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/status", "Status"),
        ("/api/v1/models?limit=1000", "ModelPage"),
        ("/api/v1/models?q=fraud&state=alerting", "ModelPage"),
        ("/api/v1/alerts?state=open", "AlertList"),
        ("/api/v1/alerts?state=recent", "AlertList"),
        ("/api/v1/silences", "SilenceList"),
        ("/api/v1/decisions", "DecisionList"),
        ("/api/v1/sources", "SourceList"),
    ],
)
def test_lists_fit(mock: Mock, path: str, schema: str) -> None:
    answer = ask(mock, path)
    fits(schema, answer)
    assert next((value for value in answer.values() if isinstance(value, list)), [0]), f"{path} tells of nothing"


def test_models_of_every_fate_fit(mock: Mock) -> None:
    seen = set()
    for model in mock.fleet.models.values():
        seen.add(model.fate)
        fits("ModelDetail", ask(mock, f"/api/v1/models/{quote(model.name, safe='')}/{quote(model.version, safe='')}"))
    assert {"both", "drifted", "stale", "learning", "healthy"} <= seen
    assert {model.name for model in mock.fleet.models.values()} >= set(HOSTILE)


def test_history_and_decisions_fit(mock: Mock) -> None:
    now = time.time()
    period = f"from={quote(rfc3339(now - 3600))}&to={quote(rfc3339(now))}"
    history = ask(mock, f"/api/v1/models/fraud/7/history?{period}")
    fits("History", history)
    assert len(history["points"]) > 200
    assert mock.fleet.decisions
    for identity in mock.fleet.decisions:
        fits("DecisionDetail", ask(mock, f"/api/v1/decisions/{identity}"))


def test_what_is_told_fits(mock: Mock) -> None:
    mock.tell_fleet(list(mock.fleet.models))
    name, text = mock.told[-1]
    assert name == "fleet"
    fits("FleetDelta", json.loads(text))
