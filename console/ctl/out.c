#include "out.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "clock.h"
#include "console/when.h"
#include "js.h"
#include "log.h"

enum {
    MAX_CELL = 4096,
    INT8_OID = 20,
    INT2_OID = 21,
    INT4_OID = 23,
    BOOL_OID = 16,
    FLOAT8_OID = 701,
    NUMERIC_OID = 1700,
    JSON_OID = 114,
    JSONB_OID = 3802
};

/* ---- text ---- */

/* Copies as much as fits; control characters become "?", and so do bytes that are no text. Returns the columns. */
static int copy_harmless(const char *text, int widest, char *out, size_t size)
{
    mbstate_t state = {0};
    int columns = 0;
    size_t used = 0, cut_at = 0;
    int cut_columns = 0;
    while (*text != '\0') {
        wchar_t wide;
        size_t n = mbrtowc(&wide, text, MB_LEN_MAX, &state);
        int width = n == (size_t)-1 || n == (size_t)-2 ? -1 : wcwidth(wide);
        bool newline = *text == '\n' || *text == '\t';
        if (n == (size_t)-1 || n == (size_t)-2) {
            n = 1;
            state = (mbstate_t){0};
        }
        const char *from = width < 0 ? (newline ? " " : "?") : text;
        size_t len = width < 0 ? 1 : n;
        width = width < 0 ? 1 : width;
        if (used + len + 4 > size || (widest > 0 && columns + width > widest)) {
            /* an ellipsis takes the place of the last that fitted */
            (void)snprintf(out + cut_at, size - cut_at, "…");
            return cut_columns + 1;
        }
        if (widest == 0 || columns + width <= widest - 1) {
            cut_at = used + len;
            cut_columns = columns + width;
        }
        memcpy(out + used, from, len);
        used += len;
        columns += width;
        text += n;
    }
    out[used] = '\0';
    return columns;
}

void out_duration(int64_t ms, char *out, size_t size)
{
    int64_t s = ms / 1000;
    if (ms < 1000)
        (void)snprintf(out, size, "%lldms", (long long)ms);
    else if (s < 60)
        (void)snprintf(out, size, "%.1fs", (double)ms / 1000);
    else if (s < 3600)
        (void)snprintf(out, size, "%lldm %llds", (long long)(s / 60), (long long)(s % 60));
    else if (s < 86400)
        (void)snprintf(out, size, "%lldh %lldm", (long long)(s / 3600), (long long)(s / 60 % 60));
    else
        (void)snprintf(out, size, "%lldd %lldh", (long long)(s / 86400),
                       (long long)(s / 3600 % 24));
}

static void write_time(int64_t ms, char *out, size_t size)
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, size, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
        (void)snprintf(out, size, "?");
}

static void write_age(int64_t ms, int64_t now_ms, char *out, size_t size)
{
    char length[48];
    int64_t age = now_ms - ms;
    out_duration((age < 0 ? -age : age) / 1000 * 1000, length, sizeof(length));
    char *point = strstr(length, ".0s");
    if (point != NULL)
        (void)snprintf(point, 3, "s");
    if (age > -1000 && age < 1000)
        (void)snprintf(out, size, "now");
    else
        (void)snprintf(out, size, age < 0 ? "in %s" : "%s ago", length);
}

/* 20 runs, not 20.0 */
static bool is_whole(double v)
{
    return v > -1e15 && v < 1e15 && v == (double)(long long)v;
}

int out_cell(const json_t *value, enum cell cell, int64_t now_ms, int widest, char *out,
             size_t size)
{
    char text[MAX_CELL] = "";
    int64_t ms = json_is_integer(value) ? json_integer_value(value) : 0;
    if (json_is_integer(value) && cell == CELL_AGE)
        write_age(ms, now_ms, text, sizeof(text));
    else if (json_is_integer(value) && cell == CELL_TIME)
        write_time(ms, text, sizeof(text));
    else if (json_is_integer(value) && cell == CELL_MS)
        out_duration(ms, text, sizeof(text));
    else if (json_is_string(value) && (cell == CELL_AGE || cell == CELL_TIME) &&
             when_parse(json_string_value(value), &ms)) {
        if (cell == CELL_AGE)
            write_age(ms, now_ms, text, sizeof(text));
        else
            write_time(ms, text, sizeof(text));
    } else if (json_is_real(value) && cell == CELL_MS)
        out_duration((int64_t)json_real_value(value), text, sizeof(text));
    else if (json_is_string(value))
        return copy_harmless(json_string_value(value), widest, out, size);
    else if (value == NULL || json_is_null(value))
        (void)snprintf(text, sizeof(text), "-");
    else if (json_is_real(value) && is_whole(json_real_value(value)))
        (void)snprintf(text, sizeof(text), "%.0f", json_real_value(value));
    else {
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        int columns = copy_harmless(dump != NULL ? dump : "?", widest, out, size);
        free(dump);
        return columns;
    }
    return copy_harmless(text, widest, out, size);
}

/* ---- JSON ---- */

void out_json(const json_t *j)
{
    (void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

void out_json_line(const json_t *j)
{
    (void)json_dumpf(j, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static json_t *value_of(const PGresult *r, int row, int column)
{
    const char *text = PQgetvalue(r, row, column);
    struct err e;
    json_t *j = NULL;
    if (PQgetisnull(r, row, column))
        return json_null();
    switch (PQftype(r, column)) {
    case INT2_OID:
    case INT4_OID:
    case INT8_OID:
        return json_integer(strtoll(text, NULL, 10));
    case FLOAT8_OID:
    case NUMERIC_OID:
        return json_real(strtod(text, NULL));
    case BOOL_OID:
        return json_boolean(strcmp(text, "t") == 0);
    case JSON_OID:
    case JSONB_OID:
        j = js_parse_own(text, (size_t)PQgetlength(r, row, column), &e);
        break;
    default:
        break;
    }
    return j != NULL ? j : json_stringn(text, (size_t)PQgetlength(r, row, column));
}

json_t *out_rows(const PGresult *r)
{
    json_t *rows = json_array();
    for (int i = 0; i < PQntuples(r); i++) {
        json_t *row = json_object();
        for (int k = 0; k < PQnfields(r); k++)
            (void)json_object_set_new(row, PQfname(r, k), value_of(r, i, k));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

/* ---- tables ---- */

static void print_padded(const char *text, int columns, int width, bool right, bool last)
{
    int pad = width > columns ? width - columns : 0;
    if (right)
        (void)printf("%*s%s", pad, "", text);
    else
        (void)printf("%s%*s", text, last ? 0 : pad, "");
    if (!last)
        (void)printf("  ");
}

static void print_row(const json_t *row, const struct column *columns, const int *widths,
                      int64_t now_ms, bool cut)
{
    char text[MAX_CELL];
    for (int k = 0; columns[k].key != NULL; k++) {
        int taken = out_cell(js_get(row, columns[k].key), columns[k].cell, now_ms,
                             cut ? columns[k].widest : 0, text, sizeof(text));
        print_padded(text, taken, widths[k],
                     columns[k].cell == CELL_RIGHT || columns[k].cell == CELL_MS,
                     columns[k + 1].key == NULL);
    }
    (void)putchar('\n');
}

void out_table(const struct ctl *c, const json_t *rows, const struct column *columns,
               const char *nothing)
{
    enum { MOST_COLUMNS = 16 };
    int widths[MOST_COLUMNS] = {0};
    int64_t now_ms = wall_ms();
    bool cut = isatty(STDOUT_FILENO);
    char text[MAX_CELL];
    size_t i;
    const json_t *row;
    if (c->json) {
        out_json(rows);
        return;
    }
    if (json_array_size(rows) == 0) {
        (void)printf("%s\n", nothing);
        return;
    }
    for (int k = 0; k < MOST_COLUMNS && columns[k].key != NULL; k++)
        widths[k] = (int)strlen(columns[k].heading);
    json_array_foreach (rows, i, row) {
        for (int k = 0; k < MOST_COLUMNS && columns[k].key != NULL; k++) {
            int taken = out_cell(js_get(row, columns[k].key), columns[k].cell, now_ms,
                                 cut ? columns[k].widest : 0, text, sizeof(text));
            widths[k] = taken > widths[k] ? taken : widths[k];
        }
    }
    for (int k = 0; columns[k].key != NULL; k++)
        print_padded(columns[k].heading, (int)strlen(columns[k].heading), widths[k],
                     columns[k].cell == CELL_RIGHT || columns[k].cell == CELL_MS,
                     columns[k + 1].key == NULL);
    (void)putchar('\n');
    json_array_foreach (rows, i, row) {
        print_row(row, columns, widths, now_ms, cut);
    }
    (void)fflush(stdout);
}

/* "name first, parallel 4": of an object what it has, but for what is null or false; of anything else its value. */
static void write_item(const json_t *item, char *out, size_t size)
{
    char text[MAX_CELL];
    const char *key;
    json_t *value;
    size_t used = 0;
    *out = '\0';
    if (!json_is_object(item)) {
        (void)out_cell(item, CELL_TEXT, 0, 0, out, size);
        return;
    }
    json_object_foreach ((json_t *)item, key, value) {
        if (json_is_null(value) || json_is_false(value) || used + 1 >= size)
            continue;
        (void)out_cell(value, CELL_TEXT, 0, 0, text, sizeof(text));
        int n = snprintf(out + used, size - used, "%s%s %s", used > 0 ? ", " : "", key, text);
        used += n > 0 ? (size_t)n : 0;
    }
}

static void print_field(FILE *out, const char *name, int columns, int width, const char *text)
{
    char harmless[MAX_CELL];
    (void)copy_harmless(text, 0, harmless, sizeof(harmless));
    (void)fprintf(out, "%s%*s  %s\n", name, width > columns ? width - columns : 0, "", harmless);
}

/* The name stands before the first only. */
static void print_items(FILE *out, const char *name, int columns, int width, const json_t *list)
{
    char text[MAX_CELL];
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        write_item(item, text, sizeof(text));
        print_field(out, i == 0 ? name : "", i == 0 ? columns : 0, width, text);
    }
}

static void print_value(FILE *out, const char *key, const char *name, int columns, int width,
                        const json_t *value)
{
    char text[MAX_CELL];
    size_t n = strlen(key);
    bool is_time = n > 3 && strcmp(key + n - 3, "_at") == 0;
    if (json_array_size(value) > 0) {
        print_items(out, name, columns, width, value);
        return;
    }
    (void)out_cell(value, is_time ? CELL_TIME : CELL_TEXT, 0, 0, text, sizeof(text));
    print_field(out, name, columns, width, text);
}

/* A line each; what is inside of an object has its path as its name ("live.running"), and what is in a list in it a line of its
 * own. A list at the top is the caller's to show. Returns the width of the longest name; out NULL = only that. */
static int walk_fields(const json_t *object, const char *path, int depth, int width, FILE *out)
{
    enum { MAX_PATH = 512, MOST_DEEP = 4 };
    char whole[MAX_PATH], name[MAX_PATH];
    const char *key;
    json_t *value;
    int longest = 0;
    json_object_foreach ((json_t *)object, key, value) {
        if (json_is_null(value) || (json_is_array(value) && depth == 0))
            continue;
        (void)snprintf(whole, sizeof(whole), "%s%s%s", path, depth > 0 ? "." : "", key);
        int columns = copy_harmless(whole, 0, name, sizeof(name));
        if (json_object_size(value) > 0 && depth < MOST_DEEP)
            columns = walk_fields(value, whole, depth + 1, width, out);
        else if (out != NULL)
            print_value(out, key, name, columns, width, value);
        longest = columns > longest ? columns : longest;
    }
    return longest;
}

void out_fields(const struct ctl *c, const json_t *object)
{
    if (c->json) {
        out_json(object);
        return;
    }
    int width = walk_fields(object, "", 0, 0, NULL);
    (void)walk_fields(object, "", 0, width, stdout);
    (void)fflush(stdout);
}

void out_say(const struct ctl *c, const char *fmt, ...)
{
    if (c->json)
        return;
    char text[MAX_CELL], harmless[MAX_CELL];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)copy_harmless(text, 0, harmless, sizeof(harmless));
    (void)printf("%s\n", harmless);
    (void)fflush(stdout);
}
