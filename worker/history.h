/* history.h: what a worker writes into the history stream for the archive (engine/history_row.h), from what it knows of a
 * run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "run.h"

struct step_line {
    const char *step;
    int attempt;
    const char *status; /* completed, failed, sleeping */
    int64_t started_ms, finished_ms, duration_us;
    const char *result;    /* JSON or NULL */
    const struct err *err; /* NULL unless failed */
    double cost_usd;
    const char *worker;
};

bool history_step(struct buf *b, const struct run *r, const struct step_line *l);
/* `status`: completed, failed, cancelled; output is JSON or NULL. */
bool history_run(struct buf *b, const struct run *r, const char *status, int64_t finished_ms,
                 const struct err *err, const char *output, const char *worker);
