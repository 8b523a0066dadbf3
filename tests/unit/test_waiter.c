/* test_waiter.c: who waits for a run, and the row of a step that has waited. */
#include "unit.h"

#include "copy.h"
#include "scheduler/awaited.h"
#include "scheduler/waiter.h"

static const char RUN[] = "01KB8XM4Z0ABCDEFGHJKMNPQRS";

static void test_a_step_is_named_by_partition_run_and_name(void **state)
{
    (void)state;
    struct waiter w;
    char root[ID_SIZE];
    assert_true(waiter_read(&w, "12\n01KB8XM4Z0ABCDEFGHJKMNPQRS.3\nask-b"));
    assert_int_equal(w.partition, 12);
    assert_string_equal(w.run, "01KB8XM4Z0ABCDEFGHJKMNPQRS.3");
    assert_string_equal(w.step, "ask-b");
    run_root(w.run, root);
    assert_string_equal(root, RUN);
}

static void test_other_texts_name_no_step(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "0\n01KB8XM4Z0ABCDEFGHJKMNPQRS",
        "0\n01KB8XM4Z0ABCDEFGHJKMNPQRS\n",
        "0\nnot-an-id\nstep",
        "x\n01KB8XM4Z0ABCDEFGHJKMNPQRS\nstep",
        "-1\n01KB8XM4Z0ABCDEFGHJKMNPQRS\nstep",
        "123456789\n01KB8XM4Z0ABCDEFGHJKMNPQRS\nstep",
        "0\n01KB8XM4Z0ABCDEFGHJKMNPQRS.123456789012345678901234567890\nstep",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct waiter w;
        assert_false(waiter_read(&w, texts[i]));
    }
}

static void test_the_row_of_a_branch_is_the_runs(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(4096);
    struct awaited a = {.run = "01KB8XM4Z0ABCDEFGHJKMNPQRS.3",
                        .step = "ask",
                        .result = "{\"a\":\"b\\nc\"}",
                        .at_ms = 1700000000123};
    assert_true(awaited_line(&b, &a));
    char accepted[TIMESTAMP_SIZE], expected[512];
    timestamp_format(id_ms(RUN), accepted);
    (void)snprintf(expected, sizeof(expected),
                   "s\t%s\t%s\task\t0\tcompleted\t\\N\t2023-11-14 22:13:20.123+00\t\\N\t"
                   "{\"a\":\"b\\\\nc\"}\t\\N\t\\N\t0.000000\t\\N\n",
                   RUN, accepted);
    assert_string_equal(b.data, expected);
}

static void test_the_row_of_a_failure_says_why(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(4096);
    struct awaited a = {.run = RUN,
                        .step = "ask",
                        .error = "{\"name\":\"Skipped\",\"message\":\"too many\"}",
                        .at_ms = 1700000000123};
    assert_true(awaited_copy(&b, &a));
    assert_non_null(strstr(b.data, "\task\t0\tfailed\t"));
    assert_non_null(strstr(b.data, "\t\\N\tSkipped\ttoo many\t"));
    assert_int_equal(strncmp(b.data, RUN, strlen(RUN)), 0);
}

static void test_a_run_without_an_id_has_no_row(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(4096);
    struct awaited a = {.run = "x", .step = "ask", .result = "1"};
    assert_false(awaited_copy(&b, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_is_named_by_partition_run_and_name),
        cmocka_unit_test(test_other_texts_name_no_step),
        cmocka_unit_test(test_the_row_of_a_branch_is_the_runs),
        cmocka_unit_test(test_the_row_of_a_failure_says_why),
        cmocka_unit_test(test_a_run_without_an_id_has_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
