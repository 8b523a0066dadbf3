/* untold.h: runs that failed or were cancelled, and whose handlers were never told: the event of it was only in Redis when
 * that lost its data, while the run's end had reached Postgres. Such an event is sent again; one that is still in its stream is
 * not lost. It has the id that it had the first time (event_id_of_end) and says that it comes again, so that it counts once,
 * and what it began before it was lost does not begin a second time. */
#pragma once

#include "conf.h"
#include "db.h"
#include "err.h"
#include "functions.h"
#include "kv.h"

/* Within the rebuild's transaction, which says how far back it looks (set_live_since). After a failure all may be done again. */
bool untold_send(const struct conf *c, struct kv *kv, struct db *db, const struct functions *f,
                 struct err *e);
