/* audit.h: who changed what. Rows of chronos.audit, written in the transaction of the change. */
#pragma once

#include "desk.h"

/* Inside the caller's transaction. `details` is borrowed; NULL = none. */
bool audit_write(struct desk *d, const char *action, const char *target, const json_t *details,
                 long long *ret_id, struct err *e);

/* Newest first; NULL = any. */
json_t *audit_list(struct desk *d, const char *action, const char *target, const char *who,
                   int limit, const char *cursor, char **ret_next, struct err *e);
