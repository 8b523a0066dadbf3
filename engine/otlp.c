#include "otlp.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "js.h"

/* ---- lists ---- */

static int hex(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static void decode(char *s)
{
    char *out = s;
    for (; *s != '\0'; s++) {
        if (s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            *out++ = (char)(hex(s[1]) << 4 | hex(s[2]));
            s += 2;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    char *end = s + strlen(s);
    while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    return s;
}

bool otlp_list(const char *text, const char *field,
               void (*pair)(void *arg, const char *name, const char *value), void *arg,
               struct err *e)
{
    auto_free char *copy = strdup(text);
    if (copy == NULL)
        abort();
    char *rest = copy;
    for (char *part = strsep(&rest, ","); part != NULL; part = strsep(&rest, ",")) {
        part = trim(part);
        if (*part == '\0')
            continue;
        char *value = strchr(part, '=');
        if (value == NULL || value == part)
            return err_set(e, ERR_INPUT, "%s: write name=value,name=value", field);
        *value++ = '\0';
        char *name = trim(part);
        value = trim(value);
        decode(value);
        if (strpbrk(name, "\r\n: \t") != NULL || strpbrk(value, "\r\n") != NULL)
            return err_set(e, ERR_INPUT, "%s: a name or a value holds a line break or blank",
                           field);
        pair(arg, name, value);
    }
    return true;
}

/* ---- JSON ---- */

struct writer {
    struct buf *b;
    bool ok;
    bool first; /* no comma yet */
};

static void put(struct writer *w, const char *text)
{
    w->ok = w->ok && buf_adds(w->b, text);
}

static void put_string(struct writer *w, const char *text)
{
    auto_json *s = json_string(text);
    auto_free char *quoted = s != NULL ? js_dump(s, NULL) : NULL; /* NULL: it is not UTF-8 */
    put(w, quoted != NULL ? quoted : "\"\"");
}

static void put_key(struct writer *w, const char *key)
{
    put(w, w->first ? "{\"key\":" : ",{\"key\":");
    w->first = false;
    put_string(w, key);
    put(w, ",\"value\":");
}

static void attribute(struct writer *w, const char *key, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    put_key(w, key);
    put(w, "{\"stringValue\":");
    put_string(w, text);
    put(w, "}}");
}

static void attribute_of_list(void *arg, const char *name, const char *value)
{
    attribute(arg, name, value);
}

/* 64 bits are text in OTLP's JSON. */
static void attribute_int(struct writer *w, const char *key, int64_t value)
{
    if (value < 0)
        return;
    put_key(w, key);
    w->ok = w->ok && buf_addf(w->b, "{\"intValue\":\"%lld\"}}", (long long)value);
}

static void put_span(struct writer *w, const struct span *s)
{
    w->ok =
        w->ok && buf_addf(w->b, "{\"traceId\":\"%s\",\"spanId\":\"%s\",", s->trace_id, s->span_id);
    if (s->parent[0] != '\0')
        w->ok = w->ok && buf_addf(w->b, "\"parentSpanId\":\"%s\",", s->parent);
    put(w, "\"name\":");
    put_string(w, s->name);
    w->ok =
        w->ok &&
        buf_addf(w->b,
                 ",\"kind\":%d,\"startTimeUnixNano\":\"%lld000\",\"endTimeUnixNano\":\"%lld000\","
                 "\"attributes\":[",
                 s->kind, (long long)s->start_us, (long long)s->end_us);
    w->first = true;
    attribute(w, "chronos.run_id", s->run);
    attribute(w, "chronos.function", s->fn);
    attribute(w, "chronos.step", s->step);
    attribute_int(w, "chronos.attempt", s->attempt);
    attribute_int(w, "chronos.wait_ms", s->wait_ms);
    attribute(w, "http.request.method", s->method);
    attribute(w, "server.address", s->host);
    attribute_int(w, "http.response.status_code", s->http_status);
    attribute(w, "error.type", s->failed ? s->error : "");
    put(w, s->failed ? "],\"status\":{\"code\":2}}" : "],\"status\":{}}");
}

bool otlp_request(struct buf *b, const struct spans_conf *c, const struct span *spans, size_t n)
{
    struct writer w = {.b = b, .ok = true, .first = true};
    struct err checked; /* by spans_check, when the process began */
    put(&w, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    attribute(&w, "service.name", c->service);
    attribute(&w, "service.version", c->version);
    attribute(&w, "service.instance.id", c->instance);
    (void)otlp_list(c->attributes, "OTEL_RESOURCE_ATTRIBUTES", attribute_of_list, &w, &checked);
    put(&w, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"chronos\"},\"spans\":[");
    for (size_t i = 0; i < n; i++) {
        put(&w, i > 0 ? "," : "");
        put_span(&w, &spans[i]);
    }
    put(&w, "]}]}]}");
    return w.ok;
}
