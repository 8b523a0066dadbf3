/* remember.h: what the rules of functions have to know of runs that began before Redis lost its memory: which idempotency keys
 * were used, and how many runs began lately under a rate limit. */
#pragma once

#include "conf.h"
#include "db.h"
#include "err.h"
#include "functions.h"
#include "kv.h"

bool remember_starts(const struct conf *c, struct kv *kv, struct db *db,
                     const struct functions *functions, struct err *e);
