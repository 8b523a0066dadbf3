/* housekeeping.h: the thread of work that nobody waits for: partitions made and dropped, the state of Redis told, and what Redis
 * may have forgotten looked for. It may be slow, as when Postgres is away. Any number of schedulers may do it at once. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "identity.h"
#include "recorder.h"

struct housekeeping;

struct housekeeping *housekeeping_start(const struct conf *c, struct identity *identity,
                                        struct recorder *recorder, const atomic_bool *stopping,
                                        struct err *e);
void housekeeping_stop(struct housekeeping *h); /* after the stop flag was set */
