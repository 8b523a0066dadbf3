"""What a step can answer, and what the engine then does."""

import json

import pytest


def steps(world, run):
    """By name and attempt; steps of one millisecond have no order in the archive."""
    return sorted((s["step"], s["attempt"], s["status"]) for s in world.steps_of(run))


def test_values_are_stored_under_their_steps_and_the_last_is_the_output(world):
    run = world.run("test/three", {"creatorId": "a"})
    found = world.steps_of(run)
    assert {s["step"]: s["result"] for s in found} == {
        name: {"step": name, "attempt": 1} for name in ("first", "second", "third")}
    assert len(found) == 3
    assert run["output"] == {"step": "third", "attempt": 1}
    assert (run["attempts"], run["deaths"], run["creator_id"]) == (1, 0, "a")


def test_finish_completes_the_run_and_skips_what_follows(world):
    run = world.run("test/echo", {"x": 1})
    assert [s["step"] for s in world.steps_of(run)] == ["look"]
    assert not world.happenings(run=run["id"], what="never")
    assert run["output"]["data"] == {"x": 1}


def test_a_failed_step_is_tried_again_and_the_one_after_starts_at_attempt_one(world):
    run = world.run("test/flaky", {"until": 3, "creatorId": "flaky-1"})
    assert steps(world, run) == [("after", 1, "completed"), ("try", 1, "failed"), ("try", 2, "failed"),
                                 ("try", 3, "completed")]
    assert run["attempts"] == 3


def test_n_retries_are_n_plus_one_attempts(world):
    run = world.run("test/flaky", {"until": 99, "creatorId": "flaky-2"}, function="test-flaky", status="failed")
    assert steps(world, run) == [("try", n, "failed") for n in (1, 2, 3, 4)]
    assert run["error_message"] == "attempt 4 fails"
    assert len(world.happenings(run=run["id"])) == 4


def test_retries_back_off_exponentially(world):
    run = world.run("test/flaky", {"until": 4, "creatorId": "flaky-3"})
    at = [h.at for h in world.happenings(run=run["id"], what="try")]
    gaps = [b - a for a, b in zip(at, at[1:])]
    for gap, base in zip(gaps, (0.040, 0.080, 0.160)):
        assert gap >= base / 2, gaps


def test_a_service_that_names_a_delay_is_not_asked_before(world):
    run = world.run("test/flaky", {"until": 2, "afterMs": 700, "creatorId": "flaky-4"})
    first, second = world.happenings(run=run["id"], what="try")
    assert second.at - first.at >= 0.7


def test_a_run_that_waits_for_its_retry_holds_no_slot(world):
    """test-flaky runs one at a time per creator."""
    waits = world.send("test/flaky", {"until": 2, "afterMs": 1500, "creatorId": "one"})
    world.wait_for(function="test-flaky", creator="one", what="try")
    other = world.run("test/flaky", {"creatorId": "one"}, deadline=1.4)
    first = world.wait_for_run(waits)
    assert other["finished_at"] < first["finished_at"]


def test_a_sleeping_run_holds_no_slot_and_wakes_in_time(world):
    sleeper = world.send("test/sleeper", {"ms": 1000, "creatorId": "sleepy"})
    world.wait_for(function="test-sleeper", creator="sleepy", what="sleep")
    quick = world.run("test/sleeper", {"ms": 0, "creatorId": "sleepy"}, deadline=0.95)
    run = world.wait_for_run(sleeper)
    assert quick["finished_at"] < run["finished_at"]
    lay, woke = world.happenings(run=run["id"])
    assert 1.0 <= woke.at - lay.at < 2.0
    assert steps(world, run) == [("lie-down", 1, "sleeping"), ("wake", 1, "completed")]


@pytest.mark.parametrize("how, code, message", [
    (None, "permanent", "this never works"),
    ("nothing", "bug", "returned nothing"),
    ("large", "bug", "result has"),
    ("events", "bug", "sent 2000 events"),
])
def test_what_cannot_work_fails_at_once(world, how, code, message):
    run = world.run("test/permanent", {"how": how}, function="test-permanent", status="failed")
    assert run["error_code"] == code
    assert message in run["error_message"]
    assert len(world.happenings(run=run["id"], what="try")) == 1
    assert steps(world, run) == [("fail", 1, "failed")]


def test_odd_bytes_in_an_error_reach_the_archive_as_text(world):
    run = world.run("test/permanent", {"how": "bytes"}, function="test-permanent", status="failed")
    assert 'bytes \x01\n\ttab and "quotes" \\N' in run["error_message"]


def failure_events(world, run):
    return [e for e in world.rows("select * from chronos.events where name = 'inngest/function.failed'")
            if e["data"]["run_id"] == run["id"]]


def test_a_failed_run_sends_one_failure_event_and_its_handler_runs_once(world):
    run = world.run("test/permanent", {"creatorId": "f", "n": 7}, function="test-permanent", status="failed")
    world.wait_until(lambda: failure_events(world, run), 10, "the failure event")
    handled = world.wait_until(lambda: [
        r for r in world.rows("select * from chronos.runs where function_id = 'test-handler'")
        if (r["output"] or {}).get("failed") == run["id"]], 10, "the handler")
    world.wait_quiet()
    events = failure_events(world, run)
    assert len(events) == len(handled) == 1
    data = events[0]["data"]
    assert data["function_id"] == "chronos-test-permanent"
    assert data["error"]["message"] == "this never works" and set(data["error"]) == {"name", "message", "stack"}
    assert data["event"]["name"] == "test/permanent" and data["event"]["data"]["n"] == 7
    assert handled[0]["creator_id"] == "f"  # counted to the creator of the run that failed


def test_a_failure_without_a_handler_is_recorded_too(world):
    run = world.run("test/flaky", {"until": 99, "creatorId": "flaky-5"}, function="test-flaky", status="failed")
    world.wait_until(lambda: failure_events(world, run), 10, "the failure event")
    assert failure_events(world, run)[0]["outcome"] == "unmatched"


@pytest.mark.parametrize("size", [100_000, 524_288])
def test_the_handler_runs_however_large_the_event_was(world, size):
    data = {"creatorId": "large", "pad": ""}
    data["pad"] = "x" * (size - len(json.dumps(data)))
    run = world.run("test/permanent", data, function="test-permanent", status="failed")
    world.wait_until(lambda: [h for h in world.rows(
        "select output->>'failed' as run from chronos.runs where function_id = 'test-handler'")
        if h["run"] == run["id"]], 10, "the handler")


def test_each_item_is_durable_on_its_own(world):
    items = [1, {"key": "named", "fail": 1}, None, {"fail": 2}, "text"]
    run = world.run("test/each", {"items": items})
    assert [r["item"] for r in run["output"]] == items
    assert [r["attempt"] for r in run["output"]] == [1, 2, 1, 3, 1]
    done = [s["step"] for s in world.steps_of(run) if s["status"] == "completed"]
    assert sorted(done) == ["one-0", "one-2", "one-3", "one-4", "one-named", "sum"]
    assert len(world.happenings(run=run["id"], what="item")) == 8


def test_no_items_are_no_work(world):
    assert world.run("test/each", {"items": []})["output"] == []


@pytest.mark.parametrize("items", [None, {"a": 1}, "text"])
def test_a_list_that_is_none_fails_the_run(world, items):
    run = world.run("test/each", {"items": items}, function="test-each", status="failed")
    assert run["error_code"] == "bug"


def test_a_row_can_ask_to_be_run_again(world):
    run = world.run("test/again", {"count": 12})
    assert run["output"] == list(range(12))
    done = [s["step"] for s in world.steps_of(run) if not s["step"].startswith("cursor:")]
    assert sorted(done) == sorted([f"turn-{n}" for n in range(12)] + ["sum"])


def test_a_single_turn_is_a_plain_step(world):
    run = world.run("test/again", {"count": 1})
    assert steps(world, run) == [("sum", 1, "completed"), ("turn", 1, "completed")]
    assert len(world.happenings(run=run["id"], what="turn")) == 1


def test_events_of_a_step_are_sent_once_although_a_later_step_is_repeated(world):
    run = world.run("test/sender", {"count": 3, "from": "here"}, function="test-sender")
    world.wait_until(lambda: world.at_least(3, sent_by(world, "here")), 10, "the receivers")
    world.wait_quiet()
    assert sorted(r["output"]["data"]["n"] for r in sent_by(world, "here")) == [0, 1, 2]
    assert len(world.happenings(run=run["id"], what="send")) == 1


def sent_by(world, sender):
    return [r for r in world.rows("select output from chronos.runs where function_id = 'test-receiver'")
            if r["output"]["data"].get("from") == sender]


def test_a_step_beyond_its_time_is_ended_and_tried_again(world):
    run = world.run("test/timeout", {})
    assert steps(world, run) == [("nap", 1, "failed"), ("nap", 2, "completed")]
    assert "longer than its limit of 150 ms" in world.steps_of(run)[0]["error_message"]


def test_a_result_that_no_text_can_hold_is_stored_once_all_the_same(world):
    run = world.run("test/nul", {}, deadline=5)
    assert len(world.happenings(run=run["id"], what="make")) == 1
    assert run["output"]["text"] == "a\0b"


def test_transactional_steps_take_effect_with_their_result(world):
    creator = world.make_creator()
    video = world.make_video("youtube", creator)
    run = world.run("test/tx", {"videoId": str(video["id"]), "creatorId": creator})
    assert world.value("select count(*) from public.video_analytics_events where metadata->>'run' = %s", run["id"]) == 2
    assert world.value("select count(*) from chronos.step_ledger where run_id = %s", run["id"]) == 2
    assert {s["step"] for s in world.steps_of(run)} == {"before", "insert", "insert-more", "after"}
