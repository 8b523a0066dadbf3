#include "answers.h"

#include <string.h>

#include "log.h"
#include "waiter.h"

static bool give_outcome(struct routing *r, const struct event *ev, struct err *e)
{
    struct waiter w;
    if (!waiter_read(&w, ev->orders.to)) {
        log_error("the outcome of a run is for no step and is dropped", "entry", ev->entry_id, "to",
                  ev->orders.to, LOG_END);
        return true;
    }
    if (ev->orders.error != NULL)
        return waiter_fail(r->kv, &w, ev->orders.error, e);
    return waiter_give(r->kv, &w, ev->orders.ok != NULL ? ev->orders.ok : "null", e);
}

/* The invocation starts nothing: its step hears why. */
static bool refuse(struct routing *r, const struct routed *x, struct err *e)
{
    struct waiter w;
    const char *fn = x->ev.orders.fn;
    if (x->ev.orders.parent == NULL || !waiter_read(&w, x->ev.orders.parent))
        return true;
    if (x->start_count == 0) {
        char message[256];
        (void)snprintf(message, sizeof(message), "there is no function %.128s",
                       fn != NULL ? fn : "");
        return waiter_refuse(r->kv, &w, "UnknownFunction", message, e);
    }
    for (size_t s = 0; s < x->start_count; s++) {
        if (x->starts[s].state == START_SKIPPED)
            return waiter_refuse(r->kv, &w, "Skipped", x->starts[s].reason, e);
    }
    return true;
}

static bool give(struct routing *r, struct routed *x, struct err *e)
{
    if (x->fate != ROUTED_ON || x->answered)
        return true;
    bool ok = event_is_outcome(&x->ev) ? give_outcome(r, &x->ev, e) : refuse(r, x, e);
    x->answered = ok;
    return ok;
}

bool answers_give(struct routing *r, struct routed *list, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!give(r, &list[i], e))
            return false;
    }
    return true;
}
