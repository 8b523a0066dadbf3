/* db_error.h: what a failure reported by Postgres means for the caller. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>

#include "err.h"

/* The class of a five-character SQLSTATE; NULL or "" (libpq's own failures) is a connection in trouble. */
enum err_code db_error_class(const char *sqlstate);

/* After this failure a new connection may do better than this one: a standby that was a primary, a server going
 * down, statements prepared against a table that has changed since. */
bool db_error_spoils_connection(const char *sqlstate);

/* Sets e from the result (may be NULL: then from the connection) and returns false. `what` heads the message. */
bool db_error_set(struct err *e, const char *what, const PGconn *conn, const PGresult *r);
