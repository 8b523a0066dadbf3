"""`p` is an empty partition in the Redis of the test's module."""

import itertools
import os

import pytest

from ops.stack import Stack
from partition import Partition

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(session_folder):
    stack = Stack(os.path.join(session_folder, f"lua-{next(numbers)}"))
    try:
        stack.start_redis()
        yield Partition(stack.redis_url)
    finally:
        stack.stop()
        stack.remove()


@pytest.fixture
def p(server):
    server.redis.flushall()
    yield server
    server.redis.config_set("maxmemory", "1gb")
