/* execute.h: carries one claimed run as far as it goes: one attempt after the other (plan, attempt, outcome) until the run
 * is finished, parked or given back. What follows from a failure is decided here. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "committer.h"
#include "conf.h"
#include "db.h"
#include "http.h"
#include "run.h"
#include "seat.h"

/* What a pool thread carries. The connections open on first use. */
struct executor {
    const struct conf *conf;
    struct committer *committer;
    const char *worker_id;
    struct db *db;
    struct http *http;
    struct breaker *breaker; /* watches http */
    struct seat *seat;
    json_t *single;       /* array of one: the event of a run that has no list of them; owned */
    const json_t *events; /* of the run that is executed */
    const atomic_bool *stopping; /* no new step; give the run back */
    atomic_bool
        *suspect; /* a run that may have killed workers is being executed; shared by the threads */
};

/* Takes the run and frees it. */
void execute_run(struct executor *x, struct run *r);

/* Gives the run back, for others to take it at once; takes it. From any thread. */
void execute_give_back(const struct executor *x, struct run *r);
