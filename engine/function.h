/* function.h: a background function, as its author writes it.
 *
 * A function is one file in worker/functions/: a table of named steps, one small C function per step, and a
 * `const struct function fn_<file name>`. The engine runs the rows in order. Each step's result is stored once
 * under the step's name, durable before the next step starts, and never changed; a step that failed is tried
 * again by the function's policy; a step that finished is never run again.
 *
 * What a step returns is its verdict:
 *   a JSON value         stored as the step's result, go on with the next row (a new reference; the engine takes it)
 *   step_ok()            stored as null
 *   step_finish(s, v)    stored, and the run is complete: the rows below are skipped
 *   step_again(s, c, v)  v is stored as <name>-<n>; the same row runs again with s->cursor = c
 *   step_fail(s, …)      try again by the policy (retries, backoff)
 *   step_fail_for_good   never again; step_retry_after: not before ms
 *   step_sleep(s, ms)    result null; the next row runs after the delay and the run holds no slot meanwhile
 *   step_error(s)        whatever class `s->err` was given by the call that failed
 *
 * What a step was given is borrowed until it returns. A step that may run twice (all but .tx steps) is written
 * so that twice is harmless, and says how in one line. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "err.h"
#include "http.h"
#include "js.h"

struct step;

typedef json_t *(*step_fn)(struct step *s);

struct step_def {
    const char *name; /* the contract with runs in flight; NULL ends the table */
    step_fn run;
    bool
        tx; /* runs inside the Postgres transaction that also writes its ledger row: its effects happen
                     * exactly once. s->http is NULL there, since an outside call cannot be rolled back */
    step_fn
        each; /* pure: returns the array of items; the row then runs once per item with s->item, each run
                     * durable on its own as <name>-<key>, key = the item's "key" member or its index. Keys are unique
                     * and plain, 1 to 64 of A-Z a-z 0-9 . _ : - */
    int64_t timeout_ms; /* 0 = the worker's setting */
    int retries;        /* 0 = the function's; use NO_RETRIES for none */
    bool paid;          /* costs money (step_cost); shown in the manifest */
};

enum { NO_RETRIES = -1, MAX_LIMITS = 4, MAX_TRIGGERS = 4 };

/* At most `max` runs hold a slot at the same time, counted per value of `key` in the event (all together when
 * NULL) within the function, or over all functions when `shared` names the limit. */
struct limit_def {
    const char *key;    /* dotted path into the event, e.g. "data.creatorId" */
    const char *shared; /* NULL = this function's own */
    int max;
};

struct function {
    const char *id; /* as users know it, e.g. "extract-video-transcript" */
    const char *name;
    int version; /* raised when rows are renamed or reordered */
    const char *on_event[MAX_TRIGGERS];
    /* Only for on_event "inngest/function.failed": the function whose failures it handles. */
    const char *on_failure_of;
    int retries; /* after the first attempt, per step */
    struct limit_def limits[MAX_LIMITS];
    const struct step_def *steps;
};

/* Settings that functions and providers may read; filled from the worker's configuration at start. */
struct services;

struct step {
    const json_t
        *event; /* {"id","name","data","ts",…}; known keys of data are normalised to camelCase */
    const json_t *data;   /* event.data */
    const json_t *item;   /* of an .each row, else NULL */
    const json_t *cursor; /* of step_again, else NULL */
    const char *run_id;
    const char *function_id;
    const char *name;  /* this step's, with its suffix */
    const char *key;   /* "<run>/<step>": idempotency key for providers that take one */
    int attempt;       /* 1 on the first try of this step */
    int64_t now_ms;    /* wall clock at the step's start, epoch milliseconds */
    struct db *db;     /* a connection; inside the ledger's transaction when .tx */
    struct http *http; /* NULL in a .tx step */
    const struct services *services;
    struct err err;           /* what went wrong, for step_error; clean when the step starts */
    struct step_state *state; /* the engine's */
};

json_t *step_ok(void);
json_t *step_finish(struct step *s, json_t *value);
json_t *step_again(struct step *s, json_t *cursor, json_t *value);
json_t *step_fail(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
json_t *step_fail_for_good(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
json_t *step_retry_after(struct step *s, int64_t ms, const char *fmt, ...) PRINTF_LIKE(3, 4);
json_t *step_sleep(struct step *s, int64_t ms);
json_t *step_error(struct step *s);

/* The result of an earlier step, borrowed; NULL when it did not run. */
const json_t *step_result(struct step *s, const char *name);
/* Results of an .each or step_again row in order, as an array, borrowed. */
const json_t *step_results(struct step *s, const char *name);

/* Sends an event with the commit of this step: exactly once if the step's result is recorded, else not at all.
 * Takes the reference to data. */
void step_send(struct step *s, const char *event_name, json_t *data);

/* What this step cost, in US dollars; recorded with the step. */
void step_cost(struct step *s, double usd);

/* True when the step should end soon: the worker is draining past its grace, or lost its lease. */
bool step_is_cancelled(const struct step *s);

/* A line in the log with run, function, step and attempt. */
void step_log(struct step *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
