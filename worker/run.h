/* run.h: one claimed run, from its claim until it is finished, parked or given back. It belongs to whoever holds the
 * pointer: the claimer, then the queue, then one pool thread.
 *
 * The items of a .parallel row are executed as runs of their own, its branches, which Redis calls "<run>.<item>". A branch
 * has its own lease, attempts and retries; everything that people see of it, and its ledger rows, carry the whole run's id. */
#pragma once

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdint.h>

#include "breaker.h"
#include "err.h"
#include "function.h"
#include "id.h"
#include "trace.h"

enum { ENTRY_SIZE = 48, REF_SIZE = ID_SIZE + 12, KEY_BYTES = 160, FUNCTION_ID_SIZE = 65 };

struct run {
    struct run *next; /* in the pool's queue */
    const struct function *fn;
    int partition;
    char ref[REF_SIZE];     /* its name in Redis: the id, or "<id>.<n>" of a branch */
    char id[ID_SIZE];       /* of the whole run */
    int branch;             /* the item that is executed; -1 = this is the whole run */
    char entry[ENTRY_SIZE]; /* of the ready stream: its pending entry is our lease */
    char key
        [KEY_BYTES]; /* whose work it is: the first line of what its limits count by; "" = nobody's */
    int64_t accepted_ms; /* from the run's id: wall clock of the event */
    int64_t started_ms;  /* first step's start, 0 = not yet */
    int try;             /* attempt of the step that is next, from 1 */
    int fails;           /* failed attempts so far, over all steps */
    int deaths;          /* workers that died while holding it */
    int outlived;        /* how many of them before its last committed step */
    double cost_usd;
    double billed_usd;               /* of the cost of the run and its branches */
    int branch_fails, branch_deaths; /* of the branches that have ended, not in the numbers above */
    double branch_usd;
    char held[SERVICE_SIZE];       /* the service that the step waits for; "" = none */
    int64_t held_since_ms;         /* by Redis' clock */
    int64_t held_oks;              /* answers that the service had given when it failed us */
    bool has_parent;               /* another run invoked it and waits */
    bool has_error;                /* one of the results is error:<step> */
    char callee[FUNCTION_ID_SIZE]; /* the function that a step invoked last */
    struct trace trace;            /* that of its event; of several events, of the first */
    char span_id[SPAN_ID_SIZE];    /* of the run, or of its branch, in it */
    char step_span[SPAN_ID_SIZE];  /* of the attempt that is made or was made last; "" = none */
    char *input; /* the event as JSON, or an array of events, as it came; NULL = it is gone */
    size_t input_len;
    json_t *event;   /* what steps see as the event; owned */
    json_t *events;  /* all of them, when the input is an array; else NULL */
    json_t *results; /* object: stored name -> value */
};

/* Builds a run from what the claimer read. NULL when the run is gone from Redis (its hash is empty); what else is missing
 * shows in run_open. */
struct run *run_from_replies(const struct function *fn, int partition, const char *entry,
                             const char *ref, const redisReply *hash, const redisReply *input,
                             const redisReply *steps);

/* The id of the whole run that a name in Redis belongs to, and the branch's number or -1; false when it is no such name. */
bool run_read_ref(const char *ref, char ret_id[ID_SIZE], int *ret_branch);

/* Parses the input; false when it is gone or not what the scheduler wrote, and the message says which. The event is an
 * empty object then. */
bool run_open(struct run *r, struct err *e);

void run_free(struct run *r); /* accepts NULL */
