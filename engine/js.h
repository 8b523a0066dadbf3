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

/* Parses bytes that must be one JSON value; nesting is bounded. On failure the message says where. */
json_t *js_parse(const char *bytes, size_t len, struct err *e);
/* For text that js_dump wrote: whatever a step may have returned comes back, also deep nesting and NUL in a string. */
json_t *js_parse_own(const char *bytes, size_t len, struct err *e);

/* Compact text, keys in insertion order; the caller frees. NULL only when j is NULL. */
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
