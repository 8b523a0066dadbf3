/* storage.c: downloads from Supabase Storage.
 *
 * Its status line lies: nearly every failure is HTTP 400 and the true status is a string in the body. The body's
 * word counts first, then its code, then the status line. */
#include "provider.h"

#include "answer.h"
#include "js.h"

enum { DOWNLOAD_TIMEOUT_MS = 2 * 60 * 60 * 1000 }; /* a stalled transfer ends much earlier */

/* "a//b", "." and ".." would name another object than the one asked for. */
static bool is_safe_path(const char *path)
{
    while (true) {
        size_t n = strcspn(path, "/");
        bool dots = (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.');
        if (n == 0 || dots)
            return false;
        if (path[n] == '\0')
            return true;
        path += n + 1;
    }
}

static bool object_url(const struct services *svc, const char *bucket, const char *path, char *out,
                       size_t out_size, struct err *e)
{
    auto_buf b = BUF_INIT(2000);
    if (strchr(bucket, '/') != NULL || !is_safe_path(bucket) || !is_safe_path(path))
        return err_set(e, ERR_PERMANENT, "storage: the path of the file is not valid");
    bool fits = buf_adds(&b, "object/") && http_encode(&b, bucket, false) && buf_addc(&b, '/') &&
                http_encode(&b, path, true) && http_join(out, out_size, svc->storage_url, b.data);
    return fits || err_set(e, ERR_PERMANENT, "storage: the path of the file is too long");
}

/* The newer opaque keys are not tokens: as Bearer they are refused. */
static void set_auth(const char *key, struct http_header *headers, char *bearer, size_t bearer_size)
{
    size_t n = 0;
    if (*key != '\0')
        headers[n++] = (struct http_header){"apikey", key};
    if (*key != '\0' && strncmp(key, "sb_", 3) != 0) {
        (void)snprintf(bearer, bearer_size, "Bearer %s", key);
        headers[n++] = (struct http_header){"Authorization", bearer};
    }
    headers[n] = (struct http_header){0};
}

static bool is_one_of(const char *code, const char *const *codes)
{
    for (; *codes != NULL; codes++)
        if (strcmp(code, *codes) == 0)
            return true;
    return false;
}

static const char *const retry_codes[] = {
    "ResourceLocked",         "LockTimeout",
    "TransactionError",       "DatabaseTimeout",
    "DatabaseReadOnly",       "DatabaseTransactionAborted",
    "DatabaseError",          "NoAvailableShard",
    "DatabaseSchemaMismatch", "DatabaseInvalidObjectDefinition",
    "InternalError",          NULL,
};
static const char *const key_codes[] = {
    "AccessDenied", "InvalidJWT", "InvalidSignature", "ExpiredToken", "SignatureDoesNotMatch", NULL,
};

static bool storage_err(const struct http_response *r, struct err *e)
{
    struct err ignored;
    auto_json *j = answer_object(r, "storage", &ignored);
    const char *code = js_str(j, "code"), *error = js_str(j, "error"),
               *message = js_str(j, "message");
    long long status = js_int(j, "statusCode", r->status);
    struct http_response honest = *r; /* borrows the body */
    if (status >= 100 && status <= 599)
        honest.status = (long)status;
    if (code == NULL)
        code = error != NULL ? error : "";
    if (is_one_of(code, key_codes) ||
        TEXT_HAS(message, "jwt expired", "Invalid Compact JWS", "row-level security",
                 "signature verification failed", "invalid signature"))
        return err_set(e, ERR_STOP_PROVIDER, "storage: our key was refused: %.120s",
                       message != NULL ? message : code);
    if (strcmp(code, "NoSuchBucket") == 0 || TEXT_HAS(error, "bucket not found") ||
        TEXT_HAS(message, "bucket not found"))
        return err_set(e, ERR_STOP_PROVIDER, "storage: the bucket does not exist");
    if (strcmp(code, "NoSuchKey") == 0 || honest.status == 404)
        return err_set(e, ERR_PERMANENT, "storage: the file does not exist");
    if (is_one_of(code, retry_codes) || honest.status == 423 || honest.status == 544) {
        (void)http_status_err(&honest, "storage", e);
        e->code = honest.status == 429 ? ERR_RATE_LIMITED : ERR_RETRY;
        return false;
    }
    if (strcmp(code, "SlowDown") == 0 || TEXT_HAS(error, "too_many_connections"))
        honest.status = 429;
    return http_status_err(&honest, "storage", e);
}

bool storage_download(struct http *h, const struct services *svc, const char *bucket,
                      const char *path, int fd, size_t max_bytes, struct err *e)
{
    char url[2600], bearer[4200];
    struct http_header headers[3];
    if (*svc->storage_url == '\0')
        return err_set(e, ERR_STOP_PROVIDER, "storage: no storage server is configured");
    if (!object_url(svc, bucket, path, url, sizeof(url), e))
        return false;
    set_auth(svc->storage_key, headers, bearer, sizeof(bearer));
    struct http_request req = {
        .service = "storage",
        .account = svc->storage_key,
        .url = url,
        .headers = headers,
        .download_fd = fd,
        .max_bytes = max_bytes,
        .timeout_ms = DOWNLOAD_TIMEOUT_MS,
    };
    struct http_response r;
    if (!http_send(h, &req, &r, e))
        return err_wrap(e, "storage");
    bool ok = answer_is_ok(&r) || storage_err(&r, e);
    http_response_release(&r);
    return ok;
}
