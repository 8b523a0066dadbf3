/* utf8.h: code points in and out of bytes, and what counts as white space. Total on any bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum { UTF8_REPLACEMENT = 0xFFFD };

/* The code point at p (len > 0) and how many bytes it takes, at least 1. A broken sequence gives U+FFFD once for
 * its longest well-formed beginning, as browsers do it. */
size_t utf8_decode_any(const char *p, size_t len, uint32_t *ret);

/* The same. What nearly every text consists of is decoded in place. */
static inline size_t utf8_decode(const char *p, size_t len, uint32_t *ret)
{
    const unsigned char *s = (const unsigned char *)p;
    if (s[0] < 0x80) {
        *ret = s[0];
        return 1;
    }
    /* Latin, Greek, Cyrillic, Hebrew, Arabic: two bytes */
    if (s[0] >= 0xC2 && s[0] <= 0xDF && len > 1 && (s[1] & 0xC0) == 0x80) {
        *ret = (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
        return 2;
    }
    /* most of the rest: three, none of them special */
    if (s[0] > 0xE0 && s[0] < 0xF0 && s[0] != 0xED && len > 2 && (s[1] & 0xC0) == 0x80 &&
        (s[2] & 0xC0) == 0x80) {
        *ret = (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
        return 3;
    }
    return utf8_decode_any(p, len, ret);
}

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
