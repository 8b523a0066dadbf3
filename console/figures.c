#include "figures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "js.h"
#include "row.h"

enum { MINUTES = 60, LEAST_MS = 1000, TIMES = 10 };
#define MOST_FAILURES "20"

static struct {
    pthread_mutex_t lock; /* held while counting: one counts for all */
    json_t *figures;
    int64_t until_ms; /* monotonic */
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static json_t *zeros(bool with_skipped)
{
    json_t *j = js_pack("{s:i, s:i, s:i}", "completed", 0, "failed", 0, "cancelled", 0);
    if (with_skipped)
        (void)json_object_set_new(j, "skipped", json_integer(0));
    return j;
}

static void add(json_t *counts, const PGresult *r, int row)
{
    const char *status = db_text(r, row, "status");
    json_t *n = json_object_get(counts, status);
    if (n != NULL)
        (void)json_integer_set(n, json_integer_value(n) + db_int(r, row, "n", 0));
}

/* Every minute is there, also those in which nothing ended. */
static json_t *empty_minutes(int64_t first_ms)
{
    json_t *list = json_array();
    for (int i = 0; i < MINUTES; i++) {
        json_t *minute = js_pack("{s:o}", "minute", json_time(first_ms + i * 60000LL));
        auto_json *counts = zeros(true);
        (void)json_object_update(minute, counts);
        (void)json_array_append_new(list, minute);
    }
    return list;
}

static bool count_minutes(struct desk *d, json_t *figures, const char *functions, int64_t first_ms,
                          struct err *e)
{
    char since[24];
    (void)snprintf(since, sizeof(since), "%lld", (long long)first_ms);
    auto_result *r = DB_QUERY(d->db, e, "ended_by_minute", functions, since);
    if (r == NULL)
        return false;
    json_t *minutes = empty_minutes(first_ms), *hour = zeros(true);
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t at = (db_int(r, i, "minute_ms", 0) - first_ms) / 60000;
        add(json_array_get(minutes, (size_t)(at < MINUTES ? at : MINUTES - 1)), r, i);
        add(hour, r, i);
    }
    (void)json_object_set_new(figures, "minutes", minutes);
    (void)json_object_set_new(figures, "hour", hour);
    return true;
}

static bool count_functions(struct desk *d, json_t *figures, const char *functions,
                            int64_t first_ms, struct err *e)
{
    char since[24];
    (void)snprintf(since, sizeof(since), "%lld", (long long)first_ms);
    auto_result *r = DB_QUERY(d->db, e, "ended_by_function", functions, since);
    json_t *all = json_object_get(figures, "functions");
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        add(json_object_get(all, db_text(r, i, "id")), r, i);
    return r != NULL;
}

static bool find_failures(struct desk *d, json_t *figures, int64_t first_ms, struct err *e)
{
    char since[24];
    (void)snprintf(since, sizeof(since), "%lld", (long long)first_ms);
    auto_result *r = DB_QUERY(d->db, e, "failures_since", since, MOST_FAILURES);
    if (r == NULL)
        return false;
    json_t *list = json_array();
    for (int i = 0; i < PQntuples(r); i++)
        (void)json_array_append_new(
            list,
            js_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "function_id", row_text(r, i, "function_id"),
                    "code", row_text(r, i, "error_code"), "message", row_text(r, i, "message"),
                    "count", row_int(r, i, "n"), "last_at", row_time(r, i, "last_ms"), "run_id",
                    row_text(r, i, "run_id")));
    (void)json_object_set_new(figures, "failures", list);
    return true;
}

static json_t *count(struct desk *d, struct err *e)
{
    int64_t first = (wall_ms() / 60000 - (MINUTES - 1)) * 60000;
    char since[24];
    (void)snprintf(since, sizeof(since), "%lld", (long long)first);
    auto_result *r = DB_QUERY(d->db, e, "counted_functions", since);
    if (r == NULL)
        return NULL;
    auto_json *ids = json_array();
    json_t *functions = json_object(), *figures = js_pack("{s:o}", "functions", functions);
    for (int i = 0; i < PQntuples(r); i++) {
        (void)json_array_append_new(ids, row_text(r, i, "id"));
        (void)json_object_set_new(functions, db_text(r, i, "id"), zeros(false));
    }
    auto_free char *array = array_of(ids);
    if (count_minutes(d, figures, array, first, e) &&
        count_functions(d, figures, array, first, e) && find_failures(d, figures, first, e))
        return figures;
    json_decref(figures);
    return NULL;
}

json_t *figures_of_hour(struct desk *d, struct err *e)
{
    json_t *copy = NULL;
    (void)pthread_mutex_lock(&cache.lock);
    if (cache.figures == NULL || mono_ms() >= cache.until_ms) {
        int64_t began = mono_ms();
        json_t *figures = count(d, e);
        int64_t took = mono_ms() - began;
        json_decref(cache.figures);
        cache.figures = figures;
        cache.until_ms = mono_ms() + (took * TIMES > LEAST_MS ? took * TIMES : LEAST_MS);
    }
    if (cache.figures != NULL)
        copy = json_deep_copy(cache.figures);
    (void)pthread_mutex_unlock(&cache.lock);
    return copy;
}
