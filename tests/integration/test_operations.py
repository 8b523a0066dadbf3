"""What operators order in SQL reaches what runs, at once, and again after Redis was lost."""

import json
import subprocess
import time

import pytest

from promises import check_promises


def call(engine, sql, *values):
    return engine.value(f"select chronos.{sql}", *values)


@pytest.fixture
def world(engine):
    engine.start()
    engine.wait_until(lambda: engine.value("select count(*) from chronos.functions") >= engine.redis.hlen("chronos:functions") > 0,
                      10, "the functions")
    return engine


def result(engine, command, deadline=10):
    return engine.wait_until(lambda: engine.value("select result from chronos.commands where id = %s", command), deadline,
                             f"the result of command {command}", interval=0.02)


def run_id(engine, entry):
    """Of a live run: the event is recorded a moment after it was routed."""
    return engine.wait_until(lambda: engine.rows("select run_ids[1] as run from chronos.events where stream_id = %s", entry),
                             10, "the event")[0]["run"]


def control(engine, field):
    """What an owner's weight is set to is known where his runs are, everything else everywhere."""
    prefix = engine.home("a") if field.startswith("weight/") else engine.prefixes[-1]
    return engine.redis.hget(prefix + ":controls", field)


def wait_control(engine, field, value):
    engine.wait_until(lambda: control(engine, field) == value, 5, f"{field} to be {value}",
                      seen=lambda: engine.redis.hgetall(engine.prefixes[-1] + ":controls"), interval=0.005)


# ---- cancel ----

def test_a_run_that_waits_is_cancelled(world):
    first = world.send("test/flaky", {"creatorId": "c", "until": 99, "afterMs": 3600000})
    second = world.send("test/flaky", {"creatorId": "c"})
    runs = [run_id(world, first), run_id(world, second)]
    world.wait_for(1, function="test-flaky")
    assert result(world, call(world, "cancel(%s, 'not needed')", runs[0])) == "cancelled"
    ended = world.wait_for_run(first, "test-flaky", "cancelled")
    assert ended["error_message"] == "not needed"
    world.wait_for_run(second, "test-flaky", "completed")
    check_promises(world)


def test_a_run_that_a_worker_is_at_ends_after_its_step(world):
    entry = world.send("test/slow", {"creatorId": "c", "ms": 600})
    run = run_id(world, entry)
    world.wait_for(1, function="test-slow", what="start")
    assert result(world, call(world, "cancel(%s)", run)) == "being cancelled"
    ended = world.wait_for_run(entry, "test-slow", "cancelled")
    assert ended["error_message"] == "cancelled by an operator"
    assert ended["queued_at"] <= ended["started_at"] <= ended["finished_at"] and ended["attempts"] == 1
    step, = world.wait_until(lambda: world.steps_of(run), 10, "the step's row")
    assert (step["attempt"], step["status"], step["error_code"]) == (1, "failed", "cancelled")
    assert step["started_at"] and step["worker"]
    assert not world.happenings(function="test-slow", what="after")
    check_promises(world)


def test_runs_that_are_over_or_never_were(world):
    entry = world.send("test/echo", {"creatorId": "c"})
    run = world.wait_for_run(entry)["id"]
    with pytest.raises(Exception, match="has ended \\(completed\\)"):
        call(world, "cancel(%s)", run)
    # the scheduler may find what the function did not see yet
    command = world.value("insert into chronos.commands (kind, run_id, reason) values ('cancel', %s, 'x') returning id", run)
    assert result(world, command) == "had ended (completed)"
    assert result(world, call(world, "cancel('01KAX5Z0T0RRRRRRRRRRRRRRRR')")) == "not live"


def test_all_that_fit_are_cancelled(world):
    call(world, "pause('test-slow')")
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-slow", "pause")
    wait_control(world, "pause/test-echo", "pause")
    entries = {}
    for n in range(12):
        fn, owner = ("slow", "echo")[n % 2], "ab"[n // 6]
        entries[n] = world.send(f"test/{fn}", {"creatorId": owner, "n": n, "text": "x" * n})
    for entry in entries.values():
        run_id(world, entry)
    commands = [
        "cancel_where('test-slow', 'a', condition => 'event.data.n > 2')",  # 4
        "cancel_where(null, owner => 'b', condition => 'size(data.text) == 11')",  # 11
        "cancel_where('test-echo', since => now() + interval '1 hour')",
        "cancel_where('test-echo', until => now() - interval '1 hour')",
        "cancel_where('test-echo', 'a', now() - interval '1 hour', now() + interval '1 hour')",  # 1 3 5
        "cancel_where('test-echo', condition => 'data.n ==')",
        "cancel_where('test-echo', 'nobody')",
    ]
    results = [result(world, call(world, c)) for c in commands]
    assert results[:5] == ["1 cancelled, 0 being cancelled"] * 2 + ["0 cancelled, 0 being cancelled"] * 2 + [
        "3 cancelled, 0 being cancelled"]
    assert results[5].startswith("refused: condition: ") and "column" in results[5]
    assert results[6] == "0 cancelled, 0 being cancelled"
    for fn in ("test-slow", "test-echo"):
        call(world, "resume(%s)", fn)
    status = {n: world.wait_for_run(entry)["status"] for n, entry in entries.items()}
    assert sorted(n for n, s in status.items() if s == "cancelled") == [1, 3, 4, 5, 11]
    assert result(world, call(world, "cancel_where(null, everything => true)")) == "0 cancelled, 0 being cancelled"
    check_promises(world)


def test_commands_wait_for_redis_and_are_carried_out_in_order(world):
    world.send("test/flaky", {"creatorId": "c", "until": 99, "afterMs": 3600000})
    world.wait_for(1, function="test-flaky")
    world.stack.redis.kill()
    first, second = (call(world, "cancel_where('test-flaky')") for _ in range(2))
    world.wait_until(lambda: world.log_contains("commands cannot be carried out yet"), 10, "the warning")
    world.stack.redis.start()
    assert result(world, second) == "0 cancelled, 0 being cancelled"
    assert result(world, first) == "1 cancelled, 0 being cancelled"
    applied = world.rows("select id from chronos.commands order by applied_at")
    assert [r["id"] for r in applied] == [first, second]


def test_old_commands_are_forgotten(engine):
    engine.rows("insert into chronos.commands (kind, run_id, reason, applied_at, result) values"
                " ('cancel', 'a', 'x', now() - interval '3 days', 'cancelled'), ('cancel', 'b', 'x', now(), 'cancelled')")
    engine.rows("insert into chronos.controls (kind, name, value, updated_at) values"
                " ('pause', 'a', null, now() - interval '8 days'), ('pause', 'b', 'pause', now() - interval '8 days'),"
                " ('pause', 'c', null, now())")
    engine.start(CHRONOS_RETENTION_DAYS=2)
    engine.wait_until(lambda: [r["run_id"] for r in engine.rows("select run_id from chronos.commands")] == ["b"], 10,
                      "the old one to go")
    engine.wait_until(lambda: [r["name"] for r in engine.rows("select name from chronos.controls order by 1")] == ["b", "c"],
                      10, "what was taken back long ago to go")


# ---- pause, drain ----

def test_a_paused_function_starts_nothing(world):
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-echo", "pause")
    entries = [world.send("test/echo", {"creatorId": "c"}) for _ in range(5)]
    other = world.run("test/three", {"creatorId": "c"})
    assert other["status"] == "completed"
    assert not [e for e in entries if world.runs_of(e)]
    call(world, "resume('test-echo')")
    for entry in entries:
        world.wait_for_run(entry, status="completed")
    wait_control(world, "pause/test-echo", None)
    check_promises(world)


def test_a_drained_function_ends_what_it_has_begun(world):
    begun = world.send("test/flaky", {"creatorId": "c", "until": 2, "afterMs": 1000})
    world.wait_for(1, function="test-flaky")
    call(world, "drain('test-flaky')")
    wait_control(world, "pause/test-flaky", "drain")
    late = world.send("test/flaky", {"creatorId": "d"})
    world.wait_for_run(begun, status="completed")
    assert not world.runs_of(late)
    call(world, "resume('test-flaky')")
    world.wait_for_run(late, status="completed")
    check_promises(world)


def test_an_order_takes_effect_at_once(world):
    for fn in ("test-echo", "test-three", "test-slow"):
        begun = time.monotonic()
        call(world, "pause(%s)", fn)
        wait_control(world, f"pause/{fn}", "pause")
        assert time.monotonic() - begun < 0.5, "it was told, and did not wait for the next look"


# ---- limits, weights, budgets ----

def test_another_maximum_for_one_owner(world):
    call(world, "set_limit('test-slow', 'a', 1)")
    wait_control(world, "limit/fn/test-slow:a", "1")
    entries = [world.send("test/slow", {"creatorId": owner, "ms": 150}) for owner in "aaaabbbb"]
    for entry in entries:
        world.wait_for_run(entry, status="completed")
    spans = {owner: [(h.at, h.what) for h in world.happenings(function="test-slow", creator=owner)
                     if h.what in ("start", "end")] for owner in "ab"}
    assert most_at_once(spans["a"]) == 1 and most_at_once(spans["b"]) == 4
    call(world, "clear_limit('test-slow', 'a')")
    wait_control(world, "limit/fn/test-slow:a", None)
    check_promises(world)


def most_at_once(happenings):
    now = most = 0
    for _, what in sorted(happenings):
        now += 1 if what == "start" else -1
        most = max(most, now)
    return most


def test_weights_and_budgets_reach_redis(world):
    call(world, "set_weight('a', 2.5)")
    call(world, "set_budget('a', 0.25)")
    wait_control(world, "weight/a", "2.500000")
    wait_control(world, "limit/budget:a", "250000")
    call(world, "set_weight('a', null)")
    call(world, "set_budget('a', null)")
    wait_control(world, "weight/a", None)
    wait_control(world, "limit/budget:a", None)


# ---- what is set holds ----

def test_what_is_set_is_there_again_after_redis_was_lost(world):
    call(world, "pause('test-echo')")
    call(world, "set_limit('test-slow', 'a', 3)")
    wait_control(world, "limit/fn/test-slow:a", "3")
    entry = world.send("test/echo", {"creatorId": "c"})
    run = run_id(world, entry)
    world.redis.flushall()
    world.wait_until(lambda: world.redis.exists(f"{world.home('c')}:run:{run}"), 20, "the run", interval=0.001)
    assert (control(world, "pause/test-echo"), control(world, "limit/fn/test-slow:a")) == ("pause", "3"), \
        "before any run is put back"
    call(world, "resume('test-echo')")
    world.wait_for_run(entry, status="completed")


def test_what_was_set_while_no_scheduler_was_there(world):
    world.daemon("scheduler-1").process.stop()
    call(world, "pause('test-echo')")
    world.daemon("scheduler-1").start()
    wait_control(world, "pause/test-echo", "pause")
    world.daemon("scheduler-1").process.stop()
    call(world, "resume('test-echo')")
    world.daemon("scheduler-1").start()
    wait_control(world, "pause/test-echo", None)


def test_a_copy_that_was_changed_by_hand_is_put_right(world):
    """Every scheduler puts everything in again now and then, and when it starts."""
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-echo", "pause")
    for prefix in world.prefixes:
        world.redis.delete(prefix + ":controls")
    world.stack.start_scheduler(name="second")
    wait_control(world, "pause/test-echo", "pause")


# ---- retire ----

def test_a_function_that_no_build_has_is_retired(world):
    assert result(world, call(world, "retire('test-echo')")).startswith("refused: live workers execute it (1)")
    assert world.redis.hexists("chronos:functions", "test-echo")
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-echo", "pause")
    entries = [world.send("test/echo", {"creatorId": f"c{n}"}) for n in range(3)]
    run_id(world, entries[-1])
    world.daemon("worker-1").stop()
    assert result(world, call(world, "retire('test-echo')")) == "retired; 3 runs cancelled"
    for entry in entries:
        assert world.wait_for_run(entry, "test-echo", "cancelled")["error_message"] == "the function test-echo is retired"
    assert not world.redis.hexists("chronos:functions", "test-echo")
    assert world.value("select count(*) from chronos.functions where id = 'test-echo'") == 0
    wait_control(world, "pause/test-echo", None)
    late = world.send("test/echo", {"creatorId": "c"})
    assert world.wait_until(lambda: world.event(late), 10, "the event")["outcome"] == "unmatched"
    world.daemon("worker-1").start()
    world.run("test/echo")
    check_promises(world)


def test_a_retired_function_has_no_ticks(world):
    assert world.wait_until(lambda: world.redis.hget("{c0}:cron", "test-ticking"), 10, "the schedule to be watched")
    world.daemon("worker-1").stop()
    assert result(world, call(world, "retire('test-ticking')")).startswith("retired")
    assert world.redis.hget("{c0}:cron", "test-ticking") is None
    assert world.redis.hget("{c0}:schedules", "test-ticking") == "-"


def test_when_a_function_was_executed_last_is_known(world):
    world.wait_until(lambda: world.value("select offered_at from chronos.functions where id = 'test-echo'"), 30,
                     "the function to be seen")


# ---- explain ----

def explain(engine, run):
    daemon = engine.daemon("scheduler-1")
    done = subprocess.run([daemon.program, "--explain", run], env=daemon.environment, capture_output=True, text=True,
                          check=False, timeout=30)
    return done.returncode, dict(line.split(None, 1) for line in done.stdout.splitlines()), done.stderr


def test_explain_tells_where_a_run_is(world):
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-echo", "pause")
    entry = world.send("test/echo", {"creatorId": "c"})
    run = run_id(world, entry)
    code, told, _ = explain(world, run)
    assert code == 0
    assert told["state"] == "waiting" and told["function"] == "test-echo" and "paused" in told["reason"]
    call(world, "resume('test-echo')")
    world.wait_for_run(entry)
    world.wait_until(lambda: explain(world, run)[1].get("status") == "completed", 10, "its end")
    _, told, _ = explain(world, run)
    assert told["state"] == "ended" and told["function"] == "test-echo" and told["owner"] == "c"


def test_explain_names_the_step_that_fails_and_its_next_attempt(world):
    run = run_id(world, world.send("test/flaky", {"creatorId": "c", "until": 99, "afterMs": 3600000}))
    told = world.wait_until(lambda: [t for t in [explain(world, run)[1]] if t["state"] == "waiting to try again"], 10,
                            "the retry", interval=0.1)[0]
    assert told["step"] and told["error"] and told["attempt"] == "2"
    assert int(told["due_in_ms"]) > 3000000


def test_explain_tells_that_no_worker_executes_the_function(world):
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-echo", "pause")
    run = run_id(world, world.send("test/echo", {"creatorId": "c"}))
    assert world.wait_until(lambda: explain(world, run)[1]["workers"] == "1", 10, "the worker to be known", interval=0.1)
    world.daemon("worker-1").stop()
    told = explain(world, run)[1]
    assert told["state"] == "waiting" and told["workers"].startswith("0: no live worker executes test-echo")
    world.daemon("worker-1").start()
    world.wait_until(lambda: explain(world, run)[1]["workers"] == "1", 10, "the worker to be known again", interval=0.1)
    world.daemon("worker-1").kill()
    world.wait_until(lambda: explain(world, run)[1]["workers"].startswith("0:"), 10, "the death to be known", interval=0.1)


def test_explain_without_postgres(world):
    call(world, "pause('test-echo')")
    wait_control(world, "pause/test-echo", "pause")
    run = run_id(world, world.send("test/echo", {"creatorId": "c"}))
    daemon = world.daemon("scheduler-1")
    away = {**daemon.environment, "CHRONOS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run([daemon.program, "--explain", run], env=away, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0 and "waiting" in done.stdout and "test-echo" in done.stdout, done.stderr


def test_explain_of_what_is_not_there(world):
    code, told, error = explain(world, "01KAX5Z0T0RRRRRRRRRRRRRRRR")
    assert (code, told) == (1, {}) and "is not known" in error
    world.stack.redis.kill()
    code, told, error = explain(world, "01KAX5Z0T0RRRRRRRRRRRRRRRR")
    assert code == 1 and "redis cannot be asked" in error and "is not known to postgres" in error
    world.stack.redis.start()


def test_the_manifest_that_postgres_has_names_the_limits(world):
    manifest = world.value("select manifest from chronos.functions where id = 'test-slow'")
    assert {"fn/test-slow:$"} <= {limit["name"] for limit in manifest["limits"]}, json.dumps(manifest)
