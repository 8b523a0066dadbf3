#include "history_entry.h"

#include <stdlib.h>
#include <string.h>

#include "awaited.h"
#include "history_row.h"
#include "id.h"
#include "js.h"
#include "log.h"
#include "metrics.h"
#include "waiter.h"

enum { COPY_MAX_BYTES = 512u << 20 };

void history_rows_init(struct history_rows *h)
{
    buf_init(&h->runs, COPY_MAX_BYTES);
    buf_init(&h->steps, COPY_MAX_BYTES);
}

void history_rows_release(struct history_rows *h)
{
    buf_release(&h->runs);
    buf_release(&h->steps);
}

void history_rows_clear(struct history_rows *h)
{
    buf_clear(&h->runs);
    buf_clear(&h->steps);
}

static const char *text_of(const redisReply *flat, const char *name)
{
    const redisReply *v = kv_field(flat, name);
    return v != NULL && v->type == REDIS_REPLY_STRING ? v->str : "";
}

static bool is_kind(const redisReply *entry, const char *kind)
{
    return strcmp(text_of(entry->element[1], "kind"), kind) == 0;
}

const char *history_entry_ended(const redisReply *entry)
{
    bool ends = is_kind(entry, "lines") || is_kind(entry, "cancelled") ||
                is_kind(entry, "finish"); /* of a worker before there were lines */
    const char *runs = text_of(entry->element[1], "run");
    return ends && *runs != '\0' ? runs : NULL;
}

static void tell_unreadable(const redisReply *entry)
{
    log_error("a history line cannot be read and is left out", "entry", entry->element[0]->str,
              LOG_END);
}

static bool too_many(struct err *e)
{
    return err_set(e, ERR_BUG, "the history has more than %u MB at once", COPY_MAX_BYTES >> 20);
}

static bool add_lines(struct history_rows *h, const redisReply *entry, struct err *e)
{
    const redisReply *body = kv_field(entry->element[1], "body");
    const char *p = body != NULL ? body->str : "", *end = p + (body != NULL ? body->len : 0);
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = nl != NULL ? (size_t)(nl - p) + 1 : (size_t)(end - p);
        struct buf *to = p[0] == 'r' ? &h->runs : p[0] == 's' ? &h->steps : NULL;
        if (len < 3 || p[1] != '\t' || to == NULL || nl == NULL)
            tell_unreadable(entry);
        else if (!buf_add(to, p + 2, len - 2))
            return too_many(e);
        p += len;
    }
    return true;
}

static bool add_waited(struct history_rows *h, const redisReply *entry, struct err *e)
{
    const redisReply *fields = entry->element[1];
    struct awaited a = {
        .run = text_of(fields, "run"),
        .step = text_of(fields, "body"),
        .result = "null",
        .at_ms = strtoll(text_of(fields, "at"), NULL, 10),
    };
    char root[ID_SIZE];
    run_root(a.run, root);
    if (id_ms(root) < 0) {
        tell_unreadable(entry);
        return true;
    }
    return awaited_copy(&h->steps, &a) || too_many(e);
}

/* ---- runs that were cancelled ---- */

/* The event that the run began with: of several the first. NULL when it cannot be read. */
static json_t *first_event(const redisReply *input)
{
    struct err e;
    json_t *j = input->type == REDIS_REPLY_STRING ? js_parse(input->str, input->len, &e) : NULL;
    if (!json_is_array(j))
        return j;
    json_t *first = json_incref(json_array_get(j, 0));
    json_decref(j);
    return first;
}

/* Has a worker had it? Its start is known only when it has stored something since. */
static bool has_begun(const redisReply *hash)
{
    return kv_field(hash, "st") != NULL || kv_field(hash, "last") != NULL;
}

static bool add_cancelled(struct history_rows *h, const redisReply *entry, const redisReply *hash,
                          const redisReply *input, struct err *e)
{
    const redisReply *fields = entry->element[1];
    const char *run = text_of(fields, "run");
    if (hash->type != REDIS_REPLY_ARRAY || hash->elements == 0) {
        log_error("a cancelled run has no row, since it is not in redis any more", "run", run,
                  LOG_END);
        return true;
    }
    auto_json *event = first_event(input);
    int64_t started_ms = strtoll(text_of(hash, "st"), NULL, 10);
    long fails = strtol(text_of(hash, "fails"), NULL, 10);
    struct run_row row = {
        .run = run,
        .accepted_ms = id_ms(run),
        .function = text_of(hash, "fn"),
        .event = js_str(event, "id"),
        .event_name = js_str(event, "name"),
        .key = text_of(hash, "key"),
        .status = "cancelled",
        .attempts = has_begun(hash) ? (int)fails + 1 : 0,
        .deaths = (int)strtol(text_of(hash, "deaths"), NULL, 10),
        .queued_ms = strtoll(text_of(hash, "at"), NULL, 10),
        .started_ms = started_ms > 0 ? started_ms : -1,
        .finished_ms = strtoll(text_of(fields, "at"), NULL, 10),
        .error_code = "cancelled",
        .error_message = text_of(fields, "body"),
        .cost_usd = strtod(text_of(hash, "cost"), NULL),
    };
    if (!run_row_copy(&h->runs, &row))
        return too_many(e);
    metric_add(METRIC_RUNS_FINISHED, 1, row.function, "cancelled");
    return true;
}

static bool push_questions(struct kv *kv, const char *prefix, const redisReply *entries,
                           struct err *e)
{
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        const char *run = text_of(entry->element[1], "run");
        if (is_kind(entry, "cancelled") && (!kv_pushf(kv, e, "HGETALL %s:run:%s", prefix, run) ||
                                            !kv_pushf(kv, e, "GET %s:input:%s", prefix, run)))
            return false;
    }
    return true;
}

static bool pull_cancelled(struct history_rows *h, struct kv *kv, const redisReply *entry,
                           struct err *e)
{
    /* Both are taken, also after a refusal: one left behind would be taken for the answer to the next question. */
    struct err later;
    auto_reply *hash = kv_pull(kv, e);
    auto_reply *input = kv_pull(kv, hash != NULL ? e : &later);
    return hash != NULL && input != NULL && add_cancelled(h, entry, hash, input, e);
}

static void tell_lost(const redisReply *entry)
{
    log_warn("a run lost its worker and was handed on", "run", text_of(entry->element[1], "run"),
             "worker", text_of(entry->element[1], "body"), LOG_END);
}

bool history_rows_add(struct history_rows *h, struct kv *kv, const char *prefix,
                      const redisReply *entries, struct err *e)
{
    if (!push_questions(kv, prefix, entries, e))
        return false;
    bool ok = true;
    for (size_t i = 0; i < entries->elements; i++) {
        const redisReply *entry = entries->element[i];
        struct err later;
        if (is_kind(entry, "cancelled"))
            ok = pull_cancelled(h, kv, entry, ok ? e : &later) && ok;
        else if (is_kind(entry, "waited"))
            ok = add_waited(h, entry, ok ? e : &later) && ok;
        else if (is_kind(entry, "lost"))
            tell_lost(entry);
        else
            ok = add_lines(h, entry, ok ? e : &later) && ok;
    }
    return ok;
}
