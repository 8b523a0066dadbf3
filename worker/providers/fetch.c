/* fetch.c: a media URL handed over by a service, into a file. */
#include "provider.h"

#include <sys/stat.h>

#include "answer.h"

enum { FETCH_TIMEOUT_MS = 2 * 60 * 60 * 1000 }; /* a stalled transfer ends much earlier */

/* 403 speaks of this URL (expired, for another address), not of our account. */
static bool media_err(const struct http_response *r, struct err *e)
{
    (void)http_status_err(r, "media", e);
    if (r->status == 401 || r->status == 403)
        e->code = ERR_PERMANENT;
    else if (r->status == 412)
        e->code = ERR_NOT_READY;
    return false;
}

bool fetch_url(struct http *h, const char *url, int fd, size_t max_bytes, struct err *e)
{
    struct http_request req = {
        .url = url,
        .download_fd = fd,
        .max_bytes = max_bytes,
        .timeout_ms = FETCH_TIMEOUT_MS,
        .follow_redirects = true,
        .untrusted_url = true,
    };
    struct http_response r;
    if (!http_send(h, &req, &r, e))
        return err_wrap(e, "media");
    bool ok = answer_is_ok(&r) || media_err(&r, e);
    struct stat st;
    if (ok && fstat(fd, &st) == 0 && st.st_size == 0)
        ok = err_set(e, ERR_RETRY, "media: the answer is empty");
    http_response_release(&r);
    return ok;
}
