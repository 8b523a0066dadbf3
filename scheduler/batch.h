/* batch.h: a batch of stream entries becomes runs.
 *
 * Read and check, drop what was seen before, match against the functions, enqueue (one Lua call per partition), hand the
 * record to the recorder. An entry leaves its stream only after Postgres has it, so what a crash interrupts is delivered
 * again; a run id is computed from the entry and the function, so it starts nothing twice. */
#pragma once

#include <hiredis/hiredis.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "conf.h"
#include "db.h"
#include "epochs.h"
#include "err.h"
#include "functions.h"
#include "identity.h"
#include "key.h"
#include "kv.h"
#include "recorder.h"

enum { MAX_STREAMS = 257 };

/* The public door, then one stream per partition for events that steps send. Outlives every batch and record. */
struct streams {
    char names[MAX_STREAMS][KEY_SIZE];
    const char *epochs[MAX_STREAMS]; /* the data set that each is part of */
    int count;
};
void streams_init(struct streams *s, int partitions, const struct epochs *epochs);

/* What routing needs. Each thread that routes has one. */
struct routing {
    /* set by the thread that starts it */
    const struct conf *conf;
    struct identity *identity;
    struct recorder *recorder;
    const struct streams *streams;
    const atomic_bool *stopping;
    /* its own */
    struct kv *kv;
    struct db *db;
    struct functions functions;
    char name
        [IDENTITY_SIZE]; /* under which it enqueues; kept up to date by its owner between batches */
    bool told_left_out;
};

bool routing_open(struct routing *r, const char *application_name, struct err *e);
void routing_close(struct routing *r); /* also one that was not opened */
/* Reads again which functions there are. */
bool routing_refresh(struct routing *r, struct err *e);

struct batch;

/* Takes `source`, which the entries are part of. */
struct batch *batch_new(struct routing *r, redisReply *source, size_t entries);
void batch_read(struct batch *b, const redisReply *entries, int stream);
/* Starts the runs and releases the batch. `again`: the entries may have been routed before, so Postgres is asked as well.
 * Keeps trying while Redis or Postgres are away; what is given up at the stop stays pending in the streams. */
void batch_route(struct batch *b, bool again);
