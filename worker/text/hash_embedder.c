/* hash_embedder.c: features of a text, hashed into a vector.
 *
 * A feature is a word (case folded, stemmed) or a pair of neighbouring words that carry meaning. Its weight grows with
 * the square root of how often it occurs, so a long text is not ruled by its commonest word. Every feature adds its
 * weight, with a sign, at two places chosen by its hash; two texts then have a scalar product near the weight of what
 * they share, because what collides cancels out on average.
 *
 * All sums are whole numbers and the only floating point is one square root and one division at the end, both
 * exactly defined by IEEE 754, so the vector is the same on every machine. */
#include "hash_embedder.h"

#include <math.h>
#include <stdint.h>

#include "utf8.h"

enum {
    WEIGHT_WORD = 100,     /* a word of up to four letters; longer ones are rarer and say more */
    WEIGHT_PER_LETTER = 8, /* for each letter more, */
    MAX_LETTERS = 8,       /* up to this many */
    WEIGHT_PAIR = 60,
    WEIGHT_STOP = 4, /* enough to tell texts of nothing else apart */
    MAX_STEM = 64,   /* bytes of a word that count */
};

/* ---- letters ---- */

static bool is_letter(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
    return cp >= 0xC0 && cp != 0xD7 && cp != 0xF7 && !(cp >= 0x2000 && cp <= 0x2BFF) &&
           !(cp >= 0x3000 && cp <= 0x303F) && !(cp >= 0xFF00 && cp <= 0xFF0F) && cp != 0xFEFF &&
           cp != UTF8_REPLACEMENT && !utf8_is_space(cp);
}

/* Our own table instead of towlower, which depends on the machine's locale. */
static uint32_t fold_case(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    if ((cp >= 0xC0 && cp <= 0xDE && cp != 0xD7) || (cp >= 0x391 && cp <= 0x3A9) ||
        (cp >= 0x410 && cp <= 0x42F))
        return cp + 32;
    if (cp >= 0x400 && cp <= 0x40F)
        return cp + 80;
    if ((cp >= 0x100 && cp <= 0x137) || (cp >= 0x14A && cp <= 0x177) ||
        (cp >= 0x460 && cp <= 0x52F))
        return cp | 1;
    if ((cp >= 0x139 && cp <= 0x148) || (cp >= 0x179 && cp <= 0x17E))
        return cp + (cp & 1);
    return cp;
}

/* Scripts without spaces: every character is a word, and pairs of them do the rest. */
static bool stands_alone(uint32_t cp)
{
    return (cp >= 0x2E80 && cp <= 0x9FFF) || (cp >= 0xF900 && cp <= 0xFAFF) ||
           (cp >= 0x20000 && cp <= 0x3FFFF);
}

/* ---- words ---- */

struct stem {
    char bytes[MAX_STEM];
    size_t len;
    bool is_ascii;
};

static bool ends_with(const struct stem *s, const char *suffix)
{
    size_t n = strlen(suffix);
    return s->len >= n && memcmp(s->bytes + s->len - n, suffix, n) == 0;
}

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

static bool has_vowel(const struct stem *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_vowel(s->bytes[i]))
            return true;
    }
    return false;
}

/* running -> runn -> run, but fall -> fall */
static void undouble(struct stem *s)
{
    char last = s->len >= 3 ? s->bytes[s->len - 1] : '\0';
    if (last == s->bytes[s->len - 2] && !is_vowel(last) && last != 'l' && last != 's' &&
        last != 'z')
        s->len--;
}

/* Light stemming of English: plurals, -ing, -ed and a final e go. It need not give words, only the same letters for
 * forms of the same word. */
static void stem_english(struct stem *s)
{
    if (ends_with(s, "ies") && s->len > 4)
        s->len -= 2; /* studies -> studi */
    else if (ends_with(s, "sses"))
        s->len -= 2;
    else if (ends_with(s, "s") && s->len > 3 && !ends_with(s, "ss") && !ends_with(s, "us"))
        s->len--;
    size_t suffix = ends_with(s, "ing") ? 3 : ends_with(s, "ed") && !ends_with(s, "eed") ? 2 : 0;
    if (suffix > 0 && s->len >= suffix + 3 && has_vowel(s, s->len - suffix)) {
        s->len -= suffix;
        undouble(s);
    }
    if (s->len > 3 && ends_with(s, "e"))
        s->len--;
    if (s->len > 3 && ends_with(s, "y"))
        s->bytes[s->len - 1] = 'i'; /* study -> studi */
}

static bool is_stop_word(const struct stem *s)
{
    /* sorted; as they are before stemming, apostrophes removed */
    static const char *const words[] = {
        "a",     "about",  "actually", "after",  "again",   "all",    "also",    "am",    "an",
        "and",   "any",    "are",      "as",     "at",      "be",     "because", "been",  "before",
        "being", "but",    "by",       "can",    "cant",    "could",  "did",     "didnt", "do",
        "does",  "doesnt", "doing",    "dont",   "for",     "from",   "get",     "go",    "going",
        "gonna", "got",    "had",      "has",    "have",    "he",     "her",     "here",  "him",
        "his",   "how",    "i",        "id",     "if",      "ill",    "im",      "in",    "into",
        "is",    "isnt",   "it",       "its",    "ive",     "just",   "kind",    "know",  "let",
        "lets",  "like",   "lot",      "many",   "me",      "more",   "most",    "much",  "my",
        "no",    "not",    "now",      "of",     "off",     "oh",     "okay",    "on",    "one",
        "only",  "or",     "other",    "our",    "out",     "over",   "really",  "right", "s",
        "said",  "say",    "she",      "should", "so",      "some",   "than",    "that",  "thats",
        "the",   "their",  "them",     "then",   "there",   "theres", "these",   "they",  "theyre",
        "thing", "things", "this",     "those",  "through", "to",     "too",     "uh",    "um",
        "up",    "us",     "very",     "want",   "was",     "we",     "well",    "were",  "what",
        "whats", "when",   "where",    "which",  "while",   "who",    "why",     "will",  "with",
        "would", "yeah",   "yes",      "you",    "your",    "youre",
    };
    size_t low = 0, high = ARRAY_LEN(words);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strncmp(words[mid], s->bytes, s->len);
        if (order == 0 && words[mid][s->len] == '\0')
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

struct reader {
    const char *p, *end;
};

/* The next word as it is written, case folded; apostrophes inside are left out (don't -> dont). */
static bool read_word(struct reader *r, struct stem *ret)
{
    *ret = (struct stem){.is_ascii = true};
    while (r->p < r->end) {
        uint32_t cp;
        size_t used = utf8_decode(r->p, (size_t)(r->end - r->p), &cp);
        bool alone = stands_alone(cp);
        if (ret->len > 0 && alone)
            return true;
        if (ret->len > 0 && !is_letter(cp) && cp != '\'' && cp != 0x2019)
            return true;
        r->p += used;
        if (!is_letter(cp))
            continue;
        char bytes[4];
        size_t n = utf8_encode(fold_case(cp), bytes);
        if (ret->len + n <= MAX_STEM) {
            memcpy(ret->bytes + ret->len, bytes, n);
            ret->len += n;
        }
        ret->is_ascii &= cp < 0x80;
        if (alone)
            return true;
    }
    return ret->len > 0;
}

/* ---- features, counted ---- */

struct feature {
    uint64_t hash; /* 0: the slot is free */
    uint32_t weight;
    uint32_t count;
};

struct features {
    struct feature *slots; /* open addressing; never more than half full */
    size_t mask, used;
};

/* FNV-1a, then a finaliser that spreads every bit over all of them. */
static uint64_t hash_bytes(uint64_t seed, const char *p, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)p[i]) * UINT64_C(0x100000001b3);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    h ^= h >> 31;
    return h != 0 ? h : 1;
}

static struct feature *slot_of(const struct features *f, uint64_t hash)
{
    size_t i = hash & f->mask;
    while (f->slots[i].hash != 0 && f->slots[i].hash != hash)
        i = (i + 1) & f->mask;
    return &f->slots[i];
}

static void features_init(struct features *f, size_t slots)
{
    *f = (struct features){.slots = calloc(slots, sizeof(*f->slots)), .mask = slots - 1};
    if (f->slots == NULL)
        abort();
}

static void grow(struct features *f)
{
    struct features bigger;
    features_init(&bigger, (f->mask + 1) * 2);
    for (size_t i = 0; i <= f->mask; i++) {
        if (f->slots[i].hash != 0)
            *slot_of(&bigger, f->slots[i].hash) = f->slots[i];
    }
    bigger.used = f->used;
    free(f->slots);
    *f = bigger;
}

static void count_feature(struct features *f, uint64_t hash, uint32_t weight)
{
    struct feature *slot = slot_of(f, hash);
    if (slot->hash == 0) {
        *slot = (struct feature){.hash = hash, .weight = weight};
        f->used++;
    }
    if (slot->count < UINT32_MAX)
        slot->count++;
    if (f->used * 2 > f->mask)
        grow(f);
}

static uint32_t word_weight(const struct stem *s)
{
    size_t extra = s->len > 4 ? s->len - 4 : 0;
    return WEIGHT_WORD + WEIGHT_PER_LETTER * (uint32_t)(extra < MAX_LETTERS ? extra : MAX_LETTERS);
}

/* Pairs are of neighbouring words once the stop words are left out: "keep the wool" has the pair keep, wool. */
static void count_features(struct features *f, const char *text, size_t len)
{
    struct reader r = {text, text + len};
    struct stem word;
    uint64_t before = 0;
    while (read_word(&r, &word)) {
        if (is_stop_word(&word)) {
            count_feature(f, hash_bytes(0, word.bytes, word.len), WEIGHT_STOP);
            continue;
        }
        if (word.is_ascii)
            stem_english(&word);
        uint64_t hash = hash_bytes(0, word.bytes, word.len);
        count_feature(f, hash, word_weight(&word));
        if (before != 0)
            count_feature(f, hash_bytes(before, word.bytes, word.len), WEIGHT_PAIR);
        before = hash;
    }
}

/* ---- the vector ---- */

/* The square root of n, rounded down. */
static uint64_t integer_root(uint64_t n)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    }
    return root;
}

static void add_feature(int64_t *sums, const struct feature *f)
{
    /* in 64ths, so that the root of a count is not a step function */
    int64_t amount = (int64_t)(f->weight * integer_root((uint64_t)f->count << 12));
    uint32_t halves[] = {(uint32_t)f->hash, (uint32_t)(f->hash >> 32)};
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        sums[(halves[i] >> 1) % EMBED_DIMENSIONS] += (halves[i] & 1) != 0 ? amount : -amount;
}

void hash_embed(const char *text, size_t len, float *out)
{
    struct features features;
    features_init(&features, 1024);
    count_features(&features, text, len);
    int64_t sums[EMBED_DIMENSIONS] = {0};
    for (size_t i = 0; i <= features.mask; i++) {
        if (features.slots[i].hash != 0)
            add_feature(sums, &features.slots[i]);
    }
    free(features.slots);
    uint64_t squares = 0;
    for (size_t i = 0; i < EMBED_DIMENSIONS; i++)
        squares += (uint64_t)(sums[i] * sums[i]);
    if (squares == 0) { /* no words: some direction, always the same */
        memset(out, 0, EMBED_DIMENSIONS * sizeof(*out));
        out[0] = 1;
        return;
    }
    double length = sqrt((double)squares);
    for (size_t i = 0; i < EMBED_DIMENSIONS; i++)
        out[i] = (float)((double)sums[i] / length);
}
