#include "event_json.h"

#include "js.h"
#include "row.h"

/* The members that are always null are those of the official REST API that mean nothing here. */
json_t *event_of_row(const PGresult *r, int row)
{
    return js_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:n, s:n, s:n, s:n}",
        "internal_id", row_text(r, row, "id"), "name", row_text(r, row, "name"), "data",
        row_json(r, row, "data"), "user", row_json(r, row, "user"), "v", row_text(r, row, "v"),
        "id", row_text(r, row, "idempotency_key"), "ts", row_int(r, row, "ts_ms"), "received_at",
        row_time(r, row, "accepted_ms"), "creator_id", row_text(r, row, "creator_id"), "outcome",
        row_text(r, row, "outcome"), "runs", row_runs(r, row), "retry_of",
        row_text(r, row, "retry_of"), "replay_of", row_text(r, row, "replay_of"), "account_id",
        "environment_id", "source", "source_id");
}
