#include "housekeeping.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "canary.h"
#include "clock.h"
#include "db.h"
#include "forget.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "metrics.h"
#include "offers.h"
#include "rebuild.h"
#include "redis_check.h"
#include "refused.h"
#include "rejected.h"
#include "retention.h"
#include "servers.h"

enum {
    NAP_MS = 50,
    SERVERS_MAX_BYTES = 1 << 20,
    IDS_MAX_BYTES = 1 << 20,
    AHEAD_MS = 3600000, /* clocks of servers differ, but not by that */
    LOOKS_ALONE =
        6, /* by which a function is said to be executed by nobody: a deployment takes a while */
};

struct housekeeping {
    pthread_t thread;
    const struct conf *conf;
    const atomic_bool *stopping;
    struct identity *identity;
    struct recorder *recorder;
    struct kv *kv;
    struct db *db;
    json_t *alone;      /* function -> looks at which no worker executed it, one after the other */
    struct buf servers; /* that hold the data, as was seen last; empty before */
    bool is_forgetful;  /* they are new, and what they may have forgotten was not looked for yet */
    bool is_ahead;      /* the event stream's ids are, of the clock */
    struct refused_pass refused;
    uint64_t records; /* that are to be written before, since their runs may be forgotten, too */
};

static bool check_redis(struct housekeeping *h, struct err *e)
{
    double share = 0;
    if (!redis_check(h->kv, &share, e)) {
        if (e->code != ERR_INPUT)
            return false;
        log_error("redis is not fit to keep work any more", "error", e->msg, LOG_END);
    }
    if (share > 0.75) {
        char percent[16];
        (void)snprintf(percent, sizeof(percent), "%.0f", share * 100);
        log_warn("redis is filling up; when it is full new events are refused", "percent", percent,
                 LOG_END);
    }
    return true;
}

/* Somebody added an entry with an id of his own: until the stream has run empty, events are as late as he said. */
static bool rewind_events(struct housekeeping *h, struct err *e)
{
    struct kv_args a;
    kv_args_init(&a);
    kv_addi(&a, AHEAD_MS);
    auto_reply *r = kv_script(h->kv, "rewind_stream", KEY_EVENTS, &a, e);
    kv_args_release(&a);
    if (r == NULL)
        return false;
    long long code = r->elements == 1 ? r->element[0]->integer : 0;
    if (code == 2 && !h->is_ahead)
        log_warn("an event was added with an id of its own, ahead of the clock; all that come "
                 "later seem as late",
                 "stream", KEY_EVENTS, LOG_END);
    if (code == 1)
        log_warn("the ids of the event stream were ahead of the clock and follow it again",
                 "stream", KEY_EVENTS, LOG_END);
    h->is_ahead = code == 2;
    return true;
}

static bool make_partitions(struct housekeeping *h, struct err *e)
{
    return retention_make(h->db, e);
}

static bool drop_partitions(struct housekeeping *h, struct err *e)
{
    return retention_drop(h->conf, h->db, h->stopping, e);
}

static bool bound_rejected(struct housekeeping *h, struct err *e)
{
    return rejected_bound(h->kv, retention_days(h->conf, h->conf->retention_rejected_days), e);
}

static bool retry_refused(struct housekeeping *h, struct err *e)
{
    return refused_retry(&h->refused, h->db, h->stopping, e);
}

static bool forget_ordered(struct housekeeping *h, struct err *e)
{
    return forget_creators(h->conf, h->kv, h->db, h->stopping, e);
}

/* Also those that went with this database before: the change may have come while no scheduler was running. */
static bool know_servers(struct housekeeping *h, const struct buf *now, struct err *e)
{
    if (h->servers.len > 0)
        return true;
    auto_result *r = DB_QUERY(h->db, e, "get_meta", "redis_servers");
    if (r == NULL)
        return false;
    const char *before = PQntuples(r) > 0 ? db_text(r, 0, "value") : NULL;
    if (before == NULL && !DB_EXEC(h->db, e, "set_meta", "redis_servers", now->data))
        return false;
    return buf_adds(&h->servers, before != NULL ? before : now->data) ||
           err_set(e, ERR_BUG, "redis has too many servers");
}

/* Takes `now` when it is news. */
static void note_servers(struct housekeeping *h, struct buf *now)
{
    if (strcmp(h->servers.data, now->data) == 0)
        return;
    log_info("a redis server was restarted or replaced; what it may have forgotten is looked for",
             LOG_END);
    buf_release(&h->servers);
    h->servers = *now;
    buf_init(now, SERVERS_MAX_BYTES);
    h->is_forgetful = true;
    h->records = recorder_taken(h->recorder);
}

/* Each scheduler does this for itself, after its own records are written: a run that was started just before the change
 * can be found missing only when Postgres knows of it. */
static bool find_forgotten(struct housekeeping *h, struct err *e)
{
    auto_buf now = BUF_INIT(SERVERS_MAX_BYTES);
    if (!servers_read(h->kv, &now, e) || !know_servers(h, &now, e))
        return false;
    note_servers(h, &now);
    if (!h->is_forgetful || !recorder_has_written(h->recorder, h->records))
        return true;
    if (!rebuild_forgotten(h->conf, h->identity, h->stopping, e))
        return false;
    h->is_forgetful = false;
    return DB_EXEC(h->db, e, "set_meta", "redis_servers", h->servers.data);
}

/* Commands are history; what operators took back is forgotten once every scheduler has told Redis. */
static bool forget_orders(struct housekeeping *h, struct err *e)
{
    char keep[24];
    (void)snprintf(keep, sizeof(keep), "%ld", h->conf->retention_days);
    return DB_EXEC(h->db, e, "forget_commands", keep) && DB_EXEC(h->db, e, "forget_controls");
}

/* For chronos.send, which holds events to the same bound as the public door. */
static bool tell_settings(struct housekeeping *h, struct err *e)
{
    char bytes[24];
    (void)snprintf(bytes, sizeof(bytes), "%ld", h->conf->max_event_bytes);
    return DB_EXEC(h->db, e, "set_meta", "max_event_bytes", bytes);
}

/* Said once, until somebody executes it again. */
static void note_alone(struct housekeeping *h, const char *fn, bool offered)
{
    long long looks = json_integer_value(json_object_get(h->alone, fn));
    if (offered && looks >= LOOKS_ALONE)
        log_info("a function is executed by a worker again", "fn", fn, LOG_END);
    if (!offered && looks + 1 == LOOKS_ALONE)
        log_warn("no live worker executes a function; its runs wait", "fn", fn, "hint",
                 "start a worker whose build has it, or select chronos.retire(fn)", LOG_END);
    (void)json_object_set_new(h->alone, fn, json_integer(offered ? 0 : looks + 1));
    metric_set(METRIC_UNATTENDED, !offered && looks + 1 >= LOOKS_ALONE, fn);
}

static bool note_offered(struct housekeeping *h, const struct offers *offers,
                         const redisReply *functions, struct err *e)
{
    auto_buf ids = BUF_INIT(IDS_MAX_BYTES);
    bool any = false;
    for (size_t i = 0; i < functions->elements; i++) {
        const char *fn = functions->element[i]->str;
        bool offered = offers_of(offers, fn) > 0;
        note_alone(h, fn, offered);
        if (offered && !buf_addf(&ids, "%c\"%s\"", any ? ',' : '{', fn))
            return err_set(e, ERR_BUG, "there are too many functions");
        any = any || offered;
    }
    metric_drop_stale(METRIC_UNATTENDED);
    return !any || (buf_addc(&ids, '}') && DB_EXEC(h->db, e, "note_offers", ids.data));
}

static bool see_offers(struct housekeeping *h, struct err *e)
{
    struct offers offers;
    auto_reply *functions = kv_cmd(h->kv, e, "HKEYS %s", KEY_FUNCTIONS);
    if (functions == NULL || !offers_read(&offers, h->kv, e))
        return false;
    bool ok = note_offered(h, &offers, functions, e);
    offers_release(&offers);
    return ok;
}

static bool send_canary(struct housekeeping *h, struct err *e)
{
    return canary_send(h->conf, h->kv, e);
}

static const struct {
    const char *name;
    int64_t period_ms, retry_ms;
    bool (*run)(struct housekeeping *h, struct err *e);
} chores[] = {
    {"check redis", 60000, 5000, check_redis},
    {"rewind events", 5000, 5000, rewind_events},
    {"make partitions", 3600000, 5000, make_partitions},
    {"drop partitions", 3600000, 5000, drop_partitions},
    {"bound rejected events", 10000, 5000, bound_rejected},
    {"retry refused rows", 1000, 5000, retry_refused},
    {"forget orders", 3600000, 5000, forget_orders},
    {"forget creators", 2000, 2000, forget_ordered},
    {"tell settings", 3600000, 5000, tell_settings},
    {"find forgotten work", 1000, 500, find_forgotten},
    {"see what workers execute", 10000, 5000, see_offers},
    {"send the canary", 1000, 1000, send_canary},
};

static void *housekeeping_loop(void *arg)
{
    struct housekeeping *h = arg;
    int64_t due[ARRAY_LEN(chores)] = {0};
    bool failing[ARRAY_LEN(chores)] = {false};
    while (!atomic_load(h->stopping)) {
        for (size_t i = 0; i < ARRAY_LEN(chores); i++) {
            if (mono_ms() < due[i])
                continue;
            struct err e;
            bool ok = chores[i].run(h, &e);
            if (!ok && !failing[i])
                log_warn("housekeeping failed and will be tried again", "chore", chores[i].name,
                         "error", e.msg, LOG_END);
            failing[i] = !ok;
            due[i] = mono_ms() + (ok ? chores[i].period_ms : chores[i].retry_ms);
        }
        sleep_ms(NAP_MS);
    }
    return NULL;
}

struct housekeeping *housekeeping_start(const struct conf *c, struct identity *identity,
                                        struct recorder *recorder, const atomic_bool *stopping,
                                        struct err *e)
{
    struct housekeeping *h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    *h = (struct housekeeping){.conf = c,
                               .identity = identity,
                               .recorder = recorder,
                               .stopping = stopping,
                               .refused = {.after = "0"}};
    h->kv = kv_new(c->redis_url, e);
    if (h->kv == NULL) {
        free(h);
        return NULL;
    }
    h->db = db_new(c->database_url, "chronos-housekeeping");
    h->alone = json_object();
    buf_init(&h->servers, SERVERS_MAX_BYTES);
    if (pthread_create(&h->thread, NULL, housekeeping_loop, h) != 0)
        abort(); /* at start */
    return h;
}

void housekeeping_stop(struct housekeeping *h)
{
    (void)pthread_join(h->thread, NULL);
    buf_release(&h->servers);
    json_decref(h->alone);
    db_free(h->db);
    kv_free(h->kv);
    free(h);
}
