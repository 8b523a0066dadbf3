#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "db.h"
#include "kv.h"
#include "route.h"

enum {
    MOST_WAITING = 4096,
    BYTES_BUNDLED = 65536, /* of bodies: one script call must not hold Redis up */
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
    struct ring alone, bundled; /* the second: of those that may be answered in bundles */
    bool answering_bundle;      /* some thread does */
    bool bundle_next;           /* whose turn it is when both wait */
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

static bool is_bundled(const struct request *r)
{
    return r->route->handle_bundle != NULL && r->route->may_bundle(r);
}

static size_t take_bundle(struct ring *ring, struct request *taken[MOST_BUNDLED])
{
    size_t n = 0, bytes = 0;
    do {
        taken[n] = take_first(ring);
        bytes += taken[n++]->body.len;
    } while (n < MOST_BUNDLED && ring->count > 0 &&
             bytes + first(ring)->body.len <= BYTES_BUNDLED &&
             first(ring)->route->handle_bundle == taken[0]->route->handle_bundle);
    return n;
}

/* One thread at a time: what comes while it waits for a store is its next bundle, and one round trip again. */
static bool may_take_bundle(const struct threads *t)
{
    return t->bundled.count > 0 && !t->answering_bundle;
}

/* How many were taken; 0: it is over. */
static size_t take(struct threads *t, struct request *taken[MOST_BUNDLED], bool *ret_bundle)
{
    size_t n = 0;
    (void)pthread_mutex_lock(&t->lock);
    while (t->alone.count == 0 && !may_take_bundle(t) && !t->stopping)
        (void)pthread_cond_wait(&t->changed, &t->lock);
    *ret_bundle = may_take_bundle(t) && (t->bundle_next || t->alone.count == 0);
    if (*ret_bundle) {
        t->answering_bundle = true;
        n = take_bundle(&t->bundled, taken);
    } else if (t->alone.count > 0) {
        taken[n++] = take_first(&t->alone);
    }
    t->bundle_next = !*ret_bundle;
    (void)pthread_mutex_unlock(&t->lock);
    return n;
}

/* No signal: this thread looks at what waits before it sleeps, and if it takes another request, whoever was woken for
 * that one finds the bundle. */
static void end_bundle(struct threads *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->answering_bundle = false;
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
        taken[0]->route->handle_bundle(taken, n);
    else if (request_check_no_fields(taken[0]))
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
    struct request *taken[MOST_BUNDLED];
    size_t n;
    bool bundle;
    if (kv == NULL)
        abort();
    while ((n = take(t, taken, &bundle)) > 0) {
        answer(t, taken, n, kv, db);
        if (bundle)
            end_bundle(t);
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
            threads_end(t);
            threads_free(t);
            return err_null(e, ERR_UNAVAILABLE, "no thread could be started");
        }
    }
    return t;
}

bool threads_submit(struct threads *t, struct request *r)
{
    struct ring *ring = is_bundled(r) ? &t->bundled : &t->alone;
    (void)pthread_mutex_lock(&t->lock);
    bool room = ring->count < MOST_WAITING && !t->stopping;
    if (room) {
        put(ring, r);
        if (ring == &t->alone || may_take_bundle(t))
            (void)pthread_cond_signal(&t->changed);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return room;
}

void threads_end(struct threads *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->stopping = true;
    (void)pthread_cond_broadcast(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->started; i++)
        (void)pthread_join(t->ids[i], NULL);
}

void threads_free(struct threads *t)
{
    if (t == NULL)
        return;
    (void)pthread_cond_destroy(&t->changed);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
