#include "route.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy.h"
#include "event.h"
#include "functions.h"
#include "js.h"
#include "key.h"
#include "kv.h"
#include "log.h"

enum {
    BLOCK_MS = 1000,
    RETRY_MS = 200,
    REFRESH_MS = 1000,
    MAX_STREAMS = 257,
    MAX_RUNS_PER_EVENT = 32
};

struct router {
    pthread_t thread;
    const struct conf *conf;
    struct identity *identity;
    struct recorder *recorder;
    const char *epoch;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
    struct functions functions;
    int64_t refreshed_ms, looked_for_dead_ms; /* monotonic */
    char name[IDENTITY_SIZE];
    bool
        unsure; /* a read failed after it may have been applied: what it delivered is pending under our name */
    char streams[MAX_STREAMS]
                [KEY_SIZE]; /* the public door, then one per partition for events that steps send */
    int stream_count;
};

/* A run that an event starts. */
struct start {
    char run[ID_SIZE];
    const struct manifest *fn;
    const char *key; /* borrowed from the event's data */
    int partition;
    bool skip; /* delivered again, and it ran already */
};

/* An event on its way through a batch. */
struct routed {
    struct event ev;
    struct err refused; /* code ERR_NONE = fine */
    bool duplicate;
    const char *creator;
    char *input;
    size_t input_len;
    struct start starts[MAX_RUNS_PER_EVENT];
    size_t start_count;
};

/* ---- matching ---- */

/* The value that keyed limits count by. A handler of failures finds it in the event that failed. */
static const char *key_value(const struct event *ev, const char *path)
{
    const char *dot = path != NULL ? strchr(path, '.') : NULL;
    if (dot == NULL || strncmp(path, "data.", 5) != 0)
        return "";
    const char *v = js_str(ev->data, dot + 1);
    if (v == NULL && ev->internal) {
        char inner[160];
        (void)snprintf(inner, sizeof(inner), "event.%s", path);
        v = js_str(ev->data, inner);
    }
    return v != NULL && strlen(v) <= 128 && strchr(v, '\n') == NULL ? v : "";
}

static void match(struct router *r, struct routed *x)
{
    const char *failed = js_str(x->ev.data, "function_id");
    const char *creator = key_value(&x->ev, "data.creatorId");
    x->creator = *creator != '\0' ? creator : NULL;
    x->start_count = 0;
    for (size_t i = 0; i < r->functions.len && x->start_count < MAX_RUNS_PER_EVENT; i++) {
        const struct manifest *m = r->functions.items[i];
        if (!functions_match(m, x->ev.name, failed))
            continue;
        struct start *s = &x->starts[x->start_count++];
        s->fn = m;
        s->key = key_value(&x->ev, m->key);
        s->skip = false;
        id_derive(x->ev.received_ms, x->ev.id, m->id, s->run);
        s->partition = id_partition(creator, strlen(creator), (int)r->conf->partitions);
    }
}

static bool refresh(struct router *r, struct err *e)
{
    if (!functions_refresh(&r->functions, r->conf, r->kv, r->db, e))
        return false;
    r->refreshed_ms = mono_ms();
    return true;
}

/* A worker may have published the function after we looked last: before an event is called unmatched, look again. */
static bool match_all(struct router *r, struct routed *list, size_t n, struct err *e)
{
    bool unmatched = false;
    for (size_t i = 0; i < n; i++) {
        if (list[i].refused.code == ERR_NONE && !list[i].duplicate) {
            match(r, &list[i]);
            unmatched = unmatched || list[i].start_count == 0;
        }
    }
    if (!unmatched)
        return true;
    if (!refresh(r, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        /* All of them: the manifests that the earlier matches point to are gone. */
        if (list[i].refused.code == ERR_NONE && !list[i].duplicate)
            match(r, &list[i]);
    }
    return true;
}

/* ---- steps of a batch ---- */

/* An event id that came before starts nothing, unless it is this very entry, delivered again. */
static bool drop_seen(struct router *r, struct routed *list, size_t n, struct err *e)
{
    size_t asked = 0;
    for (size_t i = 0; i < n; i++) {
        const struct event *ev = &list[i].ev;
        if (list[i].refused.code != ERR_NONE || ev->key == NULL)
            continue;
        if (!kv_pushf(r->kv, e, "SET chronos:seen:%b %s NX GET PX %lld", ev->key, strlen(ev->key),
                      ev->id, (long long)r->conf->dedupe_ms))
            return false;
        asked++;
    }
    if (asked == 0)
        return true;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        if (list[i].refused.code != ERR_NONE || list[i].ev.key == NULL)
            continue;
        auto_reply *reply = kv_pull(r->kv, e);
        if (reply == NULL)
            ok = false;
        else
            list[i].duplicate =
                reply->type == REDIS_REPLY_STRING && strcmp(reply->str, list[i].ev.id) != 0;
    }
    return ok;
}

/* Delivered again after a crash, or sent again because the reply was lost: a run that is not in Redis may never have
 * started, or may be over and archived. Redis is asked first: a run leaves it only after it is in Postgres, so one of the
 * two knows it if it ever started. A run that is known has started for good and is not enqueued again, since it could
 * leave Redis between this look and the call. */
static bool skip_finished(struct router *r, struct routed *list, size_t n, struct err *e)
{
    auto_buf ids = BUF_INIT(4u << 20);
    if (!buf_addc(&ids, '{'))
        return err_set(e, ERR_BUG, "too many ids");
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < list[i].start_count; s++) {
            char prefix[PREFIX_SIZE];
            key_prefix(list[i].starts[s].partition, prefix);
            auto_reply *reply = kv_cmd(r->kv, e, "EXISTS %s:run:%s", prefix, list[i].starts[s].run);
            if (reply == NULL)
                return false;
            list[i].starts[s].skip = reply->integer != 0;
            if (reply->integer == 0 &&
                !buf_addf(&ids, "%s%s", ids.len > 1 ? "," : "", list[i].starts[s].run))
                return err_set(e, ERR_BUG, "too many ids");
        }
    }
    if (ids.len == 1)
        return true;
    if (!buf_addc(&ids, '}'))
        return err_set(e, ERR_BUG, "too many ids");
    auto_result *found = DB_QUERY(r->db, e, "finished_runs", ids.data);
    if (found == NULL)
        return false;
    for (int row = 0; row < PQntuples(found); row++) {
        const char *id = db_text(found, row, "id");
        for (size_t i = 0; i < n; i++) {
            for (size_t s = 0; s < list[i].start_count; s++)
                list[i].starts[s].skip =
                    list[i].starts[s].skip || strcmp(list[i].starts[s].run, id) == 0;
        }
    }
    return true;
}

static size_t add_starts(struct kv_args *a, struct routed *list, size_t n, int partition)
{
    size_t added = 0;
    for (size_t i = 0; i < n; i++) {
        struct routed *x = &list[i];
        for (size_t s = 0; s < x->start_count; s++) {
            if (x->starts[s].partition != partition || x->starts[s].skip)
                continue;
            if (x->input == NULL)
                x->input = event_input(&x->ev, &x->input_len);
            kv_adds(a, x->starts[s].run);
            kv_adds(a, x->starts[s].fn->id);
            kv_adds(a, x->starts[s].key);
            kv_addi(a, x->ev.received_ms);
            kv_addi(a, x->ev.ts_ms > x->ev.received_ms ? x->ev.ts_ms : 0);
            kv_add(a, x->input, x->input_len);
            added++;
        }
    }
    return added;
}

/* ERR_STALE: this scheduler was declared dead meanwhile. */
static bool enqueue(struct router *r, struct routed *list, size_t n, struct err *e)
{
    for (int p = 0; p < r->conf->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        struct kv_args runs, a;
        kv_args_init(&runs);
        size_t count = add_starts(&runs, list, n, p);
        if (count == 0) {
            kv_args_release(&runs);
            continue;
        }
        kv_args_init(&a);
        kv_adds(&a, r->name);
        kv_addi(&a, (int64_t)count);
        for (int i = 0; i < runs.n; i++)
            kv_add(&a, runs.v[i], runs.len[i]);
        auto_reply *reply = kv_script(r->kv, "enqueue", prefix, &a, e);
        kv_args_release(&a);
        kv_args_release(&runs);
        if (reply == NULL)
            return false;
        if (kv_int_at(reply, 0, 1) != 0)
            return err_set(e, ERR_STALE, "fenced");
    }
    return true;
}

static void make_record(struct record *rec, struct routed *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct routed *x = &list[i];
        const char *functions[MAX_RUNS_PER_EVENT], *runs[MAX_RUNS_PER_EVENT];
        if (x->refused.code != ERR_NONE) {
            record_refuse(rec, &x->ev, x->refused.msg);
            continue;
        }
        for (size_t s = 0; s < x->start_count; s++) {
            functions[s] = x->starts[s].fn->id;
            runs[s] = x->starts[s].run;
        }
        const char *outcome = x->duplicate         ? "duplicate"
                              : x->start_count > 0 ? "accepted"
                                                   : "unmatched";
        if (x->start_count == 0)
            log_info(x->duplicate ? "event was seen before and starts nothing"
                                  : "no function listens to this event",
                     "event", x->ev.id, "name", x->ev.name, LOG_END);
        record_accept(rec, &x->ev, x->creator, outcome, functions, runs, x->start_count);
    }
}

/* Takes the reply, whose entries it routes. Keeps trying while Redis or Postgres are away; what is given up at the stop
 * stays pending in the streams. */
static void route_batch(struct router *r, redisReply *source, struct routed *list, size_t n,
                        bool again)
{
    struct err e;
    for (;; again = true) {
        bool ok = drop_seen(r, list, n, &e) && match_all(r, list, n, &e) &&
                  (!again || skip_finished(r, list, n, &e)) && enqueue(r, list, n, &e);
        if (ok)
            break;
        if (e.code == ERR_STALE) {
            log_warn("this scheduler was silent for too long; others took over what it had read",
                     LOG_END);
            if (!identity_renew(r->identity, r->name, r->kv, &e))
                log_warn("cannot register again yet", "error", e.msg, LOG_END);
            freeReplyObject(source);
            return;
        }
        log_warn("events cannot be routed yet", "error", e.msg, LOG_END);
        if (atomic_load(r->stopping)) {
            freeReplyObject(source);
            return;
        }
        sleep_ms(RETRY_MS);
    }
    struct record *rec = record_new(source, n);
    make_record(rec, list, n);
    recorder_submit(r->recorder, rec);
}

/* ---- reading ---- */

static size_t read_entries(struct router *r, const redisReply *entries, int stream,
                           struct routed *list, size_t n)
{
    for (size_t i = 0; i < entries->elements; i++) {
        if (entries->element[i]->type != REDIS_REPLY_ARRAY)
            continue; /* XCLAIM of an entry that was deleted */
        struct routed *x = &list[n++];
        if (event_read(&x->ev, entries->element[i], r->streams[stream], stream > 0, r->epoch,
                       r->conf->max_event_bytes, &x->refused))
            x->refused.code = ERR_NONE;
    }
    return n;
}

static int stream_index(const struct router *r, const char *name)
{
    for (int i = 0; i < r->stream_count; i++) {
        if (strcmp(r->streams[i], name) == 0)
            return i;
    }
    return 0;
}

static void release_list(struct routed *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        event_release(&list[i].ev);
        free(list[i].input);
    }
    free(list);
}

static struct routed *new_list(size_t n)
{
    struct routed *list = calloc(n + 1, sizeof(*list));
    if (list == NULL)
        abort();
    return list;
}

static bool read_new(struct router *r, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, "XREADGROUP");
    kv_adds(&a, "GROUP");
    kv_adds(&a, GROUP_SCHEDULER);
    kv_adds(&a, r->name);
    kv_adds(&a, "COUNT");
    kv_addi(&a, r->conf->route_batch);
    kv_adds(&a, "BLOCK");
    kv_addi(&a, BLOCK_MS);
    kv_adds(&a, "STREAMS");
    for (int i = 0; i < r->stream_count; i++)
        kv_adds(&a, r->streams[i]);
    for (int i = 0; i < r->stream_count; i++)
        kv_adds(&a, ">");
    redisReply *reply = kv_call(r->kv, &a, BLOCK_MS, e);
    kv_args_release(&a);
    if (reply == NULL)
        return false;
    if (reply->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(reply);
        return true;
    }
    size_t total = 0, n = 0;
    for (size_t s = 0; s < reply->elements; s++)
        total += reply->element[s]->element[1]->elements;
    struct routed *list = new_list(total);
    for (size_t s = 0; s < reply->elements; s++)
        n = read_entries(r, reply->element[s]->element[1],
                         stream_index(r, reply->element[s]->element[0]->str), list, n);
    route_batch(r, reply, list, n, false);
    release_list(list, n);
    return true;
}

/* ---- schedulers that died ---- */

/* Takes over a batch of what `dead` had read from one stream. *ret_left tells whether there is more. */
static bool take_over(struct router *r, int stream, const char *dead, bool *ret_left, struct err *e)
{
    auto_reply *pending = kv_cmd(r->kv, e, "XPENDING %s %s - + %ld %s", r->streams[stream],
                                 GROUP_SCHEDULER, r->conf->route_batch, dead);
    if (pending == NULL)
        return false;
    *ret_left = pending->elements > 0;
    if (pending->elements == 0)
        return true;
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, "XCLAIM");
    kv_adds(&a, r->streams[stream]);
    kv_adds(&a, GROUP_SCHEDULER);
    kv_adds(&a, r->name);
    kv_adds(&a, "0");
    for (size_t i = 0; i < pending->elements; i++)
        kv_adds(&a, pending->element[i]->element[0]->str);
    redisReply *entries = kv_call(r->kv, &a, 0, e);
    kv_args_release(&a);
    if (entries == NULL)
        return false;
    log_info("taking over events of a scheduler that died", "scheduler", dead, "stream",
             r->streams[stream], LOG_END);
    struct routed *list = new_list(entries->elements);
    size_t n = read_entries(r, entries, stream, list, 0);
    route_batch(r, entries, list, n, true);
    release_list(list, n);
    return true;
}

/* Fences the dead one in every partition before anything of it is taken over. */
static bool fence(struct router *r, const char *dead, struct err *e)
{
    for (int p = 0; p < r->conf->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        auto_reply *reply = kv_cmd(r->kv, e, "HDEL %s:schedulers %s", prefix, dead);
        if (reply == NULL)
            return false;
    }
    return true;
}

static bool inherit(struct router *r, int stream, const char *dead, struct err *e)
{
    bool left = true;
    if (!fence(r, dead, e))
        return false;
    while (left && !atomic_load(r->stopping)) {
        if (!take_over(r, stream, dead, &left, e))
            return false;
    }
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, GROUP_SCHEDULER);
    kv_adds(&a, dead);
    auto_reply *reply = kv_script(r->kv, "drop_consumer", r->streams[stream], &a, e);
    kv_args_release(&a);
    return reply != NULL;
}

static bool look_for_dead(struct router *r, struct err *e)
{
    for (int s = 0; s < r->stream_count; s++) {
        auto_reply *consumers =
            kv_cmd(r->kv, e, "XINFO CONSUMERS %s %s", r->streams[s], GROUP_SCHEDULER);
        if (consumers == NULL)
            return false;
        for (size_t i = 0; i < consumers->elements; i++) {
            const redisReply *name = kv_field(consumers->element[i], "name");
            char key[KEY_SIZE];
            if (name == NULL || strcmp(name->str, r->name) == 0)
                continue;
            auto_reply *alive = kv_cmd(r->kv, e, "EXISTS %s", key_scheduler(key, name->str));
            if (alive == NULL || (alive->integer == 0 && !inherit(r, s, name->str, e)))
                return false;
        }
    }
    return true;
}

/* ---- the thread ---- */

static bool has_group(struct router *r, const char *stream)
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
static bool make_groups(struct router *r, struct err *e)
{
    for (int i = 0; i < r->stream_count; i++) {
        if (has_group(r, r->streams[i]))
            continue;
        auto_reply *reply =
            kv_cmd(r->kv, e, "XGROUP CREATE %s %s 0 MKSTREAM", r->streams[i], GROUP_SCHEDULER);
        if (reply == NULL && strstr(e->msg, "BUSYGROUP") == NULL)
            return false;
    }
    return true;
}

/* Everybody's heartbeat runs out while Redis is away: after a pause they get the time to come back first. */
static bool may_judge(const struct router *r)
{
    int64_t since = kv_connected_since_ms(r->kv);
    return since > 0 && mono_ms() - since > r->conf->lease_ms + 1000;
}

static bool one_turn(struct router *r, struct err *e)
{
    identity_name(r->identity, r->name);
    if (r->unsure) {
        /* Under a new name; what is pending under the old one is inherited when its heartbeat has run out. */
        if (!identity_renew(r->identity, r->name, r->kv, e))
            return false;
        identity_name(r->identity, r->name);
        r->unsure = false;
    }
    int64_t now = mono_ms();
    if (now - r->refreshed_ms >= REFRESH_MS && !refresh(r, e))
        return false;
    if (r->functions.len == 0) {
        /* Before the first worker has published its functions every event would be unmatched. */
        sleep_ms(RETRY_MS);
        return refresh(r, e);
    }
    if (now - r->looked_for_dead_ms >= REFRESH_MS && may_judge(r)) {
        if (!look_for_dead(r, e))
            return false;
        r->looked_for_dead_ms = now;
    }
    return read_new(r, e);
}

static void *route_loop(void *arg)
{
    struct router *r = arg;
    while (!atomic_load(r->stopping)) {
        struct err e;
        if (one_turn(r, &e))
            continue;
        struct err again;
        if (strstr(e.msg, "NOGROUP") != NULL && make_groups(r, &again))
            continue;
        r->unsure = true;
        log_warn("reading events failed", "error", e.msg, LOG_END);
        sleep_ms(RETRY_MS);
    }
    return NULL;
}

struct router *router_start(const struct conf *c, struct identity *identity,
                            struct recorder *recorder, const char *epoch,
                            const atomic_bool *stopping, struct err *e)
{
    struct router *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->conf = c;
    r->identity = identity;
    r->recorder = recorder;
    r->epoch = epoch;
    r->stopping = stopping;
    (void)snprintf(r->streams[r->stream_count++], KEY_SIZE, "%s", KEY_EVENTS);
    for (int p = 0; p < c->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        key2(r->streams[r->stream_count++], prefix, "events");
    }
    r->kv = kv_new(c->redis_url, e);
    if (r->kv == NULL || !make_groups(r, e)) {
        kv_free(r->kv);
        free(r);
        return NULL;
    }
    r->db = db_new(c->database_url, "chronos-route");
    if (pthread_create(&r->thread, NULL, route_loop, r) != 0)
        abort(); /* at start */
    return r;
}

void router_stop(struct router *r)
{
    (void)pthread_join(r->thread, NULL);
    functions_release(&r->functions);
    db_free(r->db);
    kv_free(r->kv);
    free(r);
}
