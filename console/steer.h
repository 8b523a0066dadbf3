/* steer.h: what people do to runs. Each returns a Done of openapi.json; the order is durable, and written to the audit log, when it
 * returns, and carried out by a scheduler within moments. */
#pragma once

#include "desk.h"
#include "runs.h"

/* reason NULL = none given. */
json_t *run_cancel(struct desk *d, const char *id, const char *reason, struct err *e);
/* On from the step that failed, as a new run. */
json_t *run_retry(struct desk *d, const char *id, struct err *e);
/* From the start, as a new run. */
json_t *run_replay(struct desk *d, const char *id, struct err *e);

enum bulk_action { BULK_CANCEL, BULK_RETRY, BULK_REPLAY };

/* The same for at most `limit` runs that fit, newest first. dry_run: only tells which. Returns a Bulk. */
json_t *runs_bulk(struct desk *d, enum bulk_action action, const struct run_filter *f, int limit,
                  bool dry_run, const char *reason, struct err *e);
