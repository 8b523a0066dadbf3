#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "storage_backend.h"

static const char SCHEME[] = "file:";

bool storage_is_local(const struct services *svc)
{
    return strncmp(svc->storage_url, SCHEME, sizeof(SCHEME) - 1) == 0;
}

const char *storage_directory(const struct services *svc)
{
    const char *path = svc->storage_url + sizeof(SCHEME) - 1;
    return strncmp(path, "///", 3) == 0 ? path + 2 : path;
}

static const struct storage_backend *find(const struct services *svc, struct err *e)
{
    if (*svc->storage_url == '\0')
        return err_null(e, ERR_STOP_PROVIDER, "storage: no storage is configured (STORAGE_URL)");
    return storage_is_local(svc) ? &storage_local : &storage_supabase;
}

static const struct storage_backend *find_for(const struct services *svc, const char *bucket,
                                              const char *path, struct err *e)
{
    return storage_check_bucket(bucket, e) && storage_check_path(path, e) ? find(svc, e) : NULL;
}

bool storage_put(struct http *h, const struct services *svc, const char *bucket, const char *path,
                 const char *content_type, const struct storage_source *from, struct err *e)
{
    const struct storage_backend *b = find_for(svc, bucket, path, e);
    return b != NULL && b->put(h, svc, bucket, path, content_type, from, e);
}

static ssize_t read_file(void *arg, void *p, size_t n, struct err *e)
{
    const int *fd = arg;
    ssize_t got;
    do {
        got = read(*fd, p, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        (void)err_set(e, ERR_UNAVAILABLE, "storage: the file to store cannot be read: %s",
                      strerror(errno));
    return got;
}

bool storage_put_file(struct http *h, const struct services *svc, const char *bucket,
                      const char *path, const char *content_type, const char *file, struct err *e)
{
    auto_close int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(e, ERR_UNAVAILABLE, "storage: the file to store cannot be opened: %s",
                       strerror(errno));
    struct storage_source from = {.read = read_file, .arg = &fd, .size = st.st_size};
    return storage_put(h, svc, bucket, path, content_type, &from, e);
}

bool storage_get(struct http *h, const struct services *svc, const char *bucket, const char *path,
                 int fd, uint64_t max_bytes, struct err *e)
{
    const struct storage_backend *b = find_for(svc, bucket, path, e);
    return b != NULL && b->get(h, svc, bucket, path, fd, max_bytes, e);
}

bool storage_delete(struct http *h, const struct services *svc, const char *bucket,
                    const char *const *paths, size_t n, size_t *ret_deleted, struct err *e)
{
    const struct storage_backend *b = storage_check_bucket(bucket, e) ? find(svc, e) : NULL;
    if (b == NULL)
        return false;
    for (size_t i = 0; i < n; i++) /* all before any is gone */
        if (!storage_check_path(paths[i], e))
            return false;
    size_t deleted = 0;
    for (size_t i = 0; i < n; i += STORAGE_DELETE_MAX) {
        size_t some, count = n - i < STORAGE_DELETE_MAX ? n - i : STORAGE_DELETE_MAX;
        if (!b->delete_some(h, svc, bucket, paths + i, count, &some, e))
            return false;
        deleted += some;
    }
    if (ret_deleted != NULL)
        *ret_deleted = deleted;
    return true;
}

bool storage_sign(struct http *h, const struct services *svc, const char *bucket, const char *path,
                  int64_t seconds, const char *file_name, char out[STORAGE_URL_SIZE], struct err *e)
{
    const struct storage_backend *b = find_for(svc, bucket, path, e);
    if (b == NULL)
        return false;
    if (seconds < 1)
        return err_set(e, ERR_BUG, "storage: a link must be valid for a second at least");
    return b->sign(h, svc, bucket, path, seconds, file_name, out, e);
}
