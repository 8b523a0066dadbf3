#include "cron.h"

#include "calendar.h"
#include "timezone.h"

enum { DAY_MINUTES = 24 * 60, HORIZON_DAYS = 41 * 366 };

/* Years 0 to 9999. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS  INT64_C(253402300799999)

#define NONE INT64_MIN

void cron_release(struct cron *c)
{
    zone_free(c->zone);
    c->zone = NULL;
}

/* The first allowed minute of a day at or after `minute`; DAY_MINUTES when none is left. */
static int next_minute(const struct cron *c, int minute)
{
    for (int hour = minute / 60; hour < 24; minute = ++hour * 60) {
        uint64_t left = (c->hours >> hour & 1) != 0 ? c->minutes >> minute % 60 : 0;
        if (left != 0)
            return minute + __builtin_ctzll(left);
    }
    return DAY_MINUTES;
}

static bool day_fits(const struct cron *c, int day, int weekday)
{
    bool by_date = (c->days >> day & 1) != 0, by_weekday = (c->weekdays >> weekday & 1) != 0;
    return c->either_day ? by_date || by_weekday : by_date && by_weekday;
}

/* The first fitting reading of a local clock that never changes, from <= t < until; NONE. */
static int64_t next_local(const struct cron *c, int64_t from, int64_t until)
{
    int64_t days = floor_div(from, DAY_SECONDS);
    int minute = (int)((from - days * DAY_SECONDS + 59) / 60);
    while (days * DAY_SECONDS < until) {
        struct date d = date_from_days(days);
        if ((c->months >> d.month & 1) == 0) {
            days += month_days(d.year, d.month) - d.day + 1;
            minute = 0;
            continue;
        }
        if (day_fits(c, d.day, weekday_of(days)))
            minute = next_minute(c, minute);
        else
            minute = DAY_MINUTES;
        if (minute < DAY_MINUTES) {
            int64_t found = days * DAY_SECONDS + minute * 60;
            return found < until ? found : NONE;
        }
        days++;
        minute = 0;
    }
    return NONE;
}

/* A schedule that fires by real time: within each stretch without a change, the clock is like any other. */
static int64_t next_by_span(const struct cron *c, int64_t after, int64_t limit)
{
    for (int64_t from = after + 1; from < limit;) {
        struct zone_span s = zone_span_at(c->zone, from);
        int64_t until = s.until < limit ? s.until : limit;
        int64_t local = next_local(c, from + s.offset, until + s.offset);
        if (local != NONE)
            return local - s.offset;
        from = until;
    }
    return NONE;
}

/* The latest time that the local clock has shown up to `utc`. After it was put back, that is one from before. */
static int64_t latest_shown(const struct zone *z, int64_t utc)
{
    struct zone_span s = zone_span_at(z, utc);
    int64_t latest = utc + s.offset;
    while (s.from > utc - (ZONE_OFFSET_MAX - ZONE_OFFSET_MIN)) {
        int64_t last = s.from - 1;
        s = zone_span_at(z, last);
        if (last + s.offset > latest)
            latest = last + s.offset;
    }
    return latest;
}

/* The first instant at which the clock shows `local` or, where that is skipped, more. */
static int64_t first_instant(const struct zone *z, int64_t local)
{
    for (int64_t from = local - ZONE_OFFSET_MAX;;) {
        struct zone_span s = zone_span_at(z, from);
        int64_t utc = local - s.offset > from ? local - s.offset : from;
        if (utc < s.until)
            return utc;
        from = s.until;
    }
}

/* A schedule of fixed times follows the latest time that the clock has shown. That never goes back, so it passes every
 * time once: one that comes twice at its first coming, and those of a gap in one jump. */
static int64_t next_by_clock(const struct cron *c, int64_t after, int64_t limit)
{
    int64_t local = latest_shown(c->zone, after) + 1;
    while ((local = next_local(c, local, limit)) != NONE) {
        int64_t utc = first_instant(c->zone, local);
        int64_t shown = utc + zone_offset(c->zone, utc);
        if (shown == local || c->catches_up)
            return utc;
        local = shown;
    }
    return NONE;
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
    if (after_ms < FIRST_MS || after_ms > LAST_MS)
        return -1;
    int64_t after = floor_div(after_ms, 1000);
    int64_t limit = after + (int64_t)HORIZON_DAYS * DAY_SECONDS;
    int64_t utc = c->every_hour ? next_by_span(c, after, limit) : next_by_clock(c, after, limit);
    return utc != NONE ? utc * 1000 : -1;
}

/* splitmix64's finaliser: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

int64_t cron_jitter_ms(const char *function_id, int64_t tick_ms, int64_t jitter_ms)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a */
    for (const char *p = function_id; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001B3u;
    h = mix(mix(h) ^ (uint64_t)tick_ms);
    return jitter_ms > 0 ? (int64_t)(h % ((uint64_t)jitter_ms + 1)) : 0;
}
