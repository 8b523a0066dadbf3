/* explain.h: chronos-scheduler --explain RUN, for people: where a run is and what it waits for, or how it ended. */
#pragma once

#include "conf.h"

/* Prints "name  value" lines. The exit status: 0, or 1 when the run is not known or a store could not be asked. */
int explain_run(const struct conf *c, const char *run);
