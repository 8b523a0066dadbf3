#include "run_json.h"

#include "db.h"
#include "id.h"
#include "js.h"
#include "row.h"

static json_t *status(enum run_state s, bool begun)
{
    return json_string(run_status_name(s, begun));
}

json_t *run_of_row(const PGresult *r, int row, bool with_output)
{
    enum run_state s = RUN_COMPLETED;
    (void)run_state_find(db_text(r, row, "status"), &s);
    json_t *j = js_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:n}",
        "run_id", row_text(r, row, "id"), "status", status(s, true), "state", run_state_name(s),
        "function_id", row_text(r, row, "function_id"), "event_id", row_text(r, row, "event_id"),
        "event_name", row_text(r, row, "event_name"), "creator_id", row_text(r, row, "creator_id"),
        "queued_at", row_time(r, row, "accepted_ms"), "run_started_at",
        row_time(r, row, "started_ms"), "ended_at", row_time(r, row, "finished_ms"), "attempts",
        row_int(r, row, "attempts"), "deaths", row_int(r, row, "deaths"), "error",
        row_problem(r, row), "cost_usd", row_number(r, row, "cost_usd"), "worker",
        row_text(r, row, "worker"), "original_run_id", row_text(r, row, "original"), "cancelling");
    if (with_output)
        (void)json_object_set_new(j, "output", row_json(r, row, "output"));
    return j;
}

static json_t *of_begun(const PGresult *begun, int row, const char *column)
{
    return row >= 0 ? row_text(begun, row, column) : json_null();
}

static json_t *failure_of(const struct description *x)
{
    if (x->failure == NULL || x->failure[0] == '\0')
        return json_null();
    return js_pack("{s:s, s:o}", "code", "retry", "message", json_text(x->failure));
}

json_t *run_of_description(const char *id, const struct description *x, const PGresult *begun,
                           int row)
{
    bool has_begun = x->started_ms > 0 || x->state == RUN_RUNNING;
    int64_t started = x->started_ms > 0 ? x->started_ms : x->since_ms;
    /* what has ended and is being archived goes for running until its row is there */
    enum run_state s = x->ended ? RUN_RUNNING : x->state;
    return js_pack(
        "{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:n, s:i, s:i, s:o, s:n, s:o, s:o, s:o}",
        "run_id", id, "status", status(s, has_begun), "state", run_state_name(s), "function_id",
        json_text(x->function), "event_id", of_begun(begun, row, "event_id"), "event_name",
        of_begun(begun, row, "event_name"), "creator_id", json_text(x->creator), "queued_at",
        json_time(x->accepted_ms), "run_started_at", json_time(started), "ended_at", "attempts",
        x->attempts, "deaths", x->deaths, "error", failure_of(x), "cost_usd", "worker",
        json_text(x->worker), "original_run_id", of_begun(begun, row, "original"), "cancelling",
        json_text(x->cancelling));
}

json_t *run_of_begun(const PGresult *begun, int row)
{
    return js_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:n, s:n, s:i, s:i, s:n, s:n, s:n, s:o, s:n}",
        "run_id", row_text(begun, row, "id"), "status", status(RUN_ACCEPTED, false), "state",
        run_state_name(RUN_ACCEPTED), "function_id", row_text(begun, row, "function_id"),
        "event_id", row_text(begun, row, "event_id"), "event_name",
        row_text(begun, row, "event_name"), "creator_id", row_text(begun, row, "creator_id"),
        "queued_at", row_time(begun, row, "accepted_ms"), "run_started_at", "ended_at", "attempts",
        0, "deaths", 0, "error", "cost_usd", "worker", "original_run_id",
        row_text(begun, row, "original"), "cancelling");
}
