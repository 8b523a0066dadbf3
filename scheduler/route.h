/* route.h: the thread that reads new events from the streams and starts their runs (batch.h). */
#pragma once

#include "batch.h"

struct router;

/* `r` is copied; what it points to outlives the thread. */
struct router *router_start(const struct routing *r, struct err *e);
void router_stop(struct router *r); /* after the stop flag was set */
