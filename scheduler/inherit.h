/* inherit.h: the thread that takes over what schedulers had read when they died.
 *
 * A dead one is fenced first, then its pending entries are claimed and routed. Postgres has to be asked which of their runs
 * are over, so while it is away they stay pending; new events do not wait for that. */
#pragma once

#include "batch.h"

struct heir;

/* `r` is copied; what it points to outlives the thread. */
struct heir *heir_start(const struct routing *r, struct err *e);
void heir_stop(struct heir *h); /* after the stop flag was set */
