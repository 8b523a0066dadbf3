/* archive.h: the thread that moves history from Redis to Postgres, one partition after the other.
 *
 * The place reached is a row in Postgres (chronos.archive_cursor), locked and advanced in the transaction that writes
 * the rows, so each history entry is archived exactly once with any number of schedulers. Then the entries are trimmed
 * and the keys of finished runs removed: live keys go after Postgres has the run, never before. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "epochs.h"
#include "err.h"

struct archiver;

struct archiver *archiver_start(const struct conf *c, const struct epochs *epochs,
                                const atomic_bool *stopping, struct err *e);
/* After the stop flag was set; archives what is there, for a few seconds at most. */
void archiver_stop(struct archiver *a);
