/* verify_runs.c: live runs of Redis, each by itself and against what Postgres has recorded, and the other way round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "key.h"
#include "scheduler/scan.h"
#include "verify.h"

enum { AT_ONCE = 500, YOUNG_MS = 10000, MAX_IDS_BYTES = 1 << 20 };

/* ---- ids as an array of SQL ---- */

/* Ids of runs have no character that an array literal would quote. */
static void add_id(struct buf *b, const char *id)
{
    if (!buf_adds(b, b->len == 0 ? "{" : ",") || !buf_adds(b, id))
        abort(); /* some hundred ids */
}

static bool note_rows(struct verify *v, const char *query, struct buf *ids, const char *kind,
                      const char *place, const char *detail, struct err *e)
{
    if (ids->len == 0)
        return true;
    size_t size = ids->len + 2;
    auto_free char *literal = malloc(size);
    if (literal == NULL)
        abort();
    (void)snprintf(literal, size, "%s}", ids->data);
    auto_result *r = DB_QUERY(v->c->db, e, query, literal);
    for (int i = 0; r != NULL && i < PQntuples(r); i++)
        verify_note(v, kind, place, db_text(r, i, "id"), detail);
    return r != NULL;
}

/* ---- Redis: every live run ---- */

/* Live, and old enough to be in Postgres. */
static bool gather_settled(struct verify *v, const char *prefix, char (*ids)[KEY_SIZE], size_t n,
                           struct buf *settled, struct err *e)
{
    int64_t now = wall_ms();
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        if (!kv_pushf(v->c->kv, e, "HMGET %s:run:%s at done", prefix, ids[i]))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        auto_reply *r = kv_pull(v->c->kv, e);
        ok = ok && r != NULL;
        if (!ok || r->elements != 2 || r->element[0]->type != REDIS_REPLY_STRING ||
            r->element[1]->type == REDIS_REPLY_STRING)
            continue;
        if (strtoll(r->element[0]->str, NULL, 10) < now - YOUNG_MS)
            add_id(settled, ids[i]);
    }
    return ok;
}

static bool check_in_redis(struct verify *v, const char *prefix, char (*ids)[KEY_SIZE], size_t n,
                           struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    for (size_t i = 0; i < n; i++)
        kv_adds(&a, ids[i]);
    auto_reply *r = kv_script(v->c->kv, "check_runs", prefix, &a, e);
    kv_args_release(&a);
    for (size_t i = 0; r != NULL && i + 2 < r->elements; i += 3) {
        bool lost = strcmp(r->element[i + 1]->str, "run") == 0;
        verify_note(v, lost ? "run_nowhere" : "run_without_slot", prefix, r->element[i]->str,
                    r->element[i + 2]->str);
    }
    return r != NULL;
}

struct batch {
    char prefix[PREFIX_SIZE];
    char ids[AT_ONCE][KEY_SIZE];
    size_t n;
};

static bool check_batch(struct verify *v, struct batch *b, struct err *e)
{
    auto_buf settled = BUF_INIT(MAX_IDS_BYTES);
    if (b->n == 0)
        return true;
    bool ok = check_in_redis(v, b->prefix, b->ids, b->n, e) &&
              gather_settled(v, b->prefix, b->ids, b->n, &settled, e) &&
              note_rows(v, "unrecorded_runs", &settled, "live_but_unrecorded", b->prefix,
                        "no event in chronos.events began it", e) &&
              note_rows(v, "which_ended", &settled, "live_but_ended", b->prefix,
                        "chronos.runs says that it has ended", e);
    b->n = 0;
    return ok;
}

static struct batch batches[MAX_PARTITIONS];

static bool take_run(struct verify *v, const char *prefix, const char *id, struct err *e)
{
    long p = strtol(prefix + 2, NULL, 10);
    if (p < 0 || p >= MAX_PARTITIONS || strlen(id) >= KEY_SIZE)
        return true;
    struct batch *b = &batches[p];
    verify_count(v, "live runs in redis", 1);
    if (strchr(id, '.') != NULL) /* a branch: its run is what Postgres knows */
        return check_in_redis(
            v, prefix, (char(*)[KEY_SIZE])memcpy(b->ids[AT_ONCE - 1], id, strlen(id) + 1), 1, e);
    (void)snprintf(b->prefix, sizeof(b->prefix), "%s", prefix);
    (void)snprintf(b->ids[b->n++], KEY_SIZE, "%s", id);
    return b->n < AT_ONCE - 1 || check_batch(v, b, e);
}

bool verify_runs(struct verify *v, struct err *e)
{
    bool ok = verify_keys(v, "run", take_run, e);
    for (int p = 0; p < MAX_PARTITIONS; p++)
        ok = ok && check_batch(v, &batches[p], e);
    return ok;
}

/* ---- Postgres: every run that was accepted and has not ended ---- */

/* In whichever partition. */
static bool push_exists(struct verify *v, const char *id, struct err *e)
{
    for (int p = 0; p < v->partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        if (!kv_pushf(v->c->kv, e, "EXISTS %s:run:%s", prefix, id))
            return false;
    }
    return true;
}

static bool pull_exists(struct verify *v, bool *ret, struct err *e)
{
    bool ok = true;
    *ret = false;
    for (int p = 0; p < v->partitions; p++) {
        auto_reply *r = kv_pull(v->c->kv, e);
        ok = ok && r != NULL;
        *ret = *ret || (r != NULL && r->integer == 1);
    }
    return ok;
}

static bool check_page(struct verify *v, const PGresult *rows, struct err *e)
{
    bool ok = true;
    for (int i = 0; i < PQntuples(rows); i++) {
        if (!push_exists(v, db_text(rows, i, "run_id"), e))
            return false;
    }
    for (int i = 0; i < PQntuples(rows); i++) {
        bool there;
        ok = pull_exists(v, &there, e) && ok;
        if (ok && !there)
            verify_note(v, "recorded_but_absent", db_text(rows, i, "function_id"),
                        db_text(rows, i, "run_id"), db_text(rows, i, "event_id"));
    }
    return ok;
}

static bool read_recorded(struct verify *v, struct err *e)
{
    if (!db_begin(v->c->db, e) || !DB_EXEC(v->c->db, e, "bound_rebuild") ||
        !DB_EXEC(v->c->db, e, "open_recorded_runs"))
        return false;
    for (;;) {
        auto_result *rows = DB_QUERY(v->c->db, e, "fetch_recorded_runs");
        if (rows == NULL)
            return false;
        if (PQntuples(rows) == 0)
            return true;
        verify_count(v, "live runs in postgres", PQntuples(rows));
        if (!check_page(v, rows, e))
            return false;
    }
}

/* What has ended while they were compared is not absent. */
static bool drop_ended(struct verify *v, struct err *e)
{
    auto_buf ids = BUF_INIT(64 << 20);
    const char *key;
    json_t *d;
    json_object_foreach (v->found, key, d) {
        if (strncmp(key, "recorded_but_absent\n", 20) == 0)
            add_id(&ids, json_string_value(json_object_get(d, "id")));
    }
    if (ids.len == 0)
        return true;
    if (!buf_addc(&ids, '}'))
        abort();
    auto_result *r = DB_QUERY(v->c->db, e, "which_ended", ids.data);
    for (int i = 0; r != NULL && i < PQntuples(r); i++) {
        void *next;
        json_object_foreach_safe(v->found, next, key, d)
        {
            if (strncmp(key, "recorded_but_absent\n", 20) == 0 &&
                strcmp(json_string_value(json_object_get(d, "id")), db_text(r, i, "id")) == 0)
                (void)json_object_del(v->found, key);
        }
    }
    return r != NULL;
}

bool verify_recorded(struct verify *v, struct err *e)
{
    bool ok = read_recorded(v, e);
    if (db_in_transaction(v->c->db))
        db_rollback(v->c->db);
    return ok && drop_ended(v, e);
}
