/* run_detail.c: one run, and those of one event. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "describe.h"
#include "event_json.h"
#include "events.h"
#include "id.h"
#include "js.h"
#include "row.h"
#include "run_json.h"
#include "runs.h"
#include "steps.h"

static char *array_of_one(const char *id)
{
    auto_json *list = js_pack("[s]", id);
    return array_of(list);
}

static int row_about(const PGresult *rows, const char *id)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        if (strcmp(db_text(rows, i, "id"), id) == 0)
            return i;
    }
    return -1;
}

/* A run while it is put together. */
struct found {
    json_t *run;
    int64_t accepted_ms, started_ms, finished_ms;
};

static bool take_ended(struct found *f, const PGresult *r)
{
    f->run = run_of_row(r, 0, true);
    f->accepted_ms = db_int(r, 0, "accepted_ms", 0);
    f->started_ms = db_int(r, 0, "started_ms", 0);
    f->finished_ms = db_int(r, 0, "finished_ms", 0);
    return true;
}

static bool take_live(struct desk *d, struct found *f, const char *id, const struct description *x,
                      const PGresult *begun, struct err *e)
{
    int row = row_about(begun, id);
    if (!x->found && row < 0)
        return desk_missing(d, "id", e,
                            "there is no run %s; older ones than CHRONOS_RETENTION_DAYS are gone",
                            id) != NULL;
    f->run = x->found ? run_of_description(id, x, begun, row) : run_of_begun(begun, row);
    f->accepted_ms = x->found ? x->accepted_ms : db_int(begun, row, "accepted_ms", 0);
    f->started_ms = x->started_ms > 0 ? x->started_ms : x->since_ms;
    return json_object_set_new(f->run, "output", json_null()) == 0;
}

/* Redis is asked before: what ends meanwhile is found in Postgres. */
static bool find_run(struct desk *d, struct found *f, const char *id, const struct description *x,
                     struct err *e)
{
    auto_free char *array = array_of_one(id);
    auto_result *ended = DB_QUERY(d->db, e, "ended_runs", array);
    if (ended == NULL)
        return false;
    if (PQntuples(ended) > 0)
        return take_ended(f, ended);
    auto_result *begun = DB_QUERY(d->db, e, "begun_runs", array);
    return begun != NULL && take_live(d, f, id, x, begun, e);
}

static bool add_event(struct desk *d, json_t *run, struct err *e)
{
    const char *id = js_str(run, "event_id");
    if (id == NULL)
        return json_object_set_new(run, "event", json_null()) == 0;
    auto_result *r = DB_QUERY(d->db, e, "get_event", id);
    return r != NULL && json_object_set_new(
                            run, "event", PQntuples(r) > 0 ? event_of_row(r, 0) : json_null()) == 0;
}

static double above_zero(double v)
{
    return v > 0 ? v : 0;
}

static json_t *timing_of(const struct found *f, double working)
{
    int64_t end = f->finished_ms > 0 ? f->finished_ms : wall_ms();
    int64_t began = f->started_ms > 0 ? f->started_ms : end;
    double total = above_zero((double)(end - f->accepted_ms)),
           queued = above_zero((double)(began - f->accepted_ms));
    return js_pack("{s:f, s:f, s:f, s:f}", "total_ms", total, "queued_ms", queued, "working_ms",
                   working, "waiting_ms", above_zero(total - queued - working));
}

/* The steps of a retry are those of the chain before it, and of a replay its own. */
static const char *carries_from(const json_t *run)
{
    return js_str(run, "event.retry_of");
}

static bool add_steps(struct desk *d, const struct found *f, const char *id, struct err *e)
{
    double working = 0;
    json_t *steps = steps_of_run(d, id, carries_from(f->run), f->accepted_ms, &working, e);
    return steps != NULL && json_object_set_new(f->run, "steps", steps) == 0 &&
           json_object_set_new(f->run, "timing", timing_of(f, working)) == 0;
}

static json_t *actions_for(const struct found *f, bool retried)
{
    enum run_state s = RUN_COMPLETED;
    (void)run_state_find(js_str(f->run, "state"), &s);
    if (s < RUN_LIVE_STATES)
        return js_pack("[s]", "cancel");
    if ((s == RUN_FAILED || s == RUN_CANCELLED) && !retried)
        return js_pack("[s, s]", "retry", "replay");
    return js_pack("[s]", "replay");
}

static bool add_retry(struct desk *d, const struct found *f, const char *id, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "retried_by", id);
    if (r == NULL)
        return false;
    bool retried = PQntuples(r) > 0;
    return json_object_set_new(f->run, "retried_by",
                               retried ? row_text(r, 0, "id") : json_null()) == 0 &&
           json_object_set_new(f->run, "can", actions_for(f, retried)) == 0;
}

json_t *run_get(struct desk *d, const char *id, struct err *e)
{
    struct description x;
    struct found f = {0};
    if (id_ms(id) < 0)
        return desk_missing(d, "id", e, "there is no run %.64s", id);
    if (!describe_runs(d, &id, 1, &x, e))
        return NULL;
    bool ok = find_run(d, &f, id, &x, e) && add_event(d, f.run, e) && add_steps(d, &f, id, e) &&
              add_retry(d, &f, id, e);
    description_release(&x);
    if (ok)
        return f.run;
    json_decref(f.run);
    return NULL;
}

/* ---- the runs of an event ---- */

enum { MOST_OF_EVENT = 200 };

static json_t *gather_runs(struct desk *d, const json_t *ids, const struct description *found,
                           struct err *e)
{
    size_t i;
    json_t *v, *list = json_array();
    auto_free char *array = array_of(ids);
    auto_result *ended = DB_QUERY(d->db, e, "ended_runs", array);
    auto_result *begun = ended != NULL ? DB_QUERY(d->db, e, "begun_runs", array) : NULL;
    if (begun == NULL) {
        json_decref(list);
        return NULL;
    }
    json_array_foreach (ids, i, v) {
        const char *id = json_string_value(v);
        int at = row_about(ended, id), from = row_about(begun, id);
        json_t *run = at >= 0          ? run_of_row(ended, at, true)
                      : found[i].found ? run_of_description(id, &found[i], begun, from)
                      : from >= 0      ? run_of_begun(begun, from)
                                       : NULL;
        if (run != NULL)
            (void)json_array_append_new(list, run);
    }
    return list;
}

json_t *runs_of_event(struct desk *d, const char *event, struct err *e)
{
    const char *ids[MOST_OF_EVENT];
    struct description found[MOST_OF_EVENT];
    auto_json *ev = event_get(d, event, e);
    if (ev == NULL)
        return NULL;
    auto_json *names = json_array();
    size_t i, n = 0;
    json_t *v;
    json_array_foreach (js_get(ev, "runs"), i, v) {
        if (n == MOST_OF_EVENT)
            break;
        ids[n++] = js_str(v, "run_id");
        (void)json_array_append(names, json_object_get(v, "run_id"));
    }
    if (!describe_runs(d, ids, n, found, e))
        return NULL;
    json_t *list = gather_runs(d, names, found, e);
    for (i = 0; i < n; i++)
        description_release(&found[i]);
    return list;
}
