#include "bulk.h"

#include <string.h>

#include "video.h"

/* ---- what the event says ---- */

const json_t *bulk_ids(const json_t *data, size_t max_ids, struct err *e)
{
    const json_t *ids = js_get(data, "videoIds");
    if (ids == NULL)
        return err_null(e, ERR_INPUT, "videoIds is missing: send an array of video ids");
    if (!json_is_array(ids) || json_array_size(ids) == 0)
        return err_null(e, ERR_INPUT, "videoIds must be an array of at least one video id");
    if (json_array_size(ids) > max_ids)
        return err_null(e, ERR_INPUT,
                        "videoIds has %zu ids: at most %zu are allowed, send them in parts",
                        json_array_size(ids), max_ids);
    return ids;
}

bool bulk_of_event(const json_t *data, size_t max_ids, struct bulk *ret, struct err *e)
{
    struct bulk b = {.operation = event_uuid(data, "operationId", e)};
    if (b.operation == NULL || (b.creator = event_uuid(data, "creatorId", e)) == NULL)
        return false;
    if (js_get(data, "videoIds") != NULL && (b.ids = bulk_ids(data, max_ids, e)) == NULL)
        return false;
    *ret = b;
    return true;
}

/* ---- claiming ---- */

/* Somebody else's operation is told like one that does not exist. */
static json_t *refuse(struct step *s, const struct bulk *b, const char *type)
{
    auto_result *r = DB_QUERY(s->db, &s->err, "find_operation", b->operation);
    if (r == NULL)
        return step_error(s);
    if (PQntuples(r) == 0 || strcasecmp(db_text(r, 0, "creator_id"), b->creator) != 0)
        return step_fail_for_good(s, "there is no operation %s of creator %s", b->operation,
                                  b->creator);
    const char *its = db_text(r, 0, "operation_type"), *status = db_text(r, 0, "status");
    if (strcmp(its, type) != 0)
        return step_fail_for_good(s, "operation %s is of type %s, not %s", b->operation, its, type);
    if (strcmp(status, "in_progress") == 0)
        return step_fail_for_good(s, "operation %s is being worked on by another run",
                                  b->operation);
    return step_fail_for_good(s, "operation %s has ended already (%s): make a new one",
                              b->operation, status);
}

json_t *bulk_claim(struct step *s, const char *type, size_t max_ids)
{
    struct bulk b;
    if (!bulk_of_event(s->data, max_ids, &b, &s->err))
        return step_error(s);
    char count[32];
    (void)snprintf(count, sizeof(count), "%zu", json_array_size(b.ids));
    auto_result *r = DB_QUERY(s->db, &s->err, "claim_operation", b.operation, b.creator, type,
                              b.ids != NULL ? count : NULL);
    if (r == NULL)
        return step_error(s);
    if (PQntuples(r) == 0)
        return refuse(s, &b, type);
    long long total = db_int(r, 0, "total", 0);
    if (total == 0)
        return step_fail_for_good(s, "operation %s has no video ids", b.operation);
    if (total > (long long)max_ids)
        return step_fail_for_good(s, "operation %s has %lld ids: at most %zu are allowed",
                                  b.operation, total, max_ids);
    return js_pack("{s:I}", "total", (json_int_t)total);
}

/* ---- batches ---- */

json_t *bulk_batches(size_t total)
{
    json_t *batches = json_array();
    for (size_t at = 0; at < total; at += BULK_BATCH) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%zu", at);
        (void)json_array_append_new(batches, js_pack("{s:s}", "key", key));
    }
    return batches;
}

json_t *bulk_batches_of_operation(struct step *s)
{
    const json_t *claimed = step_result(s, "update-status-in-progress");
    return bulk_batches((size_t)js_int(claimed, "total", 0));
}

size_t bulk_offset(const struct step *s)
{
    return (size_t)js_int(s->item, "key", 0);
}

void bulk_add_error(json_t *errors, const char *video_id, const char *error)
{
    (void)json_array_append_new(errors,
                                js_pack("{s:s, s:s}", "video_id", video_id, "error", error));
}

/* What was sent, as far as it can be shown in one line. */
static void show_id(const json_t *id, char *out, size_t out_size)
{
    auto_free char *text = js_dump(id, NULL);
    (void)snprintf(out, out_size, "%.60s", text != NULL ? text : "");
    size_t n = strlen(out);
    while (n > 0 && (out[n - 1] & 0xC0) == 0x80) /* not in the middle of a character */
        n--;
    if (n > 0 && (unsigned char)out[n - 1] >= 0xC0)
        out[n - 1] = '\0';
}

/* Case does not count: routing has made UUIDs lower case. */
static bool is_repeated(const json_t *ids, size_t at, const char *id)
{
    for (size_t i = 0; i < at; i++) {
        const char *before = json_string_value(json_array_get(ids, i));
        if (before != NULL && strcasecmp(before, id) == 0)
            return true;
    }
    return false;
}

static void page_init(struct bulk_page *p)
{
    *p = (struct bulk_page){.ids = json_array(), .errors = json_array()};
}

void bulk_page_release(struct bulk_page *p)
{
    json_decref(p->ids);
    json_decref(p->errors);
}

bool bulk_page_of_ids(const json_t *ids, size_t offset, size_t n, struct bulk_page *ret)
{
    page_init(ret);
    for (size_t i = offset; i < offset + n && i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        const char *text = json_string_value(id);
        ret->asked++;
        if (text == NULL || json_string_length(id) != 36 || !is_uuid(text)) {
            char shown[64];
            show_id(id, shown, sizeof(shown));
            bulk_add_error(ret->errors, shown, "is not a UUID");
        } else if (!is_repeated(ids, i, text)) {
            (void)json_array_append(ret->ids, (json_t *)id);
        }
    }
    return true;
}

bool bulk_firsts(struct step *s, const struct bulk *b, char **ret, struct err *e)
{
    *ret = NULL;
    if (b->ids != NULL)
        return true;
    auto_result *r = DB_QUERY(s->db, e, "operation_firsts", b->operation);
    if (r == NULL)
        return false;
    const char *firsts = PQntuples(r) > 0 ? db_text(r, 0, "firsts") : NULL;
    *ret = strdup(firsts != NULL ? firsts : "");
    return true;
}

bool bulk_page_of_operation(struct step *s, const struct bulk *b, const char *firsts, size_t offset,
                            size_t n, struct bulk_page *ret, struct err *e)
{
    if (b->ids != NULL)
        return bulk_page_of_ids(b->ids, offset, n, ret);
    char from[32], count[32];
    (void)snprintf(from, sizeof(from), "%zu", offset);
    (void)snprintf(count, sizeof(count), "%zu", n);
    auto_result *r = DB_QUERY(s->db, e, "operation_page", b->operation, from, count,
                              firsts == NULL ? "true" : "false");
    if (r == NULL)
        return false;
    page_init(ret);
    ret->asked = (size_t)PQntuples(r);
    size_t known = firsts != NULL ? strlen(firsts) : 0;
    for (int i = 0; i < PQntuples(r); i++) {
        size_t at = offset + (size_t)i;
        if (firsts != NULL ? at < known && firsts[at] == '1' : db_is_true(r, i, "is_first"))
            (void)json_array_append_new(ret->ids, json_string(db_text(r, i, "id")));
    }
    return true;
}

bool bulk_set_progress(struct step *s, const struct bulk *b, size_t done, struct err *e)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%zu", done);
    return DB_EXEC(s->db, e, "set_operation_progress", b->operation, text);
}

/* ---- the end ---- */

void bulk_sum(struct step *s, const char *row, const char *count_key, long long *ret_count,
              json_t **ret_errors)
{
    size_t i;
    const json_t *batch;
    json_t *errors = json_array();
    *ret_count = 0;
    json_array_foreach ((json_t *)step_results(s, row), i, batch) {
        *ret_count += js_int(batch, count_key, 0);
        (void)json_array_extend(errors, json_object_get(batch, "errors"));
    }
    *ret_errors = errors;
}

const char *bulk_status(long long successes, long long failures)
{
    return failures == 0 ? "completed" : successes == 0 ? "failed" : "partial";
}

json_t *bulk_finish(struct step *s, const char *status, json_t *result, const char *message)
{
    struct bulk b;
    auto_json *taken = result;
    auto_free char *text = js_dump(taken, NULL);
    if (!bulk_of_event(s->data, SIZE_MAX, &b, &s->err) ||
        !DB_EXEC(s->db, &s->err, "finish_operation", b.operation, b.creator, status, text, message))
        return step_error(s);
    json_t *output = json_deep_copy(taken);
    (void)json_object_set_new(output, "success", json_boolean(strcmp(status, "failed") != 0));
    (void)json_object_set_new(output, "operation_id", json_string(b.operation));
    (void)json_object_set_new(output, "status", json_string(status));
    return output;
}
