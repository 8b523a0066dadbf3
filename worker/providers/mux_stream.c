#include "mux_stream.h"

#include "reason.h"

enum { CAPTION_TIMEOUT_MS = 60000, NOT_READY_MS = 30000 };

bool mux_stream_url(const struct services *svc, const struct mux_playback *p, const char *folder,
                    const char *file, const char *suffix, char *out, struct err *e)
{
    auto_buf path = BUF_INIT(MUX_URL_SIZE);
    bool fits = http_encode(&path, p->id, false) && buf_adds(&path, folder) &&
                http_encode(&path, file, false) && buf_adds(&path, suffix);
    if (fits && *p->token != '\0')
        fits = buf_adds(&path, "?token=") && http_encode(&path, p->token, false);
    fits = fits && http_join(out, MUX_URL_SIZE, svc->mux_stream_url, path.data);
    return fits || reason_set(e, REASON_ID_REFUSED, "Mux", NULL);
}

bool mux_stream_get(struct http *h, const char *url, const char *service, struct http_response *ret,
                    struct err *e)
{
    static const char *const hosts[] = {"mux.com", NULL};
    struct http_request req = {
        .url = url,
        .timeout_ms = CAPTION_TIMEOUT_MS,
        .follow_redirects = true,
        .untrusted_url = true,
        .allowed_hosts = hosts,
    };
    return http_send(h, &req, ret, e) || reason_explain(e, service);
}

bool mux_stream_err(const struct http_response *r, const char *service, struct err *e)
{
    if (r->status == 412)
        return reason_set_after(e, REASON_ASSET_PENDING, service, NULL, NOT_READY_MS);
    char said[201];
    http_error_message(r, said, sizeof(said));
    /* about this file and its proof, not about our account */
    if (r->status == 400 || r->status == 401 || r->status == 403)
        return reason_set(e, REASON_PLAYBACK_REFUSED, service, said);
    (void)http_status_err(r, service, e);
    return reason_explain(e, service);
}
