#include "steps.h"

#include <stdlib.h>

#include "js.h"
#include "row.h"

static json_t *attempt_of_row(const PGresult *r, int row)
{
    json_t *ms = db_text(r, row, "duration_us") != NULL
                     ? json_real((double)db_int(r, row, "duration_us", 0) / 1000)
                     : json_null();
    return js_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "attempt",
                   row_int(r, row, "attempt"), "status", row_text(r, row, "status"), "started_at",
                   row_time(r, row, "started_ms"), "finished_at", row_time(r, row, "finished_ms"),
                   "duration_ms", ms, "error", row_problem(r, row), "cost_usd",
                   row_number(r, row, "cost_usd"), "worker", row_text(r, row, "worker"));
}

static double working_of(const PGresult *r, int row)
{
    return (double)db_int(r, row, "duration_us", 0) / 1000;
}

/* A step while the rows are gone through. */
struct gathered {
    int first, last; /* rows */
    json_t *attempts;
    double working, cost;
    bool costs;
    int64_t first_ms, last_ms;
};

static void gather(const PGresult *r, int row, struct gathered *g)
{
    int64_t started = db_int(r, row, "started_ms", 0), finished = db_int(r, row, "finished_ms", 0);
    json_t *attempt = attempt_of_row(r, row);
    g->last = row;
    g->working += working_of(r, row);
    g->costs = g->costs || db_text(r, row, "cost_usd") != NULL;
    g->cost += js_num(attempt, "cost_usd", 0);
    if (g->first_ms == 0 || (started > 0 && started < g->first_ms))
        g->first_ms = started;
    if (finished > g->last_ms)
        g->last_ms = finished;
    (void)json_array_append_new(g->attempts, attempt);
}

/* Steps in the order in which they began. *ret_steps has a place for each row; returns how many are filled. */
static size_t gather_all(const PGresult *r, struct gathered **ret_steps)
{
    size_t count = 0;
    auto_json *places = json_object();
    *ret_steps = calloc((size_t)PQntuples(r) + 1, sizeof(**ret_steps));
    if (*ret_steps == NULL)
        abort();
    for (int i = 0; i < PQntuples(r); i++) {
        const char *name = db_text(r, i, "step");
        const json_t *place = json_object_get(places, name);
        struct gathered *g =
            &(*ret_steps)[place != NULL ? (size_t)json_integer_value(place) : count];
        if (place == NULL) {
            (void)json_object_set_new(places, name, json_integer((json_int_t)count++));
            *g = (struct gathered){.first = i, .attempts = json_array()};
        }
        gather(r, i, g);
    }
    return count;
}

/* `before_ms`: when the step before it was over, or the run was accepted. */
static json_t *step_of(const PGresult *r, const struct gathered *g, int64_t before_ms)
{
    double all =
        g->last_ms > before_ms && before_ms > 0 ? (double)(g->last_ms - before_ms) : g->working;
    return js_pack("{s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:o, s:b, s:o}", "name",
                   row_text(r, g->first, "step"), "status", row_text(r, g->last, "status"),
                   "started_at", json_time(g->first_ms), "finished_at", json_time(g->last_ms),
                   "waiting_ms", all > g->working ? all - g->working : 0.0, "working_ms",
                   g->working, "cost_usd", g->costs ? json_real(g->cost) : json_null(), "result",
                   row_json(r, g->last, "result"), "carried", false, "attempts", g->attempts);
}

/* When anything was at work: branches work at the same time. Rows come in the order in which they began. */
static double union_of(const PGresult *r)
{
    double sum = 0, until = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        double from = (double)db_int(r, i, "started_ms", 0), end = from + working_of(r, i);
        if (from == 0 || end <= until)
            continue;
        sum += end - (from > until ? from : until);
        until = end;
    }
    return sum;
}

/* What the run that this one retries had done already. */
static bool add_carried(struct desk *d, json_t *list, const char *original, struct err *e)
{
    size_t i;
    json_t *v;
    auto_json *own = json_object();
    json_array_foreach (list, i, v)
        (void)json_object_set(own, js_str(v, "name"), v);
    auto_result *r = DB_QUERY(d->db, e, "carried_steps", original);
    size_t place = 0;
    for (int row = 0; r != NULL && row < PQntuples(r); row++) {
        if (json_object_get(own, db_text(r, row, "step")) != NULL)
            continue;
        (void)json_array_insert_new(
            list, place++,
            js_pack("{s:o, s:s, s:n, s:n, s:f, s:f, s:n, s:o, s:b, s:[]}", "name",
                    row_text(r, row, "step"), "status", "completed", "started_at", "finished_at",
                    "waiting_ms", 0.0, "working_ms", 0.0, "cost_usd", "result",
                    row_json(r, row, "result"), "carried", true, "attempts"));
    }
    return r != NULL;
}

json_t *steps_of_run(struct desk *d, const char *run, const char *original, int64_t accepted_ms,
                     double *ret_working_ms, struct err *e)
{
    auto_result *r = DB_QUERY(d->db, e, "steps_of_run", run);
    if (r == NULL)
        return NULL;
    struct gathered *steps;
    size_t count = gather_all(r, &steps);
    json_t *list = json_array();
    int64_t before = accepted_ms;
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, step_of(r, &steps[i], before));
        before = steps[i].last_ms > before ? steps[i].last_ms : before;
    }
    free(steps);
    *ret_working_ms = union_of(r);
    if (original == NULL || add_carried(d, list, original, e))
        return list;
    json_decref(list);
    return NULL;
}
