#include "rejected.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "ingest.h"
#include "js.h"
#include "key.h"
#include "row.h"

/* ---- reading ---- */

static json_t *resent_of(const PGresult *r, int row)
{
    if (db_text(r, row, "resent_ms") == NULL)
        return json_null();
    return js_pack("{s:o, s:o, s:o}", "at", row_time(r, row, "resent_ms"), "who",
                   row_text(r, row, "who"), "outbox_id", row_text(r, row, "outbox_id"));
}

static json_t *of_row(const PGresult *r, int row)
{
    return js_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", row_text(r, row, "stream_id"),
                   "rejected_at", row_time(r, row, "rejected_ms"), "reason",
                   row_text(r, row, "reason"), "name", row_text(r, row, "name"), "excerpt",
                   row_text(r, row, "excerpt"), "size_bytes", row_int(r, row, "size_bytes"),
                   "resent", resent_of(r, row));
}

/* "<ms>,<entry>" */
static bool read_cursor(const char *cursor, char ms[24], const char **ret_entry)
{
    size_t n = strcspn(cursor, ",");
    if (n == 0 || n > 18 || strspn(cursor, "0123456789") != n || cursor[n] != ',' ||
        strlen(cursor + n + 1) > 64)
        return false;
    (void)snprintf(ms, 24, "%.*s", (int)n, cursor);
    *ret_entry = cursor + n + 1;
    return true;
}

json_t *rejected_list(struct desk *d, int limit, const char *cursor, char **ret_next, struct err *e)
{
    char ms[24] = "", most[24], next[128];
    const char *entry = NULL;
    *ret_next = NULL;
    if (cursor != NULL && !read_cursor(cursor, ms, &entry))
        return desk_refuse(d, "cursor", e, "cursor must be what the page before gave as next");
    (void)snprintf(most, sizeof(most), "%d", limit + 1);
    auto_result *r = DB_QUERY(d->db, e, "list_rejected", cursor != NULL ? ms : NULL, entry, most);
    if (r == NULL)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < PQntuples(r) && i < limit; i++)
        (void)json_array_append_new(list, of_row(r, i));
    if (PQntuples(r) > limit) {
        (void)snprintf(next, sizeof(next), "%lld,%s", db_int(r, limit - 1, "rejected_ms", 0),
                       db_text(r, limit - 1, "stream_id"));
        *ret_next = strdup(next);
    }
    return list;
}

/* Bytes as text where they are text. */
static json_t *field_of(const redisReply *name, const redisReply *value)
{
    json_t *text = json_stringn(value->str, value->len);
    if (text != NULL)
        return js_pack("{s:o, s:o, s:b}", "name", json_text(name->str), "value", text, "text",
                       true);
    size_t n = BASE64_ENCODE_RAW_LENGTH(value->len);
    char *encoded = malloc(n + 1);
    if (encoded == NULL)
        abort();
    base64_encode_raw(encoded, value->len, (const uint8_t *)value->str);
    json_t *j = js_pack("{s:o, s:s#, s:b}", "name", json_text(name->str), "value", encoded, (int)n,
                        "text", false);
    free(encoded);
    return j;
}

static bool is_entry_id(const char *id)
{
    const char *dash = strchr(id, '-');
    return dash != NULL && strlen(id) <= 41 && strspn(id, "0123456789") == (size_t)(dash - id) &&
           dash != id && dash[1] != '\0' && strspn(dash + 1, "0123456789") == strlen(dash + 1);
}

/* The rejected entry has what came, and beside it why and which entry it was. */
static bool is_own_field(const char *name)
{
    return strcmp(name, "rejected_reason") == 0 || strcmp(name, "rejected_entry") == 0;
}

static bool is_about(const redisReply *fields, const char *id)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "rejected_entry") == 0)
            return strcmp(fields->element[i + 1]->str, id) == 0;
    }
    return false;
}

static void take_fields(json_t *list, const redisReply *fields)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (!is_own_field(fields->element[i]->str))
            (void)json_array_append_new(list, field_of(fields->element[i], fields->element[i + 1]));
    }
}

/* Rejections are appended when they are found, which is after their entries came: from then on they are looked through. */
static bool find_fields(struct desk *d, const char *id, json_t *list, bool *ret_found,
                        struct err *e)
{
    char from[64];
    (void)snprintf(from, sizeof(from), "%.*s", (int)strcspn(id, "-"), id);
    *ret_found = false;
    for (int pages = 0; !*ret_found && pages < 100; pages++) {
        auto_reply *r = kv_cmd(d->kv, e, "XRANGE %s %s + COUNT 100", KEY_REJECTED, from);
        if (r == NULL)
            return false;
        for (size_t i = 0; i < r->elements && !*ret_found; i++) {
            *ret_found = is_about(r->element[i]->element[1], id);
            if (*ret_found)
                take_fields(list, r->element[i]->element[1]);
        }
        if (r->elements < 100)
            break;
        (void)snprintf(from, sizeof(from), "(%.60s", r->element[r->elements - 1]->element[0]->str);
    }
    return true;
}

static const char *field_value(const json_t *fields, const char *name)
{
    size_t i;
    json_t *f;
    json_array_foreach (fields, i, f) {
        if (js_bool(f, "text", false) &&
            strcmp(json_string_value(json_object_get(f, "name")), name) == 0)
            return json_string_value(json_object_get(f, "value"));
    }
    return NULL;
}

/* An event to begin with. */
static json_t *suggestion_of(const json_t *fields)
{
    struct err ignored;
    const char *name = field_value(fields, "name"), *data = field_value(fields, "data"),
               *id = field_value(fields, "id");
    auto_json *parsed = data != NULL ? js_parse(data, strlen(data), &ignored) : NULL;
    return js_pack("{s:s, s:o, s:s*}", "name", name != NULL ? name : "", "data",
                   json_is_object(parsed) ? json_incref(parsed) : json_object(), "id", id);
}

json_t *rejected_get(struct desk *d, const char *id, struct err *e)
{
    bool found;
    if (!is_entry_id(id))
        return desk_missing(d, "id", e, "there is no rejected entry %.64s", id);
    auto_result *r = DB_QUERY(d->db, e, "get_rejected", id);
    if (r == NULL)
        return NULL;
    if (PQntuples(r) == 0)
        return desk_missing(d, "id", e, "there is no rejected entry %s", id);
    auto_json *fields = json_array();
    if (!find_fields(d, id, fields, &found, e))
        return NULL;
    json_t *j = of_row(r, 0);
    (void)json_object_set_new(j, "complete", json_boolean(found));
    (void)json_object_set(j, "fields", fields);
    (void)json_object_set_new(j, "suggestion", found ? suggestion_of(fields) : json_null());
    return j;
}

/* ---- sending again ---- */

static bool send(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct incoming *ev = what;
    char ts[24];
    (void)snprintf(ts, sizeof(ts), "%lld", (long long)ev->ts_ms);
    auto_result *r = DB_QUERY(d->db, e, "resend_event", ev->name, ev->data, ev->id,
                              ev->ts_ms != 0 ? ts : NULL, ev->user, ev->v);
    return change_carried_by(r, "outbox_id", ret);
}

static bool check_known(struct desk *d, const char *id, struct err *e)
{
    auto_json *known = rejected_get(d, id, e);
    return known != NULL;
}

json_t *rejected_resend(struct desk *d, const char *id, const json_t *event, struct err *e)
{
    struct ingest in;
    json_t *j = NULL;
    if (!check_known(d, id, e))
        return NULL;
    if (!json_is_object(event))
        return desk_refuse(d, "event", e,
                           "event must be an object: {\"name\": \"…\", \"data\": {…}}");
    if (ingest_read(&in, event, d->conf->max_event_bytes, e))
        j = change_make(d, send, &in.events[0], "rejected.resend", id,
                        js_pack("{s:s}", "name", in.events[0].name),
                        "the event is being sent in place of the rejected one", e);
    else
        d->field = "event";
    ingest_release(&in);
    return j;
}
