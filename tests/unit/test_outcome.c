/* test_outcome.c: what is committed for each way that an attempt can end, word by word. */
#include "unit.h"

#include "clock.h"
#include "copy.h"
#include "js.h"
#include "outcome.h"

#define RUN_ID "01JD0000000000000000000000"
#define EVENT  "{\"id\":\"E\",\"name\":\"a/b\",\"data\":{\"creatorId\":\"c\"}}"

static const struct step_def steps[] = {{"one", NULL}, {"many", NULL, .parallel = 4}, {0}};
static const struct function fn = {.id = "f", .steps = steps};

/* A run that has an attempt at "one" behind it. */
struct fixture {
    struct run run;
    struct work work;
    struct result result;
};

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof(*x));
    *state = x;
    x->run = (struct run){.fn = &fn,
                          .partition = 3,
                          .ref = RUN_ID,
                          .id = RUN_ID,
                          .branch = -1,
                          .entry = "5-0",
                          .key = "c",
                          .accepted_ms = 1000,
                          .started_ms = 2000,
                          .try = 2,
                          .fails = 1,
                          .deaths = 1,
                          .outlived = 1,
                          .cost_usd = 0.5,
                          .event = json_loads(EVENT, 0, NULL),
                          .results = json_object()};
    x->work = (struct work){.kind = WORK_STEP, .def = &steps[0], .name = "one", .index = 0};
    x->result = (struct result){.value = json_integer(7),
                                .events = json_loads("[[\"x/y\",{\"n\":1}]]", 0, NULL),
                                .started_ms = 3000,
                                .duration_us = 4000};
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    json_decref(x->run.event);
    json_decref(x->run.events);
    json_decref(x->run.results);
    result_release(&x->result);
    free(x);
    return 0;
}

static void make_branch(struct fixture *x)
{
    x->run.branch = 2;
    (void)snprintf(x->run.ref, sizeof(x->run.ref), "%s.2", RUN_ID);
    x->work.def = &steps[1];
    (void)snprintf(x->work.name, sizeof(x->work.name), "many-2");
}

static void check_pairs(const struct pair *pairs, int count, const char *expected)
{
    struct buf b = BUF_INIT(8192);
    for (int i = 0; i < count; i++)
        assert_true(buf_addf(&b, "%s=%s;", pairs[i].name, pairs[i].value));
    assert_string_equal(b.data, expected);
    buf_release(&b);
}

#define CHECK(o, list, expected) check_pairs((o)->list##s, (o)->list##_count, expected)

/* The lines with `|` between columns; when a run ended is not known beforehand and reads *. */
static void check_body(const struct outcome *o, const char *expected)
{
    enum { FINISHED = 12 };
    char text[4096], *to = text;
    int column = 0;
    char letter = 's';
    assert_true(o->body.len < sizeof(text));
    for (const char *p = o->body.data; *p != '\0'; p++) {
        bool begins = p == o->body.data || p[-1] == '\n';
        if (begins) {
            letter = *p;
            column = 0;
        }
        column += *p == '\t';
        if (letter != 'r' || column != FINISHED || *p == '\t')
            *to++ = *p == '\t' ? '|' : *p;
        else if (to[-1] != '*')
            *to++ = '*';
    }
    *to = '\0';
    assert_string_equal(text, expected);
}

#define ACCEPTED "1970-01-01 00:00:01.000+00"
#define STARTED  "1970-01-01 00:00:02.000+00"
#define STEP_AT  "1970-01-01 00:00:03.000+00|1970-01-01 00:00:03.004+00|4000"

#define STEP_LINE(step, attempt, status, result, error, cost)                                      \
    "s|" RUN_ID "|" ACCEPTED "|" step "|" attempt "|" status "|" STEP_AT "|" result "|" error      \
    "|" cost "|w\n"
#define RUN_LINE(status, attempts, deaths, error, output, cost)                                    \
    "r|" RUN_ID "|" ACCEPTED "|f|E|a/b|c|" status "|" attempts "|" deaths "|" ACCEPTED "|" STARTED \
    "|*|" error "|" output "|" cost "|w\n"
#define NO_ERROR "\\N|\\N"

/* ---- runs that go on ---- */

static void test_every_outcome_names_the_lease(void **state)
{
    struct fixture *x = *state;
    struct outcome *o = outcome_return(&x->run, NULL);
    assert_int_equal(o->op, OUTCOME_RETURN);
    assert_string_equal(o->fn, "f");
    assert_int_equal(o->partition, 3);
    assert_string_equal(o->run, RUN_ID);
    assert_string_equal(o->entry, "5-0");
    assert_int_equal(o->field_count + o->result_count + o->event_count + o->extra_count, 0);
    check_body(o, "");
    outcome_free(o);
}

static void test_what_an_ended_attempt_cost_goes_back_with_the_run(void **state)
{
    struct fixture *x = *state;
    x->result.cost_usd = 0.25;
    x->run.cost_usd = 0.75;
    struct outcome *o = outcome_return(&x->run, &x->result);
    CHECK(o, field, "try=2;st=2000;fails=1;cost=0.75;");
    CHECK(o, extra, "cost=250000;");
    assert_int_equal(o->event_count + o->result_count, 0);
    outcome_free(o);
}

static void test_put_off_changes_nothing_but_the_time(void **state)
{
    struct fixture *x = *state;
    struct outcome *o = outcome_put_off(&x->run, &x->result, 1234);
    assert_int_equal(o->op, OUTCOME_PARK);
    assert_int_equal(o->delay_ms, 1234);
    CHECK(o, field, "try=2;st=2000;fails=1;cost=0.5;");
    CHECK(o, extra, "");
    assert_int_equal(x->run.try, 2);
    outcome_free(o);
    o = outcome_put_off(&x->run, NULL, 1);
    CHECK(o, field, "");
    outcome_free(o);
}

static void test_a_failed_attempt_is_counted_and_its_money_too(void **state)
{
    struct fixture *x = *state;
    x->run.deaths = 3;
    x->result.verdict = VERDICT_FAIL;
    x->result.cost_usd = 0.0000011;
    (void)err_set(&x->result.err, ERR_RETRY, "no luck");
    struct outcome *o = outcome_retry(&x->run, &x->work, &x->result, 99, "w");
    assert_int_equal(o->op, OUTCOME_PARK);
    assert_int_equal(o->delay_ms, 99);
    CHECK(o, field, "try=3;st=2000;fails=2;cost=0.5;outlived=3;failing=one;failure=no luck;");
    CHECK(o, result, "");
    CHECK(o, event, "");
    CHECK(o, extra, "cost=2;"); /* a part of a millionth is one */
    check_body(o, STEP_LINE("one", "2", "failed", "\\N", "retry|no luck", "0.000001"));
    outcome_free(o);
}

static void test_a_cancelled_run_tells_what_its_last_attempt_was(void **state)
{
    struct fixture *x = *state;
    struct buf b = BUF_INIT(8192);
    struct outcome *o = outcome_return(&x->run, &x->result);
    assert_false(outcome_cancelled_line(o, &b));
    x->result.attempt = 2;
    outcome_attempted(o, &x->work, &x->result, "w");
    assert_true(outcome_cancelled_line(o, &b));
    outcome_strip(o, OUTCOME_NEXT, 0);
    assert_true(buf_add(&o->body, b.data, b.len));
    /* by its id, as the run may be gone by then */
    check_body(o, "s|" RUN_ID "|2024-11-18 15:59:22.112+00|one|2|failed|" STEP_AT
                  "|\\N|cancelled|the run was cancelled meanwhile; what the step gave is not kept|"
                  "0.000000|w\n");
    buf_release(&b);
    outcome_free(o);
}

static void test_waiting_for_a_service_uses_no_attempt(void **state)
{
    struct fixture *x = *state;
    x->result.verdict = VERDICT_FAIL;
    x->result.cost_usd = 0.25;
    x->result.hold = (struct hold){.service = "speech",
                                   .reason = "speech: HTTP 503",
                                   .delay_ms = 700,
                                   .since_ms = 40,
                                   .now_ms = 90,
                                   .oks = 4};
    struct outcome *o = outcome_hold(&x->run, &x->result);
    assert_int_equal(o->op, OUTCOME_PARK);
    assert_int_equal(o->delay_ms, 700);
    CHECK(o, field, "try=2;st=2000;fails=1;cost=0.5;held=speech\n90\n4\nspeech: HTTP 503;");
    CHECK(o, extra, "cost=250000;"); /* what was spent before it went down */
    CHECK(o, result, "");
    check_body(o, "");
    outcome_free(o);

    /* once more: it has been waiting since the first time */
    x->result.hold.now_ms = 500;
    x->result.hold.oks = 6;
    o = outcome_hold(&x->run, &x->result);
    assert_int_equal(x->run.held_since_ms, 90);
    assert_int_equal(x->run.held_oks, 6);
    outcome_free(o);

    /* the step ends, and so does that */
    o = outcome_next(&x->run, &x->work, &x->result, "7", "w");
    CHECK(o, field, "failing=;failure=;try=1;st=2000;fails=1;cost=0.5;held=;");
    outcome_free(o);
    o = outcome_next(&x->run, &x->work, &x->result, "7", "w");
    CHECK(o, field, "try=1;st=2000;fails=1;cost=0.5;");
    outcome_free(o);
}

static void test_what_was_billed_is_not_billed_again(void **state)
{
    struct fixture *x = *state;
    struct err e;
    x->run.branch_usd = 0.25;
    x->result.billed_usd = 0.75;
    struct outcome *o = outcome_next(&x->run, &x->work, &x->result, "7", "w");
    CHECK(o, field, "failing=;failure=;try=1;st=2000;fails=1;cost=0.5;billed=0.75;");
    outcome_free(o);
    (void)err_set(&e, ERR_PERMANENT, "no");
    o = outcome_failed(&x->run, &x->work, NULL, &e, "w");
    assert_null(strstr(o->events[0].value, "cost_usd"));
    outcome_free(o);
    x->run.cost_usd += 2; /* spent after that */
    o = outcome_failed(&x->run, &x->work, NULL, &e, "w");
    assert_non_null(strstr(o->events[0].value, "\"cost_usd\":2.0"));
    outcome_free(o);
}

static void test_sums_of_prices_are_not_rounded_up_twice(void **state)
{
    struct fixture *x = *state;
    for (int i = 0; i < 3; i++)
        x->result.cost_usd += 0.1; /* 0.30000000000000004 */
    struct outcome *o = outcome_return(&x->run, &x->result);
    CHECK(o, extra, "cost=300000;");
    outcome_free(o);
}

static void test_a_result_is_stored_and_the_run_knows_it(void **state)
{
    struct fixture *x = *state;
    struct outcome *o = outcome_next(&x->run, &x->work, &x->result, "7", "w");
    assert_int_equal(o->op, OUTCOME_NEXT);
    CHECK(o, field, "failing=;failure=;try=1;st=2000;fails=1;cost=0.5;");
    CHECK(o, result, "one=7;");
    CHECK(o, event, "x/y={\"n\":1};");
    CHECK(o, extra, "");
    check_body(o, STEP_LINE("one", "2", "completed", "7", NO_ERROR, "0.000000"));
    assert_int_equal(json_integer_value(json_object_get(x->run.results, "one")), 7);
    assert_int_equal(x->run.try, 1);
    outcome_free(o);
}

static void test_a_turn_is_stored_with_its_cursor(void **state)
{
    struct fixture *x = *state;
    x->result.verdict = VERDICT_AGAIN;
    x->result.cursor = json_string("c");
    struct outcome *o = outcome_next(&x->run, &x->work, &x->result, "7", "w");
    CHECK(o, result, "one-0=7;cursor:one-1=\"c\";");
    check_body(o, STEP_LINE("cursor:one-1", "2", "completed", "\"c\"", NO_ERROR, "0.000000")
                      STEP_LINE("one-0", "2", "completed", "7", NO_ERROR, "0.000000"));
    outcome_free(o);
    struct work w;
    x->run.try = 2;
    plan_next(&x->run, &w);
    assert_string_equal(w.name, "one-1");
    o = outcome_next(&x->run, &w, &x->result, "7", "w");
    CHECK(o, result, "one-1=7;cursor:one-2=\"c\";");
    outcome_free(o);
}

static void test_a_list_is_stored_but_not_archived(void **state)
{
    struct fixture *x = *state;
    x->work.kind = WORK_LIST;
    (void)snprintf(x->work.name, sizeof(x->work.name), "each:many");
    struct outcome *o = outcome_next(&x->run, &x->work, &x->result, "[1]", "w");
    CHECK(o, result, "each:many=[1];");
    check_body(o, "");
    outcome_free(o);
}

/* ---- runs that wait ---- */

static void test_sleep(void **state)
{
    struct fixture *x = *state;
    x->result.verdict = VERDICT_SLEEP;
    x->result.delay_ms = 500;
    struct outcome *o = outcome_pause(&x->run, &x->work, &x->result, "w");
    assert_int_equal(o->op, OUTCOME_PARK);
    assert_int_equal(o->delay_ms, 500);
    CHECK(o, result, "one=null;");
    CHECK(o, event, "x/y={\"n\":1};");
    CHECK(o, extra, "");
    check_body(o, STEP_LINE("one", "2", "sleeping", "\\N", NO_ERROR, "0.000000"));
    outcome_free(o);

    x->result.until_ms = wall_ms() + 60000;
    o = outcome_pause(&x->run, &x->work, &x->result, "w");
    assert_in_range(o->delay_ms, 59000, 60000);
    outcome_free(o);
    x->result.until_ms = 5; /* long past: it was recorded in a ledger row, and its worker died */
    o = outcome_pause(&x->run, &x->work, &x->result, "w");
    assert_int_equal(o->delay_ms, 0);
    outcome_free(o);
}

static void test_wait_stores_nothing_yet(void **state)
{
    struct fixture *x = *state;
    x->result.verdict = VERDICT_WAIT;
    x->result.delay_ms = -1;
    x->result.cost_usd = 1;
    x->result.pause = js_pack("{s:s}", "wait", "x/go\ndata.k\nv\n1\nE\ntrue");
    struct outcome *o = outcome_pause(&x->run, &x->work, &x->result, "w");
    assert_int_equal(o->op, OUTCOME_PARK);
    assert_int_equal(o->delay_ms, -1);
    CHECK(o, field, "failing=;failure=;try=1;st=2000;fails=1;cost=0.5;");
    CHECK(o, result, "");
    CHECK(o, event, "x/y={\"n\":1};");
    CHECK(o, extra, "wait=x/go\ndata.k\nv\n1\nE\ntrue;step=one;cost=1000000;");
    check_body(o, "");
    outcome_free(o);
}

static void test_invoke_says_what_and_with_which_data(void **state)
{
    struct fixture *x = *state;
    x->run.deaths = 2;
    x->result.verdict = VERDICT_INVOKE;
    x->result.delay_ms = 9000;
    x->result.cost_usd = 1;
    x->result.pause = js_pack("{s:s, s:{s:i}}", "function", "g", "data", "n", 1);
    struct outcome *o = outcome_pause(&x->run, &x->work, &x->result, "w");
    assert_int_equal(o->delay_ms, 9000);
    CHECK(o, field, "callee=g;failing=;failure=;try=1;st=2000;fails=1;cost=0.5;outlived=2;");
    CHECK(o, result, "");
    CHECK(o, extra, "invoke=g;data={\"n\":1};step=one;cost=1000000;");
    check_body(o, "");
    outcome_free(o);
}

static void test_fan(void **state)
{
    struct fixture *x = *state;
    x->work = (struct work){.kind = WORK_FAN, .def = &steps[1], .name = "many", .count = 11};
    struct outcome *o = outcome_fan(&x->run, &x->work);
    assert_int_equal(o->op, OUTCOME_PARK);
    CHECK(o, extra, "fan=11\n4;");
    CHECK(o, result, "");
    check_body(o, "");
    outcome_free(o);
}

/* ---- the end ---- */

static void test_completed(void **state)
{
    struct fixture *x = *state;
    x->result.cost_usd = 0.25;
    x->run.cost_usd = 0.75;
    struct outcome *o = outcome_completed(&x->run, &x->work, &x->result, "7", "w");
    assert_int_equal(o->op, OUTCOME_FINISH);
    CHECK(o, field, "");
    CHECK(o, result, "");
    CHECK(o, event, "x/y={\"n\":1};");
    CHECK(o, extra, "cost=250000;");
    check_body(o, STEP_LINE("one", "2", "completed", "7", NO_ERROR, "0.250000")
                      RUN_LINE("completed", "2", "1", NO_ERROR, "7", "0.750000"));
    outcome_free(o);
    o = outcome_completed(&x->run, NULL, NULL, "null", "w");
    CHECK(o, event, "");
    check_body(o, RUN_LINE("completed", "2", "1", NO_ERROR, "null", "0.750000"));
    outcome_free(o);
}

static void test_branches_count_in_the_line_of_their_run(void **state)
{
    struct fixture *x = *state;
    x->run.branch_fails = 4;
    x->run.branch_deaths = 2;
    x->run.branch_usd = 1.5;
    struct outcome *o = outcome_completed(&x->run, NULL, NULL, "null", "w");
    check_body(o, RUN_LINE("completed", "6", "3", NO_ERROR, "null", "2.000000"));
    assert_int_equal(x->run.fails, 1); /* what goes into the hash is the run's own */
    outcome_free(o);
}

static void test_failed(void **state)
{
    struct fixture *x = *state;
    struct err e;
    (void)err_set(&e, ERR_PERMANENT, "no");
    x->result.verdict = VERDICT_FAIL;
    x->result.err = e;
    struct outcome *o = outcome_failed(&x->run, &x->work, &x->result, &e, "w");
    assert_int_equal(o->op, OUTCOME_FINISH);
    CHECK(o, event,
          "inngest/function.failed={\"function_id\":\"chronos-f\",\"run_id\":\"" RUN_ID "\","
          "\"error\":{\"name\":\"permanent\",\"message\":\"no\",\"stack\":\"no\"},"
          "\"event\":" EVENT ",\"cost_usd\":0.5};");
    CHECK(o, extra, "");
    check_body(o, STEP_LINE("one", "2", "failed", "\\N", "permanent|no", "0.000000")
                      RUN_LINE("failed", "2", "1", "permanent|no", "\\N", "0.500000"));
    outcome_free(o);
    o = outcome_failed(&x->run, NULL, NULL, &e, "w");
    check_body(o, RUN_LINE("failed", "2", "1", "permanent|no", "\\N", "0.500000"));
    outcome_free(o);
}

static void test_a_failure_names_all_the_events_of_its_run(void **state)
{
    struct fixture *x = *state;
    struct err e;
    (void)err_set(&e, ERR_PERMANENT, "no");
    x->run.events = js_pack("[O, {s:s}]", x->run.event, "id", "E2");
    struct outcome *o = outcome_failed(&x->run, NULL, NULL, &e, "w");
    auto_json *data = json_loads(o->events[0].value, 0, NULL);
    assert_true(json_equal(json_object_get(data, "events"), x->run.events));
    assert_true(json_equal(json_object_get(data, "event"), x->run.event));
    outcome_free(o);
}

/* Twelve fit beside the 20 MB that `event` has, and thirteen do not. */
static void test_a_failure_leaves_out_the_last_events_when_it_would_be_too_large(void **state)
{
    struct fixture *x = *state;
    struct err e;
    (void)err_set(&e, ERR_PERMANENT, "no");
    auto_free char *text = calloc(1, (20 << 20) + 1);
    assert_non_null(text);
    memset(text, 'x', 20 << 20);
    (void)json_object_set_new(x->run.event, "large", json_string(text));
    x->run.events = json_array();
    for (int i = 0; i < 40; i++)
        (void)json_array_append_new(x->run.events,
                                    js_pack("{s:i, s:s#}", "n", i, "text", text, (1 << 20) - 4096));
    struct outcome *o = outcome_failed(&x->run, NULL, NULL, &e, "w");
    auto_json *data = json_loads(o->events[0].value, 0, NULL);
    const json_t *events = json_object_get(data, "events");
    assert_int_equal(json_array_size(events), 12);
    assert_int_equal(js_int(json_array_get(events, 11), "n", -1), 11);
    assert_int_equal(js_int(data, "events_left_out", -1), 28);
    assert_true(json_equal(json_object_get(data, "event"), x->run.event));
    assert_int_equal(json_array_size(x->run.events), 40);
    outcome_free(o);
}

static void test_who_invoked_the_run_is_answered(void **state)
{
    struct fixture *x = *state;
    struct err e;
    (void)err_set(&e, ERR_PERMANENT, "no \"way\"");
    x->run.has_parent = true;
    struct outcome *o = outcome_completed(&x->run, &x->work, &x->result, "7", "w");
    CHECK(o, extra, "output=7;");
    outcome_free(o);
    o = outcome_failed(&x->run, NULL, NULL, &e, "w");
    CHECK(o, extra, "failure={\"name\":\"permanent\",\"message\":\"no \\\"way\\\"\"};");
    outcome_free(o);
}

/* ---- branches ---- */

static void test_a_branch_ends_with_its_item(void **state)
{
    struct fixture *x = *state;
    make_branch(x);
    x->run.fails = x->run.deaths = x->run.outlived = 0;
    x->run.cost_usd = 0;
    struct outcome *o = outcome_completed(&x->run, &x->work, &x->result, "7", "w");
    assert_int_equal(o->op, OUTCOME_FINISH);
    assert_string_equal(o->run, RUN_ID ".2");
    CHECK(o, result, "many-2=7;");
    CHECK(o, event, "x/y={\"n\":1};");
    check_body(o, STEP_LINE("many-2", "2", "completed", "7", NO_ERROR, "0.000000"));
    outcome_free(o);
}

static void test_a_branch_tells_its_run_what_it_used(void **state)
{
    struct fixture *x = *state;
    make_branch(x);
    struct outcome *o = outcome_completed(&x->run, &x->work, &x->result, "7", "w");
    CHECK(o, result, "many-2=7;used:many-2={\"fails\":1,\"deaths\":1,\"cost\":0.5};");
    outcome_free(o);
}

static void test_a_branch_that_had_nothing_to_do(void **state)
{
    struct fixture *x = *state;
    make_branch(x);
    struct outcome *o = outcome_completed(&x->run, NULL, NULL, "null", "w");
    CHECK(o, result, "");
    check_body(o, "");
    outcome_free(o);
}

static void test_a_branch_that_failed_leaves_its_error_and_no_event(void **state)
{
    struct fixture *x = *state;
    struct err e;
    make_branch(x);
    (void)err_set(&e, ERR_RETRY, "no");
    x->result.verdict = VERDICT_FAIL;
    x->result.err = e;
    struct outcome *o = outcome_failed(&x->run, &x->work, &x->result, &e, "w");
    CHECK(o, result,
          "error:many-2={\"name\":\"retry\",\"message\":\"no\"};"
          "used:many-2={\"fails\":1,\"deaths\":1,\"cost\":0.5};");
    CHECK(o, event, "");
    check_body(o, STEP_LINE("many-2", "2", "failed", "\\N", "retry|no", "0.000000"));
    outcome_free(o);
}

/* ---- the rest ---- */

static void test_stripped_to_the_end_of_the_lease(void **state)
{
    struct fixture *x = *state;
    struct outcome *o = outcome_next(&x->run, &x->work, &x->result, "7", "w");
    outcome_strip(o, OUTCOME_PARK, 77);
    assert_int_equal(o->op, OUTCOME_PARK);
    assert_int_equal(o->delay_ms, 77);
    assert_int_equal(o->field_count + o->result_count + o->event_count + o->extra_count, 0);
    assert_int_equal(o->body.len, 0);
    assert_string_equal(o->run, RUN_ID);
    outcome_free(o);
}

static void test_a_result_survives_the_ledger(void **state)
{
    (void)state;
    struct result a = {.verdict = VERDICT_INVOKE,
                       .value = json_null(),
                       .pause = js_pack("{s:s, s:{}}", "function", "g", "data"),
                       .events = json_loads("[[\"x/y\",{}]]", 0, NULL),
                       .cost_usd = 0.5,
                       .billed_usd = 0.75,
                       .delay_ms = -1,
                       .until_ms = 99};
    struct result b = {.events = json_array()};
    auto_json *j = result_to_json(&a);
    result_from_json(&b, j);
    assert_int_equal(b.verdict, VERDICT_INVOKE);
    assert_true(json_is_null(b.value));
    assert_true(json_equal(a.pause, b.pause));
    assert_true(json_equal(a.events, b.events));
    assert_true(b.cost_usd == 0.5 && b.billed_usd == 0.75);
    assert_int_equal(b.delay_ms, -1);
    assert_int_equal(b.until_ms, 99);
    result_release(&a);
    result_release(&b);
}

/* As workers wrote it before steps could wait. */
static void test_a_ledger_row_of_an_earlier_worker(void **state)
{
    (void)state;
    struct result r = {.events = json_array()};
    auto_json *j = json_loads("{\"verdict\":2,\"value\":1,\"cursor\":null,\"events\":[],"
                              "\"cost\":0.0,\"delay\":0}",
                              0, NULL);
    result_from_json(&r, j);
    assert_int_equal(r.verdict, VERDICT_AGAIN);
    assert_true(json_is_null(r.cursor));
    assert_null(r.pause);
    assert_int_equal(result_delay_ms(&r), 0);
    result_release(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_outcome_names_the_lease),
        TEST(test_what_an_ended_attempt_cost_goes_back_with_the_run),
        TEST(test_put_off_changes_nothing_but_the_time),
        TEST(test_a_failed_attempt_is_counted_and_its_money_too),
        TEST(test_a_cancelled_run_tells_what_its_last_attempt_was),
        TEST(test_waiting_for_a_service_uses_no_attempt),
        TEST(test_what_was_billed_is_not_billed_again),
        TEST(test_sums_of_prices_are_not_rounded_up_twice),
        TEST(test_a_result_is_stored_and_the_run_knows_it),
        TEST(test_a_turn_is_stored_with_its_cursor),
        TEST(test_a_list_is_stored_but_not_archived),
        TEST(test_sleep),
        TEST(test_wait_stores_nothing_yet),
        TEST(test_invoke_says_what_and_with_which_data),
        TEST(test_fan),
        TEST(test_completed),
        TEST(test_branches_count_in_the_line_of_their_run),
        TEST(test_failed),
        TEST(test_a_failure_names_all_the_events_of_its_run),
        TEST(test_a_failure_leaves_out_the_last_events_when_it_would_be_too_large),
        TEST(test_who_invoked_the_run_is_answered),
        TEST(test_a_branch_ends_with_its_item),
        TEST(test_a_branch_tells_its_run_what_it_used),
        TEST(test_a_branch_that_had_nothing_to_do),
        TEST(test_a_branch_that_failed_leaves_its_error_and_no_event),
        TEST(test_stripped_to_the_end_of_the_lease),
        cmocka_unit_test(test_a_result_survives_the_ledger),
        cmocka_unit_test(test_a_ledger_row_of_an_earlier_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
