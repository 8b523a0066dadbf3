#include "unit.h"

#include <math.h>

#include "fairness.h"

static void assert_near(double a, double b)
{
    if (fabs(a - b) > 1e-6)
        fail_msg("%.9f is not %.9f", a, b);
}

static void test_owners_that_wait_alike_are_treated_fairly(void **state)
{
    (void)state;
    assert_near(fairness_index(), 1);
    assert_near(fairness_longest_wait(), 0);
    fairness_note("", 100); /* nobody's */
    fairness_note("a\nvideo-1", 4);
    assert_near(fairness_index(), 1);
    fairness_note("b\nvideo-2", 3);
    fairness_note("b\nvideo-3", 5);
    assert_near(fairness_index(), 1);
    assert_near(fairness_longest_wait(), 4);
}

static void test_an_owner_that_bears_the_waiting_shows(void **state)
{
    (void)state;
    fairness_note("a", 0);
    fairness_note("a", 0);
    fairness_note("a", 36); /* the mean of all four is 10, the other's still 4 */
    assert_near(fairness_index(), 14.0 * 14 / (2 * (100 + 16)));
    assert_near(fairness_longest_wait(), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners_that_wait_alike_are_treated_fairly),
        cmocka_unit_test(test_an_owner_that_bears_the_waiting_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
