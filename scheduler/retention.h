/* retention.h: tables by day. Partitions are made ahead, and those that are past their table's time leave whole; what a
 * live run needs stays (sql/migrations/0016_retention.sql has the rules). Rows of chronos.audit, which has no partitions, are
 * deleted. Any number of schedulers may do it: Postgres lets one at a time. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "conf.h"
#include "db.h"
#include "err.h"

/* The days that a table of its own setting is kept: 0 = as all the others. */
static inline long retention_days(const struct conf *c, long own)
{
    return own != 0 ? own : c->retention_days;
}

/* Makes the partitions of the next days. */
bool retention_make(struct db *db, struct err *e);

/* Drops what is past its time, one partition or some rows a transaction, and tells of what is held. May take minutes, once a
 * day. Ends early, with true, when *stopping. */
bool retention_drop(const struct conf *c, struct db *db, const atomic_bool *stopping,
                    struct err *e);
