#include "utf8.h"

#include <endian.h>

/* How a sequence continues after its first byte: how many bytes, and the range of the second one, which is
 * narrower where overlong forms, surrogates or numbers over U+10FFFF would begin. */
struct lead {
    int more;
    unsigned char low, high;
};

static struct lead lead_of(unsigned char c)
{
    if (c >= 0xC2 && c <= 0xDF)
        return (struct lead){1, 0x80, 0xBF};
    if (c >= 0xE0 && c <= 0xEF)
        return (struct lead){2, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    if (c >= 0xF0 && c <= 0xF4)
        return (struct lead){3, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
    return (struct lead){0, 0, 0};
}

size_t utf8_decode_any(const char *p, size_t len, uint32_t *ret)
{
    const unsigned char *s = (const unsigned char *)p;
    if (s[0] < 0x80) {
        *ret = s[0];
        return 1;
    }
    /* pictures and rare letters of East Asia: four */
    if (s[0] == 0xF0 && len > 3 && s[1] >= 0x90 && s[1] <= 0xBF && (s[2] & 0xC0) == 0x80 &&
        (s[3] & 0xC0) == 0x80) {
        *ret = (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
        return 4;
    }
    struct lead lead = lead_of(s[0]);
    uint32_t cp = s[0] & (0x3Fu >> lead.more);
    size_t used = 1;
    for (int i = 0; i < lead.more; i++, used++) {
        if (used == len || s[used] < lead.low || s[used] > lead.high)
            break;
        cp = cp << 6 | (s[used] & 0x3Fu);
        lead.low = 0x80;
        lead.high = 0xBF;
    }
    *ret = lead.more > 0 && used == (size_t)lead.more + 1 ? cp : UTF8_REPLACEMENT;
    return used;
}

/* How many bytes from p on are ASCII, by eight at a time. */
static size_t ascii_run(const char *p, size_t len)
{
    size_t n = 0;
    uint64_t eight;
    for (; len - n >= sizeof(eight); n += sizeof(eight)) {
        memcpy(&eight, p + n, sizeof(eight));
        eight = le64toh(eight) & UINT64_C(0x8080808080808080);
        if (eight != 0)
            return n + (size_t)__builtin_ctzll(eight) / 8;
    }
    while (n < len && (unsigned char)p[n] < 0x80)
        n++;
    return n;
}

bool utf8_is_valid(const char *p, size_t len)
{
    uint32_t cp;
    for (size_t i = ascii_run(p, len), used; i < len; i += ascii_run(p + i, len - i)) {
        used = utf8_decode(p + i, len - i, &cp);
        if (cp == UTF8_REPLACEMENT && (used != 3 || memcmp(p + i, "\xEF\xBF\xBD", 3) != 0))
            return false; /* not one that was written in the text */
        i += used;
    }
    return true;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        cp = UTF8_REPLACEMENT;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

bool utf8_is_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= '\t' && cp <= '\r');
    if (cp < 0x1680)
        return cp == 0x85 || cp == 0xA0;
    return cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000 || cp == 0xFEFF;
}

bool utf8_is_invisible(uint32_t cp)
{
    if (utf8_is_space(cp))
        return false;
    return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || cp == 0x200B || cp == 0x200E || cp == 0x200F;
}

uint32_t cp1252_decode(unsigned char c)
{
    static const uint16_t high[32] = {
        0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178,
    };
    return c >= 0x80 && c <= 0x9F ? high[c - 0x80] : c;
}

void text_put(struct buf *b, const void *p, size_t n)
{
    if (!buf_add(b, p, n))
        abort();
}

void text_put_cp(struct buf *b, uint32_t cp)
{
    char bytes[4];
    text_put(b, bytes, utf8_encode(cp, bytes));
}
