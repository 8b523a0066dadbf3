#include "history_row.h"

#include <stdio.h>
#include <string.h>

#include "copy.h"

static bool copy_usd(struct buf *b, double usd)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%.6f", usd);
    return copy_text(b, text);
}

static bool copy_duration(struct buf *b, int64_t us)
{
    return us >= 0 ? copy_int(b, us) : copy_text(b, NULL);
}

/* The first line of what a run is counted by; "" is nobody. */
static bool copy_owner(struct buf *b, const char *key)
{
    size_t len = key != NULL ? strcspn(key, "\n") : 0;
    return copy_bytes(b, len > 0 ? key : NULL, len);
}

bool step_row_copy(struct buf *b, const struct step_row *r)
{
    return copy_text(b, r->run) && copy_ms(b, r->accepted_ms) && copy_text(b, r->step) &&
           copy_int(b, r->attempt) && copy_text(b, r->status) && copy_ms(b, r->started_ms) &&
           copy_ms(b, r->finished_ms) && copy_duration(b, r->duration_us) &&
           copy_text(b, r->result) && copy_text(b, r->error_code) &&
           copy_text(b, r->error_message) && copy_usd(b, r->cost_usd) && copy_text(b, r->worker) &&
           copy_end(b);
}

bool run_row_copy(struct buf *b, const struct run_row *r)
{
    return copy_text(b, r->run) && copy_ms(b, r->accepted_ms) && copy_text(b, r->function) &&
           copy_text(b, r->event) && copy_text(b, r->event_name) && copy_owner(b, r->key) &&
           copy_text(b, r->status) && copy_int(b, r->attempts) && copy_int(b, r->deaths) &&
           copy_ms(b, r->queued_ms) && copy_ms(b, r->started_ms) && copy_ms(b, r->finished_ms) &&
           copy_text(b, r->error_code) && copy_text(b, r->error_message) &&
           copy_text(b, r->output) && copy_usd(b, r->cost_usd) && copy_text(b, r->worker) &&
           copy_end(b);
}

bool step_row_line(struct buf *b, const struct step_row *r)
{
    return buf_adds(b, "s\t") && step_row_copy(b, r);
}

bool run_row_line(struct buf *b, const struct run_row *r)
{
    return buf_adds(b, "r\t") && run_row_copy(b, r);
}
