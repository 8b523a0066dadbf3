/* zone_check.h: moments as text, and the zone files that tests read.
 *
 * tests/unit/zoneinfo holds a few zones of tzdata 2025b, so that no test depends on what the machine has: as
 * `zic -b slim` writes them, changes up to the last irregular one and then the rule; Fat/Paris as `zic -b fat` does,
 * all changes up to 2037. */
#pragma once

#include <time.h>

#include "timezone.h"

#define TEST_ZONES "tests/unit/zoneinfo"

/* "2026-03-29 01:00:00", UTC */
static inline int64_t utc_seconds(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
    if (end == NULL || *end != '\0')
        fail_msg("'%s' is no moment", text);
    return timegm(&tm);
}

static inline struct zone *test_zone(const char *name)
{
    struct err e;
    struct zone *z = zone_load(name, TEST_ZONES, &e);
    if (z == NULL)
        fail_msg("%s", e.msg);
    return z;
}
