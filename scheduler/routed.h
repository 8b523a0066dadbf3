/* routed.h: an event on its way through a batch, and the runs that it starts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "event.h"
#include "start.h"

enum { MAX_STARTS = 32 }; /* of one event */

enum routed_fate {
    ROUTED_ON,        /* goes on */
    ROUTED_REFUSED,   /* cannot be read; `refused` says why */
    ROUTED_DUPLICATE, /* its idempotency key was seen before */
    ROUTED_REPEATED, /* this very event came in another entry, or is recorded already: nothing is left to do */
};

struct routed {
    struct event ev;
    enum routed_fate fate;
    struct err refused;
    bool recorded; /* has its row already */
    bool answered; /* who waited for its outcome knows */
    char *input;   /* made by routed_input */
    size_t input_len;
    struct start *starts;
    size_t start_count;
};

/* The event as JSON, the way steps see it. Borrowed. */
const char *routed_input(struct routed *x, size_t *ret_len);
/* Forgets the starts. */
void routed_clear_starts(struct routed *x);
void routed_release(struct routed *x);

/* Does it start runs, as far as can be said before the functions are asked? */
static inline bool routed_may_start(const struct routed *x)
{
    return x->fate == ROUTED_ON && !event_is_outcome(&x->ev);
}
