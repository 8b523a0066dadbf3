#include "explain.h"

#include <stdio.h>
#include <string.h>

#include "db.h"
#include "key.h"
#include "kv.h"
#include "offers.h"
#include "partitions.h"

static void print(const char *name, const char *value)
{
    (void)printf("%-12s %s\n", name, value);
}

/* Postgres may be away: it is asked only when Redis has lost the number. */
static bool count_partitions(const struct conf *c, struct kv *kv, long *ret, struct err *e)
{
    if (!partitions_in_redis(kv, ret, e))
        return false;
    if (*ret != 0)
        return true;
    struct db *db = db_new(c->database_url, "chronos-explain");
    *ret = c->partitions;
    bool ok = partitions_settle(ret, false, kv, db, e);
    db_free(db);
    return ok;
}

static redisReply *ask_partition(struct kv *kv, const char *prefix, const char *run, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, run);
    redisReply *r = kv_script(kv, "explain_run", prefix, &a, e);
    kv_args_release(&a);
    return r;
}

/* A run that no worker can take waits for ever, whatever else it may wait for. */
static void print_offers(struct kv *kv, const char *fn)
{
    struct err e;
    struct offers offers;
    char text[160];
    if (!offers_read(&offers, kv, &e)) {
        (void)fprintf(stderr, "the workers cannot be asked: %s\n", e.msg);
        return;
    }
    int workers = offers_of(&offers, fn);
    if (workers == 0)
        (void)snprintf(text, sizeof(text),
                       "0: no live worker executes %s; the run waits for one whose build has it",
                       fn);
    else
        (void)snprintf(text, sizeof(text), "%d", workers);
    print("workers", text);
    offers_release(&offers);
}

static void print_run(struct kv *kv, const redisReply *r, const char *prefix)
{
    const redisReply *state = kv_field(r, "state"), *fn = kv_field(r, "function");
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        print(r->element[i]->str, r->element[i + 1]->str);
    print("partition", prefix);
    if (fn != NULL && strcmp(state->str, "ended") != 0)
        print_offers(kv, fn->str);
}

/* *ret_found: some partition knows the run, and has said where it is. */
static bool ask_redis(const struct conf *c, const char *run, bool *ret_found, struct err *e)
{
    struct kv *kv = kv_new(c->redis_url, e);
    long partitions;
    bool ok = kv != NULL && count_partitions(c, kv, &partitions, e);
    *ret_found = false;
    for (int p = 0; ok && !*ret_found && p < partitions; p++) {
        char prefix[PREFIX_SIZE];
        key_prefix(p, prefix);
        auto_reply *r = ask_partition(kv, prefix, run, e);
        ok = r != NULL;
        const redisReply *state = ok ? kv_field(r, "state") : NULL;
        *ret_found = state != NULL && strcmp(state->str, "absent") != 0;
        if (*ret_found)
            print_run(kv, r, prefix);
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
