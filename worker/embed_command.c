#include "embed_command.h"

#include <stdio.h>

#include "err.h"
#include "hash_embedder.h"
#include "http.h"
#include "provider.h"

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
    for (int i = 0; i < EMBED_DIMENSIONS; i++)
        (void)printf("%c%.9g", i == 0 ? '[' : ',', (double)v[i]);
    (void)printf("]\n");
    return 0;
}
