/* test_history_entry.c: what becomes rows of an entry of the history. Cancelled runs need Redis: see tests/integration. */
#include "unit.h"

#include "entry.h"
#include "scheduler/history_entry.h"

#define RUN "01HF7YAT00ABCDEFGHJKMNPQRS"

static void add(struct history_rows *h, redisReply *entry)
{
    redisReply *elements[] = {entry};
    redisReply entries = {.type = REDIS_REPLY_ARRAY, .elements = 1, .element = elements};
    struct err e;
    assert_true(history_rows_add(h, NULL, "{c0}", &entries, &e));
    freeReplyObject(entry);
}

static void test_lines_go_where_their_letter_says(void **state)
{
    (void)state;
    struct history_rows h;
    history_rows_init(&h);
    add(&h, entry_of("1-1", "kind", "lines", "run", "", "at", "1", "body",
                     "s\tone\tstep\nr\ta\trun\ns\ttwo\n", NULL));
    add(&h, entry_of("1-2", "kind", "step", "run", RUN, "at", "1", "body", "s\tthree\n", NULL));
    assert_string_equal(h.steps.data, "one\tstep\ntwo\nthree\n");
    assert_string_equal(h.runs.data, "a\trun\n");
    history_rows_release(&h);
}

static void test_what_is_no_line_is_left_out(void **state)
{
    (void)state;
    struct history_rows h;
    history_rows_init(&h);
    add(&h, entry_of("1-1", "kind", "lines", "run", "", "body",
                     "x\tunknown\ns\tgood\nsbad\n\nr\tcut", NULL));
    add(&h, entry_of("1-2", "kind", "lines", NULL));
    assert_string_equal(h.steps.data, "good\n");
    assert_string_equal(h.runs.data, "");
    history_rows_release(&h);
}

static void test_a_wait_in_vain_is_a_completed_step_without_a_result(void **state)
{
    (void)state;
    struct history_rows h;
    history_rows_init(&h);
    add(&h,
        entry_of("1-1", "kind", "waited", "run", RUN, "at", "1700000000123", "body", "ask", NULL));
    assert_non_null(
        strstr(h.steps.data, "\task\t0\tcompleted\t\\N\t2023-11-14 22:13:20.123+00\t\\N\tnull\t"));
    history_rows_release(&h);
}

static void test_a_lost_worker_leaves_no_row(void **state)
{
    (void)state;
    struct history_rows h;
    history_rows_init(&h);
    add(&h, entry_of("1-1", "kind", "lost", "run", RUN, "at", "1", "body", "worker", NULL));
    assert_int_equal(h.steps.len + h.runs.len, 0);
    history_rows_release(&h);
}

static void test_which_entries_end_runs(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *run, *ended;
    } cases[] = {
        {"lines", "A B", "A B"}, {"lines", "", NULL}, {"cancelled", "A", "A"},
        {"finish", "A", "A"},    {"step", "A", NULL}, {"waited", "A", NULL},
        {"lost", "A", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        redisReply *entry = entry_of("1-1", "kind", cases[i].kind, "run", cases[i].run, NULL);
        const char *ended = history_entry_ended(entry);
        if (cases[i].ended == NULL)
            assert_null(ended);
        else
            assert_string_equal(ended, cases[i].ended);
        freeReplyObject(entry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_go_where_their_letter_says),
        cmocka_unit_test(test_what_is_no_line_is_left_out),
        cmocka_unit_test(test_a_wait_in_vain_is_a_completed_step_without_a_result),
        cmocka_unit_test(test_a_lost_worker_leaves_no_row),
        cmocka_unit_test(test_which_entries_end_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
