#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "copy.h"
#include "history_row.h"
#include "log.h"

enum {
    ROW_BYTES =
        32
        << 10, /* of a row beside what its entry holds: ids, reason, the runs and their functions */
    EXCERPT_BYTES = 500,
};

size_t record_reply_bytes(const redisReply *r)
{
    size_t sum = r->type == REDIS_REPLY_STRING ? r->len : 0;
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        sum += record_reply_bytes(r->element[i]);
    return sum;
}

struct record *record_new(redisReply *source, size_t entries)
{
    struct record *r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->source = source;
    r->bytes = record_reply_bytes(source);
    size_t most = 2 * r->bytes + entries * ROW_BYTES; /* COPY writes no byte as more than two */
    buf_init(&r->accepted, most);
    buf_init(&r->runs, most);
    buf_init(&r->refused, most);
    r->refused_entries = calloc(entries + 1, sizeof(*r->refused_entries));
    r->reasons = calloc(entries + 1, sizeof(*r->reasons));
    r->entry_ids = calloc(entries + 1, sizeof(*r->entry_ids));
    r->streams = calloc(entries + 1, sizeof(*r->streams));
    if (r->refused_entries == NULL || r->reasons == NULL || r->entry_ids == NULL ||
        r->streams == NULL)
        abort();
    return r;
}

void record_free(struct record *r)
{
    if (r == NULL)
        return;
    buf_release(&r->accepted);
    buf_release(&r->runs);
    buf_release(&r->refused);
    free(r->refused_entries);
    free(r->reasons);
    free(r->entry_ids);
    free(r->streams);
    if (r->source != NULL)
        freeReplyObject(r->source);
    free(r);
}

/* From here on the entry leaves its stream when the record is written. */
static void note_entry(struct record *r, const struct event *ev)
{
    r->entry_ids[r->entry_count] = ev->entry_id;
    r->streams[r->entry_count++] = ev->stream;
}

void record_accept(struct record *r, const struct event *ev, const char *creator,
                   const char *outcome, const char *const *function_ids, const char *const *run_ids,
                   size_t runs)
{
    struct buf *b = &r->accepted;
    size_t before = b->len;
    bool ok = copy_text(b, ev->id) && copy_ms(b, ev->received_ms) && copy_text(b, ev->entry_id) &&
              copy_text(b, ev->name) && copy_bytes(b, ev->data_text, ev->data_len) &&
              copy_text(b, ev->user) && copy_text(b, ev->version) && copy_ms(b, ev->ts_ms) &&
              copy_text(b, ev->key) && copy_text(b, creator) && copy_text(b, outcome) &&
              copy_array(b, function_ids, runs) && copy_array(b, run_ids, runs) &&
              copy_text(b, ev->orders.retry_of) && copy_text(b, ev->orders.replay_of) &&
              copy_text(b, ev->orders.parent) &&
              copy_text(b, ev->traceparent[0] != '\0' ? ev->traceparent : NULL) && copy_end(b);
    if (!ok) {
        buf_truncate(b, before);
        log_error("event is too large for its record and stays in its stream", "event", ev->id,
                  LOG_END);
        return;
    }
    note_entry(r, ev);
}

void record_skip(struct record *r, const struct event *ev, const char *function, const char *run,
                 const char *owner, const char *reason)
{
    struct run_row row = {
        .run = run,
        .accepted_ms = ev->received_ms,
        .function = function,
        .event = ev->id,
        .event_name = ev->name,
        .key = owner,
        .status = "skipped",
        .queued_ms = ev->came_ms,
        .started_ms = -1,
        .finished_ms = wall_ms(),
        .error_code = "skipped",
        .error_message = reason,
    };
    size_t before = r->runs.len;
    if (run_row_copy(&r->runs, &row))
        return;
    buf_truncate(&r->runs, before);
    log_error("a skipped run is too large for its record and is left out", "run", run, LOG_END);
}

void record_leave(struct record *r, const struct event *ev)
{
    note_entry(r, ev);
}

/* What the entry holds, shortened, for people who look in Postgres; the bytes are in chronos:events:rejected. */
static void excerpt(const redisReply *fields, struct buf *out, size_t *ret_size)
{
    *ret_size = 0;
    for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i < fields->elements; i++) {
        const redisReply *v = fields->element[i];
        *ret_size += v->len;
        size_t room = EXCERPT_BYTES - (out->len < EXCERPT_BYTES ? out->len : EXCERPT_BYTES);
        if (room == 0)
            continue;
        if (!buf_add(out, v->str, v->len < room ? v->len : room) ||
            !buf_addc(out, i % 2 == 0 ? '=' : ' '))
            return; /* shortened anyway */
    }
}

void record_refuse(struct record *r, const struct event *ev, const char *reason)
{
    size_t size;
    auto_buf text = BUF_INIT(2 * EXCERPT_BYTES);
    excerpt(ev->entry->element[1], &text, &size);
    struct buf *b = &r->refused;
    size_t before = b->len;
    if (!(copy_text(b, ev->entry_id) && copy_ms(b, ev->received_ms) && copy_text(b, reason) &&
          copy_text(b, ev->name) && copy_bytes(b, text.data, text.len) &&
          copy_int(b, (int64_t)size) && copy_end(b))) {
        buf_truncate(b, before);
        log_error("rejection is too large for its record and stays in its stream", "entry",
                  ev->entry_id, LOG_END);
        return;
    }
    (void)snprintf(r->reasons[r->refused_count], sizeof(r->reasons[0]), "%s", reason);
    r->refused_entries[r->refused_count++] = ev->entry;
    log_warn("event rejected", "entry", ev->entry_id, "name", ev->name != NULL ? ev->name : "",
             "reason", reason, LOG_END);
    note_entry(r, ev);
}
