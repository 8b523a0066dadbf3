#include "archive.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "copy_lines.h"
#include "db.h"
#include "frozen.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "waiter.h"

enum {
    BLOCK_MS = 500,
    RETRY_MS = 200,
    COPY_MAX_BYTES = 512u << 20,
    ID_TEXT = 48,
    UNLINK_AT_ONCE = 100,
    LAST_BATCHES = 100, /* at the stop */
};

struct archiver {
    pthread_t thread;
    const struct conf *conf;
    const struct epochs *epochs;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
    struct waiter *waiter;
    bool *hot;     /* per partition: something may be there */
    int partition; /* present one */
    char prefix[PREFIX_SIZE];
    struct buf runs, steps; /* COPY lines */
};

/* ---- history entries ---- */

static bool is_kind(const redisReply *entry, const char *kind)
{
    const redisReply *v = kv_field(entry->element[1], "kind");
    return v != NULL && strcmp(v->str, kind) == 0;
}

/* Lines are headed by their table's letter and a tab (worker/history.h). */
static void add_lines(struct archiver *a, const redisReply *entry)
{
    const redisReply *body = kv_field(entry->element[1], "body");
    if (is_kind(entry, "lost")) {
        const redisReply *run = kv_field(entry->element[1], "run");
        log_warn("a run lost its worker and was handed on", "run", run != NULL ? run->str : "",
                 "worker", body != NULL ? body->str : "", LOG_END);
        return;
    }
    const char *p = body != NULL ? body->str : "", *end = p + (body != NULL ? body->len : 0);
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = nl != NULL ? (size_t)(nl - p) + 1 : (size_t)(end - p);
        struct buf *to = p[0] == 'r' ? &a->runs : p[0] == 's' ? &a->steps : NULL;
        if (len < 3 || p[1] != '\t' || to == NULL || nl == NULL || !buf_add(to, p + 2, len - 2))
            log_error("a history line cannot be read and is left out", "entry",
                      entry->element[0]->str, LOG_END);
        p += len;
    }
}

/* Removes the keys of the runs that the entries finish. */
static bool remove_runs(struct archiver *a, const redisReply *entries, struct err *e)
{
    struct kv_args args;
    kv_args_init(&args);
    char(*keys)[KEY_SIZE] = calloc(3 * UNLINK_AT_ONCE, sizeof(*keys));
    if (keys == NULL)
        abort();
    bool ok = true;
    size_t n = 0;
    for (size_t i = 0; ok && i <= entries->elements; i++) {
        if (n == UNLINK_AT_ONCE || (i == entries->elements && n > 0)) {
            auto_reply *r = kv_call(a->kv, &args, 0, e);
            ok = r != NULL;
            n = 0;
        }
        if (i == entries->elements || !is_kind(entries->element[i], "finish"))
            continue;
        const redisReply *run = kv_field(entries->element[i]->element[1], "run");
        if (run == NULL)
            continue;
        if (n == 0) {
            kv_args_clear(&args);
            kv_adds(&args, "UNLINK");
        }
        kv_adds(&args, key3(keys[3 * n], a->prefix, "run", run->str));
        kv_adds(&args, key3(keys[3 * n + 1], a->prefix, "input", run->str));
        kv_adds(&args, key3(keys[3 * n + 2], a->prefix, "steps", run->str));
        n++;
    }
    free(keys);
    kv_args_release(&args);
    return ok;
}

/* Trims what Postgres has: everything up to and including `last`. `entries` are all of that, as trimming an entry whose run
 * was not removed would leave the run's keys behind for ever. Runs first: a crash between leaves the entries, and the next
 * pass removes the runs again, which is harmless. */
static bool forget(struct archiver *a, const redisReply *entries, const char *last, struct err *e)
{
    if (!remove_runs(a, entries, e))
        return false;
    /* MINID keeps the id it is given: that one is deleted by hand. */
    auto_reply *trimmed = kv_cmd(a->kv, e, "XTRIM %s:history MINID %s", a->prefix, last);
    if (trimmed == NULL)
        return false;
    auto_reply *deleted = kv_cmd(a->kv, e, "XDEL %s:history %s", a->prefix, last);
    return deleted != NULL;
}

/* Entries that are archived but were not trimmed: somebody crashed, or Redis was away, between Postgres' commit and
 * forgetting. They go before anything newer is trimmed. Mostly there are none, which costs one short question. */
static bool forget_leftovers(struct archiver *a, const char *cursor, struct err *e)
{
    for (;;) {
        auto_reply *r = kv_cmd(a->kv, e, "XRANGE %s:history - %s COUNT %ld", a->prefix, cursor,
                               a->conf->archive_batch);
        if (r == NULL)
            return false;
        if (r->elements == 0)
            return true;
        if (!forget(a, r, r->element[r->elements - 1]->element[0]->str, e))
            return false;
    }
}

/* ---- Postgres ---- */

/* Locks the cursor's row in the open transaction and reads it; another epoch means another Redis: from the start. */
static bool lock_cursor(struct archiver *a, char cursor[ID_TEXT], struct err *e)
{
    char partition[16];
    (void)snprintf(partition, sizeof(partition), "%d", a->partition);
    auto_result *r = DB_QUERY(a->db, e, "lock_archive_cursor", partition);
    if (r == NULL)
        return false;
    const char *epoch = db_text(r, 0, "epoch"), *last = db_text(r, 0, "last_id");
    bool same = epoch != NULL && last != NULL && *last != '\0' &&
                strcmp(epoch, epochs_of_partition(a->epochs, a->partition)) == 0;
    (void)snprintf(cursor, ID_TEXT, "%s", same ? last : "0-0");
    return true;
}

static bool advance_cursor(struct archiver *a, const char *last, struct err *e)
{
    char partition[16];
    (void)snprintf(partition, sizeof(partition), "%d", a->partition);
    return DB_EXEC(a->db, e, "advance_archive_cursor", partition,
                   epochs_of_partition(a->epochs, a->partition), last);
}

static bool write_rows(struct archiver *a, struct err *e)
{
    return (a->runs.len == 0 || db_copy(a->db, "copy_runs", a->runs.data, a->runs.len, e)) &&
           (a->steps.len == 0 || db_copy(a->db, "copy_run_steps", a->steps.data, a->steps.len, e));
}

/* Postgres refused the data of some row: find it line by line, outside the cursor's transaction. A row that is written
 * twice is refused by its key, so this may be repeated. */
static bool write_rows_singly(struct archiver *a, const char *last, struct err *e)
{
    return copy_lines(a->db, "copy_runs", a->runs.data, a->runs.len, e) &&
           copy_lines(a->db, "copy_run_steps", a->steps.data, a->steps.len, e) &&
           advance_cursor(a, last, e);
}

/* Returns the number of entries archived, 0 when there is nothing (or another scheduler has it), -1 on failure. */
static long archive_batch(struct archiver *a, struct err *e)
{
    char cursor[ID_TEXT];
    if (!db_begin(a->db, e))
        return -1;
    if (!DB_EXEC(a->db, e, "bound_archive_batch") || !lock_cursor(a, cursor, e) ||
        !forget_leftovers(a, cursor, e)) {
        db_rollback(a->db);
        return -1;
    }
    auto_reply *r = kv_cmd(a->kv, e, "XRANGE %s:history (%s + COUNT %ld", a->prefix, cursor,
                           a->conf->archive_batch);
    if (r == NULL || r->elements == 0) {
        db_rollback(a->db);
        return r != NULL ? 0 : -1;
    }
    const char *last = r->element[r->elements - 1]->element[0]->str;
    buf_clear(&a->runs);
    buf_clear(&a->steps);
    for (size_t i = 0; i < r->elements; i++)
        add_lines(a, r->element[i]);
    bool ok = write_rows(a, e) && advance_cursor(a, last, e) && db_commit(a->db, e);
    if (!ok) {
        db_rollback(a->db);
        if (e->code != ERR_INPUT || !write_rows_singly(a, last, e))
            return -1;
    }
    if (!forget(a, r, last, e))
        return -1;
    return (long)r->elements;
}

/* ---- the thread ---- */

/* What is archived is trimmed, so whatever is there is new. */
static void watch_history(struct archiver *a)
{
    a->waiter = waiter_new(a->kv, BLOCK_MS);
    a->hot = calloc((size_t)a->conf->partitions, sizeof(*a->hot));
    if (a->hot == NULL)
        abort();
    for (int p = 0; p < a->conf->partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        (void)waiter_add(a->waiter, key2(key, prefix, "history"));
        a->hot[p] = true;
    }
}

static bool is_anything_hot(const struct archiver *a)
{
    for (int p = 0; p < a->conf->partitions; p++) {
        if (a->hot[p])
            return true;
    }
    return false;
}

/* Sleeps until something is appended to some partition's history, unless there is something to do. */
static bool look_for_history(struct archiver *a, struct err *e)
{
    redisReply *r;
    if (!waiter_next(a->waiter, 1, is_anything_hot(a) ? 0 : BLOCK_MS, &r, e))
        return false;
    for (size_t i = 0; r != NULL && i < r->elements; i++) {
        int p = waiter_stream(a->waiter, r, i);
        if (p >= 0)
            a->hot[p] = true;
    }
    kv_cleanup_reply(&r);
    return true;
}

/* One batch of each partition that may have something. Returns the number of entries; -1 when one failed, the first. */
static long archive_all(struct archiver *a, struct err *e)
{
    long total = 0;
    bool ok = true;
    for (a->partition = 0; a->partition < a->conf->partitions; a->partition++) {
        struct err later;
        if (!a->hot[a->partition])
            continue;
        key_prefix(a->partition, a->prefix);
        long n = archive_batch(a, ok ? e : &later);
        ok = ok && n >= 0;
        a->hot[a->partition] = n < 0 || n == a->conf->archive_batch;
        total += n > 0 ? n : 0;
    }
    return ok ? total : -1;
}

/* At the stop: until nothing is left, for a bounded time. */
static void archive_rest(struct archiver *a)
{
    struct err e;
    for (int p = 0; p < a->conf->partitions; p++)
        a->hot[p] = true;
    for (int i = 0; i < LAST_BATCHES && archive_all(a, &e) > 0; i++) {
    }
}

static void *archive_loop(void *arg)
{
    struct archiver *a = arg;
    bool warned = false;
    while (!atomic_load(a->stopping)) {
        struct err e, later;
        bool looked = look_for_history(a, &e);
        if (archive_all(a, looked ? &e : &later) >= 0 && looked) {
            warned = false;
            continue;
        }
        frozen_writers_end(a->db, &e);
        if (!warned)
            log_warn("history waits in redis until it can be archived", "error", e.msg, LOG_END);
        warned = true;
        sleep_ms(RETRY_MS);
    }
    archive_rest(a);
    return NULL;
}

struct archiver *archiver_start(const struct conf *c, const struct epochs *epochs,
                                const atomic_bool *stopping, struct err *e)
{
    struct archiver *a = calloc(1, sizeof(*a));
    if (a == NULL)
        abort();
    a->conf = c;
    a->epochs = epochs;
    a->stopping = stopping;
    buf_init(&a->runs, COPY_MAX_BYTES);
    buf_init(&a->steps, COPY_MAX_BYTES);
    a->kv = kv_new(c->redis_url, e);
    if (a->kv == NULL) {
        free(a);
        return NULL;
    }
    a->db = db_new(c->database_url, "chronos-archive");
    watch_history(a);
    if (pthread_create(&a->thread, NULL, archive_loop, a) != 0)
        abort(); /* at start */
    return a;
}

void archiver_stop(struct archiver *a)
{
    (void)pthread_join(a->thread, NULL);
    buf_release(&a->runs);
    buf_release(&a->steps);
    db_free(a->db);
    waiter_free(a->waiter);
    kv_free(a->kv);
    free(a->hot);
    free(a);
}
