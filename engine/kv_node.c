#include "kv_node.h"

#include <errno.h>
#include <hiredis/sds.h>
#include <stdarg.h>
#include <string.h>
#include <sys/time.h>

#include "clock.h"
#include "compiler.h"
#include "id.h"

enum {
    CONNECT_MS = 5000,
    IMPATIENT_MS = 1000,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
};

void kv_node_init(struct kv_node *n, const struct kv_url *url, const struct kv_address *at)
{
    *n = (struct kv_node){.url = url, .at = *at};
}

void kv_node_drop(struct kv_node *n)
{
    if (n->ctx != NULL)
        redisFree(n->ctx);
    n->ctx = NULL;
    n->losses += n->outstanding > 0;
    n->since_ms = 0;
    n->outstanding = 0;
}

void kv_node_release(struct kv_node *n)
{
    kv_node_drop(n);
}

static bool failed(struct kv_node *n, struct err *e)
{
    err_set(e, ERR_UNAVAILABLE, "redis %s:%d: %s", n->at.host, n->at.port,
            n->ctx == NULL         ? "no connection"
            : n->ctx->obuf == NULL ? "out of memory"
            : n->ctx->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT)
                ? "no answer in time"
                : n->ctx->errstr);
    kv_node_drop(n);
    return false;
}

void kv_node_set_timeout(struct kv_node *n, int64_t ms)
{
    if (n->timeout_ms == ms)
        return;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    (void)redisSetTimeout(n->ctx, tv); /* a failure shows as a transport error of the next read */
    n->timeout_ms = ms;
}

/* After a write hiredis makes a new output buffer, and forgets to look whether there was memory for it: it is not asked
 * whether all is written, since it would look into that buffer. */
bool kv_node_flush(struct kv_node *n, struct err *e)
{
    while (n->ctx == NULL || sdslen(n->ctx->obuf) > 0) {
        if (n->ctx == NULL || redisBufferWrite(n->ctx, NULL) != REDIS_OK || n->ctx->obuf == NULL)
            return failed(n, e);
    }
    return true;
}

static redisReply *read_reply(struct kv_node *n, struct err *e)
{
    void *reply = NULL;
    if (!kv_node_flush(n, e))
        return NULL;
    if (redisGetReply(n->ctx, &reply) != REDIS_OK || reply == NULL) {
        (void)failed(n, e);
        return NULL;
    }
    return reply;
}

/* ---- connecting ---- */

__attribute__((format(printf, 3, 4))) static redisReply *ask(struct kv_node *n, struct err *e,
                                                             const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    bool ok = redisvAppendCommand(n->ctx, format, ap) == REDIS_OK || failed(n, e);
    va_end(ap);
    redisReply *r = ok ? read_reply(n, e) : NULL;
    if (r == NULL || r->type != REDIS_REPLY_ERROR)
        return r;
    (void)kv_node_refused(n, r, e);
    freeReplyObject(r);
    return NULL;
}

static bool say(redisReply *answer)
{
    if (answer != NULL)
        freeReplyObject(answer);
    return answer != NULL;
}

static bool log_in(struct kv_node *n, struct err *e)
{
    const struct kv_url *u = n->url;
    if (u->password == NULL)
        return true;
    return say(u->user != NULL ? ask(n, e, "AUTH %s %s", u->user, u->password)
                               : ask(n, e, "AUTH %s", u->password));
}

/* PING is refused while the server still reads its file; it is of no use before. */
static bool greet(struct kv_node *n, struct err *e)
{
    if (!log_in(n, e) || !say(ask(n, e, "PING")))
        return false;
    redisReply *info = ask(n, e, "INFO cluster");
    if (info == NULL)
        return false;
    n->is_cluster = info->str != NULL && strstr(info->str, "cluster_enabled:1") != NULL;
    freeReplyObject(info);
    if (n->is_cluster && n->url->db != 0)
        return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: a Redis Cluster has only database 0");
    return n->url->db == 0 || say(ask(n, e, "SELECT %d", n->url->db));
}

static bool open_connection(struct kv_node *n, struct err *e)
{
    int64_t ms = n->impatient ? IMPATIENT_MS : CONNECT_MS;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    n->ctx = redisConnectWithTimeout(n->at.host, n->at.port, tv);
    n->timeout_ms = -1;
    if (n->ctx == NULL || n->ctx->err != 0)
        return failed(n, e);
    kv_node_set_timeout(n, n->impatient ? IMPATIENT_MS : KV_REPLY_MS);
    (void)redisEnableKeepAlive(n->ctx); /* only shortens the time to notice a dead peer */
    if (!greet(n, e)) {
        kv_node_drop(n);
        return false;
    }
    kv_node_set_timeout(n, KV_REPLY_MS);
    return true;
}

bool kv_node_ready(struct kv_node *n, struct err *e)
{
    if (n->ctx != NULL)
        return true;
    int64_t now = mono_ms();
    if (now < n->try_again_ms)
        return err_set(e, ERR_UNAVAILABLE, "redis %s:%d: not connected, next try in %lld ms",
                       n->at.host, n->at.port, (long long)(n->try_again_ms - now));
    if (!open_connection(n, e)) {
        /* Jittered, so that a pool of workers does not come back as one. */
        n->backoff_ms = n->backoff_ms == 0 ? BACKOFF_FIRST_MS : n->backoff_ms * 2;
        if (n->backoff_ms > BACKOFF_MAX_MS)
            n->backoff_ms = BACKOFF_MAX_MS;
        n->try_again_ms =
            mono_ms() + n->backoff_ms / 2 + (int64_t)(id_random() % (uint64_t)n->backoff_ms);
        return false;
    }
    n->backoff_ms = 0;
    n->since_ms = mono_ms();
    return true;
}

/* ---- commands and replies ---- */

bool kv_node_append(struct kv_node *n, const char *bytes, size_t len, struct err *e)
{
    if (n->ctx == NULL || redisAppendFormattedCommand(n->ctx, bytes, len) != REDIS_OK)
        return failed(n, e);
    n->outstanding++;
    return true;
}

redisReply *kv_node_read(struct kv_node *n, struct err *e)
{
    redisReply *reply = read_reply(n, e);
    if (reply != NULL)
        n->outstanding--;
    return reply;
}

redisReply *kv_node_ask(struct kv_node *n, const char *bytes, size_t len, struct err *e)
{
    return kv_node_append(n, bytes, len, e) ? kv_node_read(n, e) : NULL;
}

bool kv_node_say_asking(struct kv_node *n, struct err *e)
{
    static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
    redisReply *r = kv_node_ask(n, asking, sizeof(asking) - 1, e);
    if (r != NULL)
        freeReplyObject(r);
    return r != NULL;
}

static bool begins_with(const char *text, const char *const *heads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(text, heads[i], strlen(heads[i])) == 0)
            return true;
    }
    return false;
}

bool kv_node_refused(struct kv_node *n, const redisReply *r, struct err *e)
{
    /* Nobody can write while a server says so, heartbeats included: that is an outage like a broken connection. */
    static const char *const is_away[] = {"LOADING", "READONLY",    "MASTERDOWN", "BUSY ",
                                          "MISCONF", "CLUSTERDOWN", "NOREPLICAS"};
    static const char *const waiting_helps[] = {
        "TRYAGAIN", "UNBLOCKED", "OOM", "MOVED", "ASK ", "ERR max number of clients"};
    static const char *const is_missing[] = {"NOGROUP", "ERR no such key"};
    bool away = begins_with(r->str, is_away, ARRAY_LEN(is_away));
    if (away && n->since_ms != 0)
        n->since_ms = mono_ms();
    (void)err_set(e,
                  away || begins_with(r->str, waiting_helps, ARRAY_LEN(waiting_helps))
                      ? ERR_UNAVAILABLE
                      : ERR_REDIS,
                  "redis: %s", r->str);
    e->is_missing = begins_with(r->str, is_missing, ARRAY_LEN(is_missing));
    return false;
}
