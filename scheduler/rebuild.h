/* rebuild.h: puts live work back when Redis has lost some or all of it.
 *
 * Postgres knows the epochs of the Redis it belongs to. When one is another now, every accepted run that has not ended and is
 * not in Redis is started again under its old id, with the results that its steps had recorded; committed transactional
 * steps are found in the ledger. Functions, limits and the memory of seen event ids are put back as well.
 *
 * What is there is left alone: Redis is asked for a run first and Postgres then, and a run leaves Redis only after it is in
 * Postgres, so one that neither has was lost. So it does no harm to partitions that have lost nothing, nor while others
 * start and finish runs. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "epochs.h"
#include "err.h"
#include "identity.h"

/* Does nothing when the epochs are the known ones, unless `surely`: this scheduler has run in an epoch that is lost, and what
 * it had started then may have come to Postgres after another scheduler had rebuilt. One does it at a time, others wait. */
bool rebuild_if_lost(const struct conf *c, struct identity *identity, const struct epochs *epochs,
                     bool surely, struct err *e);

/* After a server was restarted or replaced by its replica: it may have forgotten the last moments. Looks only at what was
 * accepted lately. Ends early, with false, at the stop. */
bool rebuild_forgotten(const struct conf *c, struct identity *identity, const atomic_bool *stopping,
                       struct err *e);
