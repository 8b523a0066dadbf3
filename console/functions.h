/* functions.h: functions that workers have published: config, live counts, schedules; and what people do to them. */
#pragma once

#include "desk.h"

json_t *functions_list(struct desk *d, struct err *e);
json_t *function_get(struct desk *d, const char *id, struct err *e);

/* mode: "pause", "drain", "resume" */
json_t *function_pause(struct desk *d, const char *id, const char *mode, struct err *e);
/* Starts it now. data NULL: as its schedule does, or with {} when it has none. */
json_t *function_trigger(struct desk *d, const char *id, const json_t *data, struct err *e);
/* Ends a function that no worker executes. */
json_t *function_retire(struct desk *d, const char *id, struct err *e);
