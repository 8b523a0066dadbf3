/* test_db.c: the promises of db.h against a real Postgres.
 * Without a server (own_database.h) they are skipped. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>

#include "buf.h"
#include "clock.h"
#include "db_conn.h"
#include "db_error.h"
#include "own_database.h"
#include "sql_table.h"

/* Waits for a condition instead of a time. */
static void wait_until(const char *sql)
{
    for (int64_t end = mono_ms() + 10000; mono_ms() < end; sleep_ms(5))
        if (ask(sql) > 0)
            return;
    fail_msg("never came true: %s", sql);
}

#define KILL_OTHERS                                                                                \
    "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "                         \
    "where datname = current_database() and application_name = 'test_db'"

/* ---- every test gets a fresh connection to a migrated database ---- */

static int connect_db(void **state)
{
    if (server_url() != NULL)
        *state = db_new(test_url, "test_db");
    return 0;
}

static int free_db(void **state)
{
    db_free(*state);
    return 0;
}

static void assert_ok(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s: %s", err_name(e->code), e->msg);
}

static void assert_failed(bool ok, const struct err *e, enum err_code code, const char *part)
{
    assert_false(ok);
    if (e->code != code || strstr(e->msg, part) == NULL)
        fail_msg("got %s: %s", err_name(e->code), e->msg);
}

/* ---- without a server ---- */

static void test_sqlstates_are_classed(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum err_code code;
    } cases[] = {
        {NULL, ERR_UNAVAILABLE},    {"", ERR_UNAVAILABLE},      {"08006", ERR_UNAVAILABLE},
        {"57P01", ERR_UNAVAILABLE}, {"57P03", ERR_UNAVAILABLE}, {"53300", ERR_UNAVAILABLE},
        {"53100", ERR_UNAVAILABLE}, {"25006", ERR_UNAVAILABLE}, {"58030", ERR_UNAVAILABLE},
        {"25P03", ERR_UNAVAILABLE}, {"40003", ERR_UNAVAILABLE}, {"40001", ERR_POSTGRES},
        {"40P01", ERR_POSTGRES},    {"55P03", ERR_POSTGRES},    {"57014", ERR_POSTGRES},
        {"22P02", ERR_INPUT},       {"22021", ERR_INPUT},       {"23505", ERR_INPUT},
        {"23514", ERR_INPUT},       {"42P01", ERR_BUG},         {"25P02", ERR_BUG},
        {"42501", ERR_BUG},         {"XX000", ERR_BUG},         {"P0001", ERR_INPUT},
        {"54000", ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(db_error_class(cases[i].sqlstate), cases[i].code);
}

static void test_the_table_is_sorted_and_found_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < sql_queries_count; i++) {
        assert_ptr_equal(sql_find(sql_queries[i].name), &sql_queries[i]);
        if (i > 0)
            assert_true(strcmp(sql_queries[i - 1].name, sql_queries[i].name) < 0);
    }
    for (size_t i = 1; i < sql_migrations_count; i++)
        assert_true(sql_migrations[i - 1].version < sql_migrations[i].version);
    assert_null(sql_find("no_such_query"));
    assert_int_equal(db_newest_migration(), sql_migrations[sql_migrations_count - 1].version);
}

static void test_an_unreadable_address_is_not_quoted(void **state)
{
    (void)state;
    struct err e = {0};
    struct db *db = db_new("postgres:hunter2secret@host/db", "test_db");
    assert_failed(db_ping(db, &e), &e, ERR_PERMANENT, "not a connection string");
    assert_null(strstr(e.msg, "hunter2secret"));
    db_free(db);
    db_free(NULL);
}

static void test_a_server_that_is_not_there_is_unavailable(void **state)
{
    (void)state;
    struct err e = {0};
    struct db *db = db_new("host=127.0.0.1 port=1 user=u password=hunter2secret", "test_db");
    assert_failed(db_ping(db, &e), &e, ERR_UNAVAILABLE, "cannot connect");
    assert_null(strstr(e.msg, "hunter2secret"));
    assert_null(strchr(e.msg, '\n'));
    assert_failed(db_begin(db, &e), &e, ERR_UNAVAILABLE, "cannot connect");
    assert_false(db_in_transaction(db));
    db_rollback(db);
    db_cancel(db);
    db_free(db);
}

static void test_misuse_is_a_bug_and_costs_no_connection(void **state)
{
    (void)state;
    struct err e = {0};
    struct db *db = db_new("host=127.0.0.1 port=1", "test_db");
    assert_failed(DB_EXEC(db, &e, "no_such_query"), &e, ERR_BUG, "no_such_query");
    assert_failed(DB_EXEC(db, &e, "get_meta"), &e, ERR_BUG, "takes 1 parameters, not 0");
    assert_failed(DB_EXEC(db, &e, "get_meta", "a", "b"), &e, ERR_BUG, "not 2");
    assert_failed(DB_EXEC(db, &e, "copy_runs"), &e, ERR_BUG, "is a copy");
    assert_failed(db_copy(db, "get_meta", "", 0, &e), &e, ERR_BUG, "is not a copy");
    assert_failed(db_commit(db, &e), &e, ERR_BUG, "outside");
    db_free(db);
}

/* ---- statements ---- */

static void test_values_and_nulls_come_back(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_ping(db, &e), &e);
    assert_ok(DB_EXEC(db, &e, "set_meta", "k", "it's; -- 'quoted' \\ \xc3\xa9"), &e);
    auto_result *r = DB_QUERY(db, &e, "get_meta", "k");
    assert_non_null(r);
    assert_string_equal(db_text(r, 0, "value"), "it's; -- 'quoted' \\ \xc3\xa9");
    assert_int_equal(db_int(r, 0, "value", -7), -7);

    long rows = -1;
    assert_ok(db_exec(db, "set_meta", (const char *const[]){"k", NULL}, 2, &rows, &e), &e);
    assert_int_equal(rows, 1);
    auto_result *null = DB_QUERY(db, &e, "get_meta", "k");
    assert_non_null(null);
    assert_null(db_text(null, 0, "value"));
    assert_int_equal(db_int(null, 0, "value", 5), 5);
    assert_false(db_is_true(null, 0, "value"));

    auto_result *none = DB_QUERY(db, &e, "get_meta", "absent");
    assert_non_null(none);
    assert_int_equal(PQntuples(none), 0);
}

static void test_bad_bytes_are_the_inputs_fault(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_failed(DB_EXEC(db, &e, "set_meta", "k", "\xff\xfe"), &e, ERR_INPUT, "set_meta: ");
    assert_failed(DB_EXEC(db, &e, "save_function", "f", "{not json", "1"), &e, ERR_INPUT,
                  "save_function: ");
    assert_failed(DB_EXEC(db, &e, "set_meta", NULL, "v"), &e, ERR_INPUT, "null value");
    assert_ok(db_ping(db, &e), &e);
}

static void test_a_killed_idle_connection_is_not_noticed(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    for (int i = 0; i < 3; i++) {
        assert_ok(DB_EXEC(db, &e, "set_meta", "k", "v"), &e);
        run_sql(KILL_OTHERS);
        assert_ok(DB_EXEC(db, &e, "set_meta", "k", "v"), &e);
    }
}

static void assert_setting(struct db *db, const char *name, const char *value)
{
    char command[64];
    (void)snprintf(command, sizeof(command), "show %s", name);
    auto_result *r = PQexec(db->conn, command);
    assert_string_equal(PQgetvalue(r, 0, 0), value);
}

static void assert_option(struct db *db, const char *keyword, const char *expected)
{
    PQconninfoOption *options = PQconninfo(db->conn), *o = options;
    while (o->keyword != NULL && strcmp(o->keyword, keyword) != 0)
        o++;
    assert_string_equal(o->val, expected);
    PQconninfoFree(options);
}

static void test_kerberos_is_only_looked_for_when_the_address_says_so(void **state)
{
    NEEDS_POSTGRES();
    struct err e = {0};
    assert_ok(db_ping(*state, &e), &e);
    assert_option(*state, "gssencmode", "disable");

    char url[1200];
    (void)snprintf(url, sizeof(url), "%s gssencmode=prefer", test_url);
    struct db *asked = db_new(url, "test_db");
    assert_ok(db_ping(asked, &e), &e);
    assert_option(asked, "gssencmode", "prefer");
    db_free(asked);
}

static void test_limits_of_a_session(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_ping(db, &e), &e);
    assert_int_equal(db->patience_ms, 90000);
    assert_string_equal(PQparameterStatus(db->conn, "client_encoding"), "UTF8");
    assert_string_equal(PQparameterStatus(db->conn, "TimeZone"), "UTC");
    assert_setting(db, "jit", "off");
    assert_setting(db, "cursor_tuple_fraction", "1");
    assert_int_equal(ask("select count(*) from pg_stat_activity where application_name = 'test_db'"
                         " and datname = current_database()"),
                     1);

    char url[1200];
    (void)snprintf(url, sizeof(url), "%s options='-c statement_timeout=200ms -c jit=on'", test_url);
    struct db *strict = db_new(url, "test_db");
    assert_ok(db_begin(strict, &e), &e);
    assert_int_equal(strict->patience_ms, 30200);
    assert_setting(strict, "jit", "on");
    db_rollback(strict);
    db_free(strict);
}

/* ---- transactions ---- */

static void test_commit_keeps_and_rollback_forgets(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_begin(db, &e), &e);
    assert_true(db_in_transaction(db));
    assert_failed(db_begin(db, &e), &e, ERR_BUG, "inside");
    assert_ok(DB_EXEC(db, &e, "set_meta", "tx", "1"), &e);
    assert_int_equal(ask("select count(*) from chronos.meta where key = 'tx'"), 0);
    assert_ok(db_commit(db, &e), &e);
    assert_false(db_in_transaction(db));
    assert_int_equal(ask("select count(*) from chronos.meta where key = 'tx'"), 1);

    assert_ok(db_begin(db, &e), &e);
    assert_ok(DB_EXEC(db, &e, "set_meta", "tx", "2"), &e);
    db_rollback(db);
    db_rollback(db);
    assert_int_equal(ask("select value::int from chronos.meta where key = 'tx'"), 1);
}

static void test_a_lost_transaction_fails_until_the_rollback(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_begin(db, &e), &e);
    assert_ok(DB_EXEC(db, &e, "set_meta", "lost", "1"), &e);
    run_sql(KILL_OTHERS);
    assert_failed(db_ping(db, &e), &e, ERR_UNAVAILABLE, "");
    assert_failed(DB_EXEC(db, &e, "set_meta", "lost", "2"), &e, ERR_UNAVAILABLE, "lost");
    assert_failed(db_copy(db, "copy_runs", "", 0, &e), &e, ERR_UNAVAILABLE, "lost");
    assert_true(db_in_transaction(db));
    db_rollback(db);
    assert_false(db_in_transaction(db));
    assert_ok(db_ping(db, &e), &e);
    assert_int_equal(ask("select count(*) from chronos.meta where key = 'lost'"), 0);
}

static void test_commit_on_a_lost_connection_is_unavailable(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_begin(db, &e), &e);
    assert_ok(DB_EXEC(db, &e, "set_meta", "lost", "1"), &e);
    run_sql(KILL_OTHERS);
    assert_failed(db_commit(db, &e), &e, ERR_UNAVAILABLE, "commit");
    assert_false(db_in_transaction(db));
    assert_ok(db_ping(db, &e), &e);
    assert_int_equal(ask("select count(*) from chronos.meta where key = 'lost'"), 0);
}

static void test_commit_after_a_failed_statement_is_no_success(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_begin(db, &e), &e);
    assert_ok(DB_EXEC(db, &e, "set_meta", "half", "1"), &e);
    assert_failed(DB_EXEC(db, &e, "set_meta", NULL, "v"), &e, ERR_INPUT, "");
    assert_failed(db_commit(db, &e), &e, ERR_BUG, "commit");
    assert_false(db_in_transaction(db));
    assert_int_equal(ask("select count(*) from chronos.meta where key = 'half'"), 0);
    assert_ok(db_ping(db, &e), &e);
}

static void test_a_constraint_that_fails_at_commit(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    run_sql("create or replace function chronos.refuse() returns trigger language plpgsql as $$"
            " begin raise exception 'refused' using errcode = '23514'; end $$;"
            "create constraint trigger refuse after insert or update on chronos.meta"
            " deferrable initially deferred for each row execute function chronos.refuse()");
    assert_ok(db_begin(db, &e), &e);
    assert_ok(DB_EXEC(db, &e, "set_meta", "deferred", "1"), &e);
    assert_failed(db_commit(db, &e), &e, ERR_INPUT, "commit: refused");
    run_sql("drop function chronos.refuse() cascade");
    assert_ok(DB_EXEC(db, &e, "set_meta", "deferred", "1"), &e);
}

static void test_waiting_for_a_lock_has_an_end(void **state)
{
    NEEDS_POSTGRES();
    struct err e = {0};
    char url[1200];
    (void)snprintf(url, sizeof(url), "%s options='-c lock_timeout=100ms'", test_url);
    struct db *holder = db_new(url, "test_db"), *other = db_new(url, "test_db");
    assert_ok(DB_EXEC(holder, &e, "set_meta", "locked", "0"), &e);
    assert_ok(db_begin(holder, &e), &e);
    assert_ok(DB_EXEC(holder, &e, "set_meta", "locked", "1"), &e);
    assert_failed(DB_EXEC(other, &e, "set_meta", "locked", "2"), &e, ERR_POSTGRES, "lock timeout");
    assert_ok(db_commit(holder, &e), &e);
    assert_ok(DB_EXEC(other, &e, "set_meta", "locked", "2"), &e);
    db_free(holder);
    db_free(other);
}

/* ---- cancelling ---- */

static void *cancel_when_waiting(void *arg)
{
    wait_until("select count(*) from pg_stat_activity where application_name = 'test_db'"
               " and wait_event_type = 'Lock' and datname = current_database()");
    db_cancel(arg);
    return NULL;
}

static void test_cancel_from_another_thread(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    struct db *holder = db_new(test_url, "holder");
    assert_ok(DB_EXEC(holder, &e, "set_meta", "locked", "0"), &e);
    assert_ok(db_begin(holder, &e), &e);
    assert_ok(DB_EXEC(holder, &e, "set_meta", "locked", "1"), &e);

    assert_ok(db_begin(db, &e), &e);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_waiting, db), 0);
    int64_t before = mono_ms();
    assert_failed(DB_EXEC(db, &e, "set_meta", "locked", "2"), &e, ERR_STOPPING, "cancelled");
    assert_true(mono_ms() - before < 9000); /* the lock timeout is 10 s */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_failed(db_ping(db, &e), &e, ERR_UNAVAILABLE, "lost");
    db_rollback(db);
    assert_ok(db_ping(db, &e), &e);

    /* the server has noticed, and gave up waiting, although the lock is still held */
    wait_until("select (count(*) = 0)::int from pg_stat_activity where wait_event_type = 'Lock'"
               " and datname = current_database()");
    assert_ok(db_commit(holder, &e), &e);
    db_free(holder);
}

static void test_a_cancel_before_the_statement_is_not_meant_for_it(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    db_cancel(db);
    assert_ok(db_ping(db, &e), &e);
    db_cancel(db);
    assert_ok(db_begin(db, &e), &e);
    db_cancel(db);
    assert_ok(db_commit(db, &e), &e);
}

/* Only a process that calls itself postgres may be stopped: the server could be on another machine. */
static bool is_local_postgres(int pid)
{
    char path[64], text[9] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    return n == sizeof(text) - 1 && strcmp(text, "postgres") == 0;
}

static void test_a_server_that_hangs_costs_a_deadline(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(db_begin(db, &e), &e);
    int pid = PQbackendPID(db->conn);
    if (!is_local_postgres(pid) || kill(pid, SIGSTOP) != 0)
        skip();
    db->patience_ms = 200;
    int64_t before = mono_ms();
    bool ok = db_ping(db, &e);
    int64_t took = mono_ms() - before;
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_failed(ok, &e, ERR_UNAVAILABLE, "does not answer");
    assert_in_range(took, 190, 5000);
    db_rollback(db);
    assert_ok(db_ping(db, &e), &e);
}

/* ---- notifications ---- */

static void listen_to(struct db *db, const char *sql)
{
    struct err e = {0};
    assert_ok(db_ping(db, &e), &e);
    auto_result *r = db_conn_run(db, "listen", sql, DB_CANCELLABLE, &e);
    assert_ok(r != NULL, &e);
}

static void test_a_notification_ends_the_wait(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {.code = ERR_NONE};
    listen_to(db, "listen test_channel");
    assert_false(db_wait_notify(db, 1, &e));
    assert_int_equal(e.code, ERR_NONE);
    run_sql("notify test_channel");
    assert_true(db_wait_notify(db, 10000, &e));
    assert_false(db_wait_notify(db, 1, &e));

    /* one that arrives while something else is asked is not missed */
    run_sql("notify test_channel");
    assert_ok(db_ping(db, &e), &e);
    assert_true(db_wait_notify(db, 10000, &e));

    db_cancel(db);
    assert_failed(db_wait_notify(db, 10000, &e), &e, ERR_STOPPING, "cancelled");
    assert_false(db_wait_notify(db, 1, &e));
}

static void test_a_listener_hears_that_its_connection_was_replaced(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    listen_to(db, "listen test_channel");
    run_sql(KILL_OTHERS);
    assert_ok(db_ping(db, &e), &e); /* reconnected, and nobody listens now */
    assert_failed(db_wait_notify(db, 10, &e), &e, ERR_UNAVAILABLE, "listen again");
    listen_to(db, "listen test_channel");
    run_sql(KILL_OTHERS);
    assert_failed(db_wait_notify(db, 10000, &e), &e, ERR_UNAVAILABLE, "");
}

/* ---- copy ---- */

static void test_copy_appends_and_refuses(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    static const char rows[] = "1-0\t2025-11-24 01:02:03.004Z\tnot json\t\\N\ta\\tb\\\\c\t12\n"
                               "2-0\t2025-11-24 01:02:03.004Z\tnot json\tname\t\\N\t\\N\n";
    assert_ok(db_copy(db, "copy_rejected_events", rows, sizeof(rows) - 1, &e), &e);
    assert_int_equal(ask("select count(*) from chronos.rejected_events where reason = 'not json'"),
                     2);
    assert_failed(db_copy(db, "copy_rejected_events", rows, sizeof(rows) - 1, &e), &e, ERR_INPUT,
                  "duplicate key");
    assert_true(db_found_duplicate(db));
    assert_failed(db_copy(db, "copy_rejected_events", "x\n", 2, &e), &e, ERR_INPUT,
                  "copy_rejected_events");
    assert_false(db_found_duplicate(db));
    assert_failed(db_copy(db, "copy_rejected_events", "a\0b\n", 4, &e), &e, ERR_INPUT, "");
    assert_failed(db_copy(db, "copy_rejected_events", "3-0\t2025-11-24\t\xff\t\t\t1\n", 20, &e), &e,
                  ERR_INPUT, "encoding");
    assert_ok(db_copy(db, "copy_rejected_events", "", 0, &e), &e);
    assert_ok(db_ping(db, &e), &e);
}

static void test_a_large_copy_arrives_whole(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    auto_buf b = BUF_INIT(64 << 20);
    char word[2001];
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    for (int i = 0; i < 5000; i++)
        assert_true(buf_addf(&b, "big-%d\t2025-11-24Z\tbig\t\\N\t%s\t%d\n", i, word, i));
    assert_ok(db_begin(db, &e), &e);
    assert_ok(db_copy(db, "copy_rejected_events", b.data, b.len, &e), &e);
    assert_ok(db_commit(db, &e), &e);
    assert_int_equal(ask("select count(*) from chronos.rejected_events where reason = 'big'"
                         " and length(excerpt) = 2000"),
                     5000);

    /* an error early in a long copy: the rest is not waited for */
    b.data[0] = '\t';
    assert_failed(db_copy(db, "copy_rejected_events", b.data, b.len, &e), &e, ERR_INPUT, "");
    assert_ok(db_ping(db, &e), &e);
}

/* ---- the ledger and the cursor, as their callers use them ---- */

static void test_a_ledger_entry_is_begun_once(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    static const char at[] = "1764000000123";
    for (int i = 0; i < 2; i++) {
        assert_ok(db_begin(db, &e), &e);
        auto_result *begun = DB_QUERY(db, &e, "begin_ledger_entry", "r1", at, "step", "w1");
        assert_non_null(begun);
        assert_string_equal(db_text(begun, 0, "state"), i == 0 ? "begun" : "done");
        if (i == 0)
            assert_ok(DB_EXEC(db, &e, "record_ledger_result", "r1", at, "step", "{\"n\":1}"), &e);
        assert_ok(db_commit(db, &e), &e);
    }
    auto_result *r = DB_QUERY(db, &e, "ledger_result", "r1", at, "step");
    assert_non_null(r);
    assert_string_equal(db_text(r, 0, "result"), "{\"n\":1}");
    assert_int_equal(ask("select chronos.to_ms(accepted_at) from chronos.step_ledger"),
                     1764000000123);
}

static void test_a_run_that_has_ended_begins_nothing(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    static const char at[] = "1764000000123";
    (void)ask("insert into chronos.runs (id, accepted_at, function_id, status)"
              " values ('r9', chronos.from_ms(1764000000123), 'f', 'cancelled') returning 1");
    assert_ok(db_begin(db, &e), &e);
    auto_result *late = DB_QUERY(db, &e, "begin_ledger_entry", "r9", at, "step", "w1");
    assert_non_null(late);
    assert_string_equal(db_text(late, 0, "state"), "ended");
    db_rollback(db);
    assert_int_equal(ask("select count(*) from chronos.step_ledger where run_id = 'r9'"), 0);
}

static void test_partitions_and_functions_are_kept(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    assert_ok(DB_EXEC(db, &e, "ensure_partitions", "1", "9"), &e);
    assert_ok(DB_EXEC(db, &e, "part_old_rows", "{\"default\":30}"), &e);
    assert_ok(DB_EXEC(db, &e, "drop_partition", "chronos.runs_19990101"), &e);
    assert_ok(DB_EXEC(db, &e, "save_function", "f1", "{\"v\":2}", "2"), &e);
    assert_ok(DB_EXEC(db, &e, "save_function", "f1", "{\"v\":1}", "1"), &e);
    assert_int_equal(ask("select version from chronos.functions"), 2);
}

static void test_the_archive_cursor_is_made_and_moves(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    auto_result *fresh = DB_QUERY(db, &e, "lock_archive_cursor", "3");
    assert_non_null(fresh);
    assert_null(db_text(fresh, 0, "last_id"));
    assert_ok(DB_EXEC(db, &e, "advance_archive_cursor", "3", "e1", "17-1"), &e);
    auto_result *moved = DB_QUERY(db, &e, "lock_archive_cursor", "3");
    assert_non_null(moved);
    assert_string_equal(db_text(moved, 0, "epoch"), "e1");
    assert_string_equal(db_text(moved, 0, "last_id"), "17-1");
}

/* ---- migrations ---- */

static void *migrate_thread(void *arg)
{
    struct db *db = db_new(arg, "test_migrate");
    struct err e = {0};
    int version = 0;
    bool ok = db_migrate(db, &version, &e);
    if (!ok)
        print_error("%s\n", e.msg);
    db_free(db);
    return (void *)(intptr_t)(ok ? version : -1);
}

static void test_concurrent_migrators_all_succeed(void **state)
{
    NEEDS_POSTGRES();
    struct err e = {0};
    int version = -1;
    char url[1200];
    (void)snprintf(url, sizeof(url), "%s_empty", test_url); /* dbname comes last */
    char sql[256];
    (void)snprintf(sql, sizeof(sql), "create database %s_empty", test_database);
    admin(server_url(), NULL, 0, sql);

    struct db *db = db_new(url, "test_db");
    assert_ok(db_schema_version(db, &version, &e), &e);
    assert_int_equal(version, 0);

    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_thread, url), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((intptr_t)result, db_newest_migration());
    }
    assert_ok(db_schema_version(db, &version, &e), &e);
    assert_int_equal(version, db_newest_migration());
    db_free(db);
    (void)snprintf(sql, sizeof(sql), "drop database %s_empty with (force)", test_database);
    admin(server_url(), NULL, 0, sql);
}

static void test_a_newer_schema_is_refused_only_when_it_is_breaking(void **state)
{
    NEEDS_POSTGRES();
    struct db *db = *state;
    struct err e = {0};
    int version = 0;
    run_sql("insert into chronos.schema_migrations values (9001, 'harmless', false)");
    assert_ok(db_migrate(db, &version, &e), &e);
    assert_int_equal(version, 9001);
    run_sql("insert into chronos.schema_migrations values (9002, 'breaking', true),"
            " (9003, 'later', false)");
    assert_failed(db_migrate(db, &version, &e), &e, ERR_PERMANENT, "9003");
    assert_non_null(strstr(e.msg, "9002"));
    assert_failed(db_schema_version(db, &version, &e), &e, ERR_PERMANENT, "9002");
    run_sql("delete from chronos.schema_migrations where version > 9000");
    assert_ok(db_migrate(db, &version, &e), &e);
    assert_int_equal(version, db_newest_migration());
}

/* ---- every query in the files can be prepared against the schema ---- */

static void test_every_query_fits_the_schema(void **state)
{
    NEEDS_POSTGRES();
    PGconn *c = PQconnectdb(test_url);
    for (size_t i = 0; i < sql_queries_count; i++) {
        const struct sql_query *q = &sql_queries[i];
        if (q->kind == SQL_COPY)
            continue;
        PGresult *r = PQprepare(c, q->name, q->text, 0, NULL);
        if (PQresultStatus(r) != PGRES_COMMAND_OK)
            fail_msg("%s: %s", q->name, PQerrorMessage(c));
        PQclear(r);
        PGresult *described = PQdescribePrepared(c, q->name);
        if (PQnparams(described) != q->nparams)
            fail_msg("%s: %d parameters counted, %d taken", q->name, q->nparams,
                     PQnparams(described));
        /* the fields of a cursor's rows are not known before it is open */
        if (q->kind != SQL_EXEC && PQnfields(described) == 0 && strncmp(q->name, "fetch_", 6) != 0)
            fail_msg("%s: returns no row, so it is an exec", q->name);
        PQclear(described);
    }
    PQfinish(c);
}

#define DB_TEST(fn) cmocka_unit_test_setup_teardown(fn, connect_db, free_db)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sqlstates_are_classed),
        cmocka_unit_test(test_the_table_is_sorted_and_found_in),
        cmocka_unit_test(test_an_unreadable_address_is_not_quoted),
        cmocka_unit_test(test_a_server_that_is_not_there_is_unavailable),
        cmocka_unit_test(test_misuse_is_a_bug_and_costs_no_connection),
        DB_TEST(test_values_and_nulls_come_back),
        DB_TEST(test_bad_bytes_are_the_inputs_fault),
        DB_TEST(test_a_killed_idle_connection_is_not_noticed),
        DB_TEST(test_kerberos_is_only_looked_for_when_the_address_says_so),
        DB_TEST(test_limits_of_a_session),
        DB_TEST(test_commit_keeps_and_rollback_forgets),
        DB_TEST(test_a_lost_transaction_fails_until_the_rollback),
        DB_TEST(test_commit_on_a_lost_connection_is_unavailable),
        DB_TEST(test_commit_after_a_failed_statement_is_no_success),
        DB_TEST(test_a_constraint_that_fails_at_commit),
        DB_TEST(test_waiting_for_a_lock_has_an_end),
        DB_TEST(test_cancel_from_another_thread),
        DB_TEST(test_a_cancel_before_the_statement_is_not_meant_for_it),
        DB_TEST(test_a_server_that_hangs_costs_a_deadline),
        DB_TEST(test_a_notification_ends_the_wait),
        DB_TEST(test_a_listener_hears_that_its_connection_was_replaced),
        DB_TEST(test_copy_appends_and_refuses),
        DB_TEST(test_a_large_copy_arrives_whole),
        DB_TEST(test_a_ledger_entry_is_begun_once),
        DB_TEST(test_a_run_that_has_ended_begins_nothing),
        DB_TEST(test_partitions_and_functions_are_kept),
        DB_TEST(test_the_archive_cursor_is_made_and_moves),
        DB_TEST(test_concurrent_migrators_all_succeed),
        DB_TEST(test_a_newer_schema_is_refused_only_when_it_is_breaking),
        DB_TEST(test_every_query_fits_the_schema),
    };
    return cmocka_run_group_tests_name("db", tests, make_database, drop_database);
}
