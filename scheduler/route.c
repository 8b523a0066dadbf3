#include "route.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "group.h"
#include "log.h"
#include "reader.h"

enum {
    BLOCK_MS = 1000,
    RETRY_MS = 200,
    REFRESH_MS = 1000,
    WARN_MS = 1000,
    SENT_AGAIN_MS = 60000,
    SUSPECT_MS = 2000,     /* by which the clocks of Redis and ours may differ */
    MANY_BYTES = 64 << 20, /* in one batch: the next takes fewer events */
};

struct router {
    pthread_t thread;
    struct routing routing;
    struct reader *reader;
    int64_t refreshed_ms; /* monotonic */
    long count;           /* events to read at once from each stream */
    int64_t warned_ms;
    unsigned disturbances; /* kv's, when it was looked at last */
    int64_t suspect_ms;    /* wall clock: entries up to then may come a second time as new */
    /* a read was lost and may have been applied: what it delivered is pending under our name */
    bool unsure;
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

/* A replica that is promoted may have forgotten that entries were delivered, and even that they left: their runs may be over. */
static bool is_suspect(const struct router *r, const redisReply *reply)
{
    for (size_t s = 0; s < reply->elements && r->suspect_ms > 0; s++) {
        const redisReply *entries = reply->element[s]->element[1];
        if (entries->elements > 0 &&
            strtoll(entries->element[0]->element[0]->str, NULL, 10) <= r->suspect_ms)
            return true;
    }
    return false;
}

/* Routes what a read has brought; takes the reply. */
static void route_reply(struct router *r, redisReply *reply)
{
    bool again = is_suspect(r, reply);
    adapt(r, reply);
    size_t total = 0;
    for (size_t s = 0; s < reply->elements; s++)
        total += reply->element[s]->element[1]->elements;
    struct batch *b = batch_new(&r->routing, reply, total);
    for (size_t s = 0; s < reply->elements; s++)
        batch_read(b, reply->element[s]->element[1],
                   stream_index(r->routing.streams, reply->element[s]->element[0]->str));
    batch_route(b, again);
}

/* ---- groups ---- */

static bool make_groups(struct routing *r, struct err *e)
{
    bool ok = true;
    for (int i = 0; i < r->streams->count; i++) {
        struct err later; /* the others may be on another server */
        ok = group_make(r->kv, r->streams->names[i], GROUP_SCHEDULER, ok ? e : &later) && ok;
    }
    return ok;
}

/* ---- the thread ---- */

/* One stream's reads fail; those of the others may go on. */
static void note_failed_read(struct router *r, const struct err *e)
{
    struct err again;
    if (e->is_missing && make_groups(&r->routing, &again))
        return;
    if (mono_ms() - r->warned_ms >= WARN_MS) {
        r->warned_ms = mono_ms();
        log_warn("reading events failed", "error", e->msg, LOG_END);
    }
}

/* Under the name by which the entries will be routed: nobody may start them in the name of somebody else. */
static void read_new(struct router *r)
{
    struct err e;
    redisReply *reply;
    reader_consume(r->reader, GROUP_SCHEDULER, r->routing.name);
    if (!reader_next(r->reader, r->count, BLOCK_MS, &reply, &e))
        note_failed_read(r, &e);
    else if (reply != NULL)
        route_reply(r, reply);
}

static bool refresh(struct router *r, struct err *e)
{
    struct routing *routing = &r->routing;
    if (!routing_refresh(routing, e) ||
        !functions_give_turns(&routing->functions, routing->conf, routing->kv, e))
        return false;
    r->refreshed_ms = mono_ms();
    return true;
}

/* Events that bring their ids may be sent again by whoever sent them. */
static void suspect(struct router *r)
{
    r->suspect_ms = wall_ms() + SUSPECT_MS;
    if (r->routing.epoch_began_ms < r->suspect_ms + SENT_AGAIN_MS)
        r->routing.epoch_began_ms = r->suspect_ms + SENT_AGAIN_MS;
}

static void note_disturbances(struct router *r)
{
    bool lost = reader_was_lost(r->reader);
    unsigned now = kv_disturbances(r->routing.kv);
    r->unsure = r->unsure || lost;
    if (lost || now != r->disturbances)
        suspect(r);
    r->disturbances = now;
}

static bool one_turn(struct router *r, struct err *e)
{
    struct routing *routing = &r->routing;
    identity_name(routing->identity, routing->name);
    note_disturbances(r);
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
    read_new(r);
    return true;
}

/* The reads that are outstanding at the stop: what they bring is ours. */
static void finish_reads(struct router *r)
{
    struct err e;
    redisReply *reply;
    reader_consume(r->reader, GROUP_SCHEDULER, r->routing.name);
    while (reader_finish(r->reader, &reply, &e) && reply != NULL)
        route_reply(r, reply);
}

static void *route_loop(void *arg)
{
    struct router *r = arg;
    while (!atomic_load(r->routing.stopping)) {
        struct err e;
        if (one_turn(r, &e))
            continue;
        log_warn("events cannot be read yet", "error", e.msg, LOG_END);
        sleep_ms(RETRY_MS);
    }
    finish_reads(r);
    return NULL;
}

static void release(struct router *r)
{
    reader_free(r->reader);
    routing_close(&r->routing);
    free(r);
}

struct router *router_start(const struct routing *routing, struct err *e)
{
    struct router *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->routing = *routing;
    r->count = routing->conf->route_batch;
    if (!routing_open(&r->routing, "chronos-route", e) || !make_groups(&r->routing, e)) {
        release(r);
        return NULL;
    }
    r->disturbances = kv_disturbances(r->routing.kv);
    r->reader = reader_new(r->routing.kv, BLOCK_MS);
    for (int i = 0; i < routing->streams->count; i++)
        (void)reader_add(r->reader, routing->streams->names[i]);
    if (pthread_create(&r->thread, NULL, route_loop, r) != 0)
        abort(); /* at start */
    return r;
}

void router_stop(struct router *r)
{
    (void)pthread_join(r->thread, NULL);
    release(r);
}
