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

enum { PAGE = 500 };

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

static bool restore_seen(struct rebuild *b, struct err *e)
{
    auto_result *rows = DB_QUERY(b->db, e, "find_events_seen", NULL);
    if (rows == NULL)
        return false;
    for (int i = 0; i < PQntuples(rows); i++) {
        long long left = b->conf->dedupe_ms - (wall_ms() - db_int(rows, i, "accepted_ms", 0));
        if (left <= 0)
            continue;
        auto_reply *r = kv_cmd(b->kv, e, "SET chronos:seen:%s %s NX PX %lld",
                               db_text(rows, i, "idempotency_key"), db_text(rows, i, "id"), left);
        if (r == NULL)
            return false;
    }
    return true;
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
        key_prefix(0, prefix);
        for (int k = 0; k < PQntuples(page); k++) {
            const char *creator = db_text(page, k, "creator_id");
            if (strcmp(db_text(page, k, "run_id"), id) == 0 && creator != NULL)
                key_prefix(id_partition(creator, strlen(creator), (int)b->conf->partitions),
                           prefix);
        }
        auto_reply *r = kv_cmd(b->kv, e, "HSET %s:steps:%s %s %s", prefix, id,
                               db_text(steps, i, "step"), result != NULL ? result : "null");
        if (r == NULL)
            return false;
    }
    return true;
}

static char *input_of(const PGresult *page, int i, size_t *ret_len, struct err *e)
{
    const char *data = db_text(page, i, "data");
    struct event ev = {.name = db_text(page, i, "name"),
                       .user = db_text(page, i, "user"),
                       .version = db_text(page, i, "v"),
                       .ts_ms = db_int(page, i, "ts_ms", 0),
                       .normalised = true};
    (void)snprintf(ev.id, sizeof(ev.id), "%s", db_text(page, i, "event_id"));
    ev.data = js_parse(data, strlen(data), e);
    if (ev.data == NULL)
        return NULL;
    (void)event_normalise(ev.data);
    char *input = event_input(&ev, ret_len);
    event_release(&ev);
    return input;
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
    const char *creator = db_text(page, i, "creator_id");
    const struct manifest *m = find_function(b, fn);
    long long accepted = db_int(page, i, "accepted_ms", 0), ts = db_int(page, i, "ts_ms", 0);
    size_t len;
    auto_free char *input = input_of(page, i, &len, e);
    if (input == NULL) {
        log_error("an accepted event cannot be read back; its run is left out", "run", run, "error",
                  e->msg, LOG_END);
        return true;
    }
    char prefix[PREFIX_SIZE];
    const char *home = creator != NULL ? creator : "";
    key_prefix(id_partition(home, strlen(home), (int)b->conf->partitions), prefix);
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, b->name);
    kv_addi(&a, 1);
    kv_adds(&a, run);
    kv_adds(&a, fn);
    kv_adds(&a, m != NULL && m->key != NULL && creator != NULL ? creator : "");
    kv_addi(&a, accepted);
    kv_addi(&a, ts > accepted ? ts : 0);
    kv_add(&a, input, len);
    auto_reply *r = kv_script(b->kv, "enqueue", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    if (kv_int_at(r, 0, 1) != 0)
        return err_set(e, ERR_UNAVAILABLE, "fenced while rebuilding");
    b->runs++;
    return true;
}

static bool restore_runs(struct rebuild *b, struct err *e)
{
    char from[32] = "0", after[ID_SIZE] = "", most[16];
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
        (void)snprintf(from, sizeof(from), "%s", db_text(page, n - 1, "accepted_ms"));
        (void)snprintf(after, sizeof(after), "%s", db_text(page, n - 1, "run_id"));
    }
}

static bool rebuild_locked(struct rebuild *b, const char *epoch, struct err *e)
{
    if (!DB_EXEC(b->db, e, "lock_rebuild"))
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
