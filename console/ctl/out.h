/* out.h: answers, as tables for people and as JSON for programs. What users have written is shown harmlessly: a control
 * character never reaches a terminal. */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl.h"

enum cell {
    CELL_TEXT,
    CELL_RIGHT, /* numbers */
    CELL_AGE,   /* of a time in ms: "3m ago" */
    CELL_TIME,  /* of a time in ms: 2026-01-05 06:00:00 */
    CELL_MS,    /* a length of time: "1.2s" */
};

struct column {
    const char *key; /* of the row's object */
    const char *heading;
    enum cell cell;
    int widest; /* cut beyond that when standard output is a terminal; 0 = never */
};

/* An array of objects. `nothing` is said to people when it is empty. */
void out_table(const struct ctl *c, const json_t *rows, const struct column *columns,
               const char *nothing);
/* One thing: its names and values, a line each, in their order; what is null is left out, and a list of its own, for which there is
 * out_table. What is inside of a value has a line of its own, too: "live.running  3". */
void out_fields(const struct ctl *c, const json_t *object);
/* A line for people only. */
void out_say(const struct ctl *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A value as one document. */
void out_json(const json_t *j);
/* As one line, for what goes on and on. */
void out_json_line(const json_t *j);

/* The value as a person reads it, in at most `size` bytes and `widest` columns (0 = any). Returns the columns it takes. */
int out_cell(const json_t *value, enum cell cell, int64_t now_ms, int widest, char *out,
             size_t size);
/* "1.2s", "3m 5s", "2h 10m" */
void out_duration(int64_t ms, char *out, size_t size);
/* Rows of a result as objects: integers and booleans as such, everything else as text. */
json_t *out_rows(const PGresult *r);
