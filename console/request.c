#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "id.h"
#include "js.h"
#include "log.h"
#include "quote.h"
#include "route.h"
#include "when.h"

const char *request_header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* Values of the query are decoded once, when all of the request is known. */
static enum MHD_Result decode_value(void *cls, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    struct request *r = cls;
    if (value == NULL || *value == '\0')
        return MHD_YES;
    assert(r->query_count < MAX_QUERY); /* else the server has cut it */
    char *copy = strdup(value);
    if (copy == NULL)
        abort();
    if (!percent_decode(copy)) {
        free(copy);
        r->bad_query = key;
        return MHD_NO;
    }
    r->query_names[r->query_count] = key;
    r->query_values[r->query_count++] = copy;
    return MHD_YES;
}

bool request_decode_query(struct request *r)
{
    (void)MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, decode_value, r);
    if (r->long_query)
        reply_error(r, 400, "invalid_query", "query", "the query holds more than %d values",
                    MAX_QUERY);
    else if (r->bad_query != NULL)
        reply_error(r, 400, "invalid_query", r->bad_query,
                    "%.64s holds a malformed escape, a control character or what is no UTF-8",
                    r->bad_query);
    return !r->long_query && r->bad_query == NULL;
}

bool request_is_known(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, name, n) == 0)
            return true;
        p += n + strspn(p + n, ", ");
    }
    return false;
}

static void reply_unknown(struct request *r, const char *what, const char *list, const char *name)
{
    if (*list == '\0')
        reply_error(r, 400, "invalid_input", name, "%.64s is not known: this takes no %s", name,
                    what);
    else
        reply_error(r, 400, "invalid_input", name, "%.64s is not known in the %s; there are %s",
                    name, what, list);
}

static enum MHD_Result check_name(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct request *r = cls;
    const char *list = r->route->query != NULL ? r->route->query : "";
    if (request_is_known(list, key))
        return MHD_YES;
    reply_unknown(r, "query", list, key);
    return MHD_NO;
}

bool request_check_query(struct request *r)
{
    if (strncmp(request_route(r), "/v1/", 4) == 0)
        (void)MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, check_name, r);
    return r->reply.status == 0;
}

const char *request_part_name(const struct request *r, int part, char out[PART_NAME_SIZE])
{
    const char *p = r->route != NULL ? r->route->pattern : "";
    for (p = strchr(p, '{'); p != NULL && part > 0; part--)
        p = strchr(p + 1, '{');
    if (p == NULL)
        return NULL;
    (void)snprintf(out, PART_NAME_SIZE, "%.*s", (int)strcspn(p + 1, "*}"), p + 1);
    return out;
}

const char *request_route(const struct request *r)
{
    return r->route != NULL ? r->route->pattern : "none";
}

const char *request_query(const struct request *r, const char *name)
{
    for (int i = 0; i < r->query_count; i++) {
        if (strcmp(r->query_names[i], name) == 0)
            return r->query_values[i];
    }
    return NULL;
}

bool request_number(struct request *r, const char *name, long long min, long long max,
                    long long otherwise, long long *ret)
{
    const char *text = request_query(r, name);
    *ret = otherwise;
    if (text == NULL)
        return true;
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *ret >= min && *ret <= max)
        return true;
    reply_error(r, 400, "invalid_input", name,
                "%s must be a whole number from %lld to %lld, not %s", name, min, max,
                quote(text, strlen(text)).text);
    return false;
}

bool request_uuid(struct request *r, const char *name, const char **ret)
{
    *ret = request_query(r, name);
    if (*ret == NULL || is_uuid(*ret))
        return true;
    reply_error(r, 400, "invalid_input", name, "%s is not a UUID: %s", name,
                quote(*ret, strlen(*ret)).text);
    return false;
}

json_t *request_json(struct request *r, const char *root)
{
    struct err e;
    char where[JS_WHERE_SIZE], field[JS_WHERE_SIZE + 8] = "body";
    json_t *j = js_parse_sent(r->body.data, r->body.len, where, &e);
    if (*where != '\0')
        (void)snprintf(field, sizeof(field), "%s%s", *where == '[' ? "" : root, where);
    if (j == NULL)
        reply_error(r, 400, "invalid_json", field, "the body cannot be read as JSON: %.300s",
                    e.msg);
    return j;
}

static bool check_fields(struct request *r, const json_t *body)
{
    const char *name, *list = r->route->fields;
    json_t *v;
    json_object_foreach ((json_t *)body, name, v) {
        if (list != NULL && !request_is_known(list, name)) {
            reply_unknown(r, "body", list, name);
            return false;
        }
    }
    return true;
}

json_t *request_object(struct request *r)
{
    if (r->body.len == 0)
        return json_object();
    auto_json *j = request_json(r, "");
    if (j == NULL)
        return NULL;
    if (json_is_object(j))
        return check_fields(r, j) ? steal(&j) : NULL;
    reply_error(r, 400, "invalid_json", "body", "the body must be a JSON object");
    return NULL;
}

bool request_check_no_fields(struct request *r)
{
    if (r->route->fields == NULL || *r->route->fields != '\0')
        return true;
    auto_json *none = request_object(r);
    return none != NULL;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_utf8(const char *s)
{
    auto_json *j = json_string(s);
    return j != NULL;
}

bool percent_decode(char *s)
{
    char *begin = s, *out = s;
    for (; *s != '\0'; s++) {
        char c = *s;
        if (c == '%') {
            int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            s += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7F)
            return false;
        *out++ = c;
    }
    *out = '\0';
    return is_utf8(begin);
}

static void set_body(struct request *r, int status, char *body, size_t len)
{
    free(r->reply.body);
    r->reply.status = status;
    r->reply.type = "application/json; charset=utf-8";
    r->reply.body = body;
    r->reply.borrowed = NULL;
    r->reply.len = len;
}

void reply_json(struct request *r, int status, json_t *value)
{
    size_t len = 0;
    char *text = js_dump(value, &len);
    json_decref(value);
    if (text == NULL)
        reply_error(r, 500, "bug", NULL, "the answer could not be written");
    else
        set_body(r, status, text, len);
}

static json_t *metadata(void)
{
    char now[WHEN_SIZE];
    return js_pack("{s:s, s:n}", "fetched_at", when_format(wall_ms(), now), "cached_until");
}

void reply_data(struct request *r, json_t *value)
{
    reply_json(r, 200, js_pack("{s:o, s:o}", "data", value, "metadata", metadata()));
}

void reply_page(struct request *r, json_t *list, const char *next)
{
    reply_json(r, 200,
               js_pack("{s:o, s:o, s:s?}", "data", list, "metadata", metadata(), "next", next));
}

void reply_text(struct request *r, int status, const char *type, const char *borrowed, size_t len)
{
    set_body(r, status, NULL, len);
    r->reply.type = type;
    r->reply.borrowed = borrowed;
}

void reply_error(struct request *r, int status, const char *code, const char *field,
                 const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    }
    json_t *j = js_pack("{s:i, s:s, s:s, s:s?}", "status", status, "code", code, "error", text,
                        "field", field);
    if (j == NULL) /* the text or the field is not UTF-8: cut, or not ours */
        j = js_pack("{s:i, s:s, s:s, s:s?}", "status", status, "code", code, "error",
                    "the request is not valid", "field", (char *)NULL);
    if (r->route != NULL &&
        r->route->access ==
            ACCESS_EVENT) /* the official SDK wants to know what was accepted: none */
        (void)json_object_set_new(j, "ids", json_array());
    size_t len = 0;
    char *body = js_dump(j, &len);
    json_decref(j);
    set_body(r, status, body, len);
}

/* "retry_run: retry: run … is completed": without the name of the query. */
static const char *sentence(const char *msg)
{
    const char *at = strstr(msg, ": ");
    return at != NULL ? at + 2 : msg;
}

void reply_refusal(struct request *r, const char *field, const struct err *e)
{
    reply_error(r, 400, "invalid_input", field, "%s", sentence(e->msg));
}

void reply_failure(struct request *r, const struct err *e)
{
    if (e->code == ERR_INPUT) {
        reply_refusal(r, NULL, e);
    } else if (err_is_retryable(e->code)) {
        log_warn("a request could not be answered", "request", r->id, "route", request_route(r),
                 "error", e->msg, LOG_END);
        reply_error(r, 503, "unavailable", NULL, "a store is away at the moment; try again");
        reply_header(r, "Retry-After", "1");
    } else {
        log_error("a request failed", "request", r->id, "route", request_route(r), "error", e->msg,
                  LOG_END);
        reply_error(r, 500, "bug", NULL, "the console made a mistake; its log has the request %s",
                    r->id);
    }
}

void reply_too_many(struct request *r, int64_t wait_ms, const char *fmt, ...)
{
    char text[256], seconds[24];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)wait_ms / 1000 + 1);
    reply_error(r, 429, "rate_limited", NULL, "%s", text);
    reply_header(r, "Retry-After", seconds);
}

void reply_header(struct request *r, const char *name, const char *value)
{
    if (r->reply.headers == MAX_REPLY_HEADERS)
        abort();
    char *copy = strndup(value, strcspn(value, "\r\n"));
    if (copy == NULL)
        abort();
    r->reply.names[r->reply.headers] = name;
    r->reply.values[r->reply.headers++] = copy;
}

void request_release(struct request *r)
{
    for (int i = 0; i < r->part_count; i++)
        free(r->parts[i]);
    for (int i = 0; i < r->query_count; i++)
        free(r->query_values[i]);
    for (int i = 0; i < r->reply.headers; i++)
        free(r->reply.values[i]);
    free(r->reply.body);
    free(r->path);
    buf_release(&r->body);
}
