/* storage_backend.h: what storage.c asks of each kind of storage. Buckets and paths were checked before. */
#pragma once

#include "storage.h"

struct storage_backend {
    bool (*put)(struct http *h, const struct services *svc, const char *bucket, const char *path,
                const char *content_type, const struct storage_source *from, struct err *e);
    bool (*get)(struct http *h, const struct services *svc, const char *bucket, const char *path,
                int fd, uint64_t max_bytes, struct err *e);
    /* at most STORAGE_DELETE_MAX paths */
    bool (*delete_some)(struct http *h, const struct services *svc, const char *bucket,
                        const char *const *paths, size_t n, size_t *ret_deleted, struct err *e);
    bool (*sign)(struct http *h, const struct services *svc, const char *bucket, const char *path,
                 int64_t seconds, const char *file_name, char *out, struct err *e);
};

enum { STORAGE_DELETE_MAX = 1000 }; /* what Supabase takes in one request */

extern const struct storage_backend storage_supabase, storage_local;

/* The directory of "file:/directory" or "file:///directory". */
const char *storage_directory(const struct services *svc);

/* storage_link.c: the path and query of a link signed until expires_s (seconds since 1970); out holds STORAGE_URL_SIZE. The
 * secret is the configured one or the directory's own, made at first use. */
bool storage_link_make(const struct services *svc, const char *bucket, const char *path,
                       int64_t expires_s, const char *file_name, char *out, struct err *e);

/* storage_path.c */
bool storage_check_bucket(const char *bucket, struct err *e);
bool storage_check_path(const char *path, struct err *e);
