#include "vectors.h"

#include <string.h>

#include "clock.h"
#include "hash_embedder.h"
#include "js.h"
#include "provider.h"
#include "vector_text.h"

enum { MAX_NUMBER_BYTES = 16 }; /* "-1.23456789e-38," */

const char *vectors_model(const struct services *svc)
{
    return strcmp(svc->embedder, "embedded") == 0 ? HASH_EMBEDDER_MODEL : svc->embed_model;
}

/* "[{"id":…,"vector":[…]},…]" */
static bool add_rows(struct buf *out, const PGresult *rows, const float *vectors)
{
    bool ok = buf_addc(out, '[');
    for (int i = 0; ok && i < PQntuples(rows); i++)
        ok = buf_addf(out, "%s{\"id\":\"%s\",\"vector\":", i > 0 ? "," : "",
                      db_text(rows, i, "id")) &&
             vector_add_text(out, vectors + (size_t)i * EMBED_DIMENSIONS, EMBED_DIMENSIONS) &&
             buf_addc(out, '}');
    return ok && buf_addc(out, ']');
}

static bool store(struct db *db, const struct vectors_batch *b, const PGresult *rows,
                  const float *vectors, const struct vectors_done *d, struct err *e)
{
    auto_buf json;
    buf_init(&json, (size_t)PQntuples(rows) * (EMBED_DIMENSIONS * MAX_NUMBER_BYTES + 128) + 16);
    if (!add_rows(&json, rows, vectors))
        return err_set(e, ERR_RETRY, "%s gave a vector that holds something other than numbers",
                       d->model);
    char first[16];
    (void)snprintf(first, sizeof(first), "%d", b->first);
    auto_json *account = js_pack("{s:s, s:i, s:I, s:f, s:I, s:s}", "run", b->run_id, "chunks",
                                 d->chunks, "tokens", (json_int_t)d->tokens, "cost_usd",
                                 d->cost_usd, "took_ms", (json_int_t)d->took_ms, "model", d->model);
    auto_free char *text = js_dump(account, NULL);
    return DB_EXEC(db, e, "set_vectors", json.data, d->model, first, text);
}

static bool embed(struct db *db, struct http *http, const struct services *svc,
                  const struct vectors_batch *b, const PGresult *rows, struct vectors_done *ret,
                  struct err *e)
{
    struct vectors_done d = {.chunks = PQntuples(rows)};
    size_t n = (size_t)d.chunks;
    auto_free const char **texts = calloc(n, sizeof(*texts));
    auto_free float *vectors = calloc(n * EMBED_DIMENSIONS, sizeof(*vectors));
    if (texts == NULL || vectors == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        texts[i] = db_text(rows, (int)i, "chunk_text");
    int64_t began = mono_ms();
    if (!embed_texts(http, svc, texts, n, vectors, &d.tokens, &d.cost_usd, d.model, sizeof(d.model),
                     e))
        return false;
    d.took_ms = mono_ms() - began;
    if (!store(db, b, rows, vectors, &d, e))
        return false;
    *ret = d;
    return true;
}

static bool find_account(struct db *db, const struct vectors_batch *b, const char *first,
                         struct vectors_done *ret, struct err *e)
{
    struct vectors_done d = {.chunks = 0};
    auto_result *r = DB_QUERY(db, e, "account_of_batch", b->video_id, first, b->run_id);
    if (r == NULL)
        return false;
    const char *text = PQntuples(r) > 0 ? db_text(r, 0, "account") : NULL;
    auto_json *account = text != NULL ? js_parse(text, strlen(text), e) : json_object();
    if (account == NULL)
        return false;
    const char *model = js_str(account, "model");
    d.chunks = (int)js_int(account, "chunks", 0);
    d.tokens = (long)js_int(account, "tokens", 0);
    d.cost_usd = js_num(account, "cost_usd", 0);
    d.took_ms = js_int(account, "took_ms", 0);
    (void)snprintf(d.model, sizeof(d.model), "%s", model != NULL ? model : "");
    *ret = d;
    return true;
}

bool vectors_fill(struct db *db, struct http *http, const struct services *svc,
                  const struct vectors_batch *b, struct vectors_done *ret, struct err *e)
{
    char first[16], count[16];
    (void)snprintf(first, sizeof(first), "%d", b->first);
    (void)snprintf(count, sizeof(count), "%d", b->count);
    auto_result *rows = DB_QUERY(db, e, "chunks_without_vectors", b->video_id, first, count);
    if (rows == NULL)
        return false;
    if (PQntuples(rows) == 0)
        return find_account(db, b, first, ret, e);
    return embed(db, http, svc, b, rows, ret, e);
}
