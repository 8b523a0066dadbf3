#include "change.h"

#include <stdio.h>

#include "audit.h"
#include "js.h"

bool change_end(struct desk *d, const char *action, const char *target, const json_t *details,
                long long *ret_audit, struct err *e)
{
    bool ok = *action == '\0' || audit_write(d, action, target, details, ret_audit, e);
    return ok && db_commit(d->db, e);
}

static bool make(struct desk *d, change_fn *change, const void *what, const char *action,
                 const char *target, json_t *details, struct carrier *ret, long long *ret_audit,
                 struct err *e)
{
    char id[24];
    if (!db_begin(d->db, e) || !change(d, what, ret, e))
        return false;
    if (ret->id != 0) {
        (void)snprintf(id, sizeof(id), "%lld", ret->id);
        (void)json_object_set_new(details, ret->name, json_string(id));
    }
    return change_end(d, action, target, details, ret_audit, e);
}

json_t *change_make(struct desk *d, change_fn *change, const void *what, const char *action,
                    const char *target, json_t *details, const char *done, struct err *e)
{
    struct carrier by = {0};
    long long audit = 0;
    char text[24];
    auto_json *own = details != NULL ? details : json_object();
    if (!make(d, change, what, action, target, own, &by, &audit, e)) {
        db_rollback(d->db);
        return NULL;
    }
    json_t *j = js_pack("{s:s, s:I}", "done", done, "audit_id", (json_int_t)audit);
    (void)snprintf(text, sizeof(text), "%lld", by.id);
    if (by.id != 0)
        (void)json_object_set_new(j, "id", json_string(text));
    return j;
}
