"""`web` is a scheduler, a worker and a console without keys; `console` only a console, of a test's own settings:
console(CHRONOS_ADMIN_KEYS=…). Both give a Web, which speaks HTTP."""

import os

import pytest

from harness.fixtures import WORKER, finish, new_database, start_redis, variant
from ops.stack import Stack
from promises import Engine
from web import Web

QUICK = {"CHRONOS_RETRY_BASE_MS": "40", "CHRONOS_LEASE_MS": "2000", "CHRONOS_PARTITIONS": "1"}


def wait_published(e):
    """The console knows functions from Postgres, where a scheduler puts them a moment after a worker has told of them."""
    e.wait_until(lambda: e.value("select count(*) from chronos.functions where id = 'test-slow'") == 1, 30, "the functions")


def make_engine(folder, database_url, **environment):
    return Engine(Stack(folder, variant(), worker=WORKER, database_url=database_url, environment={**QUICK, **environment}))


@pytest.fixture(scope="session")
def world(session_folder, postgres, migrated):
    """Shared by all tests that need no settings of their own."""
    e = make_engine(os.path.join(session_folder, "console-world"), postgres.url(new_database(postgres, migrated)))
    try:
        start_redis(e.stack)
        e.start(workers=1)
        e.stack.start_console()
        wait_published(e)
        yield e
    finally:
        finish(e)


@pytest.fixture
def web(world):
    return Web(world)


@pytest.fixture(scope="session")
def yard(session_folder, postgres, migrated):
    """Stores, a scheduler and a worker, for consoles with settings of their own."""
    e = make_engine(os.path.join(session_folder, "console-yard"), postgres.url(new_database(postgres, migrated)))
    try:
        start_redis(e.stack)
        e.start(workers=1)  # events wait until somebody has published functions
        wait_published(e)
        yield e
    finally:
        finish(e)


@pytest.fixture
def console(yard):
    started = []

    def start(**environment):
        d = yard.stack.start_console(f"console-{len(yard.stack.daemons)}", **environment)
        started.append(d)
        return Web(yard, d)

    yield start
    for d in started:
        d.stop()
