/* rejected.h: chronos:events:rejected has an end. Postgres keeps reason and beginning of what was rejected; the stream has it
 * byte for byte for as long as that is, and no more than Redis has room for. */
#pragma once

#include "err.h"
#include "kv.h"

enum { REJECTED_MAX_BYTES = 64 << 20 };

/* Removes what was rejected more than `days` before, and the older half while the stream takes more than
 * REJECTED_MAX_BYTES. (The recorder bounds the number of entries.) */
bool rejected_bound(struct kv *kv, long days, struct err *e);
