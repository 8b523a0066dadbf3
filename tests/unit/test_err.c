#include "unit.h"

#include "err.h"

static void test_set_returns_false_and_keeps_the_sentence(void **state)
{
    (void)state;
    struct err e = {.retry_after_ms = 5};
    assert_false(err_set(&e, ERR_RETRY, "openai answered %d", 503));
    assert_int_equal(e.code, ERR_RETRY);
    assert_int_equal(e.retry_after_ms, 0);
    assert_string_equal(e.msg, "openai answered 503");
}

static void test_null_returns_null_and_sets_the_same(void **state)
{
    (void)state;
    struct err e = {.retry_after_ms = 5};
    assert_null(err_null(&e, ERR_INPUT, "no %s", "id"));
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(e.retry_after_ms, 0);
    assert_string_equal(e.msg, "no id");
}

static void test_wrap_puts_the_place_in_front_and_keeps_code_and_delay(void **state)
{
    (void)state;
    struct err e;
    (void)err_set(&e, ERR_RATE_LIMITED, "slow down");
    e.retry_after_ms = 900;
    assert_false(err_wrap(&e, "video %s", "abc"));
    assert_false(err_wrap(&e, "step fetch"));
    assert_int_equal(e.code, ERR_RATE_LIMITED);
    assert_int_equal(e.retry_after_ms, 900);
    assert_string_equal(e.msg, "step fetch: video abc: slow down");
}

static void test_a_long_message_is_cut_and_never_inside_a_character(void **state)
{
    (void)state;
    char text[2000];
    for (size_t shift = 0; shift < 4; shift++) {
        struct err e;
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xF0\x9F\x8E\x89", 4); /* four bytes each */
        text[sizeof(text) - 4] = '\0';
        (void)err_set(&e, ERR_INPUT, "%s", text);
        size_t n = strlen(e.msg);
        assert_in_range(n, sizeof(e.msg) - 5, sizeof(e.msg) - 1);
        assert_int_equal((n - shift) % 4, 0);
    }
}

static void test_bytes_that_are_no_text_become_question_marks(void **state)
{
    (void)state;
    struct err e;
    assert_false(err_set(&e, ERR_INPUT, "near '%s'",
                         "a\xFF"
                         "b\xE0\x93\x96\xC3\xA9"));
    assert_string_equal(e.msg, "near 'a?b???\xC3\xA9'");
    assert_false(err_wrap(&e, "in '%s'", "\xED\xA0\x80"));
    assert_string_equal(e.msg, "in '???"
                               "': near 'a?b???\xC3\xA9'");
}

static void test_wrapping_again_and_again_stays_within_bounds(void **state)
{
    (void)state;
    struct err e;
    (void)err_set(&e, ERR_INPUT, "the cause");
    for (int i = 0; i < 100; i++)
        (void)err_wrap(&e, "place \xC3\xA9 %d", i);
    assert_true(strlen(e.msg) < sizeof(e.msg));
    assert_memory_equal(e.msg, "place \xC3\xA9 99: place \xC3\xA9 98: ", 24);
}

static void test_every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        assert_non_null(err_name((enum err_code)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(err_name((enum err_code)i), err_name((enum err_code)k));
    }
    assert_string_equal(err_name((enum err_code)ERR_COUNT), "unknown");
    assert_string_equal(err_name((enum err_code) - 1), "unknown");
}

static void test_only_passing_failures_are_retryable(void **state)
{
    (void)state;
    assert_true(err_is_retryable(ERR_RETRY));
    assert_true(err_is_retryable(ERR_RATE_LIMITED));
    assert_true(err_is_retryable(ERR_UNAVAILABLE));
    assert_false(err_is_retryable(ERR_NONE));
    assert_false(err_is_retryable(ERR_PERMANENT));
    assert_false(err_is_retryable(ERR_INPUT));
    assert_false(err_is_retryable(ERR_STALE));
    assert_false(err_is_retryable((enum err_code)ERR_COUNT));
}

/* The names stand in history, in SQL and on dashboards: they are an interface. */
static void test_the_classes_of_provider_failure_are_these(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum err_code code;
        bool is_retryable;
    } classes[] = {
        {"retry", ERR_RETRY, true},
        {"rate_limited", ERR_RATE_LIMITED, true},
        {"not_ready", ERR_NOT_READY, true},
        {"next_source", ERR_NEXT_SOURCE, false},
        {"split", ERR_SPLIT, false},
        {"permanent", ERR_PERMANENT, false},
        {"stop_provider", ERR_STOP_PROVIDER, false},
    };
    size_t of_provider = 0;
    for (int i = 0; i < ERR_COUNT; i++)
        of_provider += err_is_of_provider((enum err_code)i);
    assert_int_equal(of_provider, ARRAY_LEN(classes));
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        assert_int_equal(err_find(classes[i].name, ERR_BUG), classes[i].code);
        assert_string_equal(err_name(classes[i].code), classes[i].name);
        assert_true(err_is_of_provider(classes[i].code));
        assert_int_equal(err_is_retryable(classes[i].code), classes[i].is_retryable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_returns_false_and_keeps_the_sentence),
        cmocka_unit_test(test_null_returns_null_and_sets_the_same),
        cmocka_unit_test(test_wrap_puts_the_place_in_front_and_keeps_code_and_delay),
        cmocka_unit_test(test_a_long_message_is_cut_and_never_inside_a_character),
        cmocka_unit_test(test_bytes_that_are_no_text_become_question_marks),
        cmocka_unit_test(test_wrapping_again_and_again_stays_within_bounds),
        cmocka_unit_test(test_every_code_has_a_name_of_its_own),
        cmocka_unit_test(test_only_passing_failures_are_retryable),
        cmocka_unit_test(test_the_classes_of_provider_failure_are_these),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
