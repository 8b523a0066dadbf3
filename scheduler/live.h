/* live.h: a run that was accepted and has not ended, read back from Postgres to be started again: with the event that began
 * it, or with all of them when several did. */
#pragma once

#include <libpq-fe.h>

#include "functions.h"
#include "start.h"

/* One of the run's events, and the start that the router would make of it. The first one's start is the run. */
struct live_event {
    struct start start;
    int64_t accepted_ms, ts_ms;
    char *input; /* JSON, owned */
    size_t input_len;
};

struct live {
    struct live_event *events;
    size_t count;
    bool collects;          /* it may still wait for events to join it */
    char retry_of[ID_SIZE]; /* the run whose results it went on from; "" = none */
};

/* Adds the event of a row of live_runs. false, with nothing added: it cannot be read back. */
bool live_add(struct live *l, const PGresult *rows, int row, const struct manifest *m,
              int partitions, struct err *e);
void live_release(struct live *l);

static inline const char *live_run(const struct live *l)
{
    return l->events[0].start.run;
}

/* What the run's function collects by; NULL when it does not collect. Borrowed. */
const char *live_collect_key(const struct live *l);

/* The input of the run as it is when it starts: the event, or an array of them. The caller frees. */
char *live_input(const struct live *l, size_t *ret_len);
