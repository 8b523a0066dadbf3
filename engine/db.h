/* db.h: Postgres. One `struct db` is one connection; it belongs to one thread at a time.
 *
 * SQL lives in sql/queries/<thing>.sql as blocks headed by `-- name: finish_run :one`; at build time the files
 * become one table, and a statement is prepared on a connection when it is first used there. There is no SQL
 * text in C and no query put together from strings. Parameters and results are text; NULL is SQL null.
 *
 *   :one    exactly one row, else the call fails (ERR_BUG)
 *   :maybe  no row or one
 *   :many   any number of rows
 *   :exec   no rows; PQcmdTuples tells how many were touched
 *   :copy   a COPY … FROM STDIN, used with db_copy
 *
 * A lost connection is opened again by the next call outside a transaction; inside one, everything up to the
 * rollback fails with ERR_UNAVAILABLE. Failures are classed by SQLSTATE: connection trouble, shutdown, too many
 * connections, out of disk, read-only -> ERR_UNAVAILABLE (costs no attempt); serialization, deadlock,
 * lock/statement timeout -> ERR_POSTGRES (try again); data and constraint errors (22xxx, 23xxx), what a trigger refuses -> ERR_INPUT;
 * the rest -> ERR_BUG. The message names the query and Postgres' own primary message, never the parameters. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct db;

/* Makes the object; connects on first use. `url` is a libpq connection string or URI and is copied. */
struct db *db_new(const char *url, const char *application_name);
void db_free(struct db *db); /* accepts NULL */

/* Connects if needed and asks the server one trivial question. */
bool db_ping(struct db *db, struct err *e);

/* Runs the named query. The result is the caller's to PQclear (auto_result). NULL on failure.
 * `params` holds `nparams` strings or NULLs; the count is checked against the file's. */
PGresult *db_query(struct db *db, const char *name, const char *const *params, int nparams,
                   struct err *e) MUST_CHECK;

/* db_query with the parameters listed: DB_QUERY(db, e, "find_video", id) */
#define DB_QUERY(db, e, name, ...)                                                                 \
    db_query((db), (name), ((const char *const[]){NULL, ##__VA_ARGS__}) + 1,                       \
             (int)ARRAY_LEN(((const char *const[]){NULL, ##__VA_ARGS__})) - 1, (e))

/* As DB_QUERY where only success matters; ret_rows may be NULL, else gets the number of rows touched. */
bool db_exec(struct db *db, const char *name, const char *const *params, int nparams,
             long *ret_rows, struct err *e) MUST_CHECK;
#define DB_EXEC(db, e, name, ...)                                                                  \
    db_exec((db), (name), ((const char *const[]){NULL, ##__VA_ARGS__}) + 1,                        \
            (int)ARRAY_LEN(((const char *const[]){NULL, ##__VA_ARGS__})) - 1, NULL, (e))

bool db_begin(struct db *db, struct err *e) MUST_CHECK;
/* After a failed commit the outcome may be unknown: ERR_UNAVAILABLE. The caller asks the ledger. */
bool db_commit(struct db *db, struct err *e) MUST_CHECK;
void db_rollback(
    struct db *db); /* harmless outside a transaction; a broken connection is dropped */
bool db_in_transaction(const struct db *db);

/* Sends `len` bytes of COPY text format for the named :copy query. */
bool db_copy(struct db *db, const char *name, const char *bytes, size_t len,
             struct err *e) MUST_CHECK;

/* Whether what failed last with ERR_INPUT was refused as a row with its primary key is there already. */
bool db_found_duplicate(const struct db *db);

/* Waits up to timeout_ms for NOTIFY on channels listened to; true when one arrived. */
bool db_wait_notify(struct db *db, int timeout_ms, struct err *e);

/* Makes a statement that is running in another thread on this connection end early. Thread-safe. */
void db_cancel(struct db *db);

/* Runs the migrations that are missing, each in its own transaction with its number, under an advisory lock.
 * *ret_version is the schema's version afterwards. */
bool db_migrate(struct db *db, int *ret_version, struct err *e) MUST_CHECK;
/* The version the schema has (0 when none). */
bool db_schema_version(struct db *db, int *ret_version, struct err *e) MUST_CHECK;
/* The newest migration this binary carries. */
int db_newest_migration(void);

/* A field of a row: NULL when SQL null. Borrowed from the result. */
const char *db_text(const PGresult *r, int row, const char *column);
long long db_int(const PGresult *r, int row, const char *column, long long otherwise);
bool db_is_true(const PGresult *r, int row, const char *column);

static inline void db_cleanup_result(PGresult **r)
{
    PQclear(*r);
}
#define auto_result CLEANUP(db_cleanup_result) PGresult
