#include "workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char PREFIX[] = "chronos-work-";

/* -1: in use, or not a folder of ours. */
static int take_lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    if (d != NULL) {
        for (struct dirent *f; (f = readdir(d)) != NULL;)
            (void)unlinkat(dirfd(d), f->d_name, 0); /* "." and ".." refuse */
        (void)closedir(d);
    }
    (void)rmdir(path); /* what cannot be removed is left for the next sweep */
}

enum { MAX_TRIES = 5 };

/* On failure *ret_swept tells that somebody has swept the folder away before it was locked. */
static bool try_open(struct workdir *w, const char *base, bool *ret_swept, struct err *e)
{
    w->lock = -1;
    *ret_swept = false;
    int n = snprintf(w->path, sizeof(w->path), "%s/%sXXXXXX", base, PREFIX);
    if (n < 0 || (size_t)n >= sizeof(w->path))
        return err_set(e, ERR_BUG, "the path of the work directory is too long");
    if (mkdtemp(w->path) == NULL)
        return err_set(e, ERR_UNAVAILABLE, "worker: cannot make a work directory: %s",
                       strerror(errno));
    w->lock = take_lock(w->path);
    if (w->lock >= 0)
        return true;
    *ret_swept = true;
    remove_tree(w->path);
    return err_set(e, ERR_UNAVAILABLE, "worker: cannot lock a work directory");
}

bool workdir_open(struct workdir *w, const char *base, struct err *e)
{
    bool swept = true;
    for (int i = 0; i < MAX_TRIES && swept; i++)
        if (try_open(w, base, &swept, e))
            return true;
    return false;
}

void workdir_release(struct workdir *w)
{
    if (w->lock < 0)
        return;
    remove_tree(w->path);
    (void)close(w->lock);
    w->lock = -1;
}

int workdir_sweep(const char *base)
{
    int swept = 0;
    DIR *d = opendir(base);
    if (d == NULL)
        return 0;
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s/%s", base, f->d_name);
        if (strncmp(f->d_name, PREFIX, sizeof(PREFIX) - 1) != 0 || n < 0 ||
            (size_t)n >= sizeof(path))
            continue;
        int lock = take_lock(path);
        if (lock < 0)
            continue;
        remove_tree(path);
        (void)close(lock);
        swept++;
    }
    (void)closedir(d);
    return swept;
}
