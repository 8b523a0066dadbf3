/* test_step.c: what a step's calls leave for the engine: pauses above all. */
#include "unit.h"

#include "clock.h"
#include "expr.h"
#include "js.h"
#include "step_state.h"

#define EVENT                                                                                      \
    "{\"id\":\"E1\",\"name\":\"a/b\",\"data\":{\"key\":\"k1\",\"n\":5,\"text\":\"one\\ntwo\"}}"

/* A step in the middle of running. */
struct fixture {
    struct step step;
    struct step_state state;
    struct result result;
    struct run run;
    struct seat seat;
    atomic_bool abort;
};

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof(*x));
    *state = x;
    seat_init(&x->seat, &x->abort);
    x->run.results = json_object();
    x->result.events = json_array();
    x->state = (struct step_state){.run = &x->run, .result = &x->result, .seat = &x->seat};
    x->step =
        (struct step){.event = json_loads(EVENT, 0, NULL), .now_ms = wall_ms(), .state = &x->state};
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    json_decref((json_t *)x->step.event);
    json_decref(x->run.results);
    result_release(&x->result);
    seat_release(&x->seat);
    free(x);
    return 0;
}

static const char *wait_of(const struct fixture *x)
{
    return js_str(x->result.pause, "wait");
}

static void test_sleeping(void **state)
{
    struct fixture *x = *state;
    assert_true(json_is_null(step_sleep(&x->step, 5)));
    assert_int_equal(x->result.verdict, VERDICT_SLEEP);
    assert_int_equal(result_delay_ms(&x->result), 5);
    step_sleep(&x->step, -5);
    assert_int_equal(result_delay_ms(&x->result), 0);
    step_sleep_until(&x->step, wall_ms() + 60000);
    assert_in_range(result_delay_ms(&x->result), 59000, 60000);
    step_sleep_until(&x->step, 1000); /* long past */
    assert_int_equal(result_delay_ms(&x->result), 0);
}

static void test_waiting_for_any_event_of_a_name(void **state)
{
    struct fixture *x = *state;
    assert_true(json_is_null(step_wait_event(&x->step, "x/go", NULL)));
    assert_int_equal(x->result.verdict, VERDICT_WAIT);
    assert_int_equal(x->result.delay_ms, -1);
    assert_string_equal(wait_of(x), "x/go\n\n\n0\nE1\n");
}

/* The run's own values are put in, and what remains is looked up by a value. */
static void test_waiting_for_an_event_that_matches(void **state)
{
    struct fixture *x = *state;
    const struct wait_def w = {
        .match = "async.data.key == event.data.key", .timeout_ms = 700, .since_start = true};
    step_wait_event(&x->step, "x/go", &w);
    assert_int_equal(x->result.delay_ms, 700);
    static const char head[] = "x/go\ndata.key\nk1\n1\nE1\n";
    assert_memory_equal(wait_of(x), head, sizeof(head) - 1);
    struct err e;
    const char *text = wait_of(x) + sizeof(head) - 1;
    struct expr *bound = expr_compile(text, EXPR_ASYNC, &e);
    auto_json *yes = json_loads("{\"data\":{\"key\":\"k1\"}}", 0, NULL);
    auto_json *no = json_loads("{\"data\":{\"key\":\"k2\"}}", 0, NULL);
    assert_non_null(bound);
    assert_true(expr_true(bound, NULL, yes));
    assert_false(expr_true(bound, NULL, no));
    expr_free(bound);
}

static void test_waiting_by_a_condition_without_a_value(void **state)
{
    struct fixture *x = *state;
    step_wait_event(&x->step, "x/go", &(struct wait_def){.match = "async.data.n > event.data.n"});
    static const char head[] = "x/go\n\n\n0\nE1\n";
    assert_memory_equal(wait_of(x), head, sizeof(head) - 1);
    assert_true(strlen(wait_of(x)) > sizeof(head));
}

/* Every part but the last is one line, whatever the event holds. */
static void test_values_with_line_breaks(void **state)
{
    struct fixture *x = *state;
    step_wait_event(&x->step, "x/go",
                    &(struct wait_def){.match = "async.data.t == event.data.text"});
    int lines = 0;
    const char *p = wait_of(x);
    for (; lines < 5; lines++) {
        p = strchr(p, '\n');
        assert_non_null(p++);
    }
    struct err e;
    struct expr *bound = expr_compile(p, EXPR_ASYNC, &e);
    auto_json *yes = json_loads("{\"data\":{\"t\":\"one\\ntwo\"}}", 0, NULL);
    assert_non_null(bound);
    assert_true(expr_true(bound, NULL, yes));
    expr_free(bound);
}

static void check_refused(struct fixture *x, json_t *answer, const char *message)
{
    assert_null(answer);
    assert_int_equal(x->result.verdict, VERDICT_FAIL);
    assert_int_equal(x->step.err.code, ERR_BUG);
    if (strncmp(x->step.err.msg, message, strlen(message)) != 0)
        fail_msg("%s", x->step.err.msg);
    assert_null(x->result.pause);
    x->step.err = (struct err){0};
}

static void test_waits_that_cannot_work(void **state)
{
    struct fixture *x = *state;
    struct step *s = &x->step;
    check_refused(x, step_wait_event(s, NULL, NULL), "step_wait_event: the event's name is 1 to");
    check_refused(x, step_wait_event(s, "", NULL), "step_wait_event: the event's name is 1 to");
    check_refused(x, step_wait_event(s, "a\nb", NULL), "step_wait_event: the event's name is 1 to");
    check_refused(x, step_wait_event(s, "a\xff", NULL),
                  "step_wait_event: the event's name is 1 to");
    check_refused(x, step_wait_event(s, "a", &(struct wait_def){.timeout_ms = -1}),
                  "step_wait_event: timeout_ms is negative");
    check_refused(x, step_wait_event(s, "a", &(struct wait_def){.match = "async.data.x =="}),
                  "step_wait_event: match: column ");
}

static void test_invoking(void **state)
{
    struct fixture *x = *state;
    assert_true(json_is_null(step_invoke(&x->step, "g", js_pack("{s:i}", "n", 1), 50)));
    assert_int_equal(x->result.verdict, VERDICT_INVOKE);
    assert_int_equal(x->result.delay_ms, 50);
    assert_string_equal(js_str(x->result.pause, "function"), "g");
    assert_int_equal(js_int(x->result.pause, "data.n", 0), 1);
    assert_true(json_is_null(step_invoke(&x->step, "g", NULL, 0)));
    assert_int_equal(x->result.delay_ms, -1);
    assert_true(json_is_object(json_object_get(x->result.pause, "data")));
}

static void test_invocations_that_cannot_work(void **state)
{
    struct fixture *x = *state;
    struct step *s = &x->step;
    auto_free char *large = calloc(1, (1 << 20) + 1);
    memset(large, 'x', 1 << 20);
    check_refused(x, step_invoke(s, NULL, NULL, 0), "step_invoke: the function's id is 1 to 64");
    check_refused(x, step_invoke(s, "a\nb", NULL, 0), "step_invoke: the function's id is 1 to 64");
    check_refused(x, step_invoke(s, "g", json_array(), 0),
                  "step_invoke: the data must be an object");
    check_refused(x, step_invoke(s, "g", NULL, -1), "step_invoke: timeout_ms is negative");
    check_refused(x, step_invoke(s, "g", js_pack("{s:s}", "large", large), 0),
                  "step_invoke: the data has 1048588 bytes, more than 1048576");
}

static void test_costs_add_up_and_nonsense_costs_nothing(void **state)
{
    struct fixture *x = *state;
    step_cost(&x->step, 0.5);
    step_cost(&x->step, 0.25);
    step_cost(&x->step, -1);
    step_cost(&x->step, 0.0 / 0.0);
    step_cost(&x->step, 1.0 / 0.0);
    assert_true(x->result.cost_usd == 0.75);
}

/* Whoever asks is told to end for every reason that there is, and says which. */
static void test_reasons_to_end(void **state)
{
    struct fixture *x = *state;
    static const struct function f = {.id = "f"};
    x->run = (struct run){.fn = &f, .entry = "5-0", .results = x->run.results};
    struct db *db = db_new("postgresql://nowhere", "test");
    seat_enter(&x->seat, &x->run, db);
    assert_false(step_is_cancelled(&x->step));
    seat_begin_step(&x->seat, 0);
    assert_true(step_is_cancelled(&x->step));
    assert_null(seat_end_reason(&x->seat));
    assert_string_equal(seat_reason(&x->seat), "it ran longer than its limit");
    seat_end_step(&x->seat);
    assert_false(step_is_cancelled(&x->step));

    seat_end(&x->seat, "4-0", SEAT_CANCELLED); /* another run's */
    assert_false(step_is_cancelled(&x->step));
    seat_end(&x->seat, "5-0", SEAT_CANCELLED);
    assert_string_equal(seat_end_reason(&x->seat), "the run was cancelled");
    seat_end(&x->seat, "5-0", SEAT_GIVEN_AWAY);
    assert_string_equal(seat_end_reason(&x->seat), "the run was given to another worker");
    seat_hurry(&x->seat);

    seat_leave(&x->seat);
    seat_end(&x->seat, "5-0", SEAT_CANCELLED); /* nobody sits there */
    seat_hurry(&x->seat);
    seat_enter(&x->seat, &x->run, db);
    assert_null(seat_end_reason(&x->seat));
    atomic_store(&x->abort, true);
    assert_string_equal(seat_end_reason(&x->seat), "the worker gave it up");
    seat_leave(&x->seat);
    db_free(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sleeping),
        TEST(test_waiting_for_any_event_of_a_name),
        TEST(test_waiting_for_an_event_that_matches),
        TEST(test_waiting_by_a_condition_without_a_value),
        TEST(test_values_with_line_breaks),
        TEST(test_waits_that_cannot_work),
        TEST(test_invoking),
        TEST(test_invocations_that_cannot_work),
        TEST(test_costs_add_up_and_nonsense_costs_nothing),
        TEST(test_reasons_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
