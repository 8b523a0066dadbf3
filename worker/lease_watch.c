#include "lease_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "seat.h"

enum { ASK_MS = 1000, STOP_MS = 20 };

/* What lost_leases answers for a run. */
enum lease_state { LEASE_KEPT, LEASE_ANOTHERS, LEASE_CANCELLED };

struct lease_watch {
    pthread_t thread;
    atomic_bool stopping;
    const char *worker_id;
    int partitions;
    struct seat *seats;
    int count;
    struct kv *kv;
    /* the runs that one question is about: at most one per seat */
    struct seat_lease *leases;
    int *at; /* whose seat */
};

/* Looks at every seat, and keeps those whose run is of the partition. Returns how many. */
static int find_leases(struct lease_watch *w, int partition)
{
    int n = 0;
    for (int i = 0; i < w->count; i++) {
        if (!seat_lease(&w->seats[i], &w->leases[n]) || w->leases[n].partition != partition)
            continue;
        w->at[n++] = i;
    }
    return n;
}

static redisReply *call_lost_leases(struct lease_watch *w, int partition, int n, struct err *e)
{
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    key_prefix(partition, prefix);
    kv_args_init(&a);
    kv_adds(&a, w->worker_id);
    for (int i = 0; i < n; i++) {
        kv_adds(&a, w->leases[i].fn);
        kv_adds(&a, w->leases[i].entry);
        kv_adds(&a, w->leases[i].ref);
    }
    redisReply *r = kv_script(w->kv, "lost_leases", prefix, &a, e);
    kv_args_release(&a);
    return r;
}

static void tell(struct lease_watch *w, int i, enum lease_state state)
{
    const struct seat_lease *l = &w->leases[i];
    if (state == LEASE_CANCELLED)
        seat_end(&w->seats[w->at[i]], l->entry, SEAT_CANCELLED);
    else if (state == LEASE_ANOTHERS)
        seat_end(&w->seats[w->at[i]], l->entry, SEAT_GIVEN_AWAY);
}

/* A Redis that is away is the heartbeat's business: it raises the abort flag. */
static void ask(struct lease_watch *w, int partition)
{
    struct err e;
    int n = find_leases(w, partition);
    if (n == 0)
        return;
    auto_reply *r = call_lost_leases(w, partition, n, &e);
    if (r == NULL)
        log_debug("cannot ask for lost leases", "error", e.msg, LOG_END);
    for (int i = 0; i < n; i++)
        tell(w, i, (enum lease_state)kv_int_at(r, (size_t)i, LEASE_KEPT));
}

static void *watch_loop(void *arg)
{
    struct lease_watch *w = arg;
    while (!atomic_load(&w->stopping)) {
        int64_t next = mono_ms() + ASK_MS;
        for (int p = 0; p < w->partitions; p++)
            ask(w, p);
        while (mono_ms() < next && !atomic_load(&w->stopping))
            sleep_ms(STOP_MS);
    }
    return NULL;
}

struct lease_watch *lease_watch_start(const struct conf *c, const char *worker_id,
                                      struct pool *pool, struct err *e)
{
    struct lease_watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    w->worker_id = worker_id;
    w->partitions = (int)c->partitions;
    w->seats = pool_seats(pool, &w->count);
    w->leases = calloc((size_t)w->count, sizeof(*w->leases));
    w->at = calloc((size_t)w->count, sizeof(*w->at));
    if (w->leases == NULL || w->at == NULL)
        abort();
    w->kv = kv_new(c->redis_url, e);
    if (w->kv == NULL) {
        free(w->leases);
        free(w->at);
        free(w);
        return NULL;
    }
    if (pthread_create(&w->thread, NULL, watch_loop, w) != 0)
        abort(); /* at start: nothing was claimed yet */
    return w;
}

void lease_watch_stop(struct lease_watch *w)
{
    atomic_store(&w->stopping, true);
    (void)pthread_join(w->thread, NULL);
    kv_free(w->kv);
    free(w->leases);
    free(w->at);
    free(w);
}
