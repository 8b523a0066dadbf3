"""The W3C trace context: taken from an event, kept by its runs and by all that they start, on every line of their logs."""

import re

import pytest

from promises import check_promises
from test_flow import event_of, run_of, wait_until_it_waits

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"


def lines_of(world, run_id):
    """The lines of all daemons that name the run."""
    found = []
    for d in world.stack.daemons.values():
        found += [line for line in d.process.log_text(since_start=False).splitlines() if f"run={run_id}" in line]
    return found


def trace_of(world, run_id):
    """The one trace that the worker's lines of the run carry."""
    lines = world.wait_until(lambda: [line for line in lines_of(world, run_id) if "prog=chronos-worker" in line], 10,
                             f"a line of run {run_id}")
    traces = {re.search(r" trace_id=([0-9a-f]{32})\b", line) for line in lines}
    assert None not in traces, lines
    found = {t.group(1) for t in traces}
    assert len(found) == 1, lines
    assert all(re.search(r" span_id=[0-9a-f]{16}\b", line) for line in lines if "code=run-completed" in line), lines
    return found.pop()


def test_the_trace_of_an_event_is_that_of_its_run(world):
    entry = world.send("test/echo", {}, traceparent=GIVEN)
    run = run_of(world, entry)
    assert trace_of(world, run["id"]) == TRACE
    assert run["output"]["traceparent"] == GIVEN  # a step may pass it on by itself
    assert event_of(world, entry)["traceparent"] == GIVEN


def test_it_may_stand_in_the_data(world):
    entry = world.send("test/echo", {"traceparent": GIVEN})
    assert trace_of(world, run_of(world, entry)["id"]) == TRACE


def test_the_field_counts_before_the_data(world):
    other = GIVEN.replace("4bf9", "5bf9")
    entry = world.send("test/echo", {"traceparent": other}, traceparent=GIVEN)
    assert trace_of(world, run_of(world, entry)["id"]) == TRACE


def test_an_event_without_one_begins_a_trace_of_its_own(world):
    runs = [run_of(world, world.send("test/echo", {})) for _ in range(2)]
    traces = {trace_of(world, run["id"]) for run in runs}
    assert len(traces) == 2 and TRACE not in traces


@pytest.mark.parametrize("value", ["", "x", GIVEN.upper(), GIVEN + "-more", f"00-{'0' * 32}-00f067aa0ba902b7-01", "x" * 100000,
                                   b"\xff\x00" * 30, GIVEN + "\r\nX-Evil: 1"])
def test_a_malformed_one_is_as_none(world, value):
    entry = world.send("test/echo", {}, traceparent=value)
    run = run_of(world, entry)
    assert trace_of(world, run["id"]) != TRACE
    assert "traceparent" not in run["output"]
    assert event_of(world, entry)["traceparent"] is None


def test_what_an_entry_of_the_data_holds_is_no_reason_to_refuse_it(world):
    run = run_of(world, world.send("test/echo", {"traceparent": {"not": "text"}}))
    assert run["output"]["data"]["traceparent"] == {"not": "text"}


def children(world, run_id, name, count):
    """Events that the run sent, by their trace: no other test sends these with it."""
    return world.wait_until(lambda: (found := world.rows(
        "select * from chronos.events where name = %s and data->>'from' = %s", name, run_id)) and len(found) == count and found,
        10, f"{count} events {name}")


def test_events_that_a_step_sends_go_on_in_it(world):
    entry = world.send("test/sender", {"count": 3, "from": "trace-sender"}, traceparent=GIVEN)
    run_of(world, entry)
    sent = children(world, "trace-sender", "test/sent", 3)
    parents = {e["traceparent"].split("-")[2] for e in sent}
    assert {e["traceparent"].split("-")[1] for e in sent} == {TRACE}
    assert len(parents) == 1 and "00f067aa0ba902b7" not in parents  # under the step, not beside it
    for e in sent:
        for run_id in e["run_ids"]:
            run_of(world, e["id"])
            assert trace_of(world, run_id) == TRACE


def test_an_invoked_function_goes_on_in_it(world):
    entry = world.send("test/invoker", {"payload": {"mark": "trace-invoked"}}, traceparent=GIVEN)
    run = run_of(world, entry)
    child = world.rows("select * from chronos.events where name = 'inngest/function.invoked' and parent like %s",
                       f"%{run['id']}%")[0]
    assert trace_of(world, child["run_ids"][0]) == TRACE
    assert child["traceparent"].split("-")[1] == TRACE


def test_a_failure_and_its_handler_a_retry_and_a_replay_go_on_in_it(world):
    entry = world.send("test/permanent", {"how": "fail"}, traceparent=GIVEN)
    run = run_of(world, entry, "failed")
    failed = world.wait_until(lambda: world.rows(
        "select * from chronos.events where name = 'inngest/function.failed' and data->>'run_id' = %s", run["id"]), 10,
        "the failure event")[0]
    assert failed["traceparent"].split("-")[1] == TRACE
    for again in ("retry", "replay"):
        world.rows(f"select chronos.{again}(%s)", run["id"])
        event = world.wait_until(lambda again=again: world.rows(
            f"select * from chronos.events where {again}_of = %s", run["id"]), 10, f"the {again}")[0]
        assert event["traceparent"].split("-")[1] == TRACE, again
        run_of(world, event["id"], "failed")
        assert trace_of(world, event["run_ids"][0]) == TRACE


def test_a_retry_of_a_run_that_came_without_one_goes_on_in_its_trace(world):
    run = run_of(world, world.send("test/permanent", {"how": "fail"}), "failed")
    trace = trace_of(world, run["id"])
    world.rows("select chronos.retry(%s)", run["id"])
    event = world.wait_until(lambda: world.rows(
        "select * from chronos.events where retry_of = %s", run["id"]), 10, "the retry")[0]
    run_of(world, event["id"], "failed")
    assert trace_of(world, event["run_ids"][0]) == trace


def test_a_skipped_run_is_told_with_its_trace(world):
    run_of(world, world.send("test/once", {"key": "trace-once"}))
    entry = world.send("test/once", {"key": "trace-once"}, traceparent=GIVEN)
    run_id = run_of(world, entry, "skipped")["id"]
    line = world.wait_until(lambda: [line for line in lines_of(world, run_id) if "code=run-skipped" in line], 10, "the skip")[0]
    assert f"trace_id={TRACE}" in line


def test_events_that_are_one_run_are_in_the_trace_of_the_first(world):
    entries = [world.send("test/batch", {"key": "trace", "n": 1}, traceparent=GIVEN)]
    entries += [world.send("test/batch", {"key": "trace", "n": n}) for n in (2, 3)]
    assert trace_of(world, run_of(world, entries[0])["id"]) == TRACE


def test_a_sender_in_sql_has_it_in_the_data(world):
    world.rows("select chronos.send('test/echo', jsonb_build_object('mark', 'trace-sql', 'traceparent', %s::text))", GIVEN)
    event = world.wait_until(lambda: world.rows("select * from chronos.events where data->>'mark' = 'trace-sql'"), 10, "the event")[0]
    run_of(world, event["id"])
    assert trace_of(world, event["run_ids"][0]) == TRACE


@pytest.mark.parametrize("given", [GIVEN, None])
def test_a_run_that_is_rebuilt_keeps_its_trace(engine, given):
    engine.start()
    fields = {"traceparent": given} if given else {}
    entry = engine.send("test/waiter", {"key": "k", "ms": 1, "creatorId": "c"}, **fields)
    run_id = wait_until_it_waits(engine, entry)
    before = engine.daemon("scheduler-1").process.log_text(since_start=False).count("code=ready ")
    engine.redis.flushall()
    engine.wait_until(lambda: engine.daemon("scheduler-1").process.log_text(since_start=False).count("code=ready ") > before,
                      20, "the live runs to be rebuilt")
    wait_until_it_waits(engine, entry)
    engine.send("test/go", {"key": "k", "n": 1})
    run_of(engine, entry)
    trace = trace_of(engine, run_id)  # one over both lives
    assert trace == TRACE or given is None
    check_promises(engine)


def test_providers_are_told(provided):
    provided.start()
    video = provided.make_video("youtube")
    entry = provided.send_event("video/transcript.extract", {
        "videoId": str(video["id"]), "creatorId": str(video["creator_id"])}, traceparent=GIVEN)
    provided.wait_for_run(entry, function="extract-video-transcript", status="completed", deadline=30)
    asked = provided.sandbox.requests()["requests"]
    traces = [r["headers"].get("traceparent", "") for r in asked]
    assert asked and all(t.split("-")[1:2] == [TRACE] for t in traces), traces
    assert len(set(traces)) == len(traces)  # each call is a span of its own
