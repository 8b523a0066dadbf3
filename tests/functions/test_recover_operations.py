"""Operations whose event was lost or refused, or whose run ended without a word: none says for ever that it is waiting. Time
does not pass in these tests: rows are made old."""

import pytest

import bulk
import pipeline as p

RECOVER = "recover-stuck-operations"
NEVER = "The operation was never started: the request for it was lost or refused. Make a new one."
STOPPED = "The operation stopped without an outcome. What was done until then stays done: make a new one for the rest."


def age(chronos, operation, minutes=60, **columns):
    sets = "".join(f", {name} = %s" for name in columns)
    chronos.rows(f"""update public.bulk_operations set created_at = now() - %s * interval '1 minute'{sets}
        where id = %s""", minutes, *columns.values(), operation)


def age_events(chronos, operation, minutes=60):
    """All that was recorded of an operation happened so long before it did."""
    chronos.rows("""with e as (update chronos.events set accepted_at = accepted_at - %s * interval '1 minute'
            where data ->> 'operationId' = %s returning run_ids)
        update chronos.runs r set finished_at = r.finished_at - %s * interval '1 minute'
        from e where r.id = any (e.run_ids)""", minutes, operation, minutes)


def recover(chronos):
    """The output of one run of the function."""
    chronos.wait_until(lambda: chronos.rows("select 1 from chronos.functions where id = %s", RECOVER), 20, "the function")
    before = {r["id"] for r in runs(chronos)}
    chronos.rows("select chronos.trigger(%s)", RECOVER)
    (run,) = chronos.wait_until(lambda: [r for r in runs(chronos) if r["id"] not in before], 30, "the run", interval=0.05)
    assert run["status"] == "completed", run["error_message"]
    return run["output"]


def runs(chronos):
    return chronos.rows("select * from chronos.runs where function_id = %s", RECOVER)


@pytest.mark.parametrize("kind", ["delete", "export", "reprocess"])
def test_an_operation_whose_event_was_lost_is_started_again(shared, kind):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 12, transcript="Words that are spoken. " * 20)
    operation = bulk.make_operation(shared, kind, creator, ids)
    age(shared, operation)
    assert recover(shared) == {"success": True, "started": 1, "failed": 0}
    row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["progress_current"], row["error_message"]) == ("completed", 12, None)
    p.wait_quiet(shared)
    assert recover(shared) == {"success": True, "started": 0, "failed": 0}


def test_an_operation_whose_event_was_refused_is_started_again_with_the_ids_of_its_row(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 2)
    operation = bulk.make_operation(shared, "delete", creator, ids)
    entry = bulk.send(shared, "delete", operation, creator, [*ids, "a\0b"])
    shared.wait_until(lambda: shared.rows("select 1 from chronos.rejected_events where stream_id = %s", entry), 10,
                      "the event to be refused")
    age(shared, operation)
    assert recover(shared)["started"] == 1
    assert bulk.wait_ended(shared, operation)["result"] == {"deleted": 2, "failed": 0, "errors": []}


def test_ids_that_were_only_in_the_lost_event_end_it_with_a_message(shared):
    creator = shared.make_creator()
    operation = bulk.make_operation(shared, "delete", creator, [])
    age(shared, operation)
    assert recover(shared)["started"] == 1
    row = bulk.wait_ended(shared, operation)
    assert (row["status"], row["error_message"]) == ("failed", f"operation {operation} has no video ids")


@pytest.mark.parametrize("status, message", [("pending", NEVER), ("in_progress", STOPPED)])
def test_nobody_expects_what_was_asked_for_days_ago(shared, status, message):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 3)
    operation = bulk.make_operation(shared, "delete", creator, ids, status=status)
    age(shared, operation, 60 * 25)
    assert recover(shared) == {"success": True, "started": 0, "failed": 1}
    row = bulk.row(shared, operation)
    assert (row["status"], row["error_message"]) == ("failed", message) and row["completed_at"] is not None
    assert bulk.left(shared, ids) == set(ids)


def test_an_operation_whose_run_and_handler_ended_without_a_word_has_failed(shared):
    """The handler is not there to hear of the failure: its runs are cancelled before they begin."""
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 3)
    shared.rows("select chronos.pause('handle-bulk-failure')")
    try:
        operation = bulk.make_operation(shared, "delete", creator, ids)
        entry = bulk.send(shared, "delete", operation, creator, [])
        run = shared.wait_for_run(entry, bulk.FUNCTIONS["delete"], "failed")
        shared.wait_until(lambda: p.failure_events(shared, run["id"]), 20, "the failure to be told")
        shared.rows("select chronos.cancel_where('handle-bulk-failure')")
        p.wait_quiet(shared)
    finally:
        shared.rows("select chronos.resume('handle-bulk-failure')")
    assert bulk.row(shared, operation)["status"] == "pending"
    age(shared, operation)
    assert recover(shared)["failed"] == 0, "the handler may still be on its way"
    age_events(shared, operation, 40)
    assert recover(shared)["failed"] == 1
    assert bulk.row(shared, operation)["error_message"] == STOPPED
    assert bulk.left(shared, ids) == set(ids)


@pytest.mark.parametrize("minutes, columns", [
    (10, {}), (10, {"status": "in_progress"}), (120, {"status": "in_progress"}), (5000, {"status": "completed"}),
    (5000, {"status": "partial"}), (5000, {"status": "failed"})])
def test_an_operation_that_is_not_stuck_is_left_alone(shared, minutes, columns):
    """One that somebody is at without our events may be another engine's: it has a day."""
    operation = bulk.make_operation(shared, "delete", shared.make_creator(), [])
    age(shared, operation, minutes, **columns)
    before = bulk.row(shared, operation)
    assert recover(shared) == {"success": True, "started": 0, "failed": 0}
    assert bulk.row(shared, operation) == before
    shared.rows("delete from public.bulk_operations where id = %s", operation)


def test_a_run_that_waits_is_work(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 3)
    shared.rows("select chronos.pause(%s)", bulk.FUNCTIONS["delete"])
    try:
        operation, entry = bulk.start(shared, "delete", creator, ids)
        shared.wait_until(lambda: shared.event(entry), 10, "the event to be recorded")
        age(shared, operation, 65)
        assert recover(shared) == {"success": True, "started": 0, "failed": 0}
    finally:
        shared.rows("select chronos.resume(%s)", bulk.FUNCTIONS["delete"])
    assert bulk.wait_ended(shared, operation)["result"]["deleted"] == 3


def test_a_lost_event_that_comes_after_all_does_no_harm(shared):
    creator = shared.make_creator()
    ids = bulk.make_videos(shared, creator, 30)
    operation = bulk.make_operation(shared, "delete", creator, ids)
    age(shared, operation)
    assert recover(shared)["started"] == 1
    late = bulk.send(shared, "delete", operation, creator, ids)
    row = bulk.wait_ended(shared, operation)
    shared.wait_for_run(late, bulk.FUNCTIONS["delete"])
    p.wait_quiet(shared)
    assert row["result"] == {"deleted": 30, "failed": 0, "errors": []}
    assert bulk.row(shared, operation) == row
