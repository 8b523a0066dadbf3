/* test_conditions.c: conditions of listeners are compiled once and asked of many events. */
#include "unit.h"

#include "js.h"
#include "scheduler/conditions.h"

static json_t *event_of(int n)
{
    return js_pack("{s:{s:i}}", "data", "n", n);
}

static void test_each_condition_is_asked_for_itself(void **state)
{
    (void)state;
    static struct conditions c;
    /* more than are kept, twice */
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 3 * CONDITIONS_KEPT; i++) {
            char text[64];
            (void)snprintf(text, sizeof(text), "async.data.n == %d", i);
            auto_json *same = event_of(i), *other = event_of(i + 1);
            assert_true(conditions_hold(&c, text, same));
            assert_false(conditions_hold(&c, text, other));
        }
    }
    conditions_release(&c);
}

static void test_no_condition_always_holds(void **state)
{
    (void)state;
    static struct conditions c;
    assert_true(conditions_hold(&c, "", NULL));
    conditions_release(&c);
}

static void test_one_that_cannot_be_read_never_holds(void **state)
{
    (void)state;
    static struct conditions c;
    auto_json *event = event_of(1);
    assert_false(conditions_hold(&c, "async.data.n ==", event));
    assert_false(conditions_hold(&c, "event.data.n == 1", event));
    conditions_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_condition_is_asked_for_itself),
        cmocka_unit_test(test_no_condition_always_holds),
        cmocka_unit_test(test_one_that_cannot_be_read_never_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
