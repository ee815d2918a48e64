"""Lists and figures of the schemas against the tables of the specification."""

from __future__ import annotations

import re
from typing import Any

import pytest
from framed_reference import REPORTS
from protocol_pages import KINDS_IN, SCHEMAS, section, table
from test_protocol_tables import figures


def at(schema: str, path: str) -> Any:
    value: Any = SCHEMAS[f"{schema}.schema.json"]
    for step in path.split("/"):
        value = value[int(step) if isinstance(value, list) else step]
    return value


def words(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def column(title: str, number: int = 0, least: int = 1) -> list[str]:
    """The words of a column, of the first table below a heading that has a row of such words."""
    rows = table(section(title))
    found = [word for row in rows for word in words(row[number])]
    assert len(found) >= least, title
    return found


#: Reasons that no nack bears: an ack says it, or nobody is told.
UNTOLD = ("duplicate", "missing_time", "key_refused", "handshake_limited")


def test_reasons_in_the_schemas_are_those_that_refuse() -> None:
    refused = [row[0].strip("`") for row in table(section("Reasons")) if row[1] == "refused"]
    assert at("status.sources", "properties/sources/items/properties/rejected_by/propertyNames/enum") == refused
    told = at("descriptor.nack", "oneOf/1/properties/code/enum")
    assert told == [reason for reason in refused if reason not in UNTOLD]


def test_words_of_requests_and_reports_are_those_of_the_tables() -> None:
    delivery = section("Delivery")
    statuses = table(delivery[delivery.index("| `status` |") :])
    assert [row[0].strip("`") for row in statuses] == at("descriptor.end", "properties/status/enum")
    codes = [row[0].strip("`") for row in table(section("Reports")) if row[0] != "ack"]
    assert sorted(codes) == sorted(at("descriptor.nack", "oneOf/0/properties/code/enum"))
    assert len(codes) == len(set(codes)) == 10
    reports = section("Reports")
    rows = table(reports[reports.index("| Report |") :])
    assert {row[0].strip("`") for row in rows} == REPORTS == set(at("feedback", "properties/state/enum"))
    assert REPORTS == set(at("descriptor.ack", "oneOf/0/properties/state/enum"))


def test_states_of_a_decision_are_those_of_its_table() -> None:
    states = column("The life of a decision", least=11)
    changes = at("decision.retrain.change", "properties/state/enum")
    assert sorted(states) == sorted([*changes, "issued", "proposed"])
    types = [name.split(".")[3] for name in at("output", "properties/type/enum") if ".decision." in name]
    assert types == ["issued", *changes]
    assert set(at("input", "properties/type/enum")) == KINDS_IN


LIMITS = [
    ("messages of an answer (`max`)", "descriptor.fetch", "properties/max/maximum"),
    ("bytes of an answer (`max_bytes`)", "descriptor.fetch", "properties/max_bytes/maximum"),
    ("prefixes of a request", "descriptor.fetch", "properties/prefixes/maxItems"),
    ("prefix", "descriptor.fetch", "properties/prefixes/items/maxLength"),
    ("messages beyond the acknowledged number (`credit`)", "descriptor.ack", "oneOf/1/properties/credit/const"),
    (
        "bytes beyond the acknowledged number (`credit_bytes`)",
        "descriptor.ack",
        "oneOf/1/properties/credit_bytes/const",
    ),
    ("`owner`, `token` of feedback", "feedback", "properties/owner/maxLength"),
    ("`owner`, `token` of feedback", "feedback", "properties/token/maxLength"),
    ("`owner`, `token` of feedback", "decision.retrain.change", "properties/owner/maxLength"),
    ("`reason` of feedback", "feedback", "properties/reason/maxLength"),
    ("`reason` of feedback", "decision.retrain.change", "properties/reason/maxLength"),
    ("pattern of a matcher", "descriptor.silence", "properties/create/properties/matchers/properties/model/maxLength"),
    ("`id` of a silence", "descriptor.silence", "properties/create/properties/id/maxLength"),
    ("`created_by` of a silence", "descriptor.silence", "properties/create/properties/created_by/maxLength"),
    ("`comment` of a silence", "descriptor.silence", "properties/create/properties/comment/maxLength"),
    ("time that a silence lasts", "descriptor.silence", "properties/create/properties/duration_s/maximum"),
    ("`resolve` of a silence", "descriptor.silence", "properties/resolve/maxLength"),
    ("silences in force", "descriptor.ack", "oneOf/2/properties/silences/maxItems"),
    ("`retry_after_s`", "feedback", "properties/retry_after_s/exclusiveMaximum"),
]


@pytest.mark.parametrize(("row", "schema", "path"), LIMITS, ids=[f"{schema}/{path}" for _, schema, path in LIMITS])
def test_limits_in_the_schemas_are_those_of_the_table(row: str, schema: str, path: str) -> None:
    limits = {each[0]: each[1] for each in table(section("Limits"))}
    assert figures(limits[row])[0] == at(schema, path)
