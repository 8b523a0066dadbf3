#include "storage_backend.h"

/* "a//b", "." and ".." would name another object than the one asked for. */
static bool is_safe(const char *path)
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

static bool is_plain(const char *path)
{
    for (; *path != '\0'; path++)
        if ((unsigned char)*path < ' ' || *path == 0x7f || *path == '\\')
            return false;
    return true;
}

bool storage_check_bucket(const char *bucket, struct err *e)
{
    if (bucket == NULL || strlen(bucket) >= STORAGE_BUCKET_SIZE || bucket[0] == '.' ||
        strchr(bucket, '/') != NULL || !is_safe(bucket) || !is_plain(bucket))
        return err_set(e, ERR_PERMANENT, "storage: the name of the bucket is not valid");
    return true;
}

bool storage_check_path(const char *path, struct err *e)
{
    if (path == NULL || !is_safe(path) || !is_plain(path))
        return err_set(e, ERR_PERMANENT, "storage: the path of the file is not valid");
    if (strlen(path) >= STORAGE_PATH_SIZE)
        return err_set(e, ERR_PERMANENT, "storage: the path of the file is too long");
    return true;
}
