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

enum { PAGE = 500 }; /* rows */

struct rebuild {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    struct functions functions;
    char name[IDENTITY_SIZE];
    long long runs;
};

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
    (void)snprintf(since, sizeof(since), "%lld", (long long)wall_ms() - b->conf->dedupe_ms);
    (void)snprintf(most, sizeof(most), "%d", PAGE);
    for (;;) {
        auto_result *rows = DB_QUERY(b->db, e, "find_events_seen", since, after, most);
        if (rows == NULL || !restore_seen_page(b, rows, e))
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

/* Before the runs themselves, so that no worker can claim a run without its results. */
static bool restore_steps(struct rebuild *b, const PGresult *page, struct err *e)
{
    auto_buf ids = BUF_INIT(1 << 20);
    for (int i = 0; i < PQntuples(page); i++) {
        if (!buf_addf(&ids, "%c%s", i == 0 ? '{' : ',', db_text(page, i, "run_id")))
            return err_set(e, ERR_BUG, "page of runs is too large");
    }
    if (!buf_addc(&ids, '}'))
        return err_set(e, ERR_BUG, "page of runs is too large");
    auto_result *steps = DB_QUERY(b->db, e, "recorded_steps", ids.data);
    if (steps == NULL)
        return false;
    for (int i = 0; i < PQntuples(steps); i++) {
        const char *id = db_text(steps, i, "run_id"), *result = db_text(steps, i, "result");
        char prefix[PREFIX_SIZE];
        for (int k = 0; k < PQntuples(page); k++) {
            if (strcmp(db_text(page, k, "run_id"), id) == 0)
                home_of(b, page, k, prefix);
        }
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
    kv_adds(&a, "1"); /* option: its first results may be there already */
    kv_adds(&a, "begun");
    kv_adds(&a, "1");
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

static bool restore_runs(struct rebuild *b, struct err *e)
{
    char from[ID_SIZE] = "", after[ID_SIZE] = "", most[16];
    (void)snprintf(most, sizeof(most), "%d", PAGE);
    for (;;) {
        auto_result *page = DB_QUERY(b->db, e, "live_runs", from, after, most);
        if (page == NULL)
            return false;
        int n = PQntuples(page);
        if (n == 0)
            return true;
        if (!restore_steps(b, page, e))
            return false;
        for (int i = 0; i < n; i++) {
            if (!restore_run(b, page, i, e))
                return false;
        }
        (void)snprintf(from, sizeof(from), "%s", db_text(page, n - 1, "event_id"));
        (void)snprintf(after, sizeof(after), "%s", db_text(page, n - 1, "run_id"));
    }
}

static bool rebuild_locked(struct rebuild *b, const char *epoch, struct err *e)
{
    if (!DB_EXEC(b->db, e, "bound_rebuild") || !DB_EXEC(b->db, e, "lock_rebuild"))
        return false;
    auto_result *known = DB_QUERY(b->db, e, "get_meta", "redis_epoch");
    if (known == NULL)
        return false;
    const char *before = PQntuples(known) > 0 ? db_text(known, 0, "value") : NULL;
    if (before != NULL && strcmp(before, epoch) == 0)
        return true;
    if (before != NULL) {
        log_warn("redis has lost its data: live runs are rebuilt from postgres", LOG_END);
        if (!restore_functions(b, e) || !restore_seen(b, e) || !restore_runs(b, e))
            return false;
        char count[24];
        (void)snprintf(count, sizeof(count), "%lld", b->runs);
        log_warn("live runs are rebuilt", "runs", count, LOG_END);
    }
    return DB_EXEC(b->db, e, "set_meta", "redis_epoch", epoch);
}

bool rebuild_if_lost(const struct conf *c, struct identity *identity, const char *epoch,
                     struct err *e)
{
    struct rebuild b = {.conf = c};
    identity_name(identity, b.name);
    b.kv = kv_new(c->redis_url, e);
    if (b.kv == NULL)
        return false;
    b.db = db_new(c->database_url, "chronos-rebuild");
    bool ok = db_begin(b.db, e) && rebuild_locked(&b, epoch, e) && db_commit(b.db, e);
    if (!ok)
        db_rollback(b.db);
    functions_release(&b.functions);
    db_free(b.db);
    kv_free(b.kv);
    return ok;
}
