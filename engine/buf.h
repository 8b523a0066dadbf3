/* buf.h: a growing byte buffer with a ceiling.
 *
 * Every buffer is born with the largest size it may reach, so that nothing that comes from outside can
 * take all memory. `data` is always NUL-terminated once anything was added (and "" before), but may hold
 * NUL bytes; `len` counts. After a failed add the buffer is unchanged.
 *
 *   struct buf b = BUF_INIT(1 << 20);
 *   if (!buf_add(&b, p, n)) ... over the ceiling ...
 *   buf_release(&b);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;       /* bytes allocated */
    size_t max_bytes; /* len never exceeds this */
};

extern char buf_empty[]; /* "" : what data points at before the first allocation; never written */

#define BUF_INIT(max)                                                                              \
    {                                                                                              \
        .data = buf_empty, .max_bytes = (max)                                                      \
    }

void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b); /* frees the contents; the buffer is empty and usable again */
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->cap > 0)
        b->data[0] = '\0';
}

/* false: the addition would pass max_bytes, and nothing was added. */
bool buf_add(struct buf *b, const void *p, size_t n) MUST_CHECK;
bool buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
bool buf_adds(struct buf *b, const char *s) MUST_CHECK;
bool buf_addc(struct buf *b, char c) MUST_CHECK;

/* Cuts the buffer back to len bytes, len <= b->len. */
void buf_truncate(struct buf *b, size_t len);

/* Hands the bytes to the caller, who frees them with free(); the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#define auto_buf CLEANUP(buf_release) struct buf
