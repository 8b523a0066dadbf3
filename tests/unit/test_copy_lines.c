/* test_copy_lines.c: lines that Postgres refuses, among others. */
#include "unit.h"

#include "own_database.h"
#include "scheduler/copy_lines.h"
#include "scheduler/refused.h"

#define ROW(id, name, size) id "\t2025-11-24 01:02:03.004Z\twhy\t" name "\t\\N\t" size "\n"

static const char QUERY[] = "copy_rejected_events";
static const char GOOD[] = ROW("1-0", "a", "1"), GOOD_TOO[] = ROW("2-0", "b", "2"),
                  NOT_TEXT[] = ROW("3-0", "\xff\x01", "3"), NO_NUMBER[] = ROW("4-0", "d", "many"),
                  LAST[] = ROW("5-0", "e", "5");

static int open_db(void **state)
{
    if (make_database(state) != 0)
        return -1;
    if (server_url() != NULL)
        *state = db_new(test_url, "test_copy_lines");
    return 0;
}

static int close_db(void **state)
{
    db_free(*state);
    return drop_database(state);
}

static void copy(struct db *db, const char *lines)
{
    struct err e = {0};
    if (!copy_lines(db, QUERY, lines, strlen(lines), &e))
        fail_msg("%s", e.msg);
}

static void retry(struct db *db)
{
    struct err e = {0};
    const atomic_bool stopping = false;
    struct refused_pass pass = {.after = "0"};
    if (!refused_retry(&pass, db, &stopping, &e))
        fail_msg("%s", e.msg);
}

static void assert_answer(const char *sql, const char *expected)
{
    char answer[1024];
    admin(test_url, answer, sizeof(answer), sql);
    assert_string_equal(answer, expected);
}

static void test_what_is_refused_is_kept_byte_for_byte(void **state)
{
    NEEDS_POSTGRES();
    char lines[1024];
    (void)snprintf(lines, sizeof(lines), "%s%s%s%s%s%s", GOOD, NOT_TEXT, GOOD, GOOD_TOO, NO_NUMBER,
                   LAST);
    copy(*state, lines);
    assert_answer(
        "select string_agg(stream_id, ' ' order by stream_id) from chronos.rejected_events",
        "1-0 2-0 5-0");
    assert_int_equal(
        ask("select count(*) from chronos.refused_rows where query = 'copy_rejected_events'"), 2);
    assert_answer(
        "select convert_from(line, 'LATIN1') from chronos.refused_rows order by id limit 1",
        ROW("3-0", "\xc3\xbf\x01", "3"));
    assert_answer(
        "select convert_from(line, 'UTF8') from chronos.refused_rows order by id desc limit 1",
        NO_NUMBER);
    assert_int_equal(
        ask("select count(*) from chronos.refused_rows where reason ~ 'encoding|integer'"), 2);
    copy(*state, lines);
    assert_int_equal(ask("select count(*) from chronos.refused_rows"), 2);
    assert_int_equal(ask("select count(*) from chronos.rejected_events"), 3);
}

static void test_it_is_kept_until_it_is_taken(void **state)
{
    NEEDS_POSTGRES();
    retry(*state);
    assert_int_equal(ask("select count(*) from chronos.refused_rows"), 2);
    run_sql("update chronos.refused_rows set line = convert_to(replace(convert_from(line, 'UTF8'), "
            "'many', '4'), 'UTF8')"
            " where reason ~ 'integer'");
    retry(*state);
    assert_int_equal(ask("select count(*) from chronos.refused_rows where reason ~ 'integer'"), 0);
    assert_int_equal(ask("select size_bytes from chronos.rejected_events where stream_id = '4-0'"),
                     4);
    assert_int_equal(ask("select count(*) from chronos.refused_rows"), 1);
}

static void test_what_was_stored_meanwhile_is_kept_no_longer(void **state)
{
    NEEDS_POSTGRES();
    run_sql("insert into chronos.refused_rows (query, line, reason) select 'copy_rejected_events', "
            "convert_to("
            "concat_ws(e'\t', '1-0', '2025-11-24 01:02:03.004Z', 'why', 'a', '\\N', '1') || e'\n', "
            "'UTF8'), 'away'");
    retry(*state);
    assert_int_equal(ask("select count(*) from chronos.refused_rows where reason = 'away'"), 0);
    assert_int_equal(ask("select count(*) from chronos.rejected_events where stream_id = '1-0'"),
                     1);
}

static void test_a_query_of_another_release_is_in_nobodys_way(void **state)
{
    NEEDS_POSTGRES();
    run_sql("delete from chronos.refused_rows");
    run_sql("insert into chronos.refused_rows (query, line, reason) values ('copy_later', '\\x0a', "
            "'')");
    run_sql("insert into chronos.refused_rows (query, line, reason) select 'copy_rejected_events', "
            "convert_to("
            "concat_ws(e'\t', '6-0', '2025-11-24 01:02:03.004Z', 'why', 'f', '\\N', '6') || e'\n', "
            "'UTF8'), ''");
    retry(*state);
    assert_answer("select string_agg(query, ' ') from chronos.refused_rows", "copy_later");
    assert_int_equal(ask("select count(*) from chronos.rejected_events where stream_id = '6-0'"),
                     1);
}

static void test_an_index_of_somebody_else_is_no_key_of_the_table(void **state)
{
    NEEDS_POSTGRES();
    run_sql("delete from chronos.refused_rows");
    run_sql("delete from chronos.rejected_events");
    run_sql("create unique index mine on chronos.rejected_events (reason, rejected_at)");
    copy(*state, GOOD);
    copy(*state, GOOD_TOO);
    assert_int_equal(ask("select count(*) from chronos.refused_rows where reason ~ 'duplicate'"),
                     1);
    retry(*state);
    assert_int_equal(ask("select count(*) from chronos.refused_rows"), 1);
    run_sql("drop index chronos.mine");
    retry(*state);
    assert_int_equal(ask("select count(*) from chronos.refused_rows"), 0);
    assert_int_equal(ask("select count(*) from chronos.rejected_events"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused_is_kept_byte_for_byte),
        cmocka_unit_test(test_it_is_kept_until_it_is_taken),
        cmocka_unit_test(test_what_was_stored_meanwhile_is_kept_no_longer),
        cmocka_unit_test(test_a_query_of_another_release_is_in_nobodys_way),
        cmocka_unit_test(test_an_index_of_somebody_else_is_no_key_of_the_table),
    };
    return cmocka_run_group_tests(tests, open_db, close_db);
}
