/* handle_bulk_failure.c: an operation on many videos whose run failed or was cancelled ends as failed, with the message; it
 * is never left in progress. What was done until then stays done and is in progress_current. */
#include <string.h>

#include "bulk.h"

#define PREFIX "chronos-bulk-"

/* "delete", "export" or "reprocess" out of "chronos-bulk-delete-videos"; the column has no other types. */
static void type_of(const char *function_id, char *out, size_t out_size)
{
    const char *from = function_id + sizeof(PREFIX) - 1;
    (void)snprintf(out, out_size, "%.*s", (int)strcspn(from, "-"), from);
}

static json_t *mark(struct step *s, const struct bulk *b)
{
    char type[32];
    type_of(js_str(s->data, "function_id"), type, sizeof(type));
    const char *run_id = js_str(s->data, "run_id"), *reason = js_str(s->data, "reason"),
               *error = js_str(s->data, "error.message");
    /* never cut here: half a character would be refused, and the operation never end; the query cuts by characters */
    auto_json *message = error != NULL
                             ? json_string(error)
                             : json_sprintf("cancelled: %s", reason != NULL ? reason : "");
    const char *params[] = {b->operation, b->creator, type, run_id != NULL ? run_id : "",
                            json_string_value(message)};
    long rows;
    if (!db_exec(s->db, "fail_operation", params, (int)ARRAY_LEN(params), &rows, &s->err))
        return step_error(s);
    return js_pack("{s:b, s:s, s:b, s:O}", "handled", true, "operation_id", b->operation, "marked",
                   rows > 0, "error", message);
}

static json_t *update_status_failed(struct step *s)
{
    struct bulk b;
    struct err ignored; /* the ids were refused once already */
    if (!bulk_of_event(js_get(s->data, "event.data"), SIZE_MAX, &b, &ignored)) {
        /* a list that is refused is no reason to leave the operation waiting */
        auto_json *without = json_copy(js_get(s->data, "event.data"));
        (void)json_object_del(without, "videoIds");
        if (!bulk_of_event(without, SIZE_MAX, &b, &ignored))
            return js_pack("{s:b, s:s}", "handled", false, "reason",
                           "the event names no operation and creator");
        return mark(s, &b);
    }
    return mark(s, &b);
}

static const struct step_def steps[] = {
    {"update-status-failed", update_status_failed, .tx = true},
    {0},
};

const struct function fn_handle_bulk_failure = {
    .id = "handle-bulk-failure",
    .name = "Handle Bulk Failure",
    .version = 1,
    .on_event = {"inngest/function.failed", "inngest/function.cancelled"},
    .condition = "data.function_id.startsWith('chronos-bulk-')",
    .owner = "data.event.data.creatorId",
    .retries = 4,
    .steps = steps,
};
