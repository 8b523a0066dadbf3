#include "row.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "db.h"
#include "js.h"
#include "when.h"

enum { ARRAY_MAX_BYTES = 4 << 20 };

json_t *json_time(int64_t ms)
{
    char text[WHEN_SIZE];
    return ms > 0 ? json_string(when_format(ms, text)) : json_null();
}

/* Redis keeps bytes; a letter that is none becomes a question mark. */
static json_t *mended(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        abort();
    for (char *p = copy; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    }
    json_t *j = json_string(copy);
    free(copy);
    return j;
}

json_t *json_text(const char *text)
{
    if (text == NULL || *text == '\0')
        return json_null();
    json_t *j = json_string(text);
    return j != NULL ? j : mended(text);
}

json_t *row_text(const PGresult *r, int row, const char *column)
{
    const char *text = db_text(r, row, column);
    return text != NULL ? json_string(text) : json_null();
}

json_t *row_int(const PGresult *r, int row, const char *column)
{
    return db_text(r, row, column) != NULL ? json_integer(db_int(r, row, column, 0)) : json_null();
}

json_t *row_number(const PGresult *r, int row, const char *column)
{
    const char *text = db_text(r, row, column);
    return text != NULL ? json_real(strtod(text, NULL)) : json_null();
}

json_t *row_time(const PGresult *r, int row, const char *column)
{
    return json_time(db_int(r, row, column, 0));
}

json_t *row_json(const PGresult *r, int row, const char *column)
{
    struct err ignored;
    const char *text = db_text(r, row, column);
    json_t *j = text != NULL ? js_parse_own(text, strlen(text), &ignored) : NULL;
    return j != NULL ? j : json_null();
}

json_t *row_problem(const PGresult *r, int row)
{
    const char *code = db_text(r, row, "error_code"), *message = db_text(r, row, "error_message");
    if (code == NULL && message == NULL)
        return json_null();
    return js_pack("{s:s, s:s}", "code", code != NULL ? code : "none", "message",
                   message != NULL ? message : "");
}

json_t *row_runs(const PGresult *r, int row)
{
    json_t *list = json_array();
    auto_json *runs = row_json(r, row, "run_ids");
    auto_json *functions = row_json(r, row, "function_ids");
    for (size_t i = 0; i < json_array_size(runs); i++)
        (void)json_array_append_new(list, js_pack("{s:O, s:O?}", "run_id", json_array_get(runs, i),
                                                  "function_id", json_array_get(functions, i)));
    return list;
}

char *array_of(const json_t *strings)
{
    size_t i;
    json_t *v;
    struct buf b = BUF_INIT(ARRAY_MAX_BYTES);
    bool ok = buf_addc(&b, '{');
    json_array_foreach (strings, i, v) {
        ok = ok && (i == 0 || buf_addc(&b, ',')) && buf_addc(&b, '"');
        for (const char *p = json_string_value(v); *p != '\0'; p++)
            ok = ok && (strchr("\"\\", *p) == NULL || buf_addc(&b, '\\')) && buf_addc(&b, *p);
        ok = ok && buf_addc(&b, '"');
    }
    if (!ok || !buf_addc(&b, '}'))
        abort(); /* callers bound what they put in */
    return buf_take(&b);
}
