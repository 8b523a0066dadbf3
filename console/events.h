/* events.h: events that were accepted, as Postgres keeps them. */
#pragma once

#include <stdint.h>

#include "desk.h"

/* Newest first; name NULL = any; accepted in [after, before), 0 = no bound. */
json_t *events_list(struct desk *d, const char *name, int64_t after_ms, int64_t before_ms,
                    int limit, const char *cursor, char **ret_next, struct err *e);
json_t *event_get(struct desk *d, const char *id, struct err *e);
