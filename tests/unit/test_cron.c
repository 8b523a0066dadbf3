/* test_cron.c: schedules as people write them, and when they fire. Expected ticks are written in local time. */
#include "unit.h"

#include <time.h>

#include "compiler.h"
#include "cron.h"
#include "zone_check.h"

static struct cron parse(const char *text)
{
    struct cron c;
    struct err e;
    if (!cron_parse_in(&c, text, TEST_ZONES, &e))
        fail_msg("'%s': %s", text, e.msg);
    return c;
}

/* ---- what can be written ---- */

static const char *set_text(uint64_t set, char out[256])
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < 64; i++)
        if ((set >> i & 1) != 0)
            n += (size_t)snprintf(out + n, 256 - n, "%s%d", n > 0 ? " " : "", i);
    return out;
}

/* NULL stands for all values. */
static void check_set(const char *text, const char *field, uint64_t set, uint64_t all,
                      const char *expected)
{
    char got[256], every[256];
    const char *want = expected != NULL ? expected : set_text(all, every);
    if (strcmp(set_text(set, got), want) != 0)
        fail_msg("'%s': %s are %s, not %s", text, field, got, want);
}

struct sets {
    const char *text, *minutes, *hours, *days, *months, *weekdays;
};

static void check_sets(const struct sets *s)
{
    struct cron c = parse(s->text);
    check_set(s->text, "minutes", c.minutes, (UINT64_C(1) << 60) - 1, s->minutes);
    check_set(s->text, "hours", c.hours, (1 << 24) - 1, s->hours);
    check_set(s->text, "days", c.days, 0xFFFFFFFE, s->days);
    check_set(s->text, "months", c.months, 0x1FFE, s->months);
    check_set(s->text, "weekdays", c.weekdays, 0x7F, s->weekdays);
    cron_release(&c);
}

static void test_every_form_of_a_field(void **state)
{
    (void)state;
    static const struct sets rows[] = {
        {"* * * * *"},
        {"5 * * * *", "5"},
        {"05 007 * * *", "5", "7"},
        {"0,59 0,23 1,31 1,12 0,6", "0 59", "0 23", "1 31", "1 12", "0 6"},
        {"3,1,2,1 * * * *", "1 2 3"},
        {"10-13 9-11 30-31 2-4 1-3", "10 11 12 13", "9 10 11", "30 31", "2 3 4", "1 2 3"},
        {"7-7 * * * *", "7"},
        {"*/15 */6 */10 */4 */3", "0 15 30 45", "0 6 12 18", "1 11 21 31", "1 5 9", "0 3 6"},
        {"*/1 */1 */1 */1 */1"},
        {"*/59 */23 */31 */12 */7", "0 59", "0 23", "1", "1", "0"},
        {"1-30/7 9-17/4 2-20/9 2-12/5 1-5/2", "1 8 15 22 29", "9 13 17", "2 11 20", "2 7 12",
         "1 3 5"},
        {"5/15 20/2 25/3 9/2 3/2", "5 20 35 50", "20 22", "25 28 31", "9 11", "3 5"},
        {"1,10-12,50/3,*/30 * * * *", "0 1 10 11 12 30 50 53 56 59"},
        {"5,* * * * *"},
        {"0 0 ? * 1", "0", "0", NULL, NULL, "1"},
        {"0 0 ?/10 * ?", "0", "0", "1 11 21 31"},
        {"0 0 * jan,mar-may,DEC *", "0", "0", NULL, "1 3 4 5 12"},
        {"0 0 * Feb-Oct/4 *", "0", "0", NULL, "2 6 10"},
        {"0 0 * nov/1 *", "0", "0", NULL, "11 12"},
        {"0 0 * apr,jun,jul,aug,sep *", "0", "0", NULL, "4 6 7 8 9"},
        {"0 0 * * sun,Mon-WED,tHu", "0", "0", NULL, NULL, "0 1 2 3 4"},
        {"0 0 * * fri,sat", "0", "0", NULL, NULL, "5 6"},
        {"0 0 * * 7", "0", "0", NULL, NULL, "0"},
        {"0 0 * * 0,7", "0", "0", NULL, NULL, "0"},
        {"0 0 * * 5-7", "0", "0", NULL, NULL, "0 5 6"},
        {"0 0 * * 0-7", "0", "0", NULL, NULL, NULL},
        {"0 0 * * sat-sun", "0", "0", NULL, NULL, "0 6"},
        {"0 0 * * fri-0", "0", "0", NULL, NULL, "0 5 6"},
        {"0 0 * * sun-tue", "0", "0", NULL, NULL, "0 1 2"},
        {"0 0 * * 0-0", "0", "0", NULL, NULL, "0"},
        {"0 0 * * 7/2", "0", "0", NULL, NULL, "0 2 4 6"},
        {"0 0 * * 1-7/3", "0", "0", NULL, NULL, "0 1 4"},
        {"  1\t2 3\n4  5 \r\n", "1", "2", "3", "4", "5"},
        {"@yearly", "0", "0", "1", "1", NULL},
        {"@annually", "0", "0", "1", "1", NULL},
        {"@monthly", "0", "0", "1", NULL, NULL},
        {"@weekly", "0", "0", NULL, NULL, "0"},
        {"@daily", "0", "0", NULL, NULL, NULL},
        {"@midnight", "0", "0", NULL, NULL, NULL},
        {"@hourly", "0", NULL, NULL, NULL, NULL},
        {" @Daily ", "0", "0", NULL, NULL, NULL},
        {"TZ=Europe/Paris 1 2 3 4 5", "1", "2", "3", "4", "5"},
        {"CRON_TZ=Asia/Kathmandu \t @weekly", "0", "0", NULL, NULL, "0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_sets(&rows[i]);
}

static void test_the_prefix_chooses_the_zone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int offset;
    } rows[] = {
        {"0 0 * * *", 0},
        {"TZ=UTC 0 0 * * *", 0},
        {"TZ=Europe/Paris 0 0 * * *", 7200},
        {"  CRON_TZ=Asia/Kathmandu 0 0 * * *", 20700},
        {"TZ=Australia/Lord_Howe\t@daily", 37800},
    };
    int64_t summer = utc_seconds("2026-07-01 00:00:00");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cron c = parse(rows[i].text);
        assert_int_equal(zone_offset(c.zone, summer), rows[i].offset);
        cron_release(&c);
    }
}

static void test_every_error_names_the_field_and_what_may_stand_there(void **state)
{
    (void)state;
#define FIELDS "must have 5: minute hour day-of-month month day-of-week"
#define NAMES  "must be @yearly, @annually, @monthly, @weekly, @daily, @midnight or @hourly"
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "'': has 0 fields, " FIELDS},
        {" \t\n", "'': has 0 fields, " FIELDS},
        {"* * * *", "'* * * *': has 4 fields, " FIELDS},
        {"0 0 * * * *", "'0 0 * * * *': has 6 fields, " FIELDS},
        {"TZ=Europe/Paris", "'': has 0 fields, " FIELDS},
        {"TZ=Europe/Paris 5", "'5': has 1 field, " FIELDS},
        {"0 0 * * * /usr/bin/true --with a-long-line-of-arguments and more",
         "'0 0 * * * /usr/bin/true --with a-long-line-of-arguments and ...': has 10 "
         "fields, " FIELDS},
        {"@", "'@': " NAMES},
        {"@reboot", "'@reboot': " NAMES},
        {"@every 5m", "'@every 5m': " NAMES},
        {"@dailyy", "'@dailyy': " NAMES},
        {"@daily 5", "'@daily 5': " NAMES},

        {"60 * * * *", "minute field '60': must be from 0 to 59"},
        {"61 * * * *", "minute field '61': must be from 0 to 59"},
        {"99999999999999999999 * * * *",
         "minute field '99999999999999999999': must be from 0 to 59"},
        {"-1 * * * *", "minute field '-1': must be from 0 to 59"},
        {"+1 * * * *", "minute field '+1': must be from 0 to 59"},
        {"1.5 * * * *", "minute field '1.5': must be from 0 to 59"},
        {"x * * * *", "minute field 'x': must be from 0 to 59"},
        {"5x * * * *", "minute field '5x': must be from 0 to 59"},
        {"? * * * *", "minute field '?': must be from 0 to 59"},
        {"L * * * *", "minute field 'L': must be from 0 to 59"},
        {"** * * * *", "minute field '**': must be from 0 to 59"},
        {"*5 * * * *", "minute field '*5': must be from 0 to 59"},
        {"*-5 * * * *", "minute field '*-5': must be from 0 to 59"},
        {"1- * * * *", "minute field '1-': must be from 0 to 59"},
        {"1-60 * * * *", "minute field '1-60': must be from 0 to 59"},
        {"1-2-3 * * * *", "minute field '1-2-3': must be from 0 to 59"},
        {"1,,2 * * * *", "minute field '1,,2': must be from 0 to 59"},
        {", * * * *", "minute field ',': must be from 0 to 59"},
        {"1, * * * *", "minute field '1,': must be from 0 to 59"},
        {"0,60 * * * *", "minute field '0,60': must be from 0 to 59"},
        {"/5 * * * *", "minute field '/5': must be from 0 to 59"},
        {"jan * * * *", "minute field 'jan': must be from 0 to 59"},
        {"30-20 * * * *", "minute field '30-20': a range must rise, must be from 0 to 59"},
        {"*/0 * * * *", "minute field '*/0': the step must be from 1 to 59"},
        {"*/60 * * * *", "minute field '*/60': the step must be from 1 to 59"},
        {"*/ * * * *", "minute field '*/': the step must be from 1 to 59"},
        {"*/-5 * * * *", "minute field '*/-5': the step must be from 1 to 59"},
        {"*/5/5 * * * *", "minute field '*/5/5': the step must be from 1 to 59"},
        {"*/5x * * * *", "minute field '*/5x': the step must be from 1 to 59"},
        {"*/* * * * *", "minute field '*/*': the step must be from 1 to 59"},
        {"0 24 * * *", "hour field '24': must be from 0 to 23"},
        {"0 22-4 * * *", "hour field '22-4': a range must rise, must be from 0 to 23"},
        {"0 */24 * * *", "hour field '*/24': the step must be from 1 to 23"},
        {"0 9am * * *", "hour field '9am': must be from 0 to 23"},
        {"0 0 0 * *", "day-of-month field '0': must be from 1 to 31"},
        {"0 0 32 * *", "day-of-month field '32': must be from 1 to 31"},
        {"0 0 */32 * *", "day-of-month field '*/32': the step must be from 1 to 31"},
        {"0 0 mon * *", "day-of-month field 'mon': must be from 1 to 31"},
        {"0 0 L * *",
         "day-of-month field 'L': L (the last) is not supported, must be from 1 to 31"},
        {"0 0 1,l * *",
         "day-of-month field '1,l': L (the last) is not supported, must be from 1 to 31"},
        {"0 0 L-3 * *",
         "day-of-month field 'L-3': L (the last) is not supported, must be from 1 to 31"},
        {"0 0 15W * *",
         "day-of-month field '15W': W (the nearest working day) is not supported, must be from 1 "
         "to 31"},
        {"0 0 * 0 *", "month field '0': must be from 1 to 12 or jan to dec"},
        {"0 0 * 13 *", "month field '13': must be from 1 to 12 or jan to dec"},
        {"0 0 * ja *", "month field 'ja': must be from 1 to 12 or jan to dec"},
        {"0 0 * january *", "month field 'january': must be from 1 to 12 or jan to dec"},
        {"0 0 * anf *", "month field 'anf': must be from 1 to 12 or jan to dec"},
        {"0 0 * mon *", "month field 'mon': must be from 1 to 12 or jan to dec"},
        {"0 0 * dec-jan *",
         "month field 'dec-jan': a range must rise, must be from 1 to 12 or jan to dec"},
        {"0 0 * */13 *", "month field '*/13': the step must be from 1 to 12"},
        {"0 0 * ? *", "month field '?': must be from 1 to 12 or jan to dec"},
        {"0 0 * * 8", "day-of-week field '8': must be from 0 to 7 or sun to sat"},
        {"0 0 * * monday", "day-of-week field 'monday': must be from 0 to 7 or sun to sat"},
        {"0 0 * * jul", "day-of-week field 'jul': must be from 0 to 7 or sun to sat"},
        {"0 0 * * fri-mon",
         "day-of-week field 'fri-mon': a range must rise, must be from 0 to 7 or sun to sat"},
        {"0 0 * * 7-2",
         "day-of-week field '7-2': a range must rise, must be from 0 to 7 or sun to sat"},
        {"0 0 * * */8", "day-of-week field '*/8': the step must be from 1 to 7"},
        {"0 0 * * 5L", "day-of-week field '5L': L (the last) is not supported, must be from 0 to 7 "
                       "or sun to sat"},
        {"0 0 * * 5#3",
         "day-of-week field '5#3': # (the n-th weekday) is not supported, must be from 0 to 7 or "
         "sun to sat"},
        {"0 0 * * mon#1",
         "day-of-week field 'mon#1': # (the n-th weekday) is not supported, must be from 0 to 7 or "
         "sun to sat"},
        {"61 61 61 61 61", "minute field '61': must be from 0 to 59"},
        {"0 61 61 61 61", "hour field '61': must be from 0 to 23"},
        {"\xc3 * * * *", "minute field '?': must be from 0 to 59"},
        {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,99 * * * *",
         "minute field '1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,...': must be "
         "from 0 to 59"},

        {"0 0 30 2 *", "day-of-month field '30': never comes in month '2'"},
        {"0 0 30,31 feb *", "day-of-month field '30,31': never comes in month 'feb'"},
        {"0 0 31 2,4,6,9,11 *", "day-of-month field '31': never comes in month '2,4,6,9,11'"},
        {"0 0 31 4/5 ?", "day-of-month field '31': never comes in month '4/5'"},
        {"0 0 31 6 */2", "day-of-month field '31': never comes in month '6'"},

        {"TZ=Mars/Olympus * * * * *", "time zone 'Mars/Olympus': unknown"},
        {"CRON_TZ=Mars/Olympus @daily", "time zone 'Mars/Olympus': unknown"},
        {"TZ= * * * * *", "time zone '': must be a name like Europe/Paris"},
        {"TZ=../passwd * * * * *", "time zone '../passwd': must be a name like Europe/Paris"},
        {"TZ=/etc/localtime @daily",
         "time zone '/etc/localtime': must be a name like Europe/Paris"},
        {"TZ=\"Europe/Paris\" @daily",
         "time zone '\"Europe/Paris\"': must be a name like Europe/Paris"},
        {"TZ=Europe/Paris\x7f @daily",
         "time zone 'Europe/Paris?': must be a name like Europe/Paris"},
        {"TZ=Europe/Paris 60 * * * *", "minute field '60': must be from 0 to 59"},
        {"tz=Europe/Paris * * * * *", "'tz=Europe/Paris * * * * *': has 6 fields, " FIELDS},
        {"* * * * * TZ=Europe/Paris", "'* * * * * TZ=Europe/Paris': has 6 fields, " FIELDS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        struct cron c = {.minutes = 77};
        if (cron_parse_in(&c, rows[i].text, TEST_ZONES, &e))
            fail_msg("'%s' is accepted", rows[i].text);
        assert_string_equal(e.msg, rows[i].message);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(c.minutes, 77);
    }
}

static void test_zone_names_of_any_length_are_refused_in_one_piece(void **state)
{
    (void)state;
    char text[512];
    struct err e = {0};
    struct cron c;
    for (int n = 1; n < 300; n++) {
        (void)snprintf(text, sizeof(text), "TZ=%0*d @daily", n, 0);
        assert_false(cron_parse_in(&c, text, TEST_ZONES, &e));
        assert_non_null(strstr(e.msg, n <= ZONE_NAME_MAX ? "unknown" : "must be a name"));
    }
}

static void test_the_zones_of_the_system_are_the_default(void **state)
{
    (void)state;
    struct err e;
    struct cron c;
    if (!cron_parse(&c, "TZ=Europe/Paris 0 12 * * *", &e))
        fail_msg("%s", e.msg);
    int64_t noon = cron_next(&c, utc_seconds("2026-07-01 00:00:00") * 1000);
    assert_int_equal(noon, utc_seconds("2026-07-01 10:00:00") * 1000);
    cron_release(&c);
    assert_false(cron_parse_in(&c, "TZ=Europe/Paris 0 12 * * *", "/nonexistent", &e));
    assert_int_equal(e.code, ERR_RETRY);
}

/* ---- when it fires ---- */

/* "2026-03-29 03:00 +0200", with seconds where there are any */
static const char *local_text(const struct cron *c, int64_t ms, char out[80])
{
    int64_t utc = ms / 1000;
    int32_t offset = zone_offset(c->zone, utc), away = abs(offset);
    time_t local = utc + offset;
    struct tm tm;
    (void)gmtime_r(&local, &tm);
    size_t n = strftime(out, 80, tm.tm_sec != 0 ? "%F %H:%M:%S" : "%F %H:%M", &tm);
    n += (size_t)snprintf(out + n, 80 - n, " %c%02d%02d", offset < 0 ? '-' : '+', away / 3600,
                          away / 60 % 60);
    if (away % 60 != 0)
        (void)snprintf(out + n, 80 - n, ":%02d", away % 60);
    return out;
}

struct ticks {
    const char *text, *after; /* a moment in UTC */
    const char *expected[32];
};

/* The ticks that follow, each strictly later than the one before, and none earlier. */
static void check_ticks(const struct ticks *t)
{
    char got[80];
    struct cron c = parse(t->text);
    int64_t at = utc_seconds(t->after) * 1000;
    for (size_t i = 0; t->expected[i] != NULL; i++) {
        int64_t next = cron_next(&c, at);
        assert_true(next > at);
        if (strcmp(local_text(&c, next, got), t->expected[i]) != 0)
            fail_msg("'%s' after %s: tick %zu is %s, not %s", t->text, t->after, i, got,
                     t->expected[i]);
        assert_int_equal(cron_next(&c, next - 1), next);
        assert_int_equal(cron_next(&c, at + (next - at) / 2), next);
        at = next;
    }
    cron_release(&c);
}

static void check_all(const struct ticks *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_ticks(&rows[i]);
}

static void test_ticks_in_utc(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"* * * * *", "2026-01-01 00:00:00", {"2026-01-01 00:01 +0000", "2026-01-01 00:02 +0000"}},
        {"*/20 * * * *",
         "2026-01-01 00:00:01",
         {"2026-01-01 00:20 +0000", "2026-01-01 00:40 +0000", "2026-01-01 01:00 +0000"}},
        {"0 */6 * * *",
         "2026-01-05 00:00:00",
         {"2026-01-05 06:00 +0000", "2026-01-05 12:00 +0000", "2026-01-05 18:00 +0000",
          "2026-01-06 00:00 +0000"}},
        {"5/25 22-23 * * *",
         "2026-01-05 22:06:00",
         {"2026-01-05 22:30 +0000", "2026-01-05 22:55 +0000", "2026-01-05 23:05 +0000",
          "2026-01-05 23:30 +0000", "2026-01-05 23:55 +0000", "2026-01-06 22:05 +0000"}},
        {"30 9 * * mon-fri",
         "2026-01-01 12:00:00",
         {"2026-01-02 09:30 +0000", "2026-01-05 09:30 +0000", "2026-01-06 09:30 +0000"}},
        {"@weekly", "2026-01-01 00:00:00", {"2026-01-04 00:00 +0000", "2026-01-11 00:00 +0000"}},
        {"@monthly", "2026-01-01 00:00:00", {"2026-02-01 00:00 +0000", "2026-03-01 00:00 +0000"}},
        {"@yearly", "2026-01-01 00:00:00", {"2027-01-01 00:00 +0000", "2028-01-01 00:00 +0000"}},
        {"@hourly", "2026-01-01 23:59:59", {"2026-01-02 00:00 +0000", "2026-01-02 01:00 +0000"}},
        {"0 0 1 1 *",
         "1968-06-01 00:00:00",
         {"1969-01-01 00:00 +0000", "1970-01-01 00:00 +0000", "1971-01-01 00:00 +0000"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

static void test_ends_of_months_and_years(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"*/5 * * * *",
         "2026-12-31 23:50:00",
         {"2026-12-31 23:55 +0000", "2027-01-01 00:00 +0000", "2027-01-01 00:05 +0000"}},
        {"59 23 31 12 *",
         "2026-12-31 23:58:59",
         {"2026-12-31 23:59 +0000", "2027-12-31 23:59 +0000"}},
        {"TZ=Europe/Paris 0 0 1 1 *",
         "2026-12-31 22:59:59",
         {"2027-01-01 00:00 +0100", "2028-01-01 00:00 +0100"}},
        {"TZ=Australia/Lord_Howe 59 23 31 12 *",
         "2026-12-31 12:58:59",
         {"2026-12-31 23:59 +1100", "2027-12-31 23:59 +1100"}},
        {"0 0 31 * *",
         "2026-01-31 00:00:00",
         {"2026-03-31 00:00 +0000", "2026-05-31 00:00 +0000", "2026-07-31 00:00 +0000",
          "2026-08-31 00:00 +0000", "2026-10-31 00:00 +0000", "2026-12-31 00:00 +0000",
          "2027-01-31 00:00 +0000"}},
        {"0 0 30 1-3 *",
         "2026-01-30 00:00:00",
         {"2026-03-30 00:00 +0000", "2027-01-30 00:00 +0000"}},
        {"0 12 28-31 2 *",
         "2026-02-28 00:00:00",
         {"2026-02-28 12:00 +0000", "2027-02-28 12:00 +0000", "2028-02-28 12:00 +0000",
          "2028-02-29 12:00 +0000", "2029-02-28 12:00 +0000"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

static void test_29_february(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"0 0 29 2 *",
         "2026-01-01 00:00:00",
         {"2028-02-29 00:00 +0000", "2032-02-29 00:00 +0000", "2036-02-29 00:00 +0000"}},
        {"0 0 29,30,31 feb *",
         "2096-02-29 00:00:00",
         {"2104-02-29 00:00 +0000", "2108-02-29 00:00 +0000"}},
        {"TZ=America/New_York 30 2 29 2 *",
         "2026-01-01 00:00:00",
         {"2028-02-29 02:30 -0500", "2032-02-29 02:30 -0500"}},
        /* on a Sunday; over a century that is no leap year this takes forty years */
        {"0 0 29 2 */7",
         "2026-01-01 00:00:00",
         {"2032-02-29 00:00 +0000", "2060-02-29 00:00 +0000", "2088-02-29 00:00 +0000"}},
        {"0 0 29 2 */7",
         "2280-02-29 00:00:00",
         {"2320-02-29 00:00 +0000", "2348-02-29 00:00 +0000"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

/* April 2026 has Fridays on the 3rd, 10th, 17th and 24th. */
static void test_the_two_day_fields_together(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"0 0 13 * 5",
         "2026-04-01 00:00:00",
         {"2026-04-03 00:00 +0000", "2026-04-10 00:00 +0000", "2026-04-13 00:00 +0000",
          "2026-04-17 00:00 +0000", "2026-04-24 00:00 +0000", "2026-05-01 00:00 +0000"}},
        /* which may be a date that the month does not have */
        {"0 0 31 4 fri",
         "2026-04-20 00:00:00",
         {"2026-04-24 00:00 +0000", "2027-04-02 00:00 +0000"}},
        {"0 0 1-31 4 5",
         "2026-04-01 00:00:00",
         {"2026-04-02 00:00 +0000", "2026-04-03 00:00 +0000"}},
        {"0 0 * 4 5", "2026-04-01 00:00:00", {"2026-04-03 00:00 +0000", "2026-04-10 00:00 +0000"}},
        {"0 0 ? 4 5", "2026-04-01 00:00:00", {"2026-04-03 00:00 +0000", "2026-04-10 00:00 +0000"}},
        {"0 0 10,13 4 *",
         "2026-04-01 00:00:00",
         {"2026-04-10 00:00 +0000", "2026-04-13 00:00 +0000", "2027-04-10 00:00 +0000"}},
        {"0 0 10,13 4 ?",
         "2026-04-01 00:00:00",
         {"2026-04-10 00:00 +0000", "2026-04-13 00:00 +0000", "2027-04-10 00:00 +0000"}},
        /* with a step from * it still restricts nothing by itself: both must fit */
        {"0 0 */2 4 5",
         "2026-04-01 00:00:00",
         {"2026-04-03 00:00 +0000", "2026-04-17 00:00 +0000", "2027-04-09 00:00 +0000"}},
        {"0 0 2,3,4,5 4 */2",
         "2026-04-01 00:00:00",
         {"2026-04-02 00:00 +0000", "2026-04-04 00:00 +0000", "2026-04-05 00:00 +0000",
          "2027-04-03 00:00 +0000"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

/* 29 March 2026: 01:59 +0100 is followed by 03:00 +0200. */
static void test_spring_in_paris(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"TZ=Europe/Paris 30 2 * * *",
         "2026-03-27 12:00:00",
         {"2026-03-28 02:30 +0100", "2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"}},
        {"TZ=Europe/Paris 0 2 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 03:00 +0200", "2026-03-30 02:00 +0200"}},
        {"TZ=Europe/Paris 59 2 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 03:00 +0200", "2026-03-30 02:59 +0200"}},
        {"TZ=Europe/Paris 59 1 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 01:59 +0100", "2026-03-30 01:59 +0200"}},
        {"TZ=Europe/Paris 0 3 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 03:00 +0200", "2026-03-30 03:00 +0200"}},
        {"TZ=Europe/Paris 0 * * * *",
         "2026-03-28 22:59:59",
         {"2026-03-29 00:00 +0100", "2026-03-29 01:00 +0100", "2026-03-29 03:00 +0200",
          "2026-03-29 04:00 +0200", "2026-03-29 05:00 +0200", "2026-03-29 06:00 +0200",
          "2026-03-29 07:00 +0200", "2026-03-29 08:00 +0200", "2026-03-29 09:00 +0200",
          "2026-03-29 10:00 +0200", "2026-03-29 11:00 +0200", "2026-03-29 12:00 +0200",
          "2026-03-29 13:00 +0200", "2026-03-29 14:00 +0200", "2026-03-29 15:00 +0200",
          "2026-03-29 16:00 +0200", "2026-03-29 17:00 +0200", "2026-03-29 18:00 +0200",
          "2026-03-29 19:00 +0200", "2026-03-29 20:00 +0200", "2026-03-29 21:00 +0200",
          "2026-03-29 22:00 +0200", "2026-03-29 23:00 +0200", "2026-03-30 00:00 +0200"}},
        {"TZ=Europe/Paris */15 * * * *",
         "2026-03-29 00:29:00",
         {"2026-03-29 01:30 +0100", "2026-03-29 01:45 +0100", "2026-03-29 03:00 +0200",
          "2026-03-29 03:15 +0200"}},
        {"TZ=Europe/Paris 0 */2 * * *",
         "2026-03-28 22:59:59",
         {"2026-03-29 00:00 +0100", "2026-03-29 04:00 +0200", "2026-03-29 06:00 +0200"}},
        {"TZ=Europe/Paris 30 */2 * * *",
         "2026-03-28 22:59:59",
         {"2026-03-29 00:30 +0100", "2026-03-29 04:30 +0200"}},
        {"TZ=Europe/Paris */15 2 * * *",
         "2026-03-28 01:40:00",
         {"2026-03-28 02:45 +0100", "2026-03-30 02:00 +0200", "2026-03-30 02:15 +0200"}},
        {"TZ=Europe/Paris */20 1-3 * * *",
         "2026-03-29 00:30:00",
         {"2026-03-29 01:40 +0100", "2026-03-29 03:00 +0200", "2026-03-29 03:20 +0200"}},
        /* several skipped times are one tick, also together with one that is not skipped */
        {"TZ=Europe/Paris 0,20,40 2 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 03:00 +0200", "2026-03-30 02:00 +0200", "2026-03-30 02:20 +0200"}},
        {"TZ=Europe/Paris 0,30 2,3 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 03:00 +0200", "2026-03-29 03:30 +0200", "2026-03-30 02:00 +0200"}},
        {"TZ=Europe/Paris 30 1-3 * * *",
         "2026-03-28 12:00:00",
         {"2026-03-29 01:30 +0100", "2026-03-29 03:00 +0200", "2026-03-29 03:30 +0200",
          "2026-03-30 01:30 +0200"}},
        {"TZ=Europe/Paris 30 2 29 3 *",
         "2026-01-01 00:00:00",
         {"2026-03-29 03:00 +0200", "2027-03-29 02:30 +0200"}},
        {"TZ=Europe/Paris 30 2 * * sun",
         "2026-03-23 00:00:00",
         {"2026-03-29 03:00 +0200", "2026-04-05 02:30 +0200"}},
        {"TZ=Europe/Paris 30 2 * * mon",
         "2026-03-24 00:00:00",
         {"2026-03-30 02:30 +0200", "2026-04-06 02:30 +0200"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

/* 25 October 2026: 02:59 +0200 is followed by 02:00 +0100. */
static void test_autumn_in_paris(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"TZ=Europe/Paris 30 2 * * *",
         "2026-10-23 12:00:00",
         {"2026-10-24 02:30 +0200", "2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
        {"TZ=Europe/Paris 0 2 * * *",
         "2026-10-24 12:00:00",
         {"2026-10-25 02:00 +0200", "2026-10-26 02:00 +0100"}},
        {"TZ=Europe/Paris 59 2 * * *",
         "2026-10-24 12:00:00",
         {"2026-10-25 02:59 +0200", "2026-10-26 02:59 +0100"}},
        {"TZ=Europe/Paris 0 3 * * *",
         "2026-10-24 12:00:00",
         {"2026-10-25 03:00 +0100", "2026-10-26 03:00 +0100"}},
        {"TZ=Europe/Paris 0 2,3 * * *",
         "2026-10-24 12:00:00",
         {"2026-10-25 02:00 +0200", "2026-10-25 03:00 +0100", "2026-10-26 02:00 +0100"}},
        /* asked in the middle of the hour that comes again */
        {"TZ=Europe/Paris 30 2 * * *", "2026-10-25 01:10:00", {"2026-10-26 02:30 +0100"}},
        {"TZ=Europe/Paris 30 2 * * *", "2026-10-25 00:30:00", {"2026-10-26 02:30 +0100"}},
        {"TZ=Europe/Paris 30 2 * * *", "2026-10-25 00:29:59", {"2026-10-25 02:30 +0200"}},
        {"TZ=Europe/Paris 0 * * * *",
         "2026-10-24 21:59:59",
         {"2026-10-25 00:00 +0200", "2026-10-25 01:00 +0200", "2026-10-25 02:00 +0200",
          "2026-10-25 02:00 +0100", "2026-10-25 03:00 +0100", "2026-10-25 04:00 +0100",
          "2026-10-25 05:00 +0100", "2026-10-25 06:00 +0100", "2026-10-25 07:00 +0100",
          "2026-10-25 08:00 +0100", "2026-10-25 09:00 +0100", "2026-10-25 10:00 +0100",
          "2026-10-25 11:00 +0100", "2026-10-25 12:00 +0100", "2026-10-25 13:00 +0100",
          "2026-10-25 14:00 +0100", "2026-10-25 15:00 +0100", "2026-10-25 16:00 +0100",
          "2026-10-25 17:00 +0100", "2026-10-25 18:00 +0100", "2026-10-25 19:00 +0100",
          "2026-10-25 20:00 +0100", "2026-10-25 21:00 +0100", "2026-10-25 22:00 +0100",
          "2026-10-25 23:00 +0100", "2026-10-26 00:00 +0100"}},
        {"TZ=Europe/Paris */30 * * * *",
         "2026-10-24 23:29:00",
         {"2026-10-25 01:30 +0200", "2026-10-25 02:00 +0200", "2026-10-25 02:30 +0200",
          "2026-10-25 02:00 +0100", "2026-10-25 02:30 +0100", "2026-10-25 03:00 +0100"}},
        {"TZ=Europe/Paris 30 * * * *",
         "2026-10-24 23:29:00",
         {"2026-10-25 01:30 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:30 +0100",
          "2026-10-25 03:30 +0100"}},
        {"TZ=Europe/Paris 0 */2 * * *",
         "2026-10-24 21:59:59",
         {"2026-10-25 00:00 +0200", "2026-10-25 02:00 +0200", "2026-10-25 02:00 +0100",
          "2026-10-25 04:00 +0100"}},
        {"TZ=Europe/Paris */20 2 * * *",
         "2026-10-24 12:00:00",
         {"2026-10-25 02:00 +0200", "2026-10-25 02:20 +0200", "2026-10-25 02:40 +0200",
          "2026-10-26 02:00 +0100"}},
        {"TZ=Europe/Paris 30 2 25 10 *",
         "2026-01-01 00:00:00",
         {"2026-10-25 02:30 +0200", "2027-10-25 02:30 +0200"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

/* 8 March 2026: 01:59 -0500, then 03:00 -0400. 1 November: 01:59 -0400, then 01:00 -0500. */
static void test_both_changes_in_new_york(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"TZ=America/New_York 30 2 * * *",
         "2026-03-07 00:00:00",
         {"2026-03-07 02:30 -0500", "2026-03-08 03:00 -0400", "2026-03-09 02:30 -0400"}},
        {"TZ=America/New_York */15 * * * *",
         "2026-03-08 06:29:00",
         {"2026-03-08 01:30 -0500", "2026-03-08 01:45 -0500", "2026-03-08 03:00 -0400",
          "2026-03-08 03:15 -0400"}},
        {"TZ=America/New_York @hourly",
         "2026-03-08 04:59:59",
         {"2026-03-08 00:00 -0500", "2026-03-08 01:00 -0500", "2026-03-08 03:00 -0400",
          "2026-03-08 04:00 -0400", "2026-03-08 05:00 -0400", "2026-03-08 06:00 -0400",
          "2026-03-08 07:00 -0400", "2026-03-08 08:00 -0400", "2026-03-08 09:00 -0400",
          "2026-03-08 10:00 -0400", "2026-03-08 11:00 -0400", "2026-03-08 12:00 -0400",
          "2026-03-08 13:00 -0400", "2026-03-08 14:00 -0400", "2026-03-08 15:00 -0400",
          "2026-03-08 16:00 -0400", "2026-03-08 17:00 -0400", "2026-03-08 18:00 -0400",
          "2026-03-08 19:00 -0400", "2026-03-08 20:00 -0400", "2026-03-08 21:00 -0400",
          "2026-03-08 22:00 -0400", "2026-03-08 23:00 -0400", "2026-03-09 00:00 -0400"}},
        {"TZ=America/New_York @daily",
         "2026-03-07 12:00:00",
         {"2026-03-08 00:00 -0500", "2026-03-09 00:00 -0400"}},
        {"TZ=America/New_York 30 1 * * *",
         "2026-10-31 00:00:00",
         {"2026-10-31 01:30 -0400", "2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"}},
        {"TZ=America/New_York 0 1,2 * * *",
         "2026-10-31 12:00:00",
         {"2026-11-01 01:00 -0400", "2026-11-01 02:00 -0500", "2026-11-02 01:00 -0500"}},
        {"TZ=America/New_York */15 * * * *",
         "2026-11-01 05:29:00",
         {"2026-11-01 01:30 -0400", "2026-11-01 01:45 -0400", "2026-11-01 01:00 -0500",
          "2026-11-01 01:15 -0500", "2026-11-01 01:30 -0500", "2026-11-01 01:45 -0500",
          "2026-11-01 02:00 -0500"}},
        {"TZ=America/New_York @hourly",
         "2026-11-01 03:59:59",
         {"2026-11-01 00:00 -0400", "2026-11-01 01:00 -0400", "2026-11-01 01:00 -0500",
          "2026-11-01 02:00 -0500", "2026-11-01 03:00 -0500", "2026-11-01 04:00 -0500",
          "2026-11-01 05:00 -0500", "2026-11-01 06:00 -0500", "2026-11-01 07:00 -0500",
          "2026-11-01 08:00 -0500", "2026-11-01 09:00 -0500", "2026-11-01 10:00 -0500",
          "2026-11-01 11:00 -0500", "2026-11-01 12:00 -0500", "2026-11-01 13:00 -0500",
          "2026-11-01 14:00 -0500", "2026-11-01 15:00 -0500", "2026-11-01 16:00 -0500",
          "2026-11-01 17:00 -0500", "2026-11-01 18:00 -0500", "2026-11-01 19:00 -0500",
          "2026-11-01 20:00 -0500", "2026-11-01 21:00 -0500", "2026-11-01 22:00 -0500",
          "2026-11-01 23:00 -0500", "2026-11-02 00:00 -0500"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

static void test_clocks_that_move_by_half_an_hour(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        /* 4 October 2026: 01:59 +1030, then 02:30 +1100 */
        {"TZ=Australia/Lord_Howe 0 2 * * *",
         "2026-10-02 00:00:00",
         {"2026-10-03 02:00 +1030", "2026-10-04 02:30 +1100", "2026-10-05 02:00 +1100"}},
        {"TZ=Australia/Lord_Howe 15,30,45 2 * * *",
         "2026-10-03 12:00:00",
         {"2026-10-04 02:30 +1100", "2026-10-04 02:45 +1100", "2026-10-05 02:15 +1100"}},
        {"TZ=Australia/Lord_Howe 0 * * * *",
         "2026-10-03 14:29:00",
         {"2026-10-04 01:00 +1030", "2026-10-04 03:00 +1100", "2026-10-04 04:00 +1100"}},
        {"TZ=Australia/Lord_Howe */15 * * * *",
         "2026-10-03 15:10:00",
         {"2026-10-04 01:45 +1030", "2026-10-04 02:30 +1100", "2026-10-04 02:45 +1100"}},
        /* 5 April 2026: 01:59 +1100, then 01:30 +1030 */
        {"TZ=Australia/Lord_Howe 45 1 * * *",
         "2026-04-04 12:00:00",
         {"2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030"}},
        {"TZ=Australia/Lord_Howe 15,30,0 1,2 * * *",
         "2026-04-04 14:00:00",
         {"2026-04-05 01:15 +1100", "2026-04-05 01:30 +1100", "2026-04-05 02:00 +1030",
          "2026-04-05 02:15 +1030"}},
        {"TZ=Australia/Lord_Howe 45 * * * *",
         "2026-04-04 13:40:00",
         {"2026-04-05 00:45 +1100", "2026-04-05 01:45 +1100", "2026-04-05 01:45 +1030",
          "2026-04-05 02:45 +1030"}},
        {"TZ=Australia/Lord_Howe */30 * * * *",
         "2026-04-04 13:59:00",
         {"2026-04-05 01:00 +1100", "2026-04-05 01:30 +1100", "2026-04-05 01:30 +1030",
          "2026-04-05 02:00 +1030"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

static void test_changes_at_midnight(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        /* 4 November 2018: the day began at 01:00 */
        {"TZ=America/Sao_Paulo @daily",
         "2018-11-02 12:00:00",
         {"2018-11-03 00:00 -0300", "2018-11-04 01:00 -0200", "2018-11-05 00:00 -0200"}},
        {"TZ=America/Sao_Paulo 30 0 4 11 *",
         "2018-01-01 00:00:00",
         {"2018-11-04 01:00 -0200", "2019-11-04 00:30 -0300"}},
        {"TZ=America/Sao_Paulo @hourly",
         "2018-11-04 01:59:00",
         {"2018-11-03 23:00 -0300", "2018-11-04 01:00 -0200", "2018-11-04 02:00 -0200"}},
        /* 17 February 2018: its last hour came twice */
        {"TZ=America/Sao_Paulo 30 23 * * *",
         "2018-02-17 12:00:00",
         {"2018-02-17 23:30 -0200", "2018-02-18 23:30 -0300"}},
        {"TZ=America/Sao_Paulo @daily",
         "2018-02-16 12:00:00",
         {"2018-02-17 00:00 -0200", "2018-02-18 00:00 -0300", "2018-02-19 00:00 -0300"}},
        {"TZ=America/Sao_Paulo @hourly",
         "2018-02-18 00:59:00",
         {"2018-02-17 23:00 -0200", "2018-02-17 23:00 -0300", "2018-02-18 00:00 -0300"}},
        {"TZ=Africa/Cairo 0 0 * * *",
         "2026-04-22 23:00:00",
         {"2026-04-24 01:00 +0300", "2026-04-25 00:00 +0300"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

static void test_other_places(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"TZ=Asia/Kathmandu 0 9 * * *",
         "2026-01-01 03:14:59",
         {"2026-01-01 09:00 +0545", "2026-01-02 09:00 +0545"}},
        {"TZ=Asia/Kathmandu 0 * * * *",
         "2026-01-01 00:00:00",
         {"2026-01-01 06:00 +0545", "2026-01-01 07:00 +0545"}},
        /* the half hour in which Nepal gave itself its own time: 1986 began at 00:15 */
        {"TZ=Asia/Kathmandu 5 0 * * *",
         "1985-12-31 00:00:00",
         {"1986-01-01 00:15 +0545", "1986-01-02 00:05 +0545"}},
        /* back for Ramadan, and forth after it */
        {"TZ=Africa/Casablanca 30 2 * * *",
         "2026-02-14 12:00:00",
         {"2026-02-15 02:30 +0100", "2026-02-16 02:30 +0000"}},
        {"TZ=Africa/Casablanca 30 2 * * *",
         "2026-03-21 12:00:00",
         {"2026-03-22 03:00 +0100", "2026-03-23 02:30 +0100"}},
        {"TZ=Africa/Casablanca 0 * * * *",
         "2026-02-15 00:59:00",
         {"2026-02-15 02:00 +0100", "2026-02-15 02:00 +0000", "2026-02-15 03:00 +0000"}},
        /* a day that Samoa left out */
        {"TZ=Pacific/Apia 0 12 * * *",
         "2011-12-29 12:00:00",
         {"2011-12-29 12:00 -1000", "2011-12-31 00:00 +1400", "2011-12-31 12:00 +1400"}},
        {"TZ=Pacific/Apia 0 12 30 12 *",
         "2011-01-01 00:00:00",
         {"2011-12-31 00:00 +1400", "2012-12-30 12:00 +1400"}},
        {"TZ=Pacific/Apia 0 * * * *",
         "2011-12-30 08:59:00",
         {"2011-12-29 23:00 -1000", "2011-12-31 00:00 +1400", "2011-12-31 01:00 +1400"}},
        {"TZ=Pacific/Apia * * 30 12 *",
         "2011-01-01 00:00:00",
         {"2012-12-30 00:00 +1400", "2012-12-30 00:01 +1400"}},
        /* offsets with seconds: 7 January 1972 began at 00:44:30 */
        {"TZ=Africa/Monrovia 30 0 * * *",
         "1972-01-06 00:00:00",
         {"1972-01-06 00:30 -0044:30", "1972-01-07 00:44:30 +0000", "1972-01-08 00:30 +0000"}},
        {"TZ=Africa/Monrovia */30 * * * *",
         "1972-01-07 00:00:00",
         {"1972-01-06 23:30 -0044:30", "1972-01-07 01:00 +0000", "1972-01-07 01:30 +0000"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

/* Beyond the changes that the files list: 28 March and 31 October 2038, 29 March 2099, … */
static void test_the_far_future(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"TZ=Europe/Paris 30 2 * 3,10 sun",
         "2038-03-22 00:00:00",
         {"2038-03-28 03:00 +0200", "2038-10-03 02:30 +0200", "2038-10-10 02:30 +0200",
          "2038-10-17 02:30 +0200", "2038-10-24 02:30 +0200", "2038-10-31 02:30 +0200",
          "2039-03-06 02:30 +0100"}},
        {"TZ=Fat/Paris 30 2 * * *",
         "2037-03-28 12:00:00",
         {"2037-03-29 03:00 +0200", "2037-03-30 02:30 +0200"}},
        {"TZ=Fat/Paris 30 2 * * *",
         "2038-03-27 12:00:00",
         {"2038-03-28 03:00 +0200", "2038-03-29 02:30 +0200"}},
        {"TZ=Fat/Paris 0 * * * *",
         "2037-10-24 23:59:00",
         {"2037-10-25 02:00 +0200", "2037-10-25 02:00 +0100", "2037-10-25 03:00 +0100"}},
        {"TZ=Fat/Paris 0 * * * *",
         "2038-10-30 23:59:00",
         {"2038-10-31 02:00 +0200", "2038-10-31 02:00 +0100", "2038-10-31 03:00 +0100"}},
        {"TZ=Europe/Paris 30 2 * * *",
         "2099-03-28 12:00:00",
         {"2099-03-29 03:00 +0200", "2099-03-30 02:30 +0200"}},
        {"TZ=America/New_York 30 1 * * *",
         "2099-10-31 12:00:00",
         {"2099-11-01 01:30 -0400", "2099-11-02 01:30 -0500"}},
        {"TZ=Australia/Lord_Howe 0 2 * * *",
         "2041-10-05 12:00:00",
         {"2041-10-06 02:30 +1100", "2041-10-07 02:00 +1100"}},
        {"TZ=Africa/Casablanca 30 2 * * *",
         "2100-03-20 12:00:00",
         {"2100-03-21 02:30 +0100", "2100-03-22 02:30 +0100"}},
        {"TZ=America/Sao_Paulo @yearly",
         "2400-06-01 00:00:00",
         {"2401-01-01 00:00 -0300", "2402-01-01 00:00 -0300"}},
    };
    check_all(rows, ARRAY_LEN(rows));
}

static void test_a_tick_is_later_than_the_moment_asked_for(void **state)
{
    (void)state;
    struct cron c = parse("*/10 * * * *");
    int64_t tick = utc_seconds("2026-01-01 00:10:00") * 1000;
    assert_int_equal(cron_next(&c, tick - 1), tick);
    assert_int_equal(cron_next(&c, tick - 999), tick);
    assert_int_equal(cron_next(&c, tick), tick + 600000);
    assert_int_equal(cron_next(&c, tick + 1), tick + 600000);
    assert_int_equal(cron_next(&c, -1), 0);
    assert_int_equal(cron_next(&c, 0), 600000);
    assert_int_equal(cron_next(&c, -600001), -600000);
}

static void test_no_tick_outside_of_known_years(void **state)
{
    (void)state;
    struct cron c = parse("TZ=Europe/Paris * * * * *");
    int64_t first = utc_seconds("0000-01-01 00:00:00") * 1000;
    int64_t last = utc_seconds("9999-12-31 23:59:59") * 1000 + 999;
    assert_int_equal(cron_next(&c, first - 1), -1);
    assert_true(cron_next(&c, first) > first);
    assert_true(cron_next(&c, last) > last);
    assert_int_equal(cron_next(&c, last + 1), -1);
    assert_int_equal(cron_next(&c, INT64_MIN), -1);
    assert_int_equal(cron_next(&c, INT64_MAX), -1);
    cron_release(&c);
    cron_release(&c);
    struct cron nothing = {0};
    assert_int_equal(cron_next(&nothing, 0), -1);
    cron_release(&nothing);
}

/* The zone of the process is not ours. */
static void test_the_environment_has_no_say(void **state)
{
    (void)state;
    static const struct ticks rows[] = {
        {"30 2 * * *", "2026-03-28 12:00:00", {"2026-03-29 02:30 +0000"}},
        {"TZ=Europe/Paris 30 2 * * *", "2026-03-28 12:00:00", {"2026-03-29 03:00 +0200"}},
    };
    assert_int_equal(setenv("TZ", "Asia/Kathmandu", 1), 0);
    tzset();
    check_all(rows, ARRAY_LEN(rows));
    assert_string_equal(getenv("TZ"), "Asia/Kathmandu");
    assert_int_equal(timezone, -20700);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

/* ---- jitter ---- */

/* Values that must never change: schedulers of two versions may run side by side. */
static void test_every_scheduler_has_the_same_jitter(void **state)
{
    (void)state;
    static const struct {
        const char *function;
        int64_t tick, jitter, expected;
    } rows[] = {
        {"aggregate-analytics", INT64_C(1767592800000), 30000, 7965},
        {"aggregate-analytics", INT64_C(1767614400000), 30000, 11758},
        {"recover-stuck-videos", INT64_C(1767592800000), 30000, 13452},
        {"recover-stuck-videos", INT64_C(1767592800000), 300000, 103705},
        {"", INT64_C(0), 1000, 169},
        {"caf\xc3\xa9", INT64_C(-60000), 1000, 483},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(cron_jitter_ms(rows[i].function, rows[i].tick, rows[i].jitter),
                         rows[i].expected);
}

static void test_jitter_is_spread_over_ticks_and_functions(void **state)
{
    (void)state;
    enum { TICKS = 20000, BUCKETS = 10 };
    int by_tick[BUCKETS] = {0}, by_function[BUCKETS] = {0};
    char id[32];
    for (int64_t i = 0; i < TICKS; i++) {
        int64_t tick = cron_jitter_ms("recover-stuck-videos", INT64_C(1767592800000) + i * 300000,
                                      BUCKETS - 1);
        (void)snprintf(id, sizeof(id), "function-%d", (int)i);
        int64_t function = cron_jitter_ms(id, INT64_C(1767592800000), BUCKETS - 1);
        assert_in_range(tick, 0, BUCKETS - 1);
        assert_in_range(function, 0, BUCKETS - 1);
        by_tick[tick]++;
        by_function[function]++;
    }
    for (int i = 0; i < BUCKETS; i++) {
        assert_in_range(by_tick[i], TICKS / BUCKETS * 9 / 10, TICKS / BUCKETS * 11 / 10);
        assert_in_range(by_function[i], TICKS / BUCKETS * 9 / 10, TICKS / BUCKETS * 11 / 10);
    }
}

static void test_jitter_stays_within_its_bounds(void **state)
{
    (void)state;
    assert_int_equal(cron_jitter_ms("f", 1000, 0), 0);
    assert_int_equal(cron_jitter_ms("f", 1000, -5), 0);
    assert_int_equal(cron_jitter_ms("f", 1000, INT64_MIN), 0);
    bool zero = false, one = false;
    for (int64_t tick = 0; tick < 100; tick++) {
        assert_true(cron_jitter_ms("", tick, INT64_MAX) >= 0);
        assert_in_range(cron_jitter_ms("f", -tick, 1), 0, 1);
        zero |= cron_jitter_ms("f", tick, 1) == 0;
        one |= cron_jitter_ms("f", tick, 1) == 1;
    }
    assert_true(zero && one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_a_field),
        cmocka_unit_test(test_the_prefix_chooses_the_zone),
        cmocka_unit_test(test_every_error_names_the_field_and_what_may_stand_there),
        cmocka_unit_test(test_zone_names_of_any_length_are_refused_in_one_piece),
        cmocka_unit_test(test_the_zones_of_the_system_are_the_default),
        cmocka_unit_test(test_ticks_in_utc),
        cmocka_unit_test(test_ends_of_months_and_years),
        cmocka_unit_test(test_29_february),
        cmocka_unit_test(test_the_two_day_fields_together),
        cmocka_unit_test(test_spring_in_paris),
        cmocka_unit_test(test_autumn_in_paris),
        cmocka_unit_test(test_both_changes_in_new_york),
        cmocka_unit_test(test_clocks_that_move_by_half_an_hour),
        cmocka_unit_test(test_changes_at_midnight),
        cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_the_far_future),
        cmocka_unit_test(test_a_tick_is_later_than_the_moment_asked_for),
        cmocka_unit_test(test_no_tick_outside_of_known_years),
        cmocka_unit_test(test_the_environment_has_no_say),
        cmocka_unit_test(test_every_scheduler_has_the_same_jitter),
        cmocka_unit_test(test_jitter_is_spread_over_ticks_and_functions),
        cmocka_unit_test(test_jitter_stays_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
