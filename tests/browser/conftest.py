"""`world` is everything but the outside: stores, scheduler, worker, console without keys, and the sandbox in place of YouTube and the rest.
`page` is a browser in front of it; after the test it must not have written errors or asked other hosts."""

import os
import shutil

import pytest

from browser import Browser
from harness.fixtures import WORKER, finish, new_database, start_redis, variant
from ops.stack import Stack
from promises import Engine

QUICK = {"CHRONOS_RETRY_BASE_MS": "20", "CHRONOS_RETRY_MAX_MS": "60", "CHRONOS_PARTITIONS": "1"}


@pytest.fixture(scope="session")
def world(session_folder, postgres, migrated, session_sandbox):
    stack = Stack(os.path.join(session_folder, "browser-world"), variant(), worker=WORKER, database_url=postgres.url(new_database(postgres, migrated)),
                  sandbox_url=session_sandbox.url, environment=dict(QUICK))
    stack.sandbox = session_sandbox
    e = Engine(stack)
    try:
        start_redis(stack)
        e.start(workers=1)
        stack.start_console()
        yield e
    finally:
        finish(e)


@pytest.fixture(scope="session")
def chromium(session_folder):
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is not installed: ops/install-deps.sh test")
    b = Browser(os.path.join(session_folder, "chromium"))
    try:
        yield b
    finally:
        b.close()


@pytest.fixture
def console(world):
    """Another console, of settings of its own: console(CHRONOS_ADMIN_KEYS=…) gives the daemon."""
    started = []

    def start(**environment):
        d = world.stack.start_console(f"console-{len(world.stack.daemons)}", **environment)
        started.append(d)
        return d

    yield start
    for d in started:
        d.stop()


@pytest.fixture
def page(world, chromium, console):
    """It leaves a test before the consoles that the test has started: no page hears how they end."""
    world.sandbox.reset()
    chromium.begin(world.stack.daemons["console"].url)
    yield chromium
    chromium.check()
    chromium.driver.get("about:blank")
