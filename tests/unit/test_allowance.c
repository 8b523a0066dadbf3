/* test_allowance.c: requests beyond what a service allows wait, in all threads alike. */
#include "unit.h"

#include <unistd.h>

#include "allowance.h"

static int set_up(void **state)
{
    *state = allowances_new();
    return 0;
}

static int tear_down(void **state)
{
    allowances_free(*state);
    return 0;
}

static struct http_response says(int64_t requests, int64_t requests_ms, int64_t tokens,
                                 int64_t tokens_ms)
{
    return (struct http_response){
        .status = 200, .requests = {requests, requests_ms}, .tokens = {tokens, tokens_ms}};
}

static void answer(struct allowances *all, const char *key, struct http_response r)
{
    allowance_note(all, key, &r);
}

static void test_a_service_that_says_nothing_is_asked_without_end(void **state)
{
    for (int i = 0; i < 1000; i++)
        assert_int_equal(allowance_take(*state, "a"), 0);
    for (int i = 0; i < 1000; i++)
        answer(*state, "a", says(-1, -1, -1, -1));
    assert_int_equal(allowance_take(*state, "a"), 0);
}

static void test_what_is_left_is_shared_and_then_waits_for_its_renewal(void **state)
{
    assert_int_equal(allowance_take(*state, "a"), 0);
    answer(*state, "a", says(3, 5000, 1000, 100));
    for (int i = 0; i < 3; i++)
        assert_int_equal(allowance_take(*state, "a"), 0);
    assert_in_range(allowance_take(*state, "a"), 4000, 5000);
    assert_int_equal(allowance_take(*state, "b"), 0); /* another account */
}

static void test_requests_under_way_count_although_the_answer_may_not_know_them(void **state)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(allowance_take(*state, "a"), 0);
    answer(*state, "a", says(3, 5000, -1, -1)); /* three others have not been answered */
    assert_in_range(allowance_take(*state, "a"), 4000, 5000);
}

static void test_no_tokens_left_waits_as_well(void **state)
{
    assert_int_equal(allowance_take(*state, "a"), 0);
    answer(*state, "a", says(100, 10, 0, 7000));
    assert_in_range(allowance_take(*state, "a"), 6000, 7000);
}

static void test_it_is_asked_again_after_the_renewal(void **state)
{
    assert_int_equal(allowance_take(*state, "a"), 0);
    answer(*state, "a", says(0, 20, -1, -1));
    assert_in_range(allowance_take(*state, "a"), 1, 20);
    (void)usleep(30 * 1000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(allowance_take(*state, "a"), 0);
}

static void test_a_renewal_far_away_is_asked_about_sooner(void **state)
{
    assert_int_equal(allowance_take(*state, "a"), 0);
    answer(*state, "a", says(0, 86400000, -1, -1));
    assert_in_range(allowance_take(*state, "a"), 50000, 60000);
}

static void test_a_request_without_an_answer_gives_nothing_back(void **state)
{
    assert_int_equal(allowance_take(*state, "a"), 0);
    answer(*state, "a", says(1, 5000, -1, -1));
    assert_int_equal(allowance_take(*state, "a"), 0);
    allowance_note(*state, "a", NULL);
    assert_in_range(allowance_take(*state, "a"), 4000, 5000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_service_that_says_nothing_is_asked_without_end),
        TEST(test_what_is_left_is_shared_and_then_waits_for_its_renewal),
        TEST(test_requests_under_way_count_although_the_answer_may_not_know_them),
        TEST(test_no_tokens_left_waits_as_well),
        TEST(test_it_is_asked_again_after_the_renewal),
        TEST(test_a_renewal_far_away_is_asked_about_sooner),
        TEST(test_a_request_without_an_answer_gives_nothing_back),
    };
    return cmocka_run_group_tests_name("allowance", tests, NULL, NULL);
}
