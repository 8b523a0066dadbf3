#include "mux_token.h"

#include <ctype.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "buf.h"
#include "js.h"
#include "reason.h"

enum { MAX_KEY_BYTES = 16 << 10, MIN_KEY_BITS = 2048, MAX_SIGNATURE_BYTES = 2048 };

static const char SERVICE[] = "Mux";

bool mux_can_sign(const struct services *svc)
{
    return *svc->mux_signing_key != '\0' && *svc->mux_private_key != '\0';
}

/* ---- the key ---- */

/* OpenSSL would ask a terminal for the password of an encrypted key. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return 0;
}

/* Base64 to bytes, white space left out; false when it is no base64. */
static bool decode(const char *text, struct buf *ret)
{
    auto_buf compact = BUF_INIT(MAX_KEY_BYTES);
    bool ok = true;
    for (; ok && *text != '\0'; text++)
        if (!isspace((unsigned char)*text))
            ok = buf_addc(&compact, *text);
    if (!ok || compact.len == 0 || compact.len % 4 != 0)
        return false;
    unsigned char bytes[MAX_KEY_BYTES];
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)compact.data, (int)compact.len);
    ok = n > 0 && buf_add(ret, (const char *)bytes, (size_t)n);
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(compact.data, compact.len);
    return ok;
}

static EVP_PKEY *read_pem(const char *pem, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return key;
}

/* The key, to be freed; NULL with the reason. */
static EVP_PKEY *load_key(const char *text, struct err *e)
{
    EVP_PKEY *key = NULL;
    if (strstr(text, "-----BEGIN") != NULL) {
        key = read_pem(text, strlen(text));
    } else {
        struct buf pem = BUF_INIT(MAX_KEY_BYTES);
        bool decoded = decode(text, &pem);
        if (decoded)
            key = read_pem(pem.data, pem.len);
        if (pem.data != NULL)
            explicit_bzero(pem.data, pem.len);
        buf_release(&pem);
        if (!decoded)
            return reason_null(e, REASON_BAD_SIGNING_KEY, SERVICE, "it is not in base64");
    }
    if (key == NULL)
        return reason_null(e, REASON_BAD_SIGNING_KEY, SERVICE, "it holds no private key");
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < MIN_KEY_BITS) {
        EVP_PKEY_free(key);
        return reason_null(e, REASON_BAD_SIGNING_KEY, SERVICE, "it is no RSA key of 2048 bits");
    }
    return key;
}

/* ---- the token ---- */

/* Base64 with the alphabet of URLs, without padding. */
static bool add_base64url(struct buf *out, const void *bytes, size_t n)
{
    unsigned char text[4 * ((MAX_SIGNATURE_BYTES + 2) / 3) + 1];
    if (n > MAX_SIGNATURE_BYTES)
        return false;
    int len = EVP_EncodeBlock(text, bytes, (int)n);
    while (len > 0 && text[len - 1] == '=')
        len--;
    for (int i = 0; i < len; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    return buf_add(out, (const char *)text, (size_t)len);
}

static bool add_json(struct buf *out, json_t *j)
{
    size_t len = 0;
    auto_free char *text = js_dump(j, &len);
    json_decref(j);
    return add_base64url(out, text, len);
}

static bool add_signature(struct buf *out, EVP_PKEY *key)
{
    unsigned char signature[MAX_SIGNATURE_BYTES];
    size_t n = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &n, (const unsigned char *)out->data, out->len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok && buf_addc(out, '.') && add_base64url(out, signature, n);
}

bool mux_token(const struct services *svc, const char *playback_id, int64_t now_seconds, char *out,
               size_t out_size, struct err *e)
{
    EVP_PKEY *key = load_key(svc->mux_private_key, e);
    if (key == NULL) {
        ERR_clear_error();
        return false;
    }
    auto_buf token = BUF_INIT(MUX_TOKEN_SIZE - 1);
    bool ok = add_json(&token, js_pack("{s:s s:s s:s}", "alg", "RS256", "typ", "JWT", "kid",
                                       svc->mux_signing_key)) &&
              buf_addc(&token, '.') &&
              add_json(&token, js_pack("{s:s s:s s:I s:s}", "sub", playback_id, "aud", "v", "exp",
                                       (json_int_t)now_seconds + MUX_TOKEN_LIFE_SECONDS, "kid",
                                       svc->mux_signing_key)) &&
              add_signature(&token, key) && token.len < out_size;
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!ok)
        return reason_set(e, REASON_BAD_SIGNING_KEY, SERVICE, "a link could not be signed");
    memcpy(out, token.data, token.len + 1);
    return true;
}
