/* claim.h: the thread that takes admitted runs, as many as there are free threads. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "inhand.h"
#include "pool.h"

struct claimer;

struct claimer *claimer_start(const struct conf *c, struct pool *pool, const char *worker_id,
                              struct inhand *inhand, const atomic_bool *stopping,
                              const atomic_bool *abort, struct err *e);
/* After the stop flag was set: waits for the thread. What it had claimed is in the pool. */
void claimer_stop(struct claimer *c);
