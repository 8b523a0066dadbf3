#include "words.h"

#include <stdint.h>

#include "utf8.h"

/* ---- words ---- */

enum script {
    SCRIPT_SPACED,
    SCRIPT_EAST_ASIAN,       /* Chinese, Japanese */
    SCRIPT_SOUTH_EAST_ASIAN, /* Thai, Lao, Myanmar, Khmer */
    SCRIPT_ATTACHED,         /* stays with what is before it */
};

static const int longest_word[] = {
    [SCRIPT_SPACED] = 64,
    [SCRIPT_EAST_ASIAN] = 1,
    [SCRIPT_SOUTH_EAST_ASIAN] = 4,
};

static const struct range {
    uint32_t first, last;
    enum script script;
} ranges[] = {
    {0x0300, 0x036F, SCRIPT_ATTACHED}, /* combining marks */
    {0x0E00, 0x0EFF, SCRIPT_SOUTH_EAST_ASIAN},
    {0x1000, 0x109F, SCRIPT_SOUTH_EAST_ASIAN},
    {0x1780, 0x17FF, SCRIPT_SOUTH_EAST_ASIAN},
    {0x2010, 0x2027, SCRIPT_ATTACHED}, /* dashes, quotes, ellipsis */
    {0x2E80, 0x2FDF, SCRIPT_EAST_ASIAN},
    {0x3001, 0x303F, SCRIPT_ATTACHED}, /* East Asian punctuation */
    {0x3041, 0x3096, SCRIPT_EAST_ASIAN},
    {0x3099, 0x309C, SCRIPT_ATTACHED}, /* voicing marks */
    {0x309D, 0x30FB, SCRIPT_EAST_ASIAN},
    {0x30FC, 0x30FC, SCRIPT_ATTACHED}, /* the mark of a long vowel */
    {0x30FD, 0x30FF, SCRIPT_EAST_ASIAN},
    {0x3105, 0x312F, SCRIPT_EAST_ASIAN},
    {0x31F0, 0x31FF, SCRIPT_EAST_ASIAN},
    {0x3400, 0x4DBF, SCRIPT_EAST_ASIAN},
    {0x4E00, 0x9FFF, SCRIPT_EAST_ASIAN},
    {0xF900, 0xFAFF, SCRIPT_EAST_ASIAN},
    {0xFE00, 0xFE0F, SCRIPT_ATTACHED}, /* variation selectors */
    {0xFF01, 0xFF0F, SCRIPT_ATTACHED}, /* full-width punctuation */
    {0xFF1A, 0xFF20, SCRIPT_ATTACHED},
    {0xFF3B, 0xFF40, SCRIPT_ATTACHED},
    {0xFF5B, 0xFF65, SCRIPT_ATTACHED},
    {0xFF66, 0xFF9D, SCRIPT_EAST_ASIAN}, /* half-width kana */
    {0xFF9E, 0xFF9F, SCRIPT_ATTACHED},
    {0x20000, 0x3FFFF, SCRIPT_EAST_ASIAN},
};

/* What each byte is by itself: nearly all text is ASCII, or has it between the rest. */
enum byte_kind {
    BYTE_PUNCTUATION, /* attached; controls too */
    BYTE_ALNUM,
    BYTE_SPACE,
    BYTE_OTHER, /* of a longer sequence */
};

static const uint8_t byte_kinds[256] = {
    ['\t' ... '\r'] = BYTE_SPACE, [' '] = BYTE_SPACE,         ['0' ... '9'] = BYTE_ALNUM,
    ['A' ... 'Z'] = BYTE_ALNUM,   ['a' ... 'z'] = BYTE_ALNUM, [0x80 ... 0xFF] = BYTE_OTHER,
};

static bool is_ascii_alnum(uint32_t cp)
{
    return cp < 0x80 && byte_kinds[cp] == BYTE_ALNUM;
}

static enum script script_of(uint32_t cp)
{
    if (cp < 0x80)
        return is_ascii_alnum(cp) ? SCRIPT_SPACED : SCRIPT_ATTACHED;
    if (cp < ranges[0].first)
        return SCRIPT_SPACED;
    size_t low = 0, high = ARRAY_LEN(ranges);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (cp < ranges[mid].first)
            high = mid;
        else if (cp > ranges[mid].last)
            low = mid + 1;
        else
            return ranges[mid].script;
    }
    return SCRIPT_SPACED;
}

/* A word that is only attached punctuation takes the script of what follows, so an opening bracket stays with its
 * text. Attached characters count too: a run of them must not be endless. */
static bool fits(enum script *word, int count, enum script next)
{
    if (*word == SCRIPT_ATTACHED) {
        *word = next;
        return count < longest_word[SCRIPT_SPACED];
    }
    if (next == SCRIPT_ATTACHED)
        return count < longest_word[SCRIPT_SPACED];
    return next == *word && count < longest_word[*word];
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end) {
        enum byte_kind kind = byte_kinds[(unsigned char)*p];
        size_t used = 1;
        if (kind == BYTE_OTHER) {
            uint32_t cp;
            used = utf8_decode(p, (size_t)(end - p), &cp);
            kind = utf8_is_space(cp) ? BYTE_SPACE : BYTE_OTHER;
        }
        if (kind != BYTE_SPACE)
            break;
        p += used;
    }
    return p;
}

/* As far as ASCII alone goes on with a word of a spaced script, or of one that is not known yet. */
static const char *skip_ascii(const char *p, const char *end, enum script *script, int *count)
{
    for (; p < end && *count < longest_word[SCRIPT_SPACED]; p++, ++*count) {
        enum byte_kind kind = byte_kinds[(unsigned char)*p];
        if (kind == BYTE_ALNUM)
            *script = SCRIPT_SPACED;
        else if (kind != BYTE_PUNCTUATION)
            break;
    }
    return p;
}

bool word_next(struct word_scan *s, struct word *ret)
{
    const char *from = skip_space(s->p, s->end), *p = from;
    bool is_glued = s->after_word && from == s->p;
    enum script script = SCRIPT_ATTACHED;
    int count = 0;
    while (p < s->end) {
        if (script == SCRIPT_SPACED || script == SCRIPT_ATTACHED)
            p = skip_ascii(p, s->end, &script, &count);
        if (p == s->end)
            break;
        uint32_t cp;
        size_t used = utf8_decode(p, (size_t)(s->end - p), &cp);
        if (utf8_is_space(cp) || (count > 0 && !fits(&script, count, script_of(cp))))
            break;
        if (count == 0)
            script = script_of(cp);
        p += used;
        count++;
    }
    s->p = p;
    s->after_word = p > from;
    if (p == from)
        return false;
    *ret = (struct word){from, (size_t)(p - from), is_glued};
    return true;
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

/* The word up to `end`, whose last byte is a dot, ends in an abbreviation that begins at a word boundary. */
static bool is_abbreviation(const char *begin, const char *end)
{
    static const char *const abbreviations[] = {
        "Dr.", "Mr.",  "Mrs.", "Ms.",  "Prof.", "Sr.",  "Jr.",  "vs.",
        "Vs.", "etc.", "Etc.", "e.g.", "E.g.",  "i.e.", "I.e.",
    };
    for (size_t i = 0; i < ARRAY_LEN(abbreviations); i++) {
        size_t n = strlen(abbreviations[i]);
        if ((size_t)(end - begin) < n || memcmp(end - n, abbreviations[i], n) != 0)
            continue;
        uint32_t before = ' ';
        if ((size_t)(end - begin) > n)
            (void)last_of(begin, end - n, &before); /* only what it is matters, not where */
        if (!is_word_char(before) && before != '.')
            return true;
    }
    return false;
}

bool word_ends_sentence(const struct word *w, bool next_is_glued)
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
