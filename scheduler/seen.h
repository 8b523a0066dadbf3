/* seen.h: what came before. Ids of events that were seen lately are in Redis (chronos:seen:<idempotency key>, chronos:came:<id>
 * of events whose id was given with them); what began is in Redis until it is in Postgres. */
#pragma once

#include "routed.h"
#include "routing.h"

/* An event with an idempotency key that came before starts nothing, and neither does one that another entry has brought,
 * unless it is this very entry, delivered again. Tells by the event's fate. */
bool seen_drop(struct routing *r, struct routed *list, size_t n, struct err *e);

/* An event that came, and was lost before it was recorded, comes again under its id: it is not to be taken for a repeated one. */
bool seen_forget(struct kv *kv, const char *event, struct err *e);

/* Runs that began before are known, and events that are recorded have been dealt with whole. `again`: all may have been
 * routed before; else only those are looked at whose runs may be older than this Redis, or that say so (orders.again). */
bool seen_find_started(struct routing *r, struct routed *list, size_t n, bool again, struct err *e);
