#include "answer.h"

#include <ctype.h>
#include <strings.h>

#include "js.h"

bool answer_is_ok(const struct http_response *r)
{
    return r->status >= 200 && r->status < 300;
}

static const char *skip_space(const char *p)
{
    if (strncmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    while (isspace((unsigned char)*p))
        p++;
    return p;
}

bool answer_is_html(const struct http_response *r)
{
    const char *p = skip_space(r->body.data);
    return strncasecmp(p, "<!doctype html", 14) == 0 || strncasecmp(p, "<html", 5) == 0;
}

/* ---- lone surrogates ---- */

static long escaped_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    long unit = 0;
    for (int i = 2; i < 6; i++) {
        if (!isxdigit((unsigned char)p[i]))
            return -1;
        int digit =
            isdigit((unsigned char)p[i]) ? p[i] - '0' : tolower((unsigned char)p[i]) - 'a' + 10;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high(long unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(long unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Replaces in place, same length. NUL escapes go too: neither jansson nor Postgres takes them. */
static void repair_escapes(char *p, size_t len)
{
    char *end = p + len;
    while (p < end) {
        if (*p != '\\') {
            p++;
            continue;
        }
        long unit = escaped_unit(p, end);
        if (unit < 0) {
            p += 2; /* another escape, of which \\ must not be read as the start of one */
        } else if (is_high(unit) && is_low(escaped_unit(p + 6, end))) {
            p += 12;
        } else {
            if (is_high(unit) || is_low(unit) || unit == 0) { /* becomes U+FFFD */
                memset(p + 2, 'f', 3);
                p[5] = 'd';
            }
            p += 6;
        }
    }
}

static json_t *parse_repaired(const struct http_response *r, struct err *e)
{
    struct buf copy = BUF_INIT(r->body.max_bytes);
    json_t *j = NULL;
    if (buf_add(&copy, r->body.data, r->body.len)) {
        repair_escapes(copy.data, copy.len);
        j = js_parse(copy.data, copy.len, e);
    }
    buf_release(&copy);
    return j;
}

json_t *answer_object(const struct http_response *r, const char *service, struct err *e)
{
    struct err why;
    if (r->body.len == 0)
        return err_null(e, ERR_RETRY, "%s: unreadable answer: empty", service);
    if (answer_is_html(r))
        return err_null(e, ERR_RETRY, "%s: unreadable answer: a web page instead of data", service);
    json_t *j = js_parse(r->body.data, r->body.len, &why);
    if (j == NULL)
        j = parse_repaired(r, &why);
    if (json_is_object(j))
        return j;
    if (j == NULL)
        return err_null(e, ERR_RETRY, "%s: unreadable answer: not JSON", service);
    json_decref(j);
    return err_null(e, ERR_RETRY, "%s: unreadable answer: not an object", service);
}

/* ---- text ---- */

static bool starts_with(const char *text, const char *word)
{
    while (*word != '\0') {
        if (*word == '\'' && strncmp(text, "\xe2\x80\x99", 3) == 0) {
            text += 3;
        } else if (tolower((unsigned char)*text) == tolower((unsigned char)*word)) {
            text++;
        } else {
            return false;
        }
        word++;
    }
    return true;
}

bool text_has(const char *text, const char *const *words)
{
    for (; text != NULL && *text != '\0'; text++)
        for (const char *const *w = words; *w != NULL; w++)
            if (starts_with(text, *w))
                return true;
    return false;
}

void copy_plain(char *out, size_t out_size, const char *s)
{
    size_t n = 0;
    for (; *s != '\0' && n + 1 < out_size; s++)
        if ((unsigned char)*s >= ' ' && *s != 0x7f)
            out[n++] = *s;
    out[n] = '\0';
}
