#include "measure.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fairness.h"
#include "metrics.h"
#include "registry.h"

/* The entry's id begins with the milliseconds, on Redis' clock, at which the run was made ready. A metric may read that;
 * after a clock change it is wrong for as long as entries from before are there. */
void measure_started(const struct run *run, int64_t now_ms)
{
    if (!metrics_are_on())
        return;
    int64_t ready_ms = strtoll(run->entry, NULL, 10);
    metric_add(METRIC_RUNS_STARTED, 1, run->fn->id);
    metric_observe(METRIC_QUEUE_WAIT, (double)(now_ms - ready_ms) / 1000, run->fn->id);
    fairness_note(run->key, (double)(now_ms - run->accepted_ms) / 1000);
}

static const char *result_name(const struct result *r)
{
    switch (r->verdict) {
    case VERDICT_VALUE:
    case VERDICT_FINISH:
        return "completed";
    case VERDICT_AGAIN:
    case VERDICT_SLEEP:
    case VERDICT_WAIT:
    case VERDICT_INVOKE:
        return "paused";
    case VERDICT_FAIL:
        break;
    }
    return "failed";
}

/* By the step's name in the table: its items and turns are too many. */
void measure_attempt(const struct run *run, const struct work *w, const struct result *r)
{
    if (!metrics_are_on())
        return;
    const char *fn = run->fn->id, *step = w->def->name;
    metric_add(METRIC_STEP_ATTEMPTS, 1, fn, step, result_name(r));
    if (r->verdict == VERDICT_FAIL)
        metric_add(METRIC_STEP_FAILURES, 1, fn, step, err_name(r->err.code));
    metric_observe(METRIC_STEP_DURATION, (double)r->duration_us / 1e6, fn, step);
    if (r->cost_usd > 0)
        metric_add(METRIC_COST, r->cost_usd, fn);
}

static void measure_end(const struct outcome *o)
{
    int64_t now_ms = wall_ms();
    metric_add(METRIC_RUNS_FINISHED, 1, o->fn, o->ending.outcome);
    metric_observe(METRIC_END_TO_END, (double)(now_ms - o->ending.accepted_ms) / 1000, o->fn);
    if (o->ending.started_ms > 0)
        metric_observe(METRIC_RUN_DURATION, (double)(now_ms - o->ending.started_ms) / 1000, o->fn);
}

void measure_commit(const struct outcome *o, enum commit_code code)
{
    static const char *const names[] = {"applied",   "repeated", "late", "conflict",
                                        "cancelled", "refused",  "lost"};
    if (!metrics_are_on())
        return;
    metric_add(METRIC_COMMITS, 1, names[code]);
    if (code == COMMIT_STALE)
        metric_add(METRIC_LATE_COMMITS, 1);
    bool is_over = code == COMMIT_APPLIED || code == COMMIT_REPEATED;
    if (o->ending.outcome != NULL && is_over)
        measure_end(o);
}

/* ---- gauges ---- */

static void collect(void *arg)
{
    metric_set(METRIC_THREADS_BUSY, pool_busy(arg));
    metric_set(METRIC_FAIRNESS, fairness_index());
    metric_set(METRIC_OWNER_WAIT, fairness_longest_wait());
}

/* What objectives and alerts ask for. */
static void show_function(const char *fn)
{
    metric_show(METRIC_RUNS_STARTED, fn);
    metric_show(METRIC_RUNS_FINISHED, fn, "completed");
    metric_show(METRIC_RUNS_FINISHED, fn, "failed");
    metric_show(METRIC_QUEUE_WAIT, fn);
}

void measure_start(const struct conf *c, struct pool *pool)
{
    if (!metrics_are_on())
        return;
    for (size_t i = 0; i < registry_count(); i++)
        show_function(registry_at(i)->id);
    metric_set(METRIC_THREADS, (double)c->worker_threads);
    metric_set(METRIC_BUDGET_CAP, c->budget_usd_per_hour);
    metrics_on_scrape(collect, pool);
}

void measure_stop(void)
{
    metrics_off_scrape(collect);
}
