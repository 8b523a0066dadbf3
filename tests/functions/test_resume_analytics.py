"""A worker is killed at every point of aggregate-analytics and another takes over: the same trace, the same result, and
every creator's figures are there once.

All runs are for all creators, three batches of them, so each is compared by its own history and the cache once they have
all ended."""

import pytest

import pipeline as p
from ops.stack import seed
from test_resume import LEASE_MS, Crashes, points_of

AGGREGATE = "aggregate-analytics"
BATCHES = ["aggregate-batch-0", "aggregate-batch-1", "aggregate-batch-2"]
STEPS = ["list-batches", "each:aggregate-batch", *BATCHES, "summarise"]
# what is no transaction is not in the ledger, and after a batch's commit there is nothing more of its branch to run
NOT_REACHED = {"after-ledger:each:aggregate-batch", "after-ledger:summarise", *("after-commit:" + b for b in BATCHES)}
POINTS = [point for point in points_of(STEPS) if point not in NOT_REACHED]
UNTIL = "2026-03-29T10:00:00Z"
CREATORS = 205


@pytest.fixture
def crashes(bare):
    bare.stack.start_scheduler(CHRONOS_LEASE_MS=LEASE_MS)
    armed = Crashes(bare)
    yield armed
    armed.clear()


def finished(chronos, count):
    return chronos.at_least(count, chronos.rows(
        "select * from chronos.runs where function_id = %s order by id", AGGREGATE))


def history(chronos, run):
    """Everything of a run that is the same in each: not when it was, but in which order."""
    steps = [(s["step"], s["attempt"], s["status"], {k: v for k, v in s["result"].items() if k != "at"}
              if isinstance(s["result"], dict) else s["result"]) for s in chronos.steps_of(run)]
    ledger = chronos.rows("select step from chronos.step_ledger where run_id = %s order by step", run["id"])
    return {"status": run["status"], "output": run["output"], "steps": sorted(map(repr, steps)), "ledger": ledger}


def figures(chronos):
    return chronos.rows("""select creator_id, date_range, data -> 'metrics' ->> 'total_videos' as videos,
        data -> 'top_videos' as top from public.analytics_cache where date_range = 'all_time' order by creator_id""")


def send_until_all_are_dead(crashes):
    """A batch is executed by whoever takes it, so an armed worker may need more than one run to get to its point. How many
    runs there were."""
    chronos = crashes.chronos
    for _ in POINTS:
        chronos.send_event("analytics/aggregate.requested", {})
    sent = len(POINTS)
    while crashes.living():
        chronos.wait_until(lambda: not crashes.living() or finished(chronos, 1 + sent), 120, "armed workers to die",
                           seen=crashes.living)
        if crashes.living():
            chronos.send_event("analytics/aggregate.requested", {})
            sent += 1
    crashes.wait_all_dead()
    return sent


def test_aggregation_survives_a_crash_at_every_point(crashes):
    chronos = crashes.chronos
    with chronos.db.cursor() as c:
        c.execute(seed.statement(creators=CREATORS, videos=300, students=100, events=900, seed=4, until=UNTIL))
    crashes.take_over()
    chronos.send_event("analytics/aggregate.requested", {})
    reference = chronos.wait_until(lambda: finished(chronos, 1), 60, "the undisturbed run")[0]
    crashes.step_aside()
    expected, once = history(chronos, reference), figures(chronos)
    assert expected["output"]["creators_processed"] == len(once) == CREATORS
    assert expected["output"]["cache_entries_updated"] == 4 * CREATORS

    chronos.rows("delete from public.analytics_cache")
    crashes.arm(POINTS)
    sent = send_until_all_are_dead(crashes)
    crashes.take_over()
    runs = chronos.wait_until(lambda: finished(chronos, 1 + sent), 120, "all runs to end")
    p.wait_quiet(chronos)

    assert len(runs) == 1 + sent
    assert chronos.value("select sum(deaths) from chronos.runs") >= len(POINTS)
    assert figures(chronos) == once
    for run in runs:
        seen = history(chronos, run)
        # runs overtake each other, and what is newer is not replaced: a run that came later than another's may keep less
        for key in ("status", "ledger"):
            assert seen[key] == expected[key]
        assert seen["output"]["creators_processed"] == CREATORS
        assert seen["output"]["errors"] == []
        assert [(s.split(",")[:3]) for s in seen["steps"]] == [(s.split(",")[:3]) for s in expected["steps"]]
