/* test_reader.c: what a reader knows before it has read anything. */
#include "unit.h"

#include "kv.h"
#include "reader.h"

enum { STREAMS = 100 };

static void test_no_stream_has_failed_before_it_was_read(void **state)
{
    (void)state;
    struct err e;
    struct kv *kv = kv_new("redis://127.0.0.1:1", &e);
    assert_non_null(kv);
    struct reader *r = reader_new(kv, 1000);
    for (int i = 0; i < STREAMS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "stream-%d", i);
        assert_int_equal(reader_add(r, name), i);
    }
    for (int i = 0; i < STREAMS; i++)
        assert_false(reader_has_failed(r, i));
    assert_false(reader_was_lost(r));
    reader_free(r);
    kv_free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_stream_has_failed_before_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
