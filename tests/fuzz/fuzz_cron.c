/* fuzz_cron.c: any bytes as a schedule, as a zone file and as the rule at its end; what is parsed is asked for ticks.
 *
 * Eight bytes say where to start, then comes the schedule up to a NUL, then the file.*/
#include <string.h>

#include "cron.h"
#include "fuzz.h"
#include "timezone_rule.h"

enum { TICKS = 8, TEXT_MAX = 1024 };

/* Nothing is answered beyond. */
#define LAST_MS INT64_C(253402300799999)

static void check_span(struct zone_span s, int64_t utc)
{
    require(s.from <= utc && utc < s.until);
    require(s.offset >= ZONE_OFFSET_MIN && s.offset <= ZONE_OFFSET_MAX);
}

static void check_spans(const struct zone *z, int64_t utc)
{
    struct zone_span s = zone_span_at(z, utc);
    check_span(s, utc);
    for (int i = 0; i < TICKS && s.until < INT64_C(1) << 55; i++) {
        struct zone_span next = zone_span_at(z, s.until);
        check_span(next, s.until);
        require(next.from == s.until);
        s = next;
    }
}

static void check_message(const struct err *e)
{
    require(e->code == ERR_INPUT || e->code == ERR_RETRY);
    require(e->msg[0] != '\0');
    for (const char *p = e->msg; *p != '\0'; p++)
        require(*p >= ' ' && *p <= '~');
}

/* Ticks rise, and none is left out: asked a moment before one, it is the answer. */
static void check_ticks(const struct cron *c, int64_t at)
{
    for (int i = 0; i < TICKS; i++) {
        int64_t next = cron_next(c, at);
        if (next == -1 || next > LAST_MS)
            return;
        require(next > at && next % 1000 == 0);
        require(cron_next(c, next - 1) == next);
        require(cron_next(c, at + (next - at) / 2) == next);
        at = next;
    }
}

static void check_rule(const char *text, int64_t utc)
{
    struct zone_rule r;
    if (!zone_rule_parse(&r, text))
        return;
    check_span(zone_rule_span_at(&r, utc), utc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t at;
    struct cron c = {0};
    struct err e = {0};
    if (size < sizeof(at))
        return 0;
    memcpy(&at, data, sizeof(at));
    data += sizeof(at);
    size -= sizeof(at);
    char text[TEXT_MAX] = "";
    size_t n = strnlen((const char *)data, size < TEXT_MAX - 1 ? size : TEXT_MAX - 1);
    memcpy(text, data, n);
    n += n < size && data[n] == '\0';
    check_rule(text, at >> 8);
    struct zone *z = zone_parse(data + n, size - n, &e);
    if (z != NULL)
        check_spans(z, at >> 8);
    else
        check_message(&e);
    if (!cron_parse_in(&c, text, "/nonexistent", &e)) {
        check_message(&e);
        zone_free(z);
        return 0;
    }
    (void)cron_jitter_ms(text, at, at);
    zone_free(c.zone); /* nothing but UTC has been found */
    c.zone = z;
    check_ticks(&c, at);
    check_ticks(&c, at % LAST_MS);
    cron_release(&c);
    return 0;
}
