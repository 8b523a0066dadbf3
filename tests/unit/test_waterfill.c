/* test_waterfill.c: what each partition should have of a limit. */
#include "unit.h"

#include "prng.h"
#include "scheduler/waterfill.h"

enum { N = 4 };

static void check(long max, bool frugal, unsigned turn, const long demand[N], const long has[N],
                  const long expected[N])
{
    struct need needs[N];
    for (int i = 0; i < N; i++)
        needs[i] = (struct need){.demand = demand[i], .has = has != NULL ? has[i] : 0};
    waterfill(needs, N, max, frugal, turn);
    for (int i = 0; i < N; i++) {
        if (needs[i].target != expected[i])
            fail_msg("max %ld, turn %u: %d gets %ld, not %ld", max, turn, i, needs[i].target,
                     expected[i]);
    }
}
#define L(...) ((const long[N]){__VA_ARGS__})

static void test_what_nobody_needs_is_spread_evenly(void **state)
{
    (void)state;
    check(100, false, 0, L(0, 0, 0, 0), NULL, L(25, 25, 25, 25));
    check(100, false, 0, L(40, 0, 0, 0), NULL, L(55, 15, 15, 15));
    check(10, false, 0, L(1, 2, 3, 4), NULL, L(1, 2, 3, 4));
}

static void test_a_remainder_stays_with_those_who_have_most(void **state)
{
    (void)state;
    check(6, false, 0, L(0, 0, 0, 0), L(0, 1, 2, 3), L(1, 1, 2, 2));
    check(2, false, 0, L(0, 0, 0, 0), L(0, 1, 0, 1), L(0, 1, 0, 1));
    check(14, false, 0, L(9, 9, 9, 9), L(3, 3, 4, 4), L(3, 3, 4, 4));
}

static void test_nobody_gets_less_than_another_but_for_needing_less(void **state)
{
    (void)state;
    check(100, false, 0, L(1000, 10, 1000, 0), NULL, L(45, 10, 45, 0));
    check(10, false, 0, L(9, 9, 1, 9), NULL, L(3, 3, 1, 3));
    check(7, false, 0, L(100, 1, 1, 1), NULL, L(4, 1, 1, 1));
}

static void test_a_frugal_limit_is_for_those_who_need_it(void **state)
{
    (void)state;
    check(10, true, 0, L(0, 0, 0, 0), NULL, L(0, 0, 0, 0));
    check(10, true, 0, L(0, 1, 0, 2), NULL, L(0, 5, 0, 5));
    check(10, true, 0, L(0, 1, 0, 0), L(0, 3, 0, 0), L(0, 10, 0, 0));
}

static void test_fewer_slots_than_partitions_go_round(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 8; turn++) {
        long expected[N] = {0};
        expected[turn % N] = expected[(turn + 1) % N] = 1;
        check(2, false, turn, L(5, 5, 5, 5), L(1, 1, 0, 0), expected);
    }
    check(0, false, 3, L(5, 5, 5, 5), L(1, 1, 0, 0), L(0, 0, 0, 0));
}

static void test_any_needs(void **state)
{
    (void)state;
    struct prng r = {7};
    for (int round = 0; round < 20000; round++) {
        struct need needs[16];
        int n = 1 + (int)prng_below(&r, 16);
        long max = (long)prng_below(&r, 60), demand = 0, given = 0;
        bool frugal = prng_below(&r, 2) != 0;
        for (int i = 0; i < n; i++) {
            needs[i] = (struct need){.demand = (long)prng_below(&r, 12) * (long)prng_below(&r, 3),
                                     .has = (long)prng_below(&r, 9)};
            demand += needs[i].demand;
        }
        waterfill(needs, n, max, frugal, (unsigned)prng_below(&r, 100));
        for (int i = 0; i < n; i++) {
            given += needs[i].target;
            assert_true(needs[i].target >= 0);
            assert_true(demand > max || needs[i].target >= needs[i].demand);
            for (int k = 0; k < n && demand > max; k++)
                assert_true(needs[i].target >= needs[i].demand ||
                            needs[k].target <= needs[i].target + 1);
        }
        assert_int_equal(given, frugal && demand == 0 ? 0 : max);
    }
}

static void test_a_large_limit_takes_no_time(void **state)
{
    (void)state;
    enum { MANY = 256 };
    static struct need needs[MANY];
    long given = 0;
    for (int i = 0; i < MANY; i++)
        needs[i].demand = 1000000000L + i * 1000000L;
    waterfill(needs, MANY, 100000000000L, false, 0);
    for (int i = 0; i < MANY; i++)
        given += needs[i].target;
    assert_true(given == 100000000000L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_nobody_needs_is_spread_evenly),
        cmocka_unit_test(test_a_remainder_stays_with_those_who_have_most),
        cmocka_unit_test(test_nobody_gets_less_than_another_but_for_needing_less),
        cmocka_unit_test(test_a_frugal_limit_is_for_those_who_need_it),
        cmocka_unit_test(test_fewer_slots_than_partitions_go_round),
        cmocka_unit_test(test_any_needs),
        cmocka_unit_test(test_a_large_limit_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
