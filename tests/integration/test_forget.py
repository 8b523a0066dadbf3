"""All data of a creator leave both stores, and nobody else's."""

import json
import uuid

import psycopg2
import pytest

from promises import check_limits


def holders(engine, text):
    """Where the text is, in either store: tables and keys."""
    found = []
    for row in engine.rows("select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on"
                           " n.oid = c.relnamespace where n.nspname in ('public', 'chronos') and c.relkind = 'r'"):
        if engine.value(f"select count(*) from {row['name']} t where t::text like %s", f"%{text}%"):
            found.append(row["name"])
    for key in engine.redis.scan_iter("*", count=1000):
        if text in key or text in content(engine.redis, key):
            found.append(key)
    return found


def content(r, key):
    read = {"string": lambda: r.get(key), "hash": lambda: r.hgetall(key), "set": lambda: r.smembers(key),
            "zset": lambda: r.zrange(key, 0, -1), "list": lambda: r.lrange(key, 0, -1), "stream": lambda: r.xrange(key)}
    return str(read[r.type(key)]())


def forget(engine, creator, deadline=60):
    """Waits for the order to be done; its row."""
    order = engine.value("select chronos.forget(%s)", creator)
    engine.wait_until(lambda: engine.value("select done_at is not null from chronos.forgotten where id = %s", order),
                      deadline, "the creator to be forgotten")
    return engine.rows("select * from chronos.forgotten where id = %s", order)[0]


def make_traces(engine, creator):
    """Leaves traces of a creator in every table that a job writes, and in Redis."""
    video = engine.make_video("youtube", creator)
    ids = {"creatorId": str(creator), "videoId": str(video["id"])}
    engine.run("test/tx", {**ids, "ms": 1})
    engine.run("test/echo", {"creatorId": str(creator), "about": str(creator)}, id=f"key-{creator}")
    engine.run("test/permanent", ids, function="test-permanent", status="failed")
    engine.send_raw({"name": "test/echo", "data": f"not JSON of {creator}"})
    engine.run("test/echo", {"creatorId": "another", "also": [str(creator)]})  # about several
    engine.rows("insert into public.usage_metrics (creator_id, date, ai_credits_used, transcription_minutes)"
                " values (%s, '2026-10-05', 30, 1.5), (%s, '2026-10-06', 12, 2.5)", creator, creator)
    engine.rows("insert into public.analytics_cache (creator_id, date_range, data) values (%s, 'all_time', '{}')", creator)
    engine.rows("insert into public.video_chunks (video_id, chunk_index, chunk_text, start_time_seconds, end_time_seconds,"
                " word_count) values (%s, 0, 'x', 0, 1, 1)", video["id"])
    engine.rows("select chronos.set_weight(%s, 3)", str(creator))
    engine.rows("select chronos.set_limit('creator', %s, 5)", str(creator))
    for action, target, details in (
            ("weight.set", str(creator), {"weight": 3}),
            ("limit.set", "creator", {"owner": str(creator), "max": 5}),
            ("bulk.delete", "an operation", {"creator_id": str(creator), "video_count": 1}),
            ("run.cancel", "a run", {"reason": f"creator {creator} asked for it"})):
        engine.rows("insert into chronos.audit (who, from_address, action, target, details) values ('somebody', '', %s, %s, %s)",
                    action, target, json.dumps(details))
    run = engine.value("select id from chronos.runs where creator_id = %s limit 1", str(creator))
    orphan = uuid.uuid4().hex[:26].upper()
    engine.rows("insert into chronos.refused_rows (query, line, reason) values ('copy_runs', %s, 'why'), ('copy_run_steps', %s, 'why')",
                f"{orphan}\t2026-10-05\tf\t\\N\tn\t{creator}\n".encode(), f"{orphan}\tstep\n".encode())
    for line in (f"01EVENT\t2026-10-05\t{creator}\n", f"{run}\t2026-10-05\tstep\n", f"no tab, {creator}\n"):
        engine.rows("insert into chronos.refused_rows (query, line, reason) values ('copy_events', %s, 'why')", line.encode())
    engine.wait_until(lambda: f"weight/{creator}" in engine.redis.hgetall("{c0}:controls"), 10, "the weight to be known")
    return video


def test_a_creator_leaves_no_trace_in_either_store(engine):
    engine.start(workers=1)
    creator, other = engine.make_creator(), engine.make_creator()
    make_traces(engine, creator)
    make_traces(engine, other)
    running = engine.send("test/slow", {"creatorId": str(creator), "ms": 1500})
    sleeping = engine.send("test/sleeper", {"creatorId": str(creator), "ms": 3600000})
    engine.wait_for(function="test-slow", what="start")
    engine.wait_until(lambda: engine.redis.zcard("{c0}:timers"), 10, "the sleeper to sleep")
    before = len(holders(engine, str(other)))
    done = forget(engine, str(creator))
    assert holders(engine, str(creator)) == []
    deleted = done["deleted"]
    assert deleted["creators"] == deleted["videos"] == deleted["video_chunks"] == 1
    assert deleted["usage_metrics"] == 3 or deleted["usage_metrics"] == 2
    assert deleted["refused_rows"] == 5 and engine.value("select count(*) from chronos.refused_rows") == 5
    assert deleted["runs"] >= 5 and deleted["events"] >= 5 and deleted["redis"] >= 3
    assert deleted["events_blotted"] >= 1 and deleted["audit_blotted"] == 4
    kept = engine.rows("select action, target, details from chronos.audit where target = 'forgotten' or details::text like"
                       " '%%forgotten%%' order by id")
    assert [tuple(row.values()) for row in kept] == [
        ("weight.set", "forgotten", {"weight": 3}), ("limit.set", "creator", {"owner": "forgotten", "max": 5}),
        ("bulk.delete", "an operation", {"creator_id": "forgotten", "video_count": 1}),
        ("run.cancel", "a run", {"reason": "creator forgotten asked for it"})]
    month = next(m for m in done["accounts"] if m["month"] == "2026-10")
    assert (month["ai_credits_used"], month["transcription_minutes"]) == (42, 4)
    assert done["creator"] is None
    assert not engine.runs_of(running) and not engine.runs_of(sleeping)
    assert len(holders(engine, str(other))) == before
    assert not engine.redis.zcard("{c0}:timers")
    check_limits(engine)
    assert not engine.slots()
    engine.run("test/echo", {"creatorId": str(other)})


def test_an_order_outlives_its_scheduler_and_is_given_once(engine):
    engine.start(workers=1)
    creator = engine.make_creator()
    engine.run("test/echo", {"creatorId": str(creator)})
    engine.daemon("scheduler-1").kill()
    first = engine.value("select chronos.forget(%s)", str(creator).upper())
    assert engine.value("select chronos.forget(%s)", str(creator)) == first
    engine.daemon("scheduler-1").start()
    assert forget(engine, str(creator))["id"] == first
    assert holders(engine, str(creator)) == []
    assert forget(engine, str(creator))["deleted"] == {}  # again, when nothing is left


def test_files_are_left_to_the_function_that_removes_them(engine):
    engine.stack.start_scheduler()
    creator = engine.make_creator()
    engine.rows("insert into public.videos (creator_id, title, storage_path, source_type) values"
                " (%s, 't', 'somewhere/file.mp4', 'upload')", creator)
    assert forget(engine, str(creator))["deleted"]["videos"] == 1
    assert engine.rows("select bucket, path from chronos.deleted_files") == [{"bucket": "videos", "path": "somewhere/file.mp4"}]


def test_an_id_with_wildcards_takes_nobody_elses_data(engine):
    engine.start(workers=1)
    for owner in ("a*_%", "abc"):
        engine.run("test/echo", {"creatorId": owner, "of": owner})
        engine.redis.set(f"{{c0}}:spent:{owner}", "x")
    forget(engine, "a*_%")
    assert engine.value("select count(*) from chronos.runs where creator_id = 'abc'") == 1
    assert json.loads(engine.value("select data::text from chronos.events where creator_id = 'abc'"))["of"] == "abc"
    assert engine.redis.exists("{c0}:spent:abc") and not engine.redis.exists("{c0}:spent:a*_%")


@pytest.mark.parametrize("creator", ["", None, "two\nlines", "x" * 129])
def test_an_id_that_cannot_be_meant_is_refused(engine, creator):
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="forget: owner"):
        engine.rows("select chronos.forget(%s)", creator)


def test_who_is_not_known_is_forgotten_at_once(engine):
    engine.stack.start_scheduler()
    assert forget(engine, str(uuid.uuid4()))["deleted"] == {}
