/* ledger.h: transactional steps happen exactly once.
 *
 * The row (run, step) is inserted first, inside the step's transaction, so that a second worker on the same step waits
 * for the first one's commit or rollback and then either takes the recorded outcome or runs alone. Once another run goes on from where this one
 * ended (chronos.retry), its steps take effect no more. */
#pragma once

#include "db.h"
#include "err.h"
#include "run.h"

/* Opens the transaction. *ret_recorded is NULL when the step has to run now (the transaction is open), else the outcome
 * that was recorded (a new reference; no transaction is open). */
bool ledger_begin(struct db *db, const struct run *r, const char *step, const char *worker,
                  json_t **ret_recorded, struct err *e);
/* Records the outcome and commits. ERR_UNAVAILABLE: the outcome is unknown, ledger_begin will tell. */
bool ledger_commit(struct db *db, const struct run *r, const char *step, const json_t *outcome,
                   struct err *e);
