#include "admit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "console.h"
#include "log.h"
#include "route.h"
#include "session.h"

/* "[::1]:8288", "localhost" */
static bool is_loopback_host(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) == 0 && (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

/* What says where a body ends. */
struct framing {
    int lengths, codings;
    bool chunked;   /* all of the codings are that */
    bool odd_names; /* "Content-Length : 2": a field of that name for some */
};

static enum MHD_Result look_at_framing(void *cls, enum MHD_ValueKind kind, const char *name,
                                       const char *value)
{
    struct framing *f = cls;
    bool is_coding = strcasecmp(name, "Transfer-Encoding") == 0;
    f->lengths += strcasecmp(name, "Content-Length") == 0;
    f->codings += is_coding;
    f->chunked = f->chunked && (!is_coding || (value != NULL && strcasecmp(value, "chunked") == 0));
    f->odd_names = f->odd_names || name[strcspn(name, " \t")] != '\0';
    return MHD_YES;
}

bool admit_framing(struct request *r)
{
    struct framing f = {.chunked = true};
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, look_at_framing, &f);
    if (f.odd_names)
        reply_error(r, 400, "invalid_head", NULL, "the name of a header holds white space");
    else if (f.lengths > 1)
        reply_error(r, 400, "invalid_head", "Content-Length",
                    "the request has %d Content-Length headers", f.lengths);
    else if (f.codings > 1 || !f.chunked)
        reply_error(r, 400, "invalid_head", "Transfer-Encoding",
                    "Transfer-Encoding must be chunked, once");
    else if (f.codings > 0 && f.lengths > 0)
        reply_error(r, 400, "invalid_head", "Transfer-Encoding",
                    "the request has both Transfer-Encoding and Content-Length");
    if (r->reply.status != 0)
        reply_header(r, "Connection", "close");
    return r->reply.status == 0;
}

static enum MHD_Result count_host(void *cls, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    int *hosts = cls;
    *hosts += strcasecmp(name, "Host") == 0;
    return MHD_YES;
}

/* A proxy before us may have decided by another one than we would. */
static bool check_one_host(struct request *r)
{
    int hosts = 0;
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND, count_host, &hosts);
    if (hosts <= 1)
        return true;
    reply_error(r, 400, "invalid_head", "Host", "the request has %d Host headers", hosts);
    return false;
}

/* Without keys all that protects is that only this machine can connect. A page from elsewhere could give its own name our address:
 * its requests then carry that name. */
static bool check_host(struct request *r)
{
    const char *host = request_header(r, "Host");
    if (!r->console->open || host == NULL || is_loopback_host(host))
        return true;
    reply_error(r, 403, "forbidden", "Host",
                "no keys are set, so only localhost is answered; set CHRONOS_ADMIN_KEYS");
    return false;
}

/* Whether an Origin, "https://host:port", is the console itself. */
static bool is_own(const struct request *r, const char *origin)
{
    const char *host = request_header(r, "Host"), *url = r->console->conf->console_url;
    if (*url != '\0')
        return strncasecmp(origin, url, strlen(origin)) == 0 &&
               (url[strlen(origin)] == '\0' || strcmp(url + strlen(origin), "/") == 0);
    const char *at = strstr(origin, "://");
    return at != NULL && host != NULL && strcasecmp(at + 3, host) == 0;
}

/* Browsers say where a request comes from; programs say nothing. */
static bool check_origin(struct request *r)
{
    const char *origin = request_header(r, "Origin"), *site = request_header(r, "Sec-Fetch-Site");
    bool changes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
    if (!changes || (r->route->cross_site && !r->console->open))
        return true;
    if ((origin == NULL || is_own(r, origin)) &&
        (site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0))
        return true;
    reply_error(r, 403, "cross_site", "Origin", "a page of another site may not do this");
    return false;
}

/* The key that the request shows, wherever; NULL when it shows none, or none that is admitted. *ret_shown: it did. */
static const struct key_set *find_key(struct request *r, bool *ret_shown)
{
    const struct keys *keys = &r->console->keys;
    const char *header = request_header(r, "Authorization");
    *ret_shown = true;
    if (r->route->access == ACCESS_EVENT)
        return keys_find(keys, true, r->parts[0], strlen(r->parts[0]));
    if (header != NULL) {
        bool bearer = strncasecmp(header, "Bearer ", 7) == 0;
        header += bearer ? 7 : 0;
        return keys_find(keys, false, header, bearer ? strlen(header) : 0);
    }
    const struct key_set *s = session_find(r);
    r->by_cookie = s != NULL;
    *ret_shown = s != NULL;
    return s;
}

static bool check_key(struct request *r)
{
    bool shown;
    if (r->console->open) {
        r->access = ACCESS_ADMIN;
        (void)snprintf(r->who, sizeof(r->who), "anybody");
        return true;
    }
    const struct key_set *s = find_key(r, &shown);
    if (s != NULL) {
        r->key = s;
        r->access = s->access;
        (void)snprintf(r->who, sizeof(r->who), "%s:%s", access_name(s->access), s->name);
    }
    if (r->route->access == ACCESS_PUBLIC || (s != NULL && s->access >= r->route->access))
        return true;
    if (s != NULL) {
        reply_error(r, 403, "forbidden", "Authorization",
                    "this key may look and not change; an admin key is needed");
    } else if (r->route->access == ACCESS_EVENT) {
        reply_error(r, 401, "unauthorized", "key", "Event key not found");
    } else {
        reply_error(r, 401, "unauthorized", "Authorization",
                    shown ? "this key is not admitted here"
                          : "a key is needed: Authorization: Bearer <key>, or POST /login");
        reply_header(r, "WWW-Authenticate", "Bearer");
    }
    return false;
}

static bool check_rate(struct request *r)
{
    const struct console *c = r->console;
    int64_t wait_ms;
    size_t bucket = r->key != NULL ? (size_t)(r->key - c->keys.set) : MAX_KEYS_SET;
    if (r->route->access == ACCESS_PUBLIC || rate_take(c->rate, bucket, &wait_ms))
        return true;
    reply_too_many(r, wait_ms,
                   "this key has sent more than %ld requests in a second (CHRONOS_CONSOLE_RATE)",
                   c->conf->console_rate);
    return false;
}

bool admit(struct request *r)
{
    return check_one_host(r) && check_host(r) && check_key(r) && check_origin(r) && check_rate(r);
}
