/* migrate_command.h: chronos-scheduler --migrate: brings the schema up to date and ends, as its owner, so that the daemons need
 * not be the owner. Redis is not needed. */
#pragma once

#include "conf.h"

/* The program's exit status: 0 up to date, 1 not possible, 2 a bad setting. Waits for a Postgres that does not answer. */
int migrate_command(struct conf *c);
