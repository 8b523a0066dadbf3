/* cmd_run.c: one run: where it is and why, its steps, its error; and the same as it goes on. */
#include <stdio.h>
#include <string.h>

#include "console/events.h"
#include "console/runs.h"
#include "js.h"
#include "operate.h"
#include "out.h"
#include "rows.h"

enum { LOOK_MS = 500 };

static bool has_ended(const json_t *run)
{
    const char *state = js_str(run, "state");
    return state != NULL && (strcmp(state, "completed") == 0 || strcmp(state, "failed") == 0 ||
                             strcmp(state, "cancelled") == 0 || strcmp(state, "skipped") == 0);
}

/* ---- for people ---- */

static json_t *head_of(const json_t *run, const json_t *why)
{
    static const char *const names[] = {
        "run_id",    "state",           "function_id", "creator_id", "event_name", "event_id",
        "queued_at", "run_started_at",  "ended_at",    "attempts",   "deaths",     "worker",
        "cost_usd",  "original_run_id", "retried_by",  "cancelling"};
    json_t *head = json_object();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_t *value = json_object_get(run, names[i]);
        bool is_zero = json_is_integer(value) && json_integer_value(value) == 0;
        if (value != NULL && !json_is_null(value) && !is_zero)
            (void)json_object_set(head, names[i], value);
    }
    static const char *const of_why[] = {"reason", "due_at", "position", "queue_length"};
    for (size_t i = 0; why != NULL && i < ARRAY_LEN(of_why); i++) {
        json_t *value = json_object_get(why, of_why[i]);
        if (value != NULL && !json_is_null(value))
            (void)json_object_set(head, of_why[i], value);
    }
    if (js_str(run, "error.message") != NULL)
        (void)json_object_set(head, "error", js_get(run, "error.message"));
    if (js_get(run, "output") != NULL)
        (void)json_object_set(head, "output", js_get(run, "output"));
    return head;
}

static void print_run(const struct ctl *c, const json_t *run, const json_t *why)
{
    static const struct column columns[] = {
        {"name", "STEP", CELL_TEXT, 40},         {"status", "STATUS", CELL_TEXT, 0},
        {"started_at", "STARTED", CELL_TIME, 0}, {"working_ms", "WORKED", CELL_MS, 0},
        {"waiting_ms", "WAITED", CELL_MS, 0},    {"tries", "TRIES", CELL_RIGHT, 0},
        {"error", "ERROR", CELL_TEXT, 60},       {0}};
    auto_json *head = head_of(run, why), *steps = json_deep_copy(json_object_get(run, "steps"));
    size_t i;
    json_t *step;
    out_fields(c, head);
    json_array_foreach (steps, i, step) {
        json_t *attempts = json_object_get(step, "attempts");
        const json_t *last = json_array_get(attempts, json_array_size(attempts) - 1);
        json_t *message = js_get(last, "error.message");
        if (message != NULL)
            (void)json_object_set(step, "error", message);
        (void)json_object_set_new(step, "tries",
                                  json_integer((json_int_t)json_array_size(attempts)));
    }
    (void)putchar('\n');
    out_table(c, steps, columns, "no step has ended yet");
}

/* ---- once ---- */

/* `why` is NULL when it has ended. */
static int show(struct ctl *c, const json_t *run, const json_t *why)
{
    if (c->json) {
        auto_json *both = json_deep_copy(run);
        if (why != NULL)
            (void)json_object_set(both, "why", (json_t *)why);
        out_json(both);
    } else {
        print_run(c, run, why);
    }
    return EXIT_FINE;
}

/* Ids of events look the same. */
static int fail(struct ctl *c, struct desk *d, const char *id, const struct err *e)
{
    struct err none;
    auto_json *event = d->missing ? event_get(d, id, &none) : NULL;
    return event != NULL ? ctl_refuse(c, "that is an event: chronosctl events %s", id)
                         : operate_fail(c, d, e);
}

/* ---- as it goes on ---- */

/* Of one that has not ended with the reason, when there is one to be had. */
static void tell_state(const struct ctl *c, struct desk *d, const json_t *run)
{
    struct err e;
    auto_json *why = has_ended(run) ? NULL : run_why(d, js_str(run, "run_id"), &e);
    const char *reason = js_str(why, "reason");
    out_say(c, "it is %s%s%s", js_str(run, "state"), reason != NULL ? ": " : "",
            reason != NULL ? reason : "");
}

/* A line when it is in another state, and one for each attempt of a step. */
static void tell_news(const struct ctl *c, struct desk *d, const json_t *run, json_t *told)
{
    size_t i, k;
    json_t *step, *attempt;
    json_array_foreach (json_object_get(run, "steps"), i, step) {
        json_array_foreach (json_object_get(step, "attempts"), k, attempt) {
            char key[512];
            (void)snprintf(key, sizeof(key), "%s\n%lld\n%s", js_str(step, "name"),
                           js_int(attempt, "attempt", 0), js_str(attempt, "status"));
            if (json_object_get(told, key) != NULL)
                continue;
            (void)json_object_set_new(told, key, json_true());
            const char *error = js_str(attempt, "error.message");
            out_say(c, "%s  step %s  %s, attempt %lld%s%s",
                    js_str(attempt, "finished_at") != NULL ? js_str(attempt, "finished_at") : "",
                    js_str(step, "name"), js_str(attempt, "status"), js_int(attempt, "attempt", 0),
                    error != NULL ? ": " : "", error != NULL ? error : "");
        }
    }
    const char *state = js_str(run, "state");
    if (json_object_get(told, "state") == NULL ||
        strcmp(json_string_value(json_object_get(told, "state")), state) != 0)
        tell_state(c, d, run);
    (void)json_object_set_new(told, "state", json_string(state));
}

static int follow(struct ctl *c, struct desk *d, const char *id)
{
    auto_json *told = json_object(), *before = NULL;
    struct err e;
    ctl_catch_signals();
    for (;;) {
        auto_json *run = run_get(d, id, &e);
        if (run == NULL)
            return fail(c, d, id, &e);
        if (c->json && (before == NULL || !json_equal(before, run)))
            out_json_line(run);
        else if (!c->json)
            tell_news(c, d, run, told);
        if (has_ended(run)) {
            if (!c->json)
                print_run(c, run, NULL);
            return strcmp(js_str(run, "state"), "completed") == 0 ? EXIT_FINE : EXIT_FOUND;
        }
        json_decref(before);
        before = json_incref(run);
        if (!ctl_nap(LOOK_MS))
            return EXIT_FOUND;
    }
}

static int run_one(struct ctl *c)
{
    struct err e;
    struct desk d = operate_desk(c);
    if (ctl_flag(c, "follow"))
        return follow(c, &d, c->arguments[0]);
    auto_json *run = run_get(&d, c->arguments[0], &e);
    if (run == NULL)
        return fail(c, &d, c->arguments[0], &e);
    auto_json *why = has_ended(run) ? NULL : run_why(&d, c->arguments[0], &e);
    return show(c, run, why);
}

const struct command command_run = {
    .name = "run",
    .summary = "Shows a run: where it is and why, its steps and its error",
    .details = "With --follow it goes on until the run has ended; the exit code is then 0 when it "
               "completed and 1 when not.",
    .arguments = {{"run", RUN, "the run's id"}},
    .options = {{"follow", NULL, FLAG,
                 "goes on until the run has ended; with --json a line for each change"}},
    .examples = {{"run 01K3ZQ6Y8D4T2N9R5B7C1M0XWE", "what became of it, or what it waits for"},
                 {"run 01K3ZQ6Y8D4T2N9R5B7C1M0XWE --follow && echo well", "waits for its end"}},
    .run = run_one,
    .settings = CONF_SCHEDULER,
};
