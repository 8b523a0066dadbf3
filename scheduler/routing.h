/* routing.h: what turning events into runs needs. Each thread that routes has one, with connections of its own. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "conditions.h"
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

/* The public door, then one stream per partition for what the engine and its steps send. Outlives every batch and record. */
struct streams {
    char names[MAX_STREAMS][KEY_SIZE];
    const char *epochs[MAX_STREAMS]; /* of the data that each is part of */
    int count;
};
void streams_init(struct streams *s, int partitions, const struct epochs *epochs);

struct routing {
    /* set by the thread that starts it */
    const struct conf *conf;
    struct identity *identity;
    struct recorder *recorder;
    const struct streams *streams;
    const struct epochs *epochs;
    int64_t
        epoch_began_ms; /* wall clock; what is older may have been lost with another Redis and rebuilt */
    const atomic_bool *stopping;
    /* its own */
    struct kv *kv;
    struct db *db;
    struct functions functions;
    struct conditions conditions;
    char name
        [IDENTITY_SIZE]; /* under which it enqueues; kept up to date by its owner between batches */
    bool unanswered;     /* a call of enqueue may still be on its way under this name */
    bool told_left_out;
};

bool routing_open(struct routing *r, const char *application_name, struct err *e);
void routing_close(struct routing *r); /* also one that was not opened */
/* Reads again which functions there are. */
bool routing_refresh(struct routing *r, struct err *e);
