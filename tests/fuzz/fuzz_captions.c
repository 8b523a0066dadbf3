/* fuzz_captions.c: any bytes as a caption file, in every format; what is parsed is chunked and embedded as well.
 *
 *   clang -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -Iengine -Iworker/text \
 *       tests/fuzz/fuzz_captions.c engine/err.c engine/buf.c engine/js.c $TEXT -ljansson -lm -o fuzz_captions
 *
 * where TEXT lists the C files of worker/text. The first byte chooses the format. */
#include <stdint.h>

#include "caption.h"
#include "chunker.h"
#include "hash_embedder.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

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
        require(it->text[0] != '\0' && utf8_is_valid(it->text, strlen(it->text)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct captions captions = {0};
    struct err e = {0};
    enum caption_format format = (enum caption_format)((data[0] & 0x7F) % (CAPTION_PHRASES + 1));
    if (captions_parse((const char *)data + 1, size - 1, format, data[0] >= 0x80, &captions, &e)) {
        check_captions(&captions);
        check_chunks(&captions);
    } else {
        require(e.code == ERR_INPUT && captions.len == 0);
    }
    captions_release(&captions);
    return 0;
}
