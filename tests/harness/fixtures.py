"""What a test can ask for:

    chronos         a Redis of its own, a migrated database of its own, the sandbox; daemons when it starts them:
                    chronos.start(workers=2), chronos.stack.start_worker(CHRONOS_LEASE_MS=500)
    running         the same with a scheduler and one worker ready
    redis_only      a Redis of its own and nothing else
    database        the URL of a migrated database of its own
    empty_database  the URL of an empty one
    postgres        the Postgres of the session (fast, not durable)
    sandbox         the sandbox of the session, without faults at the start of each test
    make_stack      makes private stacks for tests of whole servers (durable settings, restarts, kill -9)

The binaries are those of CHRONOS_TEST_VARIANT, else the sanitizers' build where there is one, else release. With
CHRONOS_TEST_REDIS=cluster the Redis of chronos and running is a Redis Cluster that the whole session shares, emptied for
each test, with CHRONOS_TEST_PARTITIONS partitions (4); without it that setting is 1."""

import itertools
import os
import re

import pytest
import redis

from ops.stack import Stack, repository, sessions
from ops.stack.postgres_server import FAST
from ops.stack.waiting import log_tails

from .chronos import Chronos

WORKER = "chronos-worker-test"  # carries the functions of tests/fixtures beside the real ones

numbers = itertools.count(1)


def variant():
    chosen = os.environ.get("CHRONOS_TEST_VARIANT")
    if chosen:
        return chosen
    built = os.access(os.path.join(repository(), "build", "asan", WORKER), os.X_OK)
    return "asan" if built else "release"


def on_cluster():
    return os.environ.get("CHRONOS_TEST_REDIS", "single") == "cluster"


def partitions():
    return os.environ.get("CHRONOS_TEST_PARTITIONS") or ("4" if on_cluster() else "1")


def redis_options(request):
    """The arguments of Stack that say which Redis a test gets."""
    options = {"environment": {"CHRONOS_PARTITIONS": partitions()}}
    if on_cluster():
        options["redis"] = request.getfixturevalue("session_cluster").renew()
    return options


@pytest.fixture(scope="session")
def session_folder():
    with sessions.session_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(session_folder):
    stack = Stack(os.path.join(session_folder, "postgres"), postgres_settings=FAST)
    try:
        yield stack.start_postgres()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture(scope="session")
def migrated(postgres, session_folder):
    """The database that the others are copied from. It is migrated as in real life: by the owner, before a
    scheduler comes as a role that may not."""
    stack = Stack(os.path.join(session_folder, "migrate"), variant(), database_url=postgres.url())
    try:
        stack.start_redis()
        stack.start_scheduler()
    finally:
        stack.stop()
        stack.remove()
    assert postgres.sql("select count(*) from chronos.schema_migrations") != "0"
    postgres.sql("delete from chronos.meta")  # it does not go with any Redis yet
    return "chronos"


@pytest.fixture(scope="session")
def session_cluster(session_folder):
    stack = Stack(os.path.join(session_folder, "cluster"), redis="cluster")
    try:
        yield stack.start_redis()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture(scope="session")
def session_sandbox(session_folder):
    stack = Stack(os.path.join(session_folder, "sandbox"))
    try:
        yield stack.start_sandbox()
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture
def sandbox(session_sandbox):
    session_sandbox.reset()
    return session_sandbox


def new_database(postgres, template):
    name = f"test_{next(numbers)}"
    postgres.admin(f"create database {name} owner chronos template {template}")
    return name


@pytest.fixture
def database(postgres, migrated):
    name = new_database(postgres, migrated)
    yield postgres.url(name)
    postgres.admin(f"drop database {name} with (force)")


@pytest.fixture
def empty_database(postgres):
    name = new_database(postgres, "template0")
    yield postgres.url(name)
    postgres.admin(f"drop database {name} with (force)")


@pytest.fixture
def test_folder(session_folder, request):
    name = re.sub(r"\W+", "-", request.node.name)[:40].strip("-")
    return os.path.join(session_folder, f"{next(numbers)}-{name}")


def start_redis(stack):
    """Unless it is the session's, which runs."""
    if not any(p.is_running() for p in stack.redis.processes):
        stack.start_redis()


def repairs(chronos):
    """What the audit has mended in this stack's Redis: there must be nothing. A test that damages Redis deletes the keys
    when it has seen them. {} also when Redis is not there any more."""
    if not all(p.is_running() for p in chronos.stack.redis.processes):
        return {}
    try:
        return {key: chronos.redis.hgetall(key) for key in chronos.redis.scan_iter("{c*}:repairs", count=1000)}
    except redis.exceptions.RedisError:
        return {}


def refusals(chronos):
    """What Redis has refused to a daemon: its user lacks a command or a key that the code needs. Forgotten then, as a cluster
    serves many tests."""
    if not all(p.is_running() for p in chronos.stack.redis.processes):
        return []
    try:
        everywhere = {"target_nodes": "all"} if isinstance(chronos.redis, redis.RedisCluster) else {}
        entries = chronos.redis.execute_command("ACL LOG", **everywhere)
        chronos.redis.execute_command("ACL LOG RESET", **everywhere)
    except redis.exceptions.RedisError:
        return []
    if isinstance(entries, dict):
        entries = [entry for of_node in entries.values() for entry in of_node]
    fields = [entry if isinstance(entry, dict) else dict(zip(entry[::2], entry[1::2])) for entry in entries]
    return sorted({f"{f['username']}: {f['reason']} {f['object']}" for f in fields
                   if f["reason"] in ("command", "key", "channel") and f["username"].startswith("chronos-")})


def finish(chronos):
    """Stops the stack, then fails the test if a sanitizer spoke, if the audit found something, or if a daemon wanted more of
    Redis than its user may."""
    mended = repairs(chronos)
    refused = refusals(chronos)
    chronos.close()
    try:
        chronos.stack.stop()
        reports = chronos.sanitizer_reports()
        if reports:
            pytest.fail("a sanitizer found something\n" + "\n".join(reports), pytrace=False)
        if refused:
            pytest.fail(f"refused by Redis (python3 ops/redis/acl.py --write?): {refused}", pytrace=False)
        if mended:
            pytest.fail(f"the audit had to mend something: {mended}", pytrace=False)
    finally:
        chronos.stack.stop()
        chronos.stack.remove()


@pytest.fixture
def redis_only(test_folder):
    c = Chronos(Stack(test_folder, variant(), worker=WORKER))
    try:
        c.stack.start_redis()
        yield c
    finally:
        finish(c)


@pytest.fixture
def chronos(test_folder, database, sandbox, request):
    stack = Stack(test_folder, variant(), worker=WORKER, database_url=database, sandbox_url=sandbox.url,
                  **redis_options(request))
    stack.sandbox = sandbox
    c = Chronos(stack)
    try:
        start_redis(stack)
        yield c
    finally:
        finish(c)


@pytest.fixture
def running(chronos):
    return chronos.start()


@pytest.fixture
def make_stack(test_folder):
    """make_stack() gives a Chronos on a stack of its own with nothing started; Stack's arguments are passed on."""
    made = []

    def make(**options):
        options.setdefault("variant", variant())
        options.setdefault("worker", WORKER)
        c = Chronos(Stack(f"{test_folder}-{len(made)}", **options))
        made.append(c)
        return c

    yield make
    for c in made:
        finish(c)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the ends of its logs."""
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Chronos):
            text = log_tails(value.stack.logs(), 25)
            if text:
                report.sections.append((f"logs of {value.stack.name}", text))
            return
