/* measure.h: what the worker notes for its metrics (engine/metric_table.h): who calls it says what has happened, here is what
 * is made of it. All of it is cheap when nobody asks for metrics. */
#pragma once

#include "conf.h"
#include "outcome.h"
#include "plan.h"
#include "pool.h"
#include "run.h"

/* The run's first step begins now. Not for branches. */
void measure_started(const struct run *run, int64_t now_ms);

void measure_attempt(const struct run *run, const struct work *w, const struct result *r);

/* What Redis said to an outcome. */
void measure_commit(const struct outcome *o, enum commit_code code);

/* Gauges of the pool and of the settings; `pool` lives until measure_stop. */
void measure_start(const struct conf *c, struct pool *pool);
void measure_stop(void);
