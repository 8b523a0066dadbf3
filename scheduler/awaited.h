/* awaited.h: the row of a step that waited, for an event or for another run, once it is over. The scheduler writes it, as no
 * worker is there. It is attempt 0: those that workers made have numbers from 1 on, however many there were. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct awaited {
    const char *run; /* may be a branch; the row is the run's */
    const char *step;
    const char *result; /* JSON; NULL when it failed */
    const char *error;  /* JSON {"name","message"}; NULL when it did not */
    int64_t at_ms;
};

/* The COPY line alone, and headed for the history (history_row.h). false: the buffer is full, or the run has no id. */
bool awaited_copy(struct buf *b, const struct awaited *a);
bool awaited_line(struct buf *b, const struct awaited *a);
