#include "history.h"

#include "history_row.h"
#include "js.h"

bool history_step(struct buf *b, const struct run *r, const struct step_line *l)
{
    struct step_row row = {
        .run = r->id,
        .accepted_ms = r->accepted_ms,
        .step = l->step,
        .attempt = l->attempt,
        .status = l->status,
        .started_ms = l->started_ms,
        .finished_ms = l->finished_ms,
        .duration_us = l->duration_us,
        .result = l->result,
        .error_code = l->err != NULL ? err_name(l->err->code) : NULL,
        .error_message = l->err != NULL ? l->err->msg : NULL,
        .cost_usd = l->cost_usd,
        .worker = l->worker,
    };
    return step_row_line(b, &row);
}

bool history_run(struct buf *b, const struct run *r, const char *status, int64_t finished_ms,
                 const struct err *err, const char *output, const char *worker)
{
    struct run_row row = {
        .run = r->id,
        .accepted_ms = r->accepted_ms,
        .function = r->fn->id,
        .event = js_str(r->event, "id"),
        .event_name = js_str(r->event, "name"),
        .key = r->key,
        .status = status,
        .attempts = r->fails + 1,
        .deaths = r->deaths,
        .queued_ms = r->accepted_ms,
        .started_ms = r->started_ms > 0 ? r->started_ms : -1,
        .finished_ms = finished_ms,
        .error_code = err != NULL ? err_name(err->code) : NULL,
        .error_message = err != NULL ? err->msg : NULL,
        .output = output,
        .cost_usd = r->cost_usd,
        .worker = worker,
    };
    return run_row_line(b, &row);
}
