#include "db.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "db_conn.h"
#include "db_error.h"
#include "metrics.h"
#include "sql_table.h"

struct db *db_new(const char *url, const char *application_name)
{
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL)
        abort();
    db->url = strdup(url);
    db->application_name = strdup(application_name);
    db->prepared = calloc(sql_queries_count, sizeof(db->prepared[0]));
    db->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* small allocations and one descriptor at start: without them the process cannot work */
    if (db->url == NULL || db->application_name == NULL || db->prepared == NULL || db->wake_fd < 0)
        abort();
    return db;
}

void db_free(struct db *db)
{
    if (db == NULL)
        return;
    PQfinish(db->conn);
    (void)close(db->wake_fd);
    free(db->prepared);
    free(db->application_name);
    free(db->url);
    free(db);
}

void db_cancel(struct db *db)
{
    const uint64_t once = 1;
    /* the only failure is a counter that is full: then the owner is woken already */
    ssize_t ignored = write(db->wake_fd, &once, sizeof(once));
    (void)ignored;
}

/* ---- statements ---- */

static const struct sql_query *find_query(const char *name, int nparams, bool is_copy,
                                          struct err *e)
{
    const struct sql_query *q = sql_find(name);
    if (q == NULL)
        return err_null(e, ERR_BUG, "there is no query named %s", name);
    if (is_copy != (q->kind == SQL_COPY))
        return err_null(e, ERR_BUG, is_copy ? "%s is not a copy" : "%s is a copy", name);
    if (nparams != q->nparams)
        return err_null(e, ERR_BUG, "%s takes %d parameters, not %d", name, q->nparams, nparams);
    return q;
}

static bool prepare(struct db *db, const struct sql_query *q, struct err *e)
{
    size_t index = (size_t)(q - sql_queries);
    if (db->prepared[index])
        return true;
    if (PQsendPrepare(db->conn, q->name, q->text, 0, NULL) == 0)
        return db_conn_failed(db, q->name, NULL, e);
    auto_result *r = db_conn_finish(db, q->name, DB_CANCELLABLE, e);
    if (r == NULL)
        return false;
    if (PQresultStatus(r) != PGRES_COMMAND_OK)
        return db_conn_failed(db, q->name, r, e);
    db->prepared[index] = true;
    return true;
}

static bool check_rows(const struct sql_query *q, const PGresult *r, struct err *e)
{
    int rows = PQntuples(r);
    if ((q->kind == SQL_ONE && rows != 1) || (q->kind == SQL_MAYBE && rows > 1))
        return err_set(e, ERR_BUG, "%s: %d rows where %s was expected", q->name, rows,
                       q->kind == SQL_ONE ? "one" : "at most one");
    return true;
}

static bool check_result(struct db *db, const struct sql_query *q, const PGresult *r, struct err *e)
{
    switch (PQresultStatus(r)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        return check_rows(q, r, e);
    default:
        return db_conn_failed(db, q->name, r, e);
    }
}

static PGresult *query(struct db *db, const char *name, const char *const *params, int nparams,
                       struct err *e)
{
    const struct sql_query *q = find_query(name, nparams, false, e);
    if (q == NULL || !db_conn_ensure(db, e) || !prepare(db, q, e))
        return NULL;
    if (PQsendQueryPrepared(db->conn, q->name, nparams, params, NULL, NULL, 0) == 0) {
        (void)db_conn_failed(db, q->name, NULL, e);
        return NULL;
    }
    auto_result *r = db_conn_finish(db, q->name, DB_CANCELLABLE, e);
    if (r == NULL || !check_result(db, q, r, e))
        return NULL;
    return steal(&r);
}

static void measure(const char *name, int64_t began_us, bool ok, const struct err *e)
{
    if (ok)
        metric_observe(METRIC_POSTGRES_SECONDS, (double)(mono_us() - began_us) / 1e6, name);
    else if (e->code != ERR_STOPPING)
        metric_add(METRIC_POSTGRES_ERRORS, 1, err_name(e->code));
}

PGresult *db_query(struct db *db, const char *name, const char *const *params, int nparams,
                   struct err *e)
{
    int64_t began_us = mono_us();
    PGresult *r = query(db, name, params, nparams, e);
    measure(name, began_us, r != NULL, e);
    return r;
}

bool db_exec(struct db *db, const char *name, const char *const *params, int nparams,
             long *ret_rows, struct err *e)
{
    auto_result *r = db_query(db, name, params, nparams, e);
    if (r == NULL)
        return false;
    if (ret_rows != NULL)
        *ret_rows = strtol(PQcmdTuples(r), NULL, 10);
    return true;
}

bool db_ping(struct db *db, struct err *e)
{
    return DB_EXEC(db, e, "ping");
}

/* ---- transactions ---- */

bool db_begin(struct db *db, struct err *e)
{
    if (db->in_transaction)
        return err_set(e, ERR_BUG, "begin inside a transaction");
    int64_t began_us = mono_us();
    auto_result *r =
        db_conn_ensure(db, e) ? db_conn_run(db, "begin", "begin", DB_CANCELLABLE, e) : NULL;
    measure("begin", began_us, r != NULL, e);
    db->in_transaction = r != NULL;
    return r != NULL;
}

/* Whatever happened, the transaction is over for the caller, and a connection that is still in one is no good. */
static void end_transaction(struct db *db)
{
    if (db->conn != NULL && PQtransactionStatus(db->conn) != PQTRANS_IDLE)
        db_conn_drop(db);
    db->in_transaction = false;
    db->transaction_lost = false;
}

static bool commit(struct db *db, struct err *e)
{
    if (db->transaction_lost)
        return err_set(e, ERR_UNAVAILABLE, "commit: the transaction was lost with its connection");
    auto_result *r = db_conn_run(db, "commit", "commit", DB_TO_THE_END, e);
    if (r == NULL)
        return false;
    /* the server answers the commit of a failed transaction with a rollback, and calls that a success */
    if (strcmp(PQcmdStatus(r), "COMMIT") != 0)
        return err_set(e, ERR_BUG, "commit of a transaction in which a statement had failed");
    return true;
}

bool db_commit(struct db *db, struct err *e)
{
    if (!db->in_transaction)
        return err_set(e, ERR_BUG, "commit outside a transaction");
    int64_t began_us = mono_us();
    bool ok = commit(db, e);
    measure("commit", began_us, ok, e);
    end_transaction(db);
    return ok;
}

void db_rollback(struct db *db)
{
    if (!db->in_transaction)
        return;
    struct err ignored; /* a connection that cannot roll back is dropped, and the server does it */
    if (!db->transaction_lost)
        PQclear(db_conn_run(db, "rollback", "rollback", DB_TO_THE_END, &ignored));
    end_transaction(db);
}

bool db_in_transaction(const struct db *db)
{
    return db->in_transaction;
}

/* ---- copy ---- */

/* In pieces, each sent before the next is queued: libpq would otherwise buffer everything a second time. */
static bool send_bytes(struct db *db, const char *name, const char *bytes, size_t len,
                       struct err *e)
{
    enum { PIECE_BYTES = 64 * 1024 };
    while (len > 0) {
        size_t n = len < PIECE_BYTES ? len : PIECE_BYTES;
        int sent = PQputCopyData(db->conn, bytes, (int)n);
        if (sent < 0)
            return db_conn_failed(db, name, NULL, e);
        if (sent > 0) {
            bytes += n;
            len -= n;
        }
        if (!db_conn_flush(db, name, e))
            return false;
    }
    int ended;
    while ((ended = PQputCopyEnd(db->conn, NULL)) == 0)
        if (!db_conn_flush(db, name, e))
            return false;
    return ended > 0 || db_conn_failed(db, name, NULL, e);
}

static bool copy(struct db *db, const char *name, const char *bytes, size_t len, struct err *e)
{
    const struct sql_query *q = find_query(name, 0, true, e);
    if (q == NULL || !db_conn_ensure(db, e))
        return false;
    if (PQsendQuery(db->conn, q->text) == 0)
        return db_conn_failed(db, name, NULL, e);
    auto_result *begun = db_conn_first_result(db, name, e);
    if (begun == NULL)
        return false;
    if (PQresultStatus(begun) == PGRES_COPY_IN) {
        if (!send_bytes(db, name, bytes, len, e))
            return false;
    }
    auto_result *r = db_conn_finish(db, name, DB_CANCELLABLE, e);
    if (r == NULL)
        return false;
    return PQresultStatus(r) == PGRES_COMMAND_OK || db_conn_failed(db, name, r, e);
}

bool db_copy(struct db *db, const char *name, const char *bytes, size_t len, struct err *e)
{
    int64_t began_us = mono_us();
    bool ok = copy(db, name, bytes, len, e);
    measure(name, began_us, ok, e);
    return ok;
}

bool db_found_duplicate(const struct db *db)
{
    return db->found_duplicate;
}

/* ---- notifications ---- */

static bool take_notifications(PGconn *conn)
{
    bool any = false;
    for (PGnotify *n; (n = PQnotifies(conn)) != NULL; any = true)
        PQfreemem(n);
    return any;
}

bool db_wait_notify(struct db *db, int timeout_ms, struct err *e)
{
    if (db->listen_lost || db->conn == NULL) {
        db->listen_lost = false;
        return err_set(e, ERR_UNAVAILABLE, "the connection that listened is gone: listen again");
    }
    int64_t deadline = mono_ms() + timeout_ms;
    while (!take_notifications(db->conn)) {
        struct pollfd fds[2] = {
            {.fd = PQsocket(db->conn), .events = POLLIN},
            {.fd = db->wake_fd, .events = POLLIN},
        };
        int64_t left = deadline - mono_ms();
        int n = poll(fds, 2, left > 0 ? (int)left : 0);
        if (n == 0)
            return false;
        if (n > 0 && fds[1].revents != 0) {
            uint64_t times;
            ssize_t ignored = read(db->wake_fd, &times, sizeof(times));
            (void)ignored;
            return err_set(e, ERR_STOPPING, "the wait for a notification was cancelled");
        }
        if (n > 0 && PQconsumeInput(db->conn) == 0) {
            (void)db_conn_failed(db, "wait for a notification", NULL, e);
            db->listen_lost = false; /* said just now */
            return false;
        }
    }
    return true;
}

/* ---- fields ---- */

const char *db_text(const PGresult *r, int row, const char *column)
{
    int n = PQfnumber(r, column);
    assert(n >= 0 && row >= 0 && row < PQntuples(r));
    return PQgetisnull(r, row, n) ? NULL : PQgetvalue(r, row, n);
}

long long db_int(const PGresult *r, int row, const char *column, long long otherwise)
{
    const char *text = db_text(r, row, column);
    if (text == NULL)
        return otherwise;
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return end == text || *end != '\0' || errno != 0 ? otherwise : n;
}

bool db_is_true(const PGresult *r, int row, const char *column)
{
    const char *text = db_text(r, row, column);
    return text != NULL && text[0] == 't';
}
