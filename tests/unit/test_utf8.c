#include "unit.h"

#include "prng.h"
#include "utf8.h"

/* Decodes everything into a list like "61 FFFD 20AC". */
static const char *points(const char *bytes, size_t len)
{
    static char list[1000];
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        i += utf8_decode(bytes + i, len - i, &cp);
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%X", used > 0 ? " " : "", cp);
    }
    return list;
}

#define POINTS(literal) points(literal, sizeof(literal) - 1)

static void test_well_formed_sequences_of_every_length_are_decoded(void **state)
{
    (void)state;
    assert_string_equal(POINTS("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8E\x89"), "61 E9 20AC 1F389");
    assert_string_equal(POINTS("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF"),
                        "7F 80 7FF 800 FFFF 10FFFF");
}

static void test_overlong_forms_surrogates_and_too_large_numbers_are_broken(void **state)
{
    (void)state;
    assert_string_equal(POINTS("\xC0\x80"), "FFFD FFFD");
    assert_string_equal(POINTS("\xE0\x80\x80"), "FFFD FFFD FFFD");
    assert_string_equal(POINTS("\xED\xA0\x80"), "FFFD FFFD FFFD");
    assert_string_equal(POINTS("\xF4\x90\x80\x80"), "FFFD FFFD FFFD FFFD");
    assert_string_equal(POINTS("\xFF"), "FFFD");
}

static void test_a_cut_sequence_is_one_replacement_and_what_follows_is_kept(void **state)
{
    (void)state;
    assert_string_equal(POINTS("\xE2\x82x"), "FFFD 78");
    assert_string_equal(POINTS("\xF0\x9F\x8E"), "FFFD");
    assert_string_equal(POINTS("\xC3\xC3\xA9"), "FFFD E9");
}

static void test_validity_tells_a_written_replacement_from_a_broken_byte(void **state)
{
    (void)state;
    assert_true(utf8_is_valid("\xEF\xBF\xBD", 3));
    assert_false(utf8_is_valid("\xEF\xBF", 2));
    assert_true(utf8_is_valid("", 0));
    assert_false(utf8_is_valid("abc\x80", 4));
}

static void test_encoding_reverses_decoding_for_every_scalar_value(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        char bytes[4];
        uint32_t back;
        size_t n = utf8_encode(cp, bytes);
        bool scalar = cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
        if (utf8_decode(bytes, n, &back) != n || back != (scalar ? cp : UTF8_REPLACEMENT) ||
            !utf8_is_valid(bytes, n))
            fail_msg("U+%X", cp);
    }
}

static void test_white_space_is_that_of_javascript_and_unicode(void **state)
{
    (void)state;
    static const uint32_t spaces[] = {
        9,      10,     11,     12,     13,     32,     0x85,   0xA0,   0x1680,
        0x2000, 0x2005, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF,
    };
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
        assert_true(utf8_is_space(spaces[i]));
    static const uint32_t others[] = {0, 8, 14, 'a', 0x180E, 0x200B, 0x2060, 0x2FFF, 0xFFFD};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(utf8_is_space(others[i]));
}

static void test_windows_1252_bytes_are_read(void **state)
{
    (void)state;
    assert_int_equal(cp1252_decode('a'), 'a');
    assert_int_equal(cp1252_decode(0x80), 0x20AC);
    assert_int_equal(cp1252_decode(0x96), 0x2013);
    assert_int_equal(cp1252_decode(0x9F), 0x178);
    assert_int_equal(cp1252_decode(0xE9), 0xE9);
}

static void test_any_bytes_are_consumed_without_reading_past_the_end(void **state)
{
    (void)state;
    struct prng r = {1};
    for (int round = 0; round < 20000; round++) {
        size_t len = 1 + prng_below(&r, 12);
        char *bytes = malloc(len); /* exact size: a sanitizer sees any byte too many */
        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(prng_next(&r) | (prng_below(&r, 2) == 0 ? 0x80 : 0));
        for (size_t i = 0; i < len;) {
            uint32_t cp;
            size_t n = utf8_decode(bytes + i, len - i, &cp);
            assert_in_range(n, 1, len - i);
            i += n;
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed_sequences_of_every_length_are_decoded),
        cmocka_unit_test(test_overlong_forms_surrogates_and_too_large_numbers_are_broken),
        cmocka_unit_test(test_a_cut_sequence_is_one_replacement_and_what_follows_is_kept),
        cmocka_unit_test(test_validity_tells_a_written_replacement_from_a_broken_byte),
        cmocka_unit_test(test_encoding_reverses_decoding_for_every_scalar_value),
        cmocka_unit_test(test_white_space_is_that_of_javascript_and_unicode),
        cmocka_unit_test(test_windows_1252_bytes_are_read),
        cmocka_unit_test(test_any_bytes_are_consumed_without_reading_past_the_end),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
