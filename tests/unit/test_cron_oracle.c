/* test_cron_oracle.c: random schedules against an oracle that knows no shortcut. It walks a month minute by minute, in
 * real time, and decides for each whether the schedule fires there, by the rules as cron.h tells them. */
#include "unit.h"

#include "calendar.h"
#include "compiler.h"
#include "cron.h"
#include "prng.h"
#include "zone_check.h"

enum { SCHEDULES = 200, MONTH = 31 * 24 * 60, MAX_GAP = 24 * 60 };

/* One field, as text and as what it means: the oracle does not use the parser's result. */
struct field {
    char text[64];
    bool allowed[61];
    bool is_free;
};

struct schedule {
    struct field minute, hour, day, month, weekday;
};

static void allow(struct field *f, int from, int to, int step)
{
    for (int v = from; v <= to; v += step)
        f->allowed[v] = true;
}

static int between(struct prng *r, int low, int high)
{
    return low + (int)prng_below(r, (size_t)high - (size_t)low + 1);
}

static void add_item(struct field *f, struct prng *r, int low, int high, int favoured)
{
    size_t n = strlen(f->text);
    char *out = f->text + n;
    size_t size = sizeof(f->text) - n;
    int a = between(r, low, favoured), b = between(r, a, favoured), step = between(r, 1, high / 2);
    switch (prng_below(r, 4)) {
    case 0:
        (void)snprintf(out, size, "%d-%d", a, b);
        allow(f, a, b, 1);
        break;
    case 1:
        (void)snprintf(out, size, "%d-%d/%d", a, b, step);
        allow(f, a, b, step);
        break;
    case 2:
        (void)snprintf(out, size, "%d/%d", a, step);
        allow(f, a, high, step);
        break;
    default:
        (void)snprintf(out, size, "%d", a);
        allow(f, a, a, 1);
    }
}

/* Free in one of `free_in` cases; else with values up to `favoured`. */
static struct field random_field(struct prng *r, int low, int high, int favoured, size_t free_in)
{
    struct field f = {.is_free = prng_below(r, free_in) == 0};
    if (f.is_free) {
        int step = prng_below(r, 2) == 0 ? 1 : between(r, 1, high / 2);
        (void)snprintf(f.text, sizeof(f.text), step == 1 ? "*" : "*/%d", step);
        allow(&f, low, high, step);
        return f;
    }
    for (size_t n = 1 + prng_below(r, 3); n > 0; n--) {
        add_item(&f, r, low, high, favoured);
        if (n > 1)
            memcpy(f.text + strlen(f.text), ",", 2);
    }
    return f;
}

/* Hours of the night often, since that is where clocks change. */
static struct schedule random_schedule(struct prng *r)
{
    return (struct schedule){
        .minute = random_field(r, 0, 59, 59, 3),
        .hour = random_field(r, 0, 23, prng_below(r, 2) == 0 ? 4 : 23, 3),
        .day = random_field(r, 1, 31, 31, 2),
        .month = random_field(r, 1, 12, 12, 1),
        .weekday = random_field(r, 0, 6, 6, 2),
    };
}

struct minute {
    unsigned char minute, hour, day, month, weekday;
};

static struct minute minute_of(int64_t local)
{
    int64_t days = floor_div(local, DAY_SECONDS);
    int of_day = (int)((local - days * DAY_SECONDS) / 60);
    struct date d = date_from_days(days);
    return (struct minute){
        .minute = (unsigned char)(of_day % 60),
        .hour = (unsigned char)(of_day / 60),
        .day = (unsigned char)d.day,
        .month = (unsigned char)d.month,
        .weekday = (unsigned char)weekday_of(days),
    };
}

static bool fits(const struct schedule *s, const struct minute *m)
{
    if (!s->minute.allowed[m->minute] || !s->hour.allowed[m->hour] || !s->month.allowed[m->month])
        return false;
    bool day = s->day.allowed[m->day], weekday = s->weekday.allowed[m->weekday];
    return s->day.is_free || s->weekday.is_free ? day && weekday : day || weekday;
}

/* A month of real minutes in a zone. */
struct month {
    const char *zone;
    int64_t from;
    struct {
        struct minute shown;
        bool repeats;  /* the clock has shown it before */
        int n_skipped; /* minutes that it left out just before */
    } minutes[MONTH];
    struct minute skipped[MAX_GAP]; /* there is one gap in a month at most */
};

static bool fires(const struct schedule *s, const struct month *m, int i)
{
    if (fits(s, &m->minutes[i].shown) && (s->hour.is_free || !m->minutes[i].repeats))
        return true;
    for (int k = 0; k < m->minutes[i].n_skipped; k++)
        if (!s->hour.is_free && !s->minute.is_free && fits(s, &m->skipped[k]))
            return true;
    return false;
}

/* No place puts its clock back by more. */
enum { LOOK_BACK = 120 };

static bool is_among(int64_t local, const int64_t *earlier, int n)
{
    for (int i = 0; i < n; i++)
        if (earlier[i] == local)
            return true;
    return false;
}

static void lay_out(struct month *m, const char *zone, const char *from)
{
    static int64_t local[LOOK_BACK + MONTH];
    struct zone *z = test_zone(zone);
    int changes = 0;
    memset(m, 0, sizeof(*m));
    m->zone = zone;
    m->from = utc_seconds(from);
    for (int i = 0; i < LOOK_BACK + MONTH; i++) {
        int64_t utc = m->from + (i - LOOK_BACK) * INT64_C(60);
        local[i] = utc + zone_offset(z, utc);
    }
    for (int i = 0; i < MONTH; i++) {
        int64_t shown = local[LOOK_BACK + i], before = local[LOOK_BACK + i - 1];
        m->minutes[i].shown = minute_of(shown);
        m->minutes[i].repeats = is_among(shown, local + i, LOOK_BACK);
        changes += shown != before + 60;
        for (int64_t t = before + 60; t < shown; t += 60) {
            assert_in_range(m->minutes[i].n_skipped, 0, MAX_GAP - 1);
            m->skipped[m->minutes[i].n_skipped++] = minute_of(t);
        }
    }
    assert_in_range(changes, 0, 1);
    zone_free(z);
}

static struct cron parse(const struct schedule *s, const char *zone, char text[512])
{
    struct cron c;
    struct err e;
    (void)snprintf(text, 512, "TZ=%s %s %s %s %s %s", zone, s->minute.text, s->hour.text,
                   s->day.text, s->month.text, s->weekday.text);
    if (!cron_parse_in(&c, text, TEST_ZONES, &e))
        fail_msg("'%s': %s", text, e.msg);
    return c;
}

/* Wherever it is asked between two ticks, the answer is the same. */
static void ask_between(const struct cron *c, int64_t ms, int64_t next, struct prng *r)
{
    int64_t apart = next - ms;
    if (apart > HOUR_SECONDS * 1000 || prng_below(r, 8) == 0)
        assert_int_equal(cron_next(c, ms + (int64_t)prng_below(r, (size_t)apart)), next);
}

static size_t compare(const struct schedule *s, const struct month *m, struct prng *r)
{
    char text[512];
    size_t ticks = 0;
    struct cron c = parse(s, m->zone, text);
    int64_t next = cron_next(&c, m->from * 1000 - 1);
    for (int i = 0; i < MONTH; i++) {
        int64_t ms = (m->from + i * INT64_C(60)) * 1000;
        if (fires(s, m, i) != (next == ms))
            fail_msg("'%s': at %lld the oracle says %d, and cron_next %lld", text,
                     (long long)ms / 1000, next != ms, (long long)next / 1000);
        if (next != ms)
            continue;
        next = cron_next(&c, ms);
        assert_true(next > ms);
        ask_between(&c, ms, next, r);
        ticks++;
    }
    cron_release(&c);
    return ticks;
}

static void check_month(const char *zone, const char *from, uint64_t seed)
{
    static struct month m;
    struct prng r = {seed};
    size_t ticks = 0;
    lay_out(&m, zone, from);
    for (int i = 0; i < SCHEDULES; i++) {
        struct schedule s = random_schedule(&r);
        ticks += compare(&s, &m, &r);
    }
    assert_true(ticks > 10000);
}

static void test_forward_by_an_hour(void **state)
{
    (void)state;
    check_month("Europe/Paris", "2026-03-10 00:00:00", 1);
    check_month("America/New_York", "2026-02-25 00:00:00", 2);
    check_month("America/Nuuk", "2026-03-15 00:00:00", 3);
    check_month("Europe/Paris", "2038-03-10 00:00:00", 4);
}

static void test_back_by_an_hour(void **state)
{
    (void)state;
    check_month("Europe/Paris", "2026-10-10 00:00:00", 5);
    check_month("America/New_York", "2026-10-15 00:00:00", 6);
    check_month("Europe/Dublin", "2040-10-10 00:00:00", 7);
}

static void test_by_half_an_hour(void **state)
{
    (void)state;
    check_month("Australia/Lord_Howe", "2026-09-20 00:00:00", 8);
    check_month("Australia/Lord_Howe", "2026-03-20 00:00:00", 9);
}

static void test_around_midnight(void **state)
{
    (void)state;
    check_month("America/Sao_Paulo", "2018-10-20 00:00:00", 10);
    check_month("America/Sao_Paulo", "2018-02-01 00:00:00", 11);
    check_month("Africa/Cairo", "2026-04-10 00:00:00", 12);
    check_month("Africa/Cairo", "2026-10-10 00:00:00", 13);
}

static void test_for_ramadan(void **state)
{
    (void)state;
    check_month("Africa/Casablanca", "2026-02-01 00:00:00", 14);
    check_month("Africa/Casablanca", "2026-03-05 00:00:00", 15);
}

static void test_over_a_whole_day(void **state)
{
    (void)state;
    check_month("Pacific/Apia", "2011-12-15 00:00:00", 16);
}

static void test_never(void **state)
{
    (void)state;
    check_month("Asia/Kathmandu", "2026-02-15 00:00:00", 17);
    check_month("UTC", "2027-12-15 00:00:00", 18);
    check_month("America/Sao_Paulo", "2028-02-10 00:00:00", 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_by_an_hour),
        cmocka_unit_test(test_back_by_an_hour),
        cmocka_unit_test(test_by_half_an_hour),
        cmocka_unit_test(test_around_midnight),
        cmocka_unit_test(test_for_ramadan),
        cmocka_unit_test(test_over_a_whole_day),
        cmocka_unit_test(test_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
