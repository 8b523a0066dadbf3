#include "static.h"

#include <stdio.h>
#include <string.h>

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
    const struct file *f = find(r->path);
    const char *known = request_header(r, "If-None-Match");
    size_t len = (size_t)(f->end - f->bytes);
    char tag[24];
    (void)snprintf(tag, sizeof(tag), "\"%016llx\"", (unsigned long long)id_hash(0, f->bytes, len));
    bool same = known != NULL && strcmp(known, tag) == 0;
    reply_text(r, same ? 304 : 200, type_of(f->name), f->bytes, same ? 0 : len);
    reply_header(r, "ETag", tag);
    reply_header(r, "Cache-Control",
                 "no-cache"); /* asked for again each time, and answered with 304 */
}

static const struct route route = {
    "GET", "(page)", ACCESS_PUBLIC, serve, "A file of the page", .quick = true,
};

const struct route *static_find(const char *path)
{
    return find(path) != NULL ? &route : NULL;
}
