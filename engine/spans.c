#include "spans.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "http.h"
#include "js.h"
#include "log.h"
#include "otlp.h"

enum {
    QUEUE_MAX = 16384,
    BATCH_MAX = 512,
    BATCH_MS = 1000, /* how long a batch gathers */
    SEND_MS = 10000,
    TRIES = 3,
    RETRY_MS = 500,
    TELL_MS = 10000,
    HEADERS_MAX = 16,
    REQUEST_MAX_BYTES = 16 << 20,
};

static struct {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the queue and what is counted */
    pthread_cond_t work;
    struct span *queue; /* a ring of QUEUE_MAX */
    size_t first, count;
    uint64_t dropped;
    bool stopping;
    int64_t stop_by_ms;

    struct spans_conf conf;
    struct http_header headers[HEADERS_MAX + 2];
    size_t header_count;
    char url[1024];
    struct http *http;
    int64_t told_ms; /* when dropping was told last; 0 = never */
    struct err why;
} x = {.lock = PTHREAD_MUTEX_INITIALIZER};
static atomic_bool wanted;

/* ---- settings ---- */

static char *copy_of(const char *s)
{
    char *copy = strdup(s);
    if (copy == NULL)
        abort();
    return copy;
}

static void add_header(void *arg, const char *name, const char *value)
{
    size_t *count = arg;
    x.headers[(*count)++] = (struct http_header){copy_of(name), copy_of(value)}; /* as checked */
}

static void note_header(void *arg, const char *name, const char *value)
{
    size_t *count = arg;
    (void)name;
    (*count)++;
    log_hide(value);
    const char *word = strrchr(value, ' '); /* "Bearer <key>" */
    log_hide(word != NULL ? word + 1 : NULL);
}

static void ignore(void *arg, const char *name, const char *value)
{
    (void)arg, (void)name, (void)value;
}

bool spans_check(const struct spans_conf *c, struct err *e)
{
    if (*c->endpoint != '\0' && strncmp(c->endpoint, "http://", 7) != 0 &&
        strncmp(c->endpoint, "https://", 8) != 0)
        return err_set(e, ERR_INPUT,
                       "OTEL_EXPORTER_OTLP_ENDPOINT: must begin with http:// or https://");
    size_t headers = 1; /* Content-Type */
    if (!otlp_list(c->headers, "OTEL_EXPORTER_OTLP_HEADERS", note_header, &headers, e))
        return false;
    if (headers > HEADERS_MAX)
        return err_set(e, ERR_INPUT, "OTEL_EXPORTER_OTLP_HEADERS: at most %d headers, not %zu",
                       HEADERS_MAX - 1, headers - 1);
    return otlp_list(c->attributes, "OTEL_RESOURCE_ATTRIBUTES", ignore, NULL, e);
}

/* ---- sending ---- */

static bool past_the_end(void)
{
    (void)pthread_mutex_lock(&x.lock);
    bool past = x.stopping && mono_ms() >= x.stop_by_ms;
    (void)pthread_mutex_unlock(&x.lock);
    return past;
}

static bool is_past_the_end(void *arg)
{
    (void)arg;
    return past_the_end();
}

static bool is_retryable(long status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* What the collector took the request and refused of it. */
static uint64_t refused_of(const struct http_response *r)
{
    struct err ignored;
    auto_json *j = r->body.len > 0 ? js_parse(r->body.data, r->body.len, &ignored) : NULL;
    const json_t *n = js_get(j, "partialSuccess.rejectedSpans");
    if (json_is_string(n))
        return strtoull(json_string_value(n), NULL, 10);
    return json_is_integer(n) && json_integer_value(n) > 0 ? (uint64_t)json_integer_value(n) : 0;
}

/* One request. Returns how many of the spans are lost; *ret_again: none yet, and another try may help. */
static uint64_t post(const struct buf *body, size_t n, bool *ret_again)
{
    struct http_request req = {.method = "POST",
                               .url = x.url,
                               .body = body->data,
                               .body_len = body->len,
                               .headers = x.headers,
                               .timeout_ms = SEND_MS,
                               .max_bytes = 1 << 20};
    struct http_response r;
    *ret_again = false;
    if (!http_send(x.http, &req, &r, &x.why)) {
        *ret_again = true;
        return n;
    }
    uint64_t lost = 0;
    if (r.status < 200 || r.status >= 300) {
        (void)err_set(&x.why, ERR_RETRY, "HTTP %ld", r.status);
        *ret_again = is_retryable(r.status);
        lost = n;
    } else if ((lost = refused_of(&r)) > 0) {
        (void)err_set(&x.why, ERR_INPUT, "the collector refused a part of a batch");
    }
    http_response_release(&r);
    return lost;
}

static void wait_a_moment(int64_t ms)
{
    for (int64_t until = mono_ms() + ms; mono_ms() < until && !past_the_end();)
        sleep_ms(50);
}

static uint64_t send_batch(const struct span *batch, size_t n)
{
    auto_buf body = BUF_INIT(REQUEST_MAX_BYTES);
    if (!otlp_request(&body, &x.conf, batch, n)) {
        (void)err_set(&x.why, ERR_BUG, "a batch is too large");
        return n;
    }
    uint64_t lost = n;
    bool again = true;
    for (int i = 0; again && i < TRIES; i++) {
        if (i > 0)
            wait_a_moment(RETRY_MS << i);
        if (past_the_end())
            break;
        lost = post(&body, n, &again);
    }
    return lost;
}

/* The first at once, then the sum of each ten seconds. */
static void tell_dropped(bool last)
{
    char count[24];
    (void)pthread_mutex_lock(&x.lock);
    uint64_t dropped = x.dropped;
    bool due = dropped > 0 && (last || x.told_ms == 0 || mono_ms() - x.told_ms >= TELL_MS);
    if (due)
        x.dropped = 0;
    (void)pthread_mutex_unlock(&x.lock);
    if (!due)
        return;
    x.told_ms = mono_ms();
    log_mask(x.why.msg);
    (void)snprintf(count, sizeof(count), "%llu", (unsigned long long)dropped);
    log_warn("spans are dropped: the collector does not take them", "dropped", count, "error",
             x.why.msg, LOG_END);
}

/* ---- the queue ---- */

/* Waits until a batch is full, or has gathered for long enough. 0 = stopping and nothing is left. */
static size_t take_batch(struct span *batch)
{
    struct timespec until = mono_after(BATCH_MS);
    (void)pthread_mutex_lock(&x.lock);
    while (x.count < BATCH_MAX && !x.stopping) {
        if (pthread_cond_timedwait(&x.work, &x.lock, &until) != 0)
            break;
    }
    size_t n = x.count < BATCH_MAX ? x.count : BATCH_MAX;
    for (size_t i = 0; i < n; i++)
        batch[i] = x.queue[(x.first + i) % QUEUE_MAX];
    x.first = (x.first + n) % QUEUE_MAX;
    x.count -= n;
    (void)pthread_mutex_unlock(&x.lock);
    return n;
}

static void count_dropped(uint64_t n)
{
    (void)pthread_mutex_lock(&x.lock);
    x.dropped += n;
    (void)pthread_mutex_unlock(&x.lock);
}

static bool is_stopping(void)
{
    (void)pthread_mutex_lock(&x.lock);
    bool stopping = x.stopping;
    (void)pthread_mutex_unlock(&x.lock);
    return stopping;
}

static void *export_loop(void *arg)
{
    static struct span batch[BATCH_MAX];
    (void)arg;
    for (;;) {
        size_t n = take_batch(batch);
        if (n == 0 && is_stopping())
            break;
        uint64_t lost = n > 0 ? send_batch(batch, n) : 0;
        if (lost > 0)
            count_dropped(lost);
        tell_dropped(false);
    }
    tell_dropped(true);
    return NULL;
}

bool spans_wanted(void)
{
    return atomic_load_explicit(&wanted, memory_order_relaxed);
}

void spans_add(const struct span *s)
{
    if (!spans_wanted())
        return;
    (void)pthread_mutex_lock(&x.lock);
    if (x.count == QUEUE_MAX || x.stopping) {
        x.dropped++;
    } else {
        x.queue[(x.first + x.count++) % QUEUE_MAX] = *s;
        if (x.count == BATCH_MAX)
            (void)pthread_cond_signal(&x.work);
    }
    (void)pthread_mutex_unlock(&x.lock);
}

void spans_start(const struct spans_conf *c)
{
    struct err checked; /* by spans_check */
    if (*c->endpoint == '\0')
        return;
    x.conf = *c;
    if (!http_join(x.url, sizeof(x.url), c->endpoint, "v1/traces"))
        abort(); /* at start: longer than any address */
    x.headers[0] = (struct http_header){"Content-Type", "application/json"};
    x.header_count = 1;
    (void)otlp_list(c->headers, "OTEL_EXPORTER_OTLP_HEADERS", add_header, &x.header_count,
                    &checked);
    x.queue = calloc(QUEUE_MAX, sizeof(*x.queue));
    if (x.queue == NULL)
        abort();
    mono_cond_init(&x.work);
    x.http = http_new();
    http_set_cancel(x.http, is_past_the_end, NULL);
    (void)err_set(&x.why, ERR_RETRY, "more spans come than it takes");
    if (pthread_create(&x.thread, NULL, export_loop, NULL) != 0)
        abort(); /* at start */
    atomic_store(&wanted, true);
}

void spans_stop(int64_t grace_ms)
{
    if (!spans_wanted())
        return;
    (void)pthread_mutex_lock(&x.lock);
    x.stopping = true;
    x.stop_by_ms = mono_ms() + grace_ms;
    (void)pthread_cond_signal(&x.work);
    (void)pthread_mutex_unlock(&x.lock);
    (void)pthread_join(x.thread, NULL);
    atomic_store(&wanted, false);
    http_free(x.http);
    for (size_t i = 1; i < x.header_count; i++) {
        free((char *)x.headers[i].name);
        free((char *)x.headers[i].value);
    }
    free(x.queue);
    x.queue = NULL;
}
