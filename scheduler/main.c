/* main.c: chronos-scheduler. Migrates the schema, makes itself known (identity.h has a heartbeat thread), and runs the threads:
 *
 *   recorder      events to Postgres             duties        timers, dead workers
 *   archiver      history to Postgres            heir          what dead schedulers had read
 *   housekeeping  tables by day, the state of    router        events to runs
 *                 Redis, what it has forgotten
 *
 * They are started in this order and stopped against it, so nothing is given work before it runs or after it has stopped. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "daemon.h"
#include "db.h"
#include "duty.h"
#include "epochs.h"
#include "housekeeping.h"
#include "identity.h"
#include "inherit.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "partitions.h"
#include "rebuild.h"
#include "recorder.h"
#include "route.h"

static const char summary[] =
    "chronos-scheduler: routes events to runs, fires timers, hands on the work of dead workers and "
    "archives\n"
    "history in Postgres, whose schema it keeps up to date. Any number of schedulers may run.";

enum { EPOCH_WATCH_MS = 1000, RETRY_MS = 500 };

static atomic_bool stopping;

/* The number of partitions goes back into a Redis that has lost it, before anything is routed by it. */
static bool find_epochs(const struct conf *c, struct epochs *epochs, struct err *e)
{
    struct kv *kv = kv_new(c->redis_url, e);
    if (kv == NULL)
        return false;
    struct db *db = db_new(c->database_url, "chronos-start");
    long partitions = c->partitions;
    bool ok = partitions_settle(&partitions, true, kv, db, e) &&
              epochs_read(epochs, (int)partitions, kv, e);
    db_free(db);
    kv_free(kv);
    return ok;
}

/* Keeps trying: at this point nothing runs yet that could be harmed by waiting. `lost`: this process has run in an epoch that
 * is lost. */
static bool prepare(const struct conf *c, bool lost, struct epochs *epochs,
                    struct identity **ret_identity)
{
    for (;;) {
        struct err e;
        struct identity *identity = find_epochs(c, epochs, &e) ? identity_start(c, &e) : NULL;
        if (identity != NULL && rebuild_if_lost(c, identity, epochs, lost, &e)) {
            *ret_identity = identity;
            return true;
        }
        if (identity != NULL)
            identity_stop(identity);
        log_warn("cannot start yet", "error", e.msg, LOG_END);
        int sig = daemon_wait_signal(RETRY_MS);
        if (sig == SIGTERM || sig == SIGINT)
            return false;
    }
}

struct threads {
    struct recorder *recorder;
    struct archiver *archiver;
    struct housekeeping *housekeeping;
    struct duties *duties;
    struct heir *heir;
    struct router *router;
};

/* Those that were started. */
static void stop_threads(struct threads *t)
{
    atomic_store(&stopping, true);
    if (t->router != NULL)
        router_stop(t->router);
    if (t->heir != NULL)
        heir_stop(t->heir);
    if (t->duties != NULL)
        duties_stop(t->duties);
    if (t->housekeeping != NULL)
        housekeeping_stop(t->housekeeping);
    if (t->archiver != NULL)
        archiver_stop(t->archiver);
    if (t->recorder != NULL)
        recorder_stop(t->recorder);
}

static bool start_threads(struct threads *t, const struct conf *c, struct identity *identity,
                          const struct epochs *epochs, const struct streams *streams, struct err *e)
{
    struct routing routing = {
        .conf = c, .identity = identity, .streams = streams, .stopping = &stopping};
    *t = (struct threads){0};
    atomic_store(&stopping, false);
    routing.recorder = t->recorder = recorder_start(c, &stopping, e);
    return t->recorder != NULL && (t->archiver = archiver_start(c, epochs, &stopping, e)) != NULL &&
           (t->housekeeping = housekeeping_start(c, identity, t->recorder, &stopping, e)) != NULL &&
           (t->duties = duties_start(c, &stopping, e)) != NULL &&
           (t->heir = heir_start(&routing, e)) != NULL &&
           (t->router = router_start(&routing, e)) != NULL;
}

/* Returns at a signal to stop (true) or when Redis has lost data (false). */
static bool watch(struct kv *kv, const struct epochs *epochs)
{
    for (;;) {
        int sig = daemon_wait_signal(EPOCH_WATCH_MS);
        if (sig == SIGTERM || sig == SIGINT)
            return true;
        if (epochs_differ(epochs, kv))
            return false;
    }
}

/* Runs the threads until a signal (true); false: start over, as Redis has lost data or went away in the middle. *lost is set
 * in the first case. */
static bool run_epoch(const struct conf *c, bool *lost)
{
    static struct epochs epochs;
    static struct streams streams;
    struct err e;
    struct identity *identity;
    if (!prepare(c, *lost, &epochs, &identity))
        return true;
    *lost = false;
    streams_init(&streams, (int)c->partitions, &epochs);
    struct threads threads;
    struct kv *kv = kv_new(c->redis_url, &e);
    bool started = kv != NULL && start_threads(&threads, c, identity, &epochs, &streams, &e), done;
    if (started) {
        char name[IDENTITY_SIZE];
        identity_name(identity, name);
        log_info("ready", "scheduler", name, LOG_END);
        done = watch(kv, &epochs);
        *lost = !done;
        log_info(done ? "stopping" : "redis has lost its data; starting over", LOG_END);
    } else {
        log_warn("cannot start yet", "error", e.msg, LOG_END);
        int sig = daemon_wait_signal(RETRY_MS);
        done = sig == SIGTERM || sig == SIGINT;
    }
    if (kv != NULL)
        stop_threads(&threads);
    identity_stop(identity);
    kv_free(kv);
    return done;
}

int main(int argc, char **argv)
{
    static struct conf c; /* strings in it live as long as the process */
    daemon_init(&c, CONF_SCHEDULER, "chronos-scheduler", summary, argc, argv);
    daemon_block_signals();
    if (!daemon_wait_for_stores(&c, true))
        return 1;
    bool lost = false;
    while (!run_epoch(&c, &lost)) {
    }
    log_info("stopped", LOG_END);
    return 0;
}
