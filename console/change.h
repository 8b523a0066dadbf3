/* change.h: a change and the row that says who made it, in one transaction. */
#pragma once

#include "desk.h"

/* What carries a change out later. */
struct carrier {
    const char *name; /* as the audit's details have it: outbox_id, command_id, … */
    long long id;     /* 0 = nothing does: it is done */
};

/* Of the answer to an order, whose `row_id` it is; r may be NULL, then it returns false. */
bool change_carried_by(const PGresult *r, const char *name, struct carrier *ret);

/* What changes something; runs inside a transaction. *ret may be filled. */
typedef bool change_fn(struct desk *d, const void *what, struct carrier *ret, struct err *e);

/* Makes the change and writes `action` on `target`. Returns {done, id?, event_id?, audit_id}; `done` is a sentence, `details` is taken over. */
json_t *change_make(struct desk *d, change_fn *change, const void *what, const char *action,
                    const char *target, json_t *details, const char *done, struct err *e);

/* The same for what was changed in a transaction that is open already: writes `action` on `target`, and commits. "": nothing was
 * changed, and there is no row. */
bool change_end(struct desk *d, const char *action, const char *target, const json_t *details,
                long long *ret_audit, struct err *e);
