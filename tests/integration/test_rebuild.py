"""Redis loses everything while runs wait, collect, and are waited for: each goes on under its rules."""

import json
import time

import pytest

from promises import check_promises
from test_flow import event_of, new_id, run_named, run_of, send_internal, step_of, wait_until_it_waits, waits


@pytest.fixture
def lost(engine):
    """A running stack, and what makes it lose its Redis and rebuild."""
    engine.start()
    engine.run("test/echo")

    def lose():
        before = starts(engine)
        engine.redis.flushall()
        engine.wait_until(lambda: starts(engine) > before, 20, "the live runs to be rebuilt")

    engine.lose = lose
    return engine


def starts(engine):
    """How often the scheduler has started over: it is ready when all has been rebuilt."""
    return engine.daemon("scheduler-1").process.log_text(since_start=False).count("msg=ready ")


def test_a_run_that_waited_waits_again(lost):
    entry = lost.send("test/waiter", {"key": "k", "ms": 1, "creatorId": "c"})
    run_id = wait_until_it_waits(lost, entry)
    lost.wait_until(lambda: [s for s in lost.steps_of(run_id) if s["step"] == "before"], 10, "the first step's row")
    lost.lose()
    lost.wait_until(lambda: waits(lost, run_id), 10, "the run to wait again")
    lost.send("test/go", {"key": "k", "n": 1})
    assert run_of(lost, entry)["output"]["heard"]["data"]["n"] == 1
    assert len(lost.happenings(function="test-waiter", what="before")) == 1
    check_promises(lost)


def test_an_invoked_run_goes_on_and_is_found_by_the_step_that_waits(lost):
    entry = lost.send("test/invoker", {"function": "test-invoked", "payload": {"n": 21, "ms": 2500, "creatorId": "c"}})
    lost.wait_for(function="test-invoked", what="start")
    run_id = event_of(lost, entry)["run_ids"][0]
    child = lost.wait_until(lambda: lost.rows("select * from chronos.events where parent is not null"), 10,
                            "the invocation in Postgres")[0]
    lost.lose()
    run = run_of(lost, entry)
    assert run["id"] == run_id and run["output"] == {"answer": {"twice": 42}}
    assert [e["id"] for e in lost.rows("select id from chronos.events where parent is not null")] == [child["id"]]
    assert lost.run_ids("test-invoked") == set(child["run_ids"])
    check_promises(lost)


def test_an_invoked_run_that_had_ended_is_not_run_again(lost):
    entry = lost.send("test/invoker", {"function": "test-invoked", "payload": {"n": 21, "ms": 60000, "creatorId": "c"}})
    lost.wait_for(function="test-invoked", what="start")
    event_of(lost, entry)
    child = lost.wait_until(lambda: lost.rows("select * from chronos.events where parent is not null"), 10,
                            "the invocation in Postgres")[0]
    lost.daemon("worker-1").kill()
    lost.daemon("scheduler-1").stop()
    lost.redis.flushall()
    # as if it had ended, and Redis had lost the word of it
    lost.rows("""insert into chronos.runs (id, accepted_at, function_id, event_id, event_name, creator_id, status, attempts,
                                           queued_at, started_at, finished_at, output)
                 values (%s, %s, 'test-invoked', %s, 'inngest/function.invoked', 'c', 'completed', 1, now(), now(), now(),
                         '{"twice": 43}')""", child["run_ids"][0], child["accepted_at"], child["id"])
    lost.daemon("scheduler-1").start()
    lost.stack.start_worker()
    run = run_of(lost, entry)
    assert run["output"] == {"answer": {"twice": 43}}
    assert step_of(lost, run, "call")["result"] == {"twice": 43}
    assert len(lost.happenings(function="test-invoked", what="start")) == 1
    check_promises(lost)


def test_events_that_were_collected_stay_together(lost):
    for function in ("test/batch", "test/debounce-all"):
        key = function.rsplit("/", 1)[1]
        lost.daemon("worker-1").stop()  # so that the run cannot end before the loss
        entries = [lost.send(function, {"key": key, "n": n}) for n in (0, 1)]
        events = [event_of(lost, e) for e in entries]
        assert events[0]["run_ids"] == events[1]["run_ids"]
        lost.lose()
        lost.daemon("worker-1").start()
        runs = [run_of(lost, e) for e in entries]
        assert runs[0]["id"] == runs[1]["id"] == events[0]["run_ids"][0]
        assert runs[0]["output"]["numbers"] == [0, 1]
    check_promises(lost)


def test_several_collections_of_one_key_stay_apart(lost):
    lost.daemon("worker-1").stop()
    entries = [lost.send("test/batch", {"key": "k", "n": n}) for n in range(7)]
    events = [event_of(lost, e) for e in entries]
    runs = [e["run_ids"][0] for e in events]
    assert len(set(runs)) == 3
    lost.lose()
    lost.daemon("worker-1").start()
    for n, entry in enumerate(entries):
        run = run_of(lost, entry)
        assert run["id"] == runs[n]
        assert run["output"]["numbers"] == [m for m in range(7) if runs[m] == runs[n]]
    check_promises(lost)


def test_what_holds_while_a_run_lives_holds_again(lost):
    stopped = lost.send("test/canceller", {"key": "k", "ms": 30000, "creatorId": "c"})
    single = lost.send("test/singleton-skip", {"key": "k", "ms": 4000})
    timed = lost.send("test/timed", {"creatorId": "t", "ms": 30000})
    for entry in (stopped, single, timed):
        event_of(lost, entry)
    lost.lose()
    lost.send("test/stop", {"key": "k"})
    assert run_of(lost, stopped, "cancelled")["error_message"] == "cancelled by the event test/stop"
    run_of(lost, lost.send("test/singleton-skip", {"key": "k"}), "skipped")
    run = run_of(lost, timed, "cancelled")
    took = (run["finished_at"] - event_of(lost, timed)["accepted_at"]).total_seconds()
    assert 1.4 < took < 10, "the time began with the event"
    run_of(lost, single)
    check_promises(lost)


def test_rules_remember_the_runs_that_began_before(lost):
    lost.daemon("worker-1").stop()
    for function, rule in (("test-once", "idempotency"), ("test-rate", "rateLimit")):
        manifest = json.loads(lost.redis.hget("chronos:functions", function))
        manifest[rule]["period_ms"] = 600000  # longer than the test takes
        lost.redis.hset("chronos:functions", function, json.dumps(manifest))
        lost.wait_until(lambda f=function: lost.value(
            "select count(*) from chronos.functions where id = %s and manifest::text like '%%600000%%'", f), 10,
            "the manifest in Postgres")
    once = event_of(lost, lost.send("test/once", {"key": "k"}))["run_ids"][0]
    rates = [event_of(lost, lost.send("test/rate", {"creatorId": "c"}))["run_ids"][0] for _ in range(3)]
    assert run_named(lost, rates[2])["status"] == "skipped"
    lost.lose()
    once_key, rate_key = lost.home() + ":once:test-once:k", lost.home("c") + ":rate:test-rate:c"
    assert lost.redis.get(once_key) == once
    assert 500000 < lost.redis.pttl(once_key) < 600000
    assert lost.redis.zrange(rate_key, 0, -1) == rates[:2]
    run_of(lost, lost.send("test/once", {"key": "k"}), "skipped")
    run_of(lost, lost.send("test/rate", {"creatorId": "c"}), "skipped")
    assert sorted(lost.redis.hkeys(f"{lost.home()}:run:{once}")), "it is live again"


def test_a_retry_keeps_what_it_went_on_from(lost):
    first = lost.send("test/canceller", {"key": "k", "ms": 600, "creatorId": "c"})
    lost.wait_for(3, function="test-canceller")
    lost.send("test/stop", {"key": "k"})
    run = run_of(lost, first, "cancelled")
    eid = new_id()
    send_internal(lost, name="test/canceller", fn="test-canceller", eid=eid, retry_of=run["id"],
                  data=json.dumps({"key": "other", "ms": 2500, "creatorId": "c"}), **{"from": "outbox"})
    retried = event_of(lost, eid)["run_ids"][0]
    lost.wait_for(run=retried, what="start")
    lost.lose()
    assert run_of(lost, eid)["id"] == retried
    assert {h.step for h in lost.happenings(run=retried)} == {"nap-again"}
    check_promises(lost)


def test_an_end_is_not_told_with_half_of_what_the_run_began_with(lost):
    """Handlers get the events that the run had, or nothing: never the second as if it were the first."""
    def collect(key):
        entries = [lost.send("test/batch", {"key": key, "n": n}) for n in (0, 1)]
        runs = {run_of(lost, e)["id"] for e in entries}
        assert len(runs) == 1
        lost.rows("update chronos.runs set status = 'failed', error_code = 'permanent', error_message = 'no', output = null"
                  " where id = %s", next(iter(runs)))
        return runs.pop(), [event_of(lost, e)["id"] for e in entries]

    whole, _ = collect("whole")
    broken, events = collect("broken")
    lost.rows("update chronos.events set data = %s where id = %s", '{"n": "\\ud800"}', events[0])  # which Postgres takes for JSON
    unknown, _ = collect("unknown")
    lost.rows("update chronos.runs set function_id = 'gone' where id = %s", unknown)
    lost.lose()
    told = "select data from chronos.events where name = 'inngest/function.failed'"
    lost.wait_until(lambda: lost.rows(told), 20, "the end that can be told")
    lost.wait_quiet()
    [data] = [row["data"] for row in lost.rows(told)]
    assert data["run_id"] == whole and [e["data"]["n"] for e in data["events"]] == [0, 1]
    said = [line for line in lost.daemon("scheduler-1").process.log_text().splitlines() if "unreadable" in line]
    assert len(said) == 2 and all(sum(f"run={run}" in line for line in said) == 1 for run in (broken, unknown)), said


def test_an_event_that_comes_again_after_the_loss_starts_nothing_new(lost):
    """Its outbox had not heard that it was recorded."""
    eid = new_id()
    fields = {"name": "test/echo", "data": json.dumps({"creatorId": "again"}), "eid": eid, "from": "outbox"}
    send_internal(lost, **fields)
    run_of(lost, eid)
    lost.wait_quiet()
    lost.lose()
    send_internal(lost, **fields)
    lost.wait_until(lambda: lost.redis.xlen("{c0}:events") == 0, 10, "the entry to be routed")
    check_promises(lost)
    assert len(lost.rows("select id from chronos.runs where creator_id = 'again'")) == 1


def test_a_large_backlog_is_put_back(lost):
    """More than are read, and put back, in one go."""
    lost.daemon("worker-1").stop()
    pipeline = lost.redis.pipeline(transaction=False)
    for n in range(1300):
        pipeline.xadd("chronos:events", {"name": "test/noop", "data": json.dumps({"creatorId": f"c{n % 7}"})})
    lost.sent += pipeline.execute()
    lost.wait_until(lambda: lost.redis.xlen("chronos:events") == 0, 20, "all events to be recorded")
    lost.lose()
    assert len(lost.keys("run:*")) == 1300
    began = time.monotonic()
    lost.daemon("worker-1").start()
    lost.wait_quiet(60)
    assert time.monotonic() - began < 60
    check_promises(lost)
