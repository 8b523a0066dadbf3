#include "explain.h"

#include <stdio.h>
#include <string.h>

#include "db.h"
#include "key.h"
#include "kv.h"
#include "partitions.h"

static void print(const char *name, const char *value)
{
    (void)printf("%-12s %s\n", name, value);
}

/* *ret_found: some partition knows the run, and has said where it is. */
static bool ask_redis(const struct conf *c, const char *run, bool *ret_found, struct err *e)
{
    struct kv *kv = kv_new(c->redis_url, e);
    struct db *db = db_new(c->database_url, "chronos-explain");
    long partitions = c->partitions;
    bool ok = kv != NULL && partitions_settle(&partitions, false, kv, db, e);
    *ret_found = false;
    db_free(db);
    for (int p = 0; ok && !*ret_found && p < partitions; p++) {
        char prefix[PREFIX_SIZE];
        struct kv_args a;
        key_prefix(p, prefix);
        kv_args_init(&a);
        kv_adds(&a, run);
        auto_reply *r = kv_script(kv, "explain_run", prefix, &a, e);
        kv_args_release(&a);
        ok = r != NULL;
        const redisReply *state = ok ? kv_field(r, "state") : NULL;
        *ret_found = state != NULL && strcmp(state->str, "absent") != 0;
        for (size_t i = 0; *ret_found && i + 1 < r->elements; i += 2)
            print(r->element[i]->str, r->element[i + 1]->str);
        if (*ret_found)
            print("partition", prefix);
    }
    kv_free(kv);
    return ok;
}

static bool ask_postgres(const struct conf *c, const char *run, bool *ret_found, struct err *e)
{
    struct db *db = db_new(c->database_url, "chronos-explain");
    auto_result *r = DB_QUERY(db, e, "explain_run", run);
    bool ok = r != NULL;
    *ret_found = ok && PQntuples(r) > 0;
    for (int i = 0; *ret_found && i < PQnfields(r); i++) {
        if (!PQgetisnull(r, 0, i))
            print(PQfname(r, i), PQgetvalue(r, 0, i));
    }
    db_free(db);
    return ok;
}

int explain_run(const struct conf *c, const char *run)
{
    struct err redis, postgres;
    bool found, asked = ask_redis(c, run, &found, &redis);
    if (!asked)
        (void)fprintf(stderr, "redis cannot be asked: %s\n", redis.msg);
    if (found)
        return 0;
    if (!ask_postgres(c, run, &found, &postgres)) {
        (void)fprintf(stderr, "postgres cannot be asked: %s\n", postgres.msg);
        return 1;
    }
    if (!found)
        (void)fprintf(stderr, "run %s is not known%s\n", run, asked ? "" : " to postgres");
    return found ? 0 : 1;
}
