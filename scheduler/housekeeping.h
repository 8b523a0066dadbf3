/* housekeeping.h: the thread of work that nobody waits for: partitions made and dropped, the state of Redis told. It may be
 * slow, as when Postgres is away. Any number of schedulers may do it at once. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"

struct housekeeping;

struct housekeeping *housekeeping_start(const struct conf *c, const atomic_bool *stopping,
                                        struct err *e);
void housekeeping_stop(struct housekeeping *h); /* after the stop flag was set */
