"""The commands that the guides show: each query is understood by a migrated database, each code of a log line exists."""

import json
import re
import uuid

import pytest

from conftest import HERE

ROOT = HERE.parent.parent
PAGES = ("ops/troubleshooting.md", "ops/migrating-from-inngest.md", "sql/README.md", "README.md")
VALUES = {"'VIDEO'": "'00000000-0000-0000-0000-000000000001'", "'CREATOR'": "'00000000-0000-0000-0000-000000000002'",
          "'OPERATION'": "'00000000-0000-0000-0000-000000000003'", "any (…)": "any ('{}')", "where …": "where true",
          "(id, ": "(v.id, "}


def text_of(page):
    return " ".join((ROOT / page).read_text().split())


def queries():
    for page in PAGES:
        for query in re.findall(r"`(select [^`]+)`", text_of(page)):
            yield pytest.param(query, id=query[:60])


@pytest.mark.parametrize("query", queries())
def test_a_query_is_understood(db, query):
    for shown, value in VALUES.items():
        query = query.replace(shown, value)
    if "creator_id)" in query and " from " not in query:  # shown as part of the application's own statement
        query += " from videos"
    db.execute(f"prepare shown as {query}")
    db.execute("deallocate shown")


@pytest.mark.parametrize("page", PAGES)
def test_an_event_is_shown_with_ids_that_can_be_ones(page):
    """What is typed as it stands is an event, and not one whose ids are dots."""
    shown = [json.loads(text) for text in re.findall(r"'(\{\"[^']*\})'", text_of(page))]
    assert shown or page == "ops/migrating-from-inngest.md"
    for event in shown:
        data = event.get("data", event)
        ids = [data[k] for k in ("videoId", "creatorId") if k in data] + data.get("videoIds", [])
        assert all(uuid.UUID(i) for i in ids)


def test_the_dashboards_of_any_range_are_asked_for_as_the_readme_says(db):
    query = re.search(r"`(select data from chronos\.compute_analytics[^`]+)`", text_of("README.md")).group(1)
    db.execute(query)
    assert db.fetchall() == []  # there is no such creator
    db.execute("insert into creators (id, whop_company_id, whop_user_id, email) values (%s, 'c', 'u', 'e')",
               (re.search(r"'\{([0-9a-f-]{36})\}'", query).group(1),))
    db.execute(query)
    (data,), = db.fetchall()
    assert "metrics" in data


def test_codes_that_the_guides_name_exist():
    known = set(re.findall(r'CODE\("([^"]+)"', (ROOT / "engine" / "log_codes.inc").read_text()))
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text_of("ops/troubleshooting.md")))
    functions = set(re.findall(r'\.id = "([^"]+)"', " ".join(p.read_text() for p in (ROOT / "worker" / "functions").glob("*.c"))))
    unknown = {name for name in named if name not in known | functions and not name.startswith(("redis-", "generate-embeddings"))}
    assert not unknown


def test_functions_that_the_guide_maps_to_exist():
    functions = set(re.findall(r'\.id = "([^"]+)"', " ".join(p.read_text() for p in (ROOT / "worker" / "functions").glob("*.c"))))
    table = (ROOT / "ops" / "migrating-from-inngest.md").read_text().split("## The functions")[1].split("##")[0]
    named = {name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", row.split("|")[2])}
    assert named and named <= functions


def test_promises_have_the_numbers_that_their_tests_have():
    table = (ROOT / "README.md").read_text().split("### What it promises")[1].split("\n## ")[0]
    told = [int(n) for n in re.findall(r"^\| (\d+) \|", table, flags=re.M)]
    tested = re.findall(r"^def test_promise_(\d+)_", (ROOT / "tests" / "chaos" / "test_promises.py").read_text(), flags=re.M)
    assert told == sorted(int(n) for n in tested) == list(range(1, len(told) + 1))


def test_the_platforms_tables_are_those_that_the_readme_counts(db):
    text = text_of("README.md").split("### Only the engine")[1]
    assert "creates `public.creators`, `public.videos` and eleven more tables" in text
    db.execute("select count(*) from pg_tables where schemaname = 'public'")
    assert db.fetchone()[0] == 2 + 11
