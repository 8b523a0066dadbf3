#include "duty.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "functions.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"

enum {
    TIMERS_AT_ONCE = 100,
    ENTRIES_AT_ONCE = 100,
    SHORTEST_MS = 1,
};

struct duties {
    pthread_t thread;
    const struct conf *conf;
    const atomic_bool *stopping;
    struct kv *kv;
};

typedef bool (*duty_fn)(struct duties *d, int64_t *ret_soon_ms, struct err *e);

/* ---- timers ---- */

static bool fire_timers_of(struct duties *d, int partition, int64_t *ret_soon_ms, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_addi(&a, TIMERS_AT_ONCE);
    auto_reply *r = kv_script(d->kv, "fire_timers", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    long long wait = kv_int_at(r, 2, -1);
    if (wait >= 0 && wait < *ret_soon_ms)
        *ret_soon_ms = wait > SHORTEST_MS ? wait : SHORTEST_MS;
    return true;
}

/* *ret_soon_ms: the next timer is due by then. A partition that cannot be reached holds up none of the others. */
static bool fire_timers(struct duties *d, int64_t *ret_soon_ms, struct err *e)
{
    bool ok = true;
    for (int p = 0; p < d->conf->partitions; p++) {
        struct err later;
        ok = fire_timers_of(d, p, ret_soon_ms, ok ? e : &later) && ok;
    }
    return ok;
}

/* ---- workers that died ---- */

static bool reap(struct duties *d, const char *prefix, const char *fn, const char *worker,
                 struct err *e)
{
    long long moved = 0;
    bool left = true;
    while (left && !atomic_load(d->stopping)) {
        struct kv_args a;
        kv_args_init(&a);
        kv_adds(&a, fn);
        kv_adds(&a, worker);
        kv_addi(&a, ENTRIES_AT_ONCE);
        auto_reply *r = kv_script(d->kv, "reap_worker", prefix, &a, e);
        kv_args_release(&a);
        if (r == NULL)
            return e->is_missing;
        moved += kv_int_at(r, 0, 0);
        metric_add(METRIC_LEASES_EXPIRED, (double)kv_int_at(r, 0, 0), fn);
        left = kv_int_at(r, 1, 0) != 0;
    }
    if (moved > 0) {
        char count[24];
        (void)snprintf(count, sizeof(count), "%lld", moved);
        log_warn("a worker died; its runs were handed on", "worker", worker, "fn", fn, "runs",
                 count, LOG_END);
    }
    return true;
}

static bool reap_stream(struct duties *d, const char *prefix, const char *fn, struct err *e)
{
    char stream[KEY_SIZE], key[KEY_SIZE];
    key3(stream, prefix, "ready", fn);
    auto_reply *consumers = kv_cmd(d->kv, e, "XINFO CONSUMERS %s %s", stream, GROUP_WORKERS);
    if (consumers == NULL && kv_is_refusal(e)) {
        log_warn("a ready stream cannot be read", "fn", fn, "error", e->msg, LOG_END);
        return true;
    }
    if (consumers == NULL) /* no such stream or group yet: nobody works on this function */
        return e->is_missing;
    for (size_t i = 0; i < consumers->elements; i++) {
        const redisReply *name = kv_field(consumers->element[i], "name");
        if (name == NULL)
            continue;
        auto_reply *alive = kv_cmd(d->kv, e, "EXISTS %s", key_worker(key, name->str));
        if (alive == NULL)
            return false;
        /* asked again, since the heartbeat may have been looked for on a server that was promoted just now */
        if (alive->integer == 0 && kv_may_judge(d->kv, d->conf->lease_ms) &&
            !reap(d, prefix, fn, name->str, e))
            return false;
    }
    return true;
}

static bool reap_partition(struct duties *d, int partition, const redisReply *functions,
                           struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    for (size_t f = 0; f < functions->elements && !atomic_load(d->stopping); f++) {
        if (!reap_stream(d, prefix, functions->element[f]->str, e))
            return false;
    }
    return true;
}

/* Everybody's heartbeat runs out while Redis is away: after a pause the workers get the time to come back first. */
static bool reap_workers(struct duties *d, int64_t *ret_soon_ms, struct err *e)
{
    (void)ret_soon_ms;
    if (!kv_ping(d->kv, e))
        return false;
    if (!kv_may_judge(d->kv, d->conf->lease_ms))
        return true;
    auto_reply *functions = kv_cmd(d->kv, e, "HKEYS %s", KEY_FUNCTIONS);
    if (functions == NULL)
        return false;
    bool ok = true;
    for (int p = 0; p < d->conf->partitions; p++) {
        struct err later; /* the others may be on another server */
        ok = reap_partition(d, p, functions, ok ? e : &later) && ok;
    }
    return ok;
}

static const struct {
    const char *name;
    int64_t period_ms;
    duty_fn run;
} duties[] = {
    {"fire timers", 20, fire_timers},
    {"reap workers", 500, reap_workers},
};

static void *duty_loop(void *arg)
{
    struct duties *d = arg;
    int64_t due[ARRAY_LEN(duties)] = {0};
    bool failing[ARRAY_LEN(duties)] = {false};
    while (!atomic_load(d->stopping)) {
        int64_t next = mono_ms() + 1000;
        for (size_t i = 0; i < ARRAY_LEN(duties); i++) {
            if (mono_ms() >= due[i]) {
                struct err e;
                int64_t soon = duties[i].period_ms;
                bool ok = duties[i].run(d, &soon, &e);
                if (!ok && !failing[i])
                    log_warn("duty failed and will be tried again", "duty", duties[i].name, "error",
                             e.msg, LOG_END);
                failing[i] = !ok;
                due[i] = mono_ms() + (ok ? soon : 200);
            }
            if (due[i] < next)
                next = due[i];
        }
        sleep_ms(next - mono_ms());
    }
    return NULL;
}

struct duties *duties_start(const struct conf *c, const atomic_bool *stopping, struct err *e)
{
    struct duties *d = calloc(1, sizeof(*d));
    if (d == NULL)
        abort();
    d->conf = c;
    d->stopping = stopping;
    d->kv = kv_new(c->redis_url, e);
    if (d->kv == NULL) {
        free(d);
        return NULL;
    }
    if (pthread_create(&d->thread, NULL, duty_loop, d) != 0)
        abort(); /* at start */
    return d;
}

void duties_stop(struct duties *d)
{
    (void)pthread_join(d->thread, NULL);
    kv_free(d->kv);
    free(d);
}
