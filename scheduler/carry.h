/* carry.h: what the steps of a run have done is carried over to another run that goes on from there (chronos.retry). */
#pragma once

#include "routed.h"
#include "routing.h"

/* Puts the results that were recorded of the run `from`, and of those that it was a retry of, into Redis under the start's
 * run, which is `begun` if there are any. Stored only where nothing is: the run may be under way already. Before enqueue, so
 * that no worker can claim the run without them; may be repeated. */
bool carry_results(struct kv *kv, struct db *db, const char *from, struct start *s, struct err *e);

/* The same for the starts of a batch's events that retry a run. */
bool carry_retries(struct routing *r, struct routed *list, size_t n, struct err *e);

/* Removes them again: the run was skipped. */
bool carry_back(struct kv *kv, const struct start *s, struct err *e);
