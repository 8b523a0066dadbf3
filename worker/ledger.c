#include "ledger.h"

#include <string.h>

#include "js.h"

static void accepted_text(const struct run *r, char out[32])
{
    (void)snprintf(out, 32, "%lld", (long long)r->accepted_ms);
}

static bool find_recorded(struct db *db, const struct run *r, const char *accepted,
                          const char *step, json_t **ret, struct err *e)
{
    auto_result *found = DB_QUERY(db, e, "ledger_result", r->id, accepted, step);
    if (found == NULL)
        return false;
    const char *text = PQntuples(found) > 0 ? db_text(found, 0, "result") : NULL;
    if (text == NULL)
        return err_set(e, ERR_POSTGRES, "ledger: step %s is recorded without an outcome", step);
    *ret = js_parse_own(text, strlen(text), e);
    return *ret != NULL;
}

bool ledger_begin(struct db *db, const struct run *r, const char *step, const char *worker,
                  json_t **ret_recorded, struct err *e)
{
    char accepted[32];
    accepted_text(r, accepted);
    if (!db_begin(db, e))
        return false;
    auto_result *mine = DB_QUERY(db, e, "begin_ledger_entry", r->id, accepted, step, worker);
    if (mine == NULL) {
        /* Another worker is in the middle of this very step (or was frozen there): waiting for it uses no attempt. */
        if (e->code == ERR_POSTGRES)
            e->code = ERR_UNAVAILABLE;
        db_rollback(db);
        return false;
    }
    const char *state = db_text(mine, 0, "state");
    *ret_recorded = NULL;
    if (strcmp(state, "begun") == 0)
        return true;
    db_rollback(db);
    if (strcmp(state, "ended") == 0)
        return err_set(e, ERR_PERMANENT, "the run has ended; another may have gone on from it");
    return find_recorded(db, r, accepted, step, ret_recorded, e);
}

bool ledger_commit(struct db *db, const struct run *r, const char *step, const json_t *outcome,
                   struct err *e)
{
    char accepted[32];
    accepted_text(r, accepted);
    auto_free char *text = js_dump(outcome, NULL);
    if (DB_EXEC(db, e, "record_ledger_result", r->id, accepted, step, text) && db_commit(db, e))
        return true;
    db_rollback(db);
    return false;
}
