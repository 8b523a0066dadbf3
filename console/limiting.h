/* limiting.h: what holds runs back: limits with what is used of them, budgets, and whose turns count more. */
#pragma once

#include "desk.h"

/* What people call a limit: a function's own by the function's id, without the "fn/" that it has in Redis; a shared one has its name. */
const char *limit_shown(const char *name);

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
