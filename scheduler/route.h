/* route.h: the thread that reads the event streams and starts runs.
 *
 * For each batch: read and check, drop what was seen before, match against the functions, enqueue (one Lua call per
 * partition), hand the record to the recorder. An entry leaves its stream only after Postgres has it, so what a crash
 * interrupts is delivered again; a run id is computed from the entry and the function, so it starts nothing twice. */
#pragma once

#include <stdatomic.h>

#include "conf.h"
#include "err.h"
#include "identity.h"
#include "recorder.h"

struct router;

struct router *router_start(const struct conf *c, struct identity *identity,
                            struct recorder *recorder, const char *epoch,
                            const atomic_bool *stopping, struct err *e);
void router_stop(struct router *r); /* after the stop flag was set */
