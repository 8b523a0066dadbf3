/* limiting.h: what holds runs back: limits with what is used of them, budgets, and whose turns count more. */
#pragma once

#include "desk.h"

enum { LIMIT_SHOWN_SIZE = 300 };

/* What people call the limit that is "fn/x:8c0e…", "fn/x:$", "fn/x" or "x" in Redis, in a manifest or in what somebody sent: x, the id of
 * the function whose own it is; a shared one has its name. A function that is called as a shared limit is stays fn/x, since x is
 * the other. */
bool limit_shown(struct desk *d, const char *name, char out[LIMIT_SHOWN_SIZE], struct err *e);

json_t *limits_list(struct desk *d, struct err *e);
/* Owners whose turns do not count 1. */
json_t *weights_list(struct desk *d, struct err *e);

/* owner NULL: of all together. max below 0: as the functions declare it. */
json_t *limit_set(struct desk *d, const char *name, const char *owner, long long max,
                  struct err *e);
/* US dollars in an hour; below 0: as it is set for all. */
json_t *budget_set(struct desk *d, const char *owner, double usd, struct err *e);
/* Below 0: 1 again. */
json_t *weight_set(struct desk *d, const char *owner, double weight, struct err *e);
