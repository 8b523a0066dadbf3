#include "audit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"
#include "scan.h"
#include "tally.h"

enum {
    KEYS_AT_ONCE = 200, /* looked at, of any name */
    HOLDERS_AT_ONCE = 100,
    LONGEST_NAP_MS = 1000,
    NAP_MS = 50,
    RETRY_MS = 1000,
};

#define KEY_AUDITOR "chronos:auditor"

/* What may be wrong, by the names that scripts and metrics have for it. */
enum { WRONG_SLOT, WRONG_SLOTS, WRONG_RUN, WRONG_KINDS };
static const char *const wrong_names[WRONG_KINDS] = {"slot", "slots", "run"};

struct auditor {
    pthread_t thread;
    const struct conf *conf;
    struct identity *identity;
    const atomic_bool *stopping;
    struct kv *kv;
    struct tally tally;
    long wrong[WRONG_KINDS]; /* in this pass */
};

static void note_wrong(struct auditor *a, int kind)
{
    a->wrong[kind]++;
    metric_add(METRIC_AUDIT_TOTAL, 1, wrong_names[kind]);
}

typedef bool (*page_fn)(struct auditor *a, const redisReply *keys, struct err *e);

/* ---- slots ---- */

static bool audit_limit(struct auditor *a, const char *prefix, const char *limit, struct err *e)
{
    char cursor[32] = "0";
    do {
        struct kv_args args;
        kv_args_init(&args);
        kv_adds(&args, limit);
        kv_adds(&args, cursor);
        kv_addi(&args, HOLDERS_AT_ONCE);
        auto_reply *r = kv_script(a->kv, "audit_slots", prefix, &args, e);
        kv_args_release(&args);
        if (r == NULL)
            return false;
        for (size_t i = 1; i < r->elements; i++) {
            log_error("a slot was held without a right and was taken back", "limit", limit, "run",
                      r->element[i]->str, LOG_END);
            note_wrong(a, WRONG_SLOT);
        }
        (void)snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
    } while (strcmp(cursor, "0") != 0 && !atomic_load(a->stopping));
    return true;
}

static bool audit_limits(struct auditor *a, const redisReply *keys, struct err *e)
{
    for (size_t i = 0; i < keys->elements && !atomic_load(a->stopping); i++) {
        char prefix[PREFIX_SIZE];
        const char *limit = scan_name(keys->element[i]->str, "slots", prefix);
        if (limit != NULL && !audit_limit(a, prefix, limit, e))
            return false;
    }
    return true;
}

/* ---- runs ---- */

static void tell_runs(struct auditor *a, const redisReply *r)
{
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        bool lost = strcmp(r->element[i + 1]->str, "run") == 0;
        log_error(lost ? "a run was nowhere and waits for its turn again"
                       : "a run went on without its slots; they were taken",
                  "run", r->element[i]->str, LOG_END);
        note_wrong(a, lost ? WRONG_RUN : WRONG_SLOTS);
    }
}

/* Those of one partition in one call. */
static bool audit_runs_of(struct auditor *a, const redisReply *keys, const char *partition,
                          struct err *e)
{
    struct kv_args args;
    kv_args_init(&args);
    for (size_t i = 0; i < keys->elements; i++) {
        char prefix[PREFIX_SIZE];
        const char *run = scan_name(keys->element[i]->str, "run", prefix);
        if (run != NULL && strcmp(prefix, partition) == 0)
            kv_adds(&args, run);
    }
    auto_reply *r = kv_script(a->kv, "audit_run", partition, &args, e);
    if (r != NULL)
        tell_runs(a, r);
    bool ok = r != NULL && (!metrics_are_on() || tally_runs(&a->tally, a->kv, partition, &args, e));
    kv_args_release(&args);
    return ok;
}

static bool is_first_of_partition(const redisReply *keys, size_t at, char prefix[PREFIX_SIZE])
{
    char other[PREFIX_SIZE];
    if (scan_name(keys->element[at]->str, "run", prefix) == NULL)
        return false;
    for (size_t i = 0; i < at; i++) {
        if (scan_name(keys->element[i]->str, "run", other) != NULL && strcmp(other, prefix) == 0)
            return false;
    }
    return true;
}

static bool audit_runs(struct auditor *a, const redisReply *keys, struct err *e)
{
    for (size_t i = 0; i < keys->elements; i++) {
        char prefix[PREFIX_SIZE];
        if (is_first_of_partition(keys, i, prefix) && !audit_runs_of(a, keys, prefix, e))
            return false;
    }
    return true;
}

/* ---- a pass ---- */

static void nap(struct auditor *a, int64_t ms)
{
    int64_t end = mono_ms() + ms;
    for (int64_t left; (left = end - mono_ms()) > 0 && !atomic_load(a->stopping);)
        sleep_ms(left < NAP_MS ? left : NAP_MS);
}

static bool walk(struct auditor *a, const char *pattern, page_fn audit, int64_t nap_ms,
                 struct err *e)
{
    struct scan scan;
    scan_init(&scan);
    while (!scan.done && !atomic_load(a->stopping)) {
        auto_reply *keys = scan_next(&scan, a->kv, pattern, KEYS_AT_ONCE, e);
        if (keys == NULL || !audit(a, keys, e))
            return false;
        nap(a, nap_ms);
    }
    return true;
}

static bool publish(struct auditor *a, struct err *e)
{
    if (!metrics_are_on() || atomic_load(a->stopping))
        return true;
    for (int i = 0; i < WRONG_KINDS; i++)
        metric_set(METRIC_AUDIT_NOW, (double)a->wrong[i], wrong_names[i]);
    metric_set(METRIC_AUDIT_LAST, (double)wall_ms() / 1000);
    return tally_publish(&a->tally, a->kv, e);
}

static bool pass(struct auditor *a, struct err *e)
{
    long long keys;
    if (!scan_size(a->kv, &keys, e))
        return false;
    int64_t nap_ms = a->conf->audit_ms / (2 * (keys / KEYS_AT_ONCE + 1));
    if (nap_ms > LONGEST_NAP_MS)
        nap_ms = LONGEST_NAP_MS;
    memset(a->wrong, 0, sizeof(a->wrong));
    tally_clear(&a->tally);
    return walk(a, "{c*}:slots:*", audit_limits, nap_ms, e) &&
           walk(a, "{c*}:run:*", audit_runs, nap_ms, e) && publish(a, e);
}

/* One scheduler in each period. */
static bool is_my_turn(struct auditor *a, bool *ret_mine, struct err *e)
{
    char name[IDENTITY_SIZE];
    identity_name(a->identity, name);
    auto_reply *r = kv_cmd(a->kv, e, "SET %s %s NX PX %ld", KEY_AUDITOR, name, a->conf->audit_ms);
    if (r == NULL)
        return false;
    *ret_mine = r->type != REDIS_REPLY_NIL;
    return true;
}

static void *audit_loop(void *arg)
{
    struct auditor *a = arg;
    bool failing = false;
    while (!atomic_load(a->stopping)) {
        struct err e;
        bool mine = false, ok = is_my_turn(a, &mine, &e) && (!mine || pass(a, &e));
        if (!ok && !failing)
            log_warn("redis cannot be audited yet", "error", e.msg, LOG_END);
        failing = !ok;
        tally_expire(&a->tally, 3 * a->conf->audit_ms);
        nap(a, ok ? (a->conf->audit_ms < RETRY_MS ? a->conf->audit_ms : RETRY_MS) : RETRY_MS);
    }
    return NULL;
}

struct auditor *auditor_start(const struct conf *c, struct identity *identity,
                              const atomic_bool *stopping, struct err *e)
{
    struct auditor *a = calloc(1, sizeof(*a));
    if (a == NULL)
        abort();
    a->conf = c;
    a->identity = identity;
    a->stopping = stopping;
    tally_init(&a->tally);
    for (int i = 0; i < WRONG_KINDS; i++)
        metric_show(METRIC_AUDIT_TOTAL, wrong_names[i]);
    a->kv = kv_new(c->redis_url, e);
    if (a->kv == NULL) {
        tally_release(&a->tally);
        free(a);
        return NULL;
    }
    if (pthread_create(&a->thread, NULL, audit_loop, a) != 0)
        abort(); /* at start */
    return a;
}

void auditor_stop(struct auditor *a)
{
    (void)pthread_join(a->thread, NULL);
    tally_release(&a->tally);
    kv_free(a->kv);
    free(a);
}
