#include "commands.h"

#include <string.h>

#include "cancel.h"
#include "clock.h"
#include "log.h"
#include "retire.h"
#include "watcher.h"

enum { RESULT_SIZE = 640, SAY_SOMETHING_MS = 5000 };

/* ---- what is carried out ---- */

/* A run that no partition knows has left Redis, or was never there. */
static bool tell_unknown(struct watcher *w, const char *run, char result[RESULT_SIZE],
                         struct err *e)
{
    auto_result *r = DB_QUERY(w->db, e, "run_status", run);
    if (r == NULL)
        return false;
    if (PQntuples(r) == 0)
        (void)snprintf(result, RESULT_SIZE, "not live");
    else
        (void)snprintf(result, RESULT_SIZE, "had ended (%s)", db_text(r, 0, "status"));
    return true;
}

static bool cancel_one(struct watcher *w, const PGresult *command, char result[RESULT_SIZE],
                       struct err *e)
{
    static const char *const told[] = {[CANCEL_DONE] = "cancelled",
                                       [CANCEL_BEGUN] = "being cancelled",
                                       [CANCEL_ENDED] = "had ended"};
    const char *run = db_text(command, 0, "run_id");
    enum cancel_code code;
    if (!cancel_run(w->kv, (int)w->conf->partitions, run, db_text(command, 0, "reason"), &code, e))
        return false;
    if ((size_t)code >= ARRAY_LEN(told))
        return tell_unknown(w, run, result, e);
    (void)snprintf(result, RESULT_SIZE, "%s", told[code]);
    return true;
}

struct patience {
    struct watcher *w;
    int64_t said_ms;
};

/* The transaction holds the lock of the commands, and would lose it if it said nothing for long. */
static bool say_something(void *ctx, struct err *e)
{
    struct patience *p = ctx;
    if (atomic_load(p->w->stopping))
        return err_set(e, ERR_STOPPING, "stopped in the middle of a command");
    if (mono_ms() - p->said_ms < SAY_SOMETHING_MS)
        return true;
    p->said_ms = mono_ms();
    return db_ping(p->w->db, e);
}

static bool cancel_many(struct watcher *w, const PGresult *command, char result[RESULT_SIZE],
                        struct err *e)
{
    struct cancel_filter filter = {
        .function = db_text(command, 0, "function_id"),
        .owner = db_text(command, 0, "owner"),
        .since_ms = db_int(command, 0, "since_ms", -1),
        .until_ms = db_int(command, 0, "until_ms", -1),
        .condition = db_text(command, 0, "condition"),
    };
    struct patience patience = {.w = w, .said_ms = mono_ms()};
    struct cancel_count count;
    if (cancel_where(w->kv, &filter, db_text(command, 0, "reason"), say_something, &patience,
                     &count, e))
        (void)snprintf(result, RESULT_SIZE, "%ld cancelled, %ld being cancelled", count.done,
                       count.begun);
    else if (e->code == ERR_INPUT)
        (void)snprintf(result, RESULT_SIZE, "refused: condition: %s", e->msg);
    else
        return false;
    return true;
}

static bool retire(struct watcher *w, const PGresult *command, char result[RESULT_SIZE],
                   struct err *e)
{
    struct patience patience = {.w = w, .said_ms = mono_ms()};
    return retire_function(w->conf, w->kv, w->db, db_text(command, 0, "function_id"),
                           db_text(command, 0, "reason"), say_something, &patience, result,
                           RESULT_SIZE, e);
}

static const struct {
    const char *kind;
    bool (*run)(struct watcher *w, const PGresult *command, char result[RESULT_SIZE],
                struct err *e);
} kinds[] = {{"cancel", cancel_one}, {"cancel_where", cancel_many}, {"retire", retire}};

/* A newer schema may know more of them. */
static bool run_kind(struct watcher *w, const PGresult *command, const char *kind,
                     char result[RESULT_SIZE], struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].run(w, command, result, e);
    }
    (void)snprintf(result, RESULT_SIZE, "refused: this scheduler does not know how to %s", kind);
    return true;
}

static bool carry_out(struct watcher *w, const PGresult *command, struct err *e)
{
    char result[RESULT_SIZE];
    const char *id = db_text(command, 0, "id"), *kind = db_text(command, 0, "kind");
    const char *run = db_text(command, 0, "run_id");
    if (!run_kind(w, command, kind, result, e) ||
        !DB_EXEC(w->db, e, "finish_command", id, result) || !db_commit(w->db, e))
        return false;
    log_info("command carried out", "command", id, "kind", kind, "run", run != NULL ? run : "",
             "result", result, LOG_END);
    return true;
}

/* ---- the work ---- */

/* *ret_any: there was one; there may be more. */
static bool next(struct watcher *w, bool *ret_any, struct err *e)
{
    *ret_any = false;
    if (!db_begin(w->db, e) || !DB_EXEC(w->db, e, "bound_command"))
        return false;
    auto_result *lock = DB_QUERY(w->db, e, "lock_commands");
    if (lock == NULL)
        return false;
    if (db_is_true(lock, 0, "locked")) {
        auto_result *command = DB_QUERY(w->db, e, "next_command");
        if (command == NULL)
            return false;
        if (PQntuples(command) > 0) {
            *ret_any = true;
            return carry_out(w, command, e);
        }
    }
    db_rollback(w->db);
    return true;
}

static bool work(struct watcher *w, int64_t *ret_wait_ms, struct err *e)
{
    bool any = true;
    (void)ret_wait_ms;
    while (any && !atomic_load(w->stopping)) {
        if (!next(w, &any, e))
            return false;
    }
    return true;
}

static const struct watcher_def def = {
    .application = "chronos-commands",
    .listen = "listen_commands",
    .failure = "commands cannot be carried out yet",
    .work = work,
};

struct watcher_thread *commands_start(const struct conf *c, const atomic_bool *stopping,
                                      struct err *e)
{
    return watcher_start(&def, c, stopping, NULL, e);
}

void commands_stop(struct watcher_thread *t)
{
    watcher_stop(t);
}
