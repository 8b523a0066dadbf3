#include "quote.h"

#include "compiler.h"

struct quoted quote(const char *p, size_t n)
{
    struct quoted q = {0};
    size_t shown = n < QUOTE_MAX ? n : QUOTE_MAX;
    for (size_t i = 0; i < shown; i++)
        q.text[i] = (char)(p[i] >= ' ' && p[i] <= '~' ? p[i] : '?');
    if (n > shown)
        memcpy(q.text + shown, "...", 3);
    return q;
}
