#include "change.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "id.h"
#include "js.h"

bool change_carried_by(const PGresult *r, const char *name, struct carrier *ret)
{
    *ret = (struct carrier){name, r != NULL ? db_int(r, 0, "row_id", 0) : 0};
    return r != NULL;
}

bool change_end(struct desk *d, const char *action, const char *target, const json_t *details,
                long long *ret_audit, struct err *e)
{
    bool ok = *action == '\0' || audit_write(d, action, target, details, ret_audit, e);
    return ok && db_commit(d->db, e);
}

/* The id that its event will have (scheduler/outbox.c). */
static bool name_event(struct desk *d, const char *row, char out[ID_SIZE], struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "outbox_time", row);
    if (r != NULL)
        id_derive(db_int(r, 0, "created_ms", 0), "outbox", row, out);
    return r != NULL;
}

static bool make(struct desk *d, change_fn *change, const void *what, const char *action,
                 const char *target, json_t *details, struct carrier *ret, char event[ID_SIZE],
                 long long *ret_audit, struct err *e)
{
    char id[24];
    if (!db_begin(d->db, e) || !change(d, what, ret, e))
        return false;
    if (ret->id != 0) {
        (void)snprintf(id, sizeof(id), "%lld", ret->id);
        (void)json_object_set_new(details, ret->name, json_string(id));
        if (strcmp(ret->name, "outbox_id") == 0 && !name_event(d, id, event, e))
            return false;
    }
    return change_end(d, action, target, details, ret_audit, e);
}

json_t *change_make(struct desk *d, change_fn *change, const void *what, const char *action,
                    const char *target, json_t *details, const char *done, struct err *e)
{
    struct carrier by = {0};
    long long audit = 0;
    char text[24], event[ID_SIZE] = "";
    auto_json *own = details != NULL ? details : json_object();
    if (!make(d, change, what, action, target, own, &by, event, &audit, e)) {
        db_rollback(d->db);
        return NULL;
    }
    json_t *j = js_pack("{s:s, s:I}", "done", done, "audit_id", (json_int_t)audit);
    (void)snprintf(text, sizeof(text), "%lld", by.id);
    if (by.id != 0)
        (void)json_object_set_new(j, "id", json_string(text));
    if (*event != '\0')
        (void)json_object_set_new(j, "event_id", json_string(event));
    return j;
}
