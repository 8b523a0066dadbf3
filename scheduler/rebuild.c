#include "rebuild.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db.h"
#include "event.h"
#include "functions.h"
#include "id.h"
#include "js.h"
#include "key.h"
#include "kv.h"
#include "log.h"

enum {
    PAGE = 500, /* rows */
    LATELY_MS =
        3600 * 1000, /* an event that waited for longer before it was routed is not looked for */
};

struct rebuild {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    const atomic_bool *stopping; /* NULL = it is not stopped */
    struct functions functions;
    char name[IDENTITY_SIZE];
    int64_t since_ms; /* what was accepted before is not looked at */
    long long runs;
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

/* The partition that the run in a row of the page lives in: the same that the router chose. */
static void home_of(const struct rebuild *b, const PGresult *page, int row,
                    char prefix[PREFIX_SIZE])
{
    const char *creator = db_text(page, row, "creator_id");
    const char *home = creator != NULL ? creator : "";
    key_prefix(id_partition(home, strlen(home), (int)b->conf->partitions), prefix);
}

/* The runs of a page that are not in Redis. */
static bool find_absent(struct rebuild *b, const PGresult *page, bool *lost, struct err *e)
{
    int n = PQntuples(page);
    for (int i = 0; i < n; i++) {
        char prefix[PREFIX_SIZE];
        home_of(b, page, i, prefix);
        if (!kv_pushf(b->kv, e, "EXISTS %s:run:%s", prefix, db_text(page, i, "run_id")))
            return false;
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        struct err later;
        auto_reply *r = kv_pull(b->kv, ok ? e : &later);
        ok = ok && r != NULL;
        lost[i] = r != NULL && r->integer == 0;
    }
    return ok;
}

/* The ids of the lost runs of a page, as Postgres takes them; false when there are none. */
static bool list_lost(const PGresult *page, const bool *lost, struct buf *ids)
{
    buf_clear(ids);
    for (int i = 0; i < PQntuples(page); i++) {
        if (lost[i] &&
            !buf_addf(ids, "%c%s", ids->len == 0 ? '{' : ',', db_text(page, i, "run_id")))
            abort(); /* a page is small */
    }
    return ids->len > 0 && buf_addc(ids, '}');
}

static int row_of(const PGresult *page, const char *run)
{
    int row = 0;
    while (row < PQntuples(page) && strcmp(db_text(page, row, "run_id"), run) != 0)
        row++;
    return row;
}

/* Those that ended since the page was read are not lost. Asked after Redis, which forgets a run only after it is here. */
static bool leave_out_ended(struct rebuild *b, const PGresult *page, bool *lost, const char *ids,
                            struct err *e)
{
    auto_result *ended = DB_QUERY(b->db, e, "finished_runs", ids);
    if (ended == NULL)
        return false;
    for (int i = 0; i < PQntuples(ended); i++)
        lost[row_of(page, db_text(ended, i, "id"))] = false;
    return true;
}

/* Before the runs themselves, so that no worker can claim a run without its results. */
static bool restore_steps(struct rebuild *b, const PGresult *page, const char *ids, struct err *e)
{
    auto_result *steps = DB_QUERY(b->db, e, "recorded_steps", ids);
    if (steps == NULL)
        return false;
    for (int i = 0; i < PQntuples(steps); i++) {
        const char *id = db_text(steps, i, "run_id"), *result = db_text(steps, i, "result");
        char prefix[PREFIX_SIZE];
        home_of(b, page, row_of(page, id), prefix);
        auto_reply *r = kv_cmd(b->kv, e, "HSET %s:steps:%s %s %s", prefix, id,
                               db_text(steps, i, "step"), result != NULL ? result : "null");
        if (r == NULL)
            return false;
    }
    return true;
}

/* The event of a row; to be released. */
static bool read_back(struct event *ev, const PGresult *page, int i, struct err *e)
{
    const char *data = db_text(page, i, "data"), *name = db_text(page, i, "name");
    *ev = (struct event){.name = name,
                         .internal = strncmp(name, "inngest/", 8) == 0,
                         .user = db_text(page, i, "user"),
                         .version = db_text(page, i, "v"),
                         .ts_ms = db_int(page, i, "ts_ms", 0),
                         .normalised = true};
    (void)snprintf(ev->id, sizeof(ev->id), "%s", db_text(page, i, "event_id"));
    ev->data = js_parse(data, strlen(data), e);
    if (ev->data == NULL)
        return false;
    if (!ev->internal)
        (void)json_object_del(ev->data, "_inngest");
    (void)event_normalise(ev->data);
    return true;
}

static const struct manifest *find_function(const struct rebuild *b, const char *id)
{
    for (size_t i = 0; i < b->functions.len; i++) {
        if (strcmp(b->functions.items[i]->id, id) == 0)
            return b->functions.items[i];
    }
    return NULL;
}

static bool restore_run(struct rebuild *b, const PGresult *page, int i, struct err *e)
{
    const char *run = db_text(page, i, "run_id"), *fn = db_text(page, i, "function_id");
    const struct manifest *m = find_function(b, fn);
    long long accepted = db_int(page, i, "accepted_ms", 0), ts = db_int(page, i, "ts_ms", 0);
    struct event ev;
    if (!read_back(&ev, page, i, e)) {
        log_error("an accepted event cannot be read back; its run is left out", "run", run, "error",
                  e->msg, LOG_END);
        return true;
    }
    size_t len;
    auto_free char *input = event_input(&ev, &len);
    char prefix[PREFIX_SIZE];
    home_of(b, page, i, prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, b->name);
    kv_addi(&a, 1);
    kv_adds(&a, run);
    kv_adds(&a, fn);
    kv_adds(&a, m != NULL ? event_key(&ev, m->key) : "");
    kv_addi(&a, accepted);
    kv_addi(&a, ts > accepted ? ts : 0);
    kv_add(&a, input, len);
    auto_reply *r = kv_script(b->kv, "enqueue", prefix, &a, e);
    kv_args_release(&a);
    event_release(&ev);
    if (r == NULL)
        return false;
    if (kv_int_at(r, 0, 1) != 0)
        return err_set(e, ERR_UNAVAILABLE, "fenced while rebuilding");
    b->runs++;
    return true;
}

static bool restore_page(struct rebuild *b, const PGresult *page, struct err *e)
{
    bool lost[PAGE];
    auto_buf ids = BUF_INIT(1 << 20);
    if (!find_absent(b, page, lost, e))
        return false;
    if (!list_lost(page, lost, &ids))
        return true;
    if (!leave_out_ended(b, page, lost, ids.data, e))
        return false;
    if (!list_lost(page, lost, &ids))
        return true;
    if (!restore_steps(b, page, ids.data, e))
        return false;
    for (int i = 0; i < PQntuples(page); i++) {
        if (lost[i] && !restore_run(b, page, i, e))
            return false;
    }
    return true;
}

/* An id sorts by its time, which its first ten characters are. */
static void first_id(int64_t ms, char out[ID_SIZE])
{
    id_derive(ms, "", "", out);
    out[10] = '\0';
}

static bool restore_runs(struct rebuild *b, struct err *e)
{
    char from[ID_SIZE], after[ID_SIZE] = "", most[16];
    first_id(b->since_ms, from);
    (void)snprintf(most, sizeof(most), "%d", PAGE);
    for (;;) {
        auto_result *page = DB_QUERY(b->db, e, "live_runs", from, after, most);
        if (page == NULL)
            return false;
        int n = PQntuples(page);
        if (n == 0)
            return true;
        if (!restore_page(b, page, e) || is_stopping(b, e))
            return false;
        (void)snprintf(from, sizeof(from), "%s", db_text(page, n - 1, "event_id"));
        (void)snprintf(after, sizeof(after), "%s", db_text(page, n - 1, "run_id"));
    }
}

static bool restore_all(struct rebuild *b, struct err *e)
{
    return restore_functions(b, e) && restore_seen(b, e) && restore_runs(b, e);
}

static void tell(const struct rebuild *b)
{
    char count[24];
    (void)snprintf(count, sizeof(count), "%lld", b->runs);
    if (b->runs > 0)
        log_warn("runs that redis had lost are started again", "runs", count, LOG_END);
}

/* ---- with an epoch ---- */

static const char *stored_epoch(const PGresult *stored, const struct epoch *x)
{
    for (int i = 0; i < PQntuples(stored); i++) {
        if (strcmp(db_text(stored, i, "key"), x->name) == 0)
            return db_text(stored, i, "value");
    }
    return NULL;
}

/* One that Postgres does not know is of a new engine, or of one that was there before its kind. */
static bool is_lost(const PGresult *stored, const struct epochs *epochs)
{
    for (int i = 0; i < epochs->count; i++) {
        const char *before = stored_epoch(stored, &epochs->list[i]);
        if (before != NULL && strcmp(before, epochs->list[i].value) != 0)
            return true;
    }
    return false;
}

static bool store_epochs(struct rebuild *b, const PGresult *stored, const struct epochs *epochs,
                         struct err *e)
{
    for (int i = 0; i < epochs->count; i++) {
        const struct epoch *x = &epochs->list[i];
        const char *before = stored_epoch(stored, x);
        if ((before == NULL || strcmp(before, x->value) != 0) &&
            !DB_EXEC(b->db, e, "set_meta", x->name, x->value))
            return false;
    }
    return true;
}

static bool rebuild_locked(struct rebuild *b, const struct epochs *epochs, bool surely,
                           struct err *e)
{
    if (!DB_EXEC(b->db, e, "bound_rebuild") || !DB_EXEC(b->db, e, "lock_rebuild"))
        return false;
    auto_result *stored = DB_QUERY(b->db, e, "stored_epochs");
    if (stored == NULL)
        return false;
    if (is_lost(stored, epochs) || surely) {
        log_warn("redis has lost data: live runs are rebuilt from postgres", LOG_END);
        if (!restore_all(b, e))
            return false;
    }
    return store_epochs(b, stored, epochs, e);
}

static bool forgotten_locked(struct rebuild *b, struct err *e)
{
    return DB_EXEC(b->db, e, "bound_rebuild") && DB_EXEC(b->db, e, "lock_rebuild") &&
           restore_all(b, e);
}

/* ---- both ---- */

static bool open_rebuild(struct rebuild *b, struct identity *identity, struct err *e)
{
    identity_name(identity, b->name);
    b->kv = kv_new(b->conf->redis_url, e);
    if (b->kv == NULL)
        return false;
    b->db = db_new(b->conf->database_url, "chronos-rebuild");
    return db_begin(b->db, e);
}

/* Commits when all went well. */
static bool close_rebuild(struct rebuild *b, bool ok, struct err *e)
{
    ok = ok && db_commit(b->db, e);
    if (ok)
        tell(b);
    if (!ok && b->db != NULL)
        db_rollback(b->db);
    functions_release(&b->functions);
    db_free(b->db);
    kv_free(b->kv);
    return ok;
}

bool rebuild_if_lost(const struct conf *c, struct identity *identity, const struct epochs *epochs,
                     bool surely, struct err *e)
{
    struct rebuild b = {.conf = c};
    bool ok = open_rebuild(&b, identity, e) && rebuild_locked(&b, epochs, surely, e);
    return close_rebuild(&b, ok, e);
}

bool rebuild_forgotten(const struct conf *c, struct identity *identity, const atomic_bool *stopping,
                       struct err *e)
{
    struct rebuild b = {.conf = c, .stopping = stopping, .since_ms = wall_ms() - LATELY_MS};
    bool ok = open_rebuild(&b, identity, e) && forgotten_locked(&b, e);
    return close_rebuild(&b, ok, e);
}
