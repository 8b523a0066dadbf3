/* test_reason.c: every sentence that a video can be left with says what happened, whose doing it is and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>

#include "reason.h"

#define LONG_DETAIL                                                                                \
    "a detail that goes on and on, so that it fills all the room that a sentence has for one, "    \
    "and then some more, until nobody would read it any further"

static void set(struct err *e, enum reason r, const char *detail)
{
    memset(e, 0x5a, sizeof(*e));
    assert_false(reason_set(e, r, "YouTube", detail));
}

static size_t sentences_in(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p != '\0'; p++)
        n += *p == '.' && (p[1] == '\0' || (p[1] == ' ' && isupper((unsigned char)p[2])));
    return n;
}

static void test_every_reason_has_a_class_and_a_sentence(void **state)
{
    (void)state;
    for (int r = 0; r < REASON_COUNT; r++) {
        const char *text = reason_text((enum reason)r), *name = reason_name((enum reason)r);
        assert_non_null(name);
        if (text == NULL)
            fail_msg("%s has no sentence", name);
        enum err_code code = reason_class((enum reason)r);
        if (!err_is_of_provider(code) && code != ERR_INPUT)
            fail_msg("%s has the class %s", name, err_name(code));
    }
}

static void test_every_text_says_what_whose_fault_and_what_to_do(void **state)
{
    (void)state;
    static const char *const remedies[] = {"process the video again",
                                           "Process the video again",
                                           "Process it again",
                                           "import",
                                           "Import",
                                           "upload the video file",
                                           "Upload the video file",
                                           "Use the id",
                                           "report this message"};
    for (int r = 0; r < REASON_COUNT; r++) {
        struct err e;
        set(&e, (enum reason)r, "as it says");
        const char *name = reason_name((enum reason)r);
        if (sentences_in(e.msg) != 3)
            fail_msg("%s is not three sentences: %s", name, e.msg);
        bool helps = false;
        for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
            helps |= strstr(e.msg, remedies[i]) != NULL;
        if (!helps)
            fail_msg("%s does not say what to do: %s", name, e.msg);
    }
}

static void test_no_text_speaks_the_language_of_programs(void **state)
{
    (void)state;
    static const char *const jargon[] = {"HTTP",   "JSON",    "null",      "NULL",    "errno",
                                         "token",  "parse",   "exception", "client ", "GraphQL",
                                         "status", "timeout", "endpoint"};
    for (int r = 0; r < REASON_COUNT; r++)
        for (size_t i = 0; i < ARRAY_LEN(jargon); i++)
            if (strstr(reason_text((enum reason)r), jargon[i]) != NULL)
                fail_msg("%s says \"%s\"", reason_name((enum reason)r), jargon[i]);
}

static void test_no_two_reasons_say_the_same(void **state)
{
    (void)state;
    for (int r = 0; r < REASON_COUNT; r++)
        for (int q = 0; q < r; q++)
            if (strcmp(reason_text((enum reason)r), reason_text((enum reason)q)) == 0)
                fail_msg("%s and %s", reason_name((enum reason)r), reason_name((enum reason)q));
}

static void test_every_text_is_whole_with_the_longest_detail(void **state)
{
    (void)state;
    for (int r = 0; r < REASON_COUNT; r++) {
        struct err e;
        set(&e, (enum reason)r, LONG_DETAIL);
        assert_null(strstr(e.msg, "{"));
        if (e.msg[strlen(e.msg) - 1] != '.' || strlen(e.msg) >= sizeof(e.msg) - 1)
            fail_msg("%s is cut: %s", reason_name((enum reason)r), e.msg);
    }
}

static void test_a_detail_is_tidied(void **state)
{
    (void)state;
    struct err e;
    set(&e, REASON_NOT_PLAYABLE, "Bad\nthing \x01happened. ");
    assert_non_null(strstr(e.msg, "(it says: Badthing happened)"));
    set(&e, REASON_NOT_PLAYABLE, NULL);
    assert_non_null(strstr(e.msg, "(it says: no reason given)"));
    char umlauts[301] = "x";
    for (size_t i = 1; i + 2 < sizeof(umlauts); i += 2)
        memcpy(umlauts + i, "\xc3\xbc", 3);
    set(&e, REASON_NOT_PLAYABLE, umlauts);
    const char *end = strstr(e.msg, "). The");
    assert_non_null(end);
    assert_int_equal((unsigned char)end[-1], 0xbc);
}

static void test_the_delay_is_kept_and_else_none(void **state)
{
    (void)state;
    struct err e;
    set(&e, REASON_BUSY, "x");
    assert_int_equal(e.retry_after_ms, 0);
    assert_false(reason_set_after(&e, REASON_BUSY, "Loom", "x", 1234));
    assert_int_equal(e.retry_after_ms, 1234);
    assert_int_equal(e.code, ERR_RATE_LIMITED);
    assert_null(reason_null(&e, REASON_GONE, "Loom", NULL));
    assert_int_equal(e.code, ERR_PERMANENT);
}

static void test_a_technical_failure_is_explained(void **state)
{
    (void)state;
    static const struct {
        enum err_code code;
        const char *msg, *says;
    } cases[] = {
        {ERR_RETRY, "cannot connect",
         "cannot be reached or does not work at the moment (cannot connect)"},
        {ERR_RETRY, "Loom: HTTP 503", "at the moment (HTTP 503)"},
        {ERR_RETRY, "loom: unreadable answer: empty",
         "cannot be understood (unreadable answer: empty)"},
        {ERR_RATE_LIMITED, "slow down (HTTP 429)", "too busy"},
        {ERR_PERMANENT, "HTTP 410", "refused the request"},
        {ERR_NEXT_SOURCE, "HTTP 400", "refused the request"},
        {ERR_STOP_PROVIDER, "certificate", "until somebody changes its settings"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        (void)err_set(&e, cases[i].code, "%s", cases[i].msg);
        e.retry_after_ms = 77;
        assert_false(reason_explain(&e, "Loom"));
        if (strstr(e.msg, cases[i].says) == NULL)
            fail_msg("%s became: %s", cases[i].msg, e.msg);
        assert_int_equal(e.code, cases[i].code);
        assert_int_equal(e.retry_after_ms, 77);
    }
}

static void test_what_is_about_ourselves_stays_as_it_is(void **state)
{
    (void)state;
    static const enum err_code codes[] = {ERR_STOPPING, ERR_UNAVAILABLE, ERR_BUG, ERR_INPUT};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct err e;
        (void)err_set(&e, codes[i], "own words");
        assert_false(reason_explain(&e, "Loom"));
        assert_string_equal(e.msg, "own words");
        assert_int_equal(e.code, codes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_has_a_class_and_a_sentence),
        cmocka_unit_test(test_every_text_says_what_whose_fault_and_what_to_do),
        cmocka_unit_test(test_no_text_speaks_the_language_of_programs),
        cmocka_unit_test(test_no_two_reasons_say_the_same),
        cmocka_unit_test(test_every_text_is_whole_with_the_longest_detail),
        cmocka_unit_test(test_a_detail_is_tidied),
        cmocka_unit_test(test_the_delay_is_kept_and_else_none),
        cmocka_unit_test(test_a_technical_failure_is_explained),
        cmocka_unit_test(test_what_is_about_ourselves_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
