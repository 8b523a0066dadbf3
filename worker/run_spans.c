#include "run_spans.h"

#include <stdlib.h>

#include "clock.h"
#include "spans.h"

static struct span new_span(const struct run *run, enum span_kind kind)
{
    struct span s = {
        .kind = kind, .fn = run->fn->id, .attempt = -1, .wait_ms = -1, .http_status = -1};
    (void)snprintf(s.trace_id, sizeof(s.trace_id), "%s", run->trace.id);
    (void)snprintf(s.run, sizeof(s.run), "%s", run->id);
    return s;
}

static void fail(struct span *s, const struct err *e)
{
    s->failed = true;
    (void)snprintf(s->error, sizeof(s->error), "%s", err_name(e->code));
}

static bool is_wanted(const struct run *run)
{
    return spans_wanted() && run->trace.sampled && run->trace.id[0] != '\0';
}

static void add_wait(const struct run *run, const struct result *r)
{
    struct span s = new_span(run, SPAN_INTERNAL);
    trace_span(run->id, "queued", 0, s.span_id);
    (void)snprintf(s.parent, sizeof(s.parent), "%s", run->span_id);
    (void)snprintf(s.name, sizeof(s.name), "queued");
    s.start_us = run->accepted_ms * 1000;
    s.end_us = r->started_ms > run->accepted_ms ? r->started_ms * 1000 : s.start_us;
    spans_add(&s);
}

void run_spans_attempt(const struct run *run, const struct work *w, const struct result *r,
                       bool is_first)
{
    if (!is_wanted(run))
        return;
    if (is_first)
        add_wait(run, r);
    struct span s = new_span(run, SPAN_INTERNAL);
    (void)snprintf(s.span_id, sizeof(s.span_id), "%s", run->step_span);
    (void)snprintf(s.parent, sizeof(s.parent), "%s", run->span_id);
    (void)snprintf(s.name, sizeof(s.name), "%s", w->name);
    (void)snprintf(s.step, sizeof(s.step), "%s", w->name);
    s.start_us = r->started_ms * 1000;
    s.end_us = s.start_us + r->duration_us;
    s.attempt = r->attempt;
    int64_t ready_ms =
        strtoll(run->entry, NULL, 10); /* when it was admitted, woken or retried last */
    if (ready_ms > 0 && r->started_ms >= ready_ms)
        s.wait_ms = r->started_ms - ready_ms;
    if (r->verdict == VERDICT_FAIL)
        fail(&s, &r->err);
    spans_add(&s);
}

void run_spans_end(const struct run *run, const struct err *e)
{
    if (!is_wanted(run))
        return;
    struct span s = new_span(run, SPAN_CONSUMER);
    (void)snprintf(s.span_id, sizeof(s.span_id), "%s", run->span_id);
    if (run->branch < 0)
        (void)snprintf(s.parent, sizeof(s.parent), "%s", run->trace.parent);
    else
        trace_run_span(run->id, -1, s.parent);
    (void)snprintf(s.name, sizeof(s.name), "%s", run->fn->id);
    s.start_us =
        (run->branch >= 0 && run->started_ms > 0 ? run->started_ms : run->accepted_ms) * 1000;
    s.end_us = wall_ms() * 1000;
    if (e != NULL)
        fail(&s, e);
    spans_add(&s);
}
