/* watcher.h: a thread that does what rows in Postgres ask for: at once when it is told of them (NOTIFY), and every second
 * in any case, since nobody is told while the connection is down. It has a connection to either store of its own. Any
 * number of schedulers may have one. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"

struct watcher {
    const struct conf *conf;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
    bool told;   /* somebody has said something since the last turn, or may have */
    void *state; /* the work's own */
};

/* Does what there is to do now. *ret_wait_ms: may be lowered, when there is more to do or something is due sooner. */
typedef bool (*watcher_work_fn)(struct watcher *w, int64_t *ret_wait_ms, struct err *e);

struct watcher_def {
    const char *application; /* the connection's name in Postgres */
    const char *listen;      /* the query that listens to the channel */
    const char *failure;     /* what is logged, once, when the work fails */
    watcher_work_fn work;
};

struct watcher_thread;

/* `def` is constant; `state` outlives the thread. */
struct watcher_thread *watcher_start(const struct watcher_def *def, const struct conf *c,
                                     const atomic_bool *stopping, void *state, struct err *e);
void watcher_stop(struct watcher_thread *t); /* after the stop flag was set; accepts NULL */
