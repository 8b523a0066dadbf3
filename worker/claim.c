#include "claim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ask_order.h"
#include "clock.h"
#include "key.h"
#include "kv.h"
#include "lease.h"
#include "log.h"
#include "publish.h"
#include "reader.h"
#include "registry.h"

enum {
    BLOCK_MS = 1000,
    WATCH_MS = 5000, /* a read that only watches; stopping does not wait for it */
    NEWS_MS = 200,   /* how long it is waited for at once */
    WATCH_COUNT = 256,
    SWEEP_MS = 5000, /* partitions are looked at that often even if nothing was heard of them */
    WAIT_FREE_MS = 100,
    RETRY_MS = 200,
    WARN_MS = 1000,
    MOST = 128, /* runs in one call */
};

/* What is known of a partition. */
struct part {
    bool hot;    /* something may be ready there */
    bool unsure; /* a call failed after it may have been applied */
    int64_t retry_at_ms;
    struct ask_order *order; /* of its functions */
};

struct claimer {
    pthread_t thread;
    const struct conf *conf;
    struct pool *pool;
    const atomic_bool *stopping, *abort;
    struct kv *kv;
    struct leases leases;
    unsigned disturbances; /* kv's, when it was looked at last */
    struct reader *reader; /* with several partitions, else NULL */
    struct part *parts;
    int first; /* the partition that is looked at first: they take turns */
    int64_t swept_ms, warned_ms;
};

/* ---- several partitions: watching without claiming ---- */

/* One read cannot claim from several partitions, as they may be on several servers, and reads side by side would claim more
 * than there are free threads. So their ready streams are only watched, and claimed from when there is news.
 *
 * A stream is watched from the last entry that was seen there. A claim comes after each piece of news, so what is there
 * when a claim finds nothing more was claimed by somebody, and what is added later is beyond what was seen. */
static void watch_streams(struct claimer *c)
{
    c->reader = reader_new(c->kv, WATCH_MS);
    for (int p = 0; p < c->conf->partitions; p++) {
        for (size_t f = 0; f < registry_count(); f++) {
            char prefix[PREFIX_SIZE], stream[KEY_SIZE];
            key_prefix(p, prefix);
            (void)reader_add(c->reader, key3(stream, prefix, "ready", registry_at(f)->id));
        }
    }
}

static void note_news(struct claimer *c, const redisReply *r)
{
    for (size_t i = 0; i < r->elements; i++) {
        int stream = reader_pass(c->reader, r, i);
        if (stream >= 0)
            c->parts[(size_t)stream / registry_count()].hot = true;
    }
}

static void suspect(struct claimer *c, int partition)
{
    c->parts[partition].hot = c->parts[partition].unsure = true;
}

static void warn(struct claimer *c, const struct err *e)
{
    if (mono_ms() - c->warned_ms < WARN_MS)
        return;
    c->warned_ms = mono_ms();
    log_warn("claim failed", "error", e->msg, LOG_END);
}

static void note_failures(struct claimer *c, const struct err *e)
{
    warn(c, e);
    for (int p = 0; p < c->conf->partitions; p++) {
        if (reader_has_failed(c->reader, p * (int)registry_count()))
            suspect(c, p);
    }
}

/* How long there is nothing to claim that is known of. */
static int64_t quiet_ms(const struct claimer *c)
{
    int64_t now = mono_ms(), quiet = NEWS_MS;
    for (int p = 0; p < c->conf->partitions; p++) {
        if (c->parts[p].hot && c->parts[p].retry_at_ms - now < quiet)
            quiet = c->parts[p].retry_at_ms - now;
    }
    return quiet > 0 ? quiet : 0;
}

static void look_for_news(struct claimer *c)
{
    struct err e;
    redisReply *r = NULL;
    int64_t wait = quiet_ms(c);
    do {
        kv_cleanup_reply(&r);
        if (!reader_next(c->reader, WATCH_COUNT, wait, &r, &e))
            note_failures(c, &e);
        if (r != NULL)
            note_news(c, r);
        wait = 0;
    } while (r != NULL);
    if (mono_ms() - c->swept_ms >= SWEEP_MS) {
        c->swept_ms = mono_ms();
        for (int p = 0; p < c->conf->partitions; p++)
            c->parts[p].hot = true;
    }
}

/* ---- the thread ---- */

static void failed(struct claimer *c, int partition, struct err *e)
{
    suspect(c, partition);
    c->parts[partition].retry_at_ms = mono_ms() + RETRY_MS;
    if (e->is_missing) {
        struct err again;
        log_warn("redis has lost its data; publishing the functions again", LOG_END);
        if (!publish_functions(c->conf, c->kv, &again))
            log_warn("cannot publish the functions", "error", again.msg, LOG_END);
    } else {
        warn(c, e);
    }
}

/* Claims up to n runs of a partition that may have some. Returns how many, -1 on failure. */
static int claim_from(struct claimer *c, int partition, int n, struct err *e)
{
    struct part *part = &c->parts[partition];
    int most = n < MOST ? n : MOST;
    if (part->unsure) {
        part->unsure = false;
        if (!lease_recover(&c->leases, partition, e))
            return -1;
    }
    int claimed = lease_claim(&c->leases, partition, part->order, most, e);
    part->hot = claimed == most;
    return claimed;
}

/* Claims up to n runs, from the partitions in turn. true when it is known that nothing more is ready. */
static bool claim_all(struct claimer *c, int n)
{
    int partitions = (int)c->conf->partitions;
    bool quiet = true;
    c->first = (c->first + 1) % partitions;
    for (int i = 0; i < partitions && n > 0; i++) {
        int p = (c->first + i) % partitions;
        struct err e;
        if (!c->parts[p].hot || mono_ms() < c->parts[p].retry_at_ms)
            continue;
        int claimed = claim_from(c, p, n, &e);
        if (claimed < 0)
            failed(c, p, &e);
        quiet = quiet && claimed == 0;
        n -= claimed > 0 ? claimed : 0;
    }
    return quiet;
}

/* After a disturbance something that was believed to be over may be ours again. */
static void note_disturbances(struct claimer *c)
{
    unsigned now = kv_disturbances(c->kv);
    if (now == c->disturbances)
        return;
    c->disturbances = now;
    c->leases.careful = true;
    for (int p = 0; p < c->conf->partitions; p++)
        suspect(c, p);
}

static void one_turn(struct claimer *c, int n)
{
    struct err e;
    note_disturbances(c);
    if (c->reader != NULL) {
        look_for_news(c);
        (void)claim_all(c, n);
        return;
    }
    int64_t pause = c->parts[0].retry_at_ms - mono_ms();
    if (pause > 0)
        sleep_ms(pause);
    c->parts[0].hot = true;
    if (claim_all(c, n) && !lease_wait(&c->leases, 0, BLOCK_MS, &e))
        failed(c, 0, &e);
}

static void *claim_loop(void *arg)
{
    struct claimer *c = arg;
    while (!atomic_load(c->stopping)) {
        int n = pool_wait_free(c->pool, WAIT_FREE_MS);
        if (n == 0)
            continue;
        if (atomic_load(c->abort))
            sleep_ms(RETRY_MS);
        else
            one_turn(c, n);
    }
    return NULL;
}

static void release(struct claimer *c)
{
    reader_free(c->reader);
    kv_free(c->kv);
    for (int p = 0; c->parts != NULL && p < c->conf->partitions; p++)
        ask_order_free(c->parts[p].order);
    free(c->parts);
    free(c);
}

struct claimer *claimer_start(const struct conf *conf, struct pool *pool, const char *worker_id,
                              struct inhand *inhand, const atomic_bool *stopping,
                              const atomic_bool *abort_flag, struct err *e)
{
    struct claimer *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    *c = (struct claimer){.conf = conf, .pool = pool, .stopping = stopping, .abort = abort_flag};
    c->kv = kv_new(conf->redis_url, e);
    if (c->kv == NULL || !publish_functions(conf, c->kv, e)) {
        release(c);
        return NULL;
    }
    c->leases =
        (struct leases){.worker_id = worker_id, .kv = c->kv, .pool = pool, .inhand = inhand};
    c->disturbances = kv_disturbances(c->kv);
    c->parts = calloc((size_t)conf->partitions, sizeof(*c->parts));
    if (c->parts == NULL)
        abort();
    for (int p = 0; p < conf->partitions; p++)
        c->parts[p] = (struct part){.hot = true, .order = ask_order_new(registry_count())};
    if (conf->partitions > 1)
        watch_streams(c);
    if (pthread_create(&c->thread, NULL, claim_loop, c) != 0)
        abort(); /* at start: nothing was claimed yet */
    return c;
}

void claimer_stop(struct claimer *c)
{
    (void)pthread_join(c->thread, NULL);
    release(c);
}
