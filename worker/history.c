#include "history.h"

#include "copy.h"
#include "js.h"

static bool add_cost(struct buf *b, double usd)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%.6f", usd);
    return copy_text(b, text);
}

static bool add_error(struct buf *b, const struct err *err)
{
    return copy_text(b, err != NULL ? err_name(err->code) : NULL) &&
           copy_text(b, err != NULL ? err->msg : NULL);
}

bool history_step(struct buf *b, const struct run *r, const struct step_line *l)
{
    return buf_adds(b, "s\t") && copy_text(b, r->id) && copy_ms(b, r->accepted_ms) &&
           copy_text(b, l->step) && copy_int(b, l->attempt) && copy_text(b, l->status) &&
           copy_ms(b, l->started_ms) && copy_ms(b, l->finished_ms) && copy_int(b, l->duration_us) &&
           copy_text(b, l->result) && add_error(b, l->err) && add_cost(b, l->cost_usd) &&
           copy_text(b, l->worker) && copy_end(b);
}

bool history_run(struct buf *b, const struct run *r, const char *status, int64_t finished_ms,
                 const struct err *err, const char *output, const char *worker)
{
    return buf_adds(b, "r\t") && copy_text(b, r->id) && copy_ms(b, r->accepted_ms) &&
           copy_text(b, r->fn->id) && copy_text(b, js_str(r->event, "id")) &&
           copy_text(b, js_str(r->event, "name")) &&
           copy_text(b, r->key[0] != '\0' ? r->key : NULL) && copy_text(b, status) &&
           copy_int(b, r->fails + 1) && copy_int(b, r->deaths) && copy_ms(b, r->accepted_ms) &&
           copy_ms(b, r->started_ms > 0 ? r->started_ms : -1) && copy_ms(b, finished_ms) &&
           add_error(b, err) && copy_text(b, output) && add_cost(b, r->cost_usd) &&
           copy_text(b, worker) && copy_end(b);
}
