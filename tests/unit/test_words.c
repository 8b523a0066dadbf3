#include "unit.h"

#include "buf.h"
#include "prng.h"
#include "utf8.h"
#include "words.h"

/* ---- the rules of words.h once more, slowly: one code point after the other, the scripts in a list ---- */

enum script { SPACED, EAST_ASIAN, SOUTH_EAST_ASIAN, ATTACHED, SPACE };

static const struct range {
    uint32_t first, last;
    enum script script;
} ranges[] = {
    {0x0300, 0x036F, ATTACHED},         {0x0E00, 0x0EFF, SOUTH_EAST_ASIAN},
    {0x1000, 0x109F, SOUTH_EAST_ASIAN}, {0x1780, 0x17FF, SOUTH_EAST_ASIAN},
    {0x2010, 0x2027, ATTACHED},         {0x2E80, 0x2FDF, EAST_ASIAN},
    {0x3001, 0x303F, ATTACHED},         {0x3041, 0x3096, EAST_ASIAN},
    {0x3099, 0x309C, ATTACHED},         {0x309D, 0x30FB, EAST_ASIAN},
    {0x30FC, 0x30FC, ATTACHED},         {0x30FD, 0x30FF, EAST_ASIAN},
    {0x3105, 0x312F, EAST_ASIAN},       {0x31F0, 0x31FF, EAST_ASIAN},
    {0x3400, 0x4DBF, EAST_ASIAN},       {0x4E00, 0x9FFF, EAST_ASIAN},
    {0xF900, 0xFAFF, EAST_ASIAN},       {0xFE00, 0xFE0F, ATTACHED},
    {0xFF01, 0xFF0F, ATTACHED},         {0xFF1A, 0xFF20, ATTACHED},
    {0xFF3B, 0xFF40, ATTACHED},         {0xFF5B, 0xFF65, ATTACHED},
    {0xFF66, 0xFF9D, EAST_ASIAN},       {0xFF9E, 0xFF9F, ATTACHED},
    {0x20000, 0x3FFFF, EAST_ASIAN},
};

static enum script script_of(uint32_t cp)
{
    if (utf8_is_space(cp))
        return SPACE;
    if (cp < 0x80) {
        bool is_letter = (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
        return is_letter || (cp >= '0' && cp <= '9') ? SPACED : ATTACHED;
    }
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return ranges[i].script;
    return SPACED;
}

/* Whether a character of that script goes on with a word of so many characters, whose own script is *word. */
static bool goes_on(enum script *word, int count, enum script next)
{
    static const int longest[] = {[SPACED] = 64, [EAST_ASIAN] = 1, [SOUTH_EAST_ASIAN] = 4};
    if (next == SPACE)
        return false;
    if (*word == ATTACHED || next == ATTACHED) {
        if (*word == ATTACHED)
            *word = next;
        return count < longest[SPACED];
    }
    return next == *word && count < longest[next];
}

/* How many bytes the next word takes after so much white space. */
static size_t slow_word(const char *p, size_t len, size_t *ret_space)
{
    enum script word = ATTACHED;
    uint32_t cp;
    size_t i = 0, used;
    for (; i < len; i += used) {
        used = utf8_decode(p + i, len - i, &cp);
        if (!utf8_is_space(cp))
            break;
    }
    *ret_space = i;
    for (int count = 0; i < len; i += used, count++) {
        used = utf8_decode(p + i, len - i, &cp);
        if (!goes_on(&word, count, script_of(cp)))
            break;
    }
    return i - *ret_space;
}

/* The text stands in memory of exactly its size: a sanitizer sees any byte too many. */
static void check_words(const char *text, size_t len)
{
    char *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    struct word_scan scan = {.p = exact, .end = exact + len};
    struct word word;
    size_t at = 0, space;
    for (size_t n; (n = slow_word(exact + at, len - at, &space)) > 0; at += space + n) {
        assert_true(word_next(&scan, &word));
        assert_int_equal(word.p - exact, at + space);
        assert_int_equal(word.len, n);
        assert_int_equal(word.is_glued, at > 0 && space == 0);
    }
    assert_false(word_next(&scan, &word));
    free(exact);
}

static void test_every_code_point_is_what_the_list_of_scripts_says(void **state)
{
    (void)state;
    static const char *const neighbours[] = {"", "a", ".", "\u4f60", "\u0e01"};
    for (uint32_t cp = 1; cp <= 0x10FFFF; cp++) {
        for (size_t i = 0; i < ARRAY_LEN(neighbours); i++) {
            char text[16] = "", character[4];
            size_t n = utf8_encode(cp, character), side = strlen(neighbours[i]);
            memcpy(text, neighbours[i], side);
            memcpy(text + side, character, n);
            memcpy(text + side + n, neighbours[i], side);
            struct word_scan scan = {.p = text, .end = text + side + n + side};
            struct word word = {0};
            size_t space, expected = slow_word(text, side + n + side, &space);
            bool found = word_next(&scan, &word);
            if (found != (expected > 0) ||
                (found && (word.len != expected || word.p != text + space)))
                fail_msg("U+%X between \"%s\"", cp, neighbours[i]);
        }
    }
}

/* Mostly what is at the edge of something. */
static void put_random(struct buf *b, struct prng *r)
{
    static const uint32_t ascii[] = {' ', ' ', '\n', 'a', 'z', 'A',
                                     'Z', '0', '9',  '.', '-', '\x7F'};
    char byte = (char)prng_next(r);
    const struct range *edge = &ranges[prng_below(r, ARRAY_LEN(ranges))];
    switch (prng_below(r, 8)) {
    case 0:
        text_put(b, &byte, 1); /* broken, or the beginning of something */
        break;
    case 1:
        text_put_cp(b, (uint32_t)prng_below(r, 0x110000));
        break;
    case 2:
        text_put_cp(b, edge->first - 1 + (uint32_t)prng_below(r, 3));
        break;
    case 3:
        text_put_cp(b, edge->last - 1 + (uint32_t)prng_below(r, 3));
        break;
    case 4:
        for (size_t n = prng_below(r, 100); n > 0; n--)
            text_put_cp(b, 'a' + (uint32_t)prng_below(r, 26));
        break;
    default:
        text_put_cp(b, ascii[prng_below(r, ARRAY_LEN(ascii))]);
    }
}

static void test_any_bytes_are_cut_into_the_words_of_the_slow_rules(void **state)
{
    (void)state;
    struct prng r = {47};
    for (int round = 0; round < 20000; round++) {
        struct buf b = BUF_INIT(SIZE_MAX / 2);
        for (size_t n = prng_below(&r, 80); n > 0; n--)
            put_random(&b, &r);
        check_words(b.data, b.len);
        buf_release(&b);
    }
}

/* ---- sentences ---- */

static bool first_ends_sentence(const char *text)
{
    struct word_scan scan = {.p = text, .end = text + strlen(text)};
    struct word word;
    assert_true(word_next(&scan, &word));
    return word.ends_sentence;
}

static void test_a_stop_ends_a_sentence_before_white_space_or_the_end(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "a.",
        "a. b",
        "a.\u00a0",
        "a?!",
        "a.\") b",
        ".",
        "\u4f60\u3002",
        "\u4f60\u3002\u4ed6",
        "\u0939\u0964 b",
    };
    static const char *const no[] = {
        "a",   "a.b",    "a\u00e9 b",     "Dr. No",    "a,",
        "\")", "\u4f60", "\u4f60.\u4ed6", "a\u3001 b", "e.g. b",
    };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (!first_ends_sentence(yes[i]))
            fail_msg("\"%s\" ends none", yes[i]);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (first_ends_sentence(no[i]))
            fail_msg("\"%s\" ends one", no[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_is_what_the_list_of_scripts_says),
        cmocka_unit_test(test_any_bytes_are_cut_into_the_words_of_the_slow_rules),
        cmocka_unit_test(test_a_stop_ends_a_sentence_before_white_space_or_the_end),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
