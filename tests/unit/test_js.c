#include "unit.h"

#include "js.h"
#include "prng.h"

static json_t *parse(const char *text)
{
    struct err e = {0};
    json_t *j = js_parse(text, strlen(text), &e);
    if (j == NULL)
        fail_msg("%s", e.msg);
    return j;
}

static void test_a_path_leads_through_objects(void **state)
{
    (void)state;
    auto_json *j = parse("{\"data\":{\"video\":{\"id\":\"v1\",\"gone\":null}}}");
    assert_string_equal(js_str(j, "data.video.id"), "v1");
    assert_null(js_get(j, "data.video.gone"));
    assert_null(js_get(j, "data.nothing.id"));
    assert_null(js_get(j, "data.video.id.deeper"));
    assert_ptr_equal(js_get(j, ""), j);
    assert_null(js_get(NULL, "data"));
}

static void test_getters_of_the_wrong_type_give_the_default(void **state)
{
    (void)state;
    auto_json *j = parse("{\"s\":\"text\",\"e\":\"\",\"n\":7,\"b\":true,\"o\":{},\"a\":[1]}");
    assert_null(js_str(j, "n"));
    assert_null(js_str(j, "e"));
    assert_int_equal(js_int(j, "s", 3), 3);
    assert_int_equal(js_int(j, "e", 3), 3);
    assert_int_equal(js_int(j, "o", 3), 3);
    assert_int_equal(js_int(j, "a", 3), 3);
    assert_int_equal(js_int(j, "absent", 3), 3);
    assert_true(js_bool(j, "n", true));
    assert_true(js_bool(j, "b", false));
}

static void test_numbers_may_be_written_as_strings(void **state)
{
    (void)state;
    auto_json *j = parse("{\"i\":\"480\",\"f\":\"1.5\",\"junk\":\"12px\",\"real\":2.9}");
    assert_int_equal(js_int(j, "i", 0), 480);
    assert_true(js_num(j, "f", 0) == 1.5);
    assert_int_equal(js_int(j, "junk", -1), -1);
    assert_int_equal(js_int(j, "real", 0), 2);
}

static void test_numbers_too_large_for_an_integer_give_the_default(void **state)
{
    (void)state;
    auto_json *j =
        parse("{\"big\":1e300,\"string\":\"1e300\",\"nan\":\"nan\",\"max\":9223372036854775807}");
    assert_int_equal(js_int(j, "big", 0), 0);
    assert_int_equal(js_int(j, "nan", 0), 0);
    assert_true(js_int(j, "max", 0) == INT64_MAX);
}

static void test_what_is_no_json_is_an_input_error(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "{",        "nul",        "{\"a\":1}x",
                                      "[1,]", "\"\xFF\"", "\"\\ud800\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        assert_null(js_parse(bad[i], strlen(bad[i]), &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_true(strlen(e.msg) > 0);
    }
}

static void test_nul_in_a_text_says_what_to_do(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"a\":\"b\\u0000\"}", "{\"a\\u0000\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        assert_null(js_parse(bad[i], strlen(bad[i]), &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(
            strstr(e.msg, "the character \\u0000, which Postgres cannot hold: leave it"));
    }
}

static void test_deep_nesting_is_refused_and_brackets_in_strings_do_not_count(void **state)
{
    (void)state;
    char deep[1000];
    struct err e = {0};
    memset(deep, '[', 500);
    memset(deep + 500, ']', 500);
    assert_null(js_parse(deep, sizeof(deep), &e));
    assert_int_equal(e.code, ERR_INPUT);
    deep[0] = '"';
    deep[1] = '\\';
    deep[2] = '"';
    deep[999] = '"';
    auto_json *j = js_parse(deep, sizeof(deep), &e);
    assert_non_null(j);
}

static void test_dump_is_compact_and_keeps_the_order_of_keys(void **state)
{
    (void)state;
    auto_json *j = parse(" { \"z\" : 1, \"a\" : [ true , null ] } ");
    size_t len = 0;
    auto_free char *text = js_dump(j, &len);
    assert_string_equal(text, "{\"z\":1,\"a\":[true,null]}");
    assert_int_equal(len, strlen(text));
    assert_null(js_dump(NULL, NULL));
}

static void assert_dump(const char *text, const char *expected)
{
    auto_json *j = parse(text);
    auto_free char *dump = js_dump(j, NULL);
    assert_string_equal(dump, expected);
}

static void test_numbers_are_written_as_they_were_read(void **state)
{
    (void)state;
    static const char *const same[] = {
        "[9007199254740993,-9223372036854775808,9223372036854775807]",
        "[0.1,-0.1,1.025,2.5,100.0,0.30000000000000004,0.1234567890123457,12345678901234570.0]",
        "[1.7976931348623157e308,5e-324,1e22,1e-7,3.141592653589793]",
        "{\"0.10000000000000001\":\"0.10000000000000001 \\\" 123456789012345678901\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        auto_json *j = parse(same[i]);
        auto_free char *dump = js_dump(j, NULL);
        auto_json *again = parse(dump);
        assert_true(json_equal(j, again));
    }
    assert_dump(same[0], same[0]);
    assert_dump(same[1], same[1]);
    assert_dump(same[3], same[3]);
    assert_dump("[0.10000000000000001,0.10000000000000001,\"\",3]", "[0.1,0.1,\"\",3]");
}

static void test_any_real_is_the_same_when_it_was_written(void **state)
{
    (void)state;
    struct prng r = {11};
    for (int round = 0; round < 20000; round++) {
        double v;
        uint64_t bits = prng_below(&r, UINT32_MAX);
        bits = bits << 32 | prng_below(&r, UINT32_MAX);
        memcpy(&v, &bits, sizeof(v));
        auto_json *j = json_real(v); /* NULL of what is no number */
        auto_free char *dump = js_dump(j, NULL);
        if (j == NULL)
            continue;
        auto_json *again = parse(dump);
        assert_true(json_is_real(again) && json_real_value(again) == v);
    }
}

static void test_whole_numbers_of_more_than_64_bits(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"a\":[1,\"\\\"9\"],\"n\":10000000000000000000000},-9223372036854775809,7,"
        "\"99999999999999999999\"]";
    struct err e;
    char where[JS_WHERE_SIZE];
    auto_json *j = parse(text);
    assert_true(json_real_value(js_get(json_array_get(j, 0), "n")) == 1e22);
    assert_true(json_real_value(json_array_get(j, 1)) == -9223372036854775808.0);
    assert_int_equal(json_integer_value(json_array_get(j, 2)), 7);
    auto_json *own = js_parse_own(text, strlen(text), &e);
    assert_true(json_equal(j, own));
    assert_null(js_parse_sent(text, strlen(text), where, &e));
    assert_non_null(strstr(e.msg, "64 bits"));
    assert_string_equal(where, "[0].n");
    assert_null(js_parse("[1e400]", 7, &e));
}

static void test_the_place_of_what_cannot_be_kept(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"{\"data\":{\"n\":99999999999999999999}}", "data.n"},
        {"{\"data\":{\"n\":[0,{\"m\":1},99999999999999999999]}}", "data.n[2]"},
        {"[{},{\"a,{\":1,\"b\":{\"c\":\"x\\u0000y\"}}]", "[1].b.c"},
        {"{\"data\":{\"a\\u0000\":1}}", "data"},
        {"{\"a b\":1e400}", ""},
        {"99999999999999999999", ""},
        {"[99999999999999999999", "[0]"},
        {"{\"data\":nope}", ""},
        {"\"\xFF\"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char where[JS_WHERE_SIZE] = "not written";
        struct err e;
        assert_null(js_parse_sent(cases[i].text, strlen(cases[i].text), where, &e));
        assert_string_equal(where, cases[i].where);
    }
}

static void test_pack_of_bad_utf8_is_null(void **state)
{
    (void)state;
    assert_null(js_pack("{s:s}", "k", "\xC3"));
    auto_json *j = js_pack("{s:s,s:i}", "k", "v", "n", 3);
    assert_int_equal(js_int(j, "n", 0), 3);
}

static void test_any_bytes_are_parsed_or_refused(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]\",:\\u0d8e+-.1 tfn\xC3\xA9\xFF";
    struct prng r = {7};
    for (int round = 0; round < 5000; round++) {
        char text[64];
        size_t len = prng_below(&r, sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[prng_below(&r, sizeof(alphabet))];
        struct err e = {0};
        auto_json *j = js_parse(text, len, &e);
        assert_true((j == NULL) == (e.code == ERR_INPUT));
        char where[JS_WHERE_SIZE];
        js_where(text, len, where);
        auto_free char *dump = js_dump(j, NULL); /* whatever was parsed can be written */
        assert_true((dump == NULL) == (j == NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_leads_through_objects),
        cmocka_unit_test(test_getters_of_the_wrong_type_give_the_default),
        cmocka_unit_test(test_numbers_may_be_written_as_strings),
        cmocka_unit_test(test_numbers_too_large_for_an_integer_give_the_default),
        cmocka_unit_test(test_what_is_no_json_is_an_input_error),
        cmocka_unit_test(test_nul_in_a_text_says_what_to_do),
        cmocka_unit_test(test_deep_nesting_is_refused_and_brackets_in_strings_do_not_count),
        cmocka_unit_test(test_dump_is_compact_and_keeps_the_order_of_keys),
        cmocka_unit_test(test_numbers_are_written_as_they_were_read),
        cmocka_unit_test(test_any_real_is_the_same_when_it_was_written),
        cmocka_unit_test(test_whole_numbers_of_more_than_64_bits),
        cmocka_unit_test(test_the_place_of_what_cannot_be_kept),
        cmocka_unit_test(test_pack_of_bad_utf8_is_null),
        cmocka_unit_test(test_any_bytes_are_parsed_or_refused),
    };
    return cmocka_run_group_tests_name("js", tests, NULL, NULL);
}
