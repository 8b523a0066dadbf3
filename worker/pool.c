#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "execute.h"

struct pool {
    struct breakers *breakers;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work, freed;
    struct run *first, **last;
    int threads, queued, busy;
    int asleep;  /* threads that wait for work */
    bool waking; /* one of them was called and is not up yet */
    bool stopping;

    pthread_t *ids;
    struct seat *seats;
    int seated; /* threads that have taken one */
    atomic_bool suspect;
    struct executor base; /* copied by every thread */
};

/* Calls one thread if there is work for it. Whoever takes a run calls the next one, so there is never more than one on
 * its way up: a short step is over before a second thread could have begun, and calling all of them for a batch of
 * short steps costs more than the steps. */
static void wake_one(struct pool *p)
{
    if (p->first == NULL || p->asleep == 0 || p->waking)
        return;
    p->waking = true;
    (void)pthread_cond_signal(&p->work);
}

static void wait_for_work(struct pool *p)
{
    while (p->first == NULL && !p->stopping) {
        p->asleep++;
        (void)pthread_cond_wait(&p->work, &p->lock);
        p->asleep--;
        p->waking = false;
    }
}

static void *thread_main(void *arg)
{
    struct pool *p = arg;
    struct executor x = p->base;
    x.db = db_new(x.conf->database_url, x.worker_id);
    x.http = http_new();
    (void)pthread_mutex_lock(&p->lock);
    int number = p->seated++;
    x.seat = &p->seats[number];
    x.breaker = breaker_new(p->breakers, x.http, number);
    for (;;) {
        wait_for_work(p);
        struct run *r = p->first;
        if (r == NULL)
            break;
        p->first = r->next;
        if (p->first == NULL)
            p->last = &p->first;
        p->queued--;
        p->busy++;
        wake_one(p);
        (void)pthread_mutex_unlock(&p->lock);
        execute_run(&x, r);
        (void)pthread_mutex_lock(&p->lock);
        p->busy--;
        (void)pthread_cond_broadcast(&p->freed);
    }
    (void)pthread_mutex_unlock(&p->lock);
    json_decref(x.single);
    breaker_free(x.breaker);
    http_free(x.http);
    db_free(x.db);
    return NULL;
}

struct pool *pool_start(const struct conf *c, struct committer *committer, const char *worker_id,
                        struct breakers *breakers, const atomic_bool *stopping,
                        const atomic_bool *abort_flag)
{
    struct pool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    (void)pthread_mutex_init(&p->lock, NULL);
    mono_cond_init(&p->work);
    mono_cond_init(&p->freed);
    p->last = &p->first;
    p->threads = (int)c->worker_threads;
    p->breakers = breakers;
    p->base = (struct executor){.conf = c,
                                .committer = committer,
                                .worker_id = worker_id,
                                .stopping = stopping,
                                .suspect = &p->suspect};
    p->ids = calloc((size_t)p->threads, sizeof(*p->ids));
    p->seats = calloc((size_t)p->threads, sizeof(*p->seats));
    if (p->ids == NULL || p->seats == NULL)
        abort();
    for (int i = 0; i < p->threads; i++)
        seat_init(&p->seats[i], abort_flag);
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, 2u << 20);
    for (int i = 0; i < p->threads; i++) {
        if (pthread_create(&p->ids[i], &attr, thread_main, p) != 0)
            abort(); /* at start: nothing was claimed yet */
    }
    (void)pthread_attr_destroy(&attr);
    return p;
}

struct seat *pool_seats(struct pool *p, int *ret_count)
{
    *ret_count = p->threads;
    return p->seats;
}

void pool_hurry(struct pool *p)
{
    for (int i = 0; i < p->threads; i++)
        seat_hurry(&p->seats[i]);
}

void pool_add(struct pool *p, struct run *r)
{
    (void)pthread_mutex_lock(&p->lock);
    bool has_thread = p->queued + p->busy < p->threads;
    if (has_thread) {
        r->next = NULL;
        *p->last = r;
        p->last = &r->next;
        p->queued++;
        wake_one(p);
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (!has_thread)
        execute_give_back(&p->base, r);
}

void pool_give_back_queued(struct pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    struct run *r = p->first;
    p->first = NULL;
    p->last = &p->first;
    p->queued = 0;
    (void)pthread_cond_broadcast(&p->freed);
    (void)pthread_mutex_unlock(&p->lock);
    while (r != NULL) {
        struct run *next = r->next;
        execute_give_back(&p->base, r);
        r = next;
    }
}

int pool_wait_free(struct pool *p, int64_t timeout_ms)
{
    struct timespec until = mono_after(timeout_ms);
    (void)pthread_mutex_lock(&p->lock);
    while (p->threads - p->queued - p->busy <= 0) {
        if (pthread_cond_timedwait(&p->freed, &p->lock, &until) != 0)
            break;
    }
    int n = p->threads - p->queued - p->busy;
    (void)pthread_mutex_unlock(&p->lock);
    return n > 0 ? n : 0;
}

int pool_busy(struct pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    int n = p->queued + p->busy;
    (void)pthread_mutex_unlock(&p->lock);
    return n;
}

bool pool_wait_idle(struct pool *p, int64_t timeout_ms)
{
    struct timespec until = mono_after(timeout_ms);
    (void)pthread_mutex_lock(&p->lock);
    while (p->queued + p->busy > 0) {
        if (pthread_cond_timedwait(&p->freed, &p->lock, &until) != 0)
            break;
    }
    bool idle = p->queued + p->busy == 0;
    (void)pthread_mutex_unlock(&p->lock);
    return idle;
}

void pool_stop(struct pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->threads; i++)
        (void)pthread_join(p->ids[i], NULL);
}

void pool_free(struct pool *p)
{
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_cond_destroy(&p->freed);
    for (int i = 0; i < p->threads; i++)
        seat_release(&p->seats[i]);
    free(p->seats);
    free(p->ids);
    free(p);
}
