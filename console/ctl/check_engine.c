/* check_engine.c: do the two stores belong together and agree on the time, do daemons live, and does work get on? */
#include <stdlib.h>
#include <string.h>

#include "checkup.h"
#include "clock.h"
#include "cron.h"
#include "fleet.h"
#include "js.h"
#include "key.h"
#include "out.h"
#include "partitions.h"
#include "streams_seen.h"

enum { SKEW_WARN_MS = 1000, SKEW_FAIL_MS = 60000, LATE_MS = 30000 };

static const char group[] = "engine";

/* ---- clocks ---- */

static bool redis_time(struct ctl *c, int64_t *ret_ms, struct err *e)
{
    auto_reply *r = kv_cmd(c->kv, e, "TIME");
    if (r == NULL || r->elements != 2)
        return false;
    *ret_ms =
        strtoll(r->element[0]->str, NULL, 10) * 1000 + strtoll(r->element[1]->str, NULL, 10) / 1000;
    return true;
}

static bool postgres_time(struct ctl *c, int64_t *ret_ms, struct err *e)
{
    auto_result *r = DB_QUERY(c->db, e, "postgres_clock");
    if (r == NULL)
        return false;
    *ret_ms = db_int(r, 0, "now_ms", 0);
    return true;
}

typedef bool (*clock_fn)(struct ctl *c, int64_t *ret_ms, struct err *e);

/* How far the other clock is ahead of this machine's, give or take half a round trip. The second reading counts: the first
 * may have to prepare a statement. */
static bool ahead_of_us(struct ctl *c, clock_fn read, int64_t *ret_ms, struct err *e)
{
    int64_t theirs, before = 0;
    for (int i = 0; i < 2; i++) {
        before = wall_ms();
        if (!read(c, &theirs, e))
            return false;
    }
    *ret_ms = theirs - (before + wall_ms()) / 2;
    return true;
}

static void judge_skew(struct checkup *k, const char *check, int64_t ms, const char *what)
{
    int64_t size = ms < 0 ? -ms : ms;
    checkup_add(
        k, group, check,
        size >= SKEW_FAIL_MS   ? FINDING_FAIL
        : size >= SKEW_WARN_MS ? FINDING_WARN
                               : FINDING_OK,
        "let chrony or ntpd set the clocks of all machines: ages, schedules and the rebuild "
        "compare them",
        "%s by %lld ms", what, (long long)ms);
}

void check_clocks(struct checkup *k)
{
    struct err e;
    int64_t redis = 0, postgres = 0;
    bool has_redis = k->redis && ahead_of_us(k->c, redis_time, &redis, &e);
    bool has_postgres = k->postgres && ahead_of_us(k->c, postgres_time, &postgres, &e);
    if (has_redis && has_postgres)
        judge_skew(k, "clocks of the stores", redis - postgres, "Redis is ahead of Postgres");
    if (has_redis)
        judge_skew(k, "clock of this machine", -redis, "it is ahead of Redis");
    else if (has_postgres)
        judge_skew(k, "clock of this machine", -postgres, "it is ahead of Postgres");
}

/* ---- the stores together ---- */

static void check_partitions(struct checkup *k)
{
    struct err e;
    long n = k->c->conf.partitions;
    bool ok = partitions_settle(&n, false, k->c->kv, k->c->db, &e);
    if (ok)
        checkup_add(k, group, "partitions", FINDING_OK, NULL, "%ld, in both stores", n);
    else
        checkup_add(k, group, "partitions", e.code == ERR_UNAVAILABLE ? FINDING_WARN : FINDING_FAIL,
                    e.code == ERR_UNAVAILABLE
                        ? "start a scheduler"
                        : "check that both URLs are of the same engine, and CHRONOS_PARTITIONS",
                    "%s", e.msg);
}

/* ---- daemons and functions ---- */

static void check_schedule(struct checkup *k, const char *fn, const char *schedule)
{
    struct cron cron;
    struct err e;
    char check[KEY_SIZE];
    (void)snprintf(check, sizeof(check), "schedule of %s", fn);
    if (cron_parse(&cron, schedule, &e)) {
        cron_release(&cron);
        return;
    }
    checkup_add(k, group, check, FINDING_WARN,
                "correct it in the function, or install tzdata where schedulers run", "%s: %s",
                schedule, e.msg);
}

static const char *schedule_of(const json_t *manifest)
{
    return js_str(manifest, "cron.schedule");
}

static void check_manifest(struct checkup *k, const char *fn, const redisReply *manifest)
{
    struct err e;
    auto_json *j = js_parse_own(manifest->str, manifest->len, &e);
    if (j != NULL && schedule_of(j) != NULL)
        check_schedule(k, fn, schedule_of(j));
}

static void check_offer(struct checkup *k, const struct fleet *fleet, const char *fn,
                        int *unoffered)
{
    char check[KEY_SIZE], todo[KEY_SIZE + 80];
    if (fleet_offers(fleet, fn) > 0)
        return;
    (*unoffered)++;
    (void)snprintf(check, sizeof(check), "function %s", fn);
    (void)snprintf(todo, sizeof(todo),
                   "start a worker whose build has it, or end it: chronosctl retire %s", fn);
    checkup_add(k, group, check, FINDING_WARN, todo, "no live worker executes it; its runs wait");
}

static void check_functions(struct checkup *k, const struct fleet *fleet)
{
    struct err e;
    int unoffered = 0;
    auto_reply *r = kv_cmd(k->c->kv, &e, "HGETALL %s", KEY_FUNCTIONS);
    if (r == NULL) {
        checkup_add(k, group, "functions", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        check_manifest(k, r->element[i]->str, r->element[i + 1]);
    size_t n = r->elements / 2;
    if (n > 0 && fleet_alive(fleet->workers) == 0) {
        checkup_add(k, group, "functions", FINDING_WARN, "start chronos-worker",
                    "%zu known, all of them executed by nobody; their runs wait", n);
        return;
    }
    for (size_t i = 0; i + 1 < r->elements; i += 2)
        check_offer(k, fleet, r->element[i]->str, &unoffered);
    checkup_add(
        k, group, "functions",
        n == 0          ? FINDING_FAIL
        : unoffered > 0 ? FINDING_WARN
                        : FINDING_OK,
        n == 0 ? "start a worker: it makes its functions known; until then events are unmatched"
               : "see the functions named above",
        "%zu known, %d of them executed by nobody", n, unoffered);
}

static void check_daemons(struct checkup *k)
{
    struct err e;
    struct fleet fleet;
    if (!fleet_read(&fleet, k->c->kv, &e)) {
        checkup_add(k, group, "daemons", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    size_t schedulers = fleet_alive(fleet.schedulers), workers = fleet_alive(fleet.workers);
    checkup_add(k, group, "schedulers", schedulers > 0 ? FINDING_OK : FINDING_FAIL,
                "start chronos-scheduler: without one no event is routed and no retry is due",
                "%zu alive", schedulers);
    checkup_add(k, group, "workers", workers > 0 ? FINDING_OK : FINDING_FAIL,
                "start chronos-worker: without one nothing is executed", "%zu alive", workers);
    check_functions(k, &fleet);
    fleet_release(&fleet);
}

/* ---- backlogs ---- */

static void check_streams(struct checkup *k)
{
    struct err e;
    struct streams_seen s;
    if (!streams_see(&s, k->c, &e)) {
        checkup_add(k, group, "events", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    char age[48];
    out_duration(s.oldest_event_ms, age, sizeof(age));
    checkup_add(k, group, "events", s.oldest_event_ms > LATE_MS ? FINDING_WARN : FINDING_OK,
                "start another scheduler, and look at the log of the one that runs",
                s.events == 0 ? "all are routed"
                              : "%lld to be routed and recorded, the oldest %s old",
                s.events, age);
    out_duration(s.oldest_history_ms, age, sizeof(age));
    checkup_add(k, group, "history", s.oldest_history_ms > LATE_MS ? FINDING_WARN : FINDING_OK,
                "look at the log of the schedulers: what ended is not archived in Postgres",
                s.history == 0 ? "all is archived"
                               : "%lld entries to be archived, the oldest %s old",
                s.history, age);
}

static void check_orders(struct checkup *k)
{
    struct err e;
    auto_result *r = DB_QUERY(k->c->db, &e, "open_orders");
    if (r == NULL) {
        checkup_add(k, group, "orders", FINDING_SKIP, NULL, "%s", e.msg);
        return;
    }
    long long outbox = db_int(r, 0, "outbox_late", 0), commands = db_int(r, 0, "commands_late", 0);
    checkup_add(k, group, "orders", outbox + commands > 0 ? FINDING_WARN : FINDING_OK,
                "a scheduler carries them out: start one, and look at its log",
                "%lld events in chronos.outbox and %lld commands are late", outbox, commands);
}

void check_engine(struct checkup *k)
{
    if (k->redis && k->schema)
        check_partitions(k);
    if (k->redis) {
        check_daemons(k);
        check_streams(k);
    }
    if (k->schema)
        check_orders(k);
}
