/* chunker.c: from words to chunks.
 *
 * The text becomes one array of words, and of the spans of time that they share. Boundaries are then set from the
 * front: the words left are shared out evenly over as many chunks as come nearest to the target, and the end of the
 * next chunk is the sentence end nearest to its share, among the places that keep this chunk within the limits and
 * leave a rest that can be cut within them too. Where no sentence ends there, it is the share itself. So there is no
 * short last piece to be mended, and long texts do not drift. Every chunk looks at no more words than it may hold: the
 * whole is one pass. */
#include "chunker.h"

#include <stdint.h>

#include "captions_normalise.h"
#include "utf8.h"
#include "words.h"

enum { MAX_WORDS = 2000000 }; /* more than a week of speech without a pause */

const struct chunk_options chunk_defaults = {
    .min_words = 500,
    .max_words = 1000,
    .target_words = 750,
    .overlap_words = 100,
};

/* A stretch of the text with words, which share its time equally. */
struct span {
    size_t first, words;
    double start, end; /* seconds */
};

struct transcript_words {
    struct word *items;
    size_t len, cap;
    struct span *spans;
    size_t span_len, span_cap;
};

/* Room for one more in an array that grows by doubling. */
static void *grow(void *items, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return items;
    *cap = *cap > 0 ? *cap * 2 : 1024;
    items = reallocarray(items, *cap, size);
    if (items == NULL)
        abort(); /* bounded by MAX_WORDS */
    return items;
}

static bool add_span(struct transcript_words *t, const char *text, size_t len, double start,
                     double end, struct err *e)
{
    struct word_scan scan = {.p = text, .end = text + len};
    struct word word;
    struct span span = {.first = t->len, .start = start, .end = end};
    while (word_next(&scan, &word)) {
        if (t->len == MAX_WORDS)
            return err_set(e, ERR_INPUT, "the transcript has more than %d words", MAX_WORDS);
        t->items = grow(t->items, t->len, &t->cap, sizeof(*t->items));
        t->items[t->len++] = word;
    }
    span.words = t->len - span.first;
    if (span.words > 0) {
        t->spans = grow(t->spans, t->span_len, &t->span_cap, sizeof(*t->spans));
        t->spans[t->span_len++] = span;
    }
    return true;
}

static void words_release(struct transcript_words *t)
{
    free(t->items);
    free(t->spans);
}

static const struct span *span_of(const struct transcript_words *t, size_t word)
{
    size_t low = 0, high = t->span_len;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (t->spans[mid].first <= word)
            low = mid;
        else
            high = mid;
    }
    return &t->spans[low];
}

/* The time at which so many words of a span have passed; rounding never takes it over the end. */
static double time_after(const struct span *s, size_t words)
{
    double at = s->start + (s->end - s->start) * ((double)words / (double)s->words);
    return at < s->end ? at : s->end;
}

static double start_of(const struct transcript_words *t, size_t word)
{
    const struct span *s = span_of(t, word);
    return time_after(s, word - s->first);
}

static double end_of(const struct transcript_words *t, size_t word)
{
    const struct span *s = span_of(t, word);
    return time_after(s, word - s->first + 1);
}

/* ---- where to cut ---- */

/* The limits of a chunk's own words. The first chunk has no overlap and may have that many more. */
struct limits {
    size_t least, most, target, overlap;
};

static size_t ceil_div(size_t a, size_t b)
{
    return a / b + (a % b != 0 ? 1 : 0);
}

/* How many chunks to make of `left` words: as near to the target as the limits allow. When they allow nothing, as
 * with 450 words or with limits that are close to each other, the upper one is kept. */
static size_t piece_count(const struct limits *l, size_t left, bool is_first)
{
    size_t bonus = is_first ? l->overlap : 0;
    size_t rest = left > bonus ? left - bonus : 0;
    size_t fewest = ceil_div(rest, l->most), most = rest / l->least;
    size_t count = (left + l->target / 2) / l->target;
    if (count > most)
        count = most;
    if (count < fewest)
        count = fewest;
    return count > 0 ? count : 1;
}

/* Whether words that follow the first chunk can be cut within the limits. */
static bool can_be_cut(const struct limits *l, size_t words)
{
    return ceil_div(words, l->most) * l->least <= words;
}

/* The number of own words of the chunk that begins at `from`. */
static size_t next_chunk(const struct limits *l, const struct transcript_words *t, size_t from)
{
    bool is_first = from == 0;
    size_t left = t->len - from, bonus = is_first ? l->overlap : 0;
    size_t pieces = piece_count(l, left, is_first);
    if (pieces == 1)
        return left;
    size_t least = l->least + bonus, most = l->most + bonus;
    size_t share = (left + pieces / 2) / pieces, otherwise = 0;
    if (share > most)
        share = most;
    for (size_t distance = 0; distance <= most; distance++) {
        /* the nearer one first, the later one of two */
        size_t candidates[] = {share + distance, share > distance ? share - distance : 0};
        for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
            size_t n = candidates[i];
            if (n < least || n > most || n >= left)
                continue;
            bool ends_sentence = t->items[from + n - 1].ends_sentence;
            if ((ends_sentence || otherwise == 0) && can_be_cut(l, left - n)) {
                if (ends_sentence)
                    return n;
                otherwise = n;
            }
        }
    }
    return otherwise > 0 ? otherwise : share;
}

/* ---- chunks ---- */

/* Whether a word stands in its text as it is to stand behind what ends at `end`. */
static bool follows(const char *end, const struct word *w)
{
    return w->is_glued ? w->p == end : w->p == end + 1 && *end == ' ';
}

/* Whole stretches are copied at once where the text is in order already. (What `end` points at can be read: texts end
 * with a NUL.) */
static char *join(const struct word *words, size_t n)
{
    struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < n;) {
        const struct word *first = &words[i];
        const char *end = first->p + first->len;
        text_put(&b, " ", i > 0 && !first->is_glued ? 1 : 0);
        for (i++; i < n && follows(end, &words[i]); i++)
            end = words[i].p + words[i].len;
        text_put(&b, first->p, (size_t)(end - first->p));
    }
    return buf_take(&b);
}

static int count_sentences(const struct word *words, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        count += words[i].ends_sentence || i + 1 == n ? 1 : 0;
    return count;
}

static void append_chunk(struct chunks *chunks, const struct transcript_words *t, size_t from,
                         size_t n, size_t overlap)
{
    struct chunk *items = reallocarray(chunks->items, chunks->len + 1, sizeof(*items));
    if (items == NULL)
        abort();
    chunks->items = items;
    items[chunks->len++] = (struct chunk){
        .text = join(&t->items[from - overlap], n + overlap),
        .start_seconds = start_of(t, from),
        .end_seconds = end_of(t, from + n - 1),
        .word_count = (int)(n + overlap),
        .overlap_word_count = (int)overlap,
        .sentence_count = count_sentences(&t->items[from], n),
    };
}

static void cut(const struct limits *l, const struct transcript_words *t, struct chunks *ret)
{
    struct chunks chunks = {0};
    size_t previous = 0;
    for (size_t from = 0, n; from < t->len; from += n, previous = n) {
        n = next_chunk(l, t, from);
        append_chunk(&chunks, t, from, n, previous < l->overlap ? previous : l->overlap);
    }
    *ret = chunks;
}

static bool read_options(const struct chunk_options *o, struct limits *ret, struct err *e)
{
    if (o == NULL)
        o = &chunk_defaults;
    if (o->overlap_words < 0 || o->min_words <= 0 || o->max_words < o->min_words ||
        o->max_words <= o->overlap_words || o->target_words <= 0)
        return err_set(
            e, ERR_BUG,
            "chunks of %d to %d words with an overlap of %d, aiming at %d, cannot be made",
            o->min_words, o->max_words, o->overlap_words, o->target_words);
    size_t overlap = (size_t)o->overlap_words, most = (size_t)o->max_words - overlap;
    size_t least = o->min_words > o->overlap_words ? (size_t)(o->min_words - o->overlap_words) : 1;
    if (least < overlap) /* or the next chunk could not take its whole overlap from this one */
        least = overlap;
    *ret = (struct limits){
        .least = least < most ? least : most,
        .most = most,
        .target = (size_t)o->target_words,
        .overlap = overlap,
    };
    return true;
}

/* ---- sources ---- */

/* Captions may overlap when two people speak. Their words are read one caption after the other, so a caption's time
 * is taken to end where the next begins; chunk times are then in order whatever the captions are. */
static bool add_captions(struct transcript_words *t, const struct captions *c, struct err *e)
{
    int64_t clock_ms = 0;
    for (size_t i = 0; i < c->len; i++) {
        const struct caption *it = &c->items[i];
        int64_t start = it->start_ms > clock_ms ? it->start_ms : clock_ms, end = it->end_ms;
        if (i + 1 < c->len && it[1].start_ms < end)
            end = it[1].start_ms;
        clock_ms = end > start ? end : start;
        if (!add_span(t, it->text, strlen(it->text), (double)start / 1000, (double)clock_ms / 1000,
                      e))
            return false;
    }
    return true;
}

bool chunk_captions(const struct captions *c, const struct chunk_options *o, struct chunks *ret,
                    struct err *e)
{
    struct limits limits;
    struct transcript_words words = {0};
    if (!read_options(o, &limits, e))
        return false;
    bool ok = add_captions(&words, c, e);
    if (ok)
        cut(&limits, &words, ret);
    words_release(&words);
    return ok;
}

bool chunk_text(const char *text, double duration_seconds, const struct chunk_options *o,
                struct chunks *ret, struct err *e)
{
    struct limits limits;
    struct transcript_words words = {0};
    if (!read_options(o, &limits, e))
        return false;
    if (!(duration_seconds > 0) || duration_seconds > 1e9) /* NaN too: times unknown */
        duration_seconds = 0;
    auto_buf valid = BUF_INIT(SIZE_MAX / 2);
    text_put_valid(&valid, text, strlen(text));
    bool ok = add_span(&words, valid.data, valid.len, 0, duration_seconds, e);
    if (ok)
        cut(&limits, &words, ret);
    words_release(&words);
    return ok;
}

void chunks_release(struct chunks *c)
{
    for (size_t i = 0; i < c->len; i++)
        free(c->items[i].text);
    free(c->items);
    *c = (struct chunks){0};
}

size_t count_words(const char *text)
{
    struct word_scan scan = {.p = text, .end = text + strlen(text)};
    struct word word;
    size_t n = 0;
    while (word_next(&scan, &word))
        n++;
    return n;
}
