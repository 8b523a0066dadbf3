#include "rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db.h"
#include "functions.h"
#include "id.h"
#include "js.h"
#include "key.h"
#include "kv.h"
#include "live.h"
#include "log.h"
#include "putback.h"
#include "remember.h"
#include "untold.h"

enum {
    PAGE = 500,            /* rows of seen events */
    MARGIN_MS = 5 * 60000, /* more than the clocks of Redis and of the scheduler differ */
    LATELY_MS = 3600000,   /* an event that waited for longer to be routed is not looked for */
};

struct rebuild {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    const atomic_bool *stopping; /* NULL = it is not stopped */
    int64_t since_ms;            /* what was accepted before is not looked at */
    struct functions functions;
    char name[IDENTITY_SIZE];
    struct putback putback;
    struct live present; /* the run whose rows are being read */
    /* Of each function and key that collects events the latest run: it may still have been collecting. */
    struct live *held;
    size_t held_count;
    json_t *held_at; /* "<function>\n<key>" -> index in held */
};

static bool is_stopping(const struct rebuild *b, struct err *e)
{
    return b->stopping != NULL && atomic_load(b->stopping) &&
           !err_set(e, ERR_STOPPING, "stopped while rebuilding");
}

static bool restore_functions(struct rebuild *b, struct err *e)
{
    auto_result *rows = DB_QUERY(b->db, e, "stored_functions");
    if (rows == NULL)
        return false;
    for (int i = 0; i < PQntuples(rows); i++) {
        auto_reply *r = kv_cmd(b->kv, e, "HSETNX %s %s %s", KEY_FUNCTIONS, db_text(rows, i, "id"),
                               db_text(rows, i, "manifest"));
        if (r == NULL)
            return false;
    }
    return functions_refresh(&b->functions, b->conf, b->kv, NULL, e);
}

/* ---- ids of events that were seen ---- */

static bool restore_seen_page(struct rebuild *b, const PGresult *rows, struct err *e)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        char key[KEY_SIZE * 4];
        long long left = b->conf->dedupe_ms - (wall_ms() - db_int(rows, i, "accepted_ms", 0));
        (void)snprintf(key, sizeof(key), "chronos:seen:%s", db_text(rows, i, "idempotency_key"));
        if (!kv_pushf(b->kv, e, "SET %s %s NX PX %lld", key, db_text(rows, i, "id"),
                      left > 1 ? left : 1LL))
            return false;
    }
    bool ok = true;
    for (int i = 0; i < PQntuples(rows); i++) {
        struct err later;
        auto_reply *r = kv_pull(b->kv, ok ? e : &later);
        ok = ok && r != NULL;
    }
    return ok;
}

static bool restore_seen(struct rebuild *b, struct err *e)
{
    char since[24], after[ID_SIZE] = "", most[16];
    int64_t since_ms = wall_ms() - b->conf->dedupe_ms;
    (void)snprintf(since, sizeof(since), "%lld",
                   (long long)(since_ms > b->since_ms ? since_ms : b->since_ms));
    (void)snprintf(most, sizeof(most), "%d", PAGE);
    for (;;) {
        auto_result *rows = DB_QUERY(b->db, e, "find_events_seen", since, after, most);
        if (rows == NULL || !restore_seen_page(b, rows, e) || is_stopping(b, e))
            return false;
        int n = PQntuples(rows);
        if (n == 0)
            return true;
        (void)snprintf(after, sizeof(after), "%s", db_text(rows, n - 1, "id"));
    }
}

/* ---- live runs ---- */

/* Holds the run back until a later one of its function and key is met, or all have been read. */
static bool hold(struct rebuild *b, struct live *l, struct err *e)
{
    char key[512];
    (void)snprintf(key, sizeof(key), "%s\n%s", live_start(l)->fn->id, live_collect_key(l));
    json_t *at = json_object_get(b->held_at, key);
    if (at != NULL) {
        struct live *held = &b->held[json_integer_value(at)], earlier = *held;
        *held = *l;
        *l = earlier;
        return putback_add(&b->putback, l, false, e);
    }
    b->held = realloc(b->held, (b->held_count + 1) * sizeof(*b->held));
    if (b->held == NULL)
        abort();
    (void)json_object_set_new(b->held_at, key, json_integer((json_int_t)b->held_count));
    b->held[b->held_count++] = *l;
    *l = (struct live){0};
    return true;
}

static bool put_present(struct rebuild *b, struct err *e)
{
    if (b->present.count == 0)
        return true;
    if (live_collect_key(&b->present) != NULL)
        return hold(b, &b->present, e);
    return putback_add(&b->putback, &b->present, false, e);
}

static bool take_row(struct rebuild *b, const PGresult *rows, int row, struct err *e)
{
    const char *run = db_text(rows, row, "run_id"), *fn = db_text(rows, row, "function_id");
    struct err bad;
    if (b->present.count > 0 && strcmp(b->present.run, run) != 0 && !put_present(b, e))
        return false;
    const struct manifest *m = functions_find(&b->functions, fn);
    if (m == NULL)
        log_error("an accepted run is left out, since its function is not known any more", "run",
                  run, "fn", fn, LOG_END);
    else if (!live_add(&b->present, rows, row, m, (int)b->conf->partitions, &bad))
        log_error("an accepted event cannot be read back; it is left out", "run", run, "error",
                  bad.msg, LOG_END);
    return true;
}

static bool read_live_runs(struct rebuild *b, struct err *e)
{
    if (!DB_EXEC(b->db, e, "open_live_runs"))
        return false;
    for (;;) {
        auto_result *rows = DB_QUERY(b->db, e, "fetch_live_runs");
        if (rows == NULL)
            return false;
        if (PQntuples(rows) == 0)
            return put_present(b, e);
        for (int i = 0; i < PQntuples(rows); i++) {
            if (!take_row(b, rows, i, e))
                return false;
        }
        if (is_stopping(b, e))
            return false;
    }
}

static bool restore_runs(struct rebuild *b, struct err *e)
{
    if (!read_live_runs(b, e))
        return false;
    for (size_t i = 0; i < b->held_count; i++) {
        if (!putback_add(&b->putback, &b->held[i], true, e))
            return false;
    }
    return putback_flush(&b->putback, e);
}

/* ---- the whole ---- */

/* For all looks that go by a run's id. Its first ten characters are its time, and it sorts by it. */
static bool bound_looks(struct rebuild *b, struct err *e)
{
    char since[ID_SIZE];
    id_derive(b->since_ms, "", "", since);
    since[10] = '\0';
    return DB_EXEC(b->db, e, "set_live_since", since);
}

static bool restore(struct rebuild *b, struct err *e)
{
    return restore_functions(b, e) && restore_seen(b, e) &&
           remember_starts(b->conf, b->kv, b->db, &b->functions, e) && bound_looks(b, e) &&
           restore_runs(b, e) && untold_send(b->conf, b->kv, b->db, &b->functions, e);
}

static void tell(const struct rebuild *b, const char *what)
{
    char count[24];
    (void)snprintf(count, sizeof(count), "%lld", b->putback.runs);
    log_warn(what, "runs", count, LOG_END);
}

static const char *stored_epoch(const PGresult *stored, const char *name)
{
    for (int i = 0; i < PQntuples(stored); i++) {
        if (strcmp(db_text(stored, i, "key"), name) == 0)
            return db_text(stored, i, "value");
    }
    return NULL;
}

static bool is_stored(const PGresult *stored, const struct epoch *x)
{
    const char *before = stored_epoch(stored, x->name);
    return before != NULL && strcmp(before, x->value) == 0;
}

/* One that Postgres does not know is of a new engine, or of one that was there before its kind. */
static bool is_lost(const PGresult *stored, const struct epochs *epochs)
{
    for (int i = 0; i < epochs->count; i++) {
        const struct epoch *x = &epochs->list[i];
        if (stored_epoch(stored, x->name) != NULL && !is_stored(stored, x))
            return true;
    }
    return false;
}

static bool store_epochs(struct rebuild *b, const PGresult *stored, const struct epochs *epochs,
                         struct err *e)
{
    for (int i = 0; i < epochs->count; i++) {
        const struct epoch *x = &epochs->list[i];
        if (!is_stored(stored, x) && !DB_EXEC(b->db, e, "set_meta", x->name, x->value))
            return false;
    }
    return true;
}

/* For the metric: it outlives the scheduler that has done it. */
static bool note_rebuilt(struct rebuild *b, struct err *e)
{
    char now[24];
    (void)snprintf(now, sizeof(now), "%lld", (long long)wall_ms());
    return DB_EXEC(b->db, e, "set_meta", "redis_rebuilt_ms", now);
}

static bool restore_lost(struct rebuild *b, char began[24], struct err *e)
{
    log_warn("redis has lost data: live runs are rebuilt from postgres", LOG_END);
    if (!restore(b, e))
        return false;
    tell(b, "live runs are rebuilt");
    (void)snprintf(began, 24, "%lld", (long long)wall_ms() + MARGIN_MS);
    return DB_EXEC(b->db, e, "set_meta", "redis_epoch_began", began) && note_rebuilt(b, e);
}

static bool lock(struct rebuild *b, struct err *e)
{
    return DB_EXEC(b->db, e, "bound_rebuild") && DB_EXEC(b->db, e, "lock_rebuild");
}

static bool rebuild_locked(struct rebuild *b, const struct epochs *epochs, bool surely,
                           int64_t *ret_began_ms, struct err *e)
{
    char began[24] = "";
    auto_result *stored = DB_QUERY(b->db, e, "stored_epochs");
    if (stored == NULL)
        return false;
    const char *before = stored_epoch(stored, "redis_epoch_began");
    if (before != NULL)
        (void)snprintf(began, sizeof(began), "%s", before);
    if (((is_lost(stored, epochs) || surely) && !restore_lost(b, began, e)) ||
        !store_epochs(b, stored, epochs, e))
        return false;
    *ret_began_ms = strtoll(began, NULL, 10);
    return true;
}

static bool open_rebuild(struct rebuild *b, struct identity *identity, struct err *e)
{
    struct kv *kv = kv_new(b->conf->redis_url, e);
    if (kv == NULL)
        return false;
    identity_name(identity, b->name);
    b->kv = kv;
    b->db = db_new(b->conf->database_url, "chronos-rebuild");
    b->held_at = json_object();
    b->putback = (struct putback){.conf = b->conf, .kv = b->kv, .db = b->db, .name = b->name};
    return db_begin(b->db, e) && lock(b, e);
}

/* Commits when all went well. */
static bool close_rebuild(struct rebuild *b, bool ok, struct err *e)
{
    ok = ok && db_commit(b->db, e);
    if (!ok && b->db != NULL)
        db_rollback(b->db);
    live_release(&b->present);
    for (size_t i = 0; i < b->held_count; i++)
        live_release(&b->held[i]);
    free(b->held);
    json_decref(b->held_at);
    putback_release(&b->putback);
    functions_release(&b->functions);
    db_free(b->db);
    kv_free(b->kv);
    return ok;
}

bool rebuild_if_lost(const struct conf *c, struct identity *identity, const struct epochs *epochs,
                     bool surely, int64_t *ret_began_ms, struct err *e)
{
    struct rebuild b = {.conf = c};
    bool ok = open_rebuild(&b, identity, e) && rebuild_locked(&b, epochs, surely, ret_began_ms, e);
    return close_rebuild(&b, ok, e);
}

bool rebuild_forgotten(const struct conf *c, struct identity *identity, const atomic_bool *stopping,
                       struct err *e)
{
    struct rebuild b = {.conf = c, .stopping = stopping, .since_ms = wall_ms() - LATELY_MS};
    bool ok = open_rebuild(&b, identity, e) && restore(&b, e);
    if (ok && b.putback.runs > 0)
        tell(&b, "runs that redis had forgotten are started again");
    return close_rebuild(&b, ok, e);
}
