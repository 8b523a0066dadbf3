/* change.h: a change and the row that says who made it, in one transaction. */
#pragma once

#include "desk.h"

/* What changes something; runs inside a transaction. *ret_id may be set to the id of what carries it out (0 = none). */
typedef bool change_fn(struct desk *d, const void *what, long long *ret_id, struct err *e);

/* Makes the change and writes `action` on `target`. Returns {done, id?, audit_id}; `done` is a sentence, `details` is taken over. */
json_t *change_make(struct desk *d, change_fn *change, const void *what, const char *action,
                    const char *target, json_t *details, const char *done, struct err *e);

/* The same for what was changed in a transaction that is open already: writes `action` on `target`, and commits. "": nothing was
 * changed, and there is no row. */
bool change_end(struct desk *d, const char *action, const char *target, const json_t *details,
                long long *ret_audit, struct err *e);
