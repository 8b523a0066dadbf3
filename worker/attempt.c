#include "attempt.h"

#include "clock.h"
#include "copy.h"
#include "js.h"
#include "ledger.h"
#include "log.h"
#include "outcome.h"
#include "step_state.h"
#include "stop_point.h"

enum { MAX_ITEMS = 100000 };

/* ---- judging ---- */

/* The verdicts that a list or an item cannot give. */
static bool check_verdict(const struct run *run, const struct work *w, const struct result *r,
                          struct err *e)
{
    if (w->kind == WORK_LIST)
        return r->verdict == VERDICT_VALUE ||
               err_set(e, ERR_BUG, ".each must give an array of items and nothing else");
    if (w->item != NULL && r->verdict == VERDICT_AGAIN)
        return err_set(e, ERR_BUG, "an item of an .each row cannot ask to be run again");
    if (run->branch >= 0 && r->verdict != VERDICT_VALUE)
        return err_set(e, ERR_BUG,
                       "an item of a .parallel row cannot finish the run, sleep, wait or invoke");
    return true;
}

static bool check_result(const struct run *run, const struct work *w, const struct result *r,
                         struct err *e)
{
    if (!check_verdict(run, w, r, e))
        return false;
    if (json_array_size(r->events) > MAX_EVENTS)
        return err_set(e, ERR_BUG, "the step sent %zu events, more than %d; use .each",
                       json_array_size(r->events), MAX_EVENTS);
    return w->kind != WORK_LIST || names_check_items(r->value, MAX_ITEMS, e);
}

/* A step that was told to end and failed is not to blame, unless it was its own time that was over. */
static void blame(const struct seat *seat, int64_t limit_ms, struct err *e)
{
    const char *why = seat_end_reason(seat);
    if (why != NULL)
        (void)err_set(e, ERR_STOPPING, "%s", why);
    else if (seat_is_late(seat))
        (void)err_set(e, ERR_RETRY, "it ran longer than its limit of %lld ms", (long long)limit_ms);
}

/* ---- running ---- */

static bool is_cancelled(void *arg)
{
    return seat_reason(arg) != NULL;
}

static void call_step(struct executor *x, struct run *run, const struct work *w, struct result *r)
{
    int64_t limit_ms = w->def->timeout_ms > 0 ? w->def->timeout_ms : x->conf->step_timeout_ms;
    struct step_state st = {.run = run, .result = r, .seat = x->seat};
    char key[256];
    (void)snprintf(key, sizeof(key), "%s/%s", run->id, w->name);
    struct step s = {.event = run->event,
                     .events = x->events,
                     .data = json_object_get(run->event, "data"),
                     .item = w->item,
                     .cursor = w->cursor,
                     .run_id = run->id,
                     .function_id = run->fn->id,
                     .name = w->name,
                     .key = key,
                     .attempt = run->try,
                     .now_ms = wall_ms(),
                     .db = x->db,
                     .http = w->def->tx || w->kind == WORK_LIST ? NULL : x->http,
                     .services = &x->conf->services,
                     .state = &st};
    stop_point("before-step", w->name);
    seat_begin_step(x->seat, limit_ms);
    http_set_cancel(x->http, is_cancelled, x->seat);
    breaker_begin(x->breaker);
    (void)http_take_charges(x->http);
    r->value = w->kind == WORK_LIST ? w->def->each(&s) : w->def->run(&s);
    http_set_cancel(x->http, NULL, NULL);
    stop_point("after-step", w->name);

    double charges_usd = http_take_charges(x->http);
    r->err = s.err;
    if (r->value == NULL && r->err.code == ERR_NONE)
        (void)err_set(&r->err, ERR_BUG, "the step returned nothing");
    if (r->value == NULL || r->verdict == VERDICT_FAIL) {
        r->verdict = VERDICT_FAIL;
        blame(x->seat, limit_ms, &r->err);
        breaker_end(x->breaker, &r->err, &r->hold);
        /* nothing came of it, but it was answered, and that has its price */
        r->cost_usd = charges_usd > r->cost_usd ? charges_usd : r->cost_usd;
    } else if (!check_result(run, w, r, &r->err)) {
        r->verdict = VERDICT_FAIL;
    }
    if (r->verdict != VERDICT_FAIL)
        breaker_end(x->breaker, NULL, &r->hold);
    seat_end_step(x->seat);
}

static void run_transaction(struct executor *x, struct run *run, const struct work *w,
                            struct result *r)
{
    json_t *recorded;
    if (!ledger_begin(x->db, run, w->name, x->worker_id, &recorded, &r->err)) {
        r->verdict = VERDICT_FAIL;
        return;
    }
    if (recorded != NULL) {
        result_from_json(r, recorded);
        json_decref(recorded);
        log_info("step had been committed before; its recorded outcome is taken", "run", run->id,
                 "step", w->name, LOG_END);
        return;
    }
    call_step(x, run, w, r);
    if (r->verdict == VERDICT_FAIL) {
        db_rollback(x->db);
        return;
    }
    auto_json *outcome = result_to_json(r);
    if (!ledger_commit(x->db, run, w->name, outcome, &r->err))
        r->verdict = VERDICT_FAIL;
    stop_point("after-ledger", w->name);
}

/* For people; nothing depends on it. */
static void tell_service_change(struct executor *x)
{
    struct service_change c;
    struct err e;
    if (!breaker_take_change(x->breaker, &c))
        return;
    char since[24], until[24];
    (void)snprintf(since, sizeof(since), "%lld", (long long)c.since_ms);
    (void)snprintf(until, sizeof(until), "%lld", (long long)c.until_ms);
    log_mask(c.reason);
    utf8_clean(c.reason, strlen(c.reason));
    bool ok = c.kind != NULL ? DB_EXEC(x->db, &e, "service_paused", c.service, c.account, c.kind,
                                       c.reason, since, until, x->worker_id)
                             : DB_EXEC(x->db, &e, "service_back", c.service, c.account);
    if (!ok)
        log_warn("paused services could not be written down", "service", c.service, "error", e.msg,
                 LOG_END);
}

void attempt_run(struct executor *x, struct run *run, const struct work *w, struct result *r)
{
    int64_t t0 = mono_us();
    *r = (struct result){.attempt = run->try, .started_ms = wall_ms(), .events = json_array()};
    trace_span(run->id, w->name, run->try, run->step_span);
    log_trace(run->trace.id, run->step_span);
    http_set_trace(x->http, &run->trace, run->step_span);
    if (w->def->tx && w->kind != WORK_LIST)
        run_transaction(x, run, w, r);
    else
        call_step(x, run, w, r);
    http_set_trace(x->http, NULL, NULL);
    if (db_in_transaction(x->db))
        db_rollback(x->db); /* a step that began its own and left it open */
    r->duration_us = mono_us() - t0;
    tell_service_change(x);
}
