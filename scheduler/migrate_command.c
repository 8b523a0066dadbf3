#include "migrate_command.h"

#include <signal.h>

#include "daemon.h"
#include "db.h"
#include "log.h"

enum { RETRY_MS = 500, TELL_AGAIN_TRIES = 30 };

static bool migrate(struct db *db)
{
    struct err e;
    int version;
    for (int tries = 0; !db_migrate(db, &version, &e); tries++) {
        if (e.code != ERR_UNAVAILABLE) {
            log_error("cannot migrate", "error", e.msg, LOG_END);
            return false;
        }
        if (tries % TELL_AGAIN_TRIES == 0)
            log_warn("waiting for postgres", "error", e.msg, LOG_END);
        int sig = daemon_wait_signal(RETRY_MS);
        if (sig == SIGTERM || sig == SIGINT)
            return false;
    }
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", version);
    log_info("the schema is up to date", "version", text, LOG_END);
    return true;
}

int migrate_command(struct conf *c)
{
    struct err e;
    log_init("chronos-scheduler", LOG_INFO);
    if (!conf_load(c, CONF_SCHEDULER, &e)) {
        (void)fprintf(stderr, "chronos-scheduler: %s\n", e.msg);
        return 2;
    }
    daemon_block_signals();
    struct db *db = db_new(c->database_url, "chronos-migrate");
    bool ok = migrate(db);
    db_free(db);
    return ok ? 0 : 1;
}
