"""Steps that wait, invoke and fan out, runs of many events, and runs that end before their time, with everything in place."""

import json
import time
import uuid

import pytest

from promises import check_promises, overlap


def step_rows(world, run):
    return sorted((s["step"], s["attempt"], s["status"]) for s in world.steps_of(run))


def result_of(world, run, step):
    row, = [s for s in world.steps_of(run) if s["step"] == step and s["status"] == "completed"]
    return row["result"]


def failure_events(world, run):
    return [e for e in world.rows("select data from chronos.events where name = 'inngest/function.failed'")
            if e["data"]["run_id"] == run["id"]]


# ---- waiting for an event ----

def test_a_run_waits_for_the_event_that_matches(world):
    waits = world.send("test/waiter", {"creatorId": "wait-1", "key": "wait-1"})
    world.wait_for(function="test-waiter", creator="wait-1", what="wait")
    for key in ("other", 1, None):
        world.send("test/go", {"key": key})
    world.send("test/other", {"key": "wait-1"})
    go = world.send("test/go", {"key": "wait-1", "n": 7})
    run = world.wait_for_run(waits, status="completed")
    heard = run["output"]["heard"]
    assert (heard["name"], heard["data"]) == ("test/go", {"key": "wait-1", "n": 7})
    assert heard["id"] == world.wait_until(lambda: world.event(go), 10, "the event")["id"]
    assert result_of(world, run, "wait") == heard
    assert [s[0] for s in step_rows(world, run)] == ["after", "before", "wait"]
    assert len(world.happenings(run=run["id"], what="wait")) == 1


def test_a_waiting_run_holds_no_slot(world):
    """test-waiter runs one at a time per creator."""
    first = world.send("test/waiter", {"creatorId": "wait-2", "key": "wait-2a"})
    world.wait_for(function="test-waiter", creator="wait-2", what="wait")
    second = world.send("test/waiter", {"creatorId": "wait-2", "key": "wait-2b"})
    world.wait_for(2, function="test-waiter", creator="wait-2", what="wait", deadline=5)
    world.send("test/go", {"key": "wait-2b"})
    world.wait_for_run(second, status="completed")
    assert not world.runs_of(first)
    world.send("test/go", {"key": "wait-2a"})
    world.wait_for_run(first, status="completed")


def test_one_event_wakes_all_that_wait_for_it(world):
    waiting = [world.send("test/waiter", {"creatorId": f"wait-3-{n}", "key": "wait-3"}) for n in range(5)]
    for n in range(5):
        world.wait_for(function="test-waiter", creator=f"wait-3-{n}", what="wait")
    world.send("test/go", {"key": "wait-3"})
    for entry in waiting:
        assert world.wait_for_run(entry, status="completed")["output"]["heard"]["data"] == {"key": "wait-3"}


def test_an_event_before_the_wait_counts_only_when_it_is_to(world):
    since = world.send("test/waiter", {"creatorId": "wait-4a", "key": "wait-4", "ms": 1500, "since": True,
                                       "timeoutMs": 20000})
    now = world.send("test/waiter", {"creatorId": "wait-4b", "key": "wait-4", "ms": 1500, "timeoutMs": 1000})
    for creator in ("wait-4a", "wait-4b"):
        world.wait_for(function="test-waiter", creator=creator, what="before")
    go = world.send("test/go", {"key": "wait-4"})
    world.wait_until(lambda: world.event(go), 10, "the event to be recorded")
    assert world.wait_for_run(since, status="completed")["output"]["heard"]["data"] == {"key": "wait-4"}
    assert world.wait_for_run(now, status="completed")["output"]["heard"] is None


def test_a_wait_in_vain_gives_null_and_is_recorded(world):
    run = world.run("test/waiter", {"creatorId": "wait-5", "key": "wait-5", "timeoutMs": 300})
    assert run["output"] == {"heard": None, "attempt": 1}
    world.wait_until(lambda: ("wait", "completed") in [(s["step"], s["status"]) for s in world.steps_of(run)], 10,
                     "the row of the wait")
    assert result_of(world, run, "wait") is None


def test_a_wait_that_failed_first_has_a_row_for_each_attempt(world):
    waits = world.send("test/waiter", {"creatorId": "wait-6", "key": "wait-6", "failFirst": True})
    world.wait_for(2, function="test-waiter", creator="wait-6", what="wait")
    world.send("test/go", {"key": "wait-6"})
    run = world.wait_for_run(waits, status="completed")
    rows = [s for s in world.steps_of(run) if s["step"] == "wait"]
    assert sorted(s["status"] for s in rows) == ["completed", "failed"]
    assert len({s["attempt"] for s in rows}) == 2


# ---- invoking ----

def test_a_run_invokes_a_function_and_gets_its_output(world):
    run = world.run("test/invoker", {"creatorId": "inv-1", "function": "test-invoked",
                                     "payload": {"creatorId": "inv-1", "n": 21}})
    assert run["output"] == {"answer": {"twice": 42}}
    assert result_of(world, run, "call") == {"twice": 42}
    child, = world.rows("select * from chronos.runs where function_id = 'test-invoked' and creator_id = 'inv-1'")
    assert (child["status"], child["output"]) == ("completed", {"twice": 42})


def test_an_invoked_function_sees_an_event(world):
    run = world.run("test/invoker", {"creatorId": "inv-2", "payload": {"x": 1}})  # test-echo
    event = run["output"]["answer"]
    assert (event["name"], event["data"]) == ("inngest/function.invoked", {"x": 1})


def test_an_invoking_run_holds_no_slot(world):
    """test-invoker runs one at a time per creator; it invokes itself."""
    run = world.run("test/invoker", {"creatorId": "inv-3", "function": "test-invoker",
                                     "payload": {"creatorId": "inv-3", "payload": {"deep": True}}})
    assert run["output"]["answer"]["answer"]["data"] == {"deep": True}


def test_a_run_fails_with_the_function_that_it_invoked(world):
    run = world.run("test/invoker", {"creatorId": "inv-4", "function": "test-invoked", "payload": {"fail": True}},
                    function="test-invoker", status="failed")
    assert (run["error_code"], run["error_message"]) == (
        "permanent", "function test-invoked failed: there is nothing to double")
    world.wait_until(lambda: failure_events(world, run), 10, "the failure event")
    assert len(world.happenings(run=run["id"], what="call")) == 1


def test_a_function_that_nobody_knows_cannot_be_invoked(world):
    run = world.run("test/invoker", {"creatorId": "inv-5", "function": "nobody-has-this", "payload": {}},
                    function="test-invoker", status="failed")
    assert run["error_message"].startswith("function nobody-has-this failed: ")


def test_an_invocation_that_takes_too_long_fails_the_run_and_lets_the_other_go_on(world):
    run = world.run("test/invoker", {"creatorId": "inv-6", "function": "test-invoked", "timeoutMs": 300,
                                     "payload": {"creatorId": "inv-6", "n": 1, "ms": 1500}},
                    function="test-invoker", status="failed")
    assert run["error_message"].startswith("function test-invoked failed: ")
    child = world.wait_until(lambda: world.rows(
        "select * from chronos.runs where function_id = 'test-invoked' and creator_id = 'inv-6'"), 10, "the child")[0]
    assert child["status"] == "completed"


def test_a_function_can_be_started_by_nothing_but_an_invocation(world):
    entry = world.send("test/invoked", {"n": 1})
    event = world.wait_until(lambda: world.event(entry), 10, "the event")
    assert event["outcome"] == "unmatched"


# ---- sleeping until a time ----

def test_a_run_sleeps_until_a_time_without_a_slot(world):
    until = int(time.time() * 1000) + 1200
    sleeper = world.send("test/napper", {"creatorId": "nap-1", "until": until})
    world.wait_for(function="test-napper", creator="nap-1", what="sleep")
    quick = world.run("test/napper", {"creatorId": "nap-1", "until": 1000}, deadline=1.1)
    run = world.wait_for_run(sleeper, status="completed")
    assert quick["finished_at"] < run["finished_at"]
    assert run["finished_at"].timestamp() * 1000 >= until
    assert step_rows(world, run) == [("lie-down", 1, "sleeping"), ("wake", 1, "completed")]


# ---- items side by side ----

def test_items_run_side_by_side_as_parts_of_one_run(world):
    items = [{"ms": 150, "key": f"k{n}"} for n in range(7)]
    run = world.run("test/fan", {"creatorId": "fan-1", "items": items, "from": "fan-1"})
    assert [r["item"] for r in run["output"]] == items
    happenings = [h._replace(run=h.step) for h in world.happenings(run=run["id"])]
    assert overlap(happenings) == 3
    assert step_rows(world, run) == sorted([(f"one-k{n}", 1, "completed") for n in range(7)] + [("sum", 1, "completed")])
    assert (run["attempts"], run["deaths"]) == (1, 0)
    receivers = world.wait_until(lambda: world.at_least(7, [
        r for r in world.rows("select output from chronos.runs where function_id = 'test-receiver'")
        if r["output"]["data"].get("from") == "fan-1"]), 10, "the receivers")
    assert sorted(r["output"]["data"]["n"] for r in receivers) == [f"one-k{n}" for n in range(7)]


def test_an_item_is_tried_again_alone(world):
    run = world.run("test/fan", {"creatorId": "fan-2", "items": [{}, {"fail": 2}, {}]})
    assert [r["attempt"] for r in run["output"]] == [1, 3, 1]
    assert [s for s in step_rows(world, run) if s[0] == "one-1"] == [
        ("one-1", 1, "failed"), ("one-1", 2, "failed"), ("one-1", 3, "completed")]
    assert run["attempts"] == 3
    assert len(world.happenings(run=run["id"], what="start")) == 5


def test_an_item_that_cannot_work_fails_the_run_once(world):
    run = world.run("test/fan", {"creatorId": "fan-3", "items": [{"ms": 400}, {"never": True}]}, function="test-fan",
                    status="failed")
    assert (run["error_code"], run["error_message"]) == ("permanent", "item one-1 never works")
    assert step_rows(world, run) == [("one-0", 1, "completed"), ("one-1", 1, "failed")]
    world.wait_until(lambda: failure_events(world, run), 10, "the failure event")
    world.wait_quiet()
    assert len(failure_events(world, run)) == 1


def test_transactional_items_take_effect_once_each(world):
    creator = world.make_creator()
    video = world.make_video("youtube", creator)
    run = world.run("test/fan-tx", {"videoId": str(video["id"]), "creatorId": creator, "items": list(range(6))})
    effects = world.rows("select metadata->>'step' as step from public.video_analytics_events"
                         " where metadata->>'run' = %s", run["id"])
    assert sorted(e["step"] for e in effects) == [f"insert-{n}" for n in range(6)]


def test_items_survive_the_death_of_their_worker(engine):
    engine.start(workers=2, CHRONOS_LEASE_MS=1000)
    entry = engine.send("test/fan", {"creatorId": "a", "items": [{"ms": 1500} for _ in range(6)]})
    starts = engine.wait_for(3, function="test-fan", what="start")
    busy = {d.process.pid: d for d in (engine.daemon("worker-1"), engine.daemon("worker-2"))}
    busy[starts[0].pid].kill()
    run = engine.wait_for_run(entry, status="completed", deadline=40)
    assert len(run["output"]) == 6
    engine.wait_quiet()
    completed = [s["step"] for s in engine.steps_of(run) if s["status"] == "completed"]
    assert len(completed) == len(set(completed)) == 7
    assert not engine.slots()


# ---- several events ----

def test_a_batch_is_one_run_of_all_its_events(engine):
    engine.start()
    entries = [engine.send("test/batch", {"key": "b", "n": n}) for n in (1, 2, 3)]
    run = engine.wait_for_run(entries[0], "test-batch", "completed")
    assert run["output"]["numbers"] == [1, 2, 3]
    assert run["output"]["event"]["data"] == {"key": "b", "n": 1}
    events = engine.wait_until(lambda: all(engine.event(e) for e in entries) and [engine.event(e) for e in entries], 10,
                               "the events")
    assert [e["run_ids"] for e in events] == [[run["id"]]] * 3


def test_a_batch_that_is_not_full_runs_when_its_time_is_over(engine):
    engine.start()
    begun = time.monotonic()
    entries = [engine.send("test/batch", {"key": "b", "n": n}) for n in (1, 2)]
    run = engine.wait_for_run(entries[0], "test-batch", "completed")
    assert run["output"]["numbers"] == [1, 2]
    assert time.monotonic() - begun >= 0.5


def test_events_that_ask_for_it_run_alone(engine):
    engine.start()
    entry = engine.send("test/batch", {"key": "b", "n": 1, "alone": True})
    run = engine.wait_for_run(entry, "test-batch", "completed")
    assert run["output"]["numbers"] == [1]


def test_a_failed_batch_tells_all_its_events(engine):
    engine.start()
    entries = [engine.send("test/batch", {"key": "b", "n": n, "never": True}) for n in (1, 2, 3)]
    run = engine.wait_for_run(entries[0], "test-batch", "failed")
    event = engine.wait_until(lambda: failure_events(engine, run), 10, "the failure event")[0]
    assert [e["data"]["n"] for e in event["data"]["events"]] == [1, 2, 3]
    assert event["data"]["event"] == event["data"]["events"][0]


@pytest.mark.parametrize("kind", ["failed", "cancelled"])
def test_however_much_a_run_had_collected_its_end_is_heard(engine, kind):
    """Together its events are far larger than one may be, and in the data of a failure one of them is twice."""
    engine.start(CHRONOS_MAX_EVENT_BYTES=100_000)
    if kind == "cancelled":
        engine.wait_until(lambda: engine.rows("select id from chronos.functions where id = 'test-debounce-all'"), 10,
                          "the function")
        engine.value("select chronos.pause('test-debounce-all')")
        engine.wait_until(lambda: all(engine.redis.hexists(p + ":controls", "pause/test-debounce-all")
                                      for p in engine.prefixes), 10, "the pause")
    ids = [str(uuid.uuid4()) for _ in range(2500)]
    data = [{"key": "d", "n": n, "never": True, "video_ids": ids} for n in range(12)]
    engine.daemon("scheduler-1").pause()  # so that they come together
    entries = [engine.send("test/debounce-all", json.dumps(d, separators=(",", ":"))) for d in data]
    engine.daemon("scheduler-1").resume()
    run, = engine.wait_until(lambda: engine.event(entries[-1]), 10, "the event")["run_ids"]
    if kind == "cancelled":
        engine.wait_until(lambda: not engine.keys("gather:*"), 10, "the run to be due")
        engine.rows("select chronos.cancel(%s, %s)", run, "no longer wanted")
    handled, = engine.wait_for_function("test-handler-collected")
    assert handled["output"] == {"of": run, "numbers": list(range(12))}
    assert handled["event_name"] == f"inngest/function.{kind}"
    assert not engine.rows("select reason from chronos.rejected_events")
    check_promises(engine)


def test_debounced_events_are_seen_whole_or_by_their_last(engine):
    """The run is that of the event which counts: the last."""
    engine.start()
    kept = [engine.send("test/debounce-all", {"key": "d", "n": n}) for n in (1, 2, 3)]
    last = [engine.send("test/debounce", {"key": "d", "n": n}) for n in (1, 2, 3)]
    run = engine.wait_for_run(kept[-1], "test-debounce-all", "completed")
    assert run["output"]["numbers"] == [1, 2, 3] and run["output"]["event"]["data"]["n"] == 3
    run = engine.wait_for_run(last[-1], "test-debounce", "completed")
    assert run["output"]["numbers"] == [3]


# ---- the end before its time ----

def wait_cancelled(engine, entry, deadline=10):
    return engine.wait_for_run(entry, "test-canceller", "cancelled", deadline)


def test_a_running_step_is_told_when_an_event_cancels_its_run(world):
    entry = world.send("test/canceller", {"creatorId": "stop-1", "key": "stop-1", "ms": 30000})
    other = world.send("test/canceller", {"creatorId": "stop-1b", "key": "stop-1b", "ms": 3000})
    world.wait_for(function="test-canceller", creator="stop-1", what="start")
    world.send("test/stop", {"key": "stop-1"})
    world.wait_for(function="test-canceller", creator="stop-1", what="cancelled", deadline=5)
    run = wait_cancelled(world, entry)
    assert "test/stop" in run["error_message"]
    assert not failure_events(world, run)
    assert not world.happenings(run=run["id"], step="nap-again")
    assert world.wait_for_run(other)["status"] == "completed"


def test_a_run_is_cancelled_before_it_has_begun(world):
    """test-canceller runs one at a time per creator."""
    first = world.send("test/canceller", {"creatorId": "stop-2", "key": "stop-2a", "ms": 1000})
    world.wait_for(function="test-canceller", creator="stop-2", what="start")
    second = world.send("test/canceller", {"creatorId": "stop-2", "key": "stop-2b", "ms": 1000})
    event = world.wait_until(lambda: world.event(second), 10, "the event")
    world.send("test/stop", {"key": "stop-2b"})
    run = wait_cancelled(world, second)
    assert event["run_ids"] == [run["id"]]
    assert not world.happenings(run=run["id"])
    assert world.wait_for_run(first)["status"] == "completed"


def test_a_step_that_does_not_listen_ends_its_run_all_the_same(world):
    entry = world.send("test/canceller", {"creatorId": "stop-3", "key": "stop-3", "ms": 2500, "deaf": True})
    world.wait_for(function="test-canceller", creator="stop-3", what="start")
    world.send("test/stop", {"key": "stop-3"})
    run = wait_cancelled(world, entry)
    assert len(world.happenings(run=run["id"], what="end")) == 1
    assert [(s["status"], s["error_code"]) for s in world.steps_of(run)] == [("failed", "cancelled")]


@pytest.mark.parametrize("event", ["test/fan", "test/waiter", "test/sleeper"])
def test_whatever_a_run_waits_for_it_can_be_cancelled(engine, event):
    """By an operator: the functions have no event that cancels them."""
    engine.start()
    data = {"creatorId": "a", "key": "k", "ms": 30000, "items": [{"ms": 30000}, {"ms": 30000}]}
    if event == "test/waiter":
        data["ms"] = 0
    entry = engine.send(event, data)
    engine.wait_for(creator="a")
    recorded = engine.wait_until(lambda: engine.event(entry), 10, "the event")
    run_id, = recorded["run_ids"]
    engine.rows("select chronos.cancel(%s, %s)", run_id, "no longer wanted")
    run = engine.wait_for_run(entry, status="cancelled")
    assert run["error_message"] == "no longer wanted"
    engine.wait_quiet()
    assert not engine.slots()


def test_json_of_an_event_is_what_was_sent(world):
    """The result of a wait is the event itself, with odd text unharmed."""
    odd = {"key": "odd-1", "text": "\t\"\\ü\n{}", "list": [1, 2.5, None, True]}
    waits = world.send("test/waiter", {"creatorId": "odd-1", "key": "odd-1"})
    world.wait_for(function="test-waiter", creator="odd-1", what="wait")
    world.send("test/go", json.dumps(odd))
    assert world.wait_for_run(waits, status="completed")["output"]["heard"]["data"] == odd
