/* streams_seen.h: how much stands in the streams that schedulers read. */
#pragma once

#include "ctl.h"

struct streams_seen {
    long long
        events; /* entries of the public door and of the partitions that are not routed and recorded */
    int64_t oldest_event_ms; /* its age; 0 = none */
    long long history;       /* entries that are not archived */
    int64_t oldest_history_ms;
};

bool streams_see(struct streams_seen *s, struct ctl *c, struct err *e);
