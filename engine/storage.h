/* storage.h: objects by bucket and path, wherever they are kept.
 *
 * services->storage_url decides: "file:/directory" keeps them in a local directory (storage_local.c), anything else is a
 * Supabase Storage server (storage_supabase.c). A path is "creator/video/name.mp4": no empty, "." or ".." segment, no
 * control byte, no backslash, at most 1,024 bytes; a bucket is one such segment that begins with no dot. Anything else is
 * ERR_PERMANENT before anybody is asked.
 *
 * `h` makes the calls and carries the cancellation; with a local directory it may be NULL. Failures: a missing object is
 * ERR_PERMANENT, a refused key or missing bucket ERR_STOP_PROVIDER, a full or unwritable disk ERR_UNAVAILABLE, a
 * cancelled transfer ERR_STOPPING. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "http.h"
#include "services.h"

enum { STORAGE_PATH_SIZE = 1025, STORAGE_BUCKET_SIZE = 101, STORAGE_URL_SIZE = 4600 };

/* Where the bytes of a new object come from. read puts up to n of them into p and returns how many; 0 at the end, -1 when it
 * failed, with its own `e` set. */
struct storage_source {
    ssize_t (*read)(void *arg, void *p, size_t n, struct err *e);
    void *arg;
    int64_t size; /* bytes; -1 when it is not known beforehand */
};

/* Replaces what was there. The object appears whole or not at all: a source that fails leaves the old one. */
bool storage_put(struct http *h, const struct services *svc, const char *bucket, const char *path,
                 const char *content_type, const struct storage_source *from,
                 struct err *e) MUST_CHECK;
bool storage_put_file(struct http *h, const struct services *svc, const char *bucket,
                      const char *path, const char *content_type, const char *file,
                      struct err *e) MUST_CHECK;

/* Into the file `fd`, from its start, in pieces. More than max_bytes: ERR_PERMANENT. */
bool storage_get(struct http *h, const struct services *svc, const char *bucket, const char *path,
                 int fd, uint64_t max_bytes, struct err *e) MUST_CHECK;

/* Any number of paths; one that does not exist is no failure. *ret_deleted (may be NULL) is how many were there. After a
 * failure some may be gone: asking again is harmless. */
bool storage_delete(struct http *h, const struct services *svc, const char *bucket,
                    const char *const *paths, size_t n, size_t *ret_deleted,
                    struct err *e) MUST_CHECK;

/* A link that anybody may open until `seconds` from now; `file_name` (may be NULL) is what a browser saves it as. Of a local
 * directory: {STORAGE_PUBLIC_URL}/storage/{bucket}/{path}?expires=…&signature=…, without the base when that is not set. */
bool storage_sign(struct http *h, const struct services *svc, const char *bucket, const char *path,
                  int64_t seconds, const char *file_name, char out[STORAGE_URL_SIZE],
                  struct err *e) MUST_CHECK;

/* What a signed link of the local directory allows. */
struct storage_link {
    char bucket[STORAGE_BUCKET_SIZE];
    char path[STORAGE_PATH_SIZE];
    char file_name[256]; /* "" when the link names none */
};

/* `target` is a request's target, "/storage/bucket/path?…", still encoded. False for what is not signed by us or has expired
 * at now_ms (ERR_INPUT, safe to show), and when links are the storage server's own affair. */
bool storage_verify_link(const struct services *svc, const char *target, int64_t now_ms,
                         struct storage_link *ret, struct err *e) MUST_CHECK;

/* An object of the local directory, open for reading; the caller closes it. -1 on failure. */
int storage_open_local(const struct services *svc, const char *bucket, const char *path,
                       uint64_t *ret_size, struct err *e) MUST_CHECK;

bool storage_is_local(const struct services *svc);
