/* redis_check.h: is this Redis fit to keep work? Version at least 7.0, append-only file on, eviction off. */
#pragma once

#include <stddef.h>

#include "err.h"
#include "kv.h"

/* ERR_INPUT with the setting and the mend when it is not fit; ERR_UNAVAILABLE when it cannot be asked. `ret_memory_share`
 * gets used memory as a share of maxmemory (0 without a limit); may be NULL. */
bool redis_check(struct kv *kv, double *ret_memory_share, struct err *e);

/* The value of "name:" in an INFO text, into out; "" when it is not there. */
void redis_info_field(const char *info, const char *name, char *out, size_t size);
/* The same as a number; 0 when it is not there or none. */
double redis_info_number(const char *info, const char *name);
