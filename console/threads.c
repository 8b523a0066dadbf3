#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "db.h"
#include "kv.h"
#include "route.h"

enum { MOST_WAITING = 4096 };

struct threads {
    const struct conf *conf;
    void (*done)(struct request *r);
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct request *waiting[MOST_WAITING]; /* a ring */
    size_t first, count;
    bool stopping;
    int started;
    pthread_t ids[];
};

static struct request *take(struct threads *t)
{
    struct request *r = NULL;
    (void)pthread_mutex_lock(&t->lock);
    while (t->count == 0 && !t->stopping)
        (void)pthread_cond_wait(&t->changed, &t->lock);
    if (t->count > 0) {
        r = t->waiting[t->first];
        t->first = (t->first + 1) % MOST_WAITING;
        t->count--;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return r;
}

static void *answer_requests(void *arg)
{
    struct threads *t = arg;
    struct err e;
    struct kv *kv = kv_new(t->conf->redis_url, &e); /* parsed before, at the start */
    struct db *db = db_new(t->conf->database_url, "chronos-console");
    struct request *r;
    if (kv == NULL)
        abort();
    while ((r = take(t)) != NULL) {
        r->kv = kv;
        r->db = db;
        r->route->handle(r);
        if (db_in_transaction(db))
            db_rollback(db);
        r->kv = NULL;
        r->db = NULL;
        t->done(r);
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
    (void)pthread_mutex_lock(&t->lock);
    bool room = t->count < MOST_WAITING && !t->stopping;
    if (room) {
        t->waiting[(t->first + t->count++) % MOST_WAITING] = r;
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
