#include "functions.h"

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "figures.h"
#include "js.h"
#include "live.h"
#include "row.h"
#include "schedule.h"
#include "workers.h"

/* ---- reading ---- */

/* All that is asked once for all functions. */
struct surroundings {
    struct live *live;
    json_t *ticks, *workers, *figures;
};

static bool look_around(struct surroundings *s, struct desk *d, struct err *e)
{
    return (s->live = live_take(d, e)) != NULL && (s->ticks = schedule_ticks(d, e)) != NULL &&
           (s->workers = workers_by_function(d, e)) != NULL &&
           (s->figures = figures_of_hour(d, e)) != NULL;
}

static void release(struct surroundings *s)
{
    live_release(s->live);
    json_decref(s->ticks);
    json_decref(s->workers);
    json_decref(s->figures);
}

static json_t *counts_of(const struct live *l, const char *function, int64_t *ret_oldest_ms)
{
    long long counts[RUN_LIVE_STATES] = {0};
    *ret_oldest_ms = 0;
    const json_t *name = json_object_get(l->places, function);
    for (size_t i = 0; name != NULL && i < l->count; i++) {
        const struct live_run *r = &l->runs[i];
        if (r->function != (uint32_t)json_integer_value(name))
            continue;
        counts[r->state]++;
        if ((r->state == RUN_WAITING || r->state == RUN_READY) &&
            (*ret_oldest_ms == 0 || r->accepted_ms < *ret_oldest_ms))
            *ret_oldest_ms = r->accepted_ms;
    }
    return run_counts(counts);
}

static json_t *last_hour(const json_t *figures, const char *id)
{
    json_t *own = json_object_get(json_object_get(figures, "functions"), id);
    return own != NULL ? json_incref(own)
                       : js_pack("{s:i, s:i, s:i}", "completed", 0, "failed", 0, "cancelled", 0);
}

static json_t *function_of_row(const PGresult *r, int row, const struct surroundings *s)
{
    const char *id = db_text(r, row, "id");
    int64_t oldest;
    auto_json *manifest = row_json(r, row, "manifest");
    json_t *triggers = json_object_get(manifest, "triggers"),
           *counts = counts_of(s->live, id, &oldest);
    const char *name = js_str(manifest, "name");
    return js_pack("{s:s, s:s, s:o, s:o, s:o, s:O?, s:O, s:o, s:o, s:o, s:I, s:o, s:o}", "id", id,
                   "name", name != NULL ? name : id, "version", row_int(r, row, "version"),
                   "paused", row_text(r, row, "paused"), "triggers",
                   triggers != NULL ? json_incref(triggers) : json_array(), "on_failure_of",
                   js_get(manifest, "onFailureOf"), "config", manifest, "schedule",
                   schedule_of(manifest, s->ticks), "live", counts, "oldest_queued_at",
                   json_time(oldest), "workers",
                   json_integer_value(json_object_get(s->workers, id)), "offered_at",
                   row_time(r, row, "offered_ms"), "last_hour", last_hour(s->figures, id));
}

/* `only` NULL: all of them. */
static json_t *list(struct desk *d, const char *only, struct err *e)
{
    struct surroundings s = {0};
    json_t *j = NULL;
    auto_result *r = DB_QUERY(d->db, e, "list_functions");
    if (r != NULL && look_around(&s, d, e)) {
        j = json_array();
        for (int i = 0; i < PQntuples(r); i++) {
            if (only == NULL || strcmp(only, db_text(r, i, "id")) == 0)
                (void)json_array_append_new(j, function_of_row(r, i, &s));
        }
    }
    release(&s);
    return j;
}

json_t *functions_list(struct desk *d, struct err *e)
{
    return list(d, NULL, e);
}

json_t *function_get(struct desk *d, const char *id, struct err *e)
{
    auto_json *all = list(d, id, e);
    if (all == NULL)
        return NULL;
    if (json_array_size(all) == 0)
        return desk_missing(d, "id", e, "there is no function %.128s that a worker has published",
                            id);
    return json_incref(json_array_get(all, 0));
}

/* ---- changing ---- */

struct order {
    const char *id, *query, *data;
};

static bool check_function(struct desk *d, const char *id, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "list_functions");
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        if (strcmp(db_text(r, i, "id"), id) == 0)
            return true;
    }
    return r != NULL &&
           desk_missing(d, "id", e, "there is no function %.128s that a worker has published",
                        id) != NULL;
}

static bool do_pause(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    return db_exec(d->db, o->query, &o->id, 1, NULL, e);
}

static bool do_start(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    auto_result *r = o->data == NULL ? DB_QUERY(d->db, e, "trigger_function", o->id)
                                     : DB_QUERY(d->db, e, "invoke_function", o->id, o->data);
    return change_carried_by(r, "outbox_id", ret);
}

static bool do_retire(struct desk *d, const void *what, struct carrier *ret, struct err *e)
{
    const struct order *o = what;
    auto_result *r = DB_QUERY(d->db, e, "retire_function", o->id);
    return change_carried_by(r, "command_id", ret);
}

json_t *function_pause(struct desk *d, const char *id, const char *mode, struct err *e)
{
    static const struct {
        const char *mode, *query, *action, *done;
    } modes[] = {
        {"pause", "pause_function", "function.pause",
         "no run of the function goes on beyond the step that it is at"},
        {"drain", "drain_function", "function.drain",
         "no run of the function begins any more; those that have begun go on"},
        {"resume", "resume_function", "function.resume", "the function runs again"},
    };
    if (!check_function(d, id, e))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct order o = {.id = id, .query = modes[i].query};
        if (strcmp(modes[i].mode, mode) == 0)
            return change_make(d, do_pause, &o, modes[i].action, id, NULL, modes[i].done, e);
    }
    return desk_refuse(d, "mode", e, "mode must be pause, drain or resume");
}

static bool has_schedule(struct desk *d, const char *id, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "list_functions");
    bool has = false;
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        auto_json *manifest = row_json(r, i, "manifest");
        has = has ||
              (strcmp(db_text(r, i, "id"), id) == 0 && js_str(manifest, "cron.schedule") != NULL);
    }
    return has;
}

json_t *function_trigger(struct desk *d, const char *id, const json_t *data, struct err *e)
{
    if (data != NULL && !json_is_object(data))
        return desk_refuse(d, "data", e, "data must be a JSON object, as {\"videoId\": \"…\"}");
    if (!check_function(d, id, e))
        return NULL;
    bool by_schedule = data == NULL && has_schedule(d, id, e);
    auto_free char *text = by_schedule ? NULL : data != NULL ? js_dump(data, NULL) : strdup("{}");
    struct order o = {.id = id, .data = text};
    return change_make(d, do_start, &o, "function.trigger", id,
                       js_pack("{s:b}", "by_schedule", by_schedule),
                       "a run of the function is being started", e);
}

/* A scheduler looks again when it carries the order out; what is known to be refused is no order, and no change. */
static bool check_unused(struct desk *d, const char *id, struct err *e)
{
    int workers;
    if (!workers_of(d, id, &workers, e))
        return false;
    return workers == 0 ||
           desk_refuse(d, "id", e,
                       "live workers execute it (%d); stop those whose build has it first",
                       workers) != NULL;
}

json_t *function_retire(struct desk *d, const char *id, struct err *e)
{
    struct order o = {.id = id};
    if (!check_function(d, id, e) || !check_unused(d, id, e))
        return NULL;
    return change_make(d, do_retire, &o, "function.retire", id, NULL,
                       "the function is being retired; it is refused while a worker executes it",
                       e);
}
