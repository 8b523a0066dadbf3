"""One stack for all tests of a file: starting one for each of some hundred cases would take longer than the cases."""

import contextlib
import os

import pytest

from harness import Chronos
from harness.fixtures import WORKER, finish, new_database, variant
from ops.stack import Stack

# Retries at once: a test waits for an outcome, not for a delay.
QUICK = {"CHRONOS_RETRY_BASE_MS": "20", "CHRONOS_RETRY_MAX_MS": "60"}


@contextlib.contextmanager
def private_stack(request, program_variant):
    folder = request.getfixturevalue("session_folder")
    postgres = request.getfixturevalue("postgres")
    sandbox = request.getfixturevalue("session_sandbox")
    sandbox.reset()
    database = new_database(postgres, request.getfixturevalue("migrated"))
    stack = Stack(os.path.join(folder, f"{request.module.__name__}-{database}"), program_variant, worker=WORKER,
                  database_url=postgres.url(database), sandbox_url=sandbox.url, environment=QUICK)
    stack.sandbox = sandbox
    c = Chronos(stack)
    try:
        stack.start_redis()
        yield c
    finally:
        finish(c)
        postgres.admin(f"drop database {database} with (force)")


@pytest.fixture(scope="module")
def shared(request):
    """A scheduler and a worker for all tests of the file. Whoever uses it leaves other creators' rows alone."""
    with private_stack(request, variant()) as c:
        yield c.start()


@pytest.fixture(scope="module")
def bare(request):
    """The release build with a scheduler and no worker: for tests that start dozens of workers of their own."""
    if os.environ.get("CHRONOS_TEST_VARIANT"):
        chosen = variant()
    else:
        release = Stack(os.path.join(request.getfixturevalue("session_folder"), "release"), "release")
        chosen = "release" if os.access(os.path.join(release.build, WORKER), os.X_OK) else variant()
    with private_stack(request, chosen) as c:
        yield c
