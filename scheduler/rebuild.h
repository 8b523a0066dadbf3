/* rebuild.h: puts live work back when Redis has lost everything.
 *
 * Postgres knows the epoch of the Redis it belongs to. When Redis comes with another one, every accepted run that has not
 * ended is started again under its old id, with the results that its steps had recorded; committed transactional steps
 * are found in the ledger. Functions, limits, the memory of seen event ids and what functions' rules remember are put back as
 * well. A run that waited for an event or for another function's run does that step again: it listens anew, and finds the
 * run that it had invoked, whose id follows from the step. */
#pragma once

#include "conf.h"
#include "err.h"
#include "identity.h"

/* Does nothing when the epoch is the known one. One scheduler does it, others wait. *ret_began_ms: what was accepted before that
 * (wall clock, with a margin) may have been lost with another Redis; 0 when there never was another. */
bool rebuild_if_lost(const struct conf *c, struct identity *identity, const char *epoch,
                     int64_t *ret_began_ms, struct err *e);
