/* ticks.h: the thread that makes functions run by their schedules.
 *
 * Every scheduler plans all ticks and says so to the script tick_cron, which takes each once; by Redis' clock, as all
 * scheduling. The thread sleeps until the next tick of any function. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "identity.h"

struct ticker;

struct ticker *ticker_start(const struct conf *c, struct identity *identity,
                            const atomic_bool *stopping, struct err *e);
void ticker_stop(struct ticker *t); /* after the stop flag was set */
