/* test_names.c: what results are stored under, and which lists of items are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "js.h"
#include "names.h"

static bool check(const char *text, struct err *e)
{
    auto_json *items = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(items);
    return names_check_items(items, 5, e);
}

static void test_names_are_what_runs_in_flight_have(void **state)
{
    (void)state;
    char name[NAME_SIZE];
    name_of_list(name, "one");
    assert_string_equal(name, "each:one");
    name_of_turn(name, "one", 12);
    assert_string_equal(name, "one-12");
    name_of_cursor(name, "one", 12);
    assert_string_equal(name, "cursor:one-12");
    auto_json *item = js_pack("{s:s}", "key", "a.b");
    name_of_item(name, "one", item, 3);
    assert_string_equal(name, "one-a.b");
    name_of_item(name, "one", NULL, 3);
    assert_string_equal(name, "one-3");
}

static void test_lists_that_can_be_told_apart_are_taken(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "[]",
        "[1, 1, null, \"text\", {}]",
        "[{\"key\":\"a\"}, {\"key\":\"A\"}, {\"key\":\"3.1_x:y-z\"}]",
        "[{\"key\":\"20\"}, {\"key\":\"0\"}]",
        "[{\"key\":null}]",
        "[{\"key\":\"0123456789012345678901234567890123456789012345678901234567890123\"}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct err e;
        assert_true(check(lists[i], &e));
    }
}

static void test_other_lists_are_refused_by_the_item(void **state)
{
    (void)state;
    static const struct {
        const char *items, *message;
    } cases[] = {
        {"{}", ".each must give an array of at most 5 items"},
        {"7", ".each must give an array of at most 5 items"},
        {"[1,2,3,4,5,6]", ".each must give an array of at most 5 items"},
        {"[{\"key\":\"a\"}, {\"key\":\"a\"}]", ".each item 1: it has the same key \"a\" as item 0"},
        {"[{\"key\":\"1\"}, {}]", ".each item 1: it has the same key \"1\" as item 0"},
        {"[{\"key\":7}]", ".each item 0: its key is not a text"},
        {"[1, {\"key\":\"\"}]", ".each item 1: a key is 1 to 64 of A-Z a-z 0-9 . _ : -"},
        {"[{\"key\":\"a b\"}]", ".each item 0: a key is 1 to 64 of A-Z a-z 0-9 . _ : -"},
        {"[{\"key\":\"\xc3\xa9\"}]", ".each item 0: a key is 1 to 64 of A-Z a-z 0-9 . _ : -"},
        {"[{\"key\":\"a\\u0000b\"}]", ".each item 0: a key is 1 to 64 of A-Z a-z 0-9 . _ : -"},
        {"[{\"key\":\"01234567890123456789012345678901234567890123456789012345678901234\"}]",
         ".each item 0: a key is 1 to 64 of A-Z a-z 0-9 . _ : -"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e;
        assert_false(check(cases[i].items, &e));
        assert_int_equal(e.code, ERR_BUG);
        assert_string_equal(e.msg, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_what_runs_in_flight_have),
        cmocka_unit_test(test_lists_that_can_be_told_apart_are_taken),
        cmocka_unit_test(test_other_lists_are_refused_by_the_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
