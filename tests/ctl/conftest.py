"""`ctl` calls chronosctl on the engine of a test: ctl("doctor", "--json") gives an Outcome."""

import json
import os
import subprocess

import pytest

from harness.fixtures import WORKER, finish, new_database, start_redis, variant
from ops.stack import Stack, repository
from ops.stack.daemons import clean_environment
from promises import Engine

QUICK = {"CHRONOS_RETRY_BASE_MS": "40", "CHRONOS_LEASE_MS": "2000", "CHRONOS_PARTITIONS": "1"}
PROGRAM = os.path.join(repository(), "build", variant(), "chronosctl")


class Outcome:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        assert "Sanitizer" not in self.err and "runtime error" not in self.err, self.err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The error of a call with --json."""
        return json.loads(self.err)

    def __repr__(self):
        return f"{self.code} {self.out[-2000:]!r} {self.err[-2000:]!r}"


class Ctl:
    def __init__(self, environment=None):
        self.environment = environment or {}

    def __call__(self, *arguments, input=None, timeout=60, **environment):
        env = {**clean_environment(), **self.environment, **environment}
        return Outcome(subprocess.run([PROGRAM, *arguments], env=env, input=input, capture_output=True, text=True,
                                      timeout=timeout))

    def json(self, *arguments, code=0, **more):
        done = self(*arguments, "--json", **more)
        assert done.code == code, done
        return done.json

    def start(self, *arguments, **options):
        return subprocess.Popen([PROGRAM, *arguments], env={**clean_environment(), **self.environment}, **options)


def ctl_of(engine):
    return Ctl(engine.stack.daemon_environment())


@pytest.fixture
def bare():
    """chronosctl without an engine."""
    return Ctl()


def make_engine(folder, database_url):
    return Engine(Stack(folder, variant(), worker=WORKER, database_url=database_url, environment=dict(QUICK)))


@pytest.fixture(scope="session")
def world(session_folder, postgres, migrated):
    """A scheduler and a worker, shared by all tests that leave them alone."""
    e = make_engine(os.path.join(session_folder, "ctl-world"), postgres.url(new_database(postgres, migrated)))
    try:
        start_redis(e.stack)
        e.start(workers=1)
        yield e
    finally:
        finish(e)


@pytest.fixture
def ctl(world):
    return ctl_of(world)


@pytest.fixture
def own(test_folder, postgres, migrated):
    """Stores of the test's own; it starts the daemons that it wants, and may damage what is there."""
    e = make_engine(test_folder, postgres.url(new_database(postgres, migrated)))
    try:
        start_redis(e.stack)
        e.ctl = ctl_of(e)
        yield e
    finally:
        finish(e)
