/* quote.h: what somebody sent, made fit to stand in a message: short, and only printable ASCII.
 *
 *   err_set(e, ERR_INPUT, "no field '%s'", quote(p, n).text) */
#pragma once

#include <stddef.h>

enum { QUOTE_MAX = 60 };

struct quoted {
    char text[QUOTE_MAX + 4];
};

/* The first QUOTE_MAX bytes, then "..." when there are more; a byte that cannot be shown becomes '?'. */
struct quoted quote(const char *p, size_t n);
