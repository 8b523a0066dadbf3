#include "unit.h"

#include <string.h>

#include "trace.h"

static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static void test_a_good_one_is_read(void **state)
{
    (void)state;
    struct trace t;
    assert_true(trace_read(good, &t));
    assert_string_equal(t.id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(t.parent, "00f067aa0ba902b7");
    assert_true(t.sampled);
    assert_true(trace_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", &t));
    assert_false(t.sampled);
}

static void test_a_later_version_may_say_more(void **state)
{
    (void)state;
    struct trace t;
    assert_true(trace_read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", &t));
    assert_true(trace_read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &t));
    assert_false(trace_read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01what", &t));
}

static void test_a_malformed_one_is_as_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473\xc3-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx: y",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct trace t = {.id = "untouched"};
        assert_false(trace_read(bad[i], &t));
        assert_string_equal(t.id, "untouched");
    }
    assert_false(trace_read(NULL, NULL));
}

static void test_what_is_written_reads_the_same(void **state)
{
    (void)state;
    struct trace t, u;
    char text[TRACEPARENT_SIZE];
    assert_true(trace_read(good, &t));
    trace_write(&t, t.parent, text);
    assert_string_equal(text, good);
    trace_begin("01KAQ8Z2W3N7V5T0R9E1XJ4M6H", &t);
    trace_write(&t, "00f067aa0ba902b7", text);
    assert_true(trace_read(text, &u));
    assert_string_equal(u.id, t.id);
    assert_true(u.sampled);
}

static void test_ids_follow_from_what_they_name(void **state)
{
    (void)state;
    struct trace a, b, c;
    char s[SPAN_ID_SIZE], u[SPAN_ID_SIZE];
    trace_begin("01KAQ8Z2W3N7V5T0R9E1XJ4M6H", &a);
    trace_begin("01KAQ8Z2W3N7V5T0R9E1XJ4M6H", &b);
    trace_begin("01KAQ8Z2W3N7V5T0R9E1XJ4M6J", &c);
    assert_string_equal(a.id, b.id);
    assert_string_not_equal(a.id, c.id);
    assert_string_equal(a.parent, "");
    trace_span("r", "step", 1, s);
    trace_span("r", "step", 1, u);
    assert_string_equal(s, u);
    trace_span("r", "step", 2, u);
    assert_string_not_equal(s, u);
    trace_span("r", "other", 1, u);
    assert_string_not_equal(s, u);
    trace_new_span(s);
    trace_new_span(u);
    assert_string_not_equal(s, u);
    assert_int_equal(strlen(s), SPAN_ID_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_one_is_read),
        cmocka_unit_test(test_a_later_version_may_say_more),
        cmocka_unit_test(test_a_malformed_one_is_as_none),
        cmocka_unit_test(test_what_is_written_reads_the_same),
        cmocka_unit_test(test_ids_follow_from_what_they_name),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
