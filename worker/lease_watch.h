/* lease_watch.h: once a second a thread asks Redis which of the executed runs were cancelled or belong to others by now, and
 * tells their seats. It has a connection of its own, so that it delays no heartbeat. */
#pragma once

#include "conf.h"
#include "err.h"
#include "pool.h"

struct lease_watch;

struct lease_watch *lease_watch_start(const struct conf *c, const char *worker_id,
                                      struct pool *pool, struct err *e);
/* Before pool_free. */
void lease_watch_stop(struct lease_watch *w);
