/* history_row.h: rows for the archive as they travel in the history stream: ready lines of Postgres' COPY format, each headed
 * by its table's letter and a tab, so that the archiver moves bytes and parses nothing.
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

/* NULL, and times and durations below 0, are SQL null. */
struct step_row {
    const char *run;
    int64_t accepted_ms; /* of the run */
    const char *step;
    int attempt;
    const char *status; /* completed, failed, sleeping */
    int64_t started_ms, finished_ms, duration_us;
    const char *result; /* JSON */
    const char *error_code, *error_message;
    double cost_usd;
    const char *worker;
};

struct run_row {
    const char *run;
    int64_t accepted_ms;
    const char *function, *event, *event_name;
    const char *key;    /* what its limits count by; the first line is its owner, "" none */
    const char *status; /* completed, failed, cancelled, skipped */
    int attempts, deaths;
    int64_t queued_ms, started_ms, finished_ms;
    const char *error_code, *error_message;
    const char *output; /* JSON */
    double cost_usd;
    const char *worker;
};

/* The COPY line alone, as it goes into the table; false when the buffer is full. */
bool step_row_copy(struct buf *b, const struct step_row *r);
bool run_row_copy(struct buf *b, const struct run_row *r);
/* The same with its head, as it goes into the history. */
bool step_row_line(struct buf *b, const struct step_row *r);
bool run_row_line(struct buf *b, const struct run_row *r);
