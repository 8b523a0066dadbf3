/* cancel.h: ends runs before their time, wherever they live. */
#pragma once

#include <stdatomic.h>

#include "err.h"
#include "kv.h"

/* Of the script cancel_run. */
enum cancel_code { CANCEL_DONE, CANCEL_BEGUN, CANCEL_ENDED, CANCEL_NOT_HERE };

/* Asks one partition after the other: whose the run is, its id does not tell. */
bool cancel_run(struct kv *kv, int partitions, const char *run, const char *reason,
                enum cancel_code *ret_code, struct err *e);

/* Live runs that fit all that is given: NULL and -1 fit any. */
struct cancel_filter {
    const char *function, *owner;
    long long since_ms, until_ms; /* accepted from the one until before the other */
    const char *condition; /* an expression over the event; one of several events is enough */
};

struct cancel_count {
    long done;  /* over */
    long begun; /* a worker is at a step of it; it is over when that one ends */
};

/* `alive` is called again and again, and ends it with its failure. ERR_INPUT: the condition cannot be read. May be called
 * again after a failure: it goes on with those that are left, and the count is of the last call. */
bool cancel_where(struct kv *kv, const struct cancel_filter *filter, const char *reason,
                  bool (*alive)(void *ctx, struct err *e), void *ctx,
                  struct cancel_count *ret_count, struct err *e);
