"""Days as partitions: made ahead, filled from the default partition, dropped by age."""
import threading

import psycopg2
import pytest

TABLES = ["events", "rejected_events", "run_steps", "runs", "step_ledger"]


def partitions(db, table):
    db.execute("select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid"
               " where i.inhparent = %s::regclass and c.relname ~ '\\d{8}$' order by 1",
               ("chronos." + table,))
    return [row[0] for row in db.fetchall()]


def add_run(db, name, days_ago):
    db.execute("insert into chronos.runs (id, accepted_at, function_id, status)"
               " values (%s, now() - %s * interval '1 day', 'f', 'completed')"
               " returning tableoid::regclass::text", (name, days_ago))
    return db.fetchone()[0]


def test_migrating_makes_a_week_ahead(db):
    db.execute("select to_char(now() at time zone 'UTC', 'YYYYMMDD')")
    today = db.fetchone()[0]
    for table in TABLES:
        assert f"{table}_{today}" in partitions(db, table)
        assert len(partitions(db, table)) == 9


def test_ensuring_twice_makes_nothing(db):
    db.execute("select chronos.ensure_partitions(2, 8)")
    assert db.fetchone() == (2 * len(TABLES),)
    db.execute("select chronos.ensure_partitions(2, 8)")
    assert db.fetchone() == (0,)


def test_bounds_are_utc_days_whatever_the_session_thinks(db):
    db.execute("set timezone to 'Asia/Tokyo'")
    db.execute("select chronos.ensure_partitions(0, 20)")
    db.execute("set timezone to 'UTC'")
    db.execute("select pg_get_expr(relpartbound, oid) from pg_class where oid = %s::regclass",
               ("chronos." + partitions(db, "runs")[-1],))
    assert db.fetchone()[0].count(" 00:00:00+00'") == 2


def test_rows_move_out_of_the_default_partition(db):
    assert add_run(db, "r1", 3) == "chronos.runs_default"
    assert add_run(db, "r2", 30) == "chronos.runs_default"
    db.execute("select chronos.ensure_partitions(5, 0)")
    db.execute("select id, tableoid::regclass::text <> 'chronos.runs_default' from chronos.runs"
               " order by 1")
    assert db.fetchall() == [("r1", True), ("r2", False)]


def test_new_partitions_carry_the_indexes(db):
    db.execute("select chronos.ensure_partitions(0, 30)")
    for table in TABLES:
        db.execute("select count(*) from pg_index where indrelid = %s::regclass and not exists"
                   " (select from pg_inherits where inhrelid = indexrelid)",
                   ("chronos." + partitions(db, table)[-1],))
        assert db.fetchone() == (0,)  # every index hangs below the parent's


def test_old_days_are_dropped_and_newer_kept(db):
    db.execute("select chronos.ensure_partitions(10, 0)")
    for days in (1, 5, 6, 9, 400):
        add_run(db, f"r{days}", days)
    db.execute("select chronos.drop_partitions(5)")
    assert db.fetchone() == (5 * len(TABLES) + 1,)  # the day of r400 became a partition, to leave as one
    db.execute("select id from chronos.runs order by 1")
    assert db.fetchall() == [("r1",), ("r5",)]


@pytest.mark.parametrize("days", [0, -1, None])
def test_dropping_today_is_refused(db, days):
    with pytest.raises(psycopg2.errors.InvalidParameterValue):
        db.execute("select chronos.drop_partitions(%s)", (days,))


def test_schedulers_may_ensure_at_once(db, server):
    db.execute("select current_database()")
    name, made, failures = db.fetchone()[0], [], []

    def ensure():
        try:
            connection = server.connect(name)
            with connection.cursor() as c:
                c.execute("select chronos.ensure_partitions(4, 10)")
                made.append(c.fetchone()[0])
            connection.close()
        except psycopg2.Error as e:
            failures.append(e)
    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    assert sorted(made) == [0, 0, 0, 6 * len(TABLES)]


def test_a_key_seen_in_the_default_partition_is_still_one_key(db):
    row = ("insert into chronos.runs (id, accepted_at, function_id, status)"
           " values ('r', '2020-01-01', 'f', 'failed') on conflict do nothing")
    db.execute(row)
    db.execute(row)
    assert db.rowcount == 0
