/* outcome.h: what is to become of a run after a step, whole: the lease's end or not, what is stored, sent and archived.
 * commit.lua applies it all or nothing. Here it is built from the run, the work and its result; the committer sends it.
 *
 * The builders also bring the run itself up to date (attempts, progress, stored results), so that it can go on in place. */
#pragma once

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "plan.h"
#include "result.h"
#include "run.h"

enum outcome_op { OUTCOME_NEXT, OUTCOME_PARK, OUTCOME_FINISH, OUTCOME_RETURN };

enum commit_code {
    COMMIT_APPLIED,
    COMMIT_REPEATED,  /* had been applied before */
    COMMIT_STALE,     /* somebody else owns the run; nothing was written */
    COMMIT_CONFLICT,  /* another result is stored under that name */
    COMMIT_CANCELLED, /* the run was cancelled meanwhile: nothing was written, the lease is over */
    COMMIT_REFUSED, /* Redis does not take it; nothing is known to be written, the lease is held */
    COMMIT_LOST,    /* the worker stopped before Redis took it */
};

struct pair {
    char *name;
    char *value; /* JSON or text, owned */
};

/* The attempt that the outcome is of; `name` "" = none. */
struct attempted {
    char name[NAME_SIZE];
    int attempt;
    int64_t started_ms, duration_us;
    double cost_usd;
    const char *worker; /* constant */
};

enum { MAX_FIELDS = 11, MAX_RESULTS = 2, MAX_EVENTS = 64, MAX_EXTRAS = 6 };

/* Of a whole run that ends: for the metrics. `outcome` NULL = it does not end. */
struct ending {
    const char *outcome; /* constant: completed, failed */
    int64_t accepted_ms, started_ms;
};

struct outcome {
    struct outcome *next;
    enum outcome_op op;
    const char *fn; /* constant */
    int partition;
    char run[REF_SIZE];
    char entry[ENTRY_SIZE];
    char trace_id[TRACE_ID_SIZE]; /* for the log */
    int64_t delay_ms;
    struct pair fields[MAX_FIELDS];
    struct pair results[MAX_RESULTS];
    struct pair events[MAX_EVENTS];
    struct pair extras[MAX_EXTRAS];
    int field_count, result_count, event_count, extra_count;
    struct buf body; /* lines for the archive, see history.h */
    size_t bytes;    /* of all that is sent of it: the committer's */
    struct attempted attempted;
    struct ending ending;
    bool refused; /* once: the committer's */
    enum commit_code code;
    sem_t *
        done; /* posted when code is set; NULL = nobody waits and the committer frees the outcome */
};

void outcome_free(struct outcome *o); /* accepts NULL */

/* Leaves nothing of it but how the lease ends. */
void outcome_strip(struct outcome *o, enum outcome_op op, int64_t delay_ms);

/* Remembers which attempt it is of, in case that the run was cancelled meanwhile. */
void outcome_attempted(struct outcome *o, const struct work *w, const struct result *r,
                       const char *worker);
/* The line of that attempt when the run was cancelled: what it gave is not kept. false: there is none. */
bool outcome_cancelled_line(const struct outcome *o, struct buf *b);

/* The run goes back to the others at once. `r` is what its last attempt left, or NULL: what that cost is not forgotten. */
struct outcome *outcome_return(struct run *run, const struct result *r);

/* Parked without anything having happened to it. */
struct outcome *outcome_put_off(struct run *run, const struct result *r, int64_t delay_ms);

/* Parked until the service may be back; no attempt is used. r->hold says which one and for how long. */
struct outcome *outcome_hold(struct run *run, const struct result *r);

/* The attempt failed, and the step is tried again after the delay. */
struct outcome *outcome_retry(struct run *run, const struct work *w, const struct result *r,
                              int64_t delay_ms, const char *worker);

/* The result is stored and the run goes on with the same lease. `value` is the result as text. */
struct outcome *outcome_next(struct run *run, const struct work *w, const struct result *r,
                             const char *value, const char *worker);

/* The run sleeps, waits for an event or for another run: by the result's verdict. */
struct outcome *outcome_pause(struct run *run, const struct work *w, const struct result *r,
                              const char *worker);

/* The items of a .parallel row become branches; the run waits for them. */
struct outcome *outcome_fan(struct run *run, const struct work *w);

/* The run, or the branch, is complete. w and r are NULL when no step ran for it. */
struct outcome *outcome_completed(struct run *run, const struct work *w, const struct result *r,
                                  const char *value, const char *worker);

/* The run has failed for good, or the branch has, which stores the error in place of its item's result. r is NULL when no
 * step ran; w is NULL when it is not known what was to be done. The message in `e` is clean (outcome_clean). */
struct outcome *outcome_failed(struct run *run, const struct work *w, const struct result *r,
                               const struct err *e, const char *worker);

/* Blots out our keys, which a service may have quoted back to us: the message goes into JSON, Postgres and the log. */
void outcome_clean(struct err *e);
