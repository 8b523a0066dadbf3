/* sql_table.h: the named queries and the migrations this binary carries (sql/, through sql/embed.awk). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sql_kind { SQL_ONE, SQL_MAYBE, SQL_MANY, SQL_EXEC, SQL_COPY };

struct sql_query {
    const char *name;
    enum sql_kind kind;
    int nparams;
    const char *text;
};

struct sql_migration {
    int version;
    const char *name;
    bool breaking;    /* a binary that does not know it must not work on this schema */
    const char *text; /* several statements */
};

extern const struct sql_query sql_queries[]; /* sorted by name */
extern const size_t sql_queries_count;
extern const struct sql_migration sql_migrations[]; /* in rising order; numbers may be left out */
extern const size_t sql_migrations_count;

/* NULL when there is none of that name. */
const struct sql_query *sql_find(const char *name);
