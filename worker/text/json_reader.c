#include "json_reader.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* As deep as documents are that are built. */
enum { MAX_DEPTH = 128, NUMBER_SIZE = 64 };

/* ---- bytes ---- */

static bool fail(struct json_reader *r)
{
    r->is_bad = true;
    return false;
}

/* The first byte of what comes next; NUL when reading has ended. */
static char next_byte(struct json_reader *r)
{
    if (r->is_bad)
        return '\0';
    while (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')
        r->p++;
    return *r->p;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- strings ---- */

bool jr_is(const struct json_text *t, const char *s)
{
    size_t len = strlen(s);
    return t->len == len && memcmp(t->p, s, len) == 0;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number of the \uXXXX escape at p; -1: there is none. The NUL at the end of the text is no digit. */
static long escape_at(const char *p)
{
    if (p[0] != '\\' || p[1] != 'u')
        return -1;
    long value = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool take_unicode(struct json_reader *r)
{
    long unit = escape_at(r->p);
    if (unit < 0)
        return fail(r);
    r->p += 6;
    long low = escape_at(r->p);
    if (unit >= 0xD800 && unit <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        r->p += 6;
    }
    text_put_cp(&r->unescaped, unit != 0 ? (uint32_t)unit : UTF8_REPLACEMENT);
    return true;
}

static bool take_escape(struct json_reader *r)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char name = r->p[1];
    if (name == 'u')
        return take_unicode(r);
    const char *at = name != '\0' ? strchr(names, name) : NULL;
    if (at == NULL)
        return fail(r);
    text_put(&r->unescaped, &meant[at - names], 1);
    r->p += 2;
    return true;
}

/* Over what stands for itself. */
static const char *plain_end(const char *p)
{
    while ((unsigned char)*p >= ' ' && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* After the first quote. What has no escape, as nearly all, is not copied. */
static bool take_string(struct json_reader *r, struct json_text *ret)
{
    const char *begin = r->p;
    r->p = plain_end(begin);
    *ret = (struct json_text){begin, (size_t)(r->p - begin)};
    if (*r->p == '\\') {
        buf_clear(&r->unescaped);
        text_put(&r->unescaped, begin, ret->len);
        while (*r->p == '\\') {
            if (!take_escape(r))
                return false;
            begin = r->p;
            r->p = plain_end(begin);
            text_put(&r->unescaped, begin, (size_t)(r->p - begin));
        }
        *ret = (struct json_text){r->unescaped.data, r->unescaped.len};
    }
    if (*r->p != '"')
        return fail(r); /* a control character, or the end */
    r->p++;
    return true;
}

bool jr_string(struct json_reader *r, struct json_text *ret)
{
    if (next_byte(r) != '"')
        return false;
    r->p++;
    return take_string(r, ret);
}

/* ---- numbers ---- */

static const char *digits_end(const char *p)
{
    while (is_digit(*p))
        p++;
    return p;
}

/* Behind the number at p, whose grammar is narrower than strtod's; NULL: there is none. */
static const char *number_end(const char *p, bool *ret_whole)
{
    p += *p == '-';
    const char *end = *p == '0' ? p + 1 : digits_end(p);
    *ret_whole = true;
    if (end == p)
        return NULL;
    if (*end == '.') {
        *ret_whole = false;
        p = end + 1;
        end = digits_end(p);
        if (end == p)
            return NULL;
    }
    if (*end == 'e' || *end == 'E') {
        *ret_whole = false;
        p = end + 1;
        p += *p == '+' || *p == '-';
        end = digits_end(p);
        if (end == p)
            return NULL;
    }
    return end;
}

struct number {
    bool is_whole;
    long long whole;
    double real;
};

static bool take_number(struct json_reader *r, struct number *ret)
{
    const char *begin = r->p, *end = number_end(begin, &ret->is_whole);
    if (end == NULL)
        return fail(r);
    r->p = end;
    if (ret->is_whole)
        ret->whole = strtoll(begin, NULL, 10); /* ends at the ends of its range */
    ret->real = ret->is_whole ? (double)ret->whole : strtod(begin, NULL);
    return true;
}

static bool number_in(const struct json_text *t, struct number *ret)
{
    char copy[NUMBER_SIZE], *end;
    if (t->len == 0 || t->len >= sizeof(copy))
        return false;
    memcpy(copy, t->p, t->len);
    copy[t->len] = '\0';
    *ret = (struct number){.real = strtod(copy, &end)};
    return *end == '\0';
}

static bool number_of(struct json_reader *r, struct number *ret)
{
    struct json_text t;
    char c = next_byte(r);
    if (c == '-' || is_digit(c))
        return take_number(r, ret);
    if (c == '"')
        return jr_string(r, &t) && number_in(&t, ret);
    jr_skip(r);
    return false;
}

double jr_real(struct json_reader *r, double otherwise)
{
    struct number n;
    return number_of(r, &n) ? n.real : otherwise;
}

long long jr_whole(struct json_reader *r, long long otherwise)
{
    struct number n;
    if (!number_of(r, &n))
        return otherwise;
    if (n.is_whole)
        return n.whole;
    return n.real >= -9.0e18 && n.real <= 9.0e18 ? (long long)n.real : otherwise;
}

/* ---- lists ---- */

bool jr_open(struct json_reader *r, char kind)
{
    if (next_byte(r) != kind)
        return false;
    if (++r->depth > MAX_DEPTH)
        return fail(r);
    r->p++;
    r->is_first = true;
    return true;
}

/* Over the comma, where there must be one, or over the end. */
static bool go_on(struct json_reader *r, char end)
{
    char c = next_byte(r);
    if (c == end) {
        r->p++;
        r->depth--;
        r->is_first = false;
        return false;
    }
    if (!r->is_first && c != ',')
        return fail(r);
    r->p += !r->is_first;
    r->is_first = false;
    return !r->is_bad;
}

bool jr_member(struct json_reader *r, struct json_text *ret_key)
{
    if (!go_on(r, '}'))
        return false;
    if (!jr_string(r, ret_key) || next_byte(r) != ':')
        return fail(r);
    r->p++;
    return true;
}

bool jr_item(struct json_reader *r)
{
    return go_on(r, ']');
}

/* ---- what nobody wants ---- */

static bool take_word(struct json_reader *r, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(r->p, word, len) != 0)
        return fail(r);
    r->p += len; /* more letters would be no comma and no end */
    return true;
}

static void skip_plain(struct json_reader *r)
{
    struct json_text t;
    struct number n;
    switch (next_byte(r)) {
    case '"':
        (void)jr_string(r, &t);
        break;
    case 't':
        (void)take_word(r, "true");
        break;
    case 'f':
        (void)take_word(r, "false");
        break;
    case 'n':
        (void)take_word(r, "null");
        break;
    default:
        if (!r->is_bad)
            (void)take_number(r, &n);
    }
}

/* Without recursion: what the lists around are is remembered. */
void jr_skip(struct json_reader *r)
{
    bool is_object[MAX_DEPTH + 1];
    struct json_text key;
    const int outside = r->depth;
    do {
        if (jr_open(r, '{'))
            is_object[r->depth] = true;
        else if (jr_open(r, '['))
            is_object[r->depth] = false;
        else
            skip_plain(r);
        while (!r->is_bad && r->depth > outside &&
               !(is_object[r->depth] ? jr_member(r, &key) : jr_item(r))) {
        } /* one more is at its end */
    } while (!r->is_bad && r->depth > outside);
}

bool jr_finish(struct json_reader *r, struct err *e)
{
    bool ok = !r->is_bad && next_byte(r) == '\0' && r->depth == 0;
    buf_release(&r->unescaped);
    if (ok)
        return true;
    if (r->depth > MAX_DEPTH)
        return err_set(e, ERR_INPUT, "nested deeper than %d levels", MAX_DEPTH);
    return err_set(e, ERR_INPUT, "not valid JSON at byte %zu", (size_t)(r->p - r->text));
}

bool jr_read(const char *text, const char *name, bool (*read)(struct json_reader *r, void *arg),
             void *arg, bool *ret_found, struct err *e)
{
    struct json_reader r = JSON_READER(text);
    struct json_text key;
    *ret_found = false;
    if (!jr_open(&r, '{'))
        jr_skip(&r);
    while (r.depth > 0 && jr_member(&r, &key)) {
        if (jr_is(&key, name))
            *ret_found = read(&r, arg);
        else
            jr_skip(&r);
    }
    return jr_finish(&r, e);
}
