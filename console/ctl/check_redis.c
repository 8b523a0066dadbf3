/* check_redis.c: is each server of Redis fit to keep work, and quick? */
#include <stdlib.h>
#include <string.h>

#include "checkup.h"
#include "clock.h"
#include "key.h"
#include "kv_url.h"
#include "redis_check.h"

enum { PINGS = 64, SLOW_US = 5000, OLDEST_MAJOR = 7 };

static const char group[] = "redis";

static void check_version(struct checkup *k, const char *info)
{
    char version[64];
    redis_info_field(info, "redis_version", version, sizeof(version));
    bool ok = strtol(version, NULL, 10) >= OLDEST_MAJOR;
    checkup_add(k, group, "version", ok ? FINDING_OK : FINDING_FAIL,
                "upgrade to Redis 7.0 or newer: the scripts need it", "%s", version);
}

static void check_persistence(struct checkup *k, const char *info)
{
    char aof[16], wrote[32], rewrote[32];
    redis_info_field(info, "aof_enabled", aof, sizeof(aof));
    redis_info_field(info, "aof_last_write_status", wrote, sizeof(wrote));
    redis_info_field(info, "aof_last_bgrewrite_status", rewrote, sizeof(rewrote));
    if (strcmp(aof, "1") != 0)
        checkup_add(k, group, "persistence", FINDING_FAIL,
                    "set appendonly yes (CONFIG SET, and in redis.conf): a restart would lose work",
                    "no append-only file");
    else if (strcmp(wrote, "ok") != 0)
        checkup_add(
            k, group, "persistence", FINDING_FAIL,
            "make room on the disk of Redis: it refuses writes until the file can be written",
            "the append-only file could not be written (%s)", wrote);
    else if (strcmp(rewrote, "ok") != 0)
        checkup_add(k, group, "persistence", FINDING_WARN,
                    "look into the log of Redis: the append-only file grows until it is rewritten",
                    "append-only file; its last rewrite failed");
    else
        checkup_add(k, group, "persistence", FINDING_OK, NULL, "append-only file");
}

static void check_memory(struct checkup *k, const char *info)
{
    char policy[64];
    double used = redis_info_number(info, "used_memory"),
           most = redis_info_number(info, "maxmemory");
    double total = redis_info_number(info, "total_system_memory"),
           evicted = redis_info_number(info, "evicted_keys");
    redis_info_field(info, "maxmemory_policy", policy, sizeof(policy));
    bool keeps = strcmp(policy, "noeviction") == 0;
    checkup_add(k, group, "eviction", keeps ? FINDING_OK : FINDING_FAIL,
                "set maxmemory-policy noeviction (CONFIG SET, and in redis.conf): a full Redis "
                "deletes work now",
                "%s", policy);
    if (evicted > 0)
        checkup_add(k, group, "evicted", FINDING_FAIL,
                    "run chronosctl verify, and chronosctl rebuild for what is missing",
                    "%.0f keys were evicted since Redis was started", evicted);
    if (most <= 0)
        checkup_add(k, group, "memory", FINDING_WARN,
                    "set maxmemory below the machine's memory: then a full Redis refuses new work "
                    "instead of being killed",
                    "%.0f MB of %.0f MB of the machine, no maxmemory", used / 1e6, total / 1e6);
    else
        checkup_add(
            k, group, "memory",
            used > 0.95 * most  ? FINDING_FAIL
            : used > 0.8 * most ? FINDING_WARN
                                : FINDING_OK,
            "raise maxmemory, or start workers so that the backlog gets shorter: new work is "
            "refused when it is full",
            "%.0f of %.0f MB (%.0f%%)", used / 1e6, most / 1e6, 100 * used / most);
}

static void check_role(struct checkup *k, const char *info)
{
    char role[32];
    redis_info_field(info, "role", role, sizeof(role));
    checkup_add(k, group, "role", strcmp(role, "master") == 0 ? FINDING_OK : FINDING_FAIL,
                "point CHRONOS_REDIS_URL at the primary: a replica takes no writes", "%s", role);
}

static void check_clients(struct checkup *k, const char *info)
{
    double now = redis_info_number(info, "connected_clients"),
           most = redis_info_number(info, "maxclients");
    checkup_add(k, group, "clients", most > 0 && now > 0.9 * most ? FINDING_WARN : FINDING_OK,
                "raise maxclients: further daemons could not connect", "%.0f of %.0f", now, most);
}

static void check_server(struct checkup *k, const char *info)
{
    check_version(k, info);
    check_role(k, info);
    check_persistence(k, info);
    check_memory(k, info);
    check_clients(k, info);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_latency(struct checkup *k)
{
    int64_t took[PINGS];
    struct err e;
    for (int i = 0; i < PINGS; i++) {
        int64_t before = mono_us();
        auto_reply *r = kv_cmd(k->c->kv, &e, "TIME");
        if (r == NULL) {
            checkup_add(k, group, "latency", FINDING_SKIP, NULL, "%s", e.msg);
            return;
        }
        took[i] = mono_us() - before;
    }
    qsort(took, PINGS, sizeof(took[0]), compare_times);
    int64_t median = took[PINGS / 2];
    bool slow = median > SLOW_US;
    checkup_add(
        k, group, "latency", slow ? FINDING_WARN : FINDING_OK,
        "move Redis and the workers closer together: each step waits for several round trips",
        "median %.2f ms, worst %.2f ms of %d round trips", (double)median / 1e3,
        (double)took[PINGS - 1] / 1e3, PINGS);
}

static bool is_here(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0 || host[0] == '/';
}

/* Whoever reaches a Redis without a password may read and change everything. */
static void check_password(struct checkup *k)
{
    struct kv_url url;
    struct err e;
    if (!kv_url_parse(&url, k->c->conf.redis_url, &e))
        return;
    bool open = url.password == NULL && !is_here(url.seeds[0].host);
    checkup_add(
        k, group, "password", open ? FINDING_WARN : FINDING_OK,
        "set users and passwords (ACL), and CHRONOS_REDIS_URL=redis://user:password@host:port",
        "%s",
        url.password != NULL ? (url.user != NULL ? "user and password" : "password")
        : open               ? "none, over the network"
                             : "none, on this machine");
    kv_url_release(&url);
}

/* A script, a read of what daemons read, and a heartbeat: what every daemon needs. */
static void check_rights(struct checkup *k)
{
    struct err e;
    struct kv_args a;
    kv_args_init(&a);
    kv_adds(&a, "chronosctl doctor");
    kv_addi(&a, 1000);
    auto_reply *wrote = kv_script(k->c->kv, "keep_alive", "chronos:doctor", &a, &e);
    kv_args_release(&a);
    auto_reply *read = wrote != NULL ? kv_cmd(k->c->kv, &e, "HLEN %s", KEY_FUNCTIONS) : NULL;
    bool ok = wrote != NULL && read != NULL;
    checkup_add(k, group, "rights", ok ? FINDING_OK : FINDING_FAIL,
                "the user needs reading, writing and scripts over the keys chronos:* and {c*}*",
                "%s", ok ? "reads, writes and calls scripts" : e.msg);
}

void check_redis(struct checkup *k)
{
    struct err e;
    int servers;
    if (!kv_servers(k->c->kv, &servers, &e)) {
        checkup_add(k, group, "reachable", FINDING_FAIL,
                    "start Redis, or correct CHRONOS_REDIS_URL (host, port, user, password)", "%s",
                    e.msg);
        return;
    }
    k->redis = true;
    checkup_add(k, group, "reachable", FINDING_OK, NULL, "%d server%s", servers,
                servers == 1 ? "" : "s");
    for (int i = 0; i < servers; i++) {
        auto_reply *info = kv_cmd_at(k->c->kv, i, &e, "INFO");
        if (info != NULL)
            check_server(k, info->str);
        else
            checkup_add(k, group, "info", FINDING_FAIL, "allow the user the command INFO", "%s",
                        e.msg);
    }
    check_password(k);
    check_rights(k);
    check_latency(k);
}
