"""What a worker does with each kind of step, against the scripts alone: no scheduler stands between."""

import collections
import json
import os
import signal
import time

import psycopg2
import pytest

from alone import ACCEPTED_MS, SCHEDULER, RunRow
from lua.partition import run as run_words
from promises import overlap


def errors_of(alone):
    return alone.sent(name="inngest/function.failed")


def spent(alone, owner):
    return sum(int(v) for v in alone.p.redis.hvals(alone.p.key("spent:" + owner)))


# ---- waiting for an event ----

def test_a_run_waits_without_a_slot_and_gets_the_event(alone):
    alone.install("test-waiter", "1 fn/test-waiter:$\n")
    run = alone.start("test-waiter", {"creatorId": "a", "key": "k1"})
    assert alone.wait_parked(run)["wait"] == "wait"
    assert not alone.slots() and not alone.pending("test-waiter")
    record = alone.p.redis.hget(alone.p.key("listener:" + run), "w").split("\n")
    event, path, value, until, own = record[:5]
    assert (event, path, value, until) == ("test/go", "data.key", "k1", "0")
    assert own == json.loads(alone.p.redis.get(alone.p.key("input:" + run)))["id"]
    assert not alone.p.redis.exists(alone.p.key("lookbacks"))
    go = alone.event("test/go", {"key": "k1", "n": 7})
    assert alone.hear(run, go) == 1
    end = alone.wait_end(run)
    assert json.loads(end.output) == {"heard": go, "attempt": 1}
    assert [s.step for s in alone.steps(run)] == ["before", "after"]  # the scheduler brings the line of the wait
    assert len(alone.engine.happenings(what="wait")) == 1
    assert alone.hear(run, go) == 0


def test_a_wait_looks_back_when_it_is_to(alone):
    run = alone.start("test-waiter", {"key": "k1", "since": True})
    alone.wait_parked(run)
    assert alone.p.redis.smembers(alone.p.key("lookbacks")) == {run + "/w"}


def test_a_wait_that_is_too_long_gives_null(alone):
    run = alone.start("test-waiter", {"key": "k1", "timeoutMs": 300})
    end = alone.wait_end(run)
    assert json.loads(end.output)["heard"] is None
    waited, went_on = alone.engine.happenings(what="wait")[0], alone.engine.happenings(what="after")[0]
    assert 0.3 <= went_on.at - waited.at < 2
    assert [(e["run"], e["body"]) for e in alone.history("waited")] == [(run, "wait")]


def test_a_wait_that_failed_first_waits_all_the_same(alone):
    run = alone.start("test-waiter", {"key": "k1", "failFirst": True})
    alone.wait_parked(run)
    alone.hear(run, alone.event("test/go", {"key": "k1"}))
    end = alone.wait_end(run)
    assert json.loads(end.output)["attempt"] == 1
    assert end.attempts == "2"
    assert [(s.step, s.attempt, s.status) for s in alone.steps(run)] == [
        ("before", "1", "completed"), ("wait", "1", "failed"), ("after", "1", "completed")]


def test_a_condition_that_cannot_be_read_fails_the_run(alone):
    run = alone.start("test-waiter", {"key": "k1", "match": "async.data.key =="})
    end = alone.wait_end(run, "failed")
    assert end.code == "bug"
    assert end.message.startswith("step_wait_event: match: column ")
    assert len(alone.engine.happenings(what="wait")) == 1


def test_what_a_waiting_step_cost_is_counted(alone):
    run = alone.start("test-waiter", {"creatorId": "a", "key": "k1", "usd": 0.5})
    alone.wait_parked(run)
    assert spent(alone, "a") == 500_000
    alone.hear(run, alone.event("test/go", {"key": "k1"}))
    assert float(alone.wait_end(run).cost) == 0.5


# ---- invoking ----

def test_a_run_invokes_another_and_gets_its_answer(alone):
    run = alone.start("test-invoker", {"creatorId": "a", "function": "test-invoked", "payload": {"n": 21}})
    assert alone.wait_parked(run)["invoke"] == "test-invoked"
    asked, = alone.sent()
    assert asked.pop("traceparent")
    assert asked == {"name": "inngest/function.invoked", "data": '{"n":21}', "fn": "test-invoked",
                     "parent": f"0\n{run}\ncall"}
    child = alone.start("test-invoked", {"n": 21}, parent=asked["parent"])
    alone.wait_end(child)
    answered, = alone.wait(lambda: alone.sent(name="inngest/function.finished"), "the answer")
    assert answered["to"] == asked["parent"]
    assert json.loads(answered["ok"]) == {"twice": 42}
    assert "error" not in answered
    assert alone.resume(run, "call", "ok", {"twice": 42}) == 1
    assert json.loads(alone.wait_end(run).output) == {"answer": {"twice": 42}}
    assert not errors_of(alone)


def test_a_child_that_failed_answers_with_its_error(alone):
    child = alone.start("test-invoked", {"fail": True}, parent="0\nX\ncall")
    alone.wait_end(child, "failed")
    answered, = alone.wait(lambda: alone.sent(name="inngest/function.finished"), "the answer")
    assert json.loads(answered["error"]) == {"name": "permanent", "message": "there is nothing to double"}
    assert len(errors_of(alone)) == 1  # it is a failed run like others


def test_a_run_fails_with_what_it_invoked(alone):
    run = alone.start("test-invoker", {"function": "test-invoked", "payload": {}})
    alone.wait_parked(run)
    assert alone.resume(run, "call", "error", {"name": "permanent", "message": "there is nothing to double"}) == 1
    end = alone.wait_end(run, "failed")
    assert (end.code, end.message) == ("permanent", "function test-invoked failed: there is nothing to double")
    failure, = errors_of(alone)
    assert json.loads(failure["data"])["run_id"] == run
    assert len(alone.engine.happenings(run=run, what="call")) == 1


def test_an_invocation_that_takes_too_long_fails_the_run(alone):
    run = alone.start("test-invoker", {"function": "test-invoked", "payload": {}, "timeoutMs": 200})
    end = alone.wait_end(run, "failed")
    assert end.code == "permanent"
    assert end.message.startswith("function test-invoked failed: ")
    assert "longer" in end.message


# ---- sleeping until a time ----

def test_a_run_sleeps_until_a_time(alone):
    alone.install("test-napper", "1 fn/test-napper:$\n")
    until = int(time.time() * 1000) + 700
    run = alone.start("test-napper", {"creatorId": "a", "until": until})
    alone.wait_for(run=run, what="sleep")
    alone.wait(lambda: not alone.slots(), "the slot to come back")
    alone.wait_end(run)
    assert time.time() * 1000 >= until
    assert [(s.step, s.status) for s in alone.steps(run)] == [("lie-down", "sleeping"), ("wake", "completed")]


def test_a_time_that_is_past_is_no_sleep(alone):
    run = alone.start("test-napper", {"until": 1000})
    alone.wait_end(run, deadline=3)


# ---- branches ----

def test_items_are_executed_side_by_side_and_no_more_than_allowed(alone):
    items = [{"ms": 150, "n": n} for n in range(8)]
    run = alone.start("test-fan", {"items": items, "from": "here"})
    end = alone.wait_end(run)
    assert json.loads(end.output) == [{"item": item, "attempt": 1} for item in items]
    happenings = [h._replace(run=h.step) for h in alone.engine.happenings(function="test-fan")]
    assert overlap(happenings) == 3
    assert {h.run for h in alone.engine.happenings(function="test-fan")} == {run}
    assert sorted(s.step for s in alone.steps(run)) == sorted([f"one-{n}" for n in range(8)] + ["sum"])
    assert collections.Counter(json.loads(e["data"])["n"] for e in alone.sent(name="test/sent")) == {
        f"one-{n}": 1 for n in range(8)}
    assert [r.run for r in alone.rows("r", RunRow)] == [run]  # branches leave none


def test_each_branch_has_a_slot_of_its_own(alone):
    alone.install("test-fan", "2 fn/test-fan:$\n")
    run = alone.start("test-fan", {"creatorId": "a", "items": [{"ms": 150} for _ in range(4)]})
    alone.wait_end(run)
    happenings = [h._replace(run=h.step) for h in alone.engine.happenings(function="test-fan")]
    assert overlap(happenings) == 2
    assert not alone.slots()


def test_no_items_are_no_branches(alone):
    run = alone.start("test-fan", {"items": []})
    assert json.loads(alone.wait_end(run).output) == []


def test_an_item_that_fails_is_tried_again_alone(alone):
    run = alone.start("test-fan", {"creatorId": "a", "items": [{"usd": 0.5}, {"fail": 2, "usd": 0.25}, {}]})
    end = alone.wait_end(run)
    assert [r["attempt"] for r in json.loads(end.output)] == [1, 3, 1]
    assert sorted((s.step, s.attempt, s.status) for s in alone.steps(run) if s.step == "one-1") == [
        ("one-1", "1", "failed"), ("one-1", "2", "failed"), ("one-1", "3", "completed")]
    assert len(alone.engine.happenings(run=run, what="start", step="one-0")) == 1
    # what the branches needed is in the line of their run
    assert (end.attempts, float(end.cost)) == ("3", 1.25)
    assert spent(alone, "a") == 1_250_000


def test_an_item_that_failed_for_good_fails_the_run_when_all_have_ended(alone):
    run = alone.start("test-fan", {"items": [{"ms": 300}, {"never": True}, {"fail": 9}]})
    end = alone.wait_end(run, "failed")
    assert (end.code, end.message) == ("permanent", "item one-1 never works")
    assert len(alone.engine.happenings(run=run, what="end", step="one-0")) == 1
    assert not alone.engine.happenings(run=run, what="sum")
    failure, = errors_of(alone)
    assert json.loads(failure["data"])["error"]["message"] == "item one-1 never works"
    assert json.loads(failure["data"])["run_id"] == run
    assert [(s.step, s.status) for s in alone.steps(run) if s.step == "one-1"] == [("one-1", "failed")]


@pytest.mark.parametrize("pause", ["sleep", "wait", "invoke", "again", "finish"])
def test_an_item_of_a_parallel_row_cannot_pause(alone, pause):
    run = alone.start("test-fan", {"items": [{}, {"pause": pause}]})
    end = alone.wait_end(run, "failed")
    assert end.code == "bug"
    assert "an item of" in end.message


def test_an_item_whose_worker_died_is_done_by_another(alone):
    run = alone.start("test-fan", {"items": [{"ms": 400}, {"ms": 20000}, {"ms": 400}]})
    alone.wait_for(3, run=run, what="start")
    first = alone.engine.daemon("worker-1")
    alone.wait_for(2, run=run, what="end")
    alone.wait(lambda: len(alone.pending("test-fan")) == 1, "the others to be committed")
    dead = alone.pending("test-fan")[0]["consumer"]
    first.kill()
    # the second time the item is quick
    alone.p.redis.hset(alone.p.key("steps:" + run), "each:one", json.dumps([{"ms": 400}, {"ms": 1}, {"ms": 400}]))
    alone.engine.stack.start_worker()
    assert alone.p.reap_worker("test-fan", dead) == [1, 0]
    end = alone.wait_end(run)
    assert len(json.loads(end.output)) == 3
    assert end.deaths == "1"
    assert len(alone.engine.happenings(run=run, what="start", step="one-0")) == 1
    assert len(alone.engine.happenings(run=run, what="start", step="one-1")) == 2


def test_an_item_that_kills_its_workers_fails_the_run(alone):
    alone.engine.daemon("worker-1").stop()
    run = alone.start("test-fan", {"items": [{"crash": True}]})
    for death in range(1, 4):
        worker = alone.engine.stack.start_worker(wait=False)
        alone.wait_for(death, run=run, what="start")
        alone.wait(lambda: not worker.process.is_running(), "the worker to die")
        dead = alone.pending("test-fan")[0]["consumer"]
        assert alone.p.reap_worker("test-fan", dead) == [1, 0]
    alone.engine.stack.start_worker()
    end = alone.wait_end(run, "failed")
    assert end.message == "3 workers died while running step one-0; it is not tried again"
    assert end.deaths == "3"
    assert len(errors_of(alone)) == 1


def test_transactional_items_take_effect_once_each(alone):
    creator = alone.engine.make_creator()
    video = alone.engine.make_video("youtube", creator)
    data = {"videoId": str(video["id"]), "creatorId": creator, "items": [{"key": k} for k in "abcde"]}
    run = alone.start("test-fan-tx", data)
    alone.wait_end(run)
    effects = alone.engine.rows(
        "select metadata->>'step' as step from public.video_analytics_events where metadata->>'run' = %s", run)
    assert sorted(e["step"] for e in effects) == [f"insert-{k}" for k in "abcde"]
    ledger = alone.engine.rows("select step from chronos.step_ledger where run_id = %s", run)
    assert sorted(r["step"] for r in ledger) == [f"insert-{k}" for k in "abcde"]


# ---- items one after the other ----

def test_an_item_that_waits_holds_up_the_next(alone):
    run = alone.start("test-each", {"items": [1, {"pause": "wait"}, {"pause": "sleep"}, 4]})
    assert alone.wait_parked(run)["wait"] == "one-1"
    assert not alone.engine.happenings(run=run, step="one-2")
    go = alone.event("test/go", {})
    assert alone.hear(run, go) == 1
    end = alone.wait_end(run)
    assert json.loads(end.output) == [{"item": 1, "attempt": 1}, go, None, {"item": 4, "attempt": 1}]


def test_an_item_that_invokes(alone):
    run = alone.start("test-each", {"items": [{"pause": "invoke"}, 2]})
    assert alone.wait_parked(run)["wait"] == "one-0"
    assert alone.resume(run, "one-0", "ok", {"twice": 0}) == 1
    assert json.loads(alone.wait_end(run).output)[0] == {"twice": 0}
    run = alone.start("test-each", {"items": [{"pause": "invoke"}, 2]})
    alone.wait_parked(run)
    assert alone.resume(run, "one-0", "error", {"name": "x", "message": "no"}) == 1
    assert alone.wait_end(run, "failed").message == "function test-invoked failed: no"
    assert not alone.engine.happenings(run=run, step="one-1")


def test_an_item_may_finish_the_run(alone):
    run = alone.start("test-each", {"items": [{"pause": "finish"}, 2]})
    assert json.loads(alone.wait_end(run).output) == "finished"


def test_an_item_cannot_ask_to_be_run_again(alone):
    run = alone.start("test-each", {"items": [{"pause": "again"}, 2]})
    end = alone.wait_end(run, "failed")
    assert (end.code, end.message) == ("bug", "an item of an .each row cannot ask to be run again")


# ---- several events ----

def test_a_batch_is_seen_whole_and_called_by_its_first_event(alone):
    events = [alone.event("test/batch", {"n": n}) for n in (1, 2, 3)]
    run = alone.start("test-batch", events=events)
    end = alone.wait_end(run)
    assert json.loads(end.output) == {"numbers": [1, 2, 3], "event": events[0]}
    assert (end.event, end.event_name) == (events[0]["id"], "test/batch")


def test_of_debounced_events_the_last_counts(alone):
    events = [alone.event("test/debounce-all", {"n": n}) for n in (1, 2, 3)]
    run = alone.start("test-debounce-all", events=events)
    assert json.loads(alone.wait_end(run).output) == {"numbers": [1, 2, 3], "event": events[2]}


def test_a_single_event_is_a_list_of_one(alone):
    """The list is used again and again: a run must not see another's."""
    for n in range(5):
        event = alone.event("test/debounce", {"n": n})
        run = alone.start("test-debounce", events=event)
        assert json.loads(alone.wait_end(run).output) == {"numbers": [n], "event": event}


def test_the_failure_of_a_batch_names_all_its_events(alone):
    events = [alone.event("test/batch", {"n": n, "never": True}) for n in (1, 2)]
    run = alone.start("test-batch", events=events)
    alone.wait_end(run, "failed")
    failure, = errors_of(alone)
    data = json.loads(failure["data"])
    assert data["event"] == events[0] and data["events"] == events


def test_the_failure_of_a_single_event_has_no_list(alone):
    run = alone.start("test-batch", {"never": True})
    alone.wait_end(run, "failed")
    assert "events" not in json.loads(errors_of(alone)[0]["data"])


def test_an_empty_list_of_events_fails_the_run(alone):
    run = alone.start("test-batch", events=[])
    end = alone.wait_end(run, "failed")
    assert (end.code, end.message) == ("bug", "the run's input is damaged: it is no event")


# ---- money ----

def test_every_attempt_is_paid_for(alone):
    run = alone.start("test-paid", {"creatorId": "a", "usd": 0.1000001, "fail": 1})
    end = alone.wait_end(run)
    assert spent(alone, "a") == 200_002  # each rounded up to a millionth
    assert float(end.cost) == pytest.approx(0.2, abs=1e-5)
    assert [float(s.cost) for s in alone.steps(run)] == [0.1, 0.1, 0]


def test_what_costs_nothing_is_not_counted(alone):
    alone.wait_end(alone.start("test-paid", {"creatorId": "a"}))
    assert not alone.p.redis.exists(alone.p.key("spent:a"))


# ---- the end before its time ----

def test_a_running_step_is_told_that_its_run_was_cancelled(alone):
    alone.install("test-canceller", "1 fn/test-canceller:$\n")
    run = alone.start("test-canceller", {"creatorId": "a", "ms": 20000})
    alone.wait_for(run=run, what="start")
    assert alone.cancel(run) == 1
    told, = alone.wait_for(run=run, what="cancelled", deadline=4)
    alone.wait(lambda: alone.history("cancelled"), "the end of the run")
    assert [(e["run"], e["body"]) for e in alone.history("cancelled")] == [(run, "the test wants it")]
    assert not alone.slots() and not alone.pending("test-canceller")
    assert not alone.ends(run) and not errors_of(alone)
    assert [(s.step, s.status, s.attempt) for s in alone.steps(run)] == [("nap", "failed", "1")], "what was begun is told"
    assert alone.engine.log_contains("run was cancelled")
    assert not alone.engine.log_contains("late result refused")
    assert alone.hash(run)["done"] == "1"


def test_the_result_of_a_step_that_does_not_listen_is_refused(alone):
    run = alone.start("test-canceller", {"ms": 700, "deaf": True})
    alone.wait_for(run=run, what="start")
    assert alone.cancel(run) == 1
    alone.wait(lambda: alone.history("cancelled"), "the end of the run")
    assert len(alone.engine.happenings(run=run, what="end")) == 1
    assert not alone.results(run) and not alone.ends(run)
    assert not alone.engine.happenings(run=run, step="nap-again")


def test_a_cancelled_branch_ends_with_its_run(alone):
    run = alone.start("test-fan", {"items": [{"ms": 20000} for _ in range(5)]})
    alone.wait_for(3, run=run, what="start")
    assert alone.cancel(run) == 0  # the run itself is parked
    alone.wait_for(3, run=run, what="cancelled", deadline=4)
    alone.wait(lambda: not alone.pending("test-fan"), "the leases to end")
    assert len(alone.engine.happenings(run=run, what="start")) == 3
    assert len(alone.history("cancelled")) == 1
    assert not alone.ends(run) and not errors_of(alone)


def test_a_run_that_was_given_to_another_worker_is_let_go(alone):
    run = alone.start("test-canceller", {"ms": 20000})
    alone.wait_for(run=run, what="start")
    held, = alone.pending("test-canceller")
    alone.p.redis.xclaim(alone.p.key("ready:test-canceller"), "workers", "thief", 0, [held["message_id"]])
    alone.wait_for(run=run, what="cancelled", deadline=4)
    alone.wait(lambda: alone.engine.log_contains("late result refused"), "the refusal")
    assert [e["consumer"] for e in alone.pending("test-canceller")] == ["thief"]
    assert not alone.ends(run)


@pytest.fixture
def locked_video(alone):
    """A video whose row the test holds: (the data of an event about it, the connection that holds it)."""
    creator = alone.engine.make_creator()
    video = alone.engine.make_video("youtube", creator)
    holder = psycopg2.connect(alone.engine.stack.database_url)
    with holder.cursor() as c:
        c.execute("select 1 from public.videos where id = %s for update", (str(video["id"]),))
    yield {"videoId": str(video["id"]), "creatorId": creator}, holder
    holder.close()


def start_waiting(alone, fn, data):
    """A run whose step waits in Postgres."""
    run = alone.start(fn, data)
    alone.wait(lambda: waiting_in_postgres(alone), "the step to wait for the row")
    return run


def waiting_in_postgres(alone):
    return alone.engine.value("""select count(*) from pg_stat_activity where wait_event_type = 'Lock'
                                 and datname = current_database()""")


def test_a_statement_of_a_cancelled_run_is_ended(alone, locked_video):
    run = start_waiting(alone, "test-tx", locked_video[0])
    begun = time.monotonic()
    assert alone.cancel(run) == 1
    alone.wait(lambda: alone.history("cancelled"), "the end of the run", deadline=6)
    assert time.monotonic() - begun < 5  # the lock would be waited for ten seconds
    assert not alone.engine.value("select count(*) from chronos.step_ledger where run_id = %s", run)
    assert not alone.engine.value("select count(*) from public.video_analytics_events")


def test_a_statement_is_ended_when_the_worker_is_stopped(alone, locked_video):
    data, holder = locked_video
    run = start_waiting(alone, "test-tx", data)
    worker = alone.engine.daemon("worker-1")
    alone.engine.stack.start_worker()
    worker.process.signal(signal.SIGTERM)
    alone.wait(lambda: worker.log_contains("draining"), "the worker to drain")
    begun = time.monotonic()
    worker.process.signal(signal.SIGTERM)  # asked twice: no more grace
    alone.wait(lambda: not worker.process.is_running(), "the worker to stop", deadline=8)
    assert time.monotonic() - begun < 5
    holder.rollback()
    end = alone.wait_end(run)
    assert end.attempts == "1"  # it was given back, and no attempt was used


def test_a_statement_is_ended_with_the_time_of_its_step(alone, locked_video):
    data, holder = locked_video
    run = start_waiting(alone, "test-timeout-tx", data)
    first = alone.wait(lambda: alone.steps(run), "the end of the first attempt", deadline=5)[0]
    assert (first.status, first.message) == ("failed", "it ran longer than its limit of 400 ms")
    assert float(first.us) < 2_000_000
    holder.rollback()
    end = alone.wait_end(run)
    assert int(end.attempts) >= 2
    assert alone.engine.value("select count(*) from public.video_analytics_events") == 1


# ---- what is published ----

def test_an_older_manifest_does_not_replace_a_newer_one(engine):
    newer = json.dumps({"id": "test-noop", "version": 99})
    engine.redis.hset("chronos:functions", "test-noop", newer)
    engine.start()
    assert engine.redis.hget("chronos:functions", "test-noop") == newer
    assert json.loads(engine.redis.hget("chronos:functions", "test-echo"))["version"] == 1
    assert engine.log_contains("newer version of a function is published already.*test-noop")


def test_other_settings_of_the_same_version_replace_what_is_published_and_it_is_told(engine):
    engine.start(workers=0)
    first = engine.stack.start_worker()
    second = engine.stack.start_worker()
    told = "same version was published with other rules or settings"
    assert not first.log_contains(told) and not second.log_contains(told)
    third = engine.stack.start_worker(CHRONOS_LIMITS="test-keyed=7")
    assert third.log_contains(told + ".*test-keyed") and not third.log_contains(told + ".*test-noop")
    assert json.loads(engine.redis.hget("chronos:functions", "test-keyed"))["limits"][0]["max"] == 7


def test_what_the_operator_sets_is_published(engine):
    engine.start(CHRONOS_BUDGET_USD_PER_HOUR="2.5", CHRONOS_LIMITS="test-keyed=7,test-keyed/2=4")
    paid = json.loads(engine.redis.hget("chronos:functions", "test-paid"))
    assert paid["usd"] == {"cap": 2_500_000, "reserve": 0}
    keyed = json.loads(engine.redis.hget("chronos:functions", "test-keyed"))
    assert keyed["keys"] == ["data.creatorId", "data.room"]
    assert [(l["name"], l["max"]) for l in keyed["limits"]] == [("fn/test-keyed:$", 7), ("fn/test-keyed/2:$2", 4)]
    assert "usd" not in keyed
    assert not engine.log_contains("no function here has")


# ---- what goes to Redis together ----

def test_large_outcomes_are_not_committed_together(alone):
    """While Redis does not answer they pile up. Each has 3 MB."""
    redis = alone.engine.stack.redis.process
    runs = {alone.start("test-mailer", {"count": 3, "bytes": 1_000_000}) for _ in range(8)}
    alone.wait_for(len(runs), what="start")
    redis.pause()
    try:
        with open(os.path.join(alone.engine.stack.folder, "work", "post"), "x", encoding="utf-8"):
            alone.wait_for(len(runs), what="end")
    finally:
        redis.resume()
    for run in runs:
        alone.wait_end(run)
    assert len(alone.sent(name="test/unheard")) == 3 * len(runs)
    calls = [entry["run"].split() for entry in alone.history("lines")]  # a commit makes one entry of all its outcomes
    assert sorted(map(len, calls)) == [1] * len(runs), calls


# ---- which function is next ----

def test_functions_that_both_have_plenty_to_do_get_as_much_of_a_worker(alone):
    """They are neighbours among those that the worker has, and its threads are too few for either."""
    functions = ["test-three", "test-throttle"]
    words = [run_words(alone.new_id(), fn, at=ACCEPTED_MS, data=json.dumps(alone.event("test/any", {})))
             for _ in range(500) for fn in functions]
    assert alone.p.enqueue(*words, scheduler=SCHEDULER) == [0] + [0] * 1000
    alone.wait(lambda: len(list(alone.rows("r", RunRow))) == 1000, "all runs to end", 60)
    first = collections.Counter(r.function for r in list(alone.rows("r", RunRow))[:500])
    assert min(first[fn] for fn in functions) > 150, first
