"""verify finds what differs, each kind of it, and nothing where nothing differs."""

import pytest

SCHEDULER = ("scheduler-1",)


def differences(ctl, code=1):
    report = ctl.json("verify", "--settle-ms", "100", code=code)
    assert report["ok"] == (code == 0)
    for d in report["differences"]:
        assert d["mend"], d
    return {(d["kind"], d["id"]): d for d in report["differences"]}


def kinds(ctl):
    return {kind for kind, _ in differences(ctl)}


@pytest.fixture
def quiet(own):
    """Everything has come to rest, with one run that sleeps for an hour, and no daemon mends anything any more."""
    own.start(workers=1)
    own.run("test/three", {"creatorId": "c"})
    own.send("test/flaky", {"creatorId": "c", "until": 2, "afterMs": 3600000})
    own.sleeper = own.wait_for(function="test-flaky")[0].run
    own.home = "{c0}"
    own.wait_until(lambda: own.redis.zscore("{c0}:timers", own.sleeper), 10, "it to sleep")
    own.wait_until(lambda: own.redis.xlen("{c0}:history") == 0 and own.redis.xlen("chronos:events") == 0, 10, "the archive")
    for d in list(own.stack.daemons.values()):
        d.stop()
    return own


def age(engine):
    """What was accepted a moment ago was accepted a minute ago."""
    engine.redis.hincrby(f"{{c0}}:run:{engine.sleeper}", "at", -60000)
    engine.rows("update chronos.events set accepted_at = accepted_at - interval '1 minute'")


def test_a_running_engine_under_load_has_no_difference(own):
    own.start(workers=2)
    for n in range(300):
        own.send("test/three", {"creatorId": f"c{n % 7}"})
    for n in range(60):
        own.send("test/slow", {"creatorId": "c", "ms": 20})
    for _ in range(3):
        done = own.ctl("verify", "--settle-ms", "1500")
        assert done.code == 0, done
        assert "no difference" in done.out and "looked at" in done.out


def test_at_rest_there_is_none_either(quiet):
    report = quiet.ctl.json("verify", "--settle-ms", "100")
    assert report["ok"] and report["differences"] == []
    assert report["looked_at"]["live runs in redis"] == 1


def test_a_slot_without_a_right(quiet):
    quiet.redis.sadd("{c0}:slots:fn/test-slow:c", quiet.sleeper, "nobody")
    found = differences(quiet.ctl)
    assert {("slot_without_right", quiet.sleeper), ("slot_without_right", "nobody")} == set(found)
    assert found["slot_without_right", "nobody"]["detail"] == "fn/test-slow:c"
    # and nothing was mended
    assert quiet.redis.scard("{c0}:slots:fn/test-slow:c") == 2


def test_a_run_that_is_nowhere(quiet):
    quiet.redis.zrem("{c0}:timers", quiet.sleeper)
    assert set(differences(quiet.ctl)) == {("run_nowhere", quiet.sleeper)}


def test_what_stands_somewhere_and_is_not_there(quiet):
    quiet.redis.zadd("{c0}:timers", {"01J00000000000000000000001": 1})
    quiet.redis.zadd("{c0}:wait:test-three:c", {"01J00000000000000000000002": 1})
    quiet.redis.xadd("{c0}:ready:test-three", {"run": "01J00000000000000000000003"})
    assert set(differences(quiet.ctl)) == {("timer_but_absent", "01J00000000000000000000001"),
                                           ("waiting_but_absent", "01J00000000000000000000002"),
                                           ("queue_behind_no_limit", "test-three:c"),
                                           ("ready_but_absent", "01J00000000000000000000003")}


def test_a_run_without_its_slot(own):
    own.start(workers=1, CHRONOS_LEASE_MS=60000)
    own.send("test/slow", {"creatorId": "c", "ms": 6000})
    run = own.wait_for(function="test-slow", what="start")[0].run
    own.stack.daemons["scheduler-1"].stop()
    own.redis.delete("{c0}:slots:fn/test-slow:c")
    assert ("run_without_slot", run) in differences(own.ctl)
    own.redis.sadd("{c0}:slots:fn/test-slow:c", run)


def test_a_run_that_redis_has_lost(quiet):
    age(quiet)
    for key in quiet.redis.scan_iter(f"*{quiet.sleeper}"):
        quiet.redis.delete(key)
    quiet.redis.zrem("{c0}:timers", quiet.sleeper)
    found = differences(quiet.ctl)
    assert set(found) == {("recorded_but_absent", quiet.sleeper)}
    assert "rebuild" in found["recorded_but_absent", quiet.sleeper]["mend"]


def test_a_run_that_postgres_has_lost_or_takes_for_ended(quiet):
    age(quiet)
    quiet.rows("insert into chronos.runs (id, accepted_at, function_id, status)"
               " select %s, accepted_at, 'test-flaky', 'completed' from chronos.events where %s = any (run_ids)",
               quiet.sleeper, quiet.sleeper)
    assert set(differences(quiet.ctl)) == {("live_but_ended", quiet.sleeper)}
    quiet.rows("delete from chronos.runs where id = %s", quiet.sleeper)
    quiet.rows("delete from chronos.events where %s = any (run_ids)", quiet.sleeper)
    assert set(differences(quiet.ctl)) == {("live_but_unrecorded", quiet.sleeper)}


def test_events_that_nobody_takes(quiet):
    quiet.redis.delete("chronos:events")
    quiet.redis.xadd("chronos:events", {"name": "test/three", "data": "{}"}, id="1000-1")
    quiet.rows("insert into chronos.outbox (name, data, created_at) values ('test/three', '{}', now() - interval '1 hour')")
    found = differences(quiet.ctl)
    assert {kind for kind, _ in found} == {"event_not_enqueued"} and len(found) == 2
    assert found["event_not_enqueued", "1000-1"]["place"] == "chronos:events"


def test_consumers_of_the_dead(quiet):
    quiet.redis.xgroup_createconsumer("{c0}:ready:test-three", "workers", "dead:1:x")
    quiet.redis.xgroup_createconsumer("chronos:events", "scheduler", "idle:2:x")  # it had ended well
    quiet.redis.xadd("chronos:events", {"name": "test/three", "data": "{}"})
    assert quiet.redis.xreadgroup("scheduler", "dead:2:x", {"chronos:events": ">"})
    assert set(differences(quiet.ctl)) == {("consumer_without_worker", "dead:1:x"),
                                           ("consumer_without_scheduler", "dead:2:x")}


def test_settings_and_functions_that_differ(quiet):
    quiet.rows("select chronos.pause('test-three')")
    quiet.rows("select chronos.set_weight('c', 2.5)")
    quiet.redis.hdel("chronos:functions", "test-echo")
    quiet.rows("delete from chronos.functions where id = 'test-noop'")
    assert set(differences(quiet.ctl)) == {
        ("control_differs", "pause/test-three"), ("control_differs", "weight/c"),
        ("function_not_in_redis", "test-echo"), ("function_not_in_postgres", "test-noop")}
    quiet.redis.hset("{c0}:controls", mapping={"pause/test-three": "pause", "weight/c": "2.500000"})
    assert kinds(quiet.ctl) == {"function_not_in_redis", "function_not_in_postgres"}


def test_another_redis(quiet):
    quiet.redis.set("{chronos:events}:epoch", "something else")
    assert {kind for kind, _ in differences(quiet.ctl)} == {"another_redis"}


def test_people_read_a_table_and_what_mends_it(quiet):
    quiet.redis.sadd("{c0}:slots:fn/test-slow:c", "nobody\x1b[31m")
    done = quiet.ctl("verify", "--settle-ms", "100")
    assert done.code == 1 and "slot_without_right: a scheduler's audit" in done.out
    assert "nobody?[31m" in done.out and "\x1b" not in done.out


def test_stores_that_are_away(own):
    assert own.ctl("verify", CHRONOS_REDIS_URL="redis://127.0.0.1:1").code == 4
    own.start(workers=0)
    assert own.ctl("verify", CHRONOS_DATABASE_URL="postgresql://127.0.0.1:1/x").code == 4
