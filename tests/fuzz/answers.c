#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static struct input answers;

void answers_begin(struct input in)
{
    answers = in;
}

struct http *answers_http(void)
{
    static struct http *http;
    if (http == NULL)
        http = http_new();
    return http;
}

const struct services *answers_services(void)
{
    static const struct services services = {
        .youtube_url = "https://www.youtube.com",
        .youtube_key = "",
        .youtube_proxy = "",
        .youtube_clients = "",
        .loom_url = "https://www.loom.com",
        .mux_url = "https://api.mux.com",
        .mux_stream_url = "https://stream.mux.com",
        .mux_token_id = "id",
        .mux_token_secret = "secret",
        .mux_signing_key = "",
        .mux_private_key = "",
        .whop_url = "https://api.whop.com/api/v1",
        .whop_key = "",
        .storage_url = "https://example.supabase.co/storage/v1",
        .storage_key = "key",
        .storage_secret = "",
        .storage_public_url = "",
        .transcribe_url = "https://api.openai.com/v1",
        .transcribe_key = "key",
        .transcribe_model = "whisper-1",
        .transcribe_usd_per_minute = 0.006,
        .embed_url = "https://api.openai.com/v1",
        .embed_key = "key",
        .embed_model = "text-embedding-3-small",
        .embed_batch = 20,
        .embed_usd_per_million_tokens = 0.02,
        .embedder = "openai",
        .ffmpeg = "ffmpeg",
        .ffprobe = "ffprobe",
        .work_dir = "/tmp",
    };
    return &services;
}

/* The body up to the line that ends it. */
static struct input take_body(void)
{
    static const char stop[] = "\n=====\n";
    struct input body = answers;
    const char *end = memmem(answers.p, (size_t)(answers.end - answers.p), stop, strlen(stop));
    body.end = end != NULL ? end : answers.end;
    answers.p = end != NULL ? end + strlen(stop) : answers.end;
    return body;
}

/* In place of http_send (the linker's --wrap). */
bool __wrap_http_send(struct http *h, const struct http_request *req, struct http_response *ret,
                      struct err *e);

bool __wrap_http_send(struct http *h, const struct http_request *req, struct http_response *ret,
                      struct err *e)
{
    (void)h;
    if (answers.p == answers.end)
        return err_set(e, ERR_RETRY, "the connection was closed");
    auto_free char *line = input_line(&answers);
    struct input body = take_body();
    size_t len = (size_t)(body.end - body.p);
    const char *type = strchr(line, ' ');
    if (req->max_bytes > 0 && len > req->max_bytes)
        return err_set(e, ERR_PERMANENT, "the answer is too large");
    struct http_response r = {.status = atol(line), .retry_after_ms = -1, .should_retry = -1};
    if (r.status < 100 || r.status > 599)
        r.status = 200;
    (void)snprintf(r.content_type, sizeof(r.content_type), "%s", type != NULL ? type + 1 : "");
    buf_init(&r.body, len + 1);
    if (req->download_fd > 0 && r.status / 100 == 2)
        require(write(req->download_fd, body.p, len) == (ssize_t)len);
    else
        require(buf_add(&r.body, body.p, len));
    *ret = r;
    return true;
}
