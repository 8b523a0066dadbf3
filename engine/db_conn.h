/* db_conn.h: the connection under db.h, shared by db.c and migrate.c.
 *
 * libpq is used in its non-blocking mode with our own poll, for two reasons: a server that stops answering while
 * its host keeps the TCP connection alive (a stopped process, a hung disk) must not hold a thread for ever, and
 * db_cancel must work from another thread without touching the connection. Cancelling writes to `wake_fd`; the
 * owner, waiting in poll, drops the connection, and the server notices within two seconds
 * (client_connection_check_interval) and ends the statement. PQcancel is not used since it can block without
 * limit on just the servers one wants to get away from. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "err.h"

struct db {
    char *url;
    char *application_name;
    PGconn *conn;          /* NULL when not connected */
    bool *prepared;        /* by index into sql_queries; what this connection has prepared */
    bool in_transaction;   /* between db_begin and db_commit or db_rollback */
    bool transaction_lost; /* in_transaction, and its connection is gone */
    bool listening;        /* this connection has executed a LISTEN */
    bool
        listen_lost; /* a connection that listened is gone, and db_wait_notify has not said so yet */
    bool found_duplicate; /* what failed last violated a primary key */
    bool patient;         /* migrations: no deadline on our side */
    int64_t patience_ms;  /* the longest we wait for one statement; 0 = for ever */
    int wake_fd;          /* eventfd written by db_cancel: the only field another thread touches */
};

/* Makes sure there is a connection: opens one, or another when the server has closed it, unless a transaction
 * was lost with it (ERR_UNAVAILABLE until the rollback). */
bool db_conn_ensure(struct db *db, struct err *e) MUST_CHECK;

/* Closes it; a transaction that was open is lost. */
void db_conn_drop(struct db *db);

/* What may end the wait for an answer. COMMIT is not cancelled: its outcome would be unknown. */
enum db_waiting { DB_CANCELLABLE, DB_TO_THE_END };

/* Sends what is queued and waits for all results of the statement just sent. The last one, or the first that
 * failed; NULL with e set when the connection was dropped. A result that is an error is returned as it is. */
PGresult *db_conn_finish(struct db *db, const char *what, enum db_waiting waiting,
                         struct err *e) MUST_CHECK;

/* As db_conn_finish, but leaves the connection in the middle of a COPY when the result says so. */
PGresult *db_conn_first_result(struct db *db, const char *what, struct err *e) MUST_CHECK;

/* Sends what is queued and keeps on until nothing is. */
bool db_conn_flush(struct db *db, const char *what, struct err *e) MUST_CHECK;

/* Sets e from a failed result or send, drops the connection if it is no good any more; returns false. */
bool db_conn_failed(struct db *db, const char *what, const PGresult *r, struct err *e);

/* Runs statements given as text, without parameters: transaction control and migrations. */
PGresult *db_conn_run(struct db *db, const char *what, const char *sql, enum db_waiting waiting,
                      struct err *e) MUST_CHECK;
