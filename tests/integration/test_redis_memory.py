"""Redis is full (maxmemory, nothing is evicted): new work waits at the door, what was let in goes on, and nothing is lost."""

import contextlib

import pytest
import redis

from promises import check_promises
from test_cron import FN, away_from_the_minute, publish, set_back, ticks, wait_ticks


@contextlib.contextmanager
def full(engine):
    engine.configure_redis("maxmemory", "1mb")
    with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
        engine.send("test/echo")
    yield
    engine.configure_redis("maxmemory", "1gb")


@pytest.mark.parametrize("dies", [False, True], ids=["the scheduler lives", "the scheduler dies"])
def test_events_that_were_accepted_before_are_started_once_there_is_room(engine, dies):
    engine.start()
    engine.run("test/echo")
    engine.daemon("scheduler-1").pause()
    entries = [engine.send("test/once", {"key": f"k{n}", "creatorId": "c"}) for n in range(40)]
    with full(engine):
        engine.daemon("scheduler-1").resume()
        engine.wait_until(lambda: engine.log_contains("events cannot be routed yet", "scheduler-1"), 20, "the refusal")
        if dies:
            engine.daemon("scheduler-1").kill()
            engine.daemon("scheduler-1").start()
            engine.wait_until(lambda: engine.log_contains("events cannot be routed yet", "scheduler-1"), 20, "the refusal")
        assert engine.redis.xlen("chronos:events") == len(entries)
        assert not engine.run_ids("test-once")
    for entry in entries:
        engine.wait_for_run(entry, "test-once", "completed")
    engine.wait_quiet()
    assert len(engine.run_ids("test-once")) == len(entries)
    check_promises(engine)


def test_steps_go_on_and_what_they_send_waits(engine):
    engine.start()
    engine.run("test/echo")
    engine.daemon("worker-1").stop()
    sleeper = engine.send("test/sleeper", {"ms": 300, "creatorId": "a"})
    waiter = engine.send("test/waiter", {"key": "k", "timeoutMs": 300, "creatorId": "b"})
    flaky = engine.send("test/flaky", {"failures": 1})
    sender = engine.send("test/sender", {"count": 3, "from": "here"})
    invoker = engine.send("test/invoker", {"function": "test-invoked", "payload": {"n": 21, "creatorId": "d"}, "creatorId": "d"})
    engine.wait_until(lambda: engine.redis.xlen("chronos:events") == 0, 20, "all events to be routed")
    with full(engine):
        engine.daemon("worker-1").start()
        for entry in (sleeper, waiter, flaky, sender):
            engine.wait_for_run(entry, status="completed")
        engine.wait_for(function="test-invoker", what="call")
        assert not engine.run_ids("test-receiver") and not engine.runs_of(invoker)
    assert engine.wait_for_run(invoker, status="completed")["output"] == {"answer": {"twice": 42}}
    engine.wait_for_function("test-receiver", 3)
    engine.wait_quiet()
    assert len(engine.run_ids("test-receiver")) == 3 and len(engine.run_ids("test-invoked")) == 1
    check_promises(engine)


def test_ticks_are_made_good(engine):
    engine.start()
    engine.wait_until(lambda: engine.redis.hget("{c0}:schedules", FN), 10, "the schedules")
    publish(engine, "0 0 29 2 *")
    away_from_the_minute(engine)
    with full(engine):
        engine.configure_redis("maxmemory", "1gb")
        publish(engine, "* * * * *", "all")
        engine.configure_redis("maxmemory", "1mb")
        first = set_back_when_full(engine, 3) // 60000 + 1
        engine.wait_until(lambda: engine.log_contains("OOM", "scheduler-1"), 20, "the refusal")
        assert not ticks(engine)
    assert sorted(wait_ticks(engine, 3))[:3] == [first, first + 1, first + 2]
    engine.wait_quiet()
    check_promises(engine)


def set_back_when_full(engine, minutes):
    """A client may not write any more; a script that may is allowed to."""
    seconds, _ = engine.redis.time()
    last = seconds // 60 * 60000 - minutes * 60000
    engine.redis.eval("#!lua flags=allow-oom\nreturn redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])", 1, "{c0}:cron", FN, last)
    return last
