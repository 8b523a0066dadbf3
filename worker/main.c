/* main.c: chronos-worker. Starts what executes before what takes work, and stops in the order that loses nothing: first
 * the claimer, then the threads, then the committer, last the heartbeat. */
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "clock.h"
#include "committer.h"
#include "daemon.h"
#include "embed_command.h"
#include "function_check.h"
#include "hash_embedder.h"
#include "heartbeat.h"
#include "http.h"
#include "id.h"
#include "inhand.h"
#include "key.h"
#include "kv.h"
#include "lease_watch.h"
#include "log.h"
#include "measure.h"
#include "metrics_server.h"
#include "pool.h"
#include "registry.h"
#include "spans.h"
#include "workdir.h"
#include "youtube_clients.h"

static const char summary[] =
    "chronos-worker: takes runs that may run now, executes their steps and commits the outcomes.\n"
    "Any number of workers may run. SIGTERM drains: running steps are finished within the grace,\n"
    "the rest is given back. `chronos-worker --embed TEXT` prints the vector of a text for a "
    "search.";

enum { WATCH_MS = 100, LAST_COMMITS_MS = 5000, LAST_SPANS_MS = 2000 };

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

static void trust_bases(const struct services *s)
{
    const char *const bases[] = {s->youtube_url,    s->loom_url, s->mux_url,
                                 s->mux_stream_url, s->whop_url, s->storage_url,
                                 s->transcribe_url, s->embed_url};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        if (*bases[i] != '\0')
            http_trust_base(bases[i]);
    }
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
    metrics_say_ready("it is draining: it finishes what it has begun and takes nothing more");
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
    spans_stop(LAST_SPANS_MS);
    measure_stop();
    heartbeat_stop(heartbeat);
    log_info("stopped", LOG_END);
    if (!idle) {
        /* Threads that do not listen are still running, so what they may touch stays; nothing of theirs can be committed. */
        log_flush(true);
        _exit(0);
    }
    pool_free(pool);
    committer_free(committer);
}

/* ---- the start ---- */

enum { START_RETRY_MS = 500, TELL_AGAIN_MS = 15000 };

struct parts {
    struct inhand *inhand;
    struct committer *committer;
    struct breakers *breakers;
    struct pool *pool;
    struct heartbeat *heartbeat;
    struct lease_watch *lease_watch;
    struct claimer *claimer;
};

/* A Redis that went away or refuses writes at this moment is waited for. false: waiting does not help, or we are to stop. */
static bool may_try_again(const struct err *e, int64_t *told_ms)
{
    if (e->code == ERR_INPUT || e->code == ERR_BUG || e->code == ERR_PERMANENT) {
        log_error("cannot start", "error", e->msg, LOG_END);
        return false;
    }
    if (mono_ms() - *told_ms >= TELL_AGAIN_MS) {
        log_warn("waiting for redis", "error", e->msg, LOG_END);
        *told_ms = mono_ms();
    }
    int sig = daemon_wait_signal(START_RETRY_MS);
    return sig != SIGTERM && sig != SIGINT;
}

/* What begins by writing to Redis comes last and begins again until it can; nothing was claimed before. */
static bool start_parts(struct parts *p, const struct conf *c, const char *worker_id)
{
    struct err e;
    int64_t told_ms = -TELL_AGAIN_MS;
    p->inhand = inhand_new();
    p->committer = committer_start(c, worker_id, p->inhand, &e);
    if (p->committer != NULL)
        p->breakers = breakers_new(c->redis_url, worker_id, c->service_wait_ms > 0, &e);
    if (p->breakers != NULL)
        p->pool = pool_start(c, p->committer, worker_id, p->breakers, &stopping, &abort_steps);
    if (p->pool != NULL)
        p->lease_watch = lease_watch_start(c, worker_id, p->pool, &e);
    if (p->lease_watch == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return false;
    }
    while ((p->heartbeat = heartbeat_start(c, worker_id, p->pool, &abort_steps, &e)) == NULL) {
        if (!may_try_again(&e, &told_ms))
            return false;
    }
    while ((heartbeat_watch(p->heartbeat),
            p->claimer = claimer_start(c, p->pool, worker_id, p->inhand, &stopping, &abort_steps,
                                       &e)) == NULL) {
        if (!may_try_again(&e, &told_ms)) {
            heartbeat_stop(p->heartbeat);
            return false;
        }
    }
    return true;
}

static bool is_lease_kept(void *arg, char *why, size_t size)
{
    (void)arg;
    if (!atomic_load(&abort_steps))
        return true;
    (void)snprintf(why, size, "redis does not take its heartbeat; it claims no work");
    return false;
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
        return embed_command(&c, argv[2]);
    }
    daemon_init(&c, CONF_WORKER, "chronos-worker", summary, argc, argv);
    daemon_block_signals();
    if (!metrics_serve(&c, METRIC_OF_WORKER, &e)) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 2;
    }
    metrics_say_ready("it waits for redis and postgres");
    trust_bases(&c.services);
    if (!function_check_all())
        return 2;
    if (!youtube_clients_load(c.services.youtube_clients, &e)) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 2;
    }
    function_check_limits(c.limits);
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
    spans_start(&(struct spans_conf){.endpoint = c.otlp_endpoint,
                                     .headers = c.otlp_headers,
                                     .service = c.otel_service,
                                     .attributes = c.otel_attributes,
                                     .instance = worker_id,
                                     .version = daemon_version});
    static struct parts p;
    if (!start_parts(&p, &c, worker_id)) {
        log_flush(true);
        _exit(1); /* threads that were started are still running */
    }
    measure_start(&c, p.pool);
    metrics_ask_ready(is_lease_kept, NULL);
    metrics_say_ready(NULL);
    log_info("ready", "worker", worker_id, LOG_END);

    for (;;) {
        int sig = daemon_wait_signal(WATCH_MS);
        watch(p.heartbeat, p.pool);
        if (sig == SIGTERM || sig == SIGINT)
            break;
    }
    drain(&c, p.claimer, p.pool, p.committer, p.heartbeat, p.lease_watch);
    drop_consumers(&c, worker_id);
    breakers_free(p.breakers);
    inhand_free(p.inhand);
    return 0;
}
