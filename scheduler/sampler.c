#include "sampler.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "db.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"
#include "redis_check.h"

enum {
    STREAMS_MS = 5000,
    SERVERS_MS = 15000,
    NAP_MS = 50,
    REDIS_SILENT_MS = 20000,
    POSTGRES_SILENT_MS = 60000,
    MOST_LIMITS = 256,
};

/* A stream over all partitions. */
struct stream_sum {
    long long entries, oldest_ms; /* 0 = none is there */
};

struct function_sum {
    long long ready, held, oldest_ms;
};

struct limit_sum {
    char name[96];
    long long running, capacity, waiting;
};

struct sampler {
    pthread_t thread;
    bool has_thread;
    const struct conf *conf;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
    long long now_ms; /* Redis' clock */
    struct function_sum *functions;
    struct limit_sum limits[MOST_LIMITS];
    size_t limit_count;
    struct stream_sum history, engine, door;
};

static const char *const event_outcomes[] = {"accepted", "duplicate", "unmatched", "rejected"};

static _Atomic int64_t redis_seen_ms, postgres_seen_ms; /* monotonic; 0 = not asked yet */

bool sampler_is_content(void *none, char *why, size_t size)
{
    (void)none;
    int64_t redis = atomic_load(&redis_seen_ms), postgres = atomic_load(&postgres_seen_ms);
    const char *silent = mono_ms() - redis > REDIS_SILENT_MS         ? "redis"
                         : mono_ms() - postgres > POSTGRES_SILENT_MS ? "postgres"
                                                                     : NULL;
    if (silent == NULL)
        return true;
    (void)snprintf(why, size, "%s does not answer; events wait", silent);
    return false;
}

static double seconds_since(const struct sampler *s, long long at_ms)
{
    return at_ms > 0 && s->now_ms > at_ms ? (double)(s->now_ms - at_ms) / 1000 : 0;
}

/* ---- Redis: what is in the streams ---- */

static long long number_at(const redisReply *r, size_t i)
{
    const redisReply *v = r->element[i];
    return v->type == REDIS_REPLY_STRING ? strtoll(v->str, NULL, 10) : v->integer;
}

static void take_oldest(long long *oldest_ms, long long ms)
{
    if (ms > 0 && (*oldest_ms == 0 || ms < *oldest_ms))
        *oldest_ms = ms;
}

static void add_stream(struct stream_sum *sum, const redisReply *r)
{
    sum->entries += number_at(r, 0);
    take_oldest(&sum->oldest_ms, number_at(r, 1));
}

static struct limit_sum *find_limit(struct sampler *s, const char *name)
{
    for (size_t i = 0; i < s->limit_count; i++) {
        if (strcmp(s->limits[i].name, name) == 0)
            return &s->limits[i];
    }
    if (s->limit_count == MOST_LIMITS)
        return NULL;
    struct limit_sum *l = &s->limits[s->limit_count++];
    *l = (struct limit_sum){0};
    (void)snprintf(l->name, sizeof(l->name), "%s", name);
    return l;
}

static void add_limits(struct sampler *s, const redisReply *limits)
{
    for (size_t i = 0; i < limits->elements; i++) {
        const redisReply *r = limits->element[i];
        struct limit_sum *l = find_limit(s, r->element[0]->str);
        if (l == NULL)
            return;
        l->running += number_at(r, 1);
        l->capacity += number_at(r, 2);
        l->waiting += number_at(r, 4);
    }
}

static bool read_partition(struct sampler *s, int partition, const redisReply *functions,
                           struct err *e)
{
    char prefix[PREFIX_SIZE];
    struct kv_args a;
    key_prefix(partition, prefix);
    kv_args_init(&a);
    for (size_t i = 0; i < functions->elements; i++)
        kv_adds(&a, functions->element[i]->str);
    auto_reply *r = kv_script(s->kv, "read_backlog", prefix, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    s->now_ms = number_at(r, 0);
    for (size_t i = 0; i < functions->elements; i++) {
        const redisReply *f = r->element[1]->element[i];
        s->functions[i].ready += number_at(f, 0);
        s->functions[i].held += number_at(f, 1);
        take_oldest(&s->functions[i].oldest_ms, number_at(f, 2));
    }
    add_limits(s, r->element[2]);
    add_stream(&s->history, r->element[3]);
    add_stream(&s->engine, r->element[4]);
    for (size_t i = 0; i + 1 < r->element[5]->elements; i += 2)
        metric_set(METRIC_PAUSED, 1, r->element[5]->element[i]->str,
                   r->element[5]->element[i + 1]->str);
    return true;
}

static bool read_door(struct sampler *s, struct err *e)
{
    auto_reply *len = kv_cmd(s->kv, e, "XLEN %s", KEY_EVENTS);
    if (len == NULL)
        return false;
    auto_reply *first = kv_cmd(s->kv, e, "XRANGE %s - + COUNT 1", KEY_EVENTS);
    if (first == NULL)
        return false;
    s->door.entries = len->integer;
    if (first->elements > 0)
        s->door.oldest_ms = strtoll(first->element[0]->element[0]->str, NULL, 10);
    return true;
}

static void show_streams(const struct sampler *s, const redisReply *functions)
{
    for (size_t i = 0; i < functions->elements; i++) {
        const char *fn = functions->element[i]->str;
        const struct function_sum *f = &s->functions[i];
        metric_set(METRIC_BACKLOG, (double)f->ready, fn, "ready");
        metric_set(METRIC_BACKLOG_AGE, seconds_since(s, f->oldest_ms), fn, "ready");
        metric_set(METRIC_RUNNING, (double)f->held, fn);
        metric_show(METRIC_LEASES_EXPIRED, fn);
    }
    for (size_t i = 0; i < s->limit_count; i++) {
        const struct limit_sum *l = &s->limits[i];
        metric_set(METRIC_LIMIT_RUNNING, (double)l->running, l->name);
        metric_set(METRIC_LIMIT_CAPACITY, (double)l->capacity, l->name);
        metric_set(METRIC_LIMIT_WAITING, (double)l->waiting, l->name);
    }
    metric_set(METRIC_STREAM_ENTRIES, (double)s->door.entries, "door");
    metric_set(METRIC_STREAM_AGE, seconds_since(s, s->door.oldest_ms), "door");
    metric_set(METRIC_STREAM_ENTRIES, (double)s->engine.entries, "engine");
    metric_set(METRIC_STREAM_AGE, seconds_since(s, s->engine.oldest_ms), "engine");
    metric_set(METRIC_ARCHIVE_BACKLOG, (double)s->history.entries);
    metric_set(METRIC_ARCHIVE_AGE, seconds_since(s, s->history.oldest_ms));
}

static bool sample_streams(struct sampler *s, struct err *e)
{
    static const enum metric with_labels[] = {METRIC_RUNNING, METRIC_LIMIT_RUNNING,
                                              METRIC_LIMIT_CAPACITY, METRIC_LIMIT_WAITING,
                                              METRIC_PAUSED};
    auto_reply *functions = kv_cmd(s->kv, e, "HKEYS %s", KEY_FUNCTIONS);
    if (functions == NULL)
        return false;
    s->functions = calloc(functions->elements + 1, sizeof(*s->functions));
    if (s->functions == NULL)
        abort();
    s->limit_count = 0;
    s->history = s->engine = s->door = (struct stream_sum){0};
    bool ok = read_door(s, e);
    for (int p = 0; ok && p < s->conf->partitions; p++)
        ok = read_partition(s, p, functions, e);
    if (ok) {
        show_streams(s, functions);
        for (size_t i = 0; i < ARRAY_LEN(with_labels); i++)
            metric_drop_stale(with_labels[i]);
        atomic_store(&redis_seen_ms, mono_ms());
        metric_set(METRIC_SAMPLED, (double)wall_ms() / 1000, "redis");
    }
    free(s->functions);
    s->functions = NULL;
    return ok;
}

/* ---- the servers ---- */

static void show_server(const char *server, const char *info)
{
    char aof[16];
    redis_info_field(info, "aof_last_write_status", aof, sizeof(aof));
    metric_set(METRIC_REDIS_MEMORY, redis_info_number(info, "used_memory"), server);
    metric_set(METRIC_REDIS_MEMORY_MAX, redis_info_number(info, "maxmemory"), server);
    metric_set(METRIC_REDIS_CLIENTS, redis_info_number(info, "connected_clients"), server);
    metric_set(METRIC_REDIS_AOF, strcmp(aof, "ok") == 0, server);
}

static bool sample_redis(struct sampler *s, struct err *e)
{
    static const enum metric of_servers[] = {METRIC_REDIS_MEMORY, METRIC_REDIS_MEMORY_MAX,
                                             METRIC_REDIS_CLIENTS, METRIC_REDIS_AOF};
    int servers;
    struct err unfit;
    if (!kv_servers(s->kv, &servers, e))
        return false;
    for (int i = 0; i < servers; i++) {
        char name[16];
        auto_reply *r = kv_cmd_at(s->kv, i, e, "INFO");
        if (r == NULL)
            return false;
        (void)snprintf(name, sizeof(name), "%d", i);
        show_server(name, r->str);
    }
    for (size_t i = 0; i < ARRAY_LEN(of_servers); i++)
        metric_drop_stale(of_servers[i]);
    bool fit = redis_check(s->kv, NULL, &unfit);
    if (fit || unfit.code == ERR_INPUT)
        metric_set(METRIC_REDIS_FIT, fit);
    return true;
}

static bool sample_server(struct sampler *s, struct err *e)
{
    auto_result *r = DB_QUERY(s->db, e, "metrics_server");
    if (r == NULL)
        return false;
    metric_set(METRIC_PG_CONNECTIONS, strtod(db_text(r, 0, "connections"), NULL));
    metric_set(METRIC_PG_CONNECTIONS_MAX, strtod(db_text(r, 0, "connections_limit"), NULL));
    metric_set(METRIC_PG_OLDEST, strtod(db_text(r, 0, "oldest_transaction_seconds"), NULL));
    metric_set(METRIC_PG_BYTES, strtod(db_text(r, 0, "database_bytes"), NULL));
    return true;
}

static bool sample_outbox(struct sampler *s, struct err *e)
{
    auto_result *r = DB_QUERY(s->db, e, "metrics_outbox");
    if (r == NULL)
        return false;
    metric_set(METRIC_OUTBOX, strtod(db_text(r, 0, "events"), NULL));
    metric_set(METRIC_OUTBOX_AGE, strtod(db_text(r, 0, "oldest_seconds"), NULL));
    return true;
}

static bool sample_providers(struct sampler *s, struct err *e)
{
    auto_result *r = DB_QUERY(s->db, e, "metrics_paused_providers");
    if (r == NULL)
        return false;
    for (int i = 0; i < PQntuples(r); i++)
        metric_set(METRIC_PROVIDER_PAUSED, 1, db_text(r, i, "service"), db_text(r, i, "kind"));
    metric_drop_stale(METRIC_PROVIDER_PAUSED);
    return true;
}

/* What is one number of one query. */
static bool sample_numbers(struct sampler *s, struct err *e)
{
    static const struct {
        const char *query, *column;
        enum metric metric;
    } numbers[] = {
        {"metrics_refused_rows", "rows", METRIC_ROWS_REFUSED},
        {"metrics_canary", "finished", METRIC_CANARY_LAST},
        {"metrics_rebuild", "rebuilt", METRIC_REDIS_REBUILT},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        auto_result *r = DB_QUERY(s->db, e, numbers[i].query);
        if (r == NULL)
            return false;
        metric_set(numbers[i].metric, strtod(db_text(r, 0, numbers[i].column), NULL));
    }
    return true;
}

static bool sample_budgets(struct sampler *s, struct err *e)
{
    char usd[32];
    (void)snprintf(usd, sizeof(usd), "%.6f", s->conf->budget_usd_per_hour);
    auto_result *r = DB_QUERY(s->db, e, "metrics_owners_near_budget", usd);
    if (r == NULL)
        return false;
    metric_set(METRIC_OWNERS_NEAR_BUDGET, strtod(db_text(r, 0, "owners"), NULL));
    return true;
}

static bool sample_postgres(struct sampler *s, struct err *e)
{
    if (!sample_server(s, e) || !sample_outbox(s, e) || !sample_providers(s, e) ||
        !sample_numbers(s, e) || !sample_budgets(s, e))
        return false;
    atomic_store(&postgres_seen_ms, mono_ms());
    metric_set(METRIC_SAMPLED, (double)wall_ms() / 1000, "postgres");
    return true;
}

/* ---- the thread ---- */

static const struct {
    const char *name;
    int64_t period_ms;
    bool (*run)(struct sampler *s, struct err *e);
} samples[] = {
    {"streams", STREAMS_MS, sample_streams},
    {"redis", SERVERS_MS, sample_redis},
    {"postgres", SERVERS_MS, sample_postgres},
};

static void *sample_loop(void *arg)
{
    struct sampler *s = arg;
    int64_t due[ARRAY_LEN(samples)] = {0};
    bool failing[ARRAY_LEN(samples)] = {false};
    while (!atomic_load(s->stopping)) {
        for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
            struct err e;
            if (mono_ms() < due[i])
                continue;
            bool ok = samples[i].run(s, &e);
            if (!ok && !failing[i] && !atomic_load(s->stopping))
                log_warn("figures for the metrics cannot be read", "of", samples[i].name, "error",
                         e.msg, LOG_END);
            failing[i] = !ok;
            due[i] = mono_ms() + (ok ? samples[i].period_ms : STREAMS_MS);
        }
        sleep_ms(NAP_MS);
    }
    return NULL;
}

struct sampler *sampler_start(const struct conf *c, const atomic_bool *stopping, struct err *e)
{
    struct sampler *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->conf = c;
    s->stopping = stopping;
    if (!metrics_are_on())
        return s;
    for (size_t i = 0; i < ARRAY_LEN(event_outcomes); i++)
        metric_show(METRIC_EVENTS, event_outcomes[i]);
    s->kv = kv_new(c->redis_url, e);
    if (s->kv == NULL) {
        free(s);
        return NULL;
    }
    s->db = db_new(c->database_url, "chronos-metrics");
    /* both have just answered, else this scheduler were not starting */
    atomic_store(&redis_seen_ms, mono_ms());
    atomic_store(&postgres_seen_ms, mono_ms());
    if (pthread_create(&s->thread, NULL, sample_loop, s) != 0)
        abort(); /* at start */
    s->has_thread = true;
    return s;
}

void sampler_stop(struct sampler *s)
{
    if (s->has_thread) {
        db_cancel(s->db);
        (void)pthread_join(s->thread, NULL);
        db_free(s->db);
        kv_free(s->kv);
    }
    free(s);
}
