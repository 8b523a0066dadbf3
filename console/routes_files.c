/* routes_files.c: files of the local storage directory, for whoever holds a signed link that has not expired. */
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "console.h"
#include "http.h"
#include "route.h"
#include "storage.h"

/* The request's target as it was signed; false when it would be too long for a link of ours. */
static bool write_target(const struct request *r, struct buf *b)
{
    static const char *const names[] = {"expires", "download", "signature"};
    bool fits = buf_adds(b, r->path);
    for (size_t i = 0; fits && i < ARRAY_LEN(names); i++) {
        const char *value = request_query(r, names[i]);
        if (value != NULL)
            fits =
                buf_addf(b, "%c%s=", memchr(b->data, '?', b->len) != NULL ? '&' : '?', names[i]) &&
                http_encode(b, value, false);
    }
    return fits;
}

/* A name that a person chose: in quotes only what is harmless there, and whole in the encoded form (RFC 6266). */
static void name_download(struct request *r, const char *name)
{
    auto_buf b = BUF_INIT(2048);
    bool fits = buf_adds(&b, "attachment; filename=\"");
    for (const char *p = name; fits && *p != '\0'; p++) {
        bool plain =
            (unsigned char)*p >= ' ' && (unsigned char)*p < 0x7F && *p != '"' && *p != '\\';
        fits = buf_addc(&b, plain ? *p : '_');
    }
    fits = fits && buf_adds(&b, "\"; filename*=UTF-8''") && http_encode(&b, name, false);
    reply_header(r, "Content-Disposition", fits ? b.data : "attachment");
}

static void file(struct request *r)
{
    const struct services *svc = &r->console->conf->services;
    struct storage_link link;
    struct err e;
    uint64_t size;
    auto_buf target = BUF_INIT(STORAGE_URL_SIZE);
    if (!write_target(r, &target) || !storage_verify_link(svc, target.data, wall_ms(), &link, &e)) {
        reply_error(r, 403, "invalid_link", "signature", "%s",
                    target.len > 0 && e.code == ERR_INPUT ? e.msg : "the link is not valid");
        return;
    }
    int fd = storage_open_local(svc, link.bucket, link.path, &size, &e);
    if (fd < 0) {
        reply_error(r, 404, "not_found", "path", "the file is not there any more");
        return;
    }
    r->reply.made = MHD_create_response_from_fd64(size, fd); /* closes it */
    if (r->reply.made == NULL) {
        (void)close(fd);
        reply_error(r, 503, "unavailable", NULL, "no memory for the answer; try again");
        return;
    }
    r->reply.status = 200;
    reply_header(r, "Content-Type", "application/octet-stream");
    name_download(r, link.file_name[0] != '\0'         ? link.file_name
                     : strrchr(link.path, '/') != NULL ? strrchr(link.path, '/') + 1
                                                       : link.path);
}

const struct route routes_files[] = {
    {"GET", "/storage/{path*}", ACCESS_PUBLIC, file,
     "A stored file, for whoever holds a signed link that has not expired"},
    {0},
};
