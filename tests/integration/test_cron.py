"""Functions that run by a schedule. Time does not pass in these tests: where a schedule stands in Redis is moved back, as it
would be after an outage of that length.

test-ticking has a schedule; what its workers publish is replaced here, so that each test has one of its own."""

import collections
import datetime
import json
import time

import pytest

from promises import check_promises

FN, MINUTE = "test-ticking", 60000
NEVER = "0 0 29 2 *"


def publish(engine, schedule, missed="one", jitter_ms=0):
    manifest = json.loads(engine.redis.hget("chronos:functions", FN))
    manifest["cron"] = {"schedule": schedule, "jitter_ms": jitter_ms, "missed": missed} if schedule else None
    manifest["version"] += 1
    engine.redis.hset("chronos:functions", FN, json.dumps(manifest))
    engine.wait_until(lambda: engine.redis.hget("{c0}:schedules", FN) == (schedule or "-"), 10, "the schedule")


def now_ms(engine):
    seconds, micros = engine.redis.time()
    return seconds * 1000 + micros // 1000


def away_from_the_minute(engine):
    """A test that moves the last tick back must not be overtaken by a real one."""
    engine.wait_until(lambda: 3000 < now_ms(engine) % MINUTE < 50000, 20, "some seconds without a tick")


def set_back(engine, minutes):
    """As if the last tick that anybody dealt with were so many minutes before the present minute."""
    last = now_ms(engine) // MINUTE * MINUTE - minutes * MINUTE
    engine.redis.hset("{c0}:cron", FN, last)
    return last


def ticks(engine):
    """Of each tick that is recorded: minutes since 1970 -> (status of its run, reason)"""
    return {int(r["ms"]) // MINUTE: (r["status"], r["error_message"]) for r in engine.rows("""
        select chronos.to_ms(e.accepted_at) as ms, r.status, r.error_message from chronos.events e
        join chronos.runs r on r.id = any (e.run_ids)
        where e.name = 'inngest/scheduled.timer' and e.function_ids = array['test-ticking']""")}


def wait_ticks(engine, count, deadline=20):
    return engine.wait_until(lambda: engine.at_least(count, ticks(engine)), deadline, f"{count} ticks",
                             seen=lambda: ticks(engine))


@pytest.fixture
def world(engine):
    engine.start()
    engine.wait_until(lambda: engine.redis.hget("{c0}:schedules", FN), 10, "the schedules")
    publish(engine, NEVER)
    return engine


def test_a_new_schedule_fires_nothing_past(world):
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    stands = int(world.redis.hget("{c0}:cron", FN))
    assert abs(now_ms(world) - stands) < 5000
    world.run("test/echo", {"creatorId": "c"})
    assert not [m for m in ticks(world) if m * MINUTE <= stands]


def test_a_tick_starts_a_run_with_its_event(world):
    away_from_the_minute(world)
    publish(world, "* * * * *")
    last = set_back(world, 1)
    tick = last + MINUTE
    world.wait_until(lambda: ticks(world), 10, "the tick")
    event = world.row("select * from chronos.events where name = 'inngest/scheduled.timer' and function_ids = array[%s]", FN)
    at = datetime.datetime.fromtimestamp(tick / 1000, datetime.timezone.utc)
    text = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert event["data"] == {"cron": "* * * * *", "scheduledAt": text, "fireAt": text}
    assert event["accepted_at"] == at and event["function_ids"] == [FN]
    run = world.wait_for_run(event["id"], FN, "completed")
    assert run["output"]["name"] == "inngest/scheduled.timer" and run["output"]["data"] == event["data"]
    check_promises(world)


def test_a_tick_is_punctual(world):
    """By Redis' clock: the entry's id tells when it was appended."""
    publish(world, "* * * * *")
    fired = world.wait_until(lambda: ticks(world), 75, "the next minute", interval=0.2)
    minute = max(fired)
    entry = world.row("select stream_id from chronos.events where name = 'inngest/scheduled.timer'"
                      " and chronos.to_ms(accepted_at) = %s and function_ids = array[%s]", minute * MINUTE, FN)["stream_id"]
    late = int(entry.split("-")[0]) - minute * MINUTE
    assert 0 <= late < 50, f"{late} ms late"
    assert list(fired.values()) == [("completed", None)] * len(fired)


# ---- missed ticks ----

def outcome(world, missed, minutes):
    away_from_the_minute(world)
    publish(world, "* * * * *", missed)
    first = set_back(world, minutes) // MINUTE + 1
    return first, wait_ticks(world, minutes)


def test_the_latest_is_made_good(world):
    first, fired = outcome(world, "one", 10)
    assert sorted(fired) == list(range(first, first + 10))
    started = sorted(m - first for m, (status, _) in fired.items() if status == "completed")
    assert started in ([8, 9], [9])
    assert {v for v in fired.values() if v[0] != "completed"} == {("skipped", "missed: no scheduler was there")}
    check_promises(world)


def test_none_is_made_good(world):
    first, fired = outcome(world, "skip", 10)
    assert sorted(m - first for m, (status, _) in fired.items() if status != "skipped") in ([9], [])
    check_promises(world)


def test_each_is_made_good_in_order(world):
    first, fired = outcome(world, "all", 250)
    assert sorted(fired) == list(range(first, first + 250))
    assert {v for v in fired.values()} == {("completed", None)}
    order = world.rows("select stream_id, chronos.to_ms(accepted_at) as ms from chronos.events"
                       " where name = 'inngest/scheduled.timer' order by accepted_at")
    entries = [[int(part) for part in r["stream_id"].split("-")] for r in order]
    assert entries == sorted(entries)
    check_promises(world)


@pytest.mark.parametrize("missed", ["one", "skip"])
def test_very_many_are_recorded_together(world, missed):
    away_from_the_minute(world)
    publish(world, "* * * * *", missed)
    set_back(world, 100000)
    fired = wait_ticks(world, 102 if missed == "one" else 101)
    skipped = {m: reason for m, (status, reason) in fired.items() if status == "skipped"}
    assert len(skipped) == 101
    together = [int(reason.split()[1]) for reason in skipped.values() if "ticks up to this one" in reason]
    assert len(together) == 1 and 100 + together[0] + (1 if missed == "one" else 0) in (99999, 100000)
    assert world.log_contains("ticks were missed")
    check_promises(world)


def test_two_schedulers_agree(world):
    """Both find the same outage at the same moment, again and again."""
    world.stack.start_scheduler(name="second")
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    total = 0
    for minutes in (1000, 700, 400):
        set_back(world, minutes)
        total = max(total, minutes)
        world.wait_until(lambda: int(world.redis.hget("{c0}:cron", FN)) // MINUTE == now_ms(world) // MINUTE, 30, "the ticks")
    fired = wait_ticks(world, total, 60)
    assert len(fired) in (total, total + 1)
    count = collections.Counter(h.run for h in world.happenings(function=FN))
    world.wait_quiet(60)
    assert set(count.values()) == {1}, "no run twice, though their ticks were sent thrice"
    check_promises(world, 60)


# ---- changes ----

def test_another_schedule_starts_from_now(world):
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    world.daemon("scheduler-1").process.stop()
    set_back(world, 500)
    manifest = json.loads(world.redis.hget("chronos:functions", FN))
    manifest["cron"]["schedule"] = "*/2 * * * *"
    world.redis.hset("chronos:functions", FN, json.dumps(manifest))
    world.daemon("scheduler-1").start()
    world.wait_until(lambda: world.redis.hget("{c0}:schedules", FN) == "*/2 * * * *", 10, "the schedule")
    assert abs(int(world.redis.hget("{c0}:cron", FN)) - now_ms(world)) < 5000
    assert not ticks(world)


def test_a_function_that_has_no_schedule_any_more(world):
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    publish(world, None)
    assert not world.redis.hexists("{c0}:cron", FN)
    publish(world, "* * * * *", "all")
    assert abs(int(world.redis.hget("{c0}:cron", FN)) - now_ms(world)) < 5000
    world.run("test/echo", {"creatorId": "c"})
    assert not [m for m in ticks(world) if m < now_ms(world) // MINUTE]


def test_a_schedule_that_cannot_be_read_fires_not_and_is_told(world):
    manifest = json.loads(world.redis.hget("chronos:functions", FN))
    manifest["cron"]["schedule"] = "61 * * * *"
    world.redis.hset("chronos:functions", FN, json.dumps(manifest))
    world.wait_until(lambda: world.log_contains("schedule cannot be read"), 10, "the error")
    other = world.run("test/echo", {"creatorId": "c"})
    assert other["status"] == "completed"


# ---- clocks and losses ----

def test_a_clock_that_was_set_back_repeats_nothing(world):
    """As it looks afterwards: the last tick lies ahead."""
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    ahead = now_ms(world) // MINUTE * MINUTE + 120 * MINUTE
    world.redis.hset("{c0}:cron", FN, ahead)
    world.wait_until(lambda: world.log_contains("clock was set back"), 10, "the warning")
    assert not ticks(world)
    assert int(world.redis.hget("{c0}:cron", FN)) == ahead


def test_after_a_loss_of_redis_it_goes_on_where_it_was(world):
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    last = set_back(world, 20)
    wait_ticks(world, 20)
    world.wait_quiet()
    # as if the later ones had never been recorded: they were lost on the way
    world.rows("delete from chronos.events where name = 'inngest/scheduled.timer' and chronos.to_ms(accepted_at) > %s",
               last + 15 * MINUTE)
    world.rows("delete from chronos.runs where function_id = %s and chronos.to_ms(accepted_at) > %s", FN, last + 15 * MINUTE)
    kept = {r["id"] for r in world.rows("select id from chronos.runs where function_id = %s", FN)}
    assert len(kept) == 15
    world.redis.flushall()
    fired = wait_ticks(world, 20, 40)
    first = last // MINUTE + 1
    assert set(range(first, first + 20)) <= set(fired), "the lost ones were dealt with again"
    world.wait_quiet()
    counts = collections.Counter(h.run for h in world.happenings(function=FN))
    assert {counts[run] for run in kept} == {1}, "and those that Postgres knows were not"


def test_a_tick_by_hand_is_none_of_the_schedules(world):
    world.wait_until(lambda: world.rows("select 1 from chronos.functions where id = %s", FN), 10, "the function")
    stands = world.redis.hget("{c0}:cron", FN)
    world.value("select chronos.trigger(%s)", FN)
    run = world.wait_for_function(FN)[0]
    assert run["status"] == "completed" and run["output"]["data"]["manual"] is True
    assert world.redis.hget("{c0}:cron", FN) == stands
    world.redis.flushall()
    world.wait_until(lambda: world.redis.hget("{c0}:cron", FN), 30, "the schedule again")
    assert abs(int(world.redis.hget("{c0}:cron", FN)) - now_ms(world)) < 20000, "not from the tick by hand"


def test_ticks_wait_while_redis_is_away(world):
    away_from_the_minute(world)
    publish(world, "* * * * *", "all")
    world.stack.redis.kill()
    world.wait_until(lambda: world.log_contains("schedules cannot be kept yet"), 10, "the warning")
    world.stack.redis.start()
    set_back(world, 3)
    wait_ticks(world, 3)
    begun = time.monotonic()
    check_promises(world)
    assert time.monotonic() - begun < 30
