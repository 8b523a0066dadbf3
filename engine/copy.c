#include "copy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Length of the valid UTF-8 sequence at p, 0 when there is none. */
static size_t sequence(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

void utf8_clean(char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = sequence((unsigned char *)s + i, len - i);
        if (n == 0)
            s[i++] = '?';
        else
            i += n;
    }
}

static const char *escape_of(unsigned char c)
{
    switch (c) {
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\\':
        return "\\\\";
    default:
        return NULL;
    }
}

static bool add_escaped(struct buf *b, const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t plain = 0; /* start of the run of bytes that need nothing */
    for (size_t i = 0; i < len;) {
        size_t n = sequence(p + i, len - i);
        const char *esc = n == 0 ? "?" : n == 1 ? escape_of(p[i]) : NULL;
        if (p[i] == '\0')
            esc = "";
        if (esc != NULL) {
            if (!buf_add(b, s + plain, i - plain) || !buf_adds(b, esc))
                return false;
            plain = i + (n > 0 ? n : 1);
        }
        i += n > 0 ? n : 1;
    }
    return buf_add(b, s + plain, len - plain);
}

bool copy_bytes(struct buf *b, const char *s, size_t len)
{
    if (s == NULL)
        return buf_adds(b, "\\N\t");
    return add_escaped(b, s, len) && buf_addc(b, '\t');
}

bool copy_text(struct buf *b, const char *s)
{
    return copy_bytes(b, s, s != NULL ? strlen(s) : 0);
}

bool copy_int(struct buf *b, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld\t", (long long)v);
    return buf_add(b, text, (size_t)n);
}

void timestamp_format(int64_t ms, char out[TIMESTAMP_SIZE])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&s, &tm);
    (void)snprintf(out, TIMESTAMP_SIZE, "%04d-%02d-%02d %02d:%02d:%02d.%03d+00", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

bool copy_ms(struct buf *b, int64_t ms)
{
    char text[TIMESTAMP_SIZE];
    if (ms < 0)
        return copy_text(b, NULL);
    timestamp_format(ms, text);
    return buf_adds(b, text) && buf_addc(b, '\t');
}

bool copy_array(struct buf *b, const char *const *v, size_t n)
{
    bool ok = buf_addc(b, '{');
    for (size_t i = 0; i < n && ok; i++) {
        /* Quoted for the array and then escaped for COPY. Names and ids hold no quote or backslash. */
        ok = (i == 0 || buf_addc(b, ',')) && buf_addc(b, '"') &&
             add_escaped(b, v[i], strlen(v[i])) && buf_addc(b, '"');
    }
    return ok && buf_adds(b, "}\t");
}

bool copy_end(struct buf *b)
{
    if (b->len > 0)
        buf_truncate(b, b->len - 1);
    return buf_addc(b, '\n');
}
