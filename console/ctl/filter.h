/* filter.h: the options by which commands choose runs. */
#pragma once

#include "console/runs.h"
#include "ctl.h"

#define FILTER_OPTIONS                                                                             \
    {"function", "ID", FUNCTION, "of this function; several separated by commas"},                 \
        {"status", "STATUS", TEXT, "in this status or state; several separated by commas"},        \
        {"creator", "ID", TEXT, "of this creator"},                                                \
        {"event", "NAME", TEXT, "begun by this event"},                                            \
        {"text", "TEXT", TEXT, "whose error contains this"},                                       \
        {"since", "TIME", TIME, "accepted since then: a time, or an age as 2h"},                   \
    {                                                                                              \
        "until", "TIME", TIME, "accepted before then"                                              \
    }

static inline struct run_filter filter_read(const struct ctl *c)
{
    return (struct run_filter){.function = ctl_option(c, "function"),
                               .status = ctl_option(c, "status"),
                               .creator = ctl_option(c, "creator"),
                               .event_name = ctl_option(c, "event"),
                               .q = ctl_option(c, "text"),
                               .after_ms = ctl_time_ms(c, "since", 0),
                               .before_ms = ctl_time_ms(c, "until", 0)};
}
