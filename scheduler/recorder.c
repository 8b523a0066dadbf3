#include "recorder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy_lines.h"
#include "db.h"
#include "frozen.h"
#include "key.h"
#include "kv.h"
#include "log.h"

enum {
    QUEUE_MAX = 64,               /* records */
    QUEUE_MAX_BYTES = 256u << 20, /* of what they were made from */
    TOGETHER = 16,                /* records in one transaction */
    REJECTED_KEPT = 100000,
    LAST_RECORDS_MS = 5000,
};

struct recorder {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the queue */
    pthread_cond_t work, room;
    struct record *first, **last;
    size_t waiting, waiting_bytes;
    uint64_t taken, written; /* records */
    bool stopping;
    int64_t stop_by_ms;

    const atomic_bool *daemon_stopping;
    struct kv *kv;
    struct db *db;
};

static bool past_the_end(struct recorder *rec)
{
    (void)pthread_mutex_lock(&rec->lock);
    bool past = rec->stopping && mono_ms() >= rec->stop_by_ms;
    (void)pthread_mutex_unlock(&rec->lock);
    return past;
}

static bool write_lines(struct db *db, const char *query, const struct buf *lines, struct err *e)
{
    return lines->len == 0 || db_copy(db, query, lines->data, lines->len, e);
}

static bool write_together(struct db *db, struct record *list, struct err *e)
{
    if (!db_begin(db, e))
        return false;
    for (struct record *r = list; r != NULL; r = r->next) {
        if (!write_lines(db, "copy_events", &r->accepted, e) ||
            !write_lines(db, "copy_runs", &r->runs, e) ||
            !write_lines(db, "copy_rejected_events", &r->refused, e)) {
            db_rollback(db);
            return false;
        }
    }
    if (db_commit(db, e))
        return true;
    db_rollback(db);
    return false;
}

/* An entry that is delivered again after a crash is in Postgres already: then line by line. */
static bool write_singly(struct db *db, struct record *list, struct err *e)
{
    for (struct record *r = list; r != NULL; r = r->next) {
        if (!copy_lines(db, "copy_events", r->accepted.data, r->accepted.len, e) ||
            !copy_lines(db, "copy_runs", r->runs.data, r->runs.len, e) ||
            !copy_lines(db, "copy_rejected_events", r->refused.data, r->refused.len, e))
            return false;
    }
    return true;
}

static void add_rejected(struct kv_args *a, const struct record *r, size_t i)
{
    const redisReply *entry = r->refused_entries[i], *fields = entry->element[1];
    kv_adds(a, "XADD");
    kv_adds(a, KEY_REJECTED);
    kv_adds(a, "MAXLEN");
    kv_adds(a, "~");
    kv_addi(a, REJECTED_KEPT);
    kv_adds(a, "*");
    kv_adds(a, "rejected_reason");
    kv_adds(a, r->reasons[i]);
    kv_adds(a, "rejected_entry");
    kv_add(a, entry->element[0]->str, entry->element[0]->len);
    for (size_t f = 0; fields->type == REDIS_REPLY_ARRAY && f < fields->elements; f++)
        kv_add(a, fields->element[f]->str, fields->element[f]->len);
}

/* All entries of the record that are of one stream. */
static bool leave_stream(struct recorder *rec, const struct record *r, const char *stream,
                         struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, GROUP_SCHEDULER);
    for (size_t i = 0; i < r->entry_count; i++) {
        if (strcmp(r->streams[i], stream) == 0)
            kv_adds(&a, r->entry_ids[i]);
    }
    auto_reply *reply = kv_script(rec->kv, "leave_stream", stream, &a, e);
    kv_args_release(&a);
    return reply != NULL;
}

/* The bytes of what was refused are kept elsewhere before their entries leave. Each once, unless a reply is lost. */
static bool keep_refused(struct recorder *rec, struct record *r, struct err *e)
{
    for (; r->refused_kept < r->refused_count; r->refused_kept++) {
        struct kv_args a;
        kv_args_init(&a);
        add_rejected(&a, r, r->refused_kept);
        auto_reply *reply = kv_call(rec->kv, &a, 0, e);
        kv_args_release(&a);
        if (reply == NULL)
            return false;
    }
    return true;
}

static bool leave_streams(struct recorder *rec, struct record *r, struct err *e)
{
    if (!keep_refused(rec, r, e))
        return false;
    /* entries are grouped by stream */
    for (size_t i = 0; i < r->entry_count; i++) {
        bool first = i == 0 || strcmp(r->streams[i], r->streams[i - 1]) != 0;
        if (first && !leave_stream(rec, r, r->streams[i], e))
            return false;
    }
    return true;
}

static bool write_records(struct recorder *rec, struct record *list)
{
    bool warned = false;
    struct err e;
    for (;;) {
        bool ok = write_together(rec->db, list, &e);
        if (!ok && e.code == ERR_INPUT)
            ok = write_singly(rec->db, list, &e);
        if (ok)
            return true;
        frozen_writers_end(rec->db, &e);
        if (!warned)
            log_warn("events wait in redis until postgres takes them", "error", e.msg, LOG_END);
        warned = true;
        if (past_the_end(rec))
            return false;
        sleep_ms(200);
    }
}

static void record_list(struct recorder *rec, struct record *list)
{
    /* What is not recorded stays pending in the stream and is taken up by the next scheduler. */
    bool recorded = write_records(rec, list);
    while (list != NULL) {
        struct record *r = list;
        struct err e;
        list = r->next;
        while (recorded && !leave_streams(rec, r, &e)) {
            if (past_the_end(rec))
                break;
            log_warn("recorded events could not leave the stream yet", "error", e.msg, LOG_END);
            sleep_ms(200);
        }
        record_free(r);
        (void)pthread_mutex_lock(&rec->lock);
        rec->written++;
        (void)pthread_mutex_unlock(&rec->lock);
    }
}

static struct record *take_list(struct recorder *rec)
{
    (void)pthread_mutex_lock(&rec->lock);
    while (rec->first == NULL && !rec->stopping)
        (void)pthread_cond_wait(&rec->work, &rec->lock);
    struct record *list = rec->first, **at = &list;
    for (size_t n = 0; *at != NULL && n < TOGETHER; n++) {
        rec->waiting--;
        rec->waiting_bytes -= (*at)->bytes;
        at = &(*at)->next;
    }
    rec->first = *at;
    *at = NULL;
    if (rec->first == NULL)
        rec->last = &rec->first;
    (void)pthread_cond_broadcast(&rec->room);
    (void)pthread_mutex_unlock(&rec->lock);
    return list;
}

static void *record_loop(void *arg)
{
    struct recorder *rec = arg;
    struct record *list;
    while ((list = take_list(rec)) != NULL)
        record_list(rec, list);
    return NULL;
}

struct recorder *recorder_start(const struct conf *c, const atomic_bool *stopping, struct err *e)
{
    struct recorder *rec = calloc(1, sizeof(*rec));
    if (rec == NULL)
        abort();
    rec->kv = kv_new(c->redis_url, e);
    if (rec->kv == NULL) {
        free(rec);
        return NULL;
    }
    rec->db = db_new(c->database_url, "chronos-record");
    rec->daemon_stopping = stopping;
    rec->last = &rec->first;
    (void)pthread_mutex_init(&rec->lock, NULL);
    (void)pthread_cond_init(&rec->work, NULL);
    mono_cond_init(&rec->room);
    if (pthread_create(&rec->thread, NULL, record_loop, rec) != 0)
        abort(); /* at start */
    return rec;
}

void recorder_submit(struct recorder *rec, struct record *r)
{
    (void)pthread_mutex_lock(&rec->lock);
    while ((rec->waiting >= QUEUE_MAX || rec->waiting_bytes >= QUEUE_MAX_BYTES) &&
           !atomic_load(rec->daemon_stopping)) {
        struct timespec until = mono_after(1000); /* looks at the stop flag now and then */
        (void)pthread_cond_timedwait(&rec->room, &rec->lock, &until);
    }
    r->next = NULL;
    *rec->last = r;
    rec->last = &r->next;
    rec->waiting++;
    rec->taken++;
    rec->waiting_bytes += r->bytes;
    (void)pthread_cond_signal(&rec->work);
    (void)pthread_mutex_unlock(&rec->lock);
}

uint64_t recorder_taken(struct recorder *rec)
{
    (void)pthread_mutex_lock(&rec->lock);
    uint64_t taken = rec->taken;
    (void)pthread_mutex_unlock(&rec->lock);
    return taken;
}

bool recorder_has_written(struct recorder *rec, uint64_t count)
{
    (void)pthread_mutex_lock(&rec->lock);
    bool written = rec->written >= count;
    (void)pthread_mutex_unlock(&rec->lock);
    return written;
}

void recorder_stop(struct recorder *rec)
{
    (void)pthread_mutex_lock(&rec->lock);
    rec->stopping = true;
    rec->stop_by_ms = mono_ms() + LAST_RECORDS_MS;
    (void)pthread_cond_broadcast(&rec->work);
    (void)pthread_mutex_unlock(&rec->lock);
    (void)pthread_join(rec->thread, NULL);
    db_free(rec->db);
    kv_free(rec->kv);
    (void)pthread_mutex_destroy(&rec->lock);
    (void)pthread_cond_destroy(&rec->work);
    (void)pthread_cond_destroy(&rec->room);
    free(rec);
}
