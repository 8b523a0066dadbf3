/* fuzz_captions.c: any bytes as a caption file, in every format; what is parsed is chunked and embedded as well. The first
 * byte chooses the format: its number, and automatic from 0x80 on ('0' is to be found out, '1' WebVTT, '2' SubRip,
 * '3' json3, '4' srv1, '5' srv3, '6' Loom). */
#include <string.h>

#include "caption.h"
#include "chunker.h"
#include "fuzz.h"
#include "hash_embedder.h"
#include "js.h"

static void check_chunks(const struct captions *captions)
{
    static const struct chunk_options small = {
        .min_words = 20, .max_words = 60, .target_words = 40, .overlap_words = 5};
    struct chunks chunks = {0};
    struct err e;
    float vector[EMBED_DIMENSIONS];
    require(chunk_captions(captions, &small, &chunks, &e));
    for (size_t i = 0; i < chunks.len; i++) {
        const struct chunk *it = &chunks.items[i];
        require_text(it->text);
        require(it->word_count <= 60 && it->start_seconds <= it->end_seconds);
        require(i == 0 || (it->word_count >= 20 && it[-1].end_seconds <= it->start_seconds));
        hash_embed(it->text, strlen(it->text), vector);
    }
    chunks_release(&chunks);
}

static void check_captions(const struct captions *captions)
{
    for (size_t i = 0; i < captions->len; i++) {
        const struct caption *it = &captions->items[i];
        require(it->start_ms >= 0 && it->end_ms >= it->start_ms);
        require(i == 0 || it[-1].start_ms <= it->start_ms);
        require(it->text[0] != '\0' && strchr(it->text, '\n') == NULL);
        require_text(it->text);
    }
}

/* What is stored between two steps comes back as it was. */
static void check_round_trip(const struct captions *captions)
{
    struct captions back = {0};
    struct err e;
    auto_json *stored = captions_to_json(captions);
    size_t len;
    auto_free char *text = js_dump(stored, &len);
    auto_json *read = js_parse_own(text, len, &e);
    require(read != NULL && captions_from_json(read, &back, &e) && back.len == captions->len);
    for (size_t i = 0; i < back.len; i++) {
        require(back.items[i].start_ms == captions->items[i].start_ms);
        require(back.items[i].end_ms == captions->items[i].end_ms);
        require(strcmp(back.items[i].text, captions->items[i].text) == 0);
    }
    captions_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct captions captions = {0};
    struct err e = {0};
    enum caption_format format = (enum caption_format)((data[0] & 0x0F) % (CAPTION_PHRASES + 1));
    if (captions_parse((const char *)data + 1, size - 1, format, data[0] >= 0x80, &captions, &e)) {
        check_captions(&captions);
        check_round_trip(&captions);
        check_chunks(&captions);
    } else {
        require_error(&e, FAILS_AS(ERR_INPUT));
        require(captions.len == 0);
    }
    captions_release(&captions);
    return 0;
}
