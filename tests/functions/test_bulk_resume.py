"""Workers that die in operations on many videos: afterwards everything is as if nothing had happened."""

import pytest

import bulk
import pipeline as p
from test_resume import Crashes, LEASE_MS, points_of


@pytest.fixture(scope="module")
def all_crashes(bare):
    bare.stack.start_scheduler(CHRONOS_LEASE_MS=LEASE_MS)
    return Crashes(bare)


@pytest.fixture
def crashes(all_crashes):
    yield all_crashes
    all_crashes.clear()


STEPS = {
    "delete": ["update-status-in-progress", "each:delete-batch", "delete-batch-0", "delete-batch-10", "delete-files",
               "update-final-status"],
    "reprocess": ["update-status-in-progress", "each:reprocess-batch", "reprocess-batch-0", "reprocess-batch-10",
                  "update-final-status"],
    "export": ["update-status-in-progress", "export-csv", "sign-link", "update-final-status"],
}
NOT_TX = ("each:", "delete-files", "export-csv", "sign-link")


def points(kind):
    return [point for point in points_of(STEPS[kind])
            if not (point.startswith("after-ledger:") and point.split(":", 1)[1].startswith(NOT_TX))]


def prepare(chronos, kind):
    """(operation, ids) of an operation with something wrong in it."""
    creator = chronos.make_creator()
    ids = bulk.make_videos(chronos, creator, 13, transcript="Words that are spoken. " * 20)
    asked = [*ids, "nonsense", ids[0]]
    return creator, ids, asked, bulk.make_operation(chronos, kind, creator, asked)


def seen(chronos, kind, prepared):
    creator, ids, asked, operation = prepared
    row = bulk.row(chronos, operation)
    for passing in ("download_url", "file_name", "expires_at_ms"):
        row["result"].pop(passing, None)
    runs = chronos.rows("""select r.* from chronos.runs r join chronos.events e on e.id = r.event_id
        where e.data ->> 'operationId' = %s""", operation)
    return {
        "operation": [row[k] for k in ("status", "progress_current", "progress_total", "result", "error_message")],
        "left": len(bulk.left(chronos, ids)),
        "started": sorted(ids.index(r["id"]) for r in chronos.rows(
            "select data ->> 'videoId' as id from chronos.events where name = %s and data ->> 'creatorId' = %s",
            "video/transcription.completed", creator)),
        "runs": [(r["function_id"], r["status"], [(s["step"], s["attempt"], s["status"])
                                                  for s in sorted(chronos.steps_of(r), key=lambda s: s["step"])])
                 for r in runs],
    }


@pytest.mark.parametrize("kind", STEPS)
def test_an_operation_survives_a_crash_at_every_point(crashes, kind):
    chronos = crashes.chronos
    reference = prepare(chronos, kind)
    crashes.take_over()
    bulk.send(chronos, kind, reference[3], reference[0], reference[2])
    bulk.wait_ended(chronos, reference[3])
    p.wait_quiet(chronos)
    crashes.step_aside()
    expected = seen(chronos, kind, reference)
    assert expected["operation"][0] == "partial" and len(expected["runs"]) == 1

    places = points(kind)
    crashes.arm(places)
    prepared = [prepare(chronos, kind) for _ in places]
    for creator, _, asked, operation in prepared:
        bulk.send(chronos, kind, operation, creator, asked)
    crashes.wait_all_dead()
    crashes.take_over()
    for one in prepared:
        bulk.wait_ended(chronos, one[3], 90)
    p.wait_quiet(chronos)
    crashes.step_aside()
    deaths = chronos.value("""select coalesce(sum(deaths), 0) from chronos.runs where function_id = %s""",
                           bulk.FUNCTIONS[kind])
    assert deaths >= len(places)
    for one in prepared:
        assert seen(chronos, kind, one) == expected


def test_a_worker_killed_in_the_middle_of_95_videos(crashes):
    """Nothing that was deleted is told as an error."""
    chronos = crashes.chronos
    creator = chronos.make_creator()
    ids = bulk.make_videos(chronos, creator, 95)
    operation = bulk.make_operation(chronos, "delete", creator, ids)
    victim = chronos.stack.start_worker("victim", CHRONOS_WORKER_THREADS=1, **crashes.settings)
    bulk.send(chronos, "delete", operation, creator, ids)
    chronos.wait_until(lambda: bulk.row(chronos, operation)["progress_current"] > 0, 20, "the first batch", interval=0.001)
    victim.kill()
    at = bulk.row(chronos, operation)
    assert at["status"] == "in_progress" and at["progress_current"] < 95, "it had ended: this tests nothing"
    assert len(bulk.left(chronos, ids)) == 95 - at["progress_current"]
    crashes.take_over()
    row = bulk.wait_ended(chronos, operation)
    assert (row["status"], row["progress_current"]) == ("completed", 95)
    assert row["result"] == {"deleted": 95, "failed": 0, "errors": []}
    assert bulk.left(chronos, ids) == set()
