/* fuzz_chunker.c: any bytes as a text to be cut. Against rules that are simple enough to be read: which words there are,
 * that none is lost or comes twice, and the limits. The first byte chooses the limits. */
#include <string.h>

#include "captions_normalise.h"
#include "chunker.h"
#include "fuzz.h"
#include "utf8.h"
#include "words.h"

/* The white space of the text taken out, as the chunks' own words without it must be. */
static void put_visible(struct buf *out, const char *p, size_t len)
{
    uint32_t cp;
    for (size_t i = 0, used; i < len; i += used) {
        used = utf8_decode(p + i, len - i, &cp);
        if (!utf8_is_space(cp))
            text_put(out, p + i, used);
    }
}

/* The chunk's text behind its overlap, which has the words of the chunk before. */
static const char *own_text(const struct chunk *c)
{
    struct word_scan scan = {.p = c->text, .end = c->text + strlen(c->text)};
    struct word word;
    for (int i = 0; i < c->overlap_word_count; i++)
        require(word_next(&scan, &word));
    return scan.p;
}

static void check_chunk(const struct chunk *c, const struct chunk_options *o, bool is_first,
                        bool is_only)
{
    require_text(c->text);
    require(c->word_count <= o->max_words);
    require(is_only || c->word_count >= o->min_words);
    require(c->overlap_word_count == (is_first ? 0 : o->overlap_words));
    require(c->sentence_count > 0 && c->start_seconds <= c->end_seconds);
    require(c->text[0] != ' ' && c->text[strlen(c->text) - 1] != ' ');
}

static void check_cover(const struct chunks *chunks, const char *text, size_t len)
{
    auto_buf expected = BUF_INIT(SIZE_MAX / 2);
    auto_buf found = BUF_INIT(SIZE_MAX / 2);
    put_visible(&expected, text, len);
    for (size_t i = 0; i < chunks->len; i++) {
        const char *own = own_text(&chunks->items[i]);
        put_visible(&found, own, strlen(own));
    }
    require(found.len == expected.len && memcmp(found.data, expected.data, found.len) == 0);
}

/* Validity and decoding, one by one, say the same. */
static void check_utf8(const char *p, size_t len)
{
    bool valid = true;
    char again[4];
    uint32_t cp;
    for (size_t i = 0, used; i < len; i += used) {
        used = utf8_decode(p + i, len - i, &cp);
        require(used >= 1 && used <= len - i && cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF));
        size_t n = utf8_encode(cp, again);
        valid = valid && n == used && memcmp(again, p + i, n) == 0;
    }
    require(utf8_is_valid(p, len) == valid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chunk_options limits[] = {
        {.min_words = 20, .max_words = 60, .target_words = 40, .overlap_words = 5},
        {.min_words = 4, .max_words = 16, .target_words = 9, .overlap_words = 2},
        {.min_words = 50, .max_words = 100, .target_words = 75, .overlap_words = 10},
    };
    if (size == 0)
        return 0;
    check_utf8((const char *)data + 1, size - 1);
    const struct chunk_options *o = &limits[data[0] % ARRAY_LEN(limits)];
    struct input in = {(const char *)data + 1, (const char *)data + size};
    auto_free char *text = input_text(&in);
    auto_buf valid = BUF_INIT(SIZE_MAX / 2);
    text_put_valid(&valid, text, strlen(text));
    struct chunks chunks = {0};
    struct err e;
    require(chunk_text(text, 3600, o, &chunks, &e));
    require((chunks.len > 0) == (count_words(text) > 0));
    for (size_t i = 0; i < chunks.len; i++) {
        check_chunk(&chunks.items[i], o, i == 0, chunks.len == 1);
        require(i == 0 || chunks.items[i - 1].end_seconds <= chunks.items[i].start_seconds);
    }
    check_cover(&chunks, valid.data, valid.len);
    chunks_release(&chunks);
    return 0;
}
