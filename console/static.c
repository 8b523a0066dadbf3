#include "static.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "id.h"

/* The build lists the files: STATIC_FILE(number, "/name", "path of the file") */
#define STATIC_FILE(n, name, path)                                                                 \
    __asm__(".section .rodata\n.global chronos_static_" #n "\nchronos_static_" #n                  \
            ":\n.incbin \"" path "\"\n.global chronos_static_end_" #n "\nchronos_static_end_" #n   \
            ":\n.byte 0\n.previous\n");                                                            \
    extern const char chronos_static_##n[], chronos_static_end_##n[];
#include "static.inc"
#undef STATIC_FILE

struct file {
    const char *name;
    const char *bytes, *end;
};

static const struct file files[] = {
#define STATIC_FILE(n, name, path) {name, chronos_static_##n, chronos_static_end_##n},
#include "static.inc"
#undef STATIC_FILE
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
};

static const struct file *find(const char *path)
{
    const char *name = strcmp(path, "/") == 0 ? "/index.html" : path;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    }
    return NULL;
}

/* ---- names that a browser may keep ---- */

/* Under "/v-<hash of all files>/app.js" a file never changes, so a browser need not ask for it again; modules name each other without
 * the beginning, so they stay under it. The page itself is asked for each time, and names its files so: a new release has new names.
 * Another release's name gives what is here, not to be kept: several consoles may be of different releases for a moment. */
enum { HASH_DIGITS = 16, BEGINNING = 3 + HASH_DIGITS };

static char beginning[BEGINNING + 1];
static struct buf page = BUF_INIT(1 << 20); /* index.html with those names */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool write_page(const struct file *f)
{
    static const char mark[] = "=\"/";
    const char *at = f->bytes, *next;
    bool ok = true;
    while (ok && (next = memmem(at, (size_t)(f->end - at), mark, strlen(mark))) != NULL) {
        next += strlen(mark) - 1;
        ok = buf_add(&page, at, (size_t)(next - at)) && buf_adds(&page, beginning);
        at = next;
    }
    return ok && buf_add(&page, at, (size_t)(f->end - at));
}

static void name_all(void)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        hash = id_hash(hash, files[i].bytes, (size_t)(files[i].end - files[i].bytes));
    (void)snprintf(beginning, sizeof(beginning), "/v-%016llx", (unsigned long long)hash);
    if (!write_page(find("/")))
        abort(); /* our own file, so every build would */
}

/* A path without that beginning, of this release or another. */
static const char *without_beginning(const char *path)
{
    bool has = strncmp(path, "/v-", 3) == 0 &&
               strspn(path + 3, "0123456789abcdef") == HASH_DIGITS && path[BEGINNING] == '/';
    return has ? path + BEGINNING : path;
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < ARRAY_LEN(types); i++) {
        if (strcmp(dot, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void serve(struct request *r)
{
    (void)pthread_once(&once, name_all);
    const char *path = without_beginning(r->path), *known = request_header(r, "If-None-Match");
    const struct file *f = find(path);
    bool is_page = f == find("/");
    const char *bytes = is_page ? page.data : f->bytes;
    size_t len = is_page ? page.len : (size_t)(f->end - f->bytes);
    char tag[24];
    (void)snprintf(tag, sizeof(tag), "\"%016llx\"", (unsigned long long)id_hash(0, bytes, len));
    bool same = known != NULL && strcmp(known, tag) == 0;
    bool keeps = path != r->path && strncmp(r->path, beginning, BEGINNING) == 0 && !is_page;
    reply_text(r, same ? 304 : 200, type_of(f->name), bytes, same ? 0 : len);
    reply_header(r, "ETag", tag);
    /* the second is asked for again each time, and answered with 304 */
    reply_header(r, "Cache-Control", keeps ? "public, max-age=31536000, immutable" : "no-cache");
}

static const struct route route = {
    "GET", "(page)", ACCESS_PUBLIC, serve, "A file of the page", .quick = true,
};

const struct route *static_find(const char *path)
{
    return find(without_beginning(path)) != NULL ? &route : NULL;
}
