#include "housekeeping.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "db.h"
#include "kv.h"
#include "log.h"
#include "redis_check.h"

enum {
    NAP_MS = 50,
    RETRY_MS = 5000,
    DAYS_BACK = 1,
    DAYS_AHEAD = 3,
};

struct housekeeping {
    pthread_t thread;
    const struct conf *conf;
    const atomic_bool *stopping;
    struct kv *kv;
    struct db *db;
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

static bool keep_partitions(struct housekeeping *h, struct err *e)
{
    char back[16], ahead[16], keep[24];
    (void)snprintf(back, sizeof(back), "%d", DAYS_BACK);
    (void)snprintf(ahead, sizeof(ahead), "%d", DAYS_AHEAD);
    (void)snprintf(keep, sizeof(keep), "%ld", h->conf->retention_days);
    return DB_EXEC(h->db, e, "ensure_partitions", back, ahead) &&
           DB_EXEC(h->db, e, "drop_partitions", keep);
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

static const struct {
    const char *name;
    int64_t period_ms;
    bool (*run)(struct housekeeping *h, struct err *e);
} chores[] = {
    {"check redis", 60000, check_redis},
    {"keep partitions", 3600000, keep_partitions},
    {"forget orders", 3600000, forget_orders},
    {"tell settings", 3600000, tell_settings},
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
            due[i] = mono_ms() + (ok ? chores[i].period_ms : RETRY_MS);
        }
        sleep_ms(NAP_MS);
    }
    return NULL;
}

struct housekeeping *housekeeping_start(const struct conf *c, const atomic_bool *stopping,
                                        struct err *e)
{
    struct housekeeping *h = calloc(1, sizeof(*h));
    if (h == NULL)
        abort();
    h->conf = c;
    h->stopping = stopping;
    h->kv = kv_new(c->redis_url, e);
    if (h->kv == NULL) {
        free(h);
        return NULL;
    }
    h->db = db_new(c->database_url, "chronos-housekeeping");
    if (pthread_create(&h->thread, NULL, housekeeping_loop, h) != 0)
        abort(); /* at start */
    return h;
}

void housekeeping_stop(struct housekeeping *h)
{
    (void)pthread_join(h->thread, NULL);
    db_free(h->db);
    kv_free(h->kv);
    free(h);
}
