/* schedule.h: when scheduled functions ran last and run next. */
#pragma once

#include "desk.h"

/* Function → its last tick, ms; a new reference. */
json_t *schedule_ticks(struct desk *d, struct err *e);
/* A Schedule of openapi.json for the function with this manifest; null when it has none. */
json_t *schedule_of(const json_t *manifest, const json_t *ticks);
