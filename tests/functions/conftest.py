"""One stack for all tests of a file: starting one for each of two hundred cases would take longer than the cases."""

import os

import pytest

from harness import Chronos
from harness.fixtures import WORKER, finish, new_database, variant
from ops.stack import Stack

# Retries at once: a test waits for an outcome, not for a delay.
QUICK = {"CHRONOS_RETRY_BASE_MS": "20", "CHRONOS_RETRY_MAX_MS": "60"}


@pytest.fixture(scope="module")
def bare(request, session_folder, postgres, migrated, session_sandbox):
    """Servers without daemons, for a file that starts its own."""
    session_sandbox.reset()
    more = getattr(request.module, "environment", dict)()  # what a file's worker needs beside
    database = new_database(postgres, migrated)
    stack = Stack(os.path.join(session_folder, f"{request.module.__name__}-{database}"), variant(), worker=WORKER,
                  database_url=postgres.url(database), sandbox_url=session_sandbox.url, environment={**QUICK, **more})
    stack.sandbox = session_sandbox
    c = Chronos(stack)
    try:
        stack.start_redis()
        yield c
    finally:
        finish(c)
        postgres.admin(f"drop database {database} with (force)")


@pytest.fixture(scope="module")
def shared(bare):
    """A scheduler and a worker for all tests of the file. Whoever uses it leaves other creators' rows alone."""
    return bare.start()
