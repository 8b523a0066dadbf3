#include "inherit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

enum { LOOK_MS = 1000, NAP_MS = 50 };

struct heir {
    pthread_t thread;
    struct routing routing;
};

/* XCLAIM of the entries that XPENDING listed. One that another heir took since counts as just delivered: it is younger than
 * half a lease and stays with that one. */
static redisReply *claim(struct routing *r, const char *stream, const redisReply *pending,
                         struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, "XCLAIM");
    kv_adds(&a, stream);
    kv_adds(&a, GROUP_SCHEDULER);
    kv_adds(&a, r->name);
    kv_addi(&a, r->conf->lease_ms / 2);
    for (size_t i = 0; i < pending->elements; i++)
        kv_adds(&a, pending->element[i]->element[0]->str);
    redisReply *entries = kv_call(r->kv, &a, 0, e);
    kv_args_release(&a);
    return entries;
}

/* Takes over a batch of what `dead` had read from one stream. *ret_left tells whether there may be more. */
static bool take_over(struct routing *r, int stream, const char *dead, bool *ret_left,
                      struct err *e)
{
    const char *name = r->streams->names[stream];
    *ret_left = false;
    auto_reply *pending =
        kv_cmd(r->kv, e, "XPENDING %s %s IDLE %ld - + %ld %s", name, GROUP_SCHEDULER,
               r->conf->lease_ms / 2, r->conf->route_batch, dead);
    if (pending == NULL)
        return false;
    if (pending->elements == 0)
        return true;
    redisReply *entries = claim(r, name, pending, e);
    if (entries == NULL)
        return false;
    *ret_left = true;
    if (entries->elements == 0) { /* others have them, or they were deleted */
        freeReplyObject(entries);
        return true;
    }
    log_info("taking over events of a scheduler that died", "scheduler", dead, "stream", name,
             LOG_END);
    struct batch *b = batch_new(r, entries, entries->elements);
    batch_read(b, entries, stream);
    batch_route(b, true);
    return true;
}

/* Removes the consumer unless it still holds something. */
static bool drop(struct routing *r, const char *stream, const char *dead, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, GROUP_SCHEDULER);
    kv_adds(&a, dead);
    auto_reply *reply = kv_script(r->kv, "drop_consumer", stream, &a, e);
    kv_args_release(&a);
    return reply != NULL;
}

/* Postgres is asked before anything is claimed: what is claimed cannot be left to another scheduler any more. */
static bool inherit(struct routing *r, int stream, const char *dead, struct err *e)
{
    if (!db_ping(r->db, e) || !routing_refresh(r, e) || !identity_fence(r->conf, dead, r->kv, e))
        return false;
    bool left = true;
    while (left && !atomic_load(r->stopping)) {
        identity_name(r->identity, r->name);
        if (!take_over(r, stream, dead, &left, e))
            return false;
    }
    return drop(r, r->streams->names[stream], dead, e);
}

static bool look_at(struct routing *r, int stream, struct err *e)
{
    auto_reply *consumers =
        kv_cmd(r->kv, e, "XINFO CONSUMERS %s %s", r->streams->names[stream], GROUP_SCHEDULER);
    if (consumers == NULL)
        return e->is_missing; /* no such stream or group: nobody has read */
    for (size_t i = 0; i < consumers->elements; i++) {
        const redisReply *name = kv_field(consumers->element[i], "name");
        char key[KEY_SIZE];
        identity_name(r->identity, r->name);
        if (name == NULL || strcmp(name->str, r->name) == 0)
            continue;
        auto_reply *alive = kv_cmd(r->kv, e, "EXISTS %s", key_scheduler(key, name->str));
        if (alive == NULL)
            return false;
        /* asked again, since the heartbeat may have been looked for on a server that was promoted just now */
        if (alive->integer == 0 && kv_may_judge(r->kv, r->conf->lease_ms) &&
            !inherit(r, stream, name->str, e))
            return false;
    }
    return true;
}

/* Everybody's heartbeat runs out while Redis is away: after a pause they get the time to come back first. */
static bool look_for_dead(struct routing *r, struct err *e)
{
    if (!kv_ping(r->kv, e))
        return false;
    bool ok = true;
    for (int s = 0; s < r->streams->count && kv_may_judge(r->kv, r->conf->lease_ms); s++) {
        struct err later; /* one stream that cannot be read is no reason to leave the others */
        ok = look_at(r, s, ok ? e : &later) && ok;
    }
    return ok;
}

static void *heir_loop(void *arg)
{
    struct routing *r = &((struct heir *)arg)->routing;
    bool failing = false;
    while (!atomic_load(r->stopping)) {
        struct err e;
        bool ok = look_for_dead(r, &e);
        if (!ok && !failing)
            log_warn("what a dead scheduler had read cannot be taken over yet", "error", e.msg,
                     LOG_END);
        failing = !ok;
        int64_t next = mono_ms() + LOOK_MS;
        while (mono_ms() < next && !atomic_load(r->stopping))
            sleep_ms(NAP_MS);
    }
    return NULL;
}

struct heir *heir_start(const struct routing *r, struct err *e)
{
    struct heir *h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    h->routing = *r;
    if (!routing_open(&h->routing, "chronos-inherit", e)) {
        free(h);
        return NULL;
    }
    if (pthread_create(&h->thread, NULL, heir_loop, h) != 0)
        abort(); /* at start */
    return h;
}

void heir_stop(struct heir *h)
{
    (void)pthread_join(h->thread, NULL);
    routing_close(&h->routing);
    free(h);
}
