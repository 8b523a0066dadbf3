#include "overview.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "figures.h"
#include "js.h"
#include "limiting.h"
#include "live.h"
#include "row.h"
#include "schedule.h"
#include "workers.h"

enum { MOST_CREATORS = 20 };

/* ---- what the live runs tell ---- */

struct load {
    uint32_t creator;
    long long running, waiting, live;
    int64_t oldest_ms;
};

static bool is_backlog(const struct live_run *r)
{
    return r->state == RUN_WAITING || r->state == RUN_READY;
}

static int most_first(const void *a, const void *b)
{
    const struct load *x = a, *y = b;
    return x->live != y->live        ? (x->live < y->live ? 1 : -1)
           : x->creator < y->creator ? -1
                                     : x->creator > y->creator;
}

static struct load *loads_of(const struct live *l, size_t *ret_count)
{
    size_t n = json_array_size(l->names);
    struct load *loads = calloc(n + 1, sizeof(*loads));
    if (loads == NULL)
        abort();
    for (size_t i = 0; i < l->count; i++) {
        const struct live_run *r = &l->runs[i];
        struct load *x = &loads[r->creator];
        x->creator = r->creator;
        x->live++;
        x->running += r->state == RUN_RUNNING;
        x->waiting += is_backlog(r);
        if (is_backlog(r) && (x->oldest_ms == 0 || r->accepted_ms < x->oldest_ms))
            x->oldest_ms = r->accepted_ms;
    }
    qsort(loads, n, sizeof(*loads), most_first);
    *ret_count = n;
    return loads;
}

static json_t *creators_of(const struct live *l)
{
    size_t n;
    struct load *loads = loads_of(l, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n && i < MOST_CREATORS && loads[i].live > 0; i++)
        (void)json_array_append_new(list, js_pack("{s:o, s:I, s:I, s:I, s:o}", "creator_id",
                                                  json_text(live_name(l, loads[i].creator)),
                                                  "running", (json_int_t)loads[i].running,
                                                  "waiting", (json_int_t)loads[i].waiting, "live",
                                                  (json_int_t)loads[i].live, "oldest_queued_at",
                                                  json_time(loads[i].oldest_ms)));
    free(loads);
    return list;
}

static json_t *counts_of(const struct live *l)
{
    long long counts[RUN_LIVE_STATES] = {0};
    for (size_t i = 0; i < l->count; i++)
        counts[l->runs[i].state]++;
    return run_counts(counts);
}

static json_t *backlog_of(const struct live *l)
{
    long long n = 0;
    int64_t oldest = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct live_run *r = &l->runs[i];
        if (!is_backlog(r))
            continue;
        n++;
        oldest = oldest == 0 || r->accepted_ms < oldest ? r->accepted_ms : oldest;
    }
    return js_pack("{s:I, s:o, s:o}", "runs", (json_int_t)n, "oldest_queued_at", json_time(oldest),
                   "oldest_age_ms", oldest > 0 ? json_integer(wall_ms() - oldest) : json_null());
}

/* ---- the others ---- */

static json_t *threads_of(const json_t *workers)
{
    size_t i;
    json_t *w;
    long long all = 0, busy = 0;
    json_array_foreach (workers, i, w) {
        all += js_int(w, "threads", 0);
        busy += (long long)json_array_size(json_object_get(w, "doing"));
    }
    return js_pack("{s:I, s:I, s:I}", "all", (json_int_t)all, "busy", (json_int_t)busy, "workers",
                   (json_int_t)json_array_size(workers));
}

static json_t *hour_of(const json_t *figures)
{
    json_t *hour = json_deep_copy(json_object_get(figures, "hour"));
    double failed = js_num(hour, "failed", 0), all = failed + js_num(hour, "completed", 0);
    (void)json_object_set_new(hour, "failure_rate",
                              all > 0 ? json_real(failed / all) : json_null());
    return hour;
}

static json_t *schedules_of(const PGresult *functions, const json_t *ticks)
{
    json_t *list = json_array();
    for (int i = 0; i < PQntuples(functions); i++) {
        auto_json *manifest = row_json(functions, i, "manifest");
        auto_json *schedule = schedule_of(manifest, ticks);
        if (json_is_object(schedule))
            (void)json_array_append_new(list,
                                        js_pack("{s:o, s:O, s:O, s:O, s:o}", "function_id",
                                                row_text(functions, i, "id"), "cron",
                                                json_object_get(schedule, "cron"), "last_tick",
                                                json_object_get(schedule, "last_tick"), "next_tick",
                                                json_object_get(schedule, "next_tick"), "paused",
                                                row_text(functions, i, "paused")));
    }
    return list;
}

static json_t *put_together(struct desk *d, const struct live *l, struct err *e)
{
    auto_json *figures = figures_of_hour(d, e);
    auto_json *workers = figures != NULL ? workers_list(d, e) : NULL;
    auto_json *limits = workers != NULL ? limits_list(d, e) : NULL;
    auto_json *ticks = limits != NULL ? schedule_ticks(d, e) : NULL;
    auto_result *functions = ticks != NULL ? DB_QUERY(d->db, e, "list_functions") : NULL;
    auto_result *rejected = functions != NULL ? DB_QUERY(d->db, e, "count_rejected") : NULL;
    if (rejected == NULL)
        return NULL;
    return js_pack("{s:o, s:o, s:o, s:O, s:o, s:O, s:O, s:o, s:o, s:o, s:o, s:b}", "live",
                   counts_of(l), "backlog", backlog_of(l), "threads", threads_of(workers),
                   "throughput", json_object_get(figures, "minutes"), "last_hour", hour_of(figures),
                   "failures", json_object_get(figures, "failures"), "limits", limits, "creators",
                   creators_of(l), "schedules", schedules_of(functions, ticks), "rejected_last_day",
                   row_int(rejected, 0, "n"), "looked_at", json_time(l->taken_ms), "complete",
                   l->complete);
}

json_t *overview_get(struct desk *d, struct err *e)
{
    struct live *l = live_take(d, e);
    json_t *j = l != NULL ? put_together(d, l, e) : NULL;
    live_release(l);
    return j;
}
