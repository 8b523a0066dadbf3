/* daemon.h: what all daemons do alike at their start: arguments, settings, signals, waiting for the stores. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf.h"
#include "db.h"
#include "err.h"

extern const char daemon_version[]; /* set by the build */

/* Handles --help and --version (and exits), refuses other arguments that `known` does not name, loads the settings
 * (exits with 2 and a sentence on a bad one), prepares the log and prints the settings. */
void daemon_init(struct conf *c, enum conf_daemon which, const char *program, const char *summary,
                 int argc, char **argv);

/* Blocks SIGTERM, SIGINT and SIGHUP in this and all later threads, for daemon_wait_signal. */
void daemon_block_signals(void);
/* The signal that came, or 0 after timeout_ms. */
int daemon_wait_signal(int64_t timeout_ms);

/* Waits until Redis answers and is fit, and Postgres answers; with `migrate` the schema is brought up to date, without
 * it waited for. Then the number of partitions is settled (partitions.h). false when a signal came meanwhile, Redis is unfit,
 * or the number is not the one that is set (logged). */
bool daemon_wait_for_stores(struct conf *c, bool migrate);
