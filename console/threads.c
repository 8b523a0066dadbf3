#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "db.h"
#include "kv.h"
#include "route.h"

enum {
    MOST_WAITING = 4096,
    BYTES_TOGETHER = 65536, /* of bodies: one script call must not hold Redis up */
};

struct ring {
    struct request *of[MOST_WAITING];
    size_t first, count;
};

struct threads {
    const struct conf *conf;
    void (*done)(struct request *r);
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct ring single, joined; /* the second: of those that may be answered together */
    bool answering_joined;      /* some thread does */
    bool joined_next;           /* whose turn it is when both wait */
    bool stopping;
    int started;
    pthread_t ids[];
};

/* ---- what waits ---- */

static void put(struct ring *ring, struct request *r)
{
    ring->of[(ring->first + ring->count++) % MOST_WAITING] = r;
}

static struct request *first(const struct ring *ring)
{
    return ring->count > 0 ? ring->of[ring->first] : NULL;
}

static struct request *take_first(struct ring *ring)
{
    struct request *r = first(ring);
    ring->first = (ring->first + 1) % MOST_WAITING;
    ring->count--;
    return r;
}

static bool is_joined(const struct request *r)
{
    return r->route->handle_together != NULL && r->route->may_join(r);
}

static size_t take_together(struct ring *ring, struct request *taken[MOST_TOGETHER])
{
    size_t n = 0, bytes = 0;
    do {
        taken[n] = take_first(ring);
        bytes += taken[n++]->body.len;
    } while (n < MOST_TOGETHER && ring->count > 0 &&
             bytes + first(ring)->body.len <= BYTES_TOGETHER &&
             first(ring)->route->handle_together == taken[0]->route->handle_together);
    return n;
}

/* One thread at a time: what comes while it waits for a store is its next bundle, and one round trip again. */
static bool may_take_joined(const struct threads *t)
{
    return t->joined.count > 0 && !t->answering_joined;
}

/* How many were taken; 0: it is over. */
static size_t take(struct threads *t, struct request *taken[MOST_TOGETHER], bool *ret_joined)
{
    size_t n = 0;
    (void)pthread_mutex_lock(&t->lock);
    while (t->single.count == 0 && !may_take_joined(t) && !t->stopping)
        (void)pthread_cond_wait(&t->changed, &t->lock);
    *ret_joined = may_take_joined(t) && (t->joined_next || t->single.count == 0);
    if (*ret_joined) {
        t->answering_joined = true;
        n = take_together(&t->joined, taken);
    } else if (t->single.count > 0) {
        taken[n++] = take_first(&t->single);
    }
    t->joined_next = !*ret_joined;
    (void)pthread_mutex_unlock(&t->lock);
    return n;
}

static void end_joined(struct threads *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->answering_joined = false;
    (void)pthread_mutex_unlock(&t->lock);
}

/* ---- the threads ---- */

static void answer(struct threads *t, struct request *taken[], size_t n, struct kv *kv,
                   struct db *db)
{
    for (size_t i = 0; i < n; i++) {
        taken[i]->kv = kv;
        taken[i]->db = db;
    }
    if (n > 1)
        taken[0]->route->handle_together(taken, n);
    else
        taken[0]->route->handle(taken[0]);
    if (db_in_transaction(db))
        db_rollback(db);
    for (size_t i = 0; i < n; i++) {
        taken[i]->kv = NULL;
        taken[i]->db = NULL;
        t->done(taken[i]);
    }
}

static void *answer_requests(void *arg)
{
    struct threads *t = arg;
    struct err e;
    struct kv *kv = kv_new(t->conf->redis_url, &e); /* parsed before, at the start */
    struct db *db = db_new(t->conf->database_url, "chronos-console");
    struct request *taken[MOST_TOGETHER];
    size_t n;
    bool joined;
    if (kv == NULL)
        abort();
    while ((n = take(t, taken, &joined)) > 0) {
        answer(t, taken, n, kv, db);
        if (joined)
            end_joined(t);
    }
    db_free(db);
    kv_free(kv);
    return NULL;
}

struct threads *threads_start(const struct conf *c, void (*done)(struct request *r), struct err *e)
{
    size_t n = (size_t)c->console_threads;
    struct threads *t = calloc(1, sizeof(*t) + n * sizeof(t->ids[0]));
    if (t == NULL)
        abort();
    t->conf = c;
    t->done = done;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->changed, NULL);
    for (; (size_t)t->started < n; t->started++) {
        if (pthread_create(&t->ids[t->started], NULL, answer_requests, t) != 0) {
            threads_stop(t);
            return err_null(e, ERR_UNAVAILABLE, "no thread could be started");
        }
    }
    return t;
}

bool threads_submit(struct threads *t, struct request *r)
{
    struct ring *ring = is_joined(r) ? &t->joined : &t->single;
    (void)pthread_mutex_lock(&t->lock);
    bool room = ring->count < MOST_WAITING && !t->stopping;
    if (room) {
        put(ring, r);
        if (ring == &t->single || may_take_joined(t))
            (void)pthread_cond_signal(&t->changed);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return room;
}

void threads_stop(struct threads *t)
{
    if (t == NULL)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_broadcast(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->started; i++)
        (void)pthread_join(t->ids[i], NULL);
    (void)pthread_cond_destroy(&t->changed);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
