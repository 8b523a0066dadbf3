#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy.h"
#include "event.h"
#include "js.h"
#include "key.h"
#include "log.h"

enum { RETRY_MS = 200, MAX_RUNS_PER_EVENT = 32 };

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

struct batch {
    struct routing *routing;
    redisReply *source; /* what the events point into */
    struct routed *list;
    size_t len;
};

void streams_init(struct streams *s, int partitions, const struct epochs *epochs)
{
    s->count = 0;
    s->epochs[s->count] = epochs_of_door(epochs);
    (void)snprintf(s->names[s->count++], KEY_SIZE, "%s", KEY_EVENTS);
    for (int p = 0; p < partitions && s->count < MAX_STREAMS; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        s->epochs[s->count] = epochs_of_partition(epochs, p);
        key2(s->names[s->count++], prefix, "events");
    }
}

bool routing_open(struct routing *r, const char *application_name, struct err *e)
{
    r->kv = kv_new(r->conf->redis_url, e);
    if (r->kv == NULL)
        return false;
    r->db = db_new(r->conf->database_url, application_name);
    return true;
}

void routing_close(struct routing *r)
{
    functions_release(&r->functions);
    db_free(r->db);
    kv_free(r->kv);
}

bool routing_refresh(struct routing *r, struct err *e)
{
    return functions_refresh(&r->functions, r->conf, r->kv, r->db, e);
}

/* ---- matching ---- */

/* Said once, since it is true of every such event. */
static void tell_left_out(struct routing *r, const struct event *ev, const struct manifest *m)
{
    if (r->told_left_out)
        return;
    r->told_left_out = true;
    log_error("more functions listen to an event than one event can start; some are left out",
              "event", ev->name, "fn", m->id, LOG_END);
}

static void match(struct routing *r, struct routed *x)
{
    const char *failed = js_str(x->ev.data, "function_id");
    const char *creator = event_key(&x->ev, "data.creatorId");
    x->creator = *creator != '\0' ? creator : NULL;
    x->start_count = 0;
    for (size_t i = 0; i < r->functions.len; i++) {
        const struct manifest *m = r->functions.items[i];
        if (!functions_match(m, x->ev.name, failed))
            continue;
        if (x->start_count == MAX_RUNS_PER_EVENT) {
            tell_left_out(r, &x->ev, m);
            return;
        }
        struct start *s = &x->starts[x->start_count++];
        s->fn = m;
        s->key = event_key(&x->ev, m->key);
        s->skip = false;
        id_derive(x->ev.received_ms, x->ev.id, m->id, s->run);
        s->partition = id_partition(creator, strlen(creator), (int)r->conf->partitions);
    }
}

/* A worker may have published the function after we looked last: before an event is called unmatched, look again. */
static bool match_all(struct routing *r, struct routed *list, size_t n, struct err *e)
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
    if (!routing_refresh(r, e))
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
static bool drop_seen(struct routing *r, struct routed *list, size_t n, struct err *e)
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
static bool skip_finished(struct routing *r, struct routed *list, size_t n, struct err *e)
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
static bool enqueue(struct routing *r, struct routed *list, size_t n, struct err *e)
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

/* Keeps trying while Redis or Postgres are away. false: given up at the stop, or it is somebody else's now. */
static bool start_runs(struct routing *r, struct routed *list, size_t n, bool again)
{
    for (;; again = true) {
        struct err e;
        if (drop_seen(r, list, n, &e) && match_all(r, list, n, &e) &&
            (!again || skip_finished(r, list, n, &e)) && enqueue(r, list, n, &e))
            return true;
        if (e.code == ERR_STALE) {
            log_warn("this scheduler was silent for too long; others took over what it had read",
                     LOG_END);
            if (!identity_renew(r->identity, r->name, r->kv, &e))
                log_warn("cannot register again yet", "error", e.msg, LOG_END);
            return false;
        }
        log_warn("events cannot be routed yet", "error", e.msg, LOG_END);
        if (atomic_load(r->stopping))
            return false;
        sleep_ms(RETRY_MS);
    }
}

/* ---- a batch ---- */

struct batch *batch_new(struct routing *r, redisReply *source, size_t entries)
{
    struct batch *b = calloc(1, sizeof(*b));
    struct routed *list = calloc(entries + 1, sizeof(*list));
    if (b == NULL || list == NULL)
        abort();
    *b = (struct batch){.routing = r, .source = source, .list = list};
    return b;
}

void batch_read(struct batch *b, const redisReply *entries, int stream)
{
    struct routing *r = b->routing;
    for (size_t i = 0; i < entries->elements; i++) {
        if (entries->element[i]->type != REDIS_REPLY_ARRAY)
            continue; /* XCLAIM of an entry that was deleted */
        struct routed *x = &b->list[b->len++];
        if (event_read(&x->ev, entries->element[i], r->streams->names[stream], stream > 0,
                       r->streams->epochs[stream], r->conf->max_event_bytes, &x->refused))
            x->refused.code = ERR_NONE;
    }
}

void batch_route(struct batch *b, bool again)
{
    struct routing *r = b->routing;
    if (start_runs(r, b->list, b->len, again)) {
        struct record *rec = record_new(b->source, b->len);
        make_record(rec, b->list, b->len);
        recorder_submit(r->recorder, rec);
    } else {
        freeReplyObject(b->source);
    }
    for (size_t i = 0; i < b->len; i++) {
        event_release(&b->list[i].ev);
        free(b->list[i].input);
    }
    free(b->list);
    free(b);
}
