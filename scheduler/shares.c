#include "shares.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "log.h"
#include "shared_limits.h"

enum {
    BUSY_MS = 100,
    IDLE_MS = 500, /* unless somebody starves */
    RETRY_MS = 200,
    REFRESH_MS = 1000,
    NAP_MS = 20,
    LEAD_MS = 2000, /* the place is free when its holder has said nothing for so long */
    NAMES_AT_ONCE = 100,
    QUEUES_COUNTED = 1000,
};

#define KEY_LEADER "chronos:sharer"

struct sharer {
    pthread_t thread;
    const struct conf *conf;
    struct identity *identity;
    const atomic_bool *stopping;
    struct kv *kv;
    struct shared_limits limits;
    int64_t refreshed_ms; /* monotonic; 0 = not yet */
    bool starving;        /* limits turned up that are not looked at yet */
    bool busy;
};

/* ---- who does it ---- */

/* A second one for a moment does no harm, so this need not be watertight. */
static bool take_the_lead(struct sharer *s, bool *ret_leads, struct err *e)
{
    char name[IDENTITY_SIZE];
    identity_name(s->identity, name);
    auto_reply *first = kv_cmd(s->kv, e, "SET %s %s NX GET PX %d", KEY_LEADER, name, LEAD_MS);
    if (first == NULL)
        return false;
    *ret_leads = first->type == REDIS_REPLY_NIL || strcmp(first->str, name) == 0;
    if (!*ret_leads || first->type == REDIS_REPLY_NIL)
        return true;
    auto_reply *again = kv_cmd(s->kv, e, "SET %s %s XX PX %d", KEY_LEADER, name, LEAD_MS);
    return again != NULL;
}

static bool anybody_starves(struct sharer *s, bool *ret_any, struct err *e)
{
    bool ok = true;
    *ret_any = false;
    for (int p = 0; p < s->conf->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        if (!kv_pushf(s->kv, e, "EXISTS %s:starved", prefix))
            return false;
    }
    for (int p = 0; p < s->conf->partitions; p++) {
        struct err later;
        auto_reply *r = kv_pull(s->kv, ok ? e : &later);
        ok = ok && r != NULL;
        *ret_any = *ret_any || (r != NULL && r->integer != 0);
    }
    return ok;
}

/* ---- a turn ---- */

static void take_demand(struct share_demand *d, int64_t read_ms, const redisReply *r)
{
    d->read_ms = read_ms;
    d->max = (long)kv_int_at(r, 0, 0);
    d->version = strtoll(r->element[1]->str, NULL, 10);
    d->holders = (long)kv_int_at(r, 2, 0);
    d->waiting = (long)kv_int_at(r, 3, 0);
}

/* One partition, `n` limits from `first` on: demands[limit][partition]. Names that starve are added to the limits, behind those
 * that are being asked about. */
static bool ask_partition(struct sharer *s, int partition, size_t first, size_t n,
                          struct share_demand *demands, struct err *e)
{
    int partitions = (int)s->conf->partitions;
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    key_prefix(partition, prefix);
    kv_args_init(&a);
    kv_addi(&a, NAMES_AT_ONCE);
    kv_addi(&a, QUEUES_COUNTED);
    for (size_t i = 0; i < n; i++)
        kv_adds(&a, s->limits.items[first + i].name);
    auto_reply *r = kv_script(s->kv, "read_demand", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    if (r->elements != n + 2)
        return err_set(e, ERR_BUG, "read_demand answered for other limits");
    for (size_t i = 0; i < n; i++)
        take_demand(&demands[i * (size_t)partitions + (size_t)partition],
                    strtoll(r->element[0]->str, NULL, 10), r->element[2 + i]);
    size_t before = s->limits.len;
    for (size_t i = 0; i < r->element[1]->elements; i++)
        (void)shared_limits_add(&s->limits, r->element[1]->element[i]->str);
    s->starving = s->starving || s->limits.len > before;
    return true;
}

/* Where there are fewer slots than partitions that need one, each is first for a second. */
static unsigned turn_at(const struct share_demand *d)
{
    return (unsigned)(d->read_ms / 1000);
}

static bool balance_some(struct sharer *s, size_t first, size_t n, bool *over, struct err *e)
{
    int partitions = (int)s->conf->partitions;
    auto_free struct share_demand *demands = calloc(n * (size_t)partitions + 1, sizeof(*demands));
    if (demands == NULL)
        abort();
    for (int p = 0; p < partitions; p++) {
        if (!ask_partition(s, p, first, n, demands, e))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        enum share_state state;
        const struct share_demand *mine = &demands[i * (size_t)partitions];
        if (!shared_limits_note(&s->limits, s->kv, first + i, e) ||
            !share_round(s->kv, &s->limits.items[first + i], mine, partitions, turn_at(mine),
                         &state, e))
            return false;
        s->busy = s->busy || state == SHARE_BUSY;
        over[i] = state == SHARE_OVER;
    }
    return true;
}

/* Those that are over go when all were looked at, from the last on, as others take their places. */
static bool balance_all(struct sharer *s, struct err *e)
{
    size_t len = s->limits.len, first = 0;
    auto_free bool *over = calloc(len + 1, sizeof(*over));
    if (over == NULL)
        abort();
    s->busy = s->starving = false;
    for (; first == 0 || first < len;
         first += NAMES_AT_ONCE) { /* once at least: to hear who starves */
        size_t n = len - first < NAMES_AT_ONCE ? len - first : NAMES_AT_ONCE;
        if (!balance_some(s, first, n, over + first, e))
            return false;
    }
    for (size_t i = len; i-- > 0;) {
        if (over[i] && !shared_limits_drop(&s->limits, s->kv, i, e))
            return false;
    }
    return true;
}

static bool one_turn(struct sharer *s, int64_t *balanced_ms, int64_t *ret_wait_ms, struct err *e)
{
    bool leads, starves;
    *ret_wait_ms = IDLE_MS;
    if (!take_the_lead(s, &leads, e))
        return false;
    if (!leads) {
        s->refreshed_ms = 0; /* what is known by then may be old */
        return true;
    }
    *ret_wait_ms = BUSY_MS;
    if (s->refreshed_ms == 0 || mono_ms() - s->refreshed_ms >= REFRESH_MS) {
        if (!shared_limits_refresh(&s->limits, s->kv, e))
            return false;
        s->refreshed_ms = mono_ms();
    }
    if (!anybody_starves(s, &starves, e))
        return false;
    if (!starves && !s->busy && mono_ms() - *balanced_ms < IDLE_MS)
        return true;
    *balanced_ms = mono_ms();
    if (!balance_all(s, e))
        return false;
    if (s->starving) {
        *ret_wait_ms = 0;
        s->refreshed_ms = 0;
    }
    return true;
}

/* ---- the thread ---- */

static void *share_loop(void *arg)
{
    struct sharer *s = arg;
    bool failing = false;
    int64_t balanced_ms = mono_ms() - IDLE_MS;
    while (!atomic_load(s->stopping)) {
        struct err e;
        int64_t wait_ms;
        bool ok = one_turn(s, &balanced_ms, &wait_ms, &e);
        if (!ok && !failing)
            log_warn("shares of limits cannot be moved yet", "error", e.msg, LOG_END);
        failing = !ok;
        int64_t next = mono_ms() + (ok ? wait_ms : RETRY_MS);
        while (mono_ms() < next && !atomic_load(s->stopping))
            sleep_ms(NAP_MS);
    }
    return NULL;
}

struct sharer *sharer_start(const struct conf *c, struct identity *identity,
                            const atomic_bool *stopping, struct err *e)
{
    struct sharer *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->conf = c;
    s->identity = identity;
    s->stopping = stopping;
    s->kv = kv_new(c->redis_url, e);
    if (s->kv == NULL) {
        free(s);
        return NULL;
    }
    if (c->partitions > 1 && pthread_create(&s->thread, NULL, share_loop, s) != 0)
        abort(); /* at start */
    return s;
}

void sharer_stop(struct sharer *s)
{
    if (s->conf->partitions > 1)
        (void)pthread_join(s->thread, NULL);
    shared_limits_release(&s->limits);
    kv_free(s->kv);
    free(s);
}
