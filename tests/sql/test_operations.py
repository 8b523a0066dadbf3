"""What people ask of the engine in SQL: each function's result, and each thing it refuses."""
import json
import select

import psycopg2
import pytest

FN, OTHER, CRON = "make-thing", "make-other", "tidy-up"
RUN = "01KAX5Z0T0" + "R" * 16
EVENT = "01KAX5Z0T0" + "E" * 16
CREATOR = "5F0C2A9E-3B1D-4C7F-9A64-0D7C1B2E8F31"

MANIFESTS = [
    {"id": FN, "triggers": ["thing/made", "thing/again"],
     "limits": [{"name": f"fn/{FN}:$", "max": 20}, {"name": "creator:$", "max": 20}, {"name": "global", "max": 100}]},
    {"id": OTHER, "triggers": ["other/made"], "limits": [{"name": f"fn/{OTHER}:$2", "max": 3}],
     "batch": {"max_size": 10, "timeout_ms": 1000}},
    {"id": CRON, "triggers": [], "limits": [], "cron": {"schedule": "TZ=Europe/Paris 0 3 * * *"}},
]


@pytest.fixture
def ops(db):
    for m in MANIFESTS:
        db.execute("insert into chronos.functions (id, manifest, version) values (%s, %s, 1)", (m["id"], json.dumps(m)))
    return db


def call(db, sql, *values):
    db.execute(f"select chronos.{sql}", values)
    return db.fetchone()[0]


def rows(db, table, columns="*"):
    db.execute(f"select {columns} from chronos.{table} order by 1")
    return db.fetchall()


def refused(db, message, sql, *values):
    with pytest.raises(psycopg2.errors.InvalidParameterValue) as e:
        call(db, sql, *values)
    assert message in e.value.diag.message_primary
    return e.value.diag.message_hint


def add_event(db, event=EVENT, run=RUN, name="thing/made", data='{"a": 1}', at="2025-11-24 12:00Z", **columns):
    values = {"id": event, "accepted_at": at, "name": name, "data": data, "outcome": "accepted", "ts": at,
              "function_ids": [FN], "run_ids": [run], **columns}
    names = ", ".join(f'"{n}"' for n in values)
    db.execute(f"insert into chronos.events ({names}) values ({', '.join(['%s'] * len(values))})",
               list(values.values()))


def add_run(db, run=RUN, status="failed", fn=FN, at="2025-11-24 12:00Z", **columns):
    values = {"id": run, "accepted_at": at, "function_id": fn, "event_id": EVENT, "event_name": "thing/made",
              "status": status, "started_at": "2025-11-24 12:00:30Z", "finished_at": "2025-11-24 12:01Z", **columns}
    db.execute(f"insert into chronos.runs ({', '.join(values)}) values ({', '.join(['%s'] * len(values))})",
               list(values.values()))


# ---- send ----

def test_send_puts_a_row_into_the_outbox(db):
    first = call(db, "send('thing/made')")
    second = call(db, "send(name => 'thing/made', data => %s, id => 'k', ts => '2030-01-01Z', \"user\" => %s, v => '2')",
                  '{"b": 1, "a": "ü"}', '{"n": 1}')
    assert second > first
    assert rows(db, "outbox", "id, name, data, idempotency_key, chronos.to_ms(ts), \"user\", v, function_id, event_id") == [
        (first, "thing/made", {}, None, None, None, None, None, None),
        (second, "thing/made", {"b": 1, "a": "ü"}, "k", 1893456000000, {"n": 1}, "2", None, None)]


def test_a_text_with_nul_is_refused_before_it_is_sent(db):
    """Postgres itself does: no jsonb holds it."""
    with pytest.raises(psycopg2.errors.UntranslatableCharacter, match="Unicode escape sequence"):
        call(db, "send('thing/made', %s::jsonb)", '{"title": "a\\u0000b"}')
    assert rows(db, "outbox") == []


def test_send_follows_its_transaction(server, migrated):
    connection = server.connect(server.new_database(template=migrated))
    with connection.cursor() as c:
        c.execute("begin; select chronos.send('a/b'); rollback")
        assert rows(c, "outbox") == []
        c.execute("begin; select chronos.send('a/b'); commit")
        assert len(rows(c, "outbox")) == 1
    connection.close()


@pytest.mark.parametrize("message, arguments", [
    ("name must not be empty", "name => null"),
    ("name must not be empty", "name => ''"),
    ("name has 257 bytes; at most 256", "name => repeat('n', 257)"),
    ("name has 258 bytes; at most 256", "name => repeat('é', 129)"),
    ("name: names that begin with inngest/", "name => 'inngest/function.failed'"),
    ("data must be a JSON object", "'n', data => null"),
    ("data must be a JSON object", "'n', data => '[1]'"),
    ("data must be a JSON object", "'n', data => 'null'"),
    ("data has 524299 bytes; at most 524288", "'n', data => jsonb_build_object('x', repeat('y', 524290))"),
    ("data is nested deeper than 100 levels", "'n', data => ('{\"a\":' || repeat('[', 100) || repeat(']', 100) || '}')::jsonb"),
    ("data holds a number that does not fit into 64 bits", "'n', data => '{\"x\": [9223372036854775808]}'"),
    ("data holds a number that does not fit into 64 bits", "'n', data => '{\"x\": {\"y\": -1e30}}'"),
    ("id must have 1 to 512 bytes", "'n', id => ''"),
    ("id must have 1 to 512 bytes", "'n', id => repeat('k', 513)"),
    ("ts must be between the years 1980 and 2100", "'n', ts => '1979-12-31Z'"),
    ("ts must be between the years 1980 and 2100", "'n', ts => 'infinity'"),
    ("user must be JSON of at most 65536 bytes", "'n', \"user\" => to_jsonb(repeat('u', 65536))"),
    ("v must have 1 to 256 bytes", "'n', v => repeat('v', 257)"),
])
def test_send_refuses_what_the_public_door_would(db, message, arguments):
    refused(db, f"send: {message}", f"send({arguments})")
    assert rows(db, "outbox") == []


@pytest.mark.parametrize("arguments", [
    "repeat('n', 256)",
    "'n', ('{\"a\":' || repeat('[', 99) || repeat(']', 99) || '}')::jsonb",
    "'n', '{\"x\": [9223372036854775807, -9223372036854775808, 1e5, 0.1]}'",
    "'n', jsonb_build_object('x', repeat('y', 524279))",
    "'n', id => repeat('k', 512)",
    "'n', \"user\" => to_jsonb(repeat('u', 65534))",
])
def test_send_takes_what_just_fits(db, arguments):
    assert call(db, f"send({arguments})") > 0


def test_the_schedulers_setting_bounds_data(db):
    db.execute("insert into chronos.meta values ('max_event_bytes', '20')")
    assert call(db, "send('n', '{\"x\": 1}')") > 0
    refused(db, "data has 25 bytes; at most 20", "send('n', '{\"x\": \"abcdefghijklmnop\"}')")


def test_the_engines_namespace_is_not_taken_from_users(ops):
    call(ops, "send('n', '{\"_inngest\": {\"x\": 1}, \"a\": 1}')")
    call(ops, "invoke(%s, '{\"_inngest\": {\"x\": 1}, \"a\": 1}')", FN)
    assert [r[0] for r in rows(ops, "outbox", "data::jsonb")] == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize("insert", [
    "(name) values ('a/b')",
    "(name, data) values ('inngest/x', '{}')",
    "(name, data) values ('a/b', '[]')",
    "(name, data, retry_of) values ('a/b', '{}', 'r')",
    "(name, data) values ('', '{}')",
])
def test_the_table_itself_keeps_the_rules(db, insert):
    with pytest.raises(psycopg2.IntegrityError):
        db.execute(f"insert into chronos.outbox {insert}")


def test_an_application_needs_few_rights(server, migrated):
    name = server.new_database(template=migrated)
    connection = server.connect(name)
    with connection.cursor() as c:
        c.execute("create role app_of_test; grant usage on schema chronos to app_of_test;"
                  "set role app_of_test")
        try:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                call(c, "send('a/b')")
            c.execute("reset role; grant execute on function chronos.send to app_of_test; set role app_of_test")
            assert call(c, "send('a/b')") == 1
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                c.execute("select * from chronos.outbox")
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                call(c, "cancel(%s)", RUN)
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                call(c, "set_weight('o', 2)")
        finally:
            c.execute("reset role; drop owned by app_of_test; drop role app_of_test")
    connection.close()


def test_a_search_path_of_the_callers_changes_nothing(db):
    db.execute("create schema evil; create function evil.octet_length(text) returns integer language sql as 'select 5';"
               "create function evil.starts_with(text, text) returns boolean language sql as 'select false';"
               "set search_path = evil, pg_catalog")
    refused(db, "names that begin with inngest/", "send('inngest/x')")


# ---- notifications ----

@pytest.mark.parametrize("channel, sql", [
    ("chronos_outbox", "send('a/b')"),
    ("chronos_outbox", f"trigger('{CRON}')"),
    ("chronos_commands", f"cancel('{RUN}')"),
    ("chronos_commands", "cancel_where(null, everything => true)"),
    ("chronos_controls", f"pause('{FN}')"),
    ("chronos_controls", "set_weight('o', 2)"),
])
def test_the_schedulers_are_told_at_the_commit(server, ops, channel, sql):
    listener = server.connect(ops.connection.info.dbname)
    with listener.cursor() as c:
        c.execute(f"listen {channel}")
    ops.execute(f"begin; select chronos.{sql}")
    listener.poll()
    assert not listener.notifies
    ops.execute("commit")
    assert select.select([listener], [], [], 10)[0]
    listener.poll()
    assert [(n.channel, n.payload) for n in listener.notifies] == [(channel, "")]
    listener.close()


# ---- invoke, trigger ----

def test_invoke_is_for_one_function(ops):
    row = call(ops, "invoke(%s, '{\"x\": 1}')", FN)
    assert rows(ops, "outbox", "id, name, data, function_id") == [(row, "inngest/function.invoked", {"x": 1}, FN)]


def test_trigger_makes_a_tick_beside_the_schedule(ops):
    call(ops, "trigger(%s)", CRON)
    name, data, fn, ms = rows(ops, "outbox", "name, data, function_id, chronos.to_ms(created_at)")[0]
    assert (name, fn) == ("inngest/scheduled.timer", CRON)
    assert data.keys() == {"cron", "scheduledAt", "fireAt", "manual"} and data["manual"] is True
    assert data["cron"] == "TZ=Europe/Paris 0 3 * * *"
    ops.execute("select chronos.to_ms(%s::timestamptz)", (data["scheduledAt"],))
    assert 0 <= ms - ops.fetchone()[0] < 1000


def test_what_invoke_and_trigger_refuse(ops):
    assert "select id from chronos.functions" in refused(ops, "invoke: fn: there is no function nobody", "invoke('nobody')")
    refused(ops, "invoke: fn must be the id", "invoke(null)")
    refused(ops, "invoke: data must be a JSON object", "invoke(%s, '1')", FN)
    refused(ops, "trigger: fn: there is no function nobody", "trigger('nobody')")
    refused(ops, f"trigger: fn: {FN} has no schedule", "trigger(%s)", FN)


# ---- retry, replay ----

@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_retry_sends_the_event_to_its_function_again(ops, status):
    add_event(ops, data='{"b": 1,  "a": 1, "b": 2}', user='{"u": 1}', v="3", idempotency_key="once")
    add_run(ops, status=status)
    row = call(ops, "retry(%s)", RUN)
    assert rows(ops, "outbox", 'id, name, data::text, "user", v, function_id, retry_of, replay_of, idempotency_key, ts') == [
        (row, "thing/made", '{"b": 1,  "a": 1, "b": 2}', {"u": 1}, "3", FN, RUN, None, None, None)]


@pytest.mark.parametrize("status", ["failed", "cancelled", "completed", "skipped"])
def test_replay_sends_it_from_the_start(ops, status):
    add_event(ops)
    add_run(ops, status=status)
    row = call(ops, "replay(%s)", RUN)
    assert rows(ops, "outbox", "id, data, function_id, retry_of, replay_of") == [(row, {"a": 1}, FN, None, RUN)]
    assert call(ops, "replay(%s)", RUN) > row, "as often as one likes"


def test_an_event_of_the_engines_keeps_what_it_says(ops):
    add_event(ops, name="inngest/function.failed", data='{"_inngest": {"x": 1}, "event": {}}')
    add_run(ops, event_name="inngest/function.failed")
    call(ops, "retry(%s)", RUN)
    assert rows(ops, "outbox", "name, data") == [("inngest/function.failed", {"_inngest": {"x": 1}, "event": {}})]


def test_what_a_user_wrote_into_the_engines_namespace_is_left_out(ops):
    add_event(ops, data='{"_inngest": 1, "a": "\\u0041"}')
    add_run(ops)
    call(ops, "replay(%s)", RUN)
    assert rows(ops, "outbox", "data::jsonb") == [({"a": "A"},)]


def test_what_retry_and_replay_refuse(ops):
    for act in ("retry", "replay"):
        refused(ops, f"{act}: run must be the id of a run, 26 letters and digits, not 'x'", f"{act}('x')")
        refused(ops, f"{act}: run must be the id of a run, 26 letters and digits, not null", f"{act}(null)")
        refused(ops, f"{act}: there is no run {RUN}", f"{act}(%s)", RUN)
    add_event(ops)
    for act in ("retry", "replay"):
        refused(ops, f"{act}: run {RUN} has not ended yet", f"{act}(%s)", RUN)
    ops.execute("delete from chronos.events")
    add_run(ops)
    for act in ("retry", "replay"):
        refused(ops, f"{act}: the event of run {RUN} is not kept any more", f"{act}(%s)", RUN)
    ops.execute("update chronos.runs set status = 'completed'")
    hint = refused(ops, f"retry: run {RUN} is completed; only a failed or cancelled", "retry(%s)", RUN)
    assert "chronos.replay" in hint
    ops.execute("update chronos.runs set status = 'failed', function_id = 'gone'")
    for act in ("retry", "replay"):
        refused(ops, f"{act}: fn: there is no function gone", f"{act}(%s)", RUN)


def test_a_run_is_not_retried_twice_at_once(ops):
    add_event(ops)
    add_run(ops)
    call(ops, "retry(%s)", RUN)
    refused(ops, f"retry: run {RUN} is being retried already", "retry(%s)", RUN)
    second = "01KAX5Z0T1" + "S" * 16
    ops.execute("delete from chronos.outbox")
    add_event(ops, event="01KAX5Z0T1" + "E" * 16, run=second, retry_of=RUN, at="2025-11-24 13:00Z")
    refused(ops, f"retry: run {RUN} has been retried by run {second}", "retry(%s)", RUN)
    add_run(ops, second, status="completed", at="2025-11-24 13:00Z")
    refused(ops, f"retry: run {RUN} has been retried by run {second}", "retry(%s)", RUN)
    ops.execute("update chronos.runs set status = 'failed' where id = %s", (second,))
    assert call(ops, "retry(%s)", RUN), "the retry failed too"


def test_two_at_once_retry_once(server, ops):
    add_event(ops)
    add_run(ops)
    other = server.connect(ops.connection.info.dbname)
    other.autocommit = False
    with other.cursor() as c:
        call(c, "retry(%s)", RUN)
        ops.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            call(ops, "retry(%s)", RUN)
        other.commit()
    refused(ops, "is being retried already", "retry(%s)", RUN)
    other.close()


def test_a_run_of_several_events(ops):
    """Those that joined before it started, by any name its function listens to; what else carries the id is not asked."""
    add_event(ops, data='{"n": 1}')
    add_event(ops, event="01KAX5Z0T1" + "E" * 16, data='{"n": 2}', name="thing/again", at="2025-11-24 12:00:10Z")
    add_event(ops, event="01KAX5Z0T2" + "E" * 16, data='{"n": 3}', at="2025-11-24 12:00:20Z", run="01KAX5Z0T2" + "R" * 16)
    add_run(ops, event_id="01KAX5Z0T1" + "E" * 16)
    call(ops, "retry(%s)", RUN)
    assert [r[0] for r in rows(ops, "outbox", "id, data")] and rows(ops, "outbox", "data::text") == [('{"n": 2}',)], \
        "a debounced run was started by its last event"
    ops.execute("delete from chronos.outbox")
    ops.execute("update chronos.functions set manifest = manifest || '{\"debounce\": {\"period_ms\": 9, \"keep_all\": true}}'"
                " where id = %s", (FN,))
    assert "chronos.replay" in refused(ops, f"retry: run {RUN} was started by 2 events together", "retry(%s)", RUN)
    call(ops, "replay(%s)", RUN)
    assert [r[1]["n"] for r in rows(ops, "outbox", "id, data")] == [1, 2]


# ---- commands ----

def test_cancel_is_a_command(ops):
    first, second = call(ops, "cancel(%s)", RUN), call(ops, "cancel(%s, 'no need')", RUN)
    assert rows(ops, "commands", "id, kind, run_id, reason, applied_at, result, created_by") == [
        (first, "cancel", RUN, "cancelled by an operator", None, None, "postgres"),
        (second, "cancel", RUN, "no need", None, None, "postgres")]


def test_cancel_where_is_a_command(ops):
    call(ops, "cancel_where(%s)", FN)
    call(ops, "cancel_where(null, %s, '2025-11-01Z', '2025-12-01Z', 'event.data.x == 1')", CREATOR)
    assert [r[1:] for r in rows(ops, "commands", "id, kind, function_id, owner, since::text, until::text, condition")] == [
        ("cancel_where", FN, None, None, None, None),
        ("cancel_where", None, CREATOR.lower(), "2025-11-01 00:00:00+00", "2025-12-01 00:00:00+00", "event.data.x == 1")]


def test_cancel_where_ends_everything_only_when_told_so(ops):
    assert refused(ops, "cancel_where: one of fn, owner, since, until and condition must be given", "cancel_where(null)") == \
        "everything => true ends all live runs"
    refused(ops, "cancel_where: one of fn", "cancel_where(null, null, null, null, null)")
    refused(ops, "cancel_where: one of fn", "cancel_where(null, everything => null)")
    refused(ops, "cancel_where: everything must be alone", "cancel_where(%s, everything => true)", FN)
    assert rows(ops, "commands") == []
    call(ops, "cancel_where(null, everything => true)")
    call(ops, "cancel_where(%s, null, null, null, null)", FN)  # as the release before is called
    assert rows(ops, "commands", "id, kind, function_id, owner, since, until, condition")[0][1:] == ("cancel_where",) + (None,) * 5
    assert len(rows(ops, "commands")) == 2


def test_what_the_commands_refuse(ops):
    refused(ops, "cancel: run must be the id of a run", "cancel('01KAX5Z0T0RRRRRRRRRRRRRRRR.3')")
    refused(ops, "cancel: reason must have 1 to 1000 bytes", "cancel(%s, '')", RUN)
    refused(ops, "cancel: reason must have 1 to 1000 bytes", "cancel(%s, repeat('r', 1001))", RUN)
    add_run(ops, status="completed")
    refused(ops, f"cancel: run {RUN} has ended (completed)", "cancel(%s)", RUN)
    refused(ops, "cancel_where: fn must be the id of a function, or null", "cancel_where('')")
    assert "select id from chronos.functions" in refused(ops, "cancel_where: fn: there is no function nobody", "cancel_where('nobody')")
    refused(ops, "cancel_where: owner must not be empty", "cancel_where(null, '')")
    refused(ops, "cancel_where: since and until must be times", "cancel_where(null, since => '-infinity')")
    refused(ops, "cancel_where: since must be earlier than until", "cancel_where(null, since => now(), until => now())")
    refused(ops, "cancel_where: condition must have 1 to 1024 bytes", "cancel_where(null, condition => '')")
    assert rows(ops, "commands") == []


# ---- controls ----

def controls(db):
    return rows(db, "controls", "kind, name, value, part")


def test_pause_drain_resume(ops):
    call(ops, "pause(%s)", FN)
    assert controls(ops) == [("pause", FN, "pause", None)]
    call(ops, "drain(%s)", FN)
    assert controls(ops) == [("pause", FN, "drain", None)]
    call(ops, "resume(%s)", FN)
    assert controls(ops) == [("pause", FN, None, None)]
    ops.execute("delete from chronos.functions")
    call(ops, "resume(%s)", FN)
    for act in ("pause", "drain"):
        refused(ops, f"{act}: fn: there is no function {FN}", f"{act}(%s)", FN)
    refused(ops, "resume: fn: there is no function other", "resume('other')")


@pytest.mark.parametrize("name, owner, full, part", [
    ("global", None, "global", None),
    ("creator", "o", "creator:o", 1),
    ("creator", CREATOR, f"creator:{CREATOR.lower()}", 1),
    ("creator:$", "o", "creator:o", 1),
    (FN, "o", f"fn/{FN}:o", 1),
    (f"fn/{FN}", "o", f"fn/{FN}:o", 1),
    (OTHER, "v", f"fn/{OTHER}:v", 2),
])
def test_limits_are_found_by_their_names(ops, name, owner, full, part):
    call(ops, "set_limit(%s, %s, 7)", name, owner)
    assert controls(ops) == [("limit", full, "7", part)]
    call(ops, "clear_limit(%s, %s)", name, owner)
    assert controls(ops) == [("limit", full, None, part)]


def test_what_set_limit_refuses(ops):
    assert refused(ops, "set_limit: name: no function has a limit nobody", "set_limit('nobody', null, 1)") == \
        f"there are creator, fn/{OTHER}, fn/{FN}, global"
    refused(ops, "set_limit: name must be", "set_limit(null, null, 1)")
    refused(ops, "set_limit: owner must be null: global is counted over all", "set_limit('global', 'o', 1)")
    refused(ops, "set_limit: owner must say whose: creator is counted for each", "set_limit('creator', null, 1)")
    refused(ops, "set_limit: owner must not be empty", "set_limit('creator', '', 1)")
    refused(ops, "set_limit: owner must be one line", "set_limit('creator', E'a\\nb', 1)")
    for max_ in ("null", "-1", "1000001"):
        refused(ops, "set_limit: max must be from 0 to 1000000", f"set_limit('global', null, {max_})")
    refused(ops, "clear_limit: name: no function has a limit nobody", "clear_limit('nobody', null)")
    assert controls(ops) == []


@pytest.mark.parametrize("sql", ["set_limit('creator', %s, 1)", "set_budget(%s, 1)", "set_weight(%s, 1)",
                                 f"cancel_where('{FN}', %s)"])
def test_an_owner_is_no_longer_than_what_limits_count_by(ops, sql):
    call(ops, sql, "o" * 128)
    name = sql.split("(")[0]
    assert "beginning" in refused(ops, f"{name}: owner has 130 bytes; at most 128 are allowed", sql, "\u00e9" * 65)


def test_retire(ops):
    row = call(ops, "retire(%s)", FN)
    assert rows(ops, "commands", "id, kind, function_id, reason, run_id, result") == [
        (row, "retire", FN, f"the function {FN} is retired", None, None)]
    refused(ops, "retire: fn: there is no function nobody", "retire('nobody')")
    refused(ops, "retire: fn must be the id", "retire(null)")


def test_budgets_and_weights(ops):
    call(ops, "set_budget(%s, 2.5)", CREATOR)
    call(ops, "set_budget('o', 0)")
    call(ops, "set_weight('o', 0.01)")
    call(ops, "set_weight('p', 3)")
    assert controls(ops) == [("limit", f"budget:{CREATOR.lower()}", "2500000", 1), ("limit", "budget:o", "0", 1),
                             ("weight", "o", "0.010000", None), ("weight", "p", "3.000000", None)]
    call(ops, "set_budget('o', null)")
    call(ops, "set_weight('p', null)")
    assert [c[2] for c in controls(ops)] == ["2500000", None, "0.010000", None]


def test_what_budgets_and_weights_refuse(ops):
    for usd in ("-0.01", "1000001", "'NaN'"):
        refused(ops, "set_budget: usd must be from 0 to 1000000", f"set_budget('o', {usd})")
    for weight in ("0", "0.009", "1000.1", "'NaN'"):
        refused(ops, "set_weight: weight must be from 0.01 to 1000", f"set_weight('o', {weight})")
    refused(ops, "set_budget: owner must not be empty", "set_budget(null, 1)")
    refused(ops, "set_weight: owner must not be empty", "set_weight('', 1)")
    assert controls(ops) == []


def test_who_set_it_and_when(ops):
    call(ops, "pause(%s)", FN)
    ops.execute("update chronos.controls set updated_at = '2000-01-01', updated_by = 'x'")
    call(ops, "pause(%s)", FN)
    ops.execute("select updated_by, updated_at > now() - interval '1 minute' from chronos.controls")
    assert ops.fetchone() == ("postgres", True)


# ---- what the runs' table takes ----

def test_a_run_may_be_skipped(ops):
    add_run(ops, status="skipped")
    with pytest.raises(psycopg2.errors.CheckViolation):
        add_run(ops, run="01KAX5Z0T9" + "R" * 16, status="lost")


def test_a_new_day_takes_skipped_runs_too(db):
    db.execute("select chronos.ensure_partitions(0, 20)")
    db.execute("insert into chronos.runs (id, accepted_at, function_id, status) values ('r', now() + interval '20 days', 'f',"
               " 'skipped') returning tableoid::regclass::text")
    assert db.fetchone()[0] != "chronos.runs_default"
    with pytest.raises(psycopg2.errors.CheckViolation):
        db.execute("insert into chronos.runs (id, accepted_at, function_id, status) values ('s', now() + interval '20 days',"
                   " 'f', 'lost')")
