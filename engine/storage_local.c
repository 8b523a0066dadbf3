/* storage_local.c: objects as files below one directory, DIRECTORY/bucket/path.
 *
 * A new object is written to DIRECTORY/.tmp and renamed, so that nobody sees half of one. What a killed process left there
 * is not locked any more, and goes with the next write. Every step of a path is opened below the one before and never
 * through a symbolic link, so that no name leads outside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "clock.h"
#include "disk.h"
#include "storage_backend.h"

enum { PIECE = 256 * 1024, MAX_TRIES = 5, NAME_SIZE = 256 };

static const char TEMPORARY[] = ".tmp";

/* ---- errors ---- */

static bool local_err(int error, const char *what, struct err *e)
{
    switch (error) {
    case ENOENT:
        return err_set(e, ERR_PERMANENT, "storage: the file does not exist");
    case ENOTDIR:
    case ELOOP:
    case EISDIR:
    case ENOTEMPTY:
    case EEXIST:
        return err_set(e, ERR_PERMANENT,
                       "storage: the path of the file is taken by a folder or "
                       "goes through a file");
    case ENAMETOOLONG:
        return err_set(e, ERR_PERMANENT, "storage: the path of the file is too long");
    default:
        return err_set(e, ERR_UNAVAILABLE, "storage: cannot %s: %s", what, strerror(error));
    }
}

/* ---- directories ---- */

static bool make_directories(const char *path)
{
    char part[PATH_MAX];
    for (const char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        if ((size_t)snprintf(part, sizeof(part), "%.*s", (int)(p - path), path) >= sizeof(part))
            return false;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return false;
        if (*p == '\0')
            return true;
    }
}

static int open_root(const struct services *svc, struct err *e)
{
    const char *root = storage_directory(svc);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make_directories(root))
        fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void)err_set(e, errno == ENOSPC ? ERR_UNAVAILABLE : ERR_STOP_PROVIDER,
                      "storage: cannot open the directory %s (STORAGE_URL): %s", root,
                      strerror(errno));
    return fd;
}

static int open_below(int parent, const char *name, bool make)
{
    if (make && mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The folder that holds bucket/path, and the last name of it. -1 with errno. */
static int open_parent(int root, const char *bucket, const char *path, bool make,
                       char name[NAME_SIZE])
{
    int at = open_below(root, bucket, make);
    while (at >= 0) {
        size_t n = strcspn(path, "/");
        if (n >= NAME_SIZE) {
            (void)close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        if (path[n] == '\0')
            return at;
        int next = open_below(at, name, make);
        int error = errno;
        (void)close(at);
        errno = error;
        at = next;
        path += n + 1;
    }
    return -1;
}

static int open_object(int root, const char *bucket, const char *path, uint64_t *ret_size)
{
    char name[NAME_SIZE];
    struct stat st;
    auto_close int parent = open_parent(root, bucket, path, false, name);
    if (parent < 0)
        return -1;
    /* not to wait for a writer should it be a pipe */
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *ret_size = (uint64_t)st.st_size;
        return fd;
    }
    (void)close(fd);
    errno = EISDIR;
    return -1;
}

int storage_open_local(const struct services *svc, const char *bucket, const char *path,
                       uint64_t *ret_size, struct err *e)
{
    if (!storage_check_bucket(bucket, e) || !storage_check_path(path, e))
        return -1;
    if (!storage_is_local(svc)) {
        (void)err_set(e, ERR_INPUT, "files are with the storage server, not here");
        return -1;
    }
    auto_close int root = open_root(svc, e);
    if (root < 0)
        return -1;
    int fd = open_object(root, bucket, path, ret_size);
    if (fd < 0)
        (void)local_err(errno, "open a file", e);
    return fd;
}

/* ---- put ---- */

/* A file of a living process is locked. */
static void sweep(int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    if (d == NULL) {
        if (copy >= 0)
            (void)close(copy);
        return; /* the next write sweeps */
    }
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        auto_close int fd =
            f->d_name[0] != '.' ? openat(folder, f->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(folder, f->d_name, 0);
    }
    (void)closedir(d);
}

static int make_temporary(int folder, char name[NAME_SIZE])
{
    uint64_t random[2];
    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return -1;
    (void)snprintf(name, NAME_SIZE, "%016llx%016llx", (unsigned long long)random[0],
                   (unsigned long long)random[1]);
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX | LOCK_NB); /* a sweep that was quicker makes the rename fail */
    return fd;
}

static bool write_all(int fd, const char *p, size_t n, struct err *e)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_set(e, ERR_UNAVAILABLE, "storage: the file cannot be stored: %s",
                           strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool is_cancelled(struct http *h, struct err *e)
{
    if (h == NULL || !http_is_cancelled(h))
        return false;
    (void)err_set(e, ERR_STOPPING, "storage: stopped before the file was copied");
    return true;
}

static bool copy_source(struct http *h, const struct storage_source *from, int fd, struct err *e)
{
    auto_free char *piece = malloc(PIECE);
    if (piece == NULL)
        abort();
    int64_t total = 0;
    while (true) {
        if (is_cancelled(h, e))
            return false;
        ssize_t n = from->read(from->arg, piece, PIECE, e);
        if (n < 0)
            return false;
        if (n == 0)
            break;
        if (!write_all(fd, piece, (size_t)n, e))
            return false;
        total += n;
    }
    if (from->size >= 0 && total != from->size)
        return err_set(e, ERR_RETRY, "storage: the file changed while it was read");
    return fsync(fd) == 0 ||
           err_set(e, ERR_UNAVAILABLE, "storage: the file cannot be stored: %s", strerror(errno));
}

/* A folder may be removed between its opening and the rename, when its last file is deleted. */
static bool publish(int root, int folder, const char *temporary, const char *bucket,
                    const char *path, struct err *e)
{
    char name[NAME_SIZE];
    int error = ENOENT;
    for (int i = 0; i < MAX_TRIES && error == ENOENT; i++) {
        auto_close int parent = open_parent(root, bucket, path, true, name);
        if (parent >= 0 && renameat(folder, temporary, parent, name) == 0)
            return fsync(parent) == 0 || local_err(errno, "store a file", e);
        error = errno;
    }
    if (error == ENOENT)
        return err_set(e, ERR_RETRY, "storage: the folder was removed while a file was stored");
    return local_err(error, "store a file", e);
}

static bool local_put(struct http *h, const struct services *svc, const char *bucket,
                      const char *path, const char *content_type, const struct storage_source *from,
                      struct err *e)
{
    (void)content_type; /* whoever serves a file tells it from the name */
    auto_close int root = open_root(svc, e);
    if (root < 0)
        return false;
    auto_close int folder = open_below(root, TEMPORARY, true);
    char name[NAME_SIZE];
    if (folder < 0)
        return err_set(e, ERR_UNAVAILABLE, "storage: cannot write below %s: %s",
                       storage_directory(svc), strerror(errno));
    sweep(folder);
    auto_close int fd = make_temporary(folder, name);
    if (fd < 0)
        return err_set(e, ERR_UNAVAILABLE, "storage: cannot write below %s: %s",
                       storage_directory(svc), strerror(errno));
    bool ok = copy_source(h, from, fd, e) && publish(root, folder, name, bucket, path, e);
    if (!ok)
        (void)unlinkat(folder, name, 0); /* else the next sweep */
    return ok;
}

/* ---- get ---- */

static bool copy_out(struct http *h, int from, int to, uint64_t size, struct err *e)
{
    auto_free char *piece = malloc(PIECE);
    if (piece == NULL)
        abort();
    if (ftruncate(to, 0) == 0)
        (void)lseek(to, 0, SEEK_SET); /* a regular file; a pipe has no start to go to */
    uint64_t total = 0;
    ssize_t n;
    while (!is_cancelled(h, e) && (n = read(from, piece, PIECE)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_UNAVAILABLE, "storage: the file cannot be read: %s",
                           strerror(errno));
        total += (uint64_t)n;
        if (total > size || !write_all(to, piece, (size_t)n, e))
            return total <= size ? false : err_set(e, ERR_RETRY, "storage: the file is changing");
    }
    if (h != NULL && http_is_cancelled(h))
        return false;
    return total == size || err_set(e, ERR_RETRY, "storage: the file is changing");
}

static bool local_get(struct http *h, const struct services *svc, const char *bucket,
                      const char *path, int fd, uint64_t max_bytes, struct err *e)
{
    uint64_t size;
    auto_close int from = storage_open_local(svc, bucket, path, &size, e);
    if (from < 0)
        return false;
    if (size > max_bytes)
        return err_set(e, ERR_PERMANENT, "storage: the file is larger than %llu bytes",
                       (unsigned long long)max_bytes);
    return disk_has_room(fd, size, e) ? copy_out(h, from, fd, size, e) : err_wrap(e, "storage");
}

/* ---- delete ---- */

/* Folders that hold nothing any more, from the innermost up to the bucket. */
static void prune(int root, const char *bucket, const char *path)
{
    char rest[STORAGE_PATH_SIZE], name[NAME_SIZE];
    (void)snprintf(rest, sizeof(rest), "%s", path);
    for (char *slash; (slash = strrchr(rest, '/')) != NULL;) {
        *slash = '\0';
        auto_close int parent = open_parent(root, bucket, rest, false, name);
        if (parent < 0 || unlinkat(parent, name, AT_REMOVEDIR) != 0)
            return;
    }
}

/* 1 when it was there, 0 when it was not, -1 on failure. */
static int delete_one(int root, const char *bucket, const char *path, struct err *e)
{
    char name[NAME_SIZE];
    auto_close int parent = open_parent(root, bucket, path, false, name);
    bool gone = parent >= 0 && unlinkat(parent, name, 0) == 0;
    int error = errno;
    if (gone) {
        prune(root, bucket, path);
        return 1;
    }
    if (error == ENOENT || error == ENOTDIR || error == EISDIR || error == ELOOP ||
        error == ENAMETOOLONG)
        return 0; /* no object has that name */
    (void)local_err(error, "delete a file", e);
    return -1;
}

static bool local_delete(struct http *h, const struct services *svc, const char *bucket,
                         const char *const *paths, size_t n, size_t *ret_deleted, struct err *e)
{
    auto_close int root = open_root(svc, e);
    if (root < 0)
        return false;
    size_t deleted = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_cancelled(h, e))
            return false;
        int was = delete_one(root, bucket, paths[i], e);
        if (was < 0)
            return false;
        deleted += (size_t)was;
    }
    *ret_deleted = deleted;
    return true;
}

/* ---- links ---- */

static bool local_sign(struct http *h, const struct services *svc, const char *bucket,
                       const char *path, int64_t seconds, const char *file_name, char *out,
                       struct err *e)
{
    (void)h;
    uint64_t size;
    auto_close int fd =
        storage_open_local(svc, bucket, path, &size, e); /* as Supabase: it must exist */
    if (fd < 0)
        return false;
    return storage_link_make(svc, bucket, path, wall_ms() / 1000 + seconds, file_name, out, e);
}

const struct storage_backend storage_local = {local_put, local_get, local_delete, local_sign};
