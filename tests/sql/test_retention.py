"""History leaves by whole days, table by table, and nothing that is live loses what it needs."""
import itertools
import json

import psycopg2
import pytest

from harness.ids import ulid

HELD = {"events", "runs", "run_steps", "step_ledger"}
numbers = itertools.count(1)


@pytest.fixture
def history(db):
    """Days of partitions from 15 days ago on."""
    db.execute("select chronos.ensure_partitions(15, 0)")
    return History(db)


class History:
    def __init__(self, db):
        self.db = db

    def value(self, sql, *parameters):
        self.db.execute(sql, parameters)
        return self.db.fetchone()[0]

    def new_id(self, days_ago):
        ms = self.value("select chronos.to_ms(date_trunc('day', now()) - %s * interval '1 day' + interval '1 hour')", days_ago)
        return ulid(ms, next(numbers))

    def add_event(self, days_ago, run=None, retry_of=None, outcome="accepted"):
        """An event of that day; the run that it began, or joined."""
        run = run or self.new_id(days_ago)
        self.db.execute("insert into chronos.events (id, accepted_at, name, outcome, function_ids, run_ids, retry_of)"
                        " values (%s, date_trunc('day', now()) - %s * interval '1 day' + interval '1 hour', 'n', %s, '{f}',"
                        " array[%s], %s)", (self.new_id(days_ago), days_ago, outcome, run, retry_of))
        return run

    def end(self, run, days_ago, status="completed"):
        """Archives the run, which was accepted on that day."""
        at = (run, days_ago)
        self.db.execute("insert into chronos.runs (id, accepted_at, function_id, status) values"
                        " (%s, date_trunc('day', now()) - %s * interval '1 day' + interval '1 hour', 'f', %s)", (*at, status))
        self.add_step(*at)

    def add_step(self, run, days_ago):
        self.db.execute("insert into chronos.run_steps (run_id, accepted_at, step, attempt, status) values"
                        " (%s, date_trunc('day', now()) - %s * interval '1 day' + interval '1 hour', 's', 1, 'completed')",
                        (run, days_ago))

    def drop(self, default=5, **keep):
        """As the scheduler does it; the names of what was dropped."""
        after, dropped = None, []
        keep = json.dumps({"default": default, **keep})
        self.db.execute("select chronos.part_old_rows(%s)", (keep,))
        while (after := self.value("select chronos.settle_next_day(%s)", after)) is not None:
            pass
        self.db.execute("select partition::text from chronos.droppable_partitions(%s)", (keep,))
        for (name,) in self.db.fetchall():
            self.db.execute("select chronos.drop_partition(%s)", (name,))
            dropped.append(name)
        return dropped

    def kept(self, days_ago):
        """The tables that have a partition of that day."""
        self.db.execute("select table_name from chronos.partitions where day = current_date - %s", (days_ago,))
        return {row[0] for row in self.db.fetchall()}

    def held(self, default=5, **keep):
        self.db.execute("select table_name, current_date - day from chronos.held_partitions(%s)",
                        (json.dumps({"default": default, **keep}),))
        return set(self.db.fetchall())


def test_an_id_tells_when_it_was_made(history):
    assert history.value("select chronos.to_ms(chronos.time_of_id('01ARYZ6S410000000000000000'))") == 1469918176385


def test_each_table_has_its_own_time_and_leaves_by_whole_days(history):
    for days in (4, 8, 12):
        history.end(history.add_event(days), days)
    history.drop(default=10, run_steps=3, rejected_events=6)
    assert history.kept(4) == {"events", "runs", "step_ledger", "rejected_events"}
    assert history.kept(8) == {"events", "runs", "step_ledger"}
    assert history.kept(11) == history.kept(12) == set()
    assert history.kept(10) == {"events", "runs", "step_ledger"}
    assert history.drop(default=10, run_steps=3, rejected_events=6) == []


def test_a_live_run_keeps_its_day_until_it_has_ended(history):
    run = history.add_event(12)
    history.end(history.add_event(12), 12)
    history.end(history.add_event(11), 11)
    history.drop()
    assert history.kept(12) == HELD
    assert history.kept(11) == set()
    assert history.held() == {(table, 12) for table in HELD}
    history.end(run, 12)
    history.drop()
    assert history.kept(12) == set()
    assert history.held() == set()


def test_a_live_run_keeps_its_steps_when_those_are_kept_for_a_shorter_time(history):
    run = history.add_event(8)
    history.add_step(run, 8)
    history.drop(default=10, run_steps=2)
    assert history.kept(8) == {"events", "runs", "run_steps", "step_ledger", "rejected_events"}
    assert history.kept(7) == {"events", "runs", "step_ledger", "rejected_events"}


def test_the_row_of_a_run_outlives_every_event_that_names_it(history):
    """Else a run that several events began would be taken for live, and be run again after a loss of Redis."""
    run = history.add_event(12)
    history.add_event(3, run=run)  # joined it days later
    history.end(run, 12)
    history.drop()
    assert history.kept(12) == {"runs"}
    assert history.kept(11) == set()
    history.drop(default=2)
    history.drop(default=2)
    assert history.kept(3) == history.kept(12) == set()


def test_an_event_of_a_day_that_is_not_over_keeps_the_row_of_the_run_that_it_joined(history):
    run = history.add_event(12)
    history.add_event(0, run=run)
    history.end(run, 12)
    history.drop()
    assert history.kept(12) == {"runs"}


def test_runs_are_kept_as_long_as_their_events(history):
    history.end(history.add_event(8), 8)
    history.drop(default=10, runs=2)
    assert "runs" in history.kept(8)


def test_what_a_live_retry_goes_on_from_is_kept(history):
    first = history.add_event(15)
    history.end(first, 15, "failed")
    second = history.add_event(9, retry_of=first)
    history.end(second, 9, "failed")
    third = history.add_event(0, retry_of=second)
    history.drop()
    for days in (9, 15):
        assert HELD <= history.kept(days)
    history.end(third, 0)
    history.drop()
    assert history.kept(9) == history.kept(15) == set()


def test_events_that_started_nothing_hold_nothing(history):
    history.add_event(8, outcome="duplicate")
    history.drop()
    assert history.kept(8) == set()


def test_a_day_is_judged_once_and_forgotten_with_its_last_partition(history):
    history.end(history.add_event(8), 8)
    history.drop(default=6, runs=10)
    settled = "select count(*) from chronos.settled_days where day = current_date - 8"
    assert history.value(settled) == 1
    history.drop(default=6)
    assert history.value(settled) == 0
    # of the days that are over, but for yesterday
    assert history.value("select count(*) from chronos.settled_days") == 5


def test_rows_of_a_missing_partition_leave_as_one(history):
    history.end(history.add_event(40), 40)
    live = history.add_event(41)
    assert history.value("select count(*) from chronos.events_default") == 2
    history.drop()
    assert history.value("select array_agg(r) from (select unnest(run_ids) r from chronos.events) e") == [live]
    assert history.kept(41) == {"events"}
    assert history.kept(40) == set()
    assert history.value("select count(*) from chronos.runs") == 0


def test_a_drop_does_not_wait_for_long_while_writers_wait_behind_it(history, server):
    name = history.value("select current_database()")
    other = server.connect(name)
    other.autocommit = False
    with other.cursor() as reader:
        reader.execute("select count(*) from chronos.runs")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            history.drop()
    other.rollback()
    other.close()
    assert history.drop()


def test_tables_that_come_later_are_kept_by_the_same_rules(history):
    history.db.execute("create table chronos.diary (at timestamptz not null, what text) partition by range (at)")
    history.db.execute("create table chronos.diary_default partition of chronos.diary default")
    history.db.execute("select chronos.ensure_partitions(15, 0)")
    history.drop(default=5, diary=10)
    assert history.kept(9) == {"diary"}
    assert history.kept(11) == set()


@pytest.mark.parametrize("keep", ['{"default": 0}', '{"default": 1.5}', '{"events": 3}', '[]', '{"default": "x"}',
                                  '{"default": 9, "runs": null}', None])
def test_days_that_cannot_be_meant_are_refused(history, keep):
    with pytest.raises(psycopg2.errors.InvalidParameterValue):
        history.db.execute("select chronos.part_old_rows(%s)", (keep,))
