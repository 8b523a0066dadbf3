"""The commands that the guides show: each query is understood by a migrated database, each code of a log line exists."""

import re

import pytest

from conftest import HERE

ROOT = HERE.parent.parent
PAGES = ("troubleshooting.md", "migrating-from-inngest.md")
VALUES = {"'VIDEO'": "'00000000-0000-0000-0000-000000000001'", "'CREATOR'": "'00000000-0000-0000-0000-000000000002'",
          "'OPERATION'": "'00000000-0000-0000-0000-000000000003'", "any (…)": "any ('{}')", "where …": "where true",
          "(id, ": "(v.id, "}


def text_of(page):
    return " ".join((ROOT / "ops" / page).read_text().split())


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


def test_codes_that_the_guides_name_exist():
    known = set(re.findall(r'CODE\("([^"]+)"', (ROOT / "engine" / "log_codes.inc").read_text()))
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text_of("troubleshooting.md")))
    functions = set(re.findall(r'\.id = "([^"]+)"', " ".join(p.read_text() for p in (ROOT / "worker" / "functions").glob("*.c"))))
    unknown = {name for name in named if name not in known | functions and not name.startswith(("redis-", "generate-embeddings"))}
    assert not unknown


def test_functions_that_the_guide_maps_to_exist():
    functions = set(re.findall(r'\.id = "([^"]+)"', " ".join(p.read_text() for p in (ROOT / "worker" / "functions").glob("*.c"))))
    table = (ROOT / "ops" / "migrating-from-inngest.md").read_text().split("## The functions")[1].split("##")[0]
    named = {name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", row.split("|")[2])}
    assert named and named <= functions
