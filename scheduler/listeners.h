/* listeners.h: events are heard by runs that wait for them and by runs that they cancel. Who listens is in Redis
 * (lua/include/listen.lua); whether a listener's condition holds is found out here. */
#pragma once

#include "routed.h"
#include "routing.h"

/* Tells all who listen to the events of a batch, after its runs were enqueued, so that a run hears what came right after
 * its own event. May be called again: who has heard an event listens no more. */
bool listeners_tell(struct routing *r, struct routed *list, size_t n, struct err *e);

/* ---- for who looks for listeners otherwise ---- */

struct match {
    const char *listener; /* "<run>/<slot>" */
    const char *step;     /* the step that waits; "" = the run is cancelled */
    const char *event;    /* name */
    const char *json;
    size_t json_len;
};

/* At most LISTENERS_AT_ONCE matches of one partition. */
enum { LISTENERS_AT_ONCE = 64 };
bool listeners_hear(struct kv *kv, const char *prefix, const struct match *matches, size_t n,
                    struct err *e);
