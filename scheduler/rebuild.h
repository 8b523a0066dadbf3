/* rebuild.h: puts live work back when Redis has lost some or all of it.
 *
 * Postgres knows the epochs of the Redis it belongs to. When one is another now, every accepted run that has not ended and is
 * not in Redis is started again under its old id, with the results that its steps had recorded; committed transactional
 * steps are found in the ledger. Functions, limits, the memory of seen event ids and what functions' rules remember are put back as
 * well. A run that waited for an event or for another function's run does that step again: it listens anew, and finds the
 * run that it had invoked, whose id follows from the step.
 *
 * What is there is left alone (putback.h), so it does no harm to partitions that have lost nothing, nor while others start and
 * finish runs. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "epochs.h"
#include "err.h"
#include "identity.h"

/* Does nothing when the epochs are the known ones, unless `surely`: this scheduler has run in an epoch that is lost, and what
 * it had started then may have come to Postgres after another scheduler had rebuilt. One does it at a time, others wait.
 * *ret_began_ms: what was accepted before that (wall clock, with a margin) may have been lost with another Redis; 0 when there
 * never was another. */
bool rebuild_if_lost(const struct conf *c, struct identity *identity, const struct epochs *epochs,
                     bool surely, int64_t *ret_began_ms, struct err *e);

/* After a server was restarted or replaced by its replica: it may have forgotten the last moments, with its epochs intact.
 * Looks only at what was accepted lately. Ends early, with false, at the stop. */
bool rebuild_forgotten(const struct conf *c, struct identity *identity, const atomic_bool *stopping,
                       struct err *e);
