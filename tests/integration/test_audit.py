"""Damage that somebody has done to Redis by hand is found, mended, counted and told; where there is none, nothing is."""

import pytest

from promises import check_promises

@pytest.fixture
def world(engine):
    engine.start(CHRONOS_AUDIT_MS=200)
    engine.run("test/slow", {"creatorId": "warm", "ms": 1})
    return engine


def mended(engine, what, count=1):
    """Waits for it, and takes it away: the harness fails a test that leaves any."""
    key = engine.home("c") + ":repairs"
    engine.wait_until(lambda: int(engine.redis.hget(key, what) or 0) == count, 10, f"{count} of {what}",
                      seen=lambda: engine.redis.hgetall(key))
    found = engine.redis.hgetall(key)
    engine.redis.delete(key)
    return found


def live(engine, ms):
    """A run that a worker is at for so long."""
    entry = engine.send("test/slow", {"creatorId": "c", "ms": ms})
    return entry, engine.wait_for(function="test-slow", creator="c", what="start")[0].run


def passes(engine, count=3):
    """Until the audit has been everywhere so many times: each pass takes its place anew."""
    for _ in range(count):
        engine.redis.delete("chronos:auditor")
        engine.wait_until(lambda: engine.redis.exists("chronos:auditor"), 10, "the next pass")


def test_a_slot_that_nobody_has_a_right_to_is_taken_back(world):
    world.redis.sadd(world.home("c") + ":slots:fn/test-slow:c", *[f"nobody-{n}" for n in range(20)])
    entry = world.send("test/slow", {"creatorId": "c", "ms": 1})
    assert world.wait_for_run(entry)["status"] == "completed", "it waited for a slot"
    assert mended(world, "slot", 20) == {"slot": "20"}
    assert world.log_contains("a slot was held without a right and was taken back")
    world.wait_quiet()


def test_a_slot_that_a_run_lost_is_taken_again(world):
    entry, run = live(world, 3000)
    world.redis.delete(world.home("c") + ":slots:fn/test-slow:c")
    assert mended(world, "slots") == {"slots": "1"}
    assert world.redis.smembers(world.home("c") + ":slots:fn/test-slow:c") == {run}
    assert world.log_contains("a run went on without its slots")
    assert world.wait_for_run(entry)["status"] == "completed"
    world.wait_quiet()


def test_a_run_that_is_nowhere_goes_on(world):
    entry = world.send("test/flaky", {"creatorId": "c", "until": 2, "afterMs": 3600000})
    run = world.wait_for(function="test-flaky")[0].run
    world.wait_until(lambda: world.redis.zscore(world.home("c") + ":timers", run), 10, "it to sleep")
    world.redis.zrem(world.home("c") + ":timers", run)
    assert mended(world, "run") == {"run": "1"}
    assert world.wait_for_run(entry)["status"] == "completed"
    assert world.log_contains("a run was nowhere")
    world.wait_quiet()


def test_a_waiting_run_that_was_taken_out_of_its_queue(world):
    first, _ = live(world, 1500)
    for _ in range(19):
        world.send("test/slow", {"creatorId": "c", "ms": 1500})
    last = world.send("test/slow", {"creatorId": "c", "ms": 1})
    waiting = world.wait_until(lambda: world.redis.zrange(world.home("c") + ":wait:test-slow:c", 0, -1), 10, "it to wait")[0]
    world.redis.zrem(world.home("c") + ":wait:test-slow:c", waiting)
    mended(world, "run")
    assert world.wait_for_run(last)["status"] == "completed"
    assert world.wait_for_run(first)["status"] == "completed"
    world.wait_quiet()


def test_an_audit_of_a_busy_redis_finds_nothing(world):
    """Runs in all states, all the time: admitted, waiting, parked, retried, with several steps."""
    world.stack.start_worker(name="second", CHRONOS_AUDIT_MS=200)
    for n in range(400):
        world.send(("test/slow", "test/limited", "test/flaky", "test/three", "test/tx", "test/noop")[n % 6],
                   {"creatorId": f"c{n % 5}", "ms": 10, "until": 2})
    passes(world, 5)
    check_promises(world, 60)
    assert not world.keys("repairs")


def test_one_scheduler_at_a_time(world):
    """Whoever has the place makes the pass; the others look again later."""
    second = world.stack.start_scheduler(name="second", CHRONOS_AUDIT_MS=200)
    passes(world, 4)
    world.daemon("scheduler-1").process.stop()
    passes(world, 2)
    assert second.process.is_running()
