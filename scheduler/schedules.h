/* schedules.h: which functions have a schedule, as their manifests say. Belongs to one thread. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cron.h"
#include "function.h"

struct schedule {
    char *fn;
    char *manifest; /* its text, to see a change by */
    char *text;     /* of the schedule; NULL = it has none, or one that cannot be read (`broken`) */
    bool broken;
    struct cron cron;
    int64_t jitter_ms;
    enum missed_ticks missed;
};

struct schedules {
    struct schedule *items;
    size_t len;
};

/* `functions` is all of chronos:functions. One whose schedule cannot be read is told of in the log when it is new. */
void schedules_read(struct schedules *s, const redisReply *functions);
void schedules_release(struct schedules *s);
