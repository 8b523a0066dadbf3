"""Prometheus' own checks of the rules, and that each alert has tests and a page."""

import os
import re

import pytest

from conftest import promtool
from ops.stack import repository

PROMETHEUS = os.path.join(repository(), "ops", "prometheus")
TESTS = os.path.join(PROMETHEUS, "tests")
RUNBOOK = os.path.join(repository(), "ops", "runbook")
SECTIONS = ["What it means", "Who notices", "First three commands", "Stop the bleeding", "Over when"]


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def alerts():
    """{name: its text}"""
    parts = re.split(r"^ +- alert: (\w+)\n", read(PROMETHEUS, "alerts.rules.yml"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def rules():
    return sorted(os.path.join(PROMETHEUS, n) for n in os.listdir(PROMETHEUS) if n.endswith(".rules.yml"))


def test_rules_and_configuration_are_valid():
    status, said = promtool("check", "rules", *rules())
    assert status == 0, said
    status, said = promtool("check", "config", "--syntax-only", os.path.join(PROMETHEUS, "prometheus.yml"))
    assert status == 0, said


def test_alerts_fire_on_what_they_are_for_and_on_nothing_else():
    status, said = promtool("test", "rules", *[os.path.join(TESTS, n) for n in sorted(os.listdir(TESTS))])
    assert status == 0, said


def test_an_alert_that_does_not_fire_fails_the_check(tmp_path):
    """The check above can fail."""
    text = read(TESTS, "alerts.test.yml").replace("../", PROMETHEUS + "/")
    text = text[:text.index("  - name: ChronosCanaryLate stays quiet")]
    (tmp_path / "t.yml").write_text(text.replace("value: 1", "value: 0", 1))
    assert promtool("test", "rules", str(tmp_path / "t.yml"))[0] != 0


@pytest.mark.parametrize("name", alerts())
def test_an_alert_is_complete(name):
    text = alerts()[name]
    assert re.match(r"^Chronos[A-Z]\w+$", name)
    assert re.search(r"severity: (page|ticket|none)\n", text)
    assert re.search(r'summary: ".{10,}"\n', text)
    assert f"runbook_url: ops/runbook/{name}.md\n" in text
    tests = "".join(read(TESTS, n) for n in os.listdir(TESTS))
    assert f"name: {name} fires\n" in tests
    assert f"name: {name} stays quiet\n" in tests or name == "ChronosWatchdog"


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_a_page(name):
    text = read(RUNBOOK, name + ".md")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, flags=re.M) == SECTIONS
    for body in re.split(r"^## .*\n", text, flags=re.M)[1:]:
        assert len(body.strip()) > 5
    commands = re.search(r"```\n(.*?)\n```", text, flags=re.S).group(1).splitlines()
    assert len(commands) == 3


def test_there_is_no_page_without_an_alert():
    pages = {n[:-3] for n in os.listdir(RUNBOOK)} - {"README"}
    assert pages == set(alerts())
    assert set(re.findall(r"^\| \[(\w+)\]\(\1\.md\)", read(RUNBOOK, "README.md"), flags=re.M)) == pages


def test_pages_call_what_there_is():
    """Functions of SQL and settings that pages name exist."""
    sql = "".join(read(repository(), "sql", "migrations", n)
                  for n in os.listdir(os.path.join(repository(), "sql", "migrations")))
    conf = read(repository(), "engine", "conf.c")
    for name in alerts():
        text = read(RUNBOOK, name + ".md")
        for thing in re.findall(r"chronos\.([a-z_]+)", text):
            assert re.search(rf"\bchronos\.{thing}\b", sql), (name, thing)
        for setting in re.findall(r"CHRONOS_[A-Z_]+[A-Z]", text):
            assert f'"{setting}"' in conf, (name, setting)
