/* redis_limit: how many runs per second this Redis could carry if nothing but the scripts were needed. It plays the
 * scheduler and a worker on one connection, without events, threads, steps or Postgres: every run is enqueued, claimed
 * and finished by the scripts the daemons use.
 *
 *   redis_limit <port> <database> <runs> <runs per enqueue> <runs per claim and commit> <calls in flight>
 *               [<owners> <most runs of an owner at a time, 0 = no limit> [<most runs of all together> <runs to finish>]]
 *
 * Prints the seconds that enqueueing took and the seconds that claiming and finishing took, and the CPU seconds of Redis for
 * either. */
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "compiler.h"
#include "id.h"
#include "kv.h"
#include "script.h"

enum { OWNERS = 500, OWNER_MAX = 20, MAX_FLIGHT = 256, MAX_BATCH = 1024 };

static const char prefix[] = "{limit}", function[] = "test-noop", me[] = "limit";

/* What a worker writes of a run with one step: the lengths are those of real rows. */
static const char body_format[] =
    "s\t%s\t2026-01-01 00:00:00.000+00\tnothing\t1\tcompleted\t2026-01-01 00:00:00.000+00\t"
    "2026-01-01 00:00:00.000+00\t12\tnull\t\\N\t\\N\t0.000000\tlocalhost-12345-0123456789ab\n"
    "r\t%s\t2026-01-01 00:00:00.000+00\ttest-noop\t%s\ttest/noop\tcreator-123\tcompleted\t1\t0\t"
    "2026-01-01 00:00:00.000+00\t2026-01-01 00:00:00.000+00\t2026-01-01 "
    "00:00:00.000+00\t\\N\t\\N\tnull\t"
    "0.000000\tlocalhost-12345-0123456789ab\n";

struct limit {
    redisContext *redis;
    int runs, per_enqueue, per_claim, flight, owners, owner_max, all_max, finish;
};

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "redis_limit: %s: %s\n", what, why);
    exit(1);
}

static redisReply *next_reply(struct limit *l, const char *what)
{
    void *reply = NULL;
    if (redisGetReply(l->redis, &reply) != REDIS_OK)
        fail(what, l->redis->errstr);
    redisReply *r = reply;
    if (r->type == REDIS_REPLY_ERROR)
        fail(what, r->str);
    return r;
}

static void command(struct limit *l, const char *what, const struct kv_args *a)
{
    if (redisAppendCommandArgv(l->redis, a->n, a->v, a->len) != REDIS_OK)
        fail(what, l->redis->errstr);
}

static void simple(struct limit *l, const char *text)
{
    if (redisAppendCommand(l->redis, text) != REDIS_OK)
        fail(text, l->redis->errstr);
    freeReplyObject(next_reply(l, text));
}

static void load(struct limit *l, const char *name)
{
    struct script *s = script_find(name);
    if (redisAppendCommand(l->redis, "SCRIPT LOAD %s", s->text) != REDIS_OK)
        fail(name, l->redis->errstr);
    redisReply *r = next_reply(l, name);
    script_set_sha(s, r->str);
    freeReplyObject(r);
}

static void begin_script(struct kv_args *a, const char *name)
{
    kv_args_clear(a);
    kv_adds(a, "EVALSHA");
    kv_adds(a, script_find(name)->sha);
    kv_adds(a, "1");
    kv_adds(a, prefix);
}

static void prepare(struct limit *l)
{
    simple(l, "FLUSHDB");
    struct kv_args a;
    kv_args_init(&a);
    char own[64] = "", all[64] = "", template[128];
    if (l->owner_max > 0)
        (void)snprintf(own, sizeof(own), "%d fn/test-noop:$\n", l->owner_max);
    if (l->all_max > 0)
        (void)snprintf(all, sizeof(all), "%d all\n", l->all_max);
    (void)snprintf(template, sizeof(template), "%s%s", own, all);
    const char *const limits[] = {"HSET", "{limit}:limits", function, template};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        kv_adds(&a, limits[i]);
    command(l, "limits", &a);
    freeReplyObject(next_reply(l, "limits"));
    kv_args_release(&a);
    simple(l, "HSET {limit}:schedulers limit 1");
    simple(l, "XGROUP CREATE {limit}:ready:test-noop workers 0 MKSTREAM");
    load(l, "enqueue");
    load(l, "claim");
    load(l, "commit");
}

/* ---- phases ---- */

struct planned {
    char id[ID_SIZE], creator[24], input[192];
};

static int send_enqueue(struct limit *l, const struct planned *runs, int count)
{
    struct kv_args a;
    kv_args_init(&a);
    begin_script(&a, "enqueue");
    kv_adds(&a, me);
    kv_addi(&a, count);
    for (int i = 0; i < count; i++) {
        kv_adds(&a, runs[i].id);
        kv_adds(&a, function);
        kv_adds(&a, runs[i].creator);
        kv_addi(&a, wall_ms());
        kv_addi(&a, 0);
        kv_adds(&a, runs[i].input);
        kv_addi(&a, 0); /* no options */
    }
    command(l, "enqueue", &a);
    kv_args_release(&a);
    return count;
}

static void enqueue_all(struct limit *l, const struct planned *runs)
{
    int sent = 0;
    while (sent < l->runs) {
        int calls = 0;
        for (; calls < l->flight && sent < l->runs; calls++) {
            int left = l->runs - sent;
            sent += send_enqueue(l, runs + sent, left < l->per_enqueue ? left : l->per_enqueue);
        }
        while (calls-- > 0)
            freeReplyObject(next_reply(l, "enqueue"));
    }
}

static void send_claim(struct limit *l)
{
    struct kv_args a;
    kv_args_init(&a);
    begin_script(&a, "claim");
    kv_adds(&a, me);
    kv_addi(&a, l->per_claim);
    kv_adds(&a, function);
    command(l, "claim", &a);
    kv_args_release(&a);
}

/* Finishes what one claim gave. Returns the number of runs. */
static int send_commit(struct limit *l, const redisReply *claimed)
{
    static char bodies[MAX_BATCH][1024];
    struct kv_args a;
    if (claimed->elements == 0)
        return 0;
    kv_args_init(&a);
    begin_script(&a, "commit");
    kv_adds(&a, me);
    kv_addi(&a, (int64_t)claimed->elements);
    for (size_t i = 0; i < claimed->elements; i++) {
        const redisReply *run = claimed->element[i];
        const char *id = run->element[2]->str;
        (void)snprintf(bodies[i], sizeof(bodies[i]), body_format, id, id, id);
        kv_adds(&a, "finish");
        kv_adds(&a, function);
        kv_adds(&a, run->element[1]->str);
        kv_adds(&a, id);
        for (int zero = 0; zero < 5; zero++) /* delay; no fields, results, events or extras */
            kv_adds(&a, "0");
        kv_adds(&a, bodies[i]);
    }
    command(l, "commit", &a);
    kv_args_release(&a);
    return (int)claimed->elements;
}

static void check_commit(const redisReply *codes)
{
    for (size_t i = 0; i < codes->elements; i++) {
        if (codes->element[i]->integer != 0)
            fail("commit", "an outcome was not applied");
    }
}

static void finish_all(struct limit *l)
{
    redisReply *claimed[MAX_FLIGHT];
    const int flight = l->flight;
    int finished = 0;
    while (finished < l->finish) {
        int commits = 0, before = finished;
        for (int i = 0; i < flight; i++)
            send_claim(l);
        for (int i = 0; i < flight; i++)
            claimed[i] = next_reply(l, "claim");
        for (int i = 0; i < flight; i++) {
            int n = send_commit(l, claimed[i]);
            commits += n > 0;
            finished += n;
            freeReplyObject(claimed[i]);
        }
        if (finished == before)
            fail("claim", "nothing is ready, yet not all runs are finished");
        while (commits-- > 0) {
            redisReply *r = next_reply(l, "commit");
            check_commit(r);
            freeReplyObject(r);
        }
    }
}

static struct planned *plan(int runs, int owners)
{
    struct planned *list = calloc((size_t)runs, sizeof(*list));
    if (list == NULL)
        abort();
    for (int i = 0; i < runs; i++) {
        char number[24];
        (void)snprintf(number, sizeof(number), "%d", i);
        id_derive(wall_ms(), me, number, list[i].id);
        (void)snprintf(list[i].creator, sizeof(list[i].creator), "creator-%d", i % owners);
        (void)snprintf(
            list[i].input, sizeof(list[i].input),
            "{\"id\":\"%s\",\"name\":\"test/noop\",\"ts\":%lld,\"data\":{\"creatorId\":\"%s\"}}",
            list[i].id, (long long)wall_ms(), list[i].creator);
    }
    return list;
}

/* Used by the server so far. */
static double cpu_seconds(struct limit *l)
{
    if (redisAppendCommand(l->redis, "INFO cpu") != REDIS_OK)
        fail("INFO", l->redis->errstr);
    redisReply *r = next_reply(l, "INFO");
    double sum = 0;
    static const char *const names[] = {"used_cpu_sys:", "used_cpu_user:"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *at = strstr(r->str, names[i]);
        sum += at != NULL ? strtod(at + strlen(names[i]), NULL) : 0;
    }
    freeReplyObject(r);
    return sum;
}

static int argument(int argc, char **argv, int at, int otherwise)
{
    return at < argc ? atoi(argv[at]) : otherwise;
}

int main(int argc, char **argv)
{
    if (argc != 7 && argc != 9 && argc != 11)
        fail("usage", "redis_limit <port> <database> <runs> <per enqueue> <per claim> <calls in "
                      "flight> [<owners> <most of an owner> [<most of all> <finish>]]");
    struct limit l = {.runs = atoi(argv[3]),
                      .per_enqueue = atoi(argv[4]),
                      .per_claim = atoi(argv[5]),
                      .flight = atoi(argv[6]),
                      .owners = argument(argc, argv, 7, OWNERS),
                      .owner_max = argument(argc, argv, 8, OWNER_MAX),
                      .all_max = argument(argc, argv, 9, 0),
                      .finish = argument(argc, argv, 10, atoi(argv[3]))};
    if (l.runs < 1 || l.per_enqueue < 1 || l.per_claim < 1 || l.per_claim > MAX_BATCH ||
        l.flight < 1 || l.flight > MAX_FLIGHT || l.owners < 1 || l.owner_max < 0 || l.all_max < 0 ||
        l.finish < 1 || l.finish > l.runs)
        fail("arguments", "out of range");
    l.redis = redisConnect("127.0.0.1", atoi(argv[1]));
    if (l.redis == NULL || l.redis->err != 0)
        fail("connect", l.redis != NULL ? l.redis->errstr : "out of memory");
    char select[32];
    (void)snprintf(select, sizeof(select), "SELECT %d", atoi(argv[2]));
    simple(&l, select);
    struct planned *runs = plan(l.runs, l.owners);
    prepare(&l);
    double c0 = cpu_seconds(&l);
    int64_t t0 = mono_us();
    enqueue_all(&l, runs);
    int64_t t1 = mono_us();
    double c1 = cpu_seconds(&l);
    int64_t t2 = mono_us();
    finish_all(&l);
    int64_t t3 = mono_us();
    (void)printf("%.6f %.6f %.6f %.6f\n", (double)(t1 - t0) / 1e6, (double)(t3 - t2) / 1e6, c1 - c0,
                 cpu_seconds(&l) - c1);
    simple(&l, "FLUSHDB");
    free(runs);
    redisFree(l.redis);
    return 0;
}
