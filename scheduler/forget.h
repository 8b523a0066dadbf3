/* forget.h: all data of a creator leaves both stores, as chronos.forget ordered. Live runs are cancelled first. Each call does what
 * can be done now, and an order is done when a call has found nothing left: so it does no harm to be stopped in the middle, and
 * what was still on its way (the event that a cancelled run sends) is found by the next call. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"

/* Works at every open order. */
bool forget_creators(const struct conf *c, struct kv *kv, struct db *db,
                     const atomic_bool *stopping, struct err *e);
