#include "unit.h"

#include "ask_order.h"

enum { COUNT = 5 };

static void assert_order(const size_t *order, const size_t expected[COUNT])
{
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(order[i], expected[i]);
}

/* A claim in the order that is next; those of `ready` have something. Returns how many were asked. */
static size_t claim(struct ask_order *o, const bool ready[COUNT], size_t enough)
{
    const size_t *order = ask_order_next(o);
    size_t asked = 0, found = 0;
    for (; asked < COUNT && found < enough; asked++) {
        if (!ready[order[asked]])
            continue;
        ask_order_gave(o, asked);
        found++;
    }
    ask_order_learn(o, asked == COUNT);
    return asked;
}

static void test_the_order_stays_as_long_as_all_are_asked(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    assert_order(ask_order_next(o), (size_t[]){0, 1, 2, 3, 4});
    assert_int_equal(claim(o, (bool[COUNT]){false}, 1), COUNT);
    assert_order(ask_order_next(o), (size_t[]){0, 1, 2, 3, 4});
    ask_order_free(o);
}

static void test_who_had_something_is_asked_early_and_the_others_one_at_a_time(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    const bool ready[COUNT] = {[3] = true};
    assert_int_equal(claim(o, ready, 1), 4);
    assert_order(ask_order_next(o), (size_t[]){4, 3, 0, 1, 2});
    assert_int_equal(claim(o, ready, 1), 2);
    assert_order(ask_order_next(o), (size_t[]){0, 3, 1, 2, 4});
    assert_int_equal(claim(o, ready, 1), 2);
    assert_order(ask_order_next(o), (size_t[]){1, 3, 2, 4, 0});
    ask_order_free(o);
}

static void test_who_has_nothing_any_more_is_one_of_the_others(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    (void)claim(o, (bool[COUNT]){[3] = true}, 1);
    assert_int_equal(claim(o, (bool[COUNT]){[1] = true}, 1), 4);
    assert_order(ask_order_next(o), (size_t[]){2, 1, 4, 3, 0});
    ask_order_free(o);
}

static void test_neighbours_that_have_plenty_are_served_alike(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    size_t served[COUNT] = {0};
    for (int n = 0; n < 300; n++) {
        const size_t *order = ask_order_next(o);
        size_t i = 0;
        while (order[i] > 2)
            i++;
        served[order[i]]++;
        ask_order_gave(o, i);
        ask_order_learn(o, false);
    }
    for (size_t f = 0; f <= 2; f++)
        assert_in_range(served[f], 95, 105);
    ask_order_free(o);
}

static void test_what_comes_to_one_of_the_others_is_found_within_a_round(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT; f++) {
        struct ask_order *o = ask_order_new(COUNT);
        bool ready[COUNT] = {[2] = true};
        for (int n = 0; n < 7; n++)
            (void)claim(o, ready, 1);
        ready[f] = true;
        bool found = false;
        for (int n = 0; n < COUNT && !found; n++) {
            const size_t *order = ask_order_next(o);
            found = order[0] == f || order[1] == f;
            (void)claim(o, ready, 1);
        }
        assert_true(found);
        ask_order_free(o);
    }
}

/* 1 and 3 give, 0 and 2 were asked for nothing, 4 was not reached. */
static void test_a_claim_that_several_fill(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    assert_int_equal(claim(o, (bool[COUNT]){[1] = true, [3] = true}, 2), 4);
    assert_order(ask_order_next(o), (size_t[]){4, 1, 3, 0, 2});
    assert_int_equal(claim(o, (bool[COUNT]){[3] = true, [4] = true}, 2), 3);
    assert_order(ask_order_next(o), (size_t[]){0, 4, 3, 2, 1});
    ask_order_free(o);
}

static void test_all_have_plenty(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    const bool ready[COUNT] = {true, true, true, true, true};
    size_t served[COUNT] = {0};
    for (int n = 0; n < 10 * COUNT; n++) {
        served[ask_order_next(o)[0]]++;
        assert_int_equal(claim(o, ready, 1), 1);
    }
    for (size_t f = 0; f < COUNT; f++)
        assert_int_equal(served[f], 10);
    ask_order_free(o);
}

static void test_a_claim_of_which_nothing_is_known_changes_nothing(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(COUNT);
    (void)claim(o, (bool[COUNT]){[3] = true}, 1);
    assert_order(ask_order_next(o), (size_t[]){4, 3, 0, 1, 2});
    assert_order(ask_order_next(o), (size_t[]){4, 3, 0, 1, 2});
    ask_order_free(o);
}

static void test_one_function_alone(void **state)
{
    (void)state;
    struct ask_order *o = ask_order_new(1);
    for (int n = 0; n < 4; n++) {
        assert_int_equal(ask_order_next(o)[0], 0);
        if (n % 2 == 0)
            ask_order_gave(o, 0);
        ask_order_learn(o, n % 2 == 1); /* under the sanitizers: nothing beyond it is touched */
    }
    ask_order_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_order_stays_as_long_as_all_are_asked),
        cmocka_unit_test(test_who_had_something_is_asked_early_and_the_others_one_at_a_time),
        cmocka_unit_test(test_who_has_nothing_any_more_is_one_of_the_others),
        cmocka_unit_test(test_neighbours_that_have_plenty_are_served_alike),
        cmocka_unit_test(test_what_comes_to_one_of_the_others_is_found_within_a_round),
        cmocka_unit_test(test_a_claim_that_several_fill),
        cmocka_unit_test(test_all_have_plenty),
        cmocka_unit_test(test_a_claim_of_which_nothing_is_known_changes_nothing),
        cmocka_unit_test(test_one_function_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
