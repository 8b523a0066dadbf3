/* live.h: all live runs at one moment, in little: for lists, counts and the backlog. Redis has no list of them, so their keys are
 * looked through, in small calls; the picture is then used by everybody for ten times as long as it took, so that looking costs
 * Redis a tenth of its time at most, however many look and however many runs are live. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "desk.h"
#include "id.h"
#include "state.h"

struct live_run {
    char id[ID_SIZE];
    uint8_t state; /* enum run_state */
    uint16_t partition;
    uint32_t function, creator; /* for live_name */
    int64_t accepted_ms;
};

struct live {
    struct live_run *runs; /* newest first */
    size_t count;
    bool complete;          /* false: there are more than LIVE_MOST, these are some of them */
    int64_t taken_ms;       /* wall clock, when the looking began */
    long uses;              /* guarded by live.c's lock */
    int64_t until_ms;       /* monotonic */
    json_t *names, *places; /* names of functions and creators, and back */
};

enum { LIVE_MOST = 1000000 };

/* NULL on failure; to be given back with live_release (accepts NULL). Thread-safe. */
struct live *live_take(struct desk *d, struct err *e);
void live_release(struct live *l);

const char *live_name(const struct live *l, uint32_t name);
