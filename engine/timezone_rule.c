#include "timezone_rule.h"

#include "calendar.h"

/* Changes of the years around a moment; a change may be a week outside of its year. */
enum { YEARS_AROUND = 2, MAX_CHANGES = 2 * (2 * YEARS_AROUND + 1) };

struct change {
    int64_t at;
    int32_t offset; /* from then on */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool take_number(const char **p, int min, int max, int *ret)
{
    int n = 0;
    if (!is_digit(**p))
        return false;
    for (; is_digit(**p); (*p)++) {
        n = n * 10 + (**p - '0');
        if (n > max)
            return false;
    }
    *ret = n;
    return n >= min;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **p, int max_hours, int32_t *ret)
{
    int hours, minutes = 0, seconds = 0;
    int sign = take(p, '-') ? -1 : 1;
    if (sign > 0)
        (void)take(p, '+');
    if (!take_number(p, 0, max_hours, &hours))
        return false;
    if (take(p, ':')) {
        if (!take_number(p, 0, 59, &minutes))
            return false;
        if (take(p, ':') && !take_number(p, 0, 59, &seconds))
            return false;
    }
    *ret = sign * (hours * HOUR_SECONDS + minutes * 60 + seconds);
    return true;
}

/* West is positive there and negative here. */
static bool take_offset(const char **p, int32_t *ret)
{
    int32_t west;
    if (!take_time(p, 24, &west))
        return false;
    *ret = -west;
    return true;
}

/* An abbreviation, of letters or in angle brackets. Nobody asks for it. */
static bool skip_name(const char **p)
{
    bool quoted = take(p, '<');
    const char *from = *p;
    while (is_letter(**p) || (quoted && (is_digit(**p) || **p == '+' || **p == '-')))
        (*p)++;
    return *p - from >= 3 && (!quoted || take(p, '>'));
}

static bool take_date(const char **p, struct zone_rule_day *ret)
{
    if (take(p, 'M')) {
        ret->form = DAY_OF_WEEK;
        return take_number(p, 1, 12, &ret->month) && take(p, '.') &&
               take_number(p, 1, 5, &ret->week) && take(p, '.') && take_number(p, 0, 6, &ret->day);
    }
    ret->form = take(p, 'J') ? DAY_WITHOUT_LEAP : DAY_OF_YEAR;
    return take_number(p, ret->form == DAY_WITHOUT_LEAP, 365, &ret->day);
}

static bool take_day(const char **p, struct zone_rule_day *ret)
{
    ret->seconds = 2 * HOUR_SECONDS;
    return take(p, ',') && take_date(p, ret) && (!take(p, '/') || take_time(p, 167, &ret->seconds));
}

bool zone_rule_parse(struct zone_rule *ret, const char *text)
{
    const char *p = text;
    if (!skip_name(&p) || !take_offset(&p, &ret->standard))
        return false;
    ret->has_summer = *p != '\0';
    if (!ret->has_summer)
        return true;
    if (!skip_name(&p))
        return false;
    ret->summer = ret->standard + HOUR_SECONDS;
    if (*p != ',' && !take_offset(&p, &ret->summer))
        return false;
    return take_day(&p, &ret->starts) && take_day(&p, &ret->ends) && *p == '\0';
}

static int64_t weekday_in_month(const struct zone_rule_day *d, int64_t year)
{
    int64_t first = date_to_days(year, d->month, 1);
    int day = (d->day - weekday_of(first) + 7) % 7 + 7 * (d->week - 1);
    if (day >= month_days(year, d->month))
        day -= 7; /* week 5 where the month has only four of them */
    return first + day;
}

/* By the local clock, in seconds. */
static int64_t change_in_year(const struct zone_rule_day *d, int64_t year)
{
    int64_t days;
    if (d->form == DAY_OF_WEEK)
        days = weekday_in_month(d, year);
    else if (d->form == DAY_OF_YEAR)
        days = date_to_days(year, 1, 1) + d->day;
    else
        days = date_to_days(year, 1, 1) + d->day - 1 + (d->day >= 60 && year_is_leap(year));
    return days * DAY_SECONDS + d->seconds;
}

/* Keeps the order of those at the same moment: the later one counts. */
static void insert(struct change *changes, size_t *n, struct change c)
{
    size_t i = (*n)++;
    for (; i > 0 && changes[i - 1].at > c.at; i--)
        changes[i] = changes[i - 1];
    changes[i] = c;
}

/* A summer that lasts all year ends when the next one starts, and a summer of no length starts when it ends. */
static void add_year(const struct zone_rule *r, int64_t year, struct change *changes, size_t *n)
{
    struct change start = {change_in_year(&r->starts, year) - r->standard, r->summer};
    struct change end = {change_in_year(&r->ends, year) - r->summer, r->standard};
    bool northern = start.at <= end.at;
    insert(changes, n, northern ? start : end);
    insert(changes, n, northern ? end : start);
}

struct zone_span zone_rule_span_at(const struct zone_rule *r, int64_t utc)
{
    if (!r->has_summer)
        return (struct zone_span){INT64_MIN, INT64_MAX, r->standard};
    struct change changes[MAX_CHANGES];
    size_t n = 0, at = 0;
    int64_t year = date_from_days(floor_div(utc, DAY_SECONDS)).year;
    for (int64_t y = year - YEARS_AROUND; y <= year + YEARS_AROUND; y++)
        add_year(r, y, changes, &n);
    while (at + 1 < n && changes[at + 1].at <= utc)
        at++;
    return (struct zone_span){changes[at].at, changes[at + 1].at, changes[at].offset};
}
