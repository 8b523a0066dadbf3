/* workers.h: live workers and what each of their threads is doing. */
#pragma once

#include "desk.h"

json_t *workers_list(struct desk *d, struct err *e);

/* How many live workers execute the function. */
bool workers_of(struct desk *d, const char *function, int *ret, struct err *e);
/* Function → how many; a new reference. */
json_t *workers_by_function(struct desk *d, struct err *e);
