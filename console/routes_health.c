/* routes_health.c: does it live, can it work? For load balancers and supervisors. */
#include "clock.h"
#include "console.h"
#include "daemon.h"
#include "db.h"
#include "js.h"
#include "kv.h"
#include "log.h"
#include "redis_check.h"
#include "route.h"

/* The shape is that of the server which the official SDK knows. */
static void health(struct request *r)
{
    reply_json(
        r, 200,
        js_pack("{s:i, s:s, s:s}", "status", 200, "message", "OK", "version", daemon_version));
}

static void ready(struct request *r)
{
    struct err redis = {0}, postgres = {0};
    int version = 0;
    bool redis_ok = redis_check(r->kv, NULL, &redis);
    bool postgres_ok = db_schema_version(r->db, &version, &postgres);
    if (postgres_ok && version < db_newest_migration())
        postgres_ok = err_set(&postgres, ERR_UNAVAILABLE, "the schema has version %d, %d is needed",
                              version, db_newest_migration());
    bool draining = atomic_load(&r->console->draining), ok = redis_ok && postgres_ok && !draining;
    reply_json(r, ok ? 200 : 503,
               js_pack("{s:i, s:s, s:s, s:s, s:b}", "status", ok ? 200 : 503, "message",
                       ok ? "OK" : "not ready", "redis", redis_ok ? "OK" : "not fit, or away",
                       "postgres", postgres_ok ? "OK" : "not migrated, or away", "draining",
                       draining));
    if (!redis_ok || !postgres_ok)
        log_warn("not ready", "redis", redis.msg, "postgres", postgres.msg, LOG_END);
}

const struct route routes_health[] = {
    {"GET", "/health", ACCESS_PUBLIC, health, "Whether the console lives", .quick = true,
     .name_of_data = "Health"},
    {"GET", "/ready", ACCESS_PUBLIC, ready,
     "Whether it can work: Redis and Postgres are there and fit", .name_of_data = "Ready"},
    {0},
};
