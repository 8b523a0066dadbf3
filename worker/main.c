/* main.c: chronos-worker. Starts what executes before what takes work, and stops in the order that loses nothing: first
 * the claimer, then the threads, then the committer, last the heartbeat. */
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "clock.h"
#include "committer.h"
#include "daemon.h"
#include "hash_embedder.h"
#include "heartbeat.h"
#include "http.h"
#include "id.h"
#include "inhand.h"
#include "key.h"
#include "kv.h"
#include "lease_watch.h"
#include "log.h"
#include "manifest.h"
#include "pool.h"
#include "provider.h"
#include "registry.h"
#include "workdir.h"

static const char summary[] =
    "chronos-worker: takes runs that may run now, executes their steps and commits the outcomes.\n"
    "Any number of workers may run. SIGTERM drains: running steps are finished within the grace,\n"
    "the rest is given back. `chronos-worker --embed TEXT` prints the vector of a text for a "
    "search.";

enum { WATCH_MS = 100, LAST_COMMITS_MS = 5000 };

static atomic_bool stopping, abort_steps;

/* A clean leave: no consumer of ours stays behind unless it still holds something. */
static void drop_consumers(const struct conf *c, const char *worker_id)
{
    struct err e;
    struct kv *kv = kv_new(c->redis_url, &e);
    for (int p = 0; p < c->partitions; p++) {
        char prefix[PREFIX_SIZE], stream[KEY_SIZE];
        key_prefix(p, prefix);
        for (size_t f = 0; f < registry_count(); f++) {
            struct kv_args a;
            kv_args_init(&a);
            kv_adds(&a, GROUP_WORKERS);
            kv_adds(&a, worker_id);
            key3(stream, prefix, "ready", registry_at(f)->id);
            redisReply *r = kv_script(kv, "drop_consumer", stream, &a, &e);
            kv_cleanup_reply(&r);
            kv_args_release(&a);
        }
    }
    kv_free(kv);
}

static bool is_limit(const char *name)
{
    char setting[LIMIT_NAME_SIZE];
    for (size_t f = 0; f < registry_count(); f++) {
        const struct function *fn = registry_at(f);
        for (int i = 0; i < function_limit_count(fn); i++) {
            function_limit_setting(fn, i, setting);
            if (strcmp(setting, name) == 0)
                return true;
        }
    }
    return false;
}

/* A misspelt limit would otherwise be obeyed by nobody and noticed by nobody. */
static void warn_of_unknown_limits(const char *limits)
{
    for (const char *p = limits; *p != '\0';) {
        size_t len = strcspn(p, "=");
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, p);
        if (!is_limit(name))
            log_warn("CHRONOS_LIMITS names a limit that no function here has", "name", name,
                     LOG_END);
        p += strcspn(p, ",");
        if (*p == ',')
            p++;
    }
}

/* The one before it that has the same id, NULL when there is none. */
static const struct function *namesake(size_t at)
{
    for (size_t f = 0; f < at; f++) {
        if (strcmp(registry_at(f)->id, registry_at(at)->id) == 0)
            return registry_at(f);
    }
    return NULL;
}

/* All of them, so that an author sees every mistake at once. */
static bool check_functions(void)
{
    bool ok = true;
    for (size_t f = 0; f < registry_count(); f++) {
        struct err e;
        bool fine = manifest_check(registry_at(f), &e);
        if (fine && namesake(f) != NULL)
            fine = err_set(&e, ERR_BUG, "function %s: another file has the same id",
                           registry_at(f)->id);
        if (fine)
            continue;
        log_error("a function's definition is wrong", "error", e.msg, LOG_END);
        ok = false;
    }
    return ok;
}

static void trust_bases(const struct services *s)
{
    const char *const bases[] = {s->youtube_url, s->loom_url,       s->mux_url,  s->mux_stream_url,
                                 s->storage_url, s->transcribe_url, s->embed_url};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        if (*bases[i] != '\0')
            http_trust_base(bases[i]);
    }
}

/* Prints the vector of a text as Postgres takes it; the same embedder as the chunks'. */
static int print_embedding(const struct conf *c, const char *text)
{
    static float v[EMBED_DIMENSIONS];
    struct err e;
    long tokens;
    double cost;
    char model[128];
    struct http *http = http_new();
    bool ok =
        embed_texts(http, &c->services, &text, 1, v, &tokens, &cost, model, sizeof(model), &e);
    http_free(http);
    if (!ok) {
        (void)fprintf(stderr, "chronos-worker: %s\n", e.msg);
        return 1;
    }
    for (int i = 0; i < EMBED_DIMENSIONS; i++)
        (void)printf("%c%.9g", i == 0 ? '[' : ',', (double)v[i]);
    (void)printf("]\n");
    return 0;
}

/* What main watches over all the time; it never waits for Redis. */
static void watch(struct heartbeat *heartbeat, struct pool *pool)
{
    heartbeat_watch(heartbeat);
    pool_hurry(pool);
}

/* Steps have been told to end: for those that wait for Postgres again and again. */
static bool wait_for_last(struct pool *pool)
{
    int64_t until = mono_ms() + LAST_COMMITS_MS;
    bool idle;
    while (!(idle = pool_wait_idle(pool, WATCH_MS)) && mono_ms() < until)
        pool_hurry(pool);
    return idle;
}

static void drain(const struct conf *c, struct claimer *claimer, struct pool *pool,
                  struct committer *committer, struct heartbeat *heartbeat,
                  struct lease_watch *lease_watch)
{
    log_info("draining", LOG_END);
    atomic_store(&stopping, true);
    int64_t until = mono_ms() + c->drain_ms;
    claimer_stop(claimer);
    pool_give_back_queued(pool); /* not to wait behind a step that may not listen */
    while (!pool_wait_idle(pool, WATCH_MS) && mono_ms() < until) {
        watch(heartbeat, pool);
        int sig = daemon_wait_signal(1);
        if (sig == SIGTERM || sig == SIGINT)
            break; /* asked twice: no more grace */
    }
    atomic_store(&abort_steps, true);
    bool idle = wait_for_last(pool);
    lease_watch_stop(lease_watch);
    if (idle)
        pool_stop(pool);
    else
        log_warn("some steps did not end in time; their runs are handed on when the lease runs out",
                 LOG_END);
    committer_stop(committer, LAST_COMMITS_MS);
    heartbeat_stop(heartbeat);
    if (idle)
        pool_free(pool);
    log_info("stopped", LOG_END);
    if (!idle)
        _exit(
            0); /* threads that do not listen are still running; nothing of theirs can be committed any more */
}

int main(int argc, char **argv)
{
    static struct conf c; /* strings in it live as long as the process */
    struct err e;
    if (argc == 3 && strcmp(argv[1], "--embed") == 0) {
        log_init("chronos-worker", LOG_ERROR);
        if (!conf_load(&c, CONF_WORKER, &e)) {
            (void)fprintf(stderr, "chronos-worker: %s\n", e.msg);
            return 2;
        }
        trust_bases(&c.services);
        return print_embedding(&c, argv[2]);
    }
    daemon_init(&c, CONF_WORKER, "chronos-worker", summary, argc, argv);
    daemon_block_signals();
    trust_bases(&c.services);
    if (!check_functions())
        return 2;
    warn_of_unknown_limits(c.limits);
    if (strcmp(c.services.embedder, "embedded") == 0)
        log_warn("no key for embeddings: the embedded embedder is used, which is for development",
                 "model", HASH_EMBEDDER_MODEL, LOG_END);
    if (!daemon_wait_for_stores(&c, false))
        return 1;

    int swept = workdir_sweep(c.work_dir);
    if (swept > 0)
        log_info("work folders of workers that were killed are removed", LOG_END);

    static char worker_id[128];
    id_process(worker_id, sizeof(worker_id));
    struct inhand *inhand = inhand_new();
    struct committer *committer = committer_start(&c, worker_id, inhand, &e);
    struct breakers *breakers =
        committer != NULL ? breakers_new(c.redis_url, worker_id, c.service_wait_ms > 0, &e) : NULL;
    struct pool *pool =
        breakers != NULL ? pool_start(&c, committer, worker_id, breakers, &stopping, &abort_steps)
                         : NULL;
    struct heartbeat *heartbeat =
        pool != NULL ? heartbeat_start(&c, worker_id, pool, &abort_steps, &e) : NULL;
    struct lease_watch *lease_watch =
        heartbeat != NULL ? lease_watch_start(&c, worker_id, pool, &e) : NULL;
    struct claimer *claimer = lease_watch != NULL ? claimer_start(&c, pool, worker_id, inhand,
                                                                  &stopping, &abort_steps, &e)
                                                  : NULL;
    if (claimer == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        _exit(1); /* threads that were started are still running */
    }
    log_info("ready", "worker", worker_id, LOG_END);

    for (;;) {
        int sig = daemon_wait_signal(WATCH_MS);
        watch(heartbeat, pool);
        if (sig == SIGTERM || sig == SIGINT)
            break;
    }
    drain(&c, claimer, pool, committer, heartbeat, lease_watch);
    drop_consumers(&c, worker_id);
    breakers_free(breakers);
    inhand_free(inhand);
    return 0;
}
