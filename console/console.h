/* console.h: what all requests of one console share. Constant once it has started, but for what has a lock of its own. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "conf.h"
#include "keys.h"
#include "rate.h"
#include "session.h"
#include "tries.h"

struct feed;

struct console {
    const struct conf *conf;
    atomic_bool draining; /* it is about to stop: no new work should come here */
    bool open;            /* no keys are set: everything is allowed, and only from this machine */
    struct keys keys;
    uint8_t secret[SESSION_SECRET_SIZE]; /* signs cookies */
    struct feed *feed;                   /* of who watches */
    struct rate *rate;                   /* a bucket for each key, and one for all others */
    struct tries *tries;                 /* of wrong keys to log in with */
};
