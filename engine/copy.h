/* copy.h: lines of Postgres' COPY text format, and the times in them. A NULL string is SQL null. Every function returns
 * false only when the buffer's ceiling is reached. Bytes that are not UTF-8 become '?', NULs are dropped: one bad byte from
 * outside must not make Postgres refuse a batch. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

bool copy_text(struct buf *b, const char *s); /* column, then a tab */
bool copy_bytes(struct buf *b, const char *s, size_t len);
bool copy_int(struct buf *b, int64_t v);
bool copy_ms(struct buf *b, int64_t ms); /* epoch milliseconds as timestamptz; < 0 is null */
bool copy_array(struct buf *b, const char *const *v, size_t n); /* text[] */
bool copy_end(struct buf *b); /* turns the last tab into the line's end */

enum { TIMESTAMP_SIZE = 96 };
/* "2026-01-02 03:04:05.678+00" */
void timestamp_format(int64_t ms, char out[TIMESTAMP_SIZE]);

/* Replaces each byte that is no part of a UTF-8 character by '?', in place. */
void utf8_clean(char *s, size_t len);
