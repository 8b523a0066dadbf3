/* partitions.h: how many partitions there are. A creator's partition follows from the number, so it is fixed when a scheduler
 * starts for the first time, and never changes: Postgres keeps it, and Redis has it in chronos:partitions. */
#pragma once

#include <stdbool.h>

#include "db.h"
#include "err.h"
#include "kv.h"

/* *number is what the setting says, 0 = whatever it is; it becomes what holds. `fix`: the caller is a scheduler, which fixes
 * it when nobody has, and puts it back when a store has lost it. ERR_INPUT when the setting or one of the stores says
 * something else; ERR_UNAVAILABLE while nobody has fixed it. */
bool partitions_settle(long *number, bool fix, struct kv *kv, struct db *db, struct err *e);

/* As Redis has it, whatever Postgres says; 0 when it has none. */
bool partitions_in_redis(struct kv *kv, long *ret_number, struct err *e);
