/* canary.h: an event that nobody needs, sent through the public door once in a while: its run goes the whole way through
 * Redis, a worker, Postgres and the archive, so that its absence tells of a pipeline that stands still when there is no
 * other work to miss. Any number of schedulers may call; one event is sent in each period. */
#pragma once

#include <stdint.h>

#include "conf.h"
#include "err.h"
#include "kv.h"

#define CANARY_EVENT "chronos/canary"

/* To be called about once a second. */
bool canary_send(const struct conf *c, struct kv *kv, struct err *e);
