/* refused.h: rows of the history that Postgres refuses, in chronos.refused_rows. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db.h"
#include "err.h"

/* Keeps a line of COPY text, its end included, that the :copy query could not store; one that is kept already stays once.
 * `reason`: what Postgres said. Outside a transaction. */
bool refused_keep(struct db *db, const char *query, const char *line, size_t len,
                  const char *reason, struct err *e);

/* How far a pass over all that is kept has come. */
struct refused_pass {
    char after[24];  /* row; "0" at first */
    int64_t next_ms; /* monotonic; when the next one begins */
    long taken;
};

/* Sends what is kept once more, some rows a turn and each row once an hour: what is stored now, or was meanwhile, is kept no longer.
 * Several schedulers may do it at the same time. */
bool refused_retry(struct refused_pass *p, struct db *db, const atomic_bool *stopping,
                   struct err *e);
