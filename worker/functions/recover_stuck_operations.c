/* recover_stuck_operations.c: starts operations on many videos whose request was lost, and ends those that nobody will end.
 *
 * Every five minutes. Whoever makes the row and sends the event by himself may be interrupted between the two, and an event
 * may be refused at the door; the row would say "pending" for ever. Which operations those are, and what to do about each, is
 * one query (sql/queries/recovery.sql); here the events are sent. One turn is enough: what it leaves is found again.
 *
 * What is sent again is harmless: one run claims an operation, another is refused. */
#include <string.h>

#include "function.h"

/* a step may send 64 events */
#define OPERATIONS_AT_ONCE_TEXT "50"

static void start_again(struct step *s, const PGresult *r, int row)
{
    char event[64];
    (void)snprintf(event, sizeof(event), "videos/bulk.%s", db_text(r, row, "operation_type"));
    step_send(s, event,
              js_pack("{s:s, s:s}", "operationId", db_text(r, row, "id"), "creatorId",
                      db_text(r, row, "creator_id")));
}

static json_t *recover_operations(struct step *s)
{
    auto_result *r = DB_QUERY(s->db, &s->err, "recover_stuck_operations", OPERATIONS_AT_ONCE_TEXT);
    if (r == NULL)
        return step_error(s);
    json_int_t started = 0, failed = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        const char *action = db_text(r, i, "action");
        step_log(s, "operation %s was stuck at %s: %s", db_text(r, i, "id"),
                 db_text(r, i, "status"), action);
        if (strcmp(action, "start-again") == 0) {
            start_again(s, r, i);
            started++;
        } else {
            failed++;
        }
    }
    return js_pack("{s:b, s:I, s:I}", "success", true, "started", started, "failed", failed);
}

static const struct step_def steps[] = {
    {"recover-operations", recover_operations, .tx = true},
    {0},
};

const struct function fn_recover_stuck_operations = {
    .id = "recover-stuck-operations",
    .name = "Recover Stuck Operations",
    .version = 1,
    .cron = {.schedule = "*/5 * * * *"},
    .singleton = {.mode = SINGLETON_SKIP},
    .retries = 2,
    .steps = steps,
};
