"""The migrations: their sum, and what they do to a database that has the application's tables."""
import os

import psycopg2
import pytest

from conftest import HERE, migrate, migrations

# partitions carry the day of the test in their names
NO_PARTITIONS = ["--exclude-table=chronos.*_20??????"]


def has_pgvector(server):
    connection = server.connect()
    with connection.cursor() as c:
        c.execute("select count(*) from pg_available_extensions where name = 'vector'")
        count = c.fetchone()[0]
    connection.close()
    return count > 0


def test_schema_is_the_sum_of_all_migrations(server, migrated):
    """After a deliberate change: UPDATE_SCHEMA=1 pytest tests/sql, and review the difference."""
    if has_pgvector(server):
        pytest.skip("this server has pgvector; the file shows the schema without")
    expected = HERE / "schema.sql"
    dump = server.dump(migrated, "--no-privileges", *NO_PARTITIONS)
    if os.environ.get("UPDATE_SCHEMA"):
        expected.write_text(dump)
    assert dump == expected.read_text()


def statements(dump):
    """In no order: that of a dump follows whatever depends on a table."""
    return sorted(dump.split(";\n"))


def test_an_existing_application_is_left_as_it_is(server):
    name = server.new_database()
    connection = server.connect(name)
    with connection.cursor() as c:
        c.execute((HERE / "app_schema.sql").read_text())
        c.execute("select tablename from pg_tables where schemaname = 'public'")
        tables = [f"--table=public.{row[0]}" for row in c.fetchall()]
        before = statements(server.dump(name, *tables))
        bodies = "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace" \
                 " and proname in ('update_updated_at_column', 'get_creator_id') order by 1"
        c.execute(bodies)
        functions = c.fetchall()

        migrate(connection)

        assert statements(server.dump(name, *tables)) == before
        c.execute(bodies)
        assert c.fetchall() == functions
        c.execute("select title from public.videos")
        assert c.fetchall() == [("kept",)]
        # what was missing is there, shut to the public roles and open to the service's
        c.execute("select relname, relrowsecurity from pg_class where relname in"
                  " ('analytics_cache', 'video_chunks') order by 1")
        assert c.fetchall() == [("analytics_cache", True), ("video_chunks", True)]
        c.execute("set role anon")
        c.execute("select count(*) from analytics_cache")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            c.execute("select * from chronos.events")
        c.execute("reset role")
        c.execute("drop table public.bulk_operations")
    connection.close()


def test_a_migration_fails_whole(server):
    """An existing video_chunks that is neither ours nor pgvector's stops the first migration, with a hint."""
    connection = server.connect(server.new_database())
    with connection.cursor() as c:
        c.execute("create table video_chunks (id uuid primary key, video_id uuid, embedding jsonb)")
        with pytest.raises(psycopg2.errors.RaiseException, match="not of the type vector"):
            migrate(connection)
        c.execute("rollback")
        c.execute("select count(*) from pg_namespace where nspname = 'chronos'")
        assert c.fetchone() == (0,)
    connection.close()


def test_migrations_are_numbered_and_say_what_they_lock():
    numbers = [path.name[:4] for path in migrations()]
    assert all(n.isdigit() for n in numbers) and len(set(numbers)) == len(numbers), numbers
    for path in migrations():
        text = path.read_text()
        assert "\n-- breaking: " in text and "-- Why: " in text and "-- Locks: " in text


def test_updated_at_follows_every_update(db, video):
    v = video()
    db.execute("update videos set updated_at = '2000-01-01' where id = %s"
               " returning updated_at > now() - interval '1 minute'", (v,))
    assert db.fetchone() == (True,)


@pytest.mark.parametrize("columns", [
    "source_type = 'youtube'", "source_type = 'mux'", "source_type = 'loom'", "storage_path = null",
    "status = 'done'", "embed_type = 'dailymotion'", "source_type = 'tape'",
])
def test_a_video_names_its_source(db, video, columns):
    v = video()
    with pytest.raises(psycopg2.errors.CheckViolation):
        db.execute(f"update videos set {columns} where id = %s", (v,))


def test_a_watched_session_is_completed(db, video):
    v = video()
    db.execute("insert into students (whop_user_id, whop_membership_id, creator_id, email)"
               " values ('s', 'm', %s, 'e') returning id", (video.creator,))
    student = db.fetchone()[0]
    for percent, completed in ((89, False), (90, True)):
        db.execute("insert into video_watch_sessions (video_id, student_id, percent_complete)"
                   " values (%s, %s, %s) returning completed", (v, student, percent))
        assert db.fetchone() == (completed,)


def test_deleting_a_video_takes_its_own_with_it(db, video):
    v = video()
    db.execute("insert into video_chunks (video_id, chunk_index, chunk_text, start_time_seconds,"
               " end_time_seconds, word_count) values (%s, 0, 't', 0, 1, 1)", (v,))
    db.execute("insert into chronos.transcripts (video_id, segments) values (%s, '[]')", (v,))
    db.execute("insert into video_analytics_events (event_type, video_id, creator_id)"
               " values ('video_started', %s, %s)", (v, video.creator))
    db.execute("delete from videos where id = %s", (v,))
    for table in ("video_chunks", "chronos.transcripts", "video_analytics_events"):
        db.execute(f"select count(*) from {table}")
        assert db.fetchone() == (0,)


@pytest.mark.parametrize("ms", [0, 1, 999, 1764000000123, 1764000000999, 253402300799999])
def test_milliseconds_survive(db, ms):
    db.execute("select chronos.to_ms(chronos.from_ms(%s)), chronos.from_ms(null)", (ms,))
    assert db.fetchone() == (ms, None)


def test_who_could_call_cancel_where_still_can(server):
    """A function that is made anew would be everybody's."""
    connection = server.connect(server.new_database())
    with connection.cursor() as c:
        for path in migrations():
            if path.name.startswith("0028"):
                c.execute("create role canceller_of_test; revoke execute on function chronos.cancel_where from public;"
                          "grant execute on function chronos.cancel_where to canceller_of_test")
            c.execute("begin;\n" + path.read_text() + "\n;commit")
        try:
            c.execute("select pronargs, has_function_privilege('canceller_of_test', oid, 'execute'),"
                      " has_function_privilege('pg_monitor', oid, 'execute') from pg_proc where proname = 'cancel_where'")
            assert c.fetchall() == [(6, True, False)]
        finally:
            c.execute("drop owned by canceller_of_test; drop role canceller_of_test")
    connection.close()
