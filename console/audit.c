#include "audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "row.h"

enum { TARGET_BYTES = 1000 };

bool audit_write(struct desk *d, const char *action, const char *target, const json_t *details,
                 long long *ret_id, struct err *e)
{
    char cut[TARGET_BYTES + 1];
    auto_free char *text = details != NULL ? js_dump(details, NULL) : strdup("{}");
    if (target != NULL)
        (void)snprintf(cut, sizeof(cut), "%s", target);
    auto_result *r = DB_QUERY(d->db, e, "write_audit", d->who, d->from, action,
                              target != NULL ? cut : NULL, text, d->request);
    if (r == NULL)
        return false;
    *ret_id = db_int(r, 0, "id", 0);
    return true;
}

static json_t *of_row(const PGresult *r, int row)
{
    return js_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", row_int(r, row, "id"), "at",
                   row_time(r, row, "at_ms"), "who", row_text(r, row, "who"), "from",
                   row_text(r, row, "from_address"), "action", row_text(r, row, "action"), "target",
                   row_text(r, row, "target"), "details", row_json(r, row, "details"), "request_id",
                   row_text(r, row, "request_id"));
}

static bool is_number(const char *s)
{
    return *s != '\0' && strlen(s) <= 18 && strspn(s, "0123456789") == strlen(s);
}

json_t *audit_list(struct desk *d, const char *action, const char *target, const char *who,
                   int limit, const char *cursor, char **ret_next, struct err *e)
{
    char most[24];
    *ret_next = NULL;
    if (cursor != NULL && !is_number(cursor))
        return desk_refuse(d, "cursor", e, "cursor must be what the page before gave as next");
    (void)snprintf(most, sizeof(most), "%d", limit + 1);
    auto_result *r = DB_QUERY(d->db, e, "list_audit", cursor, action, target, who, most);
    if (r == NULL)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < PQntuples(r) && i < limit; i++)
        (void)json_array_append_new(list, of_row(r, i));
    if (PQntuples(r) > limit)
        *ret_next = strdup(db_text(r, limit - 1, "id"));
    return list;
}
