#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "answers.h"
#include "carry.h"
#include "clock.h"
#include "listeners.h"
#include "log.h"
#include "match.h"
#include "metrics.h"
#include "routed.h"
#include "seen.h"

enum { RETRY_MS = 200 };

struct batch {
    struct routing *routing;
    redisReply *source; /* what the events point into */
    struct routed *list;
    size_t len;
    bool matched;
};

struct batch *batch_new(struct routing *r, redisReply *source, size_t entries)
{
    struct batch *b = calloc(1, sizeof(*b));
    struct routed *list = calloc(entries + 1, sizeof(*list));
    if (b == NULL || list == NULL)
        abort();
    *b = (struct batch){.routing = r, .source = source, .list = list};
    return b;
}

void batch_read(struct batch *b, const redisReply *entries, int stream)
{
    struct routing *r = b->routing;
    for (size_t i = 0; i < entries->elements; i++) {
        if (entries->element[i]->type != REDIS_REPLY_ARRAY)
            continue; /* XCLAIM of an entry that was deleted */
        struct routed *x = &b->list[b->len++];
        if (!event_read(&x->ev, entries->element[i], r->streams->names[stream], stream > 0,
                        r->streams->epochs[stream], r->conf->max_event_bytes, &x->refused))
            x->fate = ROUTED_REFUSED;
    }
}

/* ---- routing ---- */

/* Once: starts that were handed over are not to be made again. */
static bool match_once(struct batch *b, struct err *e)
{
    b->matched = b->matched || match_events(b->routing, b->list, b->len, e);
    return b->matched;
}

/* Each step may be repeated after a later one failed. */
static bool route(struct batch *b, bool again, struct err *e)
{
    struct routing *r = b->routing;
    return seen_drop(r, b->list, b->len, e) && match_once(b, e) &&
           seen_find_started(r, b->list, b->len, again, e) &&
           carry_retries(r, b->list, b->len, e) && admission_enqueue(r, b->list, b->len, e) &&
           answers_give(r, b->list, b->len, e) && listeners_tell(r, b->list, b->len, e);
}

/* A call that was not answered may be applied at any later time. If its runs were looked for, not found and then started by
 * it, they could end and leave Redis before they are started once more: so the name it was sent under is fenced first. */
static bool outrun_late_call(struct routing *r, struct err *e)
{
    if (!r->unanswered)
        return true;
    if (!identity_fence(r->conf, r->name, r->kv, e) ||
        !identity_renew(r->identity, r->name, r->kv, e))
        return false;
    identity_name(r->identity, r->name);
    r->unanswered = false;
    return true;
}

/* Keeps trying while Redis or Postgres are away: a run whose reply was lost may have ended before the next try. false: given
 * up at the stop, or it is somebody else's now. */
static bool route_patiently(struct batch *b, bool again)
{
    struct routing *r = b->routing;
    for (;; again = true) {
        struct err e;
        if (outrun_late_call(r, &e) && route(b, again, &e))
            return true;
        if (e.code == ERR_STALE) {
            log_warn("this scheduler was silent for too long; others took over what it had read",
                     LOG_END);
            if (!identity_renew(r->identity, r->name, r->kv, &e))
                log_warn("cannot register again yet", "error", e.msg, LOG_END);
            return false;
        }
        log_warn("events cannot be routed yet", "error", e.msg, LOG_END);
        if (atomic_load(r->stopping))
            return false;
        sleep_ms(RETRY_MS);
    }
}

/* ---- the record ---- */

static void tell_unmatched(const struct routed *x)
{
    if (x->ev.orders.fn != NULL)
        log_warn("an event is for a function that nobody has published", "event", x->ev.id, "fn",
                 x->ev.orders.fn, LOG_END);
    else
        log_info("no function listens to this event", "event", x->ev.id, "name", x->ev.name,
                 LOG_END);
}

/* For people who look for a creator's events; a handler's are those of the run that failed. NULL: nobody's. */
static const char *creator_of(const struct event *ev, char out[EXPR_KEY_SIZE])
{
    if (expr_path_key(ev->data, "creatorId", out) == 0)
        (void)expr_path_key(event_within(ev), "data.creatorId", out);
    return *out != '\0' ? out : NULL;
}

static void record_started(struct record *rec, const struct routed *x)
{
    const char *functions[MAX_STARTS], *runs[MAX_STARTS];
    char creator[EXPR_KEY_SIZE];
    size_t n = x->start_count;
    for (size_t s = 0; s < n; s++) {
        const struct start *start = &x->starts[s];
        functions[s] = start->fn->id;
        runs[s] = start->run;
        if (start->state == START_SKIPPED)
            record_skip(rec, &x->ev, start->fn->id, start->run, start->key, start->reason);
    }
    if (n == 0)
        tell_unmatched(x);
    record_accept(rec, &x->ev, creator_of(&x->ev, creator), n > 0 ? "accepted" : "unmatched",
                  functions, runs, n);
}

/* `now_ms`: when the batch was handed over. */
static void measure(const struct routed *x, int64_t now_ms)
{
    if (x->fate == ROUTED_REFUSED) {
        metric_add(METRIC_EVENTS, 1, "rejected");
    } else if (x->fate == ROUTED_DUPLICATE) {
        metric_add(METRIC_EVENTS, 1, "duplicate");
    } else if (x->fate != ROUTED_REPEATED && !x->recorded && !event_is_outcome(&x->ev)) {
        metric_add(METRIC_EVENTS, 1, x->start_count > 0 ? "accepted" : "unmatched");
        if (x->start_count > 0)
            metric_observe(METRIC_ROUTING, (double)(now_ms - x->ev.came_ms) / 1000);
    }
}

static void record_one(struct record *rec, const struct routed *x)
{
    char creator[EXPR_KEY_SIZE];
    if (x->fate == ROUTED_REFUSED) {
        record_refuse(rec, &x->ev, x->refused.msg);
    } else if (x->fate == ROUTED_REPEATED || x->recorded || event_is_outcome(&x->ev)) {
        record_leave(rec, &x->ev);
    } else if (x->fate == ROUTED_DUPLICATE) {
        log_info("event was seen before and starts nothing", "event", x->ev.id, "name", x->ev.name,
                 LOG_END);
        record_accept(rec, &x->ev, creator_of(&x->ev, creator), "duplicate", NULL, NULL, 0);
    } else {
        record_started(rec, x);
    }
}

void batch_route(struct batch *b, bool again)
{
    if (route_patiently(b, again)) {
        struct record *rec = record_new(b->source, b->len);
        int64_t now_ms = wall_ms();
        for (size_t i = 0; i < b->len; i++) {
            record_one(rec, &b->list[i]);
            measure(&b->list[i], now_ms);
        }
        recorder_submit(b->routing->recorder, rec);
    } else {
        freeReplyObject(b->source);
    }
    for (size_t i = 0; i < b->len; i++)
        routed_release(&b->list[i]);
    free(b->list);
    free(b);
}
