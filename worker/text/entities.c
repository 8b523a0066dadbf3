#include "entities.h"

#include <stdint.h>

#include "utf8.h"

enum {
    LONGEST_NAME = 31,  /* CounterClockwiseContourIntegral */
    LONGEST_LEGACY = 6, /* of the names that need no semicolon */
};

static const struct entity {
    const char *name; /* without '&', with the semicolon where it is required */
    uint32_t cp[2];   /* the second is 0 for nearly all */
} table[] = {
#include "entity_table.inc"
};

static const struct entity *find(const char *name, size_t len)
{
    size_t low = 0, high = ARRAY_LEN(table);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strncmp(table[mid].name, name, len);
        if (order == 0 && table[mid].name[len] == '\0')
            return &table[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_name_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "&#" is at p. */
static size_t number_at(const char *p, size_t len, enum entity_set set, struct buf *out)
{
    size_t i = 2;
    bool hex = i < len && (p[i] == 'x' || p[i] == 'X');
    if (hex)
        i++;
    size_t first = i;
    uint32_t cp = 0;
    for (; i < len; i++) {
        int digit = hex ? hex_value(p[i]) : is_digit(p[i]) ? p[i] - '0' : -1;
        if (digit < 0)
            break;
        if (cp <= 0x10FFFF) /* beyond it stays beyond it, however many digits follow */
            cp = cp * (hex ? 16 : 10) + (uint32_t)digit;
    }
    if (i == first)
        return 0;
    bool closed = i < len && p[i] == ';';
    if (!closed && set != ENTITIES_HTML)
        return 0;
    if (set == ENTITIES_SRT && cp != '\'')
        return 0;
    /* utf8_encode makes U+FFFD of surrogates and of what is too large */
    text_put_cp(out, cp == 0      ? UTF8_REPLACEMENT
                     : cp < 0x100 ? cp1252_decode((unsigned char)cp)
                                  : cp);
    return i + (closed ? 1 : 0);
}

static bool set_has(enum entity_set set, const char *name)
{
    static const char *const few[] = {"amp;", "lt;", "gt;", "quot;", "nbsp;", "apos;"};
    if (set == ENTITIES_HTML)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(few); i++) {
        if (strcmp(few[i], name) == 0)
            return strcmp(name, set == ENTITIES_XML ? "nbsp;" : "apos;") != 0;
    }
    return false;
}

static size_t name_at(const char *p, size_t len, enum entity_set set, struct buf *out)
{
    const char *name = p + 1;
    size_t n = 0, room = len - 1;
    while (n < room && n <= LONGEST_NAME && is_name_char(name[n]))
        n++;
    const struct entity *found = NULL;
    if (n < room && name[n] == ';')
        found = find(name, ++n);
    if (found == NULL && set == ENTITIES_HTML) {
        n = n > LONGEST_LEGACY ? LONGEST_LEGACY : n;
        while (n > 1 && (found = find(name, n)) == NULL)
            n--;
    }
    if (found == NULL || !set_has(set, found->name))
        return 0;
    text_put_cp(out, found->cp[0]);
    if (found->cp[1] != 0)
        text_put_cp(out, found->cp[1]);
    return n + 1;
}

size_t entity_at(const char *p, size_t len, enum entity_set set, struct buf *out)
{
    if (len > 1 && p[1] == '#')
        return number_at(p, len, set, out);
    return len > 1 ? name_at(p, len, set, out) : 0;
}

void entities_decode(const char *p, size_t len, enum entity_set set, struct buf *out)
{
    for (size_t i = 0; i < len;) {
        const char *amp = memchr(p + i, '&', len - i);
        size_t plain = amp != NULL ? (size_t)(amp - (p + i)) : len - i;
        text_put(out, p + i, plain);
        i += plain;
        if (amp == NULL)
            return;
        size_t used = entity_at(p + i, len - i, set, out);
        if (used == 0)
            text_put(out, p + i, used = 1);
        i += used;
    }
}
