#include "deleted_files.h"

#include <stdlib.h>

#include "storage.h"

enum { FILES_AT_ONCE = 100 };
#define FILES_AT_ONCE_TEXT "100"

static const char *const buckets[] = {"videos", "thumbnails"};

static bool forget(struct step *s, const char *bucket, const json_t *paths, struct err *e)
{
    auto_free char *text = js_dump(paths, NULL);
    return DB_EXEC(s->db, e, "forget_deleted_files", bucket, text);
}

/* A path that no storage would take names no file: nothing is left to delete. */
static bool remove_one(struct step *s, const char *bucket, const char *path, struct err *e)
{
    if (storage_delete(s->http, s->services, bucket, &path, 1, NULL, e))
        return true;
    if (e->code != ERR_PERMANENT)
        return false;
    step_log(s, "a file of the bucket %s is left alone: %s", bucket, e->msg);
    return true;
}

/* All in one request; one by one when some path spoils it for the others. */
static bool remove_all(struct step *s, const char *bucket, const char *const *paths, size_t n,
                       struct err *e)
{
    if (storage_delete(s->http, s->services, bucket, paths, n, NULL, e))
        return true;
    if (e->code != ERR_PERMANENT)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!remove_one(s, bucket, paths[i], e))
            return false;
    return true;
}

static bool remove_of_bucket(struct step *s, const char *operation, const char *bucket,
                             size_t *ret_n, struct err *e)
{
    auto_result *r =
        DB_QUERY(s->db, e, "take_deleted_files", operation, bucket, FILES_AT_ONCE_TEXT);
    if (r == NULL)
        return false;
    const char *paths[FILES_AT_ONCE];
    size_t n = (size_t)PQntuples(r);
    auto_json *list = json_array();
    for (size_t i = 0; i < n; i++) {
        paths[i] = db_text(r, (int)i, "path");
        (void)json_array_append_new(list, json_string(paths[i]));
    }
    *ret_n = n;
    return n == 0 || (remove_all(s, bucket, paths, n, e) && forget(s, bucket, list, e));
}

bool deleted_files_remove(struct step *s, const char *operation, long long *ret_removed,
                          bool *ret_more, struct err *e)
{
    *ret_removed = 0;
    *ret_more = false;
    for (size_t i = 0; i < ARRAY_LEN(buckets); i++) {
        size_t n;
        if (!remove_of_bucket(s, operation, buckets[i], &n, e))
            return false;
        *ret_removed += (long long)n;
        *ret_more = *ret_more || n == FILES_AT_ONCE;
    }
    return true;
}
