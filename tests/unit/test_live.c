/* test_live.c: a run that is read back from Postgres is the one that was accepted. */
#include "unit.h"

#include "js.h"
#include "scheduler/live.h"

#define FIRST  "01HF7YAT00ABCDEFGHJKMNPQRS"
#define SECOND "01HF7YAT01ABCDEFGHJKMNPQRS"

static const char *const columns[] = {
    "run_id", "function_id", "id",        "name",        "data",  "user",       "v",
    "parent", "retry_of",    "replay_of", "accepted_ms", "ts_ms", "traceparent"};

static struct manifest *manifest_of(const char *members)
{
    char text[1024];
    struct err e;
    (void)snprintf(text, sizeof(text),
                   "{\"id\":\"f\",\"name\":\"f\",\"version\":1,\"triggers\":[\"a/"
                   "b\"],\"limits\":[],\"steps\":[]%s%s}",
                   *members != '\0' ? "," : "", members);
    struct manifest *m = manifest_parse(text, strlen(text), 1, &e);
    if (m == NULL)
        fail_msg("%s", e.msg);
    return m;
}

/* Rows as the query live_runs gives them. */
static PGresult *rows_of(int count, const char *const (*rows)[ARRAY_LEN(columns)])
{
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[ARRAY_LEN(columns)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        attributes[i].name = (char *)columns[i];
    assert_int_equal(PQsetResultAttrs(r, ARRAY_LEN(columns), attributes), 1);
    for (int row = 0; row < count; row++) {
        for (int i = 0; i < (int)ARRAY_LEN(columns); i++) {
            const char *v = rows[row][i];
            assert_int_equal(PQsetvalue(r, row, i, (char *)v, v != NULL ? (int)strlen(v) : -1), 1);
        }
    }
    return r;
}

static void read_all(struct live *l, const PGresult *rows, const struct manifest *m)
{
    struct err e;
    *l = (struct live){0};
    for (int i = 0; i < PQntuples(rows); i++)
        assert_true(live_add(l, rows, i, m, 4, &e));
}

static void test_a_run_keeps_its_id_and_its_events(void **state)
{
    (void)state;
    static const char *const rows[][ARRAY_LEN(columns)] = {
        {SECOND, "f", FIRST, "a/b", "{\"creator_id\":\"c\",\"_inngest\":1}", NULL, "1", "0\nx\ny",
         SECOND, NULL, "1700000000000", "1700000000000"},
    };
    struct manifest *m = manifest_of("");
    auto_result *r = rows_of(1, rows);
    struct live l;
    size_t len;
    read_all(&l, r, m);
    assert_string_equal(live_start(&l)->run, SECOND);
    assert_string_equal(l.events[0].start.key, "c");
    assert_string_equal(l.retry_of, SECOND);
    assert_string_equal(start_find_rule(&l.events[0].start, "parent"), "0\nx\ny");
    assert_null(live_collect_key(&l));
    auto_free char *input = live_input(&l, &len);
    assert_string_equal(
        input, "{\"id\":\"01HF7YAT00ABCDEFGHJKMNPQRS\",\"name\":\"a/b\",\"ts\":1700000000000,"
               "\"v\":\"1\",\"data\":{\"creator_id\":\"c\",\"creatorId\":\"c\"}}");
    live_release(&l);
    manifest_free(m);
}

static const char *const two[][ARRAY_LEN(columns)] = {
    {FIRST, "f", FIRST, "a/b", "{\"n\":1,\"k\":\"x\"}", NULL, NULL, NULL, NULL, NULL,
     "1700000000000", "1700000000900"},
    {FIRST, "f", SECOND, "a/b", "{\"n\":2,\"k\":\"x\"}", NULL, NULL, NULL, NULL, NULL,
     "1700000000001", "1700000000001"},
};

/* The numbers of the events in the input, as JSON. */
static void expect_input(const char *members, const char *expected)
{
    struct manifest *m = manifest_of(members);
    auto_result *r = rows_of(2, two);
    struct live l;
    size_t len;
    struct err e;
    read_all(&l, r, m);
    assert_string_equal(live_collect_key(&l), "x");
    auto_free char *input = live_input(&l, &len);
    auto_json *events = js_parse(input, len, &e), *numbers = json_array();
    if (json_is_array(events)) {
        for (size_t i = 0; i < json_array_size(events); i++)
            json_array_append(numbers, js_get(json_array_get(events, i), "data.n"));
    } else {
        json_array_append(numbers, js_get(events, "data.n"));
    }
    auto_free char *text = js_dump(numbers, NULL);
    assert_string_equal(text, expected);
    live_release(&l);
    manifest_free(m);
}

static void test_a_batch_has_all_its_events(void **state)
{
    (void)state;
    expect_input("\"batch\":{\"max_size\":9,\"timeout_ms\":1,\"key\":\"data.k\"}", "[1,2]");
}

static void test_a_debounce_has_its_last_event_by_ts_unless_it_keeps_all(void **state)
{
    (void)state;
    expect_input("\"debounce\":{\"period_ms\":1,\"key\":\"data.k\"}", "[1]");
    expect_input("\"debounce\":{\"period_ms\":1,\"key\":\"data.k\",\"keep_all\":true}", "[1,2]");
}

static void test_a_run_is_led_by_the_event_that_it_has_its_id_from(void **state)
{
    (void)state;
    char run[ID_SIZE];
    id_derive(1700000000001, SECOND, "f", run);
    const char *const rows[][ARRAY_LEN(columns)] = {
        {run, "f", FIRST, "a/b", "{}", NULL, NULL, NULL, NULL, NULL, "1700000000001",
         "1700000000001"},
        {run, "f", SECOND, "a/b", "{}", NULL, NULL, NULL, NULL, NULL, "1700000000001",
         "1700000000001"},
    };
    struct manifest *m = manifest_of("\"batch\":{\"max_size\":9,\"timeout_ms\":1}");
    auto_result *r = rows_of(2, rows);
    struct live l;
    read_all(&l, r, m);
    assert_int_equal(l.lead, 1);
    assert_string_equal(live_start(&l)->run, run);
    assert_string_not_equal(l.events[0].start.run, run);
    live_release(&l);
    manifest_free(m);
}

static void test_each_event_of_a_run_that_collects_joins_under_its_own_id(void **state)
{
    (void)state;
    struct manifest *m =
        manifest_of("\"batch\":{\"max_size\":9,\"timeout_ms\":1,\"key\":\"data.k\"}");
    auto_result *r = rows_of(2, two);
    struct live l;
    char own[ID_SIZE];
    read_all(&l, r, m);
    id_derive(1700000000001, SECOND, "f", own);
    assert_string_equal(live_start(&l)->run, FIRST);
    assert_int_equal(l.lead, 0);
    assert_string_equal(l.events[1].start.run, own);
    live_release(&l);
    manifest_free(m);
}

static void test_what_is_run_again_does_not_collect_again(void **state)
{
    (void)state;
    static const char *const of[][2] = {{SECOND, NULL}, {NULL, SECOND}};
    struct manifest *m = manifest_of("\"debounce\":{\"period_ms\":1,\"key\":\"data.k\"}");
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        const char *const rows[][ARRAY_LEN(columns)] = {
            {FIRST, "f", FIRST, "a/b", "{\"k\":\"x\"}", NULL, NULL, NULL, of[i][0], of[i][1],
             "1700000000000", "1700000000000"},
        };
        auto_result *r = rows_of(1, rows);
        struct live l;
        read_all(&l, r, m);
        assert_null(live_collect_key(&l));
        live_release(&l);
    }
    manifest_free(m);
}

static void test_an_event_that_is_damaged_is_not_added(void **state)
{
    (void)state;
    static const char *const rows[][ARRAY_LEN(columns)] = {
        {FIRST, "f", FIRST, "a/b", "{", NULL, NULL, NULL, NULL, NULL, "1700000000000",
         "1700000000000"},
    };
    struct manifest *m = manifest_of("");
    auto_result *r = rows_of(1, rows);
    struct live l = {0};
    struct err e;
    assert_false(live_add(&l, r, 0, m, 4, &e));
    assert_int_equal(l.count, 0);
    live_release(&l);
    manifest_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_keeps_its_id_and_its_events),
        cmocka_unit_test(test_a_batch_has_all_its_events),
        cmocka_unit_test(test_a_debounce_has_its_last_event_by_ts_unless_it_keeps_all),
        cmocka_unit_test(test_a_run_is_led_by_the_event_that_it_has_its_id_from),
        cmocka_unit_test(test_each_event_of_a_run_that_collects_joins_under_its_own_id),
        cmocka_unit_test(test_what_is_run_again_does_not_collect_again),
        cmocka_unit_test(test_an_event_that_is_damaged_is_not_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
