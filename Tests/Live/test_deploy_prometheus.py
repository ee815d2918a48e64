"""Alert rules and dashboard: right by promtool, tried both ways, and of metrics that there are."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

import harness
import live
from deployed import DEPLOY, ran

PROMETHEUS = DEPLOY / "prometheus"
DASHBOARD = json.loads((DEPLOY / "grafana" / "tidemark.json").read_text())
RULES = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())["groups"][0]["rules"]
#: What a scrape of a running daemon gives, with the names of its samples.
METRICS = {
    "tidemark_build_info", "tidemark_events_received_total", "tidemark_events_dropped_total", "tidemark_remarks_total",
    "tidemark_sequence_gaps_total", "tidemark_event_lag_seconds_bucket", "tidemark_models", "tidemark_model_health",
    "tidemark_monitor_score", "tidemark_alerts", "tidemark_decisions_total", "tidemark_decision_ack_seconds_bucket",
    "tidemark_retrains_in_flight", "tidemark_checkpoint_age_seconds", "tidemark_journal_failing",
    "tidemark_journal_bytes", "tidemark_config_last_reload_successful",
    "tidemark_config_last_reload_success_timestamp_seconds", "tidemark_sources", "tidemark_log_lines_dropped_total",
    "tidemark_sink_notifications_total", "tidemark_sink_queue", "tidemark_sink_failing", "tidemark_security_rejections_total",
    "tidemark_outputs_published_total", "tidemark_http_listeners", "tidemark_models_unnamed",
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
    "process_start_time_seconds",
}  # fmt: skip


def names(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:tidemark|process)_\w+", expression))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    return found + [a["expr"] for a in DASHBOARD["annotations"]["list"] if "expr" in a]


# MARK: Rules


def test_configuration_and_rules_are_right() -> None:
    said = ran("promtool", "check", "config", PROMETHEUS / "prometheus.yaml")
    assert f"{len(RULES)} rules found" in said
    job = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())["scrape_configs"][0]
    assert job["job_name"] == "tidemark" and job["static_configs"][0]["targets"] == ["127.0.0.1:7414"]


def test_every_rule_fires_and_is_silent_where_it_should() -> None:
    ran("promtool", "test", "rules", "rules.test.yaml", cwd=PROMETHEUS)
    tests = yaml.safe_load((PROMETHEUS / "rules.test.yaml").read_text())["tests"]
    tried = {test["name"].split()[0] for test in tests}
    assert tried == {rule["alert"] for rule in RULES}
    for test in tests:
        series = " ".join(s["series"] for s in test["input_series"])
        assert "good" in series or "Absent" in test["name"], f"{test['name']}: nothing that must be silent"


def test_a_rule_that_never_fires_fails_its_test(tmp_path: Path) -> None:
    dulled = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text())
    for rule in dulled["groups"][0]["rules"]:
        rule["expr"] = f"({rule['expr']}) and on () vector(1) == 2"
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(dulled))
    (tmp_path / "rules.test.yaml").write_text((PROMETHEUS / "rules.test.yaml").read_text())
    said = ran("promtool", "test", "rules", "rules.test.yaml", expect=1, cwd=tmp_path)
    assert {name for rule in RULES for name in re.findall(rf"\b{rule['alert']}\b", said)} == {r["alert"] for r in RULES}


def test_what_people_read_is_whole(tmp_path: Path) -> None:
    """Summaries with their values filled in: promtool prints them when it is told to expect nothing."""
    tests = yaml.safe_load((PROMETHEUS / "rules.test.yaml").read_text())
    for test in tests["tests"]:
        (expected,) = test.pop("promql_expr_test")
        wanted = {"eval_time": expected["eval_time"], "alertname": test["name"].split()[0], "exp_alerts": []}
        test["alert_rule_test"] = [wanted]
    (tmp_path / "rules.test.yaml").write_text(yaml.safe_dump(tests))
    (tmp_path / "rules.yaml").write_text((PROMETHEUS / "rules.yaml").read_text())
    said = ran("promtool", "test", "rules", "rules.test.yaml", expect=1, cwd=tmp_path)
    assert "error expanding" not in said and "<no value>" not in said
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "runbook"} and len(rule["annotations"]["runbook"]) > 60
    summaries = re.findall(r'summary="([^"]*)"', said)
    assert len(summaries) >= len(RULES) and not any("{{" in summary for summary in summaries)


def test_rules_ask_for_metrics_that_there_are() -> None:
    for rule in RULES:
        assert names(rule["expr"]) <= METRICS, rule["alert"]
        assert 'job="tidemark"' in rule["expr"], rule["alert"]


def families(exposition: str) -> set[str]:
    """Names of samples that the text of a scrape declares."""
    found: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", exposition, re.MULTILINE):
        bare = name.removesuffix("_total").removesuffix("_info")
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "info": ["_info"]}.get(kind)
        found |= {bare + ending for ending in endings} if endings else {name}
    return found


def test_the_metrics_are_those_of_a_running_daemon(folder: Path, daemons: Callable[..., live.Daemon]) -> None:
    sockets = {name: ["tcp://127.0.0.1:0"] for name in ("ingest", "output", "control", "reliable")}
    configuration = {"state": str(folder / "state"), "sockets": sockets, "http": {"listen": "127.0.0.1:0"}}
    configuration["sinks"] = {"alertmanager": {"urls": ["http://127.0.0.1:9"]}}
    daemon = daemons("--config", harness.configure(folder, configuration)).wait_ready()
    address = live.endpoint(daemon.wait_for_line(r"\bready\b"), "http").removeprefix("http://")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=live.GIVE_UP_S) as answer:
        exposed = families(answer.read().decode())
    assert METRICS - exposed == set(), "asked for, and not there"
    ours = {name for name in exposed if name.startswith("tidemark_") and not name.endswith(("_sum", "_count"))}
    assert ours - METRICS == set(), "there, and on no dashboard"


# MARK: Dashboard


def test_dashboard_asks_for_every_metric_and_no_other() -> None:
    asked = {name for expression in expressions() for name in names(expression)}
    assert asked <= METRICS
    assert METRICS - asked == set()


def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    filled = [e.replace("$__rate_interval", "1m").replace("$instance", ".*") for e in expressions()]
    assert not [e for e in filled if "$" in e]
    rules = [{"record": f"panel:{number}", "expr": e} for number, e in enumerate(filled)]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in ran("promtool", "check", "rules", tmp_path / "panels.yaml")
    assert all('instance=~"$instance"' in e for e in expressions())


def test_dashboard_is_laid_out() -> None:
    assert DASHBOARD["schemaVersion"] == 39 and DASHBOARD["uid"] == "tidemark" and DASHBOARD["id"] is None
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for cell in [(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])]:
            assert cell not in taken, f"{panel['title']} lies over {taken[cell]}"
            taken[cell] = panel["title"]
    sources = {json.dumps(target["datasource"]) for panel in panels() for target in panel["targets"]}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "instance"]
