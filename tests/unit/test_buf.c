#include "unit.h"

#include "buf.h"

static void test_an_empty_buffer_reads_as_an_empty_string(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(10);
    assert_string_equal(b.data, "");
    assert_int_equal(b.len, 0);
    buf_clear(&b);
    buf_release(&b);
    assert_string_equal(b.data, "");
}

static void test_additions_of_every_kind_join_up(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(1000);
    assert_true(buf_add(&b, "ab\0c", 4));
    assert_true(buf_adds(&b, "-d-"));
    assert_true(buf_addc(&b, 'e'));
    assert_true(buf_addf(&b, "%03d", 7));
    assert_true(buf_add(&b, NULL, 0));
    assert_int_equal(b.len, 11);
    assert_memory_equal(b.data, "ab\0c-d-e007", 12);
}

static void test_an_addition_over_the_ceiling_changes_nothing(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(8);
    assert_true(buf_adds(&b, "12345678"));
    assert_false(buf_addc(&b, '9'));
    assert_false(buf_addf(&b, "%d", 9));
    assert_string_equal(b.data, "12345678");
    buf_truncate(&b, 5);
    assert_false(buf_adds(&b, "abcd"));
    assert_string_equal(b.data, "12345");
    assert_true(buf_adds(&b, "abc"));
    assert_string_equal(b.data, "12345abc");
}

static void test_sizes_that_would_overflow_are_refused(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(100);
    assert_true(buf_adds(&b, "x"));
    assert_false(buf_add(&b, "x", SIZE_MAX));
    assert_false(buf_add(&b, "x", SIZE_MAX - 1));
    assert_string_equal(b.data, "x");
}

static void test_a_buffer_grows_over_many_additions(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 100000; i++)
        assert_true(buf_addc(&b, (char)('a' + i % 26)));
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(b.data[100000], '\0');
}

static void test_truncate_never_lengthens(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(100);
    assert_true(buf_adds(&b, "hello"));
    buf_truncate(&b, 50);
    assert_int_equal(b.len, 5);
    buf_truncate(&b, 0);
    assert_string_equal(b.data, "");
}

static void test_take_hands_the_bytes_over_and_leaves_a_usable_buffer(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(100);
    assert_true(buf_adds(&b, "mine"));
    auto_free char *taken = buf_take(&b);
    assert_string_equal(taken, "mine");
    assert_int_equal(b.len, 0);
    assert_true(buf_adds(&b, "again"));
    assert_string_equal(b.data, "again");
    assert_string_equal(taken, "mine");
}

static void test_take_of_an_empty_buffer_is_a_string_to_free(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    auto_free char *taken = buf_take(&b);
    assert_string_equal(taken, "");
}

static void test_the_ceiling_survives_a_release(void **state)
{
    (void)state;
    auto_buf b = BUF_INIT(3);
    assert_true(buf_adds(&b, "abc"));
    buf_release(&b);
    assert_false(buf_adds(&b, "abcd"));
    assert_true(buf_adds(&b, "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_buffer_reads_as_an_empty_string),
        cmocka_unit_test(test_additions_of_every_kind_join_up),
        cmocka_unit_test(test_an_addition_over_the_ceiling_changes_nothing),
        cmocka_unit_test(test_sizes_that_would_overflow_are_refused),
        cmocka_unit_test(test_a_buffer_grows_over_many_additions),
        cmocka_unit_test(test_truncate_never_lengthens),
        cmocka_unit_test(test_take_hands_the_bytes_over_and_leaves_a_usable_buffer),
        cmocka_unit_test(test_take_of_an_empty_buffer_is_a_string_to_free),
        cmocka_unit_test(test_the_ceiling_survives_a_release),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
