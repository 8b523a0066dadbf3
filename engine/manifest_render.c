/* manifest_render.c: a definition that was checked, as JSON. */
#include "manifest.h"

#include <math.h>
#include <string.h>

#include "js.h"

static const int64_t IDEMPOTENCY_MS = 24 * 60 * 60 * 1000LL; /* where the function names none */

static json_t *render_triggers(const struct function *f)
{
    json_t *triggers = json_array();
    for (int i = 0; i < MAX_TRIGGERS && f->on_event[i] != NULL; i++)
        json_array_append_new(triggers, json_string(f->on_event[i]));
    return triggers;
}

static json_t *render_keys(const struct function_keys *keys)
{
    json_t *texts = json_array();
    for (int i = 0; i < keys->count; i++)
        json_array_append_new(texts, json_string(keys->texts[i]));
    return texts;
}

static bool is_counted_by_owner(const char *limit)
{
    size_t len = strlen(limit);
    return len > 2 && strcmp(limit + len - 2, ":$") == 0;
}

static void add_limit(json_t *limits, const char *name, long max)
{
    json_array_append_new(limits, js_pack("{s:s, s:I, s:b}", "name", name, "max", (json_int_t)max,
                                          "share", !is_counted_by_owner(name)));
}

static json_t *render_limits(const struct function *f, const struct function_keys *keys,
                             const struct conf *c)
{
    char name[LIMIT_NAME_SIZE], setting[LIMIT_NAME_SIZE];
    json_t *limits = json_array();
    for (int i = 0; i < function_limit_count(f); i++) {
        function_limit_name(f, i, keys, name);
        function_limit_setting(f, i, setting);
        add_limit(limits, name, conf_limit(c, setting, f->limits[i].max));
    }
    if (f->singleton.mode != SINGLETON_NONE) {
        function_singleton_name(f, keys, name);
        add_limit(limits, name, 1);
    }
    return limits;
}

static long long micro_usd(double usd)
{
    return llround(usd * 1e6);
}

/* More than the whole budget is not kept back, or no run could ever start. */
static json_t *render_budget(const struct function *f, const struct conf *c)
{
    double cap = c->budget_usd_per_hour;
    if (cap <= 0 || !function_has_paid_steps(f))
        return NULL;
    return js_pack("{s:I, s:I}", "cap", (json_int_t)micro_usd(cap), "reserve",
                   (json_int_t)micro_usd(fmin(f->reserve_usd, cap)));
}

static json_t *render_rate(const struct rate_def *r)
{
    if (r->max == 0)
        return NULL;
    return js_pack("{s:s*, s:i, s:I}", "key", r->key, "max", r->max, "period_ms",
                   (json_int_t)r->period_ms);
}

static json_t *render_throttle(const struct throttle_def *t)
{
    if (t->max == 0)
        return NULL;
    return js_pack("{s:s*, s:i, s:I, s:i}", "key", t->key, "max", t->max, "period_ms",
                   (json_int_t)t->period_ms, "burst", t->burst > 0 ? t->burst : 1);
}

static json_t *render_debounce(const struct debounce_def *d)
{
    if (d->period_ms == 0)
        return NULL;
    return js_pack("{s:s*, s:I, s:I, s:b}", "key", d->key, "period_ms", (json_int_t)d->period_ms,
                   "max_wait_ms", (json_int_t)d->max_wait_ms, "keep_all", d->keep_all);
}

static json_t *render_batch(const struct batch_def *b)
{
    if (b->max_size == 0)
        return NULL;
    return js_pack("{s:s*, s:s*, s:i, s:I}", "key", b->key, "only_if", b->only_if, "max_size",
                   b->max_size, "timeout_ms", (json_int_t)b->timeout_ms);
}

static json_t *render_singleton(const struct singleton_def *s)
{
    if (s->mode == SINGLETON_NONE)
        return NULL;
    return js_pack("{s:s, s:s*}", "mode", s->mode == SINGLETON_SKIP ? "skip" : "cancel", "key",
                   s->key);
}

static json_t *render_idempotency(const struct idempotency_def *i)
{
    if (i->key == NULL)
        return NULL;
    return js_pack("{s:s, s:I}", "key", i->key, "period_ms",
                   (json_int_t)(i->period_ms > 0 ? i->period_ms : IDEMPOTENCY_MS));
}

static json_t *render_timeouts(const struct function *f)
{
    if (f->start_timeout_ms == 0 && f->finish_timeout_ms == 0)
        return NULL;
    return js_pack("{s:I, s:I}", "start_ms", (json_int_t)f->start_timeout_ms, "finish_ms",
                   (json_int_t)f->finish_timeout_ms);
}

static json_t *render_cancels(const struct function *f)
{
    if (f->cancel_on[0].event == NULL)
        return NULL;
    json_t *cancels = json_array();
    for (int i = 0; i < MAX_CANCELS && f->cancel_on[i].event != NULL; i++) {
        const struct cancel_def *c = &f->cancel_on[i];
        json_array_append_new(cancels, js_pack("{s:s, s:s*, s:I}", "event", c->event, "match",
                                               c->match, "timeout_ms", (json_int_t)c->timeout_ms));
    }
    return cancels;
}

static json_t *render_cron(const struct cron_def *c)
{
    static const char *const missed[] = {
        [MISSED_ONE] = "one", [MISSED_SKIP] = "skip", [MISSED_ALL] = "all"};
    if (c->schedule == NULL)
        return NULL;
    return js_pack("{s:s, s:I, s:s}", "schedule", c->schedule, "jitter_ms",
                   (json_int_t)c->jitter_ms, "missed", missed[c->missed]);
}

static json_t *render_steps(const struct function *f)
{
    json_t *steps = json_array();
    for (const struct step_def *d = f->steps; d->name != NULL; d++)
        json_array_append_new(steps, js_pack("{s:s, s:b, s:b, s:b, s:i}", "name", d->name, "tx",
                                             d->tx, "each", d->each != NULL, "paid", d->paid,
                                             "parallel", d->parallel));
    return steps;
}

/* Takes the value; NULL is left out. */
static void set(json_t *m, const char *name, json_t *value)
{
    if (value != NULL)
        (void)json_object_set_new(m, name, value);
}

json_t *manifest_render(const struct function *f, const struct conf *c, struct err *e)
{
    struct function_keys keys;
    if (!manifest_check(f, e) || !function_keys(f, &keys))
        return NULL;
    json_t *m = json_object(), *limits = render_limits(f, &keys, c);
    set(m, "id", json_string(f->id));
    set(m, "name", json_string(f->name != NULL ? f->name : f->id));
    set(m, "version", json_integer(f->version));
    set(m, "triggers", render_triggers(f));
    set(m, "condition", json_string(f->condition));
    set(m, "onFailureOf", json_string(f->on_failure_of));
    if (f->deprecated != NULL)
        set(m, "deprecated", json_string(f->deprecated));
    set(m, "retries", json_integer(f->retries));
    set(m, "keys", render_keys(&keys));
    set(m, "limits", limits);
    set(m, "usd", render_budget(f, c));
    set(m, "priority", json_string(f->priority));
    set(m, "idempotency", render_idempotency(&f->idempotency));
    set(m, "rateLimit", render_rate(&f->rate_limit));
    set(m, "throttle", render_throttle(&f->throttle));
    set(m, "debounce", render_debounce(&f->debounce));
    set(m, "batch", render_batch(&f->batch));
    set(m, "singleton", render_singleton(&f->singleton));
    set(m, "timeouts", render_timeouts(f));
    set(m, "cancelOn", render_cancels(f));
    set(m, "cron", render_cron(&f->cron));
    set(m, "steps", render_steps(f));
    return m;
}
