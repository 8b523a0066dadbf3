#include "sql_table.h"

#include "compiler.h"

const struct sql_query sql_queries[] = {
#define SQL_QUERY(name, kind, nparams, text) {name, kind, nparams, text},
#include "sql.inc"
#undef SQL_QUERY
};
const size_t sql_queries_count = ARRAY_LEN(sql_queries);

const struct sql_migration sql_migrations[] = {
#define SQL_MIGRATION(version, name, breaking, text) {version, name, breaking, text},
#include "sql.inc"
#undef SQL_MIGRATION
};
const size_t sql_migrations_count = ARRAY_LEN(sql_migrations);

static int compare(const void *name, const void *query)
{
    return strcmp(name, ((const struct sql_query *)query)->name);
}

const struct sql_query *sql_find(const char *name)
{
    return bsearch(name, sql_queries, sql_queries_count, sizeof(sql_queries[0]), compare);
}
