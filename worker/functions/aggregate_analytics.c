/* aggregate_analytics.c: computes what the dashboards show and keeps it in analytics_cache: for every creator the last 7,
 * 30 and 90 days and all time.
 *
 * Every six hours for all creators, or by the event analytics/aggregate.requested {creatorId?} for one of them or all. All
 * batches of a run are computed for the same moment, the run's beginning, however long it takes and however often it is
 * resumed. A batch is one durable step and one transaction; a creator whose data cannot be computed is named in the
 * result's errors, keeps the figures it had, and does not keep the others of its batch from getting theirs. */
#include <string.h>

#include "function.h"
#include "video.h"

enum { BATCH = 100, MAX_ERRORS = 100 };

/* The event's creator; *ret NULL = all. */
static bool creator_of_event(struct step *s, const char **ret)
{
    const json_t *id = js_get(s->data, "creatorId");
    *ret = NULL;
    if (id == NULL)
        return true;
    *ret = json_string_value(id);
    if (*ret == NULL || !is_uuid(*ret))
        return err_set(&s->err, ERR_INPUT,
                       "creatorId is not a UUID; leave it out to aggregate all creators");
    return true;
}

static json_t *fetch_creators(struct step *s)
{
    const char *creator;
    if (!creator_of_event(s, &creator))
        return step_error(s);
    auto_result *r = DB_QUERY(s->db, &s->err, "count_creators", creator);
    if (r == NULL)
        return step_error(s);
    long long count = db_int(r, 0, "creators", 0);
    if (count == 0 && creator != NULL)
        return step_fail_for_good(s, "there is no creator %s", creator);
    if (count == 0)
        return step_finish(s,
                           js_pack("{s:b, s:i, s:i, s:[]}", "success", true, "creators_processed",
                                   0, "cache_entries_updated", 0, "errors"));
    return js_pack("{s:I, s:I}", "at", (json_int_t)s->now_ms, "creators", (json_int_t)count);
}

static json_t *refresh(struct step *s, const char *ids)
{
    char at[32];
    (void)snprintf(at, sizeof(at), "%lld",
                   js_int(step_result(s, "fetch-creators"), "at", s->now_ms));
    auto_result *r = DB_QUERY(s->db, &s->err, "refresh_analytics", ids, at);
    if (r == NULL)
        return NULL;
    const char *text = db_text(r, 0, "errors");
    json_t *errors = js_parse_own(text, strlen(text), &s->err);
    if (errors == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(errors); i++)
        step_log(s, "creator left out: %s", json_string_value(json_array_get(errors, i)));
    return js_pack("{s:I, s:I, s:o}", "creators", (json_int_t)db_int(r, 0, "processed", 0),
                   "entries", (json_int_t)db_int(r, 0, "entries", 0), "errors", errors);
}

static json_t *aggregate_creators(struct step *s)
{
    char size[16];
    const char *creator, *after = s->cursor != NULL ? json_string_value(s->cursor) : NULL;
    (void)snprintf(size, sizeof(size), "%d", BATCH);
    if (!creator_of_event(s, &creator))
        return step_error(s);
    auto_result *batch = DB_QUERY(s->db, &s->err, "next_creators", creator, after, size);
    json_t *done = batch != NULL ? refresh(s, db_text(batch, 0, "ids")) : NULL;
    if (done == NULL)
        return step_error(s);
    if (db_int(batch, 0, "count", 0) < BATCH)
        return done;
    return step_again(s, json_string(db_text(batch, 0, "last")), done);
}

struct totals {
    long long creators, entries, failed;
    json_t *errors; /* the first MAX_ERRORS */
};

static void add_batch(struct totals *t, const json_t *batch)
{
    const json_t *error;
    size_t i;
    t->creators += js_int(batch, "creators", 0);
    t->entries += js_int(batch, "entries", 0);
    json_array_foreach (js_get(batch, "errors"), i, error) {
        if (t->failed++ < MAX_ERRORS)
            (void)json_array_append_new(t->errors, json_copy((json_t *)error));
    }
}

/* A step that never asked to be run again has one result, under its own name. */
static json_t *summarise(struct step *s)
{
    struct totals t = {.errors = json_array()};
    const json_t *batches = step_results(s, "aggregate-creators"), *batch;
    size_t i;
    json_array_foreach (batches, i, batch)
        add_batch(&t, batch);
    if (json_array_size(batches) == 0)
        add_batch(&t, step_result(s, "aggregate-creators"));
    return step_finish(s, js_pack("{s:b, s:I, s:I, s:I, s:o}", "success", true,
                                  "creators_processed", (json_int_t)t.creators,
                                  "cache_entries_updated", (json_int_t)t.entries, "creators_failed",
                                  (json_int_t)t.failed, "errors", t.errors));
}

static const struct step_def steps[] = {
    {"fetch-creators", fetch_creators, .tx = true},
    {"aggregate-creators", aggregate_creators, .tx = true},
    {"summarise", summarise},
    {0},
};

const struct function fn_aggregate_analytics = {
    .id = "aggregate-analytics",
    .name = "Aggregate Analytics",
    .version = 1,
    .on_event = {"analytics/aggregate.requested"},
    .cron = {.schedule = "0 */6 * * *"},
    .retries = 1,
    .steps = steps,
};
