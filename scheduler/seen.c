#include "seen.h"

#include <string.h>

#include "buf.h"
#include "js.h"
#include "log.h"
#include "waiter.h"

enum { IDS_MAX_BYTES = 4 << 20 };

/* ---- events ---- */

static bool has_key(const struct routed *x)
{
    return routed_may_start(x) && x->ev.key != NULL;
}

static bool is_named(const struct routed *x)
{
    return routed_may_start(x) && x->ev.named;
}

static bool push_seen(struct routing *r, const struct routed *x, struct err *e)
{
    const struct event *ev = &x->ev;
    long long ms = r->conf->dedupe_ms;
    return (!is_named(x) || kv_pushf(r->kv, e, "SET " KEY_CAME "%s %s/%s NX GET PX %lld", ev->id,
                                     ev->stream, ev->entry_id, ms)) &&
           (!has_key(x) || kv_pushf(r->kv, e, "SET chronos:seen:%b %s NX GET PX %lld", ev->key,
                                    strlen(ev->key), ev->id, ms));
}

/* Was something else there before? */
static bool pull_seen(struct routing *r, const char *mine, bool *ret_other, struct err *e)
{
    auto_reply *reply = kv_pull(r->kv, e);
    if (reply == NULL)
        return false;
    *ret_other = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, mine) != 0;
    return true;
}

static bool judge(struct routing *r, struct routed *x, struct err *e)
{
    char entry[KEY_SIZE + 64];
    bool repeated = false, duplicate = false, ok = true;
    struct err later;
    (void)snprintf(entry, sizeof(entry), "%s/%s", x->ev.stream, x->ev.entry_id);
    if (is_named(x))
        ok = pull_seen(r, entry, &repeated, e);
    if (has_key(x))
        ok = pull_seen(r, x->ev.id, &duplicate, ok ? e : &later) && ok;
    if (repeated)
        x->fate = ROUTED_REPEATED;
    else if (duplicate)
        x->fate = ROUTED_DUPLICATE;
    return ok;
}

bool seen_drop(struct routing *r, struct routed *list, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!push_seen(r, &list[i], e))
            return false;
    }
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        struct err later;
        if (has_key(&list[i]) || is_named(&list[i]))
            ok = judge(r, &list[i], ok ? e : &later) && ok;
    }
    return ok;
}

bool seen_forget(struct kv *kv, const char *event, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "DEL " KEY_CAME "%s", event);
    return r != NULL;
}

/* ---- runs ---- */

/* An invocation or an event of the outbox may come again after Redis has lost everything. */
static bool is_older(const struct routing *r, const struct event *ev)
{
    return (ev->named || ev->orders.parent != NULL) && ev->received_ms < r->epoch_began_ms;
}

static bool is_asked(const struct routing *r, const struct routed *x, bool again)
{
    return routed_may_start(x) && (again || x->ev.orders.again != NULL || is_older(r, &x->ev));
}

static bool add_id(struct buf *ids, const char *id, struct err *e)
{
    if (buf_addc(ids, ids->len == 0 ? '{' : ',') && buf_adds(ids, id))
        return true;
    return err_set(e, ERR_BUG, "too many ids");
}

/* An invocation that comes again still has to hear what became of it. */
static void mark_recorded(struct routed *list, size_t n, const char *event)
{
    for (size_t i = 0; i < n; i++) {
        if (!routed_may_start(&list[i]) || strcmp(list[i].ev.id, event) != 0)
            continue;
        list[i].recorded = true;
        if (list[i].ev.orders.parent == NULL)
            list[i].fate = ROUTED_REPEATED;
    }
}

/* An event is recorded after all that it does has been done. */
static bool find_recorded(struct routing *r, struct routed *list, size_t n, bool again,
                          struct err *e)
{
    auto_buf ids = BUF_INIT(IDS_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (is_asked(r, &list[i], again) && !add_id(&ids, list[i].ev.id, e))
            return false;
    }
    if (ids.len == 0)
        return true;
    if (!buf_addc(&ids, '}'))
        return err_set(e, ERR_BUG, "too many ids");
    auto_result *found = DB_QUERY(r->db, e, "find_recorded_events", ids.data);
    if (found == NULL)
        return false;
    for (int row = 0; row < PQntuples(found); row++)
        mark_recorded(list, n, db_text(found, row, "id"));
    return true;
}

static bool push_live(struct routing *r, const struct start *s, struct err *e)
{
    char prefix[PREFIX_SIZE];
    key_prefix(s->partition, prefix);
    return kv_pushf(r->kv, e, "HMGET %s:run:%s fn done", prefix, s->run);
}

/* One that has ended and was invoked again, since Redis lost who waits for it: its outcome is told from Postgres, where it will
 * be in a moment. */
static bool pull_live(struct routing *r, const struct routed *x, struct start *s, struct err *e)
{
    auto_reply *run = kv_pull(r->kv, e);
    if (run == NULL)
        return false;
    bool is_here = run->element[0]->type == REDIS_REPLY_STRING,
         has_ended = run->element[1]->type == REDIS_REPLY_STRING;
    if (s->state == START_NEW && has_ended && x->ev.orders.parent != NULL)
        return err_set(e, ERR_UNAVAILABLE, "run %s was invoked again while it is archived", s->run);
    if (s->state == START_NEW && is_here)
        s->state = START_KNOWN;
    return true;
}

static bool find_live(struct routing *r, struct routed *list, size_t n, bool again, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; is_asked(r, &list[i], again) && s < list[i].start_count; s++) {
            if (!push_live(r, &list[i].starts[s], e))
                return false;
        }
    }
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; is_asked(r, &list[i], again) && s < list[i].start_count; s++) {
            struct err later;
            ok = pull_live(r, &list[i], &list[i].starts[s], ok ? e : &later) && ok;
        }
    }
    return ok;
}

/* Whoever invoked a run that has ended is told how. */
static bool answer(struct routing *r, const struct routed *x, const PGresult *found, int row,
                   struct err *e)
{
    struct waiter w;
    if (x->ev.orders.parent == NULL || !waiter_read(&w, x->ev.orders.parent))
        return true;
    const char *output = db_text(found, row, "output"),
               *message = db_text(found, row, "error_message"),
               *code = db_text(found, row, "error_code");
    if (strcmp(db_text(found, row, "status"), "completed") == 0)
        return waiter_give(r->kv, &w, output != NULL ? output : "null", e);
    return waiter_refuse(r->kv, &w, code != NULL ? code : "failed", message != NULL ? message : "",
                         e);
}

static bool mark_ended(struct routing *r, struct routed *list, size_t n, const PGresult *found,
                       int row, struct err *e)
{
    const char *id = db_text(found, row, "id");
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < list[i].start_count; s++) {
            struct start *start = &list[i].starts[s];
            if (strcmp(start->run, id) != 0)
                continue;
            if (!answer(r, &list[i], found, row, e))
                return false;
            start->state = START_KNOWN;
        }
    }
    return true;
}

/* A run that is not in Redis may never have begun, or may have ended and be archived. */
static bool find_ended(struct routing *r, struct routed *list, size_t n, bool again, struct err *e)
{
    auto_buf ids = BUF_INIT(IDS_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; is_asked(r, &list[i], again) && s < list[i].start_count; s++) {
            if (list[i].starts[s].state == START_NEW && !add_id(&ids, list[i].starts[s].run, e))
                return false;
        }
    }
    if (ids.len == 0)
        return true;
    if (!buf_addc(&ids, '}'))
        return err_set(e, ERR_BUG, "too many ids");
    auto_result *found = DB_QUERY(r->db, e, "finished_runs", ids.data);
    for (int row = 0; found != NULL && row < PQntuples(found); row++) {
        if (!mark_ended(r, list, n, found, row, e))
            return false;
    }
    return found != NULL;
}

/* Redis is asked first: a run leaves it only after it is in Postgres, so one of the two knows it if it ever began. One that
 * is known has begun for good and is not enqueued again, since it could leave Redis between this look and the call. */
bool seen_find_started(struct routing *r, struct routed *list, size_t n, bool again, struct err *e)
{
    return find_recorded(r, list, n, again, e) && find_live(r, list, n, again, e) &&
           find_ended(r, list, n, again, e);
}
