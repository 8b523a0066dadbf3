/* ctl.h: what a command of chronosctl works with. One command runs in one process, on one thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "conf.h"
#include "db.h"
#include "err.h"
#include "kv.h"

struct ctl {
    const struct command *command;
    struct conf conf;
    struct kv *kv; /* both connect on first use */
    struct db *db;
    bool json;                            /* answers are for programs */
    const char *arguments[MAX_ARGUMENTS]; /* NULL = not given */
    const char *options[MAX_OPTIONS];     /* in the order of the row; a flag that is there is "" */
};

/* ---- what was given; all of it was checked by its kind ---- */
const char *ctl_option(const struct ctl *c, const char *name); /* NULL = not given */
bool ctl_flag(const struct ctl *c, const char *name);
long ctl_number(const struct ctl *c, const char *name, long otherwise);
int64_t ctl_time_ms(const struct ctl *c, const char *name, int64_t otherwise);

/* ---- how it ends ---- */
/* Says what failed and gives the exit code that fits: refused, away or broken. */
int ctl_fail(struct ctl *c, const struct err *e);
/* An argument or option that only the command itself can judge. EXIT_USAGE. */
int ctl_usage(struct ctl *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What was asked for is not there, or cannot be done. EXIT_REFUSED. */
int ctl_refuse(struct ctl *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* How many partitions Redis has; Postgres is asked when it has lost the number. */
bool ctl_partitions(struct ctl *c, long *ret, struct err *e);

/* Sleeps for about that long; false when the person has asked to stop (SIGINT, SIGTERM). */
bool ctl_nap(int64_t ms);
void ctl_catch_signals(void);
bool ctl_stopped(void);
