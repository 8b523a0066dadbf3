/* attempt.h: one attempt at a step: calls the author's function, inside its transaction when it has one, and judges what
 * it said. */
#pragma once

#include "execute.h"
#include "plan.h"
#include "result.h"
#include "run.h"

/* *r is to be released. A failure is in r->err, not logged, and nothing of it is stored. */
void attempt_run(struct executor *x, struct run *run, const struct work *w, struct result *r);
