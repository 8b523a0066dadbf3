/* rebuild.h: puts live work back when Redis has lost everything.
 *
 * Postgres knows the epoch of the Redis it belongs to. When Redis comes with another one, every accepted run that has not
 * ended is started again under its old id, with the results that its steps had recorded; committed transactional steps
 * are found in the ledger. Functions, limits and the memory of seen event ids are put back as well. */
#pragma once

#include "conf.h"
#include "err.h"
#include "identity.h"

/* Does nothing when the epoch is the known one. One scheduler does it, others wait. */
bool rebuild_if_lost(const struct conf *c, struct identity *identity, const char *epoch,
                     struct err *e);
