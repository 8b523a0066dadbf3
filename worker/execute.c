#include "execute.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy.h"
#include "history.h"
#include "js.h"
#include "ledger.h"
#include "log.h"
#include "names.h"
#include "step_state.h"
#include "stop_point.h"

enum {
    MAX_RESULT_BYTES = 1 << 20, /* larger data belongs in Postgres; steps pass ids */
    MAX_ITEMS = 100000,
    SUSPECT_DELAY_MS = 500,
    UNAVAILABLE_DELAY_MS = 1000,              /* our own stores are away: no attempt is burned */
    RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000, /* whatever a service asks for */
};

/* One thing to run: a row of the table, with the name its result is stored under. */
struct work {
    const struct step_def *def;
    char name[NAME_SIZE];
    const json_t *item;   /* of an .each row */
    const json_t *cursor; /* of step_again */
    long index;           /* of step_again, -1 otherwise */
    bool list;            /* the row's list of items has to be made first */
};

/* An .each row: its first item without a result. false when all are done. */
static bool find_item(const struct run *r, const struct step_def *d, struct work *w)
{
    name_of_list(w->name, d->name);
    const json_t *items = json_object_get(r->results, w->name), *item;
    if (items == NULL) {
        w->list = true;
        return true;
    }
    size_t i;
    json_array_foreach (items, i, item) {
        name_of_item(w->name, d->name, item, i);
        if (json_object_get(r->results, w->name) == NULL) {
            w->item = item;
            return true;
        }
    }
    return false;
}

/* A plain row, which may have asked to be run again: <name> is stored once it is over, <name>-<n> before. */
static bool find_turn(const struct run *r, const struct step_def *d, struct work *w)
{
    if (json_object_get(r->results, d->name) != NULL)
        return false;
    for (w->index = 0;; w->index++) {
        name_of_turn(w->name, d->name, w->index);
        if (json_object_get(r->results, w->name) == NULL)
            break;
    }
    if (w->index == 0) {
        (void)snprintf(w->name, sizeof(w->name), "%s", d->name);
        return true;
    }
    char cursor[NAME_SIZE];
    name_of_cursor(cursor, d->name, w->index);
    w->cursor = json_object_get(r->results, cursor);
    /* The turn before was the last one when it left no cursor. */
    return w->cursor != NULL;
}

/* The first thing without a stored result; false when the run is complete. */
static bool find_work(const struct run *r, struct work *w)
{
    for (const struct step_def *d = r->fn->steps; d->name != NULL; d++) {
        *w = (struct work){.def = d, .index = -1};
        if (d->each != NULL ? find_item(r, d, w) : find_turn(r, d, w))
            return true;
    }
    return false;
}

/* ---- running ---- */

/* What came of a step, in a form that the ledger can keep. */
struct result {
    enum verdict verdict;
    json_t *value; /* NULL when failed */
    json_t *cursor;
    json_t *events; /* array of [name, data] */
    double cost_usd;
    int64_t delay_ms;
    struct err err;
    int64_t started_ms, duration_us;
};

static void result_release(struct result *r)
{
    json_decref(r->value);
    json_decref(r->cursor);
    json_decref(r->events);
}

static json_t *result_to_json(const struct result *r)
{
    return js_pack("{s:i, s:O, s:O?, s:O, s:f, s:I}", "verdict", (int)r->verdict, "value", r->value,
                   "cursor", r->cursor, "events", r->events, "cost", r->cost_usd, "delay",
                   (json_int_t)r->delay_ms);
}

static void result_from_json(struct result *r, const json_t *j)
{
    r->verdict = (enum verdict)js_int(j, "verdict", VERDICT_VALUE);
    r->value = json_incref(json_object_get(j, "value"));
    if (r->value == NULL)
        r->value = json_null();
    /* not js_get: a cursor of null is a cursor */
    r->cursor = json_incref(json_object_get(j, "cursor"));
    json_decref(r->events);
    r->events = json_incref(json_object_get(j, "events"));
    r->cost_usd = js_num(j, "cost", 0);
    r->delay_ms = js_int(j, "delay", 0);
}

static bool is_cancelled(void *arg)
{
    return step_cancel_reason(arg) != NULL;
}

static void call_step(struct executor *x, struct run *run, const struct work *w, struct result *r)
{
    int64_t limit = w->def->timeout_ms > 0 ? w->def->timeout_ms : x->conf->step_timeout_ms;
    struct step_state st = {
        .run = run, .events = r->events, .deadline_ms = mono_ms() + limit, .abort = x->abort};
    char key[256];
    (void)snprintf(key, sizeof(key), "%s/%s", run->id, w->name);
    struct step s = {.event = run->event,
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
                     .http = w->def->tx || w->list ? NULL : x->http,
                     .services = &x->conf->services,
                     .state = &st};
    stop_point("before-step", w->name);
    http_set_cancel(x->http, is_cancelled, &st);
    json_t *value = w->list ? w->def->each(&s) : w->def->run(&s);
    http_set_cancel(x->http, NULL, NULL);
    stop_point("after-step", w->name);

    r->verdict = st.verdict;
    r->value = value;
    r->cursor = st.cursor;
    r->cost_usd = st.cost_usd;
    r->delay_ms = st.delay_ms;
    r->err = s.err;
    if (value == NULL && st.verdict != VERDICT_FAIL) {
        r->verdict = VERDICT_FAIL;
        if (s.err.code == ERR_NONE)
            (void)err_set(&r->err, ERR_BUG, "the step returned nothing");
    }
    if (r->verdict == VERDICT_FAIL) {
        const char *why = step_cancel_reason(&st);
        if (why != NULL && atomic_load(x->abort))
            (void)err_set(&r->err, ERR_STOPPING, "%s", why);
        else if (why != NULL)
            (void)err_set(&r->err, ERR_RETRY, "%s of %lld ms", why, (long long)limit);
    } else if (w->list) {
        if (!names_check_items(r->value, MAX_ITEMS, &r->err))
            r->verdict = VERDICT_FAIL;
    } else if (json_array_size(r->events) > MAX_EVENTS) {
        r->verdict = VERDICT_FAIL;
        (void)err_set(&r->err, ERR_BUG, "the step sent %zu events, more than %d; use .each",
                      json_array_size(r->events), MAX_EVENTS);
    }
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

static void run_step(struct executor *x, struct run *run, const struct work *w, struct result *r)
{
    int64_t t0 = mono_us();
    r->started_ms = wall_ms();
    r->events = json_array();
    if (w->def->tx && !w->list)
        run_transaction(x, run, w, r);
    else
        call_step(x, run, w, r);
    if (db_in_transaction(x->db))
        db_rollback(x->db); /* a step that began its own and left it open */
    r->duration_us = mono_us() - t0;
}

/* ---- outcomes ---- */

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

static void set_field(struct outcome *o, const char *name, char *value)
{
    pair_set(o->fields, &o->field_count, text_of("%s", name), value);
}

static void add_events(struct outcome *o, const json_t *events)
{
    size_t i;
    json_t *event;
    json_array_foreach (events, i, event) {
        pair_set(o->events, &o->event_count,
                 text_of("%s", json_string_value(json_array_get(event, 0))),
                 js_dump(json_array_get(event, 1), NULL));
    }
}

static bool add_step_line(struct executor *x, struct outcome *o, const struct run *run,
                          const struct work *w, const struct result *r, const char *status,
                          const char *value)
{
    struct step_line line = {.step = w->name,
                             .attempt = run->try,
                             .status = status,
                             .started_ms = r->started_ms,
                             .finished_ms = r->started_ms + r->duration_us / 1000,
                             .duration_us = r->duration_us,
                             .result = value,
                             .err = r->verdict == VERDICT_FAIL ? &r->err : NULL,
                             .cost_usd = r->cost_usd,
                             .worker = x->worker_id};
    return history_step(&o->body, run, &line);
}

/* What goes into JSON, Postgres and the log: whole characters, and none of our keys, which a service may have quoted
 * back to us. */
static void clean_message(struct err *e)
{
    e->msg[utf8_clean(e->msg, strlen(e->msg))] = '\0';
    log_mask(e->msg);
}

/* The event that handlers of failed runs listen to; data as the SDK has it. The message is clean, so it can be made. */
static void add_failure_event(struct outcome *o, const struct run *run, const struct err *e)
{
    char function_id[128];
    (void)snprintf(function_id, sizeof(function_id), "chronos-%s", run->fn->id);
    auto_json *data = js_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:O}", "function_id", function_id,
                              "run_id", run->id, "error", "name", err_name(e->code), "message",
                              e->msg, "stack", e->msg, "event", run->event);
    pair_set(o->events, &o->event_count, text_of("inngest/function.failed"), js_dump(data, NULL));
}

static void finish_failed(struct executor *x, struct run *run, const struct work *w,
                          const struct result *r, struct err *e)
{
    clean_message(e);
    struct outcome *o = outcome_new(OUTCOME_FINISH, run);
    bool ok = w == NULL || r == NULL || add_step_line(x, o, run, w, r, "failed", NULL);
    ok = ok && history_run(&o->body, run, "failed", wall_ms(), e, NULL, x->worker_id);
    if (!ok)
        buf_clear(&o->body);
    add_failure_event(o, run, e);
    log_warn("run failed", "run", run->id, "fn", run->fn->id, "step", w != NULL ? w->name : "",
             "code", err_name(e->code), "error", e->msg, LOG_END);
    committer_submit(x->committer, o);
}

static void finish_completed(struct executor *x, struct run *run, const struct work *w,
                             const struct result *r, const char *value)
{
    struct outcome *o = outcome_new(OUTCOME_FINISH, run);
    if (r != NULL)
        add_events(o, r->events);
    if ((w != NULL && !add_step_line(x, o, run, w, r, "completed", value)) ||
        !history_run(&o->body, run, "completed", wall_ms(), NULL, value, x->worker_id))
        log_error("history line is too large and is left out", "run", run->id, LOG_END);
    if (log_enabled(LOG_INFO)) {
        char took[24];
        (void)snprintf(took, sizeof(took), "%lld", (long long)(wall_ms() - run->accepted_ms));
        log_info("run completed", "run", run->id, "fn", run->fn->id, "took_ms", took, LOG_END);
    }
    committer_submit(x->committer, o);
}

static int64_t backoff_ms(const struct conf *c, int attempt)
{
    int64_t d = c->retry_base_ms;
    for (int i = 1; i < attempt && d < c->retry_max_ms; i++)
        d *= 2;
    if (d > c->retry_max_ms)
        d = c->retry_max_ms;
    return d / 2 + (int64_t)(id_random() % (uint64_t)(d / 2 + 1));
}

static void give_back(const struct executor *x, struct run *run)
{
    committer_submit(x->committer, outcome_new(OUTCOME_RETURN, run));
}

static void add_run_fields(struct outcome *o, const struct run *run)
{
    set_field(o, "try", text_of("%d", run->try));
    set_field(o, "st", text_of("%lld", (long long)run->started_ms));
    set_field(o, "fails", text_of("%d", run->fails));
    set_field(o, "cost", text_of("%.9g", run->cost_usd));
}

/* The run has got further since its workers died: whatever killed them, it was not this step, and a long run is not to
 * be stopped because three deployments ended hard while it was under way. */
static void add_progress(struct outcome *o, struct run *run)
{
    add_run_fields(o, run);
    if (run->deaths == run->outlived)
        return;
    run->outlived = run->deaths;
    set_field(o, "outlived", text_of("%d", run->outlived));
}

static void park(struct executor *x, struct run *run, const struct work *w, const struct result *r,
                 int64_t delay_ms, const char *status)
{
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = delay_ms;
    if (!add_step_line(x, o, run, w, r, status, NULL))
        buf_clear(&o->body);
    if (r->verdict == VERDICT_FAIL) {
        run->try++;
        run->fails++;
    } else {
        run->try = 1;
        pair_set(o->results, &o->result_count, text_of("%s", w->name), text_of("null"));
        add_events(o, r->events);
    }
    add_progress(o, run);
    committer_submit(x->committer, o);
}

static int retries_of(const struct run *run, const struct work *w)
{
    if (w->def->retries == NO_RETRIES)
        return 0;
    return w->def->retries > 0 ? w->def->retries : run->fn->retries;
}

static void handle_failure(struct executor *x, struct run *run, const struct work *w,
                           struct result *r)
{
    struct err *e = &r->err;
    clean_message(e);
    if (e->retry_after_ms > RETRY_AFTER_MAX_MS)
        e->retry_after_ms = RETRY_AFTER_MAX_MS;
    char attempt[16];
    (void)snprintf(attempt, sizeof(attempt), "%d", run->try);
    if (e->code == ERR_STOPPING) {
        give_back(x, run);
    } else if (e->code == ERR_UNAVAILABLE) {
        /* Postgres or Redis is away: that is not the step's fault. */
        struct outcome *o = outcome_new(OUTCOME_PARK, run);
        o->delay_ms = UNAVAILABLE_DELAY_MS + (int64_t)(id_random() % UNAVAILABLE_DELAY_MS);
        add_run_fields(o, run);
        log_warn("step waits for our own store; no attempt is used", "run", run->id, "fn",
                 run->fn->id, "step", w->name, "error", e->msg, LOG_END);
        committer_submit(x->committer, o);
    } else if (err_is_retryable(e->code) && run->try <= retries_of(run, w)) {
        int64_t delay = backoff_ms(x->conf, run->try);
        if (delay <
            e->retry_after_ms) /* what a service asked for, spread a little so that not all come back at once */
            delay =
                e->retry_after_ms + (int64_t)(id_random() % (uint64_t)(e->retry_after_ms / 10 + 1));
        log_info("step failed and will be tried again", "run", run->id, "fn", run->fn->id, "step",
                 w->name, "attempt", attempt, "error", e->msg, LOG_END);
        park(x, run, w, r, delay, "failed");
    } else {
        finish_failed(x, run, w, r, e);
    }
}

/* Stores the result and goes on with the same lease. false: the run is not ours any more. */
static bool commit_next(struct executor *x, struct run *run, const struct work *w,
                        const struct result *r, char *value)
{
    struct outcome *o = outcome_new(OUTCOME_NEXT, run);
    char name[NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%s", w->name);
    bool again = r->verdict == VERDICT_AGAIN, archived = true;
    if (again && w->index == 0)
        name_of_turn(name, w->def->name, 0);
    pair_set(o->results, &o->result_count, text_of("%s", name), text_of("%s", value));
    (void)json_object_set(run->results, name, r->value);
    if (again) {
        char cursor[NAME_SIZE];
        name_of_cursor(cursor, w->def->name, w->index + 1);
        pair_set(o->results, &o->result_count, text_of("%s", cursor), js_dump(r->cursor, NULL));
        (void)json_object_set(run->results, cursor, r->cursor);
        /* The place in the loop is kept in the archive too: a run that is rebuilt from there goes on, not over. */
        struct work place = {.def = w->def};
        (void)snprintf(place.name, sizeof(place.name), "%s", cursor);
        archived = add_step_line(x, o, run, &place, r, "completed", o->results[1].value);
    }
    add_events(o, r->events);
    struct work named = *w;
    (void)snprintf(named.name, sizeof(named.name), "%s", name);
    if (!w->list)
        archived = add_step_line(x, o, run, &named, r, "completed", value) && archived;
    if (!archived)
        log_error("history line is too large and is left out", "run", run->id, LOG_END);
    run->try = 1;
    add_progress(o, run);
    enum commit_code code = committer_wait(x->committer, o);
    stop_point("after-commit", w->name);
    if (code == COMMIT_CONFLICT) {
        /* We hold the lease and yet do not know what is stored: going on, or again, would be wrong for ever. */
        struct err e;
        (void)err_set(&e, ERR_BUG, "step %s has another result already", name);
        finish_failed(x, run, NULL, NULL, &e);
    } else if (code == COMMIT_REFUSED) {
        struct err e;
        (void)err_set(&e, ERR_REDIS,
                      "the outcome of step %s cannot be stored; see the worker's log", name);
        finish_failed(x, run, NULL, NULL, &e);
    }
    return code == COMMIT_APPLIED || code == COMMIT_REPEATED;
}

static bool is_last(const struct work *w)
{
    return w->def[1].name == NULL && w->def->each == NULL;
}

/* Returns true when the run goes on in place. */
static bool handle_success(struct executor *x, struct run *run, const struct work *w,
                           struct result *r)
{
    run->cost_usd += r->cost_usd;
    if (r->verdict == VERDICT_SLEEP) {
        park(x, run, w, r, r->delay_ms, "sleeping");
        return false;
    }
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
    if (r->verdict == VERDICT_FINISH || (r->verdict == VERDICT_VALUE && is_last(w))) {
        finish_completed(x, run, w, r, value);
        return false;
    }
    return commit_next(x, run, w, r, value);
}

/* A run that was handed out again and again because its workers died is stopped here. */
static bool is_poison(struct executor *x, struct run *run, const struct work *w)
{
    int deaths = run->deaths - run->outlived;
    if (deaths < x->conf->max_deaths)
        return false;
    struct err e;
    (void)err_set(&e, ERR_PERMANENT, "%d workers died while running step %s; it is not tried again",
                  deaths, w->name);
    finish_failed(x, run, NULL, NULL, &e);
    return true;
}

static bool one_step(struct executor *x, struct run *run)
{
    struct work w;
    if (!find_work(run, &w)) {
        finish_completed(x, run, NULL, NULL, "null");
        return false;
    }
    if (is_poison(x, run, &w))
        return false;
    if (atomic_load(x->stopping)) {
        give_back(x, run);
        return false;
    }
    struct result r = {.err = {.code = ERR_NONE}};
    run_step(x, run, &w, &r);
    if (run->started_ms == 0)
        run->started_ms = r.started_ms;
    bool on = false;
    if (r.verdict == VERDICT_FAIL)
        handle_failure(x, run, &w, &r);
    else
        on = handle_success(x, run, &w, &r);
    result_release(&r);
    return on;
}

/* A worker that dies takes all its runs with it, and it cannot tell which one did it. Runs that are one death away from
 * being stopped are therefore executed one at a time per worker, so that a poisonous one does not take the same innocent
 * ones with it until all of them are stopped. After a first death nobody waits: most workers die for other reasons.
 * Returns false when the run has to wait; it is parked without using an attempt. */
static bool enter_alone(struct executor *x, struct run *run, bool is_suspect)
{
    if (!is_suspect || !atomic_exchange(x->suspect, true))
        return true;
    struct outcome *o = outcome_new(OUTCOME_PARK, run);
    o->delay_ms = SUSPECT_DELAY_MS / 2 + (int64_t)(id_random() % SUSPECT_DELAY_MS);
    committer_submit(x->committer, o);
    return false;
}

void execute_give_back(const struct executor *x, struct run *run)
{
    give_back(x, run);
    run_free(run);
}

void execute_run(struct executor *x, struct run *run)
{
    struct err e;
    int deaths = run->deaths - run->outlived;
    bool is_suspect = deaths > 0 && deaths >= x->conf->max_deaths - 1;
    if (!run_open(run, &e)) {
        run->event = json_object();
        finish_failed(x, run, NULL, NULL, &e);
    } else if (enter_alone(x, run, is_suspect)) {
        while (one_step(x, run)) {
        }
        if (is_suspect)
            atomic_store(x->suspect, false);
    }
    run_free(run);
}
