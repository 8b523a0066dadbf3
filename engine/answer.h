/* answer.h: reading what a service answered, the part that is the same for all of them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"
#include "http.h"

/* The JSON object in the body. Half an emoji in an escape, which makes jansson refuse the whole document, is
 * replaced first. ERR_RETRY "<service>: unreadable answer" for anything else. */
json_t *answer_object(const struct http_response *r, const char *service, struct err *e);

bool answer_is_ok(const struct http_response *r); /* 2xx */
bool answer_is_html(const struct http_response *r);

/* Case-insensitive search of any of the words, a NULL-terminated list; false when text is NULL. The typographic
 * apostrophe counts as '. */
bool text_has(const char *text, const char *const *words);
#define TEXT_HAS(text, ...) text_has(text, (const char *const[]){__VA_ARGS__, NULL})

/* Copies without control bytes, which a header or a message must not hold; cut at out_size. */
void copy_plain(char *out, size_t out_size, const char *s);
