"""What is kept has an end, in both stores."""

import json

import pytest

from promises import check_promises

MANY = 10000
PER_KIND = ["run:*", "input:*", "steps:*", "slots:*", "wait:*", "blocked:*", "vt:*"]


def days_ago(engine, days):
    """The tables that have a partition of that day."""
    return {r["table_name"] for r in engine.rows(
        "select table_name from chronos.partitions where day = (now() at time zone 'UTC')::date - %s", days)}


def add_day(engine, days, run, ended):
    engine.rows("insert into chronos.events (id, accepted_at, name, outcome, function_ids, run_ids) values"
                " (%s, now() - %s * interval '1 day', 'n', 'accepted', '{test-slow}', array[%s])", "E" + run, days, run)
    engine.rows("insert into chronos.run_steps (run_id, accepted_at, step, attempt, status) values"
                " (%s, now() - %s * interval '1 day', 's', 1, 'completed')", run, days)
    if ended:
        engine.rows("insert into chronos.runs (id, accepted_at, function_id, status)"
                    " select run_ids[1], accepted_at, 'test-slow', 'completed' from chronos.events where id = %s", "E" + run)


def test_old_days_leave_table_by_table_but_for_what_is_live(engine):
    engine.rows("select chronos.ensure_partitions(12, 0)")
    for days in range(3, 13):
        add_day(engine, days, f"{days:026d}", ended=days != 11)
    engine.stack.start_scheduler(CHRONOS_RETENTION_DAYS=8, CHRONOS_RETENTION_EVENTS_DAYS=6,
                                 CHRONOS_RETENTION_STEPS_DAYS=4)
    engine.wait_until(lambda: engine.log_contains("history that is past its time is kept"), 30, "all to be dropped")
    assert days_ago(engine, 12) == days_ago(engine, 9) == set()
    assert {"events", "runs", "run_steps", "step_ledger"} == days_ago(engine, 11)
    assert days_ago(engine, 7) == {"runs", "rejected_events", "step_ledger"}
    assert days_ago(engine, 5) == {"runs", "rejected_events", "step_ledger", "events"}
    assert days_ago(engine, 3) == {"runs", "rejected_events", "step_ledger", "events", "run_steps"}
    assert engine.log_contains("partition=\\S*events_")


@pytest.mark.parametrize("settings, left", [
    ({}, [300, 20, 0]),
    ({"CHRONOS_RETENTION_AUDIT_DAYS": 30}, [20, 0]),
    ({"CHRONOS_RETENTION_AUDIT_DAYS": 0, "CHRONOS_RETENTION_DAYS": 10}, [0]),
])
def test_who_changed_what_leaves_in_time(engine, settings, left):
    """More rows than are deleted at once."""
    for days, rows in ((400, 2500), (300, 1), (20, 1), (0, 1)):
        engine.rows("insert into chronos.audit (at, who, from_address, action, target)"
                    " select now() - %s * interval '1 day', 'w', '', 'a', %s from generate_series(1, %s)", days, days, rows)
    engine.stack.start_scheduler(**settings)
    engine.wait_until(lambda: engine.log_contains("rows of who changed what were past their time"), 20, "the old rows to leave")
    assert [int(r["target"]) for r in engine.rows("select target from chronos.audit order by id")] == left


def test_partitions_are_made_ahead_by_any_number_of_schedulers(engine):
    for table in ("events", "runs"):
        engine.rows("select to_char(now() + interval '3 days', 'YYYYMMDD')")
        name = engine.value("select partition::text from chronos.partitions where table_name = %s"
                            " and day = (now() at time zone 'UTC')::date + 3", table)
        engine.rows(f"drop table {name}")
    for _ in range(3):
        engine.stack.start_scheduler(wait=False)
    engine.wait_until(lambda: days_ago(engine, -3) >= {"events", "runs"}, 20, "the missing ones to be made")
    assert not engine.log_contains("housekeeping failed")


@pytest.mark.parametrize("part", ["with ids", "rejected"])
def test_redis_holds_no_more_keys_after_ten_thousand_runs(engine, part):
    engine.start(workers=2, CHRONOS_DEDUPE_MS=1000)
    engine.run("test/noop", {"creatorId": "first"})
    engine.wait_quiet()
    engine.wait_until(lambda: not list(engine.redis.scan_iter("chronos:seen:*")), 10, "ids to be forgotten")
    base = names(engine)
    for start in range(0, MANY, 1000):
        pipeline = engine.redis.pipeline(transaction=False)
        for n in range(start, start + 1000):
            fields = {"name": "test/noop", "data": json.dumps({"creatorId": f"c{n % 50}"}), "id": f"id-{n}"}
            if part == "rejected" and n % 10 == 0:
                fields["data"] = "not JSON"
            pipeline.xadd("chronos:events", fields)
        engine.sent += pipeline.execute()
    engine.wait_quiet(300)
    for kind in ("seen", "came"):
        engine.wait_until(lambda k=kind: not list(engine.redis.scan_iter(f"chronos:{k}:*")), 60, "ids to be forgotten")
    # a tick, and an audit, may have come meanwhile
    more = names(engine) - base - {"chronos:events:rejected", "{c0}:cron", "{c0}:schedules", "{c0}:history", "{c0}:events"}
    assert not more
    for kind in PER_KIND:
        assert not engine.keys(kind)
    if part == "rejected":
        assert engine.redis.xlen("chronos:events:rejected") == MANY // 10
    else:
        assert engine.value("select count(*) from chronos.runs where function_id = 'test-noop'") == MANY + 1
    check_promises(engine)


def test_rejected_events_take_a_bounded_part_of_redis(engine):
    text = "x" * 500000
    for n in range(0, 200, 20):
        pipeline = engine.redis.pipeline(transaction=False)
        for i in range(n, n + 20):
            pipeline.xadd("chronos:events:rejected", {"rejected_entry": str(i), "data": text}, id=f"{1 + i}-1" if i < 10 else "*")
        pipeline.execute()
    engine.stack.start_scheduler(CHRONOS_RETENTION_REJECTED_DAYS=30)
    engine.wait_until(lambda: engine.redis.memory_usage("chronos:events:rejected") <= 64 << 20, 20, "the older ones to leave")
    left = [int(fields["rejected_entry"]) for _, fields in engine.redis.xrange("chronos:events:rejected")]
    assert left == list(range(200 - len(left), 200))
    assert len(left) >= 90  # no more than it takes
    assert engine.log_contains("the older half was removed")


def test_rejected_events_leave_in_time(engine):
    engine.redis.execute_command("CONFIG", "SET", "stream-node-max-entries", "1")
    for at in (1, 2, 3, "*"):
        engine.redis.xadd("chronos:events:rejected", {"rejected_entry": str(at)}, id=f"{at}-1" if at != "*" else at)
    engine.stack.start_scheduler(CHRONOS_RETENTION_REJECTED_DAYS=1)
    engine.wait_until(lambda: engine.redis.xlen("chronos:events:rejected") == 1, 20, "the old ones to leave")


def names(engine):
    """Of all keys, but for those that are named after a daemon's incarnation."""
    return {k for k in engine.redis.scan_iter("*", count=1000)
            if not k.startswith(("chronos:worker:", "chronos:scheduler:"))}
