#include "unit.h"

#include "csv.h"

/* One field as it stands in the file. */
static const char *field(const char *value, bool always)
{
    static char out[400];
    auto_buf b = BUF_INIT(sizeof(out) - 1);
    assert_true(csv_add(&b, value, always));
    (void)snprintf(out, sizeof(out), "%s", b.data);
    return out;
}

static void test_a_field_is_quoted_where_it_must_be(void **state)
{
    (void)state;
    assert_string_equal(field(NULL, false), "");
    assert_string_equal(field(NULL, true), "\"\"");
    assert_string_equal(field("plain text", false), "plain text");
    assert_string_equal(field("plain", true), "\"plain\"");
    assert_string_equal(field("a,b", false), "\"a,b\"");
    assert_string_equal(field("say \"hi\"", false), "\"say \"\"hi\"\"\"");
    assert_string_equal(field("\"", false), "\"\"\"\"");
    assert_string_equal(field("two\r\nlines", false), "\"two\r\nlines\"");
    assert_string_equal(field("\xF0\x9F\x8E\x89 \xC3\xA9", false), "\xF0\x9F\x8E\x89 \xC3\xA9");
}

static void test_what_a_spreadsheet_would_execute_becomes_text(void **state)
{
    (void)state;
    assert_string_equal(field("=1+1", false), "'=1+1");
    assert_string_equal(field("+1", false), "'+1");
    assert_string_equal(field("-1", true), "\"'-1\"");
    assert_string_equal(field("@SUM(A1)", false), "'@SUM(A1)");
    assert_string_equal(field("=HYPERLINK(\"x\",\"y\")", false),
                        "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
    assert_string_equal(field("  =1", false), "'  =1");
    assert_string_equal(field("\t=1", false), "'\t=1");
    assert_string_equal(field("\tx", false), "'\tx");
    assert_string_equal(field("\r\nx", false), "\"'\r\nx\"");
    assert_string_equal(field("\xEF\xBC\x9D"
                              "1",
                              false),
                        "'\xEF\xBC\x9D"
                        "1");
    assert_string_equal(field("a=1", false), "a=1");
    assert_string_equal(field("2025-11-20", false), "2025-11-20");
}

static void test_a_full_buffer_is_told(void **state)
{
    (void)state;
    for (size_t room = 0; room < 9; room++) {
        auto_buf b = BUF_INIT(room);
        assert_false(csv_add(&b, "=a\"b,c", false));
    }
    auto_buf b = BUF_INIT(10);
    assert_true(csv_add(&b, "=a\"b,c", false));
    assert_false(csv_end_row(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_field_is_quoted_where_it_must_be),
        cmocka_unit_test(test_what_a_spreadsheet_would_execute_becomes_text),
        cmocka_unit_test(test_a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
