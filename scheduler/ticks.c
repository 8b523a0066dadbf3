#include "ticks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "db.h"
#include "id.h"
#include "js.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"
#include "schedules.h"
#include "tick_plan.h"

enum {
    LONGEST_MS = 1000,
    RETRY_MS = 200,
    NAP_MS = 50,
    ASK_AGAIN_MS =
        5000, /* Postgres, when it is away: asking may take long, and ticks wait meanwhile */
    FAR_MS = 3600000,
    TIME_SIZE = 40,
};

struct ticker {
    pthread_t thread;
    const struct conf *conf;
    struct identity *identity;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
    char prefix[PREFIX_SIZE]; /* ticks are partition 0's */
    struct schedules schedules;
    char **last; /* by schedule: its last tick, in the present turn; NULL = none of our business */
    int64_t ask_again_ms; /* monotonic; 0 = Postgres has answered */
    bool told_future;
};

/* ---- where schedules stand ---- */

static const char *value_of(const redisReply *hash, const char *field)
{
    const redisReply *v = kv_field(hash, field);
    return v != NULL ? v->str : "";
}

/* "" = Postgres knows of no tick. A schedule that Redis has is its own memory. */
static bool known_tick(struct ticker *t, const struct schedule *s, const char *stored, char out[24])
{
    struct err e;
    out[0] = '\0';
    if (s->text == NULL || *stored != '\0')
        return true;
    if (mono_ms() < t->ask_again_ms)
        return false;
    auto_result *r = DB_QUERY(t->db, &e, "last_tick", s->fn, s->text);
    if (r == NULL) {
        if (t->ask_again_ms == 0)
            log_warn("a schedule waits to learn from postgres where it stands", "fn", s->fn,
                     "error", e.msg, LOG_END);
        t->ask_again_ms = mono_ms() + ASK_AGAIN_MS;
        return false;
    }
    t->ask_again_ms = 0;
    if (PQntuples(r) > 0)
        (void)snprintf(out, 24, "%s", db_text(r, 0, "tick_ms"));
    return true;
}

/* Has the function a schedule, or had it one? */
static bool is_watched(const struct schedule *s, const char *stored)
{
    return !s->broken && (s->text != NULL || (*stored != '\0' && strcmp(stored, "-") != 0));
}

/* What the script watch_crons takes for each function it has to be told of; `asked` marks those. `known` is room for what is
 * borrowed. */
static void add_watched(struct ticker *t, const redisReply *stored, struct kv_args *a, bool *asked,
                        char (*known)[24])
{
    for (size_t i = 0; i < t->schedules.len; i++) {
        const struct schedule *s = &t->schedules.items[i];
        const char *before = value_of(stored, s->fn);
        asked[i] = is_watched(s, before) && known_tick(t, s, before, known[i]);
        if (!asked[i])
            continue;
        kv_adds(a, s->fn);
        kv_adds(a, before);
        kv_adds(a, s->text != NULL ? s->text : "-");
        kv_adds(a, known[i]);
    }
}

static void forget_last(struct ticker *t)
{
    for (size_t i = 0; t->last != NULL && i < t->schedules.len; i++)
        free(t->last[i]);
    free(t->last);
    t->last = NULL;
}

static void keep_last(struct ticker *t, const redisReply *reply, const bool *asked)
{
    size_t at = 1;
    t->last = calloc(t->schedules.len + 1, sizeof(*t->last));
    if (t->last == NULL)
        abort();
    for (size_t i = 0; i < t->schedules.len; i++) {
        if (!asked[i])
            continue;
        const redisReply *v = at < reply->elements ? reply->element[at++] : NULL;
        if (v != NULL && v->type == REDIS_REPLY_STRING && v->len > 0)
            t->last[i] = strdup(v->str);
    }
}

/* Fills t->last. Schedules are read before manifests: see watch_crons. */
static bool watch(struct ticker *t, int64_t *ret_now_ms, struct err *e)
{
    auto_reply *stored = kv_cmd(t->kv, e, "HGETALL %s:schedules", t->prefix);
    if (stored == NULL)
        return false;
    auto_reply *functions = kv_cmd(t->kv, e, "HGETALL %s", KEY_FUNCTIONS);
    if (functions == NULL)
        return false;
    forget_last(t);
    schedules_read(&t->schedules, functions);
    auto_free bool *asked = calloc(t->schedules.len + 1, sizeof(*asked));
    auto_free char(*known)[24] = calloc(t->schedules.len + 1, sizeof(*known));
    if (asked == NULL || known == NULL)
        abort();
    struct kv_args a;
    kv_args_init(&a);
    add_watched(t, stored, &a, asked, known);
    auto_reply *r = kv_script(t->kv, "watch_crons", t->prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    keep_last(t, r, asked);
    *ret_now_ms = strtoll(r->element[0]->str, NULL, 10);
    return true;
}

/* ---- ticks ---- */

/* As JavaScript writes it. */
static void write_time(int64_t ms, char out[TIME_SIZE])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[TIME_SIZE];
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out, TIME_SIZE, "%.24s.%03dZ", text, (int)(ms % 1000));
}

static char *write_data(const struct schedule *s, const struct tick *tick)
{
    char scheduled[TIME_SIZE], fire[TIME_SIZE];
    write_time(tick->ms, scheduled);
    write_time(tick->due_ms, fire);
    auto_json *j =
        js_pack("{s:s, s:s, s:s}", "cron", s->text, "scheduledAt", scheduled, "fireAt", fire);
    return js_dump(j, NULL);
}

/* Room for what the arguments of one call borrow. */
struct words {
    char id[ID_SIZE];
    char reason[96];
    char *data;
};

static void add_tick(struct kv_args *a, const struct schedule *s, const struct tick *tick,
                     struct words *w)
{
    id_derive(tick->ms, "cron", s->fn, w->id);
    w->data = write_data(s, tick);
    if (tick->skipped == 1)
        (void)snprintf(w->reason, sizeof(w->reason), "missed: no scheduler was there");
    else if (tick->skipped > 1)
        (void)snprintf(w->reason, sizeof(w->reason),
                       "missed: %lld ticks up to this one; no scheduler was there", tick->skipped);
    kv_addi(a, tick->ms);
    kv_adds(a, w->id);
    kv_adds(a, w->data);
    kv_adds(a, w->reason);
}

enum tick_code { TICK_SENT, TICK_OTHERS, TICK_EARLY, TICK_FENCED };

static bool send_plan(struct ticker *t, const struct schedule *s, const char *last,
                      const struct tick_plan *plan, const char *name, enum tick_code *ret_code,
                      struct err *e)
{
    auto_free struct words *words = calloc(plan->len, sizeof(*words));
    if (words == NULL)
        abort();
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, name);
    kv_adds(&a, s->fn);
    kv_adds(&a, last);
    for (size_t i = 0; i < plan->len; i++)
        add_tick(&a, s, &plan->ticks[i], &words[i]);
    auto_reply *r = kv_script(t->kv, "tick_cron", t->prefix, &a, e);
    kv_args_release(&a);
    for (size_t i = 0; i < plan->len; i++)
        free(words[i].data);
    if (r == NULL)
        return false;
    *ret_code = (enum tick_code)kv_int_at(r, 0, TICK_OTHERS);
    return true;
}

static void tell_missed(const struct schedule *s, const struct tick_plan *plan)
{
    char missed[24];
    if (plan->missed == 0)
        return;
    (void)snprintf(missed, sizeof(missed), "%lld", plan->missed);
    log_warn("ticks were missed, as no scheduler was there", "fn", s->fn, "ticks", missed, LOG_END);
}

/* The last tick lies ahead when the clock was set back; until it has come nothing fires twice. */
static void tell_future(struct ticker *t, const struct schedule *s, int64_t last_ms, int64_t now_ms)
{
    if (last_ms - now_ms < FAR_MS || t->told_future)
        return;
    t->told_future = true;
    log_warn("redis' clock was set back: a schedule waits until its last tick has come again; "
             "HDEL {c0}:cron makes it start from now",
             "fn", s->fn, LOG_END);
}

/* Every scheduler shows where schedules stand; who has sent a tick counts it. */
static void measure_schedule(const struct schedule *s, int64_t last_ms, int64_t now_ms,
                             int64_t wait_ms)
{
    metric_show(METRIC_CRON_TICKS, s->fn, "missed");
    metric_show(METRIC_CRON_LATENESS, s->fn);
    metric_set(METRIC_CRON_LAST, (double)last_ms / 1000, s->fn);
    if (wait_ms >= 0)
        metric_set(METRIC_CRON_NEXT, (double)(now_ms + wait_ms) / 1000, s->fn);
}

static void measure_sent(const struct schedule *s, const struct tick_plan *plan, int64_t now_ms)
{
    for (size_t i = 0; i < plan->len; i++) {
        const struct tick *tick = &plan->ticks[i];
        if (tick->skipped > 0) {
            metric_add(METRIC_CRON_TICKS, (double)tick->skipped, s->fn, "missed");
        } else {
            metric_add(METRIC_CRON_TICKS, 1, s->fn, "sent");
            metric_observe(METRIC_CRON_LATENESS, (double)(now_ms - tick->due_ms) / 1000, s->fn);
        }
    }
}

/* *ret_wait_ms is lowered to when this function has to be looked at next. */
static bool fire(struct ticker *t, size_t i, int64_t now_ms, int64_t *ret_wait_ms, struct err *e)
{
    const struct schedule *s = &t->schedules.items[i];
    const struct tick_rule rule = {.fn = s->fn,
                                   .cron = &s->cron,
                                   .jitter_ms = s->jitter_ms,
                                   .missed = s->missed,
                                   .grace_ms = t->conf->cron_grace_ms};
    int64_t last_ms = strtoll(t->last[i], NULL, 10);
    struct tick_plan plan;
    tell_future(t, s, last_ms, now_ms);
    tick_plan_make(&plan, &rule, last_ms, now_ms);
    int64_t wait_ms = plan.wait_ms;
    if (plan.len > 0) {
        char name[IDENTITY_SIZE];
        enum tick_code code;
        identity_name(t->identity, name);
        if (!send_plan(t, s, t->last[i], &plan, name, &code, e))
            return false;
        if (code == TICK_FENCED)
            return identity_renew(t->identity, name, t->kv, e) &&
                   err_set(e, ERR_STALE, "this scheduler was silent for too long");
        if (code == TICK_SENT) {
            tell_missed(s, &plan);
            measure_sent(s, &plan, now_ms);
            last_ms = plan.ticks[plan.len - 1].ms;
        } else {
            wait_ms = code == TICK_EARLY ? 1 : 0;
        }
    }
    measure_schedule(s, last_ms, now_ms, wait_ms);
    if (wait_ms >= 0 && wait_ms < *ret_wait_ms)
        *ret_wait_ms = wait_ms;
    return true;
}

static bool one_turn(struct ticker *t, int64_t *ret_wait_ms, struct err *e)
{
    int64_t now_ms;
    if (!watch(t, &now_ms, e))
        return false;
    int64_t read_ms = mono_ms();
    for (size_t i = 0; i < t->schedules.len && !atomic_load(t->stopping); i++) {
        if (t->last[i] != NULL && !fire(t, i, now_ms + (mono_ms() - read_ms), ret_wait_ms, e))
            return false;
    }
    metric_drop_stale(METRIC_CRON_LAST);
    metric_drop_stale(METRIC_CRON_NEXT);
    return true;
}

/* ---- the thread ---- */

static void *tick_loop(void *arg)
{
    struct ticker *t = arg;
    bool failing = false;
    while (!atomic_load(t->stopping)) {
        struct err e;
        int64_t wait_ms = LONGEST_MS;
        bool ok = one_turn(t, &wait_ms, &e);
        if (!ok && !failing)
            log_warn("schedules cannot be kept yet", "error", e.msg, LOG_END);
        failing = !ok;
        int64_t next = mono_ms() + (ok ? wait_ms : RETRY_MS);
        for (int64_t left; (left = next - mono_ms()) > 0 && !atomic_load(t->stopping);)
            sleep_ms(left < NAP_MS ? left : NAP_MS);
    }
    return NULL;
}

struct ticker *ticker_start(const struct conf *c, struct identity *identity,
                            const atomic_bool *stopping, struct err *e)
{
    struct ticker *t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    t->conf = c;
    t->identity = identity;
    t->stopping = stopping;
    key_prefix(0, t->prefix);
    t->kv = kv_new(c->redis_url, e);
    if (t->kv == NULL) {
        free(t);
        return NULL;
    }
    t->db = db_new(c->database_url, "chronos-ticks");
    if (pthread_create(&t->thread, NULL, tick_loop, t) != 0)
        abort(); /* at start */
    return t;
}

void ticker_stop(struct ticker *t)
{
    db_cancel(t->db);
    (void)pthread_join(t->thread, NULL);
    forget_last(t);
    schedules_release(&t->schedules);
    db_free(t->db);
    kv_free(t->kv);
    free(t);
}
