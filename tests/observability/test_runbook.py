"""What the pages tell people to ask of Postgres is taken by it, for every function that ships."""

import os
import re

import psycopg2

from ops.stack import repository

RUNBOOK = os.path.join(repository(), "ops", "runbook")
OWNER = "5f0c2a9e-3b1d-4c7f-9a64-0d7c1b2e8f31"


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def statements():
    """(page, statement) of all pages: in the commands, and in the text."""
    for name in sorted(os.listdir(RUNBOOK)):
        text = read(RUNBOOK, name)
        asked = re.findall(r'-c "((?:select|show) [^"\n]+)"', text) + re.findall(r"`(select [^`]+)`", text)
        for statement in asked:
            yield name, " ".join(statement.split())


def ids_that_ship():
    folder = os.path.join(repository(), "worker", "functions")
    return {i for name in os.listdir(folder) if name.endswith(".c")
            for i in re.findall(r'^    \.id = "([^"]+)"', read(folder, name), flags=re.M)}


def test_every_statement_is_taken(running):
    shipped = ids_that_ship()
    running.wait_until(lambda: shipped <= {r["id"] for r in running.rows("select id from chronos.functions")}, 10,
                       "the functions of the worker")
    scheduled = {r["id"]: r["cron"] for r in running.rows("select id, manifest ->> 'cron' as cron from chronos.functions")
                 if r["id"] in shipped}
    failed, count = [], 0
    with psycopg2.connect(running.stack.database_url) as connection, connection.cursor() as c:
        for page, shown in statements():
            # a page about ticks means a function that has some
            means = [f for f in scheduled if scheduled[f] or "trigger(" not in shown] if "FUNCTION" in shown else [""]
            for function in means:
                statement = shown.replace("FUNCTION", function).replace("OWNER", OWNER).replace("PID", "0")
                count += 1
                try:
                    c.execute(statement)
                except psycopg2.Error as e:
                    failed.append(f"{page}: {statement}: {e}")
                connection.rollback()
    assert not failed, "\n".join(failed)
    assert count > 60
