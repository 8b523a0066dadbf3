/* js.h: small helpers over jansson.
 *
 * Everything read from outside may be missing, null or of another type, so the getters never fail: they
 * answer NULL or the given default. `path` is dotted ("data.videoId"). Borrowed results live as long as
 * the object they came from. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum { JS_WHERE_SIZE = 128 };

/* Parses bytes that must be one JSON value; nesting is bounded. On failure the message says where. A whole number that 64 bits do not
 * hold becomes a real: Postgres writes 1e22 so. */
json_t *js_parse(const char *bytes, size_t len, struct err *e);
/* For what somebody sends us: a number that would lose digits so is refused. `where` (may be NULL) tells the path to a value that is at fault,
 * as "[3].data.title", and is "" when the text as a whole is. */
json_t *js_parse_sent(const char *bytes, size_t len, char where[JS_WHERE_SIZE], struct err *e);
/* For text that js_dump wrote: whatever a step may have returned comes back, also deep nesting and NUL in a string. */
json_t *js_parse_own(const char *bytes, size_t len, struct err *e);

/* The quote that ends the text whose first quote is at `begin`; `end` when none does. */
size_t js_text_end(const char *bytes, size_t begin, size_t end);
/* The path to the value at, or before, that byte; "" = the whole. */
void js_where(const char *bytes, size_t at, char out[JS_WHERE_SIZE]);

/* Compact text, keys in insertion order, reals with the fewest digits that give the same number; the caller frees. NULL only when j
 * is NULL. */
char *js_dump(const json_t *j, size_t *ret_len);

json_t *js_get(const json_t *j, const char *path);     /* borrowed; NULL when absent or null */
const char *js_str(const json_t *j, const char *path); /* NULL unless a non-empty string */
double js_num(const json_t *j, const char *path,
              double otherwise); /* number, or a string holding one */
long long js_int(const json_t *j, const char *path, long long otherwise);
bool js_bool(const json_t *j, const char *path, bool otherwise);

/* How deep arrays and objects are nested; 0 for anything else. */
int js_levels(const json_t *j);

/* As json_pack, but a failure (bad UTF-8 in a value, a bug in the format) aborts nothing: NULL. */
json_t *js_pack(const char *fmt, ...);

static inline void js_cleanup(json_t **j)
{
    json_decref(*j);
}
#define auto_json CLEANUP(js_cleanup) json_t
