#include "embed_command.h"

#include <stdio.h>

#include "err.h"
#include "hash_embedder.h"
#include "http.h"
#include "provider.h"
#include "vector_text.h"

int embed_command(const struct conf *c, const char *text)
{
    static float v[EMBED_DIMENSIONS];
    struct err e;
    long tokens;
    double cost;
    char model[128];
    struct http *http = http_new();
    bool ok =
        embed_texts(http, &c->services, &text, 1, v, &tokens, &cost, model, sizeof(model), &e);
    http_free(http);
    if (!ok) {
        (void)fprintf(stderr, "chronos-worker: %s\n", e.msg);
        return 1;
    }
    auto_buf out = BUF_INIT((size_t)EMBED_DIMENSIONS * 24);
    if (!vector_add_text(&out, v, EMBED_DIMENSIONS)) {
        (void)fprintf(stderr, "chronos-worker: the vector cannot be written\n");
        return 1;
    }
    (void)puts(out.data);
    return 0;
}
