"""Redis is killed, full, or loses everything."""

import pytest

from chaos.checks import NOT_AFTER_LOSS
from chaos.faults import FlushRedis, FullRedis, KillRedis
from chaos.kinds import KINDS


def test_redis_killed_and_started_again(drill):
    drill.load()
    drill.strike(KillRedis(), "redis", "ChronosRedisErrors")
    drill.check_promises()


def test_redis_full(drill):
    """At maxmemory: nothing new is taken, what is there is finished."""
    drill.load()
    drill.strike(FullRedis(), "redis", "ChronosRedisMemoryHigh")
    drill.check_promises()


@pytest.mark.quick
def test_redis_emptied(drill):
    """What Postgres knows is started again, and that is told."""
    drill.load([kind for kind in KINDS if kind not in NOT_AFTER_LOSS])
    drill.strike(FlushRedis(), "redis", "ChronosRedisLostData")
    drill.wait_for_work()
    drill.check_loss()
