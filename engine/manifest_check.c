/* manifest_check.c: what a function's definition must be like. Everything that would go wrong at the first event, or be
 * silently without effect, stops the worker's start instead. */
#include "manifest.h"

#include <stdarg.h>
#include <string.h>

#include "cron.h"

enum {
    MAX_NAME_BYTES = 256, /* of an event */
    MAX_COUNT = 1000000,  /* runs, starts */
    MAX_RETRIES = 100,
    MAX_BATCH = 1000,
    MAX_PARALLEL = 1000,
    MAX_USD = 1000,
};

static const int64_t DAY_MS = 24 * 60 * 60 * 1000LL;
static const int64_t LONGEST_MS = 366 * 24 * 60 * 60 * 1000LL;

static bool is_utf8(const char *s)
{
    json_t *j = json_string(s);
    json_decref(j);
    return j != NULL;
}

/* One line that goes into JSON. */
static bool is_text(const char *s, size_t most)
{
    size_t len = s != NULL ? strlen(s) : 0;
    return len > 0 && len <= most && strpbrk(s, "\r\n") == NULL && is_utf8(s);
}

/* "function x: field: what is wrong" */
static bool bad(const struct function *f, const char *field, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static bool bad(const struct function *f, const char *field, struct err *e, const char *fmt, ...)
{
    char what[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return err_set(e, ERR_BUG, "function %s: %s: %s", f->id, field, what);
}

static bool check_expr(const struct function *f, const char *field, const char *text,
                       unsigned roots, struct err *e)
{
    struct err why;
    if (text == NULL)
        return true;
    if (!is_utf8(text))
        return bad(f, field, e, "is not UTF-8");
    struct expr *x = expr_compile(text, roots, &why);
    expr_free(x);
    return x != NULL || bad(f, field, e, "%s", why.msg);
}

static bool check_range(const struct function *f, const char *field, int64_t value, int64_t least,
                        int64_t most, struct err *e)
{
    return (value >= least && value <= most) ||
           bad(f, field, e, "%lld is not from %lld to %lld", (long long)value, (long long)least,
               (long long)most);
}

static bool check_event_name(const struct function *f, const char *field, const char *name,
                             struct err *e)
{
    return is_text(name, MAX_NAME_BYTES) ||
           bad(f, field, e, "an event's name is 1 to %d bytes of text on one line", MAX_NAME_BYTES);
}

/* Members of a rule that does not exist would look as if they had an effect. */
static bool check_absent(const struct function *f, const char *field, bool is_set, const char *what,
                         struct err *e)
{
    return !is_set || bad(f, field, e, "has no effect without %s", what);
}

/* ---- what starts it ---- */

static bool has_trigger(const struct function *f, const char *name)
{
    for (int i = 0; i < MAX_TRIGGERS && f->on_event[i] != NULL; i++) {
        if (strcmp(f->on_event[i], name) == 0)
            return true;
    }
    return false;
}

static bool check_triggers(const struct function *f, struct err *e)
{
    int n = 0;
    for (; n < MAX_TRIGGERS && f->on_event[n] != NULL; n++) {
        if (!check_event_name(f, "on_event", f->on_event[n], e))
            return false;
        for (int i = 0; i < n; i++) {
            if (strcmp(f->on_event[i], f->on_event[n]) == 0)
                return bad(f, "on_event", e, "%s is named twice", f->on_event[n]);
        }
    }
    for (; n < MAX_TRIGGERS; n++) {
        if (f->on_event[n] != NULL)
            return bad(f, "on_event", e, "there is a gap before %s", f->on_event[n]);
    }
    if (f->on_failure_of != NULL && !has_trigger(f, "inngest/function.failed"))
        return bad(f, "on_failure_of", e, "has no effect without on_event inngest/function.failed");
    if (f->on_failure_of != NULL && !is_plain_name(f->on_failure_of))
        return bad(f, "on_failure_of", e, "is not a function's id");
    return check_absent(f, "condition", f->condition != NULL && f->on_event[0] == NULL, "on_event",
                        e) &&
           check_expr(f, "condition", f->condition, EXPR_EVENT, e);
}

static bool check_cron(const struct function *f, struct err *e)
{
    struct cron c;
    struct err why;
    if (f->cron.schedule == NULL)
        return check_absent(f, "cron.jitter_ms", f->cron.jitter_ms != 0, "cron.schedule", e) &&
               check_absent(f, "cron.missed", f->cron.missed != MISSED_ONE, "cron.schedule", e);
    if (!is_text(f->cron.schedule, MAX_NAME_BYTES))
        return bad(f, "cron.schedule", e, "is no text on one line");
    if (!cron_parse(&c, f->cron.schedule, &why))
        return bad(f, "cron.schedule", e, "%s", why.msg);
    cron_release(&c);
    return check_range(f, "cron.missed", (int64_t)f->cron.missed, MISSED_ONE, MISSED_ALL, e) &&
           check_range(f, "cron.jitter_ms", f->cron.jitter_ms, 0, DAY_MS, e);
}

/* ---- limits ---- */

/* Two limits with one name would be one, with two maxima. */
static bool check_distinct(const struct function *f, int i, const char *field, struct err *e)
{
    const struct limit_def *l = &f->limits[i];
    for (int k = 0; k < i; k++) {
        const struct limit_def *other = &f->limits[k];
        bool same_key = l->key == NULL || other->key == NULL ? l->key == other->key
                                                             : strcmp(l->key, other->key) == 0;
        if (l->shared != NULL && other->shared != NULL && strcmp(l->shared, other->shared) == 0)
            return bad(f, field, e, "the shared limit %s is named twice", l->shared);
        if (l->shared == NULL && other->shared == NULL && same_key)
            return bad(f, field, e, "counts the same as limits[%d]", k);
    }
    return true;
}

static bool check_limit(const struct function *f, int i, struct err *e)
{
    const struct limit_def *l = &f->limits[i];
    char field[32];
    (void)snprintf(field, sizeof(field), "limits[%d].max", i);
    if (!check_range(f, field, l->max, 1, MAX_COUNT, e))
        return false;
    (void)snprintf(field, sizeof(field), "limits[%d].shared", i);
    if (l->shared != NULL && !is_plain_name(l->shared))
        return bad(f, field, e, "a name is 1 to 64 of A-Z a-z 0-9 - _ .");
    if (l->shared != NULL && strcmp(l->shared, "budget") == 0)
        return bad(f, field, e, "the name budget is the engine's own");
    (void)snprintf(field, sizeof(field), "limits[%d].key", i);
    if (!check_expr(f, field, l->key, EXPR_EVENT, e))
        return false;
    (void)snprintf(field, sizeof(field), "limits[%d]", i);
    return check_distinct(f, i, field, e);
}

static bool check_limits(const struct function *f, struct err *e)
{
    struct function_keys keys;
    int last = -1;
    for (int i = 0; i < MAX_LIMITS; i++) {
        const struct limit_def *l = &f->limits[i];
        if (l->max != 0 || l->key != NULL || l->shared != NULL)
            last = i;
    }
    for (int i = 0; i <= last; i++) {
        if (!check_limit(f, i, e))
            return false;
    }
    return function_keys(f, &keys) ||
           bad(f, "limits", e,
               "the owner, limits and singleton count by more than %d different keys", MAX_KEYS);
}

/* ---- rules of flow ---- */

static bool check_rate(const struct function *f, struct err *e)
{
    const struct rate_def *r = &f->rate_limit;
    if (r->max == 0)
        return check_absent(f, "rate_limit", r->key != NULL || r->period_ms != 0, "max", e);
    return check_range(f, "rate_limit.max", r->max, 1, MAX_COUNT, e) &&
           check_range(f, "rate_limit.period_ms", r->period_ms, 1, LONGEST_MS, e) &&
           check_expr(f, "rate_limit.key", r->key, EXPR_EVENT, e);
}

static bool check_throttle(const struct function *f, struct err *e)
{
    const struct throttle_def *t = &f->throttle;
    if (t->max == 0)
        return check_absent(f, "throttle", t->key != NULL || t->period_ms != 0 || t->burst != 0,
                            "max", e);
    return check_range(f, "throttle.max", t->max, 1, MAX_COUNT, e) &&
           check_range(f, "throttle.period_ms", t->period_ms, 1, LONGEST_MS, e) &&
           check_range(f, "throttle.burst", t->burst, 0, MAX_COUNT, e) &&
           check_expr(f, "throttle.key", t->key, EXPR_EVENT, e);
}

static bool check_debounce(const struct function *f, struct err *e)
{
    const struct debounce_def *d = &f->debounce;
    if (d->period_ms == 0)
        return check_absent(f, "debounce", d->key != NULL || d->max_wait_ms != 0 || d->keep_all,
                            "period_ms", e);
    if (!check_range(f, "debounce.period_ms", d->period_ms, 1, LONGEST_MS, e) ||
        !check_range(f, "debounce.max_wait_ms", d->max_wait_ms, 0, LONGEST_MS, e) ||
        !check_expr(f, "debounce.key", d->key, EXPR_EVENT, e))
        return false;
    return d->max_wait_ms == 0 || d->max_wait_ms >= d->period_ms ||
           bad(f, "debounce.max_wait_ms", e, "is shorter than period_ms");
}

static bool check_batch(const struct function *f, struct err *e)
{
    const struct batch_def *b = &f->batch;
    if (b->max_size == 0)
        return check_absent(f, "batch", b->key != NULL || b->only_if != NULL || b->timeout_ms != 0,
                            "max_size", e);
    return check_range(f, "batch.max_size", b->max_size, 2, MAX_BATCH, e) &&
           check_range(f, "batch.timeout_ms", b->timeout_ms, 1, LONGEST_MS, e) &&
           check_expr(f, "batch.key", b->key, EXPR_EVENT, e) &&
           check_expr(f, "batch.only_if", b->only_if, EXPR_EVENT, e);
}

static bool check_singleton(const struct function *f, struct err *e)
{
    const struct singleton_def *s = &f->singleton;
    return check_range(f, "singleton.mode", (int64_t)s->mode, SINGLETON_NONE, SINGLETON_CANCEL,
                       e) &&
           check_absent(f, "singleton.key", s->mode == SINGLETON_NONE && s->key != NULL, "mode",
                        e) &&
           check_expr(f, "singleton.key", s->key, EXPR_EVENT, e);
}

static bool check_idempotency(const struct function *f, struct err *e)
{
    const struct idempotency_def *i = &f->idempotency;
    return check_absent(f, "idempotency.period_ms", i->key == NULL && i->period_ms != 0, "key",
                        e) &&
           check_range(f, "idempotency.period_ms", i->period_ms, 0, LONGEST_MS, e) &&
           check_expr(f, "idempotency.key", i->key, EXPR_EVENT, e);
}

static bool check_cancel(const struct function *f, int i, struct err *e)
{
    const struct cancel_def *c = &f->cancel_on[i];
    char field[40];
    (void)snprintf(field, sizeof(field), "cancel_on[%d].event", i);
    if (!check_event_name(f, field, c->event, e))
        return false;
    (void)snprintf(field, sizeof(field), "cancel_on[%d].match", i);
    if (!check_expr(f, field, c->match, EXPR_EVENT | EXPR_ASYNC, e))
        return false;
    (void)snprintf(field, sizeof(field), "cancel_on[%d].timeout_ms", i);
    return check_range(f, field, c->timeout_ms, 0, LONGEST_MS, e);
}

static bool check_cancels(const struct function *f, struct err *e)
{
    int last = -1;
    for (int i = 0; i < MAX_CANCELS; i++) {
        const struct cancel_def *c = &f->cancel_on[i];
        if (c->event != NULL || c->match != NULL || c->timeout_ms != 0)
            last = i;
    }
    for (int i = 0; i <= last; i++) {
        if (!check_cancel(f, i, e))
            return false;
    }
    return true;
}

static bool check_flow(const struct function *f, struct err *e)
{
    return check_rate(f, e) && check_throttle(f, e) && check_debounce(f, e) && check_batch(f, e) &&
           check_singleton(f, e) && check_idempotency(f, e) && check_cancels(f, e) &&
           check_expr(f, "owner", f->owner, EXPR_EVENT, e) &&
           check_expr(f, "priority", f->priority, EXPR_EVENT, e) &&
           check_range(f, "start_timeout_ms", f->start_timeout_ms, 0, LONGEST_MS, e) &&
           check_range(f, "finish_timeout_ms", f->finish_timeout_ms, 0, LONGEST_MS, e);
}

/* One run of many events is nobody's in particular: what speaks of a run's own event does not go with it. */
static bool check_combinations(const struct function *f, struct err *e)
{
    bool debounce = f->debounce.period_ms > 0, batch = f->batch.max_size > 0;
    const char *collects = batch ? "batch" : "debounce";
    if (batch && debounce)
        return bad(f, "batch", e, "does not go with debounce");
    if (!batch && !debounce)
        return true;
    if (f->singleton.mode != SINGLETON_NONE)
        return bad(f, collects, e, "does not go with singleton");
    if (f->priority != NULL)
        return bad(f, collects, e, "does not go with priority");
    if (f->cancel_on[0].event != NULL)
        return bad(f, collects, e, "does not go with cancel_on");
    return true;
}

/* ---- steps ---- */

/* Results of items are stored as <row>-<key>, those of turns as <row>-<n>: another row of that name would count as done. */
static bool takes_name_of(const struct step_def *row, const char *name)
{
    size_t n = strlen(row->name);
    if (strncmp(name, row->name, n) != 0 || name[n] != '-')
        return false;
    return row->each != NULL || strspn(name + n + 1, "0123456789") == strlen(name + n + 1);
}

static bool check_step(const struct function *f, const struct step_def *d, struct err *e)
{
    char field[128];
    if (!is_plain_name(d->name) || d->run == NULL)
        return err_set(e, ERR_BUG, "function %s: step '%s' needs a plain name and a function",
                       f->id, d->name);
    for (const struct step_def *other = f->steps; other < d; other++) {
        if (strcmp(other->name, d->name) == 0)
            return err_set(e, ERR_BUG, "function %s: two steps are named '%s'", f->id, d->name);
    }
    for (const struct step_def *other = f->steps; other->name != NULL; other++) {
        if (other != d && takes_name_of(other, d->name))
            return err_set(e, ERR_BUG,
                           "function %s: step '%s' has a name that a result of step '%s' may have",
                           f->id, d->name, other->name);
    }
    (void)snprintf(field, sizeof(field), "step %s: timeout_ms", d->name);
    if (!check_range(f, field, d->timeout_ms, 0, DAY_MS, e))
        return false;
    (void)snprintf(field, sizeof(field), "step %s: retries", d->name);
    if (!check_range(f, field, d->retries, NO_RETRIES, MAX_RETRIES, e))
        return false;
    (void)snprintf(field, sizeof(field), "step %s: parallel", d->name);
    return check_range(f, field, d->parallel, 0, MAX_PARALLEL, e) &&
           check_absent(f, field, d->parallel != 0 && d->each == NULL, "each", e);
}

static bool check_steps(const struct function *f, struct err *e)
{
    if (f->steps == NULL || f->steps[0].name == NULL)
        return err_set(e, ERR_BUG, "function %s: steps are missing", f->id);
    for (const struct step_def *d = f->steps; d->name != NULL; d++) {
        if (!check_step(f, d, e))
            return false;
    }
    if (!(f->reserve_usd >= 0 && f->reserve_usd <= MAX_USD))
        return bad(f, "reserve_usd", e, "%g is not from 0 to %d", f->reserve_usd, MAX_USD);
    return check_absent(f, "reserve_usd", f->reserve_usd > 0 && !function_has_paid_steps(f),
                        "a paid step", e);
}

bool manifest_check(const struct function *f, struct err *e)
{
    if (!is_plain_name(f->id))
        return err_set(e, ERR_BUG, "function '%s': id must be 1 to 64 of a-z 0-9 - _ .", f->id);
    if (f->name != NULL && !is_text(f->name, MAX_NAME_BYTES))
        return bad(f, "name", e, "is no text of 1 to %d bytes on one line", MAX_NAME_BYTES);
    return check_range(f, "version", f->version, 0, MAX_COUNT, e) &&
           check_range(f, "retries", f->retries, 0, MAX_RETRIES, e) && check_triggers(f, e) &&
           check_cron(f, e) && check_limits(f, e) && check_flow(f, e) && check_combinations(f, e) &&
           check_steps(f, e);
}
