#include "words.h"

#include <stdint.h>

#include "utf8.h"

/* ---- characters ---- */

/* What a code point is to the words around it. */
enum kind {
    SPACED,           /* of a script that puts spaces between words, or of any not named here */
    EAST_ASIAN,       /* Chinese, Japanese */
    SOUTH_EAST_ASIAN, /* Thai, Lao, Myanmar, Khmer */
    ATTACHED,         /* stays with what is before it: punctuation, marks */
    SPACE,            /* what utf8_is_space() says */
};

static const int longest_word[] = {
    [SPACED] = 64,
    [EAST_ASIAN] = 1,
    [SOUTH_EAST_ASIAN] = 4,
    [ATTACHED] = 64, /* a run of them must not be endless */
};

/* One look for each character, however mixed its scripts are. Texts touch a few lines of it. */
static const uint8_t kinds[0x10000] = {
    ['\0' ... '\b'] = ATTACHED, /* controls, and the punctuation of ASCII */
    ['\t' ... '\r'] = SPACE,
    [0x0E ... 0x1F] = ATTACHED,
    [' '] = SPACE,
    ['!' ... '/'] = ATTACHED,
    [':' ... '@'] = ATTACHED,
    ['[' ... '`'] = ATTACHED,
    ['{' ... 0x7F] = ATTACHED,
    [0x0085] = SPACE,
    [0x00A0] = SPACE,
    [0x0300 ... 0x036F] = ATTACHED, /* combining marks */
    [0x0E00 ... 0x0EFF] = SOUTH_EAST_ASIAN,
    [0x1000 ... 0x109F] = SOUTH_EAST_ASIAN,
    [0x1680] = SPACE,
    [0x1780 ... 0x17FF] = SOUTH_EAST_ASIAN,
    [0x2000 ... 0x200A] = SPACE,
    [0x2010 ... 0x2027] = ATTACHED, /* dashes, quotes, ellipsis */
    [0x2028 ... 0x2029] = SPACE,
    [0x202F] = SPACE,
    [0x205F] = SPACE,
    [0x2E80 ... 0x2FDF] = EAST_ASIAN,
    [0x3000] = SPACE,
    [0x3001 ... 0x303F] = ATTACHED, /* East Asian punctuation */
    [0x3041 ... 0x3096] = EAST_ASIAN,
    [0x3099 ... 0x309C] = ATTACHED, /* voicing marks */
    [0x309D ... 0x30FB] = EAST_ASIAN,
    [0x30FC] = ATTACHED, /* the mark of a long vowel */
    [0x30FD ... 0x30FF] = EAST_ASIAN,
    [0x3105 ... 0x312F] = EAST_ASIAN,
    [0x31F0 ... 0x31FF] = EAST_ASIAN,
    [0x3400 ... 0x4DBF] = EAST_ASIAN,
    [0x4E00 ... 0x9FFF] = EAST_ASIAN,
    [0xF900 ... 0xFAFF] = EAST_ASIAN,
    [0xFE00 ... 0xFE0F] = ATTACHED, /* variation selectors */
    [0xFEFF] = SPACE,
    [0xFF01 ... 0xFF0F] = ATTACHED, /* full-width punctuation */
    [0xFF1A ... 0xFF20] = ATTACHED,
    [0xFF3B ... 0xFF40] = ATTACHED,
    [0xFF5B ... 0xFF65] = ATTACHED,
    [0xFF66 ... 0xFF9D] = EAST_ASIAN, /* half-width kana */
    [0xFF9E ... 0xFF9F] = ATTACHED,
};

static bool is_ascii_alnum(uint32_t cp)
{
    return cp < 0x80 && kinds[cp] == SPACED;
}

static enum kind kind_of(uint32_t cp)
{
    if (cp < ARRAY_LEN(kinds))
        return kinds[cp];
    return cp >= 0x20000 && cp <= 0x3FFFF ? EAST_ASIAN : SPACED;
}

/* ---- sentences ---- */

/* Quotes and brackets that may stand between the stop and the white space. */
static bool is_closer(uint32_t cp)
{
    switch (cp) {
    case '"':
    case '\'':
    case ')':
    case ']':
    case '}':
    case '*':
    case '_':
    case 0xBB:   /* » */
    case 0x2019: /* ’ */
    case 0x201C: /* “ closes in German */
    case 0x201D: /* ” */
    case 0x203A: /* › */
    case 0x3009:
    case 0x300B:
    case 0x300D:
    case 0x300F:
    case 0x3011:
    case 0x3015:
    case 0xFF02:
    case 0xFF07:
    case 0xFF09:
    case 0xFF3D:
    case 0xFF5D:
    case 0xFF63:
        return true;
    default:
        return false;
    }
}

static bool is_full_width_stop(uint32_t cp)
{
    return cp == 0x3002 || cp == 0xFF01 || cp == 0xFF1F || cp == 0xFF0E || cp == 0xFF61;
}

static bool is_stop(uint32_t cp)
{
    switch (cp) {
    case '.':
    case '!':
    case '?':
    case 0x0589: /* Armenian */
    case 0x061F: /* Arabic question mark */
    case 0x06D4: /* Urdu */
    case 0x0964: /* Devanagari danda, and the double one */
    case 0x0965:
    case 0x104B: /* Myanmar */
    case 0x1362: /* Ethiopic */
    case 0x17D4: /* Khmer */
    case 0x203C: /* double exclamation and question marks */
    case 0x203D:
    case 0x2047:
    case 0x2048:
    case 0x2049:
    case 0x2026: /* … */
        return true;
    default:
        return is_full_width_stop(cp);
    }
}

/* The code point that ends before `end`, and where it begins. end > begin. */
static const char *last_of(const char *begin, const char *end, uint32_t *ret)
{
    const char *p = end - 1;
    while (p > begin && end - p < 4 && ((unsigned char)*p & 0xC0) == 0x80)
        p--;
    if (utf8_decode(p, (size_t)(end - p), ret) != (size_t)(end - p)) {
        *ret = UTF8_REPLACEMENT; /* broken bytes: step over the last one */
        p = end - 1;
    }
    return p;
}

/* Letters and digits, as far as it matters for what stands before an abbreviation: in other scripts everything
 * that is not known punctuation. */
static bool is_word_char(uint32_t cp)
{
    if (cp < 0x80)
        return is_ascii_alnum(cp) || cp == '_';
    return cp >= 0xC0 && !(cp >= 0x2000 && cp <= 0x206F) && !(cp >= 0x3000 && cp <= 0x303F) &&
           !(cp >= 0xFF00 && cp <= 0xFF0F);
}

static const struct abbreviation {
    const char *text;
    size_t len;
} abbreviations[] = {
#define ABBREVIATION(text)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    ABBREVIATION("Dr."),   ABBREVIATION("Mr."),  ABBREVIATION("Mrs."), ABBREVIATION("Ms."),
    ABBREVIATION("Prof."), ABBREVIATION("Sr."),  ABBREVIATION("Jr."),  ABBREVIATION("vs."),
    ABBREVIATION("Vs."),   ABBREVIATION("etc."), ABBREVIATION("Etc."), ABBREVIATION("e.g."),
    ABBREVIATION("E.g."),  ABBREVIATION("i.e."), ABBREVIATION("I.e."),
#undef ABBREVIATION
};

/* The word up to `end`, whose last byte is a dot, ends in an abbreviation that begins at a word boundary. */
static bool is_abbreviation(const char *begin, const char *end)
{
    for (size_t i = 0; i < ARRAY_LEN(abbreviations); i++) {
        const struct abbreviation *a = &abbreviations[i];
        size_t n = a->len;
        if ((size_t)(end - begin) < n || end[-2] != a->text[n - 2] ||
            memcmp(end - n, a->text, n) != 0)
            continue;
        uint32_t before = ' ';
        if ((size_t)(end - begin) > n)
            (void)last_of(begin, end - n, &before); /* only what it is matters, not where */
        if (!is_word_char(before) && before != '.')
            return true;
    }
    return false;
}

/* `next_is_glued`: a word follows without white space. */
static bool ends_sentence(const struct word *w, bool next_is_glued)
{
    const char *end = w->p + w->len, *before;
    uint32_t cp = 0;
    if (is_ascii_alnum((unsigned char)end[-1]))
        return false; /* nearly always */
    for (; end > w->p; end = before) {
        before = last_of(w->p, end, &cp);
        if (!is_closer(cp))
            break;
    }
    if (end == w->p || !is_stop(cp))
        return false;
    if (next_is_glued)
        return is_full_width_stop(cp);
    return cp != '.' || !is_abbreviation(w->p, end);
}

/* ---- words ---- */

/* The character at p < end: how many bytes it takes. */
static inline size_t look(const char *p, const char *end, enum kind *ret)
{
    uint32_t cp;
    size_t used = utf8_decode(p, (size_t)(end - p), &cp);
    *ret = kind_of(cp);
    return used;
}

/* A word that is only attached punctuation takes the kind of what follows, so an opening bracket stays with its
 * text. Attached characters count too. */
static inline bool fits(enum kind *word, int count, enum kind next)
{
    if (*word == ATTACHED)
        *word = next;
    else if (next != ATTACHED)
        return next == *word && count < longest_word[next];
    return count < longest_word[ATTACHED];
}

/* As far as ASCII alone goes on with a word of a spaced script, or of one that is not known yet. */
static inline const char *skip_ascii(const char *p, const char *end, enum kind *word, int *count)
{
    for (; p < end && (unsigned char)*p < 0x80 && *count < longest_word[SPACED]; p++, ++*count) {
        enum kind next = kinds[(unsigned char)*p];
        if (next == SPACE)
            break;
        if (next == SPACED)
            *word = SPACED;
    }
    return p;
}

bool word_next(struct word_scan *s, struct word *ret)
{
    const char *p = s->p, *end = s->end, *from;
    enum kind word = ATTACHED, next = SPACE;
    size_t used = 0;
    int count = 0;
    for (; p < end; p += used) {
        used = look(p, end, &next);
        if (next != SPACE)
            break;
    }
    for (from = p; p < end && next != SPACE && fits(&word, count, next);) {
        p += used;
        count++;
        if (word == SPACED || word == ATTACHED)
            p = skip_ascii(p, end, &word, &count);
        if (p < end)
            used = look(p, end, &next);
    }
    *ret = (struct word){
        .p = from,
        .len = (uint32_t)(p - from),
        .is_glued = s->after_word && from == s->p,
    };
    s->p = p;
    s->after_word = p > from;
    if (p == from)
        return false;
    ret->ends_sentence = ends_sentence(ret, p < end && next != SPACE);
    return true;
}
