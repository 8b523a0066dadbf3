/* row.h: columns of a row as the JSON of the API: new references, null where SQL says null. */
#pragma once

#include <jansson.h>
#include <libpq-fe.h>
#include <stdint.h>

json_t *row_text(const PGresult *r, int row, const char *column);
json_t *row_int(const PGresult *r, int row, const char *column);
json_t *row_number(const PGresult *r, int row, const char *column);
/* A column of milliseconds, as a time. */
json_t *row_time(const PGresult *r, int row, const char *column);
/* A column of JSON, as it is. */
json_t *row_json(const PGresult *r, int row, const char *column);
/* {code, message}, null when there is no code. */
json_t *row_problem(const PGresult *r, int row);
/* [{run_id, function_id}…] of an event. */
json_t *row_runs(const PGresult *r, int row);

/* Milliseconds since 1970; 0 and less are null. */
json_t *json_time(int64_t ms);
json_t *json_text(const char *text); /* NULL and "" are null; what is not UTF-8 is mended */

/* Strings as an array literal of Postgres; the caller frees. */
char *array_of(const json_t *strings);
