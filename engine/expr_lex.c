#include "expr_lex.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

#include "expr_value.h"

enum { QUOTE_BYTES = 40 };

/* Characters from 1. */
static size_t column_of(const struct expr_lexer *l, const char *at)
{
    size_t column = 1;
    for (const char *p = l->source; p < at; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    return column;
}

static bool is_utf8(const char *p, size_t len)
{
    json_t *j = json_stringn(p, len);
    json_decref(j);
    return j != NULL;
}

/* Messages go into logs and into Postgres: printable, and UTF-8. */
static void quote(const char *at, size_t len, char out[QUOTE_BYTES + 1])
{
    size_t n = expr_cut(at, len, QUOTE_BYTES);
    bool utf8 = is_utf8(at, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)at[i];
        out[i] = (char)(c < 0x20 || c == 0x7F || (c >= 0x80 && !utf8) ? '?' : c);
    }
    out[n] = '\0';
}

bool expr_expected(const struct expr_lexer *l, const char *at, size_t len, const char *what)
{
    size_t column = column_of(l, at);
    if (len == 0)
        return err_set(l->e, ERR_INPUT, "column %zu: expected %s, found the end", column, what);
    char found[QUOTE_BYTES + 1];
    quote(at, len, found);
    return err_set(l->e, ERR_INPUT, "column %zu: expected %s, found \"%s\"", column, what, found);
}

bool expr_token_is(const struct expr_token *t, const char *sign_or_name)
{
    return (t->kind == TOKEN_SIGN || t->kind == TOKEN_NAME) && strlen(sign_or_name) == t->len &&
           memcmp(t->at, sign_or_name, t->len) == 0;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_digits(const char *p)
{
    while (isdigit((unsigned char)*p))
        p++;
    return p;
}

static const char *skip_exponent(const char *p)
{
    const char *digits = p + 1;
    if (*p != 'e' && *p != 'E')
        return p;
    if (*digits == '+' || *digits == '-')
        digits++;
    return isdigit((unsigned char)*digits) ? skip_digits(digits) : p;
}

static bool lex_number(struct expr_lexer *l, struct expr_token *ret)
{
    const char *end = skip_digits(ret->at);
    bool integer = true;
    if (*end == '.' && isdigit((unsigned char)end[1])) {
        end = skip_digits(end + 1);
        integer = false;
    }
    const char *exponent = skip_exponent(end);
    integer = integer && exponent == end;
    end = exponent;
    if (is_name_char(*end)) {
        while (is_name_char(*end))
            end++;
        return expr_expected(l, ret->at, (size_t)(end - ret->at), "a number such as 10 or 2.5");
    }
    ret->kind = TOKEN_LITERAL;
    ret->len = (size_t)(end - ret->at);
    l->next = end;
    errno = 0;
    long long i = integer ? strtoll(ret->at, NULL, 10) : 0;
    if (integer && errno == 0) {
        ret->value = expr_of_int(i);
        return true;
    }
    double d = strtod(ret->at, NULL);
    if (isinf(d))
        return expr_expected(l, ret->at, ret->len, "a smaller number");
    ret->value = expr_of_real(d);
    return true;
}

/* Moves *p behind n hexadecimal digits; false when they are not there. */
static bool take_hex(const char **p, int n, uint32_t *ret)
{
    *ret = 0;
    for (; n > 0; n--, (*p)++) {
        char c = **p;
        if (!isxdigit((unsigned char)c))
            return false;
        *ret = *ret << 4 | (uint32_t)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

static bool is_surrogate(uint32_t cp, uint32_t first)
{
    return cp >= first && cp < first + 0x400;
}

/* Behind "\u": four digits, or two times four for what UTF-16 writes as a pair. */
static bool take_utf16(const char **p, uint32_t *ret)
{
    uint32_t low;
    if (!take_hex(p, 4, ret))
        return false;
    if (!is_surrogate(*ret, 0xD800))
        return !is_surrogate(*ret, 0xDC00);
    if ((*p)[0] != '\\' || (*p)[1] != 'u')
        return false;
    *p += 2;
    if (!take_hex(p, 4, &low) || !is_surrogate(low, 0xDC00))
        return false;
    *ret = 0x10000 + ((*ret - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

static void put_character(struct expr_lexer *l, uint32_t cp)
{
    char *out = l->texts + l->texts_len;
    size_t more = cp < 0x80 ? 0 : cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[more] | cp >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (cp >> (6 * (more - i)) & 0x3F));
    l->texts_len += more + 1;
}

/* l->next stands behind the backslash. What is written is never longer than what was read. */
static bool take_escape(struct expr_lexer *l)
{
    static const char names[] = "nrtbfav\\\"'`/?";
    static const char values[] = "\n\r\t\b\f\a\v\\\"'`/?";
    const char *start = l->next - 1;
    char c = *l->next;
    uint32_t cp = 0;
    bool ok = c != '\0';
    const char *name = ok ? strchr(names, c) : NULL;
    l->next += ok;
    if (name != NULL)
        cp = (uint32_t)values[name - names];
    else if (c == 'x')
        ok = take_hex(&l->next, 2, &cp);
    else if (c == 'u')
        ok = take_utf16(&l->next, &cp);
    else
        ok = false;
    if (ok)
        put_character(l, cp);
    else
        expr_expected(l, start, c == '\0' ? 1 : expr_cut(start, strlen(start), 2),
                      "an escape such as \\n, \\\\ or \\u00e9");
    return ok;
}

static bool lex_text(struct expr_lexer *l, struct expr_token *ret)
{
    char quotes = *ret->at;
    size_t first = l->texts_len;
    l->next = ret->at + 1;
    while (*l->next != quotes) {
        char c = *l->next;
        if (c == '\0' || c == '\n' || c == '\r')
            return expr_expected(l, l->next, c != '\0',
                                 quotes == '"' ? "a closing \"" : "a closing '");
        l->next++;
        if (c != '\\')
            l->texts[l->texts_len++] = c;
        else if (!take_escape(l))
            return false;
    }
    l->next++;
    ret->kind = TOKEN_LITERAL;
    ret->len = (size_t)(l->next - ret->at);
    ret->value = (struct expr_value){
        .kind = EXPR_TEXT, .text = l->texts + first, .len = l->texts_len - first};
    if (!is_utf8(ret->value.text, ret->value.len))
        return expr_expected(l, ret->at, ret->len, "text in UTF-8");
    return true;
}

static void lex_sign(struct expr_lexer *l, struct expr_token *ret)
{
    static const char *const pairs[] = {"==", "!=", "<=", ">=", "&&", "||"};
    ret->kind = TOKEN_SIGN;
    ret->len = 1;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (memcmp(ret->at, pairs[i], 2) == 0)
            ret->len = 2;
    /* a whole character, for the message */
    while (ret->len < 4 && ((unsigned char)ret->at[ret->len] & 0xC0) == 0x80)
        ret->len++;
    l->next = ret->at + ret->len;
}

bool expr_lex(struct expr_lexer *l, struct expr_token *ret)
{
    l->next += strspn(l->next, " \t\r\n");
    *ret = (struct expr_token){.kind = TOKEN_END, .at = l->next};
    char c = *l->next;
    if (c == '\0')
        return true;
    if (isdigit((unsigned char)c))
        return lex_number(l, ret);
    if (c == '"' || c == '\'')
        return lex_text(l, ret);
    if (!is_name_char(c)) {
        lex_sign(l, ret);
        return true;
    }
    while (is_name_char(*l->next))
        l->next++;
    ret->kind = TOKEN_NAME;
    ret->len = (size_t)(l->next - ret->at);
    return true;
}
