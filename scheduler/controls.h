/* controls.h: what operators have set (chronos.controls) is put into Redis: functions that are paused or drained, other maxima
 * of limits, weights of owners. Postgres keeps it; Redis has a copy in every partition, for its scripts.
 *
 * A limit that several partitions share is not overridden there: its maximum goes to the hash chronos:maxima, where shares.h
 * finds it. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"

/* All of it, once: to be called before runs are put into a Redis that may have lost its data. */
bool controls_apply(const struct conf *c, struct err *e);

/* The thread that puts in what changes, and all of it again every minute. */
struct controls;

struct controls *controls_start(const struct conf *c, const atomic_bool *stopping, struct err *e);
void controls_stop(struct controls *t); /* after the stop flag was set */
