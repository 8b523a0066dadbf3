/* batch.h: a batch of stream entries becomes runs.
 *
 * Read and check, drop what was seen before, match against the functions, enqueue (one Lua call per partition), tell who
 * listens, hand the record to the recorder. An entry leaves its stream only after Postgres has it, so what a crash
 * interrupts is delivered again; a run id is computed from the entry and the function, so it starts nothing twice. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "routing.h"

struct batch;

/* Takes `source`, which the entries are part of. */
struct batch *batch_new(struct routing *r, redisReply *source, size_t entries);
void batch_read(struct batch *b, const redisReply *entries, int stream);
/* Starts the runs and releases the batch. `again`: the entries may have been routed before, so Postgres is asked as well.
 * Keeps trying while Redis or Postgres are away; what is given up at the stop stays pending in the streams. */
void batch_route(struct batch *b, bool again);
