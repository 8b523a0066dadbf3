#include "partitions.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"

enum { FIRST = 1 }; /* of a new engine, when nothing is set */

/* 0 when nothing is stored. */
static bool parse(const char *text, const char *where, long *ret, struct err *e)
{
    char *end;
    *ret = strtol(text, &end, 10);
    if (*text != '\0' && *end == '\0' && *ret >= 1 && *ret <= MAX_PARTITIONS)
        return true;
    return err_set(e, ERR_INPUT, "the number of partitions in %s is damaged: '%.32s'", where, text);
}

static bool read_postgres(struct db *db, long *ret, struct err *e)
{
    auto_result *r = DB_QUERY(db, e, "get_meta", "partitions");
    if (r == NULL)
        return false;
    *ret = 0;
    return PQntuples(r) == 0 || parse(db_text(r, 0, "value"), "postgres", ret, e);
}

bool partitions_in_redis(struct kv *kv, long *ret, struct err *e)
{
    auto_reply *r = kv_cmd(kv, e, "GET %s", KEY_PARTITIONS);
    if (r == NULL)
        return false;
    *ret = 0;
    return r->type != REDIS_REPLY_STRING || parse(r->str, "redis", ret, e);
}

/* Where it is missing. Postgres decides between schedulers that start at the same time. */
static bool fix_it(long wanted, struct kv *kv, struct db *db, long *postgres, long *redis,
                   struct err *e)
{
    char text[24];
    if (*postgres == 0) {
        long first = *redis != 0 ? *redis : wanted != 0 ? wanted : FIRST;
        (void)snprintf(text, sizeof(text), "%ld", first);
        if (!DB_EXEC(db, e, "set_meta_once", "partitions", text) || !read_postgres(db, postgres, e))
            return false;
    }
    if (*redis == 0) {
        auto_reply *r = kv_cmd(kv, e, "SET %s %ld NX", KEY_PARTITIONS, *postgres);
        return r != NULL && partitions_in_redis(kv, redis, e);
    }
    return true;
}

bool partitions_settle(long *number, bool fix, struct kv *kv, struct db *db, struct err *e)
{
    long postgres, redis, wanted = *number;
    if (!read_postgres(db, &postgres, e) || !partitions_in_redis(kv, &redis, e) ||
        (fix && !fix_it(wanted, kv, db, &postgres, &redis, e)))
        return false;
    long known = postgres != 0 ? postgres : redis;
    if (known == 0)
        return err_set(e, ERR_UNAVAILABLE,
                       "waiting for a scheduler to fix the number of partitions");
    if (redis != 0 && redis != known)
        return err_set(e, ERR_INPUT,
                       "redis holds %ld partitions and postgres knows of %ld: they do not belong "
                       "together; check CHRONOS_REDIS_URL and CHRONOS_DATABASE_URL",
                       redis, known);
    if (wanted != 0 && wanted != known)
        return err_set(e, ERR_INPUT,
                       "CHRONOS_PARTITIONS=%ld, but there are %ld since the first start, and work "
                       "is where that number puts it: set CHRONOS_PARTITIONS=%ld or leave it out",
                       wanted, known, known);
    *number = known;
    return true;
}
