/* own_database.h: a migrated database for one unit test program, made and dropped by it.
 *
 * CHRONOS_TEST_DATABASE_URL names a server whose role may create databases. Without it test_url stays empty. */
#pragma once

#include <libpq-fe.h>
#include <unistd.h>

#include "db.h"
#include "unit.h"

static char test_url[1024];
static char test_database[64];

/* ---- a second connection that does what an operator or an accident does ---- */

static inline void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

static inline PGconn *admin_connect(const char *url)
{
    PGconn *c = PQconnectdb(url);
    if (PQstatus(c) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(c));
    (void)PQsetNoticeReceiver(c, ignore_notice, NULL);
    return c;
}

/* The first field of the last result, cut to the buffer; "" when there is none. */
static inline void admin(const char *url, char *ret, size_t size, const char *sql)
{
    PGconn *c = admin_connect(url);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    if (ret != NULL)
        (void)snprintf(ret, size, "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    PQfinish(c);
}

static inline void run_sql(const char *sql)
{
    admin(test_url, NULL, 0, sql);
}

static inline long long ask(const char *sql)
{
    char text[64];
    admin(test_url, text, sizeof(text), sql);
    return strtoll(text, NULL, 10);
}

static inline const char *server_url(void)
{
    return getenv("CHRONOS_TEST_DATABASE_URL");
}

/* ---- the database ---- */

static inline int make_database(void **state)
{
    (void)state;
    if (server_url() == NULL)
        return 0;
    char sql[256];
    (void)snprintf(test_database, sizeof(test_database), "chronos_test_%d", (int)getpid());
    (void)snprintf(sql, sizeof(sql), "create database %s", test_database);
    admin(server_url(), NULL, 0, sql);

    /* the same server, the new database: libpq takes the last dbname of a conninfo string */
    PQconninfoOption *options = PQconninfoParse(server_url(), NULL);
    size_t at = 0;
    for (PQconninfoOption *o = options; o->keyword != NULL; o++)
        if (o->val != NULL && strcmp(o->keyword, "dbname") != 0)
            at += (size_t)snprintf(test_url + at, sizeof(test_url) - at, "%s='%s' ", o->keyword,
                                   o->val);
    (void)snprintf(test_url + at, sizeof(test_url) - at, "dbname=%s", test_database);
    PQconninfoFree(options);

    struct db *db = db_new(test_url, "test");
    struct err e = {0};
    int version = 0;
    bool ok = db_migrate(db, &version, &e);
    if (!ok)
        print_error("%s\n", e.msg);
    db_free(db);
    return ok ? 0 : -1;
}

static inline int drop_database(void **state)
{
    (void)state;
    if (server_url() == NULL)
        return 0;
    char sql[256];
    (void)snprintf(sql, sizeof(sql), "drop database %s with (force)", test_database);
    admin(server_url(), NULL, 0, sql);
    return 0;
}

#define NEEDS_POSTGRES()                                                                           \
    do {                                                                                           \
        (void)state;                                                                               \
        if (server_url() == NULL)                                                                  \
            skip();                                                                                \
    } while (0)
