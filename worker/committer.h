/* committer.h: makes outcomes durable, many in one call.
 *
 * One thread owns one connection and calls commit.lua. While a call is under way further outcomes gather, so the size of
 * a batch follows the load and an idle worker still commits at once. When Redis is away the outcomes are kept and sent
 * again: commit.lua answers a repeated call the same.
 *
 * An outcome is the caller's until it is submitted; then the committer's until it is done. */
#pragma once

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "conf.h"
#include "inhand.h"
#include "run.h"

enum outcome_op { OUTCOME_NEXT, OUTCOME_PARK, OUTCOME_FINISH, OUTCOME_RETURN };

enum commit_code {
    COMMIT_APPLIED,
    COMMIT_REPEATED, /* had been applied before */
    COMMIT_STALE,    /* somebody else owns the run; nothing was written */
    COMMIT_CONFLICT, /* another result is stored under that name */
    COMMIT_REFUSED,  /* Redis does not take it; nothing is known to be written, the lease is held */
    COMMIT_LOST,     /* the worker stopped before Redis took it */
};

struct pair {
    char *name;
    char *value; /* JSON or text, owned */
};

enum { MAX_FIELDS = 6, MAX_RESULTS = 2, MAX_EVENTS = 64 };

struct outcome {
    struct outcome *next;
    enum outcome_op op;
    const char *fn; /* constant */
    int partition;
    char run[ID_SIZE];
    char entry[ENTRY_SIZE];
    int64_t delay_ms;
    struct pair fields[MAX_FIELDS];
    struct pair results[MAX_RESULTS];
    struct pair events[MAX_EVENTS];
    int field_count, result_count, event_count;
    struct buf body; /* lines for the archive, see history.h */
    bool refused;    /* once: the committer's */
    enum commit_code code;
    sem_t *
        done; /* posted when code is set; NULL = nobody waits and the committer frees the outcome */
};

struct outcome *outcome_new(enum outcome_op op, const struct run *r);
void outcome_free(struct outcome *o); /* accepts NULL */
/* Takes both strings. A value of NULL is a mistake: it is logged, and the JSON null is sent. */
void pair_set(struct pair *pairs, int *count, char *name, char *value);

struct committer;

struct committer *committer_start(const struct conf *c, const char *worker_id,
                                  struct inhand *inhand, struct err *e);
/* Commits what was submitted, for at most grace_ms, then stops. */
void committer_stop(struct committer *c, int64_t grace_ms);

/* Hands the outcome over; it is freed when done. Blocks while too many wait (Redis away). */
void committer_submit(struct committer *c, struct outcome *o);
/* Waits for the answer and frees the outcome. */
enum commit_code committer_wait(struct committer *c, struct outcome *o);
