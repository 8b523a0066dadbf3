#include "archive.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy_lines.h"
#include "db.h"
#include "frozen.h"
#include "history_entry.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"
#include "reader.h"
#include "record.h"

enum {
    BLOCK_MS = 500,
    RETRY_MS = 200,
    TELL_AGAIN_MS = 60000,
    ID_TEXT = 48,
    UNLINK_AT_ONCE = 100,
    LAST_BATCHES = 100,    /* at the stop */
    PAGE = 16,             /* entries read at once: one may have some megabytes */
    MANY_BYTES = 16 << 20, /* of entries in one batch */
    FEW_BYTES = 1 << 20,
};

/* Entries of a partition, page by page as they were read. */
struct pages {
    redisReply **list;
    size_t count;
    long entries;
    size_t bytes;
    bool more; /* behind them, perhaps */
};

struct archiver {
    pthread_t thread;
    const struct conf *conf;
    const struct epochs *epochs;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
    struct reader *reader;
    bool *hot;     /* per partition: something may be there */
    int partition; /* present one */
    char prefix[PREFIX_SIZE];
    struct pages pages; /* present batch */
    struct history_rows rows;
    long
        most_entries; /* that are taken at once: fewer after a batch that Postgres did not take in time */
    size_t most_bytes;
};

/* ---- reading ---- */

static void release_pages(struct pages *p)
{
    for (size_t i = 0; i < p->count; i++)
        freeReplyObject(p->list[i]);
    *p = (struct pages){.list = p->list};
}

static const char *last_id(const redisReply *page)
{
    return page->element[page->elements - 1]->element[0]->str;
}

/* What stands behind the entry `after`, up to the page with which the batch is full. */
static bool read_pages(struct archiver *a, const char *after, struct err *e)
{
    struct pages *p = &a->pages;
    release_pages(p);
    p->more = true;
    while (p->more && p->entries < a->most_entries && p->bytes < a->most_bytes) {
        long count = a->most_entries - p->entries < PAGE ? a->most_entries - p->entries : PAGE;
        redisReply *r =
            kv_cmd(a->kv, e, "XRANGE %s:history (%s + COUNT %ld", a->prefix, after, count);
        if (r == NULL)
            return false;
        p->more = (long)r->elements == count;
        if (r->elements == 0) {
            freeReplyObject(r);
            return true;
        }
        p->list[p->count++] = r;
        p->entries += (long)r->elements;
        p->bytes += record_reply_bytes(r);
        after = last_id(r);
    }
    return true;
}

/* A batch that was not taken may have been too much for its time. */
static void adapt(struct archiver *a, bool taken)
{
    long entries = taken ? 2 * a->most_entries : a->pages.entries / 2;
    size_t bytes = taken ? 2 * a->most_bytes : a->pages.bytes / 2;
    a->most_entries = entries < 1                        ? 1
                      : entries > a->conf->archive_batch ? a->conf->archive_batch
                                                         : entries;
    a->most_bytes = bytes < FEW_BYTES ? FEW_BYTES : bytes > MANY_BYTES ? MANY_BYTES : bytes;
}

/* ---- the keys of runs that have ended ---- */

/* UNLINK for runs that have ended, some at a time. */
struct removal {
    struct archiver *a;
    struct kv_args args;
    char (*keys)[KEY_SIZE];
    size_t runs;
};

static bool send_removal(struct removal *m, struct err *e)
{
    if (m->runs == 0)
        return true;
    auto_reply *r = kv_call(m->a->kv, &m->args, 0, e);
    m->runs = 0;
    kv_args_clear(&m->args);
    return r != NULL;
}

static bool remove_run(struct removal *m, const char *id, struct err *e)
{
    static const char *const kinds[] = {"run", "input", "steps"};
    if (m->runs == UNLINK_AT_ONCE && !send_removal(m, e))
        return false;
    if (m->runs == 0)
        kv_adds(&m->args, "UNLINK");
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        kv_adds(&m->args, key3(m->keys[3 * m->runs + k], m->a->prefix, kinds[k], id));
    m->runs++;
    return true;
}

/* `ids` are separated by spaces. */
static bool remove_listed(struct removal *m, const char *ids, struct err *e)
{
    while (*ids != '\0') {
        size_t n = strcspn(ids, " ");
        char id[ID_TEXT];
        (void)snprintf(id, sizeof(id), "%.*s", (int)n, ids);
        if (n > 0 && !remove_run(m, id, e))
            return false;
        ids += ids[n] == ' ' ? n + 1 : n;
    }
    return true;
}

/* Removes the keys of the runs that the entries finish. */
static bool remove_runs(struct archiver *a, const redisReply *entries, struct err *e)
{
    struct removal m = {.a = a, .keys = calloc(3 * UNLINK_AT_ONCE, sizeof(*m.keys))};
    if (m.keys == NULL)
        abort();
    kv_args_init(&m.args);
    bool ok = true;
    for (size_t i = 0; ok && i < entries->elements; i++) {
        const char *ended = history_entry_ended(entries->element[i]);
        ok = ended == NULL || remove_listed(&m, ended, e);
    }
    ok = ok && send_removal(&m, e);
    free(m.keys);
    kv_args_release(&m.args);
    return ok;
}

/* Trims what Postgres has: everything up to and including `last`, whose runs are removed: trimming an entry whose run was not
 * removed would leave the run's keys behind for ever. Runs first: a crash between leaves the entries, and the next pass removes
 * the runs again, which is harmless. */
static bool trim(struct archiver *a, const char *last, struct err *e)
{
    /* MINID keeps the id it is given: that one is deleted by hand. */
    auto_reply *trimmed = kv_cmd(a->kv, e, "XTRIM %s:history MINID %s", a->prefix, last);
    if (trimmed == NULL)
        return false;
    auto_reply *deleted = kv_cmd(a->kv, e, "XDEL %s:history %s", a->prefix, last);
    return deleted != NULL;
}

static bool forget_pages(struct archiver *a, const char *last, struct err *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < a->pages.count; i++)
        ok = remove_runs(a, a->pages.list[i], e);
    return ok && trim(a, last, e);
}

/* Entries that are archived but were not trimmed: somebody crashed, or Redis was away, between Postgres' commit and
 * forgetting. They go before anything newer is trimmed. Mostly there are none, which costs one short question. */
static bool forget_leftovers(struct archiver *a, const char *cursor, struct err *e)
{
    for (;;) {
        auto_reply *r =
            kv_cmd(a->kv, e, "XRANGE %s:history - %s COUNT %d", a->prefix, cursor, PAGE);
        if (r == NULL)
            return false;
        if (r->elements == 0)
            return true;
        if (!remove_runs(a, r, e) || !trim(a, last_id(r), e))
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
    return (a->rows.runs.len == 0 ||
            db_copy(a->db, "copy_runs", a->rows.runs.data, a->rows.runs.len, e)) &&
           (a->rows.steps.len == 0 ||
            db_copy(a->db, "copy_run_steps", a->rows.steps.data, a->rows.steps.len, e));
}

/* Postgres refused the data of some row: find it line by line, outside the cursor's transaction. A row that is written
 * twice is refused by its key, so this may be repeated. */
static bool write_rows_singly(struct archiver *a, const char *last, struct err *e)
{
    return copy_lines(a->db, "copy_runs", a->rows.runs.data, a->rows.runs.len, e) &&
           copy_lines(a->db, "copy_run_steps", a->rows.steps.data, a->rows.steps.len, e) &&
           advance_cursor(a, last, e);
}

static bool make_rows(struct archiver *a, struct err *e)
{
    bool ok = true;
    history_rows_clear(&a->rows);
    for (size_t i = 0; ok && i < a->pages.count; i++)
        ok = history_rows_add(&a->rows, a->kv, a->prefix, a->pages.list[i], e);
    return ok;
}

/* Puts the pages into Postgres, in the transaction that is open, and ends it. */
static bool write_pages(struct archiver *a, const char *last, struct err *e)
{
    if (make_rows(a, e) && write_rows(a, e) && advance_cursor(a, last, e) && db_commit(a->db, e))
        return true;
    db_rollback(a->db);
    return e->code == ERR_INPUT && write_rows_singly(a, last, e);
}

/* Returns the number of entries archived, 0 when there is nothing (or another scheduler has it), -1 on failure. */
static long archive_batch(struct archiver *a, struct err *e)
{
    char cursor[ID_TEXT];
    if (!db_begin(a->db, e))
        return -1;
    bool ok = DB_EXEC(a->db, e, "bound_archive_batch") && lock_cursor(a, cursor, e) &&
              forget_leftovers(a, cursor, e) && read_pages(a, cursor, e);
    if (!ok || a->pages.count == 0) {
        db_rollback(a->db);
        return ok ? 0 : -1;
    }
    const char *last = last_id(a->pages.list[a->pages.count - 1]);
    ok = write_pages(a, last, e);
    adapt(a, ok);
    if (!ok)
        return -1;
    metric_add(METRIC_ARCHIVED, (double)a->pages.entries);
    return forget_pages(a, last, e) ? a->pages.entries : -1;
}

/* ---- the thread ---- */

/* What is archived is trimmed, so whatever is there is new. */
static void watch_history(struct archiver *a)
{
    a->reader = reader_new(a->kv, BLOCK_MS);
    a->hot = calloc((size_t)a->conf->partitions, sizeof(*a->hot));
    if (a->hot == NULL)
        abort();
    for (int p = 0; p < a->conf->partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        (void)reader_add(a->reader, key2(key, prefix, "history"));
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
    if (!reader_next(a->reader, 1, is_anything_hot(a) ? 0 : BLOCK_MS, &r, e))
        return false;
    for (size_t i = 0; r != NULL && i < r->elements; i++) {
        int p = reader_stream(a->reader, r, i);
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
        a->hot[a->partition] = n < 0 || (n > 0 && a->pages.more);
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
    enum err_code told = ERR_NONE;
    int64_t told_ms = 0;
    while (!atomic_load(a->stopping)) {
        struct err e, later;
        bool looked = look_for_history(a, &e);
        if (archive_all(a, looked ? &e : &later) >= 0 && looked) {
            told = ERR_NONE;
            continue;
        }
        frozen_writers_end(a->db, &e);
        if (told != e.code || mono_ms() - told_ms >= TELL_AGAIN_MS) {
            /* also when it waits for something else by now */
            log_warn("history waits in redis until it can be archived", "error", e.msg, LOG_END);
            told_ms = mono_ms();
        }
        told = e.code;
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
    history_rows_init(&a->rows);
    a->most_entries = c->archive_batch;
    a->most_bytes = MANY_BYTES;
    a->pages.list = calloc((size_t)c->archive_batch / PAGE + 2, sizeof(*a->pages.list));
    if (a->pages.list == NULL)
        abort();
    a->kv = kv_new(c->redis_url, e);
    if (a->kv == NULL) {
        free(a->pages.list);
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
    history_rows_release(&a->rows);
    release_pages(&a->pages);
    free(a->pages.list);
    db_free(a->db);
    reader_free(a->reader);
    kv_free(a->kv);
    free(a->hot);
    free(a);
}
