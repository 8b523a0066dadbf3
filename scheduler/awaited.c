#include "awaited.h"

#include <string.h>

#include "history_row.h"
#include "id.h"
#include "js.h"
#include "waiter.h"

static bool add_row(struct buf *b, const struct awaited *a,
                    bool (*to)(struct buf *b, const struct step_row *r))
{
    char root[ID_SIZE];
    struct err e;
    run_root(a->run, root);
    auto_json *error = a->error != NULL ? js_parse(a->error, strlen(a->error), &e) : NULL;
    struct step_row row = {
        .run = root,
        .accepted_ms = id_ms(root),
        .step = a->step,
        .attempt = 0,
        .status = a->error != NULL ? "failed" : "completed",
        .started_ms = -1,
        .finished_ms = a->at_ms,
        .duration_us = -1,
        .result = a->result,
        .error_code = js_str(error, "name"),
        .error_message = js_str(error, "message"),
    };
    return row.accepted_ms >= 0 && to(b, &row);
}

bool awaited_copy(struct buf *b, const struct awaited *a)
{
    return add_row(b, a, step_row_copy);
}

bool awaited_line(struct buf *b, const struct awaited *a)
{
    return add_row(b, a, step_row_line);
}
