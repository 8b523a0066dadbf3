/* execute.h: carries one claimed run as far as it goes: finds the next row of the table that has no stored result, runs
 * it, commits its outcome, and goes on in place until the run is finished, parked or given back. */
#pragma once

#include <stdatomic.h>

#include "committer.h"
#include "conf.h"
#include "db.h"
#include "http.h"
#include "run.h"

/* What a pool thread carries. The connections open on first use. */
struct executor {
    const struct conf *conf;
    struct committer *committer;
    const char *worker_id;
    struct db *db;
    struct http *http;
    const atomic_bool *stopping; /* no new step; give the run back */
    const atomic_bool *abort;    /* end the running step too */
    atomic_bool
        *suspect; /* a run that may have killed workers is being executed; shared by the threads */
};

/* Takes the run and frees it. */
void execute_run(struct executor *x, struct run *r);

/* Gives the run back, for others to take it at once; takes it. From any thread. */
void execute_give_back(const struct executor *x, struct run *r);
