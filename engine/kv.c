#include "kv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "clock.h"
#include "id.h"
#include "script.h"

enum {
    CONNECT_MS = 5000,
    REPLY_MS = 5000, /* a command that takes longer than this means a dead peer */
    BLOCK_MARGIN_MS = 2000,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
    NUMBERS_PER_BLOCK = 64,
};

struct kv {
    redisContext *ctx;
    char host[256];
    int port;
    char *user, *password; /* NULL = none */
    int db;
    int64_t connected_since_ms;
    int64_t try_again_ms; /* not before, monotonic */
    int64_t backoff_ms;
    int64_t timeout_ms; /* what the socket is set to now */
    int outstanding;    /* pushed and not pulled yet */
};

/* ---- arguments ---- */

struct kv_number {
    struct kv_number *next;
    int used;
    char text[NUMBERS_PER_BLOCK][24];
};

void kv_args_init(struct kv_args *a)
{
    *a = (struct kv_args){0};
}

void kv_args_clear(struct kv_args *a)
{
    a->n = 0;
    for (struct kv_number *b = a->numbers; b != NULL; b = b->next)
        b->used = 0;
}

void kv_args_release(struct kv_args *a)
{
    while (a->numbers != NULL) {
        struct kv_number *next = a->numbers->next;
        free(a->numbers);
        a->numbers = next;
    }
    free(a->v);
    free(a->len);
    kv_args_init(a);
}

void kv_add(struct kv_args *a, const char *p, size_t len)
{
    if (a->n == a->cap) {
        int cap = a->cap > 0 ? a->cap * 2 : 32;
        const char **v = realloc(a->v, (size_t)cap * sizeof(*v));
        if (v == NULL)
            abort();
        a->v = v;
        size_t *lens = realloc(a->len, (size_t)cap * sizeof(*lens));
        if (lens == NULL)
            abort();
        a->len = lens;
        a->cap = cap;
    }
    a->v[a->n] = p;
    a->len[a->n++] = len;
}

void kv_adds(struct kv_args *a, const char *s)
{
    kv_add(a, s, strlen(s));
}

void kv_addi(struct kv_args *a, int64_t number)
{
    struct kv_number *b = a->numbers;
    while (b != NULL && b->used == NUMBERS_PER_BLOCK)
        b = b->next;
    if (b == NULL) {
        b = calloc(1, sizeof(*b));
        if (b == NULL)
            abort();
        b->next = a->numbers;
        a->numbers = b;
    }
    char *text = b->text[b->used++];
    int n = snprintf(text, sizeof(b->text[0]), "%lld", (long long)number);
    kv_add(a, text, (size_t)n);
}

/* ---- connection ---- */

static char *copy_part(const char *p, size_t n)
{
    char *s = n > 0 ? strndup(p, n) : NULL;
    if (n > 0 && s == NULL)
        abort();
    return s;
}

/* redis://[user:password@]host[:port][/db] */
static bool parse_url(struct kv *kv, const char *url, struct err *e)
{
    static const char scheme[] = "redis://";
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_REDIS_URL: must begin with redis://, as in redis://127.0.0.1:6379");
    const char *p = url + sizeof(scheme) - 1;
    const char *at = strrchr(p, '@');
    if (at != NULL) {
        const char *colon = memchr(p, ':', (size_t)(at - p));
        const char *user_end = colon != NULL ? colon : at;
        kv->user = copy_part(p, (size_t)(user_end - p));
        if (colon != NULL)
            kv->password = copy_part(colon + 1, (size_t)(at - colon - 1));
        p = at + 1;
    }
    size_t host_len = strcspn(p, ":/");
    if (host_len == 0 || host_len >= sizeof(kv->host))
        return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: no host");
    memcpy(kv->host, p, host_len);
    p += host_len;
    kv->port = 6379;
    char *end = (char *)p;
    if (*p == ':') {
        long port = strtol(p + 1, &end, 10);
        if (port < 1 || port > 65535)
            return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: the port must be from 1 to 65535");
        kv->port = (int)port;
    }
    if (*end == '/' && end[1] != '\0') {
        long db = strtol(end + 1, &end, 10);
        if (db < 0 || db > 1000000)
            return err_set(e, ERR_INPUT, "CHRONOS_REDIS_URL: the database number is out of range");
        kv->db = (int)db;
    } else if (*end == '/') {
        end++;
    }
    if (*end != '\0')
        return err_set(e, ERR_INPUT,
                       "CHRONOS_REDIS_URL: unreadable after the host; write redis://host:port/db");
    return true;
}

struct kv *kv_new(const char *url, struct err *e)
{
    struct kv *kv = calloc(1, sizeof(*kv));
    if (kv == NULL)
        abort();
    if (!parse_url(kv, url, e)) {
        kv_free(kv);
        return NULL;
    }
    return kv;
}

static void drop(struct kv *kv)
{
    if (kv->ctx != NULL)
        redisFree(kv->ctx);
    kv->ctx = NULL;
    kv->connected_since_ms = 0;
    kv->outstanding = 0;
}

void kv_free(struct kv *kv)
{
    if (kv == NULL)
        return;
    drop(kv);
    free(kv->user);
    if (kv->password != NULL)
        explicit_bzero(kv->password, strlen(kv->password));
    free(kv->password);
    free(kv);
}

int64_t kv_connected_since_ms(const struct kv *kv)
{
    return kv->connected_since_ms;
}

static bool transport_failed(struct kv *kv, struct err *e)
{
    err_set(e, ERR_UNAVAILABLE, "redis %s:%d: %s", kv->host, kv->port,
            kv->ctx == NULL ? "no connection"
            : kv->ctx->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT)
                ? "no answer in time"
                : kv->ctx->errstr);
    drop(kv);
    return false;
}

static void set_timeout(struct kv *kv, int64_t ms)
{
    if (kv->timeout_ms == ms)
        return;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    (void)redisSetTimeout(kv->ctx, tv); /* a failure shows as a transport error of the next read */
    kv->timeout_ms = ms;
}

static bool refused(const redisReply *r, struct err *e)
{
    static const char *const waiting_helps[] = {"LOADING",
                                                "READONLY",
                                                "MASTERDOWN",
                                                "BUSY ",
                                                "TRYAGAIN",
                                                "CLUSTERDOWN",
                                                "NOREPLICAS",
                                                "UNBLOCKED",
                                                "OOM",
                                                "MISCONF",
                                                "ERR max number of clients"};
    enum err_code code = ERR_REDIS;
    for (size_t i = 0; i < ARRAY_LEN(waiting_helps); i++) {
        if (strncmp(r->str, waiting_helps[i], strlen(waiting_helps[i])) == 0)
            code = ERR_UNAVAILABLE;
    }
    return err_set(e, code, "redis: %s", r->str);
}

static bool greet(struct kv *kv, struct err *e)
{
    redisReply *r = NULL;
    if (kv->password != NULL)
        r = kv->user != NULL ? redisCommand(kv->ctx, "AUTH %s %s", kv->user, kv->password)
                             : redisCommand(kv->ctx, "AUTH %s", kv->password);
    else
        r = redisCommand(kv->ctx, "PING");
    if (r == NULL)
        return transport_failed(kv, e);
    bool ok = r->type != REDIS_REPLY_ERROR || refused(r, e);
    freeReplyObject(r);
    if (ok && kv->db != 0) {
        r = redisCommand(kv->ctx, "SELECT %d", kv->db);
        if (r == NULL)
            return transport_failed(kv, e);
        ok = r->type != REDIS_REPLY_ERROR || refused(r, e);
        freeReplyObject(r);
    }
    if (!ok)
        drop(kv);
    return ok;
}

static bool connect_now(struct kv *kv, struct err *e)
{
    int64_t now = mono_ms();
    if (now < kv->try_again_ms)
        return err_set(e, ERR_UNAVAILABLE, "redis %s:%d: not connected, next try in %lld ms",
                       kv->host, kv->port, (long long)(kv->try_again_ms - now));
    struct timeval tv = {.tv_sec = CONNECT_MS / 1000};
    kv->ctx = redisConnectWithTimeout(kv->host, kv->port, tv);
    kv->timeout_ms = -1;
    bool ok = kv->ctx != NULL && kv->ctx->err == 0;
    if (ok) {
        set_timeout(kv, REPLY_MS);
        (void)redisEnableKeepAlive(kv->ctx); /* only shortens the time to notice a dead peer */
        ok = greet(kv, e);
    } else {
        (void)transport_failed(kv, e);
    }
    if (!ok) {
        /* Jittered, so that a pool of workers does not come back as one. */
        kv->backoff_ms = kv->backoff_ms == 0 ? BACKOFF_FIRST_MS : kv->backoff_ms * 2;
        if (kv->backoff_ms > BACKOFF_MAX_MS)
            kv->backoff_ms = BACKOFF_MAX_MS;
        kv->try_again_ms =
            mono_ms() + kv->backoff_ms / 2 + (int64_t)(id_random() % (uint64_t)kv->backoff_ms);
        return false;
    }
    kv->backoff_ms = 0;
    kv->connected_since_ms = mono_ms();
    return true;
}

static bool ready(struct kv *kv, struct err *e)
{
    return kv->ctx != NULL || connect_now(kv, e);
}

/* Before a command of its own: replies of a pipeline that nobody pulled would be taken for its answer. */
static bool ready_alone(struct kv *kv, struct err *e)
{
    if (kv->outstanding > 0)
        drop(kv);
    return ready(kv, e);
}

/* ---- commands ---- */

void kv_cleanup_reply(redisReply **r)
{
    if (*r != NULL)
        freeReplyObject(*r);
}

bool kv_push(struct kv *kv, const struct kv_args *a, struct err *e)
{
    if (!ready(kv, e))
        return false;
    if (redisAppendCommandArgv(kv->ctx, a->n, a->v, a->len) != REDIS_OK)
        return transport_failed(kv, e);
    kv->outstanding++;
    return true;
}

bool kv_pushf(struct kv *kv, struct err *e, const char *fmt, ...)
{
    if (!ready(kv, e))
        return false;
    va_list ap;
    va_start(ap, fmt);
    int rc = redisvAppendCommand(kv->ctx, fmt, ap);
    va_end(ap);
    if (rc != REDIS_OK)
        return transport_failed(kv, e);
    kv->outstanding++;
    return true;
}

redisReply *kv_pull(struct kv *kv, struct err *e)
{
    void *reply = NULL;
    if (kv->ctx == NULL || redisGetReply(kv->ctx, &reply) != REDIS_OK || reply == NULL) {
        (void)transport_failed(kv, e);
        return NULL;
    }
    kv->outstanding--;
    redisReply *r = reply;
    if (r->type == REDIS_REPLY_ERROR) {
        (void)refused(r, e);
        freeReplyObject(r);
        return NULL;
    }
    return r;
}

redisReply *kv_call(struct kv *kv, const struct kv_args *a, int64_t block_ms, struct err *e)
{
    if (!ready_alone(kv, e))
        return NULL;
    set_timeout(kv, block_ms > 0 ? block_ms + BLOCK_MARGIN_MS : REPLY_MS);
    return kv_push(kv, a, e) ? kv_pull(kv, e) : NULL;
}

redisReply *kv_cmd(struct kv *kv, struct err *e, const char *fmt, ...)
{
    if (!ready_alone(kv, e))
        return NULL;
    set_timeout(kv, REPLY_MS);
    va_list ap;
    va_start(ap, fmt);
    int rc = redisvAppendCommand(kv->ctx, fmt, ap);
    va_end(ap);
    if (rc != REDIS_OK) {
        (void)transport_failed(kv, e);
        return NULL;
    }
    kv->outstanding++;
    return kv_pull(kv, e);
}

bool kv_ping(struct kv *kv, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "PING");
    return r != NULL;
}

/* ---- scripts ---- */

static bool load_script(struct kv *kv, struct script *s, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "SCRIPT LOAD %b", s->text, strlen(s->text));
    if (r == NULL)
        return err_wrap(e, "loading script %s", s->name);
    if (r->type != REDIS_REPLY_STRING || r->len != SHA_SIZE - 1)
        return err_set(e, ERR_REDIS, "loading script %s: unexpected answer", s->name);
    script_set_sha(s, r->str);
    return true;
}

redisReply *kv_script(struct kv *kv, const char *script, const char *prefix,
                      const struct kv_args *args, struct err *e)
{
    struct script *s = script_find(script);
    char sha[SHA_SIZE];
    if (!script_sha(s, sha) && (!load_script(kv, s, e) || !script_sha(s, sha)))
        return NULL;
    for (int tries = 0;; tries++) {
        struct kv_args a;
        kv_args_init(&a);
        kv_adds(&a, "EVALSHA");
        kv_add(&a, sha, SHA_SIZE - 1);
        kv_adds(&a, "1");
        kv_adds(&a, prefix);
        for (int i = 0; i < args->n; i++)
            kv_add(&a, args->v[i], args->len[i]);
        redisReply *r = kv_call(kv, &a, 0, e);
        kv_args_release(&a);
        if (r != NULL)
            return r;
        if (tries > 0 || strstr(e->msg, "NOSCRIPT") == NULL || !load_script(kv, s, e)) {
            (void)err_wrap(e, "script %s", script);
            return NULL;
        }
    }
}

/* ---- replies ---- */

const redisReply *kv_field(const redisReply *flat, const char *name)
{
    if (flat == NULL || flat->type != REDIS_REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < flat->elements; i += 2) {
        const redisReply *k = flat->element[i];
        if (k->type == REDIS_REPLY_STRING && strcmp(k->str, name) == 0)
            return flat->element[i + 1];
    }
    return NULL;
}

long long kv_int_at(const redisReply *r, size_t i, long long otherwise)
{
    if (r == NULL || r->type != REDIS_REPLY_ARRAY || i >= r->elements)
        return otherwise;
    const redisReply *v = r->element[i];
    if (v->type == REDIS_REPLY_INTEGER)
        return v->integer;
    if (v->type == REDIS_REPLY_STRING)
        return strtoll(v->str, NULL, 10);
    return otherwise;
}
