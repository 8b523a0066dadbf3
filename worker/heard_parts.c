#include "heard_parts.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "js.h"

static bool add_file(EVP_MD_CTX *ctx, const char *path)
{
    char bytes[64 * 1024];
    FILE *f = fopen(path, "re");
    bool ok = f != NULL;
    for (size_t n; ok && (n = fread(bytes, 1, sizeof(bytes), f)) > 0;)
        ok = EVP_DigestUpdate(ctx, bytes, n) == 1;
    ok = ok && ferror(f) == 0;
    if (f != NULL)
        (void)fclose(f);
    return ok;
}

bool heard_key(const struct services *svc, const char *path, const char *language,
               char key[HEARD_KEY_SIZE], struct err *e)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const char *asked = language != NULL ? language : "";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    /* with their NULs: what ends one begins the next */
    bool ok =
        ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
        EVP_DigestUpdate(ctx, svc->transcribe_model, strlen(svc->transcribe_model) + 1) == 1 &&
        EVP_DigestUpdate(ctx, asked, strlen(asked) + 1) == 1 && add_file(ctx, path) &&
        EVP_DigestFinal_ex(ctx, digest, &n) == 1;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_set(e, ERR_UNAVAILABLE, "worker: cannot read a part of the sound");
    for (unsigned i = 0; i < n && i * 2 + 2 < HEARD_KEY_SIZE; i++)
        (void)snprintf(key + i * 2, 3, "%02x", digest[i]);
    return true;
}

bool heard_find(const struct heard *h, const char *key, bool *ret_found, struct transcript *ret,
                struct err *e)
{
    auto_result *r = DB_QUERY(h->db, e, "heard_part", h->video_id, key, h->run_id);
    if (r == NULL)
        return false;
    *ret_found = PQntuples(r) > 0;
    if (!*ret_found)
        return true;
    const char *segments = db_text(r, 0, "segments"), *language = db_text(r, 0, "language");
    auto_json *json = js_parse_own(segments, strlen(segments), e);
    struct transcript t = {.method = "whisper"};
    if (json == NULL || !captions_from_json(json, &t.captions, e))
        return false;
    t.text = captions_text(&t.captions);
    t.duration_seconds = strtod(db_text(r, 0, "duration_seconds"), NULL);
    t.cost_usd = strtod(db_text(r, 0, "cost_usd"), NULL);
    (void)snprintf(t.language, sizeof(t.language), "%s", language != NULL ? language : "");
    *ret = t;
    return true;
}

/* It was paid for, perhaps after minutes in which the connection was idle: that it is gone is no reason to pay again. */
bool heard_keep(const struct heard *h, const char *key, const struct transcript *part,
                struct err *e)
{
    char duration[32], cost[32];
    (void)snprintf(duration, sizeof(duration), "%.17g", part->duration_seconds);
    (void)snprintf(cost, sizeof(cost), "%.17g", part->cost_usd);
    auto_json *json = captions_to_json(&part->captions);
    auto_free char *segments = js_dump(json, NULL);
    bool kept = false;
    for (int tries = 0; !kept && tries < 2; tries++) {
        kept = DB_EXEC(h->db, e, "keep_heard_part", h->video_id, key, h->run_id, segments,
                       part->language, duration, cost);
        if (!kept && e->code != ERR_UNAVAILABLE)
            break;
    }
    return kept;
}
