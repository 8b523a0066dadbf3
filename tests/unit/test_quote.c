/* test_quote.c: foreign text in messages. */
#include "unit.h"

#include "quote.h"

static void test_plain_text_stays(void **state)
{
    (void)state;
    assert_string_equal(quote("*/5 ~", 5).text, "*/5 ~");
    assert_string_equal(quote("abc", 2).text, "ab");
    assert_string_equal(quote("", 0).text, "");
}

static void test_what_cannot_be_shown_is_masked(void **state)
{
    (void)state;
    assert_string_equal(quote("a\nb\0c\x7f\xc3\xa9\x1b[", 10).text, "a?b?c????[");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    char text[QUOTE_MAX + 1], expected[QUOTE_MAX + 4];
    memset(text, 'x', sizeof(text));
    assert_int_equal(strlen(quote(text, QUOTE_MAX).text), QUOTE_MAX);
    (void)snprintf(expected, sizeof(expected), "%.*s...", QUOTE_MAX, text);
    assert_string_equal(quote(text, QUOTE_MAX + 1).text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays),
        cmocka_unit_test(test_what_cannot_be_shown_is_masked),
        cmocka_unit_test(test_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
