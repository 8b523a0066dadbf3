/* heartbeat.h: tells everybody that this worker lives, and tells this worker when nobody can know it any more.
 *
 * A thread renews a key with a time to live. When no renewal has succeeded for the lease less a margin, the abort flag is
 * raised before others may take the work over: no run is begun, and HTTP calls, SQL statements and steps that ask
 * step_is_cancelled end early. A step that does nothing of that runs on; its result is refused, as is its transaction's
 * second ledger row. The flag is lowered by the next success. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "pool.h"

struct heartbeat;

/* The first beat is made before this returns. */
struct heartbeat *heartbeat_start(const struct conf *c, const char *worker_id, struct pool *pool,
                                  atomic_bool *abort, struct err *e);
/* To be called every 100 ms or so, by a thread that never waits for Redis. */
void heartbeat_watch(struct heartbeat *h);
/* Ends the thread and takes the key away, so that the rest is handed on at once. */
void heartbeat_stop(struct heartbeat *h);
