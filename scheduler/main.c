/* main.c: chronos-scheduler. Migrates the schema, makes itself known (identity.h has a heartbeat thread), and runs the threads:
 *
 *   recorder      events to Postgres             duties        timers, dead workers
 *   archiver      history to Postgres            sharer        limits that partitions share
 *   housekeeping  tables by day, the state of    heir          what dead schedulers had read
 *                 Redis, what it has forgotten   lookback      earlier events for runs that wait for one
 *   auditor       Redis against itself           router        events to runs
 *   controls      what operators have set        ticker        schedules to events
 *   commands      what operators order           outbox        rows of Postgres to events
 *                                                sampler       figures for the metrics
 *
 * They are started in this order and stopped against it, so nothing is given work before it runs or after it has stopped. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "audit.h"
#include "commands.h"
#include "controls.h"
#include "daemon.h"
#include "db.h"
#include "duty.h"
#include "epochs.h"
#include "explain.h"
#include "housekeeping.h"
#include "identity.h"
#include "inherit.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "lookback.h"
#include "metrics_server.h"
#include "migrate_command.h"
#include "outbox.h"
#include "partitions.h"
#include "rebuild.h"
#include "recorder.h"
#include "route.h"
#include "sampler.h"
#include "shares.h"
#include "ticks.h"

static const char summary[] =
    "chronos-scheduler: routes events to runs, fires timers, hands on the work of dead workers and "
    "archives\n"
    "history in Postgres, whose schema it keeps up to date. Any number of schedulers may run.\n\n"
    "chronos-scheduler --explain RUN tells where a run is and what it waits for, or how it ended.\n"
    "chronos-scheduler --migrate brings the schema up to date, as its owner, and ends.";

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
static bool prepare(const struct conf *c, bool lost, struct epochs *epochs, int64_t *ret_began_ms,
                    struct identity **ret_identity)
{
    for (;;) {
        struct err e;
        struct identity *identity = find_epochs(c, epochs, &e) ? identity_start(c, &e) : NULL;
        /* What operators have set comes first: it holds for the runs that are put back as well. */
        if (identity != NULL && controls_apply(c, &e) &&
            rebuild_if_lost(c, identity, epochs, lost, ret_began_ms, &e)) {
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
    struct auditor *auditor;
    struct controls *controls;
    struct watcher_thread *commands;
    struct duties *duties;
    struct sharer *sharer;
    struct heir *heir;
    struct lookback *lookback;
    struct router *router;
    struct ticker *ticker;
    struct outbox *outbox;
    struct sampler *sampler;
};

/* Those that were started. */
static void stop_threads(struct threads *t)
{
    atomic_store(&stopping, true);
    if (t->sampler != NULL)
        sampler_stop(t->sampler);
    if (t->outbox != NULL)
        outbox_stop(t->outbox);
    if (t->ticker != NULL)
        ticker_stop(t->ticker);
    if (t->router != NULL)
        router_stop(t->router);
    if (t->lookback != NULL)
        lookback_stop(t->lookback);
    if (t->heir != NULL)
        heir_stop(t->heir);
    if (t->sharer != NULL)
        sharer_stop(t->sharer);
    if (t->duties != NULL)
        duties_stop(t->duties);
    if (t->commands != NULL)
        commands_stop(t->commands);
    if (t->controls != NULL)
        controls_stop(t->controls);
    if (t->auditor != NULL)
        auditor_stop(t->auditor);
    if (t->housekeeping != NULL)
        housekeeping_stop(t->housekeeping);
    if (t->archiver != NULL)
        archiver_stop(t->archiver);
    if (t->recorder != NULL)
        recorder_stop(t->recorder);
}

static bool start_threads(struct threads *t, struct routing *routing, struct err *e)
{
    const struct conf *c = routing->conf;
    *t = (struct threads){0};
    atomic_store(&stopping, false);
    routing->recorder = t->recorder = recorder_start(c, &stopping, e);
    return t->recorder != NULL &&
           (t->archiver = archiver_start(c, routing->epochs, &stopping, e)) != NULL &&
           (t->housekeeping =
                housekeeping_start(c, routing->identity, t->recorder, &stopping, e)) != NULL &&
           (t->auditor = auditor_start(c, routing->identity, &stopping, e)) != NULL &&
           (t->controls = controls_start(c, &stopping, e)) != NULL &&
           (t->commands = commands_start(c, &stopping, e)) != NULL &&
           (t->duties = duties_start(c, &stopping, e)) != NULL &&
           (t->sharer = sharer_start(c, routing->identity, &stopping, e)) != NULL &&
           (t->heir = heir_start(routing, e)) != NULL &&
           (t->lookback = lookback_start(routing, e)) != NULL &&
           (t->router = router_start(routing, e)) != NULL &&
           (t->ticker = ticker_start(c, routing->identity, &stopping, e)) != NULL &&
           (t->outbox = outbox_start(c, &stopping, e)) != NULL &&
           (t->sampler = sampler_start(c, &stopping, e)) != NULL;
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
    struct routing routing = {
        .conf = c, .streams = &streams, .epochs = &epochs, .stopping = &stopping};
    if (!prepare(c, *lost, &epochs, &routing.epoch_began_ms, &routing.identity))
        return true;
    *lost = false;
    streams_init(&streams, (int)c->partitions, &epochs);
    struct threads threads = {0};
    struct kv *kv = kv_new(c->redis_url, &e);
    bool started = kv != NULL && start_threads(&threads, &routing, &e), done;
    if (started) {
        char name[IDENTITY_SIZE];
        identity_name(routing.identity, name);
        metrics_say_ready(NULL);
        log_info("ready", "scheduler", name, LOG_END);
        done = watch(kv, &epochs);
        metrics_say_ready(done ? "it is stopping" : "redis has lost its data; it starts over");
        *lost = !done;
        log_info(done ? "stopping" : "redis has lost its data; starting over", LOG_END);
    } else {
        log_warn("cannot start yet", "error", e.msg, LOG_END);
        int sig = daemon_wait_signal(RETRY_MS);
        done = sig == SIGTERM || sig == SIGINT;
    }
    if (kv != NULL)
        stop_threads(&threads);
    identity_stop(routing.identity);
    kv_free(kv);
    return done;
}

/* No daemon: the settings are read, and only what goes wrong is told. */
static int explain(struct conf *c, const char *run)
{
    struct err e;
    log_init("chronos-scheduler", LOG_ERROR);
    if (conf_load(c, CONF_SCHEDULER, &e))
        return explain_run(c, run);
    (void)fprintf(stderr, "chronos-scheduler: %s\n", e.msg);
    return 2;
}

int main(int argc, char **argv)
{
    static struct conf c; /* strings in it live as long as the process */
    if (argc == 3 && strcmp(argv[1], "--explain") == 0)
        return explain(&c, argv[2]);
    if (argc == 2 && strcmp(argv[1], "--migrate") == 0)
        return migrate_command(&c);
    if (argc == 2 && strcmp(argv[1], "--explain") == 0) {
        (void)fprintf(stderr, "chronos-scheduler: --explain needs the id of a run\n");
        return 2;
    }
    daemon_init(&c, CONF_SCHEDULER, "chronos-scheduler", summary, argc, argv);
    daemon_block_signals();
    struct err e;
    if (!metrics_serve(&c, METRIC_OF_SCHEDULER, &e)) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 2;
    }
    metrics_say_ready("it waits for redis and postgres");
    metrics_ask_ready(sampler_is_content, NULL);
    if (!daemon_wait_for_stores(&c, true))
        return 1;
    bool lost = false;
    while (!run_epoch(&c, &lost)) {
    }
    log_info("stopped", LOG_END);
    return 0;
}
