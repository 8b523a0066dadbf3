/* lookback.h: the thread that looks through earlier events for runs that wait for one that may have come since they began.
 *
 * Such a run listens already when it is looked for, so what comes from then on reaches it as any other. What came before
 * is in an event stream or in Postgres: the streams are read first and Postgres afterwards, since an event leaves its
 * stream only when it is in Postgres; the other way round one could slip through between the two. The earliest counts. */
#pragma once

#include "routing.h"

struct lookback;

/* `r` is copied; what it points to outlives the thread. */
struct lookback *lookback_start(const struct routing *r, struct err *e);
void lookback_stop(struct lookback *l); /* after the stop flag was set */
