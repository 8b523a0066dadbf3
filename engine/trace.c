#include "trace.h"

#include <stdio.h>
#include <string.h>

#include "id.h"

enum { VERSION_AT = 0, ID_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, LENGTH = 55 };

/* Lower case only: upper case is malformed by the standard. */
static bool is_hex(const char *s, size_t n)
{
    return strspn(s, "0123456789abcdef") >= n;
}

static bool is_zero(const char *s, size_t n)
{
    return strspn(s, "0") >= n;
}

/* Later versions may have more after another dash; what is known of them reads the same. */
static bool is_well_formed(const char *s)
{
    size_t len = strnlen(s, 512);
    if (len < LENGTH || s[2] != '-' || s[35] != '-' || s[52] != '-')
        return false;
    if (!is_hex(s, 2) || !is_hex(s + ID_AT, 32) || !is_hex(s + PARENT_AT, 16) ||
        !is_hex(s + FLAGS_AT, 2))
        return false;
    if (strncmp(s, "ff", 2) == 0 || is_zero(s + ID_AT, 32) || is_zero(s + PARENT_AT, 16))
        return false;
    return strncmp(s, "00", 2) == 0 ? len == LENGTH : len == LENGTH || s[LENGTH] == '-';
}

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

bool trace_read(const char *traceparent, struct trace *ret)
{
    if (traceparent == NULL || !is_well_formed(traceparent))
        return false;
    (void)snprintf(ret->id, sizeof(ret->id), "%.32s", traceparent + ID_AT);
    (void)snprintf(ret->parent, sizeof(ret->parent), "%.16s", traceparent + PARENT_AT);
    ret->sampled = (digit(traceparent[FLAGS_AT + 1]) & 1) != 0;
    return true;
}

/* Zero names nothing. */
static uint64_t not_zero(uint64_t h)
{
    return h != 0 ? h : 1;
}

void trace_begin(const char *id, struct trace *ret)
{
    size_t n = strlen(id);
    (void)snprintf(ret->id, sizeof(ret->id), "%016llx%016llx",
                   (unsigned long long)not_zero(id_hash(11, id, n)),
                   (unsigned long long)id_hash(12, id, n));
    ret->parent[0] = '\0';
    ret->sampled = true;
}

void trace_span(const char *of, const char *what, int64_t number, char out[SPAN_ID_SIZE])
{
    uint64_t h = id_hash(id_hash(13, of, strlen(of)), what, strlen(what));
    h = id_hash(h, (const char *)&number, sizeof(number));
    (void)snprintf(out, SPAN_ID_SIZE, "%016llx", (unsigned long long)not_zero(h));
}

void trace_run_span(const char *run_id, int branch, char out[SPAN_ID_SIZE])
{
    trace_span(run_id, "run", branch, out);
}

void trace_after(const char *traceparent, const char *event_id, const char *run_id,
                 char out[TRACEPARENT_SIZE])
{
    struct trace t;
    char span[SPAN_ID_SIZE];
    if (!trace_read(traceparent, &t))
        trace_begin(event_id, &t);
    trace_run_span(run_id, -1, span);
    trace_write(&t, span, out);
}

void trace_new_span(char out[SPAN_ID_SIZE])
{
    (void)snprintf(out, SPAN_ID_SIZE, "%016llx", (unsigned long long)not_zero(id_random()));
}

void trace_write(const struct trace *t, const char *span_id, char out[TRACEPARENT_SIZE])
{
    (void)snprintf(out, TRACEPARENT_SIZE, "00-%s-%s-%s", t->id, span_id, t->sampled ? "01" : "00");
}
