/* calendar.h: dates as day numbers, in the Gregorian calendar without end in either direction.
 *
 * A day number counts days since 1 January 1970. The C library's calls do the same only together with the process' own
 * time zone, which is one for all threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { HOUR_SECONDS = 3600, DAY_SECONDS = 24 * HOUR_SECONDS };

struct date {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* Rounds down, also below zero; b > 0. */
int64_t floor_div(int64_t a, int64_t b);

bool year_is_leap(int64_t year);
int month_days(int64_t year, int month);
int64_t date_to_days(int64_t year, int month, int day);
struct date date_from_days(int64_t days);
int weekday_of(int64_t days); /* 0 = Sunday */
