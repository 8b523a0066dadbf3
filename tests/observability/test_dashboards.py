"""The rules of Grafana's dashboard-linter, and every query of every panel and alert asked of a Prometheus that scrapes the
daemons under load: none may have an empty answer."""

import json
import os
import re
import time

import pytest

from conftest import promtool
from ops.grafana.__main__ import FOLDER, text_of
from ops.grafana.dashboards import DASHBOARDS
from ops.stack import StackError, repository

UNITS = {"short", "s", "ops", "reqps", "bytes", "percentunit", "currencyUSD"}
RULES = os.path.join(repository(), "ops", "prometheus", "alerts.rules.yml")


def load(key):
    with open(os.path.join(FOLDER, key + ".json"), encoding="utf-8") as f:
        return json.load(f)


def targets():
    return [(key, panel["title"], target["expr"]) for key in DASHBOARDS for panel in load(key)["panels"]
            for target in panel["targets"]]


def fill(expression):
    """As Grafana fills the variables in."""
    for name, value in (("$__rate_interval", "30s"), ("$job", ".+"), ("$instance", ".+"), ("$function", ".+")):
        expression = expression.replace(name, value)
    return expression


def alert_expressions():
    with open(RULES, encoding="utf-8") as f:
        text = f.read()
    found = re.findall(r"- alert: (\w+)\n +expr: (.*)\n", text)
    return [(name, e[1:-1] if e.startswith("'") else e) for name, e in found]


def sides(expression):
    """What an alert compares, without the comparison: an alert that does not fire has an empty answer, its figures must not."""
    parts = re.split(r"(?: and on\(\) | and | or (?!vector))", expression)
    return [re.sub(r" *(?:>|<|==) *[0-9.* ]+$", "", p) for p in parts if not p.startswith("absent")]


@pytest.mark.parametrize("key", DASHBOARDS)
def test_a_file_is_what_the_description_gives(key):
    with open(os.path.join(FOLDER, key + ".json"), encoding="utf-8") as f:
        assert f.read() == text_of(key), "run python3 -m ops.grafana"


def test_there_is_no_other_file():
    assert {n for n in os.listdir(FOLDER)} == {key + ".json" for key in DASHBOARDS}


@pytest.mark.parametrize("key", DASHBOARDS)
def test_template_rules(key):
    """template-datasource, template-job, template-instance, template-label-promql, template-on-time-change-reload,
    template-uneditable"""
    d = load(key)
    variables = {v["name"]: v for v in d["templating"]["list"]}
    sources = [v for v in variables.values() if v["type"] == "datasource"]
    assert [(v["name"], v["label"], v["query"]) for v in sources] == [("datasource", "Data Source", "prometheus")]
    for name in ("job", "instance"):
        v = variables[name]
        assert v["type"] == "query" and v["datasource"]["uid"] == "$datasource" and v["multi"] and v["allValue"] == ".+"
        assert v["label"] == name.capitalize()
    for v in variables.values():
        if v["type"] == "query":
            assert v["refresh"] == 2
            assert re.fullmatch(r"label_values\([a-z_]+\{.*\}, [a-z]+\)", v["query"]["query"])
    assert d["editable"] is False and d["uid"] == f"chronos-{key}"


@pytest.mark.parametrize("key", DASHBOARDS)
def test_panel_rules(key):
    """panel-datasource, panel-title-description, panel-units, panel-no-targets"""
    panels = load(key)["panels"]
    assert len({p["title"] for p in panels}) == len(panels) == len({p["id"] for p in panels})
    for p in panels:
        assert p["title"] and len(p["description"]) > 5
        assert p["datasource"]["uid"] == "$datasource"
        assert p["fieldConfig"]["defaults"]["unit"] in UNITS
        assert p["targets"] and all(t["legendFormat"] for t in p["targets"])


@pytest.mark.parametrize("key, title, expression", targets())
def test_target_rules(key, title, expression):
    """target-job, target-instance, target-rate-interval"""
    selectors = re.findall(r"\b(?:chronos|process)_[a-z_]+|\bup\b", expression)
    assert selectors, expression
    matched = re.findall(r'(?:(?:chronos|process)_[a-z_]+|\bup)\{job=~"\$job",instance=~"\$instance"', expression)
    assert len(matched) == len(selectors), expression
    for window in re.findall(r"\[([^\]]*)\]", expression):
        assert window == "$__rate_interval"


def test_queries_parse(tmp_path):
    """target-promql: as rules, of which promtool checks each."""
    names = [f"q{i}" for i in range(len(targets()))]
    lines = ["groups:", "  - name: q", "    rules:"]
    for name, (_, _, expression) in zip(names, targets()):
        lines += [f"      - record: {name}", f"        expr: {json.dumps(fill(expression))}"]
    (tmp_path / "q.yml").write_text("\n".join(lines) + "\n")
    status, said = promtool("check", "rules", str(tmp_path / "q.yml"))
    assert status == 0, said


def ask_until_answered(chronos, questions, deadline=90):
    """The questions that have an empty answer, or are all NaN, when the time is over."""
    end = time.monotonic() + deadline
    while True:
        open_ = []
        for what, expression in questions:
            try:
                values = [r["value"][1] for r in chronos.stack.prometheus.query(expression)]
            except StackError as e:
                pytest.fail(f"{what}: {expression}: {e}")
            if not [v for v in values if v != "NaN"]:
                open_.append((what, expression))
        if not open_ or time.monotonic() > end:
            return open_
        questions = open_
        time.sleep(1)


def test_every_panel_has_something_to_show(observed):
    assert observed.load.failure is None and observed.load.is_alive()
    questions = [(f"{key}: {title}", fill(expression)) for key, title, expression in targets()]
    empty = ask_until_answered(observed, questions)
    assert not empty, "\n".join(f"{what}\n    {e}" for what, e in empty)


def test_every_alert_knows_its_figures(observed):
    questions = [(name, side) for name, e in alert_expressions() for side in sides(e)]
    assert len(questions) > 45
    empty = ask_until_answered(observed, questions)
    assert not empty, "\n".join(f"{what}\n    {e}" for what, e in empty)


def test_every_target_is_up_and_no_rule_fails(observed):
    up = observed.stack.prometheus.query("up")
    assert len(up) == 4 and all(r["value"][1] == "1" for r in up)
    groups = observed.stack.prometheus.api("rules")["groups"]
    assert not [r for g in groups for r in g["rules"] if r.get("lastError")]
    firing = {a["labels"]["alertname"] for a in observed.stack.prometheus.api("alerts")["alerts"] if a["state"] == "firing"}
    assert "ChronosWatchdog" in firing and not firing & {"ChronosInvariantViolated", "ChronosRedisMisconfigured"}
