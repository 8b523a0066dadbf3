/* main.c: chronos-scheduler. Migrates the schema, then runs four threads: the router (events to runs), the recorder (events
 * to Postgres), the archiver (history to Postgres) and the duties (timers, dead workers, housekeeping). They stop in that
 * order: first what takes new work, last what reports. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "daemon.h"
#include "duty.h"
#include "id.h"
#include "identity.h"
#include "key.h"
#include "kv.h"
#include "log.h"
#include "rebuild.h"
#include "recorder.h"
#include "route.h"

static const char summary[] =
    "chronos-scheduler: routes events to runs, fires timers, hands on the work of dead workers and "
    "archives\n"
    "history in Postgres, whose schema it keeps up to date. Any number of schedulers may run.";

enum { EPOCH_SIZE = 32, EPOCH_WATCH_MS = 1000, RETRY_MS = 500 };

static atomic_bool stopping;

/* The name of this Redis data set: made once, lost with the data. What Postgres remembers of a place in a stream holds
 * only within one epoch. */
static bool read_epoch(struct kv *kv, char out[EPOCH_SIZE], struct err *e)
{
    auto_reply *there = kv_cmd(kv, e, "GET %s", KEY_EPOCH); /* first: a full Redis refuses SET */
    if (there == NULL)
        return false;
    if (there->type == REDIS_REPLY_STRING) {
        (void)snprintf(out, EPOCH_SIZE, "%s", there->str);
        return true;
    }
    char fresh[EPOCH_SIZE];
    (void)snprintf(fresh, sizeof(fresh), "%016llx", (unsigned long long)id_random());
    auto_reply *first = kv_cmd(kv, e, "SET %s %s NX GET", KEY_EPOCH, fresh);
    if (first == NULL)
        return false;
    (void)snprintf(out, EPOCH_SIZE, "%s", first->type == REDIS_REPLY_STRING ? first->str : fresh);
    return true;
}

static bool find_epoch(const struct conf *c, char out[EPOCH_SIZE], struct err *e)
{
    struct kv *kv = kv_new(c->redis_url, e);
    bool ok = kv != NULL && read_epoch(kv, out, e);
    kv_free(kv);
    return ok;
}

/* Has this Redis lost its data, or is it another one? false also when it cannot be asked. */
static bool is_other_epoch(struct kv *kv, const char *epoch)
{
    struct err e;
    auto_reply *r = kv_cmd(kv, &e, "GET %s", KEY_EPOCH);
    return r != NULL && (r->type != REDIS_REPLY_STRING || strcmp(r->str, epoch) != 0);
}

/* Keeps trying: at this point nothing runs yet that could be harmed by waiting. */
static bool prepare(const struct conf *c, char epoch[EPOCH_SIZE], struct identity **ret_identity)
{
    for (;;) {
        struct err e;
        struct identity *identity = find_epoch(c, epoch, &e) ? identity_start(c, &e) : NULL;
        if (identity != NULL && rebuild_if_lost(c, identity, epoch, &e)) {
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

/* Runs the threads until a signal (true) or until Redis has lost its data (false: start over). */
static bool run_epoch(const struct conf *c, bool *ret_ok)
{
    static char epoch[EPOCH_SIZE];
    struct err e = {.code = ERR_NONE};
    struct identity *identity;
    atomic_store(&stopping, false);
    *ret_ok = true;
    if (!prepare(c, epoch, &identity))
        return true;
    struct kv *kv = kv_new(c->redis_url, &e);
    struct recorder *recorder = kv != NULL ? recorder_start(c, &stopping, &e) : NULL;
    struct archiver *archiver = recorder != NULL ? archiver_start(c, epoch, &stopping, &e) : NULL;
    struct duties *duties = archiver != NULL ? duties_start(c, &stopping, &e) : NULL;
    struct router *router =
        duties != NULL ? router_start(c, identity, recorder, epoch, &stopping, &e) : NULL;
    if (router == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        *ret_ok = false;
        return true;
    }
    char name[IDENTITY_SIZE];
    identity_name(identity, name);
    log_info("ready", "scheduler", name, LOG_END);

    int sig;
    bool lost;
    do {
        sig = daemon_wait_signal(EPOCH_WATCH_MS);
        lost = is_other_epoch(kv, epoch);
    } while (sig != SIGTERM && sig != SIGINT && !lost);

    log_info(lost ? "redis has lost its data; starting over" : "stopping", LOG_END);
    atomic_store(&stopping, true);
    router_stop(router);
    recorder_stop(recorder);
    duties_stop(duties);
    archiver_stop(archiver);
    identity_stop(identity);
    kv_free(kv);
    return !lost;
}

int main(int argc, char **argv)
{
    static struct conf c; /* strings in it live as long as the process */
    bool ok;
    daemon_init(&c, CONF_SCHEDULER, "chronos-scheduler", summary, argc, argv);
    daemon_block_signals();
    if (!daemon_wait_for_stores(&c, true))
        return 1;
    while (!run_epoch(&c, &ok)) {
    }
    log_info("stopped", LOG_END);
    return ok ? 0 : 1;
}
