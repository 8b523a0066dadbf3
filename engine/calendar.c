#include "calendar.h"

/* Four hundred years are a whole number of weeks, and the calendar repeats. Years that begin in March have their leap
 * day last, so that a month's first day is a linear formula. */
enum { ERA_DAYS = 146097, DAYS_TO_1970 = 719468 };

int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bool year_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int month_days(int64_t year, int month)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && year_is_leap(year));
}

int64_t date_to_days(int64_t year, int month, int day)
{
    int64_t march_year = year - (month <= 2);
    int64_t era = floor_div(march_year, 400);
    int64_t of_era = march_year - era * 400;
    int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

struct date date_from_days(int64_t days)
{
    int64_t era = floor_div(days + DAYS_TO_1970, ERA_DAYS);
    int64_t left = days + DAYS_TO_1970 - era * ERA_DAYS;
    int64_t year = (left - left / 1460 + left / 36524 - left / (ERA_DAYS - 1)) / 365;
    int of_year = (int)(left - (365 * year + year / 4 - year / 100));
    int month = (5 * of_year + 2) / 153; /* 0 = March */
    return (struct date){
        .year = era * 400 + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

int weekday_of(int64_t days)
{
    int64_t since_sunday = days + 4; /* day 0 was a Thursday */
    return (int)(since_sunday - floor_div(since_sunday, 7) * 7);
}
