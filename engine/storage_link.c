/* storage_link.c: links to files of the local directory, signed and expiring.
 *
 *   /storage/{bucket}/{path}?expires={seconds since 1970}[&download={name}]&signature={hex}
 *
 * The signature is HMAC-SHA256 over all of that, under STORAGE_SECRET or, when that is not set, under DIRECTORY/.secret,
 * which whoever needs it first makes. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "log.h"
#include "storage_backend.h"

enum { SECRET_BYTES = 32, SECRET_MIN = 16, SECRET_SIZE = 1024, MAC_HEX = 65 };

static const char ROUTE[] = "/storage/";

/* ---- the secret ---- */

static bool secret_err(const char *path, const char *why, struct err *e)
{
    return err_set(e, ERR_STOP_PROVIDER, "storage: the key of signed links, %s, %s", path, why);
}

/* False without e->msg set (ret_absent) when there is none yet. */
static bool read_secret(const char *path, char out[SECRET_SIZE], bool *ret_absent, struct err *e)
{
    struct stat st;
    auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    *ret_absent = fd < 0 && errno == ENOENT;
    if (fd < 0)
        return secret_err(path, strerror(errno), e);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0)
        return secret_err(path, "can be read by others: chmod 600", e);
    ssize_t n = read(fd, out, SECRET_SIZE - 1);
    while (n > 0 && isspace((unsigned char)out[n - 1]))
        n--;
    if (n < SECRET_MIN)
        return secret_err(path, "is too short: remove it, and a new one is made", e);
    out[n] = '\0';
    return true;
}

static bool write_secret(int fd)
{
    unsigned char bytes[SECRET_BYTES];
    char hex[2 * SECRET_BYTES + 2];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    hex[sizeof(hex) - 2] = '\n';
    bool ok = write(fd, hex, sizeof(hex) - 1) == (ssize_t)sizeof(hex) - 1 && fsync(fd) == 0;
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(hex, sizeof(hex));
    return ok;
}

/* Several processes may do this at once: the first link(2) wins, and all use its secret. */
static bool make_secret(const char *directory, const char *path, struct err *e)
{
    char draft[PATH_MAX];
    if ((size_t)snprintf(draft, sizeof(draft), "%s/.secret-XXXXXX", directory) >= sizeof(draft))
        return secret_err(path, "has too long a name", e);
    int fd = mkostemp(draft, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return secret_err(path, strerror(errno), e);
    bool ok = write_secret(fd) && (link(draft, path) == 0 || errno == EEXIST);
    int error = errno;
    (void)close(fd);
    (void)unlink(draft);
    return ok || secret_err(path, strerror(error), e);
}

static bool find_secret(const struct services *svc, char out[SECRET_SIZE], struct err *e)
{
    if (*svc->storage_secret != '\0') {
        if ((size_t)snprintf(out, SECRET_SIZE, "%s", svc->storage_secret) >= SECRET_SIZE ||
            strlen(out) < SECRET_MIN)
            return err_set(e, ERR_STOP_PROVIDER, "storage: STORAGE_SECRET must have %d to %d bytes",
                           SECRET_MIN, SECRET_SIZE - 1);
        return true;
    }
    char path[PATH_MAX];
    bool absent;
    const char *directory = storage_directory(svc);
    if ((size_t)snprintf(path, sizeof(path), "%s/.secret", directory) >= sizeof(path))
        return secret_err(directory, "has too long a name", e);
    bool ok = read_secret(path, out, &absent, e) ||
              (absent && make_secret(directory, path, e) && read_secret(path, out, &absent, e));
    if (ok)
        log_hide(out);
    return ok;
}

/* ---- the signature ---- */

/* Lines cannot be mistaken for one another: none of the names holds a line break. */
static bool signature(const struct services *svc, const char *bucket, const char *path,
                      long long expires_s, const char *file_name, char out[MAC_HEX], struct err *e)
{
    char secret[SECRET_SIZE], text[4096];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!find_secret(svc, secret, e))
        return false;
    int len = snprintf(text, sizeof(text), "chronos-link-1\n%s\n%s\n%lld\n%s", bucket, path,
                       expires_s, file_name);
    bool ok = len > 0 && (size_t)len < sizeof(text) &&
              HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text,
                   (size_t)len, mac, &n) != NULL;
    explicit_bzero(secret, sizeof(secret));
    if (!ok || 2 * n + 1 != MAC_HEX)
        return err_set(e, ERR_BUG, "storage: a link cannot be signed");
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(out + (size_t)2 * i, 3, "%02x", mac[i]);
    return true;
}

static bool is_file_name(const char *s)
{
    for (const char *p = s; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '/' || *p == '\\')
            return false;
    return strlen(s) < sizeof(((struct storage_link *)NULL)->file_name);
}

bool storage_link_make(const struct services *svc, const char *bucket, const char *path,
                       int64_t expires_s, const char *file_name, char *out, struct err *e)
{
    char mac[MAC_HEX];
    const char *name = file_name != NULL ? file_name : "";
    auto_buf b = BUF_INIT(STORAGE_URL_SIZE - 1);
    const char *base = svc->storage_public_url;
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    if (!is_file_name(name))
        return err_set(e, ERR_PERMANENT, "storage: the name of the download is not valid");
    if (!signature(svc, bucket, path, expires_s, name, mac, e))
        return false;
    bool fits = buf_add(&b, base, n) && buf_adds(&b, ROUTE) && http_encode(&b, bucket, false) &&
                buf_addc(&b, '/') && http_encode(&b, path, true) &&
                buf_addf(&b, "?expires=%lld", (long long)expires_s) &&
                (*name == '\0' || (buf_adds(&b, "&download=") && http_encode(&b, name, false))) &&
                buf_addf(&b, "&signature=%s", mac);
    if (!fits)
        return err_set(e, ERR_PERMANENT, "storage: the link would be too long");
    memcpy(out, b.data, b.len + 1);
    return true;
}

/* ---- verifying ---- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, tolower((unsigned char)c));
    return c != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* Decodes n bytes of %XX text; false when it is malformed, holds a NUL or does not fit. */
static bool decode(const char *s, size_t n, char *out, size_t out_size)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '%') {
            int high = i + 2 < n ? hex_digit(s[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(s[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || len + 1 >= out_size)
            return false;
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

/* The value of a parameter, decoded; false when it is not there or cannot be decoded. */
static bool parameter(const char *query, const char *name, char *out, size_t out_size)
{
    size_t name_len = strlen(name);
    while (*query != '\0') {
        size_t n = strcspn(query, "&");
        if (n > name_len && query[name_len] == '=' && memcmp(query, name, name_len) == 0)
            return decode(query + name_len + 1, n - name_len - 1, out, out_size);
        query += n + (query[n] == '&');
    }
    return false;
}

static bool read_place(const char *target, struct storage_link *l)
{
    if (strncmp(target, ROUTE, sizeof(ROUTE) - 1) != 0)
        return false;
    target += sizeof(ROUTE) - 1;
    size_t n = strcspn(target, "?"), bucket = strcspn(target, "/?");
    struct err ignored;
    return bucket < n && decode(target, bucket, l->bucket, sizeof(l->bucket)) &&
           decode(target + bucket + 1, n - bucket - 1, l->path, sizeof(l->path)) &&
           storage_check_bucket(l->bucket, &ignored) && storage_check_path(l->path, &ignored);
}

bool storage_verify_link(const struct services *svc, const char *target, int64_t now_ms,
                         struct storage_link *ret, struct err *e)
{
    struct storage_link l = {0};
    char expires[24], given[MAC_HEX], right[MAC_HEX], *end;
    if (!storage_is_local(svc))
        return err_set(e, ERR_INPUT, "files are with the storage server, not here");
    const char *query = target + strcspn(target, "?");
    query += *query == '?';
    if (!read_place(target, &l) || !parameter(query, "expires", expires, sizeof(expires)) ||
        !parameter(query, "signature", given, sizeof(given)) || strlen(given) != MAC_HEX - 1)
        return err_set(e, ERR_INPUT, "the link is not valid");
    if (!parameter(query, "download", l.file_name, sizeof(l.file_name)))
        l.file_name[0] = '\0';
    errno = 0;
    long long expires_s = strtoll(expires, &end, 10);
    if (errno != 0 || *end != '\0' || !isdigit((unsigned char)expires[0]))
        return err_set(e, ERR_INPUT, "the link is not valid");
    if (!signature(svc, l.bucket, l.path, expires_s, l.file_name, right, e))
        return false;
    if (CRYPTO_memcmp(given, right, MAC_HEX - 1) != 0)
        return err_set(e, ERR_INPUT, "the link is not valid");
    if (now_ms / 1000 >= expires_s)
        return err_set(e, ERR_INPUT, "the link has expired");
    *ret = l;
    return true;
}
