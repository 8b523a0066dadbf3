#include "js.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* jansson recurses while it parses; deeper documents are refused before they reach it, because a worker
 * thread's stack is small. */
enum { MAX_DEPTH = 128 };

/* Of a real: so many are always the number that was meant, and so many always tell it from all others. */
enum { SURE_DIGITS = 15, MOST_DIGITS = 17 };

static bool too_deep(const char *p, size_t len)
{
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (c == '"') {
            i = js_text_end(p, i, len);
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

/* ---- reading ---- */

static json_t *load(const char *bytes, size_t len, size_t flags, json_error_t *je)
{
    return json_loadb(bytes, len, JSON_DECODE_ANY | flags, je);
}

static size_t number_length(const char *p, size_t len)
{
    size_t n = 0;
    while (n < len && p[n] != '\0' && strchr("+-.0123456789eE", p[n]) != NULL)
        n++;
    return n;
}

/* Of the text or the number that begins here; of anything else one byte. */
static size_t token_length(const char *p, size_t len, bool *ret_number)
{
    *ret_number = *p == '-' || (*p >= '0' && *p <= '9');
    if (*ret_number)
        return number_length(p, len);
    size_t end = *p == '"' ? js_text_end(p, 0, len) : 0;
    return end < len ? end + 1 : len;
}

static bool is_too_big(const char *p, size_t len)
{
    char digits[24];
    if (memchr(p, '.', len) != NULL || memchr(p, 'e', len) != NULL || memchr(p, 'E', len) != NULL)
        return false;
    if (len >= sizeof(digits))
        return true;
    memcpy(digits, p, len);
    digits[len] = '\0';
    errno = 0;
    (void)strtoll(digits, NULL, 10);
    return errno == ERANGE;
}

/* Whole numbers that jansson refuses, as reals. */
static json_t *load_widened(const char *bytes, size_t len, size_t flags, json_error_t *je)
{
    auto_free char *copy = malloc(2 * len + 1); /* "e0" is shorter than such a number */
    size_t n = 0;
    bool number;
    if (copy == NULL)
        abort();
    for (size_t i = 0, part; i < len; i += part) {
        part = token_length(bytes + i, len - i, &number);
        memcpy(copy + n, bytes + i, part);
        n += part;
        if (number && is_too_big(bytes + i, part)) {
            copy[n++] = 'e';
            copy[n++] = '0';
        }
    }
    return load(copy, n, flags, je);
}

static json_t *load_any(const char *bytes, size_t len, size_t flags, json_error_t *je)
{
    json_t *j = load(bytes, len, flags, je);
    if (j == NULL && json_error_code(je) == json_error_numeric_overflow)
        j = load_widened(bytes, len, flags, je);
    return j;
}

/* A sentence, and whether one value is at fault, and not the text. */
static bool explain(const json_error_t *je, struct err *e)
{
    switch (json_error_code(je)) {
    case json_error_null_character:
    case json_error_null_byte_in_key:
        (void)err_set(e, ERR_INPUT,
                      "a text has the character \\u0000, which Postgres cannot hold: leave it out"
                      " (at byte %d)",
                      je->position);
        return true;
    case json_error_numeric_overflow:
        (void)err_set(e, ERR_INPUT,
                      "a number is too large to be kept exactly: whole ones have at most 64 bits,"
                      " others are at most 1.8e308; send it as text (at byte %d)",
                      je->position);
        return true;
    default:
        return err_set(e, ERR_INPUT, "%s at byte %d", je->text, je->position);
    }
}

json_t *js_parse(const char *bytes, size_t len, struct err *e)
{
    json_error_t je;
    if (too_deep(bytes, len))
        return err_null(e, ERR_INPUT, "nested deeper than %d levels", MAX_DEPTH);
    json_t *j = load_any(bytes, len, 0, &je);
    if (j == NULL)
        (void)explain(&je, e);
    return j;
}

json_t *js_parse_sent(const char *bytes, size_t len, char where[JS_WHERE_SIZE], struct err *e)
{
    json_error_t je;
    if (where != NULL)
        where[0] = '\0';
    if (too_deep(bytes, len))
        return err_null(e, ERR_INPUT, "nested deeper than %d levels", MAX_DEPTH);
    json_t *j = load(bytes, len, 0, &je);
    if (j == NULL && explain(&je, e) && where != NULL)
        js_where(bytes, (size_t)je.position, where);
    return j;
}

json_t *js_parse_own(const char *bytes, size_t len, struct err *e)
{
    json_error_t je;
    json_t *j = load_any(bytes, len, JSON_ALLOW_NUL, &je);
    if (j == NULL)
        return err_null(e, ERR_BUG, "%s at byte %d", je.text, je.position);
    return j;
}

/* ---- writing ---- */

/* The fewest digits that are the same number, in the place of the 17 that always are; the new length. */
static size_t shorten(char *text, size_t len)
{
    char was[40], is[40];
    if (len <= SURE_DIGITS || len >= sizeof(was) || memchr(text, '.', len) == NULL)
        return len;
    memcpy(was, text, len);
    was[len] = '\0';
    double v = strtod(was, NULL);
    for (int digits = SURE_DIGITS; digits <= MOST_DIGITS; digits++) {
        int n = snprintf(is, sizeof(is), "%.*g", digits, v);
        if (strtod(is, NULL) != v)
            continue;
        if (strpbrk(is, ".e") == NULL)
            n += snprintf(is + n, sizeof(is) - (size_t)n, ".0"); /* it stays a real */
        if ((size_t)n > len)
            break;
        memcpy(text, is, (size_t)n);
        return (size_t)n;
    }
    return len;
}

/* In what jansson wrote. */
static size_t shorten_reals(char *s, size_t len)
{
    size_t to = 0;
    bool number;
    for (size_t i = 0, part; i < len; i += part) {
        part = token_length(s + i, len - i, &number);
        if (to != i)
            memmove(s + to, s + i, part);
        to += number ? shorten(s + to, part) : part;
    }
    s[to] = '\0';
    return to;
}

char *js_dump(const json_t *j, size_t *ret_len)
{
    if (j == NULL)
        return NULL;
    char *s = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(MOST_DIGITS));
    if (s == NULL)
        abort(); /* every value we hold was made by jansson: only memory can fail */
    size_t len = shorten_reals(s, strlen(s));
    if (ret_len != NULL)
        *ret_len = len;
    return s;
}

json_t *js_get(const json_t *j, const char *path)
{
    while (j != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");
        char key[128];
        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        j = json_object_get(j, key);
        path += n;
        if (*path == '.')
            path++;
    }
    return json_is_null(j) ? NULL : (json_t *)j;
}

const char *js_str(const json_t *j, const char *path)
{
    const json_t *v = js_get(j, path);
    return json_string_length(v) > 0 ? json_string_value(v) : NULL;
}

double js_num(const json_t *j, const char *path, double otherwise)
{
    const json_t *v = js_get(j, path);
    if (json_is_number(v))
        return json_number_value(v);
    if (json_string_length(v) > 0) {
        char *end;
        double d = strtod(json_string_value(v), &end);
        if (*end == '\0')
            return d;
    }
    return otherwise;
}

long long js_int(const json_t *j, const char *path, long long otherwise)
{
    const json_t *v = js_get(j, path);
    if (json_is_integer(v))
        return json_integer_value(v);
    double d = js_num(j, path, (double)otherwise);
    return d >= -9.0e18 && d <= 9.0e18 ? (long long)d : otherwise;
}

bool js_bool(const json_t *j, const char *path, bool otherwise)
{
    const json_t *v = js_get(j, path);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

json_t *js_pack(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_t *j = json_vpack_ex(NULL, 0, fmt, ap);
    va_end(ap);
    return j;
}

int js_levels(const json_t *j)
{
    int deepest = 0;
    size_t i;
    const char *key;
    json_t *v;
    json_array_foreach (j, i, v) {
        int levels = js_levels(v);
        deepest = levels > deepest ? levels : deepest;
    }
    json_object_foreach ((json_t *)j, key, v) {
        int levels = js_levels(v);
        deepest = levels > deepest ? levels : deepest;
    }
    return json_is_array(j) || json_is_object(j) ? deepest + 1 : 0;
}
