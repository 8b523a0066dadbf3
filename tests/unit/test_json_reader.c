/* test_json_reader.c: the reader takes what jansson takes, and finds the same in it. */
#include "unit.h"

#include <jansson.h>

#include "json_reader.h"
#include "prng.h"

/* ---- the reader's values as jansson's ---- */

static json_t *build(struct json_reader *r);

static json_t *build_object(struct json_reader *r)
{
    json_t *object = json_object();
    struct json_text t;
    while (jr_member(r, &t)) {
        char *key = strndup(t.p, t.len);
        json_object_set_new(object, key, build(r));
        free(key);
    }
    return object;
}

static json_t *build_array(struct json_reader *r)
{
    json_t *array = json_array();
    while (jr_item(r))
        json_array_append_new(array, build(r));
    return array;
}

static bool is_number(const struct json_reader *r)
{
    return *r->p == '-' || (*r->p >= '0' && *r->p <= '9');
}

/* null for the three words, too, which the reader can only skip */
static json_t *build(struct json_reader *r)
{
    struct json_text t;
    if (jr_open(r, '{'))
        return build_object(r);
    if (jr_open(r, '['))
        return build_array(r);
    if (jr_string(r, &t))
        return json_stringn(t.p, t.len);
    if (!r->is_bad && is_number(r))
        return json_real(jr_real(r, -1));
    jr_skip(r);
    return json_null();
}

static json_t *without_words(json_t *j)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_object(j)) {
        void *next;
        json_object_foreach_safe(j, next, key, v)
        {
            json_object_set_new(j, key, without_words(json_incref(v)));
        }
    } else if (json_is_array(j)) {
        json_array_foreach (j, i, v) {
            json_array_set_new(j, i, without_words(json_incref(v)));
        }
    } else if (json_is_number(j)) {
        double real = json_number_value(j);
        json_decref(j);
        return json_real(real);
    } else if (json_is_boolean(j)) {
        return json_null();
    }
    return j;
}

static bool skips(const char *text)
{
    struct json_reader r = JSON_READER(text);
    struct err e;
    jr_skip(&r);
    return jr_finish(&r, &e);
}

/* Whether it is JSON: both ways of the reader and jansson agree about it. Only that a number is too large for the machine is
 * no reason to refuse a file. */
static bool is_json(const char *text)
{
    struct json_reader r = JSON_READER(text);
    struct err e;
    json_error_t je;
    json_t *found = build(&r), *wanted = json_loads(text, JSON_DECODE_ANY, &je);
    bool ok = jr_finish(&r, &e);
    if (wanted != NULL)
        wanted = without_words(wanted);
    bool overflows = wanted == NULL && json_error_code(&je) == json_error_numeric_overflow;
    if (ok != skips(text) || (ok != (wanted != NULL) && !overflows) ||
        (wanted != NULL && !json_equal(found, wanted)))
        fail_msg("%s: %s", text, ok ? je.text : e.msg);
    json_decref(found);
    json_decref(wanted);
    return ok;
}

static void test_what_is_json_is_read_as_jansson_reads_it(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        " [ ] ",
        "\"\"",
        "0",
        "-0",
        "-1.5e-3",
        "1E+2",
        "123456789012345678",
        "null",
        " true\n",
        "[[],{},[{}]]",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\\u20AC\\ud83c\\udf89\"",
        "{\"\\u0061\":1}",
        "{\"a\":1,\"a\":2}",
        "[\t1\r,\n2 ]",
        "\"\x7f\u00e9\U0001F389\"",
    };
    static const char *const bad[] = {
        "",          " ",           "{",         "}",      "[",       "]",        "[1",
        "[1,",       "[1,]",        "[,1]",      "[1 2]",  "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{1:2}",     "{,}",         "{\"a\" 1}", "[}",     "{]",      "1 2",      "01",
        "-",         "+1",          ".5",        "1.",     "1e",      "1e+",      "0x10",
        "tru",       "truee",       "nul",       "NaN",    "\"",      "\"\\\"",   "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"",  "\"\t\"", "[]]",     "'a'",      "{\"a\":1}}",
        "\"\\",      "\"\\u",       "[\"a\",",   "{\"a",   "{\"a\":", "infinity",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!is_json(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (is_json(bad[i]))
            fail_msg("accepted: %s", bad[i]);
}

/* A document in which a few bytes were lost, doubled, or made into others that mean something. */
static void damage(struct prng *rng, char *text)
{
    static const char bytes[] = "{}[]\",:\\ \n0-1.eEtn/b";
    size_t len = strlen(text), at = prng_below(rng, len), n;
    switch (prng_below(rng, 3)) {
    case 0:
        text[at] = bytes[prng_below(rng, sizeof(bytes) - 1)];
        break;
    case 1:
        memmove(text + at, text + at + 1, len - at);
        break;
    default:
        n = prng_below(rng, len - at);
        memmove(text + at + n, text + at, len - at - n); /* what falls off at the end is lost */
    }
}

static void test_damaged_documents_are_judged_as_jansson_judges_them(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"events\":[{\"tStartMs\":0,\"dDurationMs\":2400,\"segs\":[{\"utf8\":\"a\\nb\"},{}]},\n"
        " {\"x\":[true,null,[-1.5e3,0]],\"y\":{\"z\":\"\\\\\"}}],\"n\":[[],{}]}";
    struct prng rng = {1};
    size_t good = 0;
    for (int i = 0; i < 50000; i++) {
        char text[sizeof(whole)];
        memcpy(text, whole, sizeof(whole));
        for (size_t n = prng_below(&rng, 3); n < 3 && text[0] != '\0'; n++)
            damage(&rng, text);
        good += is_json(text);
    }
    assert_in_range(good, 1000, 49000); /* both are tried */
}

static void test_halves_of_pairs_and_nul_are_replaced(void **state)
{
    (void)state;
    struct json_reader r =
        JSON_READER("\"a\\u0000\\ud83c|\\udf89\\ud83c\\n\\ud83c\\ud83c\\udf89\"");
    struct json_text t;
    struct err e;
    assert_true(jr_string(&r, &t));
    assert_true(jr_is(&t, "a\uFFFD\uFFFD|\uFFFD\uFFFD\n\uFFFD\U0001F389"));
    assert_true(jr_finish(&r, &e));
}

static void test_numbers_are_found_in_strings_and_elsewhere_not(void **state)
{
    (void)state;
    struct json_reader r =
        JSON_READER("[12,-3.7,\"14\",\"1e2\",\"\",\"x\",\"5x\",null,true,[1],{\"a\":2},"
                    "9223372036854775808,-99999999999999999999,1e300,\"1e300\",0.25]");
    static const long long wanted[] = {12, -3, 14, 100,       -7,        -7, -7, -7,
                                       -7, -7, -7, INT64_MAX, INT64_MIN, -7, -7, 0};
    struct err e;
    assert_true(jr_open(&r, '['));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        assert_true(jr_item(&r));
        assert_int_equal(jr_whole(&r, -7), wanted[i]);
    }
    assert_false(jr_item(&r));
    assert_true(jr_finish(&r, &e));
    r = (struct json_reader)JSON_READER("[0.25,\"2.5\",7,\"\",{}]");
    static const double reals[] = {0.25, 2.5, 7, -7, -7};
    assert_true(jr_open(&r, '['));
    for (size_t i = 0; i < ARRAY_LEN(reals); i++) {
        assert_true(jr_item(&r));
        assert_true(jr_real(&r, -7) == reals[i]);
    }
    assert_false(jr_item(&r));
    assert_true(jr_finish(&r, &e));
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * 129 + 1];
    struct err e;
    for (int depth = 128; depth <= 129; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        assert_int_equal(skips(text), depth == 128);
    }
    struct json_reader r = JSON_READER(text);
    jr_skip(&r);
    assert_false(jr_finish(&r, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.msg, "nested deeper than 128 levels");
}

/* Nothing is read any more, and the place is told. */
static void test_reading_ends_where_it_is_no_json(void **state)
{
    (void)state;
    struct json_reader r = JSON_READER("{\"a\":[1,}2,\"b\"]}");
    struct json_text t;
    struct err e;
    assert_true(jr_open(&r, '{'));
    assert_true(jr_member(&r, &t));
    assert_true(jr_open(&r, '['));
    assert_true(jr_item(&r));
    assert_int_equal(jr_whole(&r, 0), 1);
    assert_true(jr_item(&r));
    assert_int_equal(jr_whole(&r, 0), 0);
    assert_false(jr_item(&r));
    assert_false(jr_member(&r, &t));
    assert_false(jr_open(&r, '['));
    assert_false(jr_string(&r, &t));
    jr_skip(&r);
    assert_false(jr_finish(&r, &e));
    assert_string_equal(e.msg, "not valid JSON at byte 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_json_is_read_as_jansson_reads_it),
        cmocka_unit_test(test_damaged_documents_are_judged_as_jansson_judges_them),
        cmocka_unit_test(test_halves_of_pairs_and_nul_are_replaced),
        cmocka_unit_test(test_numbers_are_found_in_strings_and_elsewhere_not),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_reading_ends_where_it_is_no_json),
    };
    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
