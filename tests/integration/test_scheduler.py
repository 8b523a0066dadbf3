"""What the scheduler does behind the doors: archiving, what Postgres refuses, registering, taking over."""

import contextlib
import time

import psycopg2

from promises import check_promises


def test_a_run_that_was_archived_but_not_forgotten_is_forgotten_later(engine):
    """Redis was away after Postgres had the run, and newer history has come since."""
    engine.start()
    engine.run("test/echo")
    engine.wait_quiet()
    scheduler = engine.daemon("scheduler-1")
    scheduler.stop()
    old = engine.redis.xadd("{c0}:history", {"kind": "lines", "run": "GONE OLD", "at": "1", "body": ""})
    for kind, write in (("run", lambda k: engine.redis.hset(k, "done", "1")),
                        ("input", lambda k: engine.redis.set(k, "{}")),
                        ("steps", lambda k: engine.redis.hset(k, "s", "1"))):
        write(f"{{c0}}:{kind}:OLD")
    engine.rows("update chronos.archive_cursor set last_id = %s where partition = 0", old)
    engine.redis.xadd("{c0}:history", {"kind": "next", "run": "NEW", "at": "1", "body": ""})
    scheduler.start()
    engine.wait_until(lambda: engine.history_length() == 0, 10, "the history to be archived")
    assert engine.keys("*:OLD") == []
    check_promises(engine)


def test_a_scheduler_that_starts_while_redis_is_full_makes_room(engine):
    engine.start()
    engine.run("test/echo")
    engine.wait_quiet()
    entries = [engine.send("test/slow", {"ms": 1500}) for _ in range(5)]
    engine.wait_for(5, function="test-slow", what="start")
    engine.daemon("scheduler-1").kill()
    engine.configure_redis("maxmemory", "1mb")
    engine.wait_for(5, function="test-slow", what="end")
    engine.daemon("scheduler-1").start()
    for entry in entries:
        engine.wait_for_run(entry, status="completed")
    engine.wait_until(lambda: engine.history_length() == 0, 10, "the history to be archived")
    engine.configure_redis("maxmemory", "1gb")
    engine.run("test/echo")
    check_promises(engine)


def test_redis_loses_everything(engine):
    """Live runs are put back from Postgres, with what their steps had left behind; seen event ids are known again."""
    engine.start()
    done = engine.run("test/echo", {}, id="once")
    entries = [engine.send("test/slow", {"creatorId": c, "ms": 1500} if c else {"ms": 1500}) for c in ("a", "b", "")]
    entries.append(engine.send("test/sleeper", {"ms": 1000}))
    engine.wait_for(3, function="test-slow", what="start")
    engine.wait_for(function="test-sleeper", what="sleep")
    for entry in entries:
        engine.wait_until(lambda e=entry: engine.event(e), 10, "the event in Postgres")
    engine.redis.flushall()
    lost_at = time.monotonic()
    assert engine.wait_for(function="test-sleeper", what="wake")[0].at > lost_at + 1, "the sleep was cut short"
    for entry in entries:
        engine.wait_for_run(entry, status="completed", deadline=30)
    again = engine.send("test/echo", {}, id="once")
    assert engine.wait_until(lambda: engine.event(again), 10, "the second event")["outcome"] == "duplicate"
    assert done["id"] in engine.run_ids("test-echo")
    check_promises(engine)


def refused(engine):
    return [(r["query"], bytes(r["line"]).decode().split("\t")[0])
            for r in engine.rows("select query, line from chronos.refused_rows order by query, id")]


def test_rows_that_postgres_refuses_are_kept_and_come_to_their_tables_later(engine):
    """Somebody put constraints of his own on the tables of the history."""
    engine.start()
    engine.rows("alter table chronos.runs add constraint mine check (function_id <> 'test-once') not valid")
    engine.rows("alter table chronos.events add constraint mine check (name <> 'test/once') not valid")
    entries = [engine.send("test/once" if n % 2 else "test/echo", {"key": f"k{n}", "creatorId": "c"}) for n in range(10)]
    for entry in entries[::2]:
        engine.wait_for_run(entry, status="completed")
    engine.wait_until(lambda: len(refused(engine)) == 10, 20, "the rows that were refused", seen=lambda: refused(engine))
    engine.wait_until(lambda: engine.history_length() == 0, 10, "the history to be archived")
    assert [q for q, _ in refused(engine)] == ["copy_events"] * 5 + ["copy_runs"] * 5
    assert not engine.run_ids("test-once") and len(engine.run_ids("test-echo")) == 5
    assert engine.log_contains("code=row-refused.*violates check constraint", "scheduler-1")
    engine.daemon("scheduler-1").restart()
    engine.run("test/echo")
    assert len(refused(engine)) == 10, "they are there once, however often they are refused"
    engine.rows("alter table chronos.events drop constraint mine")
    engine.rows("alter table chronos.runs drop constraint mine")
    engine.daemon("scheduler-1").restart()
    engine.wait_until(lambda: refused(engine) == [], 20, "the rows to be taken")
    for entry in entries[1::2]:
        engine.wait_for_run(entry, status="completed")
    assert len(engine.run_ids("test-once")) == 5
    engine.wait_quiet()
    check_promises(engine, allow_errors=("code=row-refused",))


SLOWLY = """create function public.slowly() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.3); return new; end $$;
create trigger slowly before insert on chronos.runs for each row execute function public.slowly()"""


def test_history_that_postgres_does_not_take_in_its_time_is_taken_in_smaller_pieces(engine):
    """All of it together would take longer than a statement may, however often it is tried."""
    engine.start()
    engine.run("test/echo")
    engine.wait_quiet()
    engine.rows(SLOWLY)
    with contextlib.closing(psycopg2.connect(engine.stack.database_url)) as holder:
        with holder.cursor() as c:
            # the archive is held, so that there is much to do when it goes on
            c.execute("select from chronos.archive_cursor where partition = 0 for update")
            for n in range(50):
                engine.send("test/echo", {"n": n})
                engine.wait_until(lambda n=n: engine.history_length() > n, 10, "the end of a run")
    engine.wait_until(lambda: len(engine.run_ids("test-echo")) == 51, 90, "all runs in Postgres",
                      seen=lambda: (len(engine.run_ids("test-echo")), engine.history_length()))
    assert engine.log_contains("code=archive-waits.*statement timeout", "scheduler-1"), "it was not too much for this test"
    engine.rows("drop trigger slowly on chronos.runs")
    engine.wait_quiet()
    check_promises(engine)


def test_history_that_is_delivered_again_is_there_once(engine):
    engine.start()
    entry = engine.send("test/slow", {"ms": 1500})
    engine.wait_for(function="test-slow", what="start")
    engine.daemon("scheduler-1").stop()
    engine.wait_for(function="test-slow", what="end")
    engine.wait_until(lambda: engine.history_length() > 0, 10, "the history")
    entries = [fields for _, fields in engine.redis.xrange("{c0}:history")]
    engine.daemon("scheduler-1").start()
    engine.wait_for_run(entry, status="completed")
    engine.wait_until(lambda: engine.history_length() == 0, 10, "the history to be archived")
    for fields in entries:
        engine.redis.xadd("{c0}:history", fields)
    engine.wait_until(lambda: engine.history_length() == 0, 10, "the history to be archived again")
    assert len(engine.run_ids("test-slow")) == 1 and refused(engine) == []
    assert not engine.log_contains("code=row-refused", "scheduler-1")
    check_promises(engine)
