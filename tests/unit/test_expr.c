/* test_expr.c: the expression language, by the tables that define it. */
#include "unit.h"

#include "expr.h"
#include "js.h"
#include "prng.h"

static const char EVENT[] =
    "{\"id\":\"01\",\"name\":\"video/"
    "done\",\"ts\":1700000000000,\"user\":{\"id\":\"u1\"},\"data\":{"
    "\"s\":\"abc\",\"empty\":\"\",\"u\":\"h\u00e9\u20ac\U0001F389\",\"n\":5,\"f\":2.5,\"z\":0,"
    "\"neg\":-3,"
    "\"one\":1.0,\"big\":9007199254740993,\"huge\":1e300,\"t\":true,\"no\":false,\"nil\":null,"
    "\"list\":[1,\"a\",null,2.5,[2],{\"k\":1}],\"none\":[],\"o\":{\"k\":1,\"in\":{\"y\":\"deep\"}},"
    "\"o2\":{\"in\":{\"y\":\"deep\"},\"k\":1.0},\"a b\":\"spaced\",\"x.y\":\"dotted\"}}";

static const char ASYNC[] =
    "{\"name\":\"video/stop\",\"data\":{\"s\":\"abc\",\"n\":7,\"t\":false}}";

static json_t *parse(const char *text)
{
    struct err e = {0};
    json_t *j = js_parse(text, strlen(text), &e);
    if (j == NULL)
        fail_msg("%s", e.msg);
    return j;
}

static struct expr *compile(const char *text, unsigned allow)
{
    struct err e = {0};
    struct expr *x = expr_compile(text, allow, &e);
    if (x == NULL)
        fail_msg("%s: %s", text, e.msg);
    return x;
}

/* A copy in which 1.0 is 1, as in the language. */
static json_t *canonical(const json_t *j)
{
    json_t *copy = json_is_array(j) ? json_array() : json_is_object(j) ? json_object() : NULL;
    double real = json_real_value(j);
    const char *key;
    size_t i;
    json_t *v;
    if (json_is_real(j) && real > -1e15 && real < 1e15 && real == (double)(long)real)
        return json_integer((json_int_t)real);
    if (copy == NULL)
        return json_deep_copy(j);
    json_array_foreach (j, i, v)
        json_array_append_new(copy, canonical(v));
    json_object_foreach ((json_t *)j, key, v)
        json_object_set_new(copy, key, canonical(v));
    return copy;
}

/* As JSON, but that what is missing says so. */
static char *show(const struct expr_value *v)
{
    json_t *j = NULL;
    switch (v->kind) {
    case EXPR_MISSING:
        return strdup("missing");
    case EXPR_NULL:
        j = json_null();
        break;
    case EXPR_BOOL:
        j = json_boolean(v->boolean);
        break;
    case EXPR_INT:
        j = json_integer(v->integer);
        break;
    case EXPR_REAL:
        j = json_real(v->real);
        break;
    case EXPR_TEXT:
        j = json_stringn(v->text, v->len);
        break;
    case EXPR_JSON:
        j = canonical(v->json);
        break;
    }
    assert_non_null(j); /* numbers are finite, texts are UTF-8 */
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(j);
    return text;
}

static char *eval_shown(const struct expr *x, const json_t *event, const json_t *async)
{
    struct expr_scratch scratch;
    struct expr_value v;
    memset(&scratch, 0xA5, sizeof(scratch));
    expr_eval(x, event, async, &scratch, &v);
    return show(&v);
}

struct example {
    const char *text, *value;
};

static void check_examples(const struct example *examples, size_t len)
{
    auto_json *event = parse(EVENT);
    auto_json *async = parse(ASYNC);
    for (size_t i = 0; i < len; i++) {
        struct expr *x = compile(examples[i].text, EXPR_EVENT | EXPR_ASYNC);
        auto_free char *value = eval_shown(x, event, async);
        if (strcmp(value, examples[i].value) != 0)
            fail_msg("%s gave %s, not %s", examples[i].text, value, examples[i].value);
        expr_free(x);
    }
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        static const struct example examples_[] = {__VA_ARGS__};                                   \
        check_examples(examples_, ARRAY_LEN(examples_));                                           \
    } while (0)

static void test_literals_of_every_kind(void **state)
{
    (void)state;
    CHECK({"'a'", "\"a\""}, {"\"a\"", "\"a\""}, {"''", "\"\""}, {"'it\"s'", "\"it\\\"s\""},
          {"\"it's\"", "\"it's\""}, {"1", "1"}, {"-1", "-1"}, {"- 1", "-1"}, {"1.5", "1.5"},
          {"1.0", "1"}, {"1e3", "1000"}, {"1.5E-1", "0.14999999999999999"}, {"007", "7"},
          {"9223372036854775807", "9223372036854775807"},
          {"-9223372036854775808", "-9223372036854775808"},
          {"9223372036854775808", "9.2233720368547758e18"}, {"true", "true"}, {"false", "false"},
          {"null", "null"}, {"missing", "missing"}, {"[]", "[]"},
          {"[1, 'a', [true]]", "[1,\"a\",[true]]"}, {"[-1, 2.5, null]", "[-1,2.5,null]"},
          {"{}", "{}"}, {"{'a': 1, \"b\": [{}]}", "{\"a\":1,\"b\":[{}]}"}, {" \t\r\n1\n", "1"},
          {"(((1)))", "1"}, {"'\u00e9\u20ac\U0001F389'", "\"\u00e9\u20ac\U0001F389\""});
}

static void test_escapes_in_texts(void **state)
{
    (void)state;
    CHECK({"'\\n\\r\\t\\b\\f\\\\\\/'", "\"\\n\\r\\t\\b\\f\\\\/\""},
          {"'\\'\\\"\\`\\?'", "\"'\\\"`?\""}, {"'\\x41\\u0042'", "\"AB\""},
          {"'\\u00e9\\u20ac\\uD83C\\uDF89'", "\"\u00e9\u20ac\U0001F389\""},
          {"'\\u0000' == '\\x00'", "true"}, {"size('a\\u0000b')", "3"},
          {"'\\xe9' == '\u00e9'", "true"});
}

static void test_paths_lead_through_objects_and_lists(void **state)
{
    (void)state;
    CHECK({"event.name", "\"video/done\""}, {"event.ts", "1700000000000"},
          {"event.user.id", "\"u1\""}, {"event.data.s", "\"abc\""}, {"data.s", "\"abc\""},
          {"data['s']", "\"abc\""}, {"event[\"data\"]['a b']", "\"spaced\""},
          {"event.data['x.y']", "\"dotted\""}, {"event.data.x.y", "missing"},
          {"event.data.list[0]", "1"}, {"event.data.list[4][0]", "2"},
          {"event.data.list[5].k", "1"}, {"event.data.list[6]", "missing"},
          {"event.data.list['0']", "missing"}, {"event.data.o[0]", "missing"},
          {"event.data.o.in.y", "\"deep\""}, {"event . data . s", "\"abc\""}, {"data.nil", "null"},
          {"data.nil.x", "missing"}, {"data.s.x", "missing"}, {"data.gone.x[3].y", "missing"},
          {"data.none", "[]"}, {"async.data.n", "7"}, {"async.data.gone", "missing"},
          {"async.name", "\"video/stop\""});
}

static void test_events_may_be_absent(void **state)
{
    (void)state;
    struct expr *x = compile("has(event) || has(async) || event.data.a != null || async.x != null",
                             EXPR_EVENT | EXPR_ASYNC);
    auto_free char *value = eval_shown(x, NULL, NULL);
    assert_string_equal(value, "false");
    expr_free(x);
}

static void test_operators_bind_as_in_cel(void **state)
{
    (void)state;
    CHECK({"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"10 - 3 - 2", "5"}, {"10 - (3 - 2)", "9"},
          {"2 * -3", "-6"}, {"- -3", "3"}, {"-(1 + 2)", "-3"}, {"1 - -1", "2"},
          {"!true == false", "true"}, {"!!1", "true"}, {"1 + 1 == 2 && 2 < 3", "true"},
          {"true || false && false", "true"}, {"(true || false) && false", "false"},
          {"1 == 1 == true", "true"}, {"'a' in ['a'] == true", "true"}, {"1 < 2 == true", "true"},
          {"true ? 1 : 2", "1"}, {"false ? 1 : false ? 2 : 3", "3"},
          {"true ? false ? 1 : 2 : 3", "2"}, {"false || true ? 'y' : 'n'", "\"y\""},
          {"1 + 1 in [2]", "true"}, {"-data.n", "-5"}, {"-data.neg", "3"},
          {"'a' + 'b' == 'ab'", "true"});
}

static void test_equality_is_false_between_types(void **state)
{
    (void)state;
    CHECK({"1 == 1", "true"}, {"1 == 1.0", "true"}, {"data.one == 1", "true"},
          {"1 == '1'", "false"}, {"1 != '1'", "true"}, {"true == 1", "false"},
          {"true == 'true'", "false"}, {"'a' == \"a\"", "true"}, {"'a' == 'A'", "false"},
          {"0 == ''", "false"}, {"0 == false", "false"}, {"data.big == 9007199254740993", "true"},
          {"data.big == 9007199254740992", "false"}, {"-0.0 == 0", "true"},
          {"'a\\u0000b' == 'a\\u0000c'", "false"}, {"[] == {}", "false"}, {"[] == ''", "false"},
          {"[] == false", "false"});
}

static void test_lists_and_objects_are_equal_by_contents(void **state)
{
    (void)state;
    CHECK({"data.o == data.o2", "true"}, {"data.o != data.o2", "false"},
          {"data.o == data.list", "false"}, {"data.list == data.list", "true"},
          {"data.list[4] == [2]", "true"}, {"data.list[4] == [2, 3]", "false"},
          {"data.list[5] == {'k': 1}", "true"}, {"data.list[5] == {'k': 2}", "false"},
          {"data.list[5] == {'j': 1}", "false"}, {"{'k': null} == {'j': null}", "false"},
          {"[null] == [null]", "true"}, {"[1, 2] == [2, 1]", "false"}, {"[[1.0]] == [[1]]", "true"},
          {"event.data == event.data", "true"});
}

/* 8.2, line 1 */
static void test_a_missing_path_is_null(void **state)
{
    (void)state;
    CHECK({"data.gone == null", "true"}, {"null == data.gone", "true"},
          {"data.gone != null", "false"}, {"data.gone == 'x'", "false"},
          {"'x' == data.gone", "false"}, {"data.gone != 'x'", "true"}, {"data.gone == 0", "false"},
          {"data.gone == ''", "false"}, {"data.gone == false", "false"},
          {"data.gone == data.lost", "true"}, {"data.gone == data.nil", "true"},
          {"data.gone == missing", "true"}, {"data.gone.further == null", "true"},
          {"data.o == null", "false"}, {"data.none != null", "true"});
}

/* 8.2, line 2 */
static void test_missing_is_less_than_everything(void **state)
{
    (void)state;
    CHECK({"data.gone < 5", "true"}, {"data.gone <= 5", "true"}, {"data.gone > 5", "false"},
          {"data.gone >= 5", "false"}, {"5 < data.gone", "false"}, {"5 <= data.gone", "false"},
          {"5 > data.gone", "true"}, {"5 >= data.gone", "true"}, {"data.gone < -5", "true"},
          {"data.gone < 'a'", "true"}, {"data.gone < true", "true"},
          {"data.gone < data.list", "true"}, {"data.gone < null", "true"},
          {"null < data.gone", "false"}, {"data.gone < data.lost", "true"},
          {"data.gone >= data.lost", "false"});
}

static void test_functions_on_missing_are_zero_and_false(void **state)
{
    (void)state;
    CHECK({"size(data.gone)", "0"}, {"size(data.gone) > 0", "false"}, {"size(data.nil)", "0"},
          {"data.gone.contains('')", "false"}, {"data.gone.startsWith('a')", "false"},
          {"data.gone.endsWith('a')", "false"}, {"'a'.contains(data.gone)", "false"},
          {"data.gone in ['a', null]", "false"}, {"'a' in data.gone", "false"},
          {"has(data.gone)", "false"});
}

/* 8.2, line 3 */
static void test_null_is_the_zero_of_the_other_type(void **state)
{
    (void)state;
    CHECK({"null == 0", "false"}, {"null != 0", "true"}, {"null == ''", "false"},
          {"null == null", "true"}, {"null < 5", "true"}, {"5 < null", "false"},
          {"null > 0", "false"}, {"null <= 0", "true"}, {"null >= 0", "true"},
          {"null >= 1", "false"}, {"null < 0.5", "true"}, {"null > -1", "true"},
          {"null < 'a'", "true"}, {"'a' < null", "false"}, {"null <= ''", "true"},
          {"null < ''", "false"}, {"null < true", "true"}, {"null < false", "false"},
          {"null <= null", "true"}, {"null < null", "false"}, {"null < []", "false"},
          {"data.nil < 1", "true"});
}

static void test_ordering_of_one_type_and_of_none(void **state)
{
    (void)state;
    CHECK({"1 < 2", "true"}, {"2 <= 2", "true"}, {"3 > 2.5", "true"}, {"2 > 2.5", "false"},
          {"2.5 < 3", "true"}, {"-3 < -2.5", "true"}, {"-2 < -2.5", "false"},
          {"2.5 <= 2.5", "true"}, {"2.5 > 2.25", "true"}, {"9223372036854775807 < 1e19", "true"},
          {"9223372036854775807 < 9223372036854775808", "true"},
          {"1e19 > 9223372036854775807", "true"}, {"-9223372036854775808 > -1e19", "true"},
          {"9007199254740993 > 9007199254740992", "true"}, {"'a' < 'b'", "true"},
          {"'a' < 'ab'", "true"}, {"'ab' <= 'ab'", "true"}, {"'Z' < 'a'", "true"},
          {"'z' < '\u00e9'", "true"}, {"false < true", "true"}, {"true <= false", "false"},
          {"'5' > 4", "false"}, {"'5' < 6", "false"}, {"'5' >= 5", "false"}, {"true > 0", "false"},
          {"[1] < [2]", "false"}, {"[1] >= [1]", "false"}, {"data.o > 1", "false"});
}

/* 8.2, line 4 */
static void test_plus_adds_or_joins(void **state)
{
    (void)state;
    CHECK({"1 + 2", "3"}, {"1 + 0.5", "1.5"}, {"0.5 + 0.5", "1"}, {"'a' + 'b'", "\"ab\""},
          {"'a' + 5", "\"a5\""}, {"5 + 'a'", "\"5a\""}, {"'a' + 2.5", "\"a2.5\""},
          {"'a' + -3", "\"a-3\""}, {"'a' + true", "\"atrue\""}, {"true + 5", "\"true5\""},
          {"'' + ''", "\"\""}, {"data.gone + 'a'", "\"a\""}, {"'a' + data.gone", "\"a\""},
          {"data.gone + 5", "5"}, {"data.nil + 'a'", "\"a\""}, {"'a' + data.nil", "\"a\""},
          {"data.gone + data.lost", "missing"}, {"data.gone + data.nil", "null"},
          {"data.s + '-' + data.f + '-' + data.t + '-' + data.gone", "\"abc-2.5-true-\""},
          {"'a' + data.list", "missing"}, {"data.o + data.o", "missing"},
          {"'a' + ('b' + 'c')", "\"abc\""}, {"1 + 2 + 'a' + 1 + 2", "\"3a12\""});
}

static void test_arithmetic_is_exact_and_finite(void **state)
{
    (void)state;
    CHECK({"data.big + 1", "9007199254740994"},
          {"9223372036854775807 + 1", "9.2233720368547758e18"},
          {"-9223372036854775808 - 2000", "-9.2233720368547779e18"},
          {"-(-9223372036854775807 - 1)", "9.2233720368547758e18"},
          {"4294967296 * 4294967296", "1.8446744073709552e19"},
          {"data.huge * data.huge", "1.7976931348623157e308"},
          {"-data.huge * data.huge", "-1.7976931348623157e308"},
          {"data.huge * data.huge - data.huge * data.huge", "0"},
          {"0 * (data.huge * data.huge)", "0"}, {"7 - 2.5", "4.5"}, {"3 * 2.5", "7.5"},
          {"2 * 2.5", "5"}, {"0.1 + 0.2 == 0.3", "false"}, {"'5' * 2", "missing"},
          {"data.gone * 2", "missing"}, {"data.gone - 2", "missing"}, {"null - 1", "missing"},
          {"true * 2", "missing"}, {"-'a'", "missing"}, {"-data.gone", "missing"},
          {"[] - []", "missing"});
}

/* 8.2, line 5 */
static void test_truth_is_that_of_javascript_and_the_deciding_value_is_given(void **state)
{
    (void)state;
    CHECK({"data.s || 'other'", "\"abc\""}, {"data.empty || 'other'", "\"other\""},
          {"data.z || 'other'", "\"other\""}, {"null || 'other'", "\"other\""},
          {"data.gone || 'other'", "\"other\""}, {"false || data.f", "2.5"},
          {"data.gone || data.lost", "missing"}, {"data.gone || ''", "\"\""},
          {"data.list || 1", "[1,\"a\",null,2.5,[2],{\"k\":1}]"}, {"data.none && 1", "1"},
          {"{} && 1", "1"}, {"data.s && data.n", "5"}, {"data.empty && data.n", "\"\""},
          {"data.gone && data.n", "missing"}, {"data.n && data.empty", "\"\""},
          {"true && true", "true"}, {"true && false", "false"}, {"'false' ? 1 : 2", "1"},
          {"'' ? 1 : 2", "2"}, {"0.0 ? 1 : 2", "2"}, {"data.gone ? 1 : 2", "2"},
          {"null ? 1 : 2", "2"}, {"!''", "true"}, {"!0", "true"}, {"!null", "true"},
          {"!data.gone", "true"}, {"!data.s", "false"}, {"!data.none", "false"}, {"!-1", "false"});
}

/* 8.2, line 6 */
static void test_a_condition_is_only_met_by_the_boolean_true(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool met;
    } examples[] = {
        {"data.n == 5", true},
        {"data.n == 6", false},
        {"data.t", true},
        {"data.no", false},
        {"data.n", false},
        {"data.s", false},
        {"'true'", false},
        {"1", false},
        {"data.list", false},
        {"data.gone", false},
        {"null", false},
        {"data.s && data.t", true},
        {"data.t && data.s", false},
        {"!data.gone", true},
        {"data.s == 'abc' && (data.gone || data.n == 5)", true},
    };
    auto_json *event = parse(EVENT);
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct expr *x = compile(examples[i].text, EXPR_EVENT);
        if (expr_true(x, event, NULL) != examples[i].met)
            fail_msg("%s", examples[i].text);
        expr_free(x);
    }
}

static void test_in_looks_for_elements_and_keys(void **state)
{
    (void)state;
    CHECK({"'a' in ['b', 'a']", "true"}, {"'c' in ['b', 'a']", "false"}, {"1 in []", "false"},
          {"1 in [1.0]", "true"}, {"'1' in [1]", "false"}, {"'a' in data.list", "true"},
          {"null in data.list", "true"}, {"[2] in data.list", "true"},
          {"{'k': 1} in data.list", "true"}, {"2 in data.list", "false"}, {"'k' in data.o", "true"},
          {"'j' in data.o", "false"}, {"1 in data.o", "false"}, {"'a' in 'abc'", "false"},
          {"'a' in data.s", "false"}, {"1 in 1", "false"}, {"1 in null", "false"},
          {"data.n in [1, data.n]", "true"}, {"data.n in [data.s, 4, data.f * 2]", "true"},
          {"data.n in [data.s, 4]", "false"}, {"data.gone in [data.lost]", "false"},
          {"data.nil in [data.lost]", "true"}, {"!(data.n in [data.n])", "false"},
          {"data.n in [(data.n == 5 ? 1 : 2) == 2, [1], data.f * 2]", "true"});
}

static void test_methods_and_functions(void **state)
{
    (void)state;
    CHECK({"data.s.startsWith('ab')", "true"}, {"data.s.startsWith('b')", "false"},
          {"data.s.startsWith('')", "true"}, {"data.s.startsWith('abcd')", "false"},
          {"data.s.endsWith('bc')", "true"}, {"data.s.endsWith('ab')", "false"},
          {"data.s.endsWith('')", "true"}, {"data.s.contains('b')", "true"},
          {"data.s.contains('bd')", "false"}, {"data.s.contains('')", "true"},
          {"''.contains('')", "true"}, {"'hello'.contains('ell')", "true"},
          {"('a' + 'b').endsWith('b')", "true"}, {"data.s.contains(async.data.s)", "true"},
          {"data.n.contains('5')", "false"}, {"data.s.contains(5)", "false"},
          {"5.contains('5')", "false"}, {"1.5.contains('5')", "false"},
          {"data.list.contains('a')", "false"}, {"data.s.contains('a').contains('t')", "false"},
          {"size('abc')", "3"}, {"size(data.u)", "4"}, {"size('')", "0"}, {"size(data.list)", "6"},
          {"size(data.none)", "0"}, {"size(data.o)", "2"}, {"size([1, 2])", "2"}, {"size(5)", "0"},
          {"size(true)", "0"}, {"has(data.s)", "true"}, {"has(data.nil)", "true"},
          {"has(data.o.in.y)", "true"}, {"has(data.o.in.z)", "false"},
          {"has(data.list[0])", "true"}, {"has(event)", "true"}, {"has(async.data.n)", "true"});
}

static void test_names_that_are_words_elsewhere_may_be_keys(void **state)
{
    (void)state;
    auto_json *event =
        parse("{\"data\":{\"in\":{\"null\":{\"true\":{\"size\":{\"event\":{\"contains\":7}}}}}}}");
    struct expr *x = compile("data.in.null.true.size.event.contains == 7", EXPR_EVENT);
    assert_true(expr_true(x, event, NULL));
    expr_free(x);
}

static void check_refused(const char *text, unsigned allow, const char *msg)
{
    struct err e = {0};
    assert_null(expr_compile(text, allow, &e));
    assert_int_equal(e.code, ERR_INPUT);
    if (strcmp(e.msg, msg) != 0)
        fail_msg("%.60s said\n  %s, not\n  %s", text, e.msg, msg);
}

static void test_what_is_refused_says_where_and_what_was_expected(void **state)
{
    (void)state;
    static const char value[] = "expected event, data, size, has or a literal, found";
    static const struct {
        const char *text, *at, *expected;
    } bad[] = {
        {"", "1", "%s the end"},
        {"  ", "3", "%s the end"},
        {"event.data.a = 1", "14", "expected ==, found \"=\""},
        {"event.data.a & true", "14", "expected &&, found \"&\""},
        {"event.data.a | true", "14", "expected ||, found \"|\""},
        {"event.data.a == ", "17", "%s the end"},
        {"event.data.a 1", "14", "expected an operator or the end, found \"1\""},
        {"1 / 2", "3", "expected an operator or the end, found \"/\""},
        {"1 % 2", "3", "expected an operator or the end, found \"%\""},
        {"/ 2", "1", "%s \"/\""},
        {"a.b", "1", "%s \"a\""},
        {"steps.x == 1", "1", "%s \"steps\""},
        {"int(5)", "1", "%s \"int\""},
        {"1 == async.data.a", "6", "%s \"async\""},
        {"event.", "7", "expected a name, found the end"},
        {"event.5", "7", "expected a name, found \"5\""},
        {"event['a'", "10", "expected ], found the end"},
        {"event[-1]", "7", "expected a key in quotation marks or an index, found \"-\""},
        {"event[1.5]", "7", "expected a key in quotation marks or an index, found \"1.5\""},
        {"event[event.a]", "7", "expected a key in quotation marks or an index, found \"event\""},
        {"event[1000001]", "7", "expected a key in quotation marks or an index, found \"1000001\""},
        {"'\u00e9' == event.data.a.matches('x')", "21",
         "expected startsWith, endsWith or contains, found \"matches\""},
        {"(event.data).a", "14", "expected startsWith, endsWith or contains, found \"a\""},
        {"'a'.1", "5", "expected a method, found \"1\""},
        {"'a'.contains", "13", "expected (, found the end"},
        {"'a'.contains('b'", "17", "expected ), found the end"},
        {"size", "5", "expected (, found the end"},
        {"size()", "6", "%s \")\""},
        {"size(1, 2)", "7", "expected ), found \",\""},
        {"has('a')", "5", "expected a path, found \"'a'\""},
        {"has(data.a.contains('b'))", "20", "expected ), found \"(\""},
        {"(1", "3", "expected ), found the end"},
        {"1)", "2", "expected an operator or the end, found \")\""},
        {"true ? 1", "9", "expected :, found the end"},
        {"[1, ", "5", "%s the end"},
        {"[1 2]", "4", "expected , or ], found \"2\""},
        {"[1,]", "4", "%s \"]\""},
        {"[1, data.a]", "5",
         "expected a literal (only the list after \"in\" may hold more), found \"data\""},
        {"1 in [[data.a]]", "8",
         "expected a literal (only the list after \"in\" may hold more), found \"data\""},
        {"1 in [data.a] + [2]", "15",
         "expected a comparison, && or || after such a list, found \"+\""},
        {"1 in [data.a].contains('x')", "14", "expected an operator or the end, found \".\""},
        {"1 in ([data.a])", "8",
         "expected a literal (only the list after \"in\" may hold more), found \"data\""},
        {"1 in data.b + [data.a]", "16",
         "expected a literal (only the list after \"in\" may hold more), found \"data\""},
        {"{a: 1}", "2", "expected a key in quotation marks, found \"a\""},
        {"{'a' 1}", "6", "expected :, found \"1\""},
        {"{'a': data.a}", "7", "expected a literal, found \"data\""},
        {"{'a': 1", "8", "expected , or }, found the end"},
        {"'abc", "5", "expected a closing ', found the end"},
        {"\"abc'", "6", "expected a closing \", found the end"},
        {"'a\nb'", "3", "expected a closing ', found \"?\""},
        {"'a\\q'", "3", "expected an escape such as \\n, \\\\ or \\u00e9, found \"\\q\""},
        {"'a\\u12g4'", "3", "expected an escape such as \\n, \\\\ or \\u00e9, found \"\\u\""},
        {"'\\ud800'", "2", "expected an escape such as \\n, \\\\ or \\u00e9, found \"\\u\""},
        {"'\\udc00'", "2", "expected an escape such as \\n, \\\\ or \\u00e9, found \"\\u\""},
        {"'\\ud800\\u0041'", "2", "expected an escape such as \\n, \\\\ or \\u00e9, found \"\\u\""},
        {"'a\\", "3", "expected an escape such as \\n, \\\\ or \\u00e9, found \"\\\""},
        {"5u", "1", "expected a number such as 10 or 2.5, found \"5u\""},
        {"0x1F", "1", "expected a number such as 10 or 2.5, found \"0x1F\""},
        {"1.5e", "1", "expected a number such as 10 or 2.5, found \"1.5e\""},
        {"1e999", "1", "expected a smaller number, found \"1e999\""},
        {"1..2", "3", "expected a method, found \".\""},
        {".5", "1", "%s \".\""},
        {"'\u00e9\u00e9' \u20ac", "6", "expected an operator or the end, found \"\u20ac\""},
        {"1 \xFF", "3", "expected an operator or the end, found \"?\""},
        {"1 \x01", "3", "expected an operator or the end, found \"?\""},
        {"'\xC3'", "1", "expected text in UTF-8, found \"'?'\""},
        {"true 'and a text that is longer than what a message has room for'", "6",
         "expected an operator or the end, found \"'and a text that is longer than what a m\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char msg[300], what[200];
        bool short_form = strncmp(bad[i].expected, "%s", 2) == 0;
        (void)snprintf(what, sizeof(what), "%s%s", short_form ? value : "",
                       bad[i].expected + (short_form ? 2 : 0));
        (void)snprintf(msg, sizeof(msg), "column %s: %s", bad[i].at, what);
        check_refused(bad[i].text, EXPR_EVENT, msg);
    }
}

static void test_only_the_roots_that_are_allowed_can_be_read(void **state)
{
    (void)state;
    check_refused("event.a", EXPR_ASYNC,
                  "column 1: expected async, size, has or a literal, found \"event\"");
    check_refused("data.a", EXPR_ASYNC,
                  "column 1: expected async, size, has or a literal, found \"data\"");
    check_refused("event.a", 0, "column 1: expected size, has or a literal, found \"event\"");
    check_refused("has(async.a)", EXPR_EVENT, "column 5: expected a path, found \"async\"");
    check_refused("x", EXPR_EVENT | EXPR_ASYNC,
                  "column 1: expected event, data, async, size, has or a literal, found \"x\"");
    static const struct {
        const char *text;
        unsigned reads;
    } good[] = {
        {"1 == 1", 0},
        {"data.a", EXPR_EVENT},
        {"async.a.contains('x')", EXPR_ASYNC},
        {"1 in [1, has(async.a)]", EXPR_ASYNC},
        {"true ? data.a : async.a", EXPR_EVENT | EXPR_ASYNC},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct expr *x = compile(good[i].text, EXPR_EVENT | EXPR_ASYNC);
        assert_int_equal(expr_reads(x), good[i].reads);
        expr_free(x);
    }
    expr_free(NULL);
}

/* before, n times a piece, after */
static char *repeat(const char *before, const char *piece, size_t n, const char *after)
{
    size_t size = strlen(before) + n * strlen(piece) + strlen(after) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text, size, "%s", before);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, size - len, "%s", piece);
    (void)snprintf(text + len, size - len, "%s", after);
    return text;
}

static void check_limit(const char *before, const char *piece, const char *after, size_t fits,
                        unsigned allow, const char *msg)
{
    auto_free char *good = repeat(before, piece, fits, after);
    auto_free char *bad = repeat(before, piece, fits + 1, after);
    expr_free(compile(good, allow));
    check_refused(bad, allow, msg);
}

static void test_size_is_limited(void **state)
{
    (void)state;
    check_limit("1", " ", "", 1023, EXPR_EVENT,
                "column 1025: expected the end after at most 1024 bytes, found \" \"");
    check_limit("'", "\u00e9", "'", 511, EXPR_EVENT | EXPR_ASYNC,
                "column 513: expected the end after at most 1024 bytes, found \"\u00e9'\"");
    check_limit("async.x == '", "a", "'", 8192 - 13, EXPR_ASYNC,
                "column 8193: expected the end after at most 8192 bytes, found \"'\"");
}

static void test_nesting_is_limited(void **state)
{
    (void)state;
    static const char msg[] = "column %d: expected at most 32 levels of nesting, found \"%s\"";
    static const struct {
        const char *piece, *middle, *end;
        int column;
        const char *found;
    } nests[] = {
        {"(", "1", ")", 33, "("},
        {"[", "1", "]", 33, "["},
        {"{'a':", "1", "}", 161, "{"},
        {"!", "1", "", 33, "!"},
        {"-", "data.a", "", 33, "-"},
        {"1 ? ", "1", ":1", 131, "?"},
        {"1?1:", "1", "", 130, "?"},
        {"size(", "1", ")", 165, "("},
        {"''.contains(", "1", ")", 396, "("},
    };
    for (size_t i = 0; i < ARRAY_LEN(nests); i++) {
        auto_free char *open = repeat("", nests[i].piece, 32, nests[i].middle);
        auto_free char *good = repeat(open, nests[i].end, 32, "");
        expr_free(compile(good, EXPR_EVENT));
        auto_free char *open_more = repeat("", nests[i].piece, 33, nests[i].middle);
        auto_free char *bad = repeat(open_more, nests[i].end, 33, "");
        char wanted[128];
        (void)snprintf(wanted, sizeof(wanted), msg, nests[i].column, nests[i].found);
        check_refused(bad, EXPR_EVENT, wanted);
    }
    auto_free char *side_by_side = repeat("(1)", "+(1)", 100, "");
    expr_free(compile(side_by_side, EXPR_EVENT));
}

static void test_the_number_of_nodes_is_limited(void **state)
{
    (void)state;
    static const char msg[] =
        "column %d: expected at most 256 operators and operands, found \"%s\"";
    char wanted[128];
    /* 128 operands and 127 operators are 255; the operand that comes next is still allowed */
    (void)snprintf(wanted, sizeof(wanted), msg, 256, "+");
    check_limit("1", "+1", "", 127, EXPR_EVENT, wanted);
    /* not counted: steps of paths, and literals in a list */
    auto_free char *path = repeat("data", ".a", 500, " == 1");
    expr_free(compile(path, EXPR_EVENT));
    auto_free char *list = repeat("data.a in [1", ",1", 500, "]");
    expr_free(compile(list, EXPR_EVENT));
    auto_free char *full = repeat("1", "+1", 127, " ? 1 : []"); /* the list is one too many */
    (void)snprintf(wanted, sizeof(wanted), msg, 263, "[");
    check_refused(full, EXPR_EVENT, wanted);
    (void)snprintf(wanted, sizeof(wanted), msg, 256, "+");
    auto_free char *bound = repeat("async.a in [1", ",1", 4000, "]");
    expr_free(compile(bound, EXPR_ASYNC));
    auto_free char *chain = repeat("1", "+1", 4000, "");
    check_refused(chain, EXPR_ASYNC, wanted);
}

static void test_joined_texts_at_a_time_are_limited(void **state)
{
    (void)state;
    struct err e = {0};
    expr_free(compile("data.a+'a' == (data.a+'b' == (data.a+'c' == (data.a+'d')))", EXPR_EVENT));
    assert_null(
        expr_compile("data.a+'a' == (data.a+'b' == (data.a+'c' == (data.a+'d' == (data.a+'e'))))",
                     EXPR_EVENT, &e));
    assert_string_equal(e.msg,
                        "column 12: expected at most 4 joined texts at a time, found \"==\"");
    auto_free char *grows = repeat("data.a", "+'a'", 100, "");
    expr_free(compile(grows, EXPR_EVENT));
    auto_free char *left = repeat("", "(data.a+'a')+(", 3, "data.a+'a'");
    auto_free char *four = repeat(left, ")", 3, "");
    expr_free(compile(four, EXPR_EVENT));
    auto_free char *more = repeat("", "(data.a+'a')+(", 4, "data.a+'a'");
    auto_free char *five = repeat(more, ")", 4, "");
    check_refused(five, EXPR_EVENT,
                  "column 13: expected at most 4 joined texts at a time, found \"+\"");
    check_refused("data.a+'1' in [data.a+'2' == (data.a+'3' == (data.a+'4' == (data.a+'5')))]",
                  EXPR_EVENT, "column 12: expected at most 4 joined texts at a time, found \"in\"");
}

static void test_joined_texts_do_not_write_over_each_other(void **state)
{
    (void)state;
    CHECK({"data.s + 'x' == data.s + 'y'", "false"}, {"data.s + 'x' == data.s + 'x'", "true"},
          {"(data.s + 'x') + (data.s + 'y')", "\"abcxabcy\""},
          {"'a' + (data.s + 'y')", "\"aabcy\""},
          {"(data.gone + data.gone) + (data.s + 'x') == data.s + 'y'", "false"},
          {"((data.gone + data.gone) + (data.s + 'x')) + ((data.gone + data.nil) + (data.s + 'y'))",
           "\"abcxabcy\""},
          {"data.s + 'x' in [data.s + 'y', data.s + 'x']", "true"},
          {"data.s + 'x' in [data.s + 'y', data.s + 'z']", "false"},
          {"(data.t ? data.s + '1' : data.s + '2') + (data.no || data.s + '3')", "\"abc1abc3\""},
          {"(data.s + '1' && data.s + '2') + (data.s + '3' || data.s + '4')", "\"abc2abc3\""},
          {"(data.s + 'x').contains(data.s + 'x')", "true"},
          {"(data.s + 'x') + ((data.s + 'y') + (data.s + 'z'))", "\"abcxabcyabcz\""});
}

/* {"data":{"a":<n times the piece>,"b":"b"}} */
static json_t *event_of(const char *piece, size_t n)
{
    auto_free char *text = repeat("", piece, n, "");
    json_t *event = json_pack("{s:{s:s,s:s}}", "data", "a", text, "b", "b");
    assert_non_null(event);
    return event;
}

static char *text_of(const char *expression, const json_t *event)
{
    struct expr_scratch scratch;
    struct expr_value v;
    struct expr *x = compile(expression, EXPR_EVENT);
    expr_eval(x, event, NULL, &scratch, &v);
    assert_int_equal(v.kind, EXPR_TEXT);
    char *text = strndup(v.text, v.len);
    assert_int_equal(strlen(text), v.len);
    expr_free(x);
    return text;
}

static void test_a_joined_text_that_is_too_long_is_cut_and_stays_different(void **state)
{
    (void)state;
    auto_json *fits = event_of("a", 1023);
    auto_free char *whole = text_of("data.a + data.b", fits);
    assert_int_equal(strlen(whole), 1024);
    assert_string_equal(whole + 1020, "aaab");
    auto_json *long_a = event_of("a", 1000000);
    auto_free char *one = text_of("data.a + '1'", long_a);
    auto_free char *two = text_of("data.a + '2'", long_a);
    assert_int_equal(strlen(one), 1024);
    assert_memory_equal(one, two, 1024 - 17);
    assert_int_equal(one[1024 - 17], '~');
    assert_string_not_equal(one, two);
    auto_json *wide = event_of("\u20ac", 400); /* 1007 is no multiple of 3: cut at 1005 */
    auto_free char *right = text_of("data.b + data.a", wide);
    auto_free char *left = text_of("data.a + data.b", wide);
    assert_int_equal(strlen(left), 1005 + 17);
    assert_int_equal(strlen(right), 1 + 1005 + 17);
}

static void test_long_texts_are_compared_and_searched_whole(void **state)
{
    (void)state;
    auto_json *event = event_of("ab", 500000);
    struct expr *x =
        compile("data.a == data.a && !data.a.contains('bb') && data.a.endsWith('abab') && "
                "size(data.a) == 1000000",
                EXPR_EVENT);
    assert_true(expr_true(x, event, NULL));
    expr_free(x);
}

static void check_key(const char *expression, const json_t *event, const char *wanted)
{
    char key[EXPR_KEY_SIZE];
    struct expr *x = compile(expression, EXPR_EVENT);
    assert_int_equal(expr_key(x, event, key), strlen(wanted));
    assert_string_equal(key, wanted);
    expr_free(x);
}

static void test_key_text_of_every_kind(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"data.s", "abc"},
        {"data.empty", ""},
        {"data.n", "5"},
        {"data.one", "1"},
        {"data.f", "2.5"},
        {"data.neg", "-3"},
        {"data.big", "9007199254740993"},
        {"0.1", "0.1"},
        {"0.1 + 0.2", "0.30000000000000004"},
        {"1e21", "1e+21"},
        {"1.5e-7", "1.5e-07"},
        {"data.t", "true"},
        {"data.no", "false"},
        {"data.nil", ""},
        {"data.gone", ""},
        {"data.list", ""},
        {"data.o", ""},
        {"data.s + '-' + data.n", "abc-5"},
        {"data.u", "h\u00e9\u20ac\U0001F389"},
        {"data.gone || 'none'", "none"},
        {"data['a b']", "spaced"},
    };
    auto_json *event = parse(EVENT);
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check_key(examples[i].text, event, examples[i].value);
}

static void test_keys_are_one_line_and_long_ones_stay_different(void **state)
{
    (void)state;
    auto_json *fits = event_of("x", 128);
    auto_free char *whole = repeat("", "x", 128, "");
    check_key("data.a", fits, whole);
    /* these very bytes: keys are stored, and must be found again by another build */
    auto_json *longer = event_of("x", 129);
    auto_free char *cut = repeat("", "x", 111, "~dfc6fa99324edb41");
    check_key("data.a", longer, cut);
    auto_json *wide = event_of("\u20ac", 50);
    auto_free char *cut_wide = repeat("", "\u20ac", 37, "~988a0f09b1142cf0");
    check_key("data.a", wide, cut_wide);
    check_key("'a\\nb\\x7f'", NULL, "a_b_~fec16d8a28f1a32b");
    check_key("'a\\tb\\x7f'", NULL, "a_b_~feb8b957573c45b9");
    check_key("'\\u0000'", NULL, "_~4d2e17cff9d47d4b");
    /* what looks like such a key does not stand for itself */
    check_key("'a~0123456789abcdef'", NULL, "a~0123456789abcdef~8dd6bb8750f4af3c");
    check_key("'a~0123456789abcdeF'", NULL, "a~0123456789abcdeF");
    check_key("'~0123456789abcde'", NULL, "~0123456789abcde");
}

static void test_priorities_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } examples[] = {
        {"data.n", 5},         {"data.n * 60 - 1", 299},
        {"data.f", 2.5},       {"data.s", -1},
        {"'5'", -1},           {"data.gone", -1},
        {"data.t", -1},        {"data.s == 'abc' ? 120 : 0", 120},
        {"data.gone * 5", -1}, {"data.none", -1},
    };
    auto_json *event = parse(EVENT);
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct expr *x = compile(examples[i].text, EXPR_EVENT);
        if (expr_number(x, event, -1) != examples[i].value)
            fail_msg("%s", examples[i].text);
        expr_free(x);
    }
}

static void test_binding_puts_the_values_in(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"event.data.s == async.data.s", "\"abc\" == async.data.s"},
        {"async.data.s == data.s && async.data.n <= data.n",
         "async.data.s == \"abc\" && async.data.n <= 5"},
        {"async.data.a == data.big", "async.data.a == 9007199254740993"},
        {"async.data.a == data.f", "async.data.a == 2.5"},
        {"async.data.a == data.huge", "async.data.a == 1e+300"},
        {"async.data.a == 0.1 + 0.2", "async.data.a == 0.30000000000000004"},
        {"async.data.a == data.one", "async.data.a == 1"},
        {"async.data.a == data.nil", "async.data.a == null"},
        {"async.data.a < data.gone", "async.data.a < missing"},
        {"async.data.a == data.t", "async.data.a == true"},
        {"async.data.a - data.neg", "async.data.a - -3"},
        {"data.neg.contains(async.data.a)", "(-3).contains(async.data.a)"},
        {"-async.data.a", "-async.data.a"},
        {"!async.data.a", "!async.data.a"},
        {"async.data.a in data.list", "async.data.a in [1,\"a\",null,2.5,[2],{\"k\":1}]"},
        {"async.data.a == data.o", "async.data.a == {\"k\":1,\"in\":{\"y\":\"deep\"}}"},
        {"async.data.a in [1, data.n, async.data.b, 'x']",
         "async.data.a in [1,\"x\",async.data.b,5]"},
        {"async.data.a in [data.n]", "async.data.a in [5]"},
        {"data.s in [1].contains(async.data.a)", "\"abc\" in [1].contains(async.data.a)"},
        {"data.s in data.list + async.data.a",
         "\"abc\" in [1,\"a\",null,2.5,[2],{\"k\":1}] + async.data.a"},
        {"data.n in [async.data.a]", "5 in [async.data.a]"},
        {"has(async.data.a) && has(data.s)", "has(async.data.a) && true"},
        {"size(async.data.a) > size(data.u)", "size(async.data.a) > 4"},
        {"async.data.a.startsWith(data.s + '-' + data.n)", "async.data.a.startsWith(\"abc-5\")"},
        {"async['data']['a b'][0].x[\"\\\"\"] == 1", "async.data[\"a b\"][0].x[\"\\\"\"] == 1"},
        {"async.data['0a'].in == '\\n\\x7f\\\\'",
         "async.data[\"0a\"].in == \"\\u000a\\u007f\\\\\""},
        {"(async.data.a + 1) * (2 + async.data.b)", "(async.data.a + 1) * (2 + async.data.b)"},
        {"async.data.a - (async.data.b - 1) - 1", "async.data.a - (async.data.b - 1) - 1"},
        {"(async.data.a ? 1 : 2) == (async.data.b || 1)",
         "(async.data.a ? 1 : 2) == (async.data.b || 1)"},
        {"async.data.a ? 1 : async.data.b ? 2 : 3", "async.data.a ? 1 : async.data.b ? 2 : 3"},
        {"(async.data.a ? 1 : 2) ? 3 : 4", "(async.data.a ? 1 : 2) ? 3 : 4"},
        {"!(async.data.a == 1)", "!(async.data.a == 1)"},
        {"(async.data.a + 'x').contains('x')", "(async.data.a + \"x\").contains(\"x\")"},
        /* what does not depend on async is worked out */
        {"data.n == 5 && async.data.a == 1", "async.data.a == 1"},
        {"data.n == 6 && async.data.a == 1", "false"},
        {"data.gone && async.data.a", "missing"},
        {"data.s || async.data.a", "\"abc\""},
        {"data.empty || async.data.a", "async.data.a"},
        {"data.t ? async.data.a : async.data.b", "async.data.a"},
        {"data.no ? async.data.a : data.neg", "-3"},
        {"(data.t && (async.data.a || 1)) == 2", "(async.data.a || 1) == 2"},
        {"async.data.a == 1 && data.no", "async.data.a == 1 && false"},
        {"data.n * 2 + 1", "11"},
        {"true", "true"},
    };
    auto_json *event = parse(EVENT);
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct err e = {0};
        struct expr *x = compile(examples[i].text, EXPR_EVENT | EXPR_ASYNC);
        auto_free char *bound = expr_bind(x, event, &e);
        if (bound == NULL || strcmp(bound, examples[i].value) != 0)
            fail_msg("%s gave\n  %s, not\n  %s", examples[i].text, bound ? bound : e.msg,
                     examples[i].value);
        expr_free(compile(bound, EXPR_ASYNC));
        expr_free(x);
    }
}

static void check_unbound(const char *text, const json_t *event, const char *msg)
{
    struct err e = {0};
    struct expr *x = compile(text, EXPR_EVENT | EXPR_ASYNC);
    assert_null(expr_bind(x, event, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.msg, msg);
    expr_free(x);
}

static void test_binding_is_bounded(void **state)
{
    (void)state;
    struct err e = {0};
    struct expr *x = compile("data.a == async.data.a", EXPR_EVENT | EXPR_ASYNC);
    auto_json *fits = event_of("a", 8192 - 18);
    auto_free char *bound = expr_bind(x, fits, &e);
    assert_non_null(bound);
    assert_int_equal(strlen(bound), 8192);
    expr_free(compile(bound, EXPR_ASYNC));
    expr_free(x);
    static const char too_long[] =
        "with the event's values in it the expression has more than 8192 bytes";
    auto_json *larger = event_of("a", 8192 - 17);
    check_unbound("data.a == async.data.a", larger, too_long);
    auto_json *large = event_of("\n", 1000000);
    check_unbound("data.a == async.data.a", large, too_long);
    check_unbound("async.data.a in [async.data.b, data.a]", large, too_long);
    check_unbound("event == async.data.a", large, too_long);
}

/* The deepest that fits: 32 levels of structure, 32 of lists that are put in, and the sign of a number. */
static void test_deep_values_are_bound_or_refused(void **state)
{
    (void)state;
    auto_free char *open = repeat("", "!(async.data.a == ", 16, "data.a");
    auto_free char *text = repeat(open, ")", 16, "");
    auto_free char *open_list = repeat("{\"data\":{\"a\":", "[", 32, "-1");
    auto_free char *list = repeat(open_list, "]", 32, "}}");
    auto_free char *open_deeper = repeat("{\"data\":{\"a\":", "[", 33, "-1");
    auto_free char *deeper = repeat(open_deeper, "]", 33, "}}");
    auto_json *event = parse(list);
    auto_json *deeper_event = parse(deeper);
    struct err e = {0};
    struct expr *x = compile(text, EXPR_EVENT | EXPR_ASYNC);
    auto_free char *bound = expr_bind(x, event, &e);
    assert_non_null(bound);
    struct expr *y = compile(bound, EXPR_ASYNC);
    assert_true(expr_true(x, event, event));
    assert_true(expr_true(y, NULL, event));
    expr_free(y);
    expr_free(x);
    check_unbound(
        text, deeper_event,
        "the event's values are nested deeper than 32 levels where the expression reads them");
}

static void test_indexing_finds_an_equality_that_must_hold(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *value; /* NULL = none */
    } examples[] = {
        {"async.data.videoId == 'v1'", "data.videoId", "v1"},
        {"'v1' == async.data.videoId", "data.videoId", "v1"},
        {"async.data.n == 5.0", "data.n", "5"},
        {"async.data.n == -2.5", "data.n", "-2.5"},
        {"async.data.done == true", "data.done", "true"},
        {"async.data.done == true && async.data.a != 1 && async.data.id == 'x'", "data.id", "x"},
        {"async.data.done == true && async.data.a != 1", "data.done", "true"},
        {"(async.data.b == 1 && async.data.a > 1) && async.data.c == 2", "data.b", "1"},
        {"async.data['videoId'] == 'v1'", "data.videoId", "v1"},
        {"async.name == 'x\\n'", "name", "x_~e79750b5bd494670"},
        {"async.data.a == '' && async.data.b == 'v'", "data.a", ""},
        {"async.data['a.b'] == 'x'", NULL, NULL},
        {"async.data['a.b'] == 'x' && async.data.c == 'y'", "data.c", "y"},
        {"async.data.list[0] == 'x'", NULL, NULL},
        {"async.data.a_path_that_is_too_long_for_the_room == 'x'", NULL, NULL},
        {"async.data.a == null", NULL, NULL},
        {"async.data.a == missing", NULL, NULL},
        {"async.data.a == [1]", NULL, NULL},
        {"async.data.a == 'x' || async.data.b == 'y'", NULL, NULL},
        {"!(async.data.a == 'x')", NULL, NULL},
        {"async.data.a != 'x'", NULL, NULL},
        {"async.data.a == async.data.b", NULL, NULL},
        {"async == 'x'", NULL, NULL},
        {"'x' == 'x'", NULL, NULL},
        {"async.data.a in ['x']", NULL, NULL},
        {"true", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        char path[24] = "untouched", value[EXPR_KEY_SIZE] = "untouched";
        struct expr *x = compile(examples[i].text, EXPR_ASYNC);
        bool found = expr_index(x, path, sizeof(path), value);
        const char *wanted = examples[i].path != NULL ? examples[i].path : "untouched";
        if (found != (examples[i].path != NULL) || strcmp(path, wanted) != 0)
            fail_msg("%s gave %s", examples[i].text, path);
        assert_string_equal(value, found ? examples[i].value : "untouched");
        expr_free(x);
    }
}

static void test_the_room_for_a_path_is_used_to_the_last_byte(void **state)
{
    (void)state;
    char path[32], value[EXPR_KEY_SIZE];
    struct expr *x = compile("async.data.abc == 'x'", EXPR_ASYNC);
    assert_false(expr_index(x, path, strlen("data.abc"), value));
    assert_true(expr_index(x, path, strlen("data.abc") + 1, value));
    assert_string_equal(path, "data.abc");
    assert_false(expr_index(x, path, 0, value));
    expr_free(x);
}

static void test_the_key_of_a_path_is_the_key_of_the_expression(void **state)
{
    (void)state;
    static const char *const paths[] = {"data.s",   "data.n",    "data.f", "data.t",
                                        "data.nil", "data.gone", "data.o", "data.one",
                                        "ts",       "user.id",   "name",   "data.o.in.y",
                                        "data.u",   "data.list", "data",   "data.s.x"};
    auto_json *event = parse(EVENT);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char expression[64], one[EXPR_KEY_SIZE], other[EXPR_KEY_SIZE];
        (void)snprintf(expression, sizeof(expression), "event.%s", paths[i]);
        struct expr *x = compile(expression, EXPR_EVENT);
        size_t len = expr_key(x, event, one);
        assert_int_equal(expr_path_key(event, paths[i], other), len);
        assert_string_equal(one, other);
        expr_free(x);
    }
    char none[EXPR_KEY_SIZE];
    assert_int_equal(expr_path_key(NULL, "data.s", none), 0);
    assert_int_equal(expr_path_key(event, "", none), 0);
    assert_string_equal(none, "");
}

/* ---- random expressions over random events ---- */

struct words {
    struct prng *prng;
    char text[4000];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, fmt, ap);
    va_end(ap);
    assert_in_range(n, 0, sizeof(w->text) - w->len - 1);
    w->len += (size_t)n;
}

static const char *pick(struct words *w, const char *const *choices, size_t n)
{
    return choices[prng_below(w->prng, n)];
}

#define PICK(w, ...)                                                                               \
    pick(w, (const char *const[]){__VA_ARGS__},                                                    \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void say_literal(struct words *w)
{
    say(w, "%s",
        PICK(w, "'a'", "'b'", "''", "'\\n\\u20ac'", "0", "1", "-1", "2.5", "-0.5", "1e300",
             "9007199254740993", "true", "false", "null", "missing", "[1, 'a']", "[]", "{'k': 1}",
             "{}"));
}

static void say_path(struct words *w)
{
    say(w, "%s.data%s", PICK(w, "event", "async"),
        PICK(w, ".a", ".b", ".c", ".d", ".a.k", ".b[0]", "['c d']", ".a.k[1]", "", ".gone"));
}

static void say_expression(struct words *w, int depth);

static void say_operation(struct words *w, int depth)
{
    say(w, "(");
    say_expression(w, depth);
    say(w, " %s ",
        PICK(w, "==", "==", "==", "!=", "<", "<=", ">", ">=", "&&", "&&", "||", "in", "+", "+", "-",
             "*"));
    say_expression(w, depth);
    say(w, ")");
}

static void say_choice(struct words *w, int depth)
{
    say(w, "(");
    say_expression(w, depth);
    say(w, " ? ");
    say_expression(w, depth);
    say(w, " : ");
    say_expression(w, depth);
    say(w, ")");
}

static void say_call(struct words *w, int depth)
{
    if (prng_below(w->prng, 2) == 0) {
        say(w, "size(");
    } else {
        say(w, "(");
        say_expression(w, depth);
        say(w, ").%s(", PICK(w, "contains", "startsWith", "endsWith"));
    }
    say_expression(w, depth);
    say(w, ")");
}

static void say_in_list(struct words *w, int depth)
{
    say(w, "(");
    say_expression(w, depth);
    say(w, " in [");
    for (size_t i = 0, n = prng_below(w->prng, 4); i < n; i++) {
        say(w, i > 0 ? ", " : "");
        say_expression(w, depth);
    }
    say(w, "])");
}

static void say_expression(struct words *w, int depth)
{
    if (depth == 0 || prng_below(w->prng, 5) == 0) {
        if (prng_below(w->prng, 3) == 0)
            say_literal(w);
        else
            say_path(w);
        return;
    }
    switch (prng_below(w->prng, 10)) {
    case 0:
        say(w, "%s", PICK(w, "!", "-"));
        say_expression(w, depth - 1);
        break;
    case 1:
        say_choice(w, depth - 1);
        break;
    case 2:
        say_call(w, depth - 1);
        break;
    case 3:
        say_in_list(w, depth - 1);
        break;
    case 4:
        say(w, "has(");
        say_path(w);
        say(w, ")");
        break;
    default:
        say_operation(w, depth - 1);
    }
}

static json_t *random_value(struct prng *r, int depth)
{
    static const char *const texts[] = {"a", "b", "", "ab", "\n\u20ac", "1", "true", "say \"a\"\\"};
    switch (prng_below(r, depth > 0 ? 9 : 7)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(prng_below(r, 2));
    case 2:
        return json_integer((json_int_t)prng_below(r, 4) - 1);
    case 3:
        return json_integer(9007199254740992 + (json_int_t)prng_below(r, 2));
    case 4:
        return json_real((double)prng_below(r, 5) / 2 - 1);
    case 5: /* two of these are more than what is joined whole */
        if (prng_below(r, 6) == 0) {
            auto_free char *text = repeat("", "\u20ac", 250, "");
            return json_string(text);
        }
        /* fall through */
    case 6:
        return json_string(texts[prng_below(r, ARRAY_LEN(texts))]);
    case 7: {
        json_t *list = json_array();
        for (size_t n = prng_below(r, 3); n > 0; n--)
            json_array_append_new(list, random_value(r, depth - 1));
        return list;
    }
    default: {
        json_t *object = json_object();
        if (prng_below(r, 2) == 0)
            json_object_set_new(object, "k", random_value(r, depth - 1));
        return object;
    }
    }
}

static json_t *random_event(struct prng *r)
{
    static const char *const keys[] = {"a", "b", "c", "d", "c d"};
    json_t *data = json_object();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (prng_below(r, 4) != 0)
            json_object_set_new(data, keys[i], random_value(r, 2));
    return json_pack("{s:s,s:o}", "name", "n", "data", data);
}

static void check_bound(const struct expr *x, const struct expr *bound, const json_t *event,
                        const json_t *async, const char *text, const char *bound_text)
{
    auto_free char *direct = eval_shown(x, event, async);
    auto_free char *residual = eval_shown(bound, NULL, async);
    if (strcmp(direct, residual) != 0)
        fail_msg("%s gave %s, but\n%s gave %s", text, direct, bound_text, residual);
}

/* Counts what was really looked at: a property that nothing tests holds always. */
static void check_index(const struct expr *bound, const json_t *async, int *matches)
{
    char path[64], value[EXPR_KEY_SIZE], key[EXPR_KEY_SIZE];
    if (!expr_index(bound, path, sizeof(path), value) || !expr_true(bound, NULL, async))
        return;
    expr_path_key(async, path, key);
    assert_string_equal(key, value);
    ++*matches;
}

static bool check_random(struct prng *r, int depth, bool conjunction, int *matches)
{
    struct words w = {.prng = r};
    struct err e = {0};
    const char *key = PICK(&w, "a", "b", "c");
    if (conjunction)
        say(&w, "async.data.%s == event.data.%s && ", key, key);
    if (conjunction && prng_below(r, 2) == 0)
        say(&w, "!event.data.gone");
    else
        say_expression(&w, depth);
    struct expr *x = expr_compile(w.text, EXPR_EVENT | EXPR_ASYNC, &e);
    if (x == NULL) { /* a list where none may be, or too large; counted by the caller */
        assert_int_equal(e.code, ERR_INPUT);
        return false;
    }
    auto_json *event = random_event(r);
    auto_free char *text = expr_bind(x, event, &e);
    if (text == NULL) { /* many long texts */
        assert_non_null(strstr(e.msg, "more than 8192 bytes"));
        expr_free(x);
        return false;
    }
    struct expr *bound = expr_compile(text, EXPR_ASYNC, &e);
    if (bound == NULL)
        fail_msg("%s became %s: %s", w.text, text, e.msg);
    assert_int_equal(expr_reads(bound) & EXPR_EVENT, 0);
    for (int i = 0; i < 4; i++) {
        auto_json *async = i == 0 ? json_deep_copy(event) : random_event(r);
        check_bound(x, bound, event, async, w.text, text);
        check_index(bound, async, matches);
    }
    expr_free(bound);
    expr_free(x);
    return true;
}

static void test_what_is_bound_gives_the_same_for_every_event(void **state)
{
    (void)state;
    struct prng r = {20240607};
    int compiled = 0, matches = 0;
    for (int round = 0; round < 20000; round++)
        compiled += check_random(&r, 1 + round % 4, round % 3 == 0, &matches);
    assert_in_range(compiled, 15000, 20000);
    assert_in_range(matches, 500, 80000);
}

/* What was refused must have said so in a way that can be printed and stored; what was not must give a value. */
static void check_hostile(const char *text, const json_t *event)
{
    struct err e = {0};
    struct expr *x = expr_compile(text, EXPR_EVENT | EXPR_ASYNC, &e);
    if (x != NULL) {
        char key[EXPR_KEY_SIZE];
        auto_free char *value = eval_shown(x, event, event);
        assert_true(value[0] != '\0');
        expr_key(x, event, key);
        auto_free char *bound = expr_bind(x, event, &e);
        if (bound != NULL)
            expr_free(compile(bound, EXPR_ASYNC));
        expr_free(x);
        return;
    }
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(strncmp(e.msg, "column ", 7), 0);
    json_t *msg = json_string(e.msg);
    assert_non_null(msg);
    json_decref(msg);
    for (const char *c = e.msg; *c != '\0'; c++)
        assert_true((unsigned char)*c >= 0x20 && *c != 0x7F);
}

static void test_any_bytes_are_compiled_or_refused(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "event",    "data", "async",   ".a",    "['a']", "[0]",        "==",  "!=",
        "<=",       "&&",   "||",      "?",     ":",     "!",          "-",   "+",
        "*",        "in",   "(",       ")",     "[",     "]",          "{",   "}",
        ",",        "'a'",  "\"b\"",   "'",     "\\",    "1",          "2.5", "1e",
        "null",     "true", "missing", "size(", "has(",  ".contains(", " ",   "\xC3\xA9",
        "\xE2\x82", "\xFF", "\x01",    "\n",    "=",     "&",          "#",   "$",
    };
    auto_json *event = parse(EVENT);
    struct prng r = {11};
    for (int round = 0; round < 30000; round++) {
        char text[128];
        size_t len = 0;
        for (size_t n = prng_below(&r, 16); n > 0; n--)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
                                    pieces[prng_below(&r, ARRAY_LEN(pieces))]);
        text[len] = '\0';
        check_hostile(text, event);
        for (size_t i = 0; i < len; i++) /* and the same with every byte hostile */
            text[i] = (char)(1 + prng_below(&r, 255));
        check_hostile(text, event);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals_of_every_kind),
        cmocka_unit_test(test_escapes_in_texts),
        cmocka_unit_test(test_paths_lead_through_objects_and_lists),
        cmocka_unit_test(test_events_may_be_absent),
        cmocka_unit_test(test_operators_bind_as_in_cel),
        cmocka_unit_test(test_equality_is_false_between_types),
        cmocka_unit_test(test_lists_and_objects_are_equal_by_contents),
        cmocka_unit_test(test_a_missing_path_is_null),
        cmocka_unit_test(test_missing_is_less_than_everything),
        cmocka_unit_test(test_functions_on_missing_are_zero_and_false),
        cmocka_unit_test(test_null_is_the_zero_of_the_other_type),
        cmocka_unit_test(test_ordering_of_one_type_and_of_none),
        cmocka_unit_test(test_plus_adds_or_joins),
        cmocka_unit_test(test_arithmetic_is_exact_and_finite),
        cmocka_unit_test(test_truth_is_that_of_javascript_and_the_deciding_value_is_given),
        cmocka_unit_test(test_a_condition_is_only_met_by_the_boolean_true),
        cmocka_unit_test(test_in_looks_for_elements_and_keys),
        cmocka_unit_test(test_methods_and_functions),
        cmocka_unit_test(test_names_that_are_words_elsewhere_may_be_keys),
        cmocka_unit_test(test_what_is_refused_says_where_and_what_was_expected),
        cmocka_unit_test(test_only_the_roots_that_are_allowed_can_be_read),
        cmocka_unit_test(test_size_is_limited),
        cmocka_unit_test(test_nesting_is_limited),
        cmocka_unit_test(test_the_number_of_nodes_is_limited),
        cmocka_unit_test(test_joined_texts_at_a_time_are_limited),
        cmocka_unit_test(test_joined_texts_do_not_write_over_each_other),
        cmocka_unit_test(test_a_joined_text_that_is_too_long_is_cut_and_stays_different),
        cmocka_unit_test(test_long_texts_are_compared_and_searched_whole),
        cmocka_unit_test(test_key_text_of_every_kind),
        cmocka_unit_test(test_keys_are_one_line_and_long_ones_stay_different),
        cmocka_unit_test(test_priorities_are_numbers),
        cmocka_unit_test(test_binding_puts_the_values_in),
        cmocka_unit_test(test_binding_is_bounded),
        cmocka_unit_test(test_deep_values_are_bound_or_refused),
        cmocka_unit_test(test_indexing_finds_an_equality_that_must_hold),
        cmocka_unit_test(test_the_room_for_a_path_is_used_to_the_last_byte),
        cmocka_unit_test(test_the_key_of_a_path_is_the_key_of_the_expression),
        cmocka_unit_test(test_what_is_bound_gives_the_same_for_every_event),
        cmocka_unit_test(test_any_bytes_are_compiled_or_refused),
    };
    return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
