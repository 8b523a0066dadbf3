/* tick_plan.h: what is to be done about a function's schedule now. Pure: the clock and the last tick come from the caller.
 *
 * A tick is put off by its jitter. It is missed when it was not dealt with until the grace was over, because no scheduler was
 * there: the function's policy then says whether the latest is made good, none is, or each. Those that are not are recorded as
 * skipped, the first hundred one by one, the rest together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cron.h"
#include "function.h"

enum { TICKS_ONE_BY_ONE = 100, TICKS_MAX = 2 * TICKS_ONE_BY_ONE + 2 };

struct tick_rule {
    const char *fn;
    const struct cron *cron;
    int64_t jitter_ms;
    enum missed_ticks missed;
    int64_t grace_ms;
};

struct tick {
    int64_t ms;
    int64_t due_ms;
    long long
        skipped; /* 0 = it starts a run; else this many ticks, it and those before it, are recorded as skipped */
};

struct tick_plan {
    struct tick ticks[TICKS_MAX]; /* in rising order */
    size_t len;
    long long missed; /* of them, or for which they stand */
    int64_t wait_ms;  /* until there is more to do; -1 = the schedule has no more ticks */
};

void tick_plan_make(struct tick_plan *p, const struct tick_rule *r, int64_t last_ms,
                    int64_t now_ms);
