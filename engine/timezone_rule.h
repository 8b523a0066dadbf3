/* timezone_rule.h: the line at the end of a zone file that says how the clocks go on for ever, written like POSIX' TZ:
 *
 *   CET-1CEST,M3.5.0,M10.5.0/3    summer from the last Sunday in March at 2:00 to the last in October at 3:00
 *   <+0545>-5:45                  the same all year; signs are those of POSIX, west is positive */
#pragma once

#include "timezone.h"

struct zone_rule_day {
    enum { DAY_WITHOUT_LEAP, DAY_OF_YEAR, DAY_OF_WEEK } form; /* Jn, n, Mm.w.d */
    int day;                                                  /* n or d */
    int month, week; /* of DAY_OF_WEEK; week 5 is the last */
    int32_t seconds; /* after midnight, by the clock that is about to change; a week either way */
};

struct zone_rule {
    int32_t standard, summer; /* offsets */
    bool has_summer;          /* the fields below and `summer` mean nothing without */
    struct zone_rule_day starts, ends;
};

/* False: not such a line, or one with a summer time but without its days; *ret is then unspecified. */
bool zone_rule_parse(struct zone_rule *ret, const char *text) MUST_CHECK;

struct zone_span zone_rule_span_at(const struct zone_rule *r, int64_t utc);
