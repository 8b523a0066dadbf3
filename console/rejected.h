/* rejected.h: entries of the public door that could not be read as events; they can be mended and sent again. */
#pragma once

#include "desk.h"

json_t *rejected_list(struct desk *d, int limit, const char *cursor, char **ret_next,
                      struct err *e);
/* With all that came, as long as Redis has it. */
json_t *rejected_get(struct desk *d, const char *id, struct err *e);
/* Sends `event` in its place. */
json_t *rejected_resend(struct desk *d, const char *id, const json_t *event, struct err *e);
