#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "clock.h"
#include "kv.h"
#include "log.h"
#include "memory.h"
#include "partitions.h"
#include "redis_check.h"

#ifndef CHRONOS_VERSION
#define CHRONOS_VERSION "unknown"
#endif

const char daemon_version[] = CHRONOS_VERSION;

enum { EXIT_USAGE = 2, STORES_RETRY_MS = 500, TELL_AGAIN_MS = 15000 };

static void write_last_counts(void)
{
    log_flush(true);
}

/* Memory holds every key: it goes into no core file, and no other process of the user may look into it. */
static void keep_memory_private(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

void daemon_init(struct conf *c, enum conf_daemon which, const char *program, const char *summary,
                 int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s %s\n", program, daemon_version);
        exit(0);
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)printf("%s\n\n", summary);
        conf_help(stdout, which);
        exit(0);
    }
    if (argc > 1) {
        (void)fprintf(stderr, "%s: unknown argument '%s'; see --help\n", program, argv[1]);
        exit(EXIT_USAGE);
    }
    struct err e;
    memory_init();
    keep_memory_private();
    log_init(program, LOG_INFO);
    if (!conf_load(c, which, &e)) {
        (void)fprintf(stderr, "%s: %s\n", program, e.msg);
        exit(EXIT_USAGE);
    }
    enum log_level level = LOG_INFO;
    (void)log_level_parse(c->log_level, &level); /* conf_load has checked it */
    log_init(program, level);
    enum log_format format = LOG_LOGFMT;
    (void)log_format_parse(c->log_format, &format);
    log_style(format, c->log_fold_ms);
    (void)atexit(write_last_counts);
    log_info("starting", "version", daemon_version, LOG_END);
    conf_log(c, which);
}

static void signal_set(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
}

void daemon_block_signals(void)
{
    sigset_t set;
    signal_set(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a peer that goes away is an error of the write, not a signal */
}

int daemon_wait_signal(int64_t timeout_ms)
{
    sigset_t set;
    signal_set(&set);
    struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = (timeout_ms % 1000) * 1000000};
    int sig = sigtimedwait(&set, NULL, &t);
    log_flush(false); /* every daemon's main thread comes by here several times a second */
    return sig > 0 ? sig : 0;
}

static bool stores_are_ready(struct kv *kv, struct db *db, bool migrate, struct err *e)
{
    if (!redis_check(kv, NULL, e))
        return false;
    int version = 0;
    if (migrate)
        return db_migrate(db, &version, e);
    if (!db_schema_version(db, &version, e))
        return false;
    if (version < db_newest_migration())
        return err_set(
            e, ERR_UNAVAILABLE,
            "the schema has version %d and %d is needed: waiting for a scheduler to migrate it",
            version, db_newest_migration());
    return true;
}

bool daemon_wait_for_stores(struct conf *c, bool migrate)
{
    struct err e;
    struct kv *kv = kv_new(c->redis_url, &e);
    if (kv == NULL) {
        log_error("cannot start", "error", e.msg, LOG_END);
        return false;
    }
    struct db *db = db_new(c->database_url, "chronos-start");
    int64_t told_ms = -TELL_AGAIN_MS;
    bool ok = false;
    for (;;) {
        ok = stores_are_ready(kv, db, migrate, &e) &&
             partitions_settle(&c->partitions, migrate, kv, db, &e);
        if (ok)
            break;
        if (e.code == ERR_INPUT || e.code == ERR_BUG || e.code == ERR_PERMANENT) {
            log_error("cannot start", "error", e.msg, LOG_END);
            break;
        }
        if (mono_ms() - told_ms >= TELL_AGAIN_MS) {
            log_warn("waiting for redis and postgres", "error", e.msg, "hint",
                     "CHRONOS_REDIS_URL and CHRONOS_DATABASE_URL say where they are; see --help",
                     LOG_END);
            told_ms = mono_ms();
        }
        int sig = daemon_wait_signal(STORES_RETRY_MS);
        if (sig == SIGTERM || sig == SIGINT)
            break;
    }
    db_free(db);
    kv_free(kv);
    return ok;
}
