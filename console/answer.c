#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "console.h"
#include "log.h"
#include "metrics.h"
#include "route.h"

/* No script or style but the console's own, nothing from elsewhere, never inside another page. */
static const struct {
    const char *name, *value;
} always[] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src "
                                "'self' data:; font-src 'self'; connect-src 'self'; "
                                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
                                "require-trusted-types-for 'script'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};

static bool has_header(const struct reply *a, const char *name)
{
    for (int i = 0; i < a->headers; i++) {
        if (strcmp(a->names[i], name) == 0)
            return true;
    }
    return false;
}

static void add_headers(const struct request *r, struct MHD_Response *response)
{
    const struct reply *a = &r->reply;
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        (void)MHD_add_response_header(response, always[i].name, always[i].value);
    if (!has_header(a, "Cache-Control"))
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    if (a->made == NULL && a->type != NULL)
        (void)MHD_add_response_header(response, "Content-Type", a->type);
    (void)MHD_add_response_header(response, "X-Request-Id", r->id);
    (void)MHD_add_response_header(response, "x-inngest-server-kind",
                                  r->console->open ? "dev" : "cloud");
    /* pages of other sites may read every answer, a refusal too: without it they see only that something failed */
    if (r->route != NULL && r->route->cross_site && !r->console->open)
        (void)MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
    for (int i = 0; i < a->headers; i++)
        (void)MHD_add_response_header(response, a->names[i], a->values[i]);
    if (atomic_load(&r->console->draining))
        (void)MHD_add_response_header(response, "Connection", "close");
}

enum MHD_Result answer_send(struct request *r)
{
    struct reply *a = &r->reply;
    struct MHD_Response *response = a->made;
    if (response == NULL && a->borrowed != NULL)
        response =
            MHD_create_response_from_buffer(a->len, (void *)a->borrowed, MHD_RESPMEM_PERSISTENT);
    else if (response == NULL)
        response = MHD_create_response_from_buffer(a->len, steal(&a->body), MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    add_headers(r, response);
    enum MHD_Result queued = MHD_queue_response(r->connection, (unsigned)a->status, response);
    MHD_destroy_response(response);
    a->made = NULL;
    return queued;
}

static void measure(const struct request *r)
{
    char code[8] = "none";
    if (!metrics_are_on())
        return;
    if (r->reply.status > 0)
        (void)snprintf(code, sizeof(code), "%dxx", r->reply.status / 100 % 10);
    metric_add(METRIC_HTTP_REQUESTS, 1, request_route(r), r->route != NULL ? r->method : "none",
               code);
    metric_observe(METRIC_HTTP_SECONDS, (double)(mono_us() - r->began_us) / 1e6, request_route(r));
}

void answer_log(const struct request *r)
{
    char status[16], us[24];
    measure(r);
    if (!log_enabled(LOG_DEBUG))
        return;
    (void)snprintf(status, sizeof(status), "%d", r->reply.status);
    (void)snprintf(us, sizeof(us), "%lld", (long long)(mono_us() - r->began_us));
    log_debug("request", "request", r->id, "method", r->method, "route", request_route(r), "status",
              status, "us", us, "who", r->who, "from", r->address, LOG_END);
}
