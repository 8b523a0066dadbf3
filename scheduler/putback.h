/* putback.h: live runs are put back into a Redis that has lost them: first the results of their steps, so that no worker can
 * claim a run without them, then the runs, many in one call.
 *
 * One that is there is left alone, as is one that has ended meanwhile. Redis is asked first and Postgres then: a run leaves
 * Redis only after it is in Postgres, so what neither has was lost. */
#pragma once

#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"
#include "live.h"

enum { PUT_TOGETHER = 256 };

struct putback {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    const char *name; /* of the scheduler */
    long long runs;   /* put back so far */
    struct live list[PUT_TOGETHER];
    size_t count;
};

/* Takes the run. `collects`: it may not have begun and still waits for events to join it. */
bool putback_add(struct putback *p, struct live *l, bool collects, struct err *e);
/* Those that were added and have not been put back yet. */
bool putback_flush(struct putback *p, struct err *e);
/* Forgets them. */
void putback_release(struct putback *p);
