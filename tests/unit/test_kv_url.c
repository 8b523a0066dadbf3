/* test_kv_url.c: what CHRONOS_REDIS_URL may say. */
#include "unit.h"

#include "kv_url.h"

static void test_one_server(void **state)
{
    (void)state;
    struct kv_url u;
    struct err e;
    assert_true(kv_url_parse(&u, "redis://redis.internal", &e));
    assert_int_equal(u.seed_count, 1);
    assert_string_equal(u.seeds[0].host, "redis.internal");
    assert_int_equal(u.seeds[0].port, 6379);
    assert_int_equal(u.db, 0);
    assert_null(u.user);
    assert_null(u.password);
    kv_url_release(&u);
    assert_true(kv_url_parse(&u, "redis://me:s:e@cret@10.0.0.1:7000/3", &e));
    assert_string_equal(u.seeds[0].host, "10.0.0.1");
    assert_int_equal(u.seeds[0].port, 7000);
    assert_string_equal(u.user, "me");
    assert_string_equal(u.password, "s:e@cret");
    assert_int_equal(u.db, 3);
    kv_url_release(&u);
    assert_true(kv_url_parse(&u, "redis://:secret@h/", &e));
    assert_null(u.user);
    assert_string_equal(u.password, "secret");
    kv_url_release(&u);
}

static void test_several_seeds(void **state)
{
    (void)state;
    struct kv_url u;
    struct err e;
    assert_true(kv_url_parse(&u, "redis://u:p@a:1,b,c:3/0", &e));
    assert_int_equal(u.seed_count, 3);
    assert_string_equal(u.seeds[1].host, "b");
    assert_int_equal(u.seeds[1].port, 6379);
    assert_string_equal(u.seeds[2].host, "c");
    assert_int_equal(u.seeds[2].port, 3);
    assert_string_equal(u.password, "p");
    kv_url_release(&u);
}

static void test_what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "http://h",
        "redis://",
        "redis://:1",
        "redis://h:0",
        "redis://h:",
        "redis://h:70000",
        "redis://h:1x",
        "redis://h/1x",
        "redis://h/-1",
        "redis://h,",
        "redis://h:1,,h:2",
        "redis://h:1,h:2/1",
        "redis://h,:2",
        "redis://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct kv_url u;
        struct err e;
        if (kv_url_parse(&u, bad[i], &e))
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.msg, "CHRONOS_REDIS_URL"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_server),
        cmocka_unit_test(test_several_seeds),
        cmocka_unit_test(test_what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
