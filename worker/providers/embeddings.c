/* embeddings.c: texts to vectors, in batches, through OpenAI's interface or a server that imitates it.
 *
 * Vectors are asked for as base64 of little-endian floats, a quarter of the bytes of decimal text; servers that do
 * not know the option answer numbers, and both are read. A vector goes where its index says, never where it stands. */
#include "provider.h"

#include <math.h>

#include "answer.h"
#include "hash_embedder.h"
#include "js.h"
#include "openai.h"
#include "usd.h"

enum {
    TIMEOUT_MS = 5 * 60 * 1000, /* a local server may load its model first; OpenAI takes a second */
    MAX_ANSWER_BYTES = 64 << 20,
    MAX_BATCH = 2048,
    URL_SIZE = 2048,
    VECTOR_BYTES = EMBED_DIMENSIONS * 4,
};

static const char service[] = "embeddings";

/* ---- one vector ---- */

static int base64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bytes decoded into out, which has room for VECTOR_BYTES; -1 for what is not base64; VECTOR_BYTES + 1 when there
 * is more. */
static long decode_base64(const char *s, size_t n, unsigned char *out)
{
    uint32_t bits = 0;
    int have = 0;
    long len = 0;
    while (n > 0 && s[n - 1] == '=')
        n--;
    for (size_t i = 0; i < n; i++) {
        int v = base64_value((unsigned char)s[i]);
        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        if (len == VECTOR_BYTES)
            return VECTOR_BYTES + 1;
        out[len++] = (unsigned char)(bits >> have);
    }
    return len;
}

static bool wrong_dimensions(size_t got, struct err *e)
{
    return err_set(e, ERR_STOP_PROVIDER,
                   "%s: the model gives vectors of %zu dimensions, %d are needed", service, got,
                   EMBED_DIMENSIONS);
}

static bool vector_from_base64(const json_t *v, float *out, struct err *e)
{
    unsigned char bytes[VECTOR_BYTES];
    size_t n = json_string_length(v);
    long len = decode_base64(json_string_value(v), n, bytes);
    if (len < 0 || (len <= VECTOR_BYTES && len % 4 != 0))
        return err_set(e, ERR_RETRY, "%s: unreadable answer: broken base64", service);
    if (len != VECTOR_BYTES)
        return wrong_dimensions(n / 4 * 3 / 4, e);
    for (size_t i = 0; i < EMBED_DIMENSIONS; i++) {
        const unsigned char *b = bytes + i * 4;
        uint32_t u =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        memcpy(&out[i], &u, sizeof(u));
    }
    return true;
}

static bool vector_from_numbers(const json_t *v, float *out, struct err *e)
{
    const json_t *x;
    size_t i;
    if (json_array_size(v) != EMBED_DIMENSIONS)
        return wrong_dimensions(json_array_size(v), e);
    json_array_foreach (v, i, x) {
        if (!json_is_number(x))
            return err_set(e, ERR_RETRY, "%s: unreadable answer: a vector holds no number",
                           service);
        out[i] = (float)json_number_value(x);
    }
    return true;
}

static bool read_vector(const json_t *v, float *out, struct err *e)
{
    bool ok = json_is_string(v) ? vector_from_base64(v, out, e)
              : json_is_array(v)
                  ? vector_from_numbers(v, out, e)
                  : err_set(e, ERR_RETRY, "%s: unreadable answer: no vector", service);
    for (size_t i = 0; ok && i < EMBED_DIMENSIONS; i++)
        if (!isfinite(out[i]))
            return err_set(e, ERR_RETRY, "%s: unreadable answer: a vector holds no number",
                           service);
    return ok;
}

/* ---- one request ---- */

static bool read_vectors(const json_t *answer, size_t n, float *out, struct err *e)
{
    const json_t *data = js_get(answer, "data"), *item;
    bool seen[MAX_BATCH] = {0};
    size_t i;
    if (json_array_size(data) != n)
        return err_set(e, ERR_RETRY, "%s: %zu vectors came for %zu texts", service,
                       json_array_size(data), n);
    json_array_foreach (data, i, item) {
        long long index = js_int(item, "index", -1);
        if (index < 0 || index >= (long long)n || seen[index])
            return err_set(e, ERR_RETRY,
                           "%s: unreadable answer: the order of the vectors is unclear", service);
        seen[index] = true;
        if (!read_vector(js_get(item, "embedding"), out + (size_t)index * EMBED_DIMENSIONS, e))
            return false;
    }
    return true;
}

/* Four bytes a token is right for English; only used when the server does not count. */
static long estimate_tokens(const char *const *texts, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(texts[i]);
    return (long)((bytes + 3) / 4);
}

static double cost_of(const struct services *svc, long tokens)
{
    return usd_round((double)tokens / 1e6 * svc->embed_usd_per_million_tokens);
}

static bool send_batch(struct http *h, const struct services *svc, const char *const *texts,
                       size_t n, struct http_response *ret, struct err *e)
{
    char url[URL_SIZE], bearer[BEARER_SIZE];
    if (!http_join(url, sizeof(url), svc->embed_url, "embeddings"))
        return err_set(e, ERR_STOP_PROVIDER, "%s: the configured URL is too long", service);
    if (!openai_bearer(svc->embed_key, bearer, service, e))
        return false;
    auto_json *input = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(input, json_string(texts[i])) != 0)
            return err_set(e, ERR_BUG, "%s: a text is not UTF-8", service);
    auto_json *body = js_pack("{s:s s:O s:s}", "model", svc->embed_model, "input", input,
                              "encoding_format", "base64");
    size_t len = 0;
    auto_free char *text = js_dump(body, &len);
    if (text == NULL)
        return err_set(e, ERR_STOP_PROVIDER, "%s: the configured model is not valid", service);
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {*svc->embed_key != '\0' ? "Authorization" : NULL, bearer},
        {0},
    };
    struct http_request req = {
        .method = "POST",
        .url = url,
        .body = text,
        .body_len = len,
        .headers = headers,
        .max_bytes = MAX_ANSWER_BYTES,
        .timeout_ms = TIMEOUT_MS,
        .service = service,
        .account = svc->embed_key,
    };
    bool ok = http_send(h, &req, ret, e);
    if (!ok)
        (void)err_wrap(e, "%s", service);
    return ok;
}

static bool embed_batch(struct http *h, const struct services *svc, const char *const *texts,
                        size_t n, float *out, long *tokens, struct err *e)
{
    struct http_response r;
    if (!send_batch(h, svc, texts, n, &r, e))
        return false;
    if (!answer_is_ok(&r)) {
        (void)openai_err(&r, service, e);
        http_response_release(&r);
        return false;
    }
    auto_json *answer = answer_object(&r, service, e);
    http_response_release(&r);
    if (answer == NULL)
        return false;
    long long used = js_int(answer, "usage.total_tokens", -1);
    long these = used >= 0 ? (long)used : estimate_tokens(texts, n);
    http_charge(h, cost_of(svc, these)); /* also when the vectors are of no use */
    if (!read_vectors(answer, n, out, e))
        return false;
    *tokens += these;
    return true;
}

/* Halves what is too big for one request, down to a single text. */
static bool embed_range(struct http *h, const struct services *svc, const char *const *texts,
                        size_t n, float *out, long *tokens, struct err *e)
{
    if (embed_batch(h, svc, texts, n, out, tokens, e))
        return true;
    if (e->code != ERR_SPLIT)
        return false;
    if (n == 1) {
        e->code = ERR_PERMANENT;
        return false;
    }
    size_t half = n / 2;
    return embed_range(h, svc, texts, half, out, tokens, e) &&
           embed_range(h, svc, texts + half, n - half, out + half * EMBED_DIMENSIONS, tokens, e);
}

/* ---- all texts ---- */

static bool check_texts(const char *const *texts, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (texts[i][strspn(texts[i], " \t\r\n\f\v")] == '\0')
            return err_set(e, ERR_PERMANENT, "%s: text %zu is empty", service, i + 1);
    return true;
}

static void embed_here(const char *const *texts, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        hash_embed(texts[i], strlen(texts[i]), out + i * EMBED_DIMENSIONS);
}

bool embed_texts(struct http *h, const struct services *svc, const char *const *texts, size_t n,
                 float *out, long *ret_tokens, double *ret_cost_usd, char *ret_model,
                 size_t model_size, struct err *e)
{
    bool embedded = strcmp(svc->embedder, "embedded") == 0;
    long tokens = 0;
    if (embedded) {
        embed_here(texts, n, out);
    } else {
        size_t batch = svc->embed_batch > 0 && svc->embed_batch < MAX_BATCH
                           ? (size_t)svc->embed_batch
                           : MAX_BATCH;
        if (!check_texts(texts, n, e))
            return false;
        for (size_t i = 0; i < n; i += batch) {
            size_t some = n - i < batch ? n - i : batch;
            if (!embed_range(h, svc, texts + i, some, out + i * EMBED_DIMENSIONS, &tokens, e))
                return false;
        }
    }
    *ret_tokens = tokens;
    *ret_cost_usd = cost_of(svc, tokens);
    (void)snprintf(ret_model, model_size, "%s", embedded ? HASH_EMBEDDER_MODEL : svc->embed_model);
    return true;
}
