"""`world` is one running stack for all tests that only send events; `engine` is one of a test's own, not started; `alone` is
a worker without a scheduler, whose part the test plays."""

import os

import pytest

from alone import Alone
from harness.fixtures import (WORKER, finish, new_database, on_cluster, partitions, redis_options, start_redis,
                              variant)
from ops.stack import Stack
from promises import Engine, check_promises

QUICK = {"CHRONOS_RETRY_BASE_MS": 40, "CHRONOS_LEASE_MS": 2000}


def make_engine(folder, database_url, environment=None, **options):
    return Engine(Stack(folder, variant(), worker=WORKER, database_url=database_url,
                        environment={k: str(v) for k, v in {**QUICK, **(environment or {})}.items()}, **options))


@pytest.fixture(scope="session")
def world(session_folder, postgres, migrated):
    name = new_database(postgres, migrated)
    e = make_engine(os.path.join(session_folder, "world"), postgres.url(name),
                    {"CHRONOS_PARTITIONS": partitions()}, redis="cluster" if on_cluster() else "single")
    try:
        e.stack.start_redis()
        e.start(workers=2)
        yield e
        check_promises(e)
    finally:
        finish(e)


@pytest.fixture
def engine(test_folder, database, request):
    e = make_engine(test_folder, database, **redis_options(request))
    try:
        start_redis(e.stack)
        yield e
    finally:
        finish(e)


@pytest.fixture
def provided(test_folder, database, request, sandbox):
    """The same beside the sandbox that plays the providers."""
    e = make_engine(test_folder, database, sandbox_url=sandbox.url, **redis_options(request))
    e.stack.sandbox = sandbox
    try:
        start_redis(e.stack)
        yield e
    finally:
        finish(e)


@pytest.fixture
def alone(engine):
    if partitions() != "1":
        pytest.skip("the test plays the scheduler of a single partition")
    a = Alone(engine)
    try:
        engine.stack.start_worker()
        yield a
    finally:
        a.close()
