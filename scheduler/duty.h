/* duty.h: the thread of periodic work that runs wait for: timers and dead workers. It asks only Redis.
 *
 * A duty is a row: name, period, function. Each does a bounded amount in one turn, and each of its decisions is one script,
 * so any number of schedulers may run them. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"

struct duties;

struct duties *duties_start(const struct conf *c, const atomic_bool *stopping, struct err *e);
void duties_stop(struct duties *d); /* after the stop flag was set */
