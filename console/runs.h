/* runs.h: runs, live ones (which Redis knows) and those that have ended (which Postgres keeps), as one list and one by one. */
#pragma once

#include <stdint.h>

#include "desk.h"

enum { RUNS_MOST = 200 };

/* What is NULL or 0 is not asked for. Texts may name several, separated by commas, where openapi.json says so. */
struct run_filter {
    const char *function, *status, *creator, *event_name, *q;
    int64_t after_ms, before_ms; /* accepted in [after, before) */
};

/* Newest first. `cursor` is *ret_next of the page before (freed by the caller; NULL at the end). */
json_t *runs_list(struct desk *d, const struct run_filter *f, int limit, const char *cursor,
                  char **ret_next, struct err *e);
json_t *run_get(struct desk *d, const char *id, struct err *e);
json_t *runs_of_event(struct desk *d, const char *event, struct err *e);
/* Why it does not run at this moment. */
json_t *run_why(struct desk *d, const char *id, struct err *e);
