/* aggregate_analytics.c: computes what the dashboards show and keeps it in analytics_cache: for every creator the last 7,
 * 30 and 90 days and all time.
 *
 * Every six hours for all creators, or by the event analytics/aggregate.requested {creatorId?} for one of them or all. All
 * batches of a run are computed for the same moment, the run's beginning, however long it takes and however often it is
 * resumed. A batch is one durable step and one transaction, several at the same time; a creator whose data cannot be computed is
 * named in the result's errors, keeps the figures it had, and does not keep the others of its batch from getting theirs. The
 * run completes all the same; its output says success: false only when there were creators and all of them failed.
 *
 * A batch is what lies between two ids, and the last has no end, so a creator that came after the batches were listed is in one. */
#include <string.h>

#include "function.h"
#include "video.h"

/* The list of batches is read with each of them: of very many creators there are more in a batch. */
enum { MIN_BATCH = 100, MAX_BATCHES = 2000, IN_PARALLEL = 4, MAX_ERRORS = 100 };

/* The event's creator; *ret NULL = all. */
static bool creator_of_event(struct step *s, const char **ret)
{
    const json_t *id = js_get(s->data, "creatorId");
    *ret = NULL;
    if (id == NULL)
        return true;
    *ret = json_string_value(id);
    if (*ret != NULL && is_uuid(*ret))
        return true;
    auto_free char *sent = js_dump(id, NULL);
    return err_set(
        &s->err, ERR_INPUT,
        "creatorId %.60s is not a UUID: take the id of a row of public.creators, or leave it "
        "out to aggregate all creators",
        sent != NULL ? sent : "");
}

struct totals {
    long long creators, entries, failed;
    json_t *errors; /* the first MAX_ERRORS */
};

/* Takes the errors over. */
static json_t *output_of(const struct totals *t)
{
    return js_pack("{s:b, s:I, s:I, s:I, s:o}", "success",
                   t->creators == 0 || t->failed < t->creators, "creators_processed",
                   (json_int_t)t->creators, "cache_entries_updated", (json_int_t)t->entries,
                   "creators_failed", (json_int_t)t->failed, "errors", t->errors);
}

static json_t *list_batches(struct step *s)
{
    char size[16], most[16];
    const char *creator;
    (void)snprintf(size, sizeof(size), "%d", MIN_BATCH);
    (void)snprintf(most, sizeof(most), "%d", MAX_BATCHES);
    if (!creator_of_event(s, &creator))
        return step_error(s);
    auto_result *r = DB_QUERY(s->db, &s->err, "list_creator_batches", creator, size, most);
    if (r == NULL)
        return step_error(s);
    long long count = db_int(r, 0, "creators", 0);
    if (count == 0 && creator != NULL)
        return step_fail_for_good(s, "there is no creator %s", creator);
    if (count == 0)
        return step_finish(s, output_of(&(struct totals){.errors = json_array()}));
    const char *text = db_text(r, 0, "ends");
    json_t *ends = js_parse_own(text, strlen(text), &s->err);
    if (ends == NULL)
        return step_error(s);
    return js_pack("{s:I, s:I, s:o}", "at", (json_int_t)s->now_ms, "creators", (json_int_t)count,
                   "ends", ends);
}

/* A batch is {after?, to?}; `ends` are the ids between two of them. */
static json_t *batches(struct step *s)
{
    const json_t *ends = js_get(step_result(s, "list-batches"), "ends");
    json_t *list = json_array();
    const char *after = NULL;
    for (size_t i = 0; i <= json_array_size(ends); i++) {
        const char *to = json_string_value(json_array_get(ends, i));
        (void)json_array_append_new(list, js_pack("{s:s*, s:s*}", "after", after, "to", to));
        after = to;
    }
    return list;
}

static json_t *aggregate_batch(struct step *s)
{
    char at[32];
    const char *creator;
    (void)snprintf(at, sizeof(at), "%lld", js_int(step_result(s, "list-batches"), "at", s->now_ms));
    if (!creator_of_event(s, &creator))
        return step_error(s);
    auto_result *r = DB_QUERY(s->db, &s->err, "refresh_analytics", creator,
                              js_str(s->item, "after"), js_str(s->item, "to"), at);
    if (r == NULL)
        return step_error(s);
    const char *text = db_text(r, 0, "errors");
    json_t *errors = js_parse_own(text, strlen(text), &s->err);
    if (errors == NULL)
        return step_error(s);
    for (size_t i = 0; i < json_array_size(errors); i++)
        step_log(s, "creator left out: %s", json_string_value(json_array_get(errors, i)));
    return js_pack("{s:I, s:I, s:o}", "creators", (json_int_t)db_int(r, 0, "processed", 0),
                   "entries", (json_int_t)db_int(r, 0, "entries", 0), "errors", errors);
}

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

static json_t *summarise(struct step *s)
{
    struct totals t = {.errors = json_array()};
    const json_t *batch;
    size_t i;
    json_array_foreach (step_results(s, "aggregate-batch"), i, batch)
        add_batch(&t, batch);
    return step_finish(s, output_of(&t));
}

/* Version 1 had rows of other names: a run that began with them lists its batches anew. */
static const struct step_def steps[] = {
    {"list-batches", list_batches, .tx = true},
    {"aggregate-batch", aggregate_batch, .each = batches, .tx = true, .parallel = IN_PARALLEL},
    {"summarise", summarise},
    {0},
};

const struct function fn_aggregate_analytics = {
    .id = "aggregate-analytics",
    .name = "Aggregate Analytics",
    .version = 2,
    .on_event = {"analytics/aggregate.requested"},
    .cron = {.schedule = "0 */6 * * *"},
    .retries = 1,
    .steps = steps,
};
