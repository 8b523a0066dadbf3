#include "route.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

enum {
    BLOCK_MS = 1000,
    RETRY_MS = 200,
    REFRESH_MS = 1000,
    MANY_BYTES = 64 << 20, /* in one batch: the next takes fewer events */
};

struct router {
    pthread_t thread;
    struct routing routing;
    int64_t refreshed_ms; /* monotonic */
    long count;           /* events to read at once from each stream */
    bool
        unsure; /* a read failed and may have been applied: what it delivered is pending under our name */
};

/* ---- reading ---- */

/* The settings bound how many events are read, and how large each may be; this bounds both together. */
static void adapt(struct router *r, const redisReply *reply)
{
    size_t bytes = record_reply_bytes(reply);
    if (bytes > MANY_BYTES && r->count > 1)
        r->count /= 2;
    else if (bytes < MANY_BYTES / 4 && r->count < r->routing.conf->route_batch)
        r->count = 2 * r->count < r->routing.conf->route_batch ? 2 * r->count
                                                               : r->routing.conf->route_batch;
}

static int stream_index(const struct streams *s, const char *name)
{
    for (int i = 0; i < s->count; i++) {
        if (strcmp(s->names[i], name) == 0)
            return i;
    }
    return 0;
}

static redisReply *call_read(struct router *r, struct err *e)
{
    const struct streams *streams = r->routing.streams;
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, "XREADGROUP");
    kv_adds(&a, "GROUP");
    kv_adds(&a, GROUP_SCHEDULER);
    kv_adds(&a, r->routing.name);
    kv_adds(&a, "COUNT");
    kv_addi(&a, r->count);
    kv_adds(&a, "BLOCK");
    kv_addi(&a, BLOCK_MS);
    kv_adds(&a, "STREAMS");
    for (int i = 0; i < streams->count; i++)
        kv_adds(&a, streams->names[i]);
    for (int i = 0; i < streams->count; i++)
        kv_adds(&a, ">");
    redisReply *reply = kv_call(r->routing.kv, &a, BLOCK_MS, e);
    kv_args_release(&a);
    return reply;
}

static bool read_new(struct router *r, struct err *e)
{
    redisReply *reply = call_read(r, e);
    if (reply == NULL)
        return false;
    if (reply->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(reply);
        return true;
    }
    adapt(r, reply);
    size_t total = 0;
    for (size_t s = 0; s < reply->elements; s++)
        total += reply->element[s]->element[1]->elements;
    struct batch *b = batch_new(&r->routing, reply, total);
    for (size_t s = 0; s < reply->elements; s++)
        batch_read(b, reply->element[s]->element[1],
                   stream_index(r->routing.streams, reply->element[s]->element[0]->str));
    batch_route(b, false);
    return true;
}

/* ---- the thread ---- */

static bool has_group(struct routing *r, const char *stream)
{
    struct err none; /* no such stream */
    auto_reply *groups = kv_cmd(r->kv, &none, "XINFO GROUPS %s", stream);
    for (size_t i = 0; groups != NULL && i < groups->elements; i++) {
        const redisReply *name = kv_field(groups->element[i], "name");
        if (name != NULL && strcmp(name->str, GROUP_SCHEDULER) == 0)
            return true;
    }
    return false;
}

/* Looks first: a full Redis refuses to make a group even where it is there already. */
static bool make_groups(struct routing *r, struct err *e)
{
    for (int i = 0; i < r->streams->count; i++) {
        if (has_group(r, r->streams->names[i]))
            continue;
        auto_reply *reply = kv_cmd(r->kv, e, "XGROUP CREATE %s %s 0 MKSTREAM", r->streams->names[i],
                                   GROUP_SCHEDULER);
        if (reply == NULL && strstr(e->msg, "BUSYGROUP") == NULL)
            return false;
    }
    return true;
}

static bool refresh(struct router *r, struct err *e)
{
    if (!routing_refresh(&r->routing, e))
        return false;
    r->refreshed_ms = mono_ms();
    return true;
}

static bool one_turn(struct router *r, struct err *e)
{
    struct routing *routing = &r->routing;
    identity_name(routing->identity, routing->name);
    if (r->unsure) {
        /* Under a new name; what is pending under the old one is inherited when its heartbeat has run out. */
        if (!identity_renew(routing->identity, routing->name, routing->kv, e))
            return false;
        identity_name(routing->identity, routing->name);
        r->unsure = false;
    }
    if (mono_ms() - r->refreshed_ms >= REFRESH_MS && !refresh(r, e))
        return false;
    if (routing->functions.len == 0) {
        /* Before the first worker has published its functions every event would be unmatched. */
        sleep_ms(RETRY_MS);
        return refresh(r, e);
    }
    return read_new(r, e);
}

static void *route_loop(void *arg)
{
    struct router *r = arg;
    while (!atomic_load(r->routing.stopping)) {
        struct err e;
        if (one_turn(r, &e))
            continue;
        struct err again;
        if (strstr(e.msg, "NOGROUP") != NULL && make_groups(&r->routing, &again))
            continue;
        r->unsure = true;
        log_warn("reading events failed", "error", e.msg, LOG_END);
        sleep_ms(RETRY_MS);
    }
    return NULL;
}

struct router *router_start(const struct routing *routing, struct err *e)
{
    struct router *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->routing = *routing;
    r->count = routing->conf->route_batch;
    if (!routing_open(&r->routing, "chronos-route", e) || !make_groups(&r->routing, e)) {
        routing_close(&r->routing);
        free(r);
        return NULL;
    }
    if (pthread_create(&r->thread, NULL, route_loop, r) != 0)
        abort(); /* at start */
    return r;
}

void router_stop(struct router *r)
{
    (void)pthread_join(r->thread, NULL);
    routing_close(&r->routing);
    free(r);
}
