"""What was committed in Redis and lost with it, before Postgres had all of it."""

import contextlib

import psycopg2
import pytest


@pytest.fixture
def lost(whole):
    """A stack whose functions are known, without a worker, and what makes it lose its Redis and start over."""
    whole.start()
    whole.daemon("worker-1").stop()

    def lose():
        whole.daemon("scheduler-1").kill()
        whole.redis.flushall()
        whole.daemon("scheduler-1").start()
        whole.daemon("worker-1").start()
        whole.run("test/echo")

    whole.lose = lose
    return whole


@contextlib.contextmanager
def nothing_recorded(engine, table):
    """Nobody writes to it, until the end of the block."""
    connection = psycopg2.connect(engine.stack.database_url)
    with contextlib.closing(connection), connection.cursor() as c:
        c.execute(f"lock table chronos.{table} in share row exclusive mode")
        yield


def told(engine, end):
    return engine.rows("select * from chronos.events where name = %s", f"inngest/function.{end}")


def recorded(engine, name, data):
    entry = engine.send(name, data)
    engine.wait_until(lambda: engine.event(entry), 20, "the event in Postgres")
    return entry


def test_a_failure_is_told_although_redis_lost_the_event_of_it(lost):
    entry = recorded(lost, "test/permanent", {"creatorId": "c"})
    with nothing_recorded(lost, "events"):
        lost.daemon("worker-1").start()
        failed = lost.wait_for_run(entry, "test-permanent", "failed")
        lost.daemon("worker-1").stop()
        lost.daemon("scheduler-1").kill()
        lost.redis.flushall()
    lost.lose()
    [event] = lost.wait_until(lambda: told(lost, "failed"), 20, "the failure event")
    handled = lost.wait_for_function("test-handler")[0]
    assert handled["event_id"] == event["id"]
    assert event["data"]["run_id"] == failed["id"] and event["data"]["function_id"] == "chronos-test-permanent"
    assert event["data"]["error"]["message"] == failed["error_message"]
    assert event["data"]["event"]["id"] == failed["event_id"]
    assert event["data"]["event"]["data"] == {"creatorId": "c"}
    assert handled["creator_id"] == "c"
    lost.wait_quiet()
    assert len(told(lost, "failed")) == 1 and len(lost.run_ids("test-handler")) == 1


def test_a_cancellation_is_told_although_redis_lost_the_event_of_it(lost):
    entry = recorded(lost, "test/slow", {"creatorId": "c"})
    with nothing_recorded(lost, "events"):
        lost.rows("select chronos.cancel(%s, 'not wanted')", lost.event(entry)["run_ids"][0])
        run = lost.wait_for_run(entry, "test-slow", "cancelled")
        lost.daemon("scheduler-1").kill()
        lost.redis.flushall()
    lost.lose()
    [event] = lost.wait_until(lambda: told(lost, "cancelled"), 20, "the event of the cancellation")
    assert event["data"] == {"function_id": "chronos-test-slow", "run_id": run["id"], "reason": "not wanted",
                             "event": event["data"]["event"]}
    assert event["data"]["event"]["id"] == run["event_id"]


def test_a_failure_that_was_told_is_not_told_again(lost):
    entry = recorded(lost, "test/permanent", {"creatorId": "c"})
    lost.daemon("worker-1").start()
    lost.wait_for_run(entry, "test-permanent", "failed")
    lost.wait_for_function("test-handler")
    lost.wait_until(lambda: told(lost, "failed"), 20, "the failure event")
    lost.daemon("worker-1").stop()
    lost.lose()
    lost.wait_quiet()
    assert len(told(lost, "failed")) == 1 and len(lost.happenings(function="test-handler", what="handled")) == 1


def test_a_run_that_fails_again_since_its_end_was_lost_is_told_once(lost):
    entry = recorded(lost, "test/permanent", {"creatorId": "c"})
    with nothing_recorded(lost, "runs"):
        lost.daemon("worker-1").start()
        lost.wait_until(lambda: told(lost, "failed"), 20, "the failure event")
        lost.wait_for(function="test-handler", what="handled")
        lost.daemon("worker-1").stop()
        lost.daemon("scheduler-1").kill()
        lost.redis.flushall()
    lost.lose()
    lost.wait_for_run(entry, "test-permanent", "failed")
    lost.wait_for_function("test-handler")
    lost.wait_quiet()
    assert len(told(lost, "failed")) == 1 and len(lost.run_ids("test-handler")) == 1


def test_events_wait_for_the_functions_that_redis_has_lost(engine):
    engine.start()
    engine.run("test/echo")
    together = engine.redis.pipeline(transaction=True)
    together.delete("chronos:functions")
    together.xadd("chronos:events", {"name": "test/nobody-listens"})  # which makes the scheduler look for functions again
    together.xadd("chronos:events", {"name": "test/echo"})
    entry = together.execute()[-1]
    engine.daemon("worker-1").stop()
    engine.daemon("worker-1").start()
    assert engine.wait_for_run(entry)["function_id"] == "test-echo"


# ---- the event of an end that was not lost, or was lost alone ----

@contextlib.contextmanager
def failed_and_handled(engine):
    """A run has failed and its handler has ended, both in Postgres and no more in Redis, while the event between them is only
    in its stream; the scheduler is dead, and Redis was started again. Gives that entry's id."""
    engine.start()
    engine.daemon("worker-1").stop()
    entry = recorded(engine, "test/permanent", {"creatorId": "c"})
    with nothing_recorded(engine, "events"):
        engine.daemon("worker-1").start()
        engine.wait_for_run(entry, "test-permanent", "failed")
        engine.wait_for_function("test-handler")
        engine.wait_until(lambda: not engine.keys("run:*"), 20, "the runs to leave Redis")
        engine.daemon("scheduler-1").kill()
        engine.stack.redis.kill()
        engine.stack.redis.start()
        [(event, fields)] = engine.redis.xrange(engine.home("c") + ":events")
        assert fields["name"] == "inngest/function.failed"
        yield event


def find_forgotten(engine):
    """By a scheduler that has seen nothing of it."""
    engine.daemon("scheduler-1").start()
    servers = "select value from chronos.meta where key = 'redis_servers'"
    engine.wait_until(lambda: engine.value(servers) == engine.redis.info("server")["run_id"], 20, "the look for what was forgotten")


def expect_handled_once(engine):
    engine.wait_quiet()
    assert len(told(engine, "failed")) == 1
    assert len(engine.happenings(function="test-handler", what="handled")) == 1


def test_a_failure_that_is_on_its_way_is_not_sent_again(whole):
    with failed_and_handled(whole):
        find_forgotten(whole)
    expect_handled_once(whole)
    assert not whole.daemon("scheduler-1").log_contains("code=end-event-lost")


def test_a_failure_that_was_lost_after_it_was_handled_is_not_handled_again(whole):
    with failed_and_handled(whole) as event:
        whole.redis.xdel(whole.home("c") + ":events", event)
        find_forgotten(whole)
    expect_handled_once(whole)
    assert whole.daemon("scheduler-1").log_contains("code=end-event-lost")
