#include "captions_normalise.h"

#include "utf8.h"

void text_put_valid(struct buf *b, const char *p, size_t len)
{
    if (utf8_is_valid(p, len) && memchr(p, '\0', len) == NULL) {
        text_put(b, p, len); /* nearly always */
        return;
    }
    uint32_t cp;
    for (size_t i = 0; i < len;) {
        i += utf8_decode(p + i, len - i, &cp);
        text_put_cp(b, cp != 0 ? cp : UTF8_REPLACEMENT);
    }
}

static void put_latin(struct buf *b, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t cp = cp1252_decode((unsigned char)p[i]);
        text_put_cp(b, cp == 0 || (cp >= 0x80 && cp <= 0x9F) ? UTF8_REPLACEMENT : cp);
    }
}

static void unify_line_ends(struct buf *b)
{
    size_t out = 0;
    for (size_t i = 0; i < b->len; i++) {
        char c = b->data[i];
        if (c == '\r') {
            c = '\n';
            if (i + 1 < b->len && b->data[i + 1] == '\n')
                i++;
        }
        b->data[out++] = c;
    }
    buf_truncate(b, out);
}

void text_put_file(struct buf *b, const char *p, size_t len, bool may_be_latin)
{
    if (len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
        p += 3;
        len -= 3;
    }
    if (may_be_latin && !utf8_is_valid(p, len))
        put_latin(b, p, len);
    else
        text_put_valid(b, p, len);
    if (b->len > 0) /* before the first addition there is nothing that may be written to */
        unify_line_ends(b);
}
