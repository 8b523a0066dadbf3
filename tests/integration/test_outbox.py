"""Events that applications and operators send from SQL: each exactly once, whatever happens on the way."""

import os
import re
import threading
import time

import psycopg2
import pytest

from ops.stack import repository
from promises import check_promises


def call(engine, sql, *values):
    return engine.value(f"select chronos.{sql}", *values)


def run_of(engine, row, deadline=20):
    """The finished run of an outbox row: all rows of a test have different data.n."""
    return engine.wait_until(lambda: engine.rows(
        "select r.* from chronos.runs r join chronos.events e on e.id = r.event_id where e.data->>'n' = %s", str(row)),
        deadline, f"the run of {row}", interval=0.05)[0]


def send(engine, n, name="test/echo", **more):
    return call(engine, "send(%s, jsonb_build_object('n', %s, 'creatorId', 'c'))", name, n)


def wait_delivered(engine, deadline=20):
    engine.wait_until(lambda: engine.value("select count(*) from chronos.outbox") == 0, deadline, "an empty outbox",
                      seen=lambda: engine.rows("select * from chronos.outbox limit 3"))


def test_an_event_comes_with_its_transaction(engine):
    engine.start()
    other = psycopg2.connect(engine.stack.database_url)
    with other.cursor() as c:
        c.execute("select chronos.send('test/echo', '{\"n\": 1}')")
        other.rollback()
        c.execute("select chronos.send('test/echo', '{\"n\": 2}')")
        send(engine, 3)
        run_of(engine, 3)
        assert not engine.rows("select * from chronos.events where data->>'n' in ('1', '2')")
        committed = time.monotonic()
        other.commit()
        assert run_of(engine, 2)["status"] == "completed"
        assert time.monotonic() - committed < 0.9, "it was told, and did not wait for the next look"
    other.close()
    wait_delivered(engine)
    assert engine.value("select count(*) from chronos.events where name = 'test/echo'") == 2
    check_promises(engine)


def test_all_that_was_said_arrives(engine):
    engine.start()
    call(engine, """send('test/echo', '{"n": 1, "text": "ü\\n\\"", "_inngest": {"x": 1}}', id => 'once', v => '7',
                    "user" => '{"who": [1, null]}', ts => '2020-01-02 03:04:05.678Z')""")
    run = run_of(engine, 1)
    event = engine.row("select *, chronos.to_ms(ts) as ms from chronos.events where name = 'test/echo'")
    assert event["data"] == {"n": 1, "text": 'ü\n"'} and event["user"] == {"who": [1, None]}
    assert (event["idempotency_key"], event["v"], event["ms"]) == ("once", "7", 1577934245678)
    assert event["run_ids"] == [run["id"]] and event["outcome"] == "accepted"
    call(engine, "send('test/echo', '{\"n\": 2}', id => 'once')")
    wait_delivered(engine)
    assert [e["outcome"] for e in engine.rows("select outcome from chronos.events where name = 'test/echo' order by accepted_at")] == [
        "accepted", "duplicate"]
    check_promises(engine)


def test_an_event_of_the_future_waits(engine):
    engine.start()
    engine.value("select chronos.send('test/echo', '{\"n\": 1, \"creatorId\": \"c\"}', ts => now() + interval '1 hour')")
    wait_delivered(engine)
    assert not engine.rows("select * from chronos.runs where function_id = 'test-echo'")
    run, = engine.keys("run:*")
    engine.redis.zadd(engine.home("c") + ":timers", {run.split(":run:")[1]: 0})
    assert run_of(engine, 1)["status"] == "completed"


def test_what_the_schedulers_refuse_leaves_the_outbox(engine):
    """A row that was inserted by hand, past chronos.send."""
    engine.start(CHRONOS_MAX_EVENT_BYTES=2000)
    engine.rows("insert into chronos.outbox (name, data) values ('test/echo', json_build_object('x', repeat('y', 3000)))")
    wait_delivered(engine)
    assert "at most 2000 are allowed" in engine.value("select reason from chronos.rejected_events")


def test_the_schedulers_setting_reaches_send(engine):
    engine.start(CHRONOS_MAX_EVENT_BYTES=2000)
    engine.wait_until(lambda: engine.rows("select 1 from chronos.meta where key = 'max_event_bytes' and value = '2000'"),
                      10, "the setting")
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="at most 2000 are allowed"):
        call(engine, "send('test/echo', jsonb_build_object('x', repeat('y', 3000)))")


def test_rows_wait_while_redis_is_away(engine):
    engine.start()
    run = engine.run("test/echo", {"n": 0})
    engine.stack.redis.kill()
    for n in range(1, 6):
        send(engine, n)
    engine.wait_until(lambda: engine.log_contains("events wait in the outbox"), 10, "the warning")
    assert engine.value("select count(*) from chronos.outbox") == 5
    engine.stack.redis.start()
    for n in range(1, 6):
        assert run_of(engine, n)["status"] == "completed"
    assert run["status"] == "completed"
    wait_delivered(engine)
    check_promises(engine)


def test_rows_wait_while_redis_is_full(engine):
    engine.start()
    engine.run("test/echo", {"n": 0})
    engine.configure_redis("maxmemory", "1")
    for n in range(1, 6):
        send(engine, n)
    engine.wait_until(lambda: engine.log_contains("events wait in the outbox"), 10, "the warning")
    assert engine.value("select count(*) from chronos.outbox where event_id is not null") == 0
    engine.configure_redis("maxmemory", "1gb")
    for n in range(1, 6):
        assert run_of(engine, n)["status"] == "completed"
    wait_delivered(engine)
    check_promises(engine)


def test_postgres_comes_back_and_is_listened_to_again(make_stack):
    engine = make_stack()
    engine.stack.start_postgres()
    engine.stack.start_redis()
    engine.start()
    send(engine, 1)
    run_of(engine, 1)
    engine.stack.postgres.process.kill()
    engine.stack.start_postgres()
    engine.clients.pop("db").close()
    send(engine, 2)
    assert run_of(engine, 2)["status"] == "completed"
    listening = "select count(*) from pg_stat_activity where application_name = 'chronos-outbox'"
    engine.wait_until(lambda: engine.value(listening) == 1, 10, "its connection")
    begun = time.monotonic()
    send(engine, 3)
    run_of(engine, 3)
    assert time.monotonic() - begun < 0.9, "by being told, not by looking"
    wait_delivered(engine)


def test_each_row_once_with_two_schedulers_that_are_killed(engine):
    engine.start(workers=1, CHRONOS_LEASE_MS=1000)
    second = engine.stack.start_scheduler(name="second", CHRONOS_LEASE_MS=1000)
    total, stop = 2000, threading.Event()

    def kill():
        while not stop.wait(0.7):
            for daemon in (engine.daemon("scheduler-1"), second):
                daemon.process.kill()
                daemon.start(wait=False)
                stop.wait(0.4)

    killer = threading.Thread(target=kill)
    killer.start()
    db = psycopg2.connect(engine.stack.database_url)
    with db.cursor() as c:
        for n in range(0, total, 20):
            c.execute("select chronos.send('test/noop', jsonb_build_object('n', i, 'creatorId', 'c' || i %% 7))"
                      " from generate_series(%s, %s) i", (n, n + 19))
            db.commit()
            time.sleep(0.02)
    db.close()
    engine.wait_until(lambda: engine.value("select count(*) from chronos.outbox where event_id is null") == 0, 60,
                      "all to be sent", interval=0.1)
    stop.set()
    killer.join()
    wait_delivered(engine, 60)
    found = engine.row("select count(*) as n, count(distinct data->>'n') as different from chronos.events"
                       " where name = 'test/noop'")
    assert found == {"n": total, "different": total}
    check_promises(engine, 60)
    assert engine.value("select count(*) from chronos.runs where function_id = 'test-noop'") == total


def test_a_row_that_is_sent_twice_starts_one_run(engine):
    """The first time Redis has it and the transaction fails; the sequence remembers, as it follows no transaction."""
    engine.start()
    engine.rows("""create sequence chronos.tries;
        create function fail_once() returns trigger language plpgsql as $$
        begin
            if nextval('chronos.tries') = 1 then raise exception 'not this time'; end if;
            return null;
        end $$;
        create trigger fail_once before update on chronos.outbox for each statement execute function fail_once()""")
    send(engine, 1)
    run_of(engine, 1)
    wait_delivered(engine)
    assert engine.value("select last_value from chronos.tries") >= 2
    assert engine.redis.xinfo_stream("{c0}:events")["entries-added"] >= 2
    assert engine.value("select count(*) from chronos.events where name = 'test/echo'") == 1
    assert engine.value("select count(*) from chronos.runs where function_id = 'test-echo'") == 1
    check_promises(engine)


def look_now(engine):
    engine.rows("update chronos.outbox set look_at = now()")


def test_what_redis_loses_on_the_way_is_sent_again(engine):
    """Nobody reads the stream before functions are known, so the entry is still there when it gets lost."""
    engine.stack.start_scheduler()
    send(engine, 1)
    engine.wait_until(lambda: engine.redis.xlen("{c0}:events") == 1, 10, "the entry")
    engine.wait_until(lambda: engine.rows("select 1 from chronos.outbox where look_at > now() + interval '1 second'"), 10,
                      "the first look, that finds it there")
    engine.redis.xtrim("{c0}:events", maxlen=0, approximate=False)
    look_now(engine)
    engine.wait_until(lambda: engine.rows("select 1 from chronos.outbox where missed"), 10, "the look that misses it")
    assert engine.redis.xlen("{c0}:events") == 0, "it might be in somebody's hands"
    look_now(engine)
    engine.wait_until(lambda: engine.redis.xlen("{c0}:events") == 1, 10, "the entry again")
    engine.stack.start_worker()
    assert run_of(engine, 1)["status"] == "completed"
    wait_delivered(engine)
    check_promises(engine)


def test_a_redis_that_is_empty_gets_all_of_it_again(engine):
    engine.stack.start_scheduler()
    for n in range(20):
        send(engine, n)
    engine.wait_until(lambda: engine.redis.xlen("{c0}:events") == 20, 10, "the entries")
    engine.redis.flushall()
    engine.stack.start_worker()
    for _ in range(2):
        look_now(engine)
        time.sleep(0.1)
    for n in range(20):
        assert run_of(engine, n, deadline=40)["status"] == "completed"
    wait_delivered(engine)
    assert engine.value("select count(*) from chronos.runs where function_id = 'test-echo'") == 20
    check_promises(engine)


# ---- for one function ----

def known(engine, fn):
    engine.wait_until(lambda: engine.rows("select 1 from chronos.functions where id = %s", fn), 10, "the function")


def test_invoke_starts_a_function_whatever_it_listens_to(engine):
    engine.start()
    known(engine, "test-echo")
    call(engine, "invoke('test-echo', '{\"n\": 1}')")
    run = run_of(engine, 1)
    assert (run["function_id"], run["event_name"], run["status"]) == ("test-echo", "inngest/function.invoked", "completed")
    call(engine, "invoke('test-echo', '{\"n\": 2}')")
    assert run_of(engine, 2)["id"] != run["id"]
    wait_delivered(engine)
    check_promises(engine)


def failed_run(engine, mended):
    entry = engine.send("test/mendable", {"creatorId": "c", "n": 1, "mended": str(mended)})
    return engine.wait_for_run(entry, "test-mendable", "failed")


def again(engine, column, run):
    event = engine.wait_until(lambda: engine.rows(f"select * from chronos.events where {column} = %s", run["id"]), 20,
                              "the event")[0]
    return engine.wait_for_run(event["id"], "test-mendable")


def test_retry_goes_on_where_it_failed(engine, tmp_path):
    engine.start()
    mended = tmp_path / "mended"
    failed = failed_run(engine, mended)
    mended.touch()
    call(engine, "retry(%s)", failed["id"])
    run = again(engine, "retry_of", failed)
    assert run["status"] == "completed" and run["id"] != failed["id"]
    assert run["output"]["data"]["n"] == 1
    assert [(h.what, h.run) for h in engine.happenings(function="test-mendable")] == [
        ("first", failed["id"]), ("second", failed["id"]), ("second", run["id"])]
    wait_delivered(engine)
    check_promises(engine)


def asked(run="", function=""):
    """The question of sql/README.md for the event of an `id`, and its other ends, {what was called: the question}."""
    with open(os.path.join(repository(), "sql", "README.md"), encoding="utf-8") as f:
        text = f.read()
    question = re.search(r"^select e\.id as event.*?;$", text, flags=re.M | re.S).group(0)
    start = question[:question.index("where ")]
    ends = re.findall(r"^\| `(\w+)\('(?:RUN|FUNCTION)'.*?\)` \| `(where .*?)` \|$", text, flags=re.M)
    return {"send": question} | {name: (start + end).replace("RUN", run).replace("FUNCTION", function) for name, end in ends}


def test_what_became_of_it_is_found_as_the_readme_says(engine, tmp_path):
    engine.start()
    mended = tmp_path / "mended"
    failed = failed_run(engine, mended)
    mended.touch()
    call(engine, """send('test/echo', '{"n": 2}', id => 'lesson-17')""")
    call(engine, "send('test/nobody', id => 'unheard')")
    call(engine, "replay(%s)", failed["id"])
    call(engine, "retry(%s)", failed["id"])
    call(engine, "invoke('test-echo', '{}')")
    call(engine, "trigger('test-ticking')")
    questions = asked(failed["id"], "test-echo")
    questions["trigger"] = asked(function="test-ticking")["trigger"]
    assert set(questions) == {"send", "retry", "replay", "invoke", "trigger"}
    for name, question in questions.items():
        row = engine.wait_until(lambda q=question: [r for r in engine.rows(q) if r["status"]], 20, name)[0]
        assert (row["outcome"], row["status"], row["error_message"]) == ("accepted", "completed", None), name
        assert engine.wait_for_run(row["event"])["id"] == row["run"] != failed["id"], name
    unheard = engine.wait_until(lambda: engine.rows(questions["send"].replace("lesson-17", "unheard")), 20, "the other event")
    assert [(r["outcome"], r["run"]) for r in unheard] == [("unmatched", None)]
    check_promises(engine)


def test_replay_begins_again(engine, tmp_path):
    engine.start()
    mended = tmp_path / "mended"
    failed = failed_run(engine, mended)
    mended.touch()
    for n in (1, 2):
        call(engine, "replay(%s)", failed["id"])
        engine.wait_until(lambda: len(engine.happenings(function="test-mendable", what="second")) == n + 1, 20, "a run")
    runs = engine.wait_for_function("test-mendable", 3)
    assert sorted(r["status"] for r in runs) == ["completed", "completed", "failed"]
    assert len(engine.happenings(function="test-mendable", what="first")) == 3
    check_promises(engine)
