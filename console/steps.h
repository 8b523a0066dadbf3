/* steps.h: what the steps of a run did, and where its time went. */
#pragma once

#include <stdint.h>

#include "desk.h"

/* [Step] of openapi.json, in the order in which they began; *ret_working_ms: how long any of them was at work.
 * `original`: the run that it retries, whose steps it need not do again; NULL = none. */
json_t *steps_of_run(struct desk *d, const char *run, const char *original, int64_t accepted_ms,
                     double *ret_working_ms, struct err *e);
