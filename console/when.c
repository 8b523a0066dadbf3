#include "when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *when_format(int64_t ms, char out[WHEN_SIZE])
{
    time_t seconds = (time_t)(ms / 1000);
    int rest = (int)(ms % 1000);
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    struct tm t;
    char day[WHEN_SIZE - 8];
    (void)gmtime_r(&seconds, &t);
    (void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(out, WHEN_SIZE, "%s.%03dZ", day, rest);
    return out;
}

static bool parse_number(const char *text, int64_t *ret_ms)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    *ret_ms = v;
    return errno == 0 && end != text && *end == '\0' && v >= 0 && v < 4102444800000;
}

/* "Z", "+01:00"; minutes east. */
static bool parse_zone(const char *p, int *ret_minutes)
{
    int hours, minutes, used = 0;
    *ret_minutes = 0;
    if (strcmp(p, "Z") == 0)
        return true;
    if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
        p[1 + used] != '\0')
        return false;
    *ret_minutes = (*p == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool when_parse(const char *text, int64_t *ret_ms)
{
    if (parse_number(text, ret_ms))
        return true;
    struct tm t = {0};
    int zone;
    char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    if (p == NULL)
        return false;
    int64_t fraction = 0;
    if (*p == '.') {
        int scale = 100;
        for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
            fraction += (*p - '0') * scale;
    }
    if (!parse_zone(p, &zone))
        return false;
    *ret_ms = ((int64_t)timegm(&t) - zone * 60LL) * 1000 + fraction;
    return true;
}
