#include "claim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "publish.h"
#include "registry.h"

enum {
    BLOCK_MS = 1000,
    WAIT_FREE_MS = 100,
    RETRY_MS = 200,
    MOST = 128, /* runs in one call */
};

struct claimer {
    pthread_t thread;
    const struct conf *conf;
    struct pool *pool;
    const char *worker_id;
    const atomic_bool *stopping, *abort;
    struct inhand *inhand;
    struct kv *kv;
    bool unsure; /* a call failed after it may have been applied */
    size_t turn; /* which function is looked at first: they take turns */
};

/* An entry without a run (deleted by hand) is removed, or it would be handed out again after every restart. When it is not
 * ours any more, we were frozen while others finished the run, and nothing is wrong. */
static void drop_orphan(struct claimer *c, const char *prefix, const char *fn, const char *entry)
{
    char stream[KEY_SIZE];
    struct err e;
    key3(stream, prefix, "ready", fn);
    auto_reply *pending = kv_cmd(c->kv, &e, "XPENDING %s %s %s %s 1 %s", stream, GROUP_WORKERS,
                                 entry, entry, c->worker_id);
    if (pending == NULL)
        c->unsure = true; /* it is looked at again */
    if (pending == NULL || pending->elements == 0)
        return;
    log_error("a ready entry has no run; it is removed", "fn", fn, "entry", entry, LOG_END);
    redisReply *r = kv_cmd(c->kv, &e, "XACK %s %s %s", stream, GROUP_WORKERS, entry);
    kv_cleanup_reply(&r);
    r = kv_cmd(c->kv, &e, "XDEL %s %s", stream, entry);
    kv_cleanup_reply(&r);
}

/* ---- what Redis answers is looked at before it is believed ---- */

static bool is_list(const redisReply *r, size_t least)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements >= least;
}

static bool is_text(const redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_STRING;
}

static bool strange(const char *command, struct err *e)
{
    return err_set(e, ERR_REDIS, "%s answered something else than it should", command);
}

/* [stream, [[entry, fields]…]] */
static bool is_stream(const redisReply *r)
{
    return is_list(r, 2) && is_text(r->element[0]) && is_list(r->element[1], 0);
}

/* [entry, fields]; the fields are nil when the entry was deleted. */
static bool is_entry(const redisReply *r)
{
    return is_list(r, 2) && is_text(r->element[0]);
}

/* [function, entry, run, hash, input, steps] */
static bool is_claimed(const redisReply *r, size_t functions)
{
    return is_list(r, 6) && r->element[0]->type == REDIS_REPLY_INTEGER &&
           r->element[0]->integer >= 0 && (size_t)r->element[0]->integer < functions &&
           is_text(r->element[1]);
}

static void add_run(struct claimer *c, struct run *run)
{
    inhand_add(c->inhand, run->fn->id, run->entry);
    pool_add(c->pool, run);
}

/* Claims up to `most` runs of one partition. Returns how many, -1 on failure. */
static int claim_partition(struct claimer *c, int partition, int most, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    size_t functions = registry_count(), first = c->turn++ % functions;
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, c->worker_id);
    kv_addi(&a, most);
    for (size_t i = 0; i < functions; i++)
        kv_adds(&a, registry_at((first + i) % functions)->id);
    auto_reply *r = kv_script(c->kv, "claim", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL || (!is_list(r, 0) && !strange("claim", e)))
        return -1;
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *v = r->element[i];
        if (!is_claimed(v, functions)) {
            (void)strange("claim", e);
            return -1;
        }
        const struct function *fn =
            registry_at((first + (size_t)v->element[0]->integer) % functions);
        const char *entry = v->element[1]->str,
                   *id = is_text(v->element[2]) ? v->element[2]->str : "";
        struct run *run =
            run_from_replies(fn, partition, entry, id, v->element[3], v->element[4], v->element[5]);
        if (run != NULL)
            add_run(c, run);
        else
            drop_orphan(c, prefix, fn->id, entry);
    }
    return (int)r->elements;
}

/* Reads the run of one delivered entry and hands it to the pool. */
static bool load_entry(struct claimer *c, const struct function *fn, int partition,
                       const redisReply *entry, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(partition, prefix);
    const redisReply *fields = entry->element[1];
    const char *ref =
        is_list(fields, 2) && is_text(fields->element[1]) ? fields->element[1]->str : "";
    char id[ID_SIZE] = ""; /* a branch has the input and results of its run */
    int branch;
    (void)run_read_ref(ref, id, &branch);
    if (!kv_pushf(c->kv, e, "HGETALL %s:run:%s", prefix, ref) ||
        !kv_pushf(c->kv, e, "GET %s:input:%s", prefix, id) ||
        !kv_pushf(c->kv, e, "HGETALL %s:steps:%s", prefix, id))
        return false;
    /* All three are taken, also after a refusal: one left behind would be taken for the answer to the next question. */
    auto_reply *hash = kv_pull(c->kv, e);
    auto_reply *input = kv_pull(c->kv, e);
    auto_reply *steps = kv_pull(c->kv, e);
    if (hash == NULL || input == NULL || steps == NULL)
        return false;
    struct run *run =
        run_from_replies(fn, partition, entry->element[0]->str, ref, hash, input, steps);
    if (run != NULL)
        add_run(c, run);
    else
        drop_orphan(c, prefix, fn->id, entry->element[0]->str);
    return true;
}

/* Sleeps in Redis until something is ready anywhere; the entries it brings are claimed already. They may be more than
 * threads are free, one for each function and partition: the pool gives back those it has no thread for. */
static bool wait_for_entries(struct claimer *c, struct err *e)
{
    struct kv_args a;
    char prefix[PREFIX_SIZE], (*streams)[KEY_SIZE];
    size_t functions = registry_count(), n = functions * (size_t)c->conf->partitions;
    streams = calloc(n, sizeof(*streams));
    if (streams == NULL)
        abort();
    kv_args_init(&a);
    kv_adds(&a, "XREADGROUP");
    kv_adds(&a, "GROUP");
    kv_adds(&a, GROUP_WORKERS);
    kv_adds(&a, c->worker_id);
    kv_adds(&a, "COUNT");
    kv_adds(&a, "1");
    kv_adds(&a, "BLOCK");
    kv_addi(&a, BLOCK_MS);
    kv_adds(&a, "STREAMS");
    for (size_t i = 0; i < n; i++) {
        key_prefix((int)(i / functions), prefix);
        kv_adds(&a, key3(streams[i], prefix, "ready", registry_at(i % functions)->id));
    }
    for (size_t i = 0; i < n; i++)
        kv_adds(&a, ">");
    auto_reply *r = kv_call(c->kv, &a, BLOCK_MS, e);
    kv_args_release(&a);
    bool ok = r != NULL;
    for (size_t s = 0; ok && r->type == REDIS_REPLY_ARRAY && s < r->elements; s++) {
        const redisReply *stream = r->element[s];
        size_t at = 0;
        while (is_stream(stream) && at < n && strcmp(streams[at], stream->element[0]->str) != 0)
            at++;
        if (!is_stream(stream) || at == n || !is_list(stream->element[1], 1) ||
            !is_entry(stream->element[1]->element[0]))
            ok = strange("XREADGROUP", e);
        else
            ok = load_entry(c, registry_at(at % functions), (int)(at / functions),
                            stream->element[1]->element[0], e);
    }
    free(streams);
    return ok;
}

/* After a failed call: entries that were delivered while their reply was lost are ours and nobody runs them. What is in
 * hand is looked at before what Redis lists, and only this thread adds to it, so an entry that is listed and was not in
 * hand was lost. false: Redis is still away. */
static bool recover_lost(struct claimer *c, struct err *e)
{
    struct inhand_snapshot *held = inhand_snapshot(c->inhand);
    bool ok = true;
    for (int p = 0; ok && p < c->conf->partitions; p++) {
        char prefix[PREFIX_SIZE], stream[KEY_SIZE];
        key_prefix(p, prefix);
        for (size_t f = 0; ok && f < registry_count(); f++) {
            const struct function *fn = registry_at(f);
            key3(stream, prefix, "ready", fn->id);
            auto_reply *r = kv_cmd(c->kv, e, "XREADGROUP GROUP %s %s COUNT 10000 STREAMS %s 0",
                                   GROUP_WORKERS, c->worker_id, stream);
            ok = r != NULL;
            const redisReply *entries = NULL;
            if (ok && is_list(r, 1))
                ok = is_stream(r->element[0]) || strange("XREADGROUP", e);
            if (ok && is_list(r, 1))
                entries = r->element[0]->element[1];
            for (size_t i = 0; entries != NULL && i < entries->elements; i++) {
                const redisReply *entry = entries->element[i];
                if (!is_entry(entry))
                    ok = strange("XREADGROUP", e);
                else if (!inhand_has(held, fn->id, entry->element[0]->str))
                    ok = load_entry(c, fn, p, entry, e) && ok;
            }
        }
    }
    inhand_snapshot_free(held);
    return ok;
}

static void failed(struct claimer *c, struct err *e)
{
    c->unsure = true;
    if (strstr(e->msg, "NOGROUP") != NULL) {
        struct err again;
        log_warn("redis has lost its data; publishing the functions again", LOG_END);
        if (!publish_functions(c->conf, c->kv, &again))
            log_warn("cannot publish the functions", "error", again.msg, LOG_END);
    } else {
        log_warn("claim failed", "error", e->msg, LOG_END);
    }
    sleep_ms(RETRY_MS);
}

static void *claim_loop(void *arg)
{
    struct claimer *c = arg;
    while (!atomic_load(c->stopping)) {
        struct err e;
        int n = pool_wait_free(c->pool, WAIT_FREE_MS);
        if (n == 0)
            continue;
        if (atomic_load(c->abort)) {
            sleep_ms(RETRY_MS);
            continue;
        }
        if (c->unsure) {
            c->unsure = false;
            if (!recover_lost(c, &e)) {
                failed(c, &e);
                continue;
            }
        }
        int claimed = 0;
        for (int p = 0; p < c->conf->partitions && claimed >= 0 && n > 0; p++) {
            claimed = claim_partition(c, p, n < MOST ? n : MOST, &e);
            n -= claimed > 0 ? claimed : 0;
        }
        if (claimed < 0 || (claimed == 0 && !wait_for_entries(c, &e)))
            failed(c, &e);
    }
    return NULL;
}

struct claimer *claimer_start(const struct conf *conf, struct pool *pool, const char *worker_id,
                              struct inhand *inhand, const atomic_bool *stopping,
                              const atomic_bool *abort_flag, struct err *e)
{
    struct claimer *c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    *c = (struct claimer){.conf = conf,
                          .pool = pool,
                          .worker_id = worker_id,
                          .inhand = inhand,
                          .stopping = stopping,
                          .abort = abort_flag};
    c->kv = kv_new(conf->redis_url, e);
    if (c->kv == NULL || !publish_functions(conf, c->kv, e)) {
        kv_free(c->kv);
        free(c);
        return NULL;
    }
    if (pthread_create(&c->thread, NULL, claim_loop, c) != 0)
        abort(); /* at start: nothing was claimed yet */
    return c;
}

void claimer_stop(struct claimer *c)
{
    (void)pthread_join(c->thread, NULL);
    kv_free(c->kv);
    free(c);
}
