"""`engine` is a stack of a test's own on the session's Redis Cluster, with four partitions. Nothing is started but the
servers. `load` is work of twelve creators, who are in all partitions."""

import pytest

from cluster.load import Load, make_creators
from harness.fixtures import WORKER, finish, variant
from ops.stack import Stack
from promises import Engine

SETTINGS = {"CHRONOS_PARTITIONS": "4", "CHRONOS_RETRY_BASE_MS": "40", "CHRONOS_LEASE_MS": "2000"}


@pytest.fixture
def engine(test_folder, database, session_cluster):
    e = Engine(Stack(test_folder, variant(), worker=WORKER, database_url=database, environment=SETTINGS,
                     redis=session_cluster.renew()))
    try:
        yield e
    finally:
        finish(e)


@pytest.fixture
def creators(engine):
    return make_creators(engine, 12)


@pytest.fixture
def load(engine, creators):
    work = Load(engine, creators)
    yield work
    work.stop()
