#include "outcome.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy.h"
#include "end_event.h"
#include "history.h"
#include "history_row.h"
#include "id.h"
#include "js.h"
#include "log.h"
#include "names.h"
#include "usd.h"

enum { BODY_MAX_BYTES = 8 << 20 };

/* ---- the parts ---- */

static struct outcome *outcome_new(enum outcome_op op, const struct run *run)
{
    struct outcome *o = calloc(1, sizeof(*o));
    if (o == NULL)
        abort();
    o->op = op;
    o->fn = run->fn->id;
    o->partition = run->partition;
    memcpy(o->run, run->ref, sizeof(o->run));
    memcpy(o->entry, run->entry, sizeof(o->entry));
    memcpy(o->trace_id, run->trace.id, sizeof(o->trace_id));
    buf_init(&o->body, BODY_MAX_BYTES);
    return o;
}

static void free_pairs(struct pair *pairs, int *count)
{
    for (int i = 0; i < *count; i++) {
        free(pairs[i].name);
        free(pairs[i].value);
    }
    *count = 0;
}

static void free_all_pairs(struct outcome *o)
{
    free_pairs(o->fields, &o->field_count);
    free_pairs(o->results, &o->result_count);
    free_pairs(o->events, &o->event_count);
    free_pairs(o->extras, &o->extra_count);
}

void outcome_free(struct outcome *o)
{
    if (o == NULL)
        return;
    free_all_pairs(o);
    buf_release(&o->body);
    free(o);
}

void outcome_strip(struct outcome *o, enum outcome_op op, int64_t delay_ms)
{
    free_all_pairs(o);
    buf_clear(&o->body);
    o->ending.outcome = NULL;
    o->op = op;
    o->delay_ms = delay_ms;
}

static char *text_of(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *text_of(const char *fmt, ...)
{
    char *s;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        abort();
    va_end(ap);
    return s;
}

/* Takes the value. NULL is a mistake: it is logged, and the JSON null is sent. */
static void add_pair(struct pair *pairs, int *count, const char *name, char *value)
{
    if (value == NULL) {
        log_error("a value is missing where one must be; null is taken", "name", name, LOG_END);
        value = text_of("null");
    }
    pairs[(*count)++] = (struct pair){text_of("%s", name), value};
}

static void add_field(struct outcome *o, const char *name, char *value)
{
    add_pair(o->fields, &o->field_count, name, value);
}

static void add_result(struct outcome *o, const char *name, char *value)
{
    add_pair(o->results, &o->result_count, name, value);
}

static void add_extra(struct outcome *o, const char *name, char *value)
{
    add_pair(o->extras, &o->extra_count, name, value);
}

static void add_event(struct outcome *o, const char *name, char *data)
{
    add_pair(o->events, &o->event_count, name, data);
}

/* What the step sends and invokes goes on in its trace. Once for an outcome. */
static void add_trace(struct outcome *o, const struct run *run)
{
    char traceparent[TRACEPARENT_SIZE];
    if (run->trace.id[0] == '\0')
        return; /* of a run that was not opened nothing is sent */
    for (int i = 0; i < o->extra_count; i++) {
        if (strcmp(o->extras[i].name, "trace") == 0)
            return;
    }
    trace_write(&run->trace, run->step_span[0] != '\0' ? run->step_span : run->span_id,
                traceparent);
    add_extra(o, "trace", text_of("%s", traceparent));
}

static void add_events(struct outcome *o, const struct run *run, const struct result *r)
{
    size_t i;
    json_t *event;
    if (json_array_size(r->events) > 0)
        add_trace(o, run);
    json_array_foreach (r->events, i, event) {
        add_event(o, json_string_value(json_array_get(event, 0)),
                  js_dump(json_array_get(event, 1), NULL));
    }
}

/* Money is counted in millionths, rounded up; what a floating sum has too much is not a millionth. */
static void add_cost(struct outcome *o, const struct result *r)
{
    if (r != NULL && r->cost_usd > 0)
        add_extra(o, "cost", text_of("%lld", (long long)ceil(r->cost_usd * 1e6 - 1e-6)));
}

static void add_run_fields(struct outcome *o, const struct run *run)
{
    add_field(o, "try", text_of("%d", run->try));
    add_field(o, "st", text_of("%lld", (long long)run->started_ms));
    add_field(o, "fails", text_of("%d", run->fails));
    add_field(o, "cost", text_of("%.9g", run->cost_usd));
}

/* Which step is at fault, for people; taken back as soon as it is done. */
static void add_failing(struct outcome *o, const char *step, const char *message)
{
    add_field(o, "failing", text_of("%s", step));
    add_field(o, "failure", text_of("%s", message));
}

/* The step is done: the next one begins with its first attempt. */
static void add_recovered(struct outcome *o, struct run *run)
{
    if (run->try > 1)
        add_failing(o, "", "");
    run->try = 1;
}

static void end_hold(struct outcome *o, struct run *run)
{
    if (run->held[0] == '\0')
        return;
    run->held[0] = '\0';
    add_field(o, "held", text_of("%s", ""));
}

/* The run has got further since its workers died: whatever killed them, it was not this step, and a long run is not to
 * be stopped because three deployments ended hard while it was under way. */
static void add_progress(struct outcome *o, struct run *run)
{
    add_run_fields(o, run);
    end_hold(o, run);
    if (run->deaths == run->outlived)
        return;
    run->outlived = run->deaths;
    add_field(o, "outlived", text_of("%d", run->outlived));
}

/* ---- lines for the archive ---- */

/* Keeps the lines that are whole. */
static void keep_line(struct outcome *o, size_t before, bool ok)
{
    if (ok)
        return;
    buf_truncate(&o->body, before);
    log_error("history line is too large and is left out", "run", o->run, LOG_END);
}

static void add_step_line(struct outcome *o, const struct run *run, const char *name,
                          const struct result *r, const char *status, const char *value,
                          const char *worker)
{
    struct step_line line = {.step = name,
                             .attempt = run->try,
                             .status = status,
                             .started_ms = r->started_ms,
                             .finished_ms = r->started_ms + r->duration_us / 1000,
                             .duration_us = r->duration_us,
                             .result = value,
                             .err = r->verdict == VERDICT_FAIL ? &r->err : NULL,
                             .cost_usd = r->cost_usd,
                             .worker = worker};
    size_t before = o->body.len;
    keep_line(o, before, history_step(&o->body, run, &line));
}

/* Its branches count as a part of it. */
static void add_run_line(struct outcome *o, const struct run *run, const char *status,
                         const struct err *e, const char *output, const char *worker)
{
    o->ending = (struct ending){
        .outcome = status, .accepted_ms = run->accepted_ms, .started_ms = run->started_ms};
    struct run whole = *run;
    whole.fails += run->branch_fails;
    whole.deaths += run->branch_deaths;
    whole.cost_usd += run->branch_usd;
    size_t before = o->body.len;
    keep_line(o, before, history_run(&o->body, &whole, status, wall_ms(), e, output, worker));
}

void outcome_attempted(struct outcome *o, const struct work *w, const struct result *r,
                       const char *worker)
{
    struct attempted *a = &o->attempted;
    *a = (struct attempted){.attempt = r->attempt,
                            .started_ms = r->started_ms,
                            .duration_us = r->duration_us,
                            .cost_usd = r->cost_usd,
                            .worker = worker};
    (void)snprintf(a->name, sizeof(a->name), "%s", w->name);
}

bool outcome_cancelled_line(const struct outcome *o, struct buf *b)
{
    const struct attempted *a = &o->attempted;
    char id[ID_SIZE];
    int branch;
    if (a->name[0] == '\0' || !run_read_ref(o->run, id, &branch))
        return false;
    struct step_row row = {
        .run = id,
        .accepted_ms = id_ms(id),
        .step = a->name,
        .attempt = a->attempt,
        .status = "failed",
        .started_ms = a->started_ms,
        .finished_ms = a->started_ms + a->duration_us / 1000,
        .duration_us = a->duration_us,
        .error_code = "cancelled",
        .error_message = "the run was cancelled meanwhile; what the step gave is not kept",
        .cost_usd = a->cost_usd,
        .worker = a->worker,
    };
    return step_row_line(b, &row);
}

/* ---- outcomes of a run that goes on ---- */

struct outcome *outcome_return(struct run *run, const struct result *r)
{
    struct outcome *o = outcome_new(OUTCOME_RETURN, run);
    if (r != NULL && r->cost_usd > 0)
        add_run_fields(o, run);
    add_cost(o, r);
    return o;
}

struct outcome *outcome_put_off(struct run *run, const struct result *r, int64_t delay_ms)
{
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = delay_ms;
    if (r != NULL)
        add_run_fields(o, run);
    add_cost(o, r);
    return o;
}

/* A step that waits for the same service once more has been waiting since the first time. */
struct outcome *outcome_hold(struct run *run, const struct result *r)
{
    const struct hold *h = &r->hold;
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = h->delay_ms;
    if (strcmp(run->held, h->service) != 0)
        run->held_since_ms = h->now_ms;
    (void)snprintf(run->held, sizeof(run->held), "%s", h->service);
    run->held_oks = h->oks;
    add_run_fields(o, run);
    add_field(o, "held",
              text_of("%s\n%lld\n%lld\n%s", run->held, (long long)run->held_since_ms,
                      (long long)run->held_oks, h->reason));
    add_cost(o, r);
    return o;
}

struct outcome *outcome_retry(struct run *run, const struct work *w, const struct result *r,
                              int64_t delay_ms, const char *worker)
{
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = delay_ms;
    add_step_line(o, run, w->name, r, "failed", NULL, worker);
    run->try++;
    run->fails++;
    add_progress(o, run);
    add_failing(o, w->name, r->err.msg);
    add_cost(o, r);
    return o;
}

static void add_billed(struct outcome *o, struct run *run, const struct result *r)
{
    if (r->billed_usd <= 0)
        return;
    run->billed_usd += r->billed_usd;
    add_field(o, "billed", text_of("%.9g", run->billed_usd));
}

static void store(struct outcome *o, struct run *run, const char *name, json_t *value, char *text)
{
    add_result(o, name, text);
    (void)json_object_set(run->results, name, value);
}

struct outcome *outcome_next(struct run *run, const struct work *w, const struct result *r,
                             const char *value, const char *worker)
{
    struct outcome *o = outcome_new(OUTCOME_NEXT, run);
    char name[NAME_SIZE], cursor[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%s", w->name);
    bool again = r->verdict == VERDICT_AGAIN;
    if (again && w->index == 0)
        name_of_turn(name, w->def->name, 0);
    store(o, run, name, r->value, text_of("%s", value));
    if (again) {
        name_of_cursor(cursor, w->def->name, w->index + 1);
        store(o, run, cursor, r->cursor, js_dump(r->cursor, NULL));
        /* The place in the loop is kept in the archive too: a run that is rebuilt from there goes on, not over. */
        add_step_line(o, run, cursor, r, "completed", o->results[1].value, worker);
    }
    if (w->kind != WORK_LIST)
        add_step_line(o, run, name, r, "completed", value, worker);
    add_events(o, run, r);
    add_recovered(o, run);
    add_progress(o, run);
    add_billed(o, run, r);
    add_cost(o, r);
    return o;
}

static void add_sleep(struct outcome *o, const struct run *run, const struct work *w,
                      const struct result *r, const char *worker)
{
    add_step_line(o, run, w->name, r, "sleeping", NULL, worker);
    add_result(o, w->name, text_of("null"));
}

/* The line of a step that waits is written when it has got what it waits for: by the one who brings it. */
static void add_wait(struct outcome *o, const struct run *run, const struct work *w,
                     const struct result *r)
{
    if (r->verdict == VERDICT_WAIT) {
        add_extra(o, "wait", text_of("%s", js_str(r->pause, "wait")));
    } else {
        const char *function = js_str(r->pause, "function");
        add_extra(o, "invoke", text_of("%s", function));
        add_extra(o, "data", js_dump(json_object_get(r->pause, "data"), NULL));
        add_field(o, "callee", text_of("%s", function));
        add_trace(o, run);
    }
    add_extra(o, "step", text_of("%s", w->name));
}

struct outcome *outcome_pause(struct run *run, const struct work *w, const struct result *r,
                              const char *worker)
{
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = result_delay_ms(r);
    if (r->verdict == VERDICT_SLEEP)
        add_sleep(o, run, w, r, worker);
    else
        add_wait(o, run, w, r);
    add_events(o, run, r);
    add_recovered(o, run);
    add_progress(o, run);
    add_cost(o, r);
    return o;
}

struct outcome *outcome_fan(struct run *run, const struct work *w)
{
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = -1;
    add_extra(o, "fan", text_of("%zu\n%d", w->count, w->def->parallel));
    add_progress(o, run);
    return o;
}

/* ---- outcomes that end a run, or a branch ---- */

/* What the whole run's line in the archive has to count. */
static void add_used(struct outcome *o, const struct run *run, const struct work *w)
{
    char name[NAME_SIZE];
    if (run->fails == 0 && run->deaths == 0 && run->cost_usd <= 0)
        return;
    auto_json *used = js_pack("{s:i, s:i, s:f}", "fails", run->fails, "deaths", run->deaths, "cost",
                              run->cost_usd);
    name_of_used(name, w->name);
    add_result(o, name, js_dump(used, NULL));
}

struct outcome *outcome_completed(struct run *run, const struct work *w, const struct result *r,
                                  const char *value, const char *worker)
{
    struct outcome *o = outcome_new(OUTCOME_FINISH, run);
    if (r != NULL) {
        add_step_line(o, run, w->name, r, "completed", value, worker);
        add_events(o, run, r);
        add_cost(o, r);
    }
    if (run->branch < 0) {
        add_run_line(o, run, "completed", NULL, value, worker);
    } else if (r != NULL) {
        add_result(o, w->name, text_of("%s", value));
        add_used(o, run, w);
    }
    if (run->has_parent)
        add_extra(o, "output", text_of("%s", value));
    return o;
}

/* The event that handlers of failed runs listen to; data as the SDK has it. The message is clean, so it can be made. */
static void add_failure_event(struct outcome *o, const struct run *run, const struct err *e)
{
    char function_id[128];
    (void)snprintf(function_id, sizeof(function_id), "chronos-%s", run->fn->id);
    auto_json *data = js_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:O}", "function_id", function_id,
                              "run_id", run->id, "error", "name", err_name(e->code), "message",
                              e->msg, "stack", e->msg, "event", run->event);
    if (run->events != NULL)
        (void)json_object_set(data, "events", run->events);
    double unbilled_usd = usd_round(run->cost_usd + run->branch_usd - run->billed_usd);
    if (unbilled_usd > 0)
        (void)json_object_set_new(data, "cost_usd", json_real(unbilled_usd));
    add_event(o, "inngest/function.failed", end_event_text(data));
    add_trace(o, run);
}

static char *error_text(const struct err *e)
{
    auto_json *error = js_pack("{s:s, s:s}", "name", err_name(e->code), "message", e->msg);
    return js_dump(error, NULL);
}

struct outcome *outcome_failed(struct run *run, const struct work *w, const struct result *r,
                               const struct err *e, const char *worker)
{
    struct outcome *o = outcome_new(OUTCOME_FINISH, run);
    if (r != NULL)
        add_step_line(o, run, w->name, r, "failed", NULL, worker);
    add_cost(o, r);
    if (run->branch < 0) {
        add_run_line(o, run, "failed", e, NULL, worker);
        add_failure_event(o, run, e);
    } else if (w != NULL) {
        char name[NAME_SIZE];
        name_of_error(name, w->name);
        add_result(o, name, error_text(e));
        add_used(o, run, w);
    }
    if (run->has_parent)
        add_extra(o, "failure", error_text(e));
    return o;
}

void outcome_clean(struct err *e)
{
    log_mask(e->msg);
}
