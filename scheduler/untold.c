#include "untold.h"

#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "js.h"
#include "key.h"
#include "live.h"
#include "log.h"

enum { ENTRIES_AT_ONCE = 100, ID_TEXT = 48 };

struct ended {
    struct live run; /* with the events that it began with; empty: there is none */
    char function[128], status[16];
    char *error_code, *error_message;
};

static char *copy_of(const char *text)
{
    char *copy = strdup(text != NULL ? text : "");
    if (copy == NULL)
        abort();
    return copy;
}

static void ended_release(struct ended *x)
{
    live_release(&x->run);
    free(x->error_code);
    free(x->error_message);
    *x = (struct ended){0};
}

struct untold {
    const struct conf *conf;
    struct kv *kv;
    struct db *db;
    const struct functions *functions;
    struct ended present; /* the run whose rows are being read */
    json_t *coming; /* ids of events of runs' ends that are in the streams; NULL: not looked yet */
};

/* What handlers get from a worker (outcome.c) and from the scripts (cancel.lua). NULL: the input cannot be read back. */
static json_t *data_of(struct ended *x)
{
    char function_id[sizeof(x->function) + 16];
    size_t len;
    struct err e;
    (void)snprintf(function_id, sizeof(function_id), "chronos-%s", x->function);
    auto_free char *text = live_input(&x->run, &len);
    auto_json *input = js_parse(text, len, &e);
    json_t *data = js_pack("{s:s, s:s}", "function_id", function_id, "run_id", x->run.run);
    if (input == NULL || data == NULL) {
        json_decref(data);
        return NULL;
    }
    if (strcmp(x->status, "failed") == 0)
        (void)json_object_set_new(data, "error",
                                  js_pack("{s:s, s:s, s:s}", "name", x->error_code, "message",
                                          x->error_message, "stack", x->error_message));
    else
        (void)json_object_set_new(data, "reason", json_string(x->error_message));
    (void)json_object_set(data, "event", json_is_array(input) ? json_array_get(input, 0) : input);
    if (json_is_array(input))
        (void)json_object_set(data, "events", input);
    return data;
}

/* ---- events that are on their way ---- */

static void note_coming(struct untold *u, const redisReply *entry, const char *stream)
{
    struct event ev;
    struct err bad;
    const redisReply *name = kv_field(entry->element[1], "name");
    if (name == NULL ||
        (strcmp(name->str, EVENT_FAILED) != 0 && strcmp(name->str, EVENT_CANCELLED) != 0))
        return;
    if (event_read(&ev, entry, stream, true, "", u->conf->max_event_bytes, &bad) && ev.named)
        (void)json_object_set_new(u->coming, ev.id, json_true());
    event_release(&ev);
}

static bool read_stream(struct untold *u, const char *stream, struct err *e)
{
    char after[ID_TEXT] = "-";
    for (;;) {
        auto_reply *page =
            kv_cmd(u->kv, e, "XRANGE %s %s + COUNT %d", stream, after, ENTRIES_AT_ONCE);
        if (page == NULL)
            return false;
        if (page->elements == 0)
            return true;
        for (size_t i = 0; i < page->elements; i++)
            note_coming(u, page->element[i], stream);
        (void)snprintf(after, sizeof(after), "(%s",
                       page->element[page->elements - 1]->element[0]->str);
    }
}

/* Once: the rows tell of one moment, and the events of the ends that they tell of were sent before. */
static bool find_coming(struct untold *u, struct err *e)
{
    if (u->coming != NULL)
        return true;
    u->coming = json_object();
    for (int p = 0; p < (int)u->conf->partitions; p++) {
        char prefix[PREFIX_SIZE], key[KEY_SIZE];
        key_prefix(p, prefix);
        if (!read_stream(u, key2(key, prefix, "events"), e))
            return false;
    }
    return true;
}

/* An entry leaves its stream after it is recorded: so Postgres is asked after the stream was looked through. */
static bool is_lost(struct untold *u, const char *id, bool *ret_lost, struct err *e)
{
    char ids[ID_SIZE + 2];
    *ret_lost = false;
    if (!find_coming(u, e))
        return false;
    if (json_object_get(u->coming, id) != NULL)
        return true;
    (void)snprintf(ids, sizeof(ids), "{%s}", id);
    auto_result *found = DB_QUERY(u->db, e, "find_recorded_events", ids);
    *ret_lost = found != NULL && PQntuples(found) == 0;
    return found != NULL;
}

/* ---- sending ---- */

/* An event that is neither in Postgres nor in Redis may have left the mark that it was seen. */
static bool forget_seen(struct untold *u, const char *id, struct err *e)
{
    auto_reply *r = kv_cmd(u->kv, e, "DEL chronos:came:%s", id);
    return r != NULL;
}

/* Its handler may have begun, and even ended. */
static bool send(struct untold *u, const char *name, const char *id, struct err *e)
{
    struct ended *x = &u->present;
    char prefix[PREFIX_SIZE];
    auto_json *data = data_of(x);
    if (data == NULL) {
        log_error("what a run began with cannot be read back; its handlers are not told of its end",
                  "run", x->run.run, LOG_END);
        return true;
    }
    auto_free char *text = js_dump(data, NULL);
    key_prefix(live_start(&x->run)->partition, prefix);
    if (!forget_seen(u, id, e))
        return false;
    auto_reply *r = kv_cmd(u->kv, e, "XADD %s:events * name %s data %b again 1", prefix, name, text,
                           strlen(text));
    if (r != NULL)
        log_warn("the event of a run's end was lost and is sent again", "run", x->run.run, "fn",
                 x->function, "status", x->status, LOG_END);
    return r != NULL;
}

static bool send_present(struct untold *u, struct err *e)
{
    struct ended *x = &u->present;
    const char *name = strcmp(x->status, "failed") == 0 ? EVENT_FAILED : EVENT_CANCELLED;
    char id[ID_SIZE];
    bool ok = true, lost = false;
    if (x->run.count > 0 && event_id_of_end(name, x->run.run, id))
        ok = is_lost(u, id, &lost, e) && (!lost || send(u, name, id, e));
    ended_release(x);
    return ok;
}

static void take_row(struct untold *u, const PGresult *rows, int row)
{
    struct ended *x = &u->present;
    const char *function = db_text(rows, row, "function_id");
    const struct manifest *m = functions_find(u->functions, function);
    struct err bad;
    if (m == NULL || !live_add(&x->run, rows, row, m, (int)u->conf->partitions, &bad)) {
        log_error("what a run began with cannot be read back", "run", db_text(rows, row, "run_id"),
                  "fn", function, "error",
                  m == NULL ? "its function is not known any more" : bad.msg, LOG_END);
        return;
    }
    if (x->run.count > 1)
        return;
    (void)snprintf(x->function, sizeof(x->function), "%s", function);
    (void)snprintf(x->status, sizeof(x->status), "%s", db_text(rows, row, "status"));
    x->error_code = copy_of(db_text(rows, row, "error_code"));
    x->error_message = copy_of(db_text(rows, row, "error_message"));
}

/* The rows of a run come one after the other. */
static bool send_rows(struct untold *u, const PGresult *rows, struct err *e)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        if (u->present.run.count > 0 &&
            strcmp(u->present.run.run, db_text(rows, i, "run_id")) != 0 && !send_present(u, e))
            return false;
        take_row(u, rows, i);
    }
    return true;
}

bool untold_send(const struct conf *c, struct kv *kv, struct db *db, const struct functions *f,
                 const char *since, struct err *e)
{
    struct untold u = {.conf = c, .kv = kv, .db = db, .functions = f};
    bool ok = DB_EXEC(db, e, "set_live_since", since) && DB_EXEC(db, e, "open_untold_ends");
    for (bool more = ok; ok && more;) {
        auto_result *rows = DB_QUERY(db, e, "fetch_untold_ends");
        more = rows != NULL && PQntuples(rows) > 0;
        ok = rows != NULL && send_rows(&u, rows, e);
    }
    ok = ok && send_present(&u, e);
    ended_release(&u.present);
    json_decref(u.coming);
    return ok;
}
