/* history.h: what a worker writes into the history stream for the archive: ready lines of Postgres' COPY format, each
 * headed by its table's letter and a tab, so that the scheduler moves bytes and parses nothing.
 *
 *   s  chronos.run_steps: run_id accepted_at step attempt status started_at finished_at duration_us result
 *      error_code error_message cost_usd worker
 *   r  chronos.runs: id accepted_at function_id event_id event_name creator_id status attempts deaths queued_at
 *      started_at finished_at error_code error_message output cost_usd worker
 *
 * A change of columns takes a new letter, so that old and new binaries can run side by side. */
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
