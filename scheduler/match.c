#include "match.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "log.h"

/* Said once, since it is true of every such event. */
static void tell_left_out(struct routing *r, const struct event *ev, const struct manifest *m)
{
    if (r->told_left_out)
        return;
    r->told_left_out = true;
    log_error("more functions listen to an event than one event can start; some are left out",
              "event", ev->name, "fn", m->id, LOG_END);
}

/* What an operator has run again has passed the rules that may skip it or make it part of another run. */
static enum start_rules rules_for(const struct event *ev)
{
    bool again = ev->orders.retry_of != NULL || ev->orders.replay_of != NULL;
    return again ? START_SPREAD : START_ALL;
}

static void add_start(struct routing *r, struct routed *x, const struct manifest *m)
{
    struct start *starts = realloc(x->starts, (x->start_count + 1) * sizeof(*starts));
    if (starts == NULL)
        abort();
    x->starts = starts;
    struct start *s = &starts[x->start_count++];
    start_make(s, &x->ev, m, (int)r->conf->partitions);
    if (x->ev.orders.skip != NULL)
        start_skip(s, x->ev.orders.skip);
    else
        start_add_rules(s, &x->ev, rules_for(&x->ev), 0);
}

/* An event for one function starts that one, whatever it listens to. */
static bool is_for(struct event *ev, const struct manifest *m)
{
    if (ev->orders.fn != NULL)
        return strcmp(ev->orders.fn, m->id) == 0;
    return functions_match(m, ev->name, js_str(ev->data, "function_id"));
}

static bool is_wanted(struct event *ev, const struct manifest *m)
{
    return ev->orders.fn != NULL || m->condition == NULL ||
           expr_true(m->condition, event_json(ev), NULL);
}

/* false: no function listens to it. */
static bool match(struct routing *r, struct routed *x)
{
    bool heard = false;
    routed_clear_starts(x);
    for (size_t i = 0; i < r->functions.len; i++) {
        const struct manifest *m = r->functions.items[i];
        if (!is_for(&x->ev, m))
            continue;
        heard = true;
        if (!is_wanted(&x->ev, m))
            continue;
        if (x->start_count == MAX_STARTS) {
            tell_left_out(r, &x->ev, m);
            return true;
        }
        add_start(r, x, m);
    }
    return heard;
}

/* false: there is one that no function listens to. */
static bool match_all(struct routing *r, struct routed *list, size_t n)
{
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        if (routed_may_start(&list[i]))
            all = match(r, &list[i]) && all;
    }
    return all;
}

static bool fail(struct routed *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        routed_clear_starts(&list[i]);
    return false;
}

/* A worker may have published the function after we looked last: before an event is called unmatched, look again. All are
 * matched again then: the manifests that the earlier matches point to are gone. A Redis without any function has lost them. */
bool match_events(struct routing *r, struct routed *list, size_t n, struct err *e)
{
    if (match_all(r, list, n))
        return true;
    if (!routing_refresh(r, e))
        return fail(list, n);
    if (r->functions.len == 0) {
        (void)err_set(e, ERR_UNAVAILABLE, "redis knows no function any more");
        return fail(list, n);
    }
    (void)match_all(r, list, n);
    return true;
}
