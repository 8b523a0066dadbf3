"""`engine` is a stack of a test's own on the session's Postgres; `whole` one with a Postgres of its own, too, that a
test may kill. Nothing is started but the servers."""

import os
import random
import re

import pytest

from chaos.proxy import Proxy
from harness.fixtures import WORKER, finish, redis_options, start_redis, variant
from ops.stack import Stack
from promises import Engine

QUICK = {"CHRONOS_RETRY_BASE_MS": "40", "CHRONOS_LEASE_MS": "1500"}
# lost only when the machine dies, which is not tried here
SAFE = {"fsync": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def seed():
    """CHRONOS_TEST_SEED repeats a session's dice."""
    chosen = int(os.environ.get("CHRONOS_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"CHRONOS_TEST_SEED={chosen}")
    return chosen


@pytest.fixture
def engine(test_folder, database, request):
    options = redis_options(request)
    options["environment"] = {**QUICK, **options["environment"]}
    e = Engine(Stack(test_folder, variant(), worker=WORKER, database_url=database, **options))
    try:
        start_redis(e.stack)
        yield e
    finally:
        finish(e)


@pytest.fixture
def whole(test_folder):
    e = Engine(Stack(test_folder, variant(), worker=WORKER, environment=QUICK, postgres_settings=SAFE))
    try:
        e.stack.start_redis()
        e.stack.start_postgres()
        yield e
    finally:
        finish(e)


@pytest.fixture
def proxies(seed):
    made = []

    def make(url, **what):
        made.append(Proxy(url, f"{seed}-{len(made)}", **what))
        return made[-1]

    yield make
    for p in made:
        p.stop()


@pytest.fixture(autouse=True)
def told_seed(seed, request):
    request.node.user_properties.append(("seed", seed))
    assert re.fullmatch(r"\d+", str(seed))
