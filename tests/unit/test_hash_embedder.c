#include "unit.h"

#include <math.h>

#include "compiler.h"
#include "hash_embedder.h"
#include "prng.h"

static void embed(const char *text, float *out)
{
    hash_embed(text, strlen(text), out);
}

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < EMBED_DIMENSIONS; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static double similarity(const char *a, const char *b)
{
    float x[EMBED_DIMENSIONS], y[EMBED_DIMENSIONS];
    embed(a, x);
    embed(b, y);
    return dot(x, y);
}

/* Passages of a course, of the kind the chunker hands over, only shorter. */
static const char *const passages[] = {
    /* 0: washing wool */
    "Now that the sweater is finished, let's talk about washing. Wool shrinks when it meets hot "
    "water, "
    "soap and rubbing, all at once. So use lukewarm water and a gentle detergent, and don't wring "
    "it. "
    "Keep the water the same temperature when you rinse, because a shock of cold makes the fibres "
    "felt. "
    "Roll it in a towel, press, and dry it flat. If you follow these steps your wool won't shrink.",
    /* 1: casting on */
    "To cast on you make a slip knot and put it on the left needle. Then you insert the right "
    "needle, wrap "
    "the yarn around it and pull a loop through. Put that loop back on the left needle and do it "
    "again. "
    "Keep the tension even, and do not pull the stitches too tight, or the first row will be hard "
    "to knit. "
    "Wool is good for beginners because it stretches a little.",
    /* 2: reading charts */
    "A chart shows the pattern from the right side of the fabric. Every square is one stitch and "
    "every line "
    "is a row. You read it from the bottom to the top, odd rows from right to left. The legend "
    "tells you "
    "which symbol is a purl and which is a yarn over. Mark the row you are on with a piece of "
    "tape.",
    /* 3: selling */
    "When you sell your work online you need good photos. Put the piece near a window, use a plain "
    "background, and take a picture of the details. Write down the size and the material. Work out "
    "your "
    "price from the hours and the cost of the yarn, and how much you want to earn for every piece.",
    /* 4: dyeing */
    "Dyeing with plants begins with the mordant. Alum is cheap and safe. Soak the skeins "
    "overnight, then "
    "simmer them for an hour with onion skins or madder root. The longer you leave them the deeper "
    "the "
    "colour. Let the pot cool down slowly before you take the yarn out and rinse it.",
    /* 5: python */
    "In this lesson we write our first program in Python. A variable is a name for a value, and a "
    "function "
    "is a name for a piece of code. We call the function with arguments and it returns a result. "
    "If there "
    "is an error the interpreter prints a traceback that tells you the line.",
};

static size_t best_passage(const char *query)
{
    size_t best = 0;
    for (size_t i = 1; i < ARRAY_LEN(passages); i++) {
        if (similarity(query, passages[i]) > similarity(query, passages[best]))
            best = i;
    }
    return best;
}

static void test_a_question_finds_the_passage_that_answers_it(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t passage;
    } cases[] = {
        {"how do I keep the wool from shrinking", 0},
        {"How do I wash a sweater?", 0},
        {"what is the right water temperature", 0},
        {"casting on stitches", 1},
        {"make a slip knot", 1},
        {"how to read a knitting chart", 2},
        {"what do the symbols mean", 2},
        {"taking photos of my pieces for selling", 3},
        {"how should I price my work", 3},
        {"dye yarn with onion skin", 4},
        {"which mordants are safe", 4},
        {"what is a variable", 5},
        {"calling functions with an argument", 5},
        {"PYTHON ERRORS", 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (best_passage(cases[i].query) != cases[i].passage)
            fail_msg("\"%s\" finds passage %zu", cases[i].query, best_passage(cases[i].query));
    }
}

static void test_the_best_passage_is_clearly_ahead(void **state)
{
    (void)state;
    const char *query = "how do I keep the wool from shrinking";
    double right = similarity(query, passages[0]);
    for (size_t i = 1; i < ARRAY_LEN(passages); i++)
        assert_true(right > similarity(query, passages[i]) + 0.05);
}

static void test_passages_are_found_among_long_chunks_too(void **state)
{
    (void)state;
    /* 800 words each: a passage among text about nothing */
    enum { ROOM = 16384 };
    struct prng r = {3};
    char *chunks[ARRAY_LEN(passages)];
    for (size_t i = 0; i < ARRAY_LEN(passages); i++) {
        chunks[i] = malloc(ROOM);
        assert_non_null(chunks[i]);
        size_t n = (size_t)snprintf(chunks[i], ROOM, "%s ", passages[i]);
        for (int k = 0; k < 720; k++)
            n += (size_t)snprintf(chunks[i] + n, ROOM - n, "filler%zu ", prng_below(&r, 400));
    }
    const char *query = "how do I keep the wool from shrinking";
    double right = similarity(query, chunks[0]);
    for (size_t i = 1; i < ARRAY_LEN(passages); i++)
        assert_true(right > similarity(query, chunks[i]));
    for (size_t i = 0; i < ARRAY_LEN(passages); i++)
        free(chunks[i]);
}

static void test_every_vector_has_unit_length(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "...", "the", "wool", "to be or not to be", "\xFF\xFE", "\u4f60\u597d"};
    float v[EMBED_DIMENSIONS];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        embed(texts[i], v);
        assert_true(fabs(dot(v, v) - 1) < 1e-5);
    }
    struct prng r = {9};
    for (int round = 0; round < 500; round++) {
        char text[400];
        size_t len = prng_below(&r, sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = (char)prng_next(&r);
        hash_embed(text, len, v);
        assert_true(fabs(dot(v, v) - 1) < 1e-5);
    }
}

static void test_texts_without_words_share_one_fixed_vector(void **state)
{
    (void)state;
    assert_true(similarity("", " ?! \u2026") > 0.9999);
    assert_true(fabs(similarity("", passages[0])) < 0.2);
}

static void test_case_punctuation_and_endings_do_not_matter(void **state)
{
    (void)state;
    assert_true(similarity("Washing SWEATERS!", "wash -- sweater") > 0.999);
    assert_true(similarity("running stitches", "run stitch") > 0.6);
    assert_true(similarity("studies", "study") > 0.999);
    assert_true(similarity("shaped", "shape") > 0.999);
    assert_true(similarity("don\u2019t shrink it", "don't shrink it") > 0.999);
    assert_true(similarity("\u00c9COLE \u041c\u0418\u0420", "\u00e9cole \u043c\u0438\u0440") >
                0.999);
}

static void test_stop_words_count_little_but_not_nothing(void **state)
{
    (void)state;
    assert_true(similarity("wool", "what is the wool about") > 0.95);
    assert_true(similarity("the of and", "wool yarn") < 0.1);
    assert_true(similarity("to be or not to be", "to be or not to be") > 0.999);
    assert_true(similarity("to be or not to be", "you and me") < 0.5);
}

static void test_unrelated_texts_are_nearly_at_right_angles(void **state)
{
    (void)state;
    assert_true(fabs(similarity(passages[0], passages[5])) < 0.15);
}

static void test_word_order_tells_texts_of_the_same_words_apart(void **state)
{
    (void)state;
    double same = similarity("dog bites man", "the dog bites the man");
    double other = similarity("dog bites man", "man bites dog");
    assert_true(same > 0.95 && other < 0.95 && other > 0.5);
}

/* A change of any of these numbers makes stored vectors useless: give the model another name. */
static void test_the_vector_is_the_one_that_was_stored_yesterday(void **state)
{
    (void)state;
    float v[EMBED_DIMENSIONS];
    embed("Wool shrinks in hot water", v);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < EMBED_DIMENSIONS; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof(bits));
        hash = (hash ^ bits) * 16777619u;
    }
    assert_int_equal(hash, 0xf15dd9ef);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_question_finds_the_passage_that_answers_it),
        cmocka_unit_test(test_the_best_passage_is_clearly_ahead),
        cmocka_unit_test(test_passages_are_found_among_long_chunks_too),
        cmocka_unit_test(test_every_vector_has_unit_length),
        cmocka_unit_test(test_texts_without_words_share_one_fixed_vector),
        cmocka_unit_test(test_case_punctuation_and_endings_do_not_matter),
        cmocka_unit_test(test_stop_words_count_little_but_not_nothing),
        cmocka_unit_test(test_unrelated_texts_are_nearly_at_right_angles),
        cmocka_unit_test(test_word_order_tells_texts_of_the_same_words_apart),
        cmocka_unit_test(test_the_vector_is_the_one_that_was_stored_yesterday),
    };
    return cmocka_run_group_tests_name("hash_embedder", tests, NULL, NULL);
}
