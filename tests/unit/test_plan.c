/* test_plan.c: what a run does next, from nothing but the names of its results. */
#include "unit.h"

#include "js.h"
#include "plan.h"

static json_t *nothing(struct step *s)
{
    (void)s;
    return NULL;
}

static const struct step_def three[] = {{"a", nothing}, {"b", nothing}, {"c", nothing}, {0}};
static const struct step_def loop[] = {{"a", nothing}, {"one", nothing, .each = nothing}, {0}};
static const struct step_def fan[] = {
    {"a", nothing}, {"one", nothing, .each = nothing, .parallel = 3}, {"z", nothing}, {0}};
static const struct step_def fans[] = {{"one", nothing, .each = nothing, .parallel = 3},
                                       {"two", nothing, .each = nothing, .parallel = 2},
                                       {0}};

/* A case: a table of steps, what is stored, and which branch it is (-1 = none), against what is to be done. */
struct plan_case {
    const struct step_def *steps;
    const char *results;
    int branch;
    enum work_kind kind;
    const char *name; /* of the work; NULL = of no matter */
    const char *item; /* as JSON */
};

static void plan(const struct step_def *steps, const char *results, int branch, struct work *w,
                 struct run *run)
{
    static struct function f; /* the work points into it */
    f = (struct function){.id = "f", .steps = steps};
    *run = (struct run){.fn = &f, .branch = branch, .results = json_loads(results, 0, NULL)};
    assert_non_null(run->results);
    const char *name;
    json_t *value;
    json_object_foreach (run->results, name, value)
        run->has_error = run->has_error || name_is_error(name);
    plan_next(run, w);
}

static void check(const struct plan_case *c)
{
    struct run run;
    struct work w;
    plan(c->steps, c->results, c->branch, &w, &run);
    if (w.kind != c->kind)
        fail_msg("%s, branch %d: kind %d, not %d", c->results, c->branch, (int)w.kind,
                 (int)c->kind);
    if (c->name != NULL)
        assert_string_equal(w.name, c->name);
    auto_free char *item = js_dump(w.item, NULL);
    if (c->item == NULL)
        assert_null(item);
    else
        assert_string_equal(item, c->item);
    json_decref(run.results);
}

#define CHECK_ALL(...)                                                                             \
    do {                                                                                           \
        const struct plan_case cases[] = {__VA_ARGS__};                                            \
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)                                              \
            check(&cases[i]);                                                                      \
    } while (0)

static void test_rows_go_in_their_order(void **state)
{
    (void)state;
    CHECK_ALL({three, "{}", -1, WORK_STEP, "a", NULL},
              {three, "{\"a\":null}", -1, WORK_STEP, "b", NULL},
              {three, "{\"b\":1}", -1, WORK_STEP, "a", NULL}, /* the first without a result */
              {three, "{\"a\":0,\"c\":0}", -1, WORK_STEP, "b", NULL},
              {three, "{\"a\":0,\"b\":0,\"c\":false}", -1, WORK_NONE, NULL, NULL},
              {three, "{\"a\":0,\"used:a\":0,\"x\":0}", -1, WORK_STEP, "b", NULL});
}

static void test_a_row_that_asked_to_be_run_again(void **state)
{
    (void)state;
    struct run run;
    struct work w;
    CHECK_ALL({three, "{\"a-0\":0,\"cursor:a-1\":5}", -1, WORK_STEP, "a-1", NULL},
              {three, "{\"a-0\":0,\"cursor:a-1\":5,\"a-1\":0}", -1, WORK_STEP, "b", NULL},
              {three, "{\"a-0\":0,\"cursor:a-1\":5,\"a-1\":0,\"cursor:a-2\":null}", -1, WORK_STEP,
               "a-2", NULL});
    plan(three, "{\"a-0\":0,\"cursor:a-1\":5}", -1, &w, &run);
    assert_int_equal(w.index, 1);
    assert_int_equal(json_integer_value(w.cursor), 5);
    json_decref(run.results);
    plan(three, "{}", -1, &w, &run);
    assert_int_equal(w.index, 0);
    assert_null(w.cursor);
    json_decref(run.results);
}

static void test_items_go_one_after_the_other(void **state)
{
    (void)state;
    const char *list = "{\"a\":0,\"each:one\":[7,{\"key\":\"k\"},null]";
    char some[200], all[200];
    (void)snprintf(some, sizeof(some), "%s,\"one-0\":0}", list);
    (void)snprintf(all, sizeof(all), "%s,\"one-0\":0,\"one-k\":0,\"one-2\":0}", list);
    CHECK_ALL({loop, "{\"a\":0}", -1, WORK_LIST, "each:one", NULL},
              {loop, "{\"a\":0,\"each:one\":[]}", -1, WORK_NONE, NULL, NULL},
              {loop, "{\"a\":0,\"each:one\":[7,8]}", -1, WORK_STEP, "one-0", "7"},
              {loop, some, -1, WORK_STEP, "one-k", "{\"key\":\"k\"}"},
              {loop, all, -1, WORK_NONE, NULL, NULL});
}

#define LIST "{\"a\":0,\"each:one\":[7,{\"key\":\"k\"},9]"

static void test_a_parallel_row_fans_out_until_all_items_are_there(void **state)
{
    (void)state;
    struct run run;
    struct work w;
    CHECK_ALL({fan, "{\"a\":0}", -1, WORK_LIST, "each:one", NULL},
              {fan, "{\"a\":0,\"each:one\":[]}", -1, WORK_STEP, "z", NULL},
              {fan, LIST "}", -1, WORK_FAN, "one", NULL},
              {fan, LIST ",\"one-0\":0,\"one-2\":0}", -1, WORK_FAN, "one", NULL},
              {fan, LIST ",\"one-0\":0,\"one-k\":0,\"one-2\":0}", -1, WORK_STEP, "z", NULL});
    plan(fan, LIST ",\"one-0\":0}", -1, &w, &run);
    assert_int_equal(w.count, 3); /* branches are numbered as items are: done ones end at once */
    assert_int_equal(w.def->parallel, 3);
    json_decref(run.results);
}

static void test_the_first_item_that_failed_fails_the_run(void **state)
{
    (void)state;
    struct run run;
    struct work w;
    const char *results = LIST ",\"one-0\":0,\"error:one-2\":{\"message\":\"late\"},"
                               "\"error:one-k\":{\"message\":\"first\"}}";
    CHECK_ALL({fan, results, -1, WORK_LOST, "one-k", "{\"key\":\"k\"}"},
              /* also when others have nothing yet, as after Redis was repaired by hand */
              {fan, LIST ",\"error:one-2\":{}}", -1, WORK_LOST, "one-2", "9"},
              /* an error that a later attempt made good */
              {fan, LIST ",\"one-0\":0,\"one-k\":0,\"one-2\":0,\"error:one-2\":{}}", -1, WORK_STEP,
               "z", NULL});
    plan(fan, results, -1, &w, &run);
    assert_string_equal(js_str(w.error, "message"), "first");
    json_decref(run.results);
}

static void test_a_branch_has_its_one_item(void **state)
{
    (void)state;
    CHECK_ALL({fan, LIST "}", 0, WORK_STEP, "one-0", "7"},
              {fan, LIST "}", 1, WORK_STEP, "one-k", "{\"key\":\"k\"}"},
              {fan, LIST ",\"one-0\":0,\"one-k\":0}", 2, WORK_STEP, "one-2", "9"},
              /* others have failed: the items know nothing of each other */
              {fan, LIST ",\"error:one-0\":{}}", 2, WORK_STEP, "one-2", "9"},
              /* it has been done, or has failed, before */
              {fan, LIST ",\"one-k\":0}", 1, WORK_NONE, NULL, "{\"key\":\"k\"}"},
              {fan, LIST ",\"error:one-k\":{}}", 1, WORK_NONE, NULL, "{\"key\":\"k\"}"},
              {fan, LIST "}", 3, WORK_NONE, NULL, NULL},
              /* never what comes after its row, nor what is not parallel */
              {fan, LIST ",\"one-0\":0,\"one-k\":0,\"one-2\":0}", 1, WORK_NONE, NULL, NULL},
              {fan, "{\"a\":0}", 0, WORK_NONE, NULL, NULL},
              {loop, "{\"a\":0,\"each:one\":[7,8]}", 0, WORK_NONE, NULL, NULL},
              {three, "{}", 0, WORK_NONE, NULL, NULL});
}

static void test_a_branch_belongs_to_the_row_that_is_not_complete(void **state)
{
    (void)state;
    const char *second = "{\"each:one\":[1,2],\"one-0\":0,\"one-1\":0,\"each:two\":[3,4]}";
    CHECK_ALL(
        {fans, "{\"each:one\":[1,2],\"one-0\":0,\"each:two\":[3,4]}", 1, WORK_STEP, "one-1", "2"},
        {fans, "{\"each:one\":[1,2],\"one-0\":0,\"each:two\":[3,4]}", 0, WORK_NONE, NULL, "1"},
        {fans, second, 1, WORK_STEP, "two-1", "4"},
        {fans, "{\"each:one\":[],\"each:two\":[3,4]}", 0, WORK_STEP, "two-0", "3"});
}

static void test_what_was_waited_for_and_failed(void **state)
{
    (void)state;
    CHECK_ALL({three, "{\"error:a\":{\"message\":\"x\"}}", -1, WORK_LOST, "a", NULL},
              {three, "{\"a\":0,\"error:a\":{}}", -1, WORK_STEP, "b", NULL},
              {three, "{\"error:b\":{}}", -1, WORK_STEP, "a", NULL},
              {loop, "{\"a\":0,\"each:one\":[7,8],\"one-0\":0,\"error:one-1\":{}}", -1, WORK_LOST,
               "one-1", "8"},
              {three, "{\"a-0\":0,\"cursor:a-1\":5,\"error:a-1\":{}}", -1, WORK_LOST, "a-1", NULL});
}

static void test_the_last_thing_ends_the_run_with_its_value(void **state)
{
    (void)state;
    struct run run;
    struct work w;
    plan(three, "{\"a\":0,\"b\":0}", -1, &w, &run);
    assert_true(plan_is_last(&run, &w));
    json_decref(run.results);
    plan(three, "{\"a\":0}", -1, &w, &run);
    assert_false(plan_is_last(&run, &w));
    json_decref(run.results);
    plan(loop, "{\"a\":0,\"each:one\":[7]}", -1, &w, &run);
    assert_false(plan_is_last(&run, &w)); /* the run goes on and finds out that nothing is left */
    json_decref(run.results);
    plan(fan, LIST "}", 0, &w, &run);
    assert_true(plan_is_last(&run, &w));
    json_decref(run.results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_go_in_their_order),
        cmocka_unit_test(test_a_row_that_asked_to_be_run_again),
        cmocka_unit_test(test_items_go_one_after_the_other),
        cmocka_unit_test(test_a_parallel_row_fans_out_until_all_items_are_there),
        cmocka_unit_test(test_the_first_item_that_failed_fails_the_run),
        cmocka_unit_test(test_a_branch_has_its_one_item),
        cmocka_unit_test(test_a_branch_belongs_to_the_row_that_is_not_complete),
        cmocka_unit_test(test_what_was_waited_for_and_failed),
        cmocka_unit_test(test_the_last_thing_ends_the_run_with_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
