#include "vectors.h"

#include <math.h>
#include <string.h>

#include "clock.h"
#include "hash_embedder.h"
#include "provider.h"

enum { MAX_NUMBER_BYTES = 16 }; /* "-1.23456789e-38," */

const char *vectors_model(const struct services *svc)
{
    return strcmp(svc->embedder, "embedded") == 0 ? HASH_EMBEDDER_MODEL : svc->embed_model;
}

bool vector_add_text(struct buf *out, const float *v, size_t n)
{
    bool ok = buf_addc(out, '[');
    for (size_t i = 0; ok && i < n; i++)
        ok = isfinite(v[i]) && buf_addf(out, i == 0 ? "%.9g" : ",%.9g", (double)v[i]);
    return ok && buf_addc(out, ']');
}

static bool store(struct db *db, const PGresult *rows, const float *vectors, const char *model,
                  struct err *e)
{
    int n = PQntuples(rows);
    auto_buf json;
    buf_init(&json, (size_t)n * (EMBED_DIMENSIONS * MAX_NUMBER_BYTES + 128) + 16);
    bool ok = buf_addc(&json, '[');
    for (int i = 0; ok && i < n; i++)
        ok = buf_addf(&json, "%s{\"id\":\"%s\",\"vector\":", i > 0 ? "," : "",
                      db_text(rows, i, "id")) &&
             vector_add_text(&json, vectors + (size_t)i * EMBED_DIMENSIONS, EMBED_DIMENSIONS) &&
             buf_addc(&json, '}');
    if (!ok || !buf_addc(&json, ']'))
        return err_set(e, ERR_RETRY, "%s gave a vector that holds something other than numbers",
                       model);
    return DB_EXEC(db, e, "set_vectors", json.data, model);
}

static bool embed(struct db *db, struct http *http, const struct services *svc,
                  const PGresult *rows, struct vectors_done *d, struct err *e)
{
    size_t n = (size_t)d->chunks;
    auto_free const char **texts = calloc(n, sizeof(*texts));
    auto_free float *vectors = calloc(n * EMBED_DIMENSIONS, sizeof(*vectors));
    if (texts == NULL || vectors == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        texts[i] = db_text(rows, (int)i, "chunk_text");
    return embed_texts(http, svc, texts, n, vectors, &d->tokens, &d->cost_usd, d->model,
                       sizeof(d->model), e) &&
           store(db, rows, vectors, d->model, e);
}

bool vectors_fill(struct db *db, struct http *http, const struct services *svc,
                  const char *video_id, int first, int count, struct vectors_done *ret,
                  struct err *e)
{
    int64_t began = mono_ms();
    char first_text[16], count_text[16];
    (void)snprintf(first_text, sizeof(first_text), "%d", first);
    (void)snprintf(count_text, sizeof(count_text), "%d", count);
    auto_result *rows = DB_QUERY(db, e, "chunks_without_vectors", video_id, first_text, count_text);
    if (rows == NULL)
        return false;
    struct vectors_done d = {.chunks = PQntuples(rows)};
    if (d.chunks > 0 && !embed(db, http, svc, rows, &d, e))
        return false;
    d.took_ms = mono_ms() - began;
    *ret = d;
    return true;
}
