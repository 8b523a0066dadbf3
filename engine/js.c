#include "js.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* jansson recurses while it parses; deeper documents are refused before they reach it, because a worker
 * thread's stack is small. */
enum { MAX_DEPTH = 128 };

static bool too_deep(const char *p, size_t len)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

json_t *js_parse(const char *bytes, size_t len, struct err *e)
{
    if (too_deep(bytes, len))
        return err_null(e, ERR_INPUT, "nested deeper than %d levels", MAX_DEPTH);
    json_error_t je;
    json_t *j = json_loadb(bytes, len, JSON_DECODE_ANY, &je);
    if (j != NULL)
        return j;
    enum json_error_code code = json_error_code(&je);
    if (code == json_error_null_character || code == json_error_null_byte_in_key)
        return err_null(e, ERR_INPUT,
                        "a text has the character \\u0000, which Postgres cannot hold: leave it out"
                        " (at byte %d)",
                        je.position);
    return err_null(e, ERR_INPUT, "%s at byte %d", je.text, je.position);
}

json_t *js_parse_own(const char *bytes, size_t len, struct err *e)
{
    json_error_t je;
    json_t *j = json_loadb(bytes, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
    if (j == NULL)
        return err_null(e, ERR_BUG, "%s at byte %d", je.text, je.position);
    return j;
}

char *js_dump(const json_t *j, size_t *ret_len)
{
    if (j == NULL)
        return NULL;
    /* 15 digits: sums of prices read 1.025, not 1.0249999999999999 */
    char *s = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (s == NULL)
        abort(); /* every value we hold was made by jansson: only memory can fail */
    if (ret_len != NULL)
        *ret_len = strlen(s);
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
