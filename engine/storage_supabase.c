/* storage_supabase.c: objects in Supabase Storage.
 *
 * Its status line lies: nearly every failure is HTTP 400 and the true status is a string in the body. The body's
 * word counts first, then its code, then the status line. */
#include "answer.h"
#include "js.h"
#include "storage_backend.h"

enum {
    TRANSFER_TIMEOUT_MS = 2 * 60 * 60 * 1000, /* a stalled transfer ends much earlier */
    CALL_TIMEOUT_MS = 30000,
    AUTH_SIZE = 4200,
};

/* The newer opaque keys are not tokens: as Bearer they are refused. */
/* Returns how many headers. */
static size_t set_auth(const char *key, struct http_header *headers, char *bearer,
                       size_t bearer_size)
{
    size_t n = 0;
    if (*key != '\0')
        headers[n++] = (struct http_header){"apikey", key};
    if (*key != '\0' && strncmp(key, "sb_", 3) != 0) {
        (void)snprintf(bearer, bearer_size, "Bearer %s", key);
        headers[n++] = (struct http_header){"Authorization", bearer};
    }
    headers[n] = (struct http_header){0};
    return n;
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
    if (honest.status == 413)
        return err_set(e, ERR_PERMANENT, "storage: the file is larger than the bucket allows");
    if (honest.status == 415)
        return err_set(e, ERR_PERMANENT,
                       "storage: the bucket does not take this kind of file: %.120s",
                       message != NULL ? message : code);
    if (is_one_of(code, retry_codes) || honest.status == 423 || honest.status == 544) {
        (void)http_status_err(&honest, "storage", e);
        e->code = honest.status == 429 ? ERR_RATE_LIMITED : ERR_RETRY;
        return false;
    }
    if (strcmp(code, "SlowDown") == 0 || TEXT_HAS(error, "too_many_connections"))
        honest.status = 429;
    return http_status_err(&honest, "storage", e);
}

/* ---- requests ---- */

/* Base, "object", what is done, bucket and path (may be NULL). */
static bool object_url(const struct services *svc, const char *what, const char *bucket,
                       const char *path, char out[STORAGE_URL_SIZE], struct err *e)
{
    auto_buf b = BUF_INIT(STORAGE_URL_SIZE - 1);
    bool fits = buf_addf(&b, "object/%s", what) && http_encode(&b, bucket, false) &&
                (path == NULL || (buf_addc(&b, '/') && http_encode(&b, path, true))) &&
                http_join(out, STORAGE_URL_SIZE, svc->storage_url, b.data);
    return fits || err_set(e, ERR_PERMANENT, "storage: the path of the file is too long");
}

/* The caller releases an answer that came, whether it is good or not. */
static bool ask(struct http *h, struct http_request *req, struct http_response *r, struct err *e)
{
    if (!http_send(h, req, r, e))
        return err_wrap(e, "storage");
    return true;
}

static bool is_good(const struct http_response *r, struct err *e)
{
    return answer_is_ok(r) || storage_err(r, e);
}

static bool supabase_get(struct http *h, const struct services *svc, const char *bucket,
                         const char *path, int fd, uint64_t max_bytes, struct err *e)
{
    char url[STORAGE_URL_SIZE], bearer[AUTH_SIZE];
    struct http_header headers[4];
    struct http_response r;
    if (!object_url(svc, "", bucket, path, url, e))
        return false;
    (void)set_auth(svc->storage_key, headers, bearer, sizeof(bearer));
    struct http_request req = {
        .service = "storage",
        .account = svc->storage_key,
        .url = url,
        .headers = headers,
        .download_fd = fd,
        .max_bytes = max_bytes,
        .timeout_ms = TRANSFER_TIMEOUT_MS,
    };
    if (!ask(h, &req, &r, e))
        return false;
    bool ok = is_good(&r, e);
    http_response_release(&r);
    return ok;
}

/* ---- put ---- */

struct reading {
    const struct storage_source *from;
    struct err *e;
    bool failed;
};

static ssize_t read_source(void *arg, void *p, size_t n)
{
    struct reading *r = arg;
    ssize_t got = r->from->read(r->from->arg, p, n, r->e);
    r->failed = got < 0;
    return got;
}

static bool supabase_put(struct http *h, const struct services *svc, const char *bucket,
                         const char *path, const char *content_type,
                         const struct storage_source *from, struct err *e)
{
    char url[STORAGE_URL_SIZE], bearer[AUTH_SIZE];
    struct http_header headers[8];
    struct http_response r;
    struct err broken = {0}; /* for cppcheck, which does not see that it is set */
    if (!object_url(svc, "", bucket, path, url, e))
        return false;
    size_t n = set_auth(svc->storage_key, headers, bearer, sizeof(bearer));
    headers[n++] = (struct http_header){"Content-Type", content_type};
    headers[n++] = (struct http_header){"cache-control", "max-age=3600"};
    headers[n++] =
        (struct http_header){"x-upsert", "true"}; /* a second attempt replaces the first */
    headers[n] = (struct http_header){0};
    struct reading reading = {.from = from, .e = &broken};
    struct http_request req = {
        .service = "storage",
        .account = svc->storage_key,
        .method = "POST",
        .url = url,
        .headers = headers,
        .read_body = read_source,
        .read_arg = &reading,
        .read_size = from->size,
        .timeout_ms = TRANSFER_TIMEOUT_MS,
    };
    bool came = ask(h, &req, &r, e);
    if (!came && reading.failed)
        *e = broken;
    if (!came)
        return false;
    bool ok = is_good(&r, e);
    http_response_release(&r);
    return ok;
}

/* ---- JSON in, JSON out ---- */

/* NULL: failed. The answer may be any JSON. */
static json_t *call(struct http *h, const struct services *svc, const char *method, const char *url,
                    json_t *body, struct err *e)
{
    char bearer[AUTH_SIZE];
    struct http_header headers[6];
    struct http_response r;
    auto_json *owned = body;
    size_t len;
    auto_free char *text = js_dump(owned, &len);
    if (text == NULL)
        return err_null(e, ERR_PERMANENT, "storage: the path of the file is not valid");
    size_t n = set_auth(svc->storage_key, headers, bearer, sizeof(bearer));
    headers[n++] = (struct http_header){"Content-Type", "application/json"};
    headers[n] = (struct http_header){0};
    struct http_request req = {
        .service = "storage",
        .account = svc->storage_key,
        .method = method,
        .url = url,
        .headers = headers,
        .body = text,
        .body_len = len,
        .timeout_ms = CALL_TIMEOUT_MS,
    };
    if (!ask(h, &req, &r, e))
        return NULL;
    json_t *answer = NULL;
    if (is_good(&r, e)) {
        answer = js_parse(r.body.data, r.body.len, e);
        if (answer == NULL)
            (void)err_set(e, ERR_RETRY, "storage: unreadable answer");
    }
    http_response_release(&r);
    return answer;
}

static bool supabase_delete(struct http *h, const struct services *svc, const char *bucket,
                            const char *const *paths, size_t n, size_t *ret_deleted, struct err *e)
{
    char url[STORAGE_URL_SIZE];
    if (!object_url(svc, "", bucket, NULL, url, e))
        return false;
    json_t *names = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(names, json_string(paths[i])) != 0) {
            json_decref(names);
            return err_set(e, ERR_PERMANENT, "storage: the path of the file is not valid");
        }
    auto_json *gone = call(h, svc, "DELETE", url, js_pack("{s:o}", "prefixes", names), e);
    if (gone == NULL)
        return false;
    if (!json_is_array(gone))
        return err_set(e, ERR_RETRY, "storage: unreadable answer");
    *ret_deleted = json_array_size(gone);
    return true;
}

static bool supabase_sign(struct http *h, const struct services *svc, const char *bucket,
                          const char *path, int64_t seconds, const char *file_name, char *out,
                          struct err *e)
{
    char url[STORAGE_URL_SIZE];
    if (!object_url(svc, "sign/", bucket, path, url, e))
        return false;
    auto_json *answer =
        call(h, svc, "POST", url, js_pack("{s:I}", "expiresIn", (json_int_t)seconds), e);
    if (answer == NULL)
        return false;
    const char *link = js_str(answer, "signedURL");
    if (link == NULL || link[0] != '/') /* it is relative to the base */
        return err_set(e, ERR_RETRY, "storage: unreadable answer");
    auto_buf b = BUF_INIT(STORAGE_URL_SIZE - 1);
    bool fits =
        buf_adds(&b, link) &&
        (file_name == NULL || (buf_adds(&b, "&download=") && http_encode(&b, file_name, false)));
    if (!fits || !http_join(out, STORAGE_URL_SIZE, svc->storage_url, b.data))
        return err_set(e, ERR_PERMANENT, "storage: the link would be too long");
    return true;
}

const struct storage_backend storage_supabase = {supabase_put, supabase_get, supabase_delete,
                                                 supabase_sign};
