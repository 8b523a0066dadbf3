#include "kv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "cluster.h"
#include "key.h"
#include "metrics.h"
#include "script.h"

enum {
    BLOCK_MARGIN_MS = 2000,
    JUDGE_MARGIN_MS = 1000, /* beyond a lease: for the others to come back after an outage */
    MAX_REDIRECTS = 4,
    ONE_BY_ONE_MS = 1000, /* after a pipeline has met a slot on the move */
};

/* A command that was pushed. */
struct pushed {
    struct kv_node *node;
    unsigned losses; /* the node's, at that time: another number now means that the reply is lost */
    redisReply *reply; /* NULL = not there yet */
};

struct kv {
    struct cluster cluster;
    struct kv_node *answered; /* by whom the last reply was given */
    struct pushed *pushed;    /* in the order of pushing, those from `pulled` on are outstanding */
    size_t pushed_count, pushed_cap, pulled;
    bool unflushed;  /* something pushed may not have been sent yet */
    bool one_by_one; /* the present pipeline waits for each reply, see push_answered */
    int64_t one_by_one_until_ms;
    const char *script;      /* whose call is being made; NULL = a command of its own */
    unsigned listed_changes; /* cluster.changes when kv_servers counted */
};

struct kv *kv_new(const char *url, struct err *e)
{
    struct kv *kv = calloc(1, sizeof(*kv));
    if (kv == NULL)
        abort();
    if (!cluster_init(&kv->cluster, url, e)) {
        free(kv);
        return NULL;
    }
    return kv;
}

/* Forgets what was pushed and not pulled, if anything: its replies would be taken for the answers to what comes next. */
static void abandon_pipeline(struct kv *kv)
{
    for (size_t i = kv->pulled; i < kv->pushed_count; i++) {
        struct pushed *p = &kv->pushed[i];
        if (p->reply == NULL && p->node->losses == p->losses)
            kv_node_drop(p->node);
        kv_cleanup_reply(&p->reply);
    }
    kv->pushed_count = kv->pulled = 0;
}

void kv_free(struct kv *kv)
{
    if (kv == NULL)
        return;
    abandon_pipeline(kv);
    cluster_release(&kv->cluster);
    free(kv->pushed);
    free(kv);
}

struct cluster *kv_cluster(struct kv *kv)
{
    return &kv->cluster;
}

int64_t kv_connected_since_ms(const struct kv *kv)
{
    return cluster_since_ms(&kv->cluster);
}

bool kv_may_judge(const struct kv *kv, int64_t lease_ms)
{
    int64_t since = kv_connected_since_ms(kv);
    return since != 0 && mono_ms() - since > lease_ms + JUDGE_MARGIN_MS;
}

unsigned kv_disturbances(const struct kv *kv)
{
    return cluster_disturbances(&kv->cluster);
}

/* ---- one command ---- */

/* A command in the form in which it is sent. */
struct command {
    char *bytes;
    size_t len;
};

static void cleanup_command(struct command *c)
{
    redisFreeCommand(c->bytes);
}
#define auto_command CLEANUP(cleanup_command) struct command

static bool format_args(struct command *c, const struct kv_args *a, struct err *e)
{
    int len = redisFormatCommandArgv(&c->bytes, a->n, a->v, a->len);
    c->len = len > 0 ? (size_t)len : 0;
    return len > 0 || err_set(e, ERR_BUG, "a command cannot be formatted");
}

static bool format_text(struct command *c, struct err *e, const char *fmt, va_list ap)
{
    int len = redisvFormatCommand(&c->bytes, fmt, ap);
    c->len = len > 0 ? (size_t)len : 0;
    return len > 0 || err_set(e, ERR_BUG, "a command cannot be formatted");
}

/* Which server it is for is asked only where there are several. */
static struct kv_node *find_node(struct kv *kv, const struct command *c, struct err *e)
{
    if (!cluster_know(&kv->cluster, e))
        return NULL;
    int slot = cluster_is_one(&kv->cluster) ? slot_of_command(c->bytes, c->len) : SLOT_ANY;
    return cluster_node(&kv->cluster, slot, e);
}

static redisReply *ask_node(struct kv *kv, struct kv_node *n, const struct command *c, bool asking,
                            int64_t wait_ms, struct err *e)
{
    if (!kv_node_ready(n, e) || (asking && !kv_node_say_asking(n, e)))
        return NULL;
    kv_node_set_timeout(n, wait_ms);
    kv->answered = n;
    return kv_node_ask(n, c->bytes, c->len, e);
}

/* Follows redirects; the reply may be an error reply. */
static redisReply *ask(struct kv *kv, const struct command *c, int64_t wait_ms, struct err *e)
{
    bool asking = false;
    struct kv_node *n = find_node(kv, c, e);
    for (int i = 0; n != NULL; i++) {
        redisReply *r = ask_node(kv, n, c, asking, wait_ms, e);
        kv->cluster.stale = kv->cluster.stale || r == NULL;
        if (r == NULL || !cluster_is_redirect(r) || i == MAX_REDIRECTS)
            return r;
        struct kv_node *to = cluster_redirect(&kv->cluster, n, r, &asking);
        if (to == NULL)
            return r;
        freeReplyObject(r);
        n = to;
    }
    return NULL;
}

static redisReply *unless_refused(struct kv_node *n, redisReply *r, struct err *e)
{
    if (r == NULL || r->type != REDIS_REPLY_ERROR)
        return r;
    (void)kv_node_refused(n, r, e);
    freeReplyObject(r);
    return NULL;
}

static redisReply *answer(struct kv *kv, const struct command *c, int64_t wait_ms, struct err *e)
{
    abandon_pipeline(kv);
    redisReply *r = ask(kv, c, wait_ms, e);
    return unless_refused(kv->answered, r, e);
}

/* ---- metrics ---- */

/* A command as it is sent begins with its name: "*3\r\n$4\r\nXADD\r\n…". */
static void name_of_command(const struct command *c, char out[24])
{
    const char *p = memchr(c->bytes, '$', c->len);
    p = p != NULL ? strchr(p, '\n') : NULL;
    int n = p != NULL ? (int)strcspn(p + 1, "\r") : 0;
    (void)snprintf(out, 24, "%.*s", n < 23 ? n : 23, p != NULL ? p + 1 : "");
}

/* The script is loaded then, so it is no failure for anybody else. */
static bool is_script_missing(const struct err *e)
{
    return strncmp(e->msg, "redis: NOSCRIPT", 15) == 0;
}

static void count_error(const struct err *e)
{
    if (!is_script_missing(e))
        metric_add(METRIC_REDIS_ERRORS, 1, err_name(e->code));
}

/* A round trip that waits for nothing but the server. */
static redisReply *answer_timed(struct kv *kv, const struct command *c, struct err *e)
{
    if (!metrics_are_on())
        return answer(kv, c, KV_REPLY_MS, e);
    int64_t began_us = mono_us();
    redisReply *r = answer(kv, c, KV_REPLY_MS, e);
    char name[24];
    if (r == NULL) {
        count_error(e);
    } else {
        if (kv->script == NULL)
            name_of_command(c, name);
        metric_observe(METRIC_REDIS_SECONDS, (double)(mono_us() - began_us) / 1e6,
                       kv->script != NULL ? kv->script : name);
    }
    return r;
}

redisReply *kv_call(struct kv *kv, const struct kv_args *a, int64_t block_ms, struct err *e)
{
    auto_command c = {0};
    if (!format_args(&c, a, e))
        return NULL;
    if (block_ms <= 0)
        return answer_timed(kv, &c, e);
    redisReply *r = answer(kv, &c, block_ms + BLOCK_MARGIN_MS, e);
    if (r == NULL)
        count_error(e);
    return r;
}

redisReply *kv_cmd(struct kv *kv, struct err *e, const char *fmt, ...)
{
    auto_command c = {0};
    va_list ap;
    va_start(ap, fmt);
    bool ok = format_text(&c, e, fmt, ap);
    va_end(ap);
    return ok ? answer_timed(kv, &c, e) : NULL;
}

/* ---- every server ---- */

static redisReply *answer_at(struct kv *kv, int server, const struct command *c, struct err *e)
{
    abandon_pipeline(kv);
    struct kv_node *n =
        kv->cluster.changes == kv->listed_changes ? cluster_primary(&kv->cluster, server) : NULL;
    if (n == NULL)
        return err_null(e, ERR_UNAVAILABLE, "redis: the nodes of the cluster have changed");
    redisReply *r = ask_node(kv, n, c, false, KV_REPLY_MS, e);
    if (r == NULL)
        kv->cluster.stale = true;
    return unless_refused(n, r, e);
}

bool kv_servers(struct kv *kv, int *ret_count, struct err *e)
{
    abandon_pipeline(kv);
    if (cluster_node(&kv->cluster, SLOT_ANY, e) == NULL)
        return false;
    int n = 0;
    while (cluster_primary(&kv->cluster, n) != NULL)
        n++;
    kv->listed_changes = kv->cluster.changes;
    *ret_count = n;
    return true;
}

redisReply *kv_cmd_at(struct kv *kv, int server, struct err *e, const char *fmt, ...)
{
    auto_command c = {0};
    va_list ap;
    va_start(ap, fmt);
    bool ok = format_text(&c, e, fmt, ap);
    va_end(ap);
    return ok ? answer_at(kv, server, &c, e) : NULL;
}

bool kv_ping(struct kv *kv, struct err *e)
{
    int servers;
    if (!kv_servers(kv, &servers, e))
        return false;
    for (int i = 0; i < servers; i++) {
        auto_reply *r = kv_cmd_at(kv, i, e, "PING");
        if (r == NULL)
            return false;
    }
    return true;
}

/* ---- pipelines ---- */

static struct pushed *note_pushed(struct kv *kv, struct kv_node *n)
{
    if (kv->pushed_count == kv->pushed_cap) {
        kv->pushed_cap = kv->pushed_cap > 0 ? 2 * kv->pushed_cap : 16;
        kv->pushed = realloc(kv->pushed, kv->pushed_cap * sizeof(*kv->pushed));
        if (kv->pushed == NULL)
            abort();
    }
    struct pushed *p = &kv->pushed[kv->pushed_count++];
    *p = (struct pushed){.node = n, .losses = n->losses};
    return p;
}

/* While a slot is on the move each command is answered before the next is pushed, so that it can find its way. */
static bool push_answered(struct kv *kv, const struct command *c, struct err *e)
{
    redisReply *r = ask(kv, c, KV_REPLY_MS, e);
    if (r != NULL)
        note_pushed(kv, kv->answered)->reply = r;
    return r != NULL;
}

static bool push_unanswered(struct kv *kv, const struct command *c, struct err *e)
{
    struct kv_node *n = find_node(kv, c, e);
    if (n == NULL)
        return false;
    if (n->outstanding == 0)
        kv_node_set_timeout(n, KV_REPLY_MS);
    if (!kv_node_append(n, c->bytes, c->len, e))
        return false;
    (void)note_pushed(kv, n);
    kv->unflushed = true;
    return true;
}

static bool push(struct kv *kv, const struct command *c, struct err *e)
{
    if (kv->pulled == kv->pushed_count) {
        kv->pulled = kv->pushed_count = 0;
        kv->one_by_one = kv->one_by_one_until_ms != 0 && mono_ms() < kv->one_by_one_until_ms;
    }
    bool ok = kv->one_by_one ? push_answered(kv, c, e) : push_unanswered(kv, c, e);
    if (!ok)
        abandon_pipeline(kv);
    return ok;
}

bool kv_push(struct kv *kv, const struct kv_args *a, struct err *e)
{
    auto_command c = {0};
    return format_args(&c, a, e) && push(kv, &c, e);
}

bool kv_pushf(struct kv *kv, struct err *e, const char *fmt, ...)
{
    auto_command c = {0};
    va_list ap;
    va_start(ap, fmt);
    bool ok = format_text(&c, e, fmt, ap);
    va_end(ap);
    return ok && push(kv, &c, e);
}

/* All servers get to work before the first reply is waited for. One that cannot be reached fails its own pulls. */
static void flush_pushed(struct kv *kv)
{
    struct err e;
    for (size_t i = kv->pulled; i < kv->pushed_count; i++) {
        const struct pushed *p = &kv->pushed[i];
        if (p->reply == NULL && p->node->losses == p->losses)
            (void)kv_node_flush(p->node, &e);
    }
    kv->unflushed = false;
}

/* Not followed here, since the command is gone. The next pipelines go one by one where that helps. */
static void note_redirect(struct kv *kv, const struct kv_node *n, const redisReply *r)
{
    bool asking = false;
    if (!cluster_is_redirect(r))
        return;
    (void)cluster_redirect(&kv->cluster, n, r, &asking);
    if (asking)
        kv->one_by_one_until_ms = mono_ms() + ONE_BY_ONE_MS;
}

redisReply *kv_pull(struct kv *kv, struct err *e)
{
    if (kv->pulled == kv->pushed_count)
        return err_null(e, ERR_UNAVAILABLE, "redis: no connection");
    if (kv->unflushed && cluster_is_one(&kv->cluster))
        flush_pushed(kv);
    struct pushed *p = &kv->pushed[kv->pulled++];
    struct kv_node *n = p->node;
    if (p->reply != NULL)
        return unless_refused(n, steal(&p->reply), e);
    if (n->losses != p->losses)
        return err_null(e, ERR_UNAVAILABLE, "redis %s:%d: the connection was lost", n->at.host,
                        n->at.port);
    redisReply *r = kv_node_read(n, e);
    if (r != NULL)
        note_redirect(kv, n, r);
    kv->cluster.stale = kv->cluster.stale || r == NULL;
    return unless_refused(n, r, e);
}

/* ---- scripts ---- */

static bool load_script(struct kv *kv, struct kv_node *n, struct script *s, struct err *e)
{
    auto_command c = {0};
    int len = redisFormatCommand(&c.bytes, "SCRIPT LOAD %b", s->text, strlen(s->text));
    c.len = len > 0 ? (size_t)len : 0;
    auto_reply *r = unless_refused(n, ask_node(kv, n, &c, false, KV_REPLY_MS, e), e);
    if (r == NULL)
        return err_wrap(e, "loading script %s", s->name);
    if (r->type != REDIS_REPLY_STRING || r->len != SHA_SIZE - 1)
        return err_set(e, ERR_REDIS, "loading script %s: unexpected answer", s->name);
    script_set_sha(s, r->str);
    return true;
}

/* Before it was loaded for the first time it has no name: then on whatever server. */
static bool name_script(struct kv *kv, struct script *s, char sha[SHA_SIZE], struct err *e)
{
    if (script_sha(s, sha))
        return true;
    abandon_pipeline(kv);
    struct kv_node *n = cluster_node(&kv->cluster, SLOT_ANY, e);
    return n != NULL && load_script(kv, n, s, e) && script_sha(s, sha);
}

/* A script on a partition derives its keys from the prefix, so Redis does not see which keys it needs, and while the slot
 * is moved from one node to another each of them has only some. Two keys that never exist are answered TRYAGAIN until the
 * move is over, before anything is run: the prefix itself, and this one. */
static void add_keys(struct kv_args *a, const char *key, char second[KEY_SIZE])
{
    size_t len = strlen(key);
    bool is_prefix = key[0] == '{' && key[len - 1] == '}';
    kv_adds(a, is_prefix ? "2" : "1");
    kv_add(a, key, len);
    if (is_prefix)
        kv_adds(a, key2(second, key, "never"));
}

redisReply *kv_script(struct kv *kv, const char *script, const char *key,
                      const struct kv_args *args, struct err *e)
{
    struct script *s = script_find(script);
    char sha[SHA_SIZE], second[KEY_SIZE];
    if (!name_script(kv, s, sha, e))
        return NULL;
    for (int tries = 0;; tries++) {
        struct kv_args a;
        kv_args_init(&a);
        kv_adds(&a, "EVALSHA");
        kv_add(&a, sha, SHA_SIZE - 1);
        add_keys(&a, key, second);
        for (int i = 0; i < args->n; i++)
            kv_add(&a, args->v[i], args->len[i]);
        kv->script = s->name;
        redisReply *r = kv_call(kv, &a, 0, e);
        kv->script = NULL;
        kv_args_release(&a);
        if (r != NULL)
            return r;
        if (tries > 0 || !is_script_missing(e) || !load_script(kv, kv->answered, s, e)) {
            (void)err_wrap(e, "script %s", script);
            return NULL;
        }
    }
}
