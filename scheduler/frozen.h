/* frozen.h: another scheduler that is frozen in the middle of a write must not stop ours for as long as it is frozen. */
#pragma once

#include "db.h"
#include "err.h"

/* To be called when a write of ours failed with `e`: if it waited in vain for a lock, the transactions of schedulers that have
 * said nothing for seconds are ended. Does nothing on other failures. */
void frozen_writers_end(struct db *db, const struct err *e);
