"""The rules by which functions are started, wait and end: over real daemons, one test for each promise that a rule makes."""

import itertools
import json
import time

import pytest

from harness.ids import ulid

numbers = itertools.count(1)


@pytest.fixture
def name():
    """A creator, or key, that no other test has."""
    return f"flow-{next(numbers)}"


def event_of(world, entry, deadline=10):
    """The recorded event of an entry, or of that id. Entries of the engine's own stream may have the same ids."""
    found = world.wait_until(lambda: world.rows(
        "select * from chronos.events where stream_id = %s and name not like 'inngest/%%' or id = %s", entry, entry),
        deadline, f"event {entry} in Postgres")
    return found[0]


def run_of(world, entry, status="completed", deadline=20):
    """The run that the event is part of, once it has ended: also one that another event had begun."""
    event = event_of(world, entry, deadline)
    assert len(event["run_ids"]) == 1, event
    run = world.wait_until(lambda: run_named(world, event["run_ids"][0]), deadline, f"the run of event {entry}")
    assert run["status"] == status, f"{run['status']}, not {status}: {run['error_code']} {run['error_message']}"
    return run


def run_named(world, run_id):
    found = world.rows("select * from chronos.runs where id = %s", run_id)
    return found[0] if found else None


def step_of(world, run, step):
    """The only row of a step."""
    rows = world.wait_until(lambda: [r for r in world.steps_of(run) if r["step"] == step], 10, f"step {step}")
    assert len(rows) == 1, rows
    return rows[0]


def new_id():
    """An id of an event that is accepted now (engine/id.h)."""
    return ulid(int(time.time() * 1000), next(numbers))


def send_internal(world, **fields):
    """An entry as the engine itself writes it."""
    fields.setdefault("data", "{}")
    return world.redis.xadd("{c0}:events", fields)


def waits(world, run_id):
    return next((step for p in world.prefixes if (step := world.redis.hget(f"{p}:run:{run_id}", "wait"))), None)


def wait_until_it_waits(world, entry):
    run_id = event_of(world, entry)["run_ids"][0]
    world.wait_until(lambda: waits(world, run_id), 10, "the run to wait")
    return run_id


# ---- what keeps a run from starting ----

def test_a_condition_decides_whether_an_event_starts_a_run(world):
    entry = world.send("test/conditional", {"go": "true"})
    assert event_of(world, entry)["outcome"] == "unmatched"
    assert run_of(world, world.send("test/conditional", {"go": True, "n": 1}))["output"] == {"n": 1}


def test_an_idempotency_key_starts_one_run_in_its_time(world, name):
    first = run_of(world, world.send("test/once", {"key": name}))
    again = run_of(world, world.send("test/once", {"key": name}), "skipped")
    assert again["error_code"] == "skipped" and first["id"] in again["error_message"]
    assert again["started_at"] is None and again["attempts"] == 0
    for _ in range(2):
        run_of(world, world.send("test/once", {}))
    world.wait_until(lambda: not world.keys(f"once:test-once:{name}"), 10, "the key to be forgotten")
    run_of(world, world.send("test/once", {"key": name}))


def test_what_is_over_a_rate_limit_is_skipped(world, name):
    entries = [world.send("test/rate", {"creatorId": name}) for _ in range(5)]
    other = world.send("test/rate", {"creatorId": name + "-other"})
    events = [event_of(world, e) for e in entries]
    runs = [world.wait_until(lambda i=e["run_ids"][0]: run_named(world, i), 10, "a run") for e in events]
    assert sorted(r["status"] for r in runs) == ["completed"] * 2 + ["skipped"] * 3
    assert all("rate limit" in r["error_message"] for r in runs if r["status"] == "skipped")
    assert {r["creator_id"] for r in runs} == {name}
    run_of(world, other)
    world.wait_until(lambda: not world.keys(f"rate:test-rate:{name}"), 10, "the period to be over")
    run_of(world, world.send("test/rate", {"creatorId": name}))


def test_a_throttle_spreads_starts_and_skips_nothing(world, name):
    entries = [world.send("test/throttle", {"creatorId": name}) for _ in range(5)]
    for entry in entries:
        run_of(world, entry)
    starts = [h.at for h in world.happenings(function="test-throttle", what="start", creator=name)]
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
    assert len(starts) == 5
    assert starts[4] - starts[0] >= 0.59, gaps  # two at once, then one every 200 ms
    assert all(gap >= 0.15 for gap in gaps[1:]), gaps


# ---- several events, one run ----

def test_a_debounce_runs_once_with_the_last_event(world, name):
    now = int(time.time() * 1000)
    entries = [world.send("test/debounce", {"key": name, "n": n}, ts=str(now - late)) for n, late in
               ((1, 30), (2, 0), (3, 20))]
    other = world.send("test/debounce", {"key": name + "-other", "n": 9})
    runs = [run_of(world, e) for e in entries]
    assert len({r["id"] for r in runs}) == 1
    assert runs[0]["output"]["numbers"] == [2], "the last by its ts, not the last that came"
    assert [event_of(world, e)["outcome"] for e in entries] == ["accepted"] * 3
    assert (runs[0]["started_at"] - event_of(world, entries[2])["accepted_at"]).total_seconds() >= 0.29
    assert run_of(world, other)["output"]["numbers"] == [9]
    later = run_of(world, world.send("test/debounce", {"key": name, "n": 4}))
    assert later["id"] != runs[0]["id"] and later["output"]["numbers"] == [4]


def test_a_debounce_waits_no_longer_than_it_may(world, name):
    """Events come faster than the period for ever."""
    entries, end = [], time.monotonic() + 15
    while not world.happenings(function="test-debounce", creator=name):
        assert time.monotonic() < end
        entries.append(world.send("test/debounce", {"key": name, "creatorId": name, "n": len(entries)}))
        time.sleep(0.05)  # what the test is about
    first = run_of(world, entries[0])
    took = (first["started_at"] - event_of(world, entries[0])["accepted_at"]).total_seconds()
    assert 0.95 <= took < 2


def test_a_debounce_may_keep_all_events(world, name):
    entries = [world.send("test/debounce-all", {"key": name, "n": n}) for n in (1, 2, 3)]
    runs = [run_of(world, e) for e in entries]
    assert len({r["id"] for r in runs}) == 1
    assert runs[0]["output"]["numbers"] == [1, 2, 3]


def test_a_full_batch_runs_at_once_and_another_when_its_time_is_over(world, name):
    entries = [world.send("test/batch", {"key": name, "n": n}) for n in range(5)]
    runs = [run_of(world, e) for e in entries]
    assert [r["id"] for r in runs[:3]] == [runs[0]["id"]] * 3 and runs[3]["id"] == runs[4]["id"] != runs[0]["id"]
    assert runs[0]["output"]["numbers"] == [0, 1, 2] and runs[3]["output"]["numbers"] == [3, 4]
    waited = [(r["started_at"] - event_of(world, e)["accepted_at"]).total_seconds()
              for r, e in ((runs[0], entries[2]), (runs[3], entries[3]))]
    assert waited[0] < 0.45 and waited[1] >= 0.49, waited


def test_an_event_that_is_not_for_the_batch_runs_alone(world, name):
    together = world.send("test/batch", {"key": name, "n": 1})
    alone = run_of(world, world.send("test/batch", {"key": name, "n": 2, "alone": True}))
    assert alone["output"]["numbers"] == [2]
    assert run_of(world, together)["output"]["numbers"] == [1]


def test_a_batch_that_fails_tells_all_its_events_to_the_handler(world, name):
    entries = [world.send("test/batch", {"key": name, "n": n, "never": True}) for n in range(3)]
    run = run_of(world, entries[0], "failed")
    failed = world.wait_until(lambda: world.rows(
        "select data from chronos.events where name = 'inngest/function.failed' and data->>'run_id' = %s", run["id"]),
        10, "the failure's event")
    assert [e["data"]["n"] for e in failed[0]["data"]["events"]] == [0, 1, 2]


# ---- one at a time, and in which order ----

def test_a_singleton_skips_while_one_is_live(world, name):
    first = world.send("test/singleton-skip", {"key": name, "ms": 400})
    second = world.send("test/singleton-skip", {"key": name})
    third = world.send("test/singleton-skip", {"key": name + "-other"})
    skipped = run_of(world, second, "skipped")
    assert event_of(world, first)["run_ids"][0] in skipped["error_message"]
    run_of(world, third)
    run_of(world, first)
    run_of(world, world.send("test/singleton-skip", {"key": name}))


def test_a_singleton_cancels_the_one_before(world, name):
    first = world.send("test/singleton-cancel", {"key": name, "ms": 10000, "creatorId": name})
    world.wait_for(function="test-singleton-cancel", what="start", creator=name)
    second = world.send("test/singleton-cancel", {"key": name, "creatorId": name})
    cancelled = run_of(world, first, "cancelled")
    assert event_of(world, second)["run_ids"][0] in cancelled["error_message"]
    assert cancelled["error_code"] == "cancelled" and cancelled["attempts"] == 1
    assert (cancelled["creator_id"], cancelled["event_name"]) == (name, "test/singleton-cancel")
    assert cancelled["event_id"] == event_of(world, first)["id"]
    run_of(world, second)
    assert world.happenings(function="test-singleton-cancel", what="cancelled", creator=name)


def test_a_higher_priority_goes_first(world, name):
    first = world.send("test/priority", {"creatorId": name, "ms": 300})
    world.wait_for(function="test-priority", what="start", creator=name)
    entries = [world.send("test/priority", {"creatorId": name, "priority": p}) for p in (-300, 0, 300, 1e9)]
    for entry in [first, *entries]:
        run_of(world, entry)
    order = [h.run for h in world.happenings(function="test-priority", what="start", creator=name)][1:]
    assert order == [event_of(world, e)["run_ids"][0] for e in reversed(entries)]


# ---- ends before its time ----

def test_an_event_cancels_the_runs_that_it_fits_and_no_others(world, name):
    running = world.send("test/canceller", {"key": name, "ms": 10000, "creatorId": name})
    waiting = world.send("test/canceller", {"key": name, "creatorId": name})
    other = world.send("test/canceller", {"key": name + "-other", "ms": 1})
    world.wait_for(function="test-canceller", what="start", creator=name)
    event_of(world, waiting)
    world.send("test/stop", {"key": name})
    for entry, attempts in ((running, 1), (waiting, 0)):
        run = run_of(world, entry, "cancelled")
        assert run["error_message"] == "cancelled by the event test/stop"
        assert run["attempts"] == attempts
    run_of(world, other)
    told = world.wait_until(lambda: world.rows(
        "select * from chronos.events where name = 'inngest/function.cancelled' and data->>'run_id' = %s",
        event_of(world, running)["run_ids"][0]), 10, "word of the cancelled run")
    assert told[0]["creator_id"] == name


def test_an_event_cancels_nothing_that_was_accepted_after_it(world, name):
    """Both may be routed together."""
    pipeline = world.redis.pipeline()
    for n in range(20):
        for event, data in (("test/stop", {"key": f"{name}-{n}"}),
                            ("test/canceller", {"key": f"{name}-{n}", "ms": 1, "creatorId": f"{name}-{n}"})):
            pipeline.xadd("chronos:events", {"name": event, "data": json.dumps(data)})
    entries = pipeline.execute()
    world.sent += entries
    for entry in entries[1::2]:
        run_of(world, entry)


def test_a_run_that_does_not_begin_or_end_in_time_is_cancelled(world, name):
    slow = world.send("test/timed", {"creatorId": name, "ms": 10000})
    late = world.send("test/timed", {"creatorId": name})
    assert run_of(world, late, "cancelled")["error_message"] == "timeout: it had not begun in time"
    assert run_of(world, slow, "cancelled")["error_message"] == "timeout: it had not ended in time"
    run_of(world, world.send("test/timed", {"creatorId": name, "ms": 1}))


# ---- waiting for an event ----

def test_a_run_goes_on_with_the_event_it_waits_for(world, name):
    entry = world.send("test/waiter", {"key": name, "creatorId": name})
    wait_until_it_waits(world, entry)
    others = [world.send("test/go", {"key": name + "-other"}), world.send("test/other", {"key": name})]
    for other in others:
        event_of(world, other)
    go = world.send("test/go", {"key": name, "video_id": "v"})
    run = run_of(world, entry)
    heard = run["output"]["heard"]
    assert heard["id"] == event_of(world, go)["id"] and heard["data"]["videoId"] == "v"
    row = step_of(world, run, "wait")
    assert (row["status"], row["attempt"], row["result"]) == ("completed", 0, heard)


def test_a_wait_ends_after_its_time(world, name):
    run = run_of(world, world.send("test/waiter", {"key": name, "timeoutMs": 100}))
    assert run["output"]["heard"] is None
    row = step_of(world, run, "wait")
    assert (row["status"], row["attempt"], row["result"]) == ("completed", 0, None)


def test_two_runs_hear_the_same_event(world, name):
    entries = [world.send("test/waiter", {"key": name, "creatorId": f"{name}-{n}"}) for n in range(70)]
    for entry in entries:
        wait_until_it_waits(world, entry)
    world.send("test/go", {"key": name})
    for entry in entries:
        assert run_of(world, entry)["output"]["heard"]["data"] == {"key": name}


@pytest.mark.parametrize("match", ["async.data.key == event.data.key && async.data.n > 1", "async.data.n in [2, 3]",
                                   "async.data.key + '!' == event.data.key + '!' && async.data.n == 2"])
def test_a_condition_is_asked_with_both_events(world, name, match):
    entry = world.send("test/waiter", {"key": name, "match": match})
    wait_until_it_waits(world, entry)
    event_of(world, world.send("test/go", {"key": name, "n": 1}))
    world.send("test/go", {"key": name, "n": 2})
    assert run_of(world, entry)["output"]["heard"]["data"]["n"] == 2


def test_an_event_that_came_since_the_start_counts_when_it_may(world, name):
    """It came while an earlier step ran, and has left Redis by then."""
    entries = [world.send("test/waiter", {"key": name, "creatorId": f"{name}-{since}", "ms": 1500, "since": since,
                                          "timeoutMs": 500}) for since in (True, False)]
    world.wait_for(function="test-waiter", what="before", creator=f"{name}-True")
    for n in (1, 2):
        event_of(world, world.send("test/go", {"key": name, "n": n}))
    assert run_of(world, entries[0])["output"]["heard"]["data"]["n"] == 1, "the earliest counts"
    assert run_of(world, entries[1])["output"]["heard"] is None


def test_an_event_from_before_the_start_does_not_count(world, name):
    event_of(world, world.send("test/go", {"key": name}))
    run = run_of(world, world.send("test/waiter", {"key": name, "since": True, "timeoutMs": 500}))
    assert run["output"]["heard"] is None


def test_events_that_come_in_the_moment_of_the_wait_are_not_missed(world, name):
    """Before, in, and after it; each run hears its own event however the two meet."""
    entries = []
    for n in range(40):
        key = f"{name}-{n}"
        entries.append(world.send("test/waiter", {"key": key, "creatorId": key, "ms": n, "since": True}))
    world.wait_for(1, function="test-waiter", what="before", creator=f"{name}-0")
    for n in range(40):
        world.send("test/go", {"key": f"{name}-{n}"})
    for n, entry in enumerate(entries):
        assert run_of(world, entry)["output"]["heard"]["data"]["key"] == f"{name}-{n}"


def test_a_duplicate_is_heard_by_nobody(world, name):
    run_of(world, world.send("test/echo", {}, id=name))
    entry = world.send("test/waiter", {"key": name, "timeoutMs": 1000})
    wait_until_it_waits(world, entry)
    again = world.send("test/go", {"key": name}, id=name)
    assert event_of(world, again)["outcome"] == "duplicate"
    assert run_of(world, entry)["output"]["heard"] is None


# ---- invoking other functions ----

def invoke(world, function, payload, **data):
    return world.send("test/invoker", {"function": function, "payload": payload, **data})


def child_of(world, run):
    """The event of an invocation, and its run."""
    events = world.wait_until(lambda: world.rows("select * from chronos.events where parent like %s",
                                                 f"%{run['id']}%"), 10, "the invocation")
    assert len(events) == 1
    return events[0]


def test_an_invocation_gives_the_output(world, name):
    run = run_of(world, invoke(world, "test-invoked", {"n": 21, "creatorId": name}))
    assert run["output"] == {"answer": {"twice": 42}}
    row = step_of(world, run, "call")
    assert (row["status"], row["attempt"], row["result"]) == ("completed", 0, {"twice": 42})
    event = child_of(world, run)
    assert event["name"] == "inngest/function.invoked" and event["data"] == {"n": 21, "creatorId": name}
    child = run_named(world, event["run_ids"][0])
    assert (child["status"], child["creator_id"], child["event_id"]) == ("completed", name, event["id"])


def test_a_function_may_be_invoked_by_many(world, name):
    entries = [invoke(world, "test-invoked", {"n": n, "creatorId": name}, creatorId=f"{name}-{n}") for n in range(30)]
    for n, entry in enumerate(entries):
        assert run_of(world, entry)["output"] == {"answer": {"twice": 2 * n}}


def check_refused(world, entry, message):
    run = run_of(world, entry, "failed")
    assert message in run["error_message"]
    assert step_of(world, run, "call")["status"] == "failed"


def test_the_failure_of_an_invoked_function_fails_the_run(world):
    check_refused(world, invoke(world, "test-invoked", {"fail": True}), "there is nothing to double")


def test_an_unknown_function_fails_the_run_that_invokes_it(world):
    entry = invoke(world, "test-nobody", {})
    check_refused(world, entry, "there is no function test-nobody")
    event = child_of(world, run_of(world, entry, "failed"))
    assert (event["outcome"], event["run_ids"]) == ("unmatched", [])


def test_a_skipped_function_fails_the_run_that_invokes_it(world, name):
    run_of(world, world.send("test/once", {"key": name}))
    entry = invoke(world, "test-once", {"key": name})
    check_refused(world, entry, "idempotency")
    child = child_of(world, run_of(world, entry, "failed"))
    assert run_named(world, child["run_ids"][0])["status"] == "skipped"


def test_a_cancelled_function_fails_the_run_that_invoked_it(world, name):
    entry = invoke(world, "test-canceller", {"key": name, "ms": 10000, "creatorId": name})
    world.wait_for(function="test-canceller", what="start", creator=name)
    world.send("test/stop", {"key": name})
    check_refused(world, entry, "cancelled by the event test/stop")


def test_an_invocation_is_waited_for_as_long_as_said(world, name):
    entry = invoke(world, "test-invoked", {"ms": 700, "creatorId": name}, timeoutMs=100)
    run = run_of(world, entry, "failed")
    assert "longer" in run["error_message"]
    child = child_of(world, run)
    world.wait_until(lambda: run_named(world, child["run_ids"][0]), 10, "the other run, which goes on")


# ---- what the engine writes into its own streams ----

def test_a_tick_that_is_skipped_is_recorded_and_starts_nothing(world):
    eid = new_id()
    send_internal(world, name="inngest/scheduled.timer", data='{"cron":"x"}', fn="test-invoked", eid=eid,
                  skip="missed while no scheduler was there")
    event = event_of(world, eid)
    run = world.wait_until(lambda: run_named(world, event["run_ids"][0]), 10, "the skipped run")
    assert (run["status"], run["error_message"], run["function_id"]) == (
        "skipped", "missed while no scheduler was there", "test-invoked")
    assert event["function_ids"] == ["test-invoked"]


def test_an_entry_that_comes_twice_starts_one_run(world, name):
    eid = new_id()
    for _ in range(3):
        send_internal(world, name="test/echo", data=json.dumps({"creatorId": name}), eid=eid, **{"from": "outbox"})
    run_of(world, eid)
    world.wait_until(lambda: world.redis.xlen("{c0}:events") == 0, 10, "all entries to be routed")
    assert len(world.rows("select id from chronos.runs where creator_id = %s", name)) == 1
    assert len(world.rows("select id from chronos.events where id = %s", eid)) == 1


def test_an_event_for_one_function_starts_no_other_and_is_heard_by_nobody(world, name):
    waiter = world.send("test/waiter", {"key": name, "timeoutMs": 1000})
    wait_until_it_waits(world, waiter)
    eid = new_id()
    send_internal(world, name="test/go", data=json.dumps({"key": name, "n": 4}), fn="test-invoked", eid=eid)
    assert run_of(world, eid)["output"] == {"twice": 8}
    assert run_of(world, waiter)["output"]["heard"] is None


def test_a_retry_does_not_do_again_what_was_done(world, name):
    entry = world.send("test/canceller", {"key": name, "ms": 500, "creatorId": name, "deaf": True})
    world.wait_for(3, function="test-canceller", creator=name)  # start and end of the first, start of the second step
    world.send("test/stop", {"key": name})
    run = run_of(world, entry, "cancelled")
    done = [s["step"] for s in world.steps_of(run) if s["status"] == "completed"]
    assert done == ["nap"]
    retries = []
    for n, before in ((1, run["id"]), (2, None)):
        eid = new_id()
        send_internal(world, name="test/canceller", fn="test-canceller", eid=eid, retry_of=before or retries[-1],
                      data=json.dumps({"key": name + "-again", "ms": 30, "creatorId": name}), **{"from": "outbox"})
        retried = run_of(world, eid)
        retries.append(retried["id"])
        assert event_of(world, eid)["retry_of"] == (before or retries[-2])
        assert [h.step for h in world.happenings(run=retried["id"], what="start")] == ["nap-again"][:1 if n == 1 else 0]


def test_a_retry_passes_the_rules_that_might_skip_it(world, name):
    first = run_of(world, world.send("test/once", {"key": name}))
    eid = new_id()
    send_internal(world, name="test/once", fn="test-once", eid=eid, replay_of=first["id"],
                  data=json.dumps({"key": name}), **{"from": "outbox"})
    assert run_of(world, eid)["status"] == "completed"
    assert event_of(world, eid)["replay_of"] == first["id"]
