#include "untold.h"

#include <stdlib.h>
#include <string.h>

#include "end_event.h"
#include "event.h"
#include "js.h"
#include "key.h"
#include "live.h"
#include "log.h"
#include "seen.h"

enum { ENTRIES_AT_ONCE = 100, PAGES_TILL_SIGN = 100, ID_TEXT = 48 };

struct ended {
    char id[ID_SIZE]; /* "" = there is none */
    struct live run;  /* with the events that it began with */
    bool unreadable;  /* not with all of them; why */
    struct err why;
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
static json_t *data_of(struct ended *x, struct err *e)
{
    char function_id[sizeof(x->function) + 16];
    size_t len;
    (void)snprintf(function_id, sizeof(function_id), "chronos-%s", x->function);
    auto_free char *text = live_input(&x->run, &len);
    auto_json *input = js_parse(text, len, e);
    json_t *data = js_pack("{s:s, s:s}", "function_id", function_id, "run_id", x->id);
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

/* A stream may be long. The rebuild's transaction counts as given up when Postgres hears nothing of it meanwhile. */
static bool give_sign(struct untold *u, int pages, struct err *e)
{
    return pages % PAGES_TILL_SIGN != 0 || DB_EXEC(u->db, e, "ping");
}

static bool read_stream(struct untold *u, const char *stream, struct err *e)
{
    char after[ID_TEXT] = "-";
    for (int pages = 1; give_sign(u, pages, e); pages++) {
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
    return false;
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

/* Its handler may have begun, and even ended. The mark that the event was seen may have outlived it. */
static bool send(struct untold *u, const char *name, const char *id, struct err *e)
{
    struct ended *x = &u->present;
    char prefix[PREFIX_SIZE];
    auto_json *data = x->unreadable ? NULL : data_of(x, &x->why);
    if (data == NULL) {
        log_error("what a run began with cannot be read back; its handlers are not told of its end",
                  "run", x->id, "fn", x->function, "error", x->why.msg, LOG_END);
        return true;
    }
    auto_free char *text = end_event_text(data);
    key_prefix(live_start(&x->run)->partition, prefix);
    if (!seen_forget(u->kv, id, e))
        return false;
    auto_reply *r = kv_cmd(u->kv, e, "XADD %s:events * name %s data %b again 1", prefix, name, text,
                           strlen(text));
    if (r != NULL)
        log_warn("the event of a run's end was lost and is sent again", "run", x->id, "fn",
                 x->function, "status", x->status, LOG_END);
    return r != NULL;
}

static bool send_present(struct untold *u, struct err *e)
{
    struct ended *x = &u->present;
    const char *name = strcmp(x->status, "failed") == 0 ? EVENT_FAILED : EVENT_CANCELLED;
    char id[ID_SIZE];
    bool ok = true, lost = false;
    if (x->id[0] != '\0' && event_id_of_end(name, x->id, id))
        ok = is_lost(u, id, &lost, e) && (!lost || send(u, name, id, e));
    ended_release(x);
    return ok;
}

static void begin(struct ended *x, const PGresult *rows, int row)
{
    (void)snprintf(x->id, sizeof(x->id), "%s", db_text(rows, row, "run_id"));
    (void)snprintf(x->function, sizeof(x->function), "%s", db_text(rows, row, "function_id"));
    (void)snprintf(x->status, sizeof(x->status), "%s", db_text(rows, row, "status"));
    x->error_code = copy_of(db_text(rows, row, "error_code"));
    x->error_message = copy_of(db_text(rows, row, "error_message"));
}

/* Without one of its events another would be taken for what the run began with. */
static void add_event(struct untold *u, const PGresult *rows, int row)
{
    struct ended *x = &u->present;
    const struct manifest *m = functions_find(u->functions, x->function);
    if (x->unreadable)
        return;
    x->unreadable = m == NULL ? !err_set(&x->why, ERR_INPUT, "its function is not known any more")
                              : !live_add(&x->run, rows, row, m, (int)u->conf->partitions, &x->why);
}

/* The rows of a run come one after the other. */
static bool send_rows(struct untold *u, const PGresult *rows, struct err *e)
{
    struct ended *x = &u->present;
    for (int i = 0; i < PQntuples(rows); i++) {
        bool is_other = strcmp(x->id, db_text(rows, i, "run_id")) != 0;
        if (is_other && !send_present(u, e))
            return false;
        if (is_other)
            begin(x, rows, i);
        add_event(u, rows, i);
    }
    return true;
}

bool untold_send(const struct conf *c, struct kv *kv, struct db *db, const struct functions *f,
                 struct err *e)
{
    struct untold u = {.conf = c, .kv = kv, .db = db, .functions = f};
    bool ok = DB_EXEC(db, e, "open_untold_ends");
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
