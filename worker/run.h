/* run.h: one claimed run, from its claim until it is finished, parked or given back. It belongs to whoever holds the
 * pointer: the claimer, then the queue, then one pool thread. */
#pragma once

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdint.h>

#include "err.h"
#include "function.h"
#include "id.h"

enum { ENTRY_SIZE = 48 };

struct run {
    struct run *next; /* in the pool's queue */
    const struct function *fn;
    int partition;
    char id[ID_SIZE];
    char entry[ENTRY_SIZE]; /* of the ready stream: its pending entry is our lease */
    char key[160];          /* what keyed limits count by; "" = none */
    int64_t accepted_ms;    /* from the run's id: wall clock of the event */
    int64_t started_ms;     /* first step's start, 0 = not yet */
    int try;                /* attempt of the step that is next, from 1 */
    int fails;              /* failed attempts so far, over all steps */
    int deaths;             /* workers that died while holding it */
    int outlived;           /* how many of them before its last committed step */
    double cost_usd;
    char *input; /* the event as JSON, as it came; NULL = it is gone */
    size_t input_len;
    json_t *event;   /* parsed from input by run_open */
    json_t *results; /* object: stored name -> value */
};

/* Builds a run from what the claimer read. NULL when the run is gone from Redis (its hash is empty); what else is missing
 * shows in run_open. */
struct run *run_from_replies(const struct function *fn, int partition, const char *entry,
                             const char *id, const redisReply *hash, const redisReply *input,
                             const redisReply *steps);

/* Parses the input; false when it is gone or not what the scheduler wrote, and the message says which. */
bool run_open(struct run *r, struct err *e);

void run_free(struct run *r); /* accepts NULL */
