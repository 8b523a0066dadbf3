"""The roles of Postgres: each can do what it is for, and nothing else."""

import os
import subprocess

import psycopg2
import pytest

from harness import Chronos
from harness.fixtures import WORKER, finish, variant
from ops.stack import Stack, repository
from ops.stack.daemons import clean_environment
from promises import Engine

ROLES_FILE = os.path.join(repository(), "ops", "postgres", "roles.sql")
RUN = "01M8K9KFTKXTT8HBCDGG712TB0"
REFUSED = psycopg2.errors.InsufficientPrivilege


@pytest.fixture
def stack(test_folder, database):
    """Its database has the roles' rights. Nothing is started."""
    s = Stack(test_folder, variant(), worker=WORKER, database_url=database)
    s.prepare_database()
    yield s
    s.remove()


@pytest.fixture
def as_role(stack):
    opened = []

    def connect(role):
        db = psycopg2.connect(stack.database_url.replace("//chronos@", f"//{role}@"))
        db.autocommit = True
        opened.append(db)
        return db.cursor()

    yield connect
    for db in opened:
        db.close()


def scheduler(stack, *arguments, **environment):
    return subprocess.run([os.path.join(stack.build, "chronos-scheduler"), *arguments], capture_output=True, text=True,
                          check=False, timeout=60, env={**clean_environment(), **environment})


def test_daemons_come_as_the_engine_and_own_nothing(make_stack):
    c = make_stack()
    c.stack.start_redis()
    c.stack.start_postgres()
    c.start()
    entry = c.send_event("test/three", {"creatorId": "c"})
    c.wait_for_run(entry, status="completed")
    assert c.rows("select distinct usename from pg_stat_activity where application_name like 'chronos-%%'") \
        == [{"usename": "chronos_engine"}]
    assert c.value("select count(*) from pg_class where relowner = 'chronos_engine'::regrole") == 0


@pytest.mark.parametrize("sql", [
    "drop table chronos.runs", "create table chronos.mine ()", "truncate chronos.runs", "create table public.mine ()",
    "alter table public.videos add x integer", "insert into chronos.schema_migrations values (999, 'x', false)",
    "create role mine", "create extension pg_trgm", "copy chronos.runs to program 'cat'"])
def test_the_engine_changes_rows_and_not_the_schema(as_role, sql):
    with pytest.raises(REFUSED):
        as_role("chronos_engine").execute(sql)


def test_the_engine_makes_and_drops_the_tables_by_day(as_role):
    engine = as_role("chronos_engine")
    engine.execute("select chronos.ensure_partitions(1, 30)")
    assert engine.fetchone()[0] > 0
    engine.execute("select to_char(now() at time zone 'utc' + interval '30 days', 'YYYYMMDD')")
    newest = engine.fetchone()[0]
    for table in ("chronos.runs", f"chronos.runs_{newest}"):
        engine.execute(f"select * from {table}")
    reader = as_role("chronos_reader")
    reader.execute(f"select * from chronos.runs_{newest}")
    for role in ("chronos_producer", "chronos_reader", "chronos_operator"):
        with pytest.raises(REFUSED):
            as_role(role).execute("select chronos.drop_partitions(1)")
    engine.execute("select chronos.drop_partitions(1)")


def test_a_producer_calls_send_and_nothing_else(as_role, stack):
    producer = as_role("chronos_producer")
    producer.execute("select chronos.send('a/b', '{\"x\": 1}')")
    for call in ("invoke('f')", "trigger('f')", f"retry('{RUN}')", f"replay('{RUN}')", f"cancel('{RUN}')", "cancel_where('f')",
                 "pause('f')", "drain('f')", "resume('f')", "retire('f')", "set_limit('global', null, 1)", "set_budget('o', 1)",
                 "set_weight('o', 1)", "ensure_partitions(1, 1)"):
        with pytest.raises((REFUSED, psycopg2.Error)) as refused:
            producer.execute(f"select chronos.{call}")
        assert refused.value.pgcode == "42501", f"{call}: {refused.value}"
    owner = as_role("chronos")
    owner.execute("select relnamespace::regnamespace || '.' || relname from pg_class c where relnamespace in ('chronos'::regnamespace,"
                  " 'public'::regnamespace) and relkind in ('r', 'p')")
    for (table,) in owner.fetchall():
        for sql in (f"select * from {table}", f"delete from {table}"):
            with pytest.raises(REFUSED):
                producer.execute(sql)
    owner.execute("select name, data from chronos.outbox")
    assert owner.fetchall() == [("a/b", {"x": 1})]


def test_what_runs_with_the_owners_rights_is_closed_to_the_rest(as_role):
    """A function that a later migration makes anew would lose this."""
    owner = as_role("chronos")
    owner.execute("select proname, prosecdef, proconfig::text, has_function_privilege('chronos_reader', oid, 'execute')"
                  " from pg_proc where pronamespace = 'chronos'::regnamespace"
                  " and (prosecdef or proname in ('send', 'ensure_partitions', 'drop_partitions')) order by 1")
    found = owner.fetchall()
    assert {"drop_partitions", "ensure_partitions", "send"} <= {row[0] for row in found}
    for name, is_definer, settings, for_all in found:
        assert is_definer, name
        assert "search_path=pg_catalog, pg_temp" in settings, name
        assert not for_all, name


def test_a_reader_reads(as_role):
    reader = as_role("chronos_reader")
    reader.execute("select * from chronos.runs")
    for sql in ("insert into chronos.meta values ('a', 'b')", "delete from chronos.runs", "select * from public.creators",
                "select chronos.send('a/b')", "update chronos.controls set value = '1'"):
        with pytest.raises(REFUSED):
            reader.execute(sql)


def test_an_operator_gives_orders_and_edits_no_rows(as_role):
    operator = as_role("chronos_operator")
    operator.execute("select chronos.cancel_where(null, everything => true)")
    operator.execute("select chronos.set_weight('owner', 2)")
    operator.execute("select value from chronos.controls")
    assert float(operator.fetchone()[0]) == 2
    operator.execute("select chronos.send('a/b')")
    for sql in ("delete from chronos.runs", "update chronos.outbox set name = 'x'", "delete from chronos.controls"):
        with pytest.raises(REFUSED):
            operator.execute(sql)


def test_row_security_lets_the_engine_in_and_nobody_else(as_role, stack):
    owner = as_role("chronos")
    owner.execute("alter table public.creators enable row level security; alter table public.creators force row level security")
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", ROLES_FILE, stack.database_url], check=True)
    engine = as_role("chronos_engine")
    engine.execute("insert into public.creators (whop_company_id, whop_user_id, email) values ('b', 'u', 'e') returning id")
    engine.execute("select count(*) from public.creators")
    assert engine.fetchone() == (1,)


def test_an_application_that_could_insert_before_can_send_after(postgres, empty_database, stack):
    """The right that the migration takes from everybody stays with those who had the tables' rights."""
    done = scheduler(stack, "--migrate", CHRONOS_DATABASE_URL=empty_database)
    assert done.returncode == 0
    name = empty_database.rpartition("/")[2]
    migration = os.path.join(repository(), "sql", "migrations", "0014_least_privilege.sql")
    with open(migration, encoding="utf-8") as f:
        text = f.read()
    postgres.admin("create role app_of_old login", name)
    try:
        postgres.sql("grant usage on schema chronos to chronos_reader; grant execute on function chronos.send to public;"
                     "grant insert on chronos.outbox to chronos_reader", name)
        postgres.sql(text, name)
        can = "select has_function_privilege(:role, 'chronos.send(text,jsonb,text,timestamptz,jsonb,text)', 'execute')"
        assert postgres.sql(can, name, role="chronos_reader") == "t"
        assert postgres.sql(can, name, role="app_of_old") == "f"
    finally:
        postgres.admin("drop role app_of_old", name)


def test_the_roles_may_be_given_again(stack):
    for _ in range(2):
        done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", ROLES_FILE, stack.database_url],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_roles_come_after_the_schema(empty_database):
    done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", ROLES_FILE, empty_database], capture_output=True,
                          text=True, check=False)
    assert done.returncode != 0 and "chronos-scheduler --migrate" in done.stderr


def test_migrating_is_a_step_of_its_own_and_may_be_repeated(stack, empty_database):
    for _ in range(2):
        done = scheduler(stack, "--migrate", CHRONOS_DATABASE_URL=empty_database, CHRONOS_REDIS_URL="redis://127.0.0.1:1")
        assert done.returncode == 0, done.stderr
        assert "the schema is up to date" in done.stdout + done.stderr


def test_who_may_not_migrate_is_told_what_to_do(stack, postgres):
    postgres.sql("delete from chronos.schema_migrations where version = 16", stack.database_url.rpartition("/")[2])
    url = stack.database_url.replace("//chronos@", "//chronos_engine@")
    done = scheduler(stack, "--migrate", CHRONOS_DATABASE_URL=url)
    assert done.returncode == 1
    assert "chronos-scheduler --migrate as the owner" in done.stdout + done.stderr


def test_the_engine_serves_from_an_empty_database_that_was_prepared(test_folder, empty_database):
    stack = Stack(test_folder + "-new", variant(), worker=WORKER, database_url=empty_database)
    c = Engine(stack)
    assert isinstance(c, Chronos)
    try:
        stack.start_redis()
        c.start()
        c.wait_for_run(c.send_event("test/three", {"creatorId": "c"}), status="completed")
    finally:
        finish(c)
