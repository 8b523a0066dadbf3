"""A private Chronos on this machine: Redis, Postgres, the provider sandbox and the daemons, on free ports of
127.0.0.1, with their data in one folder, and nothing left behind when they are stopped.

The demo (`make demo`), `make up` and the tests all start things through this package, so what a test starts is
what a person gets. Standard library only: Redis and Postgres are spoken to with redis-cli and psql.

    from ops.stack import Stack

    stack = Stack("/some/folder")
    stack.start_redis()
    stack.start_postgres()
    stack.start_sandbox()
    stack.start_scheduler()
    stack.start_worker()
    ...
    stack.stop()
    stack.remove()
"""

from .process import Process
from .stack import Stack, repository
from .waiting import StackError, wait_until

__all__ = ["Process", "Stack", "StackError", "repository", "wait_until"]
