/* retire.h: the end of a function that no build carries any more. */
#pragma once

#include <stddef.h>

#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"

/* Forgets the function and its schedule, cancels its live runs, and writes what came of it into `result`, also when it is
 * refused. In the open transaction of `db`, in which chronos.functions loses its row. `alive` as in cancel.h. After a
 * failure it may be called again. */
bool retire_function(const struct conf *c, struct kv *kv, struct db *db, const char *fn,
                     const char *reason, bool (*alive)(void *ctx, struct err *e), void *ctx,
                     char *result, size_t size, struct err *e);
