/* http.h: one HTTP request with a bounded body and deadlines, over libcurl.
 *
 * A `struct http` holds one reusable easy handle (connections are kept) and belongs to one thread. A transport
 * failure fails the call (ERR_RETRY, ERR_STOPPING when cancelled, ERR_STOP_PROVIDER for a certificate that does
 * not verify); any HTTP status is a success here, because services lie with status codes: the provider's client
 * decides. Nothing is retried here; the engine parks the run instead. Bodies and URLs are never logged whole,
 * headers never. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "trace.h"

struct http;

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    const char *method; /* "GET" when NULL */
    const char *url;    /* complete */
    const char *body;   /* NULL = none */
    size_t body_len;
    /* Instead of body: gives its next bytes, at most n; 0 at the end, -1 when it failed, which ends the call. */
    ssize_t (*read_body)(void *arg, void *p, size_t n);
    void *read_arg;
    int64_t read_size;                 /* of the whole body; -1 = not known, sent in chunks */
    const struct http_header *headers; /* ends with a NULL name; NULL = none */
    const char *basic_user;            /* HTTP Basic, when not NULL */
    const char *basic_password;
    const char *upload_path;     /* a file sent as multipart part "file", instead of body */
    const char *upload_filename; /* name the service sees; its extension matters */
    const char *upload_mime_type;
    const struct http_header *form; /* further multipart parts, ends with a NULL name */
    int download_fd;  /* > 0: a 2xx body goes into this file, from its start, instead of memory */
    size_t max_bytes; /* of the decompressed body; 0 = 16 MiB */
    /* Deadlines. Connecting includes the look-up and TLS. The first byte counts from when all was sent. */
    int64_t timeout_ms;         /* whole call, over all redirects; 0 = 30 s */
    int64_t connect_timeout_ms; /* 0 = 10 s */
    int64_t first_byte_ms;      /* 0 = only the whole call's deadline counts */
    /* Of a GET or HEAD without a body, at most 5 hops. A redirect's target is what the service chose, so every hop after
     * the first is checked as untrusted_url is. Headers and credentials are sent to the first URL only. */
    bool follow_redirects;
    /* The URL came from a user or a provider: private, loopback, link-local and metadata addresses are
     * refused after resolution unless its host is a configured base's. */
    bool untrusted_url;
    const char *const *allowed_hosts; /* suffixes at a label boundary, then NULL; NULL = any */
    const char *proxy;                /* NULL or "" = none */
    /* For the guard: a short name ("speech"), and what tells one account there from another (the key; may be NULL). A
     * request without a service is not guarded. */
    const char *service;
    const char *account;
};

/* What the service says is left of an allowance; a missing header is -1. */
struct http_allowance {
    int64_t remaining; /* x-ratelimit-remaining-… */
    int64_t reset_ms;  /* x-ratelimit-reset-…, from now on */
};

struct http_response {
    long status;
    struct buf body;
    char content_type[128];
    char etag[128];
    char request_id[64];    /* x-request-id */
    int64_t retry_after_ms; /* -1 when absent or unreadable */
    int should_retry;       /* x-should-retry: 1, 0, or -1 when absent */
    struct http_allowance requests, tokens;
};

struct http *http_new(void);
void http_free(struct http *h); /* accepts NULL */

/* Called during a transfer ten times a second and at every chunk; true ends the transfer with ERR_STOPPING.
 * `arg` is borrowed until the next http_set_cancel. */
void http_set_cancel(struct http *h, bool (*is_cancelled)(void *arg), void *arg);
bool http_is_cancelled(const struct http *h);

/* What answers have cost since the last http_take_charges, in USD: a client notes it as soon as the service has said it, so
 * that it is known also when nothing comes of the answer. */
void http_charge(struct http *h, double usd);
double http_take_charges(struct http *h);

/* Asked around each http_send to a named service. */
struct http_guard {
    void *arg; /* borrowed */
    bool (*enter)(void *arg, const struct http_request *req,
                  struct err *e);                            /* false: not to be sent */
    void (*tick)(void *arg);                                 /* ten times a second meanwhile */
    void (*leave)(void *arg, const struct http_response *r); /* NULL: there was no answer */
    /* Around http_split, http_settle and http_merge. */
    void (*split)(void *arg, struct http *helper); /* sets a guard of the helper's own */
    void (*settle)(void *arg, const struct err *e);
    void (*merge)(void *arg, void *helper_arg, bool is_outcome); /* helper_arg is not used again */
};
void http_set_guard(struct http *h, const struct http_guard *g); /* copied; NULL = none */

/* What the requests from now on belong to: `traceparent` goes with each that is to a configured base, and to no other host.
 * Borrowed until the next call; NULL = nothing. */
void http_set_trace(struct http *h, const struct trace *trace, const char *span_id);

/* A client for a thread that does a part of what h is used for: with the same cancellation and trace, which are borrowed as
 * h's are, and a guard of its own. Called in h's thread, as is http_merge. */
struct http *http_split(struct http *h);
/* In the helper's thread: it has sent its last request. e is what that one failed with, NULL when it went well. */
void http_settle(struct http *helper, const struct err *e);
/* After http_settle, or when nothing was sent: what the helper was charged is h's, and with is_outcome also what its last
 * request failed with. Frees the helper. */
void http_merge(struct http *h, struct http *helper, bool is_outcome);

/* Hosts of configured base URLs, allowed although they may resolve to private addresses. Copied. Process-wide,
 * to be called at start before threads exist. */
void http_trust_base(const char *base_url);

/* On success *ret is filled and the caller calls http_response_release. On failure *ret is untouched. */
bool http_send(struct http *h, const struct http_request *req, struct http_response *ret,
               struct err *e) MUST_CHECK;
void http_response_release(struct http_response *r);

/* A length of time as "1h2m3.4s", "20ms", "2 minutes"; ms, rounded up, or -1. With ret_end, other text may follow and *ret_end
 * is where it begins; without, nothing may, and a bare number counts seconds. */
int64_t http_read_duration(const char *s, const char **ret_end);

/* Default mapping of a status to an error class (used when the service's own rules say nothing): sets e from
 * status, retry-after and the best message found in the body, and returns false. `service` heads the message. */
bool http_status_err(const struct http_response *r, const char *service, struct err *e);

/* The human message in an error body of any shape seen in the wild, at most 200 bytes, into out. */
void http_error_message(const struct http_response *r, char *out, size_t out_size);

/* base + "/" + path with exactly one slash between; path is already encoded. false: longer than out. */
bool http_join(char *out, size_t out_size, const char *base, const char *path);

/* Percent-encodes everything but unreserved characters; keep_slash leaves '/' alone. */
bool http_encode(struct buf *out, const char *s, bool keep_slash);
