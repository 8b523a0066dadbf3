#include "events.h"

#include <stdio.h>
#include <string.h>

#include "event_json.h"
#include "id.h"
#include "row.h"

static const char *number(int64_t v, char out[24])
{
    (void)snprintf(out, 24, "%lld", (long long)v);
    return v != 0 ? out : NULL;
}

static PGresult *ask(struct desk *d, const char *name, int64_t after_ms, int64_t before_ms,
                     int limit, const char *cursor, struct err *e)
{
    char after[24], before[24], most[24];
    PGresult *r = NULL;
    if (!db_begin(d->db, e))
        return NULL;
    if (DB_EXEC(d->db, e, "plan_for_these"))
        r = DB_QUERY(d->db, e, "list_events", cursor, name, number(after_ms, after),
                     number(before_ms, before), number(limit + 1, most));
    db_rollback(d->db);
    return r;
}

json_t *events_list(struct desk *d, const char *name, int64_t after_ms, int64_t before_ms,
                    int limit, const char *cursor, char **ret_next, struct err *e)
{
    *ret_next = NULL;
    if (cursor != NULL && id_ms(cursor) < 0)
        return desk_refuse(d, "cursor", e, "cursor must be what the page before gave as next");
    auto_result *r = ask(d, name, after_ms, before_ms, limit, cursor, e);
    if (r == NULL)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < PQntuples(r) && i < limit; i++)
        (void)json_array_append_new(list, event_of_row(r, i));
    if (PQntuples(r) > limit)
        *ret_next = strdup(db_text(r, limit - 1, "id"));
    return list;
}

json_t *event_get(struct desk *d, const char *id, struct err *e)
{
    if (id_ms(id) < 0)
        return desk_missing(d, "id", e, "there is no event %.64s", id);
    auto_result *r = DB_QUERY(d->db, e, "get_event", id);
    if (r == NULL)
        return NULL;
    if (PQntuples(r) == 0)
        return desk_missing(d, "id", e, "there is no event %s, or it is not recorded yet", id);
    return event_of_row(r, 0);
}
