#include "execute.h"

#include "attempt.h"
#include "clock.h"
#include "js.h"
#include "log.h"
#include "measure.h"
#include "outcome.h"
#include "plan.h"
#include "result.h"
#include "run_spans.h"
#include "stop_point.h"

enum {
    MAX_RESULT_BYTES = 1 << 20, /* larger data belongs in Postgres; steps pass ids */
    SUSPECT_DELAY_MS = 500,
    UNAVAILABLE_DELAY_MS = 1000,              /* our own stores are away: no attempt is burned */
    RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000, /* whatever a service asks for */
};

static int64_t random_ms(int64_t below)
{
    return (int64_t)(id_random() % (uint64_t)below);
}

/* `r` NULL: no attempt was made. */
static struct outcome *of_attempt(const struct executor *x, const struct work *w,
                                  const struct result *r, struct outcome *o)
{
    if (w != NULL && r != NULL)
        outcome_attempted(o, w, r, x->worker_id);
    return o;
}

/* ---- the end ---- */

/* w and r as in outcome_failed. */
static void finish_failed(struct executor *x, struct run *run, const struct work *w,
                          const struct result *r, struct err *e)
{
    outcome_clean(e);
    run_spans_end(run, e);
    log_warn(run->branch < 0 ? "run failed" : "item failed", "run", run->id, "fn", run->fn->id,
             "step", w != NULL ? w->name : "", "class", err_name(e->code), "error", e->msg,
             LOG_END);
    committer_submit(x->committer, of_attempt(x, w, r, outcome_failed(run, w, r, e, x->worker_id)));
}

static void log_completed(const struct run *run)
{
    if (!log_enabled(LOG_INFO) || run->branch >= 0)
        return;
    char took[24];
    (void)snprintf(took, sizeof(took), "%lld", (long long)(wall_ms() - run->accepted_ms));
    log_info("run completed", "run", run->id, "fn", run->fn->id, "took_ms", took, LOG_END);
}

static void finish_completed(struct executor *x, struct run *run, const struct work *w,
                             const struct result *r, const char *value)
{
    struct outcome *o = of_attempt(x, w, r, outcome_completed(run, w, r, value, x->worker_id));
    log_completed(run);
    run_spans_end(run, NULL);
    committer_submit(x->committer, o);
}

/* What the run waited for has failed: an item of a .parallel row, or a function that it invoked. */
static void finish_lost(struct executor *x, struct run *run, const struct work *w)
{
    struct err e;
    const char *message = js_str(w->error, "message"), *name = js_str(w->error, "name");
    if (message == NULL)
        message = "no reason was given";
    if (w->def->parallel > 0)
        (void)err_set(&e, err_find(name, ERR_PERMANENT), "%s", message);
    else if (run->callee[0] != '\0')
        (void)err_set(&e, ERR_PERMANENT, "function %s failed: %s", run->callee, message);
    else
        (void)err_set(&e, ERR_PERMANENT, "the invoked function failed: %s", message);
    finish_failed(x, run, w, NULL, &e);
}

/* ---- after an attempt ---- */

static int64_t backoff_ms(const struct conf *c, int attempt)
{
    int64_t d = c->retry_base_ms;
    for (int i = 1; i < attempt && d < c->retry_max_ms; i++)
        d *= 2;
    if (d > c->retry_max_ms)
        d = c->retry_max_ms;
    return d / 2 + random_ms(d / 2 + 1);
}

/* What a service asked for is kept, spread a little so that not all come back at once. */
static int64_t retry_delay_ms(const struct conf *c, const struct run *run, const struct err *e)
{
    int64_t delay = backoff_ms(c, run->try), asked = e->retry_after_ms;
    if (asked > RETRY_AFTER_MAX_MS)
        asked = RETRY_AFTER_MAX_MS;
    return delay < asked ? asked + random_ms(asked / 10 + 1) : delay;
}

static int retries_of(const struct run *run, const struct work *w)
{
    if (w->def->retries == NO_RETRIES)
        return 0;
    return w->def->retries > 0 ? w->def->retries : run->fn->retries;
}

static void retry(struct executor *x, struct run *run, const struct work *w, const struct result *r)
{
    char attempt[16];
    (void)snprintf(attempt, sizeof(attempt), "%d", run->try);
    log_info("step failed and will be tried again", "run", run->id, "fn", run->fn->id, "step",
             w->name, "attempt", attempt, "error", r->err.msg, LOG_END);
    int64_t delay_ms = retry_delay_ms(x->conf, run, &r->err);
    committer_submit(x->committer,
                     of_attempt(x, w, r, outcome_retry(run, w, r, delay_ms, x->worker_id)));
}

/* Postgres or Redis is away: that is not the step's fault. */
static void put_off(struct executor *x, struct run *run, const struct work *w,
                    const struct result *r)
{
    log_warn("step waits for our own store; no attempt is used", "run", run->id, "fn", run->fn->id,
             "step", w->name, "error", r->err.msg, LOG_END);
    int64_t delay_ms = UNAVAILABLE_DELAY_MS + random_ms(UNAVAILABLE_DELAY_MS);
    committer_submit(x->committer, of_attempt(x, w, r, outcome_put_off(run, r, delay_ms)));
}

/* Is it for the service to get well, and not for the step to be tried again? A failure by which nobody is paused is the
 * step's own when the service has answered others since it failed this one before. */
static bool may_wait(const struct executor *x, const struct run *run, const struct hold *h)
{
    if (h->service[0] == '\0')
        return false;
    bool again = strcmp(run->held, h->service) == 0;
    if (again && !h->is_paused && h->oks > run->held_oks)
        return false;
    int64_t waited_ms = again && h->now_ms > 0 ? h->now_ms - run->held_since_ms : 0;
    return waited_ms < x->conf->service_wait_ms;
}

static void wait_for_service(struct executor *x, struct run *run, const struct work *w,
                             struct result *r)
{
    log_mask(r->hold.reason);
    if (strcmp(run->held, r->hold.service) != 0)
        log_info("step waits for a service; no attempt is used", "run", run->id, "fn", run->fn->id,
                 "step", w->name, "service", r->hold.service, "reason", r->hold.reason, LOG_END);
    committer_submit(x->committer, outcome_hold(run, r));
}

static void handle_failure(struct executor *x, struct run *run, const struct work *w,
                           struct result *r)
{
    struct err *e = &r->err;
    outcome_clean(e);
    if (e->code == ERR_STOPPING)
        committer_submit(x->committer, of_attempt(x, w, r, outcome_return(run, r)));
    else if (e->code == ERR_UNAVAILABLE)
        put_off(x, run, w, r);
    else if (may_wait(x, run, &r->hold))
        wait_for_service(x, run, w, r);
    else if (err_is_retryable(e->code) && run->try <= retries_of(run, w))
        retry(x, run, w, r);
    else
        finish_failed(x, run, w, r, e);
}

/* Stores the result and goes on with the same lease. false: the run is not ours any more. */
static bool commit_next(struct executor *x, struct run *run, const struct work *w,
                        const struct result *r, const char *value)
{
    struct err e;
    struct outcome *o = of_attempt(x, w, r, outcome_next(run, w, r, value, x->worker_id));
    enum commit_code code = committer_wait(x->committer, o);
    stop_point("after-commit", w->name);
    if (code == COMMIT_CONFLICT) {
        /* We hold the lease and yet do not know what is stored: going on, or again, would be wrong for ever. */
        (void)err_set(&e, ERR_BUG, "step %s has another result already", w->name);
        finish_failed(x, run, NULL, NULL, &e);
    } else if (code == COMMIT_REFUSED) {
        (void)err_set(&e, ERR_REDIS,
                      "the outcome of step %s cannot be stored; see the worker's log", w->name);
        finish_failed(x, run, NULL, NULL, &e);
    }
    return code == COMMIT_APPLIED || code == COMMIT_REPEATED;
}

/* Returns true when the run goes on in place. */
static bool handle_value(struct executor *x, struct run *run, const struct work *w,
                         struct result *r)
{
    size_t len;
    auto_free char *value = js_dump(r->value, &len);
    if (len > MAX_RESULT_BYTES) {
        (void)err_set(&r->err, ERR_BUG,
                      "the result has %zu bytes, more than %d; keep data in Postgres and pass ids",
                      len, MAX_RESULT_BYTES);
        r->verdict = VERDICT_FAIL;
        finish_failed(x, run, w, r, &r->err);
        return false;
    }
    bool ends =
        r->verdict == VERDICT_FINISH || (r->verdict == VERDICT_VALUE && plan_is_last(run, w));
    if (!ends)
        return commit_next(x, run, w, r, value);
    finish_completed(x, run, w, r, value);
    return false;
}

static bool handle_result(struct executor *x, struct run *run, const struct work *w,
                          struct result *r)
{
    switch (r->verdict) {
    case VERDICT_VALUE:
    case VERDICT_FINISH:
    case VERDICT_AGAIN:
        return handle_value(x, run, w, r);
    case VERDICT_SLEEP:
    case VERDICT_WAIT:
    case VERDICT_INVOKE:
        committer_submit(x->committer, of_attempt(x, w, r, outcome_pause(run, w, r, x->worker_id)));
        return false;
    case VERDICT_FAIL:
        break;
    }
    handle_failure(x, run, w, r);
    return false;
}

/* ---- one after the other ---- */

/* A run that was handed out again and again because its workers died is stopped here. */
static bool is_poison(struct executor *x, struct run *run, const struct work *w)
{
    int deaths = run->deaths - run->outlived;
    if (deaths < x->conf->max_deaths)
        return false;
    struct err e;
    (void)err_set(&e, ERR_PERMANENT, "%d workers died while running step %s; it is not tried again",
                  deaths, w->name);
    finish_failed(x, run, w, NULL, &e);
    return true;
}

static bool run_step(struct executor *x, struct run *run, const struct work *w)
{
    if (is_poison(x, run, w))
        return false;
    if (atomic_load(x->stopping) || seat_end_reason(x->seat) != NULL) {
        committer_submit(x->committer, outcome_return(run, NULL));
        return false;
    }
    struct result r;
    if (run->started_ms == 0 && run->branch < 0)
        measure_started(run, wall_ms());
    attempt_run(x, run, w, &r);
    run_spans_attempt(run, w, &r, run->started_ms == 0 && run->branch < 0);
    measure_attempt(run, w, &r);
    run->cost_usd += r.cost_usd;
    if (run->started_ms == 0)
        run->started_ms = r.started_ms;
    bool on = handle_result(x, run, w, &r);
    result_release(&r);
    return on;
}

/* Returns true when the run goes on in place. */
static bool one_step(struct executor *x, struct run *run)
{
    struct work w;
    plan_next(run, &w);
    switch (w.kind) {
    case WORK_NONE:
        finish_completed(x, run, NULL, NULL, "null");
        return false;
    case WORK_FAN:
        committer_submit(x->committer, outcome_fan(run, &w));
        return false;
    case WORK_LOST:
        finish_lost(x, run, &w);
        return false;
    case WORK_STEP:
    case WORK_LIST:
        break;
    }
    return run_step(x, run, &w);
}

/* A run whose input cannot be read; of a branch at least the item is known. */
static void finish_unread(struct executor *x, struct run *run, struct err *e)
{
    struct work w;
    plan_next(run, &w);
    finish_failed(x, run, w.kind != WORK_NONE ? &w : NULL, NULL, e);
}

/* A worker that dies takes all its runs with it, and it cannot tell which one did it. Runs that are one death away from
 * being stopped are therefore executed one at a time per worker, so that a poisonous one does not take the same innocent
 * ones with it until all of them are stopped. After a first death nobody waits: most workers die for other reasons.
 * Returns false when the run has to wait; it is parked without using an attempt. */
static bool enter_alone(struct executor *x, struct run *run, bool is_suspect)
{
    if (!is_suspect || !atomic_exchange(x->suspect, true))
        return true;
    int64_t delay_ms = SUSPECT_DELAY_MS / 2 + random_ms(SUSPECT_DELAY_MS);
    committer_submit(x->committer, outcome_put_off(run, NULL, delay_ms));
    return false;
}

/* The list that steps see: the run's own, or one that holds the event. It is used again and again unless somebody has kept
 * it, so that an ordinary run costs no list. */
static const json_t *events_of(struct executor *x, const struct run *run)
{
    if (run->events != NULL)
        return run->events;
    if (x->single == NULL || x->single->refcount > 1) {
        json_decref(x->single);
        x->single = json_array();
        (void)json_array_append(x->single, run->event);
    } else {
        (void)json_array_set(x->single, 0, run->event);
    }
    return x->single;
}

static void execute(struct executor *x, struct run *run)
{
    int deaths = run->deaths - run->outlived;
    bool is_suspect = deaths > 0 && deaths >= x->conf->max_deaths - 1;
    if (!enter_alone(x, run, is_suspect))
        return;
    x->events = events_of(x, run);
    while (one_step(x, run)) {
    }
    if (run->events == NULL)
        (void)json_array_set_new(x->single, 0, json_null()); /* not to keep the event */
    if (is_suspect)
        atomic_store(x->suspect, false);
}

void execute_give_back(const struct executor *x, struct run *run)
{
    committer_submit(x->committer, outcome_return(run, NULL));
    run_free(run);
}

void execute_run(struct executor *x, struct run *run)
{
    struct err e;
    seat_enter(x->seat, run, x->db);
    bool whole = run_open(run, &e);
    log_trace(run->trace.id, run->span_id);
    if (whole)
        execute(x, run);
    else
        finish_unread(x, run, &e);
    log_trace(NULL, NULL);
    seat_leave(x->seat);
    run_free(run);
}
