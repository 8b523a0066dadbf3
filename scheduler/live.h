/* live.h: a run that was accepted and has not ended, read back from Postgres to be started again: with the event that began
 * it, or with all of them when several did. */
#pragma once

#include <libpq-fe.h>

#include "functions.h"
#include "start.h"

/* One of the run's events, and the start that the router would make of it. */
struct live_event {
    struct start start;
    int64_t accepted_ms, ts_ms;
    char *input; /* JSON, owned */
    size_t input_len;
};

struct live {
    char run[ID_SIZE];
    struct live_event *events; /* in the order in which they were accepted */
    size_t count;
    size_t
        lead; /* the event that the run has its id from; the first when that one is not recorded */
    bool collects;          /* it may still wait for events to join it */
    char retry_of[ID_SIZE]; /* the run whose results it went on from; "" = none */
};

/* Adds the event of a row of live_runs. false, with nothing added: it cannot be read back. */
bool live_add(struct live *l, const PGresult *rows, int row, const struct manifest *m,
              int partitions, struct err *e);
void live_release(struct live *l);

/* The start of the run itself, once all its events were added. */
struct start *live_start(struct live *l);

/* What the run's function collects by; NULL when it does not collect. Borrowed. */
const char *live_collect_key(struct live *l);

/* The input of the run as it is when it starts: the event, or an array of them. The caller frees. */
char *live_input(struct live *l, size_t *ret_len);
