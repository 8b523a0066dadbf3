"""Daemons and servers die in the middle of work."""

import os
import random
import time

import pytest
import redis

from chaos.load import Background, make_video, send_mixed
from promises import check_promises, recorded_bytes

LEASE_S = 1.5


def worker_of(engine, happening):
    return next(d for d in engine.stack.daemons.values() if d.process.pid == happening.pid)


def test_a_killed_workers_run_starts_again_soon_and_takes_effect_once(engine):
    engine.stack.start_worker(wait=False)
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler()
    ids = make_video(engine)
    entry = engine.send("test/tx", {**ids, "ms": 1500})
    other = engine.send("test/slow", {**ids, "ms": 1000})
    first = engine.wait_for(function="test-tx", what="start")[0]
    engine.wait_for(function="test-slow", what="start")
    worker_of(engine, first).kill()
    killed_at = time.monotonic()
    engine.wait_for(2, deadline=10, function="test-tx", what="start", step="insert")
    again = engine.happenings(function="test-tx", what="start", step="insert")[1]
    assert again.pid != first.pid
    assert again.at - killed_at < 5
    run = engine.wait_for_run(entry, status="completed")
    assert (run["deaths"], run["attempts"]) == (1, 1)
    engine.wait_for_run(other, status="completed")
    check_promises(engine)
    assert not engine.slots()


def test_a_run_that_kills_its_workers_is_stopped_and_others_live(engine):
    engine.stack.start_scheduler(wait=False, CHRONOS_LEASE_MS=600)
    workers = [engine.stack.start_worker(wait=i == 0, CHRONOS_LEASE_MS=600, CHRONOS_MAX_DEATHS=3) for i in range(2)]
    entry = engine.send("test/crasher", {"crash": True, "creatorId": "x"})
    others = [engine.send("test/slow", {"ms": 50}) for _ in range(10)]
    end = time.monotonic() + 30
    while not engine.runs_of(entry) and time.monotonic() < end:
        for w in workers:
            if not w.process.is_running():
                w.start()
    run = engine.wait_for_run(entry, "test-crasher", "failed", deadline=1)
    assert (run["deaths"], run["error_code"]) == (3, "permanent")
    assert "3 workers died" in run["error_message"]
    assert len(engine.happenings(function="test-crasher", what="start")) == 3
    for other in others:
        engine.wait_for_run(other, status="completed")
    engine.run("test/crasher", {"creatorId": "x"})  # its slot is free again
    engine.wait_for(1, function="test-handler-prefixed", what="handled")
    check_promises(engine)


def test_a_run_that_gets_further_is_not_stopped_for_old_deaths(engine):
    engine.stack.start_scheduler(wait=False, CHRONOS_LEASE_MS=600)
    settings = {"CHRONOS_LEASE_MS": 600, "CHRONOS_MAX_DEATHS": 2}
    permission = os.path.join(engine.stack.folder, "permission")
    entry = None
    for step in ("first", "second"):
        with open(permission, "w", encoding="utf-8"):
            pass
        doomed = engine.stack.start_worker(CHRONOS_TEST_STOP=f"after-commit:{step}",
                                           CHRONOS_TEST_STOP_FILE=permission, **settings)
        entry = entry or engine.send("test/three", {"creatorId": "x"})
        engine.wait_until(lambda d=doomed: not d.process.is_running(), 20, "the worker to die")
    engine.stack.start_worker(**settings)
    run = engine.wait_for_run(entry, status="completed")
    assert (run["deaths"], run["attempts"]) == (2, 1)
    check_promises(engine)


def test_a_worker_that_wakes_up_late_is_refused(engine):
    sleeper = engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler()
    ids = make_video(engine)
    entries = [engine.send("test/tx", {**ids, "ms": 300}) for _ in range(3)]
    entries += [engine.send("test/deaf", {"ms": 700}) for _ in range(3)]
    entries += [engine.send("test/again", {"count": 3, "ms": 200}) for _ in range(3)]
    engine.wait_for(3, function="test-deaf", what="start")
    engine.wait_for(3, function="test-tx", what="start")
    sleeper.pause()
    engine.stack.start_worker()
    engine.wait_for(6, function="test-deaf", what="start", deadline=15)
    sleeper.resume()
    for entry in entries:
        run = engine.wait_for_run(entry, status="completed")
        assert run["attempts"] == 1
    engine.wait_until(lambda: engine.log_contains("late result refused"), 10, "a refused result")
    check_promises(engine)


def test_what_a_frozen_worker_began_is_not_done_again_by_a_retry(engine):
    sleeper = engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler()
    ids = make_video(engine)
    entry = engine.send("test/tx", {**ids, "ms": 700})
    engine.wait_for(1, function="test-tx", what="start")
    time.sleep(0.1)  # the step's first statement
    sleeper.pause()
    run = engine.wait_until(lambda: engine.rows("select run_ids from chronos.events where stream_id = %s", entry), 10,
                            "the event")[0]["run_ids"][0]
    engine.stack.start_worker()
    engine.rows("select chronos.cancel(%s, 'an operator')", run)
    engine.wait_for_run(entry, status="cancelled")
    engine.rows("select chronos.retry(%s)", run)
    retried = engine.wait_until(lambda: engine.rows(
        "select r.* from chronos.events e join chronos.runs r on r.event_id = e.id where e.retry_of = %s", run), 30, "the retry")[0]
    assert retried["status"] == "completed"
    sleeper.resume()
    engine.wait_until(lambda: engine.log_contains("late result refused"), 10, "a refused result")
    effects = engine.rows("select metadata ->> 'step' as step from public.video_analytics_events"
                          " where metadata ->> 'run' = any (%s) order by 1", [run, retried["id"]])
    assert [e["step"] for e in effects] == ["insert", "insert-more"]


def test_a_scheduler_killed_in_the_middle_of_a_batch_loses_and_repeats_nothing(engine):
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler(CHRONOS_ROUTE_BATCH=7)
    ids = make_video(engine)
    chance = random.Random(1)
    for _ in range(5):
        send_mixed(engine, 15, ids, ms=5)
        time.sleep(chance.random() * 0.03)  # somewhere in the batch
        engine.daemon("scheduler-1").kill()
        engine.daemon("scheduler-1").start()
    check_promises(engine)
    seen = [(h.run, h.step, h.attempt) for h in engine.happenings(what="plain")]
    assert len(seen) == len(set(seen))


def test_two_schedulers_one_of_which_dies(engine):
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler(CHRONOS_ROUTE_BATCH=5)
    engine.stack.start_scheduler(CHRONOS_ROUTE_BATCH=5)
    ids = make_video(engine)
    send_mixed(engine, 30, ids, ms=5)
    engine.daemon("scheduler-1").kill()
    send_mixed(engine, 10, ids, ms=5)
    check_promises(engine)
    seen = [(h.run, h.step, h.attempt) for h in engine.happenings(what="plain")]
    assert len(seen) == len(set(seen))


def test_a_scheduler_that_wakes_up_late_starts_nothing_again(engine):
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler(CHRONOS_ROUTE_BATCH=5)
    engine.stack.start_scheduler(CHRONOS_ROUTE_BATCH=5)
    ids = make_video(engine)
    send_mixed(engine, 20, ids, ms=5)
    engine.daemon("scheduler-1").pause()
    send_mixed(engine, 10, ids, ms=5)
    engine.wait_quiet()
    engine.daemon("scheduler-1").resume()
    send_mixed(engine, 10, ids, ms=5)
    check_promises(engine)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_redis_restarts_under_load(engine, how):
    engine.stack.start_scheduler()
    for _ in range(2):
        engine.stack.start_worker()  # ready: one that is still starting gives up, see below
    ids = make_video(engine)
    load = Background(engine, ids)
    for n in (10, 60):
        engine.wait_for(n, what="plain")
        getattr(engine.stack.redis, how)()
        engine.stack.redis.start()
    engine.wait_for(len(engine.happenings(what="plain")) + 10, what="plain")
    load.stop()
    check_promises(engine)
    assert engine.value("select count(*) from chronos.runs where status = 'failed' and function_id <> 'test-permanent'") == 0


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_postgres_restarts_under_load(whole, how):
    whole.stack.start_worker(wait=False)
    whole.stack.start_scheduler()
    ids = make_video(whole)
    load = Background(whole, ids)
    for n in (20, 60):
        whole.wait_for(n, what="plain")
        getattr(whole.stack.postgres, how)()
        whole.stack.postgres.start()
    whole.wait_for(len(whole.happenings(what="plain")) + 20, what="plain")
    load.stop()
    reconnect(whole)
    check_promises(whole)
    assert whole.value("select max(attempts) from chronos.runs where function_id in ('test-tx', 'test-slow')") == 1
    assert whole.value("select max(deaths) from chronos.runs") == 0


def reconnect(engine):
    """The test's own connection has died with the server."""
    db = engine.clients.pop("db", None)
    if db is not None:
        db.close()


def test_postgres_away_for_ten_seconds_costs_time_and_nothing_else(whole):
    whole.stack.start_worker(wait=False)
    whole.stack.start_scheduler()
    ids = make_video(whole)
    send_mixed(whole, 10, ids)
    whole.wait_for(3, what="plain")
    whole.stack.postgres.stop()
    send_mixed(whole, 10, ids)
    down = time.monotonic()
    time.sleep(max(0, down + 10 - time.monotonic()))  # the outage itself
    whole.stack.postgres.start()
    reconnect(whole)
    check_promises(whole)
    assert whole.value("select max(attempts) from chronos.runs where function_id = 'test-tx'") == 1
    assert whole.value("select max(deaths) from chronos.runs") == 0


def test_new_events_do_not_wait_for_what_a_dead_scheduler_had_read(whole):
    """Postgres must be asked whether those ran; while it is away they stay where another scheduler can take them."""
    whole.stack.start_worker(wait=False)
    whole.stack.start_scheduler()
    whole.run("test/slow", {"ms": 1})
    whole.daemon("scheduler-1").stop()
    inherited = whole.send("test/slow", {"ms": 1})
    whole.redis.xreadgroup("scheduler", "dead", {"chronos:events": ">"})
    whole.daemon("scheduler-1").start()
    whole.stack.postgres.stop()
    whole.wait_until(lambda: whole.log_contains("cannot be taken over yet", "scheduler-1"), 15, "a look at the dead")
    for n in range(3):
        whole.send("test/slow", {"ms": 1})
        whole.wait_for(n + 2, deadline=3, function="test-slow", what="end")
        time.sleep(0.5)
    assert whole.redis.xpending_range("chronos:events", "scheduler", "-", "+", 10, "dead")
    whole.stack.postgres.start()
    reconnect(whole)
    whole.wait_for_run(inherited, status="completed")
    check_promises(whole)


def test_a_full_redis_refuses_new_work_and_finishes_old(engine):
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler()
    ids = make_video(engine)
    engine.run("test/slow", {"ms": 1})
    long_ones = [engine.send("test/slow", {"creatorId": "long", "ms": 4 * LEASE_S * 1000})]
    entries = [engine.send("test/tx", {**ids, "ms": 200}) for _ in range(20)]
    entries += [engine.send("test/again", {"creatorId": "again", "count": 10, "ms": 100}) for _ in range(25)]
    engine.wait_for(5, function="test-again", what="turn")
    engine.wait_until(lambda: engine.redis.xlen("chronos:events") == 0, 20, "all events to be routed")
    engine.configure_redis("maxmemory", "1mb")
    with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
        engine.send("test/slow", {"ms": 1})
    for entry in entries + long_ones:
        engine.wait_for_run(entry, status="completed", deadline=20)
    assert engine.value("select max(deaths) from chronos.runs") == 0
    assert engine.redis.config_get("maxmemory")["maxmemory"] == str(1 << 20)
    engine.configure_redis("maxmemory", "1gb")
    engine.run("test/slow", {"ms": 1})
    check_promises(engine)


def test_a_bad_event_is_kept_although_redis_is_full_and_the_scheduler_dies(engine):
    """What cannot be read leaves the door only after it is kept elsewhere."""
    engine.stack.start_worker(wait=False)
    engine.stack.start_scheduler()
    engine.run("test/slow", {"ms": 1})
    engine.daemon("scheduler-1").pause()
    bad = engine.send_raw({"name": "test/slow", "data": b"\xff\0 no JSON"})
    engine.configure_redis("maxmemory", "1mb")
    engine.daemon("scheduler-1").resume()
    engine.wait_until(lambda: engine.log_contains("event rejected", "scheduler-1"), 15, "the rejection")
    engine.wait_until(lambda: engine.log_contains("could not leave the stream", "scheduler-1"), 15, "the refusal by Redis")
    engine.daemon("scheduler-1").kill()
    engine.configure_redis("maxmemory", "1gb")
    engine.daemon("scheduler-1").start()
    engine.wait_until(lambda: recorded_bytes(engine, bad), 15, "the bad event's bytes")
    assert recorded_bytes(engine, bad) == {b"name": b"test/slow", b"data": b"\xff\0 no JSON"}
    check_promises(engine)


def test_a_worker_that_starts_while_redis_refuses_writes_waits(engine):
    """A daemon that cannot work yet at its start says so and waits."""
    engine.stack.start_scheduler()
    engine.redis.slaveof("127.0.0.1", "1")
    worker = engine.stack.start_worker(wait=False)
    engine.wait_until(lambda: engine.log_contains("READONLY", "worker-1"), 20, "the worker to be refused")
    engine.redis.slaveof()
    worker.wait_ready()
