#include "caption_format.h"
#include "utf8.h"

static bool begins_tag(const char *p, const char *end)
{
    p++;
    if (p < end && *p == '/')
        p++;
    return p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'));
}

void markup_strip(const char *text, size_t len, bool (*is_tag)(const char *inside, size_t len),
                  struct buf *out)
{
    const char *p = text, *end = text + len;
    const char *close = NULL; /* the first '>' at or after p; end when there is none */
    while (p < end) {
        const char *open = memchr(p, '<', (size_t)(end - p));
        if (open == NULL)
            open = end;
        text_put(out, p, (size_t)(open - p));
        p = open;
        if (p == end)
            return;
        if (close == NULL || close < p) /* not looked for at every '<': that would be quadratic */
            close = memchr(p, '>', (size_t)(end - p));
        if (close == NULL)
            close = end;
        if (close < end && begins_tag(p, end) &&
            (is_tag == NULL || is_tag(p + 1, (size_t)(close - p - 1)))) {
            p = close + 1;
        } else {
            text_put(out, p, 1);
            p++;
        }
    }
}
