#include "unit.h"

#include <math.h>

#include "buf.h"
#include "chunker.h"
#include "prng.h"
#include "utf8.h"
#include "words.h"

/* ---- making texts ---- */

/* Words w1 w2 …; every `sentence` words one ends with a full stop (0: never). */
static char *make_text(size_t words, size_t sentence)
{
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 1; i <= words; i++) {
        bool stop = sentence > 0 && i % sentence == 0;
        if (!buf_addf(&b, "%sw%zu%s", i > 1 ? " " : "", i, stop ? "." : ""))
            abort();
    }
    return buf_take(&b);
}

static struct chunks chunk(const char *text, double seconds)
{
    struct chunks c = {0};
    struct err e = {0};
    if (!chunk_text(text, seconds, NULL, &c, &e))
        fail_msg("%s", e.msg);
    return c;
}

static size_t own_words(const struct chunk *c)
{
    return (size_t)(c->word_count - c->overlap_word_count);
}

/* ---- what must hold for any text ---- */

static size_t list_words(const char *text, struct word **ret)
{
    struct word_scan s = {.p = text, .end = text + strlen(text)};
    struct word w;
    size_t n = 0, cap = 0;
    *ret = NULL;
    while (word_next(&s, &w)) {
        if (n == cap) {
            cap = cap > 0 ? cap * 2 : 256;
            *ret = realloc(*ret, cap * sizeof(**ret));
            assert_non_null(*ret);
        }
        (*ret)[n++] = w;
    }
    return n;
}

/* The words of the chunk are those of the text from `from` on. */
static void check_text(const struct chunk *c, const struct word *words, size_t from)
{
    const char *p = c->text;
    for (size_t i = 0; i < (size_t)c->word_count; i++) {
        const struct word *w = &words[from + i];
        if (i > 0 && !w->is_glued)
            assert_int_equal(*p++, ' ');
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a text with chunks has words
        assert_memory_equal(p, w->p, w->len);
        p += w->len;
    }
    assert_int_equal(*p, '\0');
}

static void check_chunks(const struct chunks *c, const char *text, const struct chunk_options *o)
{
    struct word *words;
    size_t total = list_words(text, &words), from = 0, least = (size_t)o->min_words;
    assert_int_equal(count_words(text), total);
    assert_int_equal(c->len == 0, total == 0);
    for (size_t i = 0; i < c->len; i++) {
        const struct chunk *it = &c->items[i];
        size_t before = i > 0 ? own_words(&it[-1]) : 0, wanted = (size_t)o->overlap_words;
        assert_int_equal(it->overlap_word_count, before < wanted ? before : wanted);
        assert_true(own_words(it) > 0);
        assert_true(it->word_count <= o->max_words);
        assert_true((size_t)it->word_count >= least || total < least);
        assert_in_range(it->sentence_count, 1, own_words(it));
        assert_true(utf8_is_valid(it->text, strlen(it->text)));
        assert_true(it->start_seconds >= 0 && it->start_seconds <= it->end_seconds);
        assert_true(i == 0 || it[-1].end_seconds <= it->start_seconds);
        check_text(it, words, from - (size_t)it->overlap_word_count);
        from += own_words(it);
    }
    assert_int_equal(from, total);
    free(words);
}

static void check_text_of(size_t words, size_t sentence)
{
    auto_free char *text = make_text(words, sentence);
    struct chunks c = chunk(text, 60);
    check_chunks(&c, text, &chunk_defaults);
    chunks_release(&c);
}

/* ---- sizes ---- */

static void test_an_hour_of_nine_thousand_words_gives_twelve_chunks(void **state)
{
    (void)state;
    static const size_t sentences[] = {0, 1, 7, 12, 15, 20, 23, 40, 60, 100};
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        auto_free char *text = make_text(9000, sentences[i]);
        struct chunks c = chunk(text, 3600);
        check_chunks(&c, text, &chunk_defaults);
        assert_int_equal(c.len, 12);
        chunks_release(&c);
    }
}

static void test_unpunctuated_text_is_cut_evenly_at_the_target(void **state)
{
    (void)state;
    auto_free char *text = make_text(9000, 0);
    struct chunks c = chunk(text, 0);
    for (size_t i = 0; i < c.len; i++) {
        assert_int_equal(own_words(&c.items[i]), 750);
        assert_int_equal(c.items[i].overlap_word_count, i > 0 ? 100 : 0);
        assert_int_equal(c.items[i].sentence_count, 1);
    }
    chunks_release(&c);
}

static void test_every_length_is_cut_within_the_limits(void **state)
{
    (void)state;
    for (size_t words = 1; words < 4000; words += words < 480 ? 37 : words < 2100 ? 1 : 13) {
        check_text_of(words, 0);
        check_text_of(words, 17);
        check_text_of(words, 90);
    }
    check_text_of(100000, 19);
}

static void test_a_short_text_is_one_chunk(void **state)
{
    (void)state;
    struct chunks c = chunk("  Hello\tthere. Bye ", 0);
    assert_int_equal(c.len, 1);
    assert_string_equal(c.items[0].text, "Hello there. Bye");
    assert_int_equal(c.items[0].word_count, 3);
    assert_int_equal(c.items[0].sentence_count, 2);
    assert_int_equal(c.items[0].overlap_word_count, 0);
    chunks_release(&c);
    auto_free char *thousand = make_text(1000, 10);
    c = chunk(thousand, 0);
    assert_int_equal(c.len, 1);
    chunks_release(&c);
}

static void test_a_text_without_words_gives_no_chunks(void **state)
{
    (void)state;
    static const char *const empty[] = {"", " ", "\n\t", "\u00a0\u2003\u3000\ufeff"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        struct chunks c = chunk(empty[i], 100);
        assert_int_equal(c.len, 0);
        chunks_release(&c);
        assert_int_equal(count_words(empty[i]), 0);
    }
}

static void test_a_short_rest_joins_its_neighbour(void **state)
{
    (void)state;
    auto_free char *text = make_text(750 + 850, 10);
    struct chunks c = chunk(text, 0);
    assert_int_equal(c.len, 2);
    check_chunks(&c, text, &chunk_defaults);
    chunks_release(&c);
}

static void test_chunks_end_with_sentences_where_there_are_any(void **state)
{
    (void)state;
    static const size_t sentences[] = {5, 33, 90, 250, 390};
    for (size_t k = 0; k < ARRAY_LEN(sentences); k++) {
        auto_free char *text = make_text(sentences[k] * 40, sentences[k]);
        struct chunks c = chunk(text, 0);
        check_chunks(&c, text, &chunk_defaults);
        for (size_t i = 0; i < c.len; i++) {
            assert_int_equal(c.items[i].text[strlen(c.items[i].text) - 1], '.');
            assert_int_equal(c.items[i].sentence_count, own_words(&c.items[i]) / sentences[k]);
        }
        chunks_release(&c);
    }
}

static void test_sentences_longer_than_the_target_are_still_kept_whole(void **state)
{
    (void)state;
    auto_free char *text = make_text(6000, 600);
    struct chunks c = chunk(text, 0);
    check_chunks(&c, text, &chunk_defaults);
    assert_int_equal(c.len, 10);
    for (size_t i = 0; i < c.len; i++)
        assert_int_equal(own_words(&c.items[i]), 600);
    chunks_release(&c);
}

static void test_a_sentence_too_long_for_a_chunk_is_cut(void **state)
{
    (void)state;
    check_text_of(5000, 5000);
    check_text_of(12000, 3000);
}

static void test_the_overlap_repeats_the_last_words_of_the_chunk_before(void **state)
{
    (void)state;
    auto_free char *text = make_text(2000, 0);
    struct chunks c = chunk(text, 0);
    assert_int_equal(c.len, 3);
    size_t own = own_words(&c.items[0]);
    char first[32];
    (void)snprintf(first, sizeof(first), "w%zu w%zu ", own - 99, own - 98);
    assert_memory_equal(c.items[1].text, first, strlen(first));
    chunks_release(&c);
}

static void test_other_limits_are_followed(void **state)
{
    (void)state;
    static const struct chunk_options options[] = {
        {.min_words = 1, .max_words = 1, .target_words = 1, .overlap_words = 0},
        {.min_words = 50, .max_words = 120, .target_words = 80, .overlap_words = 10},
        {.min_words = 200, .max_words = 400, .target_words = 1000, .overlap_words = 0},
        {.min_words = 30, .max_words = 100, .target_words = 10, .overlap_words = 20},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        for (size_t words = 1; words < 3000; words = words * 3 / 2 + 1) {
            auto_free char *text = make_text(words, 9);
            struct chunks c = {0};
            struct err e = {0};
            assert_true(chunk_text(text, 10, &options[i], &c, &e));
            check_chunks(&c, text, &options[i]);
            chunks_release(&c);
        }
    }
}

static void test_the_upper_limit_holds_even_when_the_lower_cannot(void **state)
{
    (void)state;
    static const struct chunk_options tight = {
        .min_words = 100, .max_words = 110, .target_words = 105, .overlap_words = 10};
    for (size_t words = 1; words < 500; words++) {
        auto_free char *text = make_text(words, 0);
        struct chunks c = {0};
        struct err e = {0};
        assert_true(chunk_text(text, 0, &tight, &c, &e));
        size_t total = 0;
        for (size_t i = 0; i < c.len; i++) {
            assert_true(c.items[i].word_count <= 110);
            total += own_words(&c.items[i]);
        }
        assert_int_equal(total, words);
        chunks_release(&c);
    }
}

static void test_impossible_limits_are_our_own_mistake(void **state)
{
    (void)state;
    static const struct chunk_options bad[] = {
        {.min_words = 0, .max_words = 10, .target_words = 5, .overlap_words = 0},
        {.min_words = 20, .max_words = 10, .target_words = 5, .overlap_words = 0},
        {.min_words = 5, .max_words = 10, .target_words = 5, .overlap_words = 10},
        {.min_words = 5, .max_words = 10, .target_words = 5, .overlap_words = -1},
        {.min_words = 5, .max_words = 10, .target_words = 0, .overlap_words = 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct chunks c = {0};
        struct captions none = {0};
        struct err e = {0};
        assert_false(chunk_text("a b", 0, &bad[i], &c, &e));
        assert_int_equal(e.code, ERR_BUG);
        assert_false(chunk_captions(&none, &bad[i], &c, &e));
        assert_int_equal(c.len, 0);
    }
}

/* ---- words and sentences ---- */

static void test_words_are_separated_by_unicode_white_space(void **state)
{
    (void)state;
    assert_int_equal(count_words("a b\tc\nd\u00a0e\u2028f\u3000g\ufeffh\vi"), 9);
    assert_int_equal(count_words("it's well-known: caf\u00e9\u2014bar \u200bx"), 4);
    assert_int_equal(count_words("a\xFF\xC3 b"), 2);
}

static void test_scripts_without_spaces_are_counted_by_characters(void **state)
{
    (void)state;
    assert_int_equal(count_words("\u4f60\u597d\u3002"), 2);
    assert_int_equal(count_words("iPhone\u3092\u4f7f\u3046"), 4);
    struct chunks c = chunk("\u300c\u4f60\u597d\u3002\u300d\u4ed6 said \u597d", 0);
    assert_string_equal(c.items[0].text, "\u300c\u4f60\u597d\u3002\u300d\u4ed6 said \u597d");
    assert_int_equal(c.items[0].sentence_count, 2);
    chunks_release(&c);
}

static void test_long_text_without_any_space_is_cut_and_joined_again_unchanged(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (int i = 0; i < 5000; i++)
        text_put(&b, i % 20 == 19 ? "\u3002" : "\u7f16", 3);
    struct chunks c = chunk(b.data, 0);
    check_chunks(&c, b.data, &chunk_defaults);
    assert_true(c.len >= 5);
    for (size_t i = 0; i < c.len; i++) {
        assert_null(strchr(c.items[i].text, ' '));
        assert_memory_equal(c.items[i].text + strlen(c.items[i].text) - 3, "\u3002", 3);
    }
    chunks_release(&c);
    buf_release(&b);
}

static int sentences_of(const char *text)
{
    struct chunks c = chunk(text, 0);
    int n = c.items[0].sentence_count;
    chunks_release(&c);
    return n;
}

static void test_sentences_end_at_stops_followed_by_white_space(void **state)
{
    (void)state;
    assert_int_equal(sentences_of("One. Two! Three? Four"), 4);
    assert_int_equal(sentences_of("Wait... what?! Yes."), 3);
    assert_int_equal(sentences_of("Version 3.5 of example.com is out"), 1);
    assert_int_equal(sentences_of("One . Two"), 2);
    assert_int_equal(sentences_of("\u0939\u0948\u0964 \u0915\u094d\u092f\u093e\u061f ok"), 3);
}

static void test_quotes_and_brackets_after_the_stop_belong_to_the_sentence(void **state)
{
    (void)state;
    assert_int_equal(sentences_of("He said \"stop.\" Then (later.) he left."), 3);
    assert_int_equal(sentences_of("\u201cNo!\u201d she said. \u00abOui.\u00bb Fin"), 4);
}

static void test_abbreviations_end_no_sentence(void **state)
{
    (void)state;
    assert_int_equal(sentences_of("Dr. Smith met Mr. and Mrs. Jones vs. Prof. Lee Jr. today."), 1);
    assert_int_equal(
        sentences_of("Yarn, e.g. wool, i.e. fibre (etc.) and (e.g. felt) \u201cDr. No\u201d"), 1);
    assert_int_equal(sentences_of("and/or Mr./Mrs. Jones"), 1);
    /* not abbreviations: part of another word, or another word */
    assert_int_equal(sentences_of("He uses ATMs. She programs. It took 5 ms. Done."), 4);
    assert_int_equal(sentences_of("We looked at the revs. Then left."), 2);
    assert_int_equal(sentences_of("Apples, etc.! Then pears"), 2);
}

/* ---- times ---- */

static void add(struct captions *c, int64_t start, int64_t end, const char *text)
{
    captions_add(c, start, end, text, strlen(text));
}

static bool is_near(double a, double b)
{
    return a - b < 0.0005 && b - a < 0.0005;
}

static void test_times_of_a_plain_text_are_shares_of_its_duration(void **state)
{
    (void)state;
    auto_free char *text = make_text(9000, 0);
    struct chunks c = chunk(text, 3600);
    for (size_t i = 0; i < c.len; i++) {
        assert_true(is_near(c.items[i].start_seconds, 300.0 * (double)i));
        assert_true(is_near(c.items[i].end_seconds, 300.0 * (double)(i + 1)));
    }
    chunks_release(&c);
    static const double unknown[] = {0, -5, 1e300, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        c = chunk(text, unknown[i]);
        assert_true(c.items[11].start_seconds == 0 && c.items[11].end_seconds == 0);
        chunks_release(&c);
    }
}

static void test_times_are_interpolated_within_captions(void **state)
{
    (void)state;
    struct captions c = {0};
    /* ten words in ten seconds each, with a pause of ten seconds after every caption */
    for (int i = 0; i < 150; i++)
        add(&c, i * 20000, i * 20000 + 10000, "a b c d e f g h i j");
    struct chunks chunks = {0};
    struct err e = {0};
    assert_true(chunk_captions(&c, NULL, &chunks, &e));
    assert_int_equal(chunks.len, 2);
    assert_int_equal(own_words(&chunks.items[0]), 750);
    assert_true(is_near(chunks.items[0].start_seconds, 0));
    assert_true(is_near(chunks.items[0].end_seconds, 74 * 20 + 10));
    assert_true(is_near(chunks.items[1].start_seconds, 75 * 20));
    assert_true(is_near(chunks.items[1].end_seconds, 149 * 20 + 10));
    chunks_release(&chunks);
    captions_release(&c);
    /* a cut inside a caption */
    add(&c, 1000, 11000, "a b c d e f g h i j");
    struct chunk_options o = {
        .min_words = 4, .max_words = 6, .target_words = 5, .overlap_words = 0};
    assert_true(chunk_captions(&c, &o, &chunks, &e));
    assert_int_equal(chunks.len, 2);
    assert_true(is_near(chunks.items[0].end_seconds, 6));
    assert_true(is_near(chunks.items[1].start_seconds, 6));
    chunks_release(&chunks);
    captions_release(&c);
}

static void test_sentences_run_on_over_captions(void **state)
{
    (void)state;
    struct captions c = {0};
    add(&c, 0, 1000, "This sentence goes");
    add(&c, 1000, 2000, "on. And another");
    add(&c, 2000, 3000, "one.");
    struct chunks chunks = {0};
    struct err e = {0};
    assert_true(chunk_captions(&c, NULL, &chunks, &e));
    assert_int_equal(chunks.items[0].sentence_count, 2);
    assert_string_equal(chunks.items[0].text, "This sentence goes on. And another one.");
    chunks_release(&chunks);
    captions_release(&c);
}

static void test_a_caption_with_an_absurd_end_does_not_move_what_follows(void **state)
{
    (void)state;
    struct captions c = {0};
    for (int i = 0; i < 200; i++)
        add(&c, i * 1000, i == 3 ? INT64_C(600000000) : i * 1000 + 1000, "a b c d e f g h i j");
    struct chunks chunks = {0};
    struct err e = {0};
    assert_true(chunk_captions(&c, NULL, &chunks, &e));
    assert_true(chunks.len > 1);
    assert_true(chunks.items[0].end_seconds < 100);
    assert_true(is_near(chunks.items[chunks.len - 1].end_seconds, 200));
    chunks_release(&chunks);
    captions_release(&c);
}

/* ---- properties ---- */

static const char *const pieces[] = {
    "the",
    "wool",
    "shrinks",
    "Dr.",
    "e.g.",
    "end.",
    "end!\u201d",
    "...",
    ".",
    "?",
    "(",
    ")",
    "\"",
    " ",
    " ",
    " ",
    "\n",
    "\u00a0",
    "\u3000",
    "\u4f60",
    "\u3002",
    "\u300c",
    "\u0e01\u0e02\u0e03",
    "\u3099",
    "caf\u00e9",
    "\xFF",
    "\xC3",
    "\xE2\x80",
    "w w w w w w w w w w w w w w w w w w w w ",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
};

static char *make_soup(struct prng *r, size_t count)
{
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[prng_below(r, ARRAY_LEN(pieces))];
        text_put(&b, piece, strlen(piece));
        if (prng_below(r, 2) == 0)
            text_put(&b, " ", 1);
    }
    return buf_take(&b);
}

static void test_any_text_is_covered_in_order_within_the_limits(void **state)
{
    (void)state;
    struct prng r = {45};
    for (int round = 0; round < 2000; round++) {
        auto_free char *soup = make_soup(&r, prng_below(&r, round % 20 == 0 ? 5000 : 300));
        struct chunk_options o = chunk_defaults;
        if (round % 2 == 0)
            o = (struct chunk_options){
                .min_words = 20, .max_words = 60, .target_words = 40, .overlap_words = 5};
        struct chunks c = {0};
        struct err e = {0};
        assert_true(chunk_text(soup, 100, &o, &c, &e));
        /* what was broken in the text is U+FFFD in the chunks: compare with the text so mended */
        struct buf valid = BUF_INIT(SIZE_MAX / 2);
        for (size_t i = 0, len = strlen(soup); i < len;) {
            uint32_t cp;
            i += utf8_decode(soup + i, len - i, &cp);
            text_put_cp(&valid, cp);
        }
        check_chunks(&c, valid.data, &o);
        chunks_release(&c);
        buf_release(&valid);
    }
}

static void test_any_captions_give_times_in_order(void **state)
{
    (void)state;
    struct prng r = {46};
    for (int round = 0; round < 1000; round++) {
        struct captions captions = {0};
        for (size_t i = prng_below(&r, 400); i > 0; i--) {
            auto_free char *soup = make_soup(&r, prng_below(&r, 20));
            int64_t start = (int64_t)prng_below(&r, 600000) - 1000;
            captions_add(&captions, start, start + (int64_t)prng_below(&r, 10000) - 1000, soup,
                         strlen(soup));
        }
        if (round % 4 != 0) /* the others come as they are: unordered, with ends before starts */
            captions_finish(&captions, round % 4 == 1);
        auto_free char *text = captions_text(&captions);
        struct chunk_options o = {
            .min_words = 20, .max_words = 60, .target_words = 40, .overlap_words = 5};
        struct chunks c = {0};
        struct err e = {0};
        assert_true(chunk_captions(&captions, &o, &c, &e));
        if (captions.len > 0)
            check_chunks(&c, text, &o);
        chunks_release(&c);
        captions_release(&captions);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_hour_of_nine_thousand_words_gives_twelve_chunks),
        cmocka_unit_test(test_unpunctuated_text_is_cut_evenly_at_the_target),
        cmocka_unit_test(test_every_length_is_cut_within_the_limits),
        cmocka_unit_test(test_a_short_text_is_one_chunk),
        cmocka_unit_test(test_a_text_without_words_gives_no_chunks),
        cmocka_unit_test(test_a_short_rest_joins_its_neighbour),
        cmocka_unit_test(test_chunks_end_with_sentences_where_there_are_any),
        cmocka_unit_test(test_sentences_longer_than_the_target_are_still_kept_whole),
        cmocka_unit_test(test_a_sentence_too_long_for_a_chunk_is_cut),
        cmocka_unit_test(test_the_overlap_repeats_the_last_words_of_the_chunk_before),
        cmocka_unit_test(test_other_limits_are_followed),
        cmocka_unit_test(test_the_upper_limit_holds_even_when_the_lower_cannot),
        cmocka_unit_test(test_impossible_limits_are_our_own_mistake),
        cmocka_unit_test(test_words_are_separated_by_unicode_white_space),
        cmocka_unit_test(test_scripts_without_spaces_are_counted_by_characters),
        cmocka_unit_test(test_long_text_without_any_space_is_cut_and_joined_again_unchanged),
        cmocka_unit_test(test_sentences_end_at_stops_followed_by_white_space),
        cmocka_unit_test(test_quotes_and_brackets_after_the_stop_belong_to_the_sentence),
        cmocka_unit_test(test_abbreviations_end_no_sentence),
        cmocka_unit_test(test_times_of_a_plain_text_are_shares_of_its_duration),
        cmocka_unit_test(test_times_are_interpolated_within_captions),
        cmocka_unit_test(test_sentences_run_on_over_captions),
        cmocka_unit_test(test_a_caption_with_an_absurd_end_does_not_move_what_follows),
        cmocka_unit_test(test_any_text_is_covered_in_order_within_the_limits),
        cmocka_unit_test(test_any_captions_give_times_in_order),
    };
    return cmocka_run_group_tests_name("chunker", tests, NULL, NULL);
}
