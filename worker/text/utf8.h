/* utf8.h: code points in and out of bytes, and what counts as white space. Total on any bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { UTF8_REPLACEMENT = 0xFFFD };

/* The code point at p (len > 0) and how many bytes it takes, at least 1. A broken sequence gives U+FFFD once for
 * its longest well-formed beginning, as browsers do it. */
size_t utf8_decode(const char *p, size_t len, uint32_t *ret);

/* Writes 1 to 4 bytes; what is no scalar value is written as U+FFFD. */
size_t utf8_encode(uint32_t cp, char out[4]);

bool utf8_is_valid(const char *p, size_t len);

/* Unicode's White_Space and U+FEFF: everything JavaScript's \s matches, and U+0085. */
bool utf8_is_space(uint32_t cp);

/* Takes no room when displayed and carries no text: controls, zero width space, direction marks. */
bool utf8_is_invisible(uint32_t cp);

/* One byte of windows-1252. The five unassigned bytes give the C1 control of the same number, as in HTML. */
uint32_t cp1252_decode(unsigned char c);

/* Appending for buffers whose ceiling the caller has chosen so that it cannot be reached (no conversion in this
 * folder makes more than three bytes out of one): passing it is our own mistake and aborts. */
void text_put(struct buf *b, const void *p, size_t n);
void text_put_cp(struct buf *b, uint32_t cp);
