/* cron.h: when a schedule fires.
 *
 *   [TZ=Area/City ] minute hour day-of-month month day-of-week       (also CRON_TZ=; UTC without)
 *
 *   *          every value; in the two day fields ? means the same
 *   5  7-9     a value, a range; months and weekdays also by name (jan, mon-fri, any case); Sunday is 0 and 7
 *   10-30/5    every fifth in the range; * takes a step as well, and 5/15 goes from 5 to the end
 *   a,b,c      any of these
 *
 * or one of @yearly @annually @monthly @weekly @daily @midnight @hourly after the prefix. How a field begins tells what
 * is meant, as in Vixie's cron: one that begins with * (or ?), with a step or without, is "free" below, others are fixed.
 *
 * Days. When both day fields are fixed, a day fits that fits either; otherwise both must fit. "0 0 13 * 5" is every 13th
 * and every Friday.
 *
 * When the clocks change:
 *
 *   hour    minute   a time that is skipped in spring                 one that comes twice in autumn
 *   free    any      does not fire: there was no such hour            fires both times: they are apart in real time
 *   fixed   free     does not fire: there is another close by         fires the first time
 *   fixed   fixed    fires at the first instant after the gap         fires the first time
 *
 * So "30 2 * * *" fires once on every calendar day, "0 * * * *" once in every real hour (23 or 25 times on the days of
 * change where clocks move by an hour) and a step of 15 from * every fifteen real minutes. Skipped times that fall
 * together, or on a time that fires anyway, fire once.
 *
 * Pure: no clock, no environment, no global state. A parsed schedule is immutable and may be used by any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"
#include "err.h"

struct zone;

/* Sets of allowed values, one bit for each. */
struct cron {
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;     /* of the month; bit 0 is unused */
    uint32_t months;   /* bit 0 is unused */
    uint32_t weekdays; /* bit 0 is Sunday */
    bool either_day;   /* both day fields are fixed */
    bool every_hour;   /* the hour field is free: fires by real time */
    bool catches_up;   /* hour and minute are fixed: skipped times fire after the gap */
    struct zone *zone; /* owned; NULL is UTC */
};

/* Fills *c, to be released with cron_release; untouched on failure. ERR_INPUT: the message quotes the field that is
 * wrong and says what may stand there. A schedule that never fires (30 February) is wrong as well. ERR_RETRY: the files
 * of time zones could not be read. */
bool cron_parse(struct cron *c, const char *text, struct err *e) MUST_CHECK;

/* The same with time zones from another directory than /usr/share/zoneinfo (NULL). */
bool cron_parse_in(struct cron *c, const char *text, const char *zone_dir,
                   struct err *e) MUST_CHECK;

void cron_release(struct cron *c); /* accepts a zeroed one, and one that was released */

/* The first tick later than after_ms, both in epoch milliseconds. -1 when there is none in the 41 years that follow
 * (29 February on a given weekday may take 40), or when after_ms is not in the years 0 to 9999. */
int64_t cron_next(const struct cron *c, int64_t after_ms);

/* How long a tick of a function is put off, from 0 to jitter_ms: the same for every scheduler, and spread evenly over
 * functions and ticks. */
int64_t cron_jitter_ms(const char *function_id, int64_t tick_ms, int64_t jitter_ms);
