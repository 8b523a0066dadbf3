#include "heartbeat.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "js.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"
#include "offer.h"

enum { OFFER_EVERY_MS = 10000 };

struct heartbeat {
    pthread_t thread;
    const struct conf *conf;
    const char *worker_id;
    struct pool *pool;
    atomic_bool *abort;
    atomic_bool stopping;
    _Atomic int64_t valid_until_ms; /* monotonic: nobody takes our work before */
    int64_t started_ms;
    int64_t offer_again_ms; /* monotonic */
    struct kv *kv;
};

static bool beat(struct heartbeat *h, struct err *e)
{
    char key[KEY_SIZE], host[64] = "";
    (void)gethostname(host, sizeof(host) - 1); /* for people; empty is fine */
    auto_json *info = js_pack("{s:s, s:i, s:I, s:I, s:i}", "host", host, "pid", (int)getpid(),
                              "started", (json_int_t)h->started_ms, "threads",
                              (json_int_t)h->conf->worker_threads, "busy", pool_busy(h->pool));
    auto_free char *text = js_dump(info, NULL);
    int64_t sent = mono_ms();
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, text);
    kv_addi(&a, h->conf->lease_ms);
    auto_reply *r = kv_script(h->kv, "keep_alive", key_worker(key, h->worker_id), &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    atomic_store(&h->valid_until_ms, sent + h->conf->lease_ms);
    metric_set(METRIC_HEARTBEAT, (double)wall_ms() / 1000);
    return true;
}

/* Only people need it: no matter when it fails. */
static void offer(struct heartbeat *h)
{
    struct err e;
    if (mono_ms() < h->offer_again_ms)
        return;
    h->offer_again_ms = mono_ms() + OFFER_EVERY_MS;
    if (!offer_functions(h->kv, h->worker_id, &e))
        log_debug("cannot tell which functions are executed here", "error", e.msg, LOG_END);
}

static void *beat_loop(void *arg)
{
    struct heartbeat *h = arg;
    bool away = false;
    while (!atomic_load(&h->stopping)) {
        struct err e;
        bool ok = beat(h, &e);
        if (!ok && !away)
            log_warn("heartbeat failed", "error", e.msg, LOG_END);
        else if (ok && away)
            log_info("heartbeat is back", LOG_END);
        if (!ok)
            h->offer_again_ms = 0;
        else
            offer(h);
        away = !ok;
        int64_t next = mono_ms() + (ok ? h->conf->lease_ms / 4 : 100);
        while (mono_ms() < next && !atomic_load(&h->stopping))
            sleep_ms(20);
    }
    return NULL;
}

void heartbeat_watch(struct heartbeat *h)
{
    int64_t margin = h->conf->lease_ms / 8;
    bool lost = mono_ms() >= atomic_load(&h->valid_until_ms) - margin;
    if (lost && !atomic_exchange(h->abort, true))
        log_warn("lease cannot be renewed: running steps are ended, others may take the work over",
                 LOG_END);
    else if (!lost)
        atomic_store(h->abort, false);
}

struct heartbeat *heartbeat_start(const struct conf *c, const char *worker_id, struct pool *pool,
                                  atomic_bool *abort_flag, struct err *e)
{
    struct heartbeat *h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    h->conf = c;
    h->worker_id = worker_id;
    h->pool = pool;
    h->abort = abort_flag;
    h->started_ms = wall_ms();
    h->kv = kv_new(c->redis_url, e);
    if (h->kv == NULL || !beat(h, e)) {
        kv_free(h->kv);
        free(h);
        return NULL;
    }
    if (pthread_create(&h->thread, NULL, beat_loop, h) != 0)
        abort(); /* at start: nothing was claimed yet */
    return h;
}

void heartbeat_stop(struct heartbeat *h)
{
    char key[KEY_SIZE];
    struct err e;
    atomic_store(&h->stopping, true);
    (void)pthread_join(h->thread, NULL);
    auto_reply *r = kv_cmd(h->kv, &e, "DEL %s", key_worker(key, h->worker_id));
    if (r == NULL)
        log_warn("the heartbeat key stays until it runs out", "error", e.msg, LOG_END);
    (void)offer_nothing(h->kv, h->worker_id, &e); /* counts for nothing without the heartbeat */
    kv_free(h->kv);
    free(h);
}
