#include "untold.h"

#include <stdlib.h>
#include <string.h>

#include "js.h"
#include "key.h"
#include "live.h"
#include "log.h"

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

/* An event that is neither in Postgres nor in Redis may have left the mark that it was seen. */
static bool forget_seen(struct kv *kv, const char *name, const char *run, struct err *e)
{
    char id[ID_SIZE];
    if (!event_id_of_end(name, run, id))
        return true;
    auto_reply *r = kv_cmd(kv, e, "DEL chronos:came:%s", id);
    return r != NULL;
}

static bool send(struct kv *kv, struct ended *x, struct err *e)
{
    const char *name = strcmp(x->status, "failed") == 0 ? EVENT_FAILED : EVENT_CANCELLED;
    char prefix[PREFIX_SIZE];
    auto_json *data = data_of(x);
    if (data == NULL) {
        log_error("what a run began with cannot be read back; its handlers are not told of its end",
                  "run", x->run.run, LOG_END);
        return true;
    }
    auto_free char *text = js_dump(data, NULL);
    key_prefix(live_start(&x->run)->partition, prefix);
    if (!forget_seen(kv, name, x->run.run, e))
        return false;
    auto_reply *r =
        kv_cmd(kv, e, "XADD %s:events * name %s data %b", prefix, name, text, strlen(text));
    if (r != NULL)
        log_warn("the event of a run's end was lost and is sent again", "run", x->run.run, "fn",
                 x->function, "status", x->status, LOG_END);
    return r != NULL;
}

static bool send_present(struct kv *kv, struct ended *x, long long *ret_sent, struct err *e)
{
    bool ok = true;
    if (x->run.count > 0) {
        ok = send(kv, x, e);
        *ret_sent += ok;
    }
    ended_release(x);
    return ok;
}

static void take_row(struct ended *x, const PGresult *rows, int row, const struct functions *f,
                     int partitions)
{
    const char *function = db_text(rows, row, "function_id");
    const struct manifest *m = functions_find(f, function);
    struct err bad;
    if (m == NULL || !live_add(&x->run, rows, row, m, partitions, &bad)) {
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
static bool send_rows(const struct conf *c, struct kv *kv, const PGresult *rows,
                      const struct functions *f, struct ended *x, long long *ret_sent,
                      struct err *e)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        if (x->run.count > 0 && strcmp(x->run.run, db_text(rows, i, "run_id")) != 0 &&
            !send_present(kv, x, ret_sent, e))
            return false;
        take_row(x, rows, i, f, (int)c->partitions);
    }
    return true;
}

bool untold_send(const struct conf *c, struct kv *kv, struct db *db, const struct functions *f,
                 const char *since, long long *ret_sent, struct err *e)
{
    struct ended present = {0};
    bool ok = DB_EXEC(db, e, "set_live_since", since) && DB_EXEC(db, e, "open_untold_ends");
    for (bool more = ok; ok && more;) {
        auto_result *rows = DB_QUERY(db, e, "fetch_untold_ends");
        more = rows != NULL && PQntuples(rows) > 0;
        ok = rows != NULL && send_rows(c, kv, rows, f, &present, ret_sent, e);
    }
    ok = ok && send_present(kv, &present, ret_sent, e);
    ended_release(&present);
    return ok;
}
