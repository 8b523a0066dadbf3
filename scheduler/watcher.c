#include "watcher.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"

enum { WAIT_MS = 1000, RETRY_MS = 200, NAP_MS = 20 };

struct watcher_thread {
    pthread_t thread;
    const struct watcher_def *def;
    struct watcher watcher;
    bool listening;
};

/* The first look comes after the LISTEN: what was put there before that is found, what comes later is told. */
static bool one_turn(struct watcher_thread *t, struct err *e)
{
    struct watcher *w = &t->watcher;
    int64_t wait_ms = WAIT_MS;
    if (!t->listening) {
        if (!db_exec(w->db, t->def->listen, NULL, 0, NULL, e))
            return false;
        t->listening = w->told = true;
    }
    if (!t->def->work(w, &wait_ms, e))
        return false;
    struct err lost = {0};
    w->told = db_wait_notify(w->db, atomic_load(w->stopping) ? 0 : (int)wait_ms, &lost);
    if (lost.code != ERR_NONE)
        t->listening = false;
    return true;
}

static void *listen_loop(void *arg)
{
    struct watcher_thread *t = arg;
    bool failing = false;
    while (!atomic_load(t->watcher.stopping)) {
        struct err e;
        bool ok = one_turn(t, &e);
        if (ok) {
            failing = false;
            continue;
        }
        db_rollback(t->watcher.db);
        t->listening = false; /* to be sure: the connection may be another one by now */
        if (!failing && e.code != ERR_STOPPING)
            log_warn(t->def->failure, "error", e.msg, LOG_END);
        failing = true;
        for (int64_t end = mono_ms() + RETRY_MS;
             mono_ms() < end && !atomic_load(t->watcher.stopping);)
            sleep_ms(NAP_MS);
    }
    return NULL;
}

struct watcher_thread *watcher_start(const struct watcher_def *def, const struct conf *c,
                                     const atomic_bool *stopping, void *state, struct err *e)
{
    struct watcher_thread *t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    t->def = def;
    t->watcher = (struct watcher){.conf = c, .stopping = stopping, .state = state};
    t->watcher.kv = kv_new(c->redis_url, e);
    if (t->watcher.kv == NULL) {
        free(t);
        return NULL;
    }
    t->watcher.db = db_new(c->database_url, def->application);
    if (pthread_create(&t->thread, NULL, listen_loop, t) != 0)
        abort(); /* at start */
    return t;
}

void watcher_stop(struct watcher_thread *t)
{
    if (t == NULL)
        return;
    db_cancel(
        t->watcher.db); /* it waits for a notification, or for a statement that can be repeated */
    (void)pthread_join(t->thread, NULL);
    db_free(t->watcher.db);
    kv_free(t->watcher.kv);
    free(t);
}
