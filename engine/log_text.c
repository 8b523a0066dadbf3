#include "log_text.h"

#include <stdio.h>
#include <string.h>

#include "compiler.h"
#include "log_mask.h"

/* LOG_LINE_BYTES leaves room for the time, the end, and the two pairs that say how often and that something was left out. */
enum { MAX_VALUE = 1024, RESERVED = 160 };

/* A key is always the same type, for those who index it. */
static const char *const numbers[] = {"attempt", "bytes", "count",    "dropped", "percent",
                                      "runs",    "steps", "repeated", "ticks",   "took_ms"};

void log_text_init(struct log_text *t, enum log_format format)
{
    t->format = format;
    t->len = 0;
    t->cut = false;
}

static bool put(struct log_text *t, const char *s, size_t n)
{
    if (n > sizeof(t->text) - RESERVED - t->len)
        return false;
    memcpy(t->text + t->len, s, n);
    t->len += n;
    return true;
}

static bool puts_(struct log_text *t, const char *s)
{
    return put(t, s, strlen(s));
}

/* Bytes of the valid UTF-8 character that begins here, 0 = none does. */
static size_t character_at(const unsigned char *p)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90);
    return overlong || beyond ? 0 : n;
}

static bool put_escaped(struct log_text *t, unsigned char c)
{
    char esc[8];
    if (c == '\n')
        return puts_(t, "\\n");
    if (c == '"' || c == '\\')
        return put(t, (char[]){'\\', (char)c}, 2);
    if (c >= ' ' && c != 127)
        return put(t, (char *)&c, 1);
    int n = t->format == LOG_JSON ? snprintf(esc, sizeof(esc), "\\u%04x", c)
                                  : snprintf(esc, sizeof(esc), "\\x%02x", c);
    return put(t, esc, (size_t)n);
}

/* What is inside the quotes. Never ends inside a character. */
static bool put_text(struct log_text *t, const char *v)
{
    for (size_t used = 0; *v != '\0';) {
        size_t hidden = log_secret_at(v), n = character_at((const unsigned char *)v);
        if (used + (n > 0 ? n : 1) > MAX_VALUE && hidden == 0)
            return puts_(t, "...");
        bool ok;
        if (hidden > 0)
            ok = puts_(t, "***");
        else if (n > 1)
            ok = put(t, v, n);
        else if (n == 0 && t->format == LOG_JSON)
            ok = puts_(t, "\xef\xbf\xbd"); /* JSON is UTF-8 */
        else
            ok = put_escaped(t, (unsigned char)*v);
        if (!ok)
            return false;
        v += hidden > 0 ? hidden : n > 0 ? n : 1;
        used += n > 0 ? n : 1;
    }
    return true;
}

static bool is_plain(const char *v)
{
    bool plain = *v != '\0';
    for (; *v != '\0' && plain; v++)
        plain = (unsigned char)*v > ' ' && *v != '"' && *v != '=' && *v != '\\' && *v != 127;
    return plain;
}

static bool is_number(const char *key, const char *v)
{
    size_t digits = strspn(v, "0123456789");
    if (digits == 0 || digits > 15 || v[digits] != '\0' || (v[0] == '0' && digits > 1))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (strcmp(numbers[i], key) == 0)
            return true;
    }
    return false;
}

static bool put_logfmt(struct log_text *t, const char *key, const char *value)
{
    const char *quote = is_plain(value) ? "" : "\"";
    return puts_(t, " ") && puts_(t, key) && puts_(t, "=") && puts_(t, quote) &&
           put_text(t, value) && puts_(t, quote);
}

static bool put_json(struct log_text *t, const char *key, const char *value)
{
    const char *quote = is_number(key, value) ? "" : "\"";
    return puts_(t, ",\"") && puts_(t, key) && puts_(t, "\":") && puts_(t, quote) &&
           put_text(t, value) && puts_(t, quote);
}

void log_text_pair(struct log_text *t, const char *key, const char *value)
{
    size_t before = t->len;
    if (value == NULL)
        value = "";
    if (t->format == LOG_JSON ? put_json(t, key, value) : put_logfmt(t, key, value))
        return;
    t->len = before;
    t->cut = true;
}
