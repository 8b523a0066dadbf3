#include "db_conn.h"

#include <errno.h>
#include <poll.h>

#include "clock.h"
#include "db_error.h"
#include "sql_table.h"

enum {
    CONFIGURE_MS = 10 * 1000, /* for the first question to a fresh connection */
    MARGIN_MS = 30 * 1000,    /* beyond statement_timeout, by which a living server has answered */
};

/* ---- waiting ---- */

static int64_t deadline_of(const struct db *db)
{
    return db->patient || db->patience_ms == 0 ? INT64_MAX : mono_ms() + db->patience_ms;
}

static int poll_ms(int64_t deadline)
{
    if (deadline == INT64_MAX)
        return -1;
    int64_t left = deadline - mono_ms();
    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static bool is_woken(const struct db *db)
{
    uint64_t times;
    return read(db->wake_fd, &times, sizeof(times)) > 0;
}

static bool give_up(struct db *db, const char *what, enum err_code code, const char *why,
                    struct err *e)
{
    db_conn_drop(db);
    return err_set(e, code, "%s: %s", what, why);
}

/* Waits until the socket is ready for `events` and takes in what has arrived. */
static bool wait_io(struct db *db, const char *what, short events, enum db_waiting waiting,
                    int64_t deadline, struct err *e)
{
    struct pollfd fds[2] = {
        {.fd = PQsocket(db->conn), .events = events},
        {.fd = waiting == DB_CANCELLABLE ? db->wake_fd : -1, .events = POLLIN},
    };
    int n = poll(fds, 2, poll_ms(deadline));
    if (n < 0 && errno != EINTR)
        return give_up(db, what, ERR_UNAVAILABLE, "cannot wait for Postgres", e);
    if (n == 0)
        return give_up(db, what, ERR_UNAVAILABLE, "Postgres does not answer", e);
    if (n > 0 && fds[1].revents != 0 && is_woken(db))
        return give_up(db, what, ERR_STOPPING, "the statement was cancelled", e);
    if (n > 0 && (fds[0].revents & ~POLLOUT) != 0 && PQconsumeInput(db->conn) == 0)
        return db_conn_failed(db, what, NULL, e);
    return true;
}

static bool flush(struct db *db, const char *what, enum db_waiting waiting, int64_t deadline,
                  struct err *e)
{
    int left;
    while ((left = PQflush(db->conn)) > 0)
        if (!wait_io(db, what, POLLIN | POLLOUT, waiting, deadline, e))
            return false;
    return left == 0 || db_conn_failed(db, what, NULL, e);
}

bool db_conn_flush(struct db *db, const char *what, struct err *e)
{
    return flush(db, what, DB_CANCELLABLE, deadline_of(db), e);
}

/* *ret is NULL after the statement's last result. */
static bool next_result(struct db *db, const char *what, enum db_waiting waiting, int64_t deadline,
                        PGresult **ret, struct err *e)
{
    while (PQisBusy(db->conn))
        if (!wait_io(db, what, POLLIN, waiting, deadline, e))
            return false;
    *ret = PQgetResult(db->conn);
    return true;
}

static bool is_failure(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

PGresult *db_conn_first_result(struct db *db, const char *what, struct err *e)
{
    int64_t deadline = deadline_of(db);
    PGresult *r;
    if (!flush(db, what, DB_CANCELLABLE, deadline, e) ||
        !next_result(db, what, DB_CANCELLABLE, deadline, &r, e))
        return NULL;
    if (r == NULL)
        (void)db_conn_failed(db, what, NULL, e);
    return r;
}

PGresult *db_conn_finish(struct db *db, const char *what, enum db_waiting waiting, struct err *e)
{
    int64_t deadline = deadline_of(db);
    auto_result *kept = NULL;
    PGresult *r;
    if (!flush(db, what, waiting, deadline, e))
        return NULL;
    for (;;) {
        if (!next_result(db, what, waiting, deadline, &r, e))
            return NULL;
        if (r == NULL)
            break;
        ExecStatusType status = PQresultStatus(r);
        if (kept != NULL && is_failure(kept)) {
            PQclear(r);
        } else {
            PQclear(kept);
            kept = r;
        }
        /* a COPY where none is expected would be announced for ever */
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            (void)give_up(db, what, ERR_BUG, "is a COPY", e);
            return NULL;
        }
    }
    if (kept == NULL)
        (void)db_conn_failed(db, what, NULL, e);
    else if (strcmp(PQcmdStatus(kept), "LISTEN") == 0)
        db->listening = true;
    return steal(&kept);
}

/* ---- opening and closing ---- */

void db_conn_drop(struct db *db)
{
    PQfinish(steal(&db->conn));
    memset(db->prepared, 0, sql_queries_count * sizeof(db->prepared[0]));
    db->transaction_lost = db->in_transaction;
    db->listen_lost |= db->listening;
    db->listening = false;
}

/* Postgres' own name for it, also of a partition; an index that somebody has added has another. */
static bool is_primary_key(const PGresult *r)
{
    const char *name = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    size_t len = name != NULL ? strlen(name) : 0;
    return len > 5 && strcmp(name + len - 5, "_pkey") == 0;
}

bool db_conn_failed(struct db *db, const char *what, const PGresult *r, struct err *e)
{
    db_error_set(e, what, db->conn, r);
    const char *sqlstate = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    db->found_duplicate = sqlstate != NULL && strcmp(sqlstate, "23505") == 0 && is_primary_key(r);
    if (PQstatus(db->conn) != CONNECTION_OK || db_error_spoils_connection(sqlstate))
        db_conn_drop(db);
    return false;
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

/* libpq quotes a connection string it cannot read in its message, password and all: ask first, and say nothing. */
static bool check_url(const char *url, struct err *e)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    bool ok = options != NULL, no_memory = !ok && (why == NULL || strstr(why, "out of memory"));
    PQfreemem(why);
    PQconninfoFree(options);
    if (no_memory)
        return err_set(e, ERR_UNAVAILABLE, "cannot connect to Postgres: out of memory");
    return ok ||
           err_set(e, ERR_PERMANENT, "the Postgres address is not a connection string or URI");
}

static bool configure(struct db *db, struct err *e)
{
    db->patience_ms = CONFIGURE_MS;
    const struct sql_query *q = sql_find("configure_session");
    auto_result *r = db_conn_run(db, q->name, q->text, DB_CANCELLABLE, e);
    if (r == NULL)
        return false;
    long long timeout_ms = db_int(r, 0, "statement_timeout_ms", 0);
    db->patience_ms = timeout_ms > 0 ? timeout_ms + MARGIN_MS : 0;
    return true;
}

static bool open_connection(struct db *db, struct err *e)
{
    if (!check_url(db->url, e))
        return false;

    /* what stands before dbname may be set otherwise by the connection string, what stands after may not. Kerberos is
     * not looked for unasked: that is slow, and without memory its library crashes. */
    const char *const keys[] = {"connect_timeout",     "keepalives_idle",
                                "keepalives_interval", "keepalives_count",
                                "tcp_user_timeout",    "fallback_application_name",
                                "gssencmode",          "dbname",
                                "client_encoding",     NULL};
    const char *const values[] = {"5",       "10",    "5",    "3", "30000", db->application_name,
                                  "disable", db->url, "UTF8", NULL};
    db->conn = PQconnectdbParams(keys, values, true);
    if (db->conn == NULL)
        abort(); /* libpq is out of memory */
    if (PQstatus(db->conn) != CONNECTION_OK)
        return db_conn_failed(db, "cannot connect to Postgres", NULL, e);
    (void)PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
    if (PQsetnonblocking(db->conn, true) != 0)
        return db_conn_failed(db, "cannot connect to Postgres", NULL, e);
    if (configure(db, e))
        return true;
    db_conn_drop(db);
    return false;
}

/* Has an idle connection been closed by the server? What it sent before (a shutdown notice, notifications) is
 * taken in until there is nothing more, or the end. One system call when there is nothing. */
static bool is_alive(struct db *db)
{
    struct pollfd fd = {.fd = PQsocket(db->conn), .events = POLLIN};
    for (int i = 0; i < 100 && poll(&fd, 1, 0) > 0; i++) {
        if (PQconsumeInput(db->conn) == 0)
            return false;
        (void)PQisBusy(db->conn); /* parses what has arrived */
    }
    return PQstatus(db->conn) == CONNECTION_OK;
}

bool db_conn_ensure(struct db *db, struct err *e)
{
    (void)is_woken(
        db); /* a cancel that came while nothing was running is not meant for what comes now */
    if (db->transaction_lost)
        return err_set(e, ERR_UNAVAILABLE, "the transaction was lost with its connection");
    if (db->in_transaction)
        return true;
    if (db->conn != NULL && !is_alive(db))
        db_conn_drop(db);
    return db->conn != NULL || open_connection(db, e);
}

PGresult *db_conn_run(struct db *db, const char *what, const char *sql, enum db_waiting waiting,
                      struct err *e)
{
    if (PQsendQuery(db->conn, sql) == 0) {
        (void)db_conn_failed(db, what, NULL, e);
        return NULL;
    }
    PGresult *r = db_conn_finish(db, what, waiting, e);
    if (r == NULL || !is_failure(r))
        return r;
    (void)db_conn_failed(db, what, r, e);
    PQclear(r);
    return NULL;
}
