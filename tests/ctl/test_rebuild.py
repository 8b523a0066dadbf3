import pytest


@pytest.fixture
def sleeping(own):
    """A run of which a step is done and that sleeps for an hour; accepted a minute ago."""
    own.start(workers=1)
    own.send("test/flaky", {"creatorId": "c", "until": 2, "afterMs": 3600000})
    own.sleeper = own.wait_for(function="test-flaky")[0].run
    own.wait_until(lambda: own.redis.zscore("{c0}:timers", own.sleeper), 10, "it to sleep")
    own.wait_until(lambda: own.redis.xlen("{c0}:history") == 0 and own.redis.xlen("chronos:events") == 0, 10, "the archive")
    own.rows("update chronos.events set accepted_at = accepted_at - interval '1 minute'")
    return own


def lose(engine):
    for key in list(engine.redis.scan_iter(f"*{engine.sleeper}")):
        engine.redis.delete(key)
    engine.redis.zrem("{c0}:timers", engine.sleeper)


def test_what_was_deleted_by_hand_is_started_again_beside_live_daemons(sleeping):
    assert sleeping.ctl.json("rebuild", "--dry-run")["absent"] == []
    lose(sleeping)
    done = sleeping.ctl.json("rebuild", "--dry-run", code=1)
    assert done["absent"] == [sleeping.sleeper] and not sleeping.redis.exists(f"{{c0}}:run:{sleeping.sleeper}")
    done = sleeping.ctl("rebuild")
    assert done.code == 0 and "every live run is in redis (absent before: 1)" in done.out
    assert sleeping.redis.exists(f"{{c0}}:run:{sleeping.sleeper}")
    # it is not a scheduler any more
    assert len(sleeping.redis.hkeys("{c0}:schedulers")) == 1
    sleeping.wait_for(2, function="test-flaky", what="try")  # a worker has begun it again


def test_what_is_there_is_left_alone(sleeping):
    before = sleeping.redis.hgetall(f"{{c0}}:run:{sleeping.sleeper}")
    assert sleeping.ctl.json("rebuild")["absent_before"] == []
    assert sleeping.redis.hgetall(f"{{c0}}:run:{sleeping.sleeper}") == before


def test_an_empty_redis_gets_all_of_it(sleeping):
    for d in list(sleeping.stack.daemons.values()):
        d.stop()
    sleeping.redis.flushall()
    assert sleeping.ctl.json("rebuild")["absent"] == []
    assert sleeping.redis.exists(f"{{c0}}:run:{sleeping.sleeper}")
    assert sleeping.redis.hexists("chronos:functions", "test-flaky") and sleeping.redis.get("chronos:partitions") == "1"


def test_a_function_that_is_not_known_any_more_is_told(sleeping):
    for d in list(sleeping.stack.daemons.values()):
        d.stop()
    lose(sleeping)
    sleeping.redis.hdel("chronos:functions", "test-flaky")
    sleeping.rows("delete from chronos.functions where id = 'test-flaky'")
    done = sleeping.ctl("rebuild")
    assert done.code == 1 and "runs that are still absent: 1" in done.out and "function is not known" in done.err
