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
#include "record.h"
#include "route.h"

static const char summary[] =
    "chronos-scheduler: routes events to runs, fires timers, hands on the work of dead workers and "
    "archives\n"
    "history in Postgres, whose schema it keeps up to date. Any number of schedulers may run.";

enum { EPOCH_SIZE = 32 };

static atomic_bool stopping;

/* The name of this Redis data set: made once, lost with the data. What Postgres remembers of a place in a stream holds
 * only within one epoch. */
static bool find_epoch(const struct conf *c, char out[EPOCH_SIZE], struct err *e)
{
    char fresh[EPOCH_SIZE];
    (void)snprintf(fresh, sizeof(fresh), "%016llx", (unsigned long long)id_random());
    struct kv *kv = kv_new(c->redis_url, e);
    redisReply *r = kv != NULL ? kv_cmd(kv, e, "SET %s %s NX GET", KEY_EPOCH, fresh) : NULL;
    bool ok = r != NULL;
    if (ok)
        (void)snprintf(out, EPOCH_SIZE, "%s", r->type == REDIS_REPLY_STRING ? r->str : fresh);
    kv_cleanup_reply(&r);
    kv_free(kv);
    return ok;
}

int main(int argc, char **argv)
{
    struct conf c;
    struct err e = {.code = ERR_NONE};
    static char epoch[EPOCH_SIZE];
    daemon_init(&c, CONF_SCHEDULER, "chronos-scheduler", summary, argc, argv);
    daemon_block_signals();
    if (!daemon_wait_for_stores(&c, true))
        return 1;

    struct identity *identity = find_epoch(&c, epoch, &e) ? identity_start(&c, &e) : NULL;
    struct recorder *recorder = identity != NULL ? recorder_start(&c, &stopping, &e) : NULL;
    struct archiver *archiver = recorder != NULL ? archiver_start(&c, epoch, &stopping, &e) : NULL;
    struct duties *duties = archiver != NULL ? duties_start(&c, &stopping, &e) : NULL;
    struct router *router =
        duties != NULL ? router_start(&c, identity, recorder, epoch, &stopping, &e) : NULL;
    if (router == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return 1;
    }
    char name[IDENTITY_SIZE];
    identity_name(identity, name);
    log_info("ready", "scheduler", name, LOG_END);

    int sig;
    do
        sig = daemon_wait_signal(1000);
    while (sig != SIGTERM && sig != SIGINT);

    log_info("stopping", LOG_END);
    atomic_store(&stopping, true);
    router_stop(router);
    recorder_stop(recorder);
    duties_stop(duties);
    archiver_stop(archiver);
    identity_stop(identity);
    log_info("stopped", LOG_END);
    return 0;
}
