/* test_timezone.c: offsets from zone files, and files that are none. */
#include "unit.h"

#include <sys/stat.h>

#include "calendar.h"
#include "prng.h"
#include "timezone_rule.h"
#include "zone_check.h"

static void test_offsets_are_those_of_another_reader(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *utc;
        int offset;
    } rows[] = {
#include "zone_offsets.inc"
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct zone *z = test_zone(rows[i].zone);
        int got = zone_offset(z, utc_seconds(rows[i].utc));
        if (got != rows[i].offset)
            fail_msg("%s at %s: %d, not %d", rows[i].zone, rows[i].utc, got, rows[i].offset);
        zone_free(z);
    }
}

/* From moment to moment over 200 years: each stretch holds the moment, and the next begins where it ends. */
static void test_stretches_join(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Paris", "Fat/Paris", "Africa/Casablanca",
                                        "Africa/Monrovia", "Asia/Kathmandu"};
    int64_t end = utc_seconds("2110-01-01 00:00:00");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct zone *z = test_zone(names[i]);
        int64_t t = utc_seconds("1910-01-01 00:00:00");
        struct zone_span s = zone_span_at(z, t);
        while (s.until < end) {
            assert_true(s.from <= t && t < s.until);
            assert_int_equal(zone_span_at(z, s.until - 1).from, s.from);
            struct zone_span next = zone_span_at(z, s.until);
            assert_int_equal(next.from, s.until);
            t = s.until;
            s = next;
        }
        zone_free(z);
    }
}

static void test_slim_and_fat_files_agree(void **state)
{
    (void)state;
    struct zone *slim = test_zone("Europe/Paris"), *fat = test_zone("Fat/Paris");
    int64_t end = utc_seconds("2100-01-01 00:00:00");
    for (int64_t t = utc_seconds("1890-01-01 00:00:00"); t < end; t += 5 * HOUR_SECONDS - 1)
        assert_int_equal(zone_offset(slim, t), zone_offset(fat, t));
    zone_free(slim);
    zone_free(fat);
}

static void test_utc_needs_no_file(void **state)
{
    (void)state;
    struct err e;
    struct zone *z = zone_load("UTC", "/nonexistent", &e);
    assert_non_null(z);
    assert_int_equal(zone_offset(z, utc_seconds("2026-07-01 00:00:00")), 0);
    assert_int_equal(zone_offset(NULL, 0), 0);
    zone_free(z);
    zone_free(NULL);
}

/* What this machine has: every place that its table names can be read. */
static void test_every_zone_of_the_system_is_read(void **state)
{
    (void)state;
    char line[512], name[128];
    size_t n = 0;
    struct err e;
    FILE *table = fopen(ZONE_DIR "/zone1970.tab", "re");
    if (table == NULL)
        fail_msg("there is no %s: install tzdata", ZONE_DIR "/zone1970.tab");
    while (fgets(line, sizeof(line), table) != NULL) {
        if (line[0] == '#' || sscanf(line, "%*s %*s %127s", name) != 1)
            continue;
        struct zone *z = zone_load(name, NULL, &e);
        if (z == NULL)
            fail_msg("%s", e.msg);
        int32_t offset = zone_offset(z, utc_seconds("2060-06-01 00:00:00"));
        assert_in_range(offset + 12 * HOUR_SECONDS, 0, 26 * HOUR_SECONDS);
        zone_free(z);
        n++;
    }
    (void)fclose(table);
    assert_true(n > 200);
}

static void load_fails(const char *name, const char *dir, enum err_code code, const char *message)
{
    struct err e = {0};
    assert_null(zone_load(name, dir, &e));
    assert_string_equal(e.msg, message);
    assert_int_equal(e.code, code);
}

static void test_no_name_leads_out_of_the_directory(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "/etc/localtime",
        "../zoneinfo/Europe/Paris",
        "Europe/../Europe/Paris",
        "..",
        "Europe/",
        "Europe//Paris",
        "Europe\\Paris",
        "Europe/Paris ",
        "\"Europe/Paris\"",
        ":Europe/Paris",
        "zone.tab",
        "Europe/Par%is",
        "<+03>-3",
    };
    char message[128];
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        (void)snprintf(message, sizeof(message), "time zone '%s': must be a name like Europe/Paris",
                       odd[i]);
        load_fails(odd[i], TEST_ZONES, ERR_INPUT, message);
    }
    load_fails("Europe/Z\xc3\xbcrich\n", TEST_ZONES, ERR_INPUT,
               "time zone 'Europe/Z??rich?': must be a name like Europe/Paris");
    load_fails("A234567890123456789012345678901234567890123456789012345678901234", TEST_ZONES,
               ERR_INPUT,
               "time zone 'A234567890123456789012345678901234567890123456789012345678901234': "
               "unknown");
    load_fails("A2345678901234567890123456789012345678901234567890123456789012345", TEST_ZONES,
               ERR_INPUT,
               "time zone 'A23456789012345678901234567890123456789012345678901234567890...': "
               "must be a name like Europe/Paris");
}

static void test_absent_zones_are_named(void **state)
{
    (void)state;
    load_fails("Mars/Olympus", TEST_ZONES, ERR_INPUT, "time zone 'Mars/Olympus': unknown");
    load_fails("Europe", TEST_ZONES, ERR_INPUT, "time zone 'Europe': unknown");
    load_fails("Europe/Paris/Louvre", TEST_ZONES, ERR_INPUT,
               "time zone 'Europe/Paris/Louvre': unknown");
    load_fails("europe/paris", TEST_ZONES, ERR_INPUT, "time zone 'europe/paris': unknown");
    load_fails("localtime", TEST_ZONES, ERR_INPUT,
               "time zone 'localtime': differs by machine, name a place");
    load_fails("Europe/Paris", "/nonexistent", ERR_RETRY,
               "time zone 'Europe/Paris': cannot look into /nonexistent: No such file or "
               "directory");
}

struct file {
    unsigned char bytes[20000];
    size_t n;
};

static struct file read_file(const char *name)
{
    struct file f;
    char path[256];
    (void)snprintf(path, sizeof(path), TEST_ZONES "/%s", name);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        fail_msg("%s cannot be read", path);
    f.n = fread(f.bytes, 1, sizeof(f.bytes), in);
    (void)fclose(in);
    return f;
}

static void parse_fails(const struct file *f, const char *message)
{
    struct err e = {0};
    assert_null(zone_parse(f->bytes, f->n, &e));
    assert_string_equal(e.msg, message);
    assert_int_equal(e.code, ERR_INPUT);
}

/* Where the second block of a file begins whose first one is empty, and its fields. */
enum { SECOND = 44 + 6, LEAPS = 28, TIMES = 32, TYPES = 36, DATA = 44 };

/* A file with two changes and one type, to be spoilt. */
static struct file small_file(const char *footer)
{
    struct file f = {.n = 0};
    unsigned char *p = f.bytes;
    memcpy(p, "TZif2", 5);
    p[TYPES + 3] = 1;
    p += SECOND;
    memcpy(p, "TZif2", 5);
    p[TIMES + 3] = 2;
    p[TYPES + 3] = 1;
    p += DATA;
    p[7] = 1;  /* a change at 1 */
    p[15] = 2; /* and at 2 */
    p += 2 * 8 + 2;
    p[2] = 0x0e;
    p[3] = 0x10; /* 3600 */
    p += 6;
    f.n = (size_t)(p - f.bytes);
    memcpy(p, footer, strlen(footer));
    f.n += strlen(footer);
    return f;
}

static void test_damage_is_named(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        int byte;
        const char *message;
    } rows[] = {
        {0, 't', "not a time zone file"},
        {4, 0, "the file's format is older than version 2"},
        {4, 0xff, "the file's format is older than version 2"},
        {LEAPS, 1, "the file is damaged: it is too short"},
        {SECOND, 't', "not a time zone file"},
        {SECOND + TIMES, 0xff, "the file is damaged: it is too short"},
        {SECOND + TYPES + 3, 0, "the file is damaged: 0 offsets and 2 changes"},
        {SECOND + DATA + 0, 0x88, "the file is damaged at change 0"},
        {SECOND + DATA + 15, 1, "the file is damaged at change 1"},
        {SECOND + DATA + 8, 0x10, "the file is damaged at change 1"},
        {SECOND + DATA + 17, 1, "the file is damaged at change 1"},
        {SECOND + DATA + 19, 2, "the file is damaged: an offset of 134672 seconds"},
        {SECOND + DATA + 18, 0xff, "the file is damaged: an offset of -16773616 seconds"},
        {SECOND + DATA + 24, ' ', "the file is damaged: it has no last line"},
        {SECOND + DATA + 25, '5', "the file is damaged: its last line is no rule"},
        {SECOND + DATA + 26, 0, "the file is damaged: its last line is no rule"},
        {SECOND + DATA + 30, ' ', "the file is damaged: it has no last line"},
    };
    struct file sound = small_file("\nABC-1\n");
    struct err e;
    struct zone *z = zone_parse(sound.bytes, sound.n, &e);
    assert_non_null(z);
    zone_free(z);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct file f = sound;
        f.bytes[rows[i].at] = (unsigned char)rows[i].byte;
        parse_fails(&f, rows[i].message);
    }
    struct file leaps = small_file("\nABC-1\n            ");
    leaps.bytes[SECOND + LEAPS + 3] = 1;
    parse_fails(&leaps, "a zone that counts leap seconds is not supported");
}

/* Many times what any place has; it would only make every question slow. */
static void test_too_many_changes_are_refused(void **state)
{
    (void)state;
    static struct file f;
    f = small_file("");
    f.bytes[SECOND + TIMES + 2] = 2049 >> 8;
    f.bytes[SECOND + TIMES + 3] = 2049 & 0xff;
    f.n = sizeof(f.bytes);
    parse_fails(&f, "the file is damaged: 1 offsets and 2049 changes");
}

static void test_a_file_without_a_rule_stays_at_its_last_offset(void **state)
{
    (void)state;
    struct err e;
    struct file f = small_file("\n\n");
    struct zone *z = zone_parse(f.bytes, f.n, &e);
    assert_non_null(z);
    struct zone_span s = zone_span_at(z, utc_seconds("2400-01-01 00:00:00"));
    assert_int_equal(s.offset, 3600);
    assert_int_equal(s.from, 2);
    assert_true(s.until == INT64_MAX);
    assert_true(zone_span_at(z, 0).from == INT64_MIN);
    zone_free(z);
}

/* Every beginning of a file is refused; every file with one byte changed is read or refused. */
static void test_no_file_is_too_damaged_to_be_refused(void **state)
{
    (void)state;
    struct err e;
    struct prng r = {11};
    struct file sound = read_file("Europe/Paris");
    for (size_t n = 0; n < sound.n; n++) {
        auto_free unsigned char *cut = malloc(n + 1); /* so that a sanitizer sees the end */
        memcpy(cut, sound.bytes, n);
        assert_null(zone_parse(cut, n, &e));
    }
    size_t refused = 0;
    for (size_t at = 0; at < sound.n; at++) {
        struct file f = sound;
        f.bytes[at] ^= (unsigned char)(1 + prng_below(&r, 255));
        struct zone *z = zone_parse(f.bytes, f.n, &e);
        refused += z == NULL;
        if (z != NULL)
            (void)zone_span_at(z, utc_seconds("2026-01-01 00:00:00"));
        zone_free(z);
    }
    assert_true(refused > 50);
}

static int32_t offset_by(const char *rule, const char *utc)
{
    struct zone_rule r;
    if (!zone_rule_parse(&r, rule))
        fail_msg("'%s' is a rule", rule);
    struct zone_span s = zone_rule_span_at(&r, utc_seconds(utc));
    assert_true(s.from <= utc_seconds(utc) && utc_seconds(utc) < s.until);
    return s.offset;
}

static void test_rules_say_when_summer_is(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *utc;
        int offset;
    } rows[] = {
        {"UTC0", "2026-07-01 00:00:00", 0},
        {"<+0545>-5:45", "2026-07-01 00:00:00", 20700},
        {"LMT0:44:30", "2026-07-01 00:00:00", -2670},
        {"AAA+24:59:59", "2026-07-01 00:00:00", -89999},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29 00:59:59", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29 01:00:00", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25 00:59:59", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25 01:00:00", 3600},
        /* the fifth week where there are five, in October 2032 */
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2032-10-31 00:59:59", 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "2032-10-31 01:00:00", 3600},
        /* the south: summer over New Year */
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01 00:00:00", 39600},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01 00:00:00", 36000},
        /* half an hour */
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-10-03 15:29:59", 37800},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-10-03 15:30:00", 39600},
        /* the evening before, and days after */
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29 00:59:59", -7200},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29 01:00:00", -3600},
        {"IST-2IDT,M3.4.4/26,M10.5.0", "2026-03-26 23:59:59", 7200},
        {"IST-2IDT,M3.4.4/26,M10.5.0", "2026-03-27 00:00:00", 10800},
        /* a "summer" that is winter and goes back */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01 00:00:00", 0},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01 00:00:00", 3600},
        /* days of the year: J60 is always 1 March; 59 is 29 February in a leap year */
        {"AAA0BBB,J60/0,J300/0", "2028-02-29 23:59:59", 0},
        {"AAA0BBB,J60/0,J300/0", "2028-03-01 00:00:00", 3600},
        {"AAA0BBB,J60/0,J300/0", "2027-02-28 23:59:59", 0},
        {"AAA0BBB,J60/0,J300/0", "2027-03-01 00:00:00", 3600},
        {"AAA0BBB,59/0,300/0", "2028-02-28 23:59:59", 0},
        {"AAA0BBB,59/0,300/0", "2028-02-29 00:00:00", 3600},
        {"AAA0BBB,59/0,300/0", "2027-03-01 00:00:00", 3600},
        /* summer all year, without a winter second between two of them */
        {"XXX3EDT4,0/0,J365/23", "2026-07-01 00:00:00", -14400},
        {"XXX3EDT4,0/0,J365/23", "2027-01-01 02:59:59", -14400},
        {"XXX3EDT4,0/0,J365/23", "2027-01-01 03:00:00", -14400},
        /* and one of no length */
        {"AAA0BBB,J100/0,J100/1", "2026-04-10 00:00:00", 0},
        /* a week beyond the year on either side */
        {"AAA0BBB0,J365/167,J2/-167", "2026-01-02 00:00:00", 0},
        {"AAA0BBB,J365/167,J200/0", "2027-01-06 22:59:59", 0},
        {"AAA0BBB,J365/167,J200/0", "2027-01-06 23:00:00", 3600},
        {"AAA0BBB,J200/0,J1/-166", "2026-12-25 00:59:59", 3600},
        {"AAA0BBB,J200/0,J1/-166", "2026-12-25 01:00:00", 0},
        {"AAA0BBB,J364/167,J365/167", "2027-01-02 00:00:00", 0},
        {"AAA0BBB,J1/-167,J2/-165", "2026-12-30 00:00:00", 0},
        /* far away */
        {"CET-1CEST,M3.5.0,M10.5.0/3", "9999-03-28 00:59:59", 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", "9999-03-28 01:00:00", 7200},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = offset_by(rows[i].rule, rows[i].utc);
        if (got != rows[i].offset)
            fail_msg("%s at %s: %d, not %d", rows[i].rule, rows[i].utc, got, rows[i].offset);
    }
}

static void test_what_is_no_rule(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "CET",
        "AB1",
        "<+05>",
        "<+05-5",
        "<ab>1",
        "CET-25",
        "CET-1:60",
        "CET-1:00:60",
        "CET--1",
        "CET-1 ",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M0.5.0,M10.5.0/3",
        "CET-1CEST,M13.5.0,M10.5.0/3",
        "CET-1CEST,M3.0.0,M10.5.0/3",
        "CET-1CEST,M3.6.0,M10.5.0/3",
        "CET-1CEST,M3.5.7,M10.5.0/3",
        "CET-1CEST,M3.5,M10.5.0/3",
        "CET-1CEST,J0,J300",
        "CET-1CEST,J366,J300",
        "CET-1CEST,366,300",
        "CET-1CEST,60/168,300",
        "CET-1CEST,60/-168,300",
        "CET-1CEST,60/,300",
        "CET-1CEST,60,300 ",
        "CET-1CEST,60,300/3x",
        "CET-99999999999999999999",
        "C\xc3\xa9T-1",
    };
    struct zone_rule r;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (zone_rule_parse(&r, texts[i]))
            fail_msg("'%s' is no rule", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_are_those_of_another_reader),
        cmocka_unit_test(test_stretches_join),
        cmocka_unit_test(test_slim_and_fat_files_agree),
        cmocka_unit_test(test_utc_needs_no_file),
        cmocka_unit_test(test_every_zone_of_the_system_is_read),
        cmocka_unit_test(test_no_name_leads_out_of_the_directory),
        cmocka_unit_test(test_absent_zones_are_named),
        cmocka_unit_test(test_damage_is_named),
        cmocka_unit_test(test_too_many_changes_are_refused),
        cmocka_unit_test(test_a_file_without_a_rule_stays_at_its_last_offset),
        cmocka_unit_test(test_no_file_is_too_damaged_to_be_refused),
        cmocka_unit_test(test_rules_say_when_summer_is),
        cmocka_unit_test(test_what_is_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
