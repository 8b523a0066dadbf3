/* run_spans.h: what of a run's work becomes a span: the run, its wait before the first step, and each attempt at a step.
 * Calls of services are told by http.c. Without an exporter these do nothing. */
#pragma once

#include "plan.h"
#include "result.h"
#include "run.h"

/* After an attempt; `is_first`: the first one of the whole run, which has waited until then. */
void run_spans_attempt(const struct run *run, const struct work *w, const struct result *r,
                       bool is_first);
/* The run, or a branch of it, has ended; `e` NULL = well. */
void run_spans_end(const struct run *run, const struct err *e);
