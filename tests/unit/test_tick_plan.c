/* test_tick_plan.c: every tick is dealt with once, in order, whatever the clock and the schedulers do. */
#include "unit.h"

#include "prng.h"
#include "scheduler/tick_plan.h"

enum { MINUTE = 60000, GRACE = 30000, HUNDRED = TICKS_ONE_BY_ONE };

static const int64_t T0 = 1767225600000; /* 2026-01-01 00:00 */

static struct cron every_minute;

static int parse(void **state)
{
    (void)state;
    struct err e;
    return cron_parse(&every_minute, "* * * * *", &e) ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    cron_release(&every_minute);
    return 0;
}

static struct tick_rule rule(enum missed_ticks missed, int64_t jitter_ms)
{
    return (struct tick_rule){.fn = "f",
                              .cron = &every_minute,
                              .jitter_ms = jitter_ms,
                              .missed = missed,
                              .grace_ms = GRACE};
}

static void check_tick(const struct tick_plan *p, size_t i, long minute, long long skipped)
{
    if (i >= p->len)
        fail_msg("there are only %zu ticks", p->len);
    if (p->ticks[i].ms != T0 + minute * MINUTE || p->ticks[i].skipped != skipped)
        fail_msg("tick %zu is minute %lld, skipped %lld", i,
                 (long long)(p->ticks[i].ms - T0) / MINUTE, p->ticks[i].skipped);
}

/* The last tick was minute 0. */
static void plan(struct tick_plan *p, enum missed_ticks missed, int64_t now_ms)
{
    struct tick_rule r = rule(missed, 0);
    tick_plan_make(p, &r, T0, T0 + now_ms);
}

static void test_nothing_is_due_yet(void **state)
{
    (void)state;
    struct tick_plan p;
    plan(&p, MISSED_ONE, 1);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.wait_ms, MINUTE - 1);
    plan(&p, MISSED_ONE, MINUTE - 1);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.wait_ms, 1);
}

static void test_a_tick_starts_when_it_is_due(void **state)
{
    (void)state;
    static const enum missed_ticks all[] = {MISSED_ONE, MISSED_SKIP, MISSED_ALL};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct tick_plan p;
        plan(&p, all[i], MINUTE);
        assert_int_equal(p.len, 1);
        check_tick(&p, 0, 1, 0);
        assert_int_equal(p.missed, 0);
        assert_int_equal(p.wait_ms, MINUTE);
        plan(&p, all[i], MINUTE + GRACE);
        assert_int_equal(p.len, 1);
        check_tick(&p, 0, 1, 0);
        assert_int_equal(p.wait_ms, MINUTE - GRACE);
    }
}

static void test_a_tick_is_missed_after_the_grace(void **state)
{
    (void)state;
    struct tick_plan p;
    plan(&p, MISSED_SKIP, MINUTE + GRACE + 1);
    assert_int_equal(p.len, 1);
    check_tick(&p, 0, 1, 1);
    assert_int_equal(p.missed, 1);
    plan(&p, MISSED_ONE, MINUTE + GRACE + 1);
    assert_int_equal(p.len, 1);
    check_tick(&p, 0, 1, 0);
    assert_int_equal(p.missed, 1);
}

static void test_of_some_missed_ticks(void **state)
{
    (void)state;
    struct tick_plan p;
    /* 1, 2 and 3 are missed, 4 is due in time */
    plan(&p, MISSED_ONE, 4 * MINUTE + 5000);
    assert_int_equal(p.len, 4);
    check_tick(&p, 0, 1, 1);
    check_tick(&p, 1, 2, 1);
    check_tick(&p, 2, 3, 0);
    check_tick(&p, 3, 4, 0);
    plan(&p, MISSED_SKIP, 4 * MINUTE + 5000);
    assert_int_equal(p.len, 4);
    check_tick(&p, 2, 3, 1);
    check_tick(&p, 3, 4, 0);
    plan(&p, MISSED_ALL, 4 * MINUTE + 5000);
    assert_int_equal(p.len, 4);
    for (size_t i = 0; i < 4; i++)
        check_tick(&p, i, (long)i + 1, 0);
    assert_int_equal(p.missed, 3);
    assert_int_equal(p.wait_ms, MINUTE - 5000);
}

/* `missed` of them; the clock stands in the middle between two ticks that are no matter here. */
static void plan_missed(struct tick_plan *p, enum missed_ticks policy, long missed)
{
    plan(p, policy, missed * MINUTE + GRACE + 1);
    assert_int_equal(p->missed, missed);
}

static void test_a_hundred_are_recorded_one_by_one(void **state)
{
    (void)state;
    struct tick_plan p;
    plan_missed(&p, MISSED_SKIP, HUNDRED);
    assert_int_equal(p.len, HUNDRED);
    check_tick(&p, HUNDRED - 1, HUNDRED, 1);
    plan_missed(&p, MISSED_ONE, HUNDRED);
    assert_int_equal(p.len, HUNDRED);
    check_tick(&p, HUNDRED - 2, HUNDRED - 1, 1);
    check_tick(&p, HUNDRED - 1, HUNDRED, 0);
    plan_missed(&p, MISSED_ONE, HUNDRED + 1);
    assert_int_equal(p.len, HUNDRED + 1);
    check_tick(&p, HUNDRED - 1, HUNDRED, 1);
    check_tick(&p, HUNDRED, HUNDRED + 1, 0);
}

static void test_the_rest_is_recorded_together(void **state)
{
    (void)state;
    struct tick_plan p;
    plan_missed(&p, MISSED_SKIP, HUNDRED + 1);
    assert_int_equal(p.len, HUNDRED + 1);
    check_tick(&p, HUNDRED, HUNDRED + 1, 1);
    plan_missed(&p, MISSED_SKIP, 100000);
    assert_int_equal(p.len, HUNDRED + 1);
    check_tick(&p, HUNDRED, 100000, 100000 - HUNDRED);
    plan_missed(&p, MISSED_ONE, 100000);
    assert_int_equal(p.len, HUNDRED + 2);
    check_tick(&p, HUNDRED, 99999, 100000 - HUNDRED - 1);
    check_tick(&p, HUNDRED + 1, 100000, 0);
}

static void test_all_of_them_come_in_turns(void **state)
{
    (void)state;
    struct tick_plan p;
    plan(&p, MISSED_ALL, 1000 * MINUTE);
    assert_int_equal(p.len, HUNDRED);
    check_tick(&p, HUNDRED - 1, HUNDRED, 0);
    assert_int_equal(p.wait_ms, 0);
}

static void test_jitter_puts_off(void **state)
{
    (void)state;
    enum { JITTER = 20000 };
    struct tick_rule r = rule(MISSED_SKIP, JITTER);
    int64_t due = T0 + MINUTE + cron_jitter_ms("f", T0 + MINUTE, JITTER);
    struct tick_plan p;
    tick_plan_make(&p, &r, T0, due - 1);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.wait_ms, 1);
    tick_plan_make(&p, &r, T0, due);
    assert_int_equal(p.len, 1);
    check_tick(&p, 0, 1, 0);
    assert_int_equal(p.ticks[0].due_ms, due);
    tick_plan_make(&p, &r, T0, T0 + MINUTE + JITTER + GRACE);
    check_tick(&p, 0, 1, 0);
    tick_plan_make(&p, &r, T0, T0 + MINUTE + JITTER + GRACE + 1);
    check_tick(&p, 0, 1, 1);
}

static void test_a_clock_that_was_set_back_repeats_nothing(void **state)
{
    (void)state;
    struct tick_plan p;
    plan(&p, MISSED_ALL, -1000 * MINUTE);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.wait_ms, 1001 * MINUTE);
}

static void test_a_schedule_that_ends(void **state)
{
    (void)state;
    struct tick_rule r = rule(MISSED_ONE, 0);
    struct tick_plan p;
    tick_plan_make(&p, &r, INT64_C(253402300800000), T0);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.wait_ms, -1);
}

/* A scheduler that is there now and then, with a clock that jumps: each tick up to the last is started, or recorded as skipped,
 * alone or with others, and none before it is due. */
static void test_each_tick_is_dealt_with_once(void **state)
{
    (void)state;
    struct prng random = {42};
    static const enum missed_ticks policies[] = {MISSED_ONE, MISSED_SKIP, MISSED_ALL};
    for (int round = 0; round < 300; round++) {
        struct tick_rule r = rule(policies[round % 3], (int64_t)prng_below(&random, 3) * 90000);
        int64_t last = T0, now = T0;
        long long dealt = 0;
        for (int turn = 0; turn < 60; turn++) {
            int64_t step = (int64_t)prng_below(&random, prng_below(&random, 8) == 0 ? 400 * MINUTE
                                                                                    : 2 * MINUTE);
            now += prng_below(&random, 10) == 0 ? -step : step;
            struct tick_plan p;
            tick_plan_make(&p, &r, last, now);
            assert_true(p.len <= TICKS_MAX);
            for (size_t i = 0; i < p.len; i++) {
                assert_true(p.ticks[i].ms > last);
                assert_true(p.ticks[i].ms <= now);
                assert_true(p.ticks[i].skipped > 0 || p.ticks[i].due_ms <= now);
                assert_int_equal(p.ticks[i].ms - last,
                                 (p.ticks[i].skipped > 1 ? p.ticks[i].skipped : 1) * MINUTE);
                dealt += p.ticks[i].skipped > 1 ? p.ticks[i].skipped : 1;
                last = p.ticks[i].ms;
            }
        }
        assert_int_equal(dealt, (last - T0) / MINUTE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_due_yet),
        cmocka_unit_test(test_a_tick_starts_when_it_is_due),
        cmocka_unit_test(test_a_tick_is_missed_after_the_grace),
        cmocka_unit_test(test_of_some_missed_ticks),
        cmocka_unit_test(test_a_hundred_are_recorded_one_by_one),
        cmocka_unit_test(test_the_rest_is_recorded_together),
        cmocka_unit_test(test_all_of_them_come_in_turns),
        cmocka_unit_test(test_jitter_puts_off),
        cmocka_unit_test(test_a_clock_that_was_set_back_repeats_nothing),
        cmocka_unit_test(test_a_schedule_that_ends),
        cmocka_unit_test(test_each_tick_is_dealt_with_once),
    };
    return cmocka_run_group_tests(tests, parse, release);
}
