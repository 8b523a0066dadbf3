/* fuzz_openai.c: any answers of a service of speech recognition ('w' in the first line) or of embeddings (any other
 * number there says how many texts are sent); then answers (fuzz.h). */
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hash_embedder.h"
#include "transcripts.h"
#include "vector_text.h"

enum { MAX_TEXTS = 3 };

static void check_speech(void)
{
    static char path[64];
    struct transcript t = {0};
    struct err e = {0};
    if (path[0] == '\0') {
        int fd = memfd_create("audio", 0);
        require(fd >= 0 && write(fd, "ID3 sound", 9) == 9);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    bool ok =
        whisper_transcribe(answers_http(), answers_services(), path, "part.mp3", "en", &t, &e);
    check_outcome(ok, &t, &e);
}

/* Vectors are written as text for Postgres. */
static void check_vectors(size_t n)
{
    static const char *const texts[MAX_TEXTS] = {"one", "two", "three"};
    static float out[MAX_TEXTS * EMBED_DIMENSIONS];
    struct err e = {0};
    long tokens = 0;
    double cost = 0;
    char model[64];
    if (!embed_texts(answers_http(), answers_services(), texts, n, out, &tokens, &cost, model,
                     sizeof(model), &e)) {
        require_error(&e, FAILS_AS_ANSWER);
        return;
    }
    require(tokens >= 0 && cost >= 0 && isfinite(cost));
    for (size_t i = 0; i < n; i++) {
        auto_buf text = BUF_INIT(1 << 20);
        require(vector_add_text(&text, out + i * EMBED_DIMENSIONS, EMBED_DIMENSIONS));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, (const char *)data + size};
    auto_free char *line = input_line(&in);
    answers_begin(in);
    if (line[0] == 'w')
        check_speech();
    else
        check_vectors((size_t)(unsigned char)line[0] % MAX_TEXTS + 1);
    return 0;
}
