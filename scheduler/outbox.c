#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "id.h"
#include "key.h"
#include "log.h"
#include "seen.h"
#include "trace.h"
#include "watcher.h"

enum {
    MOST_ROWS = 500,
    MANY_BYTES = 16 << 20, /* in one batch: the next takes fewer rows */
    MOST_AHEAD = 20000,    /* entries in the stream: what routing cannot take waits in Postgres */
    BEHIND_WAIT_MS = 100,
    LOOK_AT_ONCE = 1000,
    NEXT_LOOK_MS = 5000,
    LIST_BYTES = 1 << 20,
};

struct outbox {
    struct watcher_thread *thread;
    long count; /* rows to take at once */
    char stream[KEY_SIZE];
};

/* Ids for a query, as an array literal. */
struct list {
    struct buf text;
    size_t len;
};

static void list_init(struct list *l)
{
    buf_init(&l->text, LIST_BYTES);
    l->len = 0;
}

static void list_release(struct list *l)
{
    buf_release(&l->text);
}
#define auto_list CLEANUP(list_release) struct list

/* Ids are short and as many as MOST_ROWS or LOOK_AT_ONCE at most. */
static void list_add(struct list *l, const char *id)
{
    if (!buf_addf(&l->text, "%c%s", l->len == 0 ? '{' : ',', id))
        abort();
    l->len++;
}

static const char *list_end(struct list *l)
{
    if (!buf_adds(&l->text, l->len == 0 ? "{}" : "}"))
        abort();
    return l->text.data;
}

/* ---- sending ---- */

static void add_field(struct kv_args *a, const char *name, const char *value)
{
    if (value == NULL)
        return;
    kv_adds(a, name);
    kv_adds(a, value);
}

static void derive(const PGresult *rows, int i, char out[ID_SIZE])
{
    id_derive(db_int(rows, i, "created_ms", 0), "outbox", db_text(rows, i, "id"), out);
}

/* What repeats a run goes on in its trace, unless its event is not there any more; NULL then. */
static const char *trace_of(const PGresult *rows, int i, char out[TRACEPARENT_SIZE])
{
    const char *event = db_text(rows, i, "began_with"), *run = db_text(rows, i, "retry_of");
    if (event == NULL)
        return NULL;
    trace_after(db_text(rows, i, "began_trace"), event,
                run != NULL ? run : db_text(rows, i, "replay_of"), out);
    return out;
}

/* What users write is held to the rules of the public door. The event of a retry or a replay was accepted before. */
static bool push_row(struct watcher *w, const PGresult *rows, int i, struct err *e)
{
    const struct outbox *o = w->state;
    const char *retry_of = db_text(rows, i, "retry_of"), *replay_of = db_text(rows, i, "replay_of");
    char eid[ID_SIZE], traceparent[TRACEPARENT_SIZE];
    struct kv_args a;
    derive(rows, i, eid);
    kv_args_init(&a);
    kv_adds(&a, "XADD");
    kv_adds(&a, o->stream);
    kv_adds(&a, "*");
    add_field(&a, "name", db_text(rows, i, "name"));
    add_field(&a, "data", db_text(rows, i, "data"));
    add_field(&a, "eid", eid);
    add_field(&a, "at", db_text(rows, i, "created_ms"));
    add_field(&a, "from", retry_of == NULL && replay_of == NULL ? "outbox" : NULL);
    add_field(&a, "id", db_text(rows, i, "idempotency_key"));
    add_field(&a, "ts", db_text(rows, i, "ts_ms"));
    add_field(&a, "user", db_text(rows, i, "user"));
    add_field(&a, "v", db_text(rows, i, "v"));
    add_field(&a, "fn", db_text(rows, i, "function_id"));
    add_field(&a, "retry_of", retry_of);
    add_field(&a, "replay_of", replay_of);
    add_field(&a, "traceparent", trace_of(rows, i, traceparent));
    bool ok = kv_push(w->kv, &a, e);
    kv_args_release(&a);
    return ok;
}

static size_t bytes_of(const PGresult *rows)
{
    size_t sum = 0;
    int data = PQfnumber(rows, "data"), user = PQfnumber(rows, "user");
    for (int i = 0; i < PQntuples(rows); i++)
        sum += (size_t)PQgetlength(rows, i, data) + (size_t)PQgetlength(rows, i, user);
    return sum;
}

static void adapt(struct outbox *o, size_t bytes)
{
    if (bytes > MANY_BYTES && o->count > 1)
        o->count /= 2;
    else if (bytes < MANY_BYTES / 4 && o->count < MOST_ROWS)
        o->count = 2 * o->count < MOST_ROWS ? 2 * o->count : MOST_ROWS;
}

/* Those that Redis took are marked also when it refused others: what is sent again takes room twice. */
static bool send_rows(struct watcher *w, const PGresult *rows, struct err *e)
{
    struct outbox *o = w->state;
    auto_list ids, events, entries;
    list_init(&ids);
    list_init(&events);
    list_init(&entries);
    struct err later;
    bool ok = true;
    for (int i = 0; i < PQntuples(rows); i++) {
        if (!push_row(w, rows, i, e))
            return false;
    }
    for (int i = 0; i < PQntuples(rows); i++) {
        char eid[ID_SIZE];
        auto_reply *r = kv_pull(w->kv, ok ? e : &later);
        ok = ok && r != NULL;
        if (r == NULL)
            continue;
        derive(rows, i, eid);
        list_add(&ids, db_text(rows, i, "id"));
        list_add(&events, eid);
        list_add(&entries, r->str);
    }
    if (ids.len > 0 && !(DB_EXEC(w->db, ok ? e : &later, "mark_outbox_sent", list_end(&ids),
                                 list_end(&events), list_end(&entries)) &&
                         db_commit(w->db, ok ? e : &later)))
        return false;
    if (!ok)
        o->count = 1; /* the next try finds out whether it takes any at all */
    return ok;
}

/* *ret_sent: rows taken, 0 when there are none. */
static bool send_batch(struct watcher *w, int *ret_sent, struct err *e)
{
    struct outbox *o = w->state;
    char most[24];
    (void)snprintf(most, sizeof(most), "%ld", o->count);
    if (!db_begin(w->db, e) || !DB_EXEC(w->db, e, "bound_outbox"))
        return false;
    auto_result *rows = DB_QUERY(w->db, e, "take_outbox", most);
    if (rows == NULL)
        return false;
    if (PQntuples(rows) > 0 && !send_rows(w, rows, e))
        return false;
    db_rollback(w->db); /* nothing was taken; otherwise committed already */
    adapt(o, bytes_of(rows));
    *ret_sent = PQntuples(rows);
    return true;
}

/* ---- looking whether it arrived ---- */

/* A bound on what Redis is made to answer: as many of the rows as are looked at this time. */
static int count_looked(const PGresult *rows)
{
    long long bytes = 0;
    int i = 0;
    for (; i < PQntuples(rows) && bytes < MANY_BYTES; i++)
        bytes += db_is_true(rows, i, "recorded") ? 0 : db_int(rows, i, "bytes", 0);
    return i;
}

/* Which entries have left the stream. An entry leaves it when its event is recorded. */
static bool find_entries(struct watcher *w, const PGresult *rows, int n, bool *gone, struct err *e)
{
    const struct outbox *o = w->state;
    bool ok = true;
    for (int i = 0; i < n; i++) {
        const char *id = db_text(rows, i, "stream_id");
        if (!db_is_true(rows, i, "recorded") &&
            !kv_pushf(w->kv, e, "XRANGE %s %s %s", o->stream, id, id))
            return false;
    }
    for (int i = 0; i < n; i++) {
        struct err later;
        if (db_is_true(rows, i, "recorded"))
            continue;
        auto_reply *r = kv_pull(w->kv, ok ? e : &later);
        ok = ok && r != NULL;
        gone[i] = r != NULL && r->elements == 0;
    }
    return ok;
}

/* An entry that is gone may have been recorded since we asked Postgres, or be in the hands of somebody who is about to: only
 * what is missing twice was lost. */
static bool sort_out(struct watcher *w, const PGresult *rows, int n, const bool *gone,
                     struct err *e)
{
    auto_list done, there, missed, lost;
    char later[24];
    list_init(&done);
    list_init(&there);
    list_init(&missed);
    list_init(&lost);
    for (int i = 0; i < n; i++) {
        bool is_lost = gone[i] && db_is_true(rows, i, "missed");
        struct list *to = db_is_true(rows, i, "recorded") ? &done
                          : is_lost                       ? &lost
                          : gone[i]                       ? &missed
                                                          : &there;
        list_add(to, db_text(rows, i, "id"));
        if (to == &lost && !seen_forget(w->kv, db_text(rows, i, "event_id"), e))
            return false;
    }
    (void)snprintf(later, sizeof(later), "%d", NEXT_LOOK_MS);
    if (lost.len > 0)
        log_warn("redis has lost events of the outbox; they are sent again", LOG_END);
    return (done.len == 0 || DB_EXEC(w->db, e, "delete_outbox", list_end(&done))) &&
           (there.len == 0 ||
            DB_EXEC(w->db, e, "look_later_for_outbox", list_end(&there), later, "false")) &&
           (missed.len == 0 ||
            DB_EXEC(w->db, e, "look_later_for_outbox", list_end(&missed), later, "true")) &&
           (lost.len == 0 || DB_EXEC(w->db, e, "send_outbox_again", list_end(&lost)));
}

static bool look_for_sent(struct watcher *w, int *ret_looked, struct err *e)
{
    char most[24];
    bool gone[LOOK_AT_ONCE] = {false};
    (void)snprintf(most, sizeof(most), "%d", LOOK_AT_ONCE);
    if (!db_begin(w->db, e) || !DB_EXEC(w->db, e, "bound_outbox"))
        return false;
    auto_result *rows = DB_QUERY(w->db, e, "look_for_outbox", most);
    if (rows == NULL)
        return false;
    int n = count_looked(rows);
    if (!find_entries(w, rows, n, gone, e) || !sort_out(w, rows, n, gone, e))
        return false;
    *ret_looked = PQntuples(rows);
    return db_commit(w->db, e);
}

/* ---- the work ---- */

static bool is_behind(struct watcher *w, bool *ret_behind, struct err *e)
{
    const struct outbox *o = w->state;
    auto_reply *r = kv_cmd(w->kv, e, "XLEN %s", o->stream);
    if (r == NULL)
        return false;
    *ret_behind = r->integer >= MOST_AHEAD;
    return true;
}

static bool work(struct watcher *w, int64_t *ret_wait_ms, struct err *e)
{
    int sent = 0, looked = 0;
    bool behind;
    if (!is_behind(w, &behind, e) || (!behind && !send_batch(w, &sent, e)) ||
        !look_for_sent(w, &looked, e))
        return false;
    if (sent > 0 || looked == LOOK_AT_ONCE)
        *ret_wait_ms = 0;
    else if (behind)
        *ret_wait_ms = BEHIND_WAIT_MS;
    return true;
}

static const struct watcher_def def = {
    .application = "chronos-outbox",
    .listen = "listen_outbox",
    .failure = "events wait in the outbox",
    .work = work,
};

struct outbox *outbox_start(const struct conf *c, const atomic_bool *stopping, struct err *e)
{
    struct outbox *o = calloc(1, sizeof(*o));
    if (o == NULL)
        abort();
    char prefix[PREFIX_SIZE];
    key_prefix(0, prefix);
    key2(o->stream, prefix, "events");
    o->count = MOST_ROWS;
    o->thread = watcher_start(&def, c, stopping, o, e);
    if (o->thread == NULL) {
        free(o);
        return NULL;
    }
    return o;
}

void outbox_stop(struct outbox *o)
{
    watcher_stop(o->thread);
    free(o);
}
