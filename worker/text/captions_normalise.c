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

static bool hex4(const char *p, unsigned *ret)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        value = value * 16 + digit;
    }
    *ret = value;
    return true;
}

/* The number of the \uXXXX escape at p, if there is one. */
static bool escape_at(const char *p, const char *end, unsigned *ret)
{
    return end - p >= 6 && p[0] == '\\' && p[1] == 'u' && hex4(p + 2, ret);
}

void json_text_repair(char *p, size_t len)
{
    const char *end = p + len;
    unsigned unit, next;
    while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        if (!escape_at(p, end, &unit)) {
            p += 2; /* another escape: its second byte may be a backslash */
            continue;
        }
        bool is_high = unit >= 0xD800 && unit <= 0xDBFF, is_low = unit >= 0xDC00 && unit <= 0xDFFF;
        if (is_high && escape_at(p + 6, end, &next) && next >= 0xDC00 && next <= 0xDFFF) {
            p += 12;
            continue;
        }
        if (is_high || is_low || unit == 0)
            memcpy(p + 2, "fffd", 4);
        p += 6;
    }
}
