/* http.c: one request over libcurl.
 *
 * http_send walks the hops of a request (redirects are followed by hand, so that every target passes the same
 * checks as the first URL); each hop is one `struct transfer`, set up on the reused easy handle, performed, and
 * judged. The callbacks keep the promises that libcurl's own options cannot: the body is counted after
 * decompression, a download's error body does not land in the file, the address is checked after resolution, and
 * a stopping worker gets its thread back within a second. */
#include "http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <strings.h>

#include "clock.h"
#include "disk.h"
#include "metrics.h"
#include "spans.h"
#include "url.h"

#ifndef CHRONOS_VERSION
#define CHRONOS_VERSION "dev"
#endif

enum {
    DEFAULT_MAX_BYTES = 16 << 20,
    DEFAULT_TIMEOUT_MS = 30000,
    CONNECT_TIMEOUT_MS = 10000,
    MAX_REDIRECTS = 5,
    STALL_MS = 30000,
    STALL_BYTES = 3000, /* fewer in STALL_MS: the transfer is dead */
    TICK_MS = 100,      /* how soon a transfer that hears nothing notices that it is to end */
    MAX_HEADER_BYTES = 256 * 1024, /* of all headers of an answer */
    MAX_ERROR_BODY =
        256 * 1024, /* what is kept of an error's body when the good body goes to a file */
};

/* The connections are the multi handle's. It carries one transfer at a time, and is used instead of a plain perform because
 * that one asks whether to go on only about once a second. */
struct http {
    CURL *curl;
    CURLM *multi;
    bool (*is_cancelled)(void *arg);
    void *cancel_arg;
    double charges_usd;
    struct http_guard guard;   /* enter is NULL when there is none */
    const struct trace *trace; /* NULL = none */
    const char *parent_span;
    char span_id[SPAN_ID_SIZE]; /* of the request that is made */
};

/* One hop. */
struct transfer {
    struct http *http;
    const struct http_request *req;
    struct http_response *r;
    uint64_t max_bytes;
    uint64_t received; /* decompressed bytes of the body */
    bool check_address;
    bool retry_after_is_ms; /* retry-after-ms was seen and wins over Retry-After */
    size_t header_bytes;
    int64_t waits_since_ms; /* all is sent and nothing has come, since then; 0 = not so */
    int64_t window_ms;      /* start of the current stall window */
    curl_off_t window_bytes;

    /* why a callback ended it */
    bool cancelled;
    bool body_sent; /* read_body came to its end */
    bool body_failed;
    bool too_big;
    bool stalled;
    bool late; /* no first byte in time */
    bool address_refused;
    int write_errno;
    bool no_room;
    struct err room; /* why there is none */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

/* With our own allocation: see memory.h. */
static void init_curl(void)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free, realloc, strdup, calloc) !=
        CURLE_OK)
        abort();
}

struct http *http_new(void)
{
    (void)pthread_once(&curl_once, init_curl); /* cannot fail with a static control */
    struct http *h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    h->curl = curl_easy_init();
    h->multi = curl_multi_init();
    if (h->curl == NULL || h->multi == NULL)
        abort();
    return h;
}

void http_free(struct http *h)
{
    if (h == NULL)
        return;
    curl_easy_cleanup(h->curl);
    curl_multi_cleanup(h->multi);
    free(h);
}

void http_set_cancel(struct http *h, bool (*is_cancelled)(void *arg), void *arg)
{
    h->is_cancelled = is_cancelled;
    h->cancel_arg = arg;
}

bool http_is_cancelled(const struct http *h)
{
    return h->is_cancelled != NULL && h->is_cancelled(h->cancel_arg);
}

void http_charge(struct http *h, double usd)
{
    if (usd > 0 && isfinite(usd))
        h->charges_usd += usd;
}

double http_take_charges(struct http *h)
{
    double usd = h->charges_usd;
    h->charges_usd = 0;
    return usd;
}

void http_set_guard(struct http *h, const struct http_guard *g)
{
    h->guard = g != NULL ? *g : (struct http_guard){0};
}

void http_set_trace(struct http *h, const struct trace *trace, const char *span_id)
{
    h->trace = trace;
    h->parent_span = span_id;
}

struct http *http_split(struct http *h)
{
    struct http *helper = http_new();
    http_set_cancel(helper, h->is_cancelled, h->cancel_arg);
    http_set_trace(helper, h->trace, h->parent_span);
    if (h->guard.enter != NULL)
        h->guard.split(h->guard.arg, helper);
    return helper;
}

void http_settle(struct http *helper, const struct err *e)
{
    if (helper->guard.enter != NULL)
        helper->guard.settle(helper->guard.arg, e);
}

void http_merge(struct http *h, struct http *helper, bool is_outcome)
{
    http_charge(h, http_take_charges(helper));
    if (h->guard.enter != NULL)
        h->guard.merge(h->guard.arg, helper->guard.arg, is_outcome);
    http_free(helper);
}

void http_response_release(struct http_response *r)
{
    buf_release(&r->body);
}

/* ---- answer headers ---- */

static void copy_value(char *out, size_t out_size, const char *value, size_t n)
{
    if (n >= out_size)
        n = out_size - 1;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (value[i] >= ' ' && value[i] < 0x7f)
            out[kept++] = value[i];
    out[kept] = '\0';
}

/* A number of `unit_ms`, or -1. */
static int64_t parse_delay(const char *value, double unit_ms)
{
    char *end;
    double d = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(d) || d < 0 || d * unit_ms > 1e12)
        return -1;
    return (int64_t)ceil(d * unit_ms);
}

static int64_t parse_retry_after(const char *value)
{
    int64_t ms = parse_delay(value, 1000);
    if (ms >= 0)
        return ms;
    time_t when = curl_getdate(value, NULL);
    if (when < 0)
        return -1;
    int64_t left = (int64_t)when * 1000 - wall_ms();
    return left >= 0 ? left : -1;
}

static void note_retry_after_ms(struct transfer *t, const char *value)
{
    int64_t ms = parse_delay(value, 1);
    if (ms < 0)
        return;
    t->r->retry_after_ms = ms;
    t->retry_after_is_ms = true;
}

static double unit_ms_at(const char *s, size_t *ret_len)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1},         {"s", 1000},      {"m", 60e3},       {"h", 3600e3},
                 {"d", 86400e3},    {"second", 1000}, {"seconds", 1000}, {"minute", 60e3},
                 {"minutes", 60e3}, {"hour", 3600e3}, {"hours", 3600e3}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        size_t n = strlen(units[i].name);
        if (strncasecmp(s, units[i].name, n) == 0 && !isalpha((unsigned char)s[n])) {
            *ret_len = n;
            return units[i].ms;
        }
    }
    *ret_len = 0;
    return 0;
}

int64_t http_read_duration(const char *s, const char **ret_end)
{
    double total_ms = 0;
    const char *p = s;
    while (isdigit((unsigned char)*p)) {
        char *end;
        size_t unit_len;
        double value = strtod(p, &end);
        const char *unit = end + strspn(end, " ");
        double unit_ms = unit_ms_at(unit, &unit_len);
        if (unit_ms == 0 && (p != s || ret_end != NULL)) /* "1m 30"; "5 parsecs" */
            return -1;
        total_ms += value * (unit_ms == 0 ? 1000 : unit_ms);
        p = unit_len > 0 ? unit + unit_len : end;
        if (unit_ms == 0)
            break;
    }
    if (p == s || !(total_ms < 1e12) || (ret_end == NULL && *p != '\0'))
        return -1;
    if (ret_end != NULL)
        *ret_end = p;
    return (int64_t)ceil(total_ms);
}

static bool note_allowance(struct http_response *r, const char *name, const char *value)
{
    if (strncasecmp(name, "x-ratelimit-", 12) != 0)
        return false;
    if (strcasecmp(name + 12, "remaining-requests") == 0)
        r->requests.remaining = parse_delay(value, 1);
    else if (strcasecmp(name + 12, "remaining-tokens") == 0)
        r->tokens.remaining = parse_delay(value, 1);
    else if (strcasecmp(name + 12, "reset-requests") == 0)
        r->requests.reset_ms = http_read_duration(value, NULL);
    else if (strcasecmp(name + 12, "reset-tokens") == 0)
        r->tokens.reset_ms = http_read_duration(value, NULL);
    return true;
}

static void note_header(struct transfer *t, const char *name, const char *value)
{
    struct http_response *r = t->r;
    if (note_allowance(r, name, value))
        return;
    if (strcasecmp(name, "content-type") == 0)
        copy_value(r->content_type, sizeof(r->content_type), value, strlen(value));
    else if (strcasecmp(name, "etag") == 0)
        copy_value(r->etag, sizeof(r->etag), value, strlen(value));
    else if (strcasecmp(name, "x-request-id") == 0)
        copy_value(r->request_id, sizeof(r->request_id), value, strlen(value));
    else if (strcasecmp(name, "retry-after-ms") == 0)
        note_retry_after_ms(t, value);
    else if (strcasecmp(name, "retry-after") == 0 && !t->retry_after_is_ms)
        r->retry_after_ms = parse_retry_after(value);
    else if (strcasecmp(name, "x-should-retry") == 0)
        r->should_retry = strcasecmp(value, "true") == 0    ? 1
                          : strcasecmp(value, "false") == 0 ? 0
                                                            : -1;
}

static void reset_response(struct transfer *t)
{
    struct http_response *r = t->r;
    r->content_type[0] = r->etag[0] = r->request_id[0] = '\0';
    r->retry_after_ms = -1;
    r->should_retry = -1;
    r->requests = r->tokens = (struct http_allowance){-1, -1};
    t->retry_after_is_ms = false;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;
    t->header_bytes += len;
    if (t->header_bytes > MAX_HEADER_BYTES) {
        t->too_big = true;
        return 0;
    }
    if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) { /* a new answer begins, e.g. after 100 Continue */
        reset_response(t);
        return len;
    }
    const char *colon = memchr(p, ':', len);
    char name[64] = "", value[512] = "";
    if (colon == NULL || (size_t)(colon - p) >= sizeof(name))
        return len;
    copy_value(name, sizeof(name), p, (size_t)(colon - p));
    const char *v = colon + 1, *end = p + len;
    while (v < end && isspace((unsigned char)*v))
        v++;
    while (end > v && isspace((unsigned char)end[-1]))
        end--;
    copy_value(value, sizeof(value), v, (size_t)(end - v));
    note_header(t, name, value);
    return len;
}

/* ---- the body ---- */

static long status_of(const struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool write_file(struct transfer *t, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(t->req->download_fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            t->write_errno = errno;
            return false;
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* Asked once, before the first byte is written: a disk that is full half way costs the whole transfer. */
static bool has_room(struct transfer *t)
{
    curl_off_t length = -1;
    curl_easy_getinfo(t->http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->no_room = !disk_has_room(t->req->download_fd, length > 0 ? (uint64_t)length : 0, &t->room);
    return !t->no_room;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;
    long status = status_of(t);
    bool good = status >= 200 && status < 300;
    if (t->req->download_fd > 0 && !good) {
        size_t room = t->r->body.max_bytes - t->r->body.len;
        return buf_add(&t->r->body, p, len < room ? len : room) ? len : 0;
    }
    if (t->received + len > t->max_bytes) {
        t->too_big = true;
        return 0;
    }
    if (t->req->download_fd > 0 && t->received == 0 && !has_room(t))
        return 0;
    t->received += len;
    if (t->req->download_fd > 0)
        return write_file(t, p, len) ? len : 0;
    return buf_add(&t->r->body, p, len) ? len : 0;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    ssize_t got = t->req->read_body(t->req->read_arg, p, size * n);
    t->body_failed = got < 0;
    t->body_sent = got == 0;
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* ---- watching over it ---- */

static bool sends_body(const struct http_request *req)
{
    return req->body != NULL || req->upload_path != NULL;
}

/* All was sent, the request's head too, and not one byte has come back. */
static bool is_waiting_for_answer(const struct transfer *t, curl_off_t dl, curl_off_t ul_total,
                                  curl_off_t ul)
{
    if (t->req->read_body != NULL)
        return dl == 0 && t->header_bytes == 0 && t->body_sent;
    long sent = 0;
    curl_easy_getinfo(t->http->curl, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0 && dl == 0 && t->header_bytes == 0 && ul >= ul_total;
}

static bool is_late(struct transfer *t, bool waits, int64_t now)
{
    if (!waits)
        t->waits_since_ms = 0;
    else if (t->waits_since_ms == 0)
        t->waits_since_ms = now;
    t->late =
        waits && t->req->first_byte_ms > 0 && now - t->waits_since_ms >= t->req->first_byte_ms;
    return t->late;
}

static int on_progress(void *arg, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total,
                       curl_off_t ul)
{
    struct transfer *t = arg;
    (void)dl_total;
    if (http_is_cancelled(t->http)) {
        t->cancelled = true;
        return 1;
    }
    int64_t now = mono_ms();
    bool waits = is_waiting_for_answer(t, dl, ul_total, ul);
    if (is_late(t, waits, now))
        return 1;
    /* Waiting for the answer to something we sent is not a stall: speech recognition takes minutes before its first
     * byte. There only the deadlines count. */
    if (waits && sends_body(t->req)) {
        t->window_ms = now;
        t->window_bytes = dl + ul;
    } else if (now - t->window_ms >= STALL_MS) {
        if (dl + ul - t->window_bytes < STALL_BYTES) {
            t->stalled = true;
            return 1;
        }
        t->window_ms = now;
        t->window_bytes = dl + ul;
    }
    return 0;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = arg;
    (void)purpose;
    if (t->check_address && !address_is_public(&a->addr)) {
        t->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    t->address_refused = false;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- setting up ---- */

static struct curl_slist *add_header(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);
    if (longer == NULL)
        abort();
    return longer;
}

/* A line break in a value would let whoever chose it add headers of their own. */
static bool is_header_safe(const char *s)
{
    return strpbrk(s, "\r\n") == NULL;
}

static bool make_headers(const struct http_request *req, bool send_ours, struct curl_slist **ret,
                         struct err *e)
{
    struct curl_slist *list = add_header(NULL, "Expect:"); /* some proxies stall a second over it */
    for (const struct http_header *h = send_ours ? req->headers : NULL;
         h != NULL && h->name != NULL; h++) {
        if (!is_header_safe(h->name) || !is_header_safe(h->value)) {
            curl_slist_free_all(list);
            return err_set(e, ERR_BUG, "a request header holds a line break");
        }
        char *line = NULL;
        if (asprintf(&line, "%s: %s", h->name, h->value) < 0)
            abort();
        list = add_header(list, line);
        free(line);
    }
    *ret = list;
    return true;
}

/* Hosts that nobody here has configured are not told what we work on. */
static struct curl_slist *add_trace(struct curl_slist *list, const struct http *h, const char *url)
{
    char line[sizeof("traceparent: ") + TRACEPARENT_SIZE] = "traceparent: ";
    if (h->trace == NULL || !url_is_trusted(url))
        return list;
    trace_write(h->trace, h->span_id, line + strlen(line));
    return add_header(list, line);
}

static void add_form_part(curl_mime *mime, const char *name, const char *value)
{
    curl_mimepart *part = curl_mime_addpart(mime);
    if (part == NULL || curl_mime_name(part, name) != CURLE_OK ||
        curl_mime_data(part, value, CURL_ZERO_TERMINATED) != CURLE_OK)
        abort();
}

static bool make_form(CURL *c, const struct http_request *req, curl_mime **ret, struct err *e)
{
    curl_mime *mime = curl_mime_init(c);
    if (mime == NULL)
        abort();
    for (const struct http_header *f = req->form; f != NULL && f->name != NULL; f++)
        add_form_part(mime, f->name, f->value);
    curl_mimepart *part = curl_mime_addpart(mime);
    if (part == NULL)
        abort();
    curl_mime_name(part, "file");
    if (curl_mime_filedata(part, req->upload_path) != CURLE_OK) {
        curl_mime_free(mime);
        return err_set(e, ERR_RETRY, "the file to send cannot be read");
    }
    curl_mime_filename(part, req->upload_filename != NULL ? req->upload_filename : "file");
    if (req->upload_mime_type != NULL)
        curl_mime_type(part, req->upload_mime_type);
    *ret = mime;
    return true;
}

static void set_method(CURL *c, const struct http_request *req)
{
    const char *method = req->method != NULL ? req->method : "GET";
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    } else if (req->body != NULL) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, req->body);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    } else if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_limits(CURL *c, const char *url, const struct http_request *req, int64_t left_ms)
{
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
                     strncasecmp(url, "http:", 5) == 0 ? "http" : "https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(
        c, CURLOPT_CONNECTTIMEOUT_MS,
        (long)(req->connect_timeout_ms > 0 ? req->connect_timeout_ms : CONNECT_TIMEOUT_MS));
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(c, CURLOPT_USERAGENT, "chronos/" CHRONOS_VERSION);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    /* "" also switches off the proxies of the environment, which would hide addresses from our check */
    curl_easy_setopt(c, CURLOPT_PROXY, req->proxy != NULL ? req->proxy : "");
    curl_easy_setopt(c, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
}

static void set_callbacks(CURL *c, struct transfer *t)
{
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t);
    /* a connection that is reused was not opened under this check */
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, t->check_address ? 1L : 0L);
}

static void set_reader(CURL *c, struct transfer *t)
{
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(c, CURLOPT_READDATA, t);
    curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->req->read_size);
    /* a kept connection may turn out to be dead, and what was read cannot be read again */
    curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
}

/* ---- judging ---- */

static bool outage(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool outage(struct err *e, const char *fmt, ...)
{
    char msg[sizeof(e->msg)];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(msg, sizeof(msg), fmt, ap);
    va_end(ap);
    (void)err_set(e, ERR_RETRY, "%s", msg);
    e->is_outage = true;
    return false;
}

static bool transfer_err(const struct transfer *t, CURLcode rc, const char *url, struct err *e)
{
    char place[224];
    url_place(url, place, sizeof(place));
    if (t->cancelled)
        return err_set(e, ERR_STOPPING, "%s: stopped before the answer came", place);
    if (t->too_big)
        return err_set(e, ERR_PERMANENT, "%s: the answer is larger than %llu bytes", place,
                       (unsigned long long)t->max_bytes);
    if (t->no_room) {
        *e = t->room;
        return err_wrap(e, "%s", place);
    }
    if (t->write_errno != 0)
        return err_set(e, ERR_UNAVAILABLE, "%s: the download cannot be stored: %s", place,
                       strerror(t->write_errno));
    if (t->late)
        return outage(e, "%s: no answer within %lld ms", place, (long long)t->req->first_byte_ms);
    if (t->body_failed)
        return err_set(e, ERR_RETRY, "%s: what was to be sent cannot be read", place);
    if (t->stalled)
        return outage(e, "%s: no data for %d seconds", place, STALL_MS / 1000);
    if (t->address_refused)
        return err_set(e, ERR_PERMANENT, "%s: the host has a private address", place);
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return outage(e, "%s: no complete answer in time", place);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return err_set(e, ERR_STOP_PROVIDER, "%s: the certificate does not verify", place);
    case CURLE_UNSUPPORTED_PROTOCOL: /* the scheme was checked: what came back is not HTTP */
        return outage(e, "%s: the answer is not HTTP", place);
    case CURLE_URL_MALFORMAT:
        return err_set(e, ERR_PERMANENT, "%s: %s", place, curl_easy_strerror(rc));
    case CURLE_PARTIAL_FILE:
        return outage(e, "%s: the answer broke off", place);
    default:
        return outage(e, "%s: %s", place, curl_easy_strerror(rc));
    }
}

/* A service that refuses an upload answers and closes while we still send: the answer counts. */
static bool answer_counts(const struct transfer *t, CURLcode rc)
{
    bool broke_off = rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_PARTIAL_FILE ||
                     rc == CURLE_HTTP2 || rc == CURLE_HTTP2_STREAM;
    return broke_off && status_of(t) >= 400 && !t->cancelled && !t->too_big && !t->stalled &&
           !t->late;
}

/* The cancellation is asked for at every turn, by on_progress while data flows and here while nothing does. */
static CURLcode run_transfer(struct transfer *t)
{
    struct http *h = t->http;
    CURLcode rc = CURLE_FAILED_INIT;
    int running = 1, left;
    if (curl_multi_add_handle(h->multi, h->curl) != CURLM_OK)
        return rc;
    while (curl_multi_perform(h->multi, &running) == CURLM_OK && running > 0) {
        curl_off_t dl = 0, ul = 0, ul_total = 0;
        curl_easy_getinfo(h->curl, CURLINFO_SIZE_DOWNLOAD_T, &dl);
        curl_easy_getinfo(h->curl, CURLINFO_SIZE_UPLOAD_T, &ul);
        curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_UPLOAD_T, &ul_total);
        if (on_progress(t, 0, dl, ul_total, ul) != 0) {
            rc = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        if (t->req->service != NULL && h->guard.enter != NULL)
            h->guard.tick(h->guard.arg);
        if (curl_multi_poll(h->multi, NULL, 0, TICK_MS, NULL) != CURLM_OK)
            break;
    }
    for (CURLMsg *m = curl_multi_info_read(h->multi, &left); m != NULL;
         m = curl_multi_info_read(h->multi, &left))
        if (m->msg == CURLMSG_DONE)
            rc = m->data.result;
    curl_multi_remove_handle(h->multi, h->curl);
    return rc;
}

static bool perform(struct transfer *t, const char *url, bool send_ours, int64_t left_ms,
                    struct err *e)
{
    CURL *c = t->http->curl;
    const struct http_request *req = t->req;
    struct curl_slist *headers = NULL;
    curl_mime *form = NULL;
    curl_easy_reset(c);
    if (!make_headers(req, send_ours, &headers, e))
        return false;
    headers = add_trace(headers, t->http, url);
    if (req->upload_path != NULL && !make_form(c, req, &form, e)) {
        curl_slist_free_all(headers);
        return false;
    }
    set_limits(c, url, req, left_ms);
    set_callbacks(c, t);
    if (req->read_body != NULL)
        set_reader(c, t);
    set_method(c, req);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (form != NULL)
        curl_easy_setopt(c, CURLOPT_MIMEPOST, form);
    if (req->basic_user != NULL && send_ours) {
        curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(c, CURLOPT_USERNAME, req->basic_user);
        curl_easy_setopt(c, CURLOPT_PASSWORD,
                         req->basic_password != NULL ? req->basic_password : "");
    }
    reset_response(t);
    CURLcode rc = run_transfer(t);
    t->r->status = status_of(t);
    bool ok = rc == CURLE_OK || answer_counts(t, rc) || transfer_err(t, rc, url, e);
    curl_mime_free(form);
    curl_slist_free_all(headers);
    return ok;
}

/* ---- the call ---- */

static char *redirect_target(struct http *h, const struct http_request *req,
                             const struct http_response *r)
{
    char *location = NULL;
    if (!req->follow_redirects || r->status < 300 || r->status > 399)
        return NULL;
    /* what we send is for the first host */
    if (sends_body(req) || (req->method != NULL && strcmp(req->method, "GET") != 0 &&
                            strcmp(req->method, "HEAD") != 0))
        return NULL;
    curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &location);
    return location != NULL ? strdup(location) : NULL;
}

/* The first URL may be our own; where it redirects to was chosen by somebody else. */
static bool is_untrusted(const struct http_request *req, bool first)
{
    return req->untrusted_url || !first;
}

static bool check_hop(const struct http_request *req, const char *url, bool first, struct err *e)
{
    if (url_check(url, is_untrusted(req, first), req->allowed_hosts, e))
        return true;
    char place[224];
    url_place(url, place, sizeof(place));
    return err_wrap(e, "%s", place);
}

/* The file must hold this answer and nothing of an earlier attempt. Not everything can be rewound (a pipe). */
static void rewind_download(const struct http_request *req)
{
    if (req->download_fd > 0 && ftruncate(req->download_fd, 0) == 0)
        (void)lseek(req->download_fd, 0, SEEK_SET); /* it just proved to be a regular file */
}

static bool send_hop(struct http *h, const struct http_request *req, const char *url, bool first,
                     int64_t deadline_ms, struct http_response *r, struct err *e)
{
    if (!check_hop(req, url, first, e))
        return false;
    bool proxied = req->proxy != NULL && *req->proxy != '\0';
    struct transfer t = {
        .http = h,
        .req = req,
        .r = r,
        .max_bytes = req->max_bytes > 0 ? req->max_bytes : DEFAULT_MAX_BYTES,
        .check_address = is_untrusted(req, first) && !proxied && !url_is_trusted(url),
        .window_ms = mono_ms(),
    };
    int64_t left_ms = deadline_ms - mono_ms();
    return perform(&t, url, first, left_ms > 0 ? left_ms : 1, e);
}

static bool send_hops(struct http *h, const struct http_request *req, struct http_response *r,
                      struct err *e)
{
    int64_t deadline_ms = mono_ms() + (req->timeout_ms > 0 ? req->timeout_ms : DEFAULT_TIMEOUT_MS);
    char *url = strdup(req->url);
    if (url == NULL)
        abort();
    bool ok = send_hop(h, req, url, true, deadline_ms, r, e);
    char *next = NULL;
    for (int hop = 1; ok && (next = redirect_target(h, req, r)) != NULL; hop++) {
        free(url);
        url = next;
        buf_clear(&r->body);
        /* what we said about ourselves was meant for the first host: not said again */
        ok = hop > MAX_REDIRECTS
                 ? err_set(e, ERR_PERMANENT, "more than %d redirects", MAX_REDIRECTS)
                 : send_hop(h, req, url, false, deadline_ms, r, e);
    }
    free(url);
    return ok;
}

/* ---- spans ---- */

/* Wall clock in µs; 0 = nobody wants to know. */
static int64_t span_begin(const struct http *h)
{
    return h->trace != NULL && h->trace->sampled && spans_wanted() ? wall_ms() * 1000 : 0;
}

/* Of the address only the host: paths may name what is a customer's. `r` NULL = no answer came. */
static void span_end(const struct http *h, const struct http_request *req, int64_t begin_us,
                     const struct http_response *r, const struct err *e)
{
    struct span s = {.kind = SPAN_CLIENT,
                     .start_us = begin_us,
                     .end_us = wall_ms() * 1000,
                     .attempt = -1,
                     .wait_ms = -1,
                     .method = req->method != NULL ? req->method : "GET",
                     .http_status = r != NULL ? r->status : -1};
    (void)snprintf(s.trace_id, sizeof(s.trace_id), "%s", h->trace->id);
    (void)snprintf(s.span_id, sizeof(s.span_id), "%s", h->span_id);
    (void)snprintf(s.parent, sizeof(s.parent), "%s", h->parent_span);
    (void)snprintf(s.name, sizeof(s.name), "%s", s.method);
    url_place(req->url, s.host, sizeof(s.host));
    s.host[strcspn(s.host, "/")] = '\0';
    s.failed = r == NULL || r->status >= 400;
    if (r != NULL)
        (void)snprintf(s.error, sizeof(s.error), "%ld", r->status);
    else
        (void)snprintf(s.error, sizeof(s.error), "%s", err_name(e->code));
    spans_add(&s);
}

/* `r` NULL: there was no answer. */
static void measure(const struct http_request *req, const struct http_response *r, int64_t began_us)
{
    const char *provider = req->service != NULL ? req->service : "other";
    char code[8] = "none";
    if (!metrics_are_on())
        return;
    if (r != NULL && r->status == 429)
        memcpy(code, "429", sizeof("429"));
    else if (r != NULL)
        (void)snprintf(code, sizeof(code), "%ldxx", r->status / 100 % 10);
    metric_add(METRIC_PROVIDER_REQUESTS, 1, provider, code);
    metric_observe(METRIC_PROVIDER_SECONDS, (double)(mono_us() - began_us) / 1e6, provider);
    /* also when it was not: alerts compare the two */
    metric_add(METRIC_PROVIDER_THROTTLED, r != NULL && r->status == 429, provider);
}

bool http_send(struct http *h, const struct http_request *req, struct http_response *ret,
               struct err *e)
{
    struct http_response r = {.retry_after_ms = -1, .should_retry = -1};
    size_t max = req->max_bytes > 0 ? req->max_bytes : DEFAULT_MAX_BYTES;
    buf_init(&r.body, req->download_fd > 0 ? MAX_ERROR_BODY : max);
    rewind_download(req);
    bool guarded = req->service != NULL && h->guard.enter != NULL;
    if (guarded && !h->guard.enter(h->guard.arg, req, e)) {
        metric_add(METRIC_PROVIDER_REQUESTS, 1, req->service, "held");
        buf_release(&r.body);
        return false;
    }
    if (h->trace != NULL)
        trace_new_span(h->span_id);
    int64_t begin_us = span_begin(h), began_us = mono_us();
    bool ok = send_hops(h, req, &r, e);
    measure(req, ok ? &r : NULL, began_us);
    if (begin_us > 0)
        span_end(h, req, begin_us, ok ? &r : NULL, e);
    if (guarded)
        h->guard.leave(h->guard.arg, ok ? &r : NULL);
    if (!ok) {
        buf_release(&r.body);
        return false;
    }
    *ret = r;
    return true;
}
