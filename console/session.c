#include "session.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "console.h"
#include "digest.h"

#define COOKIE "chronos_session"

enum { HEX = 2 * KEY_HASH_SIZE };

void session_secret(const char *setting, uint8_t out[SESSION_SECRET_SIZE])
{
    if (*setting != '\0') {
        digest(setting, strlen(setting), out);
    } else if (getrandom(out, SESSION_SECRET_SIZE, 0) != SESSION_SECRET_SIZE) {
        abort(); /* without it anybody could sign */
    }
}

static void sign(const struct console *c, const char *text, size_t len, uint8_t out[DIGEST_SIZE])
{
    struct hmac_sha256_ctx ctx;
    hmac_sha256_set_key(&ctx, SESSION_SECRET_SIZE, c->secret);
    hmac_sha256_update(&ctx, len, (const uint8_t *)text);
    hmac_sha256_digest(&ctx, DIGEST_SIZE, out);
}

/* "<end, s>.<hash of the key>.<signature>" */
const struct key_set *session_find(const struct request *r)
{
    const char *text = MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, COOKIE);
    uint8_t hash[KEY_HASH_SIZE], shown[DIGEST_SIZE], right[DIGEST_SIZE];
    size_t end = text != NULL ? strcspn(text, ".") : 0;
    if (text == NULL || end == 0 || end > 12 || strlen(text) != end + 2 * (1 + HEX) ||
        text[end + 1 + HEX] != '.' || !from_hex(text + end + 1, sizeof(hash), hash) ||
        !from_hex(text + end + 2 + HEX, sizeof(shown), shown))
        return NULL;
    sign(r->console, text, end + 1 + HEX, right);
    if (!memeql_sec(shown, right, sizeof(right)) || strtoll(text, NULL, 10) * 1000 < wall_ms())
        return NULL;
    return keys_find_hash(&r->console->keys, hash);
}

static void set_cookie(struct request *r, const char *value, int age_s)
{
    char text[512];
    bool https = strncmp(r->console->conf->console_url, "https:", 6) == 0;
    (void)snprintf(text, sizeof(text),
                   COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%d%s", value, age_s,
                   https ? "; Secure" : "");
    reply_header(r, "Set-Cookie", text);
}

void session_start(struct request *r, const struct key_set *s)
{
    char value[256], hash[HEX + 1], signature[HEX + 1];
    uint8_t bytes[DIGEST_SIZE];
    to_hex(s->hash, sizeof(s->hash), hash);
    int n =
        snprintf(value, sizeof(value), "%lld.%s", (long long)wall_ms() / 1000 + SESSION_S, hash);
    sign(r->console, value, (size_t)n, bytes);
    to_hex(bytes, sizeof(bytes), signature);
    (void)snprintf(value + n, sizeof(value) - (size_t)n, ".%s", signature);
    set_cookie(r, value, SESSION_S);
}

void session_end(struct request *r)
{
    set_cookie(r, "", 0);
}
