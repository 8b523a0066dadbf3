/* verify_daemons.c: events that nobody has taken on, and names in the streams whose daemon is dead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "verify.h"

enum { LATE_MS = 60000, MOST_ENTRIES = 1000 };

/* ---- events ---- */

static bool check_stream(struct verify *v, const char *stream, int64_t now_ms, struct err *e)
{
    char until[32];
    (void)snprintf(until, sizeof(until), "%lld", (long long)(now_ms - LATE_MS));
    auto_reply *r =
        kv_cmd(v->c->kv, e, "XRANGE %s - %s COUNT %d", stream, until, (int)MOST_ENTRIES);
    for (size_t i = 0; r != NULL && i < r->elements; i++)
        verify_note(v, "event_not_enqueued", stream, r->element[i]->element[0]->str,
                    "no scheduler has routed and recorded it");
    return r != NULL;
}

static bool check_streams(struct verify *v, struct err *e)
{
    auto_reply *now = kv_cmd(v->c->kv, e, "TIME");
    if (now == NULL)
        return false;
    int64_t now_ms = strtoll(now->element[0]->str, NULL, 10) * 1000;
    bool ok = check_stream(v, KEY_EVENTS, now_ms, e);
    for (int p = 0; ok && p < v->partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        ok = check_stream(v, key2(key, prefix, "events"), now_ms, e);
    }
    return ok;
}

bool verify_events(struct verify *v, struct err *e)
{
    if (!check_streams(v, e))
        return false;
    auto_result *r = DB_QUERY(v->c->db, e, "late_outbox");
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        verify_note(v, "event_not_enqueued", "chronos.outbox", db_text(r, i, "id"),
                    db_text(r, i, "name"));
    return r != NULL;
}

/* ---- consumers ---- */

static bool is_alive(struct verify *v, const char *heartbeat, bool *ret, struct err *e)
{
    auto_reply *r = kv_cmd(v->c->kv, e, "EXISTS %s", heartbeat);
    *ret = r != NULL && r->integer == 1;
    return r != NULL;
}

/* A stream or group that is not there has no consumers. */
static bool check_group(struct verify *v, const char *stream, const char *group, bool workers,
                        struct err *e)
{
    auto_reply *there = kv_cmd(v->c->kv, e, "EXISTS %s", stream);
    if (there == NULL || there->integer == 0)
        return there != NULL;
    auto_reply *r = kv_cmd(v->c->kv, e, "XINFO CONSUMERS %s %s", stream, group);
    if (r == NULL)
        return e->is_missing;
    for (size_t i = 0; i < r->elements; i++) {
        const redisReply *name = kv_field(r->element[i], "name"),
                         *pending = kv_field(r->element[i], "pending");
        char key[KEY_SIZE], detail[64];
        bool alive;
        if (name == NULL || pending == NULL)
            continue;
        verify_count(v, "consumers", 1);
        if (!is_alive(v, workers ? key_worker(key, name->str) : key_scheduler(key, name->str),
                      &alive, e))
            return false;
        (void)snprintf(detail, sizeof(detail), "it is dead and holds %lld entries",
                       pending->integer);
        /* a scheduler's name stays until another takes over what it has read, if it has */
        if (!alive && (workers || pending->integer > 0))
            verify_note(v, workers ? "consumer_without_worker" : "consumer_without_scheduler",
                        stream, name->str, detail);
    }
    return true;
}

static bool check_ready(struct verify *v, const char *prefix, const char *fn, struct err *e)
{
    char stream[KEY_SIZE];
    return check_group(v, key3(stream, prefix, "ready", fn), GROUP_WORKERS, true, e);
}

bool verify_consumers(struct verify *v, struct err *e)
{
    bool ok = verify_keys(v, "ready", check_ready, e) &&
              check_group(v, KEY_EVENTS, GROUP_SCHEDULER, false, e);
    for (int p = 0; ok && p < v->partitions; p++) {
        char prefix[PREFIX_SIZE], stream[KEY_SIZE];
        key_prefix(p, prefix);
        ok = check_group(v, key2(stream, prefix, "events"), GROUP_SCHEDULER, false, e);
    }
    return ok;
}
